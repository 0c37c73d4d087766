//! Names that lead nowhere or out of the share: all get the same answer, and nothing is read.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;

use captures::error::Result;
use captures::process::{self, Finished};
use captures::stage::Stage;

const NO_SUCH_FILE: i32 = 6;

/// What alice hears when she asks for a name, with the name itself taken out.
fn answer(stage: &Stage, name: &str) -> Result<String> {
    let got: Finished = stage
        .alice
        .get(&stage.source(name), &stage.inbox("taken"))?;
    stage.check_absent("taken")?;
    let said = got.refused(NO_SUCH_FILE, &[])?.stderr;
    Ok(said.replace(name, "NAME"))
}

#[test]
fn a_missing_file_is_said_to_be_missing() -> Result<()> {
    let mut stage = Stage::set()?;
    let got = stage.get("missing.txt")?;
    got.refused(NO_SUCH_FILE, &["missing.txt"])?;
    stage.check_absent("missing.txt")?;
    stage.check_still_serving()
}

#[test]
fn a_share_that_is_not_offered_is_said_to_be_missing() -> Result<()> {
    let stage = Stage::set()?;
    let source = stage.listener.source("secrets/file");
    let got = stage.alice.get(&source, &stage.inbox("file"))?;
    got.refused(NO_SUCH_FILE, &[])?;
    stage.check_absent("file")
}

#[test]
fn every_way_out_of_the_share_gets_nothing() -> Result<()> {
    let mut stage = Stage::set()?;
    fs::create_dir(stage.shared().join("inner")).unwrap();
    let key = captures::scratch::files_below(&stage.bob.folder());
    let mut ways = vec![
        "../hosts".to_owned(),
        "../../../../../../../../etc/hostname".to_owned(),
        "inner/../../hosts".to_owned(),
        "/etc/hostname".to_owned(),
        "//etc/hostname".to_owned(),
        "./../x".to_owned(),
        "..".to_owned(),
        "inner/..".to_owned(),
        "..\\..\\etc\\hostname".to_owned(),
        "C:\\windows\\win.ini".to_owned(),
        "%2e%2e/etc/hostname".to_owned(),
        "inner//../../x".to_owned(),
        format!("{}x", "../".repeat(2000)),
        "a".repeat(300),
    ];
    ways.extend(key.iter().map(|path| path.display().to_string()));
    for way in ways {
        let got = stage
            .alice
            .get(&stage.source(&way), &stage.inbox("taken"))?;
        stage.check_absent("taken")?;
        // A name that alice's own peer can tell to be none is a wrong use of it.
        assert!(
            matches!(got.code, Some(2 | NO_SUCH_FILE)),
            "{way}: {:?} {}",
            got.code,
            got.said()
        );
        assert!(!got.said().contains("panicked"), "{way}: {}", got.said());
    }
    stage.check_still_serving()
}

#[test]
fn symlinks_out_of_the_share_are_not_followed() -> Result<()> {
    let mut stage = Stage::set()?;
    let outside = captures::scratch::folder()?;
    fs::write(outside.path().join("secret"), "secret").unwrap();
    symlink(outside.path().join("secret"), stage.shared().join("link")).unwrap();
    symlink(outside.path(), stage.shared().join("door")).unwrap();
    symlink("/etc/hostname", stage.shared().join("hostname")).unwrap();
    symlink("nowhere", stage.shared().join("dangling")).unwrap();
    symlink("loop", stage.shared().join("loop")).unwrap();
    let missing = answer(&stage, "missing")?;
    for name in ["link", "door/secret", "hostname", "dangling", "loop"] {
        assert_eq!(answer(&stage, name)?, missing, "{name}");
    }
    stage.check_still_serving()
}

#[test]
fn directories_and_special_files_are_no_files() -> Result<()> {
    let mut stage = Stage::set()?;
    fs::create_dir(stage.shared().join("directory")).unwrap();
    let fifo = stage.shared().join("fifo");
    process::run(Command::new("mkfifo").arg(&fifo))?.success()?;
    let _socket = UnixListener::bind(stage.shared().join("socket")).unwrap();
    for name in ["directory", "fifo", "socket"] {
        let got = stage
            .alice
            .get(&stage.source(name), &stage.inbox("taken"))?;
        // A member may hear that it is there and no file; a missing one is another answer.
        assert!(
            matches!(got.code, Some(6 | 9)),
            "{name}: {:?} {}",
            got.code,
            got.said()
        );
        assert!(
            got.stderr.contains(name) && !got.stderr.contains("panicked"),
            "{}",
            got.stderr
        );
        stage.check_absent("taken")?;
    }
    stage.check_still_serving()
}

#[test]
fn hostile_names_do_not_reach_the_terminal() -> Result<()> {
    let stage = Stage::set()?;
    for name in [
        "\u{1b}[2J\u{1b}]0;owned\u{7}",
        "a\rb",
        "tab\there",
        "\u{202e}fdp.exe",
    ] {
        let got = stage
            .alice
            .get(&stage.source(name), &stage.inbox("taken"))?;
        assert!(
            matches!(got.code, Some(2 | NO_SUCH_FILE)),
            "{name:?}: {}",
            got.said()
        );
        let shown = [got.said(), stage.listener.running().said()].concat();
        let hostile = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(hostile), "{shown:?}");
    }
    Ok(())
}

#[test]
fn what_bob_may_not_read_himself_is_an_error_and_not_an_empty_file() -> Result<()> {
    let mut stage = Stage::set()?;
    let secret = stage.offer("unreadable", b"x")?;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&secret).is_ok() {
        // The superuser reads everything; then there is nothing to refuse.
        stage.get_identical("unreadable")?;
    } else {
        assert_ne!(stage.get("unreadable")?.code, Some(0));
        stage.check_absent("unreadable")?;
    }
    stage.check_still_serving()
}
