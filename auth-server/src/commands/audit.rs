//! `audit tail|export|verify`: the log of who did what.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, stdin};
use std::path::Path;
use std::time::Duration;

use common::identity::OrgRoot;
use time::OffsetDateTime;
use time::macros::format_description;

use super::desk::{Desk, Place};
use super::user::moment;
use crate::administration::{AUDIT_PAGE, Unverified, read_log, verify_log};
use crate::audit::{AuditPage, Line, Record, Tampering, Verdict, Verifier};
use crate::failure::Failure;
use crate::options::{AuditAction, Format, Tail};
use crate::ui;

/// Pause between two looks at the log while following it.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// Bytes of a line of an export.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// Does what was asked.
///
/// # Errors
/// Why it could not be done, or what is wrong with the log.
pub async fn run(place: Place, action: AuditAction) -> Result<(), Failure> {
    if let AuditAction::VerifyFile(path) = &action {
        return report(vouched_for(path, verify_file(path, &place.root()?)?)?);
    }
    let desk = Desk::open(place).await?;
    match action {
        AuditAction::Tail(tail) => self::tail(&desk, &tail).await?,
        AuditAction::Export(after) => export(&desk, after).await?,
        AuditAction::Verify | AuditAction::VerifyFile(_) => {
            report(verify_log(desk.administration(), desk.root()).await?)?
        }
    }
    desk.close().await
}

async fn tail(desk: &Desk, tail: &Tail) -> Result<(), Failure> {
    let last = desk.administration().audit(0, 0).await?.last;
    let mut after = show(desk, last.saturating_sub(tail.lines), tail.format).await?;
    if !tail.follow {
        return Ok(());
    }
    // Until a signal ends the program.
    loop {
        tokio::time::sleep(FOLLOW_EVERY).await;
        after = show(desk, after, tail.format).await?;
    }
}

/// Shows what is behind that entry; returns the last one shown.
async fn show(desk: &Desk, after: u64, format: Format) -> Result<u64, Failure> {
    let mut after = after;
    loop {
        let page = desk.administration().audit(after, AUDIT_PAGE).await?;
        let AuditPage { entries, .. } = page;
        let Some(last) = entries.last().map(|entry| entry.seq) else {
            return Ok(after);
        };
        for entry in entries {
            match format {
                Format::Json => ui::json(&Line::Entry(entry))?,
                Format::Text => ui::data(&described(&entry)),
            }
        }
        after = last;
    }
}

fn described(entry: &Record) -> String {
    let text = ui::safe;
    format!(
        "{} {:>6}  {:<16} {:<15} {:<12} {}: {}",
        second(entry.at),
        entry.seq,
        text(&entry.actor),
        text(&entry.source),
        text(&entry.action),
        text(&entry.object),
        text(&entry.outcome),
    )
}

fn second(time: OffsetDateTime) -> String {
    time.format(format_description!(
        "[year]-[month]-[day] [hour]:[minute]:[second]Z"
    ))
    .unwrap_or_default()
}

async fn export(desk: &Desk, after: u64) -> Result<(), Failure> {
    read_log::<Failure>(desk.administration(), after, |line| ui::json(&line)).await
}

impl From<Unverified> for Failure {
    fn from(error: Unverified) -> Self {
        match error {
            Unverified::Read(error) => error.into(),
            Unverified::Tampering(tampering) => altered("the audit log", &tampering),
        }
    }
}

fn altered(what: &str, tampering: &Tampering) -> Failure {
    Failure::other(format!("{what} is not as it was written: {tampering}"))
        .cure("compare it with the exports that are kept elsewhere")
}

fn verify_file(path: &Path, root: &OrgRoot) -> Result<Verdict, Failure> {
    let name = path.display().to_string();
    let source: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(stdin())
    } else {
        let missing = |error| {
            Failure::io(path, &error)
                .cure("give what auth-server audit export wrote, or - for standard input")
        };
        Box::new(File::open(path).map_err(missing)?)
    };
    let mut source = BufReader::new(source);
    let mut verifier = Verifier::new(root);
    for number in 1_u64.. {
        let Some(text) = next_line(&mut source, &name, number)? else {
            break;
        };
        let line = read_line(&text).ok_or_else(|| {
            Failure::other(format!(
                "{name} is not as it was written: line {number} is no line of an export"
            ))
            .cure("compare it with the exports that are kept elsewhere")
        })?;
        let place = format!("line {number} of {name}");
        verifier
            .take(&line)
            .map_err(|tampering| altered(&place, &tampering))?;
    }
    verifier
        .finish()
        .map_err(|tampering| altered(&name, &tampering))
}

/// Refuses an export that fits together and of which the root key has signed nothing: entries and hashes
/// can be made by anybody. (In the store they are as new as the server's last hour.)
fn vouched_for(path: &Path, verdict: Verdict) -> Result<Verdict, Failure> {
    if verdict.vouched.is_some() {
        return Ok(verdict);
    }
    Err(Failure::not_trusted(format!(
        "the root key vouches for nothing in {}: its entries fit together, and whoever wrote it may have \
         made them so",
        path.display()
    ))
    .cure("verify it with the exports before and behind it: cat OLDER THIS NEWER | auth-server audit verify -"))
}

fn next_line(
    source: &mut impl BufRead,
    name: &str,
    number: u64,
) -> Result<Option<Vec<u8>>, Failure> {
    let mut line = Vec::new();
    let read = source.take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
    match read {
        Ok(0) => Ok(None),
        Ok(_) => Ok(Some(line)),
        Err(error) => Err(Failure::local_file(format!(
            "{name}, line {number}: {error}"
        ))),
    }
}

/// A line that is written as this program writes it, byte for byte: what the hashes do not cover,
/// such as the fractions of a second, cannot be changed either.
fn read_line(bytes: &[u8]) -> Option<Line> {
    let line: Line = serde_json::from_slice(bytes).ok()?;
    let again = serde_json::to_string(&line).ok()? + "\n";
    (again.as_bytes() == bytes).then_some(line)
}

fn report(verdict: Verdict) -> Result<(), Failure> {
    let Verdict {
        after,
        last,
        vouched,
    } = verdict;
    if last == after {
        ui::data("There are no entries.");
        return Ok(());
    }
    ui::data(&match after + 1 {
        first if first == last => format!("Entry {last} is as it was written."),
        first => format!("Entries {first} to {last} are as they were written."),
    });
    ui::data(&match vouched {
        Some((seq, at)) if seq < last => format!(
            "The root key vouches for those up to {seq}, signed {}; for those behind it only their \
             hashes do.",
            moment(at)
        ),
        Some((seq, at)) => format!(
            "The root key vouches for those up to {seq}, signed {}.",
            moment(at)
        ),
        None => "The root key vouches for none of them yet: only their hashes do.".to_owned(),
    });
    Ok(())
}
