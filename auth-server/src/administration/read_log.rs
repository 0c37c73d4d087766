use common::identity::OrgRoot;

use super::{AdminError, Administration};
use crate::audit::{End, Line, Start, Tampering, Verdict, Verifier};

/// Entries of a page: about 300 KiB of JSON.
pub const AUDIT_PAGE: u32 = 1000;

/// Reads the audit log behind that entry (0: all of it), page by page, as the lines of an export.
///
/// # Errors
/// When there is no such entry, the log cannot be read, or `take` does not want any more.
pub async fn read_log<E: From<AdminError>>(
    source: &dyn Administration,
    after: u64,
    mut take: impl FnMut(Line) -> Result<(), E>,
) -> Result<(), E> {
    begin(source, after, &mut take).await?;
    let mut after = after;
    loop {
        let page = source.audit(after, AUDIT_PAGE).await?;
        let last = page.last;
        let full = u32::try_from(page.entries.len()).is_ok_and(|length| length >= AUDIT_PAGE);
        let behind = page.entries.last().map(|entry| entry.seq);
        page.into_lines().into_iter().try_for_each(&mut take)?;
        match behind {
            Some(seq) if full => after = seq,
            _ => return take(Line::End(End { last })),
        }
    }
}

/// The first line, and the checkpoint of the entry that it names.
async fn begin<E: From<AdminError>>(
    source: &dyn Administration,
    after: u64,
    take: &mut impl FnMut(Line) -> Result<(), E>,
) -> Result<(), E> {
    let Some(before) = after.checked_sub(1) else {
        return take(Line::Start(Start::GENESIS));
    };
    let page = source.audit(before, 1).await?;
    let entry = page.entries.first().filter(|entry| entry.seq == after);
    let entry = entry.ok_or(AdminError::NoSuchEntry { seq: after })?;
    take(Line::Start(entry.into()))?;
    page.checkpoints
        .into_iter()
        .map(Line::Checkpoint)
        .try_for_each(take)
}

/// Why a log was not found to be whole.
#[derive(Debug)]
pub enum Unverified {
    /// It could not be read.
    Read(AdminError),
    /// It is not as it was written.
    Tampering(Tampering),
}

impl From<AdminError> for Unverified {
    fn from(error: AdminError) -> Self {
        Self::Read(error)
    }
}

/// Whether the log is as it was written, from its first entry to its last.
///
/// # Errors
/// When it is not, or cannot be read.
pub async fn verify_log(
    source: &dyn Administration,
    root: &OrgRoot,
) -> Result<Verdict, Unverified> {
    let mut verifier = Verifier::new(root);
    let take = |line: Line| verifier.take(&line).map_err(Unverified::Tampering);
    read_log(source, 0, take).await?;
    verifier.finish().map_err(Unverified::Tampering)
}
