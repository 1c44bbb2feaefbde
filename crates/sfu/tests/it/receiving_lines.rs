//! Who is sent what on the m-lines that a client offered to receive on, or sends on itself.

use std::time::Duration;

use str0m::media::MediaKind::{Audio, Video};
use str0m::media::Mid;

use crate::support::World;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_recvonly_client_is_sent_tracks_on_its_own_m_lines() {
    let mut world = World::new(20);
    let a = world.join("ana");
    world.run(2 * SECOND);
    let b = world.add("ben", false);
    world.clients[b].add_slots(1, 1);
    world.offer(b);
    world.run_until(5 * SECOND, "media", |world| {
        world.clients[b].got_from(Video, a) > 0 && world.clients[b].got_from(Audio, a) > 0
    });
    assert_eq!(world.clients[b].offers, 0);
    assert!(world.clients[b].last_answer.contains("a=msid:ana camera"));
    let c = world.join("cyn");
    world.run_until(5 * SECOND, "media of the next", |world| {
        world.clients[b].got_from(Video, c) > 0
    });
    world.leave(a);
    world.run(SECOND);
    let d = world.join("dan");
    world.run_until(5 * SECOND, "media on the freed lines", |world| {
        world.clients[b].got_from(Video, d) > 0
    });
    assert_eq!(world.clients[b].last_offer.matches("m=").count(), 4);
}

/// Such clients can be offered no m-lines (RFC 9143): each could have a transport of its own.
#[test]
fn a_client_that_bundles_nothing_is_sent_tracks_where_it_sends_its_own() {
    let mut world = World::new(520);
    let join = |world: &mut World, name: &str| {
        let index = world.add(name, false);
        world.clients[index].bundles = false;
        world.clients[index].add_track(Audio);
        world.clients[index].add_track(Video);
        world.offer(index);
        world.run(2 * SECOND);
        index
    };
    let (a, b) = (join(&mut world, "ana"), join(&mut world, "ben"));
    let directions = |sdp: &str| ["sendrecv", "recvonly"].map(|one| sdp.matches(&format!("a={one}\r\n")).count());
    assert_eq!(directions(&world.clients[a].last_answer), [0, 2]);
    assert_eq!(directions(&world.clients[b].last_answer), [2, 0]);
    assert!(world.clients[b].last_answer.contains("a=msid:ana camera"));
    let (offers, offer) = (world.clients[a].offers, world.clients[a].last_offer.clone());
    assert_eq!(
        (offers, directions(&offer), offer.matches("m=").count()),
        (1, [2, 0], 2)
    );
    assert!(
        offer.contains("a=msid:ben camera") && !offer.contains("a=group"),
        "{offer}"
    );
    for client in &mut world.clients {
        client.forget_got();
    }
    world.run(SECOND);
    for (to, from) in [(a, b), (b, a)] {
        let (heard, seen) = (
            world.clients[to].got_from(Audio, from),
            world.clients[to].got_from(Video, from),
        );
        assert!(heard > 45 && seen > 45, "{heard} {seen}");
    }
    // There is no m-line for more. Where somebody leaves, the next one is sent.
    let c = join(&mut world, "cyn");
    assert_eq!(world.clients[a].got_from(Video, c), 0);
    world.leave(b);
    world.run_until(5 * SECOND, "media of the next", |world| {
        world.clients[a].got_from(Video, c) > 20 && world.clients[c].got_from(Video, a) > 20
    });
    world.leave(c);
    world.run(SECOND);
    assert_eq!(directions(&world.clients[a].last_offer), [0, 2], "Ana is still heard");
    assert!(world.refusals().is_empty(), "{:?}", world.refusals());
}

#[test]
fn a_recvonly_client_that_comes_first_gets_the_first_tracks() {
    let mut world = World::new(21);
    let b = world.add("ben", false);
    world.clients[b].add_slots(1, 1);
    world.offer(b);
    world.run(SECOND);
    assert_eq!(world.clients[b].last_answer.matches("a=inactive").count(), 2);
    let a = world.join("ana");
    world.run_until(5 * SECOND, "media", |world| world.clients[b].got_from(Video, a) > 0);
    assert_eq!(
        world.clients[b].last_offer.matches("m=").count(),
        2,
        "its own lines are used"
    );
    assert!(
        world.clients[b].last_offer.contains("a=ssrc-group:FID"),
        "resends are announced"
    );
}

/// What an SDP says of an m-line.
fn section(sdp: &str, mid: Mid) -> &str {
    let of_mid = |section: &&str| section.contains(&format!("a=mid:{mid}\r\n"));
    sdp.split("m=").find(of_mid).unwrap()
}

#[test]
fn a_track_added_on_a_recvonly_m_line_is_seen_and_its_client_still_sees() {
    let mut world = World::new(33);
    let a = world.join("ana");
    world.run(2 * SECOND);
    let b = world.add("ben", false);
    world.clients[b].add_slots(1, 1);
    world.offer(b);
    world.run_until(5 * SECOND, "media", |world| world.clients[b].got_from(Video, a) > 0);
    let mid = *world.clients[b]
        .kinds
        .iter()
        .find(|(_, kind)| **kind == Video)
        .unwrap()
        .0;
    world.clients[b].send_on(mid);
    world.clients[b].forget_got();
    world.offer(b);
    world.run_until(5 * SECOND, "media both ways", |world| {
        world.clients[a].got_from(Video, b) > 20 && world.clients[b].got_from(Video, a) > 20
    });
    let answered = section(&world.clients[b].last_answer, mid);
    assert!(
        answered.contains("a=recvonly") && !answered.contains("a=msid"),
        "{answered}"
    );
    let offered = &world.clients[b].last_offer;
    assert_eq!(offered.matches("m=").count(), 3);
    assert!(section(offered, mid).contains("a=recvonly"), "{offered}");
    assert!(!world.clients[b].got.contains_key(&mid));

    world.clients[b].only_receive_on(mid);
    world.offer(b);
    let c = world.join("cyn");
    world.run_until(5 * SECOND, "media on the line that is free again", |world| {
        world.clients[b]
            .got
            .get(&mid)
            .is_some_and(|got| got.from.contains_key(&(c as u8)))
    });
    assert_eq!(world.clients[b].got[&mid].entered_without_keyframe, 0);
    assert!(world.refusals().is_empty(), "{:?}", world.refusals());
}

#[test]
fn an_answer_has_no_track_on_the_clients_own_m_lines() {
    let mut world = World::new(22);
    let a = world.join("ana");
    world.run(SECOND);
    let answer = &world.clients[a].last_answer;
    assert_eq!(
        (answer.matches("a=recvonly").count(), answer.matches("a=msid:").count()),
        (2, 0)
    );
    assert!(
        answer.contains(" udp ") && answer.contains("tcptype passive"),
        "{answer}"
    );
    assert!(answer.contains("a=ice-lite") && answer.contains("a=end-of-candidates"));
    for codec in [
        "opus/48000/2",
        "VP8/90000",
        "VP9/90000",
        "H264/90000",
        "AV1/90000",
        "rtx/90000",
    ] {
        assert!(answer.contains(codec), "{codec}");
    }
    assert!(answer.find("VP8/90000") < answer.find("H264/90000"));
}
