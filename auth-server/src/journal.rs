//! The audit log while the server runs: each new entry, whoever wrote it, this process or the
//! command line, becomes a line of the log; and the root key vouches for the entries at the start,
//! every hour, and at the end.
//!
//! How far was told is kept in the store, and only once the lines are written: after a crash some
//! entries are told twice, but none never, and a store that comes out of a backup does not tell
//! again what its server had told by then. Vouching does not wait for telling: somebody who holds
//! up the log must not keep the root key from it.

#[cfg(test)]
mod tests;

use std::time::Duration;

use root_ca::KeyError;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::oneshot;

use crate::administration::{AUDIT_PAGE, AdminError, read_log};
use crate::audit::{Actor, Checkpoint, Record, Start, Tampering, Verifier};
use crate::state::App;
use crate::store::StoreError;
use crate::{log, ui};

/// How often the root key signs while there are new entries: what is taken away from the end of
/// the log, and from the counter too, is at most so much.
const CHECKPOINT_EVERY: time::Duration = time::Duration::hours(1);

/// How long a look waits for its lines to be written, before it leaves that to the next one.
const WRITE_PATIENCE: Duration = Duration::from_millis(500);

/// Why the root key does not vouch for the log.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] AdminError),
    /// The log is not as it was written. It stays without the root key's word.
    #[error("the audit log was altered: {0}; see auth-server audit verify")]
    Tampering(#[from] Tampering),
    /// The key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// How far the log has been told and vouched for.
#[derive(Debug)]
pub struct Journal {
    /// Whether it tells: a log for somebody at a dialogue shows accesses and warnings alone.
    tells: bool,
    /// The last entry that was told.
    told: u64,
    /// What the store knows of that.
    noted: u64,
    /// Lines on their way.
    under_way: Option<UnderWay>,
    /// Whether the last look failed: said once, not twice a second.
    failing: bool,
    next_checkpoint: OffsetDateTime,
}

/// Entries up to a number whose lines are not written yet.
#[derive(Debug)]
struct UnderWay {
    until: u64,
    written: oneshot::Receiver<()>,
}

impl Journal {
    /// Goes on behind what was told before: what was written while no server ran is told as well. If
    /// it does not tell, it leaves that to a later one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open(app: &App, tells: bool, now: OffsetDateTime) -> Result<Self, StoreError> {
        let told = app.store.audit_told().await?;
        Ok(Self {
            tells,
            told,
            noted: told,
            under_way: None,
            failing: false,
            next_checkpoint: now,
        })
    }

    /// Has what is new vouched for when an hour is over, and tells it. In this order: what is
    /// vouched for at a stop is told before the end.
    pub async fn turn(&mut self, app: &App, now: OffsetDateTime) {
        if now >= self.next_checkpoint {
            self.next_checkpoint = now + CHECKPOINT_EVERY;
            vouch(app, now).await;
        }
        let outcome = self.tell(app).await;
        if let Err(error) = &outcome
            && !self.failing
        {
            tracing::error!(%error, "the audit log cannot be read");
        }
        self.failing = outcome.is_err();
    }

    /// Vouches for the rest and tells it.
    pub async fn close(mut self, app: &App) {
        let now = OffsetDateTime::now_utc();
        self.next_checkpoint = now;
        self.turn(app, now).await;
    }

    /// Tells what is new, a page at a time, as far as somebody reads it. What comes meanwhile is left to
    /// the next look: to note each few entries would be a flush each time.
    async fn tell(&mut self, app: &App) -> Result<(), StoreError> {
        let mut is_all = false;
        while self.tells && self.is_noted(app).await? && !is_all {
            let page = app.store.audit_page(self.told, AUDIT_PAGE).await?;
            if page.last < self.told {
                tracing::error!(told = self.told, last = page.last, "the audit log was cut");
                self.told = page.last;
                continue;
            }
            let Some(last) = page.entries.last() else {
                return Ok(());
            };
            page.entries.iter().for_each(tell);
            self.under_way = Some(UnderWay {
                until: last.seq,
                written: log::written(),
            });
            is_all = page.last <= last.seq;
        }
        Ok(())
    }

    /// Whether the store knows of all that was told, and no line is under way any more.
    async fn is_noted(&mut self, app: &App) -> Result<bool, StoreError> {
        let is_written = self.is_written().await;
        if is_written && self.noted != self.told {
            app.store.set_audit_told(self.told).await?;
            self.noted = self.told;
        }
        Ok(is_written)
    }

    /// Whether no line is under way any more.
    async fn is_written(&mut self) -> bool {
        let Some(under_way) = &mut self.under_way else {
            return true;
        };
        let written = tokio::time::timeout(WRITE_PATIENCE, &mut under_way.written);
        let Ok(written) = written.await else {
            return false;
        };
        if written.is_ok() {
            self.told = under_way.until;
        }
        self.under_way = None;
        written.is_ok()
    }
}

/// One entry as one line, with the same fields.
fn tell(entry: &Record) {
    tracing::info!(
        target: ui::AUDIT,
        seq = entry.seq,
        at = %entry.at.format(&Rfc3339).unwrap_or_default(),
        actor = %entry.actor,
        source = %entry.source,
        action = %entry.action,
        object = %entry.object,
        outcome = %entry.outcome,
        hash = %entry.hash,
        "audit"
    );
}

async fn vouch(app: &App, now: OffsetDateTime) {
    match checkpoint(app, now).await {
        Ok(Some(checkpoint)) => tracing::info!(seq = checkpoint.seq, "signed the audit log"),
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "the audit log was not signed"),
    }
}

/// Signs the last entry, if it is new and follows from what was signed before.
///
/// # Errors
/// When the log was altered, or the store or the key fails.
pub async fn checkpoint(
    app: &App,
    now: OffsetDateTime,
) -> Result<Option<Checkpoint>, JournalError> {
    let last = app.store.last_checkpoint().await?;
    let after = last.map_or(0, |checkpoint| checkpoint.seq);
    if app.store.audit_end().await?.after == after {
        return Ok(None);
    }
    let reached = read_through(app, after).await?;
    let mut checkpoint = Checkpoint {
        seq: reached.after,
        hash: reached.hash,
        at: now.replace_nanosecond(0).unwrap_or(now),
        signature: Vec::new(),
    };
    checkpoint.signature = app.authority.sign_checkpoint(&checkpoint.statement())?;
    app.store.add_checkpoint(&checkpoint).await?;
    Ok(Some(checkpoint))
}

/// Reads the log from there to its end, as `audit verify` does: the last entry.
async fn read_through(app: &App, after: u64) -> Result<Start, JournalError> {
    let source = app.administration(Actor::server());
    let mut verifier = Verifier::new(app.authority.root());
    read_log::<JournalError>(&source, after, |line| Ok(verifier.take(&line)?)).await?;
    let reached = verifier.reached();
    verifier.finish()?;
    Ok(reached)
}
