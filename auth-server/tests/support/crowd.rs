//! Many clients from many addresses of this machine, and what a server counts of them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};
use tokio::net::TcpSocket;

use super::members::wait;
use super::{Answer, PATIENCE, Server, eventually};

pub(crate) type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Bytes that a client takes before it reads, if it takes few.
const SMALL_BUFFER: u32 = 4096;

impl Server {
    /// A TCP connection from that address of this machine.
    pub(crate) fn dial_from(&self, from: Ipv4Addr, small_buffer: bool) -> TcpStream {
        let stream = wait(async {
            let client = TcpSocket::new_v4().unwrap();
            if small_buffer {
                client.set_recv_buffer_size(SMALL_BUFFER).unwrap();
            }
            client.bind((from, 0).into()).unwrap();
            let connected = client.connect(self.address).await.unwrap();
            connected.into_std().unwrap()
        });
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The same with TLS around it, which begins with the first byte.
    pub(crate) fn connect_from(&self, from: Ipv4Addr) -> Stream {
        StreamOwned::new(self.tls(None), self.dial_from(from, false))
    }

    /// Sends a request from that address; `None` when the connection ends without an answer.
    pub(crate) fn send_from(&self, from: Ipv4Addr, request: &[u8]) -> Option<Answer> {
        let mut stream = self.connect_from(from);
        let _ = stream.write_all(request).and_then(|()| stream.flush());
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        (!bytes.is_empty()).then(|| Answer::parse(&bytes))
    }

    /// One number of the plain metrics, for a server that was started with `--metrics 127.0.0.1:0`.
    pub(crate) fn counted(&self, name: &str) -> u64 {
        let log = self.log();
        let address = log.split_once("metrics on http://").unwrap().1;
        let address = address.split('/').next().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let request =
            format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let sample = text.lines().find_map(|line| line.strip_prefix(name));
        sample.map_or(0, |value| value.trim().parse().unwrap())
    }
}

/// A way to hold a connection without asking for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Idle {
    Nothing,
    HalfAHello,
    Handshake,
    HalfAHeader,
    Answered,
    HalfABody,
}

impl Idle {
    pub(crate) const ALL: [Self; 6] = [
        Self::Handshake,
        Self::HalfAHeader,
        Self::Answered,
        Self::HalfABody,
        Self::HalfAHello,
        Self::Nothing,
    ];

    /// A connection in that state; `None` when the server ended it meanwhile.
    fn hold(self, server: &Server, from: Ipv4Addr) -> Option<TcpStream> {
        let mut stream = server.connect_from(from);
        match self {
            Self::Nothing => {}
            Self::HalfAHello => {
                let mut hello = Vec::new();
                stream.conn.write_tls(&mut hello).ok()?;
                stream.sock.write_all(&hello[..hello.len() / 2]).ok()?;
            }
            Self::Handshake => {
                stream.conn.complete_io(&mut stream.sock).ok()?;
            }
            Self::HalfAHeader => say(&mut stream, "GET /root.crt HTTP/1.1\r\nho")?,
            Self::Answered => {
                say(&mut stream, "HEAD /root.crt HTTP/1.1\r\nhost: x\r\n\r\n")?;
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).ok()?;
                    head.push(byte[0]);
                }
            }
            Self::HalfABody => say(
                &mut stream,
                "POST /verify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                 content-length: 100\r\n\r\n{",
            )?,
        }
        stream.sock.set_nonblocking(true).ok()?;
        Some(stream.sock)
    }
}

fn say(stream: &mut Stream, text: &str) -> Option<()> {
    stream.write_all(text.as_bytes()).ok()?;
    stream.flush().ok()
}

/// The server has said nothing and not ended it.
fn is_open(stream: &TcpStream) -> bool {
    let error = stream.peek(&mut [0]).err();
    error.is_some_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

/// Connections that are held and only wait.
pub(crate) struct Crowd {
    places: Vec<(Ipv4Addr, Idle, Option<TcpStream>)>,
    began: Instant,
}

impl Crowd {
    pub(crate) fn new(members: impl IntoIterator<Item = (Ipv4Addr, Idle)>) -> Self {
        let places = members.into_iter().map(|(from, idle)| (from, idle, None));
        Self {
            places: places.collect(),
            began: Instant::now(),
        }
    }

    /// Holds all that the server has not, or no longer.
    pub(crate) fn refill(&mut self, server: &Server) {
        for (from, idle, held) in &mut self.places {
            if !held.as_ref().is_some_and(is_open) {
                *held = idle.hold(server, *from);
            }
        }
    }

    /// Waits until the server holds just these connections, and honest clients would have gone on.
    pub(crate) fn settle(&mut self, server: &Server) {
        // And the one that asks.
        let all = u64::try_from(self.places.len()).unwrap() + 1;
        eventually("the crowd", PATIENCE, || {
            self.refill(server);
            server.counted("orgshare_connections ") == all
                && self.began.elapsed() > Duration::from_secs(1)
        });
    }
}
