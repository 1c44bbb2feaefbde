//! What recording costs, and what a disk that stands still does to the media.

use std::io::{BufRead, stdin};
use std::path::Path;
use std::time::{Duration, Instant};

use sfu_driver::sfu::Command;
use sfu_driver::{Driver, Recordings};

use crate::client::Client;
use crate::meeting::{self, SETUP, run_for, turn};
use crate::thread_time;

/// Windows with and without recording take turns.
const WINDOW: Duration = Duration::from_secs(3);
const ROUNDS: usize = 5;

/// Rooms that are open at once, and what the people in them send.
struct Rooms {
    rooms: usize,
    /// In each room.
    people: usize,
    /// A second.
    frames: u32,
    frame_packets: usize,
    /// Whether they watch each other and decrypt what they get.
    watch: bool,
}

/// Clients that connect at once: with hundreds, handshakes take longer than they may.
const AT_ONCE: usize = 20;

/// 30 frames of 4 packets are 1 Mbit/s.
const ROOM_OF_FOUR: Rooms = Rooms {
    rooms: 1,
    people: 4,
    frames: 30,
    frame_packets: 4,
    watch: true,
};

/// 500 kbit/s each, and nobody watches: all that is left to do is to receive and to write.
const HUNDRED_ROOMS: Rooms = Rooms {
    rooms: 100,
    people: 2,
    frames: 10,
    frame_packets: 6,
    watch: false,
};

/// Prints the CPU time of media thread and writer, with and without recording, for each case.
pub(crate) fn costs(directory: &Path) {
    for (name, case) in [("room of four", ROOM_OF_FOUR), ("100 rooms", HUNDRED_ROOMS)] {
        let mut running = Running::start(&case, directory);
        let mut with = Used::default();
        let mut without = Used::default();
        for round in 0..ROUNDS {
            running.record(true, round);
            with.add(&running.window());
            running.record(false, round);
            without.add(&running.window());
        }
        let lost = running.driver.recording_stats().expect("it runs").packets_lost;
        println!(
            "{{\"case\": \"{name}\", \"seconds\": {:.2}, \"media_with\": {:.4}, \"media_without\": {:.4}, \"writer\": {:.4}, \
             \"bytes\": {}, \"lost\": {lost}, \"packets_in_with\": {}, \"packets_in_without\": {}}}",
            with.wall.as_secs_f64(),
            with.media.as_secs_f64(),
            without.media.as_secs_f64(),
            with.writer.as_secs_f64(),
            with.written,
            with.packets_in,
            without.packets_in,
        );
    }
}

/// A room of four is recorded, for a window at each line of the standard input; prints how long packets took in each. Whoever
/// writes the lines lets the disk stand still meanwhile.
pub(crate) fn delays(directory: &Path) {
    let mut running = Running::start(&ROOM_OF_FOUR, directory);
    running.record(true, 0);
    running.window();
    println!("{{\"ready\": true}}");
    for line in stdin().lock().lines() {
        let seconds = line.expect("a line").parse().expect("seconds");
        running.clients.iter_mut().for_each(|client| client.delays.clear());
        run_for(&running.driver, &mut running.clients, Duration::from_secs(seconds));
        let mut delays: Vec<Duration> = running
            .clients
            .iter()
            .flat_map(|client| client.delays.clone())
            .collect();
        delays.sort_unstable();
        let quantile = |part: usize| delays[(delays.len() - 1) * part / 1_000].as_secs_f64() * 1e3;
        let stats = running.driver.recording_stats().expect("it runs");
        println!(
            "{{\"packets\": {}, \"p50\": {:.3}, \"p99\": {:.3}, \"lost\": {}, \"delay\": {:.3}, \"written\": {}}}",
            delays.len(),
            quantile(500),
            quantile(990),
            stats.packets_lost,
            stats.delay.as_secs_f64(),
            stats.packets,
        );
    }
}

struct Running {
    driver: Driver,
    clients: Vec<Client>,
}

#[derive(Default)]
struct Used {
    wall: Duration,
    media: Duration,
    writer: Duration,
    packets_in: u64,
    written: u64,
}

impl Used {
    fn add(&mut self, other: &Used) {
        self.wall += other.wall;
        self.media += other.media;
        self.writer += other.writer;
        self.packets_in += other.packets_in;
        self.written += other.written;
    }
}

impl Running {
    fn start(case: &Rooms, directory: &Path) -> Self {
        let recordings = Recordings {
            directory: directory.to_owned(),
            node: "bench".to_owned(),
        };
        let mut running = Running {
            driver: meeting::driver(Some(recordings)),
            clients: Vec::new(),
        };
        let rooms: Vec<usize> = (0..case.rooms).collect();
        for some in rooms.chunks(AT_ONCE / case.people) {
            running.open(case, some);
        }
        let now = Instant::now();
        running.clients.iter_mut().for_each(|client| client.start(now));
        run_for(&running.driver, &mut running.clients, WINDOW);
        running
    }

    /// Lets the people of some rooms in, and waits until all of them are connected.
    fn open(&mut self, case: &Rooms, rooms: &[usize]) {
        rooms.iter().for_each(|&room| self.join(case, room));
        let ready = Instant::now() + SETUP;
        while !self.clients.iter().all(|client| client.connected) {
            assert!(Instant::now() < ready, "the clients did not connect");
            turn(&self.driver, &mut self.clients);
        }
    }

    /// Sends the offers of a room's people.
    fn join(&mut self, case: &Rooms, room: usize) {
        let name = format!("room-{room}");
        let names: Vec<String> = (0..case.people).map(|n| format!("sfu_{room}_{n}")).collect();
        let now = Instant::now(); // one clock for all of a room
        for who in &names {
            let mut client = Client::new(&name, who.clone(), case.frames, case.frame_packets, case.watch, now);
            let slots = if case.watch { case.people - 1 } else { 0 };
            for command in [client.offer(true, slots, slots), client.view(&names)] {
                self.driver.command(command).expect("space in the queue");
            }
            self.clients.push(client);
        }
    }

    /// Begins or ends a recording of each room, and waits until it is so.
    fn record(&mut self, on: bool, round: usize) {
        for client in &self.clients {
            let recording = format!("{}-{round}", client.room).into();
            let command = if on {
                Command::Record {
                    transport: (*client.name).into(),
                    recording: Some(recording),
                    name: String::new(),
                }
            } else {
                Command::StopRecording {
                    room: (*client.room).into(),
                    recording,
                }
            };
            self.driver.command(command).expect("space in the queue");
        }
        let ready = Instant::now() + SETUP;
        while (self.driver.recording_stats().expect("it runs").running > 0) != on {
            assert!(Instant::now() < ready, "the recordings do not change");
            turn(&self.driver, &mut self.clients);
        }
        run_for(&self.driver, &mut self.clients, Duration::from_millis(500));
    }

    fn window(&mut self) -> Used {
        let (begin, before) = (Instant::now(), self.used());
        run_for(&self.driver, &mut self.clients, WINDOW);
        let after = self.used();
        Used {
            wall: begin.elapsed(),
            media: after.media - before.media,
            writer: after.writer - before.writer,
            packets_in: after.packets_in - before.packets_in,
            written: after.written - before.written,
        }
    }

    /// Since the start.
    fn used(&self) -> Used {
        let sockets = self.driver.stats().sockets;
        let packets_in = sockets.iter().find(|(name, _)| *name == "packets_in");
        Used {
            wall: Duration::ZERO,
            media: thread_time::of_threads("sfu-"),
            writer: thread_time::of_threads("recordings"),
            packets_in: packets_in.expect("it is counted").1,
            written: self.driver.recording_stats().expect("it runs").bytes,
        }
    }
}
