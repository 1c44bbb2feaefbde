//! What the hub asks, done.

use std::time::Instant;

use super::Shard;
use crate::command::{Command, Outcome, Refusal, WantedVideo};
use crate::event::{Body, CloseReason, Event, Recipient};
use crate::ids::{PeerId, PeerKey, RecordingId, RoomId};
use crate::peer::{Blocked, ClientOffer, Mode, Said};

impl Shard {
    /// Does what the hub asks.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn command(&mut self, now: Instant, command: Command) -> Result<Outcome, Refusal> {
        self.clock.advance(now);
        let outcome = self.execute(command);
        self.settle();
        outcome
    }

    fn execute(&mut self, command: Command) -> Result<Outcome, Refusal> {
        match command {
            Command::Offer {
                peer,
                sdp,
                slots,
                tracks,
                name,
                recording,
            } => {
                let offer = ClientOffer {
                    sdp,
                    tracks,
                    mode: if slots { Mode::Slots } else { Mode::Plain },
                    name,
                    insists: false,
                };
                return self.offer_recorded(peer, offer, recording);
            }
            Command::Answer { transport, sdp } => return self.answer(self.peers.find(&transport)?, sdp),
            // An ICE-lite agent learns the client's addresses from the client's checks. Candidates may come before the offer.
            Command::Candidate { .. } => {}
            Command::View { transport, videos } => self.view(self.peers.find(&transport)?, videos),
            Command::State {
                transport,
                is_muted,
                is_video_on,
            } => {
                let key = self.peers.find(&transport)?;
                self.pause(key, |peer| peer.say(Said { is_muted, is_video_on }));
            }
            Command::Block { transport, sources } => {
                let key = self.peers.find(&transport)?;
                self.pause(key, |peer| peer.block(Blocked::of(&sources)));
            }
            Command::Record {
                transport,
                recording,
                name,
            } => self.record(self.peers.find(&transport)?, recording, name),
            Command::StopRecording { room, recording } => {
                self.router.stop_recording(self.clock.now(), &room, recording);
            }
            Command::Limit { room, kilobits } => self.router.limit(self.clock.now(), &room, kilobits),
            Command::Weigh => self.weigh(),
            Command::Close { transport } => {
                if let Some(key) = self.peers.by_transport(&transport) {
                    self.close(key, CloseReason::Command);
                }
            }
            Command::End { room } => self.end(&room),
        }
        Ok(Outcome::Done)
    }

    /// As [`Self::offer`]. The client is recorded from its first packet on.
    fn offer_recorded(
        &mut self,
        peer: PeerId,
        offer: ClientOffer,
        recording: Option<RecordingId>,
    ) -> Result<Outcome, Refusal> {
        let transport = peer.transport.clone();
        let outcome = self.offer(peer, offer)?;
        if let (Some(key), Some(recording)) = (self.peers.by_transport(&transport), recording) {
            self.router.record(self.clock.now(), key, &recording);
        }
        Ok(outcome)
    }

    fn view(&mut self, key: PeerKey, mut videos: Vec<WantedVideo>) {
        videos.truncate(self.config.limits.media_lines);
        if let Some(peer) = self.peers.get_mut(key) {
            peer.set_view(videos);
        }
        self.refill_slots(key);
    }

    fn record(&mut self, key: PeerKey, recording: Option<RecordingId>, name: String) {
        let now = self.clock.now();
        self.router.rename(now, key, name);
        match recording {
            Some(recording) => self.router.record(now, key, &recording),
            None => self.router.record_no_more(now, key),
        }
    }

    fn weigh(&mut self) {
        for (room, packets) in self.router.weights() {
            self.events.push(Event {
                to: Recipient::Room(room.clone()),
                body: Body::Forwarded(packets),
            });
        }
    }

    pub(super) fn end(&mut self, room: &RoomId) {
        for key in self.router.end(room) {
            self.close(key, CloseReason::Command);
        }
    }

    /// Whose command it is; `None` if it is for a transport that is not open, or of no client's.
    pub fn owner(&self, command: &Command) -> Option<PeerId> {
        if let Command::Offer { peer, .. } = command {
            return Some(peer.clone());
        }
        let key = self.peers.by_transport(command.transport()?)?;
        self.peers.get(key).map(|peer| peer.id().clone())
    }
}
