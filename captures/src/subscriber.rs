//! Devices that follow the auth server as `peer serve` does, without a process for each.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::time::{Instant, SystemTime};

use common::crl::RevocationList;
use common::handshake::Trust;
use common::identity::OrgRoot;
use peer::events::CatchUp;
use rustls::pki_types::UnixTime;

use crate::error::{Doing as _, Error, Result};
use crate::https::{Client, Connection, exchange_bytes};
use crate::rogue::Credentials;

/// Bytes that a stream reads at a time: events are short.
const BUFFER_BYTES: usize = 1024;

/// An open stream of events.
#[derive(Debug)]
pub struct EventStream {
    lines: BufReader<Connection>,
}

impl EventStream {
    /// Opens one with that certificate, and reads its greeting.
    ///
    /// # Errors
    /// If the server does not open it.
    pub fn open(client: &Client, own: &Credentials) -> Result<Self> {
        let mut connection = client.with(own)?.connect()?;
        let request = b"GET /events HTTP/1.1\r\nhost: auth\r\n\r\n";
        let asked = connection.write_all(request);
        asked
            .and_then(|()| connection.flush())
            .doing("asking for events")?;
        let lines = BufReader::with_capacity(BUFFER_BYTES, connection);
        let mut stream = Self { lines };
        let answer = stream.until(|_| true)?;
        if !answer.contains(" 200 ") {
            return Err(Error::Unexpected(format!("no stream of events: {answer}")));
        }
        stream.until(|line| line == "event: reset")?;
        Ok(stream)
    }

    /// Waits for the next word of a revocation list: its number.
    ///
    /// # Errors
    /// If the stream ends before.
    pub fn next_list(&mut self) -> Result<u64> {
        self.until(|line| line == "event: crl")?;
        let data = self.until(|line| line.starts_with("data: "))?;
        let number: String = data.chars().filter(char::is_ascii_digit).collect();
        number
            .parse()
            .map_err(|_| Error::Unexpected(format!("no number: {data}")))
    }

    /// The server sends an event whole, so that the sizes of HTTP's chunks are lines of their own.
    fn until(&mut self, is_it: impl Fn(&str) -> bool) -> Result<String> {
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).doing("reading events")?;
            if read == 0 {
                return Err(Error::Unexpected("the stream of events ended".into()));
            }
            let line = line.trim_end();
            if is_it(line) {
                return Ok(line.to_owned());
            }
        }
    }
}

/// A device that has a revocation list in force, and each newer one as soon as it is told of it.
#[derive(Debug)]
pub struct Subscriber {
    stream: EventStream,
    client: Client,
    trust: RefCell<Trust>,
}

impl Subscriber {
    /// Listens with that certificate, and asks for lists without one, as peers do. It holds `list`.
    ///
    /// # Errors
    /// If the server does not open a stream, or the list is none.
    pub fn begin(
        client: &Client,
        own: &Credentials,
        root: &OrgRoot,
        list: RevocationList,
    ) -> Result<Self> {
        Ok(Self {
            stream: EventStream::open(client, own)?,
            client: client.clone(),
            trust: RefCell::new(Trust::new(root.clone(), list).map_err(unexpected)?),
        })
    }

    /// Waits until it is told of a list, fetches and checks that, and has it in force: since when.
    ///
    /// # Errors
    /// If it does not come to that.
    pub fn install_next(&mut self) -> Result<Instant> {
        let number = self.stream.next_list()?;
        let held = || self.trust.borrow().crl().number();
        let mut last = Ok(());
        CatchUp::default().reach(number, held, || last = self.look());
        last?;
        let held = held();
        match held >= number {
            true => Ok(Instant::now()),
            false => Err(Error::Unexpected(format!(
                "list {held} is in force, and {number} was told of"
            ))),
        }
    }

    fn look(&self) -> Result<()> {
        let (root, number) = {
            let trust = self.trust.borrow();
            (trust.root().clone(), trust.crl().number())
        };
        if let Some(list) = fetch(&self.client, &root, Some(number))? {
            *self.trust.borrow_mut() = Trust::new(root, list).map_err(unexpected)?;
        }
        Ok(())
    }
}

/// The server's list, checked, if it is newer than that number.
///
/// # Errors
/// If there is no answer, or its list is refused.
pub fn fetch(client: &Client, root: &OrgRoot, held: Option<u64>) -> Result<Option<RevocationList>> {
    let known = held.map_or_else(String::new, |number| {
        format!("if-none-match: \"{number}\"\r\n")
    });
    let request =
        format!("GET /root.crl HTTP/1.1\r\nhost: auth\r\n{known}connection: close\r\n\r\n");
    let (status, _, body) = exchange_bytes(&mut client.connect()?, request.as_bytes())?;
    match status {
        200 => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let now = UnixTime::since_unix_epoch(now.map_err(unexpected)?);
            RevocationList::accept(body.into(), root, now, held)
                .map(Some)
                .map_err(unexpected)
        }
        304 => Ok(None),
        other => Err(Error::Unexpected(format!("no list: {other}"))),
    }
}

fn unexpected(error: impl std::fmt::Display) -> Error {
    Error::Unexpected(error.to_string())
}
