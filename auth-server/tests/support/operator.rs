//! Members' devices, honest and forged, that show their certificates to the server.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use auth_server::audit::Actor;
use auth_server::store::sqlite::SqliteStore;
use auth_server::store::{Issuance, Store, StoreLedger};
use common::identity::OrgRoot;
use rcgen::KeyPair;
use root_ca::{
    Authority, IssuedCertificate, Profile, ProfileConfig, ProvenKey, SoftwareKey, Subject,
};
use rustls::pki_types::CertificateDer;
use secrecy::SecretString;
use tempfile::TempDir;
use time::OffsetDateTime;

use super::members::NoLedger;
pub(crate) use super::members::wait;
use super::{
    Answer, Connection, Member, Org, PASSPHRASE, PASSWORD, Server, pem, request, said, unchecked,
};

/// A private key with its certificate.
pub(crate) struct Operator {
    pub(crate) leaf: CertificateDer<'static>,
    pub(crate) key_pkcs8: Vec<u8>,
}

impl Operator {
    /// Logs in with [`PASSWORD`].
    pub(crate) fn login(server: &Server, alias: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        Self {
            leaf: server
                .login_with(alias, PASSWORD, &request(&key))
                .certificate(),
            key_pkcs8: key.serialize_der(),
        }
    }

    pub(crate) fn serial(&self) -> String {
        use x509_cert::der::Decode;
        let parsed = x509_cert::Certificate::from_der(&self.leaf).unwrap();
        let serial = parsed.tbs_certificate().serial_number();
        let bytes = serial.as_bytes();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A folder as the peer keeps it.
    pub(crate) fn device(&self, root: &CertificateDer<'_>) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        let both = pem("PRIVATE KEY", &self.key_pkcs8) + &pem("CERTIFICATE", &self.leaf);
        let path = dir.path().join("device.pem");
        std::fs::write(&path, both).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(dir.path().join("root.crt"), pem("CERTIFICATE", root)).unwrap();
        dir
    }
}

/// An organisation, its server, and a device of its administrator `root`.
pub(crate) struct Desk {
    pub(crate) server: Server,
    pub(crate) root: Operator,
    pub(crate) org: Org,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let org = Org::new();
        org.add_as("root", "admin");
        let server = org.start();
        let root = Operator::login(&server, "root");
        Self { server, root, org }
    }
}

/// An order whose last byte is still to come.
pub(crate) struct HeldBack {
    stream: Connection,
    last: String,
}

impl HeldBack {
    /// Sends the last byte.
    pub(crate) fn let_go(&mut self) {
        self.stream.write_all(self.last.as_bytes()).unwrap();
        self.stream.flush().unwrap();
    }

    /// The status of the answer.
    pub(crate) fn status(mut self) -> u16 {
        let mut bytes = Vec::new();
        let _ = self.stream.read_to_end(&mut bytes);
        Answer::parse(&bytes).status
    }
}

/// The organisation's root key in the hands of a test.
pub(crate) fn authority(org: &Org) -> Authority {
    let path = org.home().join("root.key");
    let key = root_ca::key_store::open(&path, &SecretString::from(PASSPHRASE)).unwrap();
    Authority::open(org.root(), Box::new(key)).unwrap()
}

pub(crate) async fn store(org: &Org) -> SqliteStore {
    let root = OrgRoot::from_der(org.root()).unwrap();
    let path = org.home().join("store.sqlite");
    SqliteStore::open(&path, &root.fingerprint()).await.unwrap()
}

/// A member as the authority would certify one at that time.
pub(crate) fn subject(alias: &str, role: &str) -> Subject {
    Subject::Member {
        alias: alias.parse().unwrap(),
        role: role.parse().unwrap(),
    }
}

/// Has the root key certify a new key; the ledger knows it if `recorded`.
pub(crate) fn certify(
    org: &Org,
    authority: &Authority,
    subject: &Subject,
    at: OffsetDateTime,
    recorded: bool,
) -> Operator {
    let key = SoftwareKey::generate(root_ca::KeyType::P256).unwrap();
    let profile = Profile::new(&ProfileConfig::default()).unwrap();
    let prepared = authority
        .prepare(&profile, subject, &ProvenKey::from(&key), at)
        .unwrap();
    let issued: IssuedCertificate = wait(async {
        if !recorded {
            return authority.issue(prepared, &NoLedger).await.unwrap();
        }
        let store = store(org).await;
        let by = Actor::console();
        let issuance = Issuance {
            by: &by,
            renews: None,
            now: at,
        };
        let ledger = StoreLedger {
            store: &store,
            issuance,
        };
        let issued = authority.issue(prepared, &ledger).await.unwrap();
        store.close().await.unwrap();
        issued
    });
    Operator {
        leaf: issued.der().clone(),
        key_pkcs8: key.to_pkcs8().unwrap().to_vec(),
    }
}

impl Server {
    /// `POST /admin/users`, held back until the right to it has been looked at once.
    pub(crate) fn hold_back(&self, by: &Member, body: &str) -> HeldBack {
        let (most, last) = body.split_at(body.len() - 1);
        let head = format!(
            "POST /admin/users HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{most}",
            body.len()
        );
        let mut stream = self.connect_as(Some(by));
        stream.write_all(head.as_bytes()).unwrap();
        stream.flush().unwrap();
        // It has been when another request of the device was answered.
        let look = b"GET /admin/users HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let seen = self.send_as(Some(by), look);
        assert_eq!(seen.expect("no answer").status, 200);
        let last = last.to_owned();
        HeldBack { stream, last }
    }

    /// A request with that certificate, if any; no answer when the handshake fails.
    pub(crate) fn ask(
        &self,
        member: Option<&Operator>,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Option<Answer> {
        self.ask_with(member, method, path, "application/json", body)
    }

    pub(crate) fn ask_with(
        &self,
        member: Option<&Operator>,
        method: &str,
        path: &str,
        kind: &str,
        body: Option<&str>,
    ) -> Option<Answer> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        if let Some(body) = body {
            request += &format!("content-type: {kind}\r\ncontent-length: {}\r\n", body.len());
        }
        request += "\r\n";
        request += body.unwrap_or_default();
        let mut stream =
            self.connect_showing(member.map(|member| unchecked(&member.key_pkcs8, &member.leaf)));
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.flush();
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        (!bytes.is_empty()).then(|| Answer::parse(&bytes))
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

impl Org {
    pub(crate) fn add_as(&self, alias: &str, role: &str) {
        let args = ["user", "add", alias, "--role", role, "--password-file", "-"];
        super::succeeded(&self.with_input(&args, PASSWORD));
    }

    /// Every entry of the audit log, as `action object outcome`, with actor and source before it.
    pub(crate) fn audit_told(&self) -> Vec<String> {
        let output = self.command(&["audit", "tail", "-n", "100000", "--json"]);
        super::succeeded(&output);
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(told).collect()
    }

    /// An export of the audit log in a file.
    pub(crate) fn export(&self) -> (TempDir, PathBuf) {
        let output = self.command(&["audit", "export"]);
        assert!(output.status.success(), "{}", said(&output));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("export");
        std::fs::write(&path, output.stdout).unwrap();
        (dir, path)
    }
}

fn told(line: &str) -> String {
    let entry: serde_json::Value = serde_json::from_str(line).unwrap();
    ["actor", "source", "action", "object", "outcome"]
        .map(|name| entry[name].as_str().unwrap().to_owned())
        .join(" | ")
}
