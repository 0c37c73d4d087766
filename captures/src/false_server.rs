//! A false auth server, with a certificate of the organisation's own root, that answers what it is told to.
//!
//! It takes the place of the real one, so that devices come to it as they came there.

use std::collections::{HashMap, VecDeque};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};
use rustls::crypto::aws_lc_rs;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::error::{Doing, Error, Result};
use crate::foreign::{Forger, forging, private_key};
use crate::organisation::Organisation;
use crate::process::PATIENCE;

/// Bytes of a request at most.
const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// What it answers to a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// These bytes, and the end.
    Whole(Vec<u8>),
    /// These bytes, and silence.
    Held(Vec<u8>),
    /// The first bytes at once, the others one a second.
    Slow(Vec<u8>, Vec<u8>),
    /// The first bytes, then the others again and again, as fast as they are taken.
    Endless(Vec<u8>, Vec<u8>),
}

impl Reply {
    /// An answer with a body.
    #[must_use]
    pub fn of(status: &str, kind: &str, body: &[u8]) -> Self {
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        Self::Whole([head.as_bytes(), body].concat())
    }

    /// 200 with a revocation list.
    #[must_use]
    pub fn list(der: &[u8]) -> Self {
        Self::of("200 OK", "application/pkix-crl", der)
    }

    /// 200 with JSON.
    #[must_use]
    pub fn json(json: &str) -> Self {
        Self::of("200 OK", "application/json", json.as_bytes())
    }

    /// The head of a stream of events.
    #[must_use]
    pub fn stream_head() -> Vec<u8> {
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_vec()
    }

    /// A stream that tells this and then nothing.
    #[must_use]
    pub fn stream(told: &[u8]) -> Self {
        Self::Held([&Self::stream_head()[..], told].concat())
    }
}

#[derive(Debug, Default)]
struct Script {
    replies: HashMap<String, VecDeque<Reply>>,
    asked: HashMap<String, usize>,
    open: Vec<TcpStream>,
}

#[derive(Debug, Default)]
struct Shared {
    script: Mutex<Script>,
    changed: Condvar,
    is_over: AtomicBool,
}

impl Shared {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server; gone when dropped.
#[derive(Debug)]
pub struct FalseServer {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl FalseServer {
    /// Kills the organisation's auth server and listens where it was. Whatever is asked for is not there.
    ///
    /// # Errors
    /// If the place is taken, or no certificate can be forged.
    pub fn instead_of(organisation: &mut Organisation) -> Result<Self> {
        let config = Arc::new(config(&Forger::with_the_root_key(organisation)?)?);
        organisation.stop();
        let address = organisation.url().replace("https://", "");
        let listener = TcpListener::bind(&address).doing("taking the auth server's place")?;
        let address = listener
            .local_addr()
            .doing("taking the auth server's place")?;
        let shared = Arc::<Shared>::default();
        let serving = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, config) = (serving.clone(), config.clone());
                thread::spawn(move || serve(&shared, config, stream));
            }
        });
        Ok(Self { shared, address })
    }

    /// From now on it answers so to requests for a path; several answers are given one after the other, the
    /// last one for ever.
    pub fn answers(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        let replies = replies.into_iter().collect();
        self.shared
            .script()
            .replies
            .insert(path.to_owned(), replies);
    }

    /// How often that path was asked for.
    #[must_use]
    pub fn asked(&self, path: &str) -> usize {
        let script = self.shared.script();
        script.asked.get(path).copied().unwrap_or_default()
    }

    /// Waits until that path was asked for that often.
    ///
    /// # Errors
    /// If it is not, in time.
    pub fn wait_until_asked(&self, path: &str, times: usize) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        let mut script = self.shared.script();
        while script.asked.get(path).copied().unwrap_or_default() < times {
            let Some(left) = end.checked_duration_since(Instant::now()) else {
                return Err(Error::Unexpected(format!(
                    "{path} was not asked for {times} times: {:?}",
                    script.asked
                )));
            };
            let woken = self.shared.changed.wait_timeout(script, left);
            script = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }
}

impl Drop for FalseServer {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        for stream in &self.shared.script().open {
            // One that is closed already needs no closing.
            stream.shutdown(Shutdown::Both).ok();
        }
        // Wakes the thread that accepts.
        TcpStream::connect(self.address).ok();
    }
}

/// A certificate for this machine, as the auth server has one.
fn config(forger: &Forger) -> Result<ServerConfig> {
    let key = KeyPair::generate().map_err(forging)?;
    let mut params = CertificateParams::default();
    let now = time::OffsetDateTime::now_utc();
    params.not_before = now - time::Duration::minutes(5);
    params.not_after = now + time::Duration::days(1);
    params.subject_alt_names = vec![SanType::IpAddress(Ipv4Addr::LOCALHOST.into())];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, &forger.issuer).map_err(forging)?;
    let unusable = |error: rustls::Error| Error::Unexpected(error.to_string());
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private_key(&key)?)
        .map_err(unusable)
}

/// One request, and what it is answered.
fn serve(shared: &Shared, config: Arc<ServerConfig>, stream: TcpStream) {
    let (Ok(tls), Ok(handle)) = (ServerConnection::new(config), stream.try_clone()) else {
        return;
    };
    shared.script().open.push(handle);
    let mut stream = StreamOwned::new(tls, stream);
    let Some(path) = asked_for(&mut stream) else {
        return;
    };
    let reply = next_reply(shared, &path);
    // Whoever hangs up has had enough.
    let _ = answer(shared, &mut stream, reply);
}

fn next_reply(shared: &Shared, path: &str) -> Reply {
    let mut script = shared.script();
    *script.asked.entry(path.to_owned()).or_default() += 1;
    shared.changed.notify_all();
    let absent = Reply::of("404 Not Found", "text/plain", b"");
    let Some(replies) = script.replies.get_mut(path) else {
        return absent;
    };
    match replies.len() {
        0 | 1 => replies.front().cloned().unwrap_or(absent),
        _ => replies.pop_front().unwrap_or(absent),
    }
}

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// The path of a request whose head, and whose body if it tells its length, has come.
fn asked_for(stream: &mut Stream) -> Option<String> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse().ok()).flatten()
            });
            if body.len() >= length.unwrap_or(0) {
                let target = head.split_whitespace().nth(1)?;
                return target.split('?').next().map(str::to_owned);
            }
        }
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 && request.len() < MAX_REQUEST_BYTES => {
                request.extend(&buffer[..count]);
            }
            _ => return None,
        }
    }
}

fn answer(shared: &Shared, stream: &mut Stream, reply: Reply) -> std::io::Result<()> {
    match reply {
        Reply::Whole(bytes) => {
            stream.write_all(&bytes)?;
            stream.conn.send_close_notify();
            stream.flush()?;
            stream.sock.shutdown(Shutdown::Write)?;
            wait_for_end(stream)
        }
        Reply::Held(bytes) => {
            stream.write_all(&bytes)?;
            stream.flush()?;
            wait_for_end(stream)
        }
        Reply::Slow(first, others) => {
            stream.write_all(&first)?;
            for byte in others {
                stream.write_all(&[byte])?;
                stream.flush()?;
                thread::sleep(Duration::from_secs(1));
            }
            wait_for_end(stream)
        }
        Reply::Endless(first, others) => {
            stream.write_all(&first)?;
            // Many at once: one at a time this server would be the slow one.
            let many = others.repeat((16 * 1024 / others.len().max(1)).max(1));
            while !shared.is_over.load(Ordering::SeqCst) {
                stream.write_all(&many)?;
            }
            Ok(())
        }
    }
}

fn wait_for_end(stream: &mut Stream) -> std::io::Result<()> {
    let mut rest = [0; 4096];
    while stream.sock.read(&mut rest)? > 0 {}
    Ok(())
}
