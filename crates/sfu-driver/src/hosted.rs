//! The worker's shard, with what it has to tell.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use sfu::{Command, Outcome, ReadSdp, Reading, Refusal, RefusalCode, Shard, ShardConfig, Tapped};

use crate::events::{Event, EventQueue};

/// See the module.
pub(crate) struct HostedShard {
    config: ShardConfig,
    shard: Shard,
    /// How many shards there were before.
    number: u64,
    events: Arc<EventQueue>,
    /// Events of this turn.
    batch: Vec<Event>,
    /// What recordings heard in this turn.
    tapped: Vec<Tapped>,
}

impl HostedShard {
    pub(crate) fn new(config: ShardConfig, events: Arc<EventQueue>, now: Instant) -> Self {
        HostedShard {
            shard: Shard::new(config.clone(), now, SystemTime::now()),
            number: 0,
            config,
            events,
            batch: Vec::new(),
            tapped: Vec::new(),
        }
    }

    /// The shard, for packets and the time. Commands go through [`Self::command`].
    pub(crate) fn shard(&mut self) -> &mut Shard {
        &mut self.shard
    }

    /// When the shard has something to do.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.shard.next_timeout()
    }

    /// Has the shard do what a command asks, and notes its outcome. What the shard said before has to be collected already.
    pub(crate) fn command(&mut self, now: Instant, command: Command) {
        let outcome = self.shard.command(now, command);
        self.note(outcome);
    }

    fn note(&mut self, outcome: Result<Outcome, Refusal>) {
        let told = match outcome {
            Ok(outcome) => outcome.into_event(),
            Err(refusal) => refusal.into_event(),
        };
        self.batch.extend(told.map(Event::Core));
    }

    /// The next SDP that the shard wants read, and the number of the shard.
    pub(crate) fn poll_reading(&mut self) -> Option<(u64, Reading)> {
        Some((self.number, self.shard.poll_reading()?))
    }

    /// Has the shard of that number go on with what was read, and notes its outcome. What the shard said before has to be
    /// collected already.
    pub(crate) fn finish_reading(&mut self, now: Instant, number: u64, read: ReadSdp) {
        if number == self.number {
            let outcome = self.shard.finish_reading(now, read);
            self.note(outcome);
        }
    }

    /// Refuses a command that did not fit into the queue.
    pub(crate) fn refuse(&mut self, command: &Command) {
        let refusal = Refusal {
            to: self.shard.owner(command),
            code: RefusalCode::Overloaded,
            message: "the media server is busy: try again".to_owned(),
        };
        self.batch.extend(refusal.into_event().map(Event::Core));
    }

    /// Collects what the shard has to tell. Its packets have to be taken already.
    pub(crate) fn collect(&mut self) {
        while let Some(event) = self.shard.poll_event() {
            self.batch.push(Event::Core(event));
        }
        self.collect_tapped();
    }

    /// Adds an event of the worker's own.
    pub(crate) fn tell(&mut self, event: Event) {
        self.batch.push(event);
    }

    /// Collects what recordings heard; all that is left to do with a shard that has panicked.
    pub(crate) fn collect_tapped(&mut self) {
        while let Some(tapped) = self.shard.poll_tapped() {
            self.tapped.push(tapped);
        }
    }

    /// What recordings heard and nobody took yet.
    pub(crate) fn tapped(&mut self) -> &mut Vec<Tapped> {
        &mut self.tapped
    }

    /// Hands on what was collected.
    pub(crate) fn publish(&mut self) {
        self.events.push(&mut self.batch);
    }

    /// After a panic outside of a peer's session: goes on with an empty shard. The peers of the old one are told closed.
    pub(crate) fn restart(&mut self, now: Instant) {
        let broken = std::mem::replace(&mut self.shard, Shard::new(self.config.clone(), now, SystemTime::now()));
        self.number += 1;
        self.batch.extend(broken.abandon().into_iter().map(Event::Core));
    }
}
