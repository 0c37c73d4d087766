//! When a certificate is renewed. Time comes in as a value; nothing here reads a clock.

use std::time::Duration;

use common::identity::PeerCertificate;
use rustls::pki_types::UnixTime;

/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE_SECS: u64 = 60;

/// The longest pause: a server that is back is found within a quarter of an hour.
const LONGEST_PAUSE_SECS: u64 = 15 * 60;

/// What the device's own certificate needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing yet.
    Nothing,
    /// It serves, and most of its life is over.
    Wanted,
    /// Its holder's role changed: peers refuse it, and another one is to be had.
    RoleChanged,
    /// Its life is over.
    Ended,
    /// It was revoked for a reason that no renewal heals.
    Revoked,
}

/// What the revocation list says of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// Nothing.
    No,
    /// It was revoked because what it states of its holder changed.
    Outdated,
    /// It was revoked for another reason.
    Revoked,
}

/// From when on a certificate is renewed: two thirds of its life, and up to a fifteenth earlier, so
/// that devices that were certified at once do not all come back at once. The certificate itself
/// decides how much, so that every process on a device, and each start, finds the same moment.
pub fn renew_at(certificate: &PeerCertificate) -> UnixTime {
    let (from, until) = (certificate.not_before(), certificate.not_after());
    let life = until.as_secs().saturating_sub(from.as_secs());
    let [a, b, ..] = *certificate.leaf_sha256();
    let share = u64::from(u16::from_be_bytes([a, b]));
    let earlier = life / 15 * share / u64::from(u16::MAX);
    seconds(from.as_secs() + life / 3 * 2 - earlier)
}

/// What `certificate` needs at `now`.
pub fn need(certificate: &PeerCertificate, listed: Listed, now: UnixTime) -> Need {
    match listed {
        Listed::Revoked => Need::Revoked,
        Listed::Outdated => Need::RoleChanged,
        Listed::No if now > certificate.not_after() => Need::Ended,
        Listed::No if now >= renew_at(certificate) => Need::Wanted,
        Listed::No => Need::Nothing,
    }
}

/// When to try again what failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retry {
    failures: u32,
    last: Option<(UnixTime, Duration)>,
}

impl Retry {
    /// Whether the pause is over. A clock that was set back ends it, too.
    pub fn is_due(&self, now: UnixTime) -> bool {
        self.last.is_none_or(|(at, pause)| {
            now < at || now.as_secs() >= at.as_secs().saturating_add(pause.as_secs())
        })
    }

    /// Failed at `now`: the pause is doubled, then cut by up to a quarter, as `random` says.
    pub fn failed(&mut self, now: UnixTime, random: u8) {
        let doubled = FIRST_PAUSE_SECS << self.failures.min(10);
        let pause = doubled.min(LONGEST_PAUSE_SECS);
        let cut = pause / 4 * u64::from(random) / u64::from(u8::MAX);
        self.failures = self.failures.saturating_add(1);
        self.last = Some((now, Duration::from_secs(pause - cut)));
    }

    /// Succeeded: the next failure is the first one.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }
}

fn seconds(secs: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(secs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::testing::{Leaf, NOW, TestOrg};

    const DAY: u64 = 86_400;

    /// Certificates of a day that began at [`NOW`].
    fn certificate(org: &TestOrg, serial: u64) -> PeerCertificate {
        let leaf = Leaf {
            not_before: NOW,
            not_after: NOW + DAY,
            serial,
            ..Leaf::of("alice", "acme")
        };
        let issued = org.issue(&leaf);
        PeerCertificate::from_der(&issued.leaf, org.root().label()).unwrap()
    }

    #[test]
    fn renewal_is_due_at_two_thirds_of_the_life_or_a_little_earlier() {
        let org = TestOrg::new("acme");
        let moments: Vec<u64> = (1..40)
            .map(|serial| renew_at(&certificate(&org, serial)).as_secs() - NOW)
            .collect();
        let (first, last) = (moments.iter().min().unwrap(), moments.iter().max().unwrap());
        assert!(*last <= DAY / 3 * 2 && *first >= DAY / 5 * 3, "{moments:?}");
        // Not all at once: forty certificates spread over half of the room at least.
        assert!(last - first > DAY / 30, "{moments:?}");
    }

    #[test]
    fn what_a_certificate_needs_follows_the_clock_in_both_directions() {
        let org = TestOrg::new("acme");
        let certificate = certificate(&org, 1);
        let due = renew_at(&certificate).as_secs();
        let need = |now| need(&certificate, Listed::No, seconds(now));
        assert_eq!(need(NOW), Need::Nothing);
        assert_eq!(need(due - 1), Need::Nothing);
        assert_eq!(need(due), Need::Wanted);
        // Valid up to its last second.
        assert_eq!(need(NOW + DAY), Need::Wanted);
        // A device that slept for a week.
        assert_eq!(need(NOW + DAY + 1), Need::Ended);
        assert_eq!(need(NOW + 7 * DAY), Need::Ended);
        // Set back, even behind the beginning: a renewal would not help.
        assert_eq!(need(NOW - DAY), Need::Nothing);
    }

    #[test]
    fn a_change_of_role_is_renewed_at_once_and_another_revocation_never() {
        let org = TestOrg::new("acme");
        let certificate = certificate(&org, 1);
        let outdated = |now| need(&certificate, Listed::Outdated, seconds(now));
        assert_eq!(outdated(NOW), Need::RoleChanged);
        assert_eq!(outdated(NOW + 7 * DAY), Need::RoleChanged);
        let revoked = |now| need(&certificate, Listed::Revoked, seconds(now));
        assert_eq!(revoked(NOW), Need::Revoked);
        assert_eq!(revoked(NOW + 7 * DAY), Need::Revoked);
    }

    #[test]
    fn pauses_double_up_to_a_quarter_of_an_hour_and_start_anew_after_success() {
        let mut retry = Retry::default();
        assert!(retry.is_due(seconds(NOW)));
        for pause in [60, 120, 240, 480, 900, 900, 900] {
            retry.failed(seconds(NOW), 0);
            assert!(!retry.is_due(seconds(NOW + pause - 1)), "{pause}");
            assert!(retry.is_due(seconds(NOW + pause)), "{pause}");
        }
        for _ in 0..100 {
            retry.failed(seconds(NOW), 0);
        }
        assert!(retry.is_due(seconds(NOW + 900)));
        retry.succeeded();
        assert!(retry.is_due(seconds(NOW)));
        retry.failed(seconds(NOW), u8::MAX);
        assert!(!retry.is_due(seconds(NOW + 44)));
        assert!(retry.is_due(seconds(NOW + 45)));
    }

    #[test]
    fn a_clock_that_was_set_back_or_slept_ends_a_pause() {
        let mut retry = Retry::default();
        retry.failed(seconds(NOW), 0);
        assert!(!retry.is_due(seconds(NOW)));
        assert!(retry.is_due(seconds(NOW - 1)));
        assert!(retry.is_due(seconds(NOW + DAY)));
    }
}
