//! An operator who has only a terminal sees alerts as they come.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a broken promise ends the test

mod support;

use cortex_alerter::{Hub, terminal};
use cortex_proto::v1;
use cortex_runtime::bus::Writer;
use support::Room;

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_shown_a_line_each() {
    let room = Room::new();
    let context = &room.context;
    let hub = Hub::start(context).unwrap();
    let (shown, stop) = (hub.clone(), context.stop());
    let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
    let printing = tokio::spawn(async move {
        terminal::follow(&shown, &stop, false, |line| sender.send(line.to_owned()).unwrap()).await;
    });
    let alert = v1::Alert {
        id: "0123456789abcdef".into(),
        revision: 2,
        severity: v1::Severity::High as i32,
        camera: "gate".into(),
        kind: "entry".into(),
        why: "person entered yard".into(),
        change: "escalated".into(),
        last_us: 3_661_000_000,
        damped: "rule r flaps".into(),
        ..Default::default()
    };
    // Until the terminal has attached itself nothing is shown, so the alert is told until it is.
    let line = loop {
        context.publish(alert.clone(), 0, &Writer::ANYBODY).unwrap();
        tokio::task::yield_now().await;
        if let Ok(line) = lines.try_recv() {
            break line;
        }
    };
    assert_eq!(
        line,
        "01:01:01 high     gate           entry     person entered yard; rule r flaps (escalated 01234567 r2)"
    );
    context.stop().cancel();
    printing.await.unwrap();
}
