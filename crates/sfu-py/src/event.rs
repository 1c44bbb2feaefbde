//! What Python reads: a class for each kind of event, and the counters by name.

// Each class has a constructor with all of its fields.
#![allow(clippy::too_many_arguments)]

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::{PyClass, PyClassInitializer};
use sfu_driver::sfu::{self, Body, MediaKind, PeerId, Recipient, SlotAssignment};
use sfu_driver::{Event, RecordingStats, Stats};

macro_rules! event_classes {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[pyclass(frozen, get_all, eq, new = "from_fields", module = "tertulia.sfu._sfu")]
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) struct $name { $($field: $kind,)* }
    )*};
}

event_classes! {
    /// The answer to a client's offer.
    Answer { room: String, transport: String, user_id: String, seat: String, sdp: String, }
    /// The server's own offer to a plain client.
    Offer { room: String, transport: String, user_id: String, seat: String, sdp: String, }
    /// The whole slot assignment of one client.
    Slots { room: String, transport: String, user_id: String, seat: String, slots: Vec<Slot>, }
    /// The videos that a client is not sent, since they do not fit through its line: user and source of each.
    VideosPaused { room: String, transport: String, user_id: String, seat: String, videos: Vec<(String, String)>, }
    /// The videos of which a client is sent less than its tiles want, since its line takes no more.
    VideosLimited { room: String, transport: String, user_id: String, seat: String, videos: Vec<LimitedVideo>, }
    /// Who speaks, loudest first.
    ActiveSpeakers { room: String, user_ids: Vec<String>, }
    /// What came into a room that is held to a rate, in the last second.
    Inflow { room: String, kilobits: u32, }
    /// The packets that a room has brought in and sent out since it began.
    Forwarded { room: String, packets: u64, }
    /// The layers that one client is to send of each of its videos.
    LayersWanted { room: String, transport: String, user_id: String, seat: String, videos: Vec<WantedLayers>, }
    /// A change of a peer's media path; `reason` only with `closed`.
    TransportState {
        room: String,
        transport: String,
        user_id: String,
        seat: String,
        state: String,
        reason: Option<String>,
    }
    /// More media comes in than may: from one track (its source), one peer (`peer`) or into the room (`room`).
    Limited { room: String, transport: String, user_id: String, seat: String, scope: String, }
    /// A command was refused.
    Refused {
        room: String,
        transport: String,
        user_id: String,
        seat: String,
        code: String,
        message: String,
    }
    /// A client is not sent a track, since it cannot decode it.
    NoCommonCodec {
        room: String,
        transport: String,
        user_id: String,
        seat: String,
        publisher: String,
        source: String,
        codec: String,
        accepted: Vec<String>,
    }
    /// So many events were dropped here.
    Lost { count: u64, }
    /// The shard panicked outside of a peer and was started again.
    Restarted { reason: String, }
    /// The media thread has failed for good.
    Failed { reason: String, }
    /// A recording is not, or not wholly, written here.
    RecordingTrouble { room: String, recording: String, reason: String, detail: String, }
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
pub(crate) struct Slot {
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
            user_id: user_id.map(|user| user.to_string()),
            source: source.map(|source| source.as_str().to_owned()),
        }
    }
}

/// A video of which less is sent: the height of the picture, if that is smaller than the tile wants, and whether frames are
/// left out.
#[pyclass(
    frozen,
    get_all,
    eq,
    new = "from_fields",
    module = "tertulia.sfu._sfu",
    from_py_object
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LimitedVideo {
    user_id: String,
    source: String,
    height: Option<u32>,
    fewer_frames: bool,
}

impl From<sfu::LimitedVideo> for LimitedVideo {
    fn from(video: sfu::LimitedVideo) -> Self {
        Self {
            user_id: video.user.to_string(),
            source: video.source.as_str().to_owned(),
            height: video.height,
            fewer_frames: video.has_fewer_frames,
        }
    }
}

/// The layers of one video that are wanted.
#[pyclass(
    frozen,
    get_all,
    eq,
    new = "from_fields",
    module = "tertulia.sfu._sfu",
    from_py_object
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedLayers {
    mid: String,
    source: String,
    rids: Vec<String>,
    is_wanted: bool,
}

impl From<sfu::WantedLayers> for WantedLayers {
    fn from(video: sfu::WantedLayers) -> Self {
        Self {
            mid: video.mid,
            source: video.source.as_str().to_owned(),
            rids: video.rids,
            is_wanted: video.is_wanted,
        }
    }
}

/// An event as an instance of its class.
pub(crate) fn to_python(py: Python<'_>, event: Event) -> PyResult<Bound<'_, PyAny>> {
    match event {
        Event::Core(event) => core_to_python(py, event),
        Event::Lost(count) => instance(py, Lost { count }),
        Event::Failed(reason) => instance(py, Failed { reason }),
        Event::Restarted(reason) => instance(py, Restarted { reason }),
        Event::RecordingTrouble {
            room,
            recording,
            trouble,
            detail,
        } => instance(
            py,
            RecordingTrouble {
                room: room.to_string(),
                recording: recording.to_string(),
                reason: trouble.as_str().to_owned(),
                detail,
            },
        ),
    }
}

fn core_to_python(py: Python<'_>, event: sfu::Event) -> PyResult<Bound<'_, PyAny>> {
    let (room, transport, user_id, seat) = match event.to {
        Recipient::Peer(PeerId {
            room,
            transport,
            user,
            seat,
        }) => (
            room.to_string(),
            transport.to_string(),
            user.to_string(),
            seat.to_string(),
        ),
        Recipient::Room(room) => (room.to_string(), String::new(), String::new(), String::new()),
    };
    macro_rules! of_peer {
        ($class:ident { $($field:ident: $value:expr),* }) => {
            instance(py, $class { room, transport, user_id, seat, $($field: $value),* })
        };
    }
    match event.body {
        Body::Answer { sdp } => of_peer!(Answer { sdp: sdp }),
        Body::Offer { sdp } => of_peer!(Offer { sdp: sdp }),
        Body::Slots(slots) => of_peer!(Slots {
            slots: slots.into_iter().map(Slot::from).collect()
        }),
        Body::VideosPaused(videos) => {
            let names = videos
                .iter()
                .map(|(user, source)| (user.to_string(), source.as_str().to_owned()));
            of_peer!(VideosPaused {
                videos: names.collect()
            })
        }
        Body::VideosLimited(videos) => of_peer!(VideosLimited {
            videos: videos.into_iter().map(LimitedVideo::from).collect()
        }),
        Body::ActiveSpeakers(users) => {
            let user_ids = users.iter().map(ToString::to_string).collect();
            instance(py, ActiveSpeakers { room, user_ids })
        }
        Body::Inflow(kilobits) => instance(py, Inflow { room, kilobits }),
        Body::Forwarded(packets) => instance(py, Forwarded { room, packets }),
        Body::LayersWanted(videos) => of_peer!(LayersWanted {
            videos: videos.into_iter().map(WantedLayers::from).collect()
        }),
        Body::TransportState(state) => {
            let (state, reason) = match state {
                sfu::TransportState::Connected => ("connected", None),
                sfu::TransportState::Disconnected => ("disconnected", None),
                sfu::TransportState::Closed(reason) => ("closed", Some(reason.as_str().to_owned())),
            };
            of_peer!(TransportState {
                state: state.to_owned(),
                reason: reason
            })
        }
        Body::Limited(scope) => of_peer!(Limited {
            scope: scope.as_str().to_owned()
        }),
        Body::NoCommonCodec(track) => of_peer!(NoCommonCodec {
            publisher: track.user.to_string(),
            source: track.source.as_str().to_owned(),
            codec: track.codec,
            accepted: track.accepted
        }),
        Body::Refused { code, message } => of_peer!(Refused {
            code: code.as_str().to_owned(),
            message: message
        }),
    }
}

fn instance<'py, T>(py: Python<'py>, value: T) -> PyResult<Bound<'py, PyAny>>
where
    T: PyClass + Into<PyClassInitializer<T>>,
{
    Ok(Bound::new(py, value)?.into_any())
}

/// A worker's counters by name; datagrams are counted by the sockets, not by the shard.
pub(crate) fn stats_to_python(stats: Stats) -> HashMap<&'static str, u64> {
    let shard = stats.shard;
    let of_shard = [
        ("rooms", shard.rooms as u64),
        ("peers", shard.peers as u64),
        ("tracks", shard.tracks as u64),
        ("peers_limited", shard.peers_limited as u64),
        ("limited_kilobits", shard.limited_kilobits),
        ("videos_paused", shard.videos_paused as u64),
        ("rtp_in", shard.rtp_in),
        ("rtp_oversized", shard.rtp_oversized),
        ("media_limited", shard.media_limited),
        ("rtp_forwarded", shard.rtp_forwarded),
        ("packets_unknown", shard.packets_unknown),
        ("transmits_dropped", shard.transmits_dropped),
        ("shard_events_dropped", shard.events_dropped),
        ("rtp_tapped", shard.rtp_tapped),
        ("taps_dropped", shard.taps_dropped),
        ("taps_refused", shard.taps_refused),
        ("stun_answered", shard.stun_answered),
        ("stun_limited", shard.stun_limited),
        ("keyframe_requests", shard.keyframe_requests),
        ("faults", shard.faults),
    ];
    stats.sockets.into_iter().chain(of_shard).collect()
}

/// What the writing of recordings counts, by name.
pub(crate) fn recording_stats_to_python(stats: RecordingStats) -> HashMap<&'static str, u64> {
    HashMap::from([
        ("running", stats.running),
        ("packets", stats.packets),
        ("bytes", stats.bytes),
        ("packets_lost", stats.packets_lost),
        ("parts_failed", stats.parts_failed),
        ("delay_ms", u64::try_from(stats.delay.as_millis()).unwrap_or(u64::MAX)),
    ])
}
