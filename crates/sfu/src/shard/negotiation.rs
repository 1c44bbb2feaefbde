//! Offers and answers, in both directions.

use std::time::{Duration, Instant};

use str0m::media::{MediaKind, Mid};

use super::Shard;
use super::naming::published;
use super::sdp_rates::WAIT;
use crate::command::{Outcome, Refusal, RefusalCode, TrackName};
use crate::event::{Body, CloseReason};
use crate::ids::{PeerId, PeerKey};
use crate::line::LineState;
use crate::peer::{
    Addition, ClientOffer, ClientSdp, Fault, Found, GLARE_TIMEOUT, Mode, NegotiationError, OfferTerms, Peer, ReadOffer,
    ReadSdp, Reading,
};
use crate::sdp::SessionSdp;

/// Why an SDP is refused, for people.
type Reason = String;

const TOO_MANY: &str = "too many offers or answers in a second: try again";
const BUSY: &str = "the media server is busy: try again";

impl Shard {
    /// The next SDP to be read. Of each peer one is read at a time, and what it says later waits for that.
    pub fn poll_reading(&mut self) -> Option<Reading> {
        let mut readings = std::iter::from_fn(|| self.readings.pop_front());
        readings.find(|reading| self.peers.get(reading.peer()).is_some())
    }

    /// Goes on with an SDP that was read: as of [`Self::command`], of which this is the outcome. Where the peer is gone, nothing
    /// is done.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn finish_reading(&mut self, now: Instant, read: ReadSdp) -> Result<Outcome, Refusal> {
        self.clock.advance(now);
        let outcome = self.take_read(read);
        self.settle();
        outcome
    }

    pub(super) fn offer(&mut self, id: PeerId, offer: ClientOffer) -> Result<Outcome, Refusal> {
        let known = self.check_owner(&id)?;
        self.check_length(&offer.sdp).map_err(|reason| invalid(&id, reason))?;
        let is_in_time = self.sdp_rates.takes_offer(self.clock.now(), &id, offer.sdp.len());
        match known {
            Some(key) if is_in_time => self.read(key, ClientSdp::Offer(offer)),
            // What waits for a peer whose first offer is refused would wait for nothing.
            Some(key) if self.peers.get(key).is_some_and(Peer::is_reading) => {
                Err(refusal(&id, RefusalCode::Overloaded, TOO_MANY.into()))
            }
            Some(key) => {
                let crosses = self.peers.get(key).is_some_and(Peer::awaits_answer);
                self.hold(key, offer, if crosses { GLARE_TIMEOUT } else { WAIT })
            }
            None if is_in_time => {
                self.check_space(&id)?;
                let key = self.open(id, &offer);
                self.read(key, ClientSdp::Offer(offer))
            }
            None => Err(refusal(&id, RefusalCode::Overloaded, TOO_MANY.into())),
        }
    }

    /// Has an SDP read, unless there is no need.
    fn read(&mut self, key: PeerKey, sdp: ClientSdp) -> Result<Outcome, Refusal> {
        let Some(peer) = self.peers.get_mut(key) else {
            return Ok(Outcome::Done);
        };
        match sdp {
            ClientSdp::Offer(offer) if !offer.insists && peer.is_crossed_by(&offer.sdp) => {
                return self.hold(key, offer, GLARE_TIMEOUT);
            }
            ClientSdp::Answer(sdp) if peer.is_repeated_answer(&sdp) => return Ok(Outcome::Done),
            _ => {}
        }
        let reading = peer.read(key, sdp, &self.config.limits);
        let too_many = |_| refusal(peer.id(), RefusalCode::Overloaded, TOO_MANY.into());
        self.readings.extend(reading.map_err(too_many)?);
        Ok(Outcome::Reading)
    }

    fn take_read(&mut self, read: ReadSdp) -> Result<Outcome, Refusal> {
        let ReadSdp { peer: key, sdp, found } = read;
        let Some(peer) = self.peers.get_mut(key) else {
            return Ok(Outcome::Done);
        };
        peer.end_reading();
        let id = peer.id().clone();
        let answer = match &sdp {
            ClientSdp::Answer(answer) => Some(answer.len()),
            ClientSdp::Offer(_) => None,
        };
        let outcome = match found {
            Ok(found) => self.take_found(key, &id, sdp, found),
            Err(unread) => self.negotiated(key, &id, Err(unread.into())),
        };
        let is_wrong = |refusal: &Refusal| refusal.code == RefusalCode::InvalidSdp;
        if let Some(bytes) = answer.filter(|_| outcome.as_ref().is_err_and(is_wrong)) {
            self.sdp_rates.count_wrong_answer(self.clock.now(), &id, bytes);
        }
        self.read_next(&id);
        self.arm(key);
        outcome
    }

    fn take_found(&mut self, key: PeerKey, id: &PeerId, sdp: ClientSdp, found: Found) -> Result<Outcome, Refusal> {
        match (sdp, found) {
            (ClientSdp::Offer(offer), Found::NewConnection(read)) => self.begin_anew(key, id, &offer, *read),
            (ClientSdp::Offer(offer), Found::Offer(read)) => {
                let crosses = self.peers.get(key).is_some_and(Peer::awaits_answer);
                match crosses && !offer.insists {
                    true => self.hold(key, offer, GLARE_TIMEOUT),
                    false => self.take_offer(key, id, &offer.tracks, *read),
                }
            }
            (ClientSdp::Answer(sdp), found) => self.take_answer(key, id, &sdp, found),
            // An offer never reads as an answer.
            (ClientSdp::Offer(_), Found::Answer(_) | Found::LateAnswer(..)) => Err(faulty(id)),
        }
    }

    /// Has the next SDP read that has waited for one that was taken or refused. A peer that has negotiated nothing, and has
    /// nothing to read, was never open.
    fn read_next(&mut self, id: &PeerId) {
        while let Some(key) = self.peers.by_transport(&id.transport) {
            let Some(peer) = self.peers.get_mut(key).filter(|peer| !peer.is_reading()) else {
                return;
            };
            let has_negotiated = peer.has_negotiated();
            let next = match (peer.next_waiting(), has_negotiated) {
                // Those before it may have been wrong.
                (Some(answer @ ClientSdp::Answer(_)), true) if !self.sdp_rates.reads_answer(self.clock.now(), id) => {
                    match self.rest(key, answer) {
                        Ok(_) => return,
                        overtaken => overtaken,
                    }
                }
                (Some(next), true) => self.read(key, next),
                // Its session may be half changed by the offer that was refused.
                (Some(ClientSdp::Offer(offer)), false) => match self.replace(key, &offer) {
                    Some(new) => self.read(new, ClientSdp::Offer(offer)),
                    None => Err(faulty(id)),
                },
                (Some(ClientSdp::Answer(_)), false) => Err(invalid(id, "there is no offer to answer".into())),
                (None, true) => return self.plan_offer(key),
                (None, false) => return self.forget_unopened(key),
            };
            self.say(next);
        }
    }

    /// Has an answer wait: it may be right, but too many before it were wrong.
    fn rest(&mut self, key: PeerKey, answer: ClientSdp) -> Result<Outcome, Refusal> {
        let until = self.clock.now() + WAIT;
        if let Some(peer) = self.peers.get_mut(key) {
            let rests = peer.rest(until, answer);
            rests.map_err(|_| refusal(peer.id(), RefusalCode::Overloaded, TOO_MANY.into()))?;
        }
        self.arm(key);
        Ok(Outcome::Held)
    }

    /// Reads the SDP that has waited for its time.
    pub(super) fn go_on_reading(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(key) {
            peer.end_reading();
            let id = peer.id().clone();
            self.read_next(&id);
        }
    }

    /// Tells a client the outcome of what it asked before.
    fn say(&mut self, outcome: Result<Outcome, Refusal>) {
        let event = match outcome {
            Ok(outcome) => outcome.into_event(),
            Err(refusal) => refusal.into_event(),
        };
        if let Some(event) = event {
            self.events.push(event);
        }
    }

    /// The peer that a transport has, if it is the same user's in the same room.
    fn check_owner(&mut self, id: &PeerId) -> Result<Option<PeerKey>, Refusal> {
        let key = self.peers.by_transport(&id.transport);
        if let Some(peer) = key.and_then(|key| self.peers.get_mut(key)) {
            if !is_same_owner(peer.id(), id) {
                let message = "this transport belongs to another user or room".into();
                return Err(refusal(id, RefusalCode::NotFound, message));
            }
            peer.set_seat(id.seat.clone());
        }
        Ok(key)
    }

    fn hold(&mut self, key: PeerKey, offer: ClientOffer, time: Duration) -> Result<Outcome, Refusal> {
        let until = self.clock.now() + time;
        if let Some(peer) = self.peers.get_mut(key) {
            peer.hold(until, offer);
        }
        self.arm(key);
        Ok(Outcome::Held)
    }

    fn check_length(&self, sdp: &str) -> Result<(), Reason> {
        let max = self.config.limits.sdp_bytes;
        if sdp.len() > max {
            return Err(format!("the SDP is longer than {max} bytes"));
        }
        Ok(())
    }

    fn check_space(&self, id: &PeerId) -> Result<(), Refusal> {
        let max = self.config.limits.peers;
        if self.peers.len() >= max {
            let message = format!("this server holds {max} connections and takes no more");
            return Err(refusal(id, RefusalCode::RoomFull, message));
        }
        Ok(())
    }

    /// The client has made a new connection under the name of its old one.
    fn begin_anew(
        &mut self,
        key: PeerKey,
        id: &PeerId,
        offer: &ClientOffer,
        read: ReadOffer,
    ) -> Result<Outcome, Refusal> {
        let Some(new) = self.replace(key, offer) else {
            return Err(faulty(id));
        };
        let taken = self.take_offer(new, id, &offer.tracks, read);
        if taken.is_err() {
            // The old connection is gone: its client has another one.
            self.close(new, CloseReason::Fault);
        }
        taken
    }

    /// Has the offer read that was held: its client insists on it, or it may be read now.
    pub(super) fn take_held(&mut self, key: PeerKey) {
        let Some((id, mut offer)) = self
            .peers
            .get_mut(key)
            .and_then(|peer| Some((peer.id().clone(), peer.take_held()?)))
        else {
            return;
        };
        let taken = match self.sdp_rates.takes_offer(self.clock.now(), &id, offer.sdp.len()) {
            true => {
                offer.insists = true;
                self.read(key, ClientSdp::Offer(offer))
            }
            false => self.hold(key, offer, WAIT),
        };
        self.say(taken);
    }

    /// An offer of the server's that is outstanding is withdrawn for it.
    fn take_offer(
        &mut self,
        key: PeerKey,
        id: &PeerId,
        names: &[TrackName],
        read: ReadOffer,
    ) -> Result<Outcome, Refusal> {
        let now = self.clock.now();
        let ReadOffer { offer, mut terms } = read;
        let Some(peer) = self.peers.get_mut(key) else {
            // Nothing closes a peer between its look-up and this.
            return Ok(Outcome::Done);
        };
        let accepted = peer.accept_offer(now, offer, &terms.outline);
        let answer = self.negotiated(key, id, accepted)?;
        let sdp = self.follow_offer(key, &answer, names, &mut terms);
        let sdp = self.negotiated(key, id, sdp.map_err(NegotiationError::from))?;
        Ok(Outcome::Answer { to: id.clone(), sdp })
    }

    /// What a failed negotiation leads to: a refusal, and the end of a peer that it damaged.
    fn negotiated<T>(&mut self, key: PeerKey, id: &PeerId, result: Result<T, NegotiationError>) -> Result<T, Refusal> {
        match result {
            Ok(value) => Ok(value),
            Err(NegotiationError::Invalid(reason)) => Err(invalid(id, reason)),
            Err(NegotiationError::Busy) => Err(refusal(id, RefusalCode::Overloaded, BUSY.into())),
            Err(NegotiationError::Broken(reason)) => {
                self.close(key, CloseReason::Fault);
                Err(invalid(id, reason))
            }
            Err(NegotiationError::Fault) => {
                self.peers.set_faulty(key);
                Err(faulty(id))
            }
        }
    }

    /// The session has taken the offer: brings everything else in line with it, and gives the answer.
    fn follow_offer(
        &mut self,
        key: PeerKey,
        answer: &str,
        names: &[TrackName],
        terms: &mut OfferTerms,
    ) -> Result<String, Fault> {
        let now = self.clock.now();
        let Some(peer) = self.peers.get_mut(key) else {
            return Err(Fault);
        };
        let answer = SessionSdp::parse(answer);
        let unknown = [MediaKind::Audio, MediaKind::Video].map(|kind| (kind, terms.outline.unknown(kind, &answer)));
        peer.offer_taken(now, &answer, terms)?;
        if peer
            .fingerprint()
            .is_some_and(|fingerprint| self.older_dtls.serves(now, fingerprint))
        {
            peer.serve_older_dtls();
        }
        if self.demux.set_ufrag(peer.ufrag()?, key) {
            peer.ice_restarted();
        }
        let (router, outline) = (&mut self.router, &mut terms.outline);
        router.offer_taken(key);
        router.set_lines(now, key, &peer.lines());
        router.publish(now, key, &published(outline, names), peer.pauses());
        for section in outline.sections.iter_mut().filter(|section| section.sends()) {
            router.set_encodings(key, section.key(), std::mem::take(&mut section.encodings));
        }
        match peer.mode() {
            Mode::Slots => router.fill_slots(now, key, &peer.lines(), peer.view()),
            Mode::Plain => router.fill_idle(now, key, &peer.lines()),
        }
        let sdp = peer.finish_answer(&answer, |mid| router.label(key, mid))?;
        router.set_lines(now, key, &peer.lines());
        let room = router.room_of(key);
        self.tell_of_unknown(key, &unknown);
        self.tell_slots(key);
        self.peers.wake(key);
        self.plan_offer(key);
        room.into_iter().for_each(|room| self.refresh(room));
        self.arm(key);
        Ok(sdp)
    }

    pub(super) fn answer(&mut self, key: PeerKey, sdp: String) -> Result<Outcome, Refusal> {
        let Some((id, is_reading)) = self.peers.get(key).map(|peer| (peer.id().clone(), peer.is_reading())) else {
            return Ok(Outcome::Done);
        };
        self.check_length(&sdp).map_err(|reason| invalid(&id, reason))?;
        match is_reading || self.sdp_rates.reads_answer(self.clock.now(), &id) {
            true => self.read(key, ClientSdp::Answer(sdp)),
            false => self.rest(key, ClientSdp::Answer(sdp)),
        }
    }

    fn take_answer(&mut self, key: PeerKey, id: &PeerId, sdp: &str, found: Found) -> Result<Outcome, Refusal> {
        let now = self.clock.now();
        let Some(peer) = self.peers.get_mut(key) else {
            return Ok(Outcome::Done);
        };
        match found {
            Found::Answer(read) => {
                let rejects = |mid| read.outline.section(mid).is_some_and(|section| section.rejected);
                let lines = peer.lines().lines.into_iter();
                let declined = lines.filter(|line| line.state == LineState::Offered && rejects(line.mid));
                let declined: Vec<Mid> = declined.map(|line| line.mid).collect();
                let accepted = peer.accept_answer(now, sdp, *read);
                self.negotiated(key, id, accepted)?;
                declined.into_iter().for_each(|mid| self.tell_of_declined(key, mid));
            }
            Found::LateAnswer(read, offer) => {
                let gone_back = peer.go_back(&read.terms.outline, &offer);
                self.negotiated(key, id, gone_back)?;
                // Nobody is told the session's answer.
                self.take_offer(key, id, &[], *read)?;
            }
            Found::Offer(_) | Found::NewConnection(_) => return Err(faulty(id)),
        }
        self.follow_lines(key);
        self.plan_offer(key);
        self.arm(key);
        Ok(Outcome::Done)
    }

    /// Tells a client which of its m-lines are rejected, since none of their formats is known here.
    fn tell_of_unknown(&mut self, key: PeerKey, unknown: &[(MediaKind, Vec<usize>)]) {
        for (kind, places) in unknown.iter().filter(|(_, places)| !places.is_empty()) {
            let places: Vec<String> = places.iter().map(ToString::to_string).collect();
            let known = match kind {
                MediaKind::Audio => "of audio, only Opus is taken",
                MediaKind::Video => {
                    "of video, only VP8, VP9 (profile 0), AV1 (profile 0) and H264 (packetization-mode 1, Baseline, Main or \
                     High) are taken"
                }
            };
            let (code, message) = (
                RefusalCode::NoCommonCodec,
                format!("m-line {} is rejected: {known}", places.join(", ")),
            );
            self.tell(key, Body::Refused { code, message });
        }
    }

    /// Tells a client that it is not sent a track, since it rejects the m-line.
    fn tell_of_declined(&mut self, key: PeerKey, mid: Mid) {
        if let Some((user, source)) = self.router.source(key, mid) {
            let (code, source) = (RefusalCode::Declined, source.as_str());
            let message = format!("the {source} of {user} is not sent: the answer rejects its m-line");
            self.tell(key, Body::Refused { code, message });
        }
    }

    /// Lets what is sent follow what was negotiated.
    fn follow_lines(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get(key) {
            self.router.set_lines(self.clock.now(), key, &peer.lines());
            self.peers.wake(key);
        }
    }

    /// Makes an offer to a plain client, if one is needed and none is outstanding.
    pub(super) fn make_offer(&mut self, key: PeerKey) {
        let (now, router) = (self.clock.now(), &mut self.router);
        let Some(peer) = self.peers.get(key) else {
            return;
        };
        let lines = peer.lines();
        router.fill_idle(now, key, &lines);
        let space = peer.free_lines(self.config.limits.media_lines);
        let missing = router.missing_lines(key, &lines, space);
        let addition = |(kind, label)| Addition { kind, label };
        let additions: Vec<_> = missing
            .iter()
            .map(|line| addition((line.kind, line.label.clone())))
            .collect();
        let content = |mid| router.label(key, mid);
        let made = self.peers.enter(key, |peer| peer.make_offer(now, content, &additions));
        let Some(Some(offer)) = made else {
            return;
        };
        self.follow_lines(key);
        for (mid, line) in offer.added.into_iter().zip(missing) {
            self.router.assign(now, key, mid, Some(line.track), false);
        }
        self.tell(key, Body::Offer { sdp: offer.sdp });
        self.arm(key);
    }

    /// An offer may be made again after one that was withdrawn.
    pub(super) fn go_on(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(key) {
            peer.go_on();
        }
        self.plan_offer(key);
    }

    /// Sends the outstanding offer again.
    pub(super) fn repeat_offer(&mut self, key: PeerKey) {
        let now = self.clock.now();
        if let Some(sdp) = self.peers.get_mut(key).and_then(|peer| peer.repeat_offer(now)) {
            self.tell(key, Body::Offer { sdp });
        }
    }
}

fn is_same_owner(one: &PeerId, other: &PeerId) -> bool {
    one.room == other.room && one.user == other.user
}

fn refusal(id: &PeerId, code: RefusalCode, message: String) -> Refusal {
    Refusal {
        to: Some(id.clone()),
        code,
        message,
    }
}

fn invalid(id: &PeerId, reason: Reason) -> Refusal {
    refusal(id, RefusalCode::InvalidSdp, reason)
}

fn faulty(id: &PeerId) -> Refusal {
    let message = "the media server failed at this SDP: connect again";
    refusal(id, RefusalCode::Internal, message.into())
}
