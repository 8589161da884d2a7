//! A camera that is watched, killed, frozen and locked, seen through the same `rtspsrc` that ingest uses.

use std::{
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
};

use cortex_camera::{Camera, CameraOptions, Clip, Codec, Error, Login, LoginScheme};
use gstreamer::{self as gst, ClockTime, prelude::*};
use gstreamer_app::AppSink;

const PATIENCE: ClockTime = ClockTime::from_seconds(20);

/// 20 drawn pictures of 320x240, key frames every 5, 25 a second.
fn clip(folder: &Path, name: &str, encode: &str) -> PathBuf {
    gst::init().expect("gstreamer starts");
    let path = folder.join(name);
    let text = format!(
        "videotestsrc num-buffers=20 pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 \
         ! {encode} ! filesink name=file"
    );
    let pipeline = gst::parse::launch(&text).expect("the encoder is there").downcast::<gst::Pipeline>();
    let pipeline = pipeline.expect("a launch line with links is a pipeline");
    pipeline.by_name("file").expect("named above").set_property("location", &path);
    pipeline.set_state(gst::State::Playing).expect("the encoder starts");
    let bus = pipeline.bus().expect("a pipeline has a bus");
    let end = bus.timed_pop_filtered(PATIENCE, &[gst::MessageType::Eos, gst::MessageType::Error]);
    assert_eq!(end.expect("the encoder ends").type_(), gst::MessageType::Eos);
    pipeline.set_state(gst::State::Null).expect("the encoder stops");
    path
}

fn h264(folder: &Path) -> PathBuf {
    clip(folder, "clip.mp4", "openh264enc gop-size=5 ! h264parse ! mp4mux")
}

/// A client over TCP.
struct Client {
    pipeline: gst::Pipeline,
    pictures: AppSink,
}

impl Client {
    fn new(url: &str, decode: &str, login: &str) -> Self {
        gst::init().expect("gstreamer starts");
        let text = format!(
            "rtspsrc location={url} protocols=tcp latency=0 {login} ! {decode} ! appsink name=pictures sync=false"
        );
        let pipeline = gst::parse::launch(&text).expect("the client's elements are there");
        let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a launch line with links is a pipeline");
        let pictures = pipeline.by_name("pictures").and_downcast().expect("named above");
        pipeline.set_state(gst::State::Playing).expect("the client starts");
        Self { pipeline, pictures }
    }

    fn h264(url: &str) -> Self {
        Self::new(url, "rtph264depay ! avdec_h264", "")
    }

    /// Timestamps of the next `count` pictures.
    fn watch(&self, count: usize) -> Vec<ClockTime> {
        let next = || self.pictures.try_pull_sample(PATIENCE).expect("the camera sends pictures");
        (0..count).map(|_| next().buffer().and_then(|b| b.pts()).expect("pictures are stamped")).collect()
    }

    /// The first message of one of these kinds.
    fn message(&self, kinds: &[gst::MessageType]) -> gst::Message {
        let bus = self.pipeline.bus().expect("a pipeline has a bus");
        bus.timed_pop_filtered(PATIENCE, kinds).expect("the client notices")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Err(error) = self.pipeline.set_state(gst::State::Null) {
            eprintln!("the client does not stop: {error}");
        }
    }
}

#[test]
fn plays_for_ever_with_a_monotone_clock() {
    let folder = tempfile::tempdir().expect("a folder");
    let camera =
        Camera::start(CameraOptions { realtime_rate: 4.0, ..CameraOptions::new(h264(folder.path())) });
    let camera = camera.expect("the camera starts");
    let stamps = Client::h264(&camera.url()).watch(50);
    assert!(
        stamps.is_sorted_by(|a, b| a < b),
        "the clip has 20 pictures, so this is past the second seam: {stamps:?}"
    );
}

#[test]
fn killed_and_restarted_on_the_same_port() {
    let folder = tempfile::tempdir().expect("a folder");
    let clip = h264(folder.path());
    let camera = Camera::start(CameraOptions::new(&clip)).expect("the camera starts");
    let (url, port) = (camera.url(), camera.port());
    let client = Client::h264(&url);
    client.watch(3);
    camera.stop();
    client.message(&[gst::MessageType::Eos, gst::MessageType::Error]);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "the port is closed");
    let again = Camera::start(CameraOptions { port, ..CameraOptions::new(&clip) }).expect("the port is free");
    assert_eq!(again.url(), url);
    Client::h264(&url).watch(3);
}

#[test]
fn a_frozen_camera_says_nothing_and_thaws() {
    let folder = tempfile::tempdir().expect("a folder");
    let camera = Camera::start(CameraOptions::new(h264(folder.path()))).expect("the camera starts");
    let client = Client::h264(&camera.url());
    client.watch(3);
    camera.freeze(true);
    let silence = ClockTime::from_mseconds(400);
    while client.pictures.try_pull_sample(silence).is_some() {}
    assert!(!client.pictures.is_eos(), "the connection is left open");
    camera.freeze(false);
    client.watch(3);
}

#[test]
fn login_is_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let clip = h264(folder.path());
    for scheme in [LoginScheme::Basic, LoginScheme::Digest] {
        let login = Login { user: "mara".into(), password: "blue door".into(), scheme };
        let options = CameraOptions { login: Some(login), ..CameraOptions::new(&clip) };
        let camera = Camera::start(options).expect("the camera starts");
        let decode = "rtph264depay ! avdec_h264";
        let wrong = Client::new(&camera.url(), decode, "user-id=mara user-pw=red");
        let message = wrong.message(&[gst::MessageType::Error]);
        let gst::MessageView::Error(error) = message.view() else {
            unreachable!("only errors were asked for")
        };
        assert!(error.error().matches(gst::ResourceError::NotAuthorized), "{:?}", error.error());
        Client::new(&camera.url(), decode, "user-id=mara user-pw=\"blue door\"").watch(2);
    }
}

#[test]
fn a_login_never_shows_its_password() {
    let login = Login { user: "mara".into(), password: "blue door".into(), scheme: LoginScheme::Basic };
    assert!(!format!("{login:?}").contains("blue"));
}

#[test]
fn annex_b_and_mjpeg_play_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let annex_b = clip(
        folder.path(),
        "clip.h264",
        "openh264enc gop-size=5 ! h264parse ! video/x-h264,stream-format=byte-stream",
    );
    let camera = Camera::start(CameraOptions::new(annex_b)).expect("the camera starts");
    Client::h264(&camera.url()).watch(3);
    let mjpeg = clip(folder.path(), "clip.avi", "jpegenc ! avimux");
    assert_eq!(Clip::read(&mjpeg).expect("the clip is read").codec, Codec::Mjpeg);
    let camera = Camera::start(CameraOptions::new(mjpeg)).expect("the camera starts");
    Client::new(&camera.url(), "rtpjpegdepay ! avdec_mjpeg", "").watch(3);
}

#[test]
fn what_cannot_be_played_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = Camera::start(CameraOptions::new(folder.path().join("none.mp4")));
    assert!(matches!(missing, Err(Error::Clip { .. })), "{missing:?}");
    let text = folder.path().join("clip.mp4");
    std::fs::write(&text, "this is no video").expect("a file");
    let text = Camera::start(CameraOptions::new(text));
    assert!(matches!(text, Err(Error::Clip { .. })), "{text:?}");
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let taken = Camera::start(CameraOptions { port, ..CameraOptions::new(h264(folder.path())) });
    assert!(matches!(taken, Err(Error::Bind(p)) if p == port), "{taken:?}");
}
