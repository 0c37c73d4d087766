//! The server as a process: its log, its end, and what others on the machine can reach.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::KeyPair;
use rustix::process::Signal;
use serde_json::Value;
use support::*;

/// As long as anybody would wait for something that should be at once.
const SOON: Duration = PATIENCE;

fn objects(log: &str) -> Vec<serde_json::Map<String, Value>> {
    log.lines()
        .map(|line| match serde_json::from_str(line) {
            Ok(Value::Object(object)) => object,
            other => panic!("{line}: {other:?}"),
        })
        .collect()
}

#[test]
fn a_start_that_fails_says_so_in_the_form_of_the_log() {
    let org = Org::new();
    let started = |args: &[&str]| {
        let args = [&["run", "--listen", "127.0.0.1:0"], args].concat();
        let output = org.command(&args);
        assert!(!output.status.success() && output.stdout.is_empty());
        (output.status.code(), said(&output))
    };
    let told = |log: &str| {
        let lines = objects(log);
        let last = lines.last().unwrap();
        assert_eq!(last["level"], "error", "{log}");
        last["message"].as_str().unwrap().to_owned()
    };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let json = ["--log-format", "json", "--metrics", taken.as_str()];
    let (code, log) = started(&json);
    assert_eq!(code, Some(1), "{log}");
    assert!(told(&log).contains(&taken), "{log}");
    let (_, text) = started(&json[2..]);
    assert!(text.lines().any(|line| line.starts_with("auth-server: ")));
    // A mistake in the file is told in the form that is over it.
    let config = org.home().join("config.toml");
    std::fs::write(&config, "cert_lifetime = 'long'\n").unwrap();
    let (code, log) = started(&json[..2]);
    assert_eq!(code, Some(10), "{log}");
    assert!(told(&log).contains("cert_lifetime"), "{log}");
    std::fs::write(&config, "log_format = 'json'\n").unwrap();
    std::fs::write(org.passphrase_file(), "not the passphrase").unwrap();
    let (code, log) = started(&[]);
    assert_eq!(code, Some(10), "{log}");
    assert!(told(&log).contains("passphrase"), "{log}");
}

#[test]
fn every_line_of_the_json_log_is_an_object_whatever_strangers_send() {
    let org = Org::with_user("alice");
    let server = Server::start(&org, &["--log-format", "json"]);
    let hostile = "alice\n{\"level\":\"error\",\"forged\":1}";
    assert_eq!(server.login(hostile, PASSWORD).status, 401);
    assert_eq!(
        server.login("\u{202e}\u{1b}[31malice", PASSWORD).status,
        401
    );
    assert_eq!(server.login("alice", "wrong").status, 401);
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    for path in ["/%0a%0d{\"a\":1}", "/\\\"}{", "/a\"b", "/\u{f6}\u{202e}"] {
        server.get(path, "x-request-id: forged\r\n");
    }
    let last = server.get("/root.crt", "");
    let id = last.header("x-request-id").unwrap().to_owned();
    eventually("the last line", SOON, || server.log().contains(&id));
    let log = server.log();
    assert!(!log.contains("forged") && !log.contains('\u{1b}'), "{log}");
    for object in objects(&log) {
        let at = object["timestamp"].as_str().unwrap();
        let format = &time::format_description::well_known::Rfc3339;
        let at = time::OffsetDateTime::parse(at, format).unwrap();
        assert!(at.offset().is_utc());
        let level = object["level"].as_str().unwrap();
        assert!(["info", "warn", "error"].contains(&level), "{level}");
        let target = object["target"].as_str().unwrap();
        if target == "access" {
            for field in ["remote", "method", "path", "version"] {
                assert!(object[field].is_string(), "{object:?}");
            }
            assert!(object["status"].is_u64() && object["micros"].is_u64());
            assert_eq!(object["request_id"].as_str().unwrap().len(), 16);
        }
    }
}

#[test]
fn the_lines_of_a_request_share_its_id_and_name_only_what_can_be_an_alias() {
    let org = Org::with_user("alice");
    let server = Server::start(&org, &["--log-format", "json"]);
    for (alias, object) in [("nobody-here", "nobody-here"), ("No/Body", "(no alias)")] {
        let answer = server.login(alias, "a password of no use");
        let id = answer.header("x-request-id").unwrap().to_owned();
        let lines = || -> Vec<_> {
            objects(&server.log())
                .into_iter()
                .filter(|line| {
                    line.get("request_id")
                        .is_some_and(|found| *found == id.as_str())
                })
                .collect()
        };
        eventually("both lines", SOON, || lines().len() == 2);
        let lines = lines();
        assert_eq!(lines[0]["message"], "refused a login");
        assert_eq!(lines[0]["alias"], object);
        assert_eq!(lines[0]["outcome"], "no such user");
        assert_eq!(lines[1]["target"], "access");
        let is_told = |line: &serde_json::Map<String, Value>| {
            line["target"] == "audit" && line["object"] == object
        };
        eventually("the entry of the audit log", SOON, || {
            objects(&server.log()).iter().any(is_told)
        });
        assert!(!server.log().contains("No/Body"));
    }
}

/// A login whose last byte is not sent yet, and that byte.
fn unfinished_login(
    server: &Server,
) -> (
    rustls::StreamOwned<rustls::ClientConnection, std::net::TcpStream>,
    Vec<u8>,
) {
    let csr = request(&KeyPair::generate().unwrap());
    let body = serde_json::json!({"alias": "alice", "password": PASSWORD, "csr": csr}).to_string();
    let (most, rest) = body.split_at(body.len() - 1);
    let mut stream = server.connect();
    let head = format!(
        "POST /verify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{most}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.flush().unwrap();
    (stream, rest.as_bytes().to_vec())
}

/// A connection that has had an answer and may ask again.
fn kept_alive(
    server: &Server,
) -> rustls::StreamOwned<rustls::ClientConnection, std::net::TcpStream> {
    let mut stream = server.connect();
    stream
        .write_all(b"GET /root.crt HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    let mut answer = vec![0; 64];
    assert!(stream.read(&mut answer).unwrap() > 0);
    stream
}

#[test]
fn sigterm_lets_a_slow_login_finish_and_ends_idle_connections_at_once() {
    let org = Org::with_user("alice");
    let mut server = org.start();
    let (mut login, rest) = unfinished_login(&server);
    let mut idle = kept_alive(&server);
    let mut silent = server.connect();
    silent.conn.complete_io(&mut silent.sock).unwrap();
    // So that the server has begun with the login: it was sent before this was asked.
    server.get("/root.crt", "");
    let began = Instant::now();
    server.signal(Signal::TERM);
    let mut bytes = Vec::new();
    let _ = idle.read_to_end(&mut bytes);
    let _ = silent.read_to_end(&mut bytes);
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(server.child.try_wait().unwrap(), None);
    login.write_all(&rest).unwrap();
    login.flush().unwrap();
    let mut answer = String::new();
    let _ = login.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("BEGIN CERTIFICATE"));
    assert_eq!(server.child.wait().unwrap().code(), Some(143));
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    let org = Org::with_user("alice");
    let mut server = org.start();
    let (_login, _) = unfinished_login(&server);
    let mut idle = kept_alive(&server);
    server.signal(Signal::TERM);
    // It has taken the first one: idle connections end.
    let _ = idle.read_to_end(&mut Vec::new());
    assert_eq!(server.child.try_wait().unwrap(), None);
    let began = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.child.wait().unwrap().code(), Some(143));
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn sighup_is_told_and_changes_nothing() {
    let org = Org::with_user("alice");
    let server = org.start();
    server.signal(Signal::HUP);
    eventually("the line", SOON, || {
        server.log().contains("SIGHUP changes nothing")
    });
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    assert_eq!(server.stop(Signal::TERM), Some(143));
}

#[test]
fn the_service_manager_hears_of_the_start_and_of_the_end() {
    let org = Org::new();
    let path = org.home().with_file_name("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let mut child = org
        .program(&["run", "--listen", "127.0.0.1:0", "--no-prompt"])
        .env("NOTIFY_SOCKET", &path)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let heard = || {
        let mut buffer = [0; 256];
        let read = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..read].to_vec()).unwrap()
    };
    assert!(heard().contains("READY=1"));
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, Signal::TERM).unwrap();
    assert!(heard().contains("STOPPING=1"));
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

/// The program run by somebody who is not root: the kernel shows root as the owner of `/proc/PID`
/// exactly when the process cannot be dumped or debugged by its user.
#[test]
fn the_process_cannot_be_dumped_nor_debugged_by_its_user() {
    const NOBODY: u32 = 65_534;
    let is_root = rustix::process::geteuid().is_root();
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("auth-server");
    copy_program(&program);
    let passphrase = dir.path().join("passphrase");
    write_secret(&passphrase, PASSPHRASE);
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&passphrase, PermissionsExt::from_mode(0o644)).unwrap();
    let home = dir.path().join("home");
    std::fs::create_dir(&home).unwrap();
    std::fs::set_permissions(&home, PermissionsExt::from_mode(0o700)).unwrap();
    if is_root {
        std::os::unix::fs::chown(&home, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let run = |args: &[&str]| {
        let mut command = if is_root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
            command.arg(&program);
            command
        } else {
            Command::new(&program)
        };
        command.args(args).arg("--dir").arg(&home);
        command.arg("--passphrase-file").arg(&passphrase);
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        command
    };
    let made = run(&INIT).output();
    succeeded(&made.unwrap());
    let mut server = run(&["run", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
    let ready = lines.any(|line| line.unwrap().contains("listening on"));
    let proc = format!("/proc/{}", server.id());
    let limits = std::fs::read_to_string(format!("{proc}/limits")).unwrap();
    let owner = std::fs::metadata(format!("{proc}/environ")).unwrap().uid();
    let status = std::fs::read_to_string(format!("{proc}/status")).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(ready);
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let fields: Vec<&str> = core.unwrap().split_whitespace().collect();
    assert_eq!(fields[4..6], ["0", "0"], "{core:?}");
    assert!(!status.contains("\nUid:\t0\t"), "{status}");
    assert_eq!(owner, 0, "the process is dumpable");
}

#[test]
fn a_backup_is_for_its_owner_alone_under_any_umask() {
    let org = Org::new();
    for umask in ["000", "077"] {
        let file = org.home().with_file_name(format!("backup-{umask}"));
        let made = Command::new("sh")
            .args(["-c", "umask $1; shift; exec \"$@\"", "sh", umask])
            .arg(env!("CARGO_BIN_EXE_auth-server"))
            .args(["backup", "--dir"])
            .args([org.home(), file.clone()])
            .output()
            .unwrap();
        succeeded(&made);
        assert_eq!(mode(&file), 0o600);
    }
}
