//! `cortex probe`: what a camera sends, before it is added.

use std::{fs, path::Path, time::Duration};

use anyhow::Context as _;
use cortex_cloaker::Redactor;
use cortex_infer::Library;
use cortex_proto::v1::{self, camera_service_client::CameraServiceClient};

use crate::{config::Config, print, remote::Target};

/// How long an address is looked at.
const LIMIT: Duration = Duration::from_secs(15);

/// Looks at an address through the running system, prints what is there, and writes one redacted picture of it.
pub(crate) async fn run(
    target: &Target<'_>,
    request: v1::ProbeRequest,
    snapshot: Option<&Path>,
) -> anyhow::Result<()> {
    let found = match target.connect().await {
        Ok(connection) => CameraServiceClient::new(connection).probe(request).await?.into_inner(),
        // Without a running system this process looks itself, for whoever may read this machine's files anyway.
        Err(_) => here(target.config, request, snapshot.is_some()).await?,
    };
    print::line(&format!("codec          {}", found.codec));
    print::line(&format!("size           {}x{}", found.width, found.height));
    print::line(&format!("pictures/s     {:.1}", found.fps));
    print::line(&format!("first picture  {:.1} s", found.first_picture_s));
    if found.key_interval_s > 0.0 {
        print::line(&format!("key frames     {:.1} s apart", found.key_interval_s));
    }
    print::line(&format!("bit rate       {:.0} kbit/s", found.kilobits));
    if !found.profile.is_empty() {
        print::line(&format!("profile        {}", found.profile));
    }
    for sub in &found.sub_streams {
        print::line(&format!("sub-stream     {} {}x{}", sub.url, sub.width, sub.height));
    }
    found.warnings.iter().for_each(|warning| print::line(&format!("warning        {warning}")));
    if let Some(path) = snapshot.filter(|_| !found.snapshot.is_empty()) {
        fs::write(path, &found.snapshot).with_context(|| format!("write {}", path.display()))?;
        print::line(&format!("snapshot       {}, redacted", path.display()));
    }
    Ok(())
}

async fn here(
    config: &Config,
    request: v1::ProbeRequest,
    snapshot: bool,
) -> anyhow::Result<v1::ProbeResponse> {
    let (config, logins) = (config.clone(), cortex_ingest::credentials(config)?);
    let look = move || -> anyhow::Result<_> {
        let mut found = cortex_ingest::probe(&request, v1::Origin::File, &config.ingest, &logins, LIMIT)?;
        let clear = std::mem::take(&mut found.snapshot);
        if snapshot {
            let library = Library::load(&config.infer)?;
            let mut redactor = Redactor::load(&library, &config.infer, config.cloaker.clone())?;
            found.snapshot = redactor.redact(&clear)?.0;
        }
        Ok(found)
    };
    tokio::task::spawn_blocking(look).await?
}
