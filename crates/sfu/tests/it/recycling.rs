//! m-lines that a client has rejected are used again (RFC 9429 section 5.2.2).

use std::time::Duration;

use sfu::{Command, Outcome};
use str0m::media::MediaKind::{self, Audio, Video};

use crate::support::{World, unhurried_config};

const SECOND: Duration = Duration::from_secs(1);

/// Ana, who answers by port 0 where nothing is sent any more.
fn world_of_ana(seed: u64) -> World {
    let mut world = World::new(seed);
    let a = world.join("ana");
    world.clients[a].rejects_inactive = true;
    world.run(2 * SECOND);
    world
}

/// Someone comes who sends these. Gives who, once Ana has it all.
fn visit(world: &mut World, kinds: &[MediaKind]) -> usize {
    let visitor = world.add("ben", false);
    for kind in kinds {
        world.clients[visitor].add_track(*kind);
    }
    world.offer(visitor);
    world.run_until(5 * SECOND, "media of the visitor", |world| {
        let mut kinds = kinds.iter();
        kinds.all(|kind| world.clients[0].got_from(*kind, visitor) > 0)
    });
    visitor
}

/// Someone leaves, which Ana is told.
fn leave(world: &mut World, visitor: usize) {
    let offers = world.clients[0].offers;
    world.leave(visitor);
    world.run_until(5 * SECOND, "an offer without them", |world| {
        world.clients[0].offers > offers
    });
    world.run(SECOND / 10);
}

/// The m-lines of an SDP, with their ports, and the mids of its BUNDLE group.
fn outline(sdp: &str) -> (Vec<(&str, &str)>, Vec<&str>) {
    let lines = sdp.lines().filter_map(|line| line.strip_prefix("m="));
    let media = lines.map(|line| line.split_at(line.find(" UDP").unwrap()).0.split_once(' ').unwrap());
    let group = sdp.lines().find_map(|line| line.strip_prefix("a=group:BUNDLE "));
    (media.collect(), group.unwrap().split(' ').collect())
}

fn mids(sdp: &str) -> Vec<&str> {
    sdp.lines().filter_map(|line| line.strip_prefix("a=mid:")).collect()
}

const OWN: [(&str, &str); 2] = [("audio", "9"), ("video", "9")];

#[test]
fn what_the_client_has_rejected_is_used_again_by_another_name() {
    let mut config = unhurried_config();
    config.limits.media_lines = 10;
    let mut world = World::with(config, 1);
    let a = world.join("ana");
    world.clients[a].rejects_inactive = true;
    world.run(2 * SECOND);
    let mut seen: Vec<String> = Vec::new();
    // So often that a session which grew by them would take no more.
    for _ in 0..33 {
        let visitor = visit(&mut world, &[Audio, Video, Audio, Video, Audio, Video, Audio, Video]);
        let offer = &world.clients[a].last_offer;
        let (lines, group) = outline(offer);
        assert_eq!(lines, [OWN; 5].concat());
        assert_eq!(group, mids(offer), "{offer}");
        assert!(group[2..].iter().all(|mid| !seen.iter().any(|before| before == mid)));
        seen = group[2..].iter().map(ToString::to_string).collect();
        leave(&mut world, visitor);
    }
    assert!(world.refusals().is_empty(), "{:?}", world.refusals());
    assert_eq!(world.shard.stats().faults, 0);
    assert_eq!(world.states_of(a), [sfu::TransportState::Connected]);
}

#[test]
fn a_rejected_m_line_is_in_no_group_and_the_first_one_is_used_for_any_kind() {
    let mut world = world_of_ana(2);
    let visitor = visit(&mut world, &[Audio, Video]);
    leave(&mut world, visitor);
    visit(&mut world, &[Video]);
    let offer = &world.clients[0].last_offer;
    let (lines, group) = outline(offer);
    assert_eq!(lines[2..], [("video", "9"), ("video", "0")], "{offer}");
    assert_eq!(group, mids(offer)[..3], "{offer}");
    // Next to it, another one is added only where none is left.
    visit(&mut world, &[Audio, Video]);
    let (lines, group) = outline(&world.clients[0].last_offer);
    assert_eq!(lines[2..], [("video", "9"), ("audio", "9"), ("video", "9")]);
    assert_eq!(group, mids(&world.clients[0].last_offer));
    assert!(world.refusals().is_empty(), "{:?}", world.refusals());
}

#[test]
fn glare_over_a_place_that_is_used_again_ends_well() {
    for (seed, polite) in [(3, true), (4, false)] {
        let mut world = world_of_ana(seed);
        let visitor = visit(&mut world, &[Audio, Video]);
        leave(&mut world, visitor);
        world.clients[0].polite = polite;
        let peers = world.shard.stats().peers;
        let b = world.join("ben");
        world.run_until(SECOND, "ben is there", |world| world.shard.stats().peers > peers);
        world.run(SECOND / 50);
        world.clients[0].add_track(Video);
        world.offer(0);
        world.run_until(10 * SECOND, "all media", |world| {
            let of_ana = world.clients[b].got.values().filter(|got| got.from.contains_key(&0));
            world.clients[0].got_from(Video, b) > 0 && of_ana.count() == 3
        });
        assert_eq!(world.clients[0].glares, 1, "the test did not cause glare");
        assert!(world.refusals().is_empty(), "{:?}", world.refusals());
        assert_eq!(world.clients[0].last_answer.matches("m=").count(), 5);
    }
}

#[test]
fn what_is_rejected_without_its_name_is_not_offered_again() {
    let mut world = world_of_ana(5);
    let visitor = visit(&mut world, &[Audio, Video]);
    leave(&mut world, visitor);
    world.clients[0].silent = true;
    world.join("cyn");
    let offers = world.clients[0].offers;
    world.run_until(5 * SECOND, "an offer", |world| world.clients[0].offers > offers);
    let offer = world.clients[0].last_offer.clone();
    let client = &mut world.clients[0];
    client.silent = false;
    let answer = client.offered(&offer).unwrap();
    let (begin, end) = answer.split_at(answer.rfind("m=video 9").unwrap());
    let mid = mids(end)[0];
    let answer = begin.replace(&format!(" {mid}\r\n"), "\r\n")
        + &end
            .replacen("m=video 9", "m=video 0", 1)
            .replace(&format!("a=mid:{mid}\r\n"), "");
    let transport = client.id().transport;
    let answer = Command::Answer { transport, sdp: answer };
    assert_eq!(world.execute(answer), Ok(Outcome::Done));
    let offers = world.clients[0].offers;
    world.run(5 * SECOND);
    let told = world
        .events
        .iter()
        .filter(|event| matches!(event.body, sfu::Body::Refused { .. }));
    assert_eq!((world.clients[0].offers, told.count()), (offers, 1));
}
