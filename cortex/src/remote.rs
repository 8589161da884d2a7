//! Commands that talk to the running system.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, bail};
use cortex_alerter::terminal;
use cortex_proto::v1::{
    self, access_service_client::AccessServiceClient, alert_service_client::AlertServiceClient,
    debug_service_client::DebugServiceClient, subscribe_response::Event,
};
use cortex_runtime::runner::wall_clock;
use prost::Message;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};

use crate::{cli, config::Config, print};

/// Sends the token of the local command line with every call.
#[derive(Clone)]
pub(crate) struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

pub(crate) type Connection = InterceptedService<Channel, Bearer>;

/// How long `watch` waits before it connects again.
const AGAIN: Duration = Duration::from_secs(2);

/// The running system, as a command finds it.
pub(crate) struct Target<'a> {
    pub(crate) config: &'a Config,
    options: &'a cli::Server,
}

impl<'a> Target<'a> {
    pub(crate) fn new(config: &'a Config, options: &'a cli::Server) -> Self {
        Self { config, options }
    }

    fn token(&self) -> anyhow::Result<String> {
        let ours = || self.config.data.folder().join("cli.token");
        let path = self.options.token_file.clone().unwrap_or_else(ours);
        let token = fs::read_to_string(&path);
        let token = token
            .with_context(|| format!("read {}: is Cortex running here (`cortex up`)?", path.display()))?;
        Ok(token.trim().to_owned())
    }

    fn address(&self) -> String {
        let listen = &self.config.listen;
        let scheme = if listen.tls() { "https" } else { "http" };
        // Whoever listens everywhere is reached here.
        let address = listen.address.replacen("0.0.0.0", "127.0.0.1", 1).replacen("[::]", "[::1]", 1);
        self.options.server.clone().unwrap_or_else(|| format!("{scheme}://{address}"))
    }

    /// Whom to trust: the named authority, or the certificate that this configuration serves.
    fn tls(&self) -> anyhow::Result<ClientTlsConfig> {
        let listen = &self.config.listen;
        let trusted = match &self.options.ca {
            Some(path) => Some(path.clone()),
            None => listen.tls().then(|| listen.certificate.clone()),
        };
        let Some(path) = trusted else { bail!("name whoever signed the certificate with --ca FILE") };
        let pem = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
        // The address of the configuration is a number; the certificate is for a name.
        Ok(match (&self.options.server, listen.hosts.first()) {
            (None, Some(host)) => tls.domain_name(host),
            _ => tls,
        })
    }

    pub(crate) async fn connect(&self) -> anyhow::Result<Connection> {
        let address = self.address();
        let mut endpoint = Endpoint::from_shared(address.clone())?;
        if address.starts_with("https://") {
            endpoint = endpoint.tls_config(self.tls()?)?;
        }
        let channel = endpoint.connect().await;
        let channel =
            channel.with_context(|| format!("connect to {address}: is Cortex running (`cortex up`)?"))?;
        let bearer = format!("Bearer {}", self.token()?).parse().context("the token file is no token")?;
        Ok(InterceptedService::new(channel, Bearer(bearer)))
    }
}

/// Prints a new login link.
pub(crate) async fn login(target: &Target<'_>) -> anyhow::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    if target.address().starts_with("https://") {
        bail!("with TLS the link is printed at the start of `cortex up` only");
    }
    let endpoint = target.address();
    let address = endpoint.trim_start_matches("http://").trim_end_matches('/');
    let stream = tokio::net::TcpStream::connect(address).await;
    let mut stream =
        stream.with_context(|| format!("connect to {address}: is Cortex running (`cortex up`)?"))?;
    let token = target.token()?;
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
    print::line(&if body.starts_with('/') { format!("{endpoint}{body}") } else { body.to_owned() });
    Ok(())
}

/// Prints live messages.
pub(crate) async fn tap(target: &Target<'_>, topic: String, camera: String) -> anyhow::Result<()> {
    let mut client = DebugServiceClient::new(target.connect().await?);
    let mut messages = client.tap(v1::TapRequest { topic, camera }).await?.into_inner();
    while let Some(message) = messages.message().await? {
        print::line(&message.json);
    }
    Ok(())
}

/// Prints alerts, and connects again after a break.
pub(crate) async fn watch(target: &Target<'_>, file: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let mut cursor = match file.map(fs::read) {
        Some(Ok(bytes)) => Some(v1::Cursor::decode(bytes.as_slice()).context("read the cursor file")?),
        _ => None,
    };
    loop {
        let ended = follow(target, &mut cursor, file, json).await;
        match ended {
            Ok(()) => eprintln!("the stream ended, connecting again"),
            Err(error) => eprintln!("{error:#}; connecting again"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn follow(
    target: &Target<'_>,
    cursor: &mut Option<v1::Cursor>,
    file: Option<&Path>,
    json: bool,
) -> anyhow::Result<()> {
    let mut client = AlertServiceClient::new(target.connect().await?);
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

/// Prints a new token, or ends those of a subject.
pub(crate) async fn token(
    target: &Target<'_>,
    subject: String,
    roles: Vec<String>,
    days: u32,
    revoke: bool,
) -> anyhow::Result<()> {
    let mut client = AccessServiceClient::new(target.connect().await?);
    if revoke {
        client.revoke(v1::RevokeRequest { subject }).await.map_err(said)?;
    } else {
        let issued = client.issue(v1::IssueRequest { subject, roles, days }).await.map_err(said)?;
        print::line(&issued.into_inner().token);
    }
    Ok(())
}

/// The latest revision of the alert whose id is this, or begins so.
pub(crate) async fn alert(
    client: &mut AlertServiceClient<Connection>,
    id: &str,
) -> anyhow::Result<v1::Alert> {
    let listed = client.list(v1::ListAlertsRequest { limit: 500, ..Default::default() }).await;
    let alerts = listed.map_err(said)?.into_inner().alerts;
    let mut found = alerts.into_iter().filter(|alert| alert.id.starts_with(id));
    match (found.next(), found.next()) {
        (Some(alert), None) => Ok(alert),
        (None, _) => bail!("there is no alert {id} among the latest 500"),
        _ => bail!("{id} is the beginning of several alerts: give more of it"),
    }
}

/// Answers an alert.
pub(crate) async fn acknowledge(
    target: &Target<'_>,
    id: &str,
    false_alarm: bool,
    comment: String,
) -> anyhow::Result<()> {
    let mut client = AlertServiceClient::new(target.connect().await?);
    let v1::Alert { id: alert, site, .. } = alert(&mut client, id).await?;
    let answered = client.acknowledge(v1::AcknowledgeRequest { alert, site, comment, false_alarm }).await;
    if let Some(alert) = answered.map_err(said)?.into_inner().alert {
        print::line(&terminal::line(&alert, false));
    }
    Ok(())
}

/// Adds words to an alert.
pub(crate) async fn comment(target: &Target<'_>, id: &str, comment: String) -> anyhow::Result<()> {
    let mut client = AlertServiceClient::new(target.connect().await?);
    let v1::Alert { id: alert, site, .. } = alert(&mut client, id).await?;
    let answered = client.comment(v1::CommentRequest { alert, site, comment }).await;
    if let Some(alert) = answered.map_err(said)?.into_inner().alert {
        print::line(&terminal::line(&alert, false));
    }
    Ok(())
}

/// Prints how often each rule was right.
pub(crate) async fn precision(target: &Target<'_>, days: Option<u32>) -> anyhow::Result<()> {
    let since_us = days.map_or(0, |days| wall_clock() - i64::from(days) * 86_400_000_000);
    let mut client = AlertServiceClient::new(target.connect().await?);
    let rules = client.precision(v1::PrecisionRequest { since_us }).await.map_err(said)?.into_inner().rules;
    if rules.is_empty() {
        print::line("nobody has acknowledged an alert yet");
        return Ok(());
    }
    print::line(&format!(
        "{:<28} {:<20} {:>12} {:>6} {:>9}",
        "rule", "camera", "acknowledged", "false", "precision"
    ));
    for rule in rules {
        print::line(&format!(
            "{:<28} {:<20} {:>12} {:>6} {:>9.2}",
            rule.rule, rule.camera, rule.acknowledged, rule.false_alarms, rule.precision
        ));
    }
    Ok(())
}

/// What the system answered, without gRPC's wrapping.
pub(crate) fn said(status: Status) -> anyhow::Error {
    anyhow::Error::msg(status.message().to_owned())
}
