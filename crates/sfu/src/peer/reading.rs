//! What a client's SDP says, found out apart from the peer that it is for: that takes time in proportion to its length, and
//! needs of the peer only what it has negotiated.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use str0m::change::SdpOffer;
use str0m::rtp::Ssrc;

use super::Mode;
use super::identity::Identity;
use super::layout::Layout;
use super::negotiation::{ClientOffer, NegotiationError};
use super::sources::MAX_SSRCS;
use crate::config::Limits;
use crate::ids::{PeerId, PeerKey, RoomId, UserId};
use crate::sdp::{Outline, Scan, Slot, render, scan};

/// Why an SDP is refused, for people. It has no word of the client's.
type Reason = String;

/// What is told where a session cannot read an SDP: its own words may be the client's.
pub(super) const UNREADABLE: &str = "the SDP cannot be read";

/// An SDP of a client's.
pub(crate) enum ClientSdp {
    Offer(ClientOffer),
    Answer(String),
}

impl ClientSdp {
    pub(super) fn is_answer(&self) -> bool {
        matches!(self, Self::Answer(_))
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Self::Offer(offer) => &offer.sdp,
            Self::Answer(sdp) => sdp,
        }
    }

    fn text_mut(&mut self) -> &mut String {
        match self {
            Self::Offer(offer) => &mut offer.sdp,
            Self::Answer(sdp) => sdp,
        }
    }
}

/// What a peer has negotiated. It stays so until the SDP that is being read is taken or refused.
pub(super) struct Negotiated {
    /// How the client is sent tracks.
    pub(super) mode: Mode,
    pub(super) layout: Arc<Layout>,
    /// Which connection of the client's it is.
    pub(super) identity: Identity,
    /// The outstanding offer of the server's.
    pub(super) pending: Option<Arc<str>>,
    /// The offers of the server's that were withdrawn, which the client may answer all the same.
    pub(super) withdrawn: Vec<Arc<str>>,
}

/// An SDP that a shard cannot go on with before it has been read: [`Self::run`] reads it, on any thread, and
/// [`crate::Shard::finish_reading`] takes what comes of it.
pub struct Reading {
    peer: PeerKey,
    user: (RoomId, UserId),
    sdp: ClientSdp,
    negotiated: Negotiated,
    max_lines: usize,
    max_tracks: usize,
}

/// What came of a [`Reading`].
pub struct ReadSdp {
    pub(crate) peer: PeerKey,
    pub(crate) sdp: ClientSdp,
    pub(crate) found: Result<Found, Unread>,
}

/// Why it is not known what an SDP says.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It cannot be used.
    Invalid(Reason),
    /// There was no time to read it.
    Busy,
}

/// What an SDP says.
pub(crate) enum Found {
    /// An offer of the connection that there is, or of a first one.
    Offer(Box<ReadOffer>),
    /// An offer of another connection, as of a page that was loaded again.
    NewConnection(Box<ReadOffer>),
    /// An answer to the outstanding offer.
    Answer(Box<ReadAnswer>),
    /// An answer to an offer that was withdrawn: what both go on with, as if the client had offered it.
    LateAnswer(Box<ReadOffer>, Arc<str>),
}

/// An offer, ready for a session.
pub(crate) struct ReadOffer {
    pub(crate) offer: SdpOffer,
    pub(crate) terms: OfferTerms,
}

/// What follows from an offer that a session has taken.
pub(crate) struct OfferTerms {
    pub(crate) outline: Outline,
    pub(super) slots: Vec<Slot>,
    /// The SSRCs that it announces.
    pub(super) ssrcs: Vec<Ssrc>,
}

/// An answer, ready for a session.
pub(crate) struct ReadAnswer {
    pub(crate) outline: Outline,
    /// The answer as if the client had offered it.
    pub(super) answer: SdpOffer,
    pub(super) slots: Vec<Slot>,
}

impl Reading {
    pub(super) fn new(peer: PeerKey, id: &PeerId, sdp: ClientSdp, negotiated: Negotiated, limits: &Limits) -> Self {
        Self {
            peer,
            user: (id.room.clone(), id.user.clone()),
            sdp,
            negotiated,
            max_lines: limits.media_lines,
            max_tracks: limits.tracks,
        }
    }

    /// The peer whose SDP it is.
    pub(crate) fn peer(&self) -> PeerKey {
        self.peer
    }

    /// Whose SDP it is, as people count: one user may have several peers.
    pub fn user(&self) -> &(RoomId, UserId) {
        &self.user
    }

    /// The length of the SDP: so long takes its reading.
    pub fn bytes(&self) -> usize {
        self.sdp.text().len()
    }

    /// Reads the SDP. It takes some 150 ns a byte. What makes it panic is no SDP.
    pub fn run(self) -> ReadSdp {
        let read = catch_unwind(AssertUnwindSafe(|| self.find()));
        let found = read.unwrap_or_else(|_| Err(UNREADABLE.into()));
        ReadSdp {
            peer: self.peer,
            sdp: self.sdp,
            found: found.map_err(Unread::Invalid),
        }
    }

    /// Leaves the SDP unread, of which nothing is kept: there is too much to read.
    pub fn give_up(mut self) -> ReadSdp {
        *self.sdp.text_mut() = String::new();
        ReadSdp {
            peer: self.peer,
            sdp: self.sdp,
            found: Err(Unread::Busy),
        }
    }

    fn find(&self) -> Result<Found, Reason> {
        let scan = scan(self.sdp.text(), self.max_lines)?;
        match self.sdp {
            ClientSdp::Offer(_) => self.find_offer(scan),
            ClientSdp::Answer(_) => self.find_answer(scan),
        }
    }

    fn find_offer(&self, mut scan: Scan<'_>) -> Result<Found, Reason> {
        scan.check_multiplexing()?;
        let Negotiated { layout, identity, .. } = &self.negotiated;
        let fits = layout.check(&scan);
        if identity.is_of_another(&scan, fits.is_ok()) {
            return self.offer(scan, &Layout::default()).map(Found::NewConnection);
        }
        fits?;
        layout.name(&mut scan);
        self.offer(scan, layout).map(Found::Offer)
    }

    /// What a client offers to go on with from a layout. Only a plain client that bundles nothing both sends and receives on an
    /// m-line: it can be offered no others.
    fn offer(&self, mut scan: Scan<'_>, layout: &Layout) -> Result<Box<ReadOffer>, Reason> {
        let bundles = !(layout.groups().is_empty() && scan.groups.is_empty());
        if bundles || self.negotiated.mode == Mode::Slots {
            scan.prefer_sending();
        }
        ReadOffer::of(scan, layout, self.max_tracks)
    }

    fn find_answer<'a>(&'a self, mut scan: Scan<'a>) -> Result<Found, Reason> {
        let Negotiated {
            layout,
            pending,
            withdrawn,
            ..
        } = &self.negotiated;
        if pending.as_ref().is_some_and(|offer| answers(&mut scan, offer)) {
            layout.name(&mut scan);
            return ReadAnswer::of(&scan, layout).map(Found::Answer);
        }
        if let Some(offer) = withdrawn.iter().rfind(|offer| answers(&mut scan, offer)) {
            layout.name(&mut scan);
            let read = self.offer(scan, layout)?;
            return Ok(Found::LateAnswer(read, Arc::clone(offer)));
        }
        Err(match pending {
            Some(_) => "the m-lines of the answer are not those of the offer".into(),
            None => "there is no offer to answer".into(),
        })
    }
}

impl ReadOffer {
    fn of(scan: Scan<'_>, layout: &Layout, max_tracks: usize) -> Result<Box<Self>, Reason> {
        let sections = scan.sections.iter();
        let tracks = sections.filter(|section| section.sends() && section.kind().is_some());
        if tracks.count() > max_tracks {
            return Err(format!("the client sends more than {max_tracks} tracks"));
        }
        let ssrcs = announced_ssrcs(&scan)?;
        let slots = layout.slots(&scan)?;
        let offer = SdpOffer::from_sdp_string(&rendered(&scan, &slots)?).map_err(|_| UNREADABLE)?;
        let outline = Outline::of(&scan);
        let terms = OfferTerms { outline, slots, ssrcs };
        Ok(Box::new(Self { offer, terms }))
    }
}

impl ReadAnswer {
    fn of(scan: &Scan<'_>, layout: &Layout) -> Result<Box<Self>, Reason> {
        let slots = layout.slots(scan)?;
        let answer = SdpOffer::from_sdp_string(&rendered(scan, &slots)?).map_err(|_| UNREADABLE)?;
        Ok(Box::new(Self {
            outline: Outline::of(scan),
            answer,
            slots,
        }))
    }
}

/// Whether an SDP answers an offer of the server's.
fn answers<'a>(answer: &mut Scan<'a>, offer: &'a str) -> bool {
    // It was made within the bound.
    scan(offer, usize::MAX).is_ok_and(|offer| answer.answers(&offer))
}

/// Lines of one m-line that are read: browsers have some 150. A session compares those of a kind with each other, so their
/// number is bounded.
const MAX_LINES: usize = 400;

/// An SDP of the client's as the session reads it. What a session would refuse, or break at, is refused here.
fn rendered(scan: &Scan<'_>, slots: &[Slot]) -> Result<String, Reason> {
    scan.check_transport()?;
    let mut counts = scan.sections.iter().map(|section| section.attributes.len());
    if counts.all(|lines| lines <= MAX_LINES) {
        let sdp = render(scan, slots);
        // What is said of all formats is said of each.
        if sdp.split("\r\nm=").all(|section| section.lines().count() <= MAX_LINES) {
            return Ok(sdp);
        }
    }
    Err(format!("an m-line has more than {MAX_LINES} lines"))
}

/// The SSRCs that an offer announces on m-lines on which the client sends (RFC 5576). Some clients have them on all others too.
fn announced_ssrcs(scan: &Scan<'_>) -> Result<Vec<Ssrc>, Reason> {
    let sections = scan.sections.iter().filter(|section| section.sends());
    let lines = sections.flat_map(|section| &section.attributes);
    let announced = lines.filter_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok());
    let mut ssrcs: Vec<u32> = announced.collect();
    ssrcs.sort_unstable();
    ssrcs.dedup();
    if ssrcs.len() > MAX_SSRCS {
        return Err(format!("the offer announces more than {MAX_SSRCS} SSRCs"));
    }
    Ok(ssrcs.into_iter().map(Ssrc::from).collect())
}

impl From<Unread> for NegotiationError {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Invalid(reason) => Self::Invalid(reason),
            Unread::Busy => Self::Busy,
        }
    }
}
