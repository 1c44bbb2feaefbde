//! Offers and answers of one peer, in both directions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use str0m::change::SdpOffer;
use str0m::media::{MediaKind, Mid};

use super::lines::Announced;
use super::negotiation::{ClientOffer, NegotiationError};
use super::reading::{ClientSdp, Negotiated, OfferTerms, ReadAnswer, Reading, UNREADABLE};
use super::session::{Addition, Fault, RawOffer, Refused};
use super::{Mode, Peer};
use crate::config::Limits;
use crate::ids::PeerKey;
use crate::line::Label;
use crate::sdp::{LineEdit, Outline, Place, SessionSdp, finish};

/// An offer of the server's.
pub(crate) struct NewOffer {
    /// The SDP.
    pub(crate) sdp: String,
    /// The m-lines added, in the order of the additions.
    pub(crate) added: Vec<Mid>,
}

impl Peer {
    /// Whose certificate the client has, once it has offered.
    pub(crate) fn fingerprint(&self) -> Option<&str> {
        self.negotiation.identity().fingerprint()
    }

    /// Has the client served DTLS 1.2, unless its ClientHello has come already.
    pub(crate) fn serve_older_dtls(&self) {
        self.session.serve_older_dtls();
    }

    /// Whether the client is served the newest version of DTLS, by its ClientHello.
    pub(crate) fn serves_newest_dtls(&self) -> bool {
        self.session.serves_newest_dtls()
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
        match self.layout.groups() {
            [] => 0,
            _ => self.layout.free_lines(max),
        }
    }

    /// Has an SDP of the client's read, now or when the one before it was taken or refused. `None`: it waits.
    ///
    /// # Errors
    /// The SDP, where too much waits.
    pub(crate) fn read(&mut self, key: PeerKey, sdp: ClientSdp, limits: &Limits) -> Result<Option<Reading>, ClientSdp> {
        let negotiation = &mut self.negotiation;
        if negotiation.is_reading() {
            return negotiation.wait(sdp, limits.sdp_bytes).map(|()| None);
        }
        negotiation.begin_reading();
        let negotiated = Negotiated {
            mode: self.mode,
            layout: Arc::clone(&self.layout),
            identity: negotiation.identity().clone(),
            pending: negotiation.pending().map(|pending| Arc::clone(&pending.sdp)),
            withdrawn: negotiation.withdrawn().map(Arc::clone).collect(),
        };
        Ok(Some(Reading::new(key, &self.id, sdp, negotiated, limits)))
    }

    /// Has the SDP that was next to be read wait until then.
    ///
    /// # Errors
    /// The SDP: it is an answer, and the one behind it has overtaken it.
    pub(crate) fn rest(&mut self, until: Instant, sdp: ClientSdp) -> Result<(), ClientSdp> {
        self.negotiation.rest(until, sdp)
    }

    /// Whether an SDP of its client's is being read, or one waits until it may be.
    pub(crate) fn is_reading(&self) -> bool {
        self.negotiation.is_reading()
    }

    /// What was read is being taken, or was refused.
    pub(crate) fn end_reading(&mut self) {
        self.negotiation.end_reading();
    }

    /// The next SDP that waits to be read.
    pub(crate) fn next_waiting(&mut self) -> Option<ClientSdp> {
        self.negotiation.next_waiting()
    }

    /// Whether an answer is the last one once more, to an offer that was repeated. It changes nothing.
    pub(crate) fn is_repeated_answer(&mut self, sdp: &str) -> bool {
        self.negotiation.is_repeated_answer(sdp)
    }

    /// Whether an offer crosses one of the server's, and is not of another connection for all that can be seen.
    pub(crate) fn is_crossed_by(&self, sdp: &str) -> bool {
        let known = self.fingerprint();
        self.awaits_answer() && known.is_some_and(|known| sdp.contains(known))
    }

    /// Whether it has negotiated anything.
    pub(crate) fn has_negotiated(&self) -> bool {
        !self.layout.places().is_empty()
    }

    /// Takes the client's offer. An outstanding offer of the server's is withdrawn: the client has ignored it. Gives the
    /// session's answer, for [`Self::offer_taken`] and [`Self::finish_answer`].
    ///
    /// # Errors
    /// [`NegotiationError`]
    pub(crate) fn accept_offer(
        &mut self,
        now: Instant,
        offer: SdpOffer,
        outline: &Outline,
    ) -> Result<String, NegotiationError> {
        if self.has_negotiated() {
            self.withdraw(now, outline)?;
            return self.session.accept_offer(offer)?.map_err(|Refused| broken());
        }
        // Nothing is lost with a session that has negotiated nothing.
        match self.session.accept_offer(offer) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Refused)) | Err(Fault) => Err(NegotiationError::Invalid(UNREADABLE.into())),
        }
    }

    /// Follows an offer that the session has answered. Rejects in its outline what the session has no use for.
    ///
    /// # Errors
    /// [`Fault`]
    pub(crate) fn offer_taken(
        &mut self,
        now: Instant,
        answer: &SessionSdp<'_>,
        terms: &mut OfferTerms,
    ) -> Result<(), Fault> {
        let OfferTerms { outline, slots, ssrcs } = terms;
        outline.reject(|key| answer.is_disabled(key));
        self.negotiation.offer_taken(outline);
        self.renegotiated(outline)?;
        self.layout = Arc::new(self.layout.after(outline, std::mem::take(slots)));
        self.lines.follow_offer(outline);
        self.announce(ssrcs)?;
        self.set_credentials(now, outline.credentials())
    }

    /// Completes the answer: the server sends on each m-line that the client receives on and that has a track. `content`
    /// gives the label of an m-line's track.
    ///
    /// # Errors
    /// [`Fault`]
    pub(crate) fn finish_answer(
        &mut self,
        answer: &SessionSdp<'_>,
        content: impl Fn(Mid) -> Option<Label>,
    ) -> Result<String, Fault> {
        let slots = self.has_slots();
        self.lines.agree(|mid| slots || content(mid).is_some());
        let layout = Arc::clone(&self.layout);
        self.finish_sdp(answer, layout.places(), content)
    }

    fn finish_sdp(
        &mut self,
        sdp: &SessionSdp<'_>,
        places: &[Place],
        content: impl Fn(Mid) -> Option<Label>,
    ) -> Result<String, Fault> {
        let mut edits = HashMap::new();
        for mid in places.iter().map(|place| place.key) {
            if let Some(Announced { kind, sends, receives }) = self.lines.announced(mid) {
                let label = match self.mode {
                    Mode::Slots => Some(self.slot_label(mid, kind)),
                    Mode::Plain => content(mid),
                };
                let sent = match label.filter(|_| sends) {
                    Some(label) => {
                        let stream = self.sent_stream(mid, label.cname())?;
                        Some((label, stream))
                    }
                    None => None,
                };
                edits.insert(mid, LineEdit { sent, receives });
            }
        }
        Ok(finish(sdp, places.iter(), self.layout.groups(), &edits))
    }

    /// What is of one stream is played in sync: the first slots are for a screen and its sound.
    fn slot_label(&self, mid: Mid, kind: MediaKind) -> Label {
        let stream = match self.lines.is_first_slot(mid) {
            true => "shared".into(),
            false => format!("slot-{mid}"),
        };
        let track = kind.to_string();
        Label { stream, track }
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
        let changed = changes.first().map(|(mid, _)| *mid);
        let Some(RawOffer { sdp, added }) = self.session.make_offer(changed, additions)? else {
            return Ok(None);
        };
        let kinds = additions.iter().map(|addition| addition.kind);
        let new_lines = added.iter().copied().zip(kinds);
        let places = self.layout.with_added(new_lines.clone());
        self.lines.offer(&changes, new_lines);
        let sdp = self.finish_sdp(&SessionSdp::parse(&sdp), &places, |mid| {
            let place = added.iter().position(|added| *added == mid);
            place.map_or_else(|| content(mid), |place| Some(additions[place].label.clone()))
        })?;
        self.negotiation.offered(now, sdp.as_str().into());
        Ok(Some(NewOffer { sdp, added }))
    }

    /// The outstanding offer, to be sent again.
    pub(crate) fn repeat_offer(&mut self, now: Instant) -> Option<String> {
        self.negotiation.repeat(now).map(|sdp| sdp.to_string())
    }

    /// Withdraws the outstanding offer for this one of the client's.
    fn withdraw(&mut self, now: Instant, outline: &Outline) -> Result<(), Fault> {
        let credentials = self.session.credentials()?;
        let is_new = |mid: &Mid| self.layout.mid(*mid).is_none();
        let sending = outline.sections.iter().filter(|section| section.sends());
        let sends_on = sending.map(|section| section.key()).filter(is_new).collect();
        let restarts = self.paths.has_other_credentials(outline.credentials());
        if self.negotiation.withdraw(now, credentials, sends_on, restarts) {
            self.lines.roll_back();
        }
        Ok(())
    }

    /// The client has not shown for long whether it goes on with its own offer or with the one that was withdrawn for it.
    pub(crate) fn go_on(&mut self) {
        self.negotiation.go_on();
    }

    /// Takes the client's answer to the outstanding offer.
    ///
    /// # Errors
    /// [`NegotiationError`]
    pub(crate) fn accept_answer(
        &mut self,
        now: Instant,
        sdp: &str,
        mut read: ReadAnswer,
    ) -> Result<(), NegotiationError> {
        let Some(pending) = self.negotiation.take_pending() else {
            return Ok(());
        };
        let outline = &mut read.outline;
        let repeats = pending.repeats();
        // An answer has other credentials than before only where ICE restarts (RFC 8839 section 4.4.1.1.1), which the server
        // never asks for. Some clients begin anew all the same; with our own credentials unchanged they connect.
        self.session.set_remote_credentials(outline.credentials())?;
        let taken = self.session.accept_answer(read.answer)?;
        taken.map_err(|Refused| broken())?;
        self.negotiation.answer_taken(now, repeats, sdp, outline);
        self.renegotiated(outline)?;
        self.layout = Arc::new(self.layout.after(outline, read.slots));
        self.lines.follow_answer(outline);
        self.set_credentials(now, outline.credentials())?;
        Ok(())
    }

    /// The client has answered an offer of the server's that was withdrawn for its own: it has taken the server's and
    /// withdrawn its own. What its answer describes is what both go on with, as if it had offered that. An offer that was made
    /// meanwhile is withdrawn: its m-lines are not the client's.
    ///
    /// # Errors
    /// [`NegotiationError`]: the client has shown meanwhile that it goes on with its own.
    pub(crate) fn go_back(&mut self, outline: &Outline, withdrawn: &Arc<str>) -> Result<(), NegotiationError> {
        let Some(withdrawn) = self.negotiation.take_withdrawn(withdrawn) else {
            return Err(NegotiationError::Invalid("there is no offer to answer".into()));
        };
        if self.negotiation.take_pending().is_some() {
            self.lines.roll_back();
        }
        self.session.set_credentials(withdrawn.credentials)?;
        self.session.set_remote_credentials(outline.credentials())?;
        Ok(())
    }
}

/// The session has refused an SDP in the middle of a call.
fn broken() -> NegotiationError {
    NegotiationError::Broken("the SDP does not fit what was negotiated: connect again".into())
}
