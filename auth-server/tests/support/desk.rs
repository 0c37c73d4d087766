//! Administration over the network, as an administrator's device does it.

use std::io::{Read, Write};
use std::path::PathBuf;

use tempfile::TempDir;

use super::{Answer, Connection, Member, Org, PASSWORD, Server, said};

/// An organisation, its server, and a device of its administrator `root`.
pub(crate) struct Desk {
    pub(crate) server: Server,
    pub(crate) root: Member,
    pub(crate) org: Org,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let org = Org::new();
        org.add_as("root", "admin");
        let server = org.start();
        let root = server.member("root", PASSWORD);
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
        member: Option<&Member>,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Option<Answer> {
        self.ask_with(member, method, path, "application/json", body)
    }

    pub(crate) fn ask_with(
        &self,
        member: Option<&Member>,
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
        self.send_as(member, request.as_bytes())
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
