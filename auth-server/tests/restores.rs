//! Restoring from a pipe, on a small disk, after an interruption, and as another user.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs::{File, Permissions, set_permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use auth_server::archive::{self, Manifest};
use common::identity::OrgRoot;
use support::disk::SmallDisk;
use support::*;
use time::OffsetDateTime;

/// No user of any machine that runs tests.
const STRANGER: u32 = 61_235;

fn beside(org: &Org, name: &str) -> PathBuf {
    org.home().with_file_name(name)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn back_up(org: &Org) -> (PathBuf, Vec<u8>) {
    let file = beside(org, "backup");
    succeeded(&org.command(&["backup", text(&file)]));
    let bytes = std::fs::read(&file).unwrap();
    (file, bytes)
}

/// Restores what comes through a pipe.
fn restore_piped(org: &Org, bytes: &[u8], to: &Path) -> Output {
    let mut child = begin_restore(org, to);
    let mut pipe = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // Whoever refuses it may not read it all.
        scope.spawn(move || drop(pipe.write_all(bytes)));
        child.wait_with_output().unwrap()
    })
}

fn begin_restore(org: &Org, to: &Path) -> Child {
    org.program(&["restore", "-", "--dir", text(to)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn unfinished(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("unfinished-")
        })
        .collect()
}

#[test]
fn a_backup_goes_through_a_pipe_to_another_folder() {
    let org = Org::with_user("alice");
    let away = beside(&org, "away");
    let script = r#""$1" backup - | "$1" restore - --dir "$2""#;
    let program = org.program(&[]);
    let mut shell = Command::new("bash");
    shell.args(["-o", "pipefail", "-c", script, "bash"]);
    shell.arg(program.get_program()).arg(&away);
    for (name, value) in program.get_envs() {
        shell.env(name, value.unwrap());
    }
    shell.current_dir(org.home().parent().unwrap());
    let output = shell.output().unwrap();
    succeeded(&output);
    assert!(output.stdout.is_empty());
    assert!(!beside(&org, "-").exists());
    let users = org.command(&["user", "list", "--dir", text(&away)]);
    assert!(said(&users).contains("alice"), "{}", said(&users));
    assert_eq!(mode(&away.join("root.key")), 0o600);
    let told = "backup a pipe (-) ok";
    assert!(
        org.audit().iter().any(|line| line == told),
        "{:?}",
        org.audit()
    );
}

#[test]
fn a_pipe_that_breaks_or_brings_more_is_refused_and_leaves_nothing() {
    let org = Org::new();
    let (_, good) = back_up(&org);
    let to = beside(&org, "refused");
    for bytes in [
        &good[..good.len() / 2],
        &good[..good.len() - 1],
        &[&good[..], b"x"].concat(),
        b"",
    ] {
        failed(&restore_piped(&org, bytes, &to), 10, "a pipe (-)");
        assert!(!to.exists());
    }
    succeeded(&restore_piped(&org, &good, &to));
}

#[test]
fn backup_and_passphrase_do_not_share_standard_input() {
    let org = Org::new();
    let (_, good) = back_up(&org);
    let to = beside(&org, "refused");
    let both = ["restore", "-", "--passphrase-file", "-", "--dir", text(&to)];
    let input = String::from_utf8_lossy(&good);
    failed(
        &org.with_input(&both, &input),
        2,
        "cannot both come from standard input",
    );
    assert!(!to.exists());
}

#[test]
fn the_folder_that_commands_work_on_by_default_is_told_where_it_is_another_one() {
    let org = Org::new();
    let (file, _) = back_up(&org);
    let to = beside(&org, "elsewhere");
    let restore = |args: &[&str]| {
        let output = org.command(&[&["restore", text(&file)], args].concat());
        succeeded(&output);
        said(&output)
    };
    let told = restore(&["--dir", text(&to)]);
    let line = format!(
        "Commands without --dir work on {}, which is another authority: give each --dir {1}, or \
         set ORGSHARE_AUTH_DIR={1}.",
        org.home().display(),
        to.display()
    );
    assert!(told.contains(&line), "{told}");
    std::fs::rename(org.home(), beside(&org, "old")).unwrap();
    let told = restore(&["--dir", text(&beside(&org, "third"))]);
    assert!(told.contains("work on"), "{told}");
    assert!(!told.contains("another authority"), "{told}");
    let told = restore(&[]);
    assert!(!told.contains("work on"), "{told}");
}

/// A backup, well made, whose store is so many bytes of nothing.
fn hollow(org: &Org, size: u64) -> PathBuf {
    let parts = beside(org, "parts");
    let _ = std::fs::create_dir(&parts);
    for name in ["config.toml", "root.crt", "root.key"] {
        std::fs::copy(org.home().join(name), parts.join(name)).unwrap();
    }
    File::create(parts.join("store.sqlite"))
        .unwrap()
        .set_len(size)
        .unwrap();
    pack(org, &parts)
}

/// An archive of those parts, well made whatever they hold.
fn pack(org: &Org, parts: &Path) -> PathBuf {
    let root = OrgRoot::from_der(org.root()).unwrap().fingerprint();
    let now = OffsetDateTime::now_utc();
    let manifest = Manifest::of(parts, "Acme Corp", root.to_string(), now).unwrap();
    let path = beside(org, "packed");
    archive::write(File::create(&path).unwrap(), parts, &manifest).unwrap();
    path
}

#[test]
fn a_backup_that_is_made_to_fill_the_disk_leaves_room_on_it() {
    const MEBIBYTE: u64 = 1024 * 1024;
    let org = Org::new();
    let disk = SmallDisk::mount(beside(&org, "small"), 100);
    let to = disk.0.join("home");
    // It would fit, and leave nothing for anybody else.
    let large = hollow(&org, 80 * MEBIBYTE);
    let restored = org.command(&["restore", text(&large), "--dir", text(&to)]);
    failed(&restored, 10, "it takes 81 MiB, and ");
    assert!(
        said(&restored).contains("make room on that disk"),
        "{}",
        said(&restored)
    );
    assert!(!to.exists());
    // What fits is taken out, found to be no store, and removed.
    let small = hollow(&org, 20 * MEBIBYTE);
    let restored = org.command(&["restore", text(&small), "--dir", text(&to)]);
    assert!(!restored.status.success());
    assert!(!said(&restored).contains("it takes"), "{}", said(&restored));
    assert!(!to.exists());
    assert!(disk.used() < MEBIBYTE);
    // An honest one fits.
    let (good, _) = back_up(&org);
    succeeded(&org.command(&["restore", text(&good), "--dir", text(&to)]));
}

#[test]
fn a_store_that_would_do_more_than_hold_what_is_written_is_refused() {
    let org = Org::with_user("alice");
    let (_, good) = back_up(&org);
    let to = beside(&org, "refused");
    let own = beside(&org, "own.sqlite");
    let vacuum = format!("VACUUM INTO '{}'", own.display());
    sql(&org, &vacuum);
    for made in [
        "CREATE TRIGGER fill AFTER UPDATE ON counters BEGIN
             INSERT INTO meta (name, value) SELECT randomblob(16), zeroblob(900000000);
         END",
        "CREATE VIEW more AS SELECT * FROM users",
        "ALTER TABLE audit ADD COLUMN more INT CHECK (length(zeroblob(900000000)) > 0)",
        "CREATE INDEX more ON audit (zeroblob(seq))",
    ] {
        let parts = beside(&org, "parts");
        let _ = std::fs::create_dir(&parts);
        for name in ["config.toml", "root.crt", "root.key"] {
            std::fs::copy(org.home().join(name), parts.join(name)).unwrap();
        }
        let store = parts.join("store.sqlite");
        std::fs::copy(&own, &store).unwrap();
        let db = rusqlite::Connection::open(&store).unwrap();
        db.execute_batch(made).unwrap();
        db.close().unwrap();
        let restored = org.command(&["restore", text(&pack(&org, &parts)), "--dir", text(&to)]);
        failed(&restored, 10, "not laid out as this program does it");
        assert!(!to.exists());
    }
    succeeded(&restore_piped(&org, &good, &to));
}

#[test]
fn what_a_killed_restore_leaves_is_named_and_the_next_one_removes_it() {
    let org = Org::with_user("alice");
    let (file, good) = back_up(&org);
    let to = beside(&org, "killed");
    let mut child = begin_restore(&org, &to);
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&good[..good.len() / 2]).unwrap();
    eventually("its folder", PATIENCE, || {
        unfinished(&to)
            .iter()
            .any(|dir| dir.join("store.sqlite").exists())
    });
    // While it works nobody calls it left over.
    let run = ["run", "--listen", "127.0.0.1:0", "--dir", text(&to)];
    let (ends, missing) = (
        "did not come to its end",
        "there is no certificate authority",
    );
    let output = org.command(&run);
    failed(&output, 10, missing);
    assert!(!said(&output).contains(ends), "{}", said(&output));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(unfinished(&to).len(), 1);
    failed(&org.command(&run), 10, ends);
    let doctor = org.command(&["doctor", "--dir", text(&to)]);
    assert!(said(&doctor).contains("interrupted"), "{}", said(&doctor));
    let restored = org.command(&["restore", text(&file), "--dir", text(&to)]);
    succeeded(&restored);
    assert!(said(&restored).contains("Removed "), "{}", said(&restored));
    assert_eq!(std::fs::read_dir(&to).unwrap().count(), 4);
}

#[test]
fn a_server_that_starts_removes_what_was_left_over_and_nothing_that_is_at_work() {
    let org = Org::new();
    let left = org.home().join("unfinished-0011");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("store.sqlite"), "half").unwrap();
    let reports = std::fs::read(org.home().join("store.sqlite"))
        .unwrap()
        .len();
    // More than a pipe holds, so that the backup waits for its reader.
    assert!(reports > 64 * 1024, "{reports}");
    let mut backup = org
        .program(&["backup", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut pipe = backup.stdout.take().unwrap();
    pipe.read_exact(&mut [0]).unwrap();
    // The backup has removed the first one.
    let at_work = unfinished(&org.home());
    assert_eq!(at_work.len(), 1);
    std::fs::create_dir(&left).unwrap();
    let server = org.start();
    assert_eq!(unfinished(&org.home()), at_work);
    eventually("the log", PATIENCE, || {
        server.log().contains("unfinished-0011")
    });
    std::io::copy(&mut pipe, &mut std::io::sink()).unwrap();
    assert!(backup.wait().unwrap().success());
    assert!(unfinished(&org.home()).is_empty());
}

#[test]
fn root_is_told_a_line_that_restores_for_the_owner_of_the_folder() {
    let org = Org::with_user("alice");
    let (file, _) = back_up(&org);
    assert_eq!(mode(&file), 0o600);
    let above = org.home().parent().unwrap().to_owned();
    set_permissions(&above, Permissions::from_mode(0o755)).unwrap();
    let program = above.join("auth-server");
    copy_program(&program);
    let to = beside(&org, "service");
    std::fs::create_dir(&to).unwrap();
    set_permissions(&to, Permissions::from_mode(0o700)).unwrap();
    chown(&to, Some(STRANGER), Some(STRANGER)).expect("changing owners needs root");
    let output = Command::new(&program)
        .args(["restore", text(&file), "--dir", text(&to)])
        .output()
        .unwrap();
    failed(&output, 10, "run it as that user: setpriv --reuid=61235");
    let refused = said(&output);
    let (_, line) = refused.split_once("run it as that user: ").unwrap();
    assert!(line.contains(&format!(
        " restore - --dir {} < {}",
        to.display(),
        file.display()
    )));
    succeeded(&Command::new("sh").args(["-c", line]).output().unwrap());
    for name in ["root.crt", "root.key", "config.toml", "store.sqlite"] {
        assert_eq!(to.join(name).metadata().unwrap().uid(), STRANGER, "{name}");
    }
}

#[test]
fn root_who_restores_into_a_new_folder_is_told_whose_the_files_are() {
    let org = Org::new();
    let (file, _) = back_up(&org);
    let to = beside(&org, "new");
    let restored = org.command(&["restore", text(&file), "--dir", text(&to)]);
    succeeded(&restored);
    assert_eq!(to.metadata().unwrap().uid(), 0, "this test needs root");
    let line = format!("chown -R USER: {}", to.display());
    assert!(said(&restored).contains(&line), "{}", said(&restored));
}
