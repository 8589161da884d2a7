//! One port for everything that a process answers.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context as Waker, Poll},
    time::Duration,
};

use axum::{
    Router,
    extract::{ConnectInfo, Request, connect_info::Connected},
    middleware::map_request,
    serve::IncomingStream,
};
use cortex_runtime::{
    Context, Fatal, Server,
    access::{Access, check_bind},
    health::Health,
    telemetry::Telemetry,
};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
    server::TlsStream,
};
use tracing::{debug, info, warn};

/// Where a process listens, and what stands before it.
pub(crate) struct Listener {
    /// Address and port.
    pub(crate) address: SocketAddr,
    /// PEM files of certificate chain and private key; none for plain text on loopback.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    /// Who may call what.
    pub(crate) access: Access,
    /// What is ready.
    pub(crate) health: Health,
    /// What is measured.
    pub(crate) telemetry: Telemetry,
    /// What is answered besides health and metrics.
    pub(crate) router: Router,
    /// Hears the address once the port is open.
    pub(crate) bound: Box<dyn FnOnce(SocketAddr) + Send>,
}

/// How long a client may take for its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// After so long without a word the peer's machine is asked whether it is there.
const SILENT: Duration = Duration::from_secs(30);
/// What was sent and is not taken in this time ends the connection: the peer is gone, or hangs. It comes back with its
/// cursor; until then it must not hold memory here.
const TAKEN: Duration = Duration::from_secs(60);

impl Server for Listener {
    const NAME: &'static str = "listener";

    async fn run(self, context: Context) -> Result<(), Fatal> {
        check_bind(self.address, self.tls.is_some()).map_err(Fatal::new)?;
        let acceptor = self.tls.as_ref().map(acceptor).transpose()?;
        let router: Router = self
            .router
            .merge(self.health.router(&self.telemetry))
            .layer(self.access.layer())
            // The access layer looks for the peer's address under its plain type.
            .layer(map_request(|ConnectInfo(peer): ConnectInfo<Peer>, mut request: Request| async move {
                request.extensions_mut().insert(ConnectInfo(peer.0));
                request
            }));
        let listener = TcpListener::bind(self.address).await.map_err(|error| {
            Fatal::new(format!("listen on {}: {error}; set `listen.address` to a free port", self.address))
        })?;
        let address =
            listener.local_addr().map_err(|error| Fatal::new(format!("read the bound address: {error}")))?;
        info!(%address, tls = acceptor.is_some(), "listening");
        (self.bound)(address);
        let service = router.into_make_service_with_connect_info::<Peer>();
        let stop = context.stop();
        let incoming = match acceptor {
            Some(acceptor) => Incoming::encrypted(listener, address, acceptor, &context),
            None => Incoming::Plain(listener),
        };
        let served = axum::serve(incoming, service)
            .with_graceful_shutdown(async move { stop.cancelled().await })
            .await;
        served.map_err(|error| Fatal::new(format!("serve: {error}")))
    }
}

fn acceptor((certificate, key): &(PathBuf, PathBuf)) -> Result<TlsAcceptor, Fatal> {
    let failed = |what: &str, path: &PathBuf, error: &dyn std::fmt::Display| {
        Fatal::new(format!("read {what} {}: {error}", path.display()))
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate)
        .map_err(|error| failed("`listen.certificate`", certificate, &error))?
        .collect();
    let chain = chain.map_err(|error| failed("`listen.certificate`", certificate, &error))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| failed("`listen.key`", key, &error))?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, private);
    let mut config = config.map_err(|error| failed("`listen.key`", key, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Who is connected, for the layers that ask.
#[derive(Clone, Debug)]
struct Peer(SocketAddr);

impl Connected<IncomingStream<'_, Incoming>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Incoming>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// New connections, encrypted where a certificate is set.
enum Incoming {
    Plain(TcpListener),
    Tls(mpsc::Receiver<(Stream, SocketAddr)>, SocketAddr),
}

/// A connection.
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Handshakes that are done and not yet served.
const GREETED: usize = 64;

impl Incoming {
    /// Handshakes run beside each other, so that a slow one holds nobody up.
    fn encrypted(
        listener: TcpListener,
        address: SocketAddr,
        acceptor: TlsAcceptor,
        context: &Context,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(GREETED);
        let (lifecycle, stop) = (context.lifecycle.clone(), context.stop());
        context.lifecycle.spawn("accept", async move {
            while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
                let Ok((stream, peer)) = accepted else { continue };
                tune(&stream);
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                lifecycle.spawn("handshake", async move {
                    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                        Ok(Ok(stream)) => {
                            sender.send((Stream::Tls(Box::new(stream)), peer)).await.unwrap_or_default()
                        }
                        Ok(Err(error)) => warn!(%peer, %error, "tls handshake failed"),
                        Err(_) => warn!(%peer, "tls handshake took too long"),
                    }
                    Ok(())
                });
            }
            Ok(())
        });
        Self::Tls(receiver, address)
    }
}

/// Sends what is small at once, and lets go of a peer that is not there any more.
fn tune(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let tuned = socket
        .set_tcp_nodelay(true)
        .and_then(|()| {
            socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(SILENT).with_interval(SILENT / 3))
        })
        .and_then(|()| socket.set_tcp_user_timeout(Some(TAKEN)));
    if let Err(error) = tuned {
        debug!(%error, "a connection keeps the system's own options");
    }
}

impl axum::serve::Listener for Incoming {
    type Io = Stream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Stream, SocketAddr) {
        match self {
            Self::Plain(listener) => {
                let (stream, peer) = axum::serve::Listener::accept(listener).await;
                tune(&stream);
                (Stream::Plain(stream), peer)
            }
            Self::Tls(receiver, _) => match receiver.recv().await {
                Some(connection) => connection,
                None => std::future::pending().await,
            },
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Plain(listener) => listener.local_addr(),
            Self::Tls(_, address) => Ok(*address),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Waker<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Waker<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Waker<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Waker<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
