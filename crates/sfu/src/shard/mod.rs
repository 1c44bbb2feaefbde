//! All rooms of one media thread: packets find their peer, time passes, and what peers and the router want is done.

mod clock;
mod commands;
mod handshakes;
mod members;
mod naming;
mod negotiation;
mod older_dtls;
mod packets;
mod peers;
mod sdp_rates;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Instant, SystemTime};

use crate::bucket::Bucket;
use crate::config::{ShardConfig, Transport};
use crate::demux::Demux;
use crate::event::{Body, CloseReason, Event, Recipient, TransportState};
use crate::ids::PeerKey;
use crate::outbox::Outbox;
use crate::peer::{Reading, SessionFactory, WallClock};
use crate::per_source::PerSource;
use crate::queue::Queue;
use crate::router::{Allotment, Router};
use crate::stats::ShardStats;
use crate::tap::Tapped;
use clock::{Clock, Timer};
use handshakes::Handshakes;
use older_dtls::OlderDtls;
use peers::Peers;
use sdp_rates::SdpRates;

/// A packet that waits to be sent: anything but media, which is written when it leaves.
struct Transmit {
    transport: Transport,
    destination: SocketAddr,
    contents: Vec<u8>,
}

/// Counts what is sent.
struct Counting<'a, O> {
    outbox: &'a mut O,
    stats: &'a mut ShardStats,
}

impl<O: Outbox> Outbox for Counting<'_, O> {
    fn space(&mut self) -> &mut Vec<u8> {
        self.outbox.space()
    }

    fn send(&mut self, transport: Transport, destination: SocketAddr, packet: Range<usize>) {
        self.stats.packets_out += 1;
        self.stats.bytes_out += packet.len() as u64;
        self.outbox.send(transport, destination, packet);
    }
}

/// All rooms of one media thread. See the crate's documentation for how to drive it.
pub struct Shard {
    config: ShardConfig,
    sessions: SessionFactory,
    clock: Clock,
    demux: Demux,
    /// Bounds the answers to plain STUN requests.
    stun_answers: Bucket,
    /// Bounds those for one source.
    stun_sources: PerSource,
    /// Bounds the ICE checks that are verified for one source.
    check_sources: PerSource,
    sdp_rates: SdpRates,
    older_dtls: OlderDtls,
    peers: Peers,
    handshakes: Handshakes,
    router: Router,
    /// SDPs to be read: one of each peer at most.
    readings: VecDeque<Reading>,
    transmits: Queue<Transmit>,
    events: Queue<Event>,
    stats: ShardStats,
}

impl Shard {
    /// An empty shard. `time` is the time of day now; from then on it goes forward with the shard's time.
    pub fn new(config: ShardConfig, now: Instant, time: SystemTime) -> Self {
        Self {
            sessions: SessionFactory::new(config.candidates.clone(), WallClock::new(now, time)),
            clock: Clock::new(now),
            demux: Demux::default(),
            stun_answers: Bucket::new(config.limits.stun_per_second, now),
            stun_sources: PerSource::new(config.limits.stun_per_source, now),
            check_sources: PerSource::new(config.limits.checks_per_source, now),
            sdp_rates: SdpRates::new(config.limits.offers_per_user, now),
            older_dtls: OlderDtls::default(),
            peers: Peers::default(),
            handshakes: Handshakes::default(),
            router: Router::new(&config.limits),
            readings: VecDeque::new(),
            transmits: Queue::new(config.limits.transmits),
            events: Queue::new(config.limits.events),
            stats: ShardStats::default(),
            config,
        }
    }

    /// Tells that time has passed. Early or late calls do no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clock.advance(now);
        for timer in self.clock.take_due() {
            match timer {
                Timer::Session(peer) => self.peers.wake(peer),
                Timer::Peer(peer) => self.peer_due(peer),
            }
        }
        for update in self.router.handle_timeout(self.clock.now()) {
            if let Some((room, users)) = update.active {
                self.events.push(Event {
                    to: Recipient::Room(room),
                    body: Body::ActiveSpeakers(users),
                });
            }
            self.refresh(update.room);
        }
        self.settle();
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.peers.has_waiting() {
            return Some(self.clock.now());
        }
        let timeouts = [self.clock.next_timeout(), self.router.next_timeout()];
        timeouts.into_iter().flatten().min()
    }

    /// Tells a client which videos it is not sent, or less of, and lets its peer find out whether more is possible.
    fn allot(&mut self, allotment: Allotment) {
        let (now, key) = (self.clock.now(), allotment.peer);
        if let Some(peer) = self.peers.get_mut(key) {
            peer.set_goal(now, allotment.goal);
            self.arm(key);
        }
        if let Some(paused) = allotment.paused {
            self.tell(key, Body::VideosPaused(paused));
        }
        if let Some(limited) = allotment.limited {
            self.tell(key, Body::VideosLimited(limited));
        }
    }

    /// Does what the router wants of peers, and closes those whose session has panicked.
    fn settle(&mut self) {
        loop {
            let now = self.clock.now();
            self.deliver(|router, deliveries| {
                router.catch_up(now, |line, incoming| deliveries.deliver(line, incoming));
            });
            while let Some(request) = self.router.poll_keyframe_request() {
                self.request_keyframe(request);
            }
            while let Some((key, videos)) = self.router.poll_wanted_layers(now) {
                self.tell_layers(key, videos);
            }
            while let Some(allotment) = self.router.poll_allotment() {
                self.allot(allotment);
            }
            while let Some((room, kilobits)) = self.router.poll_inflow() {
                self.events.push(Event {
                    to: Recipient::Room(room),
                    body: Body::Inflow(kilobits),
                });
            }
            let Some(key) = self.peers.pop_faulty() else {
                return;
            };
            if self.peers.get(key).is_some() {
                self.stats.faults += 1;
                self.close(key, CloseReason::Fault);
            }
        }
    }

    /// Sends what waits, and what one peer may send by now. `false`: there is nothing more.
    pub fn send(&mut self, now: Instant, outbox: &mut impl Outbox) -> bool {
        self.clock.advance(now);
        self.send_waiting(outbox);
        self.drive_next(outbox)
    }

    fn send_waiting(&mut self, outbox: &mut impl Outbox) {
        let Self { transmits, stats, .. } = self;
        let mut outbox = Counting { outbox, stats };
        while let Some(transmit) = transmits.pop() {
            outbox.post(transmit.transport, transmit.destination, &transmit.contents);
        }
    }

    /// The next TCP address that no peer uses any more: nothing will be sent there after what was sent before. Some thousand
    /// wait at most.
    pub fn poll_forgotten(&mut self) -> Option<SocketAddr> {
        self.demux.poll_forgotten()
    }

    /// The next event for the hub. To be polled after [`Self::send`].
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// The next thing that a recording heard. To be polled after [`Self::poll_event`]. What the caller leaves waits here,
    /// within [`crate::Limits::tapped`].
    pub fn poll_tapped(&mut self) -> Option<Tapped> {
        self.router.poll_tapped()
    }

    /// Gives the shard up, after a panic outside of a peer's session: the events that wait, and the end of every peer. What
    /// waits for [`Self::poll_tapped`] can be taken before; after it, all recordings of the shard are over, without a
    /// [`crate::Heard::Stopped`].
    pub fn abandon(mut self) -> Vec<Event> {
        let mut events: Vec<Event> = std::iter::from_fn(|| self.events.pop()).collect();
        events.extend(self.peers.ids().map(|id| Event {
            to: Recipient::Peer(id.clone()),
            body: Body::TransportState(TransportState::Closed(CloseReason::Fault)),
        }));
        events
    }

    /// Closes every peer.
    pub fn close_all(&mut self, now: Instant) {
        self.clock.advance(now);
        for room in self.router.rooms() {
            self.end(&room);
        }
        self.settle();
    }

    /// The counters.
    pub fn stats(&self) -> ShardStats {
        let tape = self.router.tape_stats();
        let bandwidth = self.router.bandwidth_stats();
        ShardStats {
            rooms: self.router.room_count(),
            peers: self.peers.len(),
            tracks: self.router.track_count(),
            peers_limited: bandwidth.peers,
            limited_kilobits: bandwidth.kilobits,
            videos_paused: bandwidth.videos,
            transmits_dropped: self.transmits.dropped(),
            events_dropped: self.events.dropped(),
            rtp_tapped: tape.told,
            taps_dropped: tape.dropped,
            taps_refused: tape.refused,
            ..self.stats
        }
    }

    /// Tells a peer's client something.
    fn tell(&mut self, key: PeerKey, body: Body) {
        if let Some(peer) = self.peers.get(key) {
            self.events.push(Event {
                to: Recipient::Peer(peer.id().clone()),
                body,
            });
        }
    }
}
