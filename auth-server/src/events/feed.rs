//! What others wrote into the store: this process, or the command line in another one. Revocations become
//! a new list, entries of the audit log become events.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::person;
use crate::state::App;
use crate::store::StoreError;

/// How often the store is asked whether anybody wrote: one look at the head of its log, a few
/// microseconds. A revocation waits for half of that on average.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often more is looked at though nobody seems to have written: a list is due each hour, and a look
/// may have failed.
const LOOK_ANYWAY: Duration = Duration::from_millis(500);
/// Two lists at least are so far apart: who revokes many, one by one, does not keep the server signing,
/// and each list is something for all devices to fetch.
const BETWEEN_LISTS: Duration = Duration::from_millis(500);
/// Entries of the audit log read at once.
const PAGE: u32 = 256;

/// The pause between two looks.
pub async fn pause() {
    tokio::time::sleep(LOOK_EVERY).await;
}

/// How far the store was looked at.
#[derive(Debug)]
pub struct Feed {
    /// Of the store, when nothing was left to be looked at.
    version: Option<u64>,
    looked_at: Option<Instant>,
    /// The last entry of the audit log that was looked at.
    seen: u64,
    listed_at: Option<Instant>,
    /// The revocations whose streams have ended.
    revocations: Option<u64>,
    /// Whether the last look failed: said once, not twice a second.
    is_failing: bool,
}

impl Feed {
    /// Begins behind what is in the audit log: nobody listens yet.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open(app: &App) -> Result<Self, StoreError> {
        Ok(Self {
            version: None,
            looked_at: None,
            seen: app.store.audit_page(u64::MAX, 1).await?.last,
            listed_at: None,
            revocations: None,
            is_failing: false,
        })
    }

    /// Looks once, if there may be something to be seen.
    pub async fn turn(&mut self, app: &App, now: Instant, at: OffsetDateTime) {
        // Asked before anything else is read: what is written meanwhile is looked at again.
        let version = app.store.version().await.ok();
        let lately = |then| now.duration_since(then) < LOOK_ANYWAY;
        if version == self.version && self.looked_at.is_some_and(lately) {
            return;
        }
        self.looked_at = Some(now);
        app.events.tick(now, at);
        let people = self.look_at_people(app).await;
        let lists = self.look_at_revocations(app, now, at).await;
        let is_all = matches!((&people, &lists), (Ok(true), Ok(true)));
        let outcome = people.and(lists);
        if let Err(error) = &outcome
            && !self.is_failing
        {
            tracing::error!(%error, "the store cannot be looked at for news");
        }
        self.is_failing = outcome.is_err();
        self.version = if is_all || self.is_failing {
            version
        } else {
            None
        };
    }

    /// Tells what changed about people, one page at a look, so that readers come along; false when there
    /// may be more.
    async fn look_at_people(&mut self, app: &App) -> Result<bool, StoreError> {
        let page = app.store.audit_news(self.seen, PAGE).await?;
        if page.last < self.seen {
            // Somebody cut the log; the journal says so.
            self.seen = page.last;
        }
        for event in page.entries.iter().filter_map(person::event) {
            app.events.tell(&event);
        }
        if let Some(last) = page.entries.last() {
            self.seen = last.seq;
        }
        Ok(page.entries.is_empty())
    }

    /// Sees to it that a list names what was revoked, tells of it, and ends the streams of those; false
    /// when it is too early for another list.
    async fn look_at_revocations(
        &mut self,
        app: &App,
        now: Instant,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let revocations = Some(app.store.revocations().await?);
        let lately = |then| now.duration_since(then) < BETWEEN_LISTS;
        if self.listed_at.is_some_and(lately) {
            return Ok(revocations == self.revocations);
        }
        let before = app.crl.current().number();
        let fresh = app.crl.refresh(&app.authority, app.store.as_ref(), at);
        let fresh = fresh.await;
        if let Err(error) = &fresh {
            tracing::error!(%error, "the CRL could not be renewed");
        }
        let number = app.crl.current().number();
        if fresh.is_err() || number != before {
            self.listed_at = Some(now);
        }
        app.events.crl(number);
        // Also where no list could be signed: the streams end all the same.
        if revocations != self.revocations {
            let revoked = app.store.revoked(at).await?;
            let revoked: HashSet<_> = revoked.into_iter().map(|one| one.serial).collect();
            // Who was revoked just now hears why before the end.
            self.look_at_people(app).await?;
            app.events.end_revoked(&revoked);
            self.revocations = revocations;
        }
        Ok(true)
    }
}
