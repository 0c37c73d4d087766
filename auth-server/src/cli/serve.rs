//! The settings, and the commands that take them.

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand};
use root_ca::Host;

use crate::options::KeyChoice;

/// How to make an authority.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The organisation's name, as people write it
    #[arg(long, value_name = "NAME", env = "ORGSHARE_AUTH_ORG")]
    pub org: Option<String>,

    /// A further name or address of this server; the first one stands in the line to paste
    #[arg(
        long = "host",
        value_name = "NAME_OR_IP",
        env = "ORGSHARE_AUTH_HOST",
        value_delimiter = ','
    )]
    pub hosts: Vec<Host>,

    /// Kind of the root key
    #[arg(
        long,
        value_enum,
        default_value = "rsa3072",
        env = "ORGSHARE_AUTH_KEY_TYPE"
    )]
    pub key_type: KeyChoice,

    /// Life of a member's certificate, 10m to 10d
    #[arg(
        long,
        value_name = "TIME",
        default_value = "24h",
        env = "ORGSHARE_AUTH_CERT_LIFETIME"
    )]
    pub cert_lifetime: String,
}

/// What also stands in the settings file; the command line is over the environment, and both are
/// over the file.
#[derive(Debug, Args)]
pub struct SettingsArgs {
    /// Address and port to listen on; port 0 takes a free one [default: all addresses, port 12565]
    #[arg(long, value_name = "ADDR:PORT", env = "ORGSHARE_AUTH_LISTEN")]
    pub listen: Option<String>,

    /// Form of the log on standard error, text or json [default: text]
    #[arg(long, value_name = "FORM", env = "ORGSHARE_AUTH_LOG_FORMAT")]
    pub log_format: Option<String>,

    /// Serve metrics in plain HTTP on this loopback address [default: not]
    #[arg(long, value_name = "ADDR:PORT", env = "ORGSHARE_AUTH_METRICS")]
    pub metrics: Option<String>,

    /// Life of a member's certificate, 10m to 10d [default: 24h]
    #[arg(long, value_name = "TIME", env = "ORGSHARE_AUTH_CERT_LIFETIME")]
    pub cert_lifetime: Option<String>,

    /// A name or address of this server beside those of the machine
    #[arg(
        long = "host",
        value_name = "NAME_OR_IP",
        env = "ORGSHARE_AUTH_HOST",
        value_delimiter = ','
    )]
    pub hosts: Vec<String>,

    /// How long after its end a certificate may still be renewed, 0d to 92d [default: 30d]
    #[arg(long, value_name = "TIME", env = "ORGSHARE_AUTH_RENEWAL_GRACE")]
    pub renewal_grace: Option<String>,
}

/// How to serve.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The settings
    #[command(flatten)]
    pub settings: SettingsArgs,

    /// Ask for new users first
    #[arg(long, env = "ORGSHARE_AUTH_ADD_USERS", value_parser = FalseyValueParser::new())]
    pub add_users: bool,

    /// Never ask anything
    #[arg(
        long,
        env = "ORGSHARE_AUTH_NO_PROMPT",
        value_parser = FalseyValueParser::new()
    )]
    pub no_prompt: bool,
}

/// The bare start, if there is no authority yet: from the environment alone.
#[derive(Debug, Parser)]
pub struct BareInit {
    /// How to make one.
    #[command(flatten)]
    pub init: InitArgs,
}

/// The bare start: from the environment alone.
#[derive(Debug, Parser)]
pub struct BareRun {
    /// How to serve.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Commands on the settings.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check the settings file, and tell every mistake with its line and column
    Check {
        /// The settings
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Show the settings in force and where each comes from
    Show {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        /// The settings
        #[command(flatten)]
        settings: SettingsArgs,
    },
}

/// Commands on the root certificate.
#[derive(Debug, Subcommand)]
pub enum RootCommand {
    /// Show the organisation, the fingerprint, and the line to paste on a device
    Show {
        /// The settings
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Print the fingerprint alone
    Fingerprint,
    /// Print the certificate in PEM
    Export,
}

/// What to look at, as the server is started.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,

    /// The settings
    #[command(flatten)]
    pub settings: SettingsArgs,

    /// Taken, so that the arguments of `run` are taken as they are
    #[arg(long, hide = true)]
    pub add_users: bool,

    /// The same
    #[arg(long, hide = true)]
    pub no_prompt: bool,
}
