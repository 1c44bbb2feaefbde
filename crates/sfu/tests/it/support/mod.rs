//! A shard and clients on a simulated, seeded, lossy network. No socket, no thread, no sleep.

#![allow(dead_code, missing_docs)]

pub mod client;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu::{
    Command, Event, Limits, LocalCandidate, Shard, ShardConfig, SlotAssignment, Source, TrackName, Transport,
    TransportState,
};

pub use client::Client;

const STEP: Duration = Duration::from_millis(5);
pub const ROOM: &str = "6f1c0000-0000-4000-8000-000000000001";

struct Flight {
    transport: Transport,
    from: SocketAddr,
    to: SocketAddr,
    contents: Vec<u8>,
}

pub struct World {
    pub shard: Shard,
    pub now: Instant,
    pub start: Instant,
    pub clients: Vec<Client>,
    /// Share of packets lost, each way.
    pub loss: f64,
    pub rng: fastrand::Rng,
    flights: BTreeMap<(Instant, u64), Flight>,
    sent: u64,
    /// Events that no client takes.
    pub events: Vec<Event>,
    /// Let commands and SDP events take so long on their way.
    pub signaling_delay: Duration,
    posts: BTreeMap<(Instant, u64), Post>,
}

enum Post {
    ToShard(Command),
    ToClient(Event),
}

pub fn server_udp() -> SocketAddr {
    "192.0.2.1:3478".parse().unwrap()
}

pub fn server_tcp() -> SocketAddr {
    "192.0.2.1:3478".parse().unwrap()
}

pub fn config() -> ShardConfig {
    ShardConfig {
        candidates: vec![
            LocalCandidate {
                addr: server_udp(),
                transport: Transport::Udp,
            },
            LocalCandidate {
                addr: server_tcp(),
                transport: Transport::TcpPassive,
            },
        ],
        limits: Limits::default(),
    }
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self::with(config(), seed)
    }

    pub fn with(config: ShardConfig, seed: u64) -> Self {
        let now = Instant::now();
        Self {
            shard: Shard::new(config, now),
            now,
            start: now,
            clients: Vec::new(),
            loss: 0.0,
            rng: fastrand::Rng::with_seed(seed),
            flights: BTreeMap::new(),
            sent: 0,
            events: Vec::new(),
            signaling_delay: Duration::from_millis(10),
            posts: BTreeMap::new(),
        }
    }

    /// A plain client that sends a microphone and a camera, connected when this returns... after some steps.
    pub fn join(&mut self, name: &str) -> usize {
        let index = self.add(name, false);
        self.clients[index].add_track(str0m::media::MediaKind::Audio);
        self.clients[index].add_track(str0m::media::MediaKind::Video);
        self.offer(index);
        index
    }

    /// A client with slots that sends a microphone and a camera.
    pub fn join_with_slots(&mut self, name: &str, audio: usize, video: usize) -> usize {
        let index = self.add(name, true);
        self.clients[index].add_track(str0m::media::MediaKind::Audio);
        self.clients[index].add_track(str0m::media::MediaKind::Video);
        self.clients[index].add_slots(audio, video);
        self.offer(index);
        index
    }

    pub fn add(&mut self, name: &str, slots: bool) -> usize {
        let index = self.clients.len();
        self.clients.push(Client::new(index, name, slots, self.now));
        index
    }

    pub fn offer(&mut self, index: usize) {
        self.offer_named(index, Vec::new());
    }

    pub fn offer_named(&mut self, index: usize, tracks: Vec<TrackName>) {
        let sdp = self.clients[index].offer();
        let client = &self.clients[index];
        let command = Command::Offer {
            room: ROOM.into(),
            transport: client.transport.clone(),
            user: client.user.clone(),
            sdp,
            slots: client.slots,
            tracks,
        };
        self.post(Post::ToShard(command));
    }

    pub fn command(&mut self, command: Command) {
        self.post(Post::ToShard(command));
    }

    pub fn leave(&mut self, index: usize) {
        let transport = self.clients[index].transport.clone();
        self.clients[index].gone = true;
        self.post(Post::ToShard(Command::Close { transport }));
    }

    fn post(&mut self, post: Post) {
        self.sent += 1;
        self.posts.insert((self.now + self.signaling_delay, self.sent), post);
    }

    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }

    /// Runs until a condition holds; panics after `limit` of simulated time.
    pub fn run_until(&mut self, limit: Duration, what: &str, mut holds: impl FnMut(&Self) -> bool) -> Duration {
        let begin = self.now;
        while !holds(self) {
            assert!(self.now < begin + limit, "not within {limit:?}: {what}");
            self.step();
        }
        self.now - begin
    }

    pub fn step(&mut self) {
        self.now += STEP;
        while let Some(entry) = self.posts.first_entry().filter(|entry| entry.key().0 <= self.now) {
            match entry.remove() {
                Post::ToShard(command) => self.shard.command(self.now, command),
                Post::ToClient(event) => self.deliver_event(event),
            }
        }
        while let Some(entry) = self.flights.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let flight = entry.remove();
            if flight.to == server_udp() {
                self.shard
                    .receive(self.now, flight.transport, flight.from, &flight.contents);
            } else if let Some(client) = self
                .clients
                .iter_mut()
                .find(|client| client.address == flight.to && !client.cut)
            {
                client.receive(self.now, flight.transport, flight.from, &flight.contents);
            }
        }
        for index in 0..self.clients.len() {
            let now = self.now;
            self.clients[index].tick(now);
            for (transport, to, contents) in self.clients[index].take_packets() {
                let from = self.clients[index].address;
                if !self.clients[index].cut {
                    self.fly(transport, from, to, contents);
                }
            }
        }
        if self.shard.next_timeout().is_some_and(|at| at <= self.now) {
            self.shard.handle_timeout(self.now);
        }
        while let Some(transmit) = self.shard.poll_transmit() {
            self.fly(
                transmit.transport,
                server_udp(),
                transmit.destination,
                transmit.contents,
            );
        }
        while let Some(event) = self.shard.poll_event() {
            self.post(Post::ToClient(event));
        }
    }

    fn fly(&mut self, transport: Transport, from: SocketAddr, to: SocketAddr, contents: Vec<u8>) {
        if transport == Transport::Udp && self.rng.f64() < self.loss {
            return;
        }
        self.sent += 1;
        // A network that loses packets reorders some, too.
        let delay = Duration::from_millis(if self.loss > 0.0 { self.rng.u64(8..16) } else { 10 });
        self.flights.insert(
            (self.now + delay, self.sent),
            Flight {
                transport,
                from,
                to,
                contents,
            },
        );
    }

    fn deliver_event(&mut self, event: Event) {
        self.events.push(event.clone());
        let find = |clients: &mut Vec<Client>, transport: &str| {
            clients
                .iter()
                .position(|client| client.transport == transport && !client.gone)
        };
        match event {
            Event::Answer { transport, sdp, .. } => {
                if let Some(index) = find(&mut self.clients, &transport) {
                    self.clients[index].answered(&sdp);
                }
            }
            Event::Offer { transport, sdp, .. } => {
                if let Some(index) = find(&mut self.clients, &transport)
                    && let Some(sdp) = self.clients[index].offered(&sdp)
                {
                    self.post(Post::ToShard(Command::Answer { transport, sdp }));
                    if std::mem::take(&mut self.clients[index].offers_again) {
                        self.offer(index);
                    }
                }
            }
            Event::Slots { transport, slots, .. } => {
                if let Some(index) = find(&mut self.clients, &transport) {
                    self.clients[index].slots_told.push(slots);
                }
            }
            _ => {}
        }
    }

    /// The last slot assignment a client was told, as mid → user and source.
    pub fn slots_of(&self, index: usize) -> Vec<SlotAssignment> {
        self.clients[index].slots_told.last().cloned().unwrap_or_default()
    }

    pub fn users_in_slots(&self, index: usize, kind: str0m::media::MediaKind) -> Vec<String> {
        let mut users: Vec<String> = self
            .slots_of(index)
            .into_iter()
            .filter(|slot| slot.kind == kind)
            .filter_map(|slot| slot.track)
            .map(|(user, _)| user)
            .collect();
        users.sort();
        users
    }

    pub fn states_of(&self, index: usize) -> Vec<TransportState> {
        let name = &self.clients[index].transport;
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::TransportState { transport, state, .. } if transport == name => Some(*state),
                _ => None,
            })
            .collect()
    }

    pub fn refusals(&self) -> Vec<&str> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Refused { message, .. } => Some(&**message),
                _ => None,
            })
            .collect()
    }

    pub fn view(&mut self, index: usize, videos: &[(&str, Source)]) {
        let videos = videos
            .iter()
            .map(|(user, source)| sfu::WantedVideo {
                user: (*user).into(),
                source: *source,
                max_height: None,
            })
            .collect();
        let transport = self.clients[index].transport.clone();
        self.command(Command::View { transport, videos });
    }

    pub fn state(&mut self, index: usize, is_muted: Option<bool>, is_video_on: Option<bool>) {
        let transport = self.clients[index].transport.clone();
        self.command(Command::State {
            transport,
            is_muted,
            is_video_on,
        });
    }
}
