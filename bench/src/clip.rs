//! A clip decoded, one picture after the other, by reference into the decoder's own memory.

use std::path::Path;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use cortex_models::{Format, Matrix, Picture, Plane};
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;
use gstreamer_video::VideoInfo;

/// A clip being decoded, as fast as it is read.
pub(crate) struct Decoder {
    pipeline: gst::Pipeline,
    pictures: AppSink,
}

impl Decoder {
    /// Starts decoding on one thread.
    pub(crate) fn open(clip: &Path) -> anyhow::Result<Self> {
        gst::init()?;
        let text = "filesrc name=file ! parsebin ! avdec_h264 max-threads=1 ! video/x-raw,format=I420 \
                    ! appsink name=pictures sync=false max-buffers=2";
        let pipeline = gst::parse::launch(text)?.downcast::<gst::Pipeline>();
        let pipeline = pipeline.map_err(|_| anyhow!("the decoder is no pipeline"))?;
        pipeline.by_name("file").context("the decoder has no source")?.set_property("location", clip);
        let pictures = pipeline.by_name("pictures").and_downcast().context("the decoder has no sink")?;
        pipeline.set_state(gst::State::Playing)?;
        Ok(Self { pipeline, pictures })
    }

    /// The next picture; `None` after the last.
    pub(crate) fn next(&self) -> anyhow::Result<Option<Picture>> {
        let Ok(sample) = self.pictures.pull_sample() else {
            let bus = self.pipeline.bus().context("the decoder has no bus")?;
            return match bus.pop_filtered(&[gst::MessageType::Error]) {
                Some(error) => Err(anyhow!("cannot decode: {error:?}")),
                None => Ok(None),
            };
        };
        let info = VideoInfo::from_caps(sample.caps().context("a picture without a format")?)?;
        let buffer = sample.buffer_owned().context("a sample without a picture")?;
        let (offsets, strides) = match buffer.meta::<gstreamer_video::VideoMeta>() {
            Some(meta) => (meta.offset().to_vec(), meta.stride().to_vec()),
            None => (info.offset().to_vec(), info.stride().to_vec()),
        };
        let mapped = buffer.into_mapped_buffer_readable().map_err(|_| anyhow!("a picture cannot be read"))?;
        let data = Bytes::from_owner(mapped);
        let plane = |(offset, stride): (usize, i32)| -> anyhow::Result<Plane> {
            Ok(Plane { data: data.slice(offset..), stride: usize::try_from(stride)? })
        };
        let planes = offsets.into_iter().zip(strides).map(plane).collect::<anyhow::Result<_>>()?;
        let format = Format::I420(Matrix::Bt601);
        Ok(Some(Picture::new(info.width() as usize, info.height() as usize, format, planes)?))
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        if let Err(error) = self.pipeline.set_state(gst::State::Null) {
            eprintln!("the decoder does not stop: {error}");
        }
    }
}
