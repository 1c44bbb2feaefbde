//! Packets of a client that are authentic, and anything but right: nothing of them may panic, nor cost more than a stated time
//! and a stated time for each byte, and nobody loses media by them.

use std::time::Duration;

use str0m::crypto::dtls::SrtpProfile;
use str0m::media::MediaKind::{self, Audio, Video};

use sfu::{Command, Source};
use str0m::media::Mid;

use crate::fuzz::{mutate, rounds};
use crate::support::World;
use crate::support::cost::Cost;
use crate::support::old_dtls::{self, Key};
use crate::support::sealing::Sealer;

const SECOND: Duration = Duration::from_secs(1);

/// A packet is decrypted, and its consequences are done: for the two others, and at most 512 retransmissions.
const AUTHENTIC: Cost = Cost {
    fixed: Duration::from_millis(2),
    per_byte: Duration::from_nanos(100),
};

/// So that no budget is ever used up, and the path is not lost: nobody answers the server's checks.
const STEP: Duration = Duration::from_millis(4);

/// A call of three, one of whom the test speaks for from now on.
struct Call {
    world: World,
    hostile: usize,
    sealer: Sealer,
    rng: fastrand::Rng,
}

impl Call {
    fn new(seed: u64) -> Self {
        Self::with(seed, &[Audio, Video])
    }

    /// One in which the test speaks for somebody with such tracks.
    fn with(seed: u64, tracks: &[MediaKind]) -> Self {
        let mut world = World::new(seed);
        world.join("ana");
        world.join("ben");
        let hostile = world.add("eve", false);
        let (config, keys) = old_dtls::config_with_keys(Key::Ecdsa, SrtpProfile::AEAD_AES_128_GCM);
        let client = &mut world.clients[hostile];
        client.use_config(config);
        tracks.iter().for_each(|kind| client.add_track(*kind));
        world.offer(hostile);
        world.run_until(5 * SECOND, "media", |world| {
            [0, 1]
                .iter()
                .all(|index| world.clients[*index].got_from(Video, hostile) > 10)
        });
        let material = keys.lock().unwrap().take().expect("DTLS is done");
        Self {
            world,
            hostile,
            sealer: Sealer::new(&material),
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// Has the shard take what `seal` makes. It is sealed anew for each attempt, since a replay costs nothing.
    fn feed(&mut self, what: &str, packet: &[u8], mut seal: impl FnMut(&mut Sealer, &[u8]) -> Vec<u8>) {
        let from = self.world.clients[self.hostile].address;
        let Self { world, sealer, .. } = self;
        world.feed(AUTHENTIC, STEP, (what, from), packet.len(), || seal(sealer, packet));
    }

    /// Checks that the two others still hear and see each other, and the one who sent all that is still there.
    fn end_unharmed(mut self) {
        let stats = self.world.shard.stats();
        assert_eq!((stats.faults, stats.peers), (0, 3), "{stats:?}");
        let (ana, ben) = (0, 1);
        // Nor does it hear what the server says of numbers that it has not sent.
        self.world.clients[self.hostile].gone = true;
        self.world.clients[self.hostile].cut = true;
        self.world.clients[ana].forget_got();
        self.world.run(5 * SECOND);
        assert!(self.world.clients[ana].got_from(Video, ben) > 200);
        assert!(self.world.clients[ana].got_from(Audio, ben) > 200);
    }
}

/// An RTP packet of one of these streams, with any header and payload, and the length of its header.
fn rtp(rng: &mut fastrand::Rng, streams: &[(u32, u8)]) -> (Vec<u8>, usize) {
    let (ssrc, payload_type) = *rng.choice(streams).unwrap();
    let payload_type = if rng.u8(..10) == 0 { rng.u8(..) } else { payload_type };
    let (csrcs, has_extensions) = (if rng.u8(..4) == 0 { rng.u8(..16) } else { 0 }, rng.bool());
    let has_padding = rng.u8(..4) == 0;
    let mut packet = vec![
        0x80 | csrcs | u8::from(has_extensions) << 4 | u8::from(has_padding) << 5,
        payload_type,
        0,
        0,
    ];
    packet.extend(rng.u32(..).to_be_bytes());
    packet.extend(if rng.u8(..) == 0 { rng.u32(..) } else { ssrc }.to_be_bytes());
    packet.extend((0..4 * csrcs).map(|_| rng.u8(..)));
    if has_extensions {
        let words = rng.u16(..8);
        packet.extend(rng.choice([[0xbe, 0xde], [0x10, 0], [0x12, 0x34]]).unwrap());
        packet.extend(words.to_be_bytes());
        packet.extend((0..4 * words).map(|_| rng.u8(..)));
    }
    let header = packet.len();
    let most = *rng.choice(&[1, 2, 40, 1_300]).unwrap();
    let length = rng.usize(..most);
    packet.extend((0..length).map(|_| if rng.bool() { rng.u8(..) } else { 0x90 }));
    (packet, header)
}

#[test]
fn rtp_of_any_shape() {
    let mut call = Call::new(130);
    let client = &mut call.world.clients[call.hostile];
    let mut streams = Vec::new();
    for kind in [Audio, Video] {
        let mid = client.mids(kind)[0];
        let ssrc = client.ssrc(kind);
        let formats = client.rtc.media(mid).unwrap().remote_pts().to_vec();
        streams.extend(formats.into_iter().map(|pt| (ssrc, *pt)));
    }
    let before = call.world.shard.stats().rtp_in;
    for _ in 0..rounds(3_000) {
        let (packet, header) = rtp(&mut call.rng, &streams);
        call.feed("an authentic RTP packet", &packet, |sealer, packet| {
            sealer.rtp(packet.to_vec(), header)
        });
    }
    let taken = call.world.shard.stats().rtp_in - before;
    assert!(taken > 300, "{taken} of them were taken");
    call.end_unharmed();
}

#[test]
fn transport_wide_numbers_that_go_back_to_before_zero() {
    let mut call = Call::new(132);
    // Of the first packets that came, the lowest number is about 0.
    let ssrc = call.world.clients[call.hostile].ssrc(Video);
    for number in [0_u16, 65_535, 40_000, 0, 65_000] {
        let mut packet = vec![0x90, 96, 0, 0, 0, 0, 0, 7];
        packet.extend(ssrc.to_be_bytes());
        packet.extend([0xbe, 0xde, 0, 1, 0x31]);
        packet.extend(number.to_be_bytes());
        packet.extend([0, 0x90, 0x80, 0x81, 0x11]);
        call.feed("a packet with a transport-wide number", &packet, |sealer, packet| {
            sealer.rtp(packet.to_vec(), 20)
        });
        // Feedback is written twice in this time.
        call.world.now += Duration::from_millis(200);
        call.world.shard.handle_timeout(call.world.now);
    }
    call.end_unharmed();
}

/// Whoever has the keys chooses the index of a packet. One that goes back to before zero is no packet's.
#[test]
fn sequence_numbers_that_go_back_to_before_zero() {
    let mut call = Call::new(133);
    let client = &mut call.world.clients[call.hostile];
    let mid = client.mids(Audio)[0];
    let payload_type = *client.rtc.media(mid).unwrap().remote_pts()[0];
    let from = call.hostile as u8;
    let send = |call: &mut Call, ssrc: u32, index: u64| {
        let mut packet = vec![0x80, payload_type, 0, 0];
        packet.extend((index as u32).wrapping_mul(960).to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend([0xfc, from]);
        packet.extend([0; 40]);
        call.feed(
            "a packet with an index of its sender's choice",
            &packet,
            |sealer, packet| sealer.rtp_at(index, packet.to_vec(), 12),
        );
        call.world.now += Duration::from_millis(20);
        call.world.shard.handle_timeout(call.world.now);
    };
    // What was sent before has ended: one stream of an m-line is forwarded at a time.
    call.world.now += 2 * SECOND;
    let forwarded = |call: &Call| call.world.shard.stats().rtp_forwarded;
    let before = forwarded(&call);
    (0..6).for_each(|index| send(&mut call, 7, index));
    for index in [u64::MAX, u64::MAX - 1, u64::MAX - 40, 7, 8, u64::MAX - 2_000] {
        send(&mut call, 7, index);
    }
    assert_eq!(
        forwarded(&call) - before,
        2 * 6,
        "to two others, from its third frame on"
    );
    (100..150).for_each(|index| send(&mut call, 8, index));
    assert_eq!(forwarded(&call) - before, 2 * 6 + 2 * 48, "another source goes on");
    call.end_unharmed();
}

/// RFC 9143 section 9.2: the MID of the latest packet says where a stream belongs.
#[test]
fn a_stream_whose_mid_changes_goes_over_to_that_m_line() {
    let mut call = Call::with(134, &[Audio, Video, Audio]);
    let client = &mut call.world.clients[call.hostile];
    let mids = client.mids(Audio);
    let payload_type = *client.rtc.media(mids[0]).unwrap().remote_pts()[0];
    let transport = client.transport.as_str().into();
    let extension = client
        .own_offer
        .lines()
        .find_map(|line| {
            line.strip_prefix("a=extmap:")?
                .strip_suffix(" urn:ietf:params:rtp-hdrext:sdes:mid")
        })
        .unwrap();
    let extension: u8 = extension.parse().unwrap();
    // What comes on the second m-line is not forwarded.
    let sources = vec![Source::ScreenAudio];
    call.world.execute(Command::Block { transport, sources }).unwrap();
    call.world.now += 2 * SECOND;
    let from = call.hostile as u8;
    let send = |call: &mut Call, index: u64, mid: Option<Mid>| {
        let mut packet = vec![0x80, payload_type, 0, 0];
        packet.extend((index as u32).wrapping_mul(960).to_be_bytes());
        packet.extend(7_u32.to_be_bytes());
        if let Some(mid) = mid {
            packet[0] |= 0x10;
            let length = (mid.len() + 1).next_multiple_of(4);
            packet.extend([
                0xbe,
                0xde,
                0,
                (length / 4) as u8,
                extension << 4 | (mid.len() - 1) as u8,
            ]);
            packet.extend(mid.as_bytes());
            packet.resize(packet.len() + length - mid.len() - 1, 0);
        }
        let header = packet.len();
        packet.extend([0xfc, from]);
        packet.extend([0; 40]);
        call.feed("a packet with a MID", &packet, |sealer, packet| {
            sealer.rtp_at(index, packet.to_vec(), header)
        });
        call.world.now += Duration::from_millis(20);
        call.world.shard.handle_timeout(call.world.now);
    };
    let forwarded = |call: &mut Call, numbers: std::ops::Range<u64>, mid| {
        let before = call.world.shard.stats().rtp_forwarded;
        numbers.for_each(|index| send(call, index, mid));
        call.world.shard.stats().rtp_forwarded - before
    };
    assert!(forwarded(&mut call, 100..120, Some(mids[0])) >= 2 * 15);
    assert_eq!(forwarded(&mut call, 130..150, Some(mids[1])), 0);
    assert_eq!(forwarded(&mut call, 150..160, None), 0, "until another MID comes");
    assert_eq!(
        forwarded(&mut call, 120..130, Some(mids[0])),
        0,
        "what is late moves nothing"
    );
    assert!(forwarded(&mut call, 160..180, Some(mids[0])) >= 2 * 15);
    call.end_unharmed();
}

#[test]
fn rtcp_of_any_shape() {
    let mut call = Call::new(131);
    // SSRCs that mean something: what the client sends, and what it is sent.
    let client = &mut call.world.clients[call.hostile];
    let mut ssrcs = vec![client.ssrc(Audio), client.ssrc(Video)];
    ssrcs.extend(client.captures.keys());
    for _ in 0..rounds(2_000) {
        let rng = &mut call.rng;
        let mut compound = Vec::new();
        for _ in 0..rng.usize(1..12) {
            let most = if rng.u8(..20) == 0 { 300 } else { 12 };
            let words = rng.u16(1..most);
            compound.extend([0x80 | rng.u8(..32), rng.u8(200..208)]);
            compound.extend(words.to_be_bytes());
            for _ in 0..words {
                let word = if rng.bool() {
                    *rng.choice(&ssrcs).unwrap()
                } else {
                    rng.u32(..)
                };
                compound.extend(word.to_be_bytes());
            }
        }
        if rng.bool() {
            // What tells RTCP from RTP stays.
            let mut rest = compound.split_off(4);
            mutate(rng, &mut rest);
            compound.extend(rest);
        }
        compound.resize(compound.len().clamp(8, 1_400), 0);
        call.feed("an authentic RTCP packet", &compound, Sealer::rtcp);
    }
    call.end_unharmed();
}
