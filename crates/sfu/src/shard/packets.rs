//! Packets in, and what the sessions make of them.

use std::net::SocketAddr;
use std::time::Instant;

use str0m::net::Protocol;
use str0m::{Event as SessionEvent, IceConnectionState, Output};

use super::clock::Timer;
use super::{Shard, Transmit};
use crate::config::Transport;
use crate::demux::{Class, classify};
use crate::event::{CloseReason, TransportState};
use crate::ids::PeerKey;
use crate::peer::{Arrival, Turn};
use crate::stun::BindingRequest;
use crate::throttle::Need;

impl Shard {
    /// Takes one packet that arrived from the network.
    pub fn receive(&mut self, now: Instant, transport: Transport, source: SocketAddr, packet: &[u8]) {
        self.advance_clock(now);
        self.stats.packets_in += 1;
        self.stats.bytes_in += packet.len() as u64;
        match classify(packet) {
            Class::Binding(request) => self.binding(transport, source, packet, &request),
            Class::Ignored => {}
            Class::Unknown => self.stats.packets_unknown += 1,
            class @ (Class::Dtls | Class::Rtp | Class::Rtcp) => match self.owner(transport, source, &class, packet) {
                Some(peer) => {
                    self.hand_over(peer, transport, source, packet, false);
                }
                None => self.stats.packets_unknown += 1,
            },
        }
        self.end_torn();
    }

    /// The peer that takes a packet.
    fn owner(&mut self, transport: Transport, source: SocketAddr, class: &Class<'_>, packet: &[u8]) -> Option<PeerKey> {
        let key = self.demux.by_address(transport, source)?;
        if let (Class::Rtp, Some(ssrc)) = (class, packet.get(8..).and_then(<[u8]>::first_chunk))
            && !self.peers.get_mut(key)?.admits_ssrc(u32::from_be_bytes(*ssrc))
        {
            return None;
        }
        Some(key)
    }

    fn binding(&mut self, transport: Transport, source: SocketAddr, packet: &[u8], request: &BindingRequest<'_>) {
        let Some(ufrag) = request.local_ufrag else {
            return self.answer_stranger(transport, source, request);
        };
        let Some(key) = self.demux.by_ufrag(ufrag) else {
            self.stats.packets_unknown += 1;
            return;
        };
        let admitted = self
            .peers
            .get(key)
            .is_some_and(|peer| peer.admits_source((transport, source)));
        if !admitted || !self.hand_over(key, transport, source, packet, true) {
            self.stats.packets_unknown += 1;
            return;
        }
        if let Some(peer) = self.peers.get_mut(key) {
            peer.note_source((transport, source));
            self.demux.learn(transport, source, key);
            peer.watch.heard(self.now);
            if request.use_candidate {
                peer.nominated = Some((transport, source));
            }
        }
    }

    fn answer_stranger(&mut self, transport: Transport, source: SocketAddr, request: &BindingRequest<'_>) {
        if !self.strangers.take(self.now) {
            self.stats.stun_limited += 1;
            return;
        }
        self.stats.stun_answered += 1;
        self.transmits.push(Transmit {
            transport,
            destination: source,
            contents: request.answer(source),
        });
    }

    /// Gives a packet to a peer's session. `false` if it was none of its.
    fn hand_over(
        &mut self,
        key: PeerKey,
        transport: Transport,
        source: SocketAddr,
        packet: &[u8],
        is_stun: bool,
    ) -> bool {
        let Some(destination) = self.sessions.arrived_at(transport, source) else {
            return false;
        };
        let now = self.now;
        let Some(peer) = self.peers.get_mut(key) else {
            return false;
        };
        match peer.receive(
            now,
            &Arrival {
                transport,
                source,
                destination,
                packet,
                is_stun,
            },
        ) {
            Ok(false) => false,
            Ok(true) => {
                self.drain(key);
                true
            }
            Err(fault) => {
                self.torn(key, fault);
                true
            }
        }
    }

    /// Notes that a session has to be driven before packets are polled.
    pub(super) fn mark_dirty(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(key)
            && !std::mem::replace(&mut peer.dirty, true)
        {
            self.dirty.push_back(key);
        }
    }

    /// Drives every session that has something to send.
    pub(super) fn flush(&mut self) {
        while self.drive_next() {}
    }

    /// Drives the session that has waited longest to send something. `false` if there is none. One after the other, so that
    /// packets to one client are adjacent.
    pub(super) fn drive_next(&mut self) -> bool {
        let Some(key) = self.dirty.pop_front() else {
            return false;
        };
        let now = self.now;
        match self.peers.get_mut(key).map(|peer| peer.advance(now)) {
            Some(Ok(())) => self.drain(key),
            Some(Err(fault)) => self.torn(key, fault),
            None => {}
        }
        self.end_torn();
        true
    }

    /// Takes everything a session wants done.
    pub(super) fn drain(&mut self, key: PeerKey) {
        loop {
            let Some(peer) = self.peers.get_mut(key) else {
                return;
            };
            match peer.poll() {
                Ok(Some(Output::Transmit(transmit))) => self.transmit(key, transmit),
                Ok(Some(Output::Timeout(at))) => {
                    self.timers.arm(at.max(self.now), Timer::Session(key));
                    return;
                }
                Ok(Some(Output::Event(event))) => self.handle(key, event),
                Ok(None) => return self.close(key, CloseReason::Dtls),
                Err(fault) => return self.torn(key, fault),
            }
        }
    }

    /// Sends what a closing session has left to say; its events are of no use any more.
    pub(super) fn send_last(&mut self, key: PeerKey) {
        // A session that closes has a handful of packets; the bound guards against one that never ends.
        for _ in 0..256 {
            match self.peers.get_mut(key).map(crate::peer::Peer::poll) {
                Some(Ok(Some(Output::Transmit(transmit)))) => self.transmit(key, transmit),
                Some(Ok(Some(Output::Event(_)))) => {}
                _ => return,
            }
        }
    }

    fn transmit(&mut self, key: PeerKey, transmit: str0m::net::Transmit) {
        let transport = if transmit.proto == Protocol::Udp {
            Transport::Udp
        } else {
            Transport::TcpPassive
        };
        let contents: Vec<u8> = transmit.contents.into();
        let is_stun = contents.first().is_some_and(|first| *first < 2);
        let (transport, destination) = self.route(key, transport, transmit.destination, is_stun);
        self.transmits.push(Transmit {
            transport,
            destination,
            contents,
        });
    }

    fn handle(&mut self, key: PeerKey, event: SessionEvent) {
        match event {
            SessionEvent::RtpPacket(packet) => self.forward(key, &packet),
            SessionEvent::KeyframeRequest(request) => self.keyframe_requested(key, request.mid),
            SessionEvent::Connected => {
                let turn = self.peers[key].watch.dtls_up();
                self.turned(key, turn);
            }
            SessionEvent::IceConnectionStateChange(state) => {
                let now = self.now;
                let watch = &mut self.peers[key].watch;
                let turn = match state {
                    IceConnectionState::Connected | IceConnectionState::Completed => {
                        let mends = watch.is_broken();
                        let turn = watch.ice_up();
                        if mends {
                            self.want_keyframes_from(key);
                            if turn.is_none() {
                                self.want_keyframes_for(key);
                            }
                        }
                        turn
                    }
                    IceConnectionState::Disconnected => watch.ice_down(),
                    IceConnectionState::New => None,
                    IceConnectionState::Checking => {
                        watch.ice_checks(now);
                        None
                    }
                };
                self.turned(key, turn);
            }
            SessionEvent::Closed => self.close(key, CloseReason::Dtls),
            _ => {}
        }
    }

    fn turned(&mut self, key: PeerKey, turn: Option<Turn>) {
        match turn {
            Some(Turn::Up) => {
                self.tell_state(key, TransportState::Connected);
                self.want_keyframes_for(key);
            }
            Some(Turn::Down) => self.tell_state(key, TransportState::Disconnected),
            None => {}
        }
        self.arm_peer(key);
    }

    /// A publisher's path is there again. What it sent meanwhile is lost, and so are the requests that it got: a receiver
    /// that has asked in vain asks again only after seconds.
    fn want_keyframes_from(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else {
            return;
        };
        let room = peer.room;
        let all = self.rooms[room].tracks.iter();
        let tracks: Vec<_> = all
            .filter(|(_, track)| track.owner == key)
            .map(|(track, _)| track)
            .collect();
        for track in tracks {
            self.want_keyframe(room, track, Need::New);
        }
    }

    /// A subscriber can be sent media now: what it waits for begins with a keyframe.
    fn want_keyframes_for(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else {
            return;
        };
        let room = peer.room;
        let tracks: Vec<_> = peer
            .lines
            .0
            .iter()
            .filter(|line| line.is_open())
            .filter_map(|line| line.track)
            .collect();
        for track in tracks {
            self.want_keyframe(room, track, Need::New);
        }
    }
}
