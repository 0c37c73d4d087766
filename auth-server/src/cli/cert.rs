//! `cert ...` and `crl ...`.

use clap::{Args, Subcommand};
use common::identity::{Alias, Role};

use crate::administration::GivenReason;
use crate::options::names::{GivenSerial, alias, role, serial};

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

/// Commands on certificates.
#[derive(Debug, Subcommand)]
pub enum CertCommand {
    /// List certificates by device, the newest first; those that are valid unless more is asked for
    List {
        /// Of one user alone
        #[arg(long, value_parser = alias)]
        alias: Option<Alias>,
        /// That state this role alone
        #[arg(long, value_parser = role)]
        role: Option<Role>,
        /// Of the device that has this certificate alone
        #[arg(long, value_name = "SERIAL", value_parser = serial)]
        device_of: Option<GivenSerial>,
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
        serial: GivenSerial,
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
        serial: GivenSerial,
        /// Why: unspecified, keyCompromise (for a lost laptop), superseded, cessationOfOperation or
        /// privilegeWithdrawn
        #[arg(long, default_value = "unspecified")]
        reason: GivenReason,
    },
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
