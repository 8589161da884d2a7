//! What is missing on this machine.

use std::process::Command;

use anyhow::bail;
use cortex_infer::{self as infer, Library};
use cortex_models::{Manifest, Task};

use crate::{config::Config, print};

/// GStreamer elements that ingest needs, and the Debian package of each.
const ELEMENTS: [(&str, &str); 6] = [
    ("appsink", "gstreamer1.0-plugins-base"),
    ("videoconvert", "gstreamer1.0-plugins-base"),
    ("rtspsrc", "gstreamer1.0-plugins-good"),
    ("qtdemux", "gstreamer1.0-plugins-good"),
    ("jpegdec", "gstreamer1.0-plugins-good"),
    ("avdec_h264", "gstreamer1.0-libav"),
];

/// Looks at everything and says how to mend it.
pub(crate) fn run(config: &Config) -> anyhow::Result<()> {
    let mut missing = Vec::new();
    for (element, package) in ELEMENTS {
        let there = cortex_ingest::has_element(element);
        say(there, &format!("gstreamer {element}"), &format!("apt-get install {package}"));
        if !there {
            missing.push(package);
        }
    }
    let mut broken = missing.len();
    match Library::load(&config.infer) {
        Ok(library) => {
            say(true, &format!("onnx runtime {}", Library::path(&config.infer).display()), "");
            let manifest: Manifest = infer::manifest(&config.infer)?;
            for (name, model) in &manifest.models {
                let opened = infer::Session::open(&library, &config.infer, model);
                let text = match &opened {
                    Ok(session) => format!("model {name} on {:?}", session.provider()),
                    Err(error) => format!("model {name}: {error}"),
                };
                say(opened.is_ok(), &text, "");
                broken += usize::from(opened.is_err());
            }
            for one in infer::measure(&library, &config.infer, &manifest)? {
                print::line(&format!(
                    "      {}: {:.1} ms a picture",
                    one.name,
                    one.least.as_secs_f64() * 1e3
                ));
            }
            let name = infer::pick(&config.infer, &manifest, Task::Objects)?;
            print::line(&format!("      {name} is taken (`infer.precision`)"));
        }
        Err(error) => {
            say(false, &error.to_string(), "");
            broken += 1;
        }
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    print::line(&format!("      {cores} cores"));
    let smi = Command::new("nvidia-smi").arg("-L").output().is_ok_and(|output| output.status.success());
    print::line(if smi {
        "      an nvidia gpu is here"
    } else {
        "      no nvidia gpu: models run on the cpu"
    });
    if broken > 0 {
        bail!("{broken} things are missing");
    }
    Ok(())
}

fn say(good: bool, what: &str, mend: &str) {
    let mend = if good || mend.is_empty() { String::new() } else { format!(": {mend}") };
    print::line(&format!("{} {what}{mend}", if good { "ok   " } else { "MISSING" }));
}
