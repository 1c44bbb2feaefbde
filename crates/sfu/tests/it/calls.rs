//! Calls between clients on a simulated network.

use std::time::Duration;

use str0m::media::MediaKind::{Audio, Video};

use crate::support::World;
use crate::support::mail::sent;
use sfu::Source;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn two_plain_clients_hear_and_see_each_other() {
    let mut world = World::new(1);
    let a = world.join("ana");
    world.run(SECOND / 2);
    let b = world.join("ben");
    let time = world.run_until(5 * SECOND, "media both ways", |world| {
        [(a, b), (b, a)].iter().all(|(to, from)| {
            let client = &world.clients[*to];
            client.got_from(Audio, *from) > 20 && client.got_from(Video, *from) > 20
        })
    });
    println!("media both ways after {time:?}");
    assert!(world.refusals().is_empty(), "{:?}", world.refusals());
    for client in &world.clients {
        assert_eq!(client.offers, 1, "one offer carries both tracks");
        for got in client.got.values() {
            assert_eq!(got.entered_without_keyframe, 0);
        }
    }
    let stream = world.clients[a]
        .last_offer
        .lines()
        .filter(|line| line.starts_with("a=msid:"))
        .collect::<Vec<_>>();
    assert_eq!(stream, ["a=msid:ben microphone", "a=msid:ben camera"]);
}

#[test]
fn ten_percent_loss_is_repaired() {
    let mut world = World::new(2);
    let a = world.join("ana");
    let b = world.join("ben");
    world.run_until(10 * SECOND, "connected", |world| {
        world.clients[a].got_from(Video, b) > 0
    });
    world.loss = 0.1;
    world.run(2 * SECOND);
    world.clients[a].forget_got();
    world.run(20 * SECOND);
    // 25 pictures a second in two packets each.
    let video = world.clients[a].got_from(Video, b);
    assert!(video >= 950, "{video} of 1000 video packets");
    // Audio is not resent: two legs of 10 % leave 81 %.
    let audio = world.clients[a].got_from(Audio, b);
    assert!((700..=1000).contains(&audio), "{audio} of 1000 audio packets");
}

#[test]
fn what_is_muted_is_not_forwarded() {
    let mut world = World::new(3);
    let a = world.join("ana");
    let b = world.join("ben");
    world.run_until(5 * SECOND, "media", |world| world.clients[a].got_from(Video, b) > 0);
    world.state(b, Some(true), None);
    world.run(SECOND);
    world.clients[a].forget_got();
    world.run(SECOND);
    assert_eq!(world.clients[a].got_from(Audio, b), 0);
    assert!(
        world.clients[a].got_from(Video, b) > 0,
        "a camera nobody spoke of stays on"
    );
    world.state(b, Some(false), Some(false));
    world.run(SECOND);
    world.clients[a].forget_got();
    world.run(SECOND);
    assert!(world.clients[a].got_from(Audio, b) > 0);
    assert_eq!(world.clients[a].got_from(Video, b), 0);
    world.state(b, None, Some(true));
    world.run(SECOND);
    assert!(world.clients[a].got_from(Video, b) > 0);
    assert!(
        world.clients[a]
            .got
            .values()
            .all(|got| got.entered_without_keyframe == 0)
    );
    assert_eq!(world.clients[a].offers, 1, "muting is no negotiation");
}

#[test]
fn what_is_blocked_is_not_forwarded_whatever_its_client_says() {
    let mut world = World::new(31);
    let a = world.join("ana");
    let b = world.join("ben");
    world.run_until(5 * SECOND, "media", |world| world.clients[a].got_from(Video, b) > 0);
    world.block(b, &[Source::Camera, Source::Microphone]);
    world.state(b, Some(false), Some(true));
    world.run(SECOND);
    world.clients[a].forget_got();
    world.run(SECOND);
    assert_eq!(world.clients[a].got_from(Audio, b), 0);
    assert_eq!(world.clients[a].got_from(Video, b), 0);
    world.block(b, &[Source::Microphone]);
    world.run(SECOND);
    assert!(world.clients[a].got_from(Video, b) > 0, "the camera is free again");
    assert_eq!(world.clients[a].got_from(Audio, b), 0);
}

#[test]
fn users_do_not_hear_themselves() {
    let mut world = World::new(4);
    let old = world.join("ana");
    let new = world.join("ana");
    let b = world.join("ben");
    world.run(3 * SECOND);
    assert!(world.clients[new].got_from(Audio, b) > 0);
    assert_eq!(
        world.clients[new].got_from(Audio, old) + world.clients[old].got_from(Audio, new),
        0
    );
}

#[test]
fn keyframe_requests_are_throttled() {
    let mut world = World::new(5);
    let publisher = world.join("ana");
    let viewers: Vec<usize> = (0..3).map(|index| world.join(&format!("viewer{index}"))).collect();
    world.run(5 * SECOND);
    let before = world.clients[publisher].keyframe_requests;
    for _ in 0..100 {
        for viewer in &viewers {
            let mids: Vec<_> = world.clients[*viewer].got.keys().copied().collect();
            for mid in mids {
                world.clients[*viewer].ask_keyframe(mid);
            }
        }
        world.run(Duration::from_millis(50));
    }
    let asked = world.clients[publisher].keyframe_requests - before;
    assert!((8..=11).contains(&asked), "{asked} requests in 5 s");
}

#[test]
fn closing_a_peer_and_ending_a_room_are_told() {
    use sfu::{CloseReason, Command, RefusalCode, TransportState};
    let mut world = World::new(6);
    let a = world.join("ana");
    let b = world.join("ben");
    let c = world.join("cyn");
    world.run(3 * SECOND);
    assert_eq!(world.states_of(a), [TransportState::Connected]);
    world.leave(a);
    world.run(SECOND);
    assert_eq!(world.states_of(a)[1], TransportState::Closed(CloseReason::Command));
    assert_eq!(world.shard.stats().peers, 2);
    assert!(!world.clients[a].rtc.is_alive() || world.clients[a].gone);
    world.command(Command::End {
        room: crate::support::ROOM.into(),
    });
    world.run(SECOND);
    for client in [b, c] {
        assert_eq!(world.states_of(client)[1], TransportState::Closed(CloseReason::Command));
        assert!(!world.clients[client].rtc.is_alive(), "the session said goodbye");
    }
    let stats = world.shard.stats();
    assert_eq!((stats.peers, stats.rooms, stats.tracks), (0, 0, 0));
    let transport = world.clients[a].transport.as_str().into();
    let view = Command::View {
        transport,
        videos: vec![],
    };
    let refusal = world.execute(view).unwrap_err();
    assert_eq!((refusal.code, refusal.to), (RefusalCode::NotFound, None));
}

#[test]
fn at_its_end_a_client_is_told_first_that_its_streams_end() {
    let mut world = World::new(8);
    let a = world.join("ana");
    let b = world.add("ben", false);
    world.clients[b].takes_reduced_rtcp = &["audio", "video"];
    world.clients[b].add_track(Audio);
    world.clients[b].add_track(Video);
    world.offer(b);
    world.run_until(3 * SECOND, "media", |world| world.clients[b].got_from(Video, a) > 20);
    let transport = world.clients[b].transport.as_str().into();
    world.execute(sfu::Command::Close { transport }).unwrap();
    let client = &world.clients[b];
    let letters = sent(&mut world.shard, world.now);
    let last = letters.iter().filter(|letter| letter.destination == client.address);
    let last: Vec<&[u8]> = last.map(|letter| &*letter.contents).collect();
    // What is in front of what is encrypted: two SSRCs end, of which the first is in the clear.
    const BYE: u8 = 203;
    assert_eq!(last[0][..4], [0x82, BYE, 0, 2]);
    let ssrc = u32::from_be_bytes(last[0][4..8].try_into().unwrap());
    assert!(client.last_offer.contains(&format!("a=ssrc:{ssrc} cname:")));
    assert!((20..64).contains(&last[1][0]), "DTLS closes behind it");
    assert_eq!(last.len(), 2);
}

#[test]
fn active_speakers_are_told() {
    use sfu::{Body, Recipient};
    let mut world = World::new(7);
    let a = world.join("ana");
    let b = world.join("ben");
    world.clients[a].level = -127;
    world.clients[b].level = -127;
    world.run(3 * SECOND);
    let speakers = |world: &World| -> Vec<Vec<sfu::UserId>> {
        let told = world.events.iter().filter_map(|event| match &event.body {
            Body::ActiveSpeakers(users) => Some((event.to.clone(), users.clone())),
            _ => None,
        });
        let room = Recipient::Room(crate::support::ROOM.into());
        told.inspect(|(to, _)| assert_eq!(*to, room))
            .map(|(_, users)| users)
            .collect()
    };
    assert_eq!(speakers(&world), Vec::<Vec<sfu::UserId>>::new());
    world.clients[b].level = -30;
    world.run(2 * SECOND);
    world.clients[b].level = -127;
    world.run(3 * SECOND);
    assert_eq!(speakers(&world), [vec![sfu::UserId::from("ben")], vec![]]);
}

#[test]
fn what_is_forwarded_in_a_room_is_told_when_it_is_asked_for() {
    use sfu::{Body, Command, Recipient};
    let mut world = World::new(32);
    for name in ["ana", "ben", "cyn"] {
        world.join(name);
    }
    world.run(3 * SECOND);
    let told = |world: &World| -> Vec<u64> {
        let told = world.events.iter().filter_map(|event| match (&event.to, &event.body) {
            (Recipient::Room(room), Body::Forwarded(packets)) if *room == *crate::support::ROOM => Some(*packets),
            _ => None,
        });
        told.collect()
    };
    assert_eq!(told(&world), []);
    let work = |world: &World| world.shard.stats().rtp_in + world.shard.stats().rtp_forwarded;
    world.command(Command::Weigh);
    let before = work(&world);
    world.run(SECOND);
    world.command(Command::Weigh);
    let after = work(&world);
    world.run(SECOND / 10);
    let told = told(&world);
    assert!(told.len() == 2 && told[1] - told[0] > 600, "{told:?}");
    assert_eq!(told[1] - told[0], after - before);
}

#[test]
fn a_burst_to_many_is_not_dropped() {
    let mut config = crate::support::config();
    config.limits.transmits = 128;
    let mut world = World::with(config, 8);
    let a = world.join("ana");
    let viewers: Vec<usize> = (0..60)
        .map(|index| {
            let viewer = world.add(&format!("viewer{index}"), false);
            world.clients[viewer].add_slots(1, 1);
            world.offer(viewer);
            // Their ICE checks come one after the other.
            world.step();
            viewer
        })
        .collect();
    world.run_until(5 * SECOND, "media", |world| {
        viewers
            .iter()
            .all(|viewer| world.clients[*viewer].got_from(Video, a) > 0)
    });
    // Three packets of Ana's in one step are more than the queue holds for all.
    world.run(2 * SECOND);
    assert_eq!(world.shard.stats().transmits_dropped, 0);
}
