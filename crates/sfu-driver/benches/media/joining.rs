//! What offers of guests who do their worst add to the time in which somebody else is answered who joins.
//!
//! Quiet windows and windows under attack take turns, so that other work on the machine is in both.

use std::thread;
use std::time::{Duration, Instant};

use sfu_driver::sfu::{self, Body, Command, PeerId, Recipient};
use sfu_driver::{Driver, Event};

use crate::client::Client;
use crate::hostile::guest_sdp;
use crate::meeting;

const WINDOW: Duration = Duration::from_secs(4);
const ROUNDS: usize = 3;
const GUESTS: usize = 100;
/// All guests offer at once, so often: more than they may, so that what they may is used up.
const ATTACK_EVERY: Duration = Duration::from_millis(500);
/// Between one who joins and the next.
const PAUSE: Duration = Duration::from_millis(20);
/// Slots of who joins: a page's 25 tiles.
const VOICES: usize = 3;
const TILES: usize = 25;
/// Bytes of the longest SDP that the hub passes on.
const LONGEST_SDP: usize = 200_000;

/// Prints how long it takes until somebody who joins is answered, quiet and under attack.
pub(crate) fn joins() {
    let driver = meeting::driver(None);
    let mut lobby = Lobby {
        driver,
        worst: worst(&guest_sdp()),
        joined: 0,
    };
    let (mut quiet, mut loud) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        quiet.append(&mut lobby.window(false));
        loud.append(&mut lobby.window(true));
        (0..GUESTS).for_each(|guest| lobby.close(&format!("guest_{guest}")));
        lobby.window(false);
    }
    print(&mut quiet, &mut loud);
}

/// The offer whose reading takes longest: many m-lines on which nothing is sent, with as many lines as there may be.
fn worst(sdp: &str) -> String {
    let [head, audio, ..] = sdp.split("m=").collect::<Vec<_>>()[..] else {
        panic!("{sdp}");
    };
    let (mut sections, mut mids, mut number) = (String::new(), String::new(), 10_000);
    for mid in 0.. {
        let mut section = format!("m={}", audio.replace("a=mid:", &format!("a=mid:{mid}")));
        while section.lines().count() < 390 {
            section += &format!("a=ssrc:{number} cname:a\r\n");
            number += 1;
        }
        if head.len() + sections.len() + section.len() + mids.len() + 100 > LONGEST_SDP {
            break;
        }
        let name = section.split_once("a=mid:").and_then(|(_, rest)| rest.lines().next());
        mids += &format!(" {}", name.unwrap_or_default());
        sections += &section;
    }
    let is_group = |line: &&str| line.starts_with("a=group:");
    let group = head.lines().find(is_group).expect("what is offered is bundled");
    head.replace(group, &format!("a=group:BUNDLE{mids}")) + &sections
}

/// Who joins and who attacks.
struct Lobby {
    driver: Driver,
    worst: String,
    joined: usize,
}

impl Lobby {
    /// How long each took who joined in one window.
    fn window(&mut self, is_attacked: bool) -> Vec<Duration> {
        let (begin, mut times, mut attacks) = (Instant::now(), Vec::new(), 0);
        while begin.elapsed() < WINDOW {
            if is_attacked && begin.elapsed() >= ATTACK_EVERY * attacks {
                attacks += 1;
                (0..GUESTS).for_each(|guest| self.offer(&format!("guest_{guest}"), self.worst.clone()));
            }
            times.push(self.join());
            thread::sleep(PAUSE);
        }
        times
    }

    /// How long it takes until somebody who joins is answered.
    fn join(&mut self) -> Duration {
        self.joined += 1;
        let name = format!("person_{}", self.joined);
        let mut client = Client::new("bench", name.clone(), 30, 4, false, Instant::now());
        let Command::Offer { sdp, .. } = client.offer(true, VOICES, TILES) else {
            panic!("no offer");
        };
        let begin = Instant::now();
        self.offer(&name, sdp);
        while !self.is_answered(&name) {
            assert!(begin.elapsed() < Duration::from_secs(60), "nobody is answered");
            thread::sleep(Duration::from_micros(200));
        }
        let time = begin.elapsed();
        self.close(&name);
        time
    }

    fn is_answered(&self, name: &str) -> bool {
        let events = self.driver.drain(usize::MAX);
        events.into_iter().any(|event| match event {
            Event::Core(sfu::Event {
                to: Recipient::Peer(peer),
                body,
            }) if peer.transport == *name => {
                assert!(matches!(body, Body::Answer { .. }), "{body:?}");
                true
            }
            _ => false,
        })
    }

    fn offer(&self, name: &str, sdp: String) {
        let peer = PeerId {
            room: "bench".into(),
            transport: name.into(),
            user: name.into(),
            seat: name.into(),
        };
        self.command(Command::Offer {
            peer,
            sdp,
            slots: true,
            tracks: Vec::new(),
            name: String::new(),
            recording: None,
        });
    }

    fn close(&self, name: &str) {
        self.command(Command::Close { transport: name.into() });
    }

    fn command(&self, command: Command) {
        self.driver.command(command).expect("space in the queue");
    }
}

fn print(quiet: &mut [Duration], loud: &mut [Duration]) {
    quiet.sort_unstable();
    loud.sort_unstable();
    let at = |sorted: &[Duration], of_100: usize| sorted[(sorted.len() - 1) * of_100 / 100].as_secs_f64() * 1e3;
    println!(
        "{{\"joins\": [{}, {}], \"p50\": [{:.3}, {:.3}], \"p99\": [{:.3}, {:.3}], \"max\": [{:.3}, {:.3}]}}",
        quiet.len(),
        loud.len(),
        at(quiet, 50),
        at(loud, 50),
        at(quiet, 99),
        at(loud, 99),
        at(quiet, 100),
        at(loud, 100),
    );
}
