//! Clients with slots: who is in which changes by message, not by SDP.

use std::time::Duration;

use sfu::Source::{Camera, Screen, ScreenAudio};
use sfu::{Body, Command, Event, SlotAssignment};
use str0m::media::MediaKind::{Audio, Video};

use crate::support::{ROOM, World};

const SECOND: Duration = Duration::from_secs(1);

fn quiet(world: &mut World) {
    for client in &mut world.clients {
        client.level = -127;
    }
}

#[test]
fn with_enough_slots_everyone_is_heard_and_seen() {
    let mut world = World::new(50);
    let people: Vec<usize> = ["ana", "ben", "cyn"]
        .iter()
        .map(|name| world.join_with_slots(name, 3, 4))
        .collect();
    quiet(&mut world);
    world.run_until(10 * SECOND, "all media", |world| {
        people.iter().all(|to| {
            people.iter().filter(|from| *from != to).all(|from| {
                world.clients[*to].got_from(Audio, *from) > 0 && world.clients[*to].got_from(Video, *from) > 0
            })
        })
    });
    assert_eq!(world.users_in_slots(0, Audio), ["ben", "cyn"]);
    assert_eq!(world.users_in_slots(0, Video), ["ben", "cyn"]);
    assert_eq!(world.slots_of(0).len(), 7);
    assert!(world.clients.iter().all(|client| client.offers == 0));
}

#[test]
fn the_loudest_are_heard_and_do_not_flap() {
    let mut world = World::new(51);
    let listener = world.join_with_slots("listener", 2, 2);
    let people: Vec<usize> = (0..5).map(|index| world.join(&format!("p{index}"))).collect();
    quiet(&mut world);
    world.run(3 * SECOND);
    for speaker in [people[4], people[2]] {
        quiet(&mut world);
        world.clients[speaker].level = -25;
        world.run(2 * SECOND);
        let name = world.clients[speaker].user.clone();
        assert!(
            world.users_in_slots(listener, Audio).contains(&name),
            "{name}: {:?}",
            world.slots_of(listener)
        );
        assert!(world.users_in_slots(listener, Video).contains(&name));
    }
    assert_eq!(world.users_in_slots(listener, Audio), ["p2", "p4"]);
    let told = world.clients[listener].slots_told.len();
    world.clients[people[4]].level = -27;
    for _ in 0..10 {
        world.run(SECOND);
        world.clients[people[0]].level = if world.clients[people[0]].level == -28 {
            -60
        } else {
            -28
        };
    }
    let changes = world.clients[listener].slots_told.len() - told;
    assert!(changes <= 2, "{changes} changes while three speak alike");
    for got in world.clients[listener].got.values() {
        assert_eq!(got.entered_without_keyframe, 0);
        assert!(
            got.sequences.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "no gap at a change"
        );
        assert!(got.pictures.windows(2).all(|pair| pair[1] == (pair[0] + 1) & 0x7fff));
    }
}

#[test]
fn the_view_decides_which_videos() {
    let mut world = World::new(52);
    let viewer = world.join_with_slots("viewer", 1, 2);
    for name in ["ana", "ben", "cyn"] {
        world.join(name);
    }
    quiet(&mut world);
    world.run(3 * SECOND);
    assert_eq!(world.users_in_slots(viewer, Video).len(), 2);
    world.view(viewer, &[("cyn", Camera), ("nobody", Camera), ("ana", Screen)]);
    world.run(2 * SECOND);
    assert_eq!(
        world.users_in_slots(viewer, Video),
        ["cyn"],
        "what is not viewed is not sent"
    );
    world.clients[viewer].forget_got();
    world.run(SECOND);
    assert!(world.clients[viewer].got_from(Video, 3) > 0);
    assert_eq!(
        world.clients[viewer].got_from(Video, 1) + world.clients[viewer].got_from(Video, 2),
        0
    );
    world.view(viewer, &[("ben", Camera), ("cyn", Camera), ("cyn", Camera)]);
    world.run(SECOND);
    assert_eq!(world.users_in_slots(viewer, Video), ["ben", "cyn"]);
    world.view(viewer, &[]);
    world.run(SECOND);
    assert_eq!(world.users_in_slots(viewer, Video).len(), 2);
}

#[test]
fn the_muted_leave_their_slots() {
    let mut world = World::new(53);
    let a = world.join_with_slots("ana", 2, 2);
    let b = world.join_with_slots("ben", 2, 2);
    world.run(3 * SECOND);
    assert_eq!(
        (world.users_in_slots(a, Audio), world.users_in_slots(a, Video)),
        (vec!["ben".into()], vec!["ben".into()])
    );
    world.state(b, Some(true), Some(false));
    world.run(SECOND);
    assert!(world.users_in_slots(a, Audio).is_empty() && world.users_in_slots(a, Video).is_empty());
    world.clients[a].forget_got();
    world.run(SECOND);
    assert!(world.clients[a].got.is_empty());
    world.state(b, Some(false), Some(true));
    world.run_until(2 * SECOND, "media again", |world| {
        world.clients[a].got_from(Video, b) > 0
    });
    assert_eq!(world.users_in_slots(a, Audio), ["ben"]);
    world.leave(b);
    world.run(SECOND);
    assert!(world.users_in_slots(a, Audio).is_empty());
}

#[test]
fn a_screen_and_more_slots_can_be_added() {
    let mut world = World::new(54);
    let a = world.join_with_slots("ana", 1, 1);
    let b = world.join_with_slots("ben", 1, 1);
    let c = world.join("cyn");
    world.run(3 * SECOND);
    world.clients[b].add_track(Video);
    world.offer(b);
    world.run(SECOND);
    let shown = world
        .slots_of(a)
        .into_iter()
        .filter(|slot| slot.kind == Video)
        .filter_map(|slot| slot.track)
        .collect::<Vec<_>>();
    assert_eq!(shown, [("ben".into(), Screen)], "a screen goes first");
    world.clients[a].add_slots(2, 3);
    world.offer(a);
    world.run_until(5 * SECOND, "all media", |world| {
        world.clients[a].got_from(Video, c) > 0
            && world.clients[a].got_from(Audio, c) > 0
            && world.clients[a].got_from(Audio, b) > 0
    });
    assert_eq!(world.slots_of(a).len(), 7);
    assert_eq!(world.users_in_slots(a, Video), ["ben", "ben", "cyn"]);
    assert!(world.refusals().is_empty());
    // And with a restart of ICE.
    world.clients[a].restart_ice();
    world.clients[a].forget_got();
    world.offer(a);
    world.run_until(2 * SECOND, "media after a restart", |world| {
        world.clients[a].got_from(Video, c) > 0
    });
}

#[test]
fn plain_clients_and_clients_with_slots_meet() {
    let mut world = World::new(55);
    let a = world.join_with_slots("ana", 4, 4);
    let b = world.join("ben");
    world.run_until(5 * SECOND, "media both ways", |world| {
        world.clients[a].got_from(Video, b) > 0 && world.clients[b].got_from(Video, a) > 0
    });
    assert_eq!((world.clients[a].offers, world.clients[b].offers), (0, 1));
}

#[test]
fn at_the_end_of_a_room_peers_are_told_only_that() {
    let mut world = World::new(57);
    for name in ["ana", "ben", "cyn", "dan"] {
        world.join_with_slots(name, 3, 4);
    }
    world.run(3 * SECOND);
    while world.shard.poll_event().is_some() {}
    world.execute(Command::End { room: ROOM.into() }).unwrap();
    let told: Vec<Event> = std::iter::from_fn(|| world.shard.poll_event()).collect();
    let is_end = |event: &Event| matches!(event.body, Body::TransportState(_));
    assert!(told.len() == 4 && told.iter().all(is_end), "{told:?}");
    let stats = world.shard.stats();
    assert_eq!((stats.peers, stats.rooms, stats.tracks), (0, 0, 0));
    // The room may begin again.
    let again = world.join_with_slots("eve", 3, 4);
    world.run_until(5 * SECOND, "connected", |world| world.clients[again].connected);
}

#[test]
fn a_screen_and_its_sound_come_by_slots_of_one_stream() {
    let mut world = World::new(57);
    let viewer = world.join_with_slots("viewer", 3, 3);
    let ana = world.join("ana");
    world.join("ben");
    world.run(3 * SECOND);
    world.clients[ana].add_track(Audio);
    world.clients[ana].add_track(Video);
    world.offer(ana);
    let is_shared = |slot: &SlotAssignment| matches!(slot.track, Some((_, Screen | ScreenAudio)));
    let shared =
        |world: &World| -> Vec<SlotAssignment> { world.slots_of(viewer).into_iter().filter(is_shared).collect() };
    world.run_until(5 * SECOND, "the screen and its sound", |world| shared(world).len() == 2);
    let answer = &world.clients[viewer].last_answer;
    let stream_of = |mid: &str| {
        let section = answer
            .split("\r\nm=")
            .find(|section| section.contains(&format!("\r\na=mid:{mid}\r\n")))?;
        section.split_once("\r\na=msid:")?.1.split(' ').next()
    };
    let streams: Vec<_> = shared(&world)
        .iter()
        .map(|slot| stream_of(&slot.mid).unwrap())
        .collect();
    assert_eq!(streams, ["shared", "shared"]);
    let all: Vec<_> = world
        .slots_of(viewer)
        .iter()
        .map(|slot| stream_of(&slot.mid).unwrap())
        .collect();
    assert_eq!(all.iter().filter(|stream| **stream == "shared").count(), 2, "{all:?}");
}
