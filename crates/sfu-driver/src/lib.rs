//! Threads, sockets and the clock around the SFU core.
//!
//! A [`Driver`] runs one thread a worker. Each owns a [`sfu::Shard`], a UDP socket and a passive TCP listener on the same
//! port number. Commands go in over a bounded queue a worker (full: the caller is told); events come out over one bounded queue
//! (full: the newest are dropped and counted, media never waits).
//!
//! Imports run one way: `driver → worker → {datagrams, streams, rooms, events} → leaves`.

mod addresses;
mod datagrams;
mod driver;
mod egress;
mod events;
mod framing;
mod paths;
mod rooms;
mod sockets;
mod stats;
mod streams;
mod worker;

pub use driver::{CommandError, Config, Driver, Stopping, WorkerStats};
pub use events::Event;
pub use sfu;
