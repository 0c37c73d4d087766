//! Guessers and honest people behind one address, on a clock that the tests set.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use auth_server::audit::Actor;
use auth_server::store::sqlite::SqliteStore;
use auth_server::store::{AttemptStore, Password, PasswordHash, UserStore};
use auth_server::throttle::{Attempt, Checks, Source, UnderCheck, prune};
use common::identity::Fingerprint;
use root_ca::Serial;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

fn noon() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::days(20_000)
}

fn root() -> Fingerprint {
    Fingerprint::of(&b"root".as_slice().into())
}

async fn store() -> (TempDir, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    std::fs::write(&path, b"").unwrap();
    let store = SqliteStore::create(&path, &root()).await.unwrap();
    (dir, store)
}

fn attempt(alias: &str) -> Attempt {
    let source = Source::of("192.0.2.1".parse().unwrap());
    Attempt::new(Some(&alias.parse().unwrap()), source)
}

async fn succeed(store: &SqliteStore, alias: &str, now: OffsetDateTime) {
    let success = attempt(alias);
    let alias = alias.parse().unwrap();
    success.succeeded(store, &alias, now).await.unwrap();
}

async fn is_held_up(store: &SqliteStore, alias: &str, now: OffsetDateTime) -> bool {
    attempt(alias)
        .must_wait(store, now)
        .await
        .unwrap()
        .is_some()
}

/// Another device each time.
fn line() -> Serial {
    Serial::random().unwrap()
}

async fn fails(store: &SqliteStore, attempt: &Attempt, now: OffsetDateTime) {
    attempt.failed(store, "wrong password", now).await.unwrap();
}

async fn strangers_fail(store: &SqliteStore, now: OffsetDateTime) {
    for n in 0..40 {
        attempt(&format!("ghost{n}"))
            .failed(store, "wrong password", now)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_source_is_held_up_for_every_alias_alike_and_for_no_device() {
    let (dir, store) = store().await;
    succeed(&store, "alice", noon()).await;
    strangers_fail(&store, noon()).await;
    prune(&store, noon()).await.unwrap();
    drop(store);
    let path = dir.path().join("store.sqlite");
    let store = SqliteStore::open(&path, &root()).await.unwrap();
    // Whether somebody ever logged in from here, or is anybody at all, makes no difference.
    for alias in ["alice", "bob", "ghost0"] {
        assert_eq!(waits(&store, &attempt(alias), noon()).await, Some(60));
    }
    let (alice, bob) = ("alice".parse().unwrap(), "bob".parse().unwrap());
    let own = attempt("alice").by_device_of(&alice, line());
    assert_eq!(waits(&store, &own, noon()).await, None);
    let another_s = attempt("alice").by_device_of(&bob, line());
    assert_eq!(waits(&store, &another_s, noon()).await, Some(60));
    let over = noon() + Duration::minutes(1);
    assert!(!is_held_up(&store, "alice", over).await);
}

#[tokio::test]
async fn who_logged_in_from_there_is_still_held_up_by_guesses_at_his_own_password() {
    let (_dir, store) = store().await;
    succeed(&store, "alice", noon()).await;
    for _ in 0..5 {
        assert!(!is_held_up(&store, "alice", noon()).await);
        attempt("alice")
            .failed(&store, "wrong password", noon())
            .await
            .unwrap();
    }
    assert!(is_held_up(&store, "alice", noon()).await);
}

#[tokio::test]
async fn logging_in_between_guesses_at_colleagues_does_not_help() {
    let (_dir, store) = store().await;
    let mut guesses = 0;
    for n in 0..100 {
        if n % 20 == 0 {
            succeed(&store, "mallory", noon()).await;
        }
        let colleague = format!("colleague{n}");
        if !is_held_up(&store, &colleague, noon()).await {
            attempt(&colleague)
                .failed(&store, "wrong password", noon())
                .await
                .unwrap();
            guesses += 1;
        }
    }
    assert_eq!(guesses, 30);
}

#[tokio::test]
async fn own_successes_do_not_clear_the_count_of_one_colleague() {
    let (_dir, store) = store().await;
    succeed(&store, "bob", noon()).await;
    for _ in 0..5 {
        attempt("bob")
            .failed(&store, "wrong password", noon())
            .await
            .unwrap();
        succeed(&store, "mallory", noon()).await;
    }
    assert!(is_held_up(&store, "bob", noon()).await);
    assert!(!is_held_up(&store, "mallory", noon()).await);
}

/// An attempt from the n-th of many places.
fn from_afar(alias: &str, n: u16) -> Attempt {
    let source = std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, n, 0, 0, 0, 1);
    Attempt::new(Some(&alias.parse().unwrap()), Source::of(source.into()))
}

async fn waits(store: &SqliteStore, attempt: &Attempt, now: OffsetDateTime) -> Option<u64> {
    let wait = attempt.must_wait(store, now).await.unwrap();
    wait.map(|wait| wait.as_secs())
}

async fn a_hundred_places_fail(store: &SqliteStore, alias: &str) {
    for n in 0..100 {
        let guess = from_afar(alias, n);
        assert_eq!(waits(store, &guess, noon()).await, None, "guess {n}");
        guess.failed(store, "wrong password", noon()).await.unwrap();
    }
}

/// What is said to an attempt that is not let past the bar; nothing when it may get in.
async fn barred(store: &SqliteStore, attempt: &Attempt, now: OffsetDateTime) -> Option<u64> {
    let bar = attempt.bar(store, now).await.unwrap();
    bar.filter(|bar| !bar.at_home).map(|bar| bar.wait.as_secs())
}

#[tokio::test]
async fn after_a_hundred_failures_only_who_is_at_home_may_try_an_alias() {
    let (_dir, store) = store().await;
    let name = "alice".parse().unwrap();
    succeed(&store, "alice", noon()).await;
    a_hundred_places_fail(&store, "alice").await;
    let stranger = from_afar("alice", 1000);
    assert_eq!(barred(&store, &stranger, noon()).await, Some(900));
    // Waiting does not help, and the hourly tidying up neither.
    let later = noon() + Duration::days(29);
    prune(&store, later).await.unwrap();
    assert_eq!(barred(&store, &stranger, later).await, Some(900));
    assert_eq!(barred(&store, &attempt("alice"), later).await, None);
    let device = from_afar("alice", 1000).by_device_of(&name, line());
    assert_eq!(device.bar(&store, later).await.unwrap(), None);
    let foreign = from_afar("alice", 1000).by_device_of(&"bob".parse().unwrap(), line());
    assert_eq!(barred(&store, &foreign, later).await, Some(900));
    // Her own logins let no stranger in again; the administrator does.
    succeed(&store, "alice", later).await;
    device.succeeded(&store, &name, later).await.unwrap();
    let other = from_afar("alice", 1001);
    assert_eq!(barred(&store, &other, later).await, Some(900));
    // Where her device was, she is at home now.
    assert_eq!(barred(&store, &stranger, later).await, None);
    assert_eq!(barred(&store, &from_afar("bob", 1001), later).await, None);
    // After 30 days without a login she is at home nowhere.
    let over = later + Duration::days(30) + Duration::SECOND;
    assert_eq!(barred(&store, &attempt("alice"), over).await, Some(900));
}

#[tokio::test]
async fn a_failure_counts_the_same_at_home_and_elsewhere() {
    let (_dir, store) = store().await;
    succeed(&store, "alice", noon()).await;
    for name in ["alice", "bob", "nobody"] {
        for n in 0..99 {
            let guess = from_afar(name, n);
            guess
                .failed(&store, "wrong password", noon())
                .await
                .unwrap();
        }
        // The hundredth one, from the place where alice is at home.
        let guess = attempt(name);
        guess
            .failed(&store, "wrong password", noon())
            .await
            .unwrap();
        let stranger = from_afar(name, 1000);
        assert_eq!(barred(&store, &stranger, noon()).await, Some(900), "{name}");
        for n in 0..5 {
            let wait = waits(&store, &guess, noon()).await;
            assert_eq!(wait, (n == 4).then_some(4), "{name}");
            guess
                .failed(&store, "wrong password", noon())
                .await
                .unwrap();
        }
    }
}

async fn counted(store: &SqliteStore, subject: &str) -> u32 {
    let found = store.attempts(&[subject.to_owned()]).await.unwrap();
    found[0].map_or(0, |attempts| attempts.failures)
}

#[tokio::test]
async fn what_a_person_gets_wrong_bars_no_strangers_once_the_password_was_right() {
    let (_dir, store) = store().await;
    for n in 0..60 {
        fails(&store, &from_afar("alice", n), noon()).await;
    }
    for _ in 0..3 {
        for _ in 0..10 {
            fails(&store, &attempt("alice"), noon()).await;
        }
        assert_eq!(counted(&store, "strangers alice").await, 70);
        succeed(&store, "alice", noon()).await;
        assert_eq!(counted(&store, "strangers alice").await, 60);
    }
}

#[tokio::test]
async fn an_alias_that_nobody_has_is_counted_like_any_other() {
    let (_dir, store) = store().await;
    let password = Password::chosen(PasswordHash::new("x".into()));
    let (alias, role) = ("alice".parse().unwrap(), "member".parse().unwrap());
    let by = Actor::console();
    store
        .add_user(&alias, &role, &password, &by, noon())
        .await
        .unwrap();
    for name in ["alice", "nobody"] {
        a_hundred_places_fail(&store, name).await;
    }
    for days in [0, 1, 30, 364, 365, 366, 1000] {
        let now = noon() + Duration::days(days);
        prune(&store, now).await.unwrap();
        let [alice, nobody] = ["alice", "nobody"].map(|name| from_afar(name, 1000));
        let bar = alice.bar(&store, now).await.unwrap();
        assert_eq!(bar, nobody.bar(&store, now).await.unwrap());
        assert_eq!(bar.is_some(), days <= 365, "after {days} days");
    }
    let user = store.user(&alias).await.unwrap().unwrap();
    assert_eq!(user.failed_logins, 100);
}

#[tokio::test]
async fn guesses_with_a_stolen_device_are_slowed_down_wherever_it_is_and_stop_only_itself() {
    let (_dir, store) = store().await;
    let name = "alice".parse().unwrap();
    let (stolen, own) = (line(), line());
    for n in 0..5 {
        let guess = from_afar("alice", n).by_device_of(&name, stolen);
        assert_eq!(waits(&store, &guess, noon()).await, None);
        fails(&store, &guess, noon()).await;
    }
    let guess = from_afar("alice", 9).by_device_of(&name, stolen);
    assert_eq!(waits(&store, &guess, noon()).await, Some(4));
    // Her own devices are not, at the same place neither, nor she without one.
    let hers = from_afar("alice", 4).by_device_of(&name, own);
    assert_eq!(waits(&store, &hers, noon()).await, None);
    assert!(!is_held_up(&store, "alice", noon()).await);
}

/// How many guesses get through in so many days to who tries again as soon as it is allowed.
async fn guesses(store: &SqliteStore, guess: &Attempt, days: i64) -> u32 {
    let (mut now, mut count) = (noon(), 0);
    while now < noon() + Duration::days(days) {
        let wait = waits(store, guess, now).await;
        match wait {
            Some(wait) => now += Duration::seconds(i64::try_from(wait).unwrap()),
            None => {
                fails(store, guess, now).await;
                count += 1;
            }
        }
        if count % 50 == 0 {
            prune(store, now).await.unwrap();
        }
    }
    count
}

#[tokio::test]
async fn a_stolen_device_guesses_a_hundred_times_a_day_and_no_more() {
    let (_dir, store) = store().await;
    let name = "alice".parse().unwrap();
    let stolen = from_afar("alice", 1).by_device_of(&name, line());
    let count = guesses(&store, &stolen, 3).await;
    assert!((280..=300).contains(&count), "{count}");
}

#[tokio::test]
async fn who_has_begun_hundreds_of_devices_fails_no_more_often_than_a_member_does_anything() {
    let (_dir, store) = store().await;
    let name = "alice".parse().unwrap();
    let fleet: Vec<Serial> = (0..200).map(|_| line()).collect();
    let mut count = 0;
    for second in 0..3600 {
        let now = noon() + Duration::seconds(second);
        let device = fleet[usize::try_from(second).unwrap() % fleet.len()];
        let guess = attempt("alice").by_device_of(&name, device);
        if waits(&store, &guess, now).await.is_none() {
            fails(&store, &guess, now).await;
            count += 1;
        }
    }
    assert!((200..=242).contains(&count), "{count}");
    // Then her own waits for half a minute, and not for a quarter of an hour.
    let hers = attempt("alice").by_device_of(&name, line());
    let wait = waits(&store, &hers, noon() + Duration::hours(1)).await;
    assert!(wait.is_none_or(|wait| wait <= 30), "{wait:?}");
}

#[tokio::test]
async fn a_handful_of_stolen_devices_hold_up_no_other() {
    let (_dir, store) = store().await;
    let name = "alice".parse().unwrap();
    let stolen: Vec<Serial> = (0..5).map(|_| line()).collect();
    let own = line();
    for minute in 0..24 * 60 {
        let now = noon() + Duration::minutes(minute);
        for device in &stolen {
            let guess = attempt("alice").by_device_of(&name, *device);
            if waits(&store, &guess, now).await.is_none() {
                fails(&store, &guess, now).await;
            }
        }
        let hers = attempt("alice").by_device_of(&name, own);
        assert_eq!(waits(&store, &hers, now).await, None, "minute {minute}");
    }
}

#[tokio::test]
async fn no_rhythm_of_guesses_gets_more_through_than_trying_at_once() {
    for pause in [1, 60, 299, 301, 600, 899, 900, 1800] {
        let (_dir, store) = store().await;
        let guess = from_afar("alice", 1);
        let mut count = 0;
        for n in 0..86_400 / pause {
            let now = noon() + Duration::seconds(n * pause);
            if waits(&store, &guess, now).await.is_none() {
                fails(&store, &guess, now).await;
                count += 1;
            }
            // A day of seconds takes too long, and an hour shows it.
            if n > 3600 {
                break;
            }
        }
        assert!(count <= 110, "{count} guesses with a pause of {pause} s");
    }
}

#[tokio::test]
async fn a_login_is_not_noticed_by_who_guesses_at_the_same_place() {
    let mut seen = Vec::new();
    for somebody_logs_in in [false, true] {
        let (_dir, store) = store().await;
        succeed(&store, "alice", noon()).await;
        let mut waited = Vec::new();
        let mut now = noon();
        for n in 0..30 {
            let wait = waits(&store, &attempt("alice"), now).await;
            waited.push(wait);
            now += Duration::seconds(wait.map_or(1, |wait| i64::try_from(wait).unwrap()));
            fails(&store, &attempt("alice"), now).await;
            if somebody_logs_in && n % 7 == 3 {
                succeed(&store, "alice", now).await;
            }
        }
        seen.push(waited);
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_login_is_not_noticed_by_who_has_barred_the_strangers() {
    let mut seen = Vec::new();
    for somebody_logs_in in [false, true] {
        let (_dir, store) = store().await;
        succeed(&store, "alice", noon()).await;
        a_hundred_places_fail(&store, "alice").await;
        for _ in 0..3 {
            fails(&store, &attempt("alice"), noon()).await;
        }
        if somebody_logs_in {
            succeed(&store, "alice", noon()).await;
        }
        let stranger = from_afar("alice", 1000);
        seen.push(barred(&store, &stranger, noon()).await);
    }
    assert_eq!(seen, [Some(900), Some(900)]);
}

#[tokio::test]
async fn mistakes_of_a_day_do_not_add_up() {
    let (_dir, store) = store().await;
    // Three wrong ones and a right one each morning.
    for day in 0..10 {
        let morning = noon() + Duration::hours(23 * day);
        for n in 0..3 {
            let now = morning + Duration::seconds(5 * n);
            assert_eq!(waits(&store, &attempt("alice"), now).await, None, "{day}");
            fails(&store, &attempt("alice"), now).await;
        }
        succeed(&store, "alice", morning + Duration::minutes(1)).await;
    }
}

#[tokio::test]
async fn a_busy_address_is_not_slow_for_honest_mistakes() {
    let (_dir, store) = store().await;
    // An office in which somebody mistypes every two minutes, all day.
    for n in 0..300 {
        let now = noon() + Duration::minutes(2 * n);
        let somebody = attempt(&format!("person{n}"));
        assert_eq!(waits(&store, &somebody, now).await, None, "mistake {n}");
        fails(&store, &somebody, now).await;
    }
    // Who fails there on purpose is as slow as ever.
    let (_dir, store) = crate::store().await;
    let mut count = 0;
    for second in 0..3600 {
        let now = noon() + Duration::seconds(second);
        let guess = attempt(&format!("ghost{second}"));
        if waits(&store, &guess, now).await.is_none() {
            fails(&store, &guess, now).await;
            count += 1;
        }
    }
    assert!((90..=97).contains(&count), "{count}");
}

/// Those of sixteen guesses at once that are let in.
async fn at_once(store: &SqliteStore, checks: &Checks, now: OffsetDateTime) -> Vec<UnderCheck> {
    let mut begun = Vec::new();
    for _ in 0..16 {
        begun.extend(attempt("alice").begin(store, checks, now).await.unwrap());
    }
    begun
}

#[tokio::test]
async fn who_asks_many_times_at_once_gets_no_more_guesses() {
    let (_dir, store) = store().await;
    let (checks, now) = (Checks::default(), noon());
    // As many as are free.
    let begun = at_once(&store, &checks, now).await;
    assert_eq!(begun.len(), 5);
    for _ in &begun {
        fails(&store, &attempt("alice"), now).await;
    }
    drop(begun);
    assert!(at_once(&store, &checks, now).await.is_empty());
    // And one whenever a delay is over.
    let mut later = now;
    for _ in 0..4 {
        later += Duration::minutes(14);
        let begun = at_once(&store, &checks, later).await;
        assert_eq!(begun.len(), 1);
        fails(&store, &attempt("alice"), later).await;
        drop(begun);
    }
}
