//! An operator, who says something of the newest alert once a second at whichever alerter there is, and writes down what was
//! answered.

use std::{path::PathBuf, sync::Arc, time::Duration};

use cortex_proto::v1::{self, alert_service_client::AlertServiceClient};
use tokio::{runtime::Runtime, task::JoinHandle};
use tonic::{Code, Request, Status};

use crate::{
    ledger::{Act, Answer, Book, now_us},
    scene::Scene,
    subscriber::{Doors, authorized},
};

const PAUSE: Duration = Duration::from_secs(1);

/// Starts one, who goes on until the task is aborted. It acknowledges and comments in turn, each time in words of its own.
pub(crate) fn start(runtime: &Runtime, doors: Doors, scene: Arc<Scene>, book: Book) -> JoinHandle<()> {
    runtime.spawn(async move {
        for number in 0.. {
            tokio::time::sleep(PAUSE).await;
            let (Some(door), Some((site, alert))) = (doors.any(number), scene.newest_alert()) else {
                continue;
            };
            let (at_us, words) = (now_us(), format!("words {number}"));
            let answer = match say(&door, number % 2 == 0, site, alert.clone(), words.clone()).await {
                Ok(revision) => Answer::Revision(revision),
                Err(error) => match error.downcast::<Status>() {
                    Ok(status) if status.code() == Code::DeadlineExceeded => Answer::WrittenDown,
                    Ok(status) => Answer::Failed(status.to_string()),
                    Err(error) => Answer::Failed(format!("{error:#}")),
                },
            };
            // A ledger that cannot be written lacks acts, which the judge asks for.
            if book.write(&Act { at_us, alert, words, answer }).is_err() {
                return;
            }
        }
    })
}

/// Answers the revision that came of it.
async fn say(
    door: &(String, PathBuf),
    acknowledges: bool,
    site: String,
    alert: String,
    comment: String,
) -> anyhow::Result<u32> {
    let (channel, bearer) = authorized(door).await?;
    let mut client = AlertServiceClient::new(channel);
    let alert = if acknowledges {
        let mut request = Request::new(v1::AcknowledgeRequest { site, alert, comment, false_alarm: false });
        request.metadata_mut().insert("authorization", bearer);
        client.acknowledge(request).await?.into_inner().alert
    } else {
        let mut request = Request::new(v1::CommentRequest { site, alert, comment });
        request.metadata_mut().insert("authorization", bearer);
        client.comment(request).await?.into_inner().alert
    };
    Ok(alert.unwrap_or_default().revision)
}
