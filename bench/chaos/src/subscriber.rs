//! Subscribers that save a cursor with everything they are told, connect again after a break, and write all of it down.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use cortex_proto::v1::{
    self, alert_service_client::AlertServiceClient, live_service_client::LiveServiceClient,
    subscribe_response::Event,
};
use tokio::{runtime::Runtime, time::timeout};
use tonic::{
    Request,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};

use crate::{
    ledger::{Book, Happened, Moment, Told, now_us},
    record,
};

/// Where alerters listen, and the folder of each, whose token is taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doors(Arc<Mutex<Vec<(String, PathBuf)>>>);

/// How a subscriber behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Between two alerts it takes.
    pub(crate) pause: Duration,
    /// It leaves by itself after so long, and comes back.
    pub(crate) stays: Duration,
}

/// The longest wait before it connects again: all of a hundred within a second would be a storm.
const SPREAD: Duration = Duration::from_secs(6);
const CONNECT: Duration = Duration::from_secs(5);

impl Doors {
    /// An alerter listens at `address` from now on.
    pub(crate) fn open(&self, address: &str, folder: PathBuf) {
        let mut doors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        doors.retain(|(_, known)| *known != folder);
        doors.push((address.to_owned(), folder));
    }

    /// One of them.
    pub(crate) fn any(&self, number: usize) -> Option<(String, PathBuf)> {
        let doors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        doors.get(number % doors.len().max(1)).cloned()
    }
}

/// Starts one that goes on until the runtime ends.
pub(crate) fn start(runtime: &Runtime, number: u32, manner: Manner, doors: Doors, book: Book) {
    runtime.spawn(async move {
        let mut cursor = v1::Cursor::default();
        for connection in 1.. {
            if let Some(door) = doors.any(number as usize + connection as usize) {
                let mut taker = Taker { number, connection, cursor: &mut cursor, book: &book };
                // A break is what this is about: it connects again whatever it was.
                timeout(manner.stays, taker.follow(&door, manner.pause)).await.ok();
            }
            tokio::time::sleep(spread()).await;
        }
    });
}

/// Takes everything there is from the beginning until nothing comes for a while.
pub(crate) async fn catch_up(number: u32, doors: &Doors, book: &Book, quiet: Duration) -> anyhow::Result<()> {
    let door = doors.any(0).context("no alerter listens")?;
    let mut cursor = v1::Cursor::default();
    let mut taker = Taker { number, connection: 1, cursor: &mut cursor, book };
    let mut events = taker.connect(&door).await?;
    while let Ok(event) = timeout(quiet, next_alert(&mut events)).await {
        taker.take(event?)?;
    }
    Ok(())
}

/// Looks at the live view, and writes every picture of it into the run's history, with its camera as words.
pub(crate) async fn look_on(door: &(String, PathBuf), history: &Book) -> anyhow::Result<()> {
    let (channel, bearer) = authorized(door).await?;
    let mut request = Request::new(v1::WatchRequest::default());
    request.metadata_mut().insert("authorization", bearer);
    let mut pictures = LiveServiceClient::new(channel).watch(request).await?.into_inner();
    while let Some(picture) = pictures.message().await? {
        let words = picture.frame.map(|frame| frame.camera).unwrap_or_default();
        let what = Happened::Answered { question: "live".to_owned(), good: true, words };
        history.write(&Moment { at_us: now_us(), what })?;
    }
    Ok(())
}

struct Taker<'a> {
    number: u32,
    connection: u32,
    cursor: &'a mut v1::Cursor,
    book: &'a Book,
}

impl Taker<'_> {
    async fn follow(&mut self, door: &(String, PathBuf), pause: Duration) -> anyhow::Result<()> {
        let mut events = self.connect(door).await?;
        loop {
            let alert = next_alert(&mut events).await?;
            self.take(alert)?;
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
    }

    async fn connect(
        &mut self,
        door: &(String, PathBuf),
    ) -> anyhow::Result<tonic::Streaming<v1::SubscribeResponse>> {
        let (channel, bearer) = authorized(door).await?;
        let mut request =
            Request::new(v1::SubscribeRequest { filter: None, after: Some(self.cursor.clone()) });
        request.metadata_mut().insert("authorization", bearer);
        let events = AlertServiceClient::new(channel).subscribe(request).await?.into_inner();
        self.write(None)?;
        Ok(events)
    }

    fn take(&mut self, alert: v1::Alert) -> anyhow::Result<()> {
        self.cursor.sequences.insert(alert.partition, alert.sequence);
        self.write(Some(record::alert(&alert)))
    }

    fn write(&self, alert: Option<crate::ledger::Alert>) -> anyhow::Result<()> {
        let (subscriber, connection) = (self.number, self.connection);
        self.book.write(&Told { at_us: now_us(), subscriber, connection, alert })
    }
}

/// A connection, and the token of the local command line.
pub(crate) async fn authorized(
    (address, folder): &(String, PathBuf),
) -> anyhow::Result<(Channel, MetadataValue<Ascii>)> {
    let token = std::fs::read_to_string(folder.join("cli.token"))?;
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?.connect_timeout(CONNECT);
    Ok((endpoint.connect().await?, format!("Bearer {}", token.trim()).parse()?))
}

async fn next_alert(events: &mut tonic::Streaming<v1::SubscribeResponse>) -> anyhow::Result<v1::Alert> {
    loop {
        let event = events.message().await?.context("the stream ended")?;
        if let Some(Event::Alert(alert)) = event.event {
            return Ok(alert);
        }
    }
}

/// A wait of its own for everybody.
fn spread() -> Duration {
    let mut random = [0; 2];
    // Without randomness all wait the shortest time.
    getrandom::fill(&mut random).ok();
    Duration::from_millis(500) + SPREAD * u32::from(u16::from_le_bytes(random)) / u32::from(u16::MAX)
}
