//! Offers and answers of one peer, in both directions.

use std::time::Instant;

use str0m::Rtc;
use str0m::media::Mid;
use str0m::rtp::Ssrc;

use super::negotiation::{ClientOffer, NegotiationError};
use super::session::{Addition, Fault, RawOffer, Session};
use super::sources::MAX_SSRCS;
use super::{Mode, Peer};
use crate::line::Label;
use crate::sdp::{LineEdit, Scan, finish, scan};

/// An offer of the server's.
pub(crate) struct NewOffer {
    /// The SDP.
    pub(crate) sdp: String,
    /// The m-lines added, in the order of the additions.
    pub(crate) added: Vec<Mid>,
}

/// Tries an SDP on a session that is thrown away: str0m changes a session before it has read all of an SDP. One that makes
/// it panic is invalid.
///
/// # Errors
/// [`NegotiationError::Invalid`]
pub(crate) fn rehearse(scratch: Rtc, sdp: &str) -> Result<(), NegotiationError> {
    match Session::new(scratch).accept_offer(sdp) {
        Ok(result) => result.map(drop).map_err(NegotiationError::Invalid),
        Err(Fault) => Err(NegotiationError::Invalid("the SDP cannot be read".into())),
    }
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

    /// Holds an offer that crossed the outstanding one.
    pub(crate) fn hold(&mut self, now: Instant, offer: ClientOffer) {
        self.negotiation.hold(now, offer);
    }

    /// The offer that was held, when it has to be taken.
    pub(crate) fn take_held(&mut self) -> Option<ClientOffer> {
        self.negotiation.take_held()
    }

    /// How many m-lines are negotiated, in both directions.
    pub(crate) fn line_count(&self) -> usize {
        self.negotiation.line_count()
    }

    /// Takes the client's offer. `scratch` is a new session. An outstanding offer of the server's is rolled back: the client
    /// has ignored it. Gives str0m's answer, for [`Self::finish_answer`].
    ///
    /// # Errors
    /// [`NegotiationError`]
    pub(crate) fn accept_offer(
        &mut self,
        scratch: Rtc,
        sdp: &str,
        outline: &Scan<'_>,
    ) -> Result<String, NegotiationError> {
        self.negotiation.check_places(outline)?;
        check_lines(sdp)?;
        let ssrcs = announced_ssrcs(sdp)?;
        rehearse(scratch, sdp)?;
        self.roll_back()?;
        let answer = self.session.accept_offer(sdp)?.map_err(NegotiationError::Broken)?;
        self.negotiation.offer_taken(outline);
        self.lines.follow_offer(outline);
        self.announce(&ssrcs)?;
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
        Ok(self.finish_sdp(answer, content))
    }

    fn finish_sdp(&self, sdp: &str, content: impl Fn(Mid) -> Option<Label>) -> String {
        finish(sdp, |mid| {
            let (kind, sends) = self.lines.announced(mid)?;
            let label = match self.mode {
                Mode::Slots => Some(Label {
                    stream: format!("slot-{mid}"),
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

    /// Whether an offer can be planned: to a plain client, and one at a time.
    pub(crate) fn can_plan_offer(&self) -> bool {
        self.mode == Mode::Plain && self.negotiation.is_settled()
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
        if self.awaits_answer() {
            return Ok(None);
        }
        let changes = self.lines.changes(|mid| content(mid).is_some());
        let Some(RawOffer { sdp, pending, added }) = self.session.make_offer(&changes, additions)? else {
            return Ok(None);
        };
        let kinds = additions.iter().map(|addition| addition.kind);
        self.lines.offer(&changes, added.iter().copied().zip(kinds));
        let sdp = self.finish_sdp(&sdp, |mid| {
            let place = added.iter().position(|added| *added == mid);
            place.map_or_else(|| content(mid), |place| Some(additions[place].label.clone()))
        });
        self.negotiation.offered(now, pending, sdp.clone());
        Ok(Some(NewOffer { sdp, added }))
    }

    /// The outstanding offer, to be sent again.
    pub(crate) fn repeat_offer(&mut self, now: Instant) -> Option<String> {
        self.negotiation.repeat(now)
    }

    fn roll_back(&mut self) -> Result<(), Fault> {
        if self.negotiation.take_pending().is_some() {
            for (mid, sends) in self.lines.roll_back() {
                self.session.set_sending(mid, sends)?;
            }
        }
        Ok(())
    }

    /// Takes the client's answer to the outstanding offer. The last answer once more, to an offer that was repeated, changes
    /// nothing. `max_lines` bounds its m-lines.
    ///
    /// # Errors
    /// [`NegotiationError`]
    pub(crate) fn accept_answer(&mut self, scratch: Rtc, sdp: &str, max_lines: usize) -> Result<(), NegotiationError> {
        if self.negotiation.is_repeated_answer(sdp) {
            return Ok(());
        }
        let outline = scan(sdp, max_lines).map_err(NegotiationError::Invalid)?;
        let offered = self
            .negotiation
            .pending_sdp()
            .ok_or_else(|| NegotiationError::Invalid("there is no offer to answer".into()))?;
        // It was made within the bound.
        let offered = scan(offered, usize::MAX).map_err(NegotiationError::Broken)?;
        if !outline.has_same_lines(&offered) {
            return Err(NegotiationError::Invalid(
                "the m-lines of the answer are not those of the offer".into(),
            ));
        }
        check_lines(sdp)?;
        rehearse(scratch, sdp)?;
        if let Some(pending) = self.negotiation.take_pending() {
            let repeats = pending.repeats();
            let taken = self.session.accept_answer(pending.offer, sdp)?;
            taken.map_err(NegotiationError::Broken)?;
            self.negotiation.answer_taken(repeats, sdp, &outline);
            self.lines.follow_answer(&outline);
        }
        Ok(())
    }
}

/// Lines of one m-line that are read: browsers have some 150. A session compares those of a kind with each other, so their
/// number is bounded.
const MAX_LINES: usize = 400;

/// Checks that no m-line has more lines than are read.
fn check_lines(sdp: &str) -> Result<(), NegotiationError> {
    let mut lines = 0;
    for line in sdp.lines() {
        lines = if line.starts_with("m=") { 0 } else { lines + 1 };
        if lines > MAX_LINES {
            let reason = format!("an m-line has more than {MAX_LINES} lines");
            return Err(NegotiationError::Invalid(reason));
        }
    }
    Ok(())
}

/// The SSRCs that an offer announces on m-lines on which the client sends (RFC 5576). Some clients have them on all others too.
fn announced_ssrcs(sdp: &str) -> Result<Vec<Ssrc>, NegotiationError> {
    let (mut all, mut of_line): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
    let mut sends = false;
    for line in sdp.lines().chain(["m="]) {
        if line.starts_with("m=") {
            if std::mem::take(&mut sends) {
                all.append(&mut of_line);
            }
            of_line.clear();
        } else if line == "a=sendonly" || line == "a=sendrecv" {
            sends = true;
        } else if let Some(ssrc) = line.strip_prefix("a=ssrc:").and_then(|value| value.split(' ').next()?.parse().ok())
            // Each has some lines, one after the other.
            && of_line.last() != Some(&ssrc)
        {
            of_line.push(ssrc);
        }
    }
    all.sort_unstable();
    all.dedup();
    if all.len() > MAX_SSRCS {
        let reason = format!("the offer announces more than {MAX_SSRCS} SSRCs");
        return Err(NegotiationError::Invalid(reason));
    }
    Ok(all.into_iter().map(Ssrc::from).collect())
}
