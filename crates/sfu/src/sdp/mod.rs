//! SDP as text (RFC 8866): what str0m neither tells nor lets be set is read and written here.

mod edit;
mod payloads;
mod scan;

pub use edit::{LineEdit, clean_answer, clean_offer, finish};
pub use scan::{Scan, Section, scan};
