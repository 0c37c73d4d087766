//! Root certificate and key, store, audit log, clock.

use std::path::Path;
use std::sync::Arc;

use common::identity::OrgRoot;
use root_ca::key_store;
use time::{Duration, OffsetDateTime};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::Finding;
use crate::administration::{Local, Unverified, verify_log};
use crate::audit::{self, Verdict};
use crate::commands::secrets;
use crate::commands::unseal::open_authority;
use crate::home::Home;
use crate::store::{LISTED_AT_LEAST, MAX_LISTABLE, Store};
use crate::ui::counted;

/// A root is followed by another one in good time: devices have to be told.
const ROOT_NOTICE: Duration = Duration::days(365);
/// How far clocks may differ.
const CLOCK_SKEW: Duration = Duration::minutes(5);

/// Start and end of the root certificate.
fn validity(root: &OrgRoot) -> Option<(OffsetDateTime, OffsetDateTime)> {
    let certificate = Certificate::from_der(root.certificate()).ok()?;
    let validity = certificate.tbs_certificate().validity();
    let time = |time: x509_cert::time::Time| OffsetDateTime::UNIX_EPOCH + time.to_unix_duration();
    Some((time(validity.not_before), time(validity.not_after)))
}

/// The root certificate's remaining life.
pub(super) fn root_certificate(root: &OrgRoot, now: OffsetDateTime) -> Finding {
    let Some((_, end)) = validity(root) else {
        return Finding::fail("root", "its dates cannot be read", "restore a backup");
    };
    let left = end - now;
    let days = u64::try_from(left.whole_days()).unwrap_or_default();
    let days = counted(days, "day", "days");
    let says = format!("{} ends in {days}", root.fingerprint());
    let cure = "plan a new organisation root, and trust it on every device before this one ends";
    if left.is_negative() {
        Finding::fail("root", format!("{} has ended", root.fingerprint()), cure)
    } else if left < ROOT_NOTICE {
        Finding::warn("root", says, cure)
    } else {
        Finding::ok("root", says)
    }
}

/// The root key, as far as it can be looked at.
pub(super) async fn root_key(home: &Home, passphrase: Option<&Path>) -> Finding {
    const CHECK: &str = "root key";
    let cure = "restore root.key and root.crt from the same backup";
    if secrets::passphrase_file(passphrase).is_some() {
        return match open_authority(home, passphrase, false).await {
            Ok(_) => Finding::ok(CHECK, "it opens and belongs to the root certificate"),
            Err(failure) => Finding::failed(CHECK, &failure, cure),
        };
    }
    match key_store::read_sealed(&home.root_key()) {
        Ok(_) => Finding::ok(
            CHECK,
            "it is sealed; with --passphrase-file it is compared with the root certificate",
        ),
        Err(error) => Finding::failed(CHECK, &error.into(), cure),
    }
}

/// Whether the store is whole, this organisation's, and of this version; with the last one's answer.
pub(super) async fn store(
    home: &Home,
    root: &OrgRoot,
) -> (Finding, Option<(Arc<dyn Store>, bool)>) {
    match home.store_as_it_is(root).await {
        Err(failure) => {
            let cure = "stop the server and restore a backup";
            (Finding::failed("store", &failure, cure), None)
        }
        Ok((store, true)) => {
            let says = "it is whole and belongs to this root";
            (Finding::ok("store", says), Some((store, true)))
        }
        Ok((store, false)) => {
            let says = "it is whole, and of another version than this program";
            let cure = "make a backup, then start the server of this version";
            (Finding::warn("store", says, cure), Some((store, false)))
        }
    }
}

/// Whether the store can be changed, by the server and by commands.
pub(super) async fn changes(store: &dyn Store) -> Finding {
    const CHECK: &str = "changes";
    match store.accepts_changes().await {
        Ok(()) => Finding::ok(CHECK, "the store takes them"),
        Err(error) => Finding::fail(
            CHECK,
            format!("nothing can be changed, and nobody can log in: {error}"),
            "look what that process does with the store, and end it if it should not",
        ),
    }
}

/// Whether there is room for more certificates.
pub(super) async fn ledger(store: &dyn Store, now: OffsetDateTime) -> Finding {
    const CHECK: &str = "ledger";
    let cure = "see whose there are with: auth-server cert list --limit 1000; a shorter \
                cert_lifetime makes room, and so does time";
    let listable = match store.listable(now - LISTED_AT_LEAST).await {
        Ok(listable) => listable,
        Err(error) => return Finding::fail(CHECK, error.to_string(), "restore a backup"),
    };
    let most = u64::from(MAX_LISTABLE);
    let says = format!("it has room for {most} certificates at once, and {listable} take it");
    if listable >= most {
        Finding::fail(CHECK, format!("{says}: nobody gets one"), cure)
    } else if listable >= most / 5 * 4 {
        Finding::warn(CHECK, says, cure)
    } else {
        Finding::ok(CHECK, says)
    }
}

/// Whether the audit log is as it was written, and signed.
pub(super) async fn audit(store: Arc<dyn Store>, root: &OrgRoot) -> Finding {
    const CHECK: &str = "audit log";
    let log = Local::console(store, root.display_name());
    match verify_log(&log, root).await {
        Ok(verdict) => Finding::ok(CHECK, whole(&verdict)),
        Err(Unverified::Tampering(tampering)) => Finding::fail(
            CHECK,
            tampering.to_string(),
            "somebody changed the store: compare it with the exports and backups kept elsewhere",
        ),
        Err(Unverified::Read(error)) => Finding::failed(CHECK, &error.into(), "restore a backup"),
    }
}

fn whole(verdict: &Verdict) -> String {
    let entries = counted(verdict.last, "entry", "entries");
    match verdict.vouched {
        Some((seq, _)) => {
            format!("{entries}, and the chain holds; the root key vouches for those up to {seq}")
        }
        None => {
            format!("{entries}, and the chain holds; the root key vouches for none of them yet")
        }
    }
}

/// Whether the clock can be right.
pub(super) async fn clock(
    home: &Home,
    root: &OrgRoot,
    store: Option<&dyn Store>,
    now: OffsetDateTime,
) -> Finding {
    const CHECK: &str = "clock";
    let cure = "set the clock, and keep it by NTP: certificates and revocation lists have dates";
    let mut known = Vec::new();
    if let Some((start, _)) = validity(root) {
        known.push(("the root certificate was made", start));
    }
    let changed = std::fs::metadata(home.store_file()).and_then(|file| file.modified());
    if let Ok(changed) = changed {
        known.push(("the store was changed", changed.into()));
    }
    if let Some(store) = store
        && let Ok(Some(last)) = audit::last(store).await
    {
        known.push(("the last entry of the audit log was made", last.at));
    }
    let says = |text: &str| format!("it says {}, {text}", now.date());
    match known.into_iter().find(|(_, at)| *at > now + CLOCK_SKEW) {
        Some((what, at)) => {
            let text = format!("but {what} on {}", at.date());
            Finding::fail(CHECK, says(&text), cure)
        }
        None => Finding::ok(CHECK, says("after everything that was written here")),
    }
}
