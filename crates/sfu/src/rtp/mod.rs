//! RTP as a forwarder sees it: numbers to keep in step, and where a picture can be entered.

mod payload;
mod rewrite;
mod vp8;

pub use payload::{is_keyframe, matching_payload};
pub use rewrite::Rewrite;
pub use vp8::PictureIds;
