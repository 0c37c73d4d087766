//! The command line, as clap reads it. Nothing here decides anything.

mod audit;
mod cert;
mod serve;
mod user;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use audit::AuditCommand;
pub use cert::{CertCommand, CertFilterArgs, CrlCommand};
pub use serve::{
    BareInit, BareRun, ConfigCommand, DoctorArgs, InitArgs, RootCommand, RunArgs, SettingsArgs,
};
pub use user::{PasswordArgs, UserCommand};

use crate::options::Shell;

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

    /// Without a command: address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", env = "ORGSHARE_AUTH_LISTEN")]
    pub listen: Option<String>,

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
        /// The file, which must not exist; - for standard output
        file: PathBuf,
    },
    /// Make the authority of a backup again, in a folder without one
    Restore {
        /// A file that `backup` wrote; - for standard input
        file: PathBuf,
    },
    /// Look whether everything is in order, and say what to do
    Doctor(DoctorArgs),
    /// Print what makes a shell complete this program's commands and options
    ///
    /// For bash: auth-server completions bash > ~/.local/share/bash-completion/completions/auth-server
    Completions {
        /// Of which shell
        shell: Shell,
    },
}
