//! The RTSP server on a thread and a main loop of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use gstreamer::{self as gst, glib, prelude::*};
use gstreamer_app::{AppLeakyType, AppSrc, AppStreamType};
use gstreamer_rtsp_server::{
    RTSP_PERM_MEDIA_FACTORY_ACCESS, RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, RTSP_TOKEN_MEDIA_FACTORY_ROLE,
    RTSPAuth, RTSPFilterResult, RTSPMediaFactory, RTSPServer, RTSPToken, gst_rtsp::RTSPAuthMethod,
    prelude::*,
};

use crate::{
    CameraOptions, Clip, Error, Login, LoginScheme,
    pusher::{self, Control},
};

/// Access units waiting for a slow client, about 2 s; the oldest are dropped above it.
const WAITING_UNITS: u64 = 64;

/// How often sessions of clients that vanished are thrown away.
const SESSION_SWEEP_S: u32 = 5;

/// The role of whoever logged in.
const VIEWER: &str = "viewer";

/// A running camera. Dropping it stops it.
#[derive(Debug)]
pub struct Camera {
    port: u16,
    path: String,
    encrypted: bool,
    control: Arc<Control>,
    main_loop: glib::MainLoop,
    thread: Option<thread::JoinHandle<()>>,
}

impl Camera {
    /// Parses the clip and listens. Pictures flow as soon as a client plays; clients share one round.
    ///
    /// # Errors
    /// [`Error`]: the clip cannot be read, the port is taken, a plugin is missing.
    pub fn start(options: CameraOptions) -> Result<Self, Error> {
        if !(options.realtime_rate.is_finite() && options.realtime_rate > 0.0) {
            return Err(Error::Rate(options.realtime_rate));
        }
        let clip = Arc::new(Clip::read(&options.clip)?);
        let sub = options
            .sub
            .as_ref()
            .map(|(path, clip)| Ok::<_, Error>((path.clone(), Arc::new(Clip::read(clip)?))));
        let sub = sub.transpose()?;
        let control = Arc::new(Control::default());
        let context = glib::MainContext::new();
        let main_loop = glib::MainLoop::new(Some(&context), false);
        let (tell, told) = mpsc::channel();
        let path = options.path.trim_matches('/').to_owned();
        let encrypted = options.certificate.is_some();
        let server = Server { options, clip, sub, control: control.clone(), main_loop: main_loop.clone() };
        let thread = thread::Builder::new().name("camera-rtsp".into()).spawn(move || {
            if context.with_thread_default(|| server.serve(&context, &tell)).is_err() {
                tracing::error!("the camera's main loop is taken by another thread");
            }
        })?;
        // A thread that ended without a word could not take its context.
        let port = told.recv().unwrap_or(Err(Error::Bind(0)))?;
        tracing::debug!(port, path, "camera listens");
        Ok(Self { port, path, encrypted, control, main_loop, thread: Some(thread) })
    }

    /// Where clients find it, without the login.
    pub fn url(&self) -> String {
        let scheme = if self.encrypted { "rtsps" } else { "rtsp" };
        format!("{scheme}://127.0.0.1:{}/{}", self.port, self.path)
    }

    /// The port that it listens on.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Sends nothing while `frozen`, with every connection left open: a camera that hangs. Its clock goes on, so what
    /// comes afterwards is not late.
    pub fn freeze(&self, frozen: bool) {
        self.control.freeze(frozen);
    }

    /// Ends the stream for everybody who watches, as a camera does that starts anew. Who connects again is served.
    pub fn end_stream(&self) {
        self.control.end();
    }

    /// Cuts every connection and frees the port before it returns.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.control.stop();
        self.main_loop.quit();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the camera's thread panicked");
        }
    }
}

struct Server {
    options: CameraOptions,
    clip: Arc<Clip>,
    sub: Option<(String, Arc<Clip>)>,
    control: Arc<Control>,
    main_loop: glib::MainLoop,
}

impl Server {
    /// Listens, tells the port, runs until the loop is quit, closes what is open.
    fn serve(self, context: &glib::MainContext, tell: &mpsc::Sender<Result<u16, Error>>) {
        let wanted = self.options.port;
        let server = RTSPServer::new();
        server.set_address("127.0.0.1");
        server.set_service(&wanted.to_string());
        let Some(mounts) = server.mount_points() else {
            return; // the caller sees the closed channel
        };
        mounts.add_factory(&format!("/{}", self.options.path.trim_matches('/')), self.factory(&self.clip));
        if let Some((path, clip)) = &self.sub {
            mounts.add_factory(&format!("/{}", path.trim_matches('/')), self.factory(clip));
        }
        match self.auth() {
            Ok(auth) => server.set_auth(auth.as_ref()),
            Err(error) => return drop(tell.send(Err(error))),
        }
        // Clients are served by this thread, which closes them too: one that is read by another while it is closed is read
        // for ever.
        if let Some(threads) = server.thread_pool() {
            threads.set_max_threads(0);
        }
        let listening = server.attach(Some(context)).ok().and_then(|id| context.find_source_by_id(&id));
        let port = u16::try_from(server.bound_port()).ok().filter(|port| *port > 0);
        let (Some(listening), Some(port)) = (listening, port) else {
            // The caller waits for this word, so it is still there.
            drop(tell.send(Err(Error::Bind(wanted))));
            return;
        };
        let pool = server.session_pool();
        let sweep = glib::timeout_source_new_seconds(SESSION_SWEEP_S, None, glib::Priority::DEFAULT, {
            let pool = pool.clone();
            move || {
                if let Some(pool) = &pool {
                    pool.cleanup();
                }
                glib::ControlFlow::Continue
            }
        });
        sweep.attach(Some(context));
        // Quit may have come before the loop runs, so the word is said from inside it.
        let word = tell.clone();
        context.invoke_local(move || drop(word.send(Ok(port))));
        self.main_loop.run();

        sweep.destroy();
        listening.destroy();
        drop(listening);
        server.client_filter(Some(&mut |_, client| {
            client.close();
            RTSPFilterResult::Remove
        }));
        if let Some(pool) = pool {
            pool.filter(Some(&mut |_, _| RTSPFilterResult::Remove));
        }
    }

    /// Who may watch, and over what; `None` for anybody.
    fn auth(&self) -> Result<Option<RTSPAuth>, Error> {
        let auth = self.options.login.as_ref().map(auth);
        let Some(file) = &self.options.certificate else { return Ok(auth) };
        let certificate = gio::TlsCertificate::from_file(file)
            .map_err(|error| Error::Certificate(file.clone(), error.to_string()))?;
        let auth = auth.unwrap_or_else(|| {
            let auth = RTSPAuth::new();
            auth.set_default_token(Some(&mut viewer()));
            auth
        });
        auth.set_tls_certificate(Some(&certificate));
        Ok(Some(auth))
    }

    fn factory(&self, clip: &Arc<Clip>) -> RTSPMediaFactory {
        let factory = RTSPMediaFactory::new();
        factory.set_launch(&format!("( appsrc name=clip ! {} )", clip.codec.pay()));
        factory.set_shared(true);
        if self.options.login.is_some() || self.options.certificate.is_some() {
            let access = gst::Structure::builder(VIEWER)
                .field(RTSP_PERM_MEDIA_FACTORY_ACCESS, true)
                .field(RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, true)
                .build();
            factory.add_role_from_structure(&access);
        }
        let lost = self.options.lost;
        let (clip, control, rate) = (Arc::clone(clip), self.control.clone(), self.options.realtime_rate);
        factory.connect_media_configure(move |_, media| {
            let source = media.element().downcast::<gst::Bin>().ok().and_then(|bin| bin.by_name("clip"));
            let Some(source) = source.and_downcast::<AppSrc>() else {
                tracing::error!("the media has no source for the clip");
                return;
            };
            if lost > 0 {
                lose(media.element(), lost);
            }
            source.set_caps(Some(&clip.caps));
            source.set_format(gst::Format::Time);
            source.set_is_live(true);
            source.set_stream_type(AppStreamType::Stream);
            source.set_max_buffers(WAITING_UNITS);
            source.set_leaky_type(AppLeakyType::Downstream);
            pusher::start(clip.clone(), source, rate, control.clone());
        });
        factory
    }
}

/// Loses every so many-th packet on its way out of the payloader.
fn lose(media: gst::Element, every: usize) {
    let Some(pad) = media.downcast::<gst::Bin>().ok().and_then(|bin| bin.by_name("pay0")?.static_pad("src"))
    else {
        return;
    };
    let sent = AtomicUsize::new(0);
    let is_lost = move || sent.fetch_add(1, Ordering::Relaxed) % every == every - 1;
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
    pad.add_probe(kinds, move |_, info| match &mut info.data {
        Some(gst::PadProbeData::Buffer(_)) if is_lost() => gst::PadProbeReturn::Drop,
        Some(gst::PadProbeData::BufferList(list)) => {
            list.make_mut()
                .foreach_mut(|packet, _| std::ops::ControlFlow::Continue((!is_lost()).then_some(packet)));
            gst::PadProbeReturn::Ok
        }
        _ => gst::PadProbeReturn::Ok,
    });
}

fn viewer() -> RTSPToken {
    RTSPToken::builder().field(RTSP_TOKEN_MEDIA_FACTORY_ROLE, VIEWER).build()
}

fn auth(login: &Login) -> RTSPAuth {
    let auth = RTSPAuth::new();
    let token = viewer();
    match login.scheme {
        LoginScheme::Basic => {
            auth.set_supported_methods(RTSPAuthMethod::Basic);
            auth.add_basic(&RTSPAuth::make_basic(&login.user, &login.password), &token);
        }
        LoginScheme::Digest => {
            auth.set_supported_methods(RTSPAuthMethod::Digest);
            auth.add_digest(&login.user, &login.password, &token);
        }
    }
    auth
}
