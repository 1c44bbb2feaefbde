//! The lines of `part.jsonl`: one JSON object each, `t` being its kind and `at` the microseconds since the part began.

use serde::Serialize;

/// The version of the format.
pub(crate) const VERSION: u32 = 1;

/// See the module; the names and fields are those in the file.
#[derive(Debug, Serialize)]
#[serde(tag = "t", rename_all = "lowercase")]
pub(crate) enum Line<'a> {
    /// The first line. `wall` is the time at `at` 0, in microseconds since 1970.
    Part {
        at: u64,
        version: u32,
        recording: &'a str,
        room: &'a str,
        node: &'a str,
        wall: u64,
    },
    /// A person who is recorded is there.
    Joined {
        at: u64,
        peer: u32,
        user: &'a str,
        name: &'a str,
    },
    /// Whose name is another one.
    Renamed { at: u64, peer: u32, name: &'a str },
    /// And gone.
    Left { at: u64, peer: u32 },
    /// A file begins.
    #[serde(rename_all = "camelCase")]
    Track {
        at: u64,
        track: u32,
        peer: u32,
        source: &'a str,
        kind: &'a str,
        codec: &'a str,
        clock_rate: u32,
        channels: Option<u8>,
        fmtp: &'a str,
        ssrc: u32,
        file: &'a str,
    },
    /// A sender report (RFC 3550 section 6.4.1).
    Report { at: u64, track: u32, ntp: u64, rtp: u32 },
    /// Its user muted it, or switched the camera off.
    Paused { at: u64, track: u32 },
    /// And on again.
    Resumed { at: u64, track: u32 },
    /// Nothing more comes in its file.
    Ended { at: u64, track: u32 },
    /// So many packets were left out, because the disk was too slow.
    Gap { at: u64, track: u32, lost: u32 },
    /// Who speaks, loudest first.
    Speakers { at: u64, users: Vec<&'a str> },
    /// The part is whole.
    End { at: u64, reason: &'static str },
}

impl Line<'_> {
    /// The line with its end.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("text and numbers");
        bytes.push(b'\n');
        bytes
    }
}

/// Why a part ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// The recording was stopped.
    Stopped,
    /// The last peer that was recorded is gone.
    Empty,
    /// The disk is full.
    DiskFull,
    /// The disk fails, or stood still for too long.
    DiskError,
    /// The node stops.
    Shutdown,
    /// The worker panicked.
    Fault,
}

impl EndReason {
    /// The name in the file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Empty => "empty",
            Self::DiskFull => "disk_full",
            Self::DiskError => "disk_error",
            Self::Shutdown => "shutdown",
            Self::Fault => "fault",
        }
    }
}
