//! What the detector saw: a row for each object of each frame.

use cortex_proto::v1::{self, ObjectState, Role};

use crate::table::table;

table! {
    /// Rows of `cortex.analytics.v1`, in the order of the frames, of one frame in that of its message.
    Detections of v1::Detections = "cortex.analytics.v1", take Detections::objects {
        camera text always,
        site text always,
        role text always,
        epoch count always,
        seq count always,
        n count always,
        time moment always,
        received moment always,
        source_width size always,
        source_height size always,
        class text always,
        score real always,
        state text always,
        track count sometimes,
        born moment sometimes,
        present flag always,
        x1 real always,
        y1 real always,
        x2 real always,
        y2 real always,
        velocity_x real always,
        velocity_y real always,
    }
}

impl Detections {
    fn objects(&mut self, site: &str, seen: &v1::Detections) {
        let frame = seen.frame.clone().unwrap_or_default();
        for object in &seen.objects {
            let Some(place) = &object.r#box else { continue };
            let track = (object.track != 0).then_some(object.track);
            self.camera.append_value(&frame.camera);
            self.site.append_value(site);
            self.role.append_value(if frame.role() == Role::Sub { "sub" } else { "main" });
            self.epoch.append_value(frame.epoch);
            self.seq.append_value(frame.seq);
            self.n.append_value(seen.n);
            self.time.append_value(seen.time_us);
            self.received.append_value(seen.received_us);
            self.source_width.append_value(seen.source_width);
            self.source_height.append_value(seen.source_height);
            self.class.append_value(&object.class);
            self.score.append_value(object.score);
            self.state.append_value(match object.state() {
                ObjectState::Carried => "carried",
                ObjectState::Hidden => "hidden",
                ObjectState::Detected | ObjectState::Unspecified => "detected",
            });
            self.track.append_option(track);
            self.born.append_option(track.map(|_| object.born_us));
            self.present.append_value(object.present);
            self.x1.append_value(place.x1);
            self.y1.append_value(place.y1);
            self.x2.append_value(place.x2);
            self.y2.append_value(place.y2);
            self.velocity_x.append_value(object.velocity_x);
            self.velocity_y.append_value(object.velocity_y);
        }
    }
}
