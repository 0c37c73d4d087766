//! What the tests of this crate share: an authority, a ledger in memory, and other people's tools.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use root_ca::{
    Authority, IssuedCertificate, KeyType, Ledger, LedgerEntry, Profile, ProfileConfig, ProvenKey,
    Serial, SoftwareKey, Subject,
};
use time::OffsetDateTime;

pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

pub(crate) fn authority(key_type: KeyType) -> Authority {
    let key = SoftwareKey::generate(key_type).unwrap();
    Authority::create("Acme & Söhne", Box::new(key), now()).unwrap()
}

pub(crate) fn profile() -> Profile {
    Profile::new(&ProfileConfig::default()).unwrap()
}

pub(crate) fn alice() -> Subject {
    Subject::Member {
        alias: "alice".parse().unwrap(),
        role: "member".parse().unwrap(),
    }
}

/// Records what it is told, and refuses what it is told to refuse.
#[derive(Default)]
pub(crate) struct MemoryLedger {
    pub(crate) records: Mutex<Vec<String>>,
    pub(crate) refuse_first: bool,
    pub(crate) refuse_second: bool,
}

impl Ledger for MemoryLedger {
    type Error = &'static str;

    async fn about_to_sign(&self, entry: &LedgerEntry) -> Result<(), &'static str> {
        let alias = entry.alias.as_ref().map_or("-", |alias| alias.as_str());
        let record = format!("about to sign {alias}");
        self.records.lock().unwrap().push(record);
        if self.refuse_first {
            Err("refused")
        } else {
            Ok(())
        }
    }

    async fn signed(&self, _serial: &Serial) -> Result<(), &'static str> {
        self.records.lock().unwrap().push("signed".into());
        if self.refuse_second {
            Err("refused")
        } else {
            Ok(())
        }
    }
}

/// Runs a future that never waits.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future waits"),
    }
}

pub(crate) fn issue(
    authority: &Authority,
    subject: &Subject,
    key: &SoftwareKey,
) -> IssuedCertificate {
    let prepared = authority
        .prepare(&profile(), subject, &ProvenKey::from(key), now())
        .unwrap();
    ready(authority.issue(prepared, &MemoryLedger::default())).unwrap()
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    der::pem::encode_string(label, der::pem::LineEnding::LF, der).unwrap()
}

pub(crate) fn write(dir: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = dir.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Runs stock `openssl`, expects success, returns stdout and stderr.
pub(crate) fn openssl(args: &[&str]) -> String {
    run(
        Command::new("openssl").args(args),
        "install the Debian package openssl",
    )
}

/// Runs one of pkilint's linters; any finding fails the test.
pub(crate) fn pkilint(linter: &str, args: &[&str]) {
    let venv = std::env::var_os("ORGSHARE_VENV").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv"),
        PathBuf::from,
    );
    let tool = venv.join("bin").join(linter);
    assert!(
        tool.exists(),
        "{} is missing; run ./test, which installs pkilint there",
        tool.display()
    );
    let output = Command::new(tool).args(args).output().unwrap();
    let (out, err) = (output.stdout, output.stderr);
    let text = String::from_utf8(out).unwrap() + &String::from_utf8_lossy(&err);
    assert_eq!(output.status.code(), Some(0), "{linter} {args:?}: {text}");
}

fn run(command: &mut Command, cure: &str) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; {cure}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

impl MemoryLedger {
    pub(crate) fn all(&self) -> Vec<String> {
        self.records.lock().unwrap().clone()
    }
}
