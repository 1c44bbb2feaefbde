//! Counters of a worker: written by its thread alone, read by any.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use sfu::ShardStats;

/// One number with a single writer, so that adding takes no locked instruction.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds; only the worker's thread may.
    pub fn add(&self, n: u64) {
        self.0
            .store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// Sets; only the worker's thread may.
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// The value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a worker's thread counts, since its start.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: Counter,)*
            shard: Mutex<ShardStats>,
        }

        impl Counters {
            /// Each counter with its name.
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.get()),)*]
            }
        }
    };
}

counters! {
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
    /// Datagrams the kernel refused for another reason.
    dropped_refused,
    /// Datagrams dropped because a TCP reader was too slow.
    dropped_stalled,
    /// Datagrams dropped because their TCP connection was gone.
    dropped_no_stream,
    /// TCP connections accepted.
    tcp_accepted,
    /// TCP connections refused: too many, or no resources.
    tcp_refused,
    /// TCP connections of strangers closed to make room.
    tcp_evicted,
    /// TCP connections closed because they sent no RFC 4571 frames.
    tcp_malformed,
    /// TCP connections closed at a deadline: silent, stalled, or never claimed by a peer.
    tcp_timed_out,
    /// TCP connections open now.
    tcp_open,
    /// Bytes the kernel granted for what arrives faster than it is read.
    receive_buffer,
    /// Times the kernel had an error instead of datagrams.
    receive_errors,
    /// Times the core failed outside of a peer and was started again.
    restarts,
}

impl Counters {
    /// Publishes the shard's own numbers.
    pub fn set_shard(&self, stats: ShardStats) {
        *self.shard.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = stats;
    }

    /// The shard's own numbers, as of the worker's last turn.
    pub fn shard(&self) -> ShardStats {
        *self.shard.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
