//! Devices that listen to events, and announce themselves.

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::time::Instant;

use auth_server::audit::Actor;
use auth_server::store::{Issuance, Password, PasswordHash, StoreLedger, UserStore};
use rcgen::KeyPair;
use root_ca::{Authority, Profile, ProfileConfig, ProvenKey, key_store};
use rustls::StreamOwned;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Answer, Connection, Member, Org, PASSPHRASE, PATIENCE, Server, request, subject};

/// An event as it came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) id: u64,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

/// An open stream of events.
pub(crate) struct Listener {
    pub(crate) stream: Connection,
    /// As it came, and without the marks of HTTP's chunks.
    raw: Vec<u8>,
    text: Vec<u8>,
    pub(crate) head: String,
    /// Since when it is known that nothing more comes, and whether that was said.
    ended: Option<bool>,
    /// The number of the last event.
    pub(crate) last: u64,
}

impl Server {
    /// Opens a stream; the answer when there is none.
    pub(crate) fn listens(&self, member: &Member, since: Option<u64>) -> Result<Listener, Answer> {
        let more = since.map_or_else(String::new, |id| format!("last-event-id: {id}\r\n"));
        Listener::open(self.connect_as(Some(member)), &more)
    }

    /// The same from another address of this machine.
    pub(crate) fn listens_from(&self, from: Ipv4Addr, member: &Member) -> Listener {
        let stream = StreamOwned::new(self.tls_as(member), self.dial_from(from, false));
        Listener::open(stream, "").unwrap_or_else(|answer| panic!("{answer:?}"))
    }

    /// Opens one, and reads hello and reset.
    pub(crate) fn listen(&self, member: &Member) -> Listener {
        let mut listener = self
            .listens(member, None)
            .unwrap_or_else(|answer| panic!("{answer:?}"));
        listener.greeted();
        listener
    }

    pub(crate) fn announce(&self, member: &Member, announcement: &Value) -> Answer {
        self.json(Some(member), "PUT /presence", announcement)
    }

    /// At that address, with one share.
    pub(crate) fn appears(&self, member: &Member, address: &str) {
        let answer = self.announce(member, &offer(address));
        assert_eq!(answer.status, 204, "{}", answer.text());
    }

    /// Who is online, as one sees it.
    pub(crate) fn peers(&self, member: &Member) -> Vec<Value> {
        let answer = self.ask(Some(member), "GET", "/peers", None).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let peers: Value = serde_json::from_slice(&answer.body).unwrap();
        peers["peers"].as_array().unwrap().clone()
    }
}

pub(crate) fn offer(address: &str) -> Value {
    json!({"addresses": [address], "shares": ["docs"], "suites": ["aes-256-gcm"], "unlisted": false})
}

impl Listener {
    /// Asks for a stream on that connection.
    pub(crate) fn open(mut stream: Connection, more: &str) -> Result<Self, Answer> {
        stream.sock.set_nodelay(true).unwrap();
        let request = format!("GET /events HTTP/1.1\r\nhost: x\r\n{more}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream.flush().unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
            head.push(byte[0]);
        }
        let text = String::from_utf8(head.clone()).unwrap();
        if !text.contains("text/event-stream") {
            // An answer's body is there with its head, and short.
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            head.extend(body);
            return Err(Answer::parse(&head));
        }
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        Ok(Self {
            stream,
            raw: Vec::new(),
            text: Vec::new(),
            head: text,
            ended: None,
            last: 0,
        })
    }

    /// Hello, and the reset that follows it.
    pub(crate) fn greeted(&mut self) -> [Told; 2] {
        let greeting = [(), ()].map(|()| self.next().unwrap());
        let kinds = [greeting[0].kind.as_str(), greeting[1].kind.as_str()];
        assert_eq!(kinds, ["hello", "reset"]);
        greeting
    }

    /// The next event; nothing at the end.
    pub(crate) fn next(&mut self) -> Option<Told> {
        let began = Instant::now();
        loop {
            if let Some(told) = self.heard() {
                assert!(told.id >= self.last, "{told:?} after {}", self.last);
                self.last = told.id;
                return Some(told);
            }
            if self.ended.is_some() {
                return None;
            }
            assert!(began.elapsed() < PATIENCE, "nothing comes");
            self.read();
        }
    }

    /// The next event of that kind, whatever comes before it.
    pub(crate) fn next_of(&mut self, kind: &str) -> Told {
        loop {
            let told = self.next();
            let told = told.unwrap_or_else(|| panic!("the stream ended without {kind}"));
            if told.kind == kind {
                return told;
            }
        }
    }

    /// All that comes until the end, which is said in order.
    pub(crate) fn rest(mut self) -> Vec<Told> {
        let told = std::iter::from_fn(|| self.next()).collect();
        assert_eq!(self.ended, Some(true), "cut without a word");
        told
    }

    fn heard(&mut self) -> Option<Told> {
        loop {
            let end = self.text.windows(2).position(|two| two == b"\n\n")?;
            let block: Vec<u8> = self.text.drain(..end + 2).collect();
            let block = String::from_utf8(block).unwrap();
            if block == ":\n\n" {
                continue;
            }
            if block.starts_with("event: crl\n") {
                // Before its turn, and comes again in that.
                continue;
            }
            let mut lines = block.lines();
            let mut field = |name: &str| {
                let line = lines.next().unwrap();
                line.strip_prefix(name)
                    .unwrap_or_else(|| panic!("{line}"))
                    .to_owned()
            };
            let told = Told {
                id: field("id: ").parse().unwrap(),
                kind: field("event: "),
                data: serde_json::from_str(&field("data: ")).unwrap(),
            };
            assert_eq!(lines.next(), Some(""));
            return Some(told);
        }
    }

    fn read(&mut self) {
        let mut buffer = [0; 4096];
        let read = self.stream.read(&mut buffer).unwrap_or(0);
        if read == 0 {
            self.ended = self.ended.or(Some(false));
        }
        self.raw.extend(&buffer[..read]);
        while let Some(end) = self.raw.windows(2).position(|two| two == b"\r\n") {
            let size = std::str::from_utf8(&self.raw[..end]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            if self.raw.len() < end + 2 + size + 2 {
                return;
            }
            if size == 0 {
                self.ended = Some(true);
            }
            self.text.extend(&self.raw[end + 2..end + 2 + size]);
            self.raw.drain(..end + 2 + size + 2);
        }
    }
}

impl Org {
    /// So many people with so many devices each, put into store and ledger.
    pub(crate) fn crowd(&self, people: usize, devices: usize) -> Vec<Member> {
        let sealed = key_store::open(
            &auth_server::home::Home::new(self.home()).root_key(),
            &PASSPHRASE.into(),
        );
        let authority = Authority::open(self.root(), Box::new(sealed.unwrap())).unwrap();
        let profile = Profile::new(&ProfileConfig::default()).unwrap();
        let now = OffsetDateTime::now_utc();
        self.in_store(async |store| {
            let mut members = Vec::new();
            for person in 0..people {
                let alias = format!("person-{person}");
                let password = Password::chosen(PasswordHash::new("x".into()));
                let (name, role) = (alias.parse().unwrap(), "member".parse().unwrap());
                let by = Actor::console();
                store
                    .add_user(&name, &role, &password, &by, now)
                    .await
                    .unwrap();
                for _ in 0..devices {
                    let key = KeyPair::generate().unwrap();
                    let proven = ProvenKey::from_pem(&request(&key)).unwrap();
                    let subject = subject(&alias, "member");
                    let prepared = authority.prepare(&profile, &subject, &proven, now).unwrap();
                    let issuance = Issuance {
                        by: &by,
                        renews: None,
                        now,
                    };
                    let ledger = StoreLedger { store, issuance };
                    let issued = authority.issue(prepared, &ledger).await.unwrap();
                    let leaf = issued.der().clone();
                    members.push(Member { key, leaf });
                }
            }
            members
        })
    }
}
