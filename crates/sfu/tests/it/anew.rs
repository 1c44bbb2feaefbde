//! A client that makes another connection under the name of its old one, as a page does that is loaded again.

use std::time::Duration;

use str0m::RtcConfig;
use str0m::config::DtlsCert;
use str0m::crypto::from_feature_flags;
use str0m::media::MediaKind::{Audio, Video};

use crate::support::World;

const SECOND: Duration = Duration::from_secs(1);
const CONNECTED: sfu::TransportState = sfu::TransportState::Connected;

/// The client of the same seat, which begins anew, with this certificate or one of its own.
fn connect_anew(world: &mut World, client: usize, certificate: Option<&DtlsCert>) -> usize {
    world.clients[client].gone = true;
    let (user, transport) = (
        world.clients[client].user.clone(),
        world.clients[client].transport.clone(),
    );
    let again = world.add(&user, false);
    world.clients[again].transport = transport;
    connect(world, again, certificate);
    again
}

fn connect(world: &mut World, client: usize, certificate: Option<&DtlsCert>) {
    if let Some(certificate) = certificate {
        let config = RtcConfig::new().set_dtls_cert(certificate.clone());
        world.clients[client].use_config(config);
    }
    world.clients[client].add_track(Audio);
    world.clients[client].add_track(Video);
    world.offer(client);
}

fn until_media_flows(world: &mut World, a: usize, b: usize) {
    world.run_until(5 * SECOND, "media both ways", |world| {
        world.clients[a].got_from(Video, b) > 0 && world.clients[b].got_from(Video, a) > 0
    });
}

fn certificate() -> DtlsCert {
    from_feature_flags().dtls_provider.generate_certificate().unwrap()
}

#[test]
fn a_new_connection_takes_the_place_of_its_old_one() {
    let mut world = World::new(36);
    let (a, b) = (world.join("ana"), world.join("ben"));
    until_media_flows(&mut world, a, b);
    world.state(b, Some(true), None);
    let again = connect_anew(&mut world, b, None);
    until_media_flows(&mut world, a, again);
    assert_eq!(world.clients[a].got_from(Audio, again), 0, "what was muted stays so");
    let stats = world.shard.stats();
    assert_eq!((stats.peers, stats.tracks), (2, 4));
    assert_eq!(world.states_of(again), [CONNECTED; 2], "it never was closed");
    assert!(world.refusals().is_empty(), "{:?}", world.refusals());
}

/// Browsers let a page keep its certificate (`RTCPeerConnection.generateCertificate`), and werift has one a process.
#[test]
fn a_new_connection_may_have_the_certificate_of_its_old_one() {
    let certificate = certificate();
    // Alone, its offer has as many m-lines as before; with others there, fewer.
    for others in 0..3 {
        let mut world = World::new(37);
        let others: Vec<usize> = (0..others).map(|n| world.join(&format!("other {n}"))).collect();
        let b = world.add("ben", false);
        connect(&mut world, b, Some(&certificate));
        world.run(3 * SECOND);
        let again = connect_anew(&mut world, b, Some(&certificate));
        let a = others.first().copied().unwrap_or_else(|| world.join("ana"));
        until_media_flows(&mut world, a, again);
        assert_eq!(world.states_of(again), [CONNECTED; 2]);
        assert!(world.refusals().is_empty(), "{:?}", world.refusals());
    }
}

/// Against RFC 3264, aiortc and werift do.
#[test]
fn who_names_the_session_anew_in_each_sdp_may_restart_ice() {
    let mut world = World::new(38);
    let (a, b) = (world.join("ana"), world.add("ben", false));
    let offer = |world: &mut World, id: u32| {
        let sdp = world.clients[b].offer();
        let (begin, origin) = sdp.split_once("\r\no=").unwrap();
        let (_, rest) = origin.split_once("\r\n").unwrap();
        world.offer_sdp(b, format!("{begin}\r\no=- {id} 2 IN IP4 0.0.0.0\r\n{rest}"));
    };
    world.clients[b].add_track(Audio);
    world.clients[b].add_track(Video);
    offer(&mut world, 1);
    until_media_flows(&mut world, a, b);
    for id in 2..5 {
        world.clients[b].restart_ice();
        offer(&mut world, id);
        world.run(2 * SECOND);
        world.clients.iter_mut().for_each(|client| client.forget_got());
        until_media_flows(&mut world, a, b);
    }
    assert_eq!(world.states_of(b), [CONNECTED]);
    assert!(world.refusals().is_empty(), "{:?}", world.refusals());
}
