use common::identity::{Alias, DeviceName, Role};
use common::limits::{
    MAX_ANNOUNCED_ADDRESS_BYTES, MAX_ANNOUNCED_ADDRESSES, MAX_ANNOUNCED_SHARE_BYTES,
    MAX_ANNOUNCED_SHARES, MAX_ANNOUNCED_SUITE_BYTES, MAX_ANNOUNCED_SUITES,
};
use common::name::RemotePath;
use serde::{Deserialize, Serialize};

/// Digits of a device's number: a serial number of a certificate (RFC 5280, 4.1.2.2).
const MAX_DEVICE_DIGITS: usize = 40;

/// Characters of a time (RFC 3339), fractions of a second included.
const MAX_TIME_CHARS: usize = 40;

/// A device of somebody who can be asked for files now, as its owner announces it and the auth
/// server vouches for: alias, role and device come from certificate and ledger. Every field has its
/// form, so that nothing of it moves a terminal's cursor, and none is long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Told")]
pub struct Online {
    /// Whose.
    pub alias: String,
    /// The serial of the first certificate of the device's line, in hexadecimal.
    pub device: String,
    /// What the device calls itself.
    pub name: Option<String>,
    /// What its owner may do.
    pub role: String,
    /// Where it listens: `ip:port` or `host:port`.
    pub addresses: Vec<String>,
    /// What it shares.
    pub shares: Vec<String>,
    /// Suites that it speaks.
    pub suites: Vec<String>,
    /// Since when, RFC 3339.
    pub since: String,
}

/// The same as it comes.
#[derive(Debug, Deserialize)]
struct Told {
    alias: String,
    device: String,
    #[serde(default)]
    name: Option<String>,
    role: String,
    addresses: Vec<String>,
    shares: Vec<String>,
    suites: Vec<String>,
    since: String,
}

/// A field that no auth server says so.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not of its form")]
struct NotOfItsForm(&'static str);

impl TryFrom<Told> for Online {
    type Error = NotOfItsForm;

    fn try_from(told: Told) -> Result<Self, NotOfItsForm> {
        let all = |texts: &[String], most: usize, is_one: fn(&str) -> bool| {
            texts.len() <= most && texts.iter().all(|text| is_one(text))
        };
        let fields = [
            ("alias", told.alias.parse::<Alias>().is_ok()),
            ("device", is_number(&told.device)),
            ("name", told.name.as_deref().is_none_or(is_name)),
            ("role", told.role.parse::<Role>().is_ok()),
            (
                "addresses",
                all(&told.addresses, MAX_ANNOUNCED_ADDRESSES, is_address),
            ),
            ("shares", all(&told.shares, MAX_ANNOUNCED_SHARES, is_share)),
            ("suites", all(&told.suites, MAX_ANNOUNCED_SUITES, is_suite)),
            ("since", is_plain(&told.since, MAX_TIME_CHARS)),
        ];
        match fields.iter().find(|(_, is_good)| !is_good) {
            Some((field, _)) => Err(NotOfItsForm(field)),
            None => Ok(Self {
                alias: told.alias,
                device: told.device,
                name: told.name,
                role: told.role,
                addresses: told.addresses,
                shares: told.shares,
                suites: told.suites,
                since: told.since,
            }),
        }
    }
}

/// Visible ASCII.
fn is_plain(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_number(text: &str) -> bool {
    is_plain(text, MAX_DEVICE_DIGITS) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_name(text: &str) -> bool {
    text.parse::<DeviceName>().is_ok()
}

/// Whether it can be dialled is seen when it is.
fn is_address(text: &str) -> bool {
    is_plain(text, MAX_ANNOUNCED_ADDRESS_BYTES)
}

fn is_share(text: &str) -> bool {
    let path = text.parse::<RemotePath>();
    text.len() <= MAX_ANNOUNCED_SHARE_BYTES && path.is_ok_and(|path| path.components().count() == 1)
}

fn is_suite(text: &str) -> bool {
    is_plain(text, MAX_ANNOUNCED_SUITE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn honest() -> Value {
        json!({
            "alias": "bob", "device": "0123456789abcdef0123456789abcdef", "name": "bobs-pc",
            "role": "member", "addresses": ["192.0.2.7:1990", "[2001:db8::1]:1990"],
            "shares": ["Pl\u{e4}ne 2026"], "suites": ["aes-256-gcm"],
            "since": "2026-11-21T05:15:00Z",
        })
    }

    fn read(told: Value) -> Result<Online, serde_json::Error> {
        serde_json::from_value(told)
    }

    #[test]
    fn what_an_auth_server_says_is_taken_and_says_the_same_again() {
        let online = read(honest()).unwrap();
        assert_eq!(serde_json::to_value(&online).unwrap(), honest());
        let mut newer = honest();
        newer["mood"] = json!("good");
        newer.as_object_mut().unwrap().remove("name");
        assert_eq!(read(newer).unwrap().name, None);
    }

    #[test]
    fn what_no_auth_server_says_is_refused() {
        for (field, value) in [
            ("alias", json!("Bob\u{1b}[2J")),
            ("alias", json!("a".repeat(33))),
            ("device", json!("")),
            ("device", json!("../../etc")),
            ("device", json!("0".repeat(41))),
            ("name", json!("a\u{9b}2J")),
            ("name", json!("a".repeat(1 << 20))),
            ("role", json!("")),
            ("role", json!("admin\n")),
            ("addresses", json!(vec!["192.0.2.7:1990"; 17])),
            ("addresses", json!(["192.0.2.7:1990\r\n"])),
            ("addresses", json!(["\u{202e}example:1990"])),
            ("addresses", json!([format!("{}:1", "a".repeat(260))])),
            ("addresses", json!([{}])),
            ("shares", json!(["../docs"])),
            ("shares", json!(["a\u{0}"])),
            ("shares", json!(["a\u{85}b"])),
            ("shares", json!(vec!["a"; 65])),
            ("shares", json!(["a".repeat(65)])),
            ("suites", json!(["\u{1b}]0;owned\u{7}"])),
            ("suites", json!(vec!["a"; 17])),
            ("since", json!("now \u{1b}[31m")),
            ("since", json!("0".repeat(41))),
        ] {
            let mut told = honest();
            told[field] = value;
            let refused = read(told.clone()).unwrap_err().to_string();
            assert!(!refused.contains(['\u{1b}', '\u{9b}']), "{refused:?}");
        }
    }
}
