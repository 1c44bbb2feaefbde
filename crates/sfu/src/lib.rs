//! The sans-IO core of Tertulia's selective forwarding unit.
//!
//! A [`Shard`] holds whole rooms. Packets, commands and the time go in; packets, events and the outcomes of commands come out.
//! There is no socket, thread or clock in this crate. A driver does, in this order:
//!
//! 1. feed what happened: [`Shard::receive`], [`Shard::command`], or [`Shard::handle_timeout`];
//! 2. call [`Shard::shake_hands`] as long as there is time, since each may take a millisecond;
//! 3. call [`Shard::send`] until `false`, and send what it writes (packets for one destination are adjacent, so that
//!    they can be grouped with UDP GSO), then [`Shard::poll_forgotten`] and [`Shard::poll_event`] until `None`, and
//!    [`Shard::poll_tapped`] as far as there is space for what recordings hear;
//! 4. drain [`Shard::poll_reading`]: SDPs that have to be read, which takes some 150 ns a byte, here or on another thread.
//!    What comes of each goes to [`Shard::finish_reading`], in any order;
//! 5. wait until [`Shard::next_timeout`], or for more input, whichever is first; not at all while [`Shard::has_handshakes`].
//!
//! `now` never goes backwards from call to call.
//!
//! A batch of packets may be fed before the next drain, and is cheaper so: what the shard queues is bounded. When the
//! transmit queue is full, the newest packet is dropped (RTP receivers request it again). When the event queue is full, the
//! newest event is dropped and counted in [`ShardStats::events_dropped`], but for the last one of a transport
//! ([`TransportState::Closed`]), which is always kept. When the queue of recordings is full, packets are left out, which is
//! told as a [`Heard::Gap`] in their place.
//!
//! Imports run one way: `shard → {peer, router} → leaves`. A peer is one WebRTC transport and knows nothing of rooms; the
//! router decides what is forwarded to whom and knows nothing of sessions.

mod bucket;
mod budget;
mod command;
mod config;
mod congestion;
mod demux;
mod event;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod ids;
mod line;
mod outbox;
mod peer;
mod per_source;
mod queue;
mod receiving;
mod router;
mod rtp;
mod sdp;
mod shard;
mod srtp;
mod stats;
mod stun;
mod tap;
mod throttle;
mod timers;

pub use command::{Command, Outcome, Refusal, RefusalCode, Source, TrackName, WantedVideo};
pub use config::{Limits, LocalCandidate, ShardConfig, Transport};
pub use event::{
    Body, CloseReason, Event, LimitedVideo, MediaKind, Recipient, Scope, SlotAssignment, TransportState, Undecodable,
    WantedLayers,
};
pub use ids::{PeerId, RecordingId, RoomId, SeatId, TransportId, UserId};
pub use outbox::Outbox;
pub use peer::{ReadSdp, Reading};
pub use shard::Shard;
pub use stats::ShardStats;
pub use tap::{AUDIO_LEVEL, Heard, StopReason, TapFormat, TapPeer, TapTrack, Tapped, VIDEO_ORIENTATION};
