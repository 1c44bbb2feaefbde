//! Threads, sockets and the clock around the SFU core.
//!
//! A [`Driver`] runs one media thread, its worker, which owns a [`sfu::Shard`], a UDP socket and a passive TCP listener
//! on the same port number. Commands go in over a bounded queue (full: they are refused by event); events come out over
//! another (full: the newest are dropped and counted, media never waits). One more thread reads SDP, and one writes what
//! recordings hear.
//!
//! Imports run one way:
//! `driver → handle → worker → {hosted, datagrams, streams, reader, recording} → events → leaves`.

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
mod scheduling;
mod sockets;
mod stats;
mod streams;
mod worker;

pub use driver::{CommandError, Config, Driver, Stats, Stopping};
pub use events::Event;
pub use recording::{RecordingStats, Recordings, Trouble};
pub use sfu;
