//! `cortex clip`: the seconds before and after an alert, as a file.

use std::{io::Write as _, path::PathBuf};

use anyhow::Context as _;
use clap::Args;
use cortex_proto::v1::{
    self, alert_service_client::AlertServiceClient, clip_response::Event,
    live_service_client::LiveServiceClient,
};

use crate::{
    print,
    remote::{self, Target, said},
    whole,
};

/// Cloaked pictures as in the live view, as an MP4 (Motion JPEG) in which each stays until the next one was made.
#[derive(Debug, Args)]
pub(crate) struct Clip {
    /// Id of the alert, or the beginning of it, as `cortex watch` prints it.
    alert: String,
    /// The file.
    #[arg(long)]
    out: PathBuf,
    /// Replace the file if it is there.
    #[arg(long)]
    force: bool,
}

/// Writes the clip of the alert's latest anomaly.
pub(crate) async fn run(target: &Target<'_>, options: &Clip) -> anyhow::Result<()> {
    let mut file = whole::begin(&options.out, options.force)?;
    let connection = target.connect().await?;
    let alert = remote::alert(&mut AlertServiceClient::new(connection.clone()), &options.alert).await?;
    let frame = alert.latest.and_then(|anomaly| anomaly.frame);
    let mut client = LiveServiceClient::new(connection);
    let mut events = client.clip(v1::ClipRequest { frame: frame.clone() }).await.map_err(said)?.into_inner();
    let first = events.message().await.map_err(said)?.and_then(|first| first.event);
    drop(events);
    let mut pieces = client.clip_file(v1::ClipFileRequest { frame }).await.map_err(said)?.into_inner();
    while let Some(next) = pieces.message().await.map_err(said)? {
        file.write_all(&next.piece).with_context(|| whole::attempt(&options.out))?;
    }
    whole::finish(file, &options.out, options.force)?;
    print::line(&format!("{}: alert {}, camera {}", options.out.display(), alert.id, alert.camera));
    if let Some(Event::Clip(v1::Clip { recording: true, .. })) = first {
        eprintln!("the clip is still being recorded: ask again in a few seconds for all of it");
    }
    Ok(())
}
