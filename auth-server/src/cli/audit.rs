//! `audit ...`.

use std::path::PathBuf;

use clap::Subcommand;

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
