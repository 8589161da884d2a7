//! Which alerts of a replay are those that were told.

use cortex_proto::v1;
use prost::Message;
use serde::Serialize;

/// An event that both told.
#[derive(Serialize)]
pub(super) struct Pair {
    /// As the replay tells it.
    pub(super) alert: v1::Anomaly,
    /// The same bytes as then.
    pub(super) exact: bool,
    /// Seconds by which it would have been told later; below 0 earlier.
    pub(super) later_s: f64,
}

/// Two lists of alerts side by side.
#[derive(Default)]
pub(super) struct Comparison {
    pub(super) gained: Vec<v1::Anomaly>,
    pub(super) lost: Vec<v1::Anomaly>,
    pub(super) unchanged: Vec<Pair>,
}

impl Comparison {
    /// Pairs by id first. What is left is the same event when rule and subject are, and the times overlap.
    pub(super) fn of(mut live: Vec<v1::Anomaly>, told: Vec<v1::Anomaly>) -> Self {
        let mut comparison = Self::default();
        let mut rest = Vec::new();
        for alert in told {
            match live.iter().position(|old| old.id == alert.id) {
                Some(index) => comparison.pair(&live.remove(index), alert),
                None => rest.push(alert),
            }
        }
        for alert in rest {
            let same = |old: &v1::Anomaly| {
                old.rule == alert.rule
                    && old.track == alert.track
                    && old.direction == alert.direction
                    && old.began_us <= alert.time_us
                    && alert.began_us <= old.time_us
            };
            match live.iter().position(same) {
                Some(index) => comparison.pair(&live.remove(index), alert),
                None => comparison.gained.push(alert),
            }
        }
        comparison.lost = live;
        comparison.unchanged.sort_by_key(|pair| pair.alert.time_us);
        comparison.gained.sort_by_key(|alert| alert.time_us);
        comparison
    }

    fn pair(&mut self, old: &v1::Anomaly, alert: v1::Anomaly) {
        self.unchanged.push(Pair {
            exact: old.encode_to_vec() == alert.encode_to_vec(),
            later_s: (alert.time_us - old.time_us) as f64 / 1e6,
            alert,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(id: &str, rule: &str, track: u64, began_us: i64, time_us: i64) -> v1::Anomaly {
        v1::Anomaly { id: id.into(), rule: rule.into(), track, began_us, time_us, ..Default::default() }
    }

    #[test]
    fn the_same_event_is_one_though_its_beginning_moved() {
        let live = vec![
            alert("a", "dwell", 1, 0, 5_000_000),
            alert("b", "dwell", 2, 0, 5_000_000),
            alert("c", "entry", 1, 9_000_000, 9_000_000),
        ];
        let told = vec![
            alert("a", "dwell", 1, 0, 5_000_000),
            alert("x", "dwell", 2, 1_000_000, 7_000_000),
            alert("y", "entry", 1, 10_000_000, 10_000_000),
        ];
        let found = Comparison::of(live, told);
        let pairs: Vec<_> =
            found.unchanged.iter().map(|pair| (pair.alert.id.as_str(), pair.exact, pair.later_s)).collect();
        assert_eq!(pairs, [("a", true, 0.0), ("x", false, 2.0)]);
        assert_eq!((found.gained[0].id.as_str(), found.lost[0].id.as_str()), ("y", "c"));
    }
}
