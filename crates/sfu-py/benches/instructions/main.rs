//! What a shard does for a packet and for an idle session, to be counted by callgrind: `bench/instructions` runs it.
//!
//! Only what runs inside of [`counted`] is meant: not the clients, which run here too. `inbound` is one client that sends to
//! nobody; `forward N` one that sends to N others, which send feedback as they do; `idle N` is N clients that send nothing.
//! It prints how often what is meant was done.

#[path = "../../../sfu/tests/it/support/mod.rs"]
mod support;

use std::time::Duration;

use str0m::media::MediaKind::{Audio, Video};

use support::World;
use support::mail::sent;

/// How long clients have until they are connected and everything flows.
const SETUP: Duration = Duration::from_secs(4);
/// How long it goes on while it is counted.
const COUNTED: Duration = Duration::from_secs(10);

/// What of the work is counted, by this function's name.
#[inline(never)]
fn counted<T>(act: impl FnOnce() -> T) -> T {
    // A call in tail position would leave no frame of this function.
    std::hint::black_box(act())
}

/// Goes on by a step. Packets arrive at once.
fn step(world: &mut World) {
    world.now += world.step;
    let now = world.now;
    for client in &mut world.clients {
        client.tick(now);
        for (transport, _, packet) in client.take_packets() {
            let from = client.address;
            counted(|| world.shard.receive(now, transport, from, &packet));
        }
    }
    if world.shard.next_timeout().is_some_and(|at| at <= now) {
        counted(|| world.shard.handle_timeout(now));
    }
    for letter in counted(|| sent(&mut world.shard, now)) {
        let mut clients = world.clients.iter_mut();
        if let Some(client) = clients.find(|client| client.address == letter.destination) {
            client.receive(now, letter.transport, support::server_udp(), &letter.contents);
        }
    }
    while counted(|| world.shard.poll_event()).is_some() {}
}

/// One who sends sound and pictures, and others who are sent them.
fn talk(watchers: usize) -> World {
    let mut world = World::new(1);
    let speaker = world.add("speaker", true);
    world.clients[speaker].add_track(Audio);
    world.clients[speaker].add_track(Video);
    world.clients[speaker].video_bytes = 1_100;
    world.offer(speaker);
    for number in 0..watchers {
        let watcher = world.add(&format!("watcher {number}"), true);
        world.clients[watcher].add_slots(1, 1);
        world.offer(watcher);
    }
    world
}

/// Those who have a slot each, in which nothing comes.
fn silence(people: usize) -> World {
    let mut world = talk(people);
    world.clients[0].sends = false;
    world
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let number = |word: &String| word.parse().expect("a number");
    let (mut world, is_idle) = match &arguments[..] {
        [word] if word == "inbound" => (talk(0), false),
        [word, people] if word == "forward" => (talk(number(people)), false),
        [word, people] if word == "idle" => (silence(number(people)), true),
        _ => panic!("unknown: {arguments:?}"),
    };
    world.run(SETUP);
    assert!(world.clients.iter().all(|client| client.connected));
    let before = world.shard.stats();
    let end = world.now + COUNTED;
    while world.now < end {
        step(&mut world);
    }
    let after = world.shard.stats();
    let times = match (is_idle, world.clients.len()) {
        (true, people) => COUNTED.as_secs() * people as u64,
        (false, 1) => after.rtp_in - before.rtp_in,
        _ => after.rtp_forwarded - before.rtp_forwarded,
    };
    println!("{times}");
}
