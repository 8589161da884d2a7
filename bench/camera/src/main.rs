//! `cortex-camera CLIP`: a camera on loopback until it is interrupted.

use std::{io::Write, path::PathBuf, thread};

use clap::Parser;
use cortex_camera::{Camera, CameraOptions, Error};

/// Plays a clip for ever as an RTSP camera on 127.0.0.1.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// H.264, H.265 or MJPEG: mp4, mkv, avi or bare Annex B
    clip: PathBuf,
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 8554)]
    port: u16,
    /// Path in the URL
    #[arg(long, default_value = "camera")]
    path: String,
    /// Seconds of the clip sent in one second
    #[arg(long, default_value_t = 1.0)]
    rate: f64,
}

fn main() -> Result<(), Error> {
    let Arguments { clip, port, path, rate } = Arguments::parse();
    let camera =
        Camera::start(CameraOptions { port, path, realtime_rate: rate, ..CameraOptions::new(clip) })?;
    writeln!(std::io::stdout(), "{}", camera.url())?;
    loop {
        thread::park();
    }
}
