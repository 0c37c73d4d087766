//! The command line: exit codes, and messages that say what to do next.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use common::identity::Fingerprint;
use support::*;

#[test]
fn started_bare_without_a_terminal_it_says_what_to_do() {
    let org = Org::new();
    failed(
        &org.command(&[]),
        2,
        "use auth-server init and auth-server run",
    );
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    let org = Org::new();
    for args in [
        &["frobnicate"][..],
        &["user", "add", "Not An Alias"],
        &["user", "add"],
        &["run", "--add-users", "--no-prompt"],
        &["run", "--log-format", "xml"],
        &["run", "--add-users"],
        &["user", "add", "alice"],
    ] {
        assert_eq!(org.command(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn init_needs_a_name_a_lifetime_and_hosts_that_are_some() {
    for (args, text) in [
        (&["init"][..], "give --org NAME"),
        (&["init", "--org", "42"], "begin with a letter"),
        (
            &["init", "--org", "Acme", "--cert-lifetime", "11d"],
            "at most 10 days",
        ),
        (
            &["init", "--org", "Acme", "--host", "a b"],
            "not a host name",
        ),
    ] {
        let org = Org::new();
        std::fs::remove_dir_all(org.home()).unwrap();
        failed(&org.command(args), 2, text);
        assert!(!org.home().exists(), "{args:?}");
    }
}

#[test]
fn init_prints_the_fingerprint_and_the_line_to_paste() {
    let org = Org::new();
    std::fs::remove_dir_all(org.home()).unwrap();
    let args = [
        "init",
        "--org",
        "Acme",
        "--key-type",
        "p256",
        "--host",
        "auth.example",
    ];
    let made = org.command(&args);
    let fingerprint = Fingerprint::of(&org.root());
    let line = format!("peer trust https://auth.example:12565 --fingerprint {fingerprint}\n");
    assert!(
        String::from_utf8_lossy(&made.stdout).ends_with(&line),
        "{}",
        said(&made)
    );
    let shown = org.command(&["root", "show"]);
    assert_eq!(shown.stdout, made.stdout);
    let alone = org.command(&["root", "fingerprint"]);
    assert_eq!(
        String::from_utf8_lossy(&alone.stdout),
        format!("{fingerprint}\n")
    );
}

#[test]
fn weak_passwords_and_passphrases_are_refused_with_the_reason() {
    let org = Org::new();
    for (password, text) in [
        ("short", "it has 5 characters, at least 15 are needed"),
        ("correct horse battery staple", "guessed first"),
        ("acme corp alice 1", "too close to the alias"),
        ("", "standard input is empty"),
    ] {
        let output = org.with_input(&["user", "add", "alice", "--password-file", "-"], password);
        assert!(!output.status.success());
        assert!(said(&output).contains(text), "{}", said(&output));
    }
    assert!(said(&org.command(&["user", "list"])).contains("no users yet"));
    std::fs::remove_dir_all(org.home()).unwrap();
    std::fs::write(org.passphrase_file(), "secret").unwrap();
    failed(
        &org.command(&["init", "--org", "Acme"]),
        1,
        "the passphrase is not accepted",
    );
}

#[test]
fn users_are_added_listed_and_not_added_twice() {
    let org = Org::with_user("alice");
    let admin = [
        "user",
        "add",
        "bob",
        "--role",
        "admin",
        "--password-file",
        "-",
    ];
    succeeded(&org.with_input(&admin, PASSWORD));
    succeeded(&org.command(&["user", "disable", "alice"]));
    let list = String::from_utf8(org.command(&["user", "list"]).stdout).unwrap();
    let words = |n: usize| -> Vec<String> {
        let line = list.lines().nth(n).unwrap();
        line.split_whitespace().take(3).map(str::to_owned).collect()
    };
    assert_eq!(words(1), ["alice", "member", "disabled"]);
    assert_eq!(words(2), ["bob", "admin", "active"]);
    let again = org.with_input(&["user", "add", "alice", "--password-file", "-"], PASSWORD);
    failed(&again, 1, "alice exists already");
}

#[test]
fn a_user_who_does_not_exist_is_said_so() {
    let org = Org::new();
    for command in ["disable", "enable", "rm", "passwd"] {
        let output = org.command(&["user", command, "nobody"]);
        failed(&output, 1, "there is no user nobody; see who there is with");
    }
}

#[test]
fn without_a_passphrase_file_or_a_terminal_the_server_does_not_start() {
    let org = Org::new();
    for args in [
        &["run", "--listen", "127.0.0.1:0"][..],
        &["run", "--listen", "127.0.0.1:0", "--no-prompt"],
    ] {
        let mut command = org.program(args);
        let output = command
            .env_remove("ORGSHARE_AUTH_PASSPHRASE_FILE")
            .output()
            .unwrap();
        failed(&output, 2, "give --passphrase-file");
    }
}
