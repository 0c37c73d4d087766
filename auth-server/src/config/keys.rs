//! The settings that there are: name, default, meaning, and what they may hold.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use common::limits::AUTH_SERVER_PORT;
use root_ca::{Host, Profile, ProfileConfig};
use time::Duration;

use super::mistake::Mistake;
use super::{Config, Given, Origin, Shown, Value};
use crate::options::LogFormat;
use crate::store::MAX_GRACE;

/// A setting.
pub(super) struct Key {
    /// Its name in the file.
    pub(super) name: &'static str,
    /// Its environment variable.
    pub(super) variable: &'static str,
    /// Whether it is a list of texts, or one text.
    pub(super) is_list: bool,
    /// Its text when nobody sets it; empty is none.
    default: &'static str,
    /// How it may be written in the file.
    pub(super) example: &'static str,
    /// One line about it.
    pub(super) meaning: &'static str,
}

impl Key {
    pub(super) fn default_texts(&self) -> Vec<String> {
        match (self.is_list, self.default) {
            (true, "") => Vec::new(),
            (_, default) => vec![default.to_owned()],
        }
    }
}

/// All settings, by name.
pub(super) const KEYS: [Key; 6] = [
    Key {
        name: "cert_lifetime",
        variable: "ORGSHARE_AUTH_CERT_LIFETIME",
        is_list: false,
        default: "24h",
        example: "a text such as \"24h\"",
        meaning: "life of a member's certificate, 10m to 10d",
    },
    Key {
        name: "hosts",
        variable: "ORGSHARE_AUTH_HOST",
        is_list: true,
        default: "",
        example: "a list of texts such as [\"auth.example\"]",
        meaning: "names and addresses of this server beside those of the machine",
    },
    Key {
        name: "listen",
        variable: "ORGSHARE_AUTH_LISTEN",
        is_list: false,
        default: "",
        example: "a text such as \"0.0.0.0:12565\"",
        meaning: "address and port to listen on; \"\" is all addresses, port 12565",
    },
    Key {
        name: "log_format",
        variable: "ORGSHARE_AUTH_LOG_FORMAT",
        is_list: false,
        default: "text",
        example: "\"text\" or \"json\"",
        meaning: "form of the log on standard error: text, or json for one object a line",
    },
    Key {
        name: "metrics",
        variable: "ORGSHARE_AUTH_METRICS",
        is_list: false,
        default: "",
        example: "a text such as \"127.0.0.1:9565\"",
        meaning: "loopback address for metrics in plain HTTP; \"\" is none",
    },
    Key {
        name: "renewal_grace",
        variable: "ORGSHARE_AUTH_RENEWAL_GRACE",
        is_list: false,
        default: "30d",
        example: "a text such as \"30d\"",
        meaning: "how long after its end a certificate may still be renewed; \"0d\" is never",
    },
];

/// Checks the values; what is wrong joins the mistakes.
pub(super) fn checked(
    mut values: BTreeMap<&'static str, Value>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Config> {
    let shown: Vec<Shown> = KEYS
        .iter()
        .map(|key| Shown {
            name: key.name,
            value: values.remove(key.name).unwrap_or_else(|| Value {
                texts: key.default_texts(),
                origin: Origin::Default,
            }),
            variable: key.variable,
            is_list: key.is_list,
        })
        .collect();
    let profile = one(&shown, "cert_lifetime", mistakes, parse_lifetime);
    let hosts = all(&shown, "hosts", mistakes, parse_host);
    let listen = one(&shown, "listen", mistakes, parse_listen);
    let log_format = one(&shown, "log_format", mistakes, parse_log_format);
    let metrics = one(&shown, "metrics", mistakes, parse_metrics);
    let renewal_grace = one(&shown, "renewal_grace", mistakes, parse_grace);
    Some(Config {
        profile: profile?,
        hosts: hosts?,
        renewal_grace: renewal_grace?,
        listen: listen?,
        log_format: log_format?,
        metrics: metrics?,
        shown,
    })
}

fn all<T>(
    shown: &[Shown],
    name: &str,
    mistakes: &mut Vec<Mistake>,
    parse: fn(&str) -> Result<T, String>,
) -> Option<Vec<T>> {
    let setting = shown.iter().find(|setting| setting.name == name)?;
    let origin = setting.value.origin;
    let named = match origin {
        Origin::Flag => format!("--{}", flag(name)),
        Origin::Environment => setting.variable.to_owned(),
        Origin::File { .. } | Origin::Default => name.to_owned(),
    };
    let texts = &setting.value.texts;
    let parsed: Vec<T> = texts
        .iter()
        .filter_map(|text| match parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                let says = format!("{named}: {error}");
                mistakes.push(Mistake { origin, says });
                None
            }
        })
        .collect();
    (parsed.len() == texts.len()).then_some(parsed)
}

fn flag(name: &str) -> String {
    match name {
        "hosts" => "host".to_owned(),
        name => name.replace('_', "-"),
    }
}

fn one<T>(
    shown: &[Shown],
    name: &str,
    mistakes: &mut Vec<Mistake>,
    parse: fn(&str) -> Result<T, String>,
) -> Option<T> {
    all(shown, name, mistakes, parse)?.into_iter().next()
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
    let days = MAX_GRACE.whole_days();
    let form = || format!("write a number and m, h or d, such as 30d, at most {days}d");
    let grace = parse_time(text).ok_or_else(form)?;
    if grace > MAX_GRACE {
        return Err(format!("it is too long; write at most {days}d"));
    }
    grace.try_into().map_err(|_| form())
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

fn parse_host(text: &str) -> Result<Host, String> {
    text.parse()
        .map_err(|error| format!("{text:?}: {error}; write one such as auth.example"))
}

/// The addresses to listen on: that one, or for an empty text all of both families; where IPv6 is
/// switched off, of the older one.
///
/// # Errors
/// When it is not an address and a port.
pub fn parse_listen(text: &str) -> Result<Vec<String>, String> {
    if text.is_empty() {
        return Ok(["[::]", "0.0.0.0"]
            .map(|any| format!("{any}:{AUTH_SERVER_PORT}"))
            .to_vec());
    }
    text.rsplit_once(':')
        .filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        .map(|_| vec![text.to_owned()])
        .ok_or_else(|| format!("{text:?}: write an address and a port, such as 0.0.0.0:12565"))
}

/// The form of the log that a flag or the environment asks for, if it is one.
pub fn log_format(given: &Given) -> Option<LogFormat> {
    let text = given.get("log_format")?.texts.first()?;
    parse_log_format(text).ok()
}

fn parse_log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("{text:?}: write text or json")),
    }
}

/// Plain HTTP tells everybody on the way, and knows nobody: this machine alone may ask. From
/// elsewhere an administrator's certificate opens `/metrics` on the HTTPS port.
fn parse_metrics(text: &str) -> Result<Option<SocketAddr>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse::<SocketAddr>()
        .ok()
        .filter(|address| address.ip().to_canonical().is_loopback())
        .map(Some)
        .ok_or_else(|| {
            format!(
                "{text:?}: write a loopback address and a port, such as 127.0.0.1:9565; from \
                 elsewhere fetch /metrics over HTTPS with an administrator's certificate"
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn metrics_are_for_this_machine_alone() {
        for good in ["127.0.0.1:1", "[::1]:0", "127.1.2.3:9", ""] {
            assert!(parse_metrics(good).is_ok(), "{good}");
        }
        for bad in [
            "0.0.0.0:1",
            "[::]:1",
            "192.0.2.1:1",
            "localhost:1",
            "1",
            "[::ffff:192.0.2.1]:1",
        ] {
            assert!(parse_metrics(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_settings_stand_in_order_and_have_variables_of_their_own() {
        assert!(KEYS.windows(2).all(|two| two[0].name < two[1].name));
        assert!(
            KEYS.windows(2)
                .all(|two| two[0].variable != two[1].variable)
        );
    }
}
