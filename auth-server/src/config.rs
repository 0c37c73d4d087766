//! The settings file, `config.toml` in the server's folder.

use std::path::Path;

use root_ca::{Host, Profile, ProfileConfig};
use serde::{Deserialize, Serialize};
use time::Duration;

use crate::failure::Failure;
use crate::store::MAX_GRACE;

/// The file as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Life of a member's certificate, such as `24h`.
    cert_lifetime: String,
    /// Names and addresses of the server beside those of the machine.
    #[serde(default)]
    hosts: Vec<String>,
    /// How long after its end a certificate may still be renewed, such as `30d`; `0d` is never.
    #[serde(default = "default_grace")]
    renewal_grace: String,
}

fn default_grace() -> String {
    "30d".to_owned()
}

/// The checked settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How certificates are issued.
    pub profile: Profile,
    /// Names and addresses of the server beside those of the machine.
    pub hosts: Vec<Host>,
    /// How long after its end a certificate may still be renewed.
    pub renewal_grace: std::time::Duration,
}

impl Config {
    /// Writes the file's text for new settings.
    ///
    /// # Errors
    /// When they have no form in TOML, which does not happen.
    pub fn render(cert_lifetime: &str, hosts: &[Host]) -> Result<String, Failure> {
        let file = File {
            cert_lifetime: cert_lifetime.to_owned(),
            hosts: hosts.iter().map(plain).collect(),
            renewal_grace: default_grace(),
        };
        toml::to_string(&file).map_err(|error| Failure::other(error.to_string()))
    }

    /// Reads and checks the file.
    ///
    /// # Errors
    /// When it cannot be read, or a setting is not allowed.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::io(path, &error))?;
        let wrong = |detail: String| {
            Failure::local_file(format!("{}: {detail}", path.display())).cure("correct the file")
        };
        let file: File =
            toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))?;
        let parse = |host: &String| {
            host.parse()
                .map_err(|error| wrong(format!("hosts: {host:?}: {error}")))
        };
        Ok(Self {
            profile: parse_lifetime(&file.cert_lifetime)
                .map_err(|error| wrong(format!("cert_lifetime: {error}")))?,
            hosts: file.hosts.iter().map(parse).collect::<Result<_, _>>()?,
            renewal_grace: parse_grace(&file.renewal_grace)
                .map_err(|error| wrong(format!("renewal_grace: {error}")))?,
        })
    }
}

/// A host without the brackets that an address has in a URL.
fn plain(host: &Host) -> String {
    match host {
        Host::Name(name) => name.clone(),
        Host::Address(address) => address.to_string(),
    }
}

/// Reads a lifetime such as `90m`, `24h` or `7d`.
///
/// # Errors
/// When it is none, or shorter or longer than certificates may live.
pub fn parse_lifetime(text: &str) -> Result<Profile, String> {
    let lifetime = parse_time(text)
        .filter(|lifetime| lifetime.is_positive())
        .ok_or("write a number and m, h or d, such as 24h")?;
    Profile::new(&ProfileConfig { lifetime }).map_err(|error| error.to_string())
}

fn parse_grace(text: &str) -> Result<std::time::Duration, String> {
    parse_time(text)
        .filter(|grace| *grace <= MAX_GRACE)
        .and_then(|grace| grace.try_into().ok())
        .ok_or_else(|| {
            let days = MAX_GRACE.whole_days();
            format!("write a number and m, h or d, such as 30d, at most {days}d")
        })
}

/// A number and its unit: minutes, hours or days.
pub(crate) fn parse_time(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let number = number.parse::<u32>().ok()?;
    Some(Duration::seconds(i64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_back_as_they_were_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        let hosts = ["auth.example".parse().unwrap(), "::1".parse().unwrap()];
        std::fs::write(&path, Config::render("90m", &hosts).unwrap()).unwrap();
        let config = Config::load(&path).unwrap();
        assert_eq!(config.hosts, hosts);
        assert_eq!(config.profile, parse_lifetime("90m").unwrap());
    }

    #[test]
    fn wrong_settings_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        for (text, part) in [
            ("cert_lifetime = '11d'", "at most 10 days"),
            ("cert_lifetime = '24'", "such as 24h"),
            ("cert_lifetime = '24h'\nhosts = ['a b']", "\"a b\""),
            ("cert_lifetime = '24h'\ncolour = 1", "colour"),
            (
                "cert_lifetime = '24h'\nrenewal_grace = '93d'",
                "at most 92d",
            ),
        ] {
            std::fs::write(&path, text).unwrap();
            let failure = Config::load(&path).unwrap_err().to_string();
            assert!(failure.contains(part), "{failure}");
        }
    }

    #[test]
    fn lifetimes_have_a_number_and_a_unit() {
        for good in ["10m", "24h", "10d"] {
            assert!(parse_lifetime(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "h",
            "24",
            "-1h",
            "0h",
            "1w",
            "1.5h",
            "99999999999h",
            "24\u{e9}",
        ] {
            assert!(parse_lifetime(bad).is_err(), "{bad}");
        }
    }
}
