//! Somebody whose face is known, who comes and goes in front of the synthetic cameras, so that there is somebody to recognise.

use std::path::Path;

use anyhow::Context as _;
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;

use crate::clip::{SIZE, pipeline};

/// Width and height in the picture, as large as a detector needs half a body to be.
const SIDE: usize = 400;
/// Pictures from one visit to the next, and of a visit. Away for longer than a detector keeps a track that is not seen: each
/// visit is another track.
const ROUND: usize = 72;
const VISIT: usize = 30;
/// Pictures between the visits of one camera and of the next, so that somebody comes every two seconds.
const APART: usize = ROUND / 4;

/// Which visit to a camera a picture of its clip shows; none when they are away.
pub(crate) fn visit(camera: u16, number: u16) -> Option<usize> {
    let place = usize::from(number) + APART * usize::from(camera);
    (place % ROUND < VISIT).then_some(place / ROUND)
}

/// Their picture: I420, [`SIDE`] by [`SIDE`].
pub(crate) struct Guest(Vec<u8>);

impl Guest {
    /// From a PNG.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let launch = format!(
            "filesrc name=file ! pngdec ! videoconvert ! videoscale ! video/x-raw,format=I420,width={SIDE},height={SIDE} \
             ! appsink name=picture sync=false"
        );
        let decoder = pipeline(&launch)?;
        decoder.by_name("file").context("the decoder has no source")?.set_property("location", path);
        let sink = decoder.by_name("picture").and_downcast::<AppSink>().context("the decoder has no sink")?;
        decoder.set_state(gst::State::Playing)?;
        let sample = sink.pull_sample().with_context(|| format!("{} is no picture", path.display()))?;
        let picture = sample.buffer().context("a sample without a picture")?.map_readable()?.to_vec();
        decoder.set_state(gst::State::Null)?;
        Ok(Self(picture))
    }

    /// Stands in the lower right corner of a picture of I420, if they are there in it.
    pub(crate) fn draw(&self, camera: u16, number: u16, picture: &mut [u8]) {
        if visit(camera, number).is_none() {
            return;
        }
        let (mut there, mut here) = (picture, self.0.as_slice());
        for half in [1, 2, 2] {
            let (width, height, side) = (SIZE.0 / half, SIZE.1 / half, SIDE / half);
            let (plane, rest) = there.split_at_mut(width * height);
            let (guest, others) = here.split_at(side * side);
            let rows = plane.chunks_mut(width).skip(height - side);
            rows.zip(guest.chunks(side))
                .for_each(|(row, of_guest)| row[width - side..].copy_from_slice(of_guest));
            (there, here) = (rest, others);
        }
    }
}
