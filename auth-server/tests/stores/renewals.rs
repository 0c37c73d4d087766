//! What may be renewed, by whom and how often.

use auth_server::store::MAX_CURRENT_OF_DEVICE;

use super::*;

pub(crate) async fn renew_at(
    store: &dyn Store,
    old: &LedgerEntry,
    new: LedgerEntry,
    now: OffsetDateTime,
) -> Result<LedgerEntry, StoreError> {
    let issuance = Issuance {
        by: &console(),
        renews: Some(old.serial),
        now,
    };
    store.about_to_sign(&new, &issuance).await?;
    store.signed(&new.serial, &issuance).await?;
    Ok(new)
}

pub(crate) async fn renew(store: &dyn Store, old: &LedgerEntry) -> Result<LedgerEntry, StoreError> {
    let user = store.user(old.alias.as_ref().unwrap()).await?.unwrap();
    let mut new = entry(Some(user.alias.as_str()));
    new.role = Some(user.role);
    renew_at(store, old, new, noon()).await
}

async fn a_change_of_role_stands_against_no_renewal_but_everything_else_does(store: &dyn Store) {
    let (by, admin) = (console(), "admin".parse::<Role>().unwrap());
    for (name, spoilt) in [("alice", false), ("bob", true)] {
        add(store, name).await.unwrap();
        let old = issue(store, name).await;
        change(store, name, UserChange::Role(&admin), noon())
            .await
            .unwrap();
        let standing = async || store.standing(&old.serial).await.unwrap().unwrap();
        let shown = standing().await;
        assert!(shown.revoked && shown.renewable);
        assert_eq!(shown.role.as_ref(), Some(&admin));
        if spoilt {
            let reason = RevocationReason::KeyCompromise;
            let later = noon() + Duration::hours(1);
            store.revoke(&old.serial, reason, &by, later).await.unwrap();
            let found = store.certificate(&old.serial).await.unwrap().unwrap();
            // Since when it is worth nothing stays true; why is new.
            assert_eq!(found.revoked, Some((noon(), reason)));
            assert!(!standing().await.renewable);
        }
        assert_eq!(renew(store, &old).await.is_err(), spoilt, "{name}");
    }
    // Blocking spoils it too, though it counts nothing that was in force.
    add(store, "carol").await.unwrap();
    let old = issue(store, "carol").await;
    let name = alias("carol");
    for done in [
        UserChange::Role(&admin),
        UserChange::Disable,
        UserChange::Enable,
    ] {
        let revoked = change(store, "carol", done, noon()).await.unwrap();
        assert_eq!(revoked, u64::from(matches!(done, UserChange::Role(_))));
    }
    assert!(matches!(
        renew(store, &old).await,
        Err(StoreError::IssueBlocked)
    ));
    // A reason given by hand is no change of role.
    let login = store.user(&name).await.unwrap().unwrap();
    let mut fresh = entry(Some("carol"));
    fresh.role = Some(login.role);
    begin(store, &fresh).await.unwrap();
    finish(store, &fresh.serial).await.unwrap();
    let reason = RevocationReason::AffiliationChanged;
    store
        .revoke(&fresh.serial, reason, &by, noon())
        .await
        .unwrap();
    assert!(renew(store, &fresh).await.is_err());
}

async fn what_had_ended_before_its_holder_was_blocked_is_not_renewed_afterwards(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let lost = issue(store, "alice").await;
    let later = noon() + Duration::days(3);
    let reason = RevocationReason::KeyCompromise;
    for done in [UserChange::Revoke(reason), UserChange::Enable] {
        assert_eq!(change(store, "alice", done, later).await.unwrap(), 0);
    }
    assert!(matches!(
        renew(store, &lost).await,
        Err(StoreError::IssueBlocked)
    ));
}

async fn nothing_is_renewed_while_a_one_time_password_waits(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let old = issue(store, "alice").await;
    let mut password = Password::chosen(PasswordHash::new("x".into()));
    password.one_time_until = Some(noon() + Duration::days(7));
    change(store, "alice", UserChange::Password(&password), noon())
        .await
        .unwrap();
    assert!(renew(store, &old).await.is_err());
    let chosen = Password::chosen(PasswordHash::new("y".into()));
    change(store, "alice", UserChange::Password(&chosen), noon())
        .await
        .unwrap();
    assert!(renew(store, &old).await.is_ok());
}

async fn a_key_is_one_person_s_and_a_renewal_s_is_fresh(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    add(store, "bob").await.unwrap();
    let (alices, bobs) = (issue(store, "alice").await, issue(store, "bob").await);
    let with_key = |name, other: &LedgerEntry| LedgerEntry {
        key_sha256: other.key_sha256,
        ..entry(Some(name))
    };
    let taken = begin(store, &with_key("bob", &alices)).await;
    assert!(matches!(taken, Err(StoreError::KeyInUse)));
    for known in [&alices, &bobs] {
        let taken = renew_at(store, &bobs, with_key("bob", known), noon()).await;
        assert!(matches!(taken, Err(StoreError::KeyInUse)));
    }
    // After a login the same person may keep a key, as hardware that holds one does.
    begin(store, &with_key("bob", &bobs)).await.unwrap();
}

async fn a_device_renews_so_often_an_hour_and_no_more(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let (first, other_device) = (issue(store, "alice").await, issue(store, "alice").await);
    let mut last = first.clone();
    for turn in 0..MAX_RENEWALS {
        // In a row, or all from the same certificate: one device either way.
        let old = if turn % 2 == 0 { &first } else { &last };
        last = renew(store, old).await.unwrap();
    }
    for old in [&first, &last] {
        let Err(StoreError::TooManyRenewals { wait }) = renew(store, old).await else {
            panic!("no end of renewals");
        };
        assert_eq!(wait.as_secs(), 3600);
    }
    assert!(renew(store, &other_device).await.is_ok());
    let later = noon() + WINDOW;
    let next = renew_at(store, &last, entry(Some("alice")), later).await;
    assert!(next.is_ok());
}

async fn a_device_is_revoked_with_all_that_it_has_and_might_renew(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let (lost, kept) = (issue(store, "alice").await, issue(store, "alice").await);
    let next = renew(store, &lost).await.unwrap();
    let last = renew(store, &next).await.unwrap();
    // One more is being made while the device is revoked, by a certificate in its midst.
    let by = console();
    let issuance = Issuance {
        by: &by,
        renews: Some(last.serial),
        now: noon(),
    };
    let unfinished = entry(Some("alice"));
    store.about_to_sign(&unfinished, &issuance).await.unwrap();
    let reason = RevocationReason::KeyCompromise;
    let revoke = async |now| store.revoke(&next.serial, reason, &by, now).await.unwrap();
    assert_eq!(revoke(noon()).await, Some(3));
    assert!(store.signed(&unfinished.serial, &issuance).await.is_err());
    for gone in [&lost, &next, &last] {
        let found = store.certificate(&gone.serial).await.unwrap().unwrap();
        assert_eq!(found.revoked, Some((noon(), reason)));
        assert_eq!(found.device, lost.serial);
        assert!(renew(store, gone).await.is_err());
    }
    assert!(renew(store, &kept).await.is_ok());
    // Once is enough.
    let before = store.revocations().await.unwrap();
    let told = store.audit_page(0, 100).await.unwrap().entries;
    assert_eq!(revoke(noon() + Duration::hours(1)).await, None);
    assert_eq!(store.revocations().await.unwrap(), before);
    assert_eq!(store.audit_page(0, 100).await.unwrap().entries, told);
    let mut named: Vec<&str> = told
        .iter()
        .filter(|entry| entry.action == "cert.revoke")
        .map(|entry| entry.object.as_str())
        .collect();
    named.sort_unstable();
    let mut expected: Vec<String> = [&lost, &next, &last]
        .map(|gone| format!("{} (keyCompromise)", gone.serial))
        .into();
    expected.sort();
    assert_eq!(named, expected);
}

async fn a_device_whose_certificates_have_ended_is_revoked_as_long_as_it_might_renew(
    store: &dyn Store,
) {
    add(store, "alice").await.unwrap();
    let lost = issue(store, "alice").await;
    let next = renew(store, &lost).await.unwrap();
    let reason = RevocationReason::KeyCompromise;
    let ended = noon() + Duration::hours(25);
    let revoked = async |serial: &Serial| {
        let found = store.certificate(serial).await.unwrap().unwrap();
        found.revoked.map(|(at, _)| at)
    };
    let in_force = store.revoke(&lost.serial, reason, &console(), ended).await;
    assert_eq!(in_force.unwrap(), Some(0));
    assert_eq!(revoked(&next.serial).await, Some(ended));
    let entries = store.audit_page(0, 100).await.unwrap().entries;
    let told: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.action == "cert.revoke")
        .map(|entry| entry.object.as_str())
        .collect();
    assert_eq!(told, [format!("{} (keyCompromise)", lost.serial)]);
    // Nobody can renew what ended so long ago; it is revoked when it is named.
    let lost = issue(store, "alice").await;
    let next = renew(store, &lost).await.unwrap();
    let late = noon() + auth_server::store::MAX_GRACE + Duration::hours(25);
    let in_force = store.revoke(&next.serial, reason, &console(), late).await;
    assert_eq!(in_force.unwrap(), Some(0));
    assert_eq!(revoked(&next.serial).await, Some(late));
    assert_eq!(revoked(&lost.serial).await, None);
}

async fn a_device_has_so_many_good_certificates_and_takes_nothing_from_another(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let (stolen, kept) = (issue(store, "alice").await, issue(store, "alice").await);
    let mut old = stolen;
    for number in 1..MAX_CURRENT_OF_DEVICE {
        let now = noon() + Duration::minutes(3) * number;
        old = renew_at(store, &old, entry(Some("alice")), now)
            .await
            .unwrap();
    }
    let now = noon() + Duration::minutes(3) * MAX_CURRENT_OF_DEVICE;
    let refused = renew_at(store, &old, entry(Some("alice")), now).await;
    let Err(StoreError::TooManyRenewals { wait }) = refused else {
        panic!("no end of renewals");
    };
    assert_eq!(now + wait, noon() + Duration::hours(24) + Duration::SECOND);
    assert!(
        renew_at(store, &kept, entry(Some("alice")), now)
            .await
            .is_ok()
    );
    // What ended makes room.
    assert!(
        renew_at(store, &old, entry(Some("alice")), now + wait)
            .await
            .is_ok()
    );
}

suite!(
    a_device_has_so_many_good_certificates_and_takes_nothing_from_another,
    a_device_is_revoked_with_all_that_it_has_and_might_renew,
    a_device_whose_certificates_have_ended_is_revoked_as_long_as_it_might_renew,
    a_change_of_role_stands_against_no_renewal_but_everything_else_does,
    what_had_ended_before_its_holder_was_blocked_is_not_renewed_afterwards,
    nothing_is_renewed_while_a_one_time_password_waits,
    a_key_is_one_person_s_and_a_renewal_s_is_fresh,
    a_device_renews_so_often_an_hour_and_no_more,
);
