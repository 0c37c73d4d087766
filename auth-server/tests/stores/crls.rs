//! Revocation lists: their numbers, and the last one.

use super::*;

async fn crl_numbers_only_rise(store: &dyn Store) {
    for expected in 1..=5 {
        assert_eq!(store.next_crl_number().await.unwrap(), expected);
    }
}

async fn the_last_crl_is_kept_and_never_replaced_by_an_older_one(store: &dyn Store) {
    assert_eq!(store.last_crl().await.unwrap(), None);
    store.keep_crl(2, b"two").await.unwrap();
    store.keep_crl(1, b"one").await.unwrap();
    let kept = store.last_crl().await.unwrap().unwrap();
    assert_eq!((kept.number, kept.der.as_slice()), (2, b"two".as_slice()));
    store.keep_crl(3, b"three").await.unwrap();
    assert_eq!(store.last_crl().await.unwrap().unwrap().number, 3);
}

suite!(
    crl_numbers_only_rise,
    the_last_crl_is_kept_and_never_replaced_by_an_older_one,
);
