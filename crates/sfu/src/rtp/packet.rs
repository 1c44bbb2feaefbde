//! A publisher's RTP packet, as its session gives it.

use std::sync::Arc;
use std::time::Instant;

use str0m::rtp::rtcp::SenderInfo;
use str0m::rtp::{RtpHeader, RtpPacket, SeqNo};

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
    pub(crate) last_sender_info: Option<SenderInfo>,
}

impl From<RtpPacket> for Packet {
    fn from(packet: RtpPacket) -> Self {
        Self {
            seq_no: packet.seq_no,
            header: packet.header,
            payload: packet.payload,
            timestamp: packet.timestamp,
            last_sender_info: packet.last_sender_info,
        }
    }
}
