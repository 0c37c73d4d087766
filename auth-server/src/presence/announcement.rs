//! What a device tells of itself, before and after it was checked.

use std::net::{IpAddr, SocketAddr};

use common::limits::{
    MAX_ANNOUNCED_ADDRESSES, MAX_ANNOUNCED_SHARE_BYTES, MAX_ANNOUNCED_SHARES,
    MAX_ANNOUNCED_SUITE_BYTES, MAX_ANNOUNCED_SUITES,
};
use common::name::RemotePath;
use serde::Deserialize;

/// Characters of a host name (RFC 1035, 2.3.4) and of each of its labels.
const MAX_HOST_CHARS: usize = 253;
const MAX_HOST_LABEL_CHARS: usize = 63;

/// As it comes.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Announcement {
    /// Where the device listens: 1 to 16 of `IP:PORT`, `[IP]:PORT` or `HOST:PORT`.
    addresses: Vec<String>,
    /// Names of what it offers: at most 64 of at most 64 bytes.
    #[serde(default)]
    shares: Vec<String>,
    /// How it can seal frames: at most 16.
    #[serde(default)]
    suites: Vec<String>,
    /// Whether it is kept from the others.
    #[serde(default)]
    unlisted: bool,
}

/// What a device offers, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub(super) addresses: Vec<String>,
    pub(super) shares: Vec<String>,
    pub(super) suites: Vec<String>,
    pub(super) unlisted: bool,
}

/// Why an announcement is not taken. What is wrong is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnnouncementError {
    /// Too few or too many.
    #[error("{field}: there are {least} to {most} of them")]
    Count {
        /// Which list.
        field: &'static str,
        /// At least so many.
        least: usize,
        /// At most so many.
        most: usize,
    },
    /// One of them is not of its form.
    #[error("{field}[{index}]: {form}")]
    Form {
        /// Which list.
        field: &'static str,
        /// Which of it, from 0.
        index: usize,
        /// What it has to be.
        form: &'static str,
    },
}

/// One list of an announcement: how many there are of what.
struct List {
    field: &'static str,
    least: usize,
    most: usize,
    form: &'static str,
    check: fn(&str) -> Option<String>,
}

const ADDRESSES: List = List {
    field: "addresses",
    least: 1,
    most: MAX_ANNOUNCED_ADDRESSES,
    form: "an address is IP:PORT, [IP]:PORT or HOST:PORT, and can be dialled",
    check: address,
};
const SHARES: List = List {
    field: "shares",
    least: 0,
    most: MAX_ANNOUNCED_SHARES,
    form: "a share is the first part of a path, of at most 64 bytes",
    check: share,
};
const SUITES: List = List {
    field: "suites",
    least: 0,
    most: MAX_ANNOUNCED_SUITES,
    form: "a suite has 1 to 32 letters a to z, digits and hyphens",
    check: suite,
};

impl List {
    fn checked(&self, texts: &[String]) -> Result<Vec<String>, AnnouncementError> {
        if !(self.least..=self.most).contains(&texts.len()) {
            return Err(AnnouncementError::Count {
                field: self.field,
                least: self.least,
                most: self.most,
            });
        }
        let wrong = |index| AnnouncementError::Form {
            field: self.field,
            index,
            form: self.form,
        };
        let checked = texts.iter().enumerate();
        checked
            .map(|(index, text)| (self.check)(text).ok_or(wrong(index)))
            .collect()
    }
}

impl TryFrom<Announcement> for Offer {
    type Error = AnnouncementError;

    fn try_from(told: Announcement) -> Result<Self, AnnouncementError> {
        Ok(Self {
            addresses: ADDRESSES.checked(&told.addresses)?,
            shares: SHARES.checked(&told.shares)?,
            suites: SUITES.checked(&told.suites)?,
            unlisted: told.unlisted,
        })
    }
}

/// An address that can be dialled, in one spelling.
fn address(text: &str) -> Option<String> {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        let canonical = SocketAddr::new(socket.ip().to_canonical(), socket.port());
        return is_dialled(&socket, canonical.ip()).then(|| canonical.to_string());
    }
    let (host, port) = text.rsplit_once(':')?;
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port
        .parse::<u16>()
        .ok()
        .filter(|port| is_number && *port > 0)?;
    is_host_name(host).then(|| format!("{}:{port}", host.to_ascii_lowercase()))
}

fn is_dialled(socket: &SocketAddr, ip: IpAddr) -> bool {
    let is_one = match ip {
        IpAddr::V4(ip) => !ip.is_broadcast(),
        IpAddr::V6(_) => true,
    };
    // A scope means something on the device itself alone.
    let is_scoped = matches!(socket, SocketAddr::V6(v6) if v6.scope_id() != 0);
    is_one && !is_scoped && socket.port() > 0 && !ip.is_unspecified() && !ip.is_multicast()
}

/// RFC 1123, 2.1; the last label is no number, so that nothing looks like an address that is none.
fn is_host_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MAX_HOST_LABEL_CHARS).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number = |label: &str| {
        let hexadecimal = label.strip_prefix("0x").or(label.strip_prefix("0X"));
        label.bytes().all(|byte| byte.is_ascii_digit())
            || hexadecimal.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    host.len() <= MAX_HOST_CHARS
        && host.split('.').all(is_label)
        && !host.rsplit('.').next().is_none_or(is_number)
}

/// What may be the first part of a path to it.
fn share(text: &str) -> Option<String> {
    let path: RemotePath = text.parse().ok()?;
    let is_one = path.components().count() == 1;
    (is_one && text.len() <= MAX_ANNOUNCED_SHARE_BYTES).then(|| text.to_owned())
}

fn suite(text: &str) -> Option<String> {
    let is_of_suite = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_suite =
        (1..=MAX_ANNOUNCED_SUITE_BYTES).contains(&text.len()) && text.bytes().all(is_of_suite);
    is_suite.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_can_be_dialled_and_has_one_spelling() {
        for (text, spelling) in [
            ("192.0.2.1:1990", "192.0.2.1:1990"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("[2001:DB8::1]:1990", "[2001:db8::1]:1990"),
            ("[::ffff:192.0.2.1]:1990", "192.0.2.1:1990"),
            ("Bobs-PC:65535", "bobs-pc:65535"),
            ("a.b.example:1990", "a.b.example:1990"),
            ("7-eleven.example:80", "7-eleven.example:80"),
        ] {
            assert_eq!(address(text).as_deref(), Some(spelling), "{text}");
        }
    }

    #[test]
    fn what_no_honest_device_says_of_its_address_is_refused() {
        let long = format!("{}.example:1", "a".repeat(64));
        let longer = format!("{}example:1", "a.".repeat(130));
        for text in [
            "",
            ":",
            ":1990",
            "bob",
            "bob:",
            "bob:0",
            "bob:65536",
            "bob:+80",
            "bob: 80",
            "bob:80 ",
            " bob:80",
            "bob:80\n",
            "b\u{1b}[2Job:80",
            "b\0b:80",
            "b\u{f6}b:80",
            "bob\u{202e}:80",
            "bob/..:80",
            "alice@bob:80",
            "-bob:80",
            "bob-:80",
            "bob.:80",
            ".bob:80",
            "a..b:80",
            "1.2.3:80",
            "256.1.1.1:80",
            "0x7f.1:80",
            "127.1:80",
            "0x7f000001:80",
            "2130706433:80",
            "0.0.0.0:80",
            "[::]:80",
            "[::ffff:0.0.0.0]:80",
            "224.0.0.1:80",
            "[ff02::1]:80",
            "255.255.255.255:80",
            "[fe80::1%1]:80",
            "2001:db8::1:80",
            "192.0.2.1:0",
            "https://bob:80",
            &long,
            &longer,
        ] {
            assert_eq!(address(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_share_is_one_part_of_a_path_and_a_suite_a_plain_word() {
        for good in ["docs", "Pl\u{e4}ne 2026", "a.b"] {
            assert_eq!(share(good).as_deref(), Some(good));
        }
        let long = "a".repeat(65);
        for bad in [
            "",
            "..",
            "a/b",
            "/a",
            "a:b",
            "a\\b",
            "a\n",
            "\u{202e}cod",
            "nul",
            &long,
        ] {
            assert_eq!(share(bad), None, "{bad:?}");
        }
        for good in ["aes-256-gcm", "none", "hmac-sha256"] {
            assert_eq!(suite(good).as_deref(), Some(good));
        }
        for bad in ["", "AES", "a b", "a\n", &long] {
            assert_eq!(suite(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_refusal_says_which_field_and_repeats_nothing_of_it() {
        let told = |json: serde_json::Value| -> Result<Offer, AnnouncementError> {
            serde_json::from_value::<Announcement>(json)
                .unwrap()
                .try_into()
        };
        let good = serde_json::json!({"addresses": ["bob:1"]});
        assert!(told(good).is_ok());
        for (json, says) in [
            (
                serde_json::json!({"addresses": []}),
                "addresses: there are 1 to 16 of them",
            ),
            (
                serde_json::json!({"addresses": vec!["bob:1"; 17]}),
                "addresses: there are 1 to 16",
            ),
            (
                serde_json::json!({"addresses": ["bob:1", "secret"]}),
                "addresses[1]: an address is",
            ),
            (
                serde_json::json!({"addresses": ["bob:1"], "shares": vec!["a"; 65]}),
                "shares: there are 0 to 64",
            ),
            (
                serde_json::json!({"addresses": ["bob:1"], "shares": ["../secret"]}),
                "shares[0]: ",
            ),
            (
                serde_json::json!({"addresses": ["bob:1"], "suites": ["SECRET"]}),
                "suites[0]: ",
            ),
        ] {
            let error = told(json).unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
            assert!(!error.to_lowercase().contains("secret"), "{error}");
        }
    }
}
