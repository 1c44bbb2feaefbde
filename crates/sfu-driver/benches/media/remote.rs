//! People in a call on a server elsewhere: their media here, their signaling in the process that started this one.
//!
//! `remote PEOPLE PUBLISHERS`: so many, numbered from 0, of whom the first ones send. Lines in:
//!
//! - `offer N`: N connects (anew), told by `{"client": N, "offer": "…"}`; then by `{"client": N, "connected": true}`;
//! - `answer N SDP`, with `|` for each line break;
//! - `window`: told by `{"delays": […]}`, how long each video packet took since the last one, in microseconds;
//! - `gaps`: told by `{"gaps": […]}`, the longest pause of each one's video since the last one, in milliseconds.
//!
//! Whoever has seen video and then none for half a second says `{"client": N, "silent": true}`, once a second.

use std::io::{BufRead, stdin};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use sfu_driver::sfu::Command;

use crate::client::Client;

/// Pictures a second of each publisher, of so many packets.
const FRAMES: u32 = 30;
const FRAME_PACKETS: usize = 4;
/// The same in a call of more than [`SMALL`].
const FRAMES_OF_MANY: u32 = 15;
const SMALL: usize = 10;
/// Slots that each has for others.
const SLOTS: usize = 3;
/// When a client says that its media has stopped, and how often.
const SILENCE: Duration = Duration::from_millis(500);
const AGAIN: Duration = Duration::from_secs(1);

struct Person {
    number: usize,
    client: Option<Client>,
    /// Packets of the client that have been looked at.
    seen: usize,
    last: Option<Instant>,
    longest: Duration,
    said: Option<Instant>,
    is_connected: bool,
}

/// Runs until the standard input ends.
pub(crate) fn call(people: usize, publishers: usize) {
    let (lines, begin) = (lines(), Instant::now());
    let mut people: Vec<Person> = (0..people).map(Person::new).collect();
    loop {
        match lines.try_recv() {
            Ok(line) => obey(&line, &mut people, publishers, begin),
            Err(TryRecvError::Empty) => turn(&mut people, publishers),
            Err(TryRecvError::Disconnected) => return,
        }
    }
}

fn lines() -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn obey(line: &str, people: &mut [Person], publishers: usize, begin: Instant) {
    let words: Vec<&str> = line.splitn(3, ' ').collect();
    let number = |word: &str| word.parse::<usize>().expect("a number");
    match words[..] {
        ["offer", n] => {
            let (count, n) = (people.len(), number(n));
            people[n].offer(count, n < publishers, begin);
        }
        ["answer", n, sdp] => {
            let client = people[number(n)].client.as_mut().expect("an offer before its answer");
            client.answered(&sdp.replace('|', "\r\n"));
        }
        ["window"] => {
            let delays = people.iter_mut().flat_map(Person::take_delays);
            print("delays", delays.map(|delay| delay.as_micros()));
        }
        ["gaps"] => print("gaps", people.iter_mut().map(|person| person.take_gap().as_millis())),
        _ => panic!("unknown: {line}"),
    }
}

fn turn(people: &mut [Person], publishers: usize) {
    let mut busy = false;
    for person in people {
        busy |= person.turn(Instant::now(), publishers);
    }
    if !busy {
        thread::sleep(Duration::from_micros(200));
    }
}

fn print(name: &str, figures: impl Iterator<Item = u128>) {
    let figures: Vec<String> = figures.map(|figure| figure.to_string()).collect();
    println!("{{\"{name}\": [{}]}}", figures.join(","));
}

impl Person {
    fn new(number: usize) -> Self {
        Person {
            number,
            client: None,
            seen: 0,
            last: None,
            longest: Duration::ZERO,
            said: None,
            is_connected: false,
        }
    }

    fn offer(&mut self, people: usize, publishes: bool, begin: Instant) {
        let (frames, packets) = match people {
            ..=SMALL => (FRAMES, FRAME_PACKETS),
            _ => (FRAMES_OF_MANY, 1),
        };
        let mut client = Client::new("bench", format!("sfu_{}", self.number), frames, packets, true, begin);
        let Command::Offer { sdp, .. } = client.offer(publishes, SLOTS, SLOTS) else {
            panic!("not an offer");
        };
        println!(
            "{{\"client\": {}, \"offer\": \"{}\"}}",
            self.number,
            sdp.replace("\r\n", "\\r\\n")
        );
        (self.client, self.seen, self.is_connected) = (Some(client), 0, false);
    }

    fn turn(&mut self, now: Instant, publishers: usize) -> bool {
        let Some(client) = &mut self.client else {
            return false;
        };
        let busy = client.turn(now);
        if client.connected && !std::mem::replace(&mut self.is_connected, true) {
            println!("{{\"client\": {}, \"connected\": true}}", self.number);
            if self.number < publishers {
                client.start(now);
            }
        }
        let count = client.delays.len();
        if std::mem::replace(&mut self.seen, count) < count {
            self.longest = self.longest.max(self.pause(now));
            self.last = Some(now);
        }
        if self.pause(now) > SILENCE && self.said.is_none_or(|said| now > said + AGAIN) {
            self.said = Some(now);
            println!("{{\"client\": {}, \"silent\": true}}", self.number);
        }
        busy
    }

    fn pause(&self, now: Instant) -> Duration {
        self.last.map_or(Duration::ZERO, |last| now - last)
    }

    fn take_gap(&mut self) -> Duration {
        let goes_on = self.pause(Instant::now());
        std::mem::take(&mut self.longest).max(goes_on)
    }

    fn take_delays(&mut self) -> Vec<Duration> {
        self.seen = 0;
        self.client
            .as_mut()
            .map_or_else(Vec::new, |client| client.delays.drain(..).collect())
    }
}
