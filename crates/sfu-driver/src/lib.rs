//! Threads, sockets and the clock around the SFU core.
//!
//! A [`Driver`] runs one thread for each worker. It owns a [`sfu::Shard`], a UDP socket and a passive TCP listener on the same
//! port number. Commands go in over a bounded queue for each worker (full: they are refused by event); events come out over one
//! bounded queue (full: the newest are dropped and counted, media never waits). One more thread writes what recordings hear.
//!
//! Imports run one way: `driver → handle → worker → {hosted, datagrams, streams, recording} → {rooms, events} → leaves`.

mod addresses;
#[cfg(target_os = "linux")]
mod batch;
mod datagrams;
mod driver;
mod egress;
mod events;
mod framing;
mod handle;
mod hosted;
mod pace;
mod paths;
mod reader;
mod recording;
mod rooms;
mod scheduling;
mod sockets;
mod stats;
mod streams;
mod worker;

pub use driver::{CommandError, Config, Driver, Stopping, WorkerStats};
pub use events::Event;
pub use recording::{RecordingStats, Recordings, Trouble};
pub use sfu;
