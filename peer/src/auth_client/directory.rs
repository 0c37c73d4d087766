//! Who is online, and that this device is.

use serde::{Deserialize, Serialize};
use ureq::http::StatusCode;

use super::AuthClient;
use crate::events::Online;
use crate::failure::{Exit, Failure};

/// Bytes of the answer to who is online: 4,000 devices that announce half a KiB each.
const MAX_DIRECTORY_BYTES: usize = 2 << 20;

/// Addresses that a device may announce.
pub const MAX_ADDRESSES: usize = 16;

/// Shares that a device may announce.
pub const MAX_SHARES: usize = 64;

/// Bytes of the name of such a share; one with a longer name is served and not announced.
pub const MAX_SHARE_BYTES: usize = 64;

/// What a device says of itself; who it is the server reads from its certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Announcement {
    /// Where it listens, `ip:port` or `host:port`; at most [`MAX_ADDRESSES`].
    pub addresses: Vec<String>,
    /// What it shares; at most [`MAX_SHARES`].
    pub shares: Vec<String>,
    /// Suites that it speaks.
    pub suites: Vec<String>,
    /// Others are not told.
    pub unlisted: bool,
}

#[derive(Deserialize)]
struct Directory {
    peers: Vec<Online>,
}

impl AuthClient {
    /// Announces this device; counts while it follows the events. Needs [`AuthClient::with_device`].
    ///
    /// # Errors
    /// When the server does not take it, or cannot be reached.
    pub fn announce(&self, announcement: &Announcement) -> Result<(), Failure> {
        let mut answer = self.send_json("PUT", "/presence", announcement)?;
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(()),
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(answer.not_accepted("does not list this device"))
            }
            StatusCode::TOO_MANY_REQUESTS => Err(Failure::new(
                Exit::Temporary,
                "this device was announced too often, or too many of yours are online",
            )),
            _ => Err(answer.refused()),
        }
    }

    /// Takes back what was announced. Needs [`AuthClient::with_device`].
    ///
    /// # Errors
    /// When the server does not take it, or cannot be reached.
    pub fn withdraw(&self) -> Result<(), Failure> {
        let mut answer = self.delete("/presence")?;
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(()),
            _ => Err(answer.refused()),
        }
    }

    /// Who is online, by alias. Needs [`AuthClient::with_device`].
    ///
    /// # Errors
    /// When the server does not take the certificate, or cannot be reached.
    pub fn peers(&self) -> Result<Vec<Online>, Failure> {
        let mut answer = self.get("/peers", |request| request)?;
        match answer.status() {
            StatusCode::OK => {
                let bytes = answer.body(MAX_DIRECTORY_BYTES)?;
                let directory: Directory =
                    serde_json::from_slice(&bytes).map_err(|_| answer.nonsense())?;
                Ok(directory.peers)
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(answer.not_accepted("does not tell this device who is online"))
            }
            _ => Err(answer.refused()),
        }
    }
}
