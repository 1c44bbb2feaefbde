//! RTP as a forwarder sees it: numbers to keep in step, and where a picture can be entered.

mod bits;
mod clock;
mod descriptor;
mod encodings;
mod h264;
mod header;
mod history;
mod incoming;
mod numbers;
mod omitted;
mod outgoing;
mod packet;
mod payload;
mod pictures;
mod place;
pub(crate) mod red;
mod requests;
mod rewrite;
mod rtcp;
mod serialize;
mod squeeze;
mod structure;
mod transport_feedback;
mod vp8;
mod vp9;

pub(crate) use clock::{Report, SenderClock, StreamClock};
pub(crate) use descriptor::{Descriptor, FrameNumbers, dependency_descriptor};
pub(crate) use encodings::{Choice, EncodingName, Encodings};
pub(crate) use header::Header;
pub(crate) use history::History;
#[cfg(feature = "fuzzing")]
pub(crate) use incoming::renumber;
pub(crate) use incoming::{Incoming, IncomingStream};
pub(crate) use numbers::{Numbers, PictureIds};
pub(crate) use omitted::Omitted;
pub(crate) use outgoing::{Departure, ExtensionIds, LONGEST_NARROW, Outgoing};
pub(crate) use packet::Packet;
#[cfg(feature = "fuzzing")]
pub(crate) use payload::is_keyframe;
pub(crate) use payload::matching_payload;
#[cfg(feature = "fuzzing")]
pub(crate) use pictures::Pictures;
pub(crate) use place::{Place, SwitchUp};
pub(crate) use requests::{full_intra, nack, picture_loss, receiver_reports};
pub(crate) use rewrite::{BEGIN, Rewrite, Time};
pub(crate) use rtcp::{Feedback, Reception, SenderReport, goodbyes, is_sender_report, opening, transport_feedback};
pub(crate) use serialize::serialize;
pub(crate) use squeeze::Squeeze;
#[cfg(feature = "fuzzing")]
pub(crate) use structure::Structures;
pub(crate) use transport_feedback::TransportFeedback;
#[cfg(feature = "fuzzing")]
pub(crate) use {vp8::Descriptor as Vp8Descriptor, vp9::Descriptor as Vp9Descriptor};
