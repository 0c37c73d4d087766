//! Slowing down guessers: a delay that doubles with every failure of an alias from one source, of a source
//! as a whole, and of a device; and after 100 failures at one alias, no more strangers. And a bound on what
//! members may cause to be written.
//!
//! A device that shows a certificate of the alias answers for its own failures alone, with the line of
//! its certificates: it takes the password to begin another one. So a stolen device stops nobody but
//! itself. Only hundreds of them together are slowed down together.
//!
//! Failures are forgotten one by one while time passes, and by nothing else: a login changes no delay, so
//! that who guesses at the same place does not notice it.
//!
//! Both delays hold for everybody, whatever alias is tried, but for a device that shows a certificate
//! of the alias: so they tell nothing about the alias. Nobody is locked out where he is at home,
//! which is a source from which he logged in within 30 days, or such a device: there alone an alias of
//! 100 failures is still taken, with the right password. Its password is checked everywhere, and
//! everything else gets one answer, so that neither answer nor time tells where anybody is at home.
//! An alias that nobody has is counted like any other.

mod allowance;
mod rule;
mod source;
mod under_check;

use std::time::Duration;

use common::identity::Alias;
use root_ca::Serial;
use time::OffsetDateTime;

pub use allowance::of_details;
use allowance::{MEMBER_PERIOD, of_password};
use rule::{DEVICES, PAIR, Rule, SOURCE, STRANGERS};
pub use source::Source;
pub use under_check::{Checks, UnderCheck};

use crate::audit::{Action, Actor, Event};
use crate::password::Lane;
use crate::store::{Counted, FailedLogin, PasswordChange, Run, Store, StoreError, SuccessfulLogin};

/// How long a source is an alias's home after a login from there.
const KNOWN_FOR: time::Duration = time::Duration::days(30);

/// One login attempt, as far as throttling goes.
#[derive(Debug)]
pub struct Attempt {
    source: Source,
    /// The alias that is tried, if it can be anybody's.
    alias: Option<Alias>,
    /// The device of that alias that asks, if one does: the first certificate of its line.
    device: Option<Serial>,
}

/// An alias that takes no more strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// What everybody is told to wait who does not get in.
    pub wait: Duration,
    /// Whether the attempt comes from a home of the alias. Nobody hears of it who does not know the
    /// password.
    pub at_home: bool,
}

impl Attempt {
    /// An attempt of `alias`, if it can be anybody's, from `source`.
    pub fn new(alias: Option<&Alias>, source: Source) -> Self {
        Self {
            source,
            alias: alias.cloned(),
            device: None,
        }
    }

    /// The same, by a device that showed a certificate of `member`: it helps at that alias alone. `line` is
    /// the first certificate of the device.
    #[must_use]
    pub fn by_device_of(self, member: &Alias, line: Serial) -> Self {
        let device = (self.alias.as_ref() == Some(member)).then_some(line);
        Self { device, ..self }
    }

    /// Where it waits for its password to be checked.
    pub fn lane(&self) -> Lane {
        match (&self.alias, &self.device) {
            (Some(alias), Some(_)) => Lane::Member(alias.clone()),
            _ => Lane::Strangers(self.source),
        }
    }

    /// Who it turned out to be, for the audit log.
    fn member(&self, alias: &Alias) -> Actor {
        Actor::member(alias, self.source)
    }

    /// How long this attempt must still wait, if at all, whoever it turns out to be.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn must_wait(
        &self,
        store: &dyn Store,
        now: OffsetDateTime,
    ) -> Result<Option<Duration>, StoreError> {
        longest_wait(store, &self.delays(), &[], now).await
    }

    /// Begins the check of the password, unless this attempt must wait, whoever it turns out to be. Other
    /// attempts that are being checked count as failures of this moment.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn begin(
        &self,
        store: &dyn Store,
        checks: &Checks,
        now: OffsetDateTime,
    ) -> Result<Result<UnderCheck, Duration>, StoreError> {
        let delays = self.delays();
        // Before the look at what was counted: else one that ends in between would be in neither.
        let (under_check, others) = checks.begin(delays.iter().map(|(subject, _)| subject));
        Ok(match longest_wait(store, &delays, &others, now).await? {
            None => Ok(under_check),
            Some(wait) => Err(wait),
        })
    }

    /// Whether strangers may not try the alias any more. To be looked up before the password is
    /// checked, and to be used only after: the same work for everybody.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn bar(
        &self,
        store: &dyn Store,
        now: OffsetDateTime,
    ) -> Result<Option<Bar>, StoreError> {
        let Some(alias) = self.alias.as_ref().filter(|_| self.device.is_none()) else {
            return Ok(None);
        };
        let found = store.attempts(&[strangers(alias)]).await?;
        let last = store.last_success(&self.place(alias)).await?;
        let wait = found
            .into_iter()
            .flatten()
            .find_map(|attempts| STRANGERS.wait(attempts, now));
        Ok(wait.map(|wait| Bar {
            wait,
            at_home: last.is_some_and(|last| now - last <= KNOWN_FOR),
        }))
    }

    /// Counts a failure; `outcome` is what the logs say of it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn failed(
        &self,
        store: &dyn Store,
        outcome: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let counts_for: Vec<Counted> = self
            .delays()
            .into_iter()
            .map(|(subject, rule)| counted(subject, rule, now))
            .chain(self.run().into_iter().flat_map(|run| in_a_row(run, now)))
            .collect();
        let failed = FailedLogin {
            alias: self.alias.as_ref(),
            counts_for: &counts_for,
            outcome,
        };
        let by = Actor::stranger(self.source);
        store.record_failure(&failed, &by, now).await
    }

    /// A success takes back what failed in a row at its alias from this source before it, and nobody
    /// else's: who has a password of his own must not guess the better for it, and what strangers did
    /// elsewhere stays. Delays stay too.
    ///
    /// # Errors
    /// When the store fails, or the member does this too often.
    pub async fn succeeded(
        &self,
        store: &dyn Store,
        alias: &Alias,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let success = self.success(alias);
        store
            .record_success(&success, &self.member(alias), now)
            .await
    }

    /// Replaces the password that was right, which is a success too.
    ///
    /// # Errors
    /// When the store fails, or the member does this too often.
    pub async fn changed_password(
        &self,
        store: &dyn Store,
        change: &PasswordChange<'_>,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let success = self.success(change.alias);
        let by = self.member(change.alias);
        store.change_password(change, &success, &by, now).await
    }

    /// Tells the audit log that a right password led to nothing, and why.
    ///
    /// # Errors
    /// When the store fails, or the member does this too often.
    pub async fn led_to_nothing(
        &self,
        store: &dyn Store,
        alias: &Alias,
        (action, outcome): (Action, &str),
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let event = Event {
            by: &self.member(alias),
            action,
            object: alias.to_string(),
            outcome,
        };
        store.append_within(&event, &of_password(alias), now).await
    }

    fn success<'a>(&self, alias: &'a Alias) -> SuccessfulLogin<'a> {
        SuccessfulLogin {
            alias,
            uses: of_password(alias),
            ends: self.run(),
            remembers: self.place(alias),
        }
    }

    /// What delays this attempt: the failures of its device and of all others of the alias; of one without,
    /// those of its alias here and those of its source.
    fn delays(&self) -> Vec<(String, &'static Rule)> {
        let source = (format!("source {}", self.source), &SOURCE);
        match (&self.alias, self.device) {
            (None, _) => vec![source],
            (Some(alias), None) => vec![source, (self.place(alias), &PAIR)],
            (Some(alias), Some(line)) => vec![
                (format!("alias {alias} devices"), &DEVICES),
                (format!("alias {alias} device {line}"), &PAIR),
            ],
        }
    }

    /// The failures in a row at the alias from this source, which count as a stranger's too until a login
    /// shows whose they were. Once strangers are barred an administrator alone lets them in again: else
    /// they would see that somebody logged in.
    fn run(&self) -> Option<Run> {
        let alias = self.alias.as_ref().filter(|_| self.device.is_none())?;
        Some(Run {
            subject: format!("{} in a row", self.place(alias)),
            counted_in: strangers(alias),
            stays_from: STRANGERS.free(),
        })
    }

    fn place(&self, alias: &Alias) -> String {
        format!("alias {alias} source {}", self.source)
    }
}

/// How long the strictest of these delays holds an attempt up, if any does. `others` are the passwords that
/// are being checked, for each delay; none where the list is shorter.
async fn longest_wait(
    store: &dyn Store,
    delays: &[(String, &Rule)],
    others: &[u32],
    now: OffsetDateTime,
) -> Result<Option<Duration>, StoreError> {
    let subjects: Vec<String> = delays.iter().map(|(subject, _)| subject.clone()).collect();
    let found = store.attempts(&subjects).await?;
    let others = others.iter().copied().chain(std::iter::repeat(0));
    let waits = delays
        .iter()
        .zip(found)
        .zip(others)
        .filter_map(|(((_, rule), attempts), others)| rule.wait_beside(attempts, others, now));
    Ok(waits.max())
}

fn counted(subject: String, rule: &Rule, now: OffsetDateTime) -> Counted {
    Counted {
        subject,
        forget_before: now - rule.forget_after,
        forget_one_after: rule.forgets_one_after(),
    }
}

fn in_a_row(run: Run, now: OffsetDateTime) -> [Counted; 2] {
    let own = Counted {
        subject: run.subject,
        forget_before: now - PAIR.forget_after,
        forget_one_after: None,
    };
    [own, counted(run.counted_in, &STRANGERS, now)]
}

fn strangers(alias: &Alias) -> String {
    format!("strangers {alias}")
}

/// Forgets what is too old to count.
///
/// # Errors
/// When the store fails.
pub async fn prune(store: &dyn Store, now: OffsetDateTime) -> Result<(), StoreError> {
    for (kind, rule) in [
        ("alias", &PAIR),
        ("source", &SOURCE),
        ("strangers", &STRANGERS),
    ] {
        store.prune_attempts(kind, now - rule.forget_after).await?;
    }
    store.prune_allowances(now - MEMBER_PERIOD).await?;
    store.prune_successes(now - KNOWN_FOR).await
}
