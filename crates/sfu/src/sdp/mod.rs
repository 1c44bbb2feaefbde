//! SDP as text (RFC 8866): the session speaks one dialect, clients speak theirs.

mod checks;
mod feedback;
mod finish;
mod outline;
mod payloads;
mod render;
mod scan;
mod section;
mod sharing;

pub(crate) use finish::{LineEdit, Place, SessionSdp, finish};
pub(crate) use outline::{Outline, Outlined};
pub(crate) use render::{Slot, render};
pub(crate) use scan::{Scan, scan};
pub(crate) use section::{IceCredentials, Purpose, Red, Section};
