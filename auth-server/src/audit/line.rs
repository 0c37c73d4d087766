use serde::{Deserialize, Serialize};

use super::{Checkpoint, GENESIS, Hash, Record};

/// A part of the log as it is read from a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditPage {
    /// Entries, in order.
    #[schema(inline)]
    pub entries: Vec<Record>,
    /// The checkpoints among them; behind the last entry of a page that is not full, all there are.
    #[schema(inline)]
    pub checkpoints: Vec<Checkpoint>,
    /// The number of the last entry ever written.
    pub last: u64,
}

/// Where a part of the log begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Number of the entry before the first one; 0 at the beginning of the log.
    pub after: u64,
    /// Hash of that entry.
    pub hash: Hash,
}

impl Start {
    /// The beginning of the log.
    pub const GENESIS: Self = Self {
        after: 0,
        hash: Hash(GENESIS),
    };
}

/// Where a part of the log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// The number of the last entry that the log ever had at that time.
    pub last: u64,
}

/// A line of an export: one JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Line {
    /// The first line.
    Start(Start),
    /// An entry.
    Entry(Record),
    /// The checkpoint of an entry that came before.
    Checkpoint(Checkpoint),
    /// The last line.
    End(End),
}

impl AuditPage {
    /// The lines of this page, each checkpoint behind its entry.
    pub fn into_lines(self) -> Vec<Line> {
        let mut checkpoints = self.checkpoints.into_iter().peekable();
        let mut lines = Vec::with_capacity(self.entries.len());
        for entry in self.entries {
            while let Some(early) = checkpoints.next_if(|checkpoint| checkpoint.seq < entry.seq) {
                lines.push(Line::Checkpoint(early));
            }
            lines.push(Line::Entry(entry));
        }
        lines.extend(checkpoints.map(Line::Checkpoint));
        lines
    }
}
