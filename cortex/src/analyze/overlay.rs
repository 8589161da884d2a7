//! A video of what was seen: the cloaker's pictures, so redacted like everything that people see, with boxes, tracks,
//! zones and what rules found.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use cortex_alerter::terminal;
use cortex_ingest::{RECORDED_US, Recorder};
use cortex_proto::v1;
use cortex_runtime::{Context, Tables, bus::Writer, still};

use super::{
    canvas::{BLACK, Canvas, Colour, WHITE},
    records::Records,
};

/// One camera's video.
pub(super) struct Overlay {
    stem: PathBuf,
    recorder: Option<Recorder>,
    zones: Vec<v1::Zone>,
    /// Pictures that wait for what is still said of them.
    held: VecDeque<Arc<v1::Cloaked>>,
    captions: Vec<Caption>,
}

struct Caption {
    from_us: i64,
    colour: Colour,
    text: String,
}

/// A decision is durable before it is told, so it comes a little behind its picture.
const HELD: usize = 25;
/// A video of one picture lasts so long, in microseconds.
const ONLY_US: i64 = 1_000_000;
/// A caption is shown so long, in microseconds of stream time.
const SHOWN_US: i64 = 4_000_000;
/// Captions shown at once; the latest ones.
const LINES: usize = 5;
const ZONE: Colour = [255, 210, 0];
const HIDDEN: Colour = [150, 150, 150];
/// Colours of tracks, told apart by people who see fewer (Okabe and Ito, 2008).
const TRACKS: [Colour; 7] = [
    [0, 158, 115],
    [86, 180, 233],
    [230, 159, 0],
    [204, 121, 167],
    [0, 114, 178],
    [213, 94, 0],
    [240, 228, 66],
];

/// Every picture leaves the cloaker, at the size at which it was analysed.
pub(super) fn every_picture(config: &mut cortex_cloaker::Config) {
    (config.live_rate, config.live_width, config.quality) = (1e6, usize::MAX, 92);
}

impl Overlay {
    /// The video `<out>/<camera>.mp4` (or `.mkv`), and a viewer for whom the cloaker works.
    pub(super) fn begin(
        out: &Path,
        camera: &str,
        tables: &Tables,
        context: &Context,
    ) -> anyhow::Result<Self> {
        let viewer = v1::Demand {
            camera: camera.to_owned(),
            asker: "analyze".to_owned(),
            viewer: true,
            // It looks until the end, however long this machine takes.
            time_us: i64::MAX / 2,
            ..Default::default()
        };
        context.publish(viewer, tables.partition(camera), &Writer::ANYBODY)?;
        let zones = tables.zones_of(camera).cloned().collect();
        let (held, captions) = (VecDeque::new(), Vec::new());
        Ok(Self { stem: out.join(camera), recorder: None, zones, held, captions })
    }

    pub(super) fn anomaly(&mut self, anomaly: &v1::Anomaly, records: &Records) {
        let severity = terminal::severity(anomaly.severity);
        let who = records.known(anomaly.track).map_or(String::new(), |track| format!(" #{track}"));
        let colour = match anomaly.severity() {
            v1::Severity::Critical | v1::Severity::High => [200, 30, 30],
            v1::Severity::Medium => [170, 90, 0],
            _ => [20, 70, 130],
        };
        let text = format!("{severity} {}{who}: {}", anomaly.kind, anomaly.why);
        self.captions.push(Caption { from_us: anomaly.time_us, colour, text });
    }

    pub(super) fn picture(&mut self, picture: Arc<v1::Cloaked>, records: &Records) -> anyhow::Result<()> {
        self.held.push_back(picture);
        if self.held.len() > HELD
            && let Some(picture) = self.held.pop_front()
        {
            self.write(&picture, records)?;
        }
        Ok(())
    }

    /// Writes what is held and ends the video.
    pub(super) fn finish(mut self, records: &Records) -> anyhow::Result<()> {
        while let Some(picture) = self.held.pop_front() {
            self.write(&picture, records)?;
        }
        // Footage without a picture has no video.
        self.recorder.map_or(Ok(()), Recorder::finish).context("write the overlay")
    }

    fn write(&mut self, cloaked: &v1::Cloaked, records: &Records) -> anyhow::Result<()> {
        let picture = still::decode(&cloaked.jpeg, still::Limits::default())?;
        let mut canvas = Canvas::of(&picture);
        self.zones.iter().for_each(|zone| draw_zone(&mut canvas, zone));
        cloaked.objects.iter().for_each(|object| draw_object(&mut canvas, object, records));
        self.draw_captions(&mut canvas, cloaked);
        let recorder = match &mut self.recorder {
            Some(recorder) => recorder,
            None => {
                let next_us = self.held.front().map_or(ONLY_US, |next| next.time_us - cloaked.time_us);
                let (size, rate) = ((picture.width(), picture.height()), 1e6 / next_us.max(1) as f64);
                self.recorder.insert(Recorder::create(&self.stem, size, rate)?)
            }
        };
        let drawn = canvas.picture().context("draw the overlay")?;
        Ok(recorder.push(&drawn, cloaked.time_us - RECORDED_US)?)
    }

    fn draw_captions(&mut self, canvas: &mut Canvas, cloaked: &v1::Cloaked) {
        let now = cloaked.time_us;
        self.captions.retain(|caption| now - caption.from_us < SHOWN_US);
        let shown = self.captions.iter().filter(|caption| caption.from_us <= now);
        let mut lines: Vec<(String, Colour)> = Vec::new();
        for caption in shown {
            let letters: Vec<char> = caption.text.chars().collect();
            let rows = letters.chunks(canvas.columns()).map(|row| (row.iter().collect(), caption.colour));
            lines.extend(rows);
        }
        let top = canvas.height() - canvas.leading() * lines.len().min(LINES) as i32;
        let latest = lines.iter().skip(lines.len().saturating_sub(LINES));
        for (row, (text, colour)) in (0..).zip(latest) {
            canvas.text((0, top + row * canvas.leading()), text, WHITE, *colour);
        }
        let seconds = (now - RECORDED_US) as f64 / 1e6;
        canvas.text((0, 0), &format!("{seconds:.2} s {}", cloaked.blanked), WHITE, BLACK);
    }
}

fn draw_zone(canvas: &mut Canvas, zone: &v1::Zone) {
    let mut points: Vec<_> = zone.points.iter().map(|point| canvas.place(point.x, point.y)).collect();
    let Some(first) = points.first().copied() else { return };
    if zone.shape() != v1::Shape::Line {
        points.push(first);
    }
    points.windows(2).for_each(|side| canvas.line(side[0], side[1], ZONE));
    canvas.text(first, if zone.name.is_empty() { &zone.id } else { &zone.name }, BLACK, ZONE);
}

fn draw_object(canvas: &mut Canvas, object: &v1::Object, records: &Records) {
    let Some(place) = &object.r#box else { return };
    let track = records.known(object.track);
    let seen = object.state() != v1::ObjectState::Hidden;
    let colour = if seen { TRACKS[track.unwrap_or(0) as usize % TRACKS.len()] } else { HIDDEN };
    let corner = canvas.place(place.x1, place.y1);
    canvas.frame(corner, canvas.place(place.x2, place.y2), colour);
    let name = track.map_or(String::new(), |track| format!("#{track} "));
    let label = format!("{name}{} {:.2}", object.class, object.score);
    canvas.text((corner.0, corner.1 - canvas.leading()), &label, BLACK, colour);
}
