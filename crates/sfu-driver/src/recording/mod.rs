//! Recordings are written down: what the shards hear of them ([`sfu::Tapped`]) becomes files, as packets come, undecoded.
//!
//! A *part* is one stretch of a recording on one node: a directory `{recording}/{startMs}-{node}-{port}/` with one MJR
//! file for each track and `part.jsonl`, which says what is in them. One thread writes all parts, fed by a
//! [`queue::Queue`] for which the worker does not wait.
//!
//! Imports run one way: `writer → parts → {part, files, queue} → {line, mjr, names, disk, counters}`. [`part`] and
//! its leaves are pure.

mod counters;
mod disk;
mod files;
mod line;
mod mjr;
mod names;
mod part;
mod parts;
mod queue;
#[cfg(test)]
mod tests;
mod writer;

use std::io;
use std::path::PathBuf;

pub use counters::RecordingStats;
pub(crate) use line::EndReason;
pub(crate) use queue::Queue;
pub(crate) use writer::WriterHandle;

/// Where recordings are written.
#[derive(Debug, Clone)]
pub struct Recordings {
    /// The directory of all recordings, which other nodes may share. It need not exist: what cannot be written is trouble of
    /// the recording, not of the node.
    pub directory: PathBuf,
    /// The name of this node, unique among those that share the directory: letters, digits, `-` and `_`, 64 at most.
    pub node: String,
}

impl Recordings {
    /// Checks the name of the node.
    ///
    /// # Errors
    /// It is no name.
    pub(crate) fn check(&self) -> io::Result<()> {
        if names::is_name(&self.node) {
            return Ok(());
        }
        let reason = format!("{:?} cannot be the name of a node", self.node);
        Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
    }
}

/// What went wrong with a recording on this node. The call goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The disk is full: nothing more is recorded here.
    DiskFull,
    /// It cannot be written for another reason: nothing more is recorded here.
    DiskError,
    /// The disk is too slow: packets are left out, and the recording says where. Told once a minute at most.
    DiskSlow,
}

impl Trouble {
    /// The name in messages: `disk_full`, `disk_error`, `disk_slow`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::DiskError => "disk_error",
            Self::DiskSlow => "disk_slow",
        }
    }
}
