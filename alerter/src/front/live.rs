use std::{sync::Arc, time::Duration};

use cortex_proto::v1::{self, live_service_server::LiveService};
use cortex_runtime::{
    bus::Writer,
    runner::wall_clock,
    store::{rows, table},
};
use futures::{StreamExt, TryStreamExt, stream};
use prost::Message;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{MissedTickBehavior, interval},
};
use tonic::{Request, Response, Status};

use super::{Answers, Front, alerts::random_id};
use crate::{clip::Clip, mp4::Mp4, subscribe::blocking};

/// How often a viewer says that it looks; the cloaker forgets one after ten seconds.
const ASK: Duration = Duration::from_secs(3);

#[tonic::async_trait]
impl LiveService for Front {
    type WatchStream = Answers<v1::Cloaked>;
    type ClipStream = Answers<v1::ClipResponse>;
    type ClipFileStream = Answers<v1::ClipFileResponse>;

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let cameras = request.into_inner().cameras;
        let asker = format!("viewer/{}", random_id()?);
        let mut asks = interval(ASK);
        asks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let state = (self.clone(), self.hub.pictures(), cameras, asker, asks);
        let answers = stream::unfold(state, |(front, mut pictures, cameras, asker, mut asks)| async move {
            let stop = front.context.stop();
            loop {
                let picture = tokio::select! {
                    picture = pictures.recv() => picture,
                    _ = asks.tick() => {
                        front.ask(&cameras, &asker);
                        continue;
                    }
                    () = stop.cancelled() => return None,
                };
                match picture {
                    Ok(picture) => {
                        let camera = picture.frame.as_ref().map_or("", |frame| &frame.camera);
                        if cameras.is_empty() || cameras.iter().any(|wanted| wanted == camera) {
                            let picture = v1::Cloaked::clone(&Arc::clone(&picture));
                            return Some((Ok(picture), (front, pictures, cameras, asker, asks)));
                        }
                    }
                    // A slow viewer misses pictures, and goes on with the newest.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn still(&self, request: Request<v1::StillRequest>) -> Result<Response<v1::Still>, Status> {
        let frame =
            request.into_inner().frame.ok_or_else(|| Status::invalid_argument("frame: is missing"))?;
        let store = self.context.store.clone();
        let found = blocking(move || {
            let found = store.get(&table::STILLS, &rows::still_block(&frame), &rows::frame_place(&frame))?;
            Ok(found.and_then(|body| v1::Still::decode(body.as_slice()).ok()))
        });
        found
            .await?
            .map(Response::new)
            .ok_or_else(|| Status::not_found("no picture of this frame was kept, or it has expired"))
    }

    async fn clip(&self, request: Request<v1::ClipRequest>) -> Result<Response<Self::ClipStream>, Status> {
        let clip = self.stored_clip(request.into_inner().frame).await?;
        let is = v1::clip_response::Event::Clip(clip.is().clone());
        let pictures = clip.pictures().map_ok(v1::clip_response::Event::Picture);
        let events = stream::iter([Ok(is)]).chain(pictures);
        Ok(Response::new(Box::pin(events.map_ok(|event| v1::ClipResponse { event: Some(event) }))))
    }

    async fn clip_file(
        &self,
        request: Request<v1::ClipFileRequest>,
    ) -> Result<Response<Self::ClipFileStream>, Status> {
        self.access.noted(&request).await?;
        let clip = self.stored_clip(request.into_inner().frame).await?;
        let mut pictures = Box::pin(clip.pictures());
        let first = pictures.try_next().await?;
        let first = first.ok_or_else(|| Status::failed_precondition("the clip has no picture"))?;
        let film = Some((Mp4::default(), stream::iter([Ok(first)]).chain(pictures)));
        let pieces = stream::try_unfold(film, |film| async move {
            let Some((mut film, mut pictures)) = film else { return Ok(None) };
            Ok(Some(match pictures.try_next().await? {
                Some(picture) => (film.picture(&picture), Some((film, pictures))),
                None => (film.end(), None),
            }))
        });
        Ok(Response::new(Box::pin(pieces.map_ok(|piece| v1::ClipFileResponse { piece }))))
    }
}

impl Front {
    async fn stored_clip(&self, frame: Option<v1::FrameId>) -> Result<Clip, Status> {
        let frame = frame.ok_or_else(|| Status::invalid_argument("frame: is missing"))?;
        let store = self.context.store.clone();
        let found = blocking(move || Clip::open(store, &frame)).await?;
        found.ok_or_else(|| Status::not_found("no clip of this frame was kept, or it has expired"))
    }

    /// Says that somebody looks at these cameras.
    fn ask(&self, cameras: &[String], asker: &str) {
        for camera in self.control.tables().cameras.values() {
            if cameras.is_empty() || cameras.contains(&camera.id) {
                let demand = v1::Demand {
                    camera: camera.id.clone(),
                    asker: asker.to_owned(),
                    viewer: true,
                    time_us: wall_clock(),
                    ..Default::default()
                };
                // Demand travels in memory and is asked again in three seconds.
                self.context.publish(demand, camera.partition, &Writer::ANYBODY).ok();
            }
        }
    }
}
