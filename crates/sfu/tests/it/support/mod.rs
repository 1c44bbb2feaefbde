//! A shard and clients on a simulated, seeded, lossy network. No socket, no thread, no sleep.

#![allow(dead_code, missing_docs)]

pub(crate) mod client;
pub(crate) mod cost;
pub(crate) mod link;
pub(crate) mod mail;
pub(crate) mod old_dtls;
pub(crate) mod sealing;
pub(crate) mod tapped;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use sfu::{
    Body, Command, Event, Limits, LocalCandidate, Outcome, PeerId, Reading, Recipient, Refusal, Shard, ShardConfig,
    SlotAssignment, Source, Tapped, TrackName, Transport, TransportState,
};

pub(crate) use client::Client;
use cost::Cost;
pub(crate) use link::Link;
use mail::sent;

const STEP: Duration = Duration::from_millis(5);
pub(crate) const ROOM: &str = "6f1c0000-0000-4000-8000-000000000001";

struct Flight {
    transport: Transport,
    from: SocketAddr,
    to: SocketAddr,
    contents: Vec<u8>,
}

pub(crate) struct World {
    pub(crate) shard: Shard,
    pub(crate) now: Instant,
    pub(crate) start: Instant,
    pub(crate) clients: Vec<Client>,
    /// Share of packets lost, each way.
    pub(crate) loss: f64,
    pub(crate) rng: fastrand::Rng,
    flights: BTreeMap<(Instant, u64), Flight>,
    sent: u64,
    /// What the hub was told, outcomes of commands among it.
    pub(crate) events: Vec<Event>,
    /// Commands that were refused.
    pub(crate) refused: Vec<Refusal>,
    /// Let commands and SDP events take so long on their way.
    pub(crate) signaling_delay: Duration,
    /// What recordings heard.
    pub(crate) tapped: Vec<Tapped>,
    /// Nobody takes what recordings hear.
    pub(crate) is_deaf: bool,
    /// SSRC and sequence number of each RTP packet that came to the shard.
    pub(crate) arrivals: Vec<(u32, u16)>,
    /// What the shard sent, by destination: packets of STUN and others.
    pub(crate) sent_to: HashMap<SocketAddr, (usize, usize)>,
    posts: BTreeMap<(Instant, u64), Post>,
    /// The lines to clients that are narrower than the rest.
    pub(crate) links: HashMap<SocketAddr, Link>,
    /// The time goes on in steps of so much.
    pub(crate) step: Duration,
    /// Reading an SDP takes so long.
    pub(crate) reading_time: Duration,
    readings: BTreeMap<(Instant, u64), Reading>,
}

enum Post {
    ToShard(Command),
    ToClient(Event),
}

pub(crate) fn server_udp() -> SocketAddr {
    "192.0.2.1:3478".parse().unwrap()
}

pub(crate) fn server_tcp() -> SocketAddr {
    "192.0.2.1:3478".parse().unwrap()
}

/// An offer of a plain client without names.
pub(crate) fn plain_offer(peer: PeerId, sdp: impl Into<String>) -> Command {
    Command::Offer {
        peer,
        sdp: sdp.into(),
        slots: false,
        tracks: vec![],
        name: String::new(),
        recording: None,
    }
}

/// Whose a transport is, in the room of the tests.
pub(crate) fn peer_id(transport: &str, user: &str) -> PeerId {
    PeerId {
        room: ROOM.into(),
        transport: transport.into(),
        user: user.into(),
        seat: format!("seat of {transport}").into(),
    }
}

pub(crate) fn config() -> ShardConfig {
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

/// The time of day at which simulations begin: 1970, to the second.
const TIME: SystemTime = SystemTime::UNIX_EPOCH;

/// A shard with the configuration of the tests.
pub(crate) fn shard(now: Instant) -> Shard {
    Shard::new(config(), now, TIME)
}

/// The same without a rate of offers, for tests that make many.
pub(crate) fn unhurried(now: Instant) -> Shard {
    Shard::new(unhurried_config(), now, TIME)
}

pub(crate) fn unhurried_config() -> ShardConfig {
    let mut config = config();
    config.limits.offers_per_user = 1_000_000;
    config
}

/// Has a shard do something, and reads at once what is to be read for that. Gives its outcome.
pub(crate) fn execute(shard: &mut Shard, now: Instant, command: Command) -> Result<Outcome, Refusal> {
    match shard.command(now, command)? {
        Outcome::Reading => shard
            .poll_reading()
            .map_or(Ok(Outcome::Reading), |reading| shard.finish_reading(now, reading.run())),
        outcome => Ok(outcome),
    }
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(config(), seed)
    }

    pub(crate) fn with(config: ShardConfig, seed: u64) -> Self {
        let now = Instant::now();
        Self {
            shard: Shard::new(config, now, TIME),
            now,
            start: now,
            clients: Vec::new(),
            loss: 0.0,
            rng: fastrand::Rng::with_seed(seed),
            flights: BTreeMap::new(),
            sent: 0,
            events: Vec::new(),
            refused: Vec::new(),
            signaling_delay: Duration::from_millis(10),
            tapped: Vec::new(),
            is_deaf: false,
            arrivals: Vec::new(),
            sent_to: HashMap::new(),
            posts: BTreeMap::new(),
            links: HashMap::new(),
            step: STEP,
            reading_time: Duration::ZERO,
            readings: BTreeMap::new(),
        }
    }

    /// A plain client that sends a microphone and a camera, connected when this returns... after some steps.
    pub(crate) fn join(&mut self, name: &str) -> usize {
        let index = self.add(name, false);
        self.clients[index].add_track(str0m::media::MediaKind::Audio);
        self.clients[index].add_track(str0m::media::MediaKind::Video);
        self.offer(index);
        index
    }

    /// A client with slots that sends a microphone and a camera.
    pub(crate) fn join_with_slots(&mut self, name: &str, audio: usize, video: usize) -> usize {
        let index = self.add(name, true);
        self.clients[index].add_track(str0m::media::MediaKind::Audio);
        self.clients[index].add_track(str0m::media::MediaKind::Video);
        self.clients[index].add_slots(audio, video);
        self.offer(index);
        index
    }

    pub(crate) fn add(&mut self, name: &str, slots: bool) -> usize {
        let index = self.clients.len();
        self.clients.push(Client::new(index, name, slots, self.now));
        index
    }

    pub(crate) fn offer(&mut self, index: usize) {
        self.offer_named(index, Vec::new());
    }

    pub(crate) fn offer_named(&mut self, index: usize, tracks: Vec<TrackName>) {
        let sdp = self.clients[index].offer();
        let client = &self.clients[index];
        let command = Command::Offer {
            peer: client.id(),
            sdp,
            slots: client.slots,
            tracks,
            name: format!("name of {}", client.user),
            recording: client.recording.clone(),
        };
        self.post(Post::ToShard(command));
    }

    /// Offers an SDP of the test's own in the name of a plain client.
    pub(crate) fn offer_sdp(&mut self, index: usize, sdp: impl Into<String>) {
        let peer = self.clients[index].id();
        self.command(plain_offer(peer, sdp));
    }

    /// Has the shard do something now. Gives its outcome.
    pub(crate) fn execute(&mut self, command: Command) -> Result<Outcome, Refusal> {
        execute(&mut self.shard, self.now, command)
    }

    /// What became of what a client asked, which it is told.
    fn told(&mut self, outcome: Result<Outcome, Refusal>) {
        let event = match outcome {
            Ok(outcome) => outcome.into_event(),
            Err(refusal) => {
                self.refused.push(refusal.clone());
                refusal.into_event()
            }
        };
        event.into_iter().for_each(|event| self.post(Post::ToClient(event)));
    }

    /// Reads what is to be read.
    fn read(&mut self) {
        while let Some(reading) = self.shard.poll_reading() {
            self.sent += 1;
            self.readings.insert((self.now + self.reading_time, self.sent), reading);
        }
        while let Some(entry) = self.readings.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let read = entry.remove().run();
            let outcome = self.shard.finish_reading(self.now, read);
            self.told(outcome);
            self.read();
        }
    }

    /// Has the shard take a packet of so many bytes, and do all that follows from it, within a cost. `packet` makes it anew for
    /// each attempt, for which the time goes on by `step`.
    pub(crate) fn feed(
        &mut self,
        cost: Cost,
        step: Duration,
        (what, from): (&str, SocketAddr),
        bytes: usize,
        mut packet: impl FnMut() -> Vec<u8>,
    ) {
        cost.bounds(what, bytes, || {
            self.now += step;
            self.shard.receive(self.now, Transport::Udp, from, &packet());
            sent(&mut self.shard, self.now);
        });
        while self.shard.poll_event().is_some() {}
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.post(Post::ToShard(command));
    }

    pub(crate) fn leave(&mut self, index: usize) {
        let transport = self.clients[index].transport.as_str().into();
        self.clients[index].gone = true;
        self.post(Post::ToShard(Command::Close { transport }));
    }

    fn post(&mut self, post: Post) {
        self.sent += 1;
        self.posts.insert((self.now + self.signaling_delay, self.sent), post);
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }

    /// Runs until a condition holds; panics after `limit` of simulated time.
    pub(crate) fn run_until(&mut self, limit: Duration, what: &str, mut holds: impl FnMut(&Self) -> bool) -> Duration {
        let begin = self.now;
        while !holds(self) {
            assert!(self.now < begin + limit, "not within {limit:?}: {what}");
            self.step();
        }
        self.now - begin
    }

    pub(crate) fn step(&mut self) {
        self.now += self.step;
        while let Some(entry) = self.posts.first_entry().filter(|entry| entry.key().0 <= self.now) {
            match entry.remove() {
                Post::ToShard(command) => {
                    let outcome = self.shard.command(self.now, command);
                    self.told(outcome);
                    self.read();
                }
                Post::ToClient(event) => self.deliver_event(event),
            }
        }
        while let Some(entry) = self.flights.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let flight = entry.remove();
            if flight.to == server_udp() {
                self.arrivals.extend(rtp_numbers(&flight.contents));
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
        self.read();
        for letter in sent(&mut self.shard, self.now) {
            let (stun, others) = self.sent_to.entry(letter.destination).or_default();
            *(if letter.contents[0] < 2 { stun } else { others }) += 1;
            self.fly(letter.transport, server_udp(), letter.destination, letter.contents);
        }
        while let Some(event) = self.shard.poll_event() {
            self.post(Post::ToClient(event));
        }
        if !self.is_deaf {
            self.tapped.extend(std::iter::from_fn(|| self.shard.poll_tapped()));
        }
    }

    fn fly(&mut self, transport: Transport, from: SocketAddr, to: SocketAddr, contents: Vec<u8>) {
        if transport == Transport::Udp && self.rng.f64() < self.loss {
            return;
        }
        self.sent += 1;
        // A network that loses packets reorders some, too.
        let mut delay = Duration::from_millis(if self.loss > 0.0 { self.rng.u64(8..16) } else { 10 });
        if let Some(link) = self.links.get_mut(&to) {
            let Some(held) = link.carry(self.now, contents.len(), &mut self.rng) else {
                return;
            };
            delay += held;
        }
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
        let Recipient::Peer(peer) = event.to else {
            return;
        };
        let mut clients = self.clients.iter();
        let Some(index) = clients.position(|client| client.transport == peer.transport.as_str() && !client.gone) else {
            return;
        };
        match event.body {
            Body::Answer { sdp } => self.clients[index].answered(&sdp),
            Body::Offer { sdp } => {
                if let Some(sdp) = self.clients[index].offered(&sdp) {
                    let transport = peer.transport;
                    self.post(Post::ToShard(Command::Answer { transport, sdp }));
                    if std::mem::take(&mut self.clients[index].offers_again) {
                        self.offer(index);
                    }
                }
            }
            Body::Slots(slots) => self.clients[index].slots_told.push(slots),
            Body::LayersWanted(videos) => self.clients[index].layers_wanted(&videos),
            _ => {}
        }
    }

    /// The last slot assignment a client was told, as mid → user and source.
    pub(crate) fn slots_of(&self, index: usize) -> Vec<SlotAssignment> {
        self.clients[index].slots_told.last().cloned().unwrap_or_default()
    }

    pub(crate) fn users_in_slots(&self, index: usize, kind: str0m::media::MediaKind) -> Vec<String> {
        let mut users: Vec<String> = self
            .slots_of(index)
            .into_iter()
            .filter(|slot| slot.kind == kind)
            .filter_map(|slot| slot.track)
            .map(|(user, _)| user.to_string())
            .collect();
        users.sort();
        users
    }

    pub(crate) fn states_of(&self, index: usize) -> Vec<TransportState> {
        let name = &self.clients[index].transport;
        self.events
            .iter()
            .filter_map(|event| match (&event.to, &event.body) {
                (Recipient::Peer(peer), Body::TransportState(state)) if peer.transport == name.as_str() => Some(*state),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn refusals(&self) -> Vec<&str> {
        self.refused.iter().map(|refusal| &*refusal.message).collect()
    }

    pub(crate) fn view(&mut self, index: usize, videos: &[(&str, Source)]) {
        let videos = videos
            .iter()
            .map(|(user, source)| sfu::WantedVideo {
                user: (*user).into(),
                source: *source,
                max_height: None,
            })
            .collect();
        let transport = self.clients[index].transport.as_str().into();
        self.command(Command::View { transport, videos });
    }

    /// Views one camera at a height.
    pub(crate) fn view_at(&mut self, index: usize, user: &str, height: u32) {
        let video = sfu::WantedVideo {
            user: user.into(),
            source: Source::Camera,
            max_height: Some(height),
        };
        let transport = self.clients[index].transport.as_str().into();
        self.command(Command::View {
            transport,
            videos: vec![video],
        });
    }

    pub(crate) fn block(&mut self, index: usize, sources: &[Source]) {
        let transport = self.clients[index].transport.as_str().into();
        self.command(Command::Block {
            transport,
            sources: sources.to_vec(),
        });
    }

    /// A world in which somebody has not answered the server's offer, and who that is.
    pub(crate) fn awaiting_an_answer(seed: u64) -> (Self, usize) {
        let mut world = Self::new(seed);
        let silent = world.join("ana");
        world.run(Duration::from_secs(2));
        world.clients[silent].silent = true;
        world.join("ben");
        world.run(Duration::from_secs(1));
        (world, silent)
    }

    /// This answer, from the client.
    pub(crate) fn answer_by(&self, index: usize, sdp: &str) -> Command {
        let transport = self.clients[index].transport.as_str().into();
        let sdp = sdp.into();
        Command::Answer { transport, sdp }
    }

    pub(crate) fn state(&mut self, index: usize, is_muted: Option<bool>, is_video_on: Option<bool>) {
        let transport = self.clients[index].transport.as_str().into();
        self.command(Command::State {
            transport,
            is_muted,
            is_video_on,
        });
    }
}

/// SSRC and sequence number, if it is an RTP packet.
fn rtp_numbers(packet: &[u8]) -> Option<(u32, u16)> {
    match *packet {
        [128..=191, 0..=191 | 224..=255, a, b, _, _, _, _, c, d, e, f, ..] => {
            Some((u32::from_be_bytes([c, d, e, f]), u16::from_be_bytes([a, b])))
        }
        _ => None,
    }
}
