//! RTCP of reduced size (RFC 5506), which has no report in front, and which a client has to agree to.

use std::time::Duration;

use str0m::media::MediaKind::{Audio, Video};

use crate::support::World;

const SECOND: Duration = Duration::from_secs(1);
/// Sender and receiver reports.
const REPORTS: [u8; 2] = [200, 201];

#[test]
fn rtcp_begins_with_a_report_unless_the_client_takes_it_without() {
    let lines = |sdp: &str| sdp.matches("a=rtcp-rsize\r\n").count();
    for (kinds, offered) in [(&[][..], 0), (&["video"][..], 1), (&["audio", "video"][..], 4)] {
        let mut world = World::new(41);
        let (a, b) = (world.join("ana"), world.add("ben", false));
        world.clients[b].takes_reduced_rtcp = kinds;
        world.clients[b].add_track(Audio);
        world.clients[b].add_track(Video);
        world.offer(b);
        world.run_until(5 * SECOND, "media both ways", |world| {
            world.clients[a].got_from(Video, b) > 20 && world.clients[b].got_from(Video, a) > 20
        });
        world.clients[b].compounds.clear();
        world.run(SECOND);
        let transport = world.clients[b].transport.as_str().into();
        world.command(sfu::Command::Close { transport });
        world.run(SECOND);
        let client = &world.clients[b];
        assert_eq!(
            lines(&client.last_answer),
            kinds.len(),
            "it is answered as it was offered"
        );
        assert_eq!((client.offers, lines(&client.last_offer)), (1, offered));
        let mut others = client.compounds.iter().filter(|kind| !REPORTS.contains(kind));
        assert_eq!(others.next().is_some(), offered == 4, "{:?}", client.compounds);
    }
}
