//! Who is online, and that this device is.

use common::identity::Alias;
use common::limits::{MAX_LISTING_BYTES, MAX_PERSON_LISTING_BYTES};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use ureq::http::StatusCode;

use super::AuthClient;
use crate::events::Online;
use crate::failure::{Exit, Failure};

/// What a device says of itself; who it is the server reads from its certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Announcement {
    /// Where it listens, `ip:port` or `host:port`; at most
    /// [`MAX_ANNOUNCED_ADDRESSES`](common::limits::MAX_ANNOUNCED_ADDRESSES).
    pub addresses: Vec<String>,
    /// What it shares; at most [`MAX_ANNOUNCED_SHARES`](common::limits::MAX_ANNOUNCED_SHARES).
    pub shares: Vec<String>,
    /// Suites that it speaks.
    pub suites: Vec<String>,
    /// Others are not told.
    pub unlisted: bool,
}

/// Who is online, as far as what the server says of it has its form.
#[derive(Debug)]
pub struct Listing {
    /// By alias, then by time.
    pub peers: Vec<Online>,
    /// Entries that no honest server has in its answer.
    pub left_out: usize,
}

#[derive(Deserialize)]
struct Directory {
    peers: Vec<Entry>,
}

/// One entry that is wrong hides no other.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Good(Online),
    Bad(IgnoredAny),
}

impl From<Directory> for Listing {
    fn from(directory: Directory) -> Self {
        let all = directory.peers.len();
        let good = directory.peers.into_iter().filter_map(|entry| match entry {
            Entry::Good(online) => Some(online),
            Entry::Bad(_) => None,
        });
        let peers: Vec<Online> = good.collect();
        Self {
            left_out: all - peers.len(),
            peers,
        }
    }
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

    /// Who is online, or the devices of one person that are. Needs [`AuthClient::with_device`].
    ///
    /// # Errors
    /// When the server does not take the certificate, or cannot be reached.
    pub fn peers(&self, of: Option<&Alias>) -> Result<Listing, Failure> {
        let (path, limit) = match of {
            Some(alias) => (format!("/peers?alias={alias}"), MAX_PERSON_LISTING_BYTES),
            None => ("/peers".to_owned(), MAX_LISTING_BYTES),
        };
        let mut answer = self.get(&path, |request| request)?;
        match answer.status() {
            StatusCode::OK => {
                let bytes = answer.body(limit)?;
                let directory: Directory =
                    serde_json::from_slice(&bytes).map_err(|_| answer.nonsense())?;
                Ok(directory.into())
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(answer.not_accepted("does not tell this device who is online"))
            }
            _ => Err(answer.refused()),
        }
    }
}
