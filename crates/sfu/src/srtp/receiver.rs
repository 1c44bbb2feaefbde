//! What the client sends.

use super::cipher::Cipher;
use super::keys::{MasterKey, Stream};
use super::window::Window;

/// SSRCs of RTCP whose indices are remembered; the one silent for longest makes way. A client has some for what it sends, and
/// one for what it receives.
const MAX_SSRCS: usize = 64;

/// The context by which RTP and RTCP of one client are opened.
pub(crate) struct Receiver {
    rtp: Cipher,
    rtcp: Cipher,
    /// The last heard first.
    seen: Vec<(u32, Window<1>)>,
}

impl Receiver {
    /// `None`: the library refuses the key.
    pub(crate) fn new(master: &MasterKey) -> Option<Self> {
        Some(Self {
            rtp: Cipher::new(master, Stream::Rtp)?,
            rtcp: Cipher::new(master, Stream::Rtcp)?,
            seen: Vec::new(),
        })
    }

    /// Opens an RTP packet whose header has `header` bytes, with the index that the window of its SSRC gives it. Gives its
    /// payload. `None`: it is not authentic.
    pub(crate) fn open_rtp(&self, packet: &[u8], header: usize, ssrc: u32, index: u64) -> Option<Vec<u8>> {
        self.rtp.open_rtp(packet, header, ssrc, index)
    }

    /// Opens a compound RTCP packet. `None`: it is not authentic, or came before.
    pub(crate) fn open_rtcp(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let mut packet = packet.to_vec();
        let (ssrc, index) = self.rtcp.open_rtcp(&mut packet)?;
        let known = self.seen.iter().position(|(known, _)| *known == ssrc);
        let mut window = known.map_or_else(Window::default, |known| self.seen.remove(known).1);
        let is_new = window.admit(u64::from(index));
        self.seen.truncate(MAX_SSRCS - 1);
        self.seen.insert(0, (ssrc, window));
        is_new.then_some(packet)
    }
}
