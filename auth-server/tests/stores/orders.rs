//! Whose orders are carried out.

use super::*;

/// An administrator with a certificate, and what comes from the device that has it.
async fn administrator(store: &dyn Store, name: &str) -> (LedgerEntry, Actor) {
    add(store, name).await.unwrap();
    let role = admin();
    change(store, name, UserChange::Role(&role), noon())
        .await
        .unwrap();
    let entry = LedgerEntry {
        role: Some(role),
        ..entry(Some(name))
    };
    begin(store, &entry).await.unwrap();
    finish(store, &entry.serial).await.unwrap();
    let by = device(name, entry.serial);
    (entry, by)
}

fn admin() -> Role {
    "admin".parse().unwrap()
}

fn source() -> Source {
    Source::of([192, 0, 2, 1].into())
}

fn device(name: &str, certificate: Serial) -> Actor {
    Actor::device(&alias(name), source(), certificate)
}

fn chosen() -> Password {
    Password::chosen(PasswordHash::new("x".into()))
}

/// Tries every kind of order on `victim`, and says what came of each.
async fn every_order(
    store: &dyn Store,
    by: &Actor,
    victim: &LedgerEntry,
    now: OffsetDateTime,
) -> Vec<Result<u64, StoreError>> {
    let (password, role) = (chosen(), member());
    let newcomer = alias("backdoor");
    let name = victim.alias.as_ref().unwrap();
    let reason = RevocationReason::KeyCompromise;
    let added = store.add_user(&newcomer, &role, &password, by, now).await;
    let revoked = store.revoke(&victim.serial, reason, by, now).await;
    let mut done = vec![added.map(|()| 0), revoked.map(Option::unwrap_or_default)];
    for one in every_change(&password, &role) {
        let revoked = store.change_user(name, one, by, now).await;
        done.push(revoked.map(Option::unwrap_or_default));
    }
    done
}

fn denied(done: &[Result<u64, StoreError>], why: Denied) {
    assert_eq!(done.len(), 9);
    for one in done {
        assert!(
            matches!(one, Err(StoreError::Denied(found)) if *found == why),
            "{one:?} instead of {why:?}"
        );
    }
}

async fn everything(store: &dyn Store) -> (Vec<auth_server::store::User>, Start, u64) {
    (
        store.users().await.unwrap(),
        store.audit_end().await.unwrap(),
        store.revocations().await.unwrap(),
    )
}

async fn an_order_does_not_outlive_the_right_to_it(store: &dyn Store) {
    add(store, "victim").await.unwrap();
    let victim = issue(store, "victim").await;
    let (revoked, by_revoked) = administrator(store, "revoked").await;
    let (_, by_blocked) = administrator(store, "blocked").await;
    let (_, by_removed) = administrator(store, "removed").await;
    let (_, by_demoted) = administrator(store, "demoted").await;
    let (_, by_pending) = administrator(store, "pending").await;
    let (good, by_good) = administrator(store, "good").await;
    let reason = RevocationReason::KeyCompromise;
    store
        .revoke(&revoked.serial, reason, &console(), noon())
        .await
        .unwrap();
    let reader = "reader".parse().unwrap();
    let once = Password {
        one_time_until: Some(noon() + Duration::days(7)),
        ..chosen()
    };
    for (name, done) in [
        ("blocked", UserChange::Disable),
        ("removed", UserChange::Remove),
        ("demoted", UserChange::Role(&reader)),
        ("pending", UserChange::Password(&once)),
    ] {
        change(store, name, done, noon()).await.unwrap();
    }
    let unsigned = LedgerEntry {
        role: Some(admin()),
        ..entry(Some("good"))
    };
    begin(store, &unsigned).await.unwrap();
    // A member whose certificate says nothing false.
    let members = device("victim", victim.serial);
    let before = everything(store).await;
    for (by, why) in [
        (&by_revoked, Denied::Certificate),
        (&by_blocked, Denied::Certificate),
        (&by_removed, Denied::Certificate),
        (&by_demoted, Denied::Certificate),
        (&by_pending, Denied::PasswordPending),
        (&members, Denied::Role),
        (&device("good", unsigned.serial), Denied::Certificate),
        (&device("good", victim.serial), Denied::Certificate),
        (&device("victim", good.serial), Denied::Certificate),
        (
            &device("good", Serial::random().unwrap()),
            Denied::Certificate,
        ),
        (&Actor::member(&alias("good"), source()), Denied::Role),
        (&Actor::stranger(source()), Denied::Role),
        (&Actor::server(), Denied::Role),
    ] {
        denied(&every_order(store, by, &victim, noon()).await, why);
    }
    let after_its_end = good.not_after + Duration::SECOND;
    let late = every_order(store, &by_good, &victim, after_its_end).await;
    denied(&late, Denied::Certificate);
    assert_eq!(everything(store).await, before);
    // Until its end everything is carried out.
    let done = every_order(store, &by_good, &victim, good.not_after).await;
    assert!(done.iter().all(Result::is_ok), "{done:?}");
}

async fn the_last_administrator_does_not_lock_himself_out_from_afar(store: &dyn Store) {
    let (_, root) = administrator(store, "root").await;
    let name = alias("root");
    let (role, reader) = (admin(), member());
    let reason = RevocationReason::KeyCompromise;
    let ends = [
        UserChange::Role(&reader),
        UserChange::Disable,
        UserChange::Revoke(reason),
        UserChange::Remove,
    ];
    let refused = async |store: &dyn Store| {
        let before = everything(store).await;
        for end in ends {
            let refused = store.change_user(&name, end, &root, noon()).await;
            assert!(
                matches!(refused, Err(StoreError::LastAdministrator)),
                "{end:?}: {refused:?}"
            );
        }
        assert_eq!(everything(store).await, before);
    };
    refused(store).await;
    // Somebody who has never come is nobody yet; nor is somebody who is blocked.
    let once = Password {
        one_time_until: Some(noon() + Duration::days(7)),
        ..chosen()
    };
    let second = alias("second");
    store
        .add_user(&second, &role, &once, &root, noon())
        .await
        .unwrap();
    refused(store).await;
    for done in [UserChange::Password(&chosen()), UserChange::Disable] {
        change(store, "second", done, noon()).await.unwrap();
    }
    refused(store).await;
    change(store, "second", UserChange::Enable, noon())
        .await
        .unwrap();
    // Who is not the last one may go.
    let gone = store.change_user(&name, UserChange::Disable, &root, noon());
    assert_eq!(gone.await.unwrap(), Some(1));
    // On the machine itself everything can be mended, and everything may be done.
    change(store, "second", UserChange::Remove, noon())
        .await
        .unwrap();
}

suite!(
    an_order_does_not_outlive_the_right_to_it,
    the_last_administrator_does_not_lock_himself_out_from_afar,
);
