//! What rules found: a row for each anomaly.

use cortex_proto::v1::{self, Severity};

use crate::table::table;

table! {
    /// Rows of `cortex.analytics.anomalies.v1`, in the order of time.
    Anomalies of v1::Anomaly = "cortex.analytics.anomalies.v1", take Anomalies::anomaly {
        id text always,
        camera text always,
        site text always,
        rule text always,
        rule_version count always,
        kind text always,
        severity text always,
        place text sometimes,
        track count sometimes,
        class text sometimes,
        began moment always,
        time moment always,
        received moment sometimes,
        epoch count sometimes,
        seq count sometimes,
        direction text sometimes,
        x1 real sometimes,
        y1 real sometimes,
        x2 real sometimes,
        y2 real sometimes,
    }
}

impl Anomalies {
    fn anomaly(&mut self, site: &str, found: &v1::Anomaly) {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let (frame, place) = (found.frame.as_ref(), found.r#box.as_ref());
        self.id.append_value(&found.id);
        self.camera.append_value(&found.camera);
        self.site.append_value(site);
        self.rule.append_value(&found.rule);
        self.rule_version.append_value(found.rule_version);
        self.kind.append_value(&found.kind);
        self.severity.append_value(match found.severity() {
            Severity::Critical => "critical",
            Severity::High => "high",
            Severity::Medium => "medium",
            Severity::Low => "low",
            Severity::Info | Severity::Unspecified => "info",
        });
        self.place.append_option(text(&found.place));
        self.track.append_option((found.track != 0).then_some(found.track));
        self.class.append_option(text(&found.class));
        self.began.append_value(found.began_us);
        self.time.append_value(found.time_us);
        self.received.append_option((found.received_us != 0).then_some(found.received_us));
        self.epoch.append_option(frame.map(|frame| frame.epoch));
        self.seq.append_option(frame.map(|frame| frame.seq));
        self.direction.append_option(text(&found.direction));
        self.x1.append_option(place.map(|place| place.x1));
        self.y1.append_option(place.map(|place| place.y1));
        self.x2.append_option(place.map(|place| place.x2));
        self.y2.append_option(place.map(|place| place.y2));
    }
}
