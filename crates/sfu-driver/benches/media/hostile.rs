//! What attacks do to the packets of others: a room of four in a call, and somebody who does their worst beside it.
//!
//! Quiet windows and windows under attack take turns, so that other work on the machine is in both.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use sfu_driver::sfu::{self, Body, Command, PeerId, Recipient};
use sfu_driver::{Driver, Event};

use crate::client::Client;
use crate::meeting::{self, SETUP};

const WINDOW: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;
/// Bytes of the longest SDP that the hub passes on.
const LONGEST_SDP: usize = 200_000;
/// Packets that a flood sends before it looks whether it is over.
const BURST: usize = 16;

/// What an attacker does, given whom it meets and how often it has done so before.
type Act = Box<dyn Fn(&Target, usize) + Sync>;

/// What an attacker does again and again, so often a second.
struct Attack {
    name: &'static str,
    rate: u32,
    act: Act,
}

/// Whom it meets.
struct Target {
    /// Where commands for the driver go, which belongs to one thread.
    commands: SyncSender<Command>,
    address: SocketAddr,
    /// Strangers' sockets: as many sources.
    sockets: Vec<UdpSocket>,
}

impl Target {
    fn command(&self, command: Command) {
        // A full queue is the attacker's own loss.
        let _ = self.commands.try_send(command);
    }

    fn offer(&self, guest: usize, sdp: &str) {
        self.command(Command::Offer {
            peer: guest_id(guest),
            sdp: sdp.to_owned(),
            slots: true,
            tracks: Vec::new(),
            name: String::new(),
            recording: None,
        });
    }

    fn flood(&self, number: usize, packet: &[u8]) {
        for n in 0..BURST {
            // What the kernel does not take is lost, as on a network.
            let _ = self.sockets[(number + n) % self.sockets.len()].send_to(packet, self.address);
        }
    }
}

fn guest_id(guest: usize) -> PeerId {
    let name = format!("guest_{guest}");
    PeerId {
        room: "bench".into(),
        transport: (*name).into(),
        user: (*name).into(),
        seat: (*name).into(),
    }
}

/// Prints what each attack adds to the delays of the others' packets.
pub(crate) fn attacks() {
    let (commands, attackers) = sync_channel(1_024);
    let driver = meeting::driver(None);
    let mut call = Call::of_four(driver, attackers);
    let socket = |_| UdpSocket::bind("127.0.0.1:0").expect("a port");
    let target = Target {
        commands,
        address: call.driver.addresses()[0],
        sockets: (0..64).map(socket).collect(),
    };
    for attack in all(&guest_sdp()) {
        let (mut quiet, mut loud) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            quiet.append(&mut call.window());
            let over = AtomicBool::new(false);
            thread::scope(|scope| {
                scope.spawn(|| attack.run(&target, &over));
                loud.append(&mut call.window());
                over.store(true, Ordering::Relaxed);
            });
            (0..GUESTS).for_each(|guest| target.command(close(guest)));
            call.window();
        }
        print(attack.name, &mut quiet, &mut loud);
    }
}

/// Transports of the attacker's at once.
const GUESTS: usize = 50;

fn close(guest: usize) -> Command {
    Command::Close {
        transport: guest_id(guest).transport,
    }
}

impl Attack {
    fn run(&self, target: &Target, over: &AtomicBool) {
        let begin = Instant::now();
        for number in 0.. {
            while begin.elapsed() < Duration::from_secs(1) * number / self.rate {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                thread::sleep(Duration::from_micros(200));
            }
            if over.load(Ordering::Relaxed) {
                return;
            }
            (self.act)(target, number as usize);
        }
    }
}

fn all(sdp: &str) -> Vec<Attack> {
    let attack = |name, rate, act| Attack { name, rate, act };
    let [head, audio, ..] = sdp.split("m=").collect::<Vec<_>>()[..] else {
        panic!("{sdp}");
    };
    let longest = format!("{head}{}", short_lines());
    let most = many(head, audio, 110);
    let (again, usual, watcher) = (most.clone(), sdp.to_owned(), sdp.to_owned());
    let reloaded = most.clone();
    let binding = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[9; 12]].concat();
    let named = [
        &[0, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42][..],
        &[9; 12],
        b"\0\x06\0\x05ab:cd\0\0\0",
    ]
    .concat();
    let hello = [&[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 1, 4, 0, 1][..], &[0; 1_023]].concat();
    let media = [&[0x90, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1][..], &[0; 1_000]].concat();
    let feedback = [&[0x81, 206, 0, 2][..], &[1; 8]].concat();
    let packets = |name, packet: Vec<u8>| {
        attack(
            name,
            2_000,
            Box::new(move |target: &Target, n| target.flood(n, &packet)),
        )
    };
    vec![
        attack("nothing", 1, Box::new(|_, _| {})),
        attack(
            "8,200 m-lines",
            200,
            Box::new(move |target, _| target.offer(0, &longest)),
        ),
        attack("110 m-lines", 100, Box::new(move |target, _| target.offer(0, &most))),
        attack(
            "110 m-lines, 50 guests",
            100,
            Box::new(move |target, n| target.offer(n % GUESTS, &again)),
        ),
        attack(
            "pages loaded again, 50 guests",
            100,
            Box::new(move |target, n| {
                let fingerprint = format!("a=fingerprint:sha-256 {:02X}", n / GUESTS % 256);
                let begin = reloaded.find("a=fingerprint:").unwrap_or_default();
                let mut sdp = reloaded.clone();
                sdp.replace_range(begin..begin + fingerprint.len(), &fingerprint);
                target.offer(n % GUESTS, &sdp);
            }),
        ),
        attack(
            "join and leave",
            200,
            Box::new(move |target, n| {
                target.offer(n % GUESTS, &usual);
                target.command(close(n % GUESTS));
            }),
        ),
        attack(
            "views",
            2_000,
            Box::new(move |target, n| match n {
                0 => target.offer(0, &watcher),
                _ => target.command(view(n)),
            }),
        ),
        packets("STUN", binding),
        packets("STUN, unknown ufrag", named),
        packets("DTLS", hello),
        packets("RTP", media),
        packets("RTCP", feedback),
    ]
}

/// An SDP with so many m-lines, or as many as fit, all of them bundled.
fn many(head: &str, section: &str, count: usize) -> String {
    let section = |n: usize| {
        let section = section.replace("a=mid:", &format!("a=mid:{n}x"));
        format!("m={}", section.replace("a=ssrc", "a=x"))
    };
    let name = |section: &str| {
        let mid = section.split_once("a=mid:").and_then(|(_, rest)| rest.lines().next());
        format!(" {}", mid.unwrap_or_default())
    };
    let most = (LONGEST_SDP - head.len()) / (section(count).len() + name(&section(count)).len());
    let sections: Vec<String> = (0..count.min(most)).map(section).collect();
    let mids: String = sections.iter().map(|section| name(section)).collect();
    let group = head
        .lines()
        .find(|line| line.starts_with("a=group:"))
        .unwrap_or_default();
    head.replace(group, &format!("a=group:BUNDLE{mids}")) + &sections.concat()
}

/// m-lines as short as they can be.
fn short_lines() -> String {
    (0..8_200).map(|n| format!("m=audio 9 X 0\r\na={n}\r\n")).collect()
}

fn view(number: usize) -> Command {
    Command::View {
        transport: guest_id(0).transport,
        videos: vec![
            sfu::WantedVideo {
                user: (*format!("sfu_{}", number % 4)).into(),
                source: sfu::Source::Camera,
                max_height: None,
            };
            100
        ],
    }
}

/// What a guest offers who publishes nothing and watches three.
pub(crate) fn guest_sdp() -> String {
    let mut client = Client::new("bench", "guest".to_owned(), 30, 4, true, Instant::now());
    match client.offer(false, 3, 3) {
        Command::Offer { sdp, .. } => sdp,
        other => panic!("{other:?}"),
    }
}

/// Four people who send and watch.
struct Call {
    driver: Driver,
    /// What the attacker asks of the driver.
    attackers: Receiver<Command>,
    clients: Vec<Client>,
}

impl Call {
    /// All are connected.
    fn of_four(driver: Driver, attackers: Receiver<Command>) -> Self {
        let now = Instant::now();
        let names: Vec<String> = (0..4).map(|n| format!("sfu_{n}")).collect();
        let mut call = Call {
            driver,
            attackers,
            clients: Vec::new(),
        };
        for name in &names {
            let mut client = Client::new("bench", name.clone(), 30, 4, true, now);
            for command in [client.offer(true, 3, 3), client.view(&names)] {
                call.driver.command(command).expect("space in the queue");
            }
            call.clients.push(client);
        }
        while !call.clients.iter().all(|client| client.connected) {
            assert!(now.elapsed() < SETUP, "the clients did not connect");
            call.turn();
        }
        call.clients.iter_mut().for_each(|client| client.start(now));
        call.window();
        call
    }

    /// How long each packet took in one window.
    fn window(&mut self) -> Vec<Duration> {
        let begin = Instant::now();
        while begin.elapsed() < WINDOW {
            self.turn();
        }
        let delays = self.clients.iter_mut().flat_map(|client| client.delays.drain(..));
        delays.collect()
    }

    fn turn(&mut self) {
        for command in self.attackers.try_iter() {
            // A full queue is the attacker's own loss.
            let _ = self.driver.command(command);
        }
        // What guests are told is nobody's concern.
        for event in self.driver.drain(1_024) {
            if let Event::Core(sfu::Event {
                to: Recipient::Peer(peer),
                body: Body::Answer { sdp },
            }) = event
                && let Some(client) = self.clients.iter_mut().find(|client| peer.transport == *client.name)
            {
                client.answered(&sdp);
            }
        }
        let clients = self.clients.iter_mut();
        if !clients.fold(false, |busy, client| client.turn(Instant::now()) | busy) {
            thread::sleep(Duration::from_micros(200));
        }
    }
}

fn print(name: &str, quiet: &mut [Duration], loud: &mut [Duration]) {
    quiet.sort_unstable();
    loud.sort_unstable();
    let at = |sorted: &[Duration], of_1000: usize| sorted[(sorted.len() - 1) * of_1000 / 1_000].as_secs_f64() * 1e3;
    println!(
        "{{\"attack\": \"{name}\", \"packets\": [{}, {}], \"p50\": [{:.3}, {:.3}], \"p99\": [{:.3}, {:.3}], \
         \"max\": [{:.3}, {:.3}]}}",
        quiet.len(),
        loud.len(),
        at(quiet, 500),
        at(loud, 500),
        at(quiet, 990),
        at(loud, 990),
        at(quiet, 1_000),
        at(loud, 1_000),
    );
}
