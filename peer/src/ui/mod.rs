//! The only part that prints. Standard output carries data only; everything else, questions
//! included, goes to standard error.
mod hints;
mod lines;
mod progress;
pub mod prompt;
mod secret_file;

use std::io::{self, Write};
use std::net::SocketAddr;

use common::name::Escaped;

pub use hints::commands_need;
use lines::Lines;
pub use progress::Progress;
pub use secret_file::password_file;

use crate::clock;
use crate::failure::{Exit, Failure};
use crate::listener::ListenerEvent;
use crate::renewal::News;
use crate::transfer::{Received, Sent};

/// Lines on standard output. A reader that is gone misses them; that is its choice.
///
/// # Errors
/// When they could not be written for another reason, such as a full disk.
pub fn data(lines: &str) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{lines}").and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            Exit::LocalFile,
            format!("standard output: {}", error.kind()),
        )),
        _ => Ok(()),
    }
}

/// Lines on standard error. A terminal that is gone must not end the program with a panic.
fn tell(lines: &str) {
    let _ = writeln!(io::stderr(), "{lines}");
}

/// A line about what happens.
pub fn note(line: &str) {
    tell(&Escaped(line).to_string());
}

/// An error: what happened, and on a second line what to do.
pub fn error(failure: &Failure) {
    tell(&format!("peer: {}", Escaped(&failure.message)));
    if let Some(hint) = &failure.hint {
        tell(&format!("      {}", Escaped(&hints::complete(hint))));
    }
}

/// A line about what goes on all the same.
pub fn warn(line: &str) {
    note(&format!("peer: warning: {line}"));
}

/// A warning that must not be missed, from whatever thread: on a line of its own beside a question that
/// waits, and not for long where the terminal takes nothing.
pub fn alarm(text: &str) {
    let text = format!("peer: warning: {}", Escaped(&hints::complete(text)));
    lines::last(move || prompt::interject(&text, true));
}

/// What a signal's handler prints last.
pub fn farewell(text: Option<&str>) {
    if let Some(text) = text {
        let text = format!("\n{text}");
        lines::last(move || tell(&text));
    }
}

/// An address as the dialogue shows it: `('127.0.0.1', 56686)`.
fn quoted(address: SocketAddr) -> String {
    format!("('{}', {})", address.ip().to_canonical(), address.port())
}

/// Prints what a listener tells.
pub fn listener_event(address: SocketAddr, event: ListenerEvent<'_>) {
    lines::later(Lines {
        text: listener_lines(&quoted(address), &event),
        are_last: matches!(
            event,
            ListenerEvent::Disconnected { .. } | ListenerEvent::Rejected { .. }
        ),
    });
}

/// Prints what became of the device's own certificate.
pub fn news(news: &News) {
    match news {
        News::Renewed(next) => {
            let until = clock::show(next.certificate().not_after());
            background(format!("Certificate renewed until {until}"));
        }
        News::Warning(_) => warning(news),
    }
}

/// Prints only what is wrong with it.
pub fn warning(news: &News) {
    if let News::Warning(text) = news {
        let text = hints::complete(text);
        background(format!("peer: warning: {}", Escaped(&text)));
    }
}

fn background(text: String) {
    lines::later(Lines {
        text,
        are_last: true,
    });
}

fn listener_lines(from: &str, event: &ListenerEvent<'_>) -> String {
    match event {
        ListenerEvent::Connected { alias } => format!("Connected {from}\nVerified {alias}"),
        ListenerEvent::Rejected { reason } => format!("Rejected {from}: {}", Escaped(reason)),
        ListenerEvent::Requested { path, .. } => format!("File request for: {}", Escaped(path)),
        ListenerEvent::Refused { alias, path, code } => {
            format!("Refused {} to {alias}: {code}", Escaped(path))
        }
        ListenerEvent::Sent { alias, path, sent } => match sent {
            Sent::Whole { bytes, digest } => {
                format!(
                    "Sent {} to {alias}: {}, {digest}",
                    Escaped(path),
                    size(*bytes)
                )
            }
            Sent::GivenUp(code) => format!("Gave up {} to {alias}: {code}", Escaped(path)),
        },
        ListenerEvent::Acknowledged { alias, kept: true } => {
            format!("Delivered: {alias} has verified it")
        }
        ListenerEvent::Acknowledged { alias, kept: false } => {
            format!("Not delivered: {alias} could not keep it")
        }
        ListenerEvent::Disconnected {
            problem: Some(problem),
            ..
        } => format!("Problem {from}: {}\nDisconnecting {from}", Escaped(problem)),
        ListenerEvent::Disconnected { problem: None, .. } => format!("Disconnecting {from}"),
    }
}

/// What was received, for people.
pub fn received(file: &Received, from: &str) -> String {
    let place = file.place.as_ref().map_or_else(
        || "standard output".into(),
        |path| path.display().to_string(),
    );
    format!(
        "{}: {} from {from}, verified, {}",
        Escaped(&place),
        size(file.bytes),
        file.digest
    )
}

/// Bytes as people read them: `1.5 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => {
            let tenths = u128::from(bytes) * 10 / u128::from(*unit);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_in_the_largest_unit_that_fits() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(1023), "1023 bytes");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(5 << 30), "5.0 GiB");
        assert_eq!(size(u64::MAX), "16777215.9 TiB");
    }

    #[test]
    fn an_address_mapped_into_ipv6_is_shown_as_ipv4() {
        assert_eq!(
            quoted("[::ffff:127.0.0.1]:5".parse().unwrap()),
            "('127.0.0.1', 5)"
        );
    }
}
