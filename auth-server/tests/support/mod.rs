//! The real program on a folder of its own and a port of its own, and a small HTTPS client.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod crowd;
pub(crate) mod desk;
pub(crate) mod disk;
pub(crate) mod history;
pub(crate) mod listener;
mod members;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth_server::audit::Record;
use auth_server::store::sqlite::SqliteStore;
use auth_server::store::{AuditStore, Store};
use common::identity::Fingerprint;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, version};
use tempfile::TempDir;

#[allow(unused_imports, reason = "each test file uses its own part")]
pub(crate) use members::{Member, Recorded, subject, wait};

pub(crate) const PASSPHRASE: &str = "the tide turns twice daily";
pub(crate) const PASSWORD: &str = "seven blue harbour cranes";

/// Makes an organisation, with the fast kind of key.
pub(crate) const INIT: [&str; 5] = ["init", "--org", "Acme Corp", "--key-type", "p256"];

/// How long anything may take that ought to be quick, on a machine with much else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An organisation in a temporary folder.
pub(crate) struct Org {
    dir: TempDir,
}

impl Org {
    /// Made by [`INIT`].
    pub(crate) fn new() -> Self {
        let org = Self::unmade();
        succeeded(&org.command(&INIT));
        org
    }

    /// Before `init`: a passphrase, and no folder yet.
    pub(crate) fn unmade() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let org = Self { dir };
        write_secret(&org.passphrase_file(), PASSPHRASE);
        org
    }

    pub(crate) fn with_user(alias: &str) -> Self {
        let org = Self::new();
        org.add(alias, PASSWORD);
        org
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    pub(crate) fn passphrase_file(&self) -> PathBuf {
        self.dir.path().join("passphrase")
    }

    pub(crate) fn root(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.home().join("root.crt")).unwrap()
    }

    /// The program, with this organisation's folder and passphrase.
    pub(crate) fn program(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auth-server"));
        command
            .args(args)
            .env("ORGSHARE_AUTH_DIR", self.home())
            .env("ORGSHARE_AUTH_PASSPHRASE_FILE", self.passphrase_file())
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end. A server that starts where it should have refused is stopped.
    pub(crate) fn command(&self, args: &[&str]) -> Output {
        let program = self.program(args);
        let mut bounded = Command::new("timeout");
        bounded
            .arg("60")
            .arg(program.get_program())
            .args(program.get_args());
        for (name, value) in program.get_envs() {
            bounded.env(name, value.unwrap());
        }
        bounded.stdin(Stdio::null()).output().unwrap()
    }

    pub(crate) fn with_input(&self, args: &[&str], input: &str) -> Output {
        let mut child = self
            .program(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    pub(crate) fn add(&self, alias: &str, password: &str) {
        succeeded(&self.with_input(&["user", "add", alias, "--password-file", "-"], password));
    }

    /// A person with a one-time password.
    pub(crate) fn add_for_once(&self, alias: &str) -> String {
        let added = self.command(&["user", "add", alias, "--one-time"]);
        succeeded(&added);
        String::from_utf8(added.stdout).unwrap().trim().to_owned()
    }

    /// The audit log, an entry a line: action, object, outcome.
    pub(crate) fn audit(&self) -> Vec<String> {
        let entries =
            self.in_store(async |store| store.audit_page(0, 10_000).await.unwrap().entries);
        let line = |entry: Record| format!("{} {} {}", entry.action, entry.object, entry.outcome);
        entries.into_iter().map(line).collect()
    }

    /// Works on the store itself, beside the server.
    pub(crate) fn in_store<T>(&self, work: impl AsyncFnOnce(&SqliteStore) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let path = self.home().join("store.sqlite");
            let root = Fingerprint::of(&self.root());
            let store = SqliteStore::open(&path, &root).await.unwrap();
            let result = work(&store).await;
            store.close().await.unwrap();
            result
        })
    }

    pub(crate) fn start(&self) -> Server {
        Server::start(self, &[])
    }
}

/// Copies the program, by another process: one that is open for writing here, and so for a moment in
/// the child of any thread, cannot be run.
pub(crate) fn copy_program(to: &Path) {
    let program = Path::new(env!("CARGO_BIN_EXE_auth-server"));
    succeeded(&Command::new("cp").args([program, to]).output().unwrap());
}

/// Writes a secret for its owner alone.
pub(crate) fn write_secret(path: &Path, secret: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, secret).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Changes the store behind the program's back.
pub(crate) fn sql(org: &Org, statements: &str) {
    sql_in(&org.home().join("store.sqlite"), statements);
}

pub(crate) fn sql_in(store: &Path, statements: &str) {
    let store = rusqlite::Connection::open(store).unwrap();
    store.busy_timeout(Duration::from_secs(10)).unwrap();
    store.pragma_update(None, "foreign_keys", false).unwrap();
    store.execute_batch(statements).unwrap();
}

pub(crate) fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
}

/// Both streams, for messages.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Expects that exit code and that text on standard error, and nothing on standard output.
pub(crate) fn failed(output: &Output, code: i32, text: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.contains(text), "{stderr}");
    assert!(output.stdout.is_empty());
}

/// A client's end of a connection.
pub(crate) type Connection = StreamOwned<ClientConnection, TcpStream>;

/// A running server; killed when dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) log: Arc<Mutex<String>>,
    stderr: Option<BufReader<ChildStderr>>,
    root: CertificateDer<'static>,
}

impl Server {
    pub(crate) fn start(org: &Org, more: &[&str]) -> Self {
        let mut server = Self::start_unread(org, more);
        server.read_log();
        server
    }

    /// Nobody reads its standard error after the line that tells the address.
    pub(crate) fn start_unread(org: &Org, more: &[&str]) -> Self {
        Self::start_at(org, "127.0.0.1:0", more)
    }

    /// With room for so many open files.
    pub(crate) fn start_with_files(org: &Org, files: u32) -> Self {
        let program = org.program(&["run", "--listen", "127.0.0.1:0"]);
        let mut limited = Command::new("prlimit");
        limited.arg(format!("--nofile={files}:{files}"));
        limited.arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            limited.env(name, value.unwrap());
        }
        let mut server = Self::spawn(org, limited);
        server.read_log();
        server
    }

    /// The same on that address.
    pub(crate) fn start_at(org: &Org, address: &str, more: &[&str]) -> Self {
        let mut args = vec!["run", "--listen", address];
        args.extend(more);
        Self::spawn(org, org.program(&args))
    }

    fn spawn(org: &Org, mut program: Command) -> Self {
        let mut child = program.stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let address = loop {
            let mut line = String::new();
            assert!(
                stderr.read_line(&mut line).unwrap() > 0,
                "{}",
                log.lock().unwrap()
            );
            log.lock().unwrap().push_str(&line);
            if let Some((_, rest)) = line.split_once("listening on https://") {
                let end = rest.find(|c: char| c != ':' && c != '.' && !c.is_ascii_digit());
                break rest[..end.unwrap_or(rest.len())].parse().unwrap();
            }
        };
        Self {
            child,
            address,
            log,
            stderr: Some(stderr),
            root: org.root(),
        }
    }

    /// From now on the log is read.
    pub(crate) fn read_log(&mut self) {
        let mut stderr = self.stderr.take().unwrap();
        let log = self.log.clone();
        std::thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|read| read > 0) {
                log.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
    }

    /// Connects and finishes nothing yet: the handshake runs with the first byte.
    pub(crate) fn connect(&self) -> Connection {
        self.connect_as(None)
    }

    /// The same, showing a certificate.
    pub(crate) fn connect_as(&self, member: Option<&Member>) -> Connection {
        self.connect_showing(
            member.map(|member| unchecked(&member.key.serialize_der(), &member.leaf)),
        )
    }

    fn connect_showing(&self, shown: Option<SingleCertAndKey>) -> Connection {
        let socket = TcpStream::connect(self.address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(40)))
            .unwrap();
        StreamOwned::new(self.tls(shown), socket)
    }

    /// The client's side of a handshake that shows a certificate.
    pub(crate) fn tls_as(&self, member: &Member) -> ClientConnection {
        self.tls(Some(unchecked(&member.key.serialize_der(), &member.leaf)))
    }

    /// The client's side of a handshake.
    pub(crate) fn tls(&self, shown: Option<SingleCertAndKey>) -> ClientConnection {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let provider = Arc::new(auth_server::tls::provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
        let config = match shown {
            None => config.with_no_client_auth(),
            Some(shown) => config.with_client_cert_resolver(Arc::new(shown)),
        };
        let name = ServerName::try_from("127.0.0.1").unwrap();
        ClientConnection::new(Arc::new(config), name).unwrap()
    }

    pub(crate) fn send(&self, request: &[u8]) -> Answer {
        self.send_as(None, request).expect("no answer")
    }

    /// `None` when the connection ends without an answer.
    pub(crate) fn send_as(&self, member: Option<&Member>, request: &[u8]) -> Option<Answer> {
        let mut stream = self.connect_as(member);
        // The server may answer and close before it has read all.
        let _ = stream.write_all(request).and_then(|()| stream.flush());
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        (!bytes.is_empty()).then(|| Answer::parse(&bytes))
    }

    pub(crate) fn get(&self, path: &str, headers: &str) -> Answer {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
        self.send(request.as_bytes())
    }

    pub(crate) fn post(&self, kind: &str, body: &[u8]) -> Answer {
        self.send(&post("/verify", kind, body))
    }

    /// Sends JSON; `what` is method and path.
    pub(crate) fn json(
        &self,
        member: Option<&Member>,
        what: &str,
        body: &serde_json::Value,
    ) -> Answer {
        let body = body.to_string();
        let request = with_body(what, "application/json", body.as_bytes());
        self.send_as(member, &request).expect("no answer")
    }

    pub(crate) fn change_password(&self, alias: &str, old: &str, new: &str) -> Answer {
        let body = serde_json::json!({"alias": alias, "old": old, "new": new});
        self.json(None, "POST /password", &body)
    }

    pub(crate) fn login(&self, alias: &str, password: &str) -> Answer {
        self.login_with(alias, password, &request(&KeyPair::generate().unwrap()))
    }

    pub(crate) fn login_with(&self, alias: &str, password: &str, csr: &str) -> Answer {
        let body = serde_json::json!({"alias": alias, "password": password, "csr": csr});
        self.post("application/json", body.to_string().as_bytes())
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Ends it by a signal and returns the exit code.
    pub(crate) fn stop(mut self, signal: rustix::process::Signal) -> Option<i32> {
        self.signal(signal);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Shown as they are, whether key and certificate belong together or not.
fn unchecked(key: &[u8], leaf: &CertificateDer<'static>) -> SingleCertAndKey {
    let key = PrivateKeyDer::try_from(key.to_vec()).unwrap();
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
    CertifiedKey::new(vec![leaf.clone()], key).into()
}

pub(crate) fn post(path: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    with_body(&format!("POST {path}"), kind, body)
}

fn with_body(what: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "{what} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// A certificate request in PEM, made by another implementation than the server's.
pub(crate) fn request(key: &KeyPair) -> String {
    let params = CertificateParams::default();
    let der = params.serialize_request(key).unwrap();
    pem("CERTIFICATE REQUEST", der.der())
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    use x509_cert::der::pem::{LineEnding, encode_string};
    encode_string(label, LineEnding::LF, der).unwrap()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        Self {
            status: head[9..12].parse().unwrap(),
            head,
            body: bytes[end + 4..].to_vec(),
        }
    }

    /// The status and the type of the problem document.
    pub(crate) fn problem(&self) -> (u16, String) {
        let document: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(document["status"], self.status);
        (self.status, document["type"].as_str().unwrap().to_owned())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        assert_eq!(self.status, 200, "{}", self.text());
        CertificateDer::from_pem_slice(&self.body).unwrap()
    }
}

/// Waits until `holds`, for as long as anybody would wait.
pub(crate) fn eventually(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::yield_now();
    }
}

pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
