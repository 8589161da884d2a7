//! What a subscriber is given that is far behind, or slow.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::collections::BTreeMap;

use cortex_proto::v1::{self, alert_service_server::AlertService, subscribe_response::Event};
use cortex_runtime::{
    bus::Writer,
    store::{Store, StoredRow},
};
use futures::{Stream, StreamExt};
use support::{Room, by_ada};
use tonic::Status;

/// More than the live view keeps for a slow subscriber, and more than a page of the store.
const MANY: u64 = 1_100;

fn revision(partition: u32, sequence: u64) -> v1::Alert {
    v1::Alert { id: format!("{partition}/{sequence}"), partition, sequence, ..Default::default() }
}

fn store(room: &Room, alert: &v1::Alert) {
    assert!(room.store.insert(&StoredRow::of(alert)).unwrap());
}

type Answers = std::pin::Pin<Box<dyn Stream<Item = Result<v1::SubscribeResponse, Status>> + Send>>;

async fn subscribe(room: &Room, after: v1::Cursor) -> Answers {
    let request = v1::SubscribeRequest { after: Some(after), ..Default::default() };
    room.front.subscribe(by_ada(request)).await.unwrap().into_inner()
}

/// The sequences of the next so many alerts, by partition, and the last cursor before the last of them.
async fn take(answers: &mut Answers, mut count: u64) -> (BTreeMap<u32, Vec<u64>>, v1::Cursor) {
    let (mut told, mut cursor) = (BTreeMap::<u32, Vec<u64>>::new(), v1::Cursor::default());
    while count > 0 {
        match answers.next().await.unwrap().unwrap().event.unwrap() {
            Event::Alert(alert) => {
                told.entry(alert.partition).or_default().push(alert.sequence);
                count -= 1;
            }
            Event::Cursor(seen) => cursor = seen,
        }
    }
    (told, cursor)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_subscriber_missed_comes_a_page_at_a_time_with_cursors_between() {
    let room = Room::new();
    for (partition, sequence) in
        [3, 9].into_iter().flat_map(|p| (1..=MANY).map(move |sequence| (p, sequence)))
    {
        store(&room, &revision(partition, sequence));
    }
    let after = v1::Cursor { sequences: [(3, 200), (9, 0)].into() };
    // It goes away in the middle, and comes back with what it was told last.
    let (told, cursor) = take(&mut subscribe(&room, after).await, 1_234).await;
    let seen = |partition| cursor.sequences.get(&partition).copied().unwrap_or_default();
    assert_eq!(told[&3], (201..=MANY).collect::<Vec<_>>());
    assert_eq!(told[&9], (1..=334).collect::<Vec<_>>());
    assert_eq!((seen(3), seen(9)), (MANY, 300), "behind every page it is told how far it is");
    let (told, _) = take(&mut subscribe(&room, cursor).await, MANY - 300).await;
    assert_eq!(told, [(9, (301..=MANY).collect())].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_subscriber_misses_nothing_and_holds_nobody_up() {
    let room = Room::new();
    let mut slow = subscribe(&room, v1::Cursor::default()).await;
    let mut fast = subscribe(&room, v1::Cursor::default()).await;
    for sequence in 1..=MANY {
        let alert = revision(5, sequence);
        store(&room, &alert);
        room.context.publish(alert, 5, &Writer::ANYBODY).unwrap();
        assert_eq!(take(&mut fast, 1).await.0[&5], [sequence]);
    }
    // By now the live view has passed it by.
    assert_eq!(take(&mut slow, MANY).await.0[&5], (1..=MANY).collect::<Vec<_>>());
}
