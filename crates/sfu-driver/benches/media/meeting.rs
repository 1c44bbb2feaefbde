//! One room in a real driver, and the difference of its counters over some time.

use std::time::{Duration, Instant};

use sfu_driver::sfu::{self, Body, Recipient};
use sfu_driver::{Config, Driver, Event};

use crate::client::Client;
use crate::thread_time;

/// How long clients may take until everything flows.
pub(crate) const SETUP: Duration = Duration::from_secs(60);
/// How long media flows before it is measured: caches are warm.
const WARM_UP: Duration = Duration::from_secs(1);

/// Who is in the room and what they send.
pub(crate) struct Meeting {
    pub(crate) name: &'static str,
    pub(crate) publishers: usize,
    pub(crate) watchers: usize,
    /// A second.
    pub(crate) frames: u32,
    pub(crate) frame_packets: usize,
    /// Whether clients decrypt what they receive and send feedback, as real ones do.
    pub(crate) feeds_back: bool,
}

/// What was measured.
pub(crate) struct Measured {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) forwarded: u64,
    pub(crate) packets_in: u64,
    pub(crate) packets_out: u64,
    pub(crate) bytes_out: u64,
    pub(crate) udp_sends: u64,
    pub(crate) dropped: u64,
}

impl Meeting {
    pub(crate) fn run(&self, measure: Duration) -> Measured {
        let config = Config {
            bind: [127, 0, 0, 1].into(),
            ports: vec![0],
            advertised: Vec::new(),
            loopback: false,
            recordings: None,
            limits: sfu::Limits::default(),
        };
        let mut driver = Driver::start(&config).expect("a free port");
        let mut clients = self.clients(&driver);
        let ready = Instant::now() + SETUP;
        while !clients.iter().all(|client| client.connected) {
            assert!(Instant::now() < ready, "the clients did not connect");
            turn(&driver, &mut clients);
        }
        let now = Instant::now();
        clients.iter_mut().for_each(|client| client.start(now));
        run_for(&driver, &mut clients, WARM_UP);
        let before = snapshot(&driver);
        run_for(&driver, &mut clients, measure);
        let measured = before.until(&snapshot(&driver));
        driver.stop().expect("a clean end");
        measured
    }

    fn clients(&self, driver: &Driver) -> Vec<Client> {
        let now = Instant::now();
        let names: Vec<String> = (0..self.publishers + self.watchers)
            .map(|n| format!("sfu_{n}"))
            .collect();
        let publishers = &names[..self.publishers];
        let join = |(n, name): (usize, &String)| {
            let mut client = Client::new(
                "bench",
                name.clone(),
                self.frames,
                self.frame_packets,
                self.feeds_back,
                now,
            );
            let publishes = n < self.publishers;
            let videos = self.publishers - usize::from(publishes);
            for command in [client.offer(publishes, 3, videos), client.view(publishers)] {
                driver.command(&"bench".into(), command).expect("space in the queue");
            }
            client
        };
        names.iter().enumerate().map(join).collect()
    }
}

pub(crate) fn run_for(driver: &Driver, clients: &mut [Client], duration: Duration) {
    let end = Instant::now() + duration;
    while Instant::now() < end {
        turn(driver, clients);
    }
}

pub(crate) fn turn(driver: &Driver, clients: &mut [Client]) {
    for event in driver.drain(1_024) {
        match event {
            Event::Core(sfu::Event {
                to: Recipient::Peer(peer),
                body: Body::Answer { sdp },
            }) => {
                let client = clients.iter_mut().find(|client| peer.transport == *client.name);
                client.expect("an answer to one of us").answered(&sdp);
            }
            Event::Core(sfu::Event {
                body: Body::Refused { message, .. },
                ..
            }) => panic!("{message}"),
            Event::RecordingTrouble { detail, .. } => panic!("{detail}"),
            _ => {}
        }
    }
    let mut busy = false;
    for client in clients.iter_mut() {
        busy |= client.turn(Instant::now());
    }
    if !busy {
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn snapshot(driver: &Driver) -> Snapshot {
    let stats = driver.stats().remove(0);
    let sockets = stats.sockets.into_iter().collect::<std::collections::HashMap<_, _>>();
    Snapshot {
        at: Instant::now(),
        cpu: thread_time::of_threads("sfu-"),
        forwarded: stats.shard.rtp_forwarded,
        packets_in: sockets["packets_in"],
        packets_out: sockets["packets_out"],
        bytes_out: sockets["bytes_out"],
        udp_sends: sockets["udp_sends"],
        dropped: sockets["dropped_socket_full"] + sockets["dropped_refused"] + stats.shard.transmits_dropped,
    }
}

struct Snapshot {
    at: Instant,
    cpu: Duration,
    forwarded: u64,
    packets_in: u64,
    packets_out: u64,
    bytes_out: u64,
    udp_sends: u64,
    dropped: u64,
}

impl Snapshot {
    fn until(&self, later: &Snapshot) -> Measured {
        Measured {
            wall: later.at - self.at,
            cpu: later.cpu - self.cpu,
            forwarded: later.forwarded - self.forwarded,
            packets_in: later.packets_in - self.packets_in,
            packets_out: later.packets_out - self.packets_out,
            bytes_out: later.bytes_out - self.bytes_out,
            udp_sends: later.udp_sends - self.udp_sends,
            dropped: later.dropped - self.dropped,
        }
    }
}
