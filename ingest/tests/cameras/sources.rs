//! What a camera may be besides RTSP: MJPEG over HTTP, an encrypted stream, a folder of pictures.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use cortex_camera::{Camera, CameraOptions};
use cortex_ingest::Config;
use cortex_models::Picture;
use cortex_proto::v1;
use cortex_runtime::{still, testkit::certify};

use crate::watch::{Watch, clip, store};

fn grey(level: u8, width: usize, height: usize) -> Picture {
    Picture::rgb(width, height, vec![level; 3 * width * height]).unwrap()
}

/// A web camera: MJPEG for whoever says `guard` and `right`, and a way elsewhere at `/moved`.
fn web_camera() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    format!("http://{address}")
}

fn serve(stream: TcpStream) {
    let head = BufReader::new(&stream).lines().map_while(Result::ok);
    let head: Vec<String> = head.take_while(|line| !line.is_empty()).collect();
    let mut out = &stream;
    let moved = head[0].contains("/moved");
    // base64 of guard:right
    let known = head.iter().any(|line| {
        line.to_lowercase().starts_with("authorization: basic") && line.ends_with("Z3VhcmQ6cmlnaHQ=")
    });
    let answer = match (moved, known) {
        (true, _) => "302 Found\r\nlocation: /video\r\ncontent-length: 0\r\n\r\n",
        (_, false) => {
            "401 Unauthorized\r\nwww-authenticate: Basic realm=\"camera\"\r\ncontent-length: 0\r\n\r\n"
        }
        _ => "200 OK\r\ncontent-type: multipart/x-mixed-replace; boundary=part\r\n\r\n",
    };
    write!(out, "HTTP/1.1 {answer}").unwrap();
    for level in (0..=u8::MAX).cycle().take_while(|_| known && !moved) {
        let jpeg = still::encode(&grey(level, 160, 120), 80);
        let part = format!("--part\r\ncontent-type: image/jpeg\r\ncontent-length: {}\r\n\r\n", jpeg.len());
        let sent = out.write_all(part.as_bytes()).and_then(|()| out.write_all(&jpeg));
        if sent.and_then(|()| out.write_all(b"\r\n")).is_err() {
            return;
        }
        // As a camera does: ten a second.
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_web_camera_is_watched_by_those_who_may() {
    let url = web_camera();
    let entry = |path: &str| v1::Camera {
        id: "yard".into(),
        site: "s".into(),
        url: format!("{url}{path}"),
        credential: "yard".into(),
        ..Default::default()
    };
    let login = |password: &'static str| -> cortex_ingest::Credentials {
        Arc::new(move |_| Some(("guard".to_owned(), password.to_owned())))
    };
    let mut watch = Watch::begin_on(Watch::config(), login("right"), entry("/video"));
    let frames: Vec<v1::Frame> = (0..3).map(|_| watch.picture("yard", |_| true)).collect();
    assert_eq!((frames[0].source_width, frames[0].source_height), (160, 120));
    assert_eq!(frames[0].id.as_ref().unwrap().epoch, frames[2].id.as_ref().unwrap().epoch);
    watch.end();
    let mut watch = Watch::begin_on(Watch::config(), login("wrong"), entry("/video"));
    let told = watch.anomaly("yard").why;
    assert!(told.contains("refused the user or password") && !told.contains("wrong"), "{told}");
    watch.end();
    // What a camera redirects to was not looked at by the policy.
    let mut watch = Watch::begin_on(Watch::config(), login("right"), entry("/moved"));
    assert_eq!(watch.anomaly("yard").kind, "offline");
    watch.end();
}

#[test]
fn an_encrypted_camera_is_believed_by_whom_its_certificate_is_from() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    certify(here, "ours");
    certify(here, "theirs");
    let both = here.join("both.pem");
    let whole = [fs::read(here.join("ours.pem")).unwrap(), fs::read(here.join("ours.key")).unwrap()].concat();
    fs::write(&both, whole).unwrap();
    let camera = CameraOptions { certificate: Some(both), ..CameraOptions::new(clip()) };
    let camera = Camera::start(camera).unwrap();
    assert!(camera.url().starts_with("rtsps://"));
    for (ca, believed) in [("ours.pem", true), ("theirs.pem", false)] {
        let config = Config { ca: here.join(ca), ..Watch::config() };
        let mut watch = Watch::begin_with(config, store(), &[("yard", &camera.url())]);
        if believed {
            watch.picture("yard", |_| true);
        } else {
            assert_eq!(watch.anomaly("yard").kind, "offline");
        }
        watch.end();
    }
}

#[test]
fn a_folder_is_shown_picture_by_picture() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for (n, name) in ["c.jpeg", "a.jpg", "B.JPG"].iter().enumerate() {
        fs::write(here.join(name), still::encode(&grey(40 * n as u8, 161, 120 + 2 * n), 90)).unwrap();
    }
    fs::write(here.join("b.png"), "not a picture").unwrap();
    fs::write(here.join("notes.txt"), "none either").unwrap();
    let entry = v1::Camera {
        id: "shots".into(),
        site: "s".into(),
        url: format!("file://{}", here.display()),
        rate: 2.0,
        playback: v1::Playback::Loop as i32,
        origin: v1::Origin::File as i32,
        ..Default::default()
    };
    let mut watch = Watch::begin_on(Watch::config(), Arc::new(|_| None), entry);
    let frames: Vec<v1::Frame> = (0..4).map(|_| watch.picture("shots", |_| true)).collect();
    let heights: Vec<u32> = frames.iter().map(|frame| frame.source_height).collect();
    assert_eq!(heights, [124, 122, 120, 124], "by name, and again: {frames:?}");
    watch.end();
}
