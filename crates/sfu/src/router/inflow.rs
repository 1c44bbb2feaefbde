//! What comes into one room: how much may, and, where the hub holds it to a rate, how much does.

use std::time::{Duration, Instant};

use str0m::media::MediaKind;

use super::{Due, Router};
use crate::budget::{Budget, Verdict};
use crate::ids::{RoomId, RoomKey};

/// How often the hub is told.
const EVERY: Duration = Duration::from_secs(1);

/// The share of a second's worth that only audio uses: where video is too much, people still hear each other.
const FOR_AUDIO: f64 = 0.1;

/// See the module.
#[derive(Debug)]
pub(super) struct Inflow {
    budget: Budget,
    meter: Option<Meter>,
}

/// What has come in, dropped or not.
#[derive(Debug)]
struct Meter {
    bytes: u64,
    since: Instant,
}

impl Inflow {
    /// Nothing came in yet.
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, meter: None }
    }

    /// Takes a packet of so many bytes.
    pub(super) fn take(&mut self, now: Instant, kind: MediaKind, bytes: usize) -> Verdict {
        if let Some(meter) = &mut self.meter {
            meter.bytes += bytes as u64;
        }
        match kind {
            MediaKind::Audio => self.budget.take(now, bytes),
            MediaKind::Video => self.budget.take_leaving(now, bytes, FOR_AUDIO),
        }
    }

    /// Holds it to a rate, and counts from now on. Gives whether it did not count before.
    fn hold_to(&mut self, now: Instant, kilobits: u32) -> bool {
        self.budget.hold_to(now, kilobits);
        let is_new = self.meter.is_none();
        self.meter.get_or_insert(Meter { bytes: 0, since: now });
        is_new
    }

    /// Kilobits a second since this was last asked.
    fn measure(&mut self, now: Instant) -> Option<u32> {
        let meter = self.meter.as_mut()?;
        let seconds = now.saturating_duration_since(meter.since).as_secs_f64();
        let kilobits = meter.bytes as f64 / 125.0 / seconds.max(0.001);
        *meter = Meter { bytes: 0, since: now };
        Some(kilobits as u32) // saturates
    }
}

impl Router {
    /// Holds a room to a rate, and tells from now on what comes into it. The shard's own limit holds all the same.
    pub(crate) fn limit(&mut self, now: Instant, room: &RoomId, kilobits: u32) {
        if let Some(key) = self.by_id.get(room)
            && self.rooms[*key].inflow.hold_to(now, kilobits.min(self.room_kilobits))
        {
            self.timers.arm(now + EVERY, Due::Inflow(*key));
        }
    }

    /// The next room that was measured: what came into it, in kilobits a second.
    pub(crate) fn poll_inflow(&mut self) -> Option<(RoomId, u32)> {
        self.inflows.pop()
    }

    pub(super) fn measure(&mut self, now: Instant, key: RoomKey) {
        let Some(room) = self.rooms.get_mut(key) else { return };
        if let Some(kilobits) = room.inflow.measure(now) {
            self.inflows.push((room.id.clone(), kilobits));
            self.timers.arm(now + EVERY, Due::Inflow(key));
        }
    }
}
