//! An RTSP camera as a source. Built by hand: the usual search for decoders puts a queue with a thread of its own between
//! parser and decoder, which costs an idle camera more than its decoding.

use cortex_runtime::config::Transport;
use gstreamer::{self as gst, prelude::*};

use crate::{
    Config, Error, decoder,
    early::Early,
    pipeline::{Open, make, trust},
};

/// What RTP calls a codec, what takes it out of the packets and parses it, and what GStreamer calls it.
const CODECS: [(&str, &[&str], &str); 7] = [
    ("H264", &["rtph264depay", "h264parse"], "video/x-h264"),
    ("H265", &["rtph265depay", "h265parse"], "video/x-h265"),
    ("JPEG", &["rtpjpegdepay"], "image/jpeg"),
    ("AV1", &["rtpav1depay", "av1parse"], "video/x-av1"),
    ("MP4V-ES", &["rtpmp4vdepay", "mpeg4videoparse"], "video/mpeg"),
    ("VP8", &["rtpvp8depay"], "video/x-vp8"),
    ("VP9", &["rtpvp9depay", "vp9parse"], "video/x-vp9"),
];

/// An element that gives the decoded pictures of the address of `open`. Sound is not even asked for.
pub(crate) fn source(open: &Open<'_>, early: &Early) -> Result<gst::Element, Error> {
    let source = make("rtspsrc")?;
    source.set_property("location", open.url);
    set_up(&source, open.config);
    trust(&source, open.config, open.login.as_ref())?;
    source.connect("select-stream", false, |values| {
        let caps = values.get(2).and_then(|value| value.get::<gst::Caps>().ok());
        Some((field(caps.as_ref(), "media").as_deref() == Some("video")).to_value())
    });
    let bin = gst::Bin::new();
    let setup = |error: &dyn std::fmt::Display| Error::Setup(format!("build a pipeline: {error}"));
    bin.add(&source).map_err(|error| setup(&error))?;
    let out = gst::GhostPad::builder(gst::PadDirection::Src).name("src").build();
    bin.add_pad(&out).map_err(|error| setup(&error))?;
    let (bin_of_pads, out_of_pads, early) = (bin.downgrade(), out.downgrade(), early.clone());
    source.connect_pad_added(move |source, pad| {
        let (Some(bin), Some(out)) = (bin_of_pads.upgrade(), out_of_pads.upgrade()) else { return };
        // A camera that sends two of them shows the first.
        if out.target().is_some() {
            return;
        }
        if let Err(error) = decode(&bin, &out, pad, &early) {
            gst::element_error!(source, gst::StreamError::CodecNotFound, ("{error}"));
        }
    });
    Ok(bin.upcast())
}

/// From the packets of a stream to its pictures.
fn decode(bin: &gst::Bin, out: &gst::GhostPad, packets: &gst::Pad, early: &Early) -> Result<(), Error> {
    let caps = packets.current_caps().unwrap_or_else(|| packets.query_caps(None));
    let name = field(Some(&caps), "encoding-name").unwrap_or_default();
    let known = CODECS.iter().find(|(rtp, ..)| *rtp == name);
    let (_, elements, codec) =
        known.ok_or_else(|| Error::Stream(format!("the camera sends {name}, which is not known here")))?;
    let mut chain: Vec<gst::Element> = elements.iter().map(|name| make(name)).collect::<Result<_, _>>()?;
    let frames = chain.last().and_then(|last| last.static_pad("src"));
    frames.iter().for_each(|frames| early.hold(frames));
    chain.push(decoder::best(codec)?);
    let failed = |error: gst::glib::BoolError| Error::Setup(format!("build a pipeline: {error}"));
    bin.add_many(&chain).and_then(|()| gst::Element::link_many(&chain)).map_err(failed)?;
    let pads = (chain[0].static_pad("sink"), chain[chain.len() - 1].static_pad("src"));
    let (Some(into), Some(pictures)) = pads else {
        return Err(Error::Setup(format!("the decoder of {name} has no pads")));
    };
    out.set_target(Some(&pictures)).map_err(failed)?;
    // Sinks first, so that nothing comes before it can be taken.
    chain.iter().rev().try_for_each(gst::Element::sync_state_with_parent).map_err(failed)?;
    packets.link(&into).map_err(|error| Error::Setup(format!("link the source: {error}")))?;
    Ok(())
}

fn set_up(source: &gst::Element, config: &Config) {
    let timeout = (config.stall_s * 1e6) as u64;
    source.set_property("latency", config.latency_ms);
    source.set_property("timeout", timeout);
    source.set_property("tcp-timeout", timeout);
    source.set_property("do-rtsp-keep-alive", true);
    let protocols = match config.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
        Transport::Auto => "tcp+udp-mcast+udp",
    };
    source.set_property_from_str("protocols", protocols);
}

fn field(caps: Option<&gst::Caps>, name: &str) -> Option<String> {
    caps?.structure(0)?.get::<String>(name).ok()
}
