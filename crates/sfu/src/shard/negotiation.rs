//! Offers and answers, in both directions.

use std::time::Duration;

use super::Shard;
use super::naming::published;
use super::sdp_rates::WAIT;
use crate::command::{Outcome, Refusal, RefusalCode, TrackName};
use crate::event::{Body, CloseReason};
use crate::ids::{PeerId, PeerKey};
use crate::peer::{
    Addition, Answered, ClientOffer, Fault, GLARE_TIMEOUT, Mode, NegotiationError, Peer, rehearse_offer,
};
use crate::sdp::{Scan, scan};

/// Why an SDP is refused, for people.
type Reason = String;

const TOO_MANY: &str = "too many offers or answers in a second: try again";

impl Shard {
    pub(super) fn offer(&mut self, id: PeerId, offer: ClientOffer) -> Result<Outcome, Refusal> {
        let known = self.check_owner(&id)?;
        self.check_length(&offer.sdp).map_err(|reason| invalid(&id, reason))?;
        if self.sdp_rates.takes_offer(self.clock.now(), &id, offer.sdp.len()) {
            return self.read_offer(known, id, offer);
        }
        match known {
            Some(key) => {
                let crosses = self.peers.get(key).is_some_and(Peer::awaits_answer);
                self.hold(key, offer, if crosses { GLARE_TIMEOUT } else { WAIT })
            }
            None => Err(refusal(&id, RefusalCode::Overloaded, TOO_MANY.into())),
        }
    }

    fn read_offer(&mut self, known: Option<PeerKey>, id: PeerId, offer: ClientOffer) -> Result<Outcome, Refusal> {
        let outline = self.outline(&offer).map_err(|reason| invalid(&id, reason))?;
        let Some(key) = known else {
            self.check_space(&id)?;
            let key = self.open(id, &offer);
            let outcome = self.take_offer(key, &offer, outline);
            if outcome
                .as_ref()
                .is_err_and(|refusal| refusal.code == RefusalCode::InvalidSdp)
            {
                self.forget_unopened(key);
            }
            return outcome;
        };
        match self.peers.get(key) {
            Some(peer) if peer.is_another_connection(&outline) => self.begin_anew(key, &id, &offer, outline),
            Some(peer) if peer.awaits_answer() => self.hold(key, offer, GLARE_TIMEOUT),
            _ => self.take_offer(key, &offer, outline),
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

    fn outline<'a>(&self, offer: &'a ClientOffer) -> Result<Scan<'a>, Reason> {
        let limits = &self.config.limits;
        let mut outline = scan(&offer.sdp, limits.media_lines)?;
        outline.prefer_sending();
        let sections = outline.sections.iter();
        let tracks = sections.filter(|section| section.sends() && section.kind().is_some());
        if tracks.count() > limits.tracks {
            return Err(format!("the offer has more than {} tracks", limits.tracks));
        }
        Ok(outline)
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
        outline: Scan<'_>,
    ) -> Result<Outcome, Refusal> {
        let rehearsed = rehearse_offer(self.sessions.make(self.clock.now()), &outline);
        self.negotiated(key, id, rehearsed)?;
        match self.replace(key, offer) {
            Some(new) => self.take_offer(new, offer, outline),
            None => Err(faulty(id)),
        }
    }

    /// Takes the offer that was held: its client insists on it, or it may be read now.
    pub(super) fn take_held(&mut self, key: PeerKey) {
        let now = self.clock.now();
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let id = peer.id().clone();
        let Some(offer) = peer.take_held() else {
            return;
        };
        let taken = match self.sdp_rates.takes_offer(now, &id, offer.sdp.len()) {
            true => self.take_at_last(key, &id, offer),
            false => self.hold(key, offer, WAIT),
        };
        let event = match taken {
            Ok(outcome) => outcome.into_event(),
            Err(refusal) => refusal.into_event(),
        };
        if let Some(event) = event {
            self.events.push(event);
        }
    }

    /// An offer of the server's that is outstanding is withdrawn for it.
    fn take_at_last(&mut self, key: PeerKey, id: &PeerId, offer: ClientOffer) -> Result<Outcome, Refusal> {
        let outline = self.outline(&offer).map_err(|reason| invalid(id, reason))?;
        match self.peers.get(key) {
            Some(peer) if peer.is_another_connection(&outline) => self.begin_anew(key, id, &offer, outline),
            _ => self.take_offer(key, &offer, outline),
        }
    }

    fn take_offer(&mut self, key: PeerKey, offer: &ClientOffer, mut outline: Scan<'_>) -> Result<Outcome, Refusal> {
        let now = self.clock.now();
        let Self { sessions, peers, .. } = self;
        let Some(peer) = peers.get_mut(key) else {
            // Nothing closes a peer between its look-up and this.
            return Ok(Outcome::Done);
        };
        let id = peer.id().clone();
        let accepted = peer.accept_offer(now, || sessions.make(now), &mut outline);
        let answer = self.negotiated(key, &id, accepted)?;
        let sdp = self.follow_offer(key, &answer, &offer.tracks, &outline);
        let sdp = self.negotiated(key, &id, sdp.map_err(NegotiationError::from))?;
        Ok(Outcome::Answer { to: id, sdp })
    }

    /// What a failed negotiation leads to: a refusal, and the end of a peer that it damaged.
    fn negotiated<T>(&mut self, key: PeerKey, id: &PeerId, result: Result<T, NegotiationError>) -> Result<T, Refusal> {
        match result {
            Ok(value) => Ok(value),
            Err(NegotiationError::Invalid(reason)) => Err(invalid(id, reason)),
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
        outline: &Scan<'_>,
    ) -> Result<String, Fault> {
        let now = self.clock.now();
        let Some(peer) = self.peers.get_mut(key) else {
            return Err(Fault);
        };
        if self.demux.set_ufrag(peer.ufrag()?, key) {
            peer.ice_restarted();
        }
        let router = &mut self.router;
        router.offer_taken(key);
        router.set_lines(now, key, &peer.lines());
        router.publish(now, key, &published(outline, names), peer.pauses());
        for section in outline.sections.iter().filter(|section| section.sends()) {
            router.set_encodings(key, section.key(), section.encodings());
        }
        match peer.mode() {
            Mode::Slots => router.fill_slots(now, key, &peer.lines(), peer.view()),
            Mode::Plain => router.fill_idle(now, key, &peer.lines()),
        }
        let sdp = peer.finish_answer(answer, |mid| router.label(key, mid))?;
        router.set_lines(now, key, &peer.lines());
        let room = router.room_of(key);
        self.tell_slots(key);
        self.peers.wake(key);
        self.plan_offer(key);
        room.into_iter().for_each(|room| self.refresh(room));
        self.arm(key);
        Ok(sdp)
    }

    pub(super) fn answer(&mut self, key: PeerKey, sdp: &str) -> Result<Outcome, Refusal> {
        let now = self.clock.now();
        let Some(id) = self.peers.get(key).map(|peer| peer.id().clone()) else {
            return Ok(Outcome::Done);
        };
        if !self.sdp_rates.reads_answer(now, &id) {
            return Err(refusal(&id, RefusalCode::Overloaded, TOO_MANY.into()));
        }
        let taken = self.read_answer(key, &id, sdp);
        if taken.is_err() {
            self.sdp_rates.count_wrong_answer(now, &id);
        }
        taken
    }

    fn read_answer(&mut self, key: PeerKey, id: &PeerId, sdp: &str) -> Result<Outcome, Refusal> {
        let (now, max_lines) = (self.clock.now(), self.config.limits.media_lines);
        let checked = self.check_length(sdp).and_then(|()| scan(sdp, max_lines));
        let Self { sessions, peers, .. } = self;
        let Some(peer) = peers.get_mut(key) else {
            return Ok(Outcome::Done);
        };
        let mut outline = checked.map_err(|reason| invalid(id, reason))?;
        let accepted = peer.accept_answer(now, || sessions.make(now), sdp, &mut outline);
        if let Answered::Withdrawn(answer) = self.negotiated(key, id, accepted)? {
            let followed = self.follow_offer(key, &answer, &[], &outline);
            self.negotiated(key, id, followed.map_err(NegotiationError::from))?;
        }
        self.follow_lines(key);
        self.plan_offer(key);
        self.arm(key);
        Ok(Outcome::Done)
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
