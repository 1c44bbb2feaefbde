//! Offers and answers, in both directions.

use str0m::media::MediaKind;

use super::Shard;
use super::clock::GLARE;
use crate::command::TrackName;
use crate::egress::Sink;
use crate::event::{CloseReason, Event, RefusalCode};
use crate::ids::PeerKey;
use crate::peer::{Fault, HeldOffer, Line, NegotiationError, rehearse};
use crate::sdp::{Scan, Section, clean_answer, clean_offer, scan};

impl Shard {
    pub(super) fn offer(
        &mut self,
        room: &str,
        transport: &str,
        user: &str,
        sdp: &str,
        slots: bool,
        tracks: &[TrackName],
    ) {
        let refuse = |shard: &mut Self, code, message| shard.refuse(room, transport, user, code, message);
        if sdp.len() > self.config.limits.sdp_bytes {
            let message = format!("the offer is longer than {} bytes", self.config.limits.sdp_bytes);
            return refuse(self, RefusalCode::InvalidSdp, message);
        }
        let known = self.by_transport.get(transport).copied();
        if let Some(peer) = known.and_then(|key| self.peers.get(key))
            && (*self.rooms[peer.room].id != *room || *peer.user != *user)
        {
            return refuse(
                self,
                RefusalCode::NotFound,
                "this transport is another user's or in another room".into(),
            );
        }
        let cleaned = clean_offer(sdp);
        let outline = match scan(&cleaned).and_then(|outline| self.check_bounds(outline)) {
            Ok(outline) => outline,
            Err(message) => return refuse(self, RefusalCode::InvalidSdp, message),
        };
        if known.is_none() && self.peers.len() >= self.config.limits.peers {
            let message = format!(
                "this server holds {} connections and takes no more",
                self.config.limits.peers
            );
            return refuse(self, RefusalCode::RoomFull, message);
        }
        if let Some(key) = known
            && self.peers[key].is_of_another(&outline)
        {
            return self.begin_anew(key, &cleaned, &outline, slots, tracks);
        }
        if let Some(peer) = known.and_then(|key| self.peers.get_mut(key))
            && peer.offer_sent_at().is_some()
        {
            peer.held = Some(HeldOffer {
                until: self.now + GLARE,
                tracks: tracks.to_vec(),
                sdp: cleaned,
            });
            return known.into_iter().for_each(|key| self.arm_peer(key));
        }
        let key = known.unwrap_or_else(|| self.open(room, transport, user, slots));
        self.take_offer(key, known.is_none(), &cleaned, &outline, tracks);
    }

    /// The client has made a new connection under the name of its old one.
    fn begin_anew(&mut self, key: PeerKey, sdp: &str, outline: &Scan<'_>, slots: bool, tracks: &[TrackName]) {
        if let Err(NegotiationError::Invalid(message)) = rehearse(self.sessions.make(self.now), sdp) {
            let (room, transport, user) = self.names(key);
            return self.refuse(&room, &transport, &user, RefusalCode::InvalidSdp, message);
        }
        if let Some(new) = self.replace(key, slots) {
            self.take_offer(new, false, sdp, outline, tracks);
        }
    }

    /// Takes the offer that was held: its client insists on it.
    pub(super) fn take_held(&mut self, key: PeerKey) {
        let Some(held) = self.peers.get_mut(key).and_then(|peer| peer.held.take()) else {
            return;
        };
        if let Ok(outline) = scan(&held.sdp) {
            self.take_offer(key, false, &held.sdp, &outline, &held.tracks);
        }
    }

    fn take_offer(&mut self, key: PeerKey, is_first: bool, sdp: &str, outline: &Scan<'_>, tracks: &[TrackName]) {
        let (room, transport, user) = self.names(key);
        let scratch = self.sessions.make(self.now);
        match self.peers[key].accept_offer(scratch, sdp, outline) {
            Ok((answer, made)) => {
                self.drop_lines(key, made);
                if let Err(fault) = self.accepted(key, &answer, outline, tracks) {
                    self.torn(key, fault);
                }
            }
            Err(NegotiationError::Invalid(message)) => {
                if is_first {
                    self.forget_unopened(key);
                }
                self.refuse(&room, &transport, &user, RefusalCode::InvalidSdp, message);
            }
            Err(NegotiationError::Broken(message)) => {
                self.refuse(&room, &transport, &user, RefusalCode::InvalidSdp, message);
                self.close(key, CloseReason::Fault);
            }
            Err(NegotiationError::Fault(fault)) => self.torn(key, fault),
        }
    }

    fn check_bounds<'a>(&self, outline: Scan<'a>) -> Result<Scan<'a>, String> {
        let limits = &self.config.limits;
        if outline.sections.len() > limits.media_lines {
            return Err(format!("the offer has more than {} m-lines", limits.media_lines));
        }
        let tracks = outline
            .sections
            .iter()
            .filter(|section| section.sends() && section.kind.is_some())
            .count();
        if tracks > limits.tracks {
            return Err(format!("the offer has more than {} tracks", limits.tracks));
        }
        Ok(outline)
    }

    /// The session has taken the offer: brings everything else in line with it and answers.
    fn accepted(&mut self, key: PeerKey, answer: &str, outline: &Scan<'_>, tracks: &[TrackName]) -> Result<(), Fault> {
        let ufrag = self.peers[key].ufrag()?;
        if self.demux.set_ufrag(ufrag, key) {
            self.peers[key].forget_sources();
        }
        self.peers[key].remember_order(outline);
        self.match_lines(key, outline);
        self.publish(key, outline, tracks);
        if self.peers[key].slots {
            self.place_in_slots(key);
        } else {
            self.put_into_free_lines(key);
        }
        let peer = &mut self.peers[key];
        peer.agree_on_lines()?;
        let (room_key, sdp) = (peer.room, peer.finish_sdp(answer));
        let (room, transport, user) = self.names(key);
        self.events.push(Event::Answer {
            room,
            transport,
            user,
            sdp,
        });
        self.open_sinks(key);
        // Once for each offer, whatever it changed: the client may be one that lost what it knew.
        self.peers[key].told.clear();
        self.tell_slots(key);
        self.mark_dirty(key);
        self.rooms[room_key].stale = true;
        self.refresh(room_key);
        self.arm_peer(key);
        Ok(())
    }

    /// Makes the lines those that the client's offer has as recvonly.
    fn match_lines(&mut self, key: PeerKey, outline: &Scan<'_>) {
        let slots = self.peers[key].slots;
        let all = std::mem::take(&mut self.peers[key].lines.0);
        // A rejected m-line is gone for good. Any other keeps its line, since its stream's numbers go on.
        let stays = |line: &Line| outline.section(line.mid).is_some_and(|section| !section.rejected);
        let (kept, gone) = all.into_iter().partition(stays);
        self.peers[key].lines.0 = kept;
        self.drop_lines(key, gone);
        for line in &mut self.peers[key].lines.0 {
            let section = outline.section(line.mid);
            line.receivable = section.is_some_and(Section::receives);
            line.theirs = section.is_some_and(Section::sends);
            line.declined = false;
            if line.theirs {
                line.track = None;
            }
        }
        for section in outline.sections.iter().filter(|section| section.receives()) {
            let (Some(kind), mid) = (section.kind, section.key()) else {
                continue;
            };
            if self.peers[key].lines.by_mid(mid).is_some() {
                continue;
            }
            let sink = self.sinks.insert(Sink::new(key, mid));
            let mut line = Line::idle(mid, kind, slots, sink);
            if slots {
                line.label = (format!("slot-{mid}"), kind_name(kind).into());
            }
            self.peers[key].lines.0.push(line);
        }
    }

    pub(super) fn answer(&mut self, key: PeerKey, sdp: &str) {
        let (room, transport, user) = self.names(key);
        if sdp.len() > self.config.limits.sdp_bytes {
            let message = format!("the answer is longer than {} bytes", self.config.limits.sdp_bytes);
            return self.refuse(&room, &transport, &user, RefusalCode::InvalidSdp, message);
        }
        let scratch = self.sessions.make(self.now);
        match self.peers[key].accept_answer(scratch, &clean_answer(sdp)) {
            Ok(()) => {
                self.release_declined(key);
                self.open_sinks(key);
                self.mark_dirty(key);
                self.subscribe(key);
                self.arm_peer(key);
            }
            Err(NegotiationError::Invalid(message)) => {
                self.refuse(&room, &transport, &user, RefusalCode::InvalidSdp, message);
            }
            Err(NegotiationError::Broken(message)) => {
                self.refuse(&room, &transport, &user, RefusalCode::InvalidSdp, message);
                self.close(key, CloseReason::Fault);
            }
            Err(NegotiationError::Fault(fault)) => self.torn(key, fault),
        }
    }

    /// Makes an offer to a plain client, if one is wanted and none is outstanding.
    pub(super) fn make_offer(&mut self, key: PeerKey) {
        let now = self.now;
        self.peers[key].offer_at = None;
        if self.peers[key].offer_sent_at().is_some() {
            return;
        }
        let additions = self.additions(key);
        let added: Vec<_> = additions.iter().map(|addition| addition.sink).collect();
        match self.peers[key].make_offer(now, additions) {
            Ok(Some(sdp)) => {
                for line in &self.peers[key].lines.0 {
                    if added.contains(&line.sink) {
                        self.sinks[line.sink].mid = line.mid;
                    }
                }
                let (room, transport, user) = self.names(key);
                self.events.push(Event::Offer {
                    room,
                    transport,
                    user,
                    sdp,
                });
                self.mark_dirty(key);
                self.arm_peer(key);
            }
            Ok(None) => {}
            Err(fault) => self.torn(key, fault),
        }
    }

    /// Sends the outstanding offer again.
    pub(super) fn offer_again(&mut self, key: PeerKey) {
        if let Some(sdp) = self.peers[key].repeat_offer(self.now) {
            let (room, transport, user) = self.names(key);
            self.events.push(Event::Offer {
                room,
                transport,
                user,
                sdp,
            });
        }
    }

    fn drop_lines(&mut self, key: PeerKey, lines: Vec<Line>) {
        let Some(room) = self.peers.get(key).map(|peer| peer.room) else {
            return;
        };
        for line in lines {
            self.drop_sink(room, line.sink);
        }
    }

    pub(super) fn names(&self, key: PeerKey) -> (String, String, String) {
        let peer = &self.peers[key];
        (
            self.rooms[peer.room].id.to_string(),
            peer.transport.to_string(),
            peer.user.to_string(),
        )
    }

    /// A peer whose first offer was no good has never been.
    fn forget_unopened(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.remove(key) else {
            return;
        };
        self.by_transport.remove(&peer.transport);
        let room = &mut self.rooms[peer.room];
        room.peers.retain(|other| *other != key);
        if room.peers.is_empty() {
            let id = room.id.clone();
            self.by_room.remove(&id);
            self.rooms.remove(peer.room);
        }
    }
}

fn kind_name(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    }
}
