//! The running server, as a device sees it; or the port that it would take.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use common::crl::RevocationList;
use common::identity::OrgRoot;
use common::limits::MAX_CRL_BYTES;
use rustls::pki_types::{CertificateRevocationListDer, ServerName, UnixTime};
use rustls::{ClientConfig, RootCertStore, version};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::Finding;
use crate::home::Home;
use crate::tls;
use crate::ui::counted;

/// The longest that an answer of this machine takes.
const ANSWER_SECS: u64 = 20;
/// Bytes of an answer's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// A list is signed again each hour; one that is older tells of a server that cannot sign.
const CRL_NOTICE: time::Duration = time::Duration::hours(2);
/// How long a list holds.
const CRL_LIFETIME: time::Duration = time::Duration::hours(24);

/// Port, chain and revocation list. `last` is the last CRL number that the store gave.
pub(super) async fn look(
    home: &Home,
    root: &OrgRoot,
    listen: &[String],
    last: Option<u64>,
    now: OffsetDateTime,
) -> Vec<Finding> {
    let Some(address) = first_address(listen).await else {
        let cure = "correct listen in the settings";
        let says = format!("{} is no address", listen.join(" or "));
        return vec![Finding::fail("port", says, cure)];
    };
    if !home.is_served() {
        return vec![port_without_server(address).await];
    }
    let limit = Duration::from_secs(ANSWER_SECS);
    let answer = tokio::time::timeout(limit, fetch_crl(root, address)).await;
    let Ok(answer) = answer else {
        let says = format!("a server runs on this folder, and does not answer on {address}");
        return vec![Finding::fail("port", says, "look into its log")];
    };
    match answer {
        Ok(der) => vec![
            Finding::ok("port", format!("the server answers on {address}")),
            Finding::ok("chain", "its HTTPS certificate is the root's"),
            revocation_list(der, root, last, now),
        ],
        Err(error) => vec![Finding::fail(
            "port",
            format!("a server runs on this folder, but on {address}: {error}"),
            "give the address that it listens on with --listen",
        )],
    }
}

async fn first_address(listen: &[String]) -> Option<SocketAddr> {
    let mut found = lookup_host(listen.first()?).await.ok()?;
    found.next()
}

async fn port_without_server(address: SocketAddr) -> Finding {
    match TcpListener::bind(address).await {
        Ok(_) => Finding::warn(
            "port",
            format!("{address} is free: no server runs on this folder"),
            "start it with: auth-server run",
        ),
        Err(error) => Finding::fail(
            "port",
            format!("{address} cannot be taken: {error}"),
            "stop the program that uses it, or choose another with listen in the settings",
        ),
    }
}

/// Where a listener on all addresses is reached from here.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

async fn fetch_crl(root: &OrgRoot, address: SocketAddr) -> Result<Vec<u8>, String> {
    let address = reachable(address);
    let mut roots = RootCertStore::empty();
    roots
        .add(root.certificate().clone())
        .map_err(|error| error.to_string())?;
    let config = ClientConfig::builder_with_provider(Arc::new(tls::provider()))
        .with_protocol_versions(&[&version::TLS13])
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::IpAddress(address.ip().into());
    let socket = TcpStream::connect(address)
        .await
        .map_err(|error| error.to_string())?;
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, socket)
        .await
        .map_err(|error| error.to_string())?;
    let request = b"GET /root.crl HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let limit = u64::try_from(MAX_CRL_BYTES + MAX_HEAD_BYTES).unwrap_or(u64::MAX);
    let mut answer = Vec::new();
    let exchange = async {
        stream.write_all(request).await?;
        stream.flush().await?;
        stream.take(limit).read_to_end(&mut answer).await
    };
    exchange.await.map_err(|error| error.to_string())?;
    body(&answer).ok_or_else(|| "its answer is not a revocation list".to_owned())
}

fn body(answer: &[u8]) -> Option<Vec<u8>> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    answer
        .starts_with(b"HTTP/1.1 200 ")
        .then(|| answer[end + 4..].to_vec())
}

fn revocation_list(
    der: Vec<u8>,
    root: &OrgRoot,
    last: Option<u64>,
    now: OffsetDateTime,
) -> Finding {
    const CHECK: &str = "revocation list";
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or_default();
    let clock = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let der = CertificateRevocationListDer::from(der);
    let list = match RevocationList::accept(der, root, clock, None) {
        Ok(list) => list,
        Err(error) => {
            let cure = "look into the server's log for why it cannot sign";
            return Finding::fail(CHECK, error.to_string(), cure);
        }
    };
    let next = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(list.next_update().as_secs());
    let age = CRL_LIFETIME - (next - now);
    let entries = u64::try_from(list.revoked_count()).unwrap_or(u64::MAX);
    let minutes = u64::try_from(age.whole_minutes()).unwrap_or_default();
    let says = format!(
        "number {}, {}, {} old",
        list.number(),
        counted(entries, "entry", "entries"),
        counted(minutes, "minute", "minutes")
    );
    if last.is_some_and(|last| list.number() > last) {
        let cure = "somebody replaced the store under the running server: stop it, and restore";
        return Finding::fail(CHECK, format!("{says}, above the store's last"), cure);
    }
    // One number may have been taken a moment ago.
    if last.is_some_and(|last| last > list.number() + 1) {
        let says = format!("{says}; it tried to sign others, and could not");
        let cure = "look into the server's log for why: what was revoked since is not in it";
        return Finding::fail(CHECK, says, cure);
    }
    if age > CRL_NOTICE {
        let cure = "look into the server's log for why it does not sign";
        return Finding::warn(CHECK, says, cure);
    }
    Finding::ok(CHECK, says)
}
