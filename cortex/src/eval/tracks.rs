//! `cortex eval tracks`: tracks against truth in the format of the MOTChallenge.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, bail};
use cortex_models::Rect;
use serde_json::json;

use super::{Boxed, Moment, Scores, camera, lines, read, score};
use crate::{cli, print};

/// Number of a class in MOTChallenge files by its name in Cortex.
const CLASSES: [(&str, i64); 4] = [("person", 1), ("car", 3), ("bicycle", 4), ("motorcycle", 5)];
/// Classes whose boxes are neither hits nor errors: people on vehicles, static people, distractors, reflections.
const NEITHER: [i64; 4] = [2, 7, 8, 12];
/// Overlap at which a found box is taken to be one of those.
const OVERLAP: f32 = 0.5;

/// Rows by frame, from 1.
type Frames = BTreeMap<usize, Vec<Boxed>>;

/// Prints the scores.
pub(super) fn run(options: &cli::EvalTracks) -> anyhow::Result<()> {
    let (truth, neither) = truth(&options.truth, &options.class)?;
    let last = truth.keys().chain(neither.keys()).max().copied();
    let frames = options.frames.or(last).context("the truth has no box of this class")?;
    let found = found(options, frames)?;
    let moment = |frame: usize| {
        let of = |frames: &Frames| frames.get(&frame).cloned().unwrap_or_default();
        let (truth, mut found, neither) = (of(&truth), of(&found), of(&neither));
        leave_out(&truth, &neither, &mut found);
        Moment { truth, found }
    };
    let scores = score(&(1..=frames).map(moment).collect::<Vec<_>>());
    print::line(&if options.json { json!(scores).to_string() } else { table(&scores) });
    Ok(())
}

/// True boxes of a class, and boxes that are not judged.
fn truth(path: &Path, class: &str) -> anyhow::Result<(Frames, Frames)> {
    let number = CLASSES.iter().find(|(name, _)| *name == class).map(|(_, number)| *number);
    let number = number.with_context(|| {
        format!("--class: truth in this format has {}", CLASSES.map(|(name, _)| name).join(", "))
    })?;
    let (mut truth, mut neither) = (Frames::new(), Frames::new());
    for (n, line) in read(path)?.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row = row(line).with_context(|| {
            format!(
                "{}, line {}: not `frame,id,left,top,width,height,confidence,class,visibility`",
                path.display(),
                n + 1
            )
        })?;
        // Files of 2015 have no class: -1.
        let kind = if row.class == -1 { 1 } else { row.class };
        if NEITHER.contains(&kind) {
            neither.entry(row.frame).or_default().push(row.boxed);
        } else if kind == number && row.judged {
            truth.entry(row.frame).or_default().push(row.boxed);
        }
    }
    Ok((truth, neither))
}

struct Row {
    frame: usize,
    boxed: Boxed,
    judged: bool,
    class: i64,
}

fn row(line: &str) -> Option<Row> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let number = |index: usize| fields.get(index)?.parse::<f32>().ok().filter(|number| number.is_finite());
    let whole = |index: usize| number(index).filter(|number| *number >= 1.0).map(|number| number as u64);
    let (left, top, width, height) = (number(2)?, number(3)?, number(4)?, number(5)?);
    Some(Row {
        frame: whole(0)? as usize,
        boxed: Boxed { id: whole(1)?, rect: Rect { x1: left, y1: top, x2: left + width, y2: top + height } },
        judged: number(6).is_none_or(|confidence| confidence != 0.0),
        class: number(7).map_or(-1, |class| class as i64),
    })
}

/// What was found, from the file of `cortex analyze`; its frames count from 0.
fn found(options: &cli::EvalTracks, last: usize) -> anyhow::Result<Frames> {
    let lines = lines(&options.results, "detections.ndjson")?;
    let camera = camera(&lines, options.camera.as_deref())?;
    let mut found = Frames::new();
    for line in lines.iter().filter(|line| line["camera"] == *camera && line["class"] == *options.class) {
        let Some(id) = line["track"].as_u64() else { continue };
        if line["state"] == "hidden" && !options.hidden {
            continue;
        }
        let side = |index: usize| line["box"][index].as_f64().map(|side| side as f32);
        let (Some(frame), Some(x1), Some(y1), Some(x2), Some(y2)) =
            (line["frame"].as_u64(), side(0), side(1), side(2), side(3))
        else {
            bail!("a line of the results has no frame or no box: {line}");
        };
        let frame = frame as usize + 1;
        if frame <= last {
            found.entry(frame).or_default().push(Boxed { id, rect: Rect { x1, y1, x2, y2 } });
        }
    }
    Ok(found)
}

/// Takes away found boxes that are a better match for what is not judged than for the truth.
fn leave_out(truth: &[Boxed], neither: &[Boxed], found: &mut Vec<Boxed>) {
    if neither.is_empty() {
        return;
    }
    let everything: Vec<&Boxed> = truth.iter().chain(neither).collect();
    let cost = |boxed: &&Boxed| {
        let overlap = |found: &Boxed| boxed.rect.iou(&found.rect);
        found
            .iter()
            .map(|found| -overlap(found))
            .map(|cost| if cost > -OVERLAP { 0.0 } else { cost })
            .collect()
    };
    let pairs = cortex_detector::assign(&everything.iter().map(cost).collect::<Vec<Vec<f32>>>(), 0.0);
    let mut gone: Vec<usize> =
        pairs.into_iter().filter(|(row, _)| *row >= truth.len()).map(|(_, column)| column).collect();
    gone.sort_unstable();
    for column in gone.into_iter().rev() {
        found.remove(column);
    }
}

fn table(scores: &Scores) -> String {
    format!(
        "MOTA         {:6.3}\nIDF1         {:6.3}\nHOTA         {:6.3}   (DetA {:.3}, AssA {:.3})\n\
         precision    {:6.3}   {} false boxes\nrecall       {:6.3}   {} missed boxes\nid switches  {:6}\n\
         scored       {:6} frames, {} boxes and {} tracks of the truth, {} tracks found",
        scores.mota,
        scores.idf1,
        scores.hota,
        scores.det_a,
        scores.ass_a,
        scores.precision,
        scores.false_boxes,
        scores.recall,
        scores.missed_boxes,
        scores.id_switches,
        scores.frames,
        scores.truth_boxes,
        scores.truth_tracks,
        scores.found_tracks,
    )
}
