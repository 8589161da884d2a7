//! Which decoder takes a codec on this machine.

use gstreamer::{self as gst, prelude::*};

use crate::Error;

/// The best decoder by rank that works here: hardware where it is there, else libav.
///
/// # Errors
/// GStreamer has none.
pub(crate) fn best(codec: &str) -> Result<gst::Element, Error> {
    let coded = gst::Caps::new_empty_simple(codec);
    let kinds = gst::ElementFactoryType::DECODER
        | gst::ElementFactoryType::MEDIA_VIDEO
        | gst::ElementFactoryType::MEDIA_IMAGE;
    let mut factories: Vec<gst::ElementFactory> =
        gst::ElementFactory::factories_with_type(kinds, gst::Rank::MARGINAL).into_iter().collect();
    factories.retain(|factory| factory.can_sink_any_caps(&coded));
    factories.sort_by_key(|factory| std::cmp::Reverse(factory.rank()));
    // A decoder may be installed for hardware that is not there.
    let working = factories.iter().filter_map(|factory| factory.create().build().ok()).find(|decoder| {
        let works = decoder.set_state(gst::State::Ready).is_ok();
        decoder.set_state(gst::State::Null).ok();
        works
    });
    working.ok_or_else(|| {
        Error::Setup(format!("GStreamer has no decoder for {codec}: `cortex doctor` says how to install one"))
    })
}
