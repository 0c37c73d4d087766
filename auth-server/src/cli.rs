//! The command line, as clap reads it. Nothing here decides anything.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand};
use common::identity::{Alias, Role};
use root_ca::{Host, RevocationReason, Serial};

use crate::options::KeyChoice;
use crate::options::names::{alias, serial};

/// HTTPS login and certificate signing for orgshare peers.
///
/// Started without a command on a terminal, it makes the certificate authority if there is none,
/// lets you add users, and serves. Exit codes: 0 done, 1 error, 2 usage, 10 a local file,
/// 130 interrupted, 143 terminated; with --server also 3 not logged in, 5 server not reached,
/// 7 not trusted, 9 refused, 75 try again.
#[derive(Debug, Parser)]
#[command(name = "auth-server", version, disable_help_subcommand = true)]
pub struct Cli {
    /// Where root key, certificate, settings and store lie [default: /var/lib/orgshare for root and
    /// for whoever owns that, else orgshare-auth in the user's data directory]
    #[arg(long, global = true, value_name = "DIR", env = "ORGSHARE_AUTH_DIR")]
    pub dir: Option<PathBuf>,

    /// Read the root key's passphrase from this file instead of asking, or from standard input with -
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "ORGSHARE_AUTH_PASSPHRASE_FILE"
    )]
    pub passphrase_file: Option<PathBuf>,

    /// Administer this server over the network, as the administrator logged in on this device (user,
    /// cert and audit commands); a --dir on the command line is over the environment
    #[arg(
        long,
        global = true,
        value_name = "https://HOST:PORT",
        env = "ORGSHARE_AUTH_SERVER"
    )]
    pub server: Option<String>,

    /// With --server: where the peer on this device keeps its key and certificate [default:
    /// orgshare in the user's data directory]
    #[arg(long, global = true, value_name = "DIR", env = "ORGSHARE_DIR")]
    pub device: Option<PathBuf>,

    /// What to do
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the organisation's certificate authority
    Init(InitArgs),
    /// Serve logins and certificates
    Run(RunArgs),
    /// Add, list and change users; works while the server runs
    #[command(subcommand)]
    User(UserCommand),
    /// Look into the ledger of certificates, and revoke one
    #[command(subcommand)]
    Cert(CertCommand),
    /// Show or export the CRL that was signed last
    #[command(subcommand)]
    Crl(CrlCommand),
    /// Read and verify the log of who did what
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Show the root certificate
    #[command(subcommand)]
    Root(RootCommand),
    /// Check and show the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Write everything but the passphrase into one new file; works while the server runs
    Backup {
        /// The file, which must not exist
        file: PathBuf,
    },
    /// Make the authority of a backup again, in a folder without one
    Restore {
        /// A file that `backup` wrote
        file: PathBuf,
    },
    /// Look whether everything is in order, and say what to do
    Doctor {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        /// The settings
        #[command(flatten)]
        settings: SettingsArgs,
    },
}

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

/// Where a new password comes from.
#[derive(Debug, Args)]
pub struct PasswordArgs {
    /// Read the password from this file, or from standard input with -
    #[arg(long, value_name = "FILE", env = "ORGSHARE_AUTH_PASSWORD_FILE")]
    pub password_file: Option<PathBuf>,
    /// Make a random password, print it, and have the user choose another one at the first login
    #[arg(long, conflicts_with = "password_file")]
    pub one_time: bool,
}

/// Commands on users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add a user; asks for the password twice
    Add {
        /// Letters a to z, digits and inner hyphens
        #[arg(value_parser = alias)]
        alias: Alias,
        /// What the user may do: admin, member, reader, or a role of your own
        #[arg(long, default_value = "member", env = "ORGSHARE_AUTH_ROLE")]
        role: Role,
        /// The password
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Add many users from a table; all or nobody
    ///
    /// The table is CSV with the header alias,role,name,email; name and email may be empty. Each
    /// user gets a one-time password, printed as CSV with the header alias,password.
    Import {
        /// The table, or - for standard input
        #[arg(value_name = "FILE")]
        table: PathBuf,
        /// Check the table and add nobody
        #[arg(long)]
        dry_run: bool,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// List users: alias, role, state, when they were added and last logged in
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show a user
    Show {
        /// Who
        #[arg(value_parser = alias)]
        alias: Alias,
        /// As a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Replace a user's password
    Passwd {
        /// Who
        #[arg(value_parser = alias)]
        alias: Alias,
        /// The password
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Change what a user may do, and revoke all current certificates
    Role {
        /// Who
        #[arg(value_parser = alias)]
        alias: Alias,
        /// admin, member, reader, or a role of your own
        role: Role,
    },
    /// Refuse a user's logins and revoke all current certificates
    Disable {
        /// Who
        #[arg(value_parser = alias)]
        alias: Alias,
    },
    /// Let a disabled user log in again
    Enable {
        /// Who
        #[arg(value_parser = alias)]
        alias: Alias,
    },
    /// Forget a user's failed logins, so that none of them delays the next one
    Unlock {
        /// Who
        #[arg(value_parser = alias)]
        alias: Alias,
    },
    /// Revoke all current certificates of a user, for a reason, and refuse logins
    Revoke {
        /// Who
        #[arg(value_parser = alias)]
        alias: Alias,
        /// Why: unspecified, keyCompromise (for a lost laptop), affiliationChanged, superseded,
        /// cessationOfOperation or privilegeWithdrawn
        #[arg(long, default_value = "unspecified")]
        reason: RevocationReason,
    },
    /// Remove a user for good and revoke all current certificates; the alias is never given again
    Rm {
        /// Who
        #[arg(value_parser = alias)]
        alias: Alias,
    },
}

/// Certificates in which state; without any of these, those that are valid.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct CertFilterArgs {
    /// Also those that ended or were revoked
    #[arg(long)]
    pub all: bool,
    /// Those that were revoked
    #[arg(long)]
    pub revoked: bool,
    /// Those that ended and were not revoked
    #[arg(long)]
    pub expired: bool,
    /// Those that are valid and end within this time, such as 12h
    #[arg(long, value_name = "TIME")]
    pub expiring: Option<String>,
}

/// Commands on the CRL.
#[derive(Debug, Subcommand)]
pub enum CrlCommand {
    /// Show number, dates and entries
    Show {
        /// As a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Write it to standard output, in DER
    Export {
        /// In PEM instead
        #[arg(long)]
        pem: bool,
    },
}

/// Commands on certificates.
#[derive(Debug, Subcommand)]
pub enum CertCommand {
    /// List certificates by device, the newest first; those that are valid unless more is asked for
    List {
        /// Of one user alone
        #[arg(long, value_parser = alias)]
        alias: Option<Alias>,
        /// That state this role alone
        #[arg(long)]
        role: Option<Role>,
        /// Of the device that has this certificate alone
        #[arg(long, value_name = "SERIAL", value_parser = serial)]
        device_of: Option<Serial>,
        /// In which state
        #[command(flatten)]
        filter: CertFilterArgs,
        /// At most so many
        #[arg(long, default_value_t = 1000)]
        limit: u32,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show a certificate
    Show {
        /// Its number
        #[arg(value_parser = serial)]
        serial: Serial,
        /// As a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Revoke a device: this certificate and all others of the same line; its user may log in again
    ///
    /// A device is the line of certificates that took each other's place since a login. Those that
    /// ended can be renewed for a while; revoked with the others, they cannot.
    Revoke {
        /// The number of one of its certificates
        #[arg(value_parser = serial)]
        serial: Serial,
        /// Why: unspecified, keyCompromise (for a lost laptop), affiliationChanged, superseded,
        /// cessationOfOperation or privilegeWithdrawn
        #[arg(long, default_value = "unspecified")]
        reason: RevocationReason,
    },
}

/// Commands on the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Show the last entries
    Tail {
        /// So many
        #[arg(short = 'n', long, default_value_t = 10)]
        lines: u64,
        /// Go on with those that come
        #[arg(short, long)]
        follow: bool,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Write the log to standard output, one JSON object a line, to be kept elsewhere
    Export {
        /// Only what came after this entry
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        after: u64,
    },
    /// Look for entries that were altered, taken away, put in or moved; exit code 1 if there are
    Verify {
        /// In this export, or in several behind each other, instead of in the store; - for
        /// standard input
        file: Option<PathBuf>,
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
