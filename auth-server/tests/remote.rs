//! The same commands on an administrator's own device, and each way they fail.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use support::*;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

const NEW: &str = "plum glacier window ostrich seven";

struct Away {
    server: Server,
    device: TempDir,
    org: Org,
}

impl Away {
    fn new() -> Self {
        let org = Org::new();
        org.add_as("root", "admin");
        let server = org.start();
        let device = server.member("root", PASSWORD).folder(&org.root());
        Self {
            server,
            device,
            org,
        }
    }

    fn run(&self, args: &[&str], input: &str) -> Output {
        remotely(&self.server.url(), self.device.path(), args, input)
    }

    fn ok(&self, args: &[&str], input: &str) -> String {
        let output = self.run(args, input);
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        said(&output)
    }
}

/// The program with nothing of its own but a peer's folder.
fn remotely(url: &str, device: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_auth-server"))
        .args(args)
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("ORGSHARE_AUTH_SERVER", url)
        .env("ORGSHARE_DIR", device)
        // A proxy that somebody set is not used.
        .env("HTTPS_PROXY", "http://127.0.0.1:1")
        .env("ALL_PROXY", "http://127.0.0.1:1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn every_command_on_people_and_certificates_works_from_afar() {
    let away = Away::new();
    let here = |args: &[&str]| said(&away.org.command(args));
    let file = ["--password-file", "-"];
    let added = away.ok(&["user", "add", "alice", file[0], file[1]], NEW);
    assert_eq!(added, "Added alice as member.\n");
    assert_eq!(away.ok(&["user", "list"], ""), here(&["user", "list"]));
    assert_eq!(
        away.ok(&["user", "list", "--json"], ""),
        here(&["user", "list", "--json"])
    );
    let alice = away.server.member("alice", NEW);
    let serial = alice.serial();
    for show in [
        &["user", "show", "alice"][..],
        &["user", "show", "alice", "--json"],
        &["cert", "list"],
        &["cert", "list", "--all", "--alias", "alice", "--json"],
        &["cert", "list", "--revoked"],
        &["cert", "list", "--device-of", &serial],
        &["cert", "show", &serial],
        &["cert", "show", &serial, "--json"],
    ] {
        assert_eq!(away.ok(show, ""), here(show), "{show:?}");
    }
    let revoked = away.ok(
        &["cert", "revoke", &serial, "--reason", "keyCompromise"],
        "",
    );
    assert!(revoked.contains("of alice (keyCompromise)"), "{revoked}");
    let role = away.ok(&["user", "role", "alice", "reader"], "");
    assert!(
        role.starts_with("alice is reader now; revoked 0 certificates"),
        "{role}"
    );
    let one_time = away.ok(&["user", "passwd", "alice", "--one-time"], "");
    assert!(
        one_time.contains("logs in with this password once"),
        "{one_time}"
    );
    assert_eq!(away.server.login("alice", NEW).status, 401);
    away.ok(&["user", "passwd", "alice", file[0], file[1]], NEW);
    assert_eq!(away.server.login("alice", NEW).status, 200);
    assert!(
        away.ok(&["user", "disable", "alice"], "")
            .contains("revoked 1 certificate.")
    );
    assert_eq!(away.server.login("alice", NEW).status, 401);
    away.ok(&["user", "enable", "alice"], "");
    away.ok(&["user", "unlock", "alice"], "");
    away.ok(
        &["user", "revoke", "alice", "--reason", "keyCompromise"],
        "",
    );
    failed(
        &away.run(&["user", "rm", "alice"], "alice\n"),
        2,
        "auth-server user rm alice --yes",
    );
    away.ok(&["user", "rm", "alice", "--yes"], "");
    let entries = away.org.audit_told();
    let by_root: Vec<&str> = entries
        .iter()
        .filter_map(|told| told.strip_prefix("root | 127.0.0.1 | "))
        .filter(|told| !told.starts_with("login") && !told.starts_with("cert.issue"))
        .collect();
    assert_eq!(
        by_root,
        [
            "user.add | alice as member | ok",
            &format!("cert.revoke | {serial} (keyCompromise) | ok"),
            "user.role | alice is reader | ok",
            "user.passwd | alice (one-time) | ok",
            "user.passwd | alice | ok",
            "user.disable | alice | ok",
            "user.enable | alice | ok",
            "user.unlock | alice | ok",
            "user.revoke | alice (keyCompromise) | ok",
            "user.rm | alice | ok",
        ]
    );
    // And the log itself, verified with the root certificate of the device.
    assert_eq!(
        away.ok(&["audit", "tail", "-n", "5"], ""),
        here(&["audit", "tail", "-n", "5"])
    );
    assert!(
        away.ok(&["audit", "verify"], "")
            .contains("are as they were written")
    );
}

#[test]
fn an_administrator_may_end_the_device_that_he_works_on() {
    let away = Away::new();
    let listed = away.ok(&["cert", "list", "--alias", "root", "--json"], "");
    let own: serde_json::Value = serde_json::from_str(listed.trim()).unwrap();
    let revoked = away.ok(&["cert", "revoke", own["serial"].as_str().unwrap()], "");
    assert!(
        revoked.starts_with("Revoked 1 certificate of one device of root"),
        "{revoked}"
    );
    failed(&away.run(&["cert", "list"], ""), 7, "was revoked");
}

#[test]
fn errors_read_as_on_the_machine() {
    let away = Away::new();
    away.org.add("alice", PASSWORD);
    succeeded(&away.org.command(&["user", "rm", "alice", "--yes"]));
    let file = ["--password-file", "-"];
    let (nothing, impossible) = ("4".repeat(32), "f".repeat(32));
    for args in [
        &["user", "add", "root", file[0], file[1]][..],
        &["user", "add", "alice", file[0], file[1]],
        &["user", "add", "zoe", file[0], file[1]],
        &["user", "show", "zoe"],
        &["user", "role", "zoe", "admin"],
        &["user", "role", "root", "amdin"],
        &["user", "add", "zoe", "--role", "amdin", file[0], file[1]],
        &["user", "rm", "alice", "--yes"],
        &["user", "passwd", "alice", "--one-time"],
        &["cert", "show", &nothing],
        &["cert", "revoke", &nothing],
        &["cert", "list", "--device-of", &nothing],
        &["cert", "show", &impossible],
        &["audit", "export", "--after", "1000"],
    ] {
        // Only the third reads it; it breaks the rule about the organisation's name.
        let far = away.run(args, "acme corp 1234567");
        let near = away.org.with_input(args, "acme corp 1234567");
        assert!(!near.status.success(), "{args:?}");
        assert_eq!(said(&far), said(&near), "{args:?}");
        assert_eq!(far.status, near.status, "{args:?}");
    }
}

#[test]
fn one_s_own_password_and_the_last_administrator_are_code_9() {
    let away = Away::new();
    let args = ["user", "passwd", "root", "--password-file", "-"];
    failed(&away.run(&args, NEW), 9, "change it with peer passwd");
    for args in [
        &["user", "role", "root", "member"][..],
        &["user", "disable", "root"],
        &["user", "revoke", "root"],
        &["user", "rm", "root", "--yes"],
    ] {
        failed(&away.run(args, ""), 9, "no administrator who can log in");
    }
    succeeded(&away.org.with_input(&args, NEW));
    succeeded(&away.org.command(&["user", "passwd", "root", "--one-time"]));
    failed(
        &away.run(&["user", "list"], ""),
        9,
        "choose another one first with: peer passwd",
    );
}

#[test]
fn commands_that_need_the_machine_do_not_go_elsewhere() {
    let away = Away::new();
    for args in [
        &["init", "--org", "Acme"][..],
        &["run"],
        &["root", "show"],
        &["root", "fingerprint"],
        &[],
    ] {
        failed(&away.run(args, ""), 2, "needs the machine itself");
    }
    for url in [
        "http://127.0.0.1:1",
        "127.0.0.1",
        "https://a/b",
        "https://u@a",
    ] {
        let output = remotely(url, away.device.path(), &["user", "list"], "");
        failed(&output, 2, "is written https://HOST");
    }
}

#[test]
fn a_server_that_cannot_be_reached_is_code_5() {
    let away = Away::new();
    let url = away.server.url();
    away.server.stop(rustix::process::Signal::KILL);
    let output = remotely(&url, away.device.path(), &["user", "list"], "");
    failed(&output, 5, "cannot be reached");
}

#[test]
fn a_server_of_another_organisation_is_code_7_and_gets_no_password() {
    let away = Away::new();
    let other = Away::new();
    let args = ["user", "add", "bob", "--password-file", "-"];
    let output = remotely(&other.server.url(), away.device.path(), &args, NEW);
    failed(&output, 7, "does not belong to this device's organisation");
    // The right root and a certificate of another organisation: the server refuses.
    let root = pem("CERTIFICATE", &other.org.root());
    std::fs::write(away.device.path().join("root.crt"), root).unwrap();
    let output = remotely(&other.server.url(), away.device.path(), &args, NEW);
    assert_ne!(output.status.code(), Some(0));
    assert!(!said(&other.org.command(&["user", "list"])).contains("bob"));
}

#[test]
fn a_revoked_certificate_is_code_7_and_a_member_s_code_9() {
    let away = Away::new();
    away.org.add("alice", PASSWORD);
    let alice = away.server.member("alice", PASSWORD);
    let device = alice.folder(&away.org.root());
    let output = remotely(&away.server.url(), device.path(), &["user", "list"], "");
    failed(&output, 9, "this is for administrators");
    succeeded(&away.org.command(&["cert", "revoke", &alice.serial()]));
    let output = remotely(&away.server.url(), device.path(), &["user", "list"], "");
    failed(&output, 7, "was revoked");
}

#[test]
fn a_device_without_a_valid_certificate_is_code_3() {
    let away = Away::new();
    let url = away.server.url();
    let empty = tempfile::tempdir().unwrap();
    let list = ["user", "list"];
    failed(
        &remotely(&url, empty.path(), &list, ""),
        3,
        "trusts no organisation",
    );
    let root = pem("CERTIFICATE", &away.org.root());
    std::fs::write(empty.path().join("root.crt"), root).unwrap();
    failed(
        &remotely(&url, empty.path(), &list, ""),
        3,
        "nobody is logged in",
    );
    let at = OffsetDateTime::now_utc() - Duration::days(2);
    let root = subject("root", "admin");
    let ended = away.org.issued(&root, at, Recorded::Yes);
    let device = ended.folder(&away.org.root());
    failed(&remotely(&url, device.path(), &list, ""), 3, "has expired");
}

#[test]
fn a_key_that_others_can_read_is_code_10() {
    let away = Away::new();
    let key = away.device.path().join("device.pem");
    let open =
        |mode| std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
    for mode in [0o644, 0o640, 0o604, 0o660] {
        open(mode);
        failed(
            &away.run(&["user", "list"], ""),
            10,
            "can be read by others",
        );
    }
    open(0o600);
    let folder = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(away.device.path(), folder).unwrap();
    failed(
        &away.run(&["user", "list"], ""),
        10,
        "can be written to by others",
    );
    let folder = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(away.device.path(), folder).unwrap();
    away.ok(&["user", "list"], "");
}

#[test]
fn the_peer_s_own_folder_is_the_default() {
    let away = Away::new();
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join(".local/share");
    std::fs::create_dir_all(&data).unwrap();
    std::os::unix::fs::symlink(away.device.path(), data.join("orgshare")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_auth-server"))
        .args(["--server", &away.server.url(), "user", "list"])
        .env_clear()
        .env("HOME", home.path())
        .output()
        .unwrap();
    succeeded(&output);
    let args = ["user", "list", "--server", &away.server.url(), "--device"];
    let output = Command::new(env!("CARGO_BIN_EXE_auth-server"))
        .args(args)
        .arg(away.device.path())
        .env_clear()
        .env("HOME", "/nonexistent")
        .output()
        .unwrap();
    succeeded(&output);
}

/// A server with a certificate of the organisation that answers everybody the same.
fn impostor(org: &Org, answer: Vec<u8>) -> String {
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    let hosts = vec!["127.0.0.1".parse().unwrap()];
    let https = root_ca::Subject::AuthServer { hosts };
    let https = org.issued(&https, OffsetDateTime::now_utc(), Recorded::No);
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(https.key.serialize_der()));
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(auth_server::tls::provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![https.leaf], key)
            .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let tls = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(tls, socket.unwrap());
            let _ = stream.read(&mut [0; 8192]);
            let _ = stream.write_all(&answer);
            let _ = stream.flush();
        }
    });
    url
}

#[test]
fn answers_that_no_auth_server_gives_are_refused() {
    let away = Away::new();
    let ask = |answer: &[u8], args: &[&str]| {
        let url = impostor(&away.org, answer.to_vec());
        remotely(&url, away.device.path(), args, "")
    };
    let good = away.server.url();
    let redirect =
        format!("HTTP/1.1 302 Found\r\nlocation: {good}/admin/users\r\ncontent-length: 0\r\n\r\n");
    for answer in [
        &redirect[..],
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n<ht>",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 500 \x1b[2J\r\ncontent-length: 3\r\n\r\n\x1b[2",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}",
    ] {
        let output = ask(answer.as_bytes(), &["user", "list"]);
        assert!(!output.status.success(), "{answer}: {}", said(&output));
        assert!(
            output.stdout.is_empty() && !said(&output).contains('\x1b'),
            "{answer}"
        );
    }
    let busy = "HTTP/1.1 503 x\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
    failed(
        &ask(busy.as_bytes(), &["user", "list"]),
        75,
        "try again in 7 s",
    );
    // A log that never ends.
    let hash = "0".repeat(64);
    let entry = format!(
        r#"{{"seq":1,"at":"2026-11-21T00:00:00Z","actor":"-","source":"-","action":"login","object":"x","outcome":"ok","hash":"{hash}"}}"#
    );
    let entries = vec![entry; 1000].join(",");
    let body = format!(r#"{{"entries":[{entries}],"checkpoints":[],"last":1000}}"#);
    let page = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let output = ask(page.as_bytes(), &["audit", "export"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("does not answer like an auth server"),
        "{}",
        said(&output)
    );
}
