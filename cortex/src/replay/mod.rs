//! `cortex replay`: stored detections through changed rules, and which alerts that would have gained and lost.

mod compare;
mod plan;
#[cfg(test)]
mod tests;

use anyhow::{Context as _, bail};
use compare::{Comparison, Pair};
use cortex_proto::v1;
use cortex_rules::{self as rules, Engine};
use cortex_runtime::{Snapshot, config::entries::Entries};
use plan::Plan;
use serde_json::json;

use crate::{
    cli,
    config::{self, Config},
    past::{Past, Played, clock},
    print,
};

/// Replays and prints what is different.
pub(crate) fn run(config: &Config, options: &cli::Replay) -> anyhow::Result<()> {
    let fresh = config::load(Some(&options.rules)).map_err(|errors| anyhow::anyhow!("{errors}"))?;
    let past = Past::open(config, options.store.as_deref())?;
    let camera = camera(options, &fresh)?;
    let entries = fresh.entries(&[&camera])?;
    if options.from > options.to {
        bail!("--from {} is later than --to {}", clock(options.from), clock(options.to));
    }
    let replay = Replay::run(&past, &camera, &entries, options.from, options.to)?;
    let comparison = Comparison::of(replay.live, replay.told);
    if options.json {
        let line = json!({
            "camera": camera, "from_us": options.from, "to_us": options.to, "state_us": replay.state_us,
            "messages": replay.messages, "changed": replay.changed, "not_evaluable": replay.blind,
            "gained": comparison.gained, "lost": comparison.lost, "unchanged": comparison.unchanged,
        });
        print::line(&line.to_string());
        return Ok(());
    }
    print::line(&format!(
        "camera {camera}, {} to {}: {} messages, from the state stored at {}",
        clock(options.from),
        clock(options.to),
        replay.messages,
        clock(replay.state_us)
    ));
    if replay.state_us > options.from {
        print::line("nothing was stored before: what began earlier is not known");
    }
    print::line(&match replay.changed.as_slice() {
        [] => "no rule differs from those in force then".to_owned(),
        changed => format!("rules that differ from those in force then: {}", changed.join(", ")),
    });
    replay.blind.iter().for_each(|remark| print::line(&format!("not evaluable  {remark}")));
    comparison.unchanged.iter().for_each(|pair| print::line(&unchanged(pair)));
    comparison.gained.iter().for_each(|alert| print::line(&row("gained", alert)));
    comparison.lost.iter().for_each(|alert| print::line(&row("lost", alert)));
    let exact = comparison.unchanged.iter().filter(|pair| pair.exact).count();
    print::line(&format!(
        "{} unchanged ({exact} of them byte for byte), {} gained, {} lost",
        comparison.unchanged.len(),
        comparison.gained.len(),
        comparison.lost.len()
    ));
    Ok(())
}

fn row(word: &str, alert: &v1::Anomaly) -> String {
    format!(
        "{word:<14} {:>12}  {}: {}  ({})",
        clock(alert.time_us),
        alert.rule,
        alert.why,
        &alert.id[..8.min(alert.id.len())]
    )
}

fn unchanged(pair: &Pair) -> String {
    let shift = match pair.later_s {
        later if later > 0.0 => format!("  {later:.1} s later"),
        later if later < 0.0 => format!("  {:.1} s earlier", -later),
        _ => String::new(),
    };
    format!("{}{shift}", row("unchanged", &pair.alert))
}

/// The camera that is meant: the one that is named, or the only one that the rules are about.
fn camera(options: &cli::Replay, fresh: &Config) -> anyhow::Result<String> {
    if let Some(camera) = &options.camera {
        return Ok(camera.clone());
    }
    let mut known: Vec<&str> = fresh.cameras.iter().map(|camera| camera.id.as_str()).collect();
    known.extend(fresh.zones.iter().map(|zone| zone.camera.as_str()));
    known.extend(fresh.rules.iter().map(|rule| rule.camera.as_str()).filter(|camera| !camera.is_empty()));
    known.sort_unstable();
    known.dedup();
    match known.as_slice() {
        [only] => Ok((*only).to_owned()),
        _ => bail!("say which camera: --camera"),
    }
}

/// What a replay brought.
struct Replay {
    /// When the state was stored that it began with.
    state_us: i64,
    /// Messages in the span that was compared.
    messages: usize,
    /// Rules that are not those in force then, by id.
    changed: Vec<String>,
    /// What could not be judged, and why.
    blind: Vec<String>,
    /// What was told then.
    live: Vec<v1::Anomaly>,
    /// What would have been told.
    told: Vec<v1::Anomaly>,
}

impl Replay {
    fn run(past: &Past, camera: &str, entries: &Entries, from_us: i64, to_us: i64) -> anyhow::Result<Self> {
        let mut plan = Plan::of(&past.state(camera, from_us)?, entries)?;
        let mut differ = plan.changed.clone();
        let mut known = plan.known();
        // Changed rules begin empty, one longest window earlier.
        let begin = past.state(camera, from_us - plan.window_us())?;
        plan = Plan::of(&begin, entries)?;
        let mut blind = plan::Blind::default();
        let mut engine = Engine::default();
        engine.restore(memory(&begin)?);
        engine.reload(camera, &plan.tables());
        let (mut told, mut messages) = (Vec::new(), 0);
        past.play(&begin, to_us, |played| {
            match played {
                Played::State(state) => {
                    plan = Plan::of(&state, entries)?;
                    if state.time_us > from_us {
                        differ.extend(plan.changed.iter().cloned());
                        known.extend(plan.known());
                    }
                    engine.adopt(memory(&state)?);
                    engine.reload(camera, &plan.tables());
                }
                Played::Message(seen) => {
                    let found = engine.look(&seen);
                    if seen.time_us >= from_us {
                        messages += 1;
                        told.extend(found);
                        blind.see(&plan, &seen);
                    }
                }
            }
            Ok(())
        })?;
        let mut live = past.anomalies(&begin, from_us, to_us)?;
        live.retain(|anomaly| known.contains(&anomaly.rule));
        Ok(Self {
            state_us: begin.time_us,
            messages,
            changed: differ.into_iter().collect(),
            blind: blind.remarks(),
            live,
            told,
        })
    }
}

/// What the rules remembered.
pub(crate) fn memory(state: &v1::RuleState) -> anyhow::Result<rules::State> {
    Snapshot(state.memory.clone()).read().with_context(|| {
        format!(
            "the state of {} was stored by another version of Cortex: replay with that one",
            clock(state.time_us)
        )
    })
}
