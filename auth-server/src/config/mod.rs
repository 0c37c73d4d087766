//! The settings: `config.toml` in the server's folder, under the environment and the command line.

mod document;
mod keys;
mod mistake;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;

use root_ca::{Host, Profile};

pub(crate) use keys::parse_time;
pub use keys::{log_format, parse_lifetime, parse_listen};
pub use mistake::{Mistake, Mistakes};

use crate::failure::Failure;
use crate::options::LogFormat;
use keys::{KEYS, Key};

/// Where a setting's value comes from, the strongest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// That line of the file.
    File {
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
    },
    /// An environment variable.
    Environment,
    /// The command line.
    Flag,
}

/// The texts of a setting, as they were written: one, but for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// What was written.
    pub texts: Vec<String>,
    /// Where.
    pub origin: Origin,
}

/// What the command line and the environment set, by the names of the file.
pub type Given = BTreeMap<&'static str, Value>;

/// A setting as `config show` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its name in the file.
    pub name: &'static str,
    /// Its value in force.
    pub value: Value,
    /// The environment variable that would set it.
    pub variable: &'static str,
    /// Whether it is a list.
    pub is_list: bool,
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
    /// The addresses to listen on: the first that can be bound.
    pub listen: Vec<String>,
    /// Form of the log.
    pub log_format: LogFormat,
    /// Where metrics are served in plain HTTP, if anywhere: a loopback address.
    pub metrics: Option<SocketAddr>,
    /// All of them, in the order of their names.
    pub shown: Vec<Shown>,
}

impl Config {
    /// The text of a new file.
    pub fn render(cert_lifetime: &str, hosts: &[Host]) -> String {
        let hosts: Vec<String> = hosts.iter().map(plain).collect();
        let mut text = String::from(
            "# Settings of the auth server; `auth-server config show` tells those in force.\n\
             # A line behind a # shows the default.\n",
        );
        for key in &KEYS {
            let (mark, texts) = match key.name {
                "cert_lifetime" => ("", vec![cert_lifetime.to_owned()]),
                "hosts" => ("", hosts.clone()),
                _ => ("# ", key.default_texts()),
            };
            let value = toml_text(key.is_list, &texts);
            text.push_str(&format!(
                "\n# {}\n{mark}{} = {value}\n",
                key.meaning, key.name
            ));
        }
        text
    }

    /// Reads the file and puts what was given over it.
    ///
    /// # Errors
    /// When it cannot be read, or a setting is not allowed.
    pub fn load(path: &Path, given: &Given) -> Result<Self, Failure> {
        Self::check(path, given)?.map_err(Mistakes::into_failure)
    }

    /// The settings of a folder without a file.
    ///
    /// # Errors
    /// When what was given is not allowed.
    pub fn new(given: &Given) -> Result<Self, Failure> {
        Self::read(Path::new("config.toml"), b"", given).map_err(Mistakes::into_failure)
    }

    /// The same, with every mistake and its place.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn check(path: &Path, given: &Given) -> Result<Result<Self, Mistakes>, Failure> {
        let text = std::fs::read(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                Failure::io(path, &error).cure("write it again; an empty one means the defaults")
            }
            _ => Failure::io(path, &error),
        })?;
        Ok(Self::read(path, &text, given))
    }

    fn read(path: &Path, text: &[u8], given: &Given) -> Result<Self, Mistakes> {
        let (mut values, mut mistakes) = document::read(text);
        values.extend(given.clone());
        let config = keys::checked(values, &mut mistakes);
        match config {
            Some(config) if mistakes.is_empty() => Ok(config),
            _ => Err(Mistakes::new(path.to_owned(), mistakes)),
        }
    }
}

/// How a value stands in the file.
pub fn toml_text(is_list: bool, texts: &[String]) -> String {
    if is_list {
        return toml::Value::from(texts.to_vec()).to_string();
    }
    toml::Value::from(texts.concat()).to_string()
}

/// A host without the brackets that an address has in a URL.
fn plain(host: &Host) -> String {
    match host {
        Host::Name(name) => name.clone(),
        Host::Address(address) => address.to_string(),
    }
}

fn key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, given: &Given) -> Result<Config, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&path, given)
    }

    fn mistakes(text: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        let mistakes = Config::check(&path, &Given::new()).unwrap().unwrap_err();
        let shown: Vec<String> = mistakes.lines().collect();
        let prefix = format!("{}:", path.display());
        shown
            .iter()
            .map(|line| line.strip_prefix(&prefix).unwrap_or(line).to_owned())
            .collect()
    }

    #[test]
    fn settings_read_back_as_they_were_written() {
        let hosts = ["auth.example".parse().unwrap(), "::1".parse().unwrap()];
        let config = load(&Config::render("90m", &hosts), &Given::new()).unwrap();
        assert_eq!(config.hosts, hosts);
        assert_eq!(config.profile, parse_lifetime("90m").unwrap());
        assert_eq!(config.metrics, None);
    }

    #[test]
    fn every_default_that_a_new_file_shows_may_be_switched_on() {
        let text = Config::render("24h", &[]);
        let switched: String = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if key(rest.split(' ').next().unwrap()).is_some() => rest,
                _ => line,
            })
            .map(|line| format!("{line}\n"))
            .collect();
        let mut on = load(&switched, &Given::new()).unwrap();
        let mut off = load(&text, &Given::new()).unwrap();
        on.shown.clear();
        off.shown.clear();
        assert_eq!(on, off);
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        let config = load("", &Given::new()).unwrap();
        assert_eq!(config.profile, parse_lifetime("24h").unwrap());
        assert_eq!(config.listen, ["[::]:12565", "0.0.0.0:12565"]);
        assert!(
            config
                .shown
                .iter()
                .all(|s| s.value.origin == Origin::Default)
        );
    }

    #[test]
    fn what_was_given_is_over_the_file_and_the_file_over_the_default() {
        let value = |text: &str, origin| Value {
            texts: vec![text.into()],
            origin,
        };
        let given = Given::from([("cert_lifetime", value("2h", Origin::Environment))]);
        let text = "cert_lifetime = '3h'\nlog_format = 'json'\n";
        let config = load(text, &given).unwrap();
        assert_eq!(config.profile, parse_lifetime("2h").unwrap());
        assert_eq!(config.log_format, LogFormat::Json);
        let origin = |name| {
            let found = config.shown.iter().find(|shown| shown.name == name);
            found.unwrap().value.origin
        };
        assert_eq!(origin("cert_lifetime"), Origin::Environment);
        assert_eq!(
            origin("log_format"),
            Origin::File {
                line: 2,
                column: 14
            }
        );
        assert_eq!(origin("hosts"), Origin::Default);
    }

    #[test]
    fn a_mistake_is_told_with_line_and_column_and_what_to_write() {
        for (text, place, parts) in [
            ("cert_lifetime = '11d'", "1:17:", &["at most 10 days"][..]),
            ("\n  cert_lifetime = '24'", "2:19:", &["such as 24h"]),
            ("cert_lifetime = 24", "1:17:", &["an integer", "\"24h\""]),
            ("hosts = ['ok', 'a b']", "1:9:", &["\"a b\""]),
            ("hosts = 'x'", "1:9:", &["a string", "[\"auth.example\"]"]),
            ("hosts = ['x', 7]", "1:15:", &["an integer"]),
            (
                "renewal_grace = '93d'",
                "1:17:",
                &["it is too long", "at most 92d"],
            ),
            ("log_format = 'xml'", "1:14:", &["text or json"]),
            ("listen = 'here'", "1:10:", &["0.0.0.0:12565"]),
            ("listen = '0.0.0.0:70000'", "1:10:", &["0.0.0.0:12565"]),
            ("metrics = '0.0.0.0:9'", "1:11:", &["loopback", "/metrics"]),
            ("colour = 1", "1:1:", &["colour", "unknown"]),
            ("certlifetime = '1h'", "1:1:", &["write cert_lifetime"]),
            ("'h\u{f6}sts' = []", "1:1:", &["write hosts"]),
            ("'\u{f6}' = 1\nlisten = ", "2:", &[""]),
            ("[hosts]\na = 1", "1:", &["a table"]),
            ("listen = 'a:1'\nlisten = 'a:2'", "2:", &["duplicate"]),
        ] {
            let found = mistakes(text);
            assert!(
                found
                    .iter()
                    .any(|line| line.starts_with(place)
                        && parts.iter().all(|part| line.contains(part))),
                "{text:?}: {found:?}"
            );
        }
    }

    #[test]
    fn all_mistakes_of_a_list_are_told() {
        let found = mistakes("hosts = ['a b', 'ok', '-', 'c d']\n");
        assert_eq!(found.len(), 3, "{found:?}");
        for (line, part) in found.iter().zip(["\"a b\"", "\"-\"", "\"c d\""]) {
            assert!(line.starts_with("1:9:") && line.contains(part), "{line}");
        }
    }

    #[test]
    fn all_mistakes_are_told_at_once_in_their_order() {
        let found = mistakes("log_format = 'xml'\ncolour = 1\ncert_lifetime = '1y'\n");
        assert_eq!(found.len(), 3, "{found:?}");
        for (line, place) in found.iter().zip(["1:14:", "2:1:", "3:17:"]) {
            assert!(line.starts_with(place), "{line}");
        }
    }

    #[test]
    fn a_file_that_is_no_text_is_a_mistake() {
        assert_eq!(document::read(b"listen = '\xff'").1.len(), 1);
    }
}
