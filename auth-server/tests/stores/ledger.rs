//! Certificates, recorded and revoked.

use super::*;
use crate::renewals::renew;

async fn certificates_are_recorded_before_and_after(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let first = entry(Some("alice"));
    assert!(finish(store, &first.serial).await.is_err());
    begin(store, &first).await.unwrap();
    assert!(begin(store, &first).await.is_err());
    finish(store, &first.serial).await.unwrap();
    assert!(finish(store, &first.serial).await.is_err());
    let own = entry(None);
    begin(store, &own).await.unwrap();
    finish(store, &own.serial).await.unwrap();
}

async fn disabling_revokes_everything_current_and_blocks(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    add(store, "bob").await.unwrap();
    let (one, two) = (issue(store, "alice").await, issue(store, "alice").await);
    let bobs = issue(store, "bob").await;
    let unfinished = entry(Some("alice"));
    begin(store, &unfinished).await.unwrap();
    let before = store.revocations().await.unwrap();
    assert_eq!(
        change(store, "alice", UserChange::Disable, noon())
            .await
            .unwrap(),
        3
    );
    assert!(store.revocations().await.unwrap() > before);
    let blocked = finish(store, &unfinished.serial).await;
    assert!(matches!(blocked, Err(StoreError::IssueBlocked)));
    let blocked = begin(store, &entry(Some("alice"))).await;
    assert!(matches!(blocked, Err(StoreError::IssueBlocked)));
    let revoked = store.revoked(noon()).await.unwrap();
    let is_revoked = |entry: &LedgerEntry| revoked.iter().any(|r| r.serial == entry.serial);
    assert!(is_revoked(&one) && is_revoked(&two) && is_revoked(&unfinished) && !is_revoked(&bobs));
    assert!(
        revoked
            .iter()
            .all(|r| r.reason == RevocationReason::PrivilegeWithdrawn)
    );
    assert!(revoked.iter().all(|r| r.revoked_at == noon()));
    change(store, "alice", UserChange::Enable, noon())
        .await
        .unwrap();
    issue(store, "alice").await;
    assert_eq!(store.revoked(noon()).await.unwrap().len(), 3);
    // Long after their end they need no listing.
    assert!(
        store
            .revoked(noon() + Duration::hours(25))
            .await
            .unwrap()
            .is_empty()
    );
    // Nor is anything revoked that has ended by itself.
    let later = noon() + Duration::days(2);
    assert_eq!(
        change(store, "alice", UserChange::Disable, later)
            .await
            .unwrap(),
        0
    );
}

async fn nobody_gets_a_certificate_without_an_account(store: &dyn Store) {
    let blocked = begin(store, &entry(Some("nobody"))).await;
    assert!(matches!(blocked, Err(StoreError::IssueBlocked)));
}

async fn another_role_revokes_and_stops_what_is_under_way(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let (one, under_way) = (issue(store, "alice").await, entry(Some("alice")));
    begin(store, &under_way).await.unwrap();
    let reader: Role = "reader".parse().unwrap();
    let revoked = change(store, "alice", UserChange::Role(&reader), noon()).await;
    assert_eq!(revoked.unwrap(), 2);
    assert!(finish(store, &under_way.serial).await.is_err());
    // A certificate for the old role cannot begin any more.
    assert!(begin(store, &entry(Some("alice"))).await.is_err());
    let found = store.certificate(&one.serial).await.unwrap().unwrap();
    assert_eq!(
        found.revoked,
        Some((noon(), RevocationReason::AffiliationChanged))
    );
}

async fn a_revoked_certificate_is_not_renewed(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    add(store, "bob").await.unwrap();
    let (old, bobs) = (issue(store, "alice").await, issue(store, "bob").await);
    let renew = async |old: &LedgerEntry| {
        let issuance = Issuance {
            by: &console(),
            renews: Some(old.serial),
            now: noon(),
        };
        let new = entry(Some("alice"));
        store.about_to_sign(&new, &issuance).await?;
        store.signed(&new.serial, &issuance).await?;
        Ok::<_, StoreError>(new)
    };
    let new = renew(&old).await.unwrap();
    let found = store.certificate(&new.serial).await.unwrap().unwrap();
    assert_eq!(found.renews, Some(old.serial));
    let told = store.audit_page(0, 100).await.unwrap().entries;
    let told = told.last().unwrap();
    let object = format!("{} of alice after {}", new.serial, old.serial);
    assert_eq!(
        (told.action.as_str(), &told.object),
        ("cert.renew", &object)
    );
    assert!(renew(&bobs).await.is_err());
    let reason = RevocationReason::KeyCompromise;
    let by = console();
    store
        .revoke(&old.serial, reason, &by, noon())
        .await
        .unwrap();
    assert!(renew(&old).await.is_err());
    // Revoking twice keeps the first reason and time.
    let again = RevocationReason::Superseded;
    store
        .revoke(&old.serial, again, &console(), noon() + Duration::hours(1))
        .await
        .unwrap();
    let found = store.certificate(&old.serial).await.unwrap().unwrap();
    assert_eq!(found.revoked, Some((noon(), reason)));
    let unknown = Serial::random().unwrap();
    assert!(matches!(
        store.revoke(&unknown, reason, &console(), noon()).await,
        Err(StoreError::NoSuchCertificate { .. })
    ));
}

async fn certificates_are_found_by_holder_end_and_revocation(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    add(store, "bob").await.unwrap();
    let (one, two) = (issue(store, "alice").await, issue(store, "bob").await);
    let reason = RevocationReason::KeyCompromise;
    store
        .revoke(&two.serial, reason, &console(), noon())
        .await
        .unwrap();
    let all = CertificateFilter {
        limit: 10,
        ..CertificateFilter::default()
    };
    let serials = async |filter: CertificateFilter| -> Vec<Serial> {
        let found = store.certificates(&filter).await.unwrap();
        found.iter().map(|record| record.serial).collect()
    };
    assert_eq!(serials(all.clone()).await.len(), 2);
    let limit = CertificateFilter {
        limit: 1,
        ..all.clone()
    };
    assert_eq!(serials(limit).await.len(), 1);
    let alices = CertificateFilter {
        alias: Some(alias("alice")),
        ..all.clone()
    };
    assert_eq!(serials(alices).await, [one.serial]);
    let revoked = CertificateFilter {
        revoked: Some(true),
        ..all.clone()
    };
    assert_eq!(serials(revoked).await, [two.serial]);
    let good = CertificateFilter {
        revoked: Some(false),
        ..all.clone()
    };
    assert_eq!(serials(good).await, [one.serial]);
    let role = |name: &str| CertificateFilter {
        role: Some(name.parse().unwrap()),
        ..all.clone()
    };
    assert_eq!(serials(role("member")).await.len(), 2);
    assert_eq!(serials(role("admin")).await, []);
    let next = renew(store, &one).await.unwrap();
    for member in [&one, &next] {
        let device = CertificateFilter {
            device_of: Some(member.serial),
            ..all.clone()
        };
        let found = serials(device).await;
        assert_eq!(found.len(), 2);
        assert!(found.contains(&one.serial) && found.contains(&next.serial));
    }
    let nobody_s = CertificateFilter {
        device_of: Serial::random(),
        ..all.clone()
    };
    assert_eq!(serials(nobody_s).await, []);
    let end = noon() + Duration::hours(24);
    let before = |moment| CertificateFilter {
        ends_before: Some(moment),
        ..all.clone()
    };
    assert_eq!(serials(before(end)).await, []);
    assert_eq!(serials(before(end + Duration::SECOND)).await.len(), 3);
    let ends_after = Some(noon() + Duration::hours(25));
    let later = CertificateFilter { ends_after, ..all };
    assert_eq!(serials(later).await, []);
}

suite!(
    certificates_are_recorded_before_and_after,
    disabling_revokes_everything_current_and_blocks,
    nobody_gets_a_certificate_without_an_account,
    another_role_revokes_and_stops_what_is_under_way,
    a_revoked_certificate_is_not_renewed,
    certificates_are_found_by_holder_end_and_revocation,
);
