//! Commands that talk to the running system.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use cortex_alerter::terminal;
use cortex_proto::v1::{
    self, alert_service_client::AlertServiceClient, camera_service_client::CameraServiceClient,
    debug_service_client::DebugServiceClient, identity_service_client::IdentityServiceClient,
    subscribe_response::Event,
};
use prost::Message;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use crate::{config::Config, print};

/// Sends the token of the local command line with every call.
#[derive(Clone)]
struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

type Connection = InterceptedService<Channel, Bearer>;

/// How long `watch` waits before it connects again.
const AGAIN: Duration = Duration::from_secs(2);

fn token(config: &Config) -> anyhow::Result<String> {
    let path = config.data.folder().join("cli.token");
    let token = fs::read_to_string(&path);
    let token =
        token.with_context(|| format!("read {}: is Cortex running here (`cortex up`)?", path.display()))?;
    Ok(token.trim().to_owned())
}

fn endpoint(config: &Config) -> String {
    let scheme = if config.listen.tls() { "https" } else { "http" };
    format!("{scheme}://{}", config.listen.address)
}

async fn connect(config: &Config) -> anyhow::Result<Connection> {
    let address = endpoint(config);
    let channel = Endpoint::from_shared(address.clone())?.connect().await;
    let channel =
        channel.with_context(|| format!("connect to {address}: is Cortex running (`cortex up`)?"))?;
    let bearer = format!("Bearer {}", token(config)?).parse().context("the token file is no token")?;
    Ok(InterceptedService::new(channel, Bearer(bearer)))
}

/// Prints a new login link.
pub(crate) async fn login(config: &Config) -> anyhow::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    if config.listen.tls() {
        bail!("with TLS the link is printed at the start of `cortex up` only");
    }
    let address = &config.listen.address;
    let stream = tokio::net::TcpStream::connect(address).await;
    let mut stream =
        stream.with_context(|| format!("connect to {address}: is Cortex running (`cortex up`)?"))?;
    let token = token(config)?;
    let request = format!(
        "POST /login HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if !head.starts_with("HTTP/1.1 200") {
        bail!("no link: {}", head.lines().next().unwrap_or_default());
    }
    let body = body.trim();
    print::line(&if body.starts_with('/') { format!("{}{body}", endpoint(config)) } else { body.to_owned() });
    Ok(())
}

/// Looks at an address through the running system.
pub(crate) async fn probe(config: &Config, url: String, credential: String) -> anyhow::Result<()> {
    let request = v1::ProbeRequest { url, credential };
    let found = match connect(config).await {
        Ok(connection) => CameraServiceClient::new(connection).probe(request).await?.into_inner(),
        // Without a running system this process looks itself.
        Err(_) => {
            let (ingest, logins) = (config.ingest.clone(), crate::app::credentials(config)?);
            tokio::task::spawn_blocking(move || {
                cortex_ingest::probe(&request, &ingest, &logins, Duration::from_secs(15))
            })
            .await??
        }
    };
    print::line(&format!("codec          {}", found.codec));
    print::line(&format!("size           {}x{}", found.width, found.height));
    print::line(&format!("pictures/s     {:.1}", found.fps));
    print::line(&format!("first picture  {:.1} s", found.first_picture_s));
    found.warnings.iter().for_each(|warning| print::line(&format!("warning        {warning}")));
    Ok(())
}

/// Prints live messages.
pub(crate) async fn tap(config: &Config, topic: String, camera: String) -> anyhow::Result<()> {
    let mut client = DebugServiceClient::new(connect(config).await?);
    let mut messages = client.tap(v1::TapRequest { topic, camera }).await?.into_inner();
    while let Some(message) = messages.message().await? {
        print::line(&message.json);
    }
    Ok(())
}

/// Prints alerts, and connects again after a break.
pub(crate) async fn watch(config: &Config, file: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let mut cursor = match file.map(fs::read) {
        Some(Ok(bytes)) => Some(v1::Cursor::decode(bytes.as_slice()).context("read the cursor file")?),
        _ => None,
    };
    loop {
        let ended = follow(config, &mut cursor, file, json).await;
        match ended {
            Ok(()) => eprintln!("the stream ended, connecting again"),
            Err(error) => eprintln!("{error:#}; connecting again"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn follow(
    config: &Config,
    cursor: &mut Option<v1::Cursor>,
    file: Option<&Path>,
    json: bool,
) -> anyhow::Result<()> {
    let mut client = AlertServiceClient::new(connect(config).await?);
    let request = v1::SubscribeRequest { filter: None, after: cursor.clone() };
    let mut events = client.subscribe(request).await?.into_inner();
    while let Some(event) = events.message().await? {
        match event.event {
            Some(Event::Alert(alert)) => {
                print::line(&if json {
                    serde_json::to_string(&alert)?
                } else {
                    terminal::line(&alert, true)
                });
                // What was printed is seen, also if no cursor comes before the next break.
                let seen = cursor.get_or_insert_default().sequences.entry(alert.partition).or_default();
                *seen = (*seen).max(alert.sequence);
            }
            Some(Event::Cursor(newer)) => *cursor = Some(newer),
            None => {}
        }
        if let (Some(path), Some(cursor)) = (file, &cursor) {
            let fresh = path.with_extension("new");
            fs::write(&fresh, cursor.encode_to_vec())
                .and_then(|()| fs::rename(&fresh, path))
                .context("write the cursor file")?;
        }
    }
    Ok(())
}

/// Enrols a person.
pub(crate) async fn enroll(
    config: &Config,
    name: String,
    images: &[PathBuf],
    watch: Option<&str>,
) -> anyhow::Result<()> {
    let severities = ["info", "low", "medium", "high", "critical"];
    let watch = match watch {
        None => 0,
        Some(word) => match severities.iter().position(|severity| *severity == word) {
            Some(index) => index as i32 + 1,
            None => bail!("--watch must be one of {}", severities.join(", ")),
        },
    };
    let read = |path: &PathBuf| fs::read(path).with_context(|| format!("read {}", path.display()));
    let pictures = images.iter().map(read).collect::<Result<_, _>>()?;
    let mut client = IdentityServiceClient::new(connect(config).await?);
    let enrolled = client
        .enrol(v1::EnrolRequest { name, pictures, watch })
        .await
        .map_err(|status| anyhow::anyhow!(status.message().to_owned()))?;
    let enrolled = enrolled.into_inner();
    for (path, report) in images.iter().zip(&enrolled.reports) {
        print::line(&format!("{}: {}", path.display(), report.text));
    }
    print::line(&format!("enrolled as {}", enrolled.person));
    Ok(())
}
