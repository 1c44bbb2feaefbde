//! Counters of the worker: written by its own thread, read by any.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use sfu::ShardStats;

/// A counter with a single writer, so that adding takes no locked instruction.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds. Only for the worker's thread.
    pub(crate) fn add(&self, n: u64) {
        self.0
            .store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// Sets. Only for the worker's thread.
    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// The value.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What the worker's thread counts, since its start.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $($(#[$doc])* pub(crate) $name: Counter,)*
            shard: Mutex<ShardStats>,
        }

        impl Counters {
            /// Each counter with its name.
            pub(crate) fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.get()),)*]
            }
        }
    };
}

counters! {
    /// Turns of the thread: it stands still while this does not grow, though it was woken.
    turns,
    /// Microseconds of CPU time that the thread has used, as of the last time that it was woken.
    cpu_micros,
    /// Datagrams read, UDP and TCP.
    packets_in,
    /// Their bytes.
    bytes_in,
    /// Datagrams handed to the kernel.
    packets_out,
    /// Their bytes.
    bytes_out,
    /// System calls that sent UDP.
    udp_sends,
    /// Datagrams dropped because the socket's buffer was full.
    dropped_socket_full,
    /// Datagrams that the kernel refused for another reason.
    dropped_refused,
    /// Datagrams dropped because a TCP reader was too slow.
    dropped_stalled,
    /// Datagrams dropped because their TCP connection was gone.
    dropped_no_stream,
    /// TCP connections accepted.
    tcp_accepted,
    /// TCP connections refused because there were too many, or no resources.
    tcp_refused,
    /// TCP connections without a peer closed to make space.
    tcp_evicted,
    /// TCP connections closed because what they sent were not RFC 4571 frames.
    tcp_malformed,
    /// TCP connections closed at a deadline: silent, stalled, or never used by a peer.
    tcp_timed_out,
    /// TCP connections open now.
    tcp_open,
    /// Bytes of receive buffer that the kernel granted.
    receive_buffer,
    /// Reads that ended with an error.
    receive_errors,
    /// Restarts of the shard after a panic outside of a peer's session.
    restarts,
}

impl Counters {
    /// Publishes the shard's counters.
    pub(crate) fn set_shard(&self, stats: ShardStats) {
        *self.shard.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = stats;
    }

    /// The shard's counters, as of the worker's last turn.
    pub(crate) fn shard(&self) -> ShardStats {
        *self.shard.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
