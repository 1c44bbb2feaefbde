//! RTP as a forwarder sees it: numbers to keep in step, and where a picture can be entered.

mod clock;
mod descriptor;
mod encodings;
mod header;
mod incoming;
mod payload;
mod rewrite;
mod serialize;
mod vp8;

pub(crate) use clock::{Report, SenderClock, StreamClock};
pub(crate) use descriptor::{FrameNumbers, dependency_descriptor};
pub(crate) use encodings::{Choice, EncodingName, Encodings};
pub(crate) use header::Header;
pub(crate) use incoming::Incoming;
#[cfg(feature = "fuzzing")]
pub(crate) use payload::is_keyframe;
pub(crate) use payload::matching_payload;
pub(crate) use rewrite::Rewrite;
pub(crate) use serialize::serialize;
pub(crate) use vp8::PictureIds;
