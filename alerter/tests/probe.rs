//! What a probe shows was redacted, or is not shown.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::sync::Arc;

use cortex_alerter::Hands;
use cortex_proto::v1::{self, camera_service_server::CameraService};
use support::{Room, by_ada, hands};
use tonic::{Request, Status};

/// Ingest that sees a clear picture, and a cloaker that answers this.
fn stages(cloaker: Result<&'static [u8], Status>) -> Hands {
    let seen = v1::ProbeResponse { codec: "H264".into(), snapshot: b"clear".to_vec(), ..Default::default() };
    Hands {
        probe: Arc::new(move |_| {
            let seen = seen.clone();
            Box::pin(async { Ok(seen) })
        }),
        redact: Arc::new(move |request: Request<v1::RedactRequest>| {
            assert_eq!(request.get_ref().picture, b"clear");
            let picture = cloaker.clone().map(<[u8]>::to_vec);
            Box::pin(async { Ok(v1::RedactResponse { picture: picture?, redacted: 1 }) })
        }),
        ..hands(&Arc::default())
    }
}

#[tokio::test]
async fn a_snapshot_leaves_redacted_or_not_at_all() {
    let redacted = Room::with(stages(Ok(b"redacted")));
    let request = || by_ada(v1::ProbeRequest { url: "test://pattern".into(), ..Default::default() });
    let found = redacted.front.probe(request()).await.unwrap().into_inner();
    assert_eq!((found.snapshot.as_slice(), found.warnings.len()), (b"redacted".as_slice(), 0));

    let alone = Room::with(stages(Err(Status::unavailable("no cloaker"))));
    let found = alone.front.probe(request()).await.unwrap().into_inner();
    assert!(found.snapshot.is_empty() && found.codec == "H264");
    assert_eq!(found.warnings, ["there is no snapshot: no cloaker"]);
}
