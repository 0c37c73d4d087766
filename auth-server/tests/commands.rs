//! The command line: exit codes, and messages that say what to do next.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::Command;

use common::identity::Fingerprint;
use support::desk::Desk;
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
    for args in [
        &["user", "disable", "nobody"][..],
        &["user", "enable", "nobody"],
        &["user", "unlock", "nobody"],
        &["user", "rm", "nobody", "--yes"],
        &["user", "passwd", "nobody"],
        &["cert", "list", "--alias", "nobody"],
        &["cert", "list", "--alias", "nobody", "--json"],
    ] {
        let output = org.command(args);
        failed(&output, 1, "there is no user nobody; see who there is with");
    }
}

#[test]
fn somebody_without_certificates_is_an_empty_list() {
    let org = Org::with_user("alice");
    let list = org.command(&["cert", "list", "--alias", "alice"]);
    succeeded(&list);
    let lines = |stream: &[u8]| String::from_utf8_lossy(stream).lines().count();
    assert_eq!((lines(&list.stdout), lines(&list.stderr)), (1, 1));
    assert!(said(&list).contains("There are no such certificates; "));
}

#[test]
fn a_new_password_of_somebody_who_is_disabled_comes_with_a_warning() {
    let org = Org::with_user("alice");
    let one_time = || org.command(&["user", "passwd", "alice", "--one-time"]);
    assert!(!said(&one_time()).contains("is disabled"));
    succeeded(&org.command(&["user", "disable", "alice"]));
    let warned = one_time();
    succeeded(&warned);
    assert!(said(&warned).contains("auth-server: warning: alice is disabled"));
    assert_eq!(String::from_utf8(warned.stdout).unwrap().lines().count(), 1);
}

#[test]
fn a_list_that_is_cut_off_says_so() {
    let Desk { server, root, org } = Desk::new();
    let device = root.folder(&org.root());
    let url = server.url();
    let far = [
        "--server",
        &url,
        "--device",
        device.path().to_str().unwrap(),
    ];
    for place in [&[][..], &far] {
        let list = |limit: &str| {
            let args = [&["cert", "list", "--json", "--limit", limit], place].concat();
            let output = org.command(&args);
            succeeded(&output);
            let lines = String::from_utf8(output.stdout).unwrap().lines().count();
            (lines, String::from_utf8(output.stderr).unwrap())
        };
        let (lines, told) = list("1");
        assert_eq!(lines, 1);
        assert!(told.starts_with("There are more than these 1, the newest: a larger --limit"));
        assert_eq!(list("2"), (2, String::new()));
        assert_eq!(list("10000"), (2, String::new()));
    }
}

#[test]
fn what_was_done_before_is_said_to_be_and_leaves_no_entry() {
    let org = Org::with_user("alice");
    let told = |command: &str| {
        let output = org.command(&["user", command, "alice"]);
        succeeded(&output);
        said(&output)
    };
    let entries = org.audit();
    for (command, expected) in [
        (
            "enable",
            "alice was enabled already; nothing was changed.\n",
        ),
        (
            "unlock",
            "alice has no failed logins; nothing was changed.\n",
        ),
    ] {
        assert_eq!(told(command), expected);
    }
    assert_eq!(org.audit(), entries);
    assert_eq!(
        told("disable"),
        "Disabled alice and revoked 0 certificates.\n"
    );
    let entries = org.audit();
    assert_eq!(
        told("disable"),
        "alice was disabled already; nothing was changed.\n"
    );
    assert_eq!(org.audit(), entries);
    assert_eq!(told("enable"), "Enabled alice; a new login is needed.\n");
}

#[test]
fn the_same_role_again_revokes_nothing() {
    let desk = Desk::new();
    let org = &desk.org;
    org.add("alice", PASSWORD);
    let alice = desk.server.member("alice", PASSWORD);
    let entries = org.audit();
    let again = org.command(&["user", "role", "alice", "member"]);
    succeeded(&again);
    assert_eq!(
        said(&again),
        "alice is member already; nothing was changed.\n"
    );
    let body = r#"{"role": "member"}"#;
    let root = Some(&desk.root);
    let far = desk
        .server
        .ask(root, "PUT", "/admin/users/alice/role", Some(body));
    let far = far.unwrap();
    assert_eq!(far.status, 200);
    assert_eq!(String::from_utf8(far.body).unwrap(), r#"{"revoked":null}"#);
    assert_eq!(org.audit(), entries);
    assert!(said(&org.command(&["cert", "list"])).contains(&alice.serial()));
}

#[test]
fn a_revocation_says_whose_reason_stays() {
    let org = Org::with_user("alice");
    let server = org.start();
    server.member("alice", PASSWORD);
    succeeded(&org.command(&["user", "disable", "alice"]));
    let entries = org.audit();
    let revoke = |reason| {
        let output = org.command(&["user", "revoke", "alice", "--reason", reason]);
        succeeded(&output);
        said(&output)
    };
    assert_eq!(
        revoke("keyCompromise"),
        "alice was disabled already, and nothing was left to be revoked; nothing was changed.\n\
         1 certificate of alice was revoked already (privilegeWithdrawn); that reason stays.\n"
    );
    assert_eq!(org.audit(), entries);
    succeeded(&org.command(&["user", "enable", "alice"]));
    server.member("alice", PASSWORD);
    let entries = org.audit().len();
    assert_eq!(
        revoke("keyCompromise"),
        "Revoked 1 certificate of alice (keyCompromise), who cannot log in until: auth-server user enable \
         alice\n1 certificate of alice was revoked already (privilegeWithdrawn); that reason stays.\n"
    );
    assert_eq!(org.audit().len(), entries + 1);
}

#[test]
fn failed_logins_anywhere_are_something_to_unlock() {
    let org = Org::with_user("alice");
    let server = org.start();
    assert_eq!(
        server.login("alice", "not the password of alice").status,
        401
    );
    // Her own success leaves the delay of that address.
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    for expected in ["Forgot the failed logins of alice", "has no failed logins"] {
        let output = org.command(&["user", "unlock", "alice"]);
        succeeded(&output);
        assert!(said(&output).contains(expected), "{}", said(&output));
    }
}

#[test]
fn nobody_is_removed_for_good_without_a_question_or_a_word() {
    let org = Org::with_user("alice");
    let entries = org.audit();
    failed(
        &org.with_input(&["user", "rm", "alice"], "alice\nyes\n"),
        2,
        "to remove without a question: auth-server user rm alice --yes",
    );
    assert_eq!(org.audit(), entries);
    let removed = org.command(&["user", "rm", "-y", "alice"]);
    succeeded(&removed);
    assert!(said(&removed).starts_with("Removed alice for good"));
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
fn roles_of_ones_own_are_given_and_changed() {
    let org = Org::new();
    let new = &["--new-role"][..];
    for (role, more) in [
        ("admin", &[][..]),
        ("member", &[]),
        ("reader", &[]),
        ("night-shift", new),
    ] {
        let alias = format!("a-{role}");
        let add = ["user", "add", &alias, "--one-time", "--role", role];
        succeeded(&org.command(&[&add[..], more].concat()));
        let shown = org.command(&["user", "show", &alias, "--json"]);
        assert!(said(&shown).contains(&format!(r#""role":"{role}""#)));
    }
    for (role, more) in [("auditor", new), ("night-shift", &[]), ("admin", &[])] {
        let change = ["user", "role", "a-member", role];
        let changed = org.command(&[&change[..], more].concat());
        let told = said(&changed);
        assert!(told.contains(&format!("a-member is {role} now")), "{told}");
        assert!(told.contains("get new ones by themselves"), "{told}");
    }
    for role in ["", "Admin", "night shift", "-x", &"r".repeat(33)] {
        let args = ["user", "role", "a-member", "--", role];
        assert_eq!(org.command(&args).status.code(), Some(2), "{role:?}");
    }
}

#[test]
fn a_mistyped_role_is_refused_with_those_that_there_are() {
    let org = Org::with_user("alice");
    let auditor = ["user", "add", "bob", "--one-time", "--role", "auditor"];
    succeeded(&org.command(&[&auditor[..], &["--new-role"]].concat()));
    for args in [
        &["user", "add", "zoe", "--one-time", "--role", "amdin"][..],
        &["user", "role", "alice", "amdin"],
    ] {
        failed(
            &org.command(args),
            1,
            "nobody has the role amdin yet; there are admin, member, reader, auditor; look \
             whether it is written right, or make it with --new-role",
        );
    }
    let list = said(&org.command(&["user", "list"]));
    assert!(!list.contains("amdin") && !list.contains("zoe"), "{list}");
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
