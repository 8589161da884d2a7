//! `cortex explain`: why an alert was told, or why none was.

mod page;
mod picture;

use anyhow::{Context as _, bail};
use cortex_alerter::terminal;
use cortex_proto::v1;
use cortex_rules::{Engine, Explained};
use page::Page;
use serde_json::json;

use crate::{
    cli,
    config::Config,
    past::{self, Past, Played, clock},
    print, replay,
};

/// Prints the explanation.
pub(crate) fn run(config: &Config, options: &cli::Explain) -> anyhow::Result<()> {
    let past = Past::open(config, options.store.as_deref())?;
    match (&options.alert, &options.camera, options.at) {
        (Some(id), None, None) => alert(&past, id, options),
        (None, Some(camera), Some(at_us)) => silence(&past, camera, at_us, options),
        _ => bail!("give the id of an alert, or `--camera` and `--at` for why nothing was told there"),
    }
}

fn alert(past: &Past, id: &str, options: &cli::Explain) -> anyhow::Result<()> {
    let (alert, anomalies) = past.find(id)?;
    let Some(last) = anomalies.last() else { bail!("the alert `{id}` has no anomaly") };
    if let Some(alert) = &alert {
        print::line(&format!(
            "alert {} revision {}: {}, {} anomalies, {}",
            alert.id,
            alert.revision,
            terminal::severity(alert.severity),
            alert.count,
            alert.change
        ));
    }
    for anomaly in &anomalies {
        let page = Page::of(past, anomaly)?;
        print::line(&if options.json { page.json().to_string() } else { page.text() });
        if let Some(out) = options.out.as_deref().filter(|_| anomaly.id == last.id) {
            std::fs::write(out, picture::draw(&page)).with_context(|| format!("write {}", out.display()))?;
            print::line(&format!("picture: {}", out.display()));
        }
    }
    Ok(())
}

/// Why nothing was told: each rule, how near it came, and what stopped it.
fn silence(past: &Past, camera: &str, at_us: i64, options: &cli::Explain) -> anyhow::Result<()> {
    let state = past.state(camera, at_us)?;
    if state.time_us > at_us {
        bail!("what is stored of camera {camera} begins later, at {}", clock(state.time_us));
    }
    let begin = |state: &v1::RuleState| -> anyhow::Result<Engine> {
        let mut engine = Engine::default();
        engine.restore(replay::memory(state)?);
        engine.reload(camera, &past::tables(state, &state.rules, &state.zones));
        Ok(engine)
    };
    let (mut engine, mut last, mut rules) = (begin(&state)?, None, state.rules.clone());
    past.play(&state, at_us, |played| {
        // The last message is explained, not looked at: it waits until another one follows.
        match played {
            Played::State(state) => {
                engine = begin(&state)?;
                rules = state.rules;
                last = None;
            }
            Played::Message(seen) => {
                if let Some(before) = last.replace(seen) {
                    engine.look(&before);
                }
            }
        }
        Ok(())
    })?;
    let seen: v1::Detections =
        last.with_context(|| format!("nothing is stored of camera {camera} until then"))?;
    let told = engine.explain(&seen);
    if options.json {
        let rows: Vec<_> = told.iter().map(row_json).collect();
        let line = json!({ "camera": camera, "time_us": seen.time_us, "rules": rows });
        print::line(&line.to_string());
        return Ok(());
    }
    let tracks = seen.objects.iter().filter(|object| object.track != 0).count();
    print::line(&format!(
        "camera {camera} at {}: {tracks} tracks, {} rules",
        clock(seen.time_us),
        rules.len()
    ));
    for rule in &rules {
        let mut looks = told.iter().filter(|look| look.rule == rule.id).peekable();
        if looks.peek().is_none() {
            print::line(&format!("{:<28} not looked at: nobody was there", rule.id));
        }
        looks.for_each(|look| print::line(&row(look)));
    }
    Ok(())
}

fn row(look: &Explained) -> String {
    let who = if look.track == 0 { "scene".to_owned() } else { format!("track {}", page::short(look.track)) };
    let measured = look.measure.as_ref().map_or_else(String::new, |measure| {
        let v1::Measure { name, value, threshold } = measure;
        // Without a threshold it is a distance that must vanish.
        let against = if *threshold > 0.0 { format!("of {threshold:.2}") } else { "to go".to_owned() };
        format!("{name} {value:.2} {against} ({:.0} %)", look.near * 100.0)
    });
    format!("{:<28} {who:<16} {measured:<40} {}", look.rule, look.stopped.unwrap_or("fires"))
}

fn row_json(look: &Explained) -> serde_json::Value {
    json!({
        "rule": look.rule, "track": look.track, "near": look.near, "stopped": look.stopped, "measure": look.measure,
    })
}
