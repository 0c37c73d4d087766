//! What anyone on the network sees of a port of the loopback.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::error::{Doing, Error, Result};
use crate::process::{self, PATIENCE, Running};
use crate::scratch;

/// A running capture.
#[derive(Debug)]
pub struct Capture {
    tcpdump: Running,
    port: u16,
    folder: TempDir,
}

/// A finished capture.
#[derive(Debug)]
pub struct Captured {
    folder: TempDir,
}

impl Capture {
    /// Starts to capture everything that goes to or from a port of the loopback.
    ///
    /// # Errors
    /// If tcpdump is missing or may not capture.
    pub fn start(port: u16) -> Result<Self> {
        let folder = scratch::folder()?;
        let mut command = process::tool("tcpdump", "tcpdump")?;
        command.arg("--immediate-mode");
        command.args([
            "-i", "lo", "-B", "65536", "-s", "0", "-U", "-Z", "root", "-w",
        ]);
        command
            .arg(folder.path().join("capture.pcap"))
            .arg(format!("port {port}"));
        let tcpdump = Running::start(&mut command)?;
        tcpdump.wait_for_text("listening on")?;
        Ok(Self {
            tcpdump,
            port,
            folder,
        })
    }

    /// Ends the capture.
    ///
    /// # Errors
    /// If tcpdump does not end, or lost a packet: what it did not see proves nothing.
    pub fn stop(self) -> Result<Captured> {
        self.wait_until_caught_up()?;
        self.tcpdump.signal(Signal::INT)?;
        let said = self.tcpdump.finish(PATIENCE)?.success()?.stderr;
        if !said
            .lines()
            .any(|line| line.starts_with("0 packets dropped by kernel"))
        {
            return Err(Error::Unexpected(format!("the capture has gaps:\n{said}")));
        }
        Ok(Captured {
            folder: self.folder,
        })
    }
}

impl Capture {
    /// Sends a last datagram to the port and waits until the capture has it: then it has
    /// everything that came before.
    fn wait_until_caught_up(&self) -> Result<()> {
        let last = format!("the capture on port {} ends here", self.port);
        let socket = UdpSocket::bind("127.0.0.1:0").doing("ending the capture")?;
        socket
            .send_to(last.as_bytes(), ("127.0.0.1", self.port))
            .doing("ending the capture")?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let seen = fs::read(self.folder.path().join("capture.pcap")).unwrap_or_default();
            if seen
                .windows(last.len())
                .rev()
                .any(|window| window == last.as_bytes())
            {
                return Ok(());
            }
            thread::yield_now();
        }
        Err(Error::Unexpected("tcpdump does not keep up".to_owned()))
    }
}

impl Captured {
    /// The pcap file.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("capture.pcap")
    }

    /// The bytes of all TCP streams, each put together by sequence number, as its receiver would.
    ///
    /// # Errors
    /// If tshark is missing or cannot read the capture.
    pub fn streams(&self) -> Result<Vec<u8>> {
        let mut arguments = vec!["-Y", "tcp.len > 0", "-T", "fields"];
        for field in ["tcp.stream", "tcp.srcport", "tcp.seq", "tcp.payload"] {
            arguments.extend(["-e", field]);
        }
        let text = tshark(&self.file(), &arguments)?;
        let mut segments: Vec<((u64, u64, u64), &str)> = text.lines().filter_map(segment).collect();
        segments.sort_unstable();
        let segments = segments
            .into_iter()
            .map(|((stream, sender, seq), payload)| {
                ((stream, sender), seq, from_hexadecimal(payload))
            });
        Ok(put_together(segments))
    }
}

/// Stream, sender, sequence number and payload of a line of tshark.
fn segment(line: &str) -> Option<((u64, u64, u64), &str)> {
    let mut columns = line.split('\t');
    let mut number = || columns.next()?.parse().ok();
    let key = (number()?, number()?, number()?);
    Some((key, columns.next()?))
}

/// The bytes of each flow in their order. What was sent again, in other pieces perhaps, counts once.
fn put_together<F: PartialEq>(segments: impl Iterator<Item = (F, u64, Vec<u8>)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut end: Option<(F, u64)> = None;
    for (flow, seq, payload) in segments {
        let from = match &end {
            Some((last, end)) if *last == flow => (*end).max(seq),
            _ => seq,
        };
        let known = usize::try_from(from - seq).unwrap_or(usize::MAX);
        bytes.extend(payload.get(known..).unwrap_or_default());
        let until = seq.saturating_add(u64::try_from(payload.len()).unwrap_or(u64::MAX));
        end = Some((flow, from.max(until)));
    }
    bytes
}

/// Runs tshark on a capture and returns what it writes.
///
/// # Errors
/// If tshark is missing or fails.
pub fn tshark(file: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = process::tool("tshark", "tshark")?;
    command.arg("-r").arg(file).args(arguments);
    let finished = process::run(&mut command)?.success()?;
    Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
}

fn from_hexadecimal(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks_exact(2);
    pairs
        .filter_map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_again_in_other_pieces_counts_once() {
        let segments = [
            ("a", 1, "abc"),
            ("a", 1, "abcd"),
            ("a", 3, "cdef"),
            ("a", 4, "d"),
            ("b", 1, "xy"),
            ("b", 3, "z"),
        ];
        let segments = segments.map(|(flow, seq, bytes)| (flow, seq, bytes.into()));
        assert_eq!(put_together(segments.into_iter()), b"abcdefxyz");
    }
}
