//! How much one client can be sent: when packets left, what its reports say became of them, and when the next may leave.
//!
//! After draft-ietf-rmcat-gcc-02 and libwebrtc: a rising delay is noticed by its trend, a shortage of bits by what arrives,
//! and more than is sent by probes. No sockets and no clock: reports and the time go in, bits per second come out.

mod control;
mod delay;
mod departures;
mod gcc;
mod groups;
mod loss;
mod meter;
mod pacer;
mod probe;
mod prober;
mod throughput;
mod trend;

use std::time::Instant;

pub(crate) use control::{Control, MAX_WAITING};
use departures::Departures;
use gcc::Gcc;
pub(crate) use meter::Meter;
use pacer::Pacer;
use probe::Cluster;
use prober::Prober;

/// What became of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// When it left, in microseconds of the server's clock.
    pub(crate) departed: i64,
    /// When it arrived, in microseconds of the client's clock; `None`: it is missing.
    pub(crate) arrived: Option<i64>,
    /// Its bytes on the wire.
    pub(crate) bytes: u32,
    /// The probe that it was a part of.
    pub(crate) cluster: Option<Cluster>,
}

/// Finds out how much a client can be sent.
pub(crate) trait Estimator {
    /// A client has reported what became of some packets, in the order in which they left. `clock` is now in microseconds of
    /// the clock of their departures. Gives whether there are any: nothing is made of none.
    fn reported(&mut self, now: Instant, clock: i64, outcomes: impl Iterator<Item = Outcome>) -> bool;

    /// Bits per second. `None`: there is no sign of a limit.
    fn bits(&self) -> Option<u64>;
}
