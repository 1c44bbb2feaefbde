//! The sans-IO core of Tertulia's selective forwarding unit.
//!
//! A [`Shard`] holds whole rooms. Packets, commands and the time go in; packets and events come out. There is no
//! socket, thread or clock in this crate. A driver does, in this order:
//!
//! 1. feed what happened: [`Shard::receive`], [`Shard::command`], or [`Shard::handle_timeout`];
//! 2. drain [`Shard::poll_transmit`] until `None` and send (consecutive transmits to one destination are adjacent
//!    where that costs no latency, so they can be grouped with UDP GSO), then [`Shard::poll_forgotten`] and
//!    [`Shard::poll_event`] until `None`;
//! 3. wait until [`Shard::next_timeout`], or for more input, whichever is first.
//!
//! `now` never goes backwards from call to call.
//!
//! Feeding a batch of packets before draining is right and cheaper: what the shard queues is bounded. When
//! the transmit queue is full, the newest packet is dropped (RTP's receivers ask again); when the event queue is full,
//! the newest event is dropped and counted in [`ShardStats::events_dropped`], but for the last one of a
//! transport ([`TransportState::Closed`]), which is always kept.
//!
//! Imports run one way: `shard → {demux, peer, room, egress} → leaves`.

mod bucket;
mod command;
mod config;
mod demux;
mod egress;
mod event;
mod ids;
mod peer;
mod queue;
mod room;
mod rtp;
mod sdp;
mod shard;
mod stats;
mod stun;
mod throttle;
mod timers;

pub use command::{Command, Source, TrackName, WantedVideo};
pub use config::{Limits, LocalCandidate, ShardConfig, Transport};
pub use event::{CloseReason, Event, MediaKind, RefusalCode, SlotAssignment, TransportState};
pub use shard::{Shard, Transmit};
pub use stats::ShardStats;
