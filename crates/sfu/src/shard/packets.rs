//! Packets in, and what the peers make of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use str0m::format::{Codec, PayloadParams};
use str0m::media::Mid;

use super::clock::Timer;
use super::peers::Peers;
use super::{Counting, Shard, Transmit};
use crate::budget::Verdict;
use crate::command::RefusalCode;
use crate::config::Transport;
use crate::demux::{Class, classify};
use crate::event::{Body, CloseReason, Scope, TransportState, Undecodable};
use crate::ids::PeerKey;
use crate::outbox::Outbox;
use crate::peer::{Arrival, Failure, PathChange, Peer, PeerOutput, Received, Turn};
use crate::router::{Delivery, KeyframeRequest, PeerLine, Router};
use crate::rtp::{Incoming, Packet};
use crate::stats::ShardStats;
use crate::stun::BindingRequest;

/// The longest payload that is forwarded, in bytes: that of an Ethernet frame, which no WebRTC sender fills. With a
/// subscriber's header extensions it would not fit into one.
const MAX_PAYLOAD: usize = 1_500;

/// What a client is told whose DTLS has failed and may not fail again.
const OFFER_AGAIN: &str = "DTLS 1.3 has failed, for which a certificate has to have a key of ECDSA: connect again with \
                           the same certificate, and DTLS 1.2 is used, which takes RSA too";

/// What a client is told with whom no version of DTLS brings keys of SRTP.
const NO_PROFILE: &str = "DTLS has no profile of SRTP in common with the client: AEAD_AES_256_GCM, AEAD_AES_128_GCM and \
                          AES128_CM_HMAC_SHA1_80 are taken";

/// Brings packets to m-lines of peers.
pub(super) struct Deliveries<'a> {
    now: Instant,
    peers: &'a mut Peers,
    stats: &'a mut ShardStats,
    /// Who cannot have what was to be brought, and its codec.
    cannot_decode: Vec<(PeerKey, Mid, Codec)>,
}

impl Deliveries<'_> {
    pub(super) fn deliver(&mut self, line: &mut PeerLine, incoming: &Arc<Incoming>) -> Delivery {
        let delivery = self.peers.deliver(self.now, line, incoming);
        if delivery == Delivery::NoCommonCodec {
            let codec = incoming.params.spec().codec;
            self.cannot_decode.push((line.peer, line.mid, codec));
        }
        self.stats.rtp_forwarded += u64::from(delivery == Delivery::Written);
        delivery
    }
}

impl Shard {
    /// Takes one packet that arrived from the network.
    pub fn receive(&mut self, now: Instant, transport: Transport, source: SocketAddr, packet: &[u8]) {
        self.clock.advance(now);
        self.stats.packets_in += 1;
        self.stats.bytes_in += packet.len() as u64;
        let is_taken = match classify(packet) {
            Class::Binding(request) => self.binding(transport, source, packet, &request),
            Class::Response => self.response(transport, source, packet),
            Class::Ignored => true,
            Class::Unknown => false,
            class @ (Class::Dtls | Class::Rtp | Class::Rtcp) => self.peer_packet(transport, source, &class, packet),
        };
        self.stats.packets_unknown += u64::from(!is_taken);
        self.settle();
    }

    /// A packet that only a known peer may send. `false`: it is none's.
    fn peer_packet(&mut self, transport: Transport, source: SocketAddr, class: &Class<'_>, packet: &[u8]) -> bool {
        let Some(key) = self.demux.by_address(transport, source) else {
            return false;
        };
        if !self.is_within_budget(key, packet.len()) {
            return true;
        }
        if self.peers.get_mut(key).is_some_and(Peer::has_keys) {
            return self.take(key, transport, source, class, packet);
        }
        self.handshakes.push(key, transport, source, packet);
        true
    }

    /// Takes a packet of a peer's. `false`: it belongs nowhere.
    pub(super) fn take(
        &mut self,
        key: PeerKey,
        transport: Transport,
        source: SocketAddr,
        class: &Class<'_>,
        packet: &[u8],
    ) -> bool {
        let is_taken = match class {
            Class::Rtp => self.take_rtp(key, (transport, source), packet),
            Class::Rtcp => self.take_rtcp(key, (transport, source), packet),
            // What a session makes of a packet that its address was verified for is its own affair.
            _ => {
                self.hand_over(key, transport, source, packet, false);
                return true;
            }
        };
        self.drain_own(key);
        is_taken
    }

    /// Takes what a client sends to others. `false`: it belongs nowhere.
    fn take_rtp(&mut self, key: PeerKey, address: (Transport, SocketAddr), packet: &[u8]) -> bool {
        let now = self.clock.now();
        let Self { peers, router, .. } = self;
        let taken = peers.confine(key, |peer| {
            let before = peer.reports_at();
            let received = peer.take_rtp(now, address, packet, router.published_lines(key));
            let due = peer.reports_at();
            (received, due.filter(|_| due != before))
        });
        let Some((received, due)) = taken else {
            return true;
        };
        if let Some(at) = due {
            self.clock.arm(at, Timer::Peer(key));
        }
        match received {
            Received::Refused => return false,
            Received::Nothing => {}
            Received::Media(media) => self.forward(key, *media),
            Received::Redundant(media) => media.into_iter().for_each(|media| self.forward(key, media)),
        }
        true
    }

    /// Takes what a client says of what it is sent, and of what it sends. What is not authentic is its own affair.
    fn take_rtcp(&mut self, key: PeerKey, address: (Transport, SocketAddr), packet: &[u8]) -> bool {
        let now = self.clock.now();
        let wishes = self.peers.confine(key, |peer| peer.take_rtcp(now, address, packet));
        let Some(wishes) = wishes.flatten() else {
            return true;
        };
        for mid in wishes.keyframes {
            self.router.keyframe_requested(now, key, mid);
        }
        for missed in wishes.missing {
            let Self { router, peers, .. } = self;
            router.resend(key, missed, |outlet, outgoing| {
                peers.deliver_again(key, outlet, outgoing)
            });
        }
        if wishes.is_bandwidth_new {
            let bandwidth = self.peers.get(key).and_then(Peer::bandwidth);
            self.router.set_bandwidth(now, key, bandwidth);
        }
        true
    }

    /// Whether a peer may send a packet of so many bytes now. It counts before it costs anything, whether authentic or not.
    fn is_within_budget(&mut self, key: PeerKey, bytes: usize) -> bool {
        let verdict = self.peers.spend(self.clock.now(), key, bytes);
        self.limited(key, Scope::Peer, verdict);
        verdict == Verdict::Within
    }

    fn limited(&mut self, key: PeerKey, scope: Scope, verdict: Verdict) {
        if verdict == Verdict::Within {
            return;
        }
        self.stats.media_limited += 1;
        if verdict == Verdict::BeginsOver {
            self.tell(key, Body::Limited(scope));
        }
    }

    /// A STUN binding request. `false`: it is for no peer here, or its integrity is wrong.
    fn binding(
        &mut self,
        transport: Transport,
        source: SocketAddr,
        packet: &[u8],
        request: &BindingRequest<'_>,
    ) -> bool {
        let Some(ufrag) = request.local_ufrag else {
            self.answer_plain_binding(transport, source, request);
            return true;
        };
        let Some(key) = self.demux.by_ufrag(ufrag) else {
            return false;
        };
        if !self.check_sources.take(self.clock.now(), source.ip()) {
            self.stats.stun_limited += 1;
            return true;
        }
        let (address, transaction) = ((transport, source), request.transaction());
        let peer = self.peers.get(key);
        let is_new = peer.is_some_and(|peer| !peer.is_replayed(&transaction, address));
        if !is_new || !self.hand_over(key, transport, source, packet, true) {
            return false;
        }
        let now = self.clock.now();
        if let Some(peer) = self.peers.get_mut(key) {
            peer.requested(now, address, transaction, request.use_candidate);
            self.demux.claim(transport, source, key);
            self.drain(key);
            self.arm(key);
        }
        true
    }

    /// A STUN response. `false`: it answers no check of ours.
    fn response(&mut self, transport: Transport, source: SocketAddr, packet: &[u8]) -> bool {
        let now = self.clock.now();
        let owner = self.demux.by_address(transport, source);
        let candidates = owner.into_iter().chain(self.demux.claimant(transport, source));
        for key in candidates {
            let is_verified = self
                .peers
                .confine(key, |peer| peer.responded(now, (transport, source), packet));
            if is_verified == Some(true) {
                self.demux.learn(transport, source, key);
                self.drain(key);
                self.arm(key);
                return true;
            }
        }
        false
    }

    /// A peer's paths want attention because time has passed.
    pub(super) fn check_paths(&mut self, key: PeerKey) {
        let now = self.clock.now();
        if let Some(peer) = self.peers.get_mut(key) {
            peer.check_paths(now);
            self.drain(key);
        }
    }

    fn answer_plain_binding(&mut self, transport: Transport, source: SocketAddr, request: &BindingRequest<'_>) {
        let now = self.clock.now();
        if !self.stun_sources.take(now, source.ip()) || !self.stun_answers.take(now) {
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

    /// Gives a packet to a peer's session. `false`: its integrity is wrong.
    fn hand_over(
        &mut self,
        key: PeerKey,
        transport: Transport,
        source: SocketAddr,
        packet: &[u8],
        is_stun: bool,
    ) -> bool {
        let Some(destination) = self.sessions.candidate_for(transport, source) else {
            return false;
        };
        let now = self.clock.now();
        let arrival = Arrival {
            transport,
            source,
            destination,
            packet,
            is_stun,
        };
        // After a fault nobody can say, and the peer is closed.
        let is_taken = self
            .peers
            .enter(key, |peer| peer.receive(now, &arrival))
            .unwrap_or(true);
        if is_taken {
            self.drain(key);
        }
        is_taken
    }

    /// Drives the peer that has waited longest. `false`: none waits. One after the other, so that packets to one client are
    /// adjacent.
    pub(super) fn drive_next(&mut self, outbox: &mut impl Outbox) -> bool {
        let Some((key, has_advanced)) = self.peers.drive_next(self.clock.now()) else {
            return false;
        };
        if has_advanced {
            self.drain(key);
            self.send_waiting(outbox);
        }
        self.flush(key, outbox);
        self.settle();
        true
    }

    /// Sends what may leave for a peer. The rest waits until it may.
    fn flush(&mut self, key: PeerKey, outbox: &mut impl Outbox) {
        let now = self.clock.now();
        let Self { peers, stats, .. } = self;
        let mut outbox = Counting { outbox, stats };
        let due = peers.confine(key, |peer| {
            peer.flush(now, &mut outbox);
            let report = peer.reports_at().filter(|at| *at <= now);
            peer.leave_at().into_iter().chain(report).min()
        });
        if let Some(at) = due.flatten() {
            self.clock.arm(at, Timer::Peer(key));
        }
    }

    /// Does everything that a peer wants done.
    fn drain(&mut self, key: PeerKey) {
        let now = self.clock.now();
        while let Some(output) = self.peers.enter(key, |peer| peer.poll(now)) {
            if !self.carry_out(key, output) {
                return;
            }
        }
    }

    /// The same for a peer whose session has not been touched.
    fn drain_own(&mut self, key: PeerKey) {
        let now = self.clock.now();
        while let Some(output) = self.peers.confine(key, |peer| peer.poll_own(now)).flatten() {
            if !self.carry_out(key, output) {
                return;
            }
        }
    }

    /// Does what a peer wants done. `false`: it wants nothing more.
    fn carry_out(&mut self, key: PeerKey, output: PeerOutput) -> bool {
        let now = self.clock.now();
        match output {
            PeerOutput::GoesOn => self.plan_offer(key),
            PeerOutput::Path(change) => self.path_changed(key, change),
            transmit @ PeerOutput::Transmit { .. } => self.transmit(transmit),
            PeerOutput::Wait(at) => {
                if let Some(at) = at {
                    self.clock.arm(at.max(now), Timer::Session(key));
                }
                return false;
            }
            PeerOutput::Failed(failure) => {
                self.dtls_failed(key, failure);
                return false;
            }
            PeerOutput::Over => {
                self.close(key, CloseReason::Dtls);
                return false;
            }
        }
        true
    }

    /// Closes a peer that will never have keys. Its client is told why, or that it may have better luck with another version.
    fn dtls_failed(&mut self, key: PeerKey, failure: Failure) {
        let words = match failure {
            Failure::Certificate | Failure::Handshake => self.serves_another_next(key).then_some(OFFER_AGAIN),
            Failure::Profile => Some(NO_PROFILE),
        };
        if let Some(words) = words {
            let (code, message) = (RefusalCode::Dtls, words.to_owned());
            self.tell(key, Body::Refused { code, message });
        }
        let reason = match failure {
            Failure::Certificate => CloseReason::Certificate,
            Failure::Handshake | Failure::Profile => CloseReason::Dtls,
        };
        self.close(key, reason);
    }

    /// Sees to it that the client's next connection is served another version of DTLS than this one, and gives whether it is.
    fn serves_another_next(&mut self, key: PeerKey) -> bool {
        let (now, older) = (self.clock.now(), &mut self.older_dtls);
        let peer = self.peers.get(key);
        match peer.and_then(|peer| Some((peer.fingerprint()?, peer.serves_newest_dtls()))) {
            Some((fingerprint, true)) => older.remember(now, fingerprint),
            Some((fingerprint, false)) => {
                older.forget(fingerprint);
                false
            }
            None => false,
        }
    }

    pub(super) fn transmit(&mut self, output: PeerOutput) {
        if let PeerOutput::Transmit {
            transport,
            destination,
            contents,
        } = output
        {
            self.transmits.push(Transmit {
                transport,
                destination,
                contents,
            });
        }
    }

    /// Tells a client what is due about what it is sent and sends.
    pub(super) fn report(&mut self, key: PeerKey) {
        let now = self.clock.now();
        let Self { peers, transmits, .. } = self;
        peers.confine(key, |peer| {
            peer.report(now, |(transport, destination), contents| {
                transmits.push(Transmit {
                    transport,
                    destination,
                    contents,
                });
            });
        });
    }

    fn forward(&mut self, key: PeerKey, (mid, params, packet): (Mid, PayloadParams, Packet)) {
        self.stats.rtp_in += 1;
        if packet.payload.len() > MAX_PAYLOAD {
            self.stats.rtp_oversized += 1;
            return;
        }
        let now = self.clock.now();
        let limited = self.deliver(|router, deliveries| {
            router.forward(now, key, (mid, params), packet, |line, incoming| {
                deliveries.deliver(line, incoming)
            })
        });
        if let Some((scope, verdict)) = limited {
            self.limited(key, scope, verdict);
        }
    }

    /// Lets the router bring packets to peers.
    pub(super) fn deliver<T>(&mut self, act: impl FnOnce(&mut Router, &mut Deliveries<'_>) -> T) -> T {
        let mut deliveries = Deliveries {
            now: self.clock.now(),
            peers: &mut self.peers,
            stats: &mut self.stats,
            cannot_decode: Vec::new(),
        };
        let done = act(&mut self.router, &mut deliveries);
        for (peer, mid, codec) in deliveries.cannot_decode {
            self.tell_of_codec(peer, mid, codec);
        }
        done
    }

    /// Tells a client whose media it cannot have, and why.
    fn tell_of_codec(&mut self, key: PeerKey, mid: Mid, codec: Codec) {
        let accepted = self.peers.enter(key, |peer| peer.accepted_codecs(mid));
        if let Some(((user, source), accepted)) = self.router.source(key, mid).zip(accepted) {
            let undecodable = Undecodable {
                user,
                source,
                codec: codec.to_string(),
                accepted: accepted.iter().map(ToString::to_string).collect(),
            };
            self.tell(key, Body::NoCommonCodec(undecodable));
        }
    }

    pub(super) fn request_keyframe(&mut self, request: KeyframeRequest) {
        let KeyframeRequest { peer, mid, ssrc } = request;
        // Where nothing has come yet, a keyframe comes first.
        let is_asked = self
            .peers
            .get_mut(peer)
            .is_some_and(|peer| peer.request_keyframe(mid, ssrc));
        if is_asked {
            self.stats.keyframe_requests += 1;
            self.report(peer);
        }
    }

    fn path_changed(&mut self, key: PeerKey, change: PathChange) {
        let now = self.clock.now();
        if change.is_mended {
            self.router.request_keyframes_of(now, key);
        }
        match change.turn {
            None if change.is_mended => self.router.request_keyframes_for(now, key),
            None => {}
            Some(Turn::Up) => {
                self.router.begin_all(key);
                self.tell(key, Body::TransportState(TransportState::Connected));
                self.plan_offer(key);
            }
            Some(Turn::Down) => self.tell(key, Body::TransportState(TransportState::Disconnected)),
        }
        self.arm(key);
    }
}
