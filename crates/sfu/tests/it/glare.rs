//! The server and a client offer at the same time.

use std::time::Duration;

use str0m::media::MediaKind::Video;

use crate::support::World;
use crate::support::client::Got;

const SECOND: Duration = Duration::from_secs(1);

/// Ben's coming makes the server offer to Ana, just when she offers a screen.
fn glare(seed: u64, polite: bool) -> (World, Duration) {
    let mut world = World::new(seed);
    let a = world.join("ana");
    world.clients[a].polite = polite;
    world.run(2 * SECOND);
    let b = world.join("ben");
    world.run_until(SECOND, "ben is there", |world| world.shard.stats().peers == 2);
    world.run(Duration::from_millis(15));
    world.clients[a].add_track(Video);
    world.offer(a);
    let time = world.run_until(5 * SECOND, "all media", |world| {
        let of_ana = |got: &&Got| got.from.contains_key(&(a as u8));
        world.clients[a].got_from(Video, b) > 0 && world.clients[b].got.values().filter(of_ana).count() == 3
    });
    assert_eq!(world.clients[a].glares, 1, "the test did not cause glare");
    assert!(world.refusals().is_empty(), "{:?}", world.refusals());
    assert!(world.clients[b].last_offer.contains("a=msid:ana/screen screen"));
    (world, time)
}

#[test]
fn glare_with_a_polite_client_ends_well() {
    let (mut world, time) = glare(23, true);
    assert!(time < SECOND, "{time:?}");
    assert_eq!((world.clients[0].offers, world.clients[0].answers), (1, 2));
    let c = world.join("cyn");
    world.run_until(5 * SECOND, "negotiation goes on", |world| {
        world.clients[0].got_from(Video, c) > 0
    });
}

#[test]
fn glare_with_a_client_that_insists_ends_well() {
    let (world, _) = glare(34, false);
    assert_eq!((world.clients[0].offers, world.clients[0].answers), (2, 2));
}

#[test]
fn an_offer_that_is_repeated_in_glare_is_answered_two_seconds_after_the_first() {
    let mut world = World::new(98);
    let a = world.join("ana");
    world.run(2 * SECOND);
    world.clients[a].silent = true;
    world.join("ben");
    world.run_until(5 * SECOND, "an offer to ana", |world| world.clients[a].offers > 0);
    world.clients[a].add_track(Video);
    let (sdp, begin) = (world.clients[a].offer(), world.now);
    while world.clients[a].answers == 1 {
        world.offer_sdp(a, sdp.clone());
        world.run(SECOND * 3 / 2);
        assert!(world.now < begin + 4 * SECOND, "not answered");
    }
    assert_eq!(world.shard.stats().tracks, 5);
}

/// As `glare`, but everything is under way for so long that the server waits for nothing. Ana repeats her offer after some time.
fn slow_glare(seed: u64, delay: Duration, restart: bool, adds: bool, repeats: Option<Duration>) {
    let mut world = World::new(seed);
    let a = world.join("ana");
    world.run(2 * SECOND);
    let b = world.join("ben");
    world.run_until(SECOND, "ben is there", |world| world.shard.stats().peers == 2);
    world.signaling_delay = delay;
    world.run(Duration::from_millis(15));
    if adds {
        world.clients[a].add_track(Video);
    }
    if restart {
        world.clients[a].restart_ice();
    }
    world.offer(a);
    let step = std::mem::replace(&mut world.step, SECOND / 20);
    if let Some(after) = repeats {
        world.run(after);
        let offer = world.clients[a].own_offer.clone();
        world.offer_sdp(a, offer);
    }
    world.run(8 * delay);
    (world.signaling_delay, world.step) = (SECOND / 100, step);
    assert!(world.clients[a].glares > 0, "the test did not cause glare");
    let c = world.join("cyn");
    world.run_until(30 * SECOND, "all media", |world| {
        let of_ana = |got: &&Got| got.from.contains_key(&(a as u8));
        world.clients[a].got_from(Video, b) > 0
            && world.clients[a].got_from(Video, c) > 0
            && world.clients[c].got.values().filter(of_ana).count() == 2 + usize::from(adds)
    });
    world.clients.iter_mut().for_each(|client| client.forget_got());
    world.run(2 * SECOND);
    assert!(world.clients[a].got_from(Video, c) > 20 && world.clients[b].got_from(Video, a) > 20);
    assert_eq!(world.states_of(a), [sfu::TransportState::Connected]);
}

/// One way, so that answers are later than some of the server's timers, and than all of them.
const DELAYS: [Duration; 2] = [Duration::from_secs(20), Duration::from_secs(40)];

#[test]
fn glare_slower_than_any_timer_ends_well() {
    for (seed, delay) in (94..).zip(DELAYS) {
        slow_glare(seed, delay, false, true, None);
        // Just before the server's offer comes, so that the server has made another one by then.
        slow_glare(seed, delay, false, true, Some(delay * 9 / 10));
    }
}

#[test]
fn glare_slower_than_any_timer_with_an_ice_restart_ends_well() {
    for (seed, delay) in (510..).zip(DELAYS) {
        slow_glare(seed, delay, true, true, None);
        slow_glare(seed, delay, true, false, None);
    }
}
