//! What the client sends.

use super::cipher::Cipher;
use super::keys::{MasterKey, Stream};
use super::window::Window;

/// SSRCs of RTCP whose indices are remembered; the one silent for longest makes way. A client has some for what it sends, and
/// one for what it receives.
const MAX_SSRCS: usize = 64;

/// The context by which RTCP of one client is opened.
pub(crate) struct Receiver {
    rtcp: Cipher,
    /// The last heard first.
    seen: Vec<(u32, Window<1>)>,
}

impl Receiver {
    /// `None`: the library refuses the key.
    pub(crate) fn new(master: &MasterKey) -> Option<Self> {
        Some(Self {
            rtcp: Cipher::new(master, Stream::Rtcp)?,
            seen: Vec::new(),
        })
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
