//! What the thread that writes counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The recordings of a node, since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordingStats {
    /// Parts that are being written now.
    pub running: u64,
    /// Packets handed to the system.
    pub packets: u64,
    /// Bytes handed to the system, of all files.
    pub bytes: u64,
    /// Packets left out because the disk was too slow.
    pub packets_lost: u64,
    /// Parts that ended because they could not be written.
    pub parts_failed: u64,
    /// How long the oldest that is not handed to the system yet has waited.
    pub delay: Duration,
}

/// Written by one thread, read by any.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) running: AtomicU64,
    pub(crate) packets: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) parts_failed: AtomicU64,
}

impl Counters {
    /// Together with what the queue counts.
    pub(crate) fn stats(&self, packets_lost: u64, delay: Duration) -> RecordingStats {
        RecordingStats {
            running: self.running.load(Ordering::Relaxed),
            packets: self.packets.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            packets_lost,
            parts_failed: self.parts_failed.load(Ordering::Relaxed),
            delay,
        }
    }
}

/// Adds to one of them.
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}
