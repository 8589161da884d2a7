//! An explanation as a picture (SVG, opens in every browser): where it was, the way there, and what was measured.

use std::fmt::Write;

use base64::{Engine as _, prelude::BASE64_STANDARD as STANDARD};
use cortex_alerter::terminal;
use cortex_proto::v1;

use super::page::{Page, measured, short};
use crate::past::clock;

/// Width of the whole, and of what was measured beside the view, in the picture's units.
const WIDTH: f64 = 1120.0;
const SIDE: f64 = 400.0;
const MARGIN: f64 = 20.0;
/// Height of the heading, of one curve, and of the small print.
const HEAD: f64 = 86.0;
const CURVE: f64 = 130.0;
const FOOT: f64 = 74.0;
/// Curves that are drawn at most.
const CURVES: usize = 4;

/// Draws it.
pub(super) fn draw(page: &Page) -> String {
    let anomaly = &page.anomaly;
    let (width, height) = view(page);
    let series = page.series();
    let side = (series.len().clamp(1, CURVES) as f64) * CURVE;
    let total = HEAD + height.max(side) + FOOT;
    let colour = colour(anomaly.severity);
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total}" font-family="sans-serif" font-size="14">
<rect width="{WIDTH}" height="{total}" fill="#fff"/><rect width="{WIDTH}" height="8" fill="{colour}"/>
"##
    );
    let mut text = |x: f64, y: f64, more: &str, words: &str| {
        writeln!(svg, r#"<text x="{x}" y="{y}" {more}>{}</text>"#, escape(words)).expect("memory takes it");
    };
    text(MARGIN, 38.0, r#"font-size="22" font-weight="bold""#, &anomaly.why);
    let line = format!(
        "{}  ·  camera {}  ·  began {}, told {}  ·  rule {} version {}",
        terminal::severity(anomaly.severity),
        anomaly.camera,
        clock(anomaly.began_us),
        clock(anomaly.time_us),
        anomaly.rule,
        anomaly.rule_version
    );
    text(MARGIN, 64.0, r##"fill="#444""##, &line);
    let below = HEAD + height.max(side) + 24.0;
    text(MARGIN, below, r##"fill="#444""##, &page.settings());
    let models: Vec<String> = anomaly
        .models
        .iter()
        .map(|(task, digest)| format!("{task} {}", digest.get(..12).unwrap_or(digest)))
        .collect();
    let small = format!("{}  ·  models: {}  ·  {}", page.calibration(), models.join(", "), anomaly.id);
    text(MARGIN, below + 24.0, r##"fill="#777" font-size="12""##, &small);
    scene(&mut svg, page, width, height, colour);
    let right = MARGIN + width + MARGIN;
    if series.is_empty() {
        measures(&mut svg, anomaly, right);
    }
    for (n, (name, threshold, values)) in series.iter().take(CURVES).enumerate() {
        curve(&mut svg, (right, HEAD + n as f64 * CURVE), name, *threshold, values);
    }
    svg.push_str("</svg>\n");
    svg
}

/// Width and height of the view.
fn view(page: &Page) -> (f64, f64) {
    let width = WIDTH - SIDE - 3.0 * MARGIN;
    let (wide, high) = if page.size.0 == 0 || page.size.1 == 0 { (16, 9) } else { page.size };
    (width, width * f64::from(high) / f64::from(wide))
}

/// The view: the cloaked picture, zone or line, the way, and the subject.
fn scene(svg: &mut String, page: &Page, width: f64, height: f64, colour: &str) {
    let at =
        |point: &v1::Point| format!("{:.1},{:.1}", f64::from(point.x) * width, f64::from(point.y) * height);
    let mut add = |line: String| {
        svg.push_str(&line);
        svg.push('\n');
    };
    add(format!(
        r##"<svg x="{MARGIN}" y="{HEAD}" width="{width}" height="{height}"><rect width="100%" height="100%" fill="#2b2f36"/>"##
    ));
    match &page.still {
        Some(jpeg) => add(format!(
            r#"<image width="{width}" height="{height}" preserveAspectRatio="none" href="data:image/jpeg;base64,{}"/>"#,
            STANDARD.encode(jpeg)
        )),
        None => {
            add(r##"<text x="12" y="24" fill="#aaa">no picture of this frame was kept</text>"##.to_owned())
        }
    }
    if let Some(zone) = &page.zone {
        let points: Vec<String> = zone.points.iter().map(at).collect();
        let (shape, fill) =
            if zone.shape() == v1::Shape::Line { ("polyline", "none") } else { ("polygon", "#ffd400") };
        add(format!(
            r##"<{shape} points="{}" fill="{fill}" fill-opacity="0.18" stroke="#ffd400" stroke-width="3"/>"##,
            points.join(" ")
        ));
        if let Some(first) = zone.points.first() {
            add(format!(
                r##"<text x="{:.1}" y="{:.1}" fill="#ffd400" stroke="#000" stroke-width="3" paint-order="stroke">{}</text>"##,
                f64::from(first.x) * width + 6.0,
                (f64::from(first.y) * height + 16.0).min(height - 6.0),
                escape(if zone.name.is_empty() { &zone.id } else { &zone.name })
            ));
        }
    }
    let points = page.points();
    let way: Vec<String> = points.iter().map(at).collect();
    for (stroke, thickness) in [("#000", 6), ("#39c5ff", 3)] {
        add(format!(
            r#"<polyline points="{}" fill="none" stroke="{stroke}" stroke-width="{thickness}" stroke-linejoin="round"/>"#,
            way.join(" ")
        ));
    }
    for (point, fill, radius) in [(points.first(), "#fff", 6), (points.last(), colour, 8)] {
        if let Some(point) = point {
            let (x, y) = (f64::from(point.x) * width, f64::from(point.y) * height);
            add(format!(
                r##"<circle cx="{x:.1}" cy="{y:.1}" r="{radius}" fill="{fill}" stroke="#000" stroke-width="2"/>"##
            ));
        }
    }
    if let Some(place) = &page.anomaly.r#box {
        let (x, y) = (f64::from(place.x1) * width, f64::from(place.y1) * height);
        let (w, h) = (f64::from(place.x2 - place.x1) * width, f64::from(place.y2 - place.y1) * height);
        add(format!(
            r##"<rect x="{x:.1}" y="{y:.1}" width="{w:.1}" height="{h:.1}" fill="none" stroke="{colour}" stroke-width="3"/>"##
        ));
        if page.anomaly.track != 0 {
            add(format!(
                r##"<text x="{x:.1}" y="{:.1}" fill="#fff" stroke="#000" stroke-width="3" paint-order="stroke">{} {}</text>"##,
                (y - 6.0).max(14.0),
                escape(&page.anomaly.class),
                short(page.anomaly.track)
            ));
        }
    }
    add("</svg>".to_owned());
}

/// What was measured at the end, when it is not known over time.
fn measures(svg: &mut String, anomaly: &v1::Anomaly, x: f64) {
    for (n, measure) in anomaly.measures.iter().enumerate() {
        let words = measured(measure);
        let y = HEAD + 20.0 + 24.0 * n as f64;
        writeln!(svg, r#"<text x="{x}" y="{y}">{}</text>"#, escape(&words)).expect("memory takes it");
    }
}

/// One value over time, with its threshold.
fn curve(svg: &mut String, (x, y): (f64, f64), name: &str, threshold: Option<f64>, values: &[(i64, f64)]) {
    let (wide, high) = (SIDE - 10.0, CURVE - 50.0);
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return };
    let most = values.iter().map(|(_, value)| *value).chain(threshold).fold(0.0, f64::max);
    let least = values.iter().map(|(_, value)| *value).chain(threshold).fold(0.0, f64::min);
    let (span, time) = ((most - least).max(1e-9), (last.0 - first.0).max(1) as f64);
    let down = |value: f64| y + 22.0 + high * (1.0 - (value - least) / span);
    let points: Vec<String> = values
        .iter()
        .map(|(time_us, value)| {
            format!("{:.1},{:.1}", x + wide * (time_us - first.0) as f64 / time, down(*value))
        })
        .collect();
    let bottom = y + 22.0 + high;
    let mut add = |line: String| {
        svg.push_str(&line);
        svg.push('\n');
    };
    add(format!(
        r##"<text x="{x}" y="{:.1}" font-weight="bold">{}: {:.2}</text>"##,
        y + 14.0,
        escape(name),
        last.1
    ));
    add(format!(r##"<rect x="{x}" y="{:.1}" width="{wide}" height="{high}" fill="#f3f5f8"/>"##, y + 22.0));
    if let Some(threshold) = threshold {
        let level = down(threshold);
        add(format!(
            r##"<line x1="{x}" x2="{:.1}" y1="{level:.1}" y2="{level:.1}" stroke="#d33" stroke-width="2" stroke-dasharray="6 4"/>
<text x="{:.1}" y="{:.1}" fill="#d33" font-size="12" text-anchor="end">threshold {threshold:.2}</text>"##,
            x + wide,
            x + wide,
            y + 14.0
        ));
    }
    add(format!(
        r##"<polyline points="{}" fill="none" stroke="#06c" stroke-width="2.5"/>"##,
        points.join(" ")
    ));
    add(format!(
        r##"<text x="{x}" y="{:.1}" fill="#777" font-size="12">{}</text><text x="{:.1}" y="{:.1}" fill="#777" font-size="12" text-anchor="end">{}</text>"##,
        bottom + 16.0,
        escape(&clock(first.0)),
        x + wide,
        bottom + 16.0,
        escape(&clock(last.0))
    ));
}

fn colour(severity: i32) -> &'static str {
    match v1::Severity::try_from(severity).unwrap_or_default() {
        v1::Severity::Critical => "#a0007a",
        v1::Severity::High => "#d32f2f",
        v1::Severity::Medium => "#f57c00",
        v1::Severity::Low => "#c6a700",
        _ => "#1976d2",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
