//! DTLS of every version, in both roles.

use std::time::Duration;

use sfu::{Body, CloseReason, RefusalCode, Transport, TransportState};
use str0m::RtcConfig;
use str0m::config::{DtlsCert, DtlsVersion};
use str0m::crypto::dtls::{ProtocolVersion, SrtpProfile};
use str0m::crypto::from_feature_flags;
use str0m::media::MediaKind::{Audio, Video};

use crate::support::World;
use crate::support::mail::{Letter, sent_by_now};
use crate::support::old_dtls::{self, Key};

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
fn handshakes_wait_until_there_is_time() {
    let mut world = World::new(110);
    let [ana, ben] = ["ana", "ben"].map(|name| world.add(name, false));
    let packet = [22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
    let feed = |world: &mut World, client: usize| {
        for _ in 0..20 {
            let from = world.clients[client].address;
            world.shard.receive(world.now, Transport::Udp, from, &packet);
        }
        std::iter::from_fn(|| world.shard.shake_hands(world.now).then_some(())).count()
    };
    world.clients[ana].add_track(Audio);
    world.offer(ana);
    world.run_until(5 * SECOND, "a connection", |world| world.clients[ana].connected);
    world.run(SECOND);
    assert_eq!(
        feed(&mut world, ana),
        0,
        "it has keys, and what it sends is taken at once"
    );
    world.clients[ben].add_track(Audio);
    world.offer(ben);
    let address = world.clients[ben].address;
    world.run_until(5 * SECOND, "the server's flight", |world| {
        world.sent_to.get(&address).is_some_and(|(_, others)| *others > 0)
    });
    world.clients[ben].cut = true;
    assert_eq!(feed(&mut world, ben), 16, "one packet each time, and not too many wait");
}

#[test]
fn media_is_forwarded_between_any_two_steps_of_a_handshake() {
    let mut world = World::new(112);
    let [ana, ben] = ["ana", "ben"].map(|name| world.join(name));
    world.run_until(5 * SECOND, "media", |world| {
        world.clients[ben].got_from(Audio, ana) > 20
    });
    let eve = world.add("eve", false);
    world.clients[eve].add_track(Audio);
    world.offer(eve);
    let [speaker, listener, hostile] = [ana, ben, eve].map(|index| world.clients[index].address);
    world.run_until(5 * SECOND, "the server's flight", |world| {
        world.sent_to.get(&hostile).is_some_and(|(_, others)| *others > 0)
    });
    for number in 0..16 {
        let packet = [22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, number];
        world.shard.receive(world.now, Transport::Udp, hostile, &packet);
    }
    let mut steps = 0;
    while world.shard.has_handshakes() {
        world.now += Duration::from_millis(40);
        let now = world.now;
        world.clients[ana].tick(now);
        for (transport, _, contents) in world.clients[ana].take_packets() {
            world.shard.receive(now, transport, speaker, &contents);
        }
        let letters = sent_by_now(&mut world.shard, now);
        let is_media = |letter: &Letter| letter.destination == listener && letter.contents[0] >> 6 == 2;
        assert!(letters.iter().any(is_media), "before step {steps}");
        assert!(
            world.shard.shake_hands(now),
            "what came has not gone on with the handshake"
        );
        steps += 1;
    }
    assert!(steps >= 16, "{steps} steps");
}

#[test]
fn who_answers_checks_and_never_finishes_the_handshake_is_closed() {
    let mut world = World::new(111);
    let ana = world.add("ana", false);
    world.clients[ana].shakes_hands = false;
    world.clients[ana].add_track(Audio);
    world.offer(ana);
    for _ in 0..2 {
        world.run(12 * SECOND);
        world.clients[ana].restart_ice();
        world.offer(ana);
    }
    assert_eq!(world.states_of(ana), []);
    world.run(7 * SECOND);
    assert_eq!(world.states_of(ana), [TransportState::Closed(CloseReason::Dtls)]);
}

#[test]
fn handshakes_on_a_network_that_loses_packets() {
    for (seed, version) in [(100, DtlsVersion::Dtls12), (101, DtlsVersion::Dtls13)] {
        for setup in ["active", "passive"] {
            // DTLS waits twice as long before each attempt: with much more loss it would not be done in time now and then.
            call(seed, 0.1, version, setup);
        }
    }
}

/// Lets a client with such a certificate join somebody who is there.
fn join(seed: u64, key: Key, profile: SrtpProfile) -> (World, usize, usize) {
    joining(seed, key, profile, None)
}

/// The same by an offer that demands a role in DTLS.
fn joining(seed: u64, key: Key, profile: SrtpProfile, setup: Option<&'static str>) -> (World, usize, usize) {
    let mut world = World::new(seed);
    let a = world.join("ana");
    let b = world.add("ben", false);
    let client = &mut world.clients[b];
    client.use_config(old_dtls::config(key, profile));
    client.setup = setup;
    client.add_track(Audio);
    client.add_track(Video);
    world.offer(b);
    (world, a, b)
}

#[test]
fn certificates_of_every_kind_and_every_srtp_profile() {
    let calls = [
        (Key::Ecdsa, SrtpProfile::AES128_CM_SHA1_80),
        (Key::Ecdsa, SrtpProfile::AEAD_AES_128_GCM),
        (Key::Ecdsa, SrtpProfile::AEAD_AES_256_GCM),
        (Key::Rsa(2_048), SrtpProfile::AES128_CM_SHA1_80),
        (Key::Rsa(4_096), SrtpProfile::AEAD_AES_128_GCM),
    ];
    for (seed, (key, profile)) in (110..).zip(calls) {
        let (mut world, a, b) = join(seed, key, profile);
        world.run_until(5 * SECOND, &format!("media, {key:?}, {profile}"), |world| {
            [(a, b), (b, a)].iter().all(|(to, from)| {
                let client = &world.clients[*to];
                client.got_from(Audio, *from) > 20 && client.got_from(Video, *from) > 20
            })
        });
        // RTCP, too: a packet that is lost is asked for again, both ways.
        world.loss = 0.1;
        world.run(SECOND);
        for client in &mut world.clients {
            client.forget_got();
        }
        world.run(4 * SECOND);
        for (to, from) in [(a, b), (b, a)] {
            let video = world.clients[to].got_from(Video, from);
            assert!(video >= 180, "{video} of 200 packets, {key:?}, {profile}");
        }
    }
}

/// dimpl, which is the client then, offers cipher suites of ECDSA only.
#[test]
fn rsa_with_the_role_of_the_server_is_refused_at_once() {
    for (seed, key) in [(122, Key::Ecdsa), (123, Key::Rsa(2_048))] {
        let (mut world, a, b) = joining(seed, key, SrtpProfile::AEAD_AES_128_GCM, Some("passive"));
        if matches!(key, Key::Ecdsa) {
            world.run_until(5 * SECOND, "media", |world| world.clients[b].got_from(Video, a) > 20);
            continue;
        }
        world.run_until(2 * SECOND, "the end", |world| !world.states_of(b).is_empty());
        // It has no cipher suite for its certificate.
        assert_eq!(world.states_of(b), [TransportState::Closed(CloseReason::Dtls)]);
        assert_eq!(world.states_of(a), [TransportState::Connected]);
    }
}

#[test]
fn who_has_no_certificate_that_can_be_verified_is_told_at_once() {
    for (seed, key) in [(120, Key::None), (121, Key::Rsa(4_608))] {
        let (mut world, a, b) = join(seed, key, SrtpProfile::AEAD_AES_128_GCM);
        let closed = TransportState::Closed(CloseReason::Certificate);
        world.run_until(SECOND, "the end", |world| world.states_of(b) == [closed]);
        world.run(SECOND);
        assert_eq!(world.states_of(a), [TransportState::Connected]);
    }
}

/// By OpenSSL where the client begins the handshake, else by dimpl.
#[test]
fn who_has_no_profile_of_srtp_in_common_is_told_at_once() {
    for (seed, setup) in [(125, "active"), (126, "passive")] {
        let mut world = World::new(seed);
        let (a, b) = (world.join("ana"), world.add("ben", false));
        let client = &mut world.clients[b];
        client.use_config(old_dtls::config_in_vain(Key::Ecdsa));
        client.setup = Some(setup);
        client.add_track(Audio);
        world.offer(b);
        world.run_until(2 * SECOND, "the end", |world| !world.states_of(b).is_empty());
        assert_eq!(world.states_of(b), [TransportState::Closed(CloseReason::Dtls)]);
        let told = world.events.iter().find_map(|event| match &event.body {
            Body::Refused { code, message } => Some((*code, message.contains("no profile of SRTP in common"))),
            _ => None,
        });
        assert_eq!(told, Some((RefusalCode::Dtls, true)));
        world.run(SECOND);
        assert_eq!(world.states_of(a), [TransportState::Connected]);
    }
}

/// As with a certificate of RSA, the first handshake fails by version 1.3 for the certificate's sake.
#[test]
fn who_fails_with_dtls_13_is_served_12_when_they_connect_again() {
    let generate = || from_feature_flags().dtls_provider.generate_certificate().unwrap();
    let mut world = World::new(124);
    let join = |world: &mut World, certificate| {
        let index = world.add("ben", false);
        let config = RtcConfig::new().set_dtls_version(DtlsVersion::Auto);
        world.clients[index].use_config(config.set_dtls_cert(certificate));
        world.clients[index].setup = Some("active");
        world.clients[index].add_track(Audio);
        world.offer(index);
        index
    };
    let certificate = generate();
    let unusable = DtlsCert {
        private_key: generate().private_key,
        ..certificate.clone()
    };
    let b = join(&mut world, unusable.clone());
    world.run(SECOND);
    let refusals = |world: &World| {
        let told = world.events.iter().filter_map(|event| match &event.body {
            Body::Refused { code, message } => Some((*code, message.clone())),
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(world.states_of(b), [TransportState::Closed(CloseReason::Certificate)]);
    let told = refusals(&world);
    assert_eq!((told.len(), told[0].0), (1, RefusalCode::Dtls));
    assert!(
        told[0].1.contains("connect again with the same certificate"),
        "{told:?}"
    );
    let again = join(&mut world, certificate.clone());
    world.run_until(5 * SECOND, "the connection", |world| world.clients[again].connected);
    let spoken = world.clients[again].rtc.direct_api().dtls_protocol_version();
    assert_eq!(spoken, Some(ProtocolVersion::DTLS1_2));
    // Who cannot do it by that version either is promised nothing.
    let last = join(&mut world, unusable.clone());
    world.run_until(5 * SECOND, "the end", |world| !world.states_of(last).is_empty());
    assert_eq!(refusals(&world).len(), 1);
    // Nor are they served it any more.
    let newest = join(&mut world, certificate);
    world.run_until(5 * SECOND, "the connection", |world| world.clients[newest].connected);
    let spoken = world.clients[newest].rtc.direct_api().dtls_protocol_version();
    assert_eq!(spoken, Some(ProtocolVersion::DTLS1_3));
    // Each connection that was served the newest is told.
    world.run(3 * SECOND); // so many offers are not read at once
    let both = [unusable.clone(), unusable].map(|certificate| join(&mut world, certificate));
    world.run_until(5 * SECOND, "both ends", |world| {
        both.iter().all(|index| !world.states_of(*index).is_empty())
    });
    assert_eq!(refusals(&world).len(), 3);
}
