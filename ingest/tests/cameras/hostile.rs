//! Servers that lie, keep silent or send too much: a camera behind one is told to be offline, harms no other, and is back
//! when its place is taken by an honest one.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use cortex_camera::{Camera, CameraOptions};

use crate::watch::{Watch, clip, store};

/// What a hostile server answers to a request with this method and number.
type Answer = fn(&str, &str) -> Vec<u8>;

/// Cuts every connection after it answered, or keeps it open where the answer is empty.
struct Hostile {
    port: u16,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Hostile {
    fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            // Those that are kept open, until the server ends.
            let mut silent = Vec::new();
            for client in listener.incoming() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                silent.extend(client.ok().and_then(|client| serve(client, answer)));
            }
        });
        Self { port, stop, thread: Some(thread) }
    }

    fn stop(mut self) -> u16 {
        self.stop.store(true, Ordering::Release);
        TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        self.thread.take().unwrap().join().unwrap();
        self.port
    }
}

/// Answers until the client goes or nothing is to be said.
fn serve(mut client: TcpStream, answer: Answer) -> Option<TcpStream> {
    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let (mut text, mut bytes) = (String::new(), [0; 4096]);
    loop {
        let count = client.read(&mut bytes).ok().filter(|count| *count > 0)?;
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
        while let Some(end) = text.find("\r\n\r\n") {
            let request: String = text.drain(..end + 4).collect();
            let method = request.split(' ').next().unwrap_or_default();
            let number = request.lines().find_map(|line| line.strip_prefix("CSeq:")).unwrap_or("0").trim();
            let reply = answer(method, number);
            if reply.is_empty() {
                return Some(client);
            }
            client.write_all(&reply).ok()?;
        }
    }
}

fn ok(number: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track\r\n";

fn options(number: &str) -> Vec<u8> {
    ok(number, "Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n", "")
}

/// Up to PLAY like a camera, then whatever `after` is.
fn plays(method: &str, number: &str, after: fn() -> Vec<u8>) -> Vec<u8> {
    match method {
        "OPTIONS" => options(number),
        "DESCRIBE" => ok(number, "Content-Type: application/sdp\r\n", SDP),
        "SETUP" => ok(number, "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", ""),
        "PLAY" => [ok(number, "Session: 1\r\n", ""), after()].concat(),
        _ => ok(number, "", ""),
    }
}

/// RTP packets of 64 KiB whose insides are no H.264: an endless fragment of one picture.
fn oversize() -> Vec<u8> {
    let mut all = Vec::new();
    for number in 0..200_u16 {
        let mut packet = vec![0x80, 96];
        packet.extend(number.to_be_bytes());
        packet.extend([0, 0, 0, 1, 0, 0, 0, 7, 0x7c, if number == 0 { 0x85 } else { 0x05 }]);
        packet.resize(65_000, 0x55);
        all.extend([b'$', 0]);
        all.extend((packet.len() as u16).to_be_bytes());
        all.extend(packet);
    }
    all
}

#[test]
fn hostile_servers_harm_nobody_and_give_way_to_honest_ones() {
    let hostile: [(&str, Answer); 7] = [
        ("silent", |_, _| Vec::new()),
        ("garbage", |_, _| vec![0xff; 100_000]),
        ("no-sdp", |method, number| match method {
            "DESCRIBE" => ok(number, "Content-Type: application/sdp\r\n", &"m=\u{0}a=fmtp:".repeat(10_000)),
            _ => options(number),
        }),
        ("endless", |method, number| match method {
            "DESCRIBE" => {
                format!("RTSP/1.0 200 OK\r\nCSeq: {number}\r\nContent-Length: 4000000000\r\n\r\nv=0")
                    .into_bytes()
            }
            _ => options(number),
        }),
        ("half-open", |method, number| plays(method, number, Vec::new)),
        ("no-rtp", |method, number| {
            plays(method, number, || [b"$\0\x04\0".to_vec(), vec![7; 1024]].concat().repeat(50))
        }),
        ("oversize", |method, number| plays(method, number, oversize)),
    ];
    let servers = hostile.map(|(name, answer)| (name, Hostile::start(answer)));
    let sound = Camera::start(CameraOptions::new(clip())).unwrap();
    let mut cameras: Vec<(&str, String)> = servers
        .iter()
        .map(|(name, server)| (*name, format!("rtsp://127.0.0.1:{}/camera", server.port)))
        .collect();
    cameras.push(("sound", sound.url()));
    let cameras: Vec<(&str, &str)> = cameras.iter().map(|(name, url)| (*name, url.as_str())).collect();
    let mut watch = Watch::begin(store(), &cameras);
    let before = watch.picture("sound", |_| true).id.unwrap();
    let mut away = servers.each_ref().map(|(name, _)| *name).to_vec();
    while !away.is_empty() {
        let told = watch.next_anomaly();
        assert_eq!(told.kind, "offline", "{told:?}");
        away.retain(|name| *name != told.camera);
    }
    let honest = servers.map(|(name, server)| {
        let port = server.stop();
        (name, Camera::start(CameraOptions { port, ..CameraOptions::new(clip()) }).unwrap())
    });
    let mut back = honest.each_ref().map(|(name, _)| *name).to_vec();
    while !back.is_empty() {
        let told = watch.next_anomaly();
        assert_eq!(told.kind, "recovered", "{told:?}");
        back.retain(|name| *name != told.camera);
    }
    let after = watch.picture("sound", |frame| frame.n > 10).id.unwrap();
    assert_eq!(after.epoch, before.epoch, "the sound camera was never lost");
    watch.end();
}
