//! How stages whose alerts the cloaker does not hear of in `detections` ask for their clips.

use crate::v1;

impl v1::Demand {
    /// Asks for the seconds around the moment at which what an anomaly of `stage` tells of began. Every anomaly asks by
    /// itself, so that none takes another's place.
    pub fn clip(stage: &str, anomaly: &v1::Anomaly) -> Self {
        Self {
            camera: anomaly.camera.clone(),
            asker: format!("{stage}/{}", anomaly.id),
            time_us: anomaly.time_us,
            clip: Some(v1::Clip {
                frame: anomaly.frame.clone(),
                time_us: anomaly.began_us,
                received_us: anomaly.received_us,
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}
