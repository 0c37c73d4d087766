//! The audit log: who did what to whom, when, from where, with what outcome. Each entry's hash
//! covers the one before it, so that an edit, a removal or a swap shows.

mod actor;
mod checkpoint;
mod line;
mod verify;

use std::fmt;

pub use actor::{Actor, Right};
pub use checkpoint::Checkpoint;
pub use line::{AuditPage, End, Line, Start};
pub use verify::{Tampering, Verdict, Verifier};

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::store::{Store, StoreError};

/// The hash before the first entry.
pub const GENESIS: [u8; 32] = [0; 32];

/// What the hash of an entry begins with, so that it is a hash of nothing else.
const ENTRY_CONTEXT: &[u8] = b"orgshare/1 audit entry";

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A login with a password.
    Login,
    /// A certificate was issued after a login, or for the server itself.
    Issue,
    /// A certificate was issued in place of another one.
    Renew,
    /// A certificate was revoked.
    RevokeCertificate,
    /// All certificates of a person were revoked, and the person blocked.
    RevokeUser,
    /// A person was added.
    AddUser,
    /// A password was replaced.
    SetPassword,
    /// Name or e-mail address changed.
    SetDetails,
    /// A role changed.
    SetRole,
    /// A person may log in again.
    EnableUser,
    /// A person may not log in.
    DisableUser,
    /// A person's failed logins were forgotten.
    UnlockUser,
    /// A person was removed.
    RemoveUser,
    /// An administrator was refused what is not for him.
    Administer,
    /// A backup was begun, or has ended.
    Backup,
    /// The store came out of a backup.
    Restore,
}

impl Action {
    /// The word in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Issue => "cert.issue",
            Self::Renew => "cert.renew",
            Self::RevokeCertificate => "cert.revoke",
            Self::RevokeUser => "user.revoke",
            Self::AddUser => "user.add",
            Self::SetPassword => "user.passwd",
            Self::SetDetails => "user.profile",
            Self::SetRole => "user.role",
            Self::EnableUser => "user.enable",
            Self::DisableUser => "user.disable",
            Self::UnlockUser => "user.unlock",
            Self::RemoveUser => "user.rm",
            Self::Administer => "admin",
            Self::Backup => "backup",
            Self::Restore => "restore",
        }
    }
}

/// An entry that has no place in the chain yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// Who.
    pub by: &'a Actor,
    /// What.
    pub action: Action,
    /// To whom or what: an alias, a serial number, and what else belongs to it.
    pub object: String,
    /// `ok`, or why not.
    pub outcome: &'a str,
}

/// The outcome of what was done.
pub const OK: &str = "ok";

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its number, from 1.
    pub seq: u64,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub at: OffsetDateTime,
    /// Who.
    pub actor: String,
    /// From where.
    pub source: String,
    /// What.
    pub action: String,
    /// To whom or what.
    pub object: String,
    /// `ok`, or why not.
    pub outcome: String,
    /// Hash of this entry and, through it, of all before.
    #[schema(value_type = String)]
    pub hash: Hash,
}

impl Record {
    /// The entry that follows `previous`, if that is the hash of the one before.
    pub fn new(seq: u64, at: OffsetDateTime, event: &Event<'_>, previous: &Hash) -> Self {
        let mut record = Self {
            seq,
            at: at.replace_nanosecond(0).unwrap_or(at),
            actor: event.by.name().to_owned(),
            source: event.by.source().to_owned(),
            action: event.action.as_str().into(),
            object: event.object.clone(),
            outcome: event.outcome.into(),
            hash: Hash(GENESIS),
        };
        record.hash = record.hash_after(previous);
        record
    }

    /// The hash that this entry must have after one with the hash `previous`: SHA-256 over the
    /// context, that hash, number and time as eight bytes each, and every text after its length.
    pub fn hash_after(&self, previous: &Hash) -> Hash {
        let mut context = Context::new(&SHA256);
        context.update(ENTRY_CONTEXT);
        context.update(&previous.0);
        context.update(&self.seq.to_be_bytes());
        context.update(&self.at.unix_timestamp().to_be_bytes());
        for text in [
            &self.actor,
            &self.source,
            &self.action,
            &self.object,
            &self.outcome,
        ] {
            context.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(text.as_bytes());
        }
        let mut hash = GENESIS;
        hash.copy_from_slice(context.finish().as_ref());
        Hash(hash)
    }
}

/// The last entry.
///
/// # Errors
/// When the store fails.
pub async fn last(store: &dyn Store) -> Result<Option<Record>, StoreError> {
    let Start { after: last, .. } = store.audit_end().await?;
    let Some(before) = last.checked_sub(1) else {
        return Ok(None);
    };
    Ok(store.audit_page(before, 1).await?.entries.pop())
}

/// A link of the chain; printed and written in JSON as hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for Hash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "a hash has 64 hexadecimal digits";
        let mut hash = GENESIS;
        if text.len() != 64 || !text.is_ascii() {
            return Err(WRONG);
        }
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| WRONG)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| WRONG)?;
        }
        Ok(Self(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let event = Event {
            by: &Actor::console(),
            action: Action::AddUser,
            object: "alice as member".into(),
            outcome: OK,
        };
        let noon = OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000);
        Record::new(1, noon, &event, &Hash(GENESIS))
    }

    #[test]
    fn every_part_of_an_entry_is_in_its_hash() {
        let good = record();
        assert_eq!(good.hash_after(&Hash(GENESIS)), good.hash);
        assert_ne!(good.hash_after(&Hash([1; 32])), good.hash);
        let changes: [fn(&mut Record); 7] = [
            |record| record.seq += 1,
            |record| record.at += time::Duration::seconds(1),
            |record| record.actor.push('x'),
            |record| record.source.push('x'),
            |record| record.action.push('x'),
            |record| record.object.push('x'),
            |record| record.outcome.push('x'),
        ];
        for change in changes {
            let mut bent = good.clone();
            change(&mut bent);
            assert_ne!(bent.hash_after(&Hash(GENESIS)), good.hash, "{bent:?}");
        }
    }

    #[test]
    fn text_that_moves_from_one_field_to_the_next_changes_the_hash() {
        let (mut one, mut two) = (record(), record());
        (one.object, one.outcome) = ("ab".into(), "c".into());
        (two.object, two.outcome) = ("a".into(), "bc".into());
        assert_ne!(
            one.hash_after(&Hash(GENESIS)),
            two.hash_after(&Hash(GENESIS))
        );
    }

    #[test]
    fn hashes_read_back_as_they_are_written() {
        let hash = record().hash;
        assert_eq!(Hash::try_from(hash.to_string()), Ok(hash));
        for bad in ["", "00", &"g".repeat(64), &"\u{e9}".repeat(32)] {
            assert!(Hash::try_from(bad.to_owned()).is_err());
        }
    }
}
