//! Where a person was recognised: one time line over all cameras.

use cortex_proto::v1;
use cortex_runtime::store::{Row, Scan, Store, Table, table};
use prost::Message as _;

use crate::Error;

/// Somebody recognised, on the way into the time line. Only confirmed people of lists are ever in one.
pub(crate) struct Seen<'a>(pub(crate) &'a v1::Identity);

impl Row for Seen<'_> {
    const TABLE: &'static Table = &table::SIGHTINGS;

    fn partition(&self) -> String {
        self.0.person.clone()
    }

    fn sort(&self) -> Vec<u8> {
        [&place(self.0.time_us)[..], self.0.id.as_bytes()].concat()
    }

    fn time_us(&self) -> i64 {
        self.0.time_us
    }

    fn body(&self) -> Vec<u8> {
        v1::Sighting {
            camera: self.0.camera.clone(),
            site: self.0.site.clone(),
            track: self.0.track,
            time_us: self.0.time_us,
            frame: self.0.frame.clone(),
            similarity: self.0.similarity,
        }
        .encode_to_vec()
    }
}

/// Where somebody was recognised, in order of time.
pub(crate) fn of(store: &dyn Store, request: &v1::SightingsRequest) -> Result<Vec<v1::Sighting>, Error> {
    let to = if request.to_us > 0 { place(request.to_us).to_vec() } else { Vec::new() };
    let scan = Scan {
        from: place(request.from_us.max(0)).to_vec(),
        to,
        ..Scan::all(&table::SIGHTINGS, &request.person)
    };
    let rows = store.scan(&scan)?;
    Ok(rows.iter().filter_map(|row| v1::Sighting::decode(row.body.as_slice()).ok()).collect())
}

fn place(time_us: i64) -> [u8; 8] {
    time_us.max(0).to_be_bytes()
}
