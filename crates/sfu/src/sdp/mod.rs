//! SDP as text (RFC 8866): reads and writes what str0m does not expose.

mod edit;
mod payloads;
mod scan;

pub(crate) use edit::{LineEdit, clean_answer, clean_offer, finish};
pub(crate) use scan::{IceCredentials, Scan, Section, scan};
