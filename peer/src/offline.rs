//! What a device does by what it has and whom it reaches: the table of docs/REVOCATION.md. Time comes
//! in as a value; nothing here reads a clock.

use std::time::Duration;

use rustls::pki_types::UnixTime;

/// How long after its end a certificate still gets the next one, unless the server's settings say
/// otherwise.
pub const RENEWABLE: Duration = Duration::from_secs(30 * 86_400);

/// What there is to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// The auth server answers.
    pub server_answers: bool,
    /// The revocation list held may be relied on.
    pub list_is_fresh: bool,
    /// The device's own certificate.
    pub life: Life,
}

/// How far a certificate's life has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It serves.
    Valid,
    /// It ended, and gets the next one.
    Ended,
    /// It ended so long ago that only a password helps.
    LongEnded,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// Files are exchanged by what is held.
    GoOn,
    /// The newest list is fetched, then files are exchanged.
    FetchTheList,
    /// The list if need be, then the next certificate are fetched, then files are exchanged.
    Renew,
    /// Nothing, until the person logs in.
    LogIn,
    /// Nothing, until the server is reached; then everything by itself.
    Connect,
    /// Nothing, until the server is reached and the person logs in.
    ConnectAndLogIn,
}

impl Life {
    /// Of a certificate that ends at `end`.
    pub fn at(end: UnixTime, now: UnixTime) -> Self {
        let renewable = end.as_secs().saturating_add(RENEWABLE.as_secs());
        match now.as_secs() {
            secs if secs <= end.as_secs() => Self::Valid,
            secs if secs <= renewable => Self::Ended,
            _ => Self::LongEnded,
        }
    }
}

impl Situation {
    /// With a list that holds until `next_update`, if there is any, and a certificate that ends at `end`.
    pub fn of(
        server_answers: bool,
        next_update: Option<UnixTime>,
        end: UnixTime,
        now: UnixTime,
    ) -> Self {
        Self {
            server_answers,
            list_is_fresh: next_update.is_some_and(|until| now < until),
            life: Life::at(end, now),
        }
    }

    /// The table.
    pub fn course(self) -> Course {
        match (self.server_answers, self.list_is_fresh, self.life) {
            (_, true, Life::Valid) => Course::GoOn,
            (true, false, Life::Valid) => Course::FetchTheList,
            (true, _, Life::Ended) => Course::Renew,
            (true, _, Life::LongEnded) => Course::LogIn,
            (false, false, Life::Valid) | (false, _, Life::Ended) => Course::Connect,
            (false, _, Life::LongEnded) => Course::ConnectAndLogIn,
        }
    }
}

impl Course {
    /// What the person is told to do; nothing where the device helps itself.
    pub fn hint(self) -> Option<&'static str> {
        match self {
            Self::GoOn | Self::FetchTheList | Self::Renew => None,
            Self::LogIn => Some("log in again with peer login, and check the clock"),
            Self::Connect => Some(
                "connect to the auth server and try again, or log in again with peer login; check \
                 the clock",
            ),
            Self::ConnectAndLogIn => {
                Some("connect to the auth server and log in again with peer login; check the clock")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::testing::{NOW, at};

    const DAY: u64 = 86_400;

    fn course(server_answers: bool, list_until: Option<u64>, end: u64, now: u64) -> Course {
        Situation::of(server_answers, list_until.map(at), at(end), at(now)).course()
    }

    #[test]
    fn every_cell_of_the_table() {
        let (hour, day) = (NOW + 3600, NOW + DAY);
        let (short, long) = (day + 3600, day + 31 * DAY);
        let forever = Some(NOW + 100 * DAY);
        for (server_answers, list_until, now, expected) in [
            // The certificate is valid.
            (true, forever, hour, Course::GoOn),
            (true, Some(hour), hour, Course::FetchTheList),
            (false, forever, hour, Course::GoOn),
            (false, Some(hour), hour, Course::Connect),
            // It ended less than thirty days ago.
            (true, forever, short, Course::Renew),
            (true, Some(hour), short, Course::Renew),
            (false, forever, short, Course::Connect),
            (false, Some(hour), short, Course::Connect),
            // It ended longer ago.
            (true, forever, long, Course::LogIn),
            (true, Some(hour), long, Course::LogIn),
            (false, forever, long, Course::ConnectAndLogIn),
            (false, Some(hour), long, Course::ConnectAndLogIn),
        ] {
            let found = course(server_answers, list_until, day, now);
            assert_eq!(found, expected, "{server_answers} {list_until:?} {now}");
        }
    }

    #[test]
    fn the_cells_meet_at_the_second() {
        let day = NOW + DAY;
        let until = Some(day);
        assert_eq!(course(false, until, 2 * day, day - 1), Course::GoOn);
        assert_eq!(course(false, until, 2 * day, day), Course::Connect);
        assert_eq!(Life::at(at(day), at(day)), Life::Valid);
        assert_eq!(Life::at(at(day), at(day + 1)), Life::Ended);
        assert_eq!(Life::at(at(day), at(day + 30 * DAY)), Life::Ended);
        assert_eq!(Life::at(at(day), at(day + 30 * DAY + 1)), Life::LongEnded);
    }

    #[test]
    fn without_any_list_nobody_is_trusted() {
        assert_eq!(course(false, None, NOW + DAY, NOW), Course::Connect);
        assert_eq!(course(true, None, NOW + DAY, NOW), Course::FetchTheList);
    }

    #[test]
    fn whoever_is_stopped_is_told_what_to_do() {
        for course in [Course::GoOn, Course::FetchTheList, Course::Renew] {
            assert_eq!(course.hint(), None);
        }
        for (course, words) in [
            (Course::LogIn, "peer login"),
            (Course::Connect, "connect to the auth server"),
            (
                Course::ConnectAndLogIn,
                "connect to the auth server and log in",
            ),
        ] {
            assert!(course.hint().unwrap().contains(words), "{course:?}");
        }
    }
}
