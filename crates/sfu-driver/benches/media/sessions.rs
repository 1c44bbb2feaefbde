//! What sessions cost that are there and do nothing: memory and CPU time of a process that only serves them.
//!
//! `sessions N DTLS`: the SFU runs in a process of its own (`serve`), its clients here. Each has three slots for audio and nine for
//! video, in which something has come. Prints one JSON object.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write, stdin};
use std::process::{Child, ChildStdin, ChildStdout, Command as Process, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use sfu_driver::Event;
use sfu_driver::sfu::{self, Body, Command, PeerId, Recipient, Source, WantedVideo};
use str0m::config::DtlsVersion;

use crate::client::Client;
use crate::meeting::{self, SETUP};
use crate::thread_time;

/// Slots of each client.
const AUDIOS: usize = 3;
const VIDEOS: usize = 9;
/// Pictures a second of each who sends, of so many packets: what reaches all is then within what this machine takes.
const FRAMES: u32 = 1;
const FRAME_PACKETS: usize = 2;
const AUDIO_EVERY: Duration = Duration::from_millis(500);
/// How long they send.
const SENDING: Duration = Duration::from_secs(6);
/// How long nothing happens before it counts: what was under way is over.
const SETTLING: Duration = Duration::from_secs(12);
/// How long the idle sessions are watched.
const IDLE: Duration = Duration::from_secs(30);
/// Offers that wait for their answers at most, since the SFU refuses more than it can read soon.
const UNDER_WAY: usize = 16;
/// Those who watch before it counts: what is there only while people join, so many at once, is there by then.
const FIRST: usize = 4 * UNDER_WAY;

/// The process that is measured.
struct Server {
    process: Child,
    orders: ChildStdin,
    answers: Receiver<(String, String)>,
}

impl Server {
    fn start() -> Self {
        let itself = std::env::current_exe().expect("a path");
        let mut process = Process::new(itself)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let orders = process.stdin.take().expect("a pipe");
        let answers = read_answers(process.stdout.take().expect("a pipe"));
        Self {
            process,
            orders,
            answers,
        }
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.orders, "{line}").expect("the server lives");
    }

    /// Bytes of memory that are the process's alone.
    fn memory(&self) -> u64 {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.process.id())).expect("Linux");
        let fields = rollup.lines().filter(|line| line.starts_with("Private_"));
        let kilobytes = fields.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kilobytes.sum::<u64>() * 1024
    }

    /// The CPU time of the SFU's threads.
    fn cpu(&self) -> Duration {
        thread_time::of_threads_in(&self.process.id().to_string(), "sfu-")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn read_answers(pipe: ChildStdout) -> Receiver<(String, String)> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let (name, sdp) = line.split_once(' ').expect("a name and an SDP");
            if sender.send((name.to_owned(), sdp.replace('|', "\r\n"))).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Clients in one room.
struct Room {
    server: Server,
    version: DtlsVersion,
    clients: Vec<Client>,
    numbers: HashMap<String, usize>,
    answered: usize,
}

impl Room {
    fn turn(&mut self) {
        for (name, sdp) in self.server.answers.try_iter() {
            self.clients[self.numbers[&name]].answered(&sdp);
            self.answered += 1;
        }
        let mut busy = false;
        for client in &mut self.clients {
            busy |= client.turn(Instant::now());
        }
        if !busy {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn run(&mut self, duration: Duration) {
        let end = Instant::now() + duration;
        while Instant::now() < end {
            self.turn();
        }
    }

    fn run_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let end = Instant::now() + SETUP;
        while !is_so(self) {
            assert!(Instant::now() < end, "not in time: {what}");
            self.turn();
        }
    }

    /// Adds a client that sends, or one that only watches, and waits while too many are under way.
    fn join(&mut self, sends: bool) {
        let number = self.clients.len();
        let name = format!("sfu_{number}");
        let mut client = Client::new("bench", name.clone(), FRAMES, FRAME_PACKETS, true, Instant::now());
        client.speak(self.version, Instant::now());
        client.audio_every = AUDIO_EVERY;
        let Command::Offer { sdp, .. } = client.offer(sends, AUDIOS, VIDEOS) else {
            panic!("not an offer");
        };
        self.server.tell(&format!("{name} {}", sdp.replace("\r\n", "|")));
        self.numbers.insert(name, number);
        self.clients.push(client);
        self.run_until("an answer", |room| number < room.answered + UNDER_WAY);
    }

    fn settle(&mut self) {
        self.run_until("connected", |room| room.clients.iter().all(|client| client.connected));
        self.clients.iter_mut().for_each(|client| client.start(Instant::now()));
        self.run(SENDING);
        self.clients.iter_mut().for_each(Client::stop);
        self.run(SETTLING);
    }
}

/// Prints what so many who watch cost, beyond those who send to them and the first who watch.
pub(crate) fn idle(sessions: usize, version: DtlsVersion) {
    let mut room = Room {
        server: Server::start(),
        version,
        clients: Vec::new(),
        numbers: HashMap::new(),
        answered: 0,
    };
    for number in 0..VIDEOS + FIRST {
        room.join(number < VIDEOS);
    }
    room.settle();
    let before = room.server.memory();
    for _ in 0..sessions {
        room.join(false);
    }
    room.settle();
    let after = room.server.memory();
    let received = room.clients.iter().skip(VIDEOS).map(|client| client.delays.len());
    let fewest = received.min().unwrap_or_default();
    assert!(fewest >= VIDEOS, "somebody was sent {fewest} packets of video");
    let (cpu, began) = (room.server.cpu(), Instant::now());
    room.run(IDLE);
    let share = (room.server.cpu() - cpu).as_secs_f64() / began.elapsed().as_secs_f64();
    println!(
        "{{\"sessions\": {sessions}, \"bytes_each\": {}, \"idle_share\": {share:.5}}}",
        after.saturating_sub(before) / sessions as u64
    );
}

/// Serves the offers on the standard input, each by a name and an SDP with `|` for its line breaks, until it ends. Answers are
/// told in the same way.
pub(crate) fn serve() {
    let driver = meeting::driver(None);
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            sender.send(line).expect("the main thread waits");
        }
        std::process::exit(0);
    });
    loop {
        if let Ok(line) = lines.recv_timeout(Duration::from_millis(2)) {
            let (name, sdp) = line.split_once(' ').expect("a name and an SDP");
            for command in [offer(name, sdp), view(name)] {
                driver.command(command).expect("space in the queue");
            }
        }
        for event in driver.drain(1_024) {
            tell(event);
        }
    }
}

fn offer(name: &str, sdp: &str) -> Command {
    Command::Offer {
        peer: PeerId {
            room: "bench".into(),
            transport: name.into(),
            user: name.into(),
            seat: name.into(),
        },
        sdp: sdp.replace('|', "\r\n"),
        slots: true,
        tracks: Vec::new(),
        name: String::new(),
        recording: None,
    }
}

fn view(name: &str) -> Command {
    let senders = (0..VIDEOS).map(|number| format!("sfu_{number}"));
    let wanted = |user: String| WantedVideo {
        user: (*user).into(),
        source: Source::Camera,
        max_height: None,
    };
    Command::View {
        transport: name.into(),
        videos: senders.filter(|user| *user != name).map(wanted).collect(),
    }
}

fn tell(event: Event) {
    match event {
        Event::Core(sfu::Event {
            to: Recipient::Peer(peer),
            body: Body::Answer { sdp },
        }) => println!("{} {}", peer.transport, sdp.replace("\r\n", "|")),
        Event::Core(sfu::Event {
            body: Body::Refused { message, .. },
            ..
        }) => panic!("{message}"),
        _ => {}
    }
}
