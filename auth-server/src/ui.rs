//! The only file that prints: prompts, results, errors, and the form of log lines.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this file is where printing is done"
)]

use std::fmt::{self, Write as _};
use std::io::{ErrorKind, Write as _};
use std::sync::OnceLock;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::failure::Failure;
use crate::json_log::JsonLog;
use crate::log;
use crate::options::LogFormat;
use crate::state::REQUEST;

/// The target of access log events.
pub const ACCESS: &str = "access";
/// The target of entries of the audit log.
pub const AUDIT: &str = "audit";

const LOG_TIME: &[BorrowedFormatItem<'static>] =
    format_description!("[day]/[month repr:short]/[year] [hour]:[minute]:[second]");

/// The form of the log, once there is one.
static LOG_FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// The machine's offset from UTC, for log lines that people read.
static LOCAL: OnceLock<UtcOffset> = OnceLock::new();

/// Looks the local time zone up, which can be done soundly only while there is one thread.
pub fn remember_time_zone() {
    let _ = LOCAL.set(UtcOffset::current_local_offset().unwrap_or(UtcOffset::UTC));
}

/// Text as it may appear on a terminal or in a log: control characters and the like escaped.
pub fn safe(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        if c.is_control() || is_invisible(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
        out
    })
}

/// Characters that reorder or hide text (Unicode, 9: bidirectional and zero-width controls).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A number of things, in words that fit it.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    }
}

/// Why standard output did not take everything, if it did not.
static LOST_OUTPUT: OnceLock<ErrorKind> = OnceLock::new();

/// A result, on standard output.
pub fn data(line: &str) {
    raw(&format!("{line}\n"));
}

/// What became of the results: a program that lost some of them must not end as if all were well. A
/// reader that has gone away wants no more; that is its choice.
///
/// # Errors
/// When some could not be written, such as on a full disk.
pub fn output() -> Result<(), Failure> {
    match LOST_OUTPUT.get() {
        None => Ok(()),
        Some(kind) => Err(Failure::local_file(format!("standard output: {kind}"))),
    }
}

/// A result as one line of JSON.
///
/// # Errors
/// When it has no form in JSON, which does not happen.
pub fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(value).map_err(|error| Failure::other(error.to_string()))?;
    data(&line);
    Ok(())
}

/// A result that brings its own line ends.
pub fn raw(text: &str) {
    let mut stdout = std::io::stdout();
    let written = write!(stdout, "{text}").and_then(|()| stdout.flush());
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = LOST_OUTPUT.set(error.kind());
    }
}

/// A result that is not text.
///
/// # Errors
/// When it cannot be written, for example because a disk is full.
pub fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| Failure::other(format!("standard output: {error}")))
}

/// Where a result goes that is too large to be held.
pub fn stream() -> impl std::io::Write {
    std::io::stdout()
}

/// A message to the person at the terminal.
pub fn message(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// What is wrong though the command goes on: a line of the log if there is one, in its form.
pub fn warning(text: &str) {
    if log::is_started() {
        tracing::warn!("{text}");
    } else {
        message(&format!("auth-server: warning: {}", safe(text)));
    }
}

/// A question; the answer follows on the same line.
pub fn prompt(text: &str) {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "{text}");
    let _ = stderr.flush();
}

/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// The last words after Ctrl-C.
pub fn goodbye() {
    last_words("\nExiting Program!".to_owned());
}

/// A message that cannot hold up the end of the program, whoever holds up standard error.
fn last_words(line: String) {
    let (said, done) = sync_channel(1);
    let speaker = std::thread::Builder::new().spawn(move || {
        message(&line);
        let _ = said.send(());
    });
    if speaker.is_ok() {
        let _ = done.recv_timeout(LAST_WORDS);
    }
}

/// An error: a line of the log where that is JSON, else one with the program's name before it.
pub fn failure(failure: &Failure) {
    let line = format!("auth-server: {}", safe(&failure.to_string()));
    match LOG_FORMAT.get() {
        Some(LogFormat::Json) => {
            tracing::error!("{failure}");
            log::flush();
        }
        Some(LogFormat::Text) => last_words(line),
        None => message(&line),
    }
}

/// What a new or running authority tells its operator: the fingerprint, and the line to paste.
pub fn trust_line(organisation: &str, fingerprint: &str, url: &str) {
    data(&format!("Organisation: {}", safe(organisation)));
    data(&format!("Root fingerprint: {fingerprint}"));
    data("To trust it, run this on each device:");
    data(&format!("peer trust {url} --fingerprint {fingerprint}"));
}

/// Starts logging to standard error; `brief` means accesses and warnings alone.
pub fn start_log(format: LogFormat, brief: bool) {
    if let Err(error) = log::start() {
        message(&format!("auth-server: warning: nothing is logged: {error}"));
        return;
    }
    let builder = tracing_subscriber::fmt()
        .with_writer(log::Lines)
        .with_max_level(Level::INFO);
    let outcome = match format {
        LogFormat::Json => builder.event_format(JsonLog).try_init(),
        LogFormat::Text => {
            let offset = LOCAL.get().copied().unwrap_or(UtcOffset::UTC);
            builder.event_format(TextLog { offset, brief }).try_init()
        }
    };
    match outcome {
        Ok(()) => drop(LOG_FORMAT.set(format)),
        Err(_) => message("auth-server: warning: logging was started before"),
    }
}

/// Log lines for people: accesses as web servers have always written them, everything else with
/// the time before it.
struct TextLog {
    offset: UtcOffset,
    brief: bool,
}

impl<S, N> FormatEvent<S, N> for TextLog
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let is_access = event.metadata().target() == ACCESS;
        if self.brief && !is_access && *event.metadata().level() > Level::WARN {
            return Ok(());
        }
        let now = OffsetDateTime::now_utc().to_offset(self.offset);
        let time = now.format(LOG_TIME).map_err(|_| fmt::Error)?;
        let mut fields = Fields::default();
        event.record(&mut fields);
        if is_access {
            return writeln!(
                out,
                "{} - - [{time}] \"{} {} {}\" {} -",
                fields.take("remote"),
                fields.take("method"),
                fields.take("path"),
                fields.take("version"),
                fields.take("status"),
            );
        }
        let level = match *event.metadata().level() {
            Level::ERROR => "error: ",
            Level::WARN => "warning: ",
            _ => "",
        };
        let message = match event.metadata().target() {
            AUDIT => fields.take("message") + ":",
            _ => fields.take("message"),
        };
        write!(out, "[{time}] {level}{message}")?;
        for (name, value) in &fields.0 {
            write!(out, " {name}={}", quoted(value))?;
        }
        if let Ok(id) = REQUEST.try_with(|id| id.0.clone()) {
            write!(out, " request_id={id}")?;
        }
        writeln!(out)
    }
}

/// A value in quotation marks if it could be taken for more than one: nothing in it can pass for
/// another field.
fn quoted(value: &str) -> String {
    if value.contains([' ', '"', '=']) {
        format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        value.to_owned()
    }
}

#[derive(Default)]
struct Fields(Vec<(&'static str, String)>);

impl Fields {
    fn take(&mut self, name: &str) -> String {
        match self.0.iter().position(|(found, _)| *found == name) {
            Some(at) => self.0.remove(at).1,
            None => "-".to_owned(),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        let _ = write!(text, "{value:?}");
        self.0.push((field.name(), safe(&text)));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), safe(value)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_in_a_log_line_passes_for_another_field() {
        assert_eq!(quoted("alice"), "alice");
        assert_eq!(quoted("a outcome=ok"), "\"a outcome=ok\"");
        assert_eq!(quoted("a\" outcome=\"ok"), "\"a\\\" outcome=\\\"ok\"");
    }

    #[test]
    fn nothing_that_moves_the_cursor_or_hides_text_reaches_the_terminal() {
        assert_eq!(safe("Acme & S\u{f6}hne"), "Acme & S\u{f6}hne");
        assert_eq!(safe("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(safe("a\nb"), "a\\u{a}b");
        assert_eq!(safe("a\u{202e}b"), "a\\u{202e}b");
    }
}
