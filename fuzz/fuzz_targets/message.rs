//! Messages from the bus, requests from clients, and the cursor that `cortex watch` keeps in a file: any bytes are a
//! message or an error, and a message is itself again after a round trip.
#![no_main]

use cortex_proto::{Message as _, v1};
use cortex_runtime::Captured;
use libfuzzer_sys::fuzz_target;
use prost::Message;

fn round_trip<M: Message + Default + PartialEq>(bytes: &[u8]) {
    if let Ok(message) = M::decode(bytes) {
        let again = message.encode_to_vec();
        // Compared as bytes: a coordinate may be a NaN, which equals nothing.
        assert!(
            M::decode(&*again).is_ok_and(|same| same.encode_to_vec().len() == again.len()),
            "a round trip"
        );
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 8 {
        0 => round_trip::<v1::Frame>(bytes),
        1 => round_trip::<v1::Detections>(bytes),
        2 => round_trip::<v1::Alert>(bytes),
        3 => round_trip::<v1::Cursor>(bytes),
        4 => round_trip::<v1::SubscribeRequest>(bytes),
        5 => round_trip::<v1::UpsertRuleRequest>(bytes),
        6 => round_trip::<v1::EnrolRequest>(bytes),
        _ => drop(Captured::decode(bytes)),
    }
});
