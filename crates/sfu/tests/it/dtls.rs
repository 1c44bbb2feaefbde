//! DTLS of every version, in both roles.

use std::time::Duration;

use str0m::RtcConfig;
use str0m::config::DtlsVersion;
use str0m::crypto::dtls::ProtocolVersion;
use str0m::media::MediaKind::{Audio, Video};

use crate::support::World;

const SECOND: Duration = Duration::from_secs(1);

/// Two clients alike, which the shard lets hear and see each other. Gives the version of DTLS that they speak.
fn call(seed: u64, loss: f64, version: DtlsVersion, setup: &'static str) -> Option<ProtocolVersion> {
    let mut world = World::new(seed);
    world.loss = loss;
    let [a, b] = ["ana", "ben"].map(|name| {
        let index = world.add(name, false);
        let client = &mut world.clients[index];
        client.use_config(RtcConfig::new().set_dtls_version(version));
        client.setup = Some(setup);
        client.add_track(Audio);
        client.add_track(Video);
        world.offer(index);
        index
    });
    world.run_until(20 * SECOND, &format!("media both ways, {version}, {setup}"), |world| {
        [(a, b), (b, a)].iter().all(|(to, from)| {
            let client = &world.clients[*to];
            client.got_from(Audio, *from) > 20 && client.got_from(Video, *from) > 20
        })
    });
    let spoken = [a, b].map(|index| world.clients[index].rtc.direct_api().dtls_protocol_version());
    assert_eq!(spoken[0], spoken[1]);
    spoken[0]
}

#[test]
fn the_newest_version_that_the_client_has() {
    let mut seed = 90;
    for setup in ["actpass", "active", "passive"] {
        for (version, spoken) in [
            (DtlsVersion::Dtls12, ProtocolVersion::DTLS1_2),
            (DtlsVersion::Dtls13, ProtocolVersion::DTLS1_3),
            (DtlsVersion::Auto, ProtocolVersion::DTLS1_3),
        ] {
            seed += 1;
            assert_eq!(call(seed, 0.0, version, setup), Some(spoken), "{version} {setup}");
        }
    }
}

#[test]
fn handshakes_on_a_network_that_loses_packets() {
    for (seed, version) in [(100, DtlsVersion::Dtls12), (101, DtlsVersion::Dtls13)] {
        for setup in ["active", "passive"] {
            call(seed, 0.2, version, setup);
        }
    }
}
