//! What Python reads: a class for each kind of event, and the counters by name.

use std::collections::HashMap;

use pyo3::prelude::*;
use sfu_driver::sfu::{self, MediaKind, SlotAssignment};
use sfu_driver::{Event, WorkerStats};

macro_rules! event_classes {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[pyclass(frozen, get_all, eq, new = "from_fields", module = "tertulia.sfu._sfu")]
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name { $($field: $kind,)* }
    )*};
}

event_classes! {
    /// The answer to a client's offer.
    Answer { room: String, transport: String, user_id: String, sdp: String, }
    /// The server's own offer to a plain client.
    Offer { room: String, transport: String, user_id: String, sdp: String, }
    /// The whole slot assignment of one client.
    Slots { room: String, transport: String, user_id: String, slots: Vec<Slot>, }
    /// Who speaks, loudest first.
    ActiveSpeakers { room: String, user_ids: Vec<String>, }
    /// A change of a peer's media path; `reason` only with `closed`.
    TransportState {
        room: String,
        transport: String,
        user_id: String,
        state: String,
        reason: Option<String>,
    }
    /// A command could not be done.
    Refused { room: String, transport: String, user_id: String, code: String, message: String, }
    /// So many events were dropped here.
    Lost { count: u64, }
    /// A worker's core failed outside of a peer and was started again.
    Restarted { port: u16, reason: String, }
    /// A worker has ended by itself.
    Failed { port: u16, reason: String, }
}

/// One slot; `user_id` and `source` are None while it is empty.
#[pyclass(
    frozen,
    get_all,
    eq,
    new = "from_fields",
    module = "tertulia.sfu._sfu",
    from_py_object
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    mid: String,
    kind: String,
    user_id: Option<String>,
    source: Option<String>,
}

impl From<SlotAssignment> for Slot {
    fn from(slot: SlotAssignment) -> Self {
        let kind = match slot.kind {
            MediaKind::Audio => "audio",
            MediaKind::Video => "video",
        };
        let (user_id, source) = slot.track.unzip();
        Slot {
            mid: slot.mid,
            kind: kind.to_owned(),
            user_id,
            source: source.map(|s| s.as_str().to_owned()),
        }
    }
}

/// An event as an instance of its class.
pub fn to_python(py: Python<'_>, event: Event) -> PyResult<Bound<'_, PyAny>> {
    use sfu::Event as E;
    Ok(match event {
        Event::Core(E::Answer {
            room,
            transport,
            user,
            sdp,
        }) => Bound::new(
            py,
            Answer {
                room,
                transport,
                user_id: user,
                sdp,
            },
        )?
        .into_any(),
        Event::Core(E::Offer {
            room,
            transport,
            user,
            sdp,
        }) => Bound::new(
            py,
            Offer {
                room,
                transport,
                user_id: user,
                sdp,
            },
        )?
        .into_any(),
        Event::Core(E::Slots {
            room,
            transport,
            user,
            slots,
        }) => {
            let slots = slots.into_iter().map(Slot::from).collect();
            Bound::new(
                py,
                Slots {
                    room,
                    transport,
                    user_id: user,
                    slots,
                },
            )?
            .into_any()
        }
        Event::Core(E::ActiveSpeakers { room, users }) => {
            Bound::new(py, ActiveSpeakers { room, user_ids: users })?.into_any()
        }
        Event::Core(E::TransportState {
            room,
            transport,
            user,
            state,
        }) => {
            let (state, reason) = match state {
                sfu::TransportState::Connected => ("connected", None),
                sfu::TransportState::Disconnected => ("disconnected", None),
                sfu::TransportState::Closed(reason) => ("closed", Some(reason.as_str().to_owned())),
            };
            Bound::new(
                py,
                TransportState {
                    room,
                    transport,
                    user_id: user,
                    state: state.to_owned(),
                    reason,
                },
            )?
            .into_any()
        }
        Event::Core(E::Refused {
            room,
            transport,
            user,
            code,
            message,
        }) => {
            let code = code.as_str().to_owned();
            Bound::new(
                py,
                Refused {
                    room,
                    transport,
                    user_id: user,
                    code,
                    message,
                },
            )?
            .into_any()
        }
        Event::Lost(count) => Bound::new(py, Lost { count })?.into_any(),
        Event::Failed { port, reason } => Bound::new(py, Failed { port, reason })?.into_any(),
        Event::Restarted { port, reason } => Bound::new(py, Restarted { port, reason })?.into_any(),
    })
}

/// A worker's numbers by name; what a datagram costs is counted where it is sent, not where it is asked for.
pub fn stats_to_python(stats: WorkerStats) -> HashMap<&'static str, u64> {
    let shard = stats.shard;
    let of_shard = [
        ("port", u64::from(stats.port)),
        ("rooms", shard.rooms as u64),
        ("peers", shard.peers as u64),
        ("tracks", shard.tracks as u64),
        ("rtp_in", shard.rtp_in),
        ("rtp_oversized", shard.rtp_oversized),
        ("rtp_forwarded", shard.rtp_forwarded),
        ("packets_unknown", shard.packets_unknown),
        ("transmits_dropped", shard.transmits_dropped),
        ("shard_events_dropped", shard.events_dropped),
        ("stun_answered", shard.stun_answered),
        ("stun_limited", shard.stun_limited),
        ("keyframe_requests", shard.keyframe_requests),
        ("faults", shard.faults),
    ];
    stats.sockets.into_iter().chain(of_shard).collect()
}
