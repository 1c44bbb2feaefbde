//! Calls between clients on a simulated network.

mod support;

use std::time::Duration;

use str0m::media::MediaKind::{Audio, Video};
use support::World;

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
    let stream = world.clients[a].last_offer.lines().filter(|line| line.starts_with("a=msid:")).collect::<Vec<_>>();
    assert_eq!(stream, ["a=msid:ben microphone", "a=msid:ben camera"]);
}
