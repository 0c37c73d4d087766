//! The audit log while the server runs: each new entry, whoever wrote it, this process or the
//! command line, becomes a line of the log; and the root key vouches for the entries at the start,
//! every hour, and at the end.
//!
//! How far was told is kept in the store, and only once the lines are written: after a crash some
//! entries are told twice, but none never, and a store that comes out of a backup does not tell
//! again what its server had told by then. Vouching does not wait for telling: somebody who holds
//! up the log must not keep the root key from it.

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
    /// The last entry that was told; the store knows.
    told: u64,
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
    /// Goes on behind what was told before: what was written while no server ran is told as well.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open(app: &App, now: OffsetDateTime) -> Result<Self, StoreError> {
        Ok(Self {
            told: app.store.audit_told().await?,
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

    /// Tells what is new, a page at a time, as far as somebody reads it.
    async fn tell(&mut self, app: &App) -> Result<(), StoreError> {
        while self.is_written(app).await? {
            let page = app.store.audit_page(self.told, AUDIT_PAGE).await?;
            let Some(last) = page.entries.last() else {
                return Ok(());
            };
            page.entries.iter().for_each(tell);
            self.under_way = Some(UnderWay {
                until: last.seq,
                written: log::written(),
            });
        }
        Ok(())
    }

    /// Whether no line is under way any more. Then the store knows it.
    async fn is_written(&mut self, app: &App) -> Result<bool, StoreError> {
        let Some(under_way) = &mut self.under_way else {
            return Ok(true);
        };
        let written = tokio::time::timeout(WRITE_PATIENCE, &mut under_way.written);
        let Ok(written) = written.await else {
            return Ok(false);
        };
        let until = under_way.until;
        self.under_way = None;
        if written.is_ok() {
            app.store.set_audit_told(until).await?;
            self.told = until;
        }
        Ok(written.is_ok())
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::audit::{Action, Event, OK};
    use crate::denials::Denials;
    use crate::password::PasswordChecker;
    use crate::publish::CrlPublisher;
    use crate::store::sqlite::SqliteStore;
    use crate::store::{AuditStore, Store};
    use common::identity::Alias;
    use root_ca::{Authority, KeyType, Profile, ProfileConfig, SoftwareKey};

    async fn app(folder: &std::path::Path, now: OffsetDateTime) -> App {
        let key = SoftwareKey::generate(KeyType::P256).unwrap();
        let authority = Authority::create("Acme", Box::new(key), now).unwrap();
        let path = folder.join("store.sqlite");
        std::fs::write(&path, b"").unwrap();
        let root = authority.root().fingerprint();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::create(&path, &root).await.unwrap());
        App {
            crl: CrlPublisher::start(&authority, store.as_ref(), now)
                .await
                .unwrap(),
            authority,
            profile: Profile::new(&ProfileConfig::default()).unwrap(),
            store,
            passwords: PasswordChecker::new(1).unwrap(),
            renewal_grace: Duration::ZERO,
            root_pem: String::new(),
            denials: Denials::default(),
        }
    }

    async fn write(store: &dyn AuditStore, now: OffsetDateTime) {
        let alice: Alias = "alice".parse().unwrap();
        let event = Event {
            by: &Actor::console(),
            action: Action::UnlockUser,
            object: alice.to_string(),
            outcome: OK,
        };
        store.append(&event, now).await.unwrap();
    }

    #[tokio::test]
    async fn the_root_key_signs_at_the_start_hourly_and_only_what_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let start = OffsetDateTime::now_utc();
        let app = app(folder.path(), start).await;
        let mut journal = Journal::open(&app, start).await.unwrap();
        let signed = async || {
            app.store
                .last_checkpoint()
                .await
                .unwrap()
                .map(|last| last.seq)
        };
        journal.turn(&app, start).await;
        assert_eq!(signed().await, None);
        write(app.store.as_ref(), start).await;
        for (minutes, expected) in [(1, None), (59, None), (60, Some(1)), (120, Some(1))] {
            journal
                .turn(&app, start + time::Duration::minutes(minutes))
                .await;
            assert_eq!(signed().await, expected, "after {minutes} minutes");
        }
        write(app.store.as_ref(), start).await;
        for (minutes, expected) in [(121, 1), (179, 1), (180, 2)] {
            journal
                .turn(&app, start + time::Duration::minutes(minutes))
                .await;
            assert_eq!(signed().await, Some(expected), "after {minutes} minutes");
        }
        assert_eq!(journal.told, 2);
        write(app.store.as_ref(), start).await;
        journal.close(&app).await;
        assert_eq!(signed().await, Some(3));
        let last = app.store.last_checkpoint().await.unwrap().unwrap();
        assert_eq!(last.verify(app.authority.root()), Ok(()));
        assert_eq!(app.store.audit_told().await.unwrap(), 3);
    }

    #[tokio::test]
    async fn an_entry_that_is_vouched_for_and_not_told_is_told_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let now = OffsetDateTime::now_utc();
        let app = app(folder.path(), now).await;
        write(app.store.as_ref(), now).await;
        let mut journal = Journal::open(&app, now).await.unwrap();
        journal.turn(&app, now).await;
        assert_eq!(journal.told, 1);
        // It comes between, and the root key vouches for it; then the power fails.
        write(app.store.as_ref(), now).await;
        let vouched = checkpoint(&app, now).await.unwrap().unwrap();
        assert_eq!(vouched.seq, 2);
        drop(journal);
        let journal = Journal::open(&app, now).await.unwrap();
        assert_eq!(journal.told, 1);
        // At an orderly stop nothing that is vouched for stays untold.
        write(app.store.as_ref(), now).await;
        journal.close(&app).await;
        let vouched = app.store.last_checkpoint().await.unwrap().unwrap();
        assert_eq!(vouched.seq, 3);
        assert_eq!(app.store.audit_told().await.unwrap(), 3);
    }

    #[tokio::test]
    async fn what_nobody_reads_is_vouched_for_and_is_not_taken_for_told() {
        let folder = tempfile::tempdir().unwrap();
        let now = OffsetDateTime::now_utc();
        let app = app(folder.path(), now).await;
        write(app.store.as_ref(), now).await;
        let mut journal = Journal::open(&app, now).await.unwrap();
        let (reader, written) = oneshot::channel();
        journal.under_way = Some(UnderWay { until: 1, written });
        journal.turn(&app, now).await;
        let vouched = app.store.last_checkpoint().await.unwrap().unwrap();
        assert_eq!(vouched.seq, 1);
        assert_eq!(app.store.audit_told().await.unwrap(), 0);
        reader.send(()).unwrap();
        journal.turn(&app, now).await;
        assert_eq!(app.store.audit_told().await.unwrap(), 1);
    }
}
