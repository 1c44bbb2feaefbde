//! People come and go all day.

use std::time::Duration;

use str0m::media::MediaKind::{Audio, Video};

use crate::support::World;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_thousand_joins_and_leaves_leave_the_sdp_no_larger() {
    let mut world = World::new(10);
    let stays = world.join("ana");
    world.run_until(5 * SECOND, "connected", |world| world.clients[stays].connected);
    world.clients[stays].sends = false;
    let mut largest_early = 0;
    let mut largest = 0;
    for round in 0..1_000 {
        let guest = world.join(&format!("guest{round:04}"));
        // It need not connect to be offered to others.
        world.clients[guest].cut = true;
        world.run(Duration::from_millis(120));
        world.leave(guest);
        world.run(Duration::from_millis(80));
        // What is gone needs no more time of the simulation.
        assert_eq!(world.clients.pop().map(|client| client.index), Some(guest));
        let size = world.clients[stays].last_offer.len();
        if round < 10 {
            largest_early = largest_early.max(size);
        }
        largest = largest.max(size);
    }
    let lines = world.clients[stays].last_offer.matches("m=").count();
    println!(
        "{} offers, the largest of {largest} bytes, {lines} m-lines",
        world.clients[stays].offers
    );
    assert_eq!(lines, 4, "two of its own, two for a guest");
    // A mid or an ICE credential may be of other length.
    assert!(
        largest <= largest_early + 50,
        "grew from {largest_early} to {largest} bytes"
    );
    // And it still works.
    world.clients[stays].sends = true;
    let guest = world.join("last");
    world.run_until(5 * SECOND, "media both ways", |world| {
        world.clients[guest].got_from(Video, stays) > 0
            && world.clients[stays].got_from(Video, guest) > 0
            && world.clients[stays].got_from(Audio, guest) > 0
    });
    assert_eq!(world.shard.stats().peers, 2);
    assert!(world.refusals().is_empty());
}

#[test]
fn many_who_join_at_once_are_few_negotiations() {
    let mut world = World::new(11);
    let stays = world.join("ana");
    world.run_until(5 * SECOND, "connected", |world| world.clients[stays].connected);
    let guests: Vec<usize> = (0..20).map(|index| world.join(&format!("guest{index}"))).collect();
    world.run_until(10 * SECOND, "media of all", |world| {
        guests
            .iter()
            .all(|guest| world.clients[stays].got_from(Video, *guest) > 0)
    });
    assert!(
        world.clients[stays].offers <= 3,
        "{} offers",
        world.clients[stays].offers
    );
    println!(
        "an offer of 20 others has {} bytes",
        world.clients[stays].last_offer.len()
    );
}

#[test]
fn a_reused_m_line_has_the_msid_of_its_new_user() {
    let mut world = World::new(12);
    let stays = world.join("ana");
    let first = world.join("ben");
    world.run(3 * SECOND);
    world.leave(first);
    world.run(SECOND);
    assert!(
        !world.clients[stays].last_offer.contains("a=msid:ben"),
        "what is inactive has no msid"
    );
    let second = world.join("cyn");
    world.run(3 * SECOND);
    assert!(world.clients[stays].last_offer.contains("a=msid:cyn camera"));
    assert!(world.clients[stays].got_from(Video, second) > 20);
    // The stream went on: SRTP's receivers and jitter buffers saw no jump.
    let video = world.clients[stays]
        .got
        .values()
        .find(|got| got.from.len() == 2 && !got.pictures.is_empty())
        .unwrap();
    assert_eq!(video.entered_without_keyframe, 0);
    assert!(
        video.sequences.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "gap in {:?}",
        video.sequences
    );
    assert!(
        video.pictures.windows(2).all(|pair| pair[1] == (pair[0] + 1) & 0x7fff),
        "{:?}",
        video.pictures
    );
}
