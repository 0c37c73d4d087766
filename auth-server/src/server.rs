//! The accept loop: every connection has a place, a time for each step, and an end.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::device::ClientLeaf;
use crate::metrics::metrics;
use crate::problem::Problem;
use crate::state::Remote;
use crate::throttle::Source;

/// From connecting to the end of the TLS handshake.
const TLS_ACCEPT_SECS: u64 = 10;
/// From the end of the handshake, or of the last answer, to the end of the next header.
const HEADER_SECS: u64 = 10;
/// Life of a connection, however busy: a slow reader of a 16 MiB CRL has this long.
const CONNECTION_SECS: u64 = 120;
/// How long requests may go on after a signal: as long as a request may take. Connections without
/// one end at once.
const SHUTDOWN_SECS: u64 = 30;
/// Headers of a request.
const MAX_HEADERS: usize = 64;
/// Bytes of a request's header; hyper allows no less than 8 KiB.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// Connections at once: with their buffers about 100 MiB.
const MAX_CONNECTIONS: usize = 1024;
/// Connections at once from one source. An office behind one address still logs in.
const MAX_CONNECTIONS_PER_SOURCE: usize = 64;
/// Pause when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Counts the connections of each source.
#[derive(Debug, Default)]
struct Places {
    taken: Mutex<HashMap<Source, usize>>,
}

/// The right to one connection.
struct Place {
    places: Arc<Places>,
    source: Source,
}

impl Places {
    fn take(self: &Arc<Self>, source: Source) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = taken.values().sum();
        let own = taken.entry(source).or_default();
        if total >= MAX_CONNECTIONS || *own >= MAX_CONNECTIONS_PER_SOURCE {
            if *own == 0 {
                taken.remove(&source);
            }
            metrics().connections_refused.inc();
            return None;
        }
        *own += 1;
        metrics().connections.inc();
        Some(Place {
            places: self.clone(),
            source,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics().connections.dec();
        let mut taken = self
            .places
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.source) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.source);
            }
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

/// Serves until `stop` turns true, then lets the requests under way finish.
pub async fn serve(
    listener: TcpListener,
    greeting: Greeting,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Places::default());
    let mut connections = JoinSet::new();
    let for_connections = stop.clone();
    let begin = |stream, remote: SocketAddr, place| {
        let (greeting, router) = (greeting.clone(), router.clone());
        let connection = connection(stream, remote, greeting, router, for_connections.clone());
        async move {
            let _place = place;
            let limit = Duration::from_secs(CONNECTION_SECS);
            let _ = tokio::time::timeout(limit, connection).await;
        }
    };
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            // Over the cap the connection is dropped: an answer would cost a handshake.
            Ok((stream, remote)) => {
                if let Some(place) = places.take(Source::of(remote.ip())) {
                    connections.spawn(begin(stream, remote, place));
                }
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

/// One connection, from the handshake to its end. What a client does wrong ends it silently.
async fn connection(
    stream: TcpStream,
    remote: SocketAddr,
    greeting: Greeting,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let Greeting::Tls(acceptor) = greeting else {
        return http(stream, remote, None, router, stop).await;
    };
    let handshake = acceptor.accept(stream);
    let stream = tokio::select! {
        _ = stop.wait_for(|stop| *stop) => return,
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
    http(stream, remote, leaf, router, stop).await;
}

/// The requests of a connection; after a stop, the one under way alone.
async fn http(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    remote: SocketAddr,
    leaf: Option<ClientLeaf>,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Remote(remote));
        if let Some(leaf) = &leaf {
            request.extensions_mut().insert(leaf.clone());
        }
        answer(router.clone(), request)
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

/// Answers a request in a task of its own: it goes on to its end, into counts and logs, when the
/// client hangs up before the answer.
async fn answer(
    router: Router,
    request: hyper::Request<hyper::body::Incoming>,
) -> Result<Response<Body>, Infallible> {
    let answered = tokio::spawn(router.oneshot(request)).await;
    // The task fails only if the work in it does.
    answered.unwrap_or_else(|_| Ok(Problem::Unavailable.response()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_source_cannot_take_all_places() {
        let places = Arc::new(Places::default());
        let source = |text: &str| Source::of(text.parse().unwrap());
        let taken: Vec<_> = (0..MAX_CONNECTIONS_PER_SOURCE)
            .map(|_| places.take(source("192.0.2.1")).unwrap())
            .collect();
        assert!(places.take(source("192.0.2.1")).is_none());
        assert!(places.take(source("192.0.2.2")).is_some());
        drop(taken);
        assert!(places.take(source("192.0.2.1")).is_some());
        assert!(places.taken.lock().unwrap().is_empty());
    }
}
