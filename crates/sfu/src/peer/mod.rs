//! One WebRTC transport: its session, its m-lines, how far they are negotiated, whether its path is up, and what its client
//! said and wants. It knows nothing of rooms, tracks or other peers.

mod admission;
mod dtls12;
mod factory;
mod formats;
mod hello;
mod identity;
mod keys;
mod layout;
mod lines;
mod negotiation;
mod offers;
mod outlets;
mod output;
mod paths;
mod reading;
mod receiving;
mod redundancy;
mod seen;
mod sending;
mod session;
mod sources;
mod waiting;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::format::{Codec, PayloadParams};
use str0m::media::{Mid, Pt};

pub(crate) use factory::SessionFactory;
pub(crate) use keys::Failure;
pub(crate) use negotiation::{ClientOffer, GLARE_TIMEOUT, NegotiationError};
pub(crate) use outlets::OutletKey;
pub(crate) use output::{PathChange, PeerOutput};
pub(crate) use reading::{ClientSdp, Found, OfferTerms, ReadOffer};
pub use reading::{ReadSdp, Reading};
pub(crate) use receiving::Received;
pub(crate) use sending::WallClock;
pub(crate) use session::{Addition, Arrival, Fault};
pub(crate) use waiting::Room;
pub(crate) use watch::Turn;

use crate::command::{Source, WantedVideo};
use crate::config::Transport;
use crate::event::CloseReason;
use crate::ids::{PeerId, SeatId};
use crate::line::Lines;
use crate::sdp::IceCredentials;
use crate::stun::Transaction;
use admission::Admission;
use layout::Layout;
use lines::MediaLines;
use negotiation::Negotiation;
use paths::Paths;
use receiving::Receiving;
use sending::Sending;
use session::Session;
use watch::Watch;

/// How a client is sent others' tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Each track by an m-line of its own, negotiated.
    Plain,
    /// By slots, whose tracks change by message.
    Slots,
}

/// What a user said of themselves; `None` is not said.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Said {
    /// The microphone is muted.
    pub(crate) is_muted: Option<bool>,
    /// The camera is on.
    pub(crate) is_video_on: Option<bool>,
}

/// What a user may not publish: a set of sources.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Blocked(u8);

impl Blocked {
    /// These sources.
    pub(crate) fn of(sources: &[Source]) -> Self {
        Self(sources.iter().fold(0, |set, source| set | 1 << (*source as u8)))
    }

    fn has(self, source: Source) -> bool {
        self.0 & (1 << (source as u8)) != 0
    }
}

/// What is due at a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PeerDue {
    /// Its path has been silent for too long, or DTLS was not done in time.
    Close(CloseReason),
    /// [`Peer::check_paths`], then [`Peer::poll`]
    CheckPaths,
    /// [`Peer::next_waiting`]
    ReadNext,
    /// [`Peer::take_held`]
    TakeHeldOffer,
    /// [`Peer::go_on`], then [`Peer::plan_offer`]
    GoOn,
    /// [`Peer::report`]
    Report,
    /// [`Peer::repeat_offer`]
    RepeatOffer,
    /// [`Peer::make_offer`]
    MakeOffer,
}

/// See the module.
pub(crate) struct Peer {
    id: PeerId,
    mode: Mode,
    session: Session,
    sending: Sending,
    lines: MediaLines,
    layout: Arc<Layout>,
    negotiation: Negotiation,
    watch: Watch,
    admission: Admission,
    receiving: Receiving,
    paths: Paths,
    /// The client has shown that it goes on with its own offer, not with one that was withdrawn.
    goes_on: bool,
    said: Said,
    blocked: Blocked,
    view: Vec<WantedVideo>,
}

impl Peer {
    /// A peer that has not negotiated yet. It is closed after `silence` without a sign of life.
    pub(crate) fn new(id: PeerId, mode: Mode, factory: &SessionFactory, silence: Duration, now: Instant) -> Self {
        Self {
            id,
            mode,
            session: Session::new(factory.make(now), keys::slot_of_latest()),
            sending: Sending::new(factory.wall(), now),
            lines: MediaLines::default(),
            layout: Arc::default(),
            negotiation: Negotiation::default(),
            watch: Watch::new(silence, now),
            admission: Admission::default(),
            receiving: Receiving::new(now),
            paths: Paths::new(factory.hmac(), now),
            goes_on: false,
            said: Said::default(),
            blocked: Blocked::default(),
            view: Vec::new(),
        }
    }

    /// Takes over what the client said to an earlier peer of the same transport, what it may not publish, and the SDPs that
    /// wait there to be read.
    pub(crate) fn inherit(&mut self, earlier: Self) {
        (self.said, self.blocked, self.view) = (earlier.said, earlier.blocked, earlier.view);
        self.negotiation.inherit(earlier.negotiation);
    }

    /// Whose it is.
    pub(crate) fn id(&self) -> &PeerId {
        &self.id
    }

    /// The seat that is told from now on.
    pub(crate) fn set_seat(&mut self, seat: SeatId) {
        self.id.seat = seat;
    }

    /// How its client is sent tracks.
    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    fn has_slots(&self) -> bool {
        self.mode == Mode::Slots
    }

    /// Which sources are not forwarded: muted by what the user said, or blocked.
    pub(crate) fn pauses(&self) -> impl Fn(Source) -> bool + use<> {
        let (said, blocked) = (self.said, self.blocked);
        move |source| {
            let is_muted = match source {
                Source::Microphone => said.is_muted == Some(true),
                Source::Camera => said.is_video_on == Some(false),
                Source::Screen | Source::ScreenAudio => false,
            };
            is_muted || blocked.has(source)
        }
    }

    /// Takes what its client says; what is not said stays.
    pub(crate) fn say(&mut self, said: Said) {
        self.said.is_muted = said.is_muted.or(self.said.is_muted);
        self.said.is_video_on = said.is_video_on.or(self.said.is_video_on);
    }

    /// Takes what its user may not publish.
    pub(crate) fn block(&mut self, blocked: Blocked) {
        self.blocked = blocked;
    }

    /// The videos its client wants.
    pub(crate) fn view(&self) -> &[WantedVideo] {
        &self.view
    }

    /// Takes which videos its client wants.
    pub(crate) fn set_view(&mut self, view: Vec<WantedVideo>) {
        self.view = view;
    }

    /// The m-lines on which it can be sent tracks.
    pub(crate) fn lines(&self) -> Lines {
        Lines {
            lines: self.lines.states(self.has_slots()),
            is_connected: self.carries_media(),
        }
    }

    /// The client's own mid of an m-line.
    pub(crate) fn mid(&self, key: Mid) -> String {
        self.layout.mid(key).map_or_else(|| key.to_string(), str::to_string)
    }

    /// Whether what it sends can be opened: DTLS is done.
    pub(crate) fn has_keys(&mut self) -> bool {
        self.sending.receiver(&self.session).is_some()
    }

    /// Whether media can be sent to it now.
    pub(crate) fn carries_media(&self) -> bool {
        self.watch.carries()
    }

    /// When something is due, besides [`Self::flush`].
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let all = [
            self.paths.resend_at(),
            self.negotiation.deadline(),
            self.sending.report_at(),
            self.receiving.deadline(),
        ];
        all.into_iter().flatten().min()
    }

    /// When something is due because the client is silent, which may be done a little later.
    pub(crate) fn patient_deadline(&self) -> Instant {
        self.paths
            .ask_at()
            .into_iter()
            .fold(self.watch.deadline(), Instant::min)
    }

    /// What is due, the most urgent first.
    pub(crate) fn due(&self, now: Instant) -> Option<PeerDue> {
        if let Some(reason) = self.watch.over(now) {
            return Some(PeerDue::Close(reason));
        }
        let paths = [self.paths.resend_at(), self.paths.ask_at()];
        if self.watch.is_lost(now) || paths.into_iter().flatten().any(|at| at <= now) {
            return Some(PeerDue::CheckPaths);
        }
        if self.reports_at().is_some_and(|at| at <= now) {
            return Some(PeerDue::Report);
        }
        self.negotiation.due(now)
    }

    /// When [`Self::report`] has something to say.
    pub(crate) fn reports_at(&self) -> Option<Instant> {
        let due = [self.sending.report_at(), self.receiving.deadline()];
        due.into_iter().flatten().min()
    }

    /// Whether somebody replays a STUN request of the client's from another address.
    pub(crate) fn is_replayed(&self, transaction: &Transaction, address: (Transport, SocketAddr)) -> bool {
        self.paths.is_replayed(transaction, address)
    }

    /// A STUN request was verified. It may nominate its address. That its client is there is not shown by it: somebody may
    /// replay it.
    pub(crate) fn requested(
        &mut self,
        now: Instant,
        address: (Transport, SocketAddr),
        transaction: Transaction,
        nominates: bool,
    ) {
        self.goes_on |= self.negotiation.was_checked();
        self.paths.requested(now, address, transaction, nominates);
    }

    /// Takes a STUN response. Gives whether it verifies the address from which it came.
    pub(crate) fn responded(&mut self, now: Instant, address: (Transport, SocketAddr), packet: &[u8]) -> bool {
        let before = self.paths.selected();
        let is_verified = self.paths.responded(now, address, packet);
        if is_verified {
            self.watch.heard(now);
        }
        if self.paths.selected() != before {
            self.path_selected(now);
        }
        is_verified
    }

    /// Sends again the checks that were not answered.
    pub(crate) fn check_paths(&mut self, now: Instant) {
        self.paths.check_again(now);
    }

    /// Takes the client's credentials, as its last SDP has them.
    ///
    /// # Errors
    /// [`Fault`]
    fn set_credentials(&mut self, now: Instant, remote: IceCredentials<'_>) -> Result<(), Fault> {
        let local = self.session.credentials()?;
        if self.paths.set_credentials(local, remote) {
            self.watch.restarted(now);
        }
        Ok(())
    }

    /// ICE has restarted, and the session has dropped its candidates: it may be told of others.
    pub(crate) fn ice_restarted(&mut self) {
        self.admission.forget();
    }

    /// The ufrag by which the client's STUN requests name this peer.
    ///
    /// # Errors
    /// [`Fault`]
    pub(crate) fn ufrag(&mut self) -> Result<String, Fault> {
        self.session.ufrag()
    }

    /// Something authentic that cannot be replayed has come from an address of its client's.
    fn heard(&mut self, now: Instant, address: (Transport, SocketAddr)) {
        self.watch.heard(now);
        self.paths.heard(now, address);
    }

    /// Takes a packet for the session. `false`: its integrity is wrong, it is not for this peer.
    ///
    /// # Errors
    /// [`Fault`]
    pub(crate) fn receive(&mut self, now: Instant, arrival: &Arrival<'_>) -> Result<bool, Fault> {
        let address = (arrival.transport, arrival.source);
        if arrival.is_stun && !self.admission.admits(address) {
            return Ok(self.paths.answer(address, arrival.packet));
        }
        let is_taken = self.session.receive(now, arrival)?;
        if arrival.is_stun && is_taken {
            self.admission.count(address);
        }
        Ok(is_taken)
    }

    /// Tells the session the time.
    ///
    /// # Errors
    /// [`Fault`]
    pub(crate) fn advance(&mut self, now: Instant) -> Result<(), Fault> {
        self.session.advance(now)
    }

    /// The payload type under which the client takes a format on an m-line. `None` also after a fault, which shows at the next
    /// use.
    pub(crate) fn payload_for(&mut self, mid: Mid, source: &PayloadParams) -> Option<Pt> {
        self.session.payload_for(mid, source).ok().flatten()
    }

    /// The codecs that the client takes on an m-line, each once.
    ///
    /// # Errors
    /// [`Fault`]
    pub(crate) fn accepted_codecs(&mut self, mid: Mid) -> Result<Vec<Codec>, Fault> {
        self.session.accepted_codecs(mid)
    }

    /// Begins to close: tells the client.
    pub(crate) fn close(&mut self) {
        self.session.close();
    }

    /// Makes the session panic, as str0m might.
    #[cfg(test)]
    pub(crate) fn panic(&mut self) {
        assert!(self.session.enter(|_| panic!("as if str0m did")).is_err());
    }
}
