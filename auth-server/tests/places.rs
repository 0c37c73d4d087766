//! Which folder or server a command means, and whose folder it may write in.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::*;

/// No user of any machine that runs tests.
const STRANGER: u32 = 61_234;
/// Nobody listens there, and nobody is asked.
const ELSEWHERE: &str = "https://127.0.0.1:1";

fn with(org: &Org, variables: &[(&str, &str)], args: &[&str]) -> Output {
    let mut command = org.program(args);
    command.envs(variables.iter().copied());
    command.output().unwrap()
}

#[test]
fn a_folder_on_the_command_line_is_over_a_server_in_the_environment() {
    let org = Org::with_user("alice");
    let home = org.home();
    let home = home.to_str().unwrap();
    let elsewhere = [("ORGSHARE_AUTH_SERVER", ELSEWHERE)];
    for args in [
        &["user", "list", "--dir", home][..],
        &["--dir", home, "user", "list"],
        &["--dir", home, "root", "show"],
    ] {
        succeeded(&with(&org, &elsewhere, args));
    }
    // Where both come from the environment, the server is meant.
    let output = with(&org, &elsewhere, &["root", "show"]);
    failed(&output, 2, "needs the machine itself");
    let output = org.command(&["--server", ELSEWHERE, "user", "list", "--dir", home]);
    failed(&output, 2, "give one of them");
}

#[test]
fn an_empty_variable_sets_nothing() {
    let org = Org::with_user("alice");
    for name in [
        "ORGSHARE_AUTH_SERVER",
        "ORGSHARE_DIR",
        "ORGSHARE_AUTH_PASSPHRASE_FILE",
        "ORGSHARE_AUTH_LISTEN",
    ] {
        for args in [&["user", "list"][..], &["root", "show"]] {
            succeeded(&with(&org, &[(name, "")], args));
        }
    }
    let output = with(&org, &[("ORGSHARE_AUTH_DIR", "")], &["user", "list"]);
    assert!(
        !said(&output).contains("a value is required"),
        "{}",
        said(&output)
    );
    // What the environment does not set, the file does.
    let settings = org.home().join("config.toml");
    std::fs::write(&settings, "cert_lifetime = '2h'\n").unwrap();
    let empty = [("ORGSHARE_AUTH_CERT_LIFETIME", "")];
    assert!(said(&with(&org, &empty, &["config", "show"])).contains("\"2h\""));
}

#[test]
fn the_help_shows_an_option_where_it_is_heeded() {
    let org = Org::new();
    let shows = |command: &[&str], option: &str| {
        let output = org.command(&[command, &["--help"]].concat());
        succeeded(&output);
        said(&output).contains(&format!("{option} <"))
    };
    for command in [
        &[][..],
        &["user"],
        &["user", "list"],
        &["cert", "revoke"],
        &["audit", "verify"],
    ] {
        assert!(
            shows(command, "--server") && shows(command, "--device"),
            "{command:?}"
        );
    }
    for command in [
        &["init"][..],
        &["run"],
        &["user", "import"],
        &["crl", "show"],
        &["root", "show"],
        &["config", "show"],
        &["backup"],
        &["restore"],
        &["doctor"],
    ] {
        assert!(
            !shows(command, "--server") && !shows(command, "--device"),
            "{command:?}"
        );
        assert!(shows(command, "--dir"), "{command:?}");
    }
    assert!(shows(&["init"], "--passphrase-file") && !shows(&["user"], "--passphrase-file"));
}

#[test]
fn the_line_to_paste_names_the_port_and_the_address_of_the_settings() {
    let org = Org::new();
    let line = |variables: &[(&str, &str)], flags: &[&str]| {
        let output = with(&org, variables, &[&["root", "show"], flags].concat());
        succeeded(&output);
        let said = said(&output);
        let line = said.lines().find(|line| line.starts_with("peer trust "));
        line.unwrap().split(' ').nth(2).unwrap().to_owned()
    };
    let settings = org.home().join("config.toml");
    std::fs::write(
        &settings,
        "listen = '0.0.0.0:4433'\nhosts = ['auth.example']\n",
    )
    .unwrap();
    assert_eq!(line(&[], &[]), "https://auth.example:4433");
    let variable = [("ORGSHARE_AUTH_LISTEN", "127.0.0.1:5544")];
    assert_eq!(line(&variable, &[]), "https://127.0.0.1:5544");
    let flag = ["--listen", "[::]:6655", "--host", "ca.example"];
    assert_eq!(line(&variable, &flag), "https://ca.example:6655");
}

#[test]
fn init_tells_the_port_that_the_environment_sets() {
    let org = Org::unmade();
    let args = [&INIT[..], &["--host", "a.example"]].concat();
    let wrong = with(&org, &[("ORGSHARE_AUTH_LISTEN", "nowhere")], &args);
    failed(&wrong, 2, "ORGSHARE_AUTH_LISTEN");
    assert!(!org.home().exists());
    let made = with(&org, &[("ORGSHARE_AUTH_LISTEN", "0.0.0.0:4433")], &args);
    assert!(
        said(&made).contains("peer trust https://a.example:4433 "),
        "{}",
        said(&made)
    );
}

#[test]
fn the_passphrase_may_come_from_standard_input() {
    let org = Org::unmade();
    let args = [&INIT[..], &["--passphrase-file", "-"]].concat();
    succeeded(&org.with_input(&args, PASSPHRASE));
    let doctor = [
        "doctor",
        "--listen",
        "127.0.0.1:0",
        "--passphrase-file",
        "-",
    ];
    let output = org.with_input(&doctor, PASSPHRASE);
    assert!(
        said(&output).contains("it opens and belongs to"),
        "{}",
        said(&output)
    );
    let output = org.with_input(&doctor, "another passphrase");
    assert!(said(&output).contains("does not open"), "{}", said(&output));
}

#[test]
fn a_file_that_is_not_there_is_said_with_what_to_give_instead() {
    let org = Org::new();
    let nowhere = "/nonexistent";
    let new = org.home().with_file_name("new");
    for (args, part) in [
        (
            &["restore", nowhere, "--dir", new.to_str().unwrap()][..],
            "a file that auth-server backup wrote",
        ),
        (
            &["audit", "verify", nowhere],
            "what auth-server audit export wrote, or -",
        ),
        (
            &["user", "add", "zoe", "--password-file", nowhere],
            "the secret in one line",
        ),
        (
            &[
                "run",
                "--listen",
                "127.0.0.1:0",
                "--passphrase-file",
                nowhere,
            ],
            "or - for standard",
        ),
    ] {
        failed(&org.command(args), 10, part);
    }
    std::fs::remove_file(org.home().join("config.toml")).unwrap();
    failed(
        &org.command(&["config", "check"]),
        10,
        "an empty one means the defaults",
    );
}

#[test]
fn names_and_numbers_of_another_form_are_said_with_one_of_the_right_form() {
    let org = Org::new();
    for (args, part) in [
        (&["user", "show", "Alice"][..], "write it like alice"),
        (&["user", "add", "ann lee"], "write it like ann-lee"),
        (
            &["user", "role", "alice", "Admin"],
            "write it in small letters: admin",
        ),
        (&["user", "add", "9"], "write one such as alice"),
        (&["cert", "show", "alice"], "has 32 hexadecimal digits"),
        (
            &["user", "revoke", "alice", "--reason", "lost"],
            "one of unspecified, keyCompromise",
        ),
    ] {
        failed(&org.command(args), 2, part);
    }
    // One of the right form that no certificate has is no other than one that just is not there.
    for number in ["f".repeat(32), "4".repeat(32)] {
        for args in [
            &["cert", "show", &number][..],
            &["cert", "revoke", &number],
            &["cert", "list", "--device-of", &number],
        ] {
            let output = org.command(args);
            let told = format!("there is no certificate {number}; see which there are with");
            failed(&output, 1, &told);
        }
    }
}

/// Everything beneath a folder, with its owner.
fn owners(dir: &Path) -> BTreeMap<PathBuf, u32> {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.path(), entry.metadata().unwrap().uid()))
        .collect()
}

/// Gives the organisation's folder to another user, who can reach it and the program; returns the
/// program.
fn given_away(org: &Org) -> PathBuf {
    for path in owners(&org.home()).into_keys().chain([org.home()]) {
        chown(path, Some(STRANGER), Some(STRANGER)).expect("changing owners needs root");
    }
    let above = org.home().parent().unwrap().to_owned();
    std::fs::set_permissions(&above, PermissionsExt::from_mode(0o755)).unwrap();
    let program = above.join("auth-server");
    copy_program(&program);
    program
}

#[test]
fn root_leaves_nothing_in_the_folder_of_another_user_and_is_told_how_to_be_that_one() {
    let org = Org::with_user("alice");
    let program = given_away(&org);
    let before = owners(&org.home());
    let backup = org.home().join("backup");
    let run = |args: &[&str]| {
        let mut command = Command::new(&program);
        command.args(args).env("ORGSHARE_AUTH_DIR", org.home());
        command.env("ORGSHARE_AUTH_PASSPHRASE_FILE", org.passphrase_file());
        command.output().unwrap()
    };
    for args in [
        &["user", "list"][..],
        &["user", "disable", "alice"],
        &["cert", "list"],
        &["crl", "show"],
        &["audit", "verify"],
        &["root", "show"],
        &["config", "show"],
        &["backup", backup.to_str().unwrap()],
        &["restore", "/nonexistent"],
        &["init", "--org", "Other"],
        &["run", "--listen", "127.0.0.1:0", "--no-prompt"],
    ] {
        failed(
            &run(args),
            10,
            "and this runs as root; run it as that user: setpriv --reuid=61234",
        );
    }
    let doctor = said(&run(&["doctor", "--json"]));
    assert!(doctor.contains("belongs to user 61234"), "{doctor}");
    assert_eq!(doctor.lines().count(), 1, "{doctor}");
    assert_eq!(owners(&org.home()), before);
    // The line works as it is.
    let refused = said(&run(&["user", "list", "--json"]));
    let (_, line) = refused.split_once("run it as that user: ").unwrap();
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    succeeded(&output);
    assert!(said(&output).contains("\"alice\""), "{}", said(&output));
    assert!(
        owners(&org.home())
            .into_values()
            .all(|owner| owner == STRANGER)
    );
}

#[test]
fn whoever_owns_the_folder_of_the_system_need_not_name_it() {
    let org = Org::new();
    let program = given_away(&org);
    // Where the folder of this machine's own server may be, for the test alone.
    let script = r#"
        mount -t tmpfs -o mode=755 none /var/lib
        install -d -o "$2" -g "$2" -m 700 /var/lib/orgshare
        owner() { env -i HOME=/nonexistent setpriv --reuid="$U" --regid="$U" --clear-groups "$@"; }
        U=$2
        owner "$1" init --org Acme --key-type p256 --passphrase-file - < "$3"
        owner "$1" user add alice --one-time
        test "$(stat -c %u /var/lib/orgshare/root.crt)" = "$U"
        test -z "$(find /var/lib/orgshare ! -user "$U")"
        owner "$1" user list
    "#;
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-ec", script, "sh"])
        .arg(&program)
        .arg(STRANGER.to_string())
        .arg(org.passphrase_file())
        .output()
        .unwrap();
    succeeded(&output);
    assert!(said(&output).contains("alice"), "{}", said(&output));
}

#[test]
fn what_the_owner_of_the_folder_may_not_read_is_not_called_missing() {
    for (name, args) in [
        ("store.sqlite", ["user", "list"]),
        ("root.crt", ["user", "list"]),
        ("config.toml", ["config", "show"]),
    ] {
        let org = Org::with_user("alice");
        let program = given_away(&org);
        let file = org.home().join(name);
        chown(&file, Some(0), Some(0)).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        let id = STRANGER.to_string();
        let output = Command::new("setpriv")
            .args([format!("--reuid={id}"), format!("--regid={id}")])
            .args(["--clear-groups", "--"])
            .arg(&program)
            .args(args)
            .arg("--dir")
            .arg(org.home())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(10), "{name}: {}", said(&output));
        let told = said(&output).to_lowercase();
        assert!(told.contains("permission denied"), "{name}: {told}");
        assert!(told.contains("chown -r user folder"), "{name}: {told}");
        assert!(!told.contains("restore"), "{name}: {told}");
    }
}
