//! A publisher's RTP packet, decrypted.

use std::sync::Arc;
use std::time::Instant;

use str0m::rtp::{RtpHeader, SeqNo};

use super::clock::Report;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    /// The extended sequence number.
    pub(crate) seq_no: SeqNo,
    /// The header.
    pub(crate) header: RtpHeader,
    /// The payload.
    pub(crate) payload: Arc<[u8]>,
    /// When it arrived.
    pub(crate) timestamp: Instant,
    /// What the last sender report of its stream said.
    pub(crate) report: Option<Report>,
}
