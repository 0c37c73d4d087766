//! The accept loop: every connection has a place, a time for each step, and an end.

mod places;
mod watched;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::device::ClientLeaf;
use crate::events::StreamEnd;
use crate::problem::Problem;
use crate::state::Remote;
use crate::throttle::Source;
use places::{MAX_CONNECTIONS, Place, Places, Turns};
use watched::{Answered, Asked, Watched};

/// From connecting to the end of the TLS handshake.
const TLS_ACCEPT_SECS: u64 = 10;
/// From the end of the handshake, or of the last answer, to the end of the next header.
const HEADER_SECS: u64 = 10;
/// Life of a connection, however busy: a slow reader of a 16 MiB CRL has this long.
const CONNECTION_SECS: u64 = 120;
/// Requests on one connection: whoever wants more pays for another handshake.
const MAX_REQUESTS: u32 = 100;
/// How long requests may go on after a signal: as long as a request may take. Connections without
/// one end at once.
const SHUTDOWN_SECS: u64 = 30;
/// Headers of a request.
const MAX_HEADERS: usize = 64;
/// Bytes of a request's header; hyper allows no less than 8 KiB.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// Files that the rest of the program may have open beside connections: store, log, a backup, the
/// connections to the metrics, and streams that were ended for others and have their last words left.
const OTHER_FILES: usize = 128;
/// Connections at once that ask for the metrics: some programs of this machine, each with a few. They are
/// among the other files.
pub const METRICS_CONNECTIONS: usize = 16;
/// Bytes of answers that the system holds for one client (it takes the double, for its own lists): a
/// slow one is seen to be slow, and all together take no memory that others need.
const SEND_BUFFER_BYTES: usize = 128 * 1024;
/// Connections of which one may be a stream of events, where files are few.
const SHARE_OF_STREAMS: usize = 2;
/// Pause when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many connections there may be of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// That ask and are answered.
    pub connections: usize,
    /// That listen to events. They are members' alone, and have bounds of their own.
    pub streams: usize,
}

impl Room {
    /// With so many files that may be open: streams get what connections leave, but half where that
    /// would be little.
    pub fn with_files(files: usize) -> Self {
        let files = files.saturating_sub(OTHER_FILES);
        let connections = MAX_CONNECTIONS.min(files - files / SHARE_OF_STREAMS);
        Self {
            connections,
            streams: files - connections,
        }
    }
}

/// How a connection begins.
#[derive(Clone)]
pub enum Greeting {
    /// With a TLS handshake.
    Tls(TlsAcceptor),
    /// With the first request; for listeners that only this machine reaches.
    Plain,
}

/// Serves until `stop` turns true, on `room` connections at most, then lets the requests under way finish.
pub async fn serve(
    listener: TcpListener,
    greeting: Greeting,
    router: Router,
    room: usize,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Places::new(room));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            // Without a place the connection is dropped: an answer would cost a handshake.
            Ok((stream, remote)) => {
                let Some(place) = places.take(Source::of(remote.ip()), Instant::now()) else {
                    continue;
                };
                let connection = Connection {
                    remote,
                    router: router.clone(),
                    turns: place.turns(),
                    stop: stop.clone(),
                };
                connections.spawn(hold(place, connection.run(stream, greeting.clone())));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let rest = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_secs(SHUTDOWN_SECS), rest).await;
}

/// A connection as long as it has its place and its time; one that becomes a stream of events gives
/// both back, and ends with that.
async fn hold(mut place: Place, connection: impl Future<Output = ()>) {
    let limit = Duration::from_secs(CONNECTION_SECS);
    let mut connection = std::pin::pin!(connection);
    let stream = tokio::select! {
        _ = tokio::time::timeout(limit, connection.as_mut()) => None,
        stream = place.lost() => stream,
    };
    drop(place);
    if let Some(stream) = stream {
        tokio::select! {
            () = connection => {}
            () = stream.over() => {}
        }
    }
}

/// What a connection is served with.
struct Connection {
    remote: SocketAddr,
    router: Router,
    turns: Turns,
    stop: watch::Receiver<bool>,
}

impl Connection {
    /// From the handshake to the end. What a client does wrong ends it silently.
    async fn run(mut self, stream: TcpStream, greeting: Greeting) {
        let _ = stream.set_nodelay(true);
        let _ = set_socket_send_buffer_size(&stream, SEND_BUFFER_BYTES);
        let stream = Watched::new(stream, self.turns.clone());
        let Greeting::Tls(acceptor) = greeting else {
            return self.http(stream, None).await;
        };
        let handshake = acceptor.accept(stream);
        let stream = tokio::select! {
            _ = self.stop.wait_for(|stop| *stop) => return,
            stream = tokio::time::timeout(Duration::from_secs(TLS_ACCEPT_SECS), handshake) => stream,
        };
        let Ok(Ok(stream)) = stream else {
            return;
        };
        let leaf = stream
            .get_ref()
            .1
            .peer_certificates()
            .and_then(|chain| chain.first())
            .map(|leaf| ClientLeaf(leaf.clone().into_owned()));
        self.http(stream, leaf).await;
    }

    /// The requests; after a stop, the one under way alone.
    async fn http(self, stream: impl AsyncRead + AsyncWrite + Unpin, leaf: Option<ClientLeaf>) {
        let Self {
            remote,
            router,
            turns,
            mut stop,
        } = self;
        let requests = AtomicU32::new(0);
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(Remote(remote));
            if let Some(leaf) = &leaf {
                request.extensions_mut().insert(leaf.clone());
            }
            let is_last = requests.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_REQUESTS;
            answer(router.clone(), request, turns.clone(), is_last)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(HEADER_SECS))
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
        tokio::select! {
            _ = connection.as_mut() => return,
            () = stopped => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

/// Answers a request in a task of its own: it goes on to its end, into counts and logs, when the
/// client hangs up before the answer.
async fn answer(
    router: Router,
    request: hyper::Request<Incoming>,
    turns: Turns,
    is_last: bool,
) -> Result<Response<Answered>, Infallible> {
    let request = request.map(|body| Asked::new(body, turns.clone()));
    let answered = tokio::spawn(router.oneshot(request)).await;
    // The task fails only if the work in it does.
    let mut response = match answered {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => Problem::Unavailable.response(),
    };
    let stream: Option<StreamEnd> = response.extensions_mut().remove();
    if is_last || stream.is_some() {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    if let Some(stream) = stream {
        turns.becomes_stream(stream);
    }
    Ok(response.map(|body| Answered::new(body, turns)))
}
