//! Where a camera belongs, chosen once for ever.

use super::{StoredRow, table};

/// Partition and site of a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Id of the camera.
    pub camera: String,
    /// Partition of the topics of cameras.
    pub partition: u32,
    /// Its site.
    pub site: String,
}

impl Place {
    /// As a row of [`table::PLACES`], written at this moment.
    pub fn row(&self, now_us: i64) -> StoredRow {
        StoredRow {
            table: table::PLACES.name.to_owned(),
            partition: self.camera.clone(),
            sort: Vec::new(),
            time_us: now_us,
            body: format!("{}/{}", self.partition, self.site).into_bytes(),
        }
    }

    /// From the value of a row; `None` when it cannot be read.
    pub fn read(camera: &str, body: &[u8]) -> Option<Self> {
        let (partition, site) = std::str::from_utf8(body).ok()?.split_once('/')?;
        Some(Self { camera: camera.to_owned(), partition: partition.parse().ok()?, site: site.to_owned() })
    }
}
