//! Clips that are made for a story.

use std::path::{Path, PathBuf};

use gstreamer::{self as gst, prelude::*};

/// What a pipeline without its sink makes, as a file.
pub(crate) fn made(folder: &Path, name: &str, launch: &str) -> PathBuf {
    gst::init().unwrap();
    let path = folder.join(name);
    let pipeline = gst::parse::launch(&format!("{launch} ! filesink name=file")).unwrap();
    let pipeline = pipeline.downcast::<gst::Pipeline>().unwrap();
    pipeline.by_name("file").unwrap().set_property("location", &path);
    pipeline.set_state(gst::State::Playing).unwrap();
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = pipeline.bus().unwrap().timed_pop_filtered(gst::ClockTime::from_seconds(60), &kinds);
    assert_eq!(end.unwrap().type_(), gst::MessageType::Eos, "{name}");
    pipeline.set_state(gst::State::Null).unwrap();
    path
}
