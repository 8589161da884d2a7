//! When what the rules of a camera remember is stored beside its detections, so that a replay can begin there.

use cortex_proto::v1;
use cortex_runtime::{Key, Snapshot, Tables};

use cortex_rules::Engine;

/// Which hour of stream time was stored last; `None` after a start or a change, whatever the hour.
#[derive(Default)]
pub(crate) struct States(Option<i64>);

const HOUR_US: i64 = 3_600_000_000;

impl States {
    /// What was stored last no longer holds.
    pub(crate) fn begin(&mut self) {
        self.0 = None;
    }

    /// What the rules remember before they look at this message, when it is to be stored.
    pub(crate) fn before(
        &mut self,
        key: &Key,
        seen: &v1::Detections,
        engine: &Engine,
        tables: &Tables,
    ) -> Option<v1::RuleState> {
        let hour = seen.time_us.div_euclid(HOUR_US);
        let stored = self.0.replace(hour);
        (stored != Some(hour)).then(|| v1::RuleState {
            camera: key.to_string(),
            time_us: seen.time_us,
            frame: seen.frame.clone(),
            begun: stored.is_none(),
            site: tables.site(key).to_owned(),
            rules: tables.rules_of(key).cloned().collect(),
            zones: tables.zones_of(key).cloned().collect(),
            ground: tables.cameras.get(key.as_str()).and_then(|camera| camera.ground.clone()),
            memory: Snapshot::of(engine.state()).0,
        })
    }
}
