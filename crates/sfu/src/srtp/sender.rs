//! What the server sends.

use std::ops::Range;

use super::cipher::Cipher;
use super::keys::{MasterKey, Stream};
use super::window::Ticket;

/// SRTCP indices have 31 bits; a key must not be used beyond (RFC 3711 section 9.2).
const MAX_RTCP_INDEX: u32 = (1 << 31) - 1;

/// The one context by which RTP and RTCP of one client are sealed.
pub(crate) struct Sender {
    rtp: Cipher,
    rtcp: Cipher,
    next_rtcp: u32,
}

impl Sender {
    /// `None`: the library refuses the key.
    pub(crate) fn new(master: &MasterKey) -> Option<Self> {
        Some(Self {
            rtp: Cipher::new(master, Stream::Rtp)?,
            rtcp: Cipher::new(master, Stream::Rtcp)?,
            next_rtcp: 0,
        })
    }

    /// Seals an RTP packet at the end of a buffer, where its header is at `header`. The ticket is of the window of its SSRC.
    /// `false`: it cannot be sent.
    pub(crate) fn seal_rtp(&self, buffer: &mut Vec<u8>, header: Range<usize>, ssrc: u32, ticket: Ticket) -> bool {
        self.rtp.seal_rtp(buffer, header, ssrc, ticket.index())
    }

    /// Seals a compound RTCP packet. `false`: it cannot be sent.
    pub(crate) fn seal_rtcp(&mut self, packet: &mut Vec<u8>) -> bool {
        let index = self.next_rtcp;
        if index > MAX_RTCP_INDEX {
            return false;
        }
        self.next_rtcp += 1;
        self.rtcp.seal_rtcp(packet, index)
    }
}
