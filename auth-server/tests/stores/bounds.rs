//! What one person may get and write.

use auth_server::audit::{Action, Event};
use auth_server::store::{MAX_CURRENT, MAX_ISSUED};

use super::*;
use crate::renewals::{renew, renew_at};

async fn a_person_gets_so_many_certificates_an_hour_by_logins_and_renewals(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    add(store, "bob").await.unwrap();
    let mut old = issue(store, "alice").await;
    for turn in 1..MAX_ISSUED {
        // A device renews less often than the person, so there are many.
        old = match turn % 10 {
            0 => issue(store, "alice").await,
            _ => renew(store, &old).await.unwrap(),
        };
    }
    for refused in [
        begin(store, &entry(Some("alice"))).await,
        renew(store, &old).await.map(drop),
    ] {
        let Err(StoreError::TooManyCertificates { wait }) = refused else {
            panic!("no end of certificates");
        };
        assert_eq!(wait.as_secs(), 3600);
    }
    issue(store, "bob").await;
    begin(store, &entry(None)).await.unwrap();
    let later = noon() + WINDOW;
    let next = renew_at(store, &old, entry(Some("alice")), later).await;
    assert!(next.is_ok());
    // A clock set back by days starts anew, and locks nobody out.
    let back = noon() - Duration::days(7);
    assert!(begin_at(store, &entry(Some("alice")), back).await.is_ok());
}

async fn a_person_has_so_many_good_certificates_and_no_more(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let mut last = entry(Some("alice"));
    for number in 0..MAX_CURRENT {
        let now = noon() + Duration::minutes(1) * number;
        last = LedgerEntry {
            not_after: now + Duration::days(10),
            ..entry(Some("alice"))
        };
        begin_at(store, &last, now).await.unwrap();
    }
    let now = noon() + Duration::minutes(1) * MAX_CURRENT;
    let refused = begin_at(store, &entry(Some("alice")), now).await;
    let Err(StoreError::TooManyCertificates { wait }) = refused else {
        panic!("no end of certificates");
    };
    let end = noon() + Duration::days(10);
    assert_eq!(now + wait, end + Duration::SECOND);
    // What was revoked makes room: the person may begin anew.
    let reason = RevocationReason::KeyCompromise;
    store
        .revoke(&last.serial, reason, &console(), now)
        .await
        .unwrap();
    let fresh = LedgerEntry {
        not_after: now + Duration::days(10),
        ..entry(Some("alice"))
    };
    begin_at(store, &fresh, now).await.unwrap();
    assert!(begin_at(store, &entry(Some("alice")), now).await.is_err());
    // And so does what ended.
    let over = end + Duration::SECOND;
    let next = LedgerEntry {
        not_after: over + Duration::days(10),
        ..entry(Some("alice"))
    };
    begin_at(store, &next, over).await.unwrap();
}

async fn an_allowance_is_used_up_by_entries_and_begins_anew(store: &dyn Store) {
    add(store, "a").await.unwrap();
    let name = alias("a");
    let by = console();
    let event = Event {
        by: &by,
        action: Action::Login,
        object: "a".into(),
        outcome: "one-time password, must be changed",
    };
    let login = SuccessfulLogin {
        uses: allowance(3),
        ..success(&name, "k a")
    };
    let now = noon() + Duration::minutes(59);
    store
        .append_within(&event, &allowance(3), noon())
        .await
        .unwrap();
    store.record_success(&login, &by, now).await.unwrap();
    store
        .append_within(&event, &allowance(3), now)
        .await
        .unwrap();
    let entries = store.audit_page(0, 100).await.unwrap().entries.len();
    let password = store.user(&name).await.unwrap().unwrap().password;
    let change = PasswordChange {
        alias: &name,
        old: &password.hash,
        new: &Password::chosen(PasswordHash::new("new".into())),
    };
    for refused in [
        store.append_within(&event, &allowance(3), now).await,
        store.record_success(&login, &by, now).await,
        store.change_password(&change, &login, &by, now).await,
    ] {
        let Err(StoreError::TooOften { wait }) = refused else {
            panic!("no end of entries");
        };
        assert_eq!(wait.as_secs(), 60);
    }
    // What is refused leaves no trace, and another subject is another's.
    let page = store.audit_page(0, 100).await.unwrap();
    assert_eq!(page.entries.len(), entries);
    assert_eq!(store.user(&name).await.unwrap().unwrap().password, password);
    let others = Allowance {
        subject: "password b".into(),
        ..allowance(1)
    };
    store.append_within(&event, &others, now).await.unwrap();
    // The next period; a clock that was set back begins one too.
    for now in [noon() + Duration::hours(1), noon() - Duration::days(1)] {
        store
            .append_within(&event, &allowance(1), now)
            .await
            .unwrap();
        assert!(
            store
                .append_within(&event, &allowance(1), now)
                .await
                .is_err()
        );
    }
    store.prune_allowances(noon()).await.unwrap();
    let anew = noon() - Duration::days(1);
    store
        .append_within(&event, &allowance(1), anew)
        .await
        .unwrap();
    assert!(store.append_within(&event, &others, now).await.is_err());
}

async fn details_are_written_when_they_change_and_so_often(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let (name, by) = (alias("alice"), console());
    let details = |name: &str| Details {
        display_name: name.into(),
        email: String::new(),
    };
    let set = async |details: Details| {
        store
            .set_details(&name, &details, &allowance(2), &by, noon())
            .await
    };
    for told in ["Alice", "Alice", "Alice", "Alice"] {
        set(details(told)).await.unwrap();
    }
    set(details("Alison")).await.unwrap();
    assert_eq!(store.audit_page(0, 100).await.unwrap().entries.len(), 3);
    let refused = set(details("Alice")).await;
    assert!(matches!(refused, Err(StoreError::TooOften { .. })));
    // What changes nothing costs nothing.
    set(details("Alison")).await.unwrap();
    let user = store.user(&name).await.unwrap().unwrap();
    assert_eq!(user.details, details("Alison"));
    assert_eq!(store.audit_page(0, 100).await.unwrap().entries.len(), 3);
    change(store, "alice", UserChange::Remove, noon())
        .await
        .unwrap();
    let gone = set(details("")).await;
    assert!(matches!(
        gone,
        Err(StoreError::NoSuchUser { .. } | StoreError::TooOften { .. })
    ));
}

suite!(
    a_person_gets_so_many_certificates_an_hour_by_logins_and_renewals,
    a_person_has_so_many_good_certificates_and_no_more,
    an_allowance_is_used_up_by_entries_and_begins_anew,
    details_are_written_when_they_change_and_so_often,
);
