//! The command line, as clap reads it. Checked in [`options`](crate::options).

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Share files with the people of your organisation, encrypted from device to device.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "\
Started without a command on a terminal, peer logs you in, shares the current folder and asks what \
to fetch.

EXAMPLES
  peer trust https://auth.example:12565 --fingerprint SHA256:...
  peer login alice
  peer serve --port 1990 --share docs=/srv/docs
  peer peers
  peer get bob:docs/report.pdf

EXIT CODES
  0 done and verified   1 other error   2 usage   3 not logged in   4 login refused
  5 cannot be reached   6 no such remote file   7 not trusted or revoked   8 integrity failure
  9 refused by the other side   10 local file problem   11 some of many failed
  12 versions do not match   75 try again
  129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM"
)]
pub struct Cli {
    /// Global flags.
    #[command(flatten)]
    pub global: Global,
    /// What to do; without it, the dialogue.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags of the dialogue.
    #[command(flatten)]
    pub listen: Listen,
}

/// Flags that go with every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Keep everything of this device in one folder (for several peers on one machine).
    #[arg(long, global = true, value_name = "DIR", env = "ORGSHARE_DIR")]
    pub dir: Option<PathBuf>,
    /// Print only errors and what was asked for.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Never ask; fail instead.
    #[arg(long, global = true, env = "ORGSHARE_NO_INPUT", value_parser = FalseyValueParser::new())]
    pub no_input: bool,
    /// Give up when nothing comes from the other side for so many seconds.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 30, env = "ORGSHARE_TIMEOUT",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
}

/// How to listen.
#[derive(Debug, Clone, Args)]
pub struct Listen {
    /// Address or host name to listen on [default: all addresses].
    #[arg(long, value_name = "HOST", env = "ORGSHARE_BIND")]
    pub bind: Option<String>,
    /// Offer a folder under a name; may be repeated.
    #[arg(
        long = "share",
        value_name = "NAME=DIR",
        env = "ORGSHARE_SHARE",
        value_delimiter = ','
    )]
    pub shares: Vec<String>,
    /// Do not tell others that this device is online.
    #[arg(long, env = "ORGSHARE_UNLISTED", value_parser = FalseyValueParser::new())]
    pub unlisted: bool,
}

impl Listen {
    /// These flags, and where they are not given, those before the command: a `--bind` must never
    /// be lost, wherever it stands.
    #[must_use]
    pub fn or(&self, before: &Self) -> Self {
        let chosen = if self.shares.is_empty() { before } else { self };
        Self {
            bind: self.bind.clone().or_else(|| before.bind.clone()),
            shares: chosen.shares.clone(),
            unlisted: self.unlisted || before.unlisted,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Trust an organisation: fetch its root certificate and keep it.
    #[command(
        after_help = "EXAMPLES\n  peer trust https://auth.example:12565 --fingerprint SHA256:0123..."
    )]
    Trust {
        /// The auth server, https://HOST or https://HOST:PORT.
        url: String,
        /// The root certificate's fingerprint, as your administrator gave it.
        #[arg(long, value_name = "SHA256:HEX", env = "ORGSHARE_FINGERPRINT")]
        fingerprint: String,
    },
    /// Log in: get a certificate for this device.
    #[command(
        after_help = "EXAMPLES\n  peer login alice\n  peer login alice --password-file - < password\n  peer login alice --server https://auth.example --server https://auth2.example"
    )]
    Login {
        /// Your name in the organisation; asked for when left out.
        #[arg(env = "ORGSHARE_ALIAS")]
        alias: Option<String>,
        /// Take the password from a file's first line, or from standard input for "-".
        #[arg(long, value_name = "FILE", env = "ORGSHARE_PASSWORD_FILE")]
        password_file: Option<PathBuf>,
        /// Take another password from there, should this one be given for once.
        #[arg(long, value_name = "FILE", env = "ORGSHARE_NEW_PASSWORD_FILE")]
        new_password_file: Option<PathBuf>,
        /// Kind of the device's key.
        #[arg(long, value_enum, default_value_t = KeyType::Rsa3072, env = "ORGSHARE_KEY_TYPE")]
        key_type: KeyType,
        /// The auth server, when the organisation put only the root certificate on this device; again
        /// for others, to be asked when the one before cannot be reached. They are kept.
        #[arg(
            long = "server",
            value_name = "URL",
            env = "ORGSHARE_SERVER",
            value_delimiter = ','
        )]
        servers: Vec<String>,
    },
    /// Get the next certificate now; without this, it is got when two thirds of its life are over.
    Renew,
    /// Change your password; asks for the old one, and for the new one twice.
    #[command(
        after_help = "EXAMPLES\n  peer passwd\n  peer passwd --old-password-file old --new-password-file new"
    )]
    Passwd {
        /// Your name in the organisation, if you are not the one who logged in here last.
        #[arg(env = "ORGSHARE_ALIAS")]
        alias: Option<String>,
        /// Take the old password from a file's first line, or from standard input for "-".
        #[arg(long, value_name = "FILE", env = "ORGSHARE_OLD_PASSWORD_FILE")]
        old_password_file: Option<PathBuf>,
        /// The same for the new password.
        #[arg(long, value_name = "FILE", env = "ORGSHARE_NEW_PASSWORD_FILE")]
        new_password_file: Option<PathBuf>,
    },
    /// What others are told of you.
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Forget this device's key and certificate.
    Logout,
    /// Show who is logged in on this device.
    Whoami,
    /// Show who is online.
    #[command(after_help = "EXAMPLES\n  peer peers\n  peer peers --json")]
    Peers {
        /// As one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Offer folders to the people of the organisation.
    #[command(
        after_help = "EXAMPLES\n  peer serve --port 1990 --share docs=/srv/docs\n  peer serve --bind localhost --share docs=. --share music=/srv/music"
    )]
    Serve {
        /// Port to listen on; 0 takes any free one.
        #[arg(
            long,
            short,
            value_name = "PORT",
            default_value_t = 0,
            env = "ORGSHARE_PORT"
        )]
        port: u16,
        /// Address and shares.
        #[command(flatten)]
        listen: Listen,
    },
    /// Fetch files.
    #[command(after_help = "\
PEER is an alias, ALIAS/DEVICE, a port of this machine, HOST:PORT or [IPV6]:PORT.
PATH begins with the share's name; a listener with one share may do without it.

EXAMPLES
  peer get bob:docs/report.pdf
  peer get 1991:docs/report.pdf
  peer get bobs-host:1991:docs/a bobs-host:1991:docs/b folder/
  peer get --expect bob 192.0.2.7:1991:docs/report.pdf report-of-bob.pdf
  peer get 1991:docs/log - | less")]
    Get {
        /// PEER:PATH of each file, then optionally where to: a folder, a file name, or "-".
        #[arg(required = true, value_name = "PEER:PATH... [DEST]")]
        operands: Vec<String>,
        /// The person who must answer.
        #[arg(long, value_name = "ALIAS", env = "ORGSHARE_EXPECT")]
        expect: Option<String>,
        /// What to do when a file is there already.
        #[arg(long, value_enum, default_value_t = OverwritePolicy::Ask, env = "ORGSHARE_OVERWRITE")]
        overwrite: OverwritePolicy,
    },
}

/// Commands on what others are told.
#[derive(Debug, Subcommand)]
pub enum ProfileCommand {
    /// Show alias, role, name and e-mail address.
    Show {
        /// As a JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Change name or e-mail address; an empty one removes it.
    #[command(
        after_help = "EXAMPLES\n  peer profile set --name 'Alice Lee' --email alice@example.org"
    )]
    Set {
        /// Your name as people write it.
        #[arg(long)]
        name: Option<String>,
        /// Where mail reaches you.
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
    },
}

/// Kinds of device keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyType {
    /// RSA with 3072 bits.
    Rsa3072,
    /// ECDSA on the NIST curve P-256.
    P256,
}

/// What to do when a file is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OverwritePolicy {
    /// Ask on a terminal, else never.
    Ask,
    /// Leave it and fail.
    Never,
    /// Replace it.
    Always,
    /// Choose another name.
    Rename,
}
