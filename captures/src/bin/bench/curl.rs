//! The rival: curl fetching the same file from nginx with mutual TLS 1.3.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use captures::process::{self, Running};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_RSA_SHA256,
    RsaKeySize,
};
use rustix::process::Signal;
use tempfile::TempDir;

use captures::measure::Outcome;

const PATIENCE: Duration = Duration::from_secs(300);

/// A running nginx that demands a certificate of its own CA, with RSA-3072 keys at both ends.
pub(crate) struct Nginx {
    running: Option<Running>,
    folder: TempDir,
    port: u16,
}

impl Nginx {
    pub(crate) fn start(shared: &Path) -> Outcome<Self> {
        let folder = captures::scratch::folder()?;
        write_certificates(folder.path())?;
        let port = process::free_port()?;
        fs::write(
            folder.path().join("nginx.conf"),
            config(folder.path(), shared, port),
        )?;
        let mut command = process::tool("nginx", "nginx-light")?;
        command
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(folder.path().join("nginx.conf"));
        let running = Running::start(&mut command)?;
        running.wait_for_text("start worker process ")?;
        Ok(Self {
            running: Some(running),
            folder,
            port,
        })
    }

    /// Fetches a file and returns how long it took.
    pub(crate) fn fetch(&self, name: &str, to: &Path) -> Outcome<Duration> {
        let mut command = process::tool("curl", "curl")?;
        let file = |name: &str| self.folder.path().join(name);
        command.args(["--silent", "--show-error", "--fail", "--tlsv1.3"]);
        command.arg("--cacert").arg(file("ca.crt"));
        command
            .arg("--cert")
            .arg(file("leaf.crt"))
            .arg("--key")
            .arg(file("leaf.key"));
        command
            .arg("-o")
            .arg(to)
            .arg(format!("https://localhost:{}/{name}", self.port));
        let begun = Instant::now();
        Running::start(&mut command)?.finish(PATIENCE)?.success()?;
        Ok(begun.elapsed())
    }
}

impl Drop for Nginx {
    /// Only its own end of the master takes the worker along; a kill would leave that behind.
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.signal(Signal::TERM).ok();
            running.finish(Duration::from_secs(10)).ok();
        }
    }
}

fn config(folder: &Path, shared: &Path, port: u16) -> String {
    let (folder, shared) = (folder.display(), shared.display());
    format!(
        "daemon off; master_process on; worker_processes 1; user root; pid {folder}/pid;
error_log stderr notice;
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; tcp_nopush on;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_protocols TLSv1.3; ssl_verify_client on; ssl_client_certificate {folder}/ca.crt;
    ssl_certificate {folder}/leaf.crt; ssl_certificate_key {folder}/leaf.key;
    root {shared};
  }}
}}
"
    )
}

fn write_certificates(folder: &Path) -> Outcome<()> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params, rsa_3072()?)?;
    let key = rsa_3072()?;
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    // Not the default name, which the CA has: curl would take the leaf for self-signed.
    params
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    let leaf = params.signed_by(&key, &root)?;
    fs::write(folder.join("ca.crt"), root.pem())?;
    fs::write(folder.join("leaf.crt"), leaf.pem())?;
    fs::write(folder.join("leaf.key"), key.serialize_pem())?;
    Ok(())
}

fn rsa_3072() -> Outcome<KeyPair> {
    Ok(KeyPair::generate_rsa_for(
        &PKCS_RSA_SHA256,
        RsaKeySize::_3072,
    )?)
}
