//! The command line: exit codes, and messages that say what to do next.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::Command;

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
        let org = Org::unmade();
        failed(&org.command(args), 2, text);
        assert!(!org.home().exists(), "{args:?}");
    }
}

#[test]
fn init_prints_the_fingerprint_and_the_line_to_paste() {
    let org = Org::unmade();
    let args = [&INIT[..], &["--host", "auth.example"]].concat();
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
    write_secret(&org.passphrase_file(), "secret");
    failed(
        &org.command(&["init", "--org", "Acme"]),
        1,
        "the passphrase is not accepted",
    );
}

#[test]
fn an_address_to_listen_on_before_a_command_is_refused_with_where_to_write_it() {
    let org = Org::new();
    for command in [&["run"][..], &["user", "list"], &["doctor"]] {
        let args = [&["--listen", "127.0.0.1:0"], command].concat();
        let text = "write it behind the command: auth-server run --listen ADDR:PORT";
        failed(&org.command(&args), 2, text);
    }
    // In the environment it is for whoever heeds it.
    let mut program = org.program(&["user", "list"]);
    let output = program.env("ORGSHARE_AUTH_LISTEN", "127.0.0.1:0").output();
    succeeded(&output.unwrap());
}

#[test]
fn shells_load_the_completions() {
    let dir = tempfile::tempdir().unwrap();
    // No authority, no home, and a setting for another command.
    let script = |shell: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_auth-server"))
            .args(["completions", shell])
            .env_clear()
            .env("HOME", dir.path())
            .env("ORGSHARE_AUTH_SERVER", "https://auth.example")
            .output()
            .unwrap();
        succeeded(&output);
        let path = dir.path().join(shell);
        std::fs::write(&path, &output.stdout).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let path = script("bash");
    let bash = |command: &str| {
        let output = Command::new("bash")
            .args(["--norc", "--noprofile", "-c", command])
            .output()
            .unwrap();
        succeeded(&output);
        said(&output)
    };
    assert_eq!(bash(&format!("bash -n {path}")), "");
    let loaded = bash(&format!("source {path} && complete -p auth-server"));
    let (_, function) = loaded.trim().split_once("-F ").unwrap();
    let function = function.split(' ').next().unwrap();
    let offered = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [.., before, last] = words[..] else {
            panic!("{line}");
        };
        bash(&format!(
            "source {path}; COMP_WORDS=({line}); COMP_CWORD={}; \
             {function} auth-server {last} {before}; echo ${{COMPREPLY[@]}}",
            words.len() - 1
        ))
    };
    assert_eq!(offered("auth-server us"), "user\n");
    assert_eq!(offered("auth-server user r"), "role revoke rm\n");
    assert_eq!(offered("auth-server user rm --y"), "--yes\n");
    assert_eq!(offered("auth-server cert list --lim"), "--limit\n");
    for (shell, mark) in [
        ("zsh", "#compdef auth-server"),
        ("fish", "complete -c auth-server"),
    ] {
        let text = std::fs::read_to_string(script(shell)).unwrap();
        assert!(text.contains(mark), "{shell}");
    }
    let unknown = Command::new(env!("CARGO_BIN_EXE_auth-server"))
        .args(["completions", "tcsh"])
        .output();
    failed(&unknown.unwrap(), 2, "[possible values: bash, zsh, fish]");
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

#[test]
fn an_organisation_without_a_name_is_refused_before_its_passphrase_is_looked_at() {
    let org = Org::unmade();
    std::fs::remove_file(org.passphrase_file()).unwrap();
    for name in ["", "   ", "\u{7}", "42"] {
        let refused = org.command(&["init", "--org", name]);
        failed(&refused, 2, "choose another name with --org");
    }
    assert!(!org.home().exists());
}

#[test]
fn switches_are_set_in_the_environment_by_words_and_numbers() {
    let org = Org::new();
    for (value, set) in [
        ("1", true),
        ("true", true),
        ("yes", true),
        ("0", false),
        ("false", false),
        ("", false),
    ] {
        // With --add-users it contradicts; without, only the terminal is missing.
        let output = org
            .program(&["run", "--listen", "127.0.0.1:0", "--add-users"])
            .env("ORGSHARE_AUTH_NO_PROMPT", value)
            .output()
            .unwrap();
        let contradiction = said(&output).contains("--no-prompt forbids it");
        assert_eq!(contradiction, set, "{value:?}: {}", said(&output));
    }
}

#[test]
fn results_that_cannot_be_written_are_an_error_and_a_reader_that_is_gone_is_none() {
    use std::fs::OpenOptions;
    use std::process::Stdio;
    let org = Org::with_user("alice");
    // An empty list says so.
    let _server = org.start();
    for args in [
        &["user", "list"][..],
        &["user", "list", "--json"],
        &["user", "show", "alice"],
        &["root", "export"],
        &["cert", "list"],
        &["--help"],
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let child = org
            .program(args)
            .stdout(full)
            .stderr(Stdio::piped())
            .spawn();
        let output = child.unwrap().wait_with_output().unwrap();
        failed(&output, 10, "standard output: no storage space");
        let (reader, gone) = std::io::pipe().unwrap();
        drop(reader);
        let child = org
            .program(args)
            .stdout(gone)
            .stderr(Stdio::piped())
            .spawn();
        let output = child.unwrap().wait_with_output().unwrap();
        assert_eq!(
            (output.status.code(), said(&output)),
            (Some(0), String::new()),
            "{args:?}"
        );
    }
}
