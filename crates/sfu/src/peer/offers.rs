//! Offers and answers of one peer, in both directions.

use std::time::Instant;

use str0m::Rtc;
use str0m::media::Mid;
use str0m::rtp::Ssrc;

use super::keys::KeySlot;
use super::layout::Layout;
use super::negotiation::{ClientOffer, NegotiationError};
use super::session::{Addition, Fault, RawOffer, Session};
use super::sources::MAX_SSRCS;
use super::{Mode, Peer};
use crate::line::Label;
use crate::sdp::{LineEdit, Place, Scan, SessionSdp, Slot, finish, render, scan};

/// An offer of the server's.
pub(crate) struct NewOffer {
    /// The SDP.
    pub(crate) sdp: String,
    /// The m-lines added, in the order of the additions.
    pub(crate) added: Vec<Mid>,
}

/// What became of an answer.
pub(crate) enum Answered {
    /// It was taken.
    Taken,
    /// It answers an offer that was withdrawn, which holds all the same. This is the session's answer.
    Withdrawn(String),
}

/// Tries an SDP on a session that is thrown away: str0m changes a session before it has read all of an SDP. One that makes
/// it panic is invalid.
///
/// # Errors
/// [`NegotiationError::Invalid`]
fn rehearse(scratch: Rtc, sdp: &str) -> Result<(), NegotiationError> {
    accept_first(&mut Session::new(scratch, KeySlot::default()), sdp).map(drop)
}

/// Has a session take its first offer. After an error it is of no use any more.
///
/// # Errors
/// [`NegotiationError::Invalid`]
fn accept_first(session: &mut Session, sdp: &str) -> Result<String, NegotiationError> {
    match session.accept_offer(sdp) {
        Ok(result) => result.map_err(NegotiationError::Invalid),
        Err(Fault) => Err(NegotiationError::Invalid("the SDP cannot be read".into())),
    }
}

/// Tries an offer on a session that is thrown away.
///
/// # Errors
/// [`NegotiationError::Invalid`]
pub(crate) fn rehearse_offer(scratch: Rtc, outline: &Scan<'_>) -> Result<(), NegotiationError> {
    let slots = Layout::default().slots(outline, &[])?;
    rehearse(scratch, &render(outline, &slots))
}

impl Peer {
    /// Whether an offer is of another connection than this peer's, as of a page that was loaded again.
    pub(crate) fn is_another_connection(&self, outline: &Scan<'_>) -> bool {
        self.negotiation.is_another_connection(outline)
    }

    /// Whether an offer of the server's is outstanding.
    pub(crate) fn awaits_answer(&self) -> bool {
        self.negotiation.awaits_answer()
    }

    /// Holds an offer until then, unless the client answers the outstanding one.
    pub(crate) fn hold(&mut self, until: Instant, offer: ClientOffer) {
        self.negotiation.hold(until, offer);
    }

    /// The offer that was held, when it has to be taken.
    pub(crate) fn take_held(&mut self) -> Option<ClientOffer> {
        self.negotiation.take_held()
    }

    /// How many m-lines can be added, of `max` in both directions.
    pub(crate) fn free_lines(&self, max: usize) -> usize {
        self.layout
            .bundle()
            .map_or(0, |_| max.saturating_sub(self.layout.places().len()))
    }

    /// Takes the client's offer. `scratch` makes a session to try it on. An outstanding offer of the server's is withdrawn: the
    /// client has ignored it. Rejects in `outline` what the session has no use for, and gives its answer, for
    /// [`Self::finish_answer`].
    ///
    /// # Errors
    /// [`NegotiationError`]
    pub(crate) fn accept_offer(
        &mut self,
        now: Instant,
        scratch: impl FnOnce() -> Rtc,
        outline: &mut Scan<'_>,
    ) -> Result<String, NegotiationError> {
        self.layout.check(outline)?;
        self.layout.name(outline);
        self.take_offer(now, scratch, outline)
    }

    fn take_offer(
        &mut self,
        now: Instant,
        scratch: impl FnOnce() -> Rtc,
        outline: &mut Scan<'_>,
    ) -> Result<String, NegotiationError> {
        let ssrcs = announced_ssrcs(outline)?;
        let slots = self.layout.slots(outline, &[])?;
        let sdp = rendered(outline, &slots)?;
        let answer = if self.layout.places().is_empty() {
            // Nothing is lost with a session that has negotiated nothing: it need not be tried on another one.
            accept_first(&mut self.session, &sdp)?
        } else {
            rehearse(scratch(), &sdp)?;
            self.withdraw(now, outline)?;
            self.session.accept_offer(&sdp)?.map_err(NegotiationError::Broken)?
        };
        let parsed = SessionSdp::parse(&answer);
        outline.reject(|key| parsed.is_disabled(key));
        self.negotiation.offer_taken(outline);
        self.renegotiated(outline)?;
        self.layout.keep(outline, slots);
        self.lines.follow_offer(outline);
        self.announce(&ssrcs)?;
        self.set_credentials(now, outline.transport.credentials)?;
        Ok(answer)
    }

    /// Completes the answer: the server sends on each m-line that the client receives on and that has a track. `content`
    /// gives the label of an m-line's track.
    ///
    /// # Errors
    /// [`Fault`]
    pub(crate) fn finish_answer(
        &mut self,
        answer: &str,
        content: impl Fn(Mid) -> Option<Label>,
    ) -> Result<String, Fault> {
        let slots = self.has_slots();
        for (mid, sends) in self.lines.agree(|mid| slots || content(mid).is_some()) {
            self.session.set_sending(mid, sends)?;
        }
        Ok(self.finish_sdp(answer, self.layout.places(), content))
    }

    fn finish_sdp(&self, sdp: &str, places: &[Place], content: impl Fn(Mid) -> Option<Label>) -> String {
        finish(&SessionSdp::parse(sdp), places.iter(), self.layout.bundle(), |mid| {
            let (kind, sends) = self.lines.announced(mid)?;
            let label = match self.mode {
                // What is of one stream is played in sync: the first slots are for a screen and its sound.
                Mode::Slots => Some(Label {
                    stream: match self.lines.is_first_slot(mid) {
                        true => "shared".into(),
                        false => format!("slot-{mid}"),
                    },
                    track: kind.to_string(),
                }),
                Mode::Plain => content(mid),
            };
            Some(match label.filter(|_| sends) {
                Some(label) => LineEdit::Send(label),
                None => LineEdit::Inactive,
            })
        })
    }

    /// Plans an offer, unless one is planned or outstanding.
    pub(crate) fn plan_offer(&mut self, now: Instant) {
        if self.can_plan_offer() {
            self.negotiation.plan_offer(now);
        }
    }

    /// Whether an offer can be planned: to a plain client that has been connected, and one at a time. Before, nothing could
    /// be sent, and an offer right behind an answer finds some clients still busy with that.
    pub(crate) fn can_plan_offer(&self) -> bool {
        self.mode == Mode::Plain && self.watch.was_up() && self.negotiation.is_settled()
    }

    /// Makes an offer of what is wanted and not negotiated. `None`: nothing has to be negotiated, or an offer is outstanding.
    ///
    /// # Errors
    /// [`Fault`]
    pub(crate) fn make_offer(
        &mut self,
        now: Instant,
        content: impl Fn(Mid) -> Option<Label>,
        additions: &[Addition],
    ) -> Result<Option<NewOffer>, Fault> {
        self.negotiation.drop_plan();
        if !self.negotiation.can_offer() {
            return Ok(None);
        }
        let changes = self.lines.changes(|mid| content(mid).is_some());
        let Some(RawOffer { sdp, pending, added }) = self.session.make_offer(&changes, additions)? else {
            return Ok(None);
        };
        let kinds = additions.iter().map(|addition| addition.kind);
        let new_lines = added.iter().copied().zip(kinds);
        let places = self.layout.with_added(new_lines.clone());
        self.lines.offer(&changes, new_lines);
        let sdp = self.finish_sdp(&sdp, &places, |mid| {
            let place = added.iter().position(|added| *added == mid);
            place.map_or_else(|| content(mid), |place| Some(additions[place].label.clone()))
        });
        self.negotiation.offered(now, pending, sdp.clone(), added.clone());
        Ok(Some(NewOffer { sdp, added }))
    }

    /// The outstanding offer, to be sent again.
    pub(crate) fn repeat_offer(&mut self, now: Instant) -> Option<String> {
        self.negotiation.repeat(now)
    }

    /// Withdraws the outstanding offer for this one of the client's.
    fn withdraw(&mut self, now: Instant, outline: &Scan<'_>) -> Result<(), Fault> {
        let credentials = self.session.credentials()?;
        let is_new = |mid: &Mid| self.layout.mid(*mid).is_none();
        let sending = outline.sections.iter().filter(|section| section.sends());
        let sends_on = sending.map(|section| section.key()).filter(is_new).collect();
        let restarts = self.paths.has_other_credentials(outline.transport.credentials);
        if self.negotiation.withdraw(now, credentials, sends_on, restarts) {
            for (mid, sends) in self.lines.roll_back() {
                self.session.set_sending(mid, sends)?;
            }
        }
        Ok(())
    }

    /// The client has not answered a withdrawn offer for so long that it never will.
    pub(crate) fn go_on(&mut self) {
        self.negotiation.take_withdrawn();
    }

    /// Takes the client's answer to the outstanding offer. The last answer once more, to an offer that was repeated, changes
    /// nothing.
    ///
    /// # Errors
    /// [`NegotiationError`]
    pub(crate) fn accept_answer(
        &mut self,
        now: Instant,
        scratch: impl FnOnce() -> Rtc,
        sdp: &str,
        outline: &mut Scan<'_>,
    ) -> Result<Answered, NegotiationError> {
        if self.negotiation.is_repeated_answer(sdp) {
            return Ok(Answered::Taken);
        }
        self.layout.name(outline);
        let pending = self.negotiation.pending();
        if pending.is_some_and(|pending| answers(outline, &pending.sdp)) {
            return self.take_answer(now, scratch, sdp, outline).map(|()| Answered::Taken);
        }
        let withdrawn = self.negotiation.withdrawn().map(|withdrawn| &*withdrawn.sdp);
        if withdrawn.is_some_and(|sdp| answers(outline, sdp)) {
            return self.go_back(now, scratch, outline).map(Answered::Withdrawn);
        }
        let reason = match self.negotiation.pending() {
            Some(_) => "the m-lines of the answer are not those of the offer",
            None => "there is no offer to answer",
        };
        Err(NegotiationError::Invalid(reason.into()))
    }

    fn take_answer(
        &mut self,
        now: Instant,
        scratch: impl FnOnce() -> Rtc,
        sdp: &str,
        outline: &mut Scan<'_>,
    ) -> Result<(), NegotiationError> {
        let added = self.negotiation.pending().map(|pending| pending.added.clone());
        let slots = self.layout.slots(outline, &added.unwrap_or_default())?;
        let rendered = rendered(outline, &slots)?;
        rehearse(scratch(), &rendered)?;
        let Some(pending) = self.negotiation.take_pending() else {
            return Ok(());
        };
        let repeats = pending.repeats();
        // An answer has other credentials than before only where ICE restarts (RFC 8839 section 4.4.1.1.1), which the server
        // never asks for. Some clients begin anew all the same; with our own credentials unchanged they connect.
        self.session.set_remote_credentials(outline.transport.credentials)?;
        let taken = self.session.accept_answer(pending.offer, &rendered)?;
        taken.map_err(NegotiationError::Broken)?;
        self.negotiation.answer_taken(repeats, sdp);
        self.renegotiated(outline)?;
        self.layout.keep(outline, slots);
        self.lines.follow_answer(outline);
        self.set_credentials(now, outline.transport.credentials)?;
        Ok(())
    }

    /// The client has answered an offer of the server's that was withdrawn for its own: it has taken the server's and
    /// withdrawn its own. What its answer describes is what both go on with, as if it had offered that. Gives the session's
    /// answer, which nobody is told.
    fn go_back(
        &mut self,
        now: Instant,
        scratch: impl FnOnce() -> Rtc,
        outline: &mut Scan<'_>,
    ) -> Result<String, NegotiationError> {
        if let Some(withdrawn) = self.negotiation.take_withdrawn() {
            self.session.set_credentials(withdrawn.credentials)?;
            self.session.set_remote_credentials(outline.transport.credentials)?;
        }
        outline.prefer_sending();
        self.take_offer(now, scratch, outline)
    }
}

/// Whether an SDP answers an offer of the server's.
fn answers(outline: &Scan<'_>, offer: &str) -> bool {
    // It was made within the bound.
    scan(offer, usize::MAX).is_ok_and(|offer| outline.has_same_lines(&offer))
}

/// Lines of one m-line that are read: browsers have some 150. A session compares those of a kind with each other, so their
/// number is bounded.
const MAX_LINES: usize = 400;

/// An SDP of the client's as the session reads it.
fn rendered(outline: &Scan<'_>, slots: &[Slot]) -> Result<String, NegotiationError> {
    let mut counts = outline.sections.iter().map(|section| section.attributes.len());
    if counts.all(|lines| lines <= MAX_LINES) {
        let sdp = render(outline, slots);
        // What is said of all formats is said of each.
        if sdp.split("\r\nm=").all(|section| section.lines().count() <= MAX_LINES) {
            return Ok(sdp);
        }
    }
    let reason = format!("an m-line has more than {MAX_LINES} lines");
    Err(NegotiationError::Invalid(reason))
}

/// The SSRCs that an offer announces on m-lines on which the client sends (RFC 5576). Some clients have them on all others too.
fn announced_ssrcs(outline: &Scan<'_>) -> Result<Vec<Ssrc>, NegotiationError> {
    let sections = outline.sections.iter().filter(|section| section.sends());
    let lines = sections.flat_map(|section| &section.attributes);
    let announced = lines.filter_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok());
    let mut ssrcs: Vec<u32> = announced.collect();
    ssrcs.sort_unstable();
    ssrcs.dedup();
    if ssrcs.len() > MAX_SSRCS {
        let reason = format!("the offer announces more than {MAX_SSRCS} SSRCs");
        return Err(NegotiationError::Invalid(reason));
    }
    Ok(ssrcs.into_iter().map(Ssrc::from).collect())
}
