//! What a member can make grow, and how far: the ledger, the list of revoked certificates, the
//! audit log.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::Ipv4Addr;

use auth_server::audit::Actor;
use auth_server::publish::CrlPublisher;
use auth_server::store::sqlite::SqliteStore;
use auth_server::store::{
    CertificateStore, Issuance, MAX_ISSUED, MAX_LISTABLE, Password, PasswordHash, StoreError,
    UserChange, UserStore,
};
use auth_server::throttle::{Attempt, Source};
use common::crl::RevocationList;
use common::limits::MAX_CRL_BYTES;
use root_ca::{
    Authority, KeyType, LedgerEntry, RevocationReason, RevokedCertificate, Serial, SoftwareKey,
};
use rustix::process::Signal;
use rustls::pki_types::UnixTime;
use serde_json::json;
use support::*;
use time::{Duration, OffsetDateTime};

const CERTIFICATES: &str = "urn:orgshare:problem:too-many-certificates";
const TOO_OFTEN: &str = "urn:orgshare:problem:too-often";

fn entry(alias: &str, now: OffsetDateTime) -> LedgerEntry {
    let mut key_sha256 = [7; 32];
    key_sha256[..16].copy_from_slice(Serial::random().unwrap().as_bytes());
    LedgerEntry {
        serial: Serial::random().unwrap(),
        alias: Some(alias.parse().unwrap()),
        role: Some("member".parse().unwrap()),
        key_sha256,
        not_before: now,
        not_after: now + Duration::hours(24),
    }
}

async fn issue(
    store: &SqliteStore,
    alias: &str,
    now: OffsetDateTime,
) -> Result<Serial, StoreError> {
    let (entry, by) = (entry(alias, now), Actor::console());
    let issuance = Issuance {
        by: &by,
        renews: None,
        now,
    };
    store.about_to_sign(&entry, &issuance).await?;
    store.signed(&entry.serial, &issuance).await?;
    Ok(entry.serial)
}

#[test]
fn who_got_as_many_certificates_as_one_person_may_waits_and_nobody_else_does() {
    let org = Org::with_user("alice");
    org.add("bob", PASSWORD);
    let server = org.start();
    let laptop = server.member("alice", PASSWORD);
    org.in_store(async |store| {
        for _ in 1..MAX_ISSUED {
            let now = OffsetDateTime::now_utc();
            issue(store, "alice", now).await.unwrap();
        }
    });
    let csr = || request(&rcgen::KeyPair::generate().unwrap());
    for answer in [
        server.login("alice", PASSWORD),
        server.renew_with(&laptop, &csr()).unwrap(),
    ] {
        assert_eq!(answer.problem(), (429, CERTIFICATES.to_owned()));
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((3000..=3600).contains(&wait), "{wait}");
    }
    server.member("bob", PASSWORD);
    // Nothing was entered that was not handed out.
    let unsigned = org.in_store(async |store| {
        use auth_server::store::UpkeepStore;
        store
            .census(OffsetDateTime::now_utc())
            .await
            .unwrap()
            .unsigned
    });
    assert_eq!(unsigned, 0);
}

#[test]
fn a_member_writes_so_much_into_the_audit_log_and_no_more() {
    let org = Org::with_user("alice");
    let once = org.add_for_once("bob");
    let server = org.start();
    let laptop = server.member("alice", PASSWORD);
    let put = |name: &str| {
        let told = json!({"display_name": name, "email": ""});
        server.json(Some(&laptop), "PUT /me", &told)
    };
    assert_eq!(put("Alice").status, 200);
    let before = org.audit().len();
    // The same again is nothing new, however often.
    for _ in 0..5 {
        assert_eq!(put(" Alice ").status, 200);
    }
    assert_eq!(org.audit().len(), before);
    // Each change is, 120 times an hour.
    for n in 1..120 {
        assert_eq!(put(&format!("Alice {n}")).status, 200);
    }
    let before = org.audit().len();
    let refused = put("Alison");
    assert_eq!(refused.problem(), (429, TOO_OFTEN.to_owned()));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&wait), "{wait}");
    assert_eq!(put("Alice 119").status, 200);
    assert_eq!(org.audit().len(), before);
    // Whoever has her device keeps her from nothing else by that.
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    // A right password, with whatever follows from it, is counted by itself.
    let here = Source::of(Ipv4Addr::LOCALHOST.into());
    org.in_store(async |store| {
        for (name, left) in [("alice", 2), ("bob", 0)] {
            let alias = name.parse().unwrap();
            for _ in left..119 {
                let now = OffsetDateTime::now_utc();
                let attempt = Attempt::new(Some(&alias), here);
                attempt.succeeded(store, &alias, now).await.unwrap();
            }
        }
    });
    let weak = server.change_password("alice", PASSWORD, "weak");
    assert_eq!(weak.status, 422);
    assert_eq!(server.login("bob", &once).status, 403);
    let before = org.audit().len();
    for answer in [
        server.change_password("alice", PASSWORD, "weak"),
        server.change_password("alice", PASSWORD, "plum glacier window ostrich seven"),
        server.login("alice", PASSWORD),
        server.login("bob", &once),
    ] {
        assert_eq!(answer.problem(), (429, TOO_OFTEN.to_owned()));
    }
    assert_eq!(org.audit().len(), before);
    // A wrong one is not right more often for it.
    assert_eq!(server.login("alice", "not the password").status, 401);
}

/// So many certificates of a person, that end then; revoked or not.
fn rows(count: u32, alias: &str, ends: OffsetDateTime, revoked: bool) -> String {
    let (end, created) = (
        ends.unix_timestamp(),
        (ends - Duration::days(10)).unix_timestamp(),
    );
    let revocation = if revoked {
        format!("{created}, 1")
    } else {
        "NULL, NULL".into()
    };
    format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO certificates (serial, alias, role, key_sha256, not_before, not_after, state,
                                   created_at, revoked_at, reason)
         SELECT CAST(x'40' || randomblob(15) AS BLOB), '{alias}', 'member', randomblob(32), {created}, {end},
                'signed', {created}, {revocation} FROM n;"
    )
}

struct Ledger {
    dir: tempfile::TempDir,
    authority: Authority,
    store: SqliteStore,
    now: OffsetDateTime,
}

impl Ledger {
    /// Of an authority with one member, alice.
    async fn new() -> Self {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        let key = SoftwareKey::generate(KeyType::P256).unwrap();
        let authority = Authority::create("Acme", Box::new(key), now).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.sqlite");
        std::fs::write(&path, b"").unwrap();
        let fingerprint = authority.root().fingerprint();
        let store = SqliteStore::create(&path, &fingerprint).await.unwrap();
        let password = Password::chosen(PasswordHash::new("x".into()));
        let (alias, role) = ("alice".parse().unwrap(), "member".parse().unwrap());
        let by = Actor::console();
        store
            .add_user(&alias, &role, &password, &by, now)
            .await
            .unwrap();
        Self {
            dir,
            authority,
            store,
            now,
        }
    }

    async fn add(&self, count: u32, ends: OffsetDateTime, revoked: bool) {
        let path = self.dir.path().join("store.sqlite");
        sql_in(&path, &rows(count, "alice", ends, revoked));
    }

    async fn publish(&self) -> RevocationList {
        let published = CrlPublisher::start(&self.authority, &self.store, self.now)
            .await
            .unwrap();
        self.accept(published.current().der.to_vec(), self.now)
    }

    /// As a peer takes it.
    fn accept(&self, der: Vec<u8>, now: OffsetDateTime) -> RevocationList {
        let seconds = u64::try_from(now.unix_timestamp()).unwrap();
        let clock = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        RevocationList::accept(der.into(), self.authority.root(), clock, None).unwrap()
    }
}

#[tokio::test]
async fn the_longest_list_that_the_ledger_lets_there_be_is_one_that_peers_take() {
    let ledger = Ledger::new().await;
    // Dates from 2050 on take two bytes more (RFC 5280, 4.1.2.5).
    let now = OffsetDateTime::UNIX_EPOCH + Duration::days(30_000);
    assert!(now.year() >= 2050);
    let revoked: Vec<RevokedCertificate> = (0..MAX_LISTABLE)
        .map(|_| RevokedCertificate {
            serial: Serial::random().unwrap(),
            revoked_at: now,
            reason: RevocationReason::KeyCompromise,
        })
        .collect();
    let signed = ledger.authority.sign_crl(&revoked, 1, 0, now).unwrap();
    // And some thousand of the server's own besides.
    assert!(signed.der().len() + 10_000 * 51 < MAX_CRL_BYTES);
    let list = ledger.accept(signed.der().to_vec(), now);
    assert_eq!(list.revoked_count(), revoked.len());
}

#[tokio::test]
async fn where_the_list_could_become_too_long_nobody_gets_a_certificate() {
    let ledger = Ledger::new().await;
    let (store, now) = (&ledger.store, ledger.now);
    // What ended two hours ago needs to be listed no more; what was revoked still does.
    ledger
        .add(1000, now - Duration::hours(2) - Duration::SECOND, false)
        .await;
    ledger
        .add(MAX_LISTABLE - 2, now - Duration::hours(2), true)
        .await;
    issue(store, "alice", now).await.unwrap();
    issue(store, "alice", now).await.unwrap();
    let full = issue(store, "alice", now).await;
    assert!(matches!(full, Err(StoreError::LedgerFull)), "{full:?}");
    // The server's own certificate is needed for everything else.
    let own = LedgerEntry {
        alias: None,
        role: None,
        ..entry("alice", now)
    };
    let by = Actor::server();
    let issuance = Issuance {
        by: &by,
        renews: None,
        now,
    };
    store.about_to_sign(&own, &issuance).await.unwrap();
    // Everybody can be revoked now, and it is seen.
    let alice = "alice".parse().unwrap();
    let reason = RevocationReason::KeyCompromise;
    let blocked = UserChange::Revoke(reason);
    let by = Actor::console();
    store.change_user(&alice, blocked, &by, now).await.unwrap();
    assert_eq!(ledger.publish().await.revoked_count(), 300_000);
    let enabled = UserChange::Enable;
    store.change_user(&alice, enabled, &by, now).await.unwrap();
    assert!(issue(store, "alice", now + Duration::SECOND).await.is_ok());
}

#[tokio::test]
async fn a_list_that_would_be_too_long_leaves_out_what_ended_before() {
    let ledger = Ledger::new().await;
    let lost = issue(&ledger.store, "alice", ledger.now).await.unwrap();
    let ended = ledger.now - Duration::hours(3);
    ledger.add(10, ended, true).await;
    let (by, reason) = (Actor::console(), RevocationReason::KeyCompromise);
    ledger
        .store
        .revoke(&lost, reason, &by, ledger.now)
        .await
        .unwrap();
    // Where there is room, it stays listed for two days.
    assert_eq!(ledger.publish().await.revoked_count(), 11);
    ledger.add(MAX_LISTABLE, ended, true).await;
    let list = ledger.publish().await;
    assert_eq!(list.revoked_count(), 1);
    assert!(list.is_revoked(lost.as_bytes()));
}

#[test]
fn a_server_that_cannot_sign_its_list_goes_on_with_the_last_one_and_says_so() {
    let org = Org::with_user("alice");
    let server = org.start();
    let kept = server.get("/root.crl", "");
    server.stop(Signal::TERM);
    // What a server without these bounds may have left.
    let path = org.home().join("store.sqlite");
    let ends = OffsetDateTime::now_utc() + Duration::days(1);
    sql_in(&path, &rows(350_000, "alice", ends, true));
    let server = org.start();
    let served = server.get("/root.crl", "");
    assert_eq!((served.status, &served.body), (200, &kept.body));
    assert_eq!(served.header("etag"), kept.header("etag"));
    let log = server.log();
    assert!(log.contains("the CRL could not be signed"), "{log}");
    assert!(log.contains("peers accept 16777216"), "{log}");
    let metrics = server.get("/metrics", "").text();
    assert!(metrics.contains("orgshare_crl_failing 1\n"), "{metrics}");
    let address = server.address.to_string();
    let checked = said(&org.command(&["doctor", "--listen", &address]));
    assert!(
        checked.contains("350000 take it: nobody gets one"),
        "{checked}"
    );
    // Nobody else gets in; who has been revoked neither.
    assert_eq!(server.login("alice", PASSWORD).status, 503);
    server.stop(Signal::TERM);
    // Time has passed.
    let ended = (OffsetDateTime::now_utc() - Duration::hours(3)).unix_timestamp();
    sql_in(
        &path,
        &format!("UPDATE certificates SET not_after = {ended} WHERE alias = 'alice'"),
    );
    let server = org.start();
    assert_ne!(server.get("/root.crl", "").body, kept.body);
    let metrics = server.get("/metrics", "").text();
    assert!(metrics.contains("orgshare_crl_failing 0\n"), "{metrics}");
    assert_eq!(server.login("alice", PASSWORD).status, 200);
}

#[test]
fn without_any_list_that_holds_there_is_no_start() {
    let org = Org::with_user("alice");
    let server = org.start();
    server.stop(Signal::TERM);
    let path = org.home().join("store.sqlite");
    let ends = OffsetDateTime::now_utc() + Duration::days(1);
    sql_in(&path, &rows(350_000, "alice", ends, true));
    sql_in(&path, "DELETE FROM last_crl");
    let refused = org.command(&["run", "--listen", "127.0.0.1:0"]);
    assert!(!refused.status.success());
    assert!(
        said(&refused).contains("peers accept 16777216"),
        "{}",
        said(&refused)
    );
}
