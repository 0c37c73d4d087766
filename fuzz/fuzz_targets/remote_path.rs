//! Any text as a remote path: what is accepted stays in its directory and is harmless to show.

#![no_main]

use std::path::{Component, Path};

use common::name::{Escaped, RemotePath};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(path) = text.parse::<RemotePath>() {
        let mut parts = Path::new(path.as_str()).components();
        assert!(parts.all(|part| matches!(part, Component::Normal(_))));
        assert_eq!(Escaped(text).to_string(), text);
    }
    assert!(!Escaped(text).to_string().contains(char::is_control));
});
