//! What an entry of the audit log means to members.

use common::identity::Alias;

use super::kind::Event;
use crate::audit::{Action, OK, Record};

/// What changed about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Added,
    Enabled,
    Disabled,
    Revoked,
    Removed,
    Role,
    /// Somebody else gave the person another password.
    PasswordReset,
}

impl Change {
    /// Its word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Revoked => "revoked",
            Self::Removed => "removed",
            Self::Role => "role",
            Self::PasswordReset => "password-reset",
        }
    }

    /// Whether it is told to the person's own devices alone.
    pub(super) fn is_private(self) -> bool {
        self == Self::PasswordReset
    }

    fn of(entry: &Record, alias: &Alias) -> Option<Self> {
        const CHANGES: [(Action, Change); 7] = [
            (Action::AddUser, Change::Added),
            (Action::EnableUser, Change::Enabled),
            (Action::DisableUser, Change::Disabled),
            (Action::RevokeUser, Change::Revoked),
            (Action::RemoveUser, Change::Removed),
            (Action::SetRole, Change::Role),
            (Action::SetPassword, Change::PasswordReset),
        ];
        let (_, change) = CHANGES
            .into_iter()
            .find(|(action, _)| action.as_str() == entry.action)?;
        let is_own = entry.actor == alias.as_str();
        (change != Change::PasswordReset || !is_own).then_some(change)
    }
}

/// The event that tells of an entry, if it tells of a change that members hear of. Refused orders, logins
/// and what people do to their own accounts are none.
pub(super) fn event(entry: &Record) -> Option<Event> {
    if entry.outcome != OK {
        return None;
    }
    // What belongs to the alias follows it behind a space.
    let alias = entry.object.split(' ').next()?.parse().ok()?;
    let change = Change::of(entry, &alias)?;
    Some(Event::Person { alias, change })
}

#[cfg(test)]
mod tests {
    use root_ca::RevocationReason;
    use time::OffsetDateTime;

    use super::*;
    use crate::audit::{Actor, GENESIS, Hash};
    use crate::store::{Password, PasswordHash, UserChange};

    fn entry(by: &Actor, action: Action, object: &str, outcome: &str) -> Record {
        let event = crate::audit::Event {
            by,
            action,
            object: object.into(),
            outcome,
        };
        Record::new(1, OffsetDateTime::UNIX_EPOCH, &event, &Hash(GENESIS))
    }

    #[test]
    fn each_change_of_a_person_is_told_under_the_alias_alone() {
        let alice: Alias = "alice".parse().unwrap();
        let role = "auditor".parse().unwrap();
        let password = Password::chosen(PasswordHash::new("x".into()));
        for (change, word) in [
            (UserChange::Role(&role), "role"),
            (UserChange::Enable, "enabled"),
            (UserChange::Disable, "disabled"),
            (
                UserChange::Revoke(RevocationReason::KeyCompromise),
                "revoked",
            ),
            (UserChange::Remove, "removed"),
            (UserChange::Password(&password), "password-reset"),
        ] {
            let entry = entry(
                &Actor::console(),
                change.action(),
                &change.object(&alice),
                OK,
            );
            let Some(Event::Person { alias, change }) = event(&entry) else {
                panic!("{entry:?}");
            };
            assert_eq!((alias, change.as_str()), (alice.clone(), word));
        }
        let added = entry(&Actor::console(), Action::AddUser, "bob as member", OK);
        assert!(event(&added).is_some());
    }

    #[test]
    fn what_was_refused_and_what_changes_nobody_is_not_told() {
        let alice = Actor::member(
            &"alice".parse().unwrap(),
            crate::throttle::Source::of([127, 0, 0, 1].into()),
        );
        for (by, action, object, outcome) in [
            (
                &Actor::console(),
                Action::DisableUser,
                "bob",
                "not an administrator",
            ),
            (&alice, Action::SetPassword, "alice", OK),
            (&alice, Action::Login, "alice", OK),
            (&alice, Action::UnlockUser, "alice", OK),
            (&alice, Action::SetDetails, "alice", OK),
            (&Actor::console(), Action::AddUser, "not\nan alias", OK),
        ] {
            assert_eq!(event(&entry(by, action, object, outcome)), None);
        }
    }
}
