//! People.

use super::*;

async fn people_come_and_go(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    assert!(matches!(
        add(store, "alice").await,
        Err(StoreError::AliasTaken { .. })
    ));
    let user = store.user(&alias("alice")).await.unwrap().unwrap();
    assert_eq!((user.state, user.created_at), (UserState::Active, noon()));
    assert_eq!(store.user(&alias("bob")).await.unwrap(), None);
    change(store, "alice", UserChange::Remove, noon())
        .await
        .unwrap();
    let gone = store.user(&alias("alice")).await.unwrap().unwrap();
    assert_eq!(
        (gone.state, gone.password.hash.expose()),
        (UserState::Removed, "")
    );
    assert!(store.users().await.unwrap().is_empty());
    assert!(matches!(
        add(store, "alice").await,
        Err(StoreError::AliasRetired { .. })
    ));
    let password = Password::chosen(PasswordHash::new("x".into()));
    let role = member();
    for impossible in every_change(&password, &role) {
        let refused = change(store, "alice", impossible, noon()).await;
        assert!(matches!(refused, Err(StoreError::NoSuchUser { .. })));
    }
}

async fn many_people_are_added_together_or_not_at_all(store: &dyn Store) {
    add(store, "carol").await.unwrap();
    let user = |name: &str| NewUser {
        alias: alias(name),
        role: member(),
        password: Password::chosen(PasswordHash::new("x".into())),
        details: Details {
            display_name: name.to_uppercase(),
            email: String::new(),
        },
    };
    let by = console();
    for taken in [["alice", "carol"], ["alice", "alice"]] {
        let refused = store.add_users(&taken.map(user), &by, noon()).await;
        assert!(matches!(refused, Err(StoreError::AliasTaken { .. })));
        assert_eq!(store.users().await.unwrap().len(), 1);
    }
    assert_eq!(store.audit_page(0, 10).await.unwrap().entries.len(), 1);
    let users = ["alice", "bob"].map(user);
    store.add_users(&users, &by, noon()).await.unwrap();
    let bob = store.user(&alias("bob")).await.unwrap().unwrap();
    assert_eq!(bob.details.display_name, "BOB");
    assert_eq!(store.audit_page(0, 10).await.unwrap().entries.len(), 3);
}

async fn a_hash_is_replaced_only_while_the_password_is_the_same(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let name = alias("alice");
    let old = store.user(&name).await.unwrap().unwrap().password.hash;
    let stronger = PasswordHash::new("stronger".into());
    store.rehash(&name, &old, &stronger).await.unwrap();
    let chosen = Password::chosen(PasswordHash::new("chosen meanwhile".into()));
    change(store, "alice", UserChange::Password(&chosen), noon())
        .await
        .unwrap();
    store.rehash(&name, &stronger, &old).await.unwrap();
    let user = store.user(&name).await.unwrap().unwrap();
    assert_eq!(user.password, chosen);
}

async fn a_password_is_changed_only_while_the_old_one_counts(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let name = alias("alice");
    let old = store.user(&name).await.unwrap().unwrap().password.hash;
    let new = Password::chosen(PasswordHash::new("new".into()));
    let wanted = PasswordChange {
        alias: &name,
        old: &old,
        new: &new,
    };
    let login = success(&name, "alias alice source x");
    let by = console();
    store
        .change_password(&wanted, &login, &by, noon())
        .await
        .unwrap();
    let user = store.user(&name).await.unwrap().unwrap();
    assert_eq!((user.password, user.last_login_at), (new.clone(), None));
    assert_eq!(
        store.last_success(&login.remembers).await.unwrap(),
        Some(noon())
    );
    let entries = store.audit_page(0, 10).await.unwrap().entries.len();
    let again = store.change_password(&wanted, &login, &by, noon()).await;
    assert!(matches!(again, Err(StoreError::PasswordReplaced)));
    change(store, "alice", UserChange::Disable, noon())
        .await
        .unwrap();
    let wanted = PasswordChange {
        old: &new.hash,
        ..wanted
    };
    let blocked = store.change_password(&wanted, &login, &by, noon()).await;
    assert!(matches!(blocked, Err(StoreError::PasswordReplaced)));
    // Disabling alone left a trace.
    assert_eq!(
        store.audit_page(0, 10).await.unwrap().entries.len(),
        entries + 1
    );
}

async fn roles_are_those_that_somebody_has(store: &dyn Store) {
    assert_eq!(store.roles().await.unwrap(), []);
    for name in ["alice", "bob", "carol"] {
        add(store, name).await.unwrap();
    }
    let auditor: Role = "auditor".parse().unwrap();
    change(store, "bob", UserChange::Role(&auditor), noon())
        .await
        .unwrap();
    assert_eq!(store.roles().await.unwrap(), [auditor, member()]);
    change(store, "bob", UserChange::Remove, noon())
        .await
        .unwrap();
    assert_eq!(store.roles().await.unwrap(), [member()]);
}

async fn what_makes_no_difference_changes_nothing(store: &dyn Store) {
    let (same, other): (Role, Role) = (member(), "reader".parse().unwrap());
    let reason = RevocationReason::KeyCompromise;
    for name in ["alice", "bob"] {
        add(store, name).await.unwrap();
        issue(store, name).await;
    }
    let by = console();
    for (name, order, expected) in [
        ("alice", UserChange::Role(&same), None),
        ("alice", UserChange::Revoke(reason), Some(1)),
        ("alice", UserChange::Revoke(reason), None),
        ("bob", UserChange::Role(&other), Some(1)),
        // What was revoked for another role alone could be renewed: that ends.
        ("bob", UserChange::Disable, Some(0)),
        ("bob", UserChange::Revoke(reason), None),
    ] {
        let done = store.change_user(&alias(name), order, &by, noon()).await;
        assert_eq!(done.unwrap(), expected, "{name} {order:?}");
    }
}

suite!(
    what_makes_no_difference_changes_nothing,
    roles_are_those_that_somebody_has,
    people_come_and_go,
    many_people_are_added_together_or_not_at_all,
    a_hash_is_replaced_only_while_the_password_is_the_same,
    a_password_is_changed_only_while_the_old_one_counts,
);
