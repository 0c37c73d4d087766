use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::PathBuf;

use common::digest::{Digest, DigestAlgorithm};
use common::handshake::VerifiedPeer;
use common::limits::{FRAME_HEADER_BYTES, MAX_PIPELINED_REQUESTS};
use common::message::{FileInfo, Outcome};
use common::session::{RequesterEvent, RequesterSession, VerifiedFile};
use common::wire::ErrorCode;

use super::destination::{Destination, Overwrite};
use super::part_file::PartFile;
use crate::connection::{FrameStream, ReceiveError};
use crate::failure::{Exit, Failure, from_error_code, from_session};

/// A file to fetch and where it goes.
#[derive(Debug)]
pub struct Wanted {
    /// Its name at the provider.
    pub path: String,
    /// Its place here.
    pub target: Target,
}

/// Where a file goes.
#[derive(Debug)]
pub enum Target {
    /// To a file.
    File(Destination, Overwrite),
    /// To standard output, as it arrives.
    Stdout,
}

/// A file that was fetched and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Where it is; `None` for standard output.
    pub place: Option<PathBuf>,
    /// Bytes.
    pub bytes: u64,
    /// Digest, equal at both ends.
    pub digest: Digest,
}

/// What happens while files are fetched.
#[derive(Debug)]
pub enum FetchEvent<'a> {
    /// A request is out.
    Requested {
        /// The name asked for.
        path: &'a str,
    },
    /// The provider answers with a file.
    Started {
        /// The name asked for.
        path: &'a str,
        /// What it is.
        info: &'a FileInfo,
    },
    /// That many more bytes are written.
    Progress(u64),
    /// A file is verified and in its place.
    Done(&'a Received),
    /// A file failed.
    Failed(&'a Failure),
}

/// What became of the files, in the order they were asked for; those after a broken connection
/// are missing.
#[derive(Debug, Default)]
pub struct FetchReport {
    /// Files received.
    pub received: Vec<Received>,
    /// Files that failed while the session went on.
    pub failed: Vec<Failure>,
    /// Why the session ended early.
    pub broken: Option<Failure>,
}

/// Who decides whether both sides may exchange files, while they do.
pub trait Leave {
    /// Leave to give a file its final name, or to print it: asked before each.
    ///
    /// # Errors
    /// When the provider is not to be trusted any more.
    fn clear(&mut self, provider: &VerifiedPeer) -> Result<(), Failure>;

    /// Leave to go on: asked at every frame, and before a file gets its final name.
    ///
    /// # Errors
    /// When one of both sides was revoked meanwhile.
    fn go_on(&self) -> Result<(), Failure>;

    /// The session broke off: the reason behind it, where there is one.
    fn explain(&self, failure: Failure) -> Failure;
}

/// Fetches files over one session: requests go out ahead of the answers.
pub fn fetch(
    stream: &mut FrameStream,
    session: &mut RequesterSession,
    peer: &str,
    wanted: Vec<Wanted>,
    umask: u32,
    leave: &mut dyn Leave,
    on: &mut dyn FnMut(FetchEvent<'_>),
) -> FetchReport {
    let mut fetch = Fetch {
        stream,
        session,
        peer,
        umask,
        leave,
        on,
        to_ask: wanted.into(),
        asked: VecDeque::new(),
        current: None,
        report: FetchReport::default(),
    };
    if let Err(broken) = fetch.run() {
        let broken = fetch.leave.explain(broken);
        let broken = match fetch.current.take() {
            Some(Sink::File(part, _)) => {
                give_up(part, broken.exit);
                broken
            }
            Some(Sink::Stdout) => printed(broken),
            None => broken,
        };
        fetch.report.broken = Some(broken);
    }
    fetch.report
}

/// Where the bytes of the current file go.
enum Sink {
    File(PartFile, Overwrite),
    Stdout,
}

struct Fetch<'a> {
    stream: &'a mut FrameStream,
    session: &'a mut RequesterSession,
    peer: &'a str,
    umask: u32,
    leave: &'a mut dyn Leave,
    on: &'a mut dyn FnMut(FetchEvent<'_>),
    to_ask: VecDeque<Wanted>,
    asked: VecDeque<Wanted>,
    current: Option<Sink>,
    report: FetchReport,
}

impl Fetch<'_> {
    fn run(&mut self) -> Result<(), Failure> {
        self.ask()?;
        while !self.asked.is_empty() || self.current.is_some() {
            self.step()?;
            self.ask()?;
        }
        Ok(())
    }

    fn ask(&mut self) -> Result<(), Failure> {
        while self.session.unanswered() < MAX_PIPELINED_REQUESTS {
            let Some(wanted) = self.to_ask.pop_front() else {
                break;
            };
            let frame = self
                .session
                .request_file(&wanted.path, DigestAlgorithm::default())
                .map_err(|error| from_session(self.peer, &error))?;
            self.send(&frame)?;
            (self.on)(FetchEvent::Requested { path: &wanted.path });
            self.asked.push_back(wanted);
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Failure> {
        let frame = self
            .stream
            .receive()
            .map_err(|error| receive_failure(self.peer, error))?;
        self.leave.go_on()?;
        let event = self
            .session
            .handle_frame(frame)
            .map_err(|error| from_session(self.peer, &error))?;
        match event {
            RequesterEvent::Chunk(bytes) => {
                let count = bytes.len();
                match &mut self.current {
                    Some(Sink::File(part, _)) => match part.spare_buffer()? {
                        Some(spare) => {
                            let buffer = self.stream.release(spare);
                            let chunk = FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + count;
                            part.write_behind(buffer, chunk)?;
                        }
                        None => part.write(bytes)?,
                    },
                    Some(Sink::Stdout) => emit(bytes)?,
                    None => {}
                }
                let count = u64::try_from(count).unwrap_or(u64::MAX);
                (self.on)(FetchEvent::Progress(count));
                Ok(())
            }
            RequesterEvent::FileStarted(info) => self.start(&info),
            RequesterEvent::FileVerified(verified) => self.finish(&verified),
            // Nothing more will be answered.
            RequesterEvent::RequestFailed(code @ ErrorCode::Revoked) => {
                Err(from_error_code(self.peer, code))
            }
            RequesterEvent::RequestFailed(code) => {
                self.fail_with(|path| from_error_code(path, code));
                Ok(())
            }
            // A goodbye before everything is answered is an error of the session.
            RequesterEvent::KeepAlive | RequesterEvent::Goodbye => Ok(()),
        }
    }

    fn start(&mut self, info: &FileInfo) -> Result<(), Failure> {
        let Some(wanted) = self.asked.front() else {
            return Ok(());
        };
        (self.on)(FetchEvent::Started {
            path: &wanted.path,
            info,
        });
        let wanted = self.asked.pop_front();
        self.current = match wanted.map(|wanted| wanted.target) {
            Some(Target::File(destination, overwrite)) => {
                let mut part = PartFile::create(destination)?;
                part.expect(info.size);
                Some(Sink::File(part, overwrite))
            }
            // What is printed cannot be taken back, so leave is asked before the first byte.
            Some(Target::Stdout) => {
                self.clear()?;
                Some(Sink::Stdout)
            }
            None => None,
        };
        Ok(())
    }

    fn finish(&mut self, verified: &VerifiedFile) -> Result<(), Failure> {
        let placed = match self.current.take() {
            Some(Sink::File(part, overwrite)) => {
                if let Err(refused) = self.clear().and_then(|()| self.leave.go_on()) {
                    part.discard();
                    return Err(refused);
                }
                part.publish(verified, overwrite, self.umask).map(Some)
            }
            Some(Sink::Stdout) => {
                if let Err(refused) = self.clear().and_then(|()| self.leave.go_on()) {
                    self.current = Some(Sink::Stdout);
                    return Err(refused);
                }
                io::stdout()
                    .flush()
                    .map_err(|error| stdout_failure(&error))?;
                Ok(None)
            }
            None => return Ok(()),
        };
        let outcome = match &placed {
            Ok(_) => Outcome::Kept,
            Err(_) => Outcome::Dropped,
        };
        let acknowledgement = self
            .session
            .acknowledge(outcome)
            .map_err(|error| from_session(self.peer, &error))?;
        match placed {
            Ok(place) => {
                let received = Received {
                    place,
                    bytes: verified.info().size,
                    digest: *verified.digest(),
                };
                (self.on)(FetchEvent::Done(&received));
                self.report.received.push(received);
            }
            Err(failure) => self.record(failure),
        }
        self.send(&acknowledgement)
    }

    /// A request failed at the provider, before its file began or under way.
    fn fail_with(&mut self, failure: impl FnOnce(&str) -> Failure) {
        match self.current.take() {
            Some(Sink::File(part, _)) => {
                let path = part.path().display().to_string();
                part.discard();
                self.record(failure(&path));
            }
            Some(Sink::Stdout) => self.record(failure("-")),
            None => {
                if let Some(wanted) = self.asked.pop_front() {
                    self.record(failure(&wanted.path));
                }
            }
        }
    }

    fn record(&mut self, failure: Failure) {
        (self.on)(FetchEvent::Failed(&failure));
        self.report.failed.push(failure);
    }

    fn clear(&mut self) -> Result<(), Failure> {
        self.leave.clear(self.session.peer())
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), Failure> {
        self.stream
            .send(frame)
            .map_err(|error| Failure::connection(self.peer, &error))
    }
}

/// After a broken session: what may be continued stays; what may be forged, or comes from or to
/// somebody who was revoked, goes.
fn give_up(part: PartFile, exit: Exit) {
    if matches!(exit, Exit::Integrity | Exit::NotTrusted) {
        part.discard();
    }
}

/// What is printed cannot be taken back.
fn printed(broken: Failure) -> Failure {
    broken.hint("what was written to standard output is not to be trusted, and may not be whole")
}

fn emit(bytes: &[u8]) -> Result<(), Failure> {
    io::stdout()
        .lock()
        .write_all(bytes)
        .map_err(|error| stdout_failure(&error))
}

fn stdout_failure(error: &io::Error) -> Failure {
    Failure::new(
        Exit::LocalFile,
        format!("standard output: {}", error.kind()),
    )
}

/// No frame came in the middle of a session: a close there is a truncation.
fn receive_failure(peer: &str, error: ReceiveError) -> Failure {
    let exit = match error {
        ReceiveError::Silent | ReceiveError::Io(_) => Exit::Unreachable,
        ReceiveError::Closed | ReceiveError::Cut | ReceiveError::NotAFrame { .. } => {
            Exit::Integrity
        }
    };
    let failure = match error {
        ReceiveError::Io(error) => Failure::connection(peer, &error),
        other => Failure::new(
            exit,
            format!("{peer}: {other} before the file was complete"),
        ),
    };
    failure.hint("nothing was kept under the final name; run the command again")
}
