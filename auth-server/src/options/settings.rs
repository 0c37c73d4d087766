//! What the command line and the environment set over the settings file.

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::cli::SettingsArgs;
use crate::config::{Given, Origin, Value};

/// Forms of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

pub(super) fn given(args: SettingsArgs, matches: &ArgMatches) -> Given {
    let one = |text: Option<String>| text.into_iter().collect::<Vec<_>>();
    [
        ("cert_lifetime", one(args.cert_lifetime)),
        ("hosts", args.hosts),
        ("listen", one(args.listen)),
        ("log_format", one(args.log_format)),
        ("metrics", one(args.metrics)),
        ("renewal_grace", one(args.renewal_grace)),
    ]
    .into_iter()
    .filter(|(_, texts)| !texts.is_empty())
    .map(|(name, texts)| {
        let origin = match matches.value_source(name) {
            Some(ValueSource::EnvVariable) => Origin::Environment,
            _ => Origin::Flag,
        };
        (name, Value { texts, origin })
    })
    .collect()
}
