//! One client's connection: its session, what it publishes, and the m-lines it is sent others' tracks on.

mod guard;
mod lines;
mod negotiate;
mod session;
mod watch;

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use str0m::format::PayloadParams;
use str0m::media::{KeyframeRequestKind, Mid, Pt};
use str0m::net::Receive;
use str0m::rtp::{RtpPacket, RtpWrite, Ssrc};
use str0m::{Input, Output, Rtc};

pub use guard::{Fault, Guard};
pub use lines::{Line, Lines};
pub use negotiate::{Addition, HeldOffer, NegotiationError, rehearse};
pub use session::SessionMaker;
pub use watch::{Turn, Watch};

use crate::command::WantedVideo;
use crate::config::Transport;
use crate::ids::{RoomKey, TrackKey};
use crate::rtp::matching_payload;
use negotiate::{Pending, Place};
use session::protocol;

/// SSRCs of one peer's tracks that are remembered. A track has one at a time; a client that changes them often only costs
/// itself a look-up.
const MOST_SSRCS: usize = 32;

/// SSRCs that one peer may ever send with, retransmissions included. The session keeps a stream for each; a browser takes
/// a new one for each track that it adds.
const MOST_HEARD: usize = 1_000;

/// Addresses from which one peer's STUN is taken until ICE restarts. The session keeps a candidate for each.
const MOST_SOURCES: usize = 64;

/// An address that nothing comes from.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// What a user said of themselves; `None` is not said.
#[derive(Debug, Default, Clone, Copy)]
pub struct Said {
    /// The microphone is muted.
    pub is_muted: Option<bool>,
    /// The camera is on.
    pub is_video_on: Option<bool>,
}

/// A packet from the network.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// How it came.
    pub transport: Transport,
    /// Where from.
    pub source: SocketAddr,
    /// At which candidate.
    pub destination: SocketAddr,
    /// The packet.
    pub packet: &'a [u8],
    /// Whether it is a STUN request.
    pub is_stun: bool,
}

/// One client's connection.
pub struct Peer {
    /// Its room.
    pub room: RoomKey,
    /// Its name.
    pub transport: Arc<str>,
    /// Whose it is.
    pub user: Arc<str>,
    /// Whether its recvonly m-lines are slots.
    pub slots: bool,
    /// The m-lines it is sent tracks on.
    pub lines: Lines,
    /// The tracks it publishes, by m-line.
    pub published: Vec<(Mid, TrackKey)>,
    /// What its user said.
    pub said: Said,
    /// What it was last told to be in its slots.
    pub told: Vec<(Mid, Option<TrackKey>)>,
    /// The videos it wants in its slots.
    pub view: Vec<WantedVideo>,
    /// Its media path.
    pub watch: Watch,
    /// Whether packets were written that wait for [`Self::advance`].
    pub dirty: bool,
    /// When to make an offer; `None` if none is needed.
    pub offer_at: Option<Instant>,
    /// Tracks whose m-line the client declined; asked again after its own next offer.
    pub refused: Vec<TrackKey>,
    /// Where the client last nominated a path: packets go there.
    pub nominated: Option<(Transport, SocketAddr)>,
    /// Its offer that crossed one of the server's.
    pub held: Option<HeldOffer>,
    guard: Guard,
    pending: Option<Pending>,
    /// The last answer taken, and how often it may come again.
    repeated: Option<(u64, u32)>,
    ssrcs: Vec<(Ssrc, Mid)>,
    heard: HashSet<u32>,
    sources: Vec<(Transport, SocketAddr)>,
    order: Vec<Place>,
    fingerprint: Option<String>,
}

impl Peer {
    /// A peer that has not negotiated yet.
    pub fn new(room: RoomKey, transport: Arc<str>, user: Arc<str>, slots: bool, rtc: Rtc, watch: Watch) -> Self {
        Self {
            room,
            transport,
            user,
            slots,
            lines: Lines::default(),
            published: Vec::new(),
            said: Said::default(),
            told: Vec::new(),
            view: Vec::new(),
            watch,
            dirty: false,
            offer_at: None,
            refused: Vec::new(),
            nominated: None,
            held: None,
            guard: Guard::new(rtc),
            pending: None,
            repeated: None,
            ssrcs: Vec::new(),
            heard: HashSet::new(),
            sources: Vec::new(),
            order: Vec::new(),
            fingerprint: None,
        }
    }

    /// The ufrag by which the client's STUN requests name this peer.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn ufrag(&mut self) -> Result<String, Fault> {
        self.guard.enter(|rtc| rtc.direct_api().local_ice_credentials().ufrag)
    }

    /// Whether RTP of an SSRC is taken.
    pub fn admits_ssrc(&mut self, ssrc: u32) -> bool {
        self.heard.contains(&ssrc) || (self.heard.len() < MOST_HEARD && self.heard.insert(ssrc))
    }

    /// Whether STUN from an address is taken.
    pub fn admits_source(&self, source: (Transport, SocketAddr)) -> bool {
        self.sources.len() < MOST_SOURCES || self.sources.contains(&source)
    }

    /// Remembers an address from which verified STUN came.
    pub fn note_source(&mut self, source: (Transport, SocketAddr)) {
        if !self.sources.contains(&source) {
            self.sources.push(source);
        }
    }

    /// ICE has restarted: the session has forgotten the candidates.
    pub fn forget_sources(&mut self) {
        self.sources.clear();
    }

    /// Takes a packet. `false`: it was not for this peer (its integrity is wrong).
    ///
    /// # Errors
    /// [`Fault`]
    pub fn receive(&mut self, now: Instant, arrival: &Arrival<'_>) -> Result<bool, Fault> {
        let Arrival {
            transport,
            source,
            destination,
            packet,
            is_stun,
        } = *arrival;
        self.guard.enter(|rtc| {
            let input = |source| {
                let receive = Receive::new(protocol(transport), source, destination, packet).ok()?;
                Some(Input::Receive(now, receive))
            };
            // What comes from the nominated address str0m accepts unseen; for any other it verifies the integrity.
            let is_ours = !is_stun || input(NOWHERE).is_some_and(|input| rtc.accepts(&input));
            let Some(input) = input(source).filter(|_| is_ours) else {
                return false;
            };
            // An error is a packet that could not be used, by its sender's fault or the network's. Where it ends
            // the session, that shows when it is polled.
            let _ = rtc.handle_input(input);
            true
        })
    }

    /// Tells that time has passed, which also sends what was written.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn advance(&mut self, now: Instant) -> Result<(), Fault> {
        self.dirty = false;
        self.guard.enter(|rtc| {
            let _ = rtc.handle_input(Input::Timeout(now));
        })
    }

    /// The next thing that the session wants done; `None` when it is over.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn poll(&mut self) -> Result<Option<Output>, Fault> {
        self.guard.enter(|rtc| match rtc.poll_output() {
            Ok(output) if rtc.is_alive() => Some(output),
            Ok(output @ (Output::Transmit(_) | Output::Event(_))) => Some(output),
            _ => None,
        })
    }

    /// The m-line and format of a packet that the client sent.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn locate(&mut self, packet: &RtpPacket) -> Result<Option<(Mid, PayloadParams)>, Fault> {
        let (ssrc, pt) = (packet.header.ssrc, packet.header.payload_type);
        let known = self.ssrcs.iter().find(|(known, _)| *known == ssrc).map(|(_, mid)| *mid);
        let (mid, params) = self.guard.enter(|rtc| {
            let mid = known.or_else(|| rtc.direct_api().stream_rx(&ssrc).map(|stream| stream.mid()));
            let params = rtc
                .codec_config()
                .params()
                .iter()
                .find(|params| params.pt() == pt)
                .copied();
            (mid, params)
        })?;
        if let (None, Some(mid)) = (known, mid) {
            if self.ssrcs.len() == MOST_SSRCS {
                self.ssrcs.clear();
            }
            self.ssrcs.push((ssrc, mid));
        }
        Ok(mid.zip(params))
    }

    /// The payload type under which this peer takes a format on an m-line. `None` also after a fault, which shows at the
    /// next use.
    pub fn payload_for(&mut self, mid: Mid, source: &PayloadParams) -> Option<Pt> {
        let found = self.guard.enter(|rtc| {
            let accepted = rtc.media(mid)?.remote_pts();
            matching_payload(source, rtc.codec_config(), accepted)
        });
        found.ok().flatten()
    }

    /// Writes a packet on an m-line; it goes out at the next [`Self::advance`]. `ssrc` keeps the stream's SSRC from call to
    /// call. `false` if there is no such stream.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn write(&mut self, mid: Mid, ssrc: &mut Option<Ssrc>, write: RtpWrite) -> Result<bool, Fault> {
        self.guard.enter(|rtc| {
            let mut api = rtc.direct_api();
            if ssrc.is_none() {
                *ssrc = api.stream_tx_by_mid(mid, None).map(|stream| stream.ssrc());
            }
            match ssrc.and_then(|ssrc| api.stream_tx(&ssrc)) {
                Some(stream) => {
                    stream.write_rtp(write);
                    true
                }
                None => false,
            }
        })
    }

    /// Asks the client for a keyframe of what it sends on an m-line. `false` if it sends nothing there yet.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn ask_keyframe(&mut self, mid: Mid) -> Result<bool, Fault> {
        self.guard
            .enter(|rtc| match rtc.direct_api().stream_rx_by_mid(mid, None) {
                Some(stream) => {
                    stream.request_keyframe(KeyframeRequestKind::Pli);
                    true
                }
                None => false,
            })
    }

    /// Begins to close: tells the client.
    pub fn say_goodbye(&mut self) {
        // After a fault there is no session that could say it.
        let _ = self.guard.enter(|rtc| rtc.close());
    }

    /// The guard itself, to let it panic in tests.
    #[cfg(test)]
    pub(crate) fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}
