//! A clip as it lies in the store: what it is, and the pictures of its seconds.

use std::{ops::Range, sync::Arc};

use cortex_proto::v1;
use cortex_runtime::{
    runner::wall_clock,
    store::{Error, Scan, Store, rows, table},
};
use futures::{Stream, TryStreamExt, stream};
use prost::Message;
use tonic::Status;

use crate::subscribe::blocking;

/// A clip that is read, a second at a time, so that no more of it is in memory.
pub(crate) struct Clip {
    store: Arc<dyn Store>,
    is: v1::Clip,
    /// Seconds that are still to be read.
    seconds: Range<i64>,
}

const SECOND_US: i64 = 1_000_000;
/// A picture is in the store so long after it was made: detection and the next write of its stage.
const STORED_US: i64 = 4 * SECOND_US;

impl Clip {
    /// The clip of a frame; `None` when nothing was told of it.
    ///
    /// # Errors
    /// The store could not be read.
    pub(crate) fn open(store: Arc<dyn Store>, frame: &v1::FrameId) -> Result<Option<Self>, Error> {
        let row = store.get(&table::CLIPS, &rows::still_block(frame), &rows::frame_place(frame))?;
        let Some(mut is) = row.and_then(|body| v1::Clip::decode(body.as_slice()).ok()) else {
            return Ok(None);
        };
        is.recording = wall_clock() < is.received_us + (is.until_us - is.time_us) + STORED_US;
        let seconds = is.from_us.div_euclid(SECOND_US)..is.until_us.div_euclid(SECOND_US) + 1;
        Ok(Some(Self { store, is, seconds }))
    }

    /// What it is.
    pub(crate) fn is(&self) -> &v1::Clip {
        &self.is
    }

    /// Its pictures in order of time.
    pub(crate) fn pictures(self) -> impl Stream<Item = Result<v1::Cloaked, Status>> + Send {
        let seconds = stream::try_unfold(self, |clip| blocking(move || clip.next()));
        seconds.map_ok(|pictures| stream::iter(pictures.into_iter().map(Ok))).try_flatten()
    }

    /// The pictures of the next second; `None` after the last one.
    fn next(mut self) -> Result<Option<(Vec<v1::Cloaked>, Self)>, Error> {
        let Some(second) = self.seconds.next() else { return Ok(None) };
        let camera = self.is.frame.as_ref().map_or("", |frame| &frame.camera);
        let partition = rows::camera_second(camera, second * SECOND_US);
        let rows = self.store.scan(&Scan::all(&table::CLIP_PICTURES, &partition))?;
        let pictures = rows.iter().filter_map(|row| v1::Cloaked::decode(row.body.as_slice()).ok());
        let own = pictures.filter(|picture| self.has(picture)).collect();
        Ok(Some((own, self)))
    }

    /// Whether a picture belongs to it. Of another epoch only when it also came in that time: footage that is played again
    /// as fast as it can be has the same times by its own clock.
    fn has(&self, picture: &v1::Cloaked) -> bool {
        let epoch = |frame: &Option<v1::FrameId>| frame.as_ref().map(|frame| frame.epoch);
        let is = &self.is;
        let came = is.received_us + is.from_us - is.time_us..=is.received_us + is.until_us - is.time_us;
        (is.from_us..=is.until_us).contains(&picture.time_us)
            && (epoch(&picture.frame) == epoch(&is.frame) || came.contains(&picture.received_us))
    }
}
