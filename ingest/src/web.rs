//! A web camera as a source: MJPEG over HTTP, one JPEG after the other in one answer (`multipart/x-mixed-replace`).

use gstreamer::{self as gst, prelude::*};

use crate::{
    Error, decoder,
    pipeline::{Open, make, trust},
};

/// An element that gives the pictures of the address of `open`. The usual search for decoders would wait for kilobytes
/// that a slow camera takes seconds for.
pub(crate) fn source(open: &Open<'_>) -> Result<gst::Element, Error> {
    let setup = |error: &dyn std::fmt::Display| Error::Setup(format!("build a pipeline: {error}"));
    let source = make("souphttpsrc")?;
    source.set_property("location", open.url);
    source.set_property("is-live", true);
    source.set_property("do-timestamp", true);
    source.set_property("timeout", open.config.stall_s.ceil() as u32);
    source.set_property("retries", 0_i32);
    // Nobody looked at where it would lead.
    source.set_property("automatic-redirect", false);
    trust(&source, open.config, open.login.as_ref())?;
    let (parts, decoder) = (make("multipartdemux")?, decoder::best("image/jpeg")?);
    let bin = gst::Bin::new();
    bin.add_many([&source, &parts, &decoder]).map_err(|error| setup(&error))?;
    source.link(&parts).map_err(|error| setup(&error))?;
    let missing = || Error::Setup("the decoder has no pads".to_owned());
    let (into, out) = (decoder.static_pad("sink"), decoder.static_pad("src"));
    let (into, out) = (into.ok_or_else(missing)?, out.ok_or_else(missing)?);
    parts.connect_pad_added(move |parts, pad| {
        if !into.is_linked()
            && let Err(error) = pad.link(&into)
        {
            gst::element_error!(parts, gst::StreamError::WrongType, ("it sends no JPEG pictures: {error}"));
        }
    });
    let out = gst::GhostPad::builder_with_target(&out).map_err(|error| setup(&error))?.name("src").build();
    bin.add_pad(&out).map_err(|error| setup(&error))?;
    Ok(bin.upcast())
}
