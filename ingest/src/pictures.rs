//! A folder of pictures as a source: in the order of their names, so many a second.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cortex_models::Picture;
use cortex_runtime::still::{self, Limits};
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::{AppSrc, AppSrcCallbacks, AppStreamType};
use gstreamer_video as gst_video;
use tracing::warn;

use crate::Error;

/// Endings of the names of pictures, whatever their case.
const ENDINGS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// What is to be shown, and what of it comes next.
struct Reel {
    pictures: Vec<PathBuf>,
    next: usize,
    interval: gst::ClockTime,
}

/// The folder that an address names; `None` for any other address.
pub(crate) fn folder(url: &str) -> Option<&Path> {
    url.strip_prefix("file://").map(Path::new).filter(|path| path.is_dir())
}

/// An element that gives the pictures of a folder, `rate` a second. What is no picture in spite of its name is left out,
/// with a word in the log.
pub(crate) fn source(folder: &Path, rate: f32) -> Result<gst::Element, Error> {
    let pictures = list(folder)
        .map_err(|error| Error::Stream(format!("read the folder {}: {error}", folder.display())))?;
    if pictures.is_empty() {
        return Err(Error::Stream(format!(
            "the folder {} has no pictures: names that end in {} are",
            folder.display(),
            ENDINGS.join(", ")
        )));
    }
    let interval = gst::ClockTime::from_nseconds((1e9 / f64::from(rate)) as u64);
    let source = AppSrc::builder().format(gst::Format::Time).stream_type(AppStreamType::Seekable);
    let source = source.max_buffers(2).duration(*(interval * pictures.len() as u64)).build();
    let reel = Arc::new(Mutex::new(Reel { pictures, next: 0, interval }));
    let sought = Arc::clone(&reel);
    source.set_callbacks(
        AppSrcCallbacks::builder()
            .need_data(move |source, _| lock(&reel).show(source))
            .seek_data(move |_, to_ns| {
                let mut reel = lock(&sought);
                reel.next = (to_ns / reel.interval.nseconds()) as usize;
                true
            })
            .build(),
    );
    Ok(source.upcast())
}

fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = folder.canonicalize()?;
    let mut pictures: Vec<PathBuf> =
        fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    let is_picture = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
        ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
            // Links lead to no other folder: this one was allowed.
            && path.canonicalize().is_ok_and(|real| real.starts_with(&folder) && real.is_file())
    };
    pictures.retain(is_picture);
    pictures.sort();
    Ok(pictures)
}

fn lock(reel: &Mutex<Reel>) -> MutexGuard<'_, Reel> {
    reel.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reel {
    /// Pushes the next picture that is one, or the end.
    fn show(&mut self, source: &AppSrc) {
        while let Some(path) = self.pictures.get(self.next) {
            let at = self.interval * self.next as u64;
            self.next += 1;
            match read(path) {
                Ok(picture) => {
                    if let Some(sample) = sample(&picture, at, self.interval) {
                        source.push_sample(&sample).ok();
                    }
                    return;
                }
                Err(error) => warn!(picture = %path.display(), error, "left out"),
            }
        }
        source.end_of_stream().ok();
    }
}

fn read(path: &Path) -> Result<Picture, String> {
    let limits = Limits::default();
    let length = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > limits.bytes as u64 {
        return Err(still::Error::TooManyBytes { got: length as usize, most: limits.bytes }.to_string());
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    still::decode(&bytes, limits).map_err(|error| error.to_string())
}

/// A picture (RGB, rows without gaps) as GStreamer passes it on.
fn sample(picture: &Picture, at: gst::ClockTime, lasts: gst::ClockTime) -> Option<gst::Sample> {
    let (width, height) = (picture.width(), picture.height());
    // Rows lie on whole words there.
    let row = (3 * width).next_multiple_of(4);
    let plane = picture.planes().first()?;
    let mut bytes = vec![0; row * height];
    for (to, from) in bytes.chunks_exact_mut(row).zip(plane.data.chunks(plane.stride)) {
        to[..3 * width].copy_from_slice(&from[..3 * width]);
    }
    let mut buffer = gst::Buffer::from_mut_slice(bytes);
    {
        let buffer = buffer.get_mut()?;
        buffer.set_pts(at);
        buffer.set_duration(lasts);
    }
    let format = gst_video::VideoFormat::Rgb;
    let info = gst_video::VideoInfo::builder(format, width as u32, height as u32).build().ok()?;
    Some(gst::Sample::builder().buffer(&buffer).caps(&info.to_caps().ok()?).build())
}
