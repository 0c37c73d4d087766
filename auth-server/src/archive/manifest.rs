//! What an archive says of itself.

use std::fs::File;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::digest::digest;
use super::{ArchiveError, FORMAT, PARTS};

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form of the archive.
    format: String,
    /// The version of the program that wrote it.
    pub version: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// The organisation's name.
    pub organisation: String,
    /// The root certificate's fingerprint.
    pub root: String,
    pub(super) parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) sha256: String,
}

impl Manifest {
    /// Of the parts in `folder`.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn of(
        folder: &Path,
        organisation: &str,
        root: String,
        now: OffsetDateTime,
    ) -> Result<Self, ArchiveError> {
        let part = |(name, _): &(&str, u64)| {
            let (size, sha256) = digest(File::open(folder.join(name))?)?;
            Ok(Part {
                name: (*name).to_owned(),
                size,
                sha256,
            })
        };
        Ok(Self {
            format: FORMAT.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            created_at: now.replace_nanosecond(0).unwrap_or(now),
            organisation: organisation.to_owned(),
            root,
            parts: PARTS.iter().map(part).collect::<Result<_, io::Error>>()?,
        })
    }

    /// Whether it is of this version, and lists the parts that there are.
    pub(super) fn check(&self) -> Result<(), ArchiveError> {
        if self.format != FORMAT {
            return Err(ArchiveError::Format(self.format.chars().take(64).collect()));
        }
        let as_expected = self.parts.len() == PARTS.len()
            && self
                .parts
                .iter()
                .zip(PARTS)
                .all(|(part, (name, max))| part.name == name && part.size <= max);
        match as_expected {
            true => Ok(()),
            false => Err(ArchiveError::Form("its list of parts is wrong")),
        }
    }

    /// Bytes of all parts.
    pub(super) fn size(&self) -> u64 {
        let sizes = self.parts.iter().map(|part| part.size);
        sizes.fold(0, u64::saturating_add)
    }
}
