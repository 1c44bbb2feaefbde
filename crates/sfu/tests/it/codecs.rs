//! Codecs that a client numbers in its own way, or has none of.

use std::time::Duration;

use sfu::{Source, Undecodable};
use str0m::RtcConfig;
use str0m::media::MediaKind::{Audio, Video};

use crate::support::World;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn each_subscriber_gets_its_own_payload_type() {
    let mut world = World::new(31);
    let a = world.add("ana", false);
    let h264 = || {
        RtcConfig::new()
            .clear_codecs()
            .enable_opus(true, false)
            .enable_h264(true)
    };
    world.clients[a].use_config(h264());
    world.clients[a].add_track(Audio);
    world.clients[a].add_track(Video);
    world.offer(a);
    world.run(2 * SECOND);
    let b = world.add("ben", false);
    let mut other = RtcConfig::new().clear_codecs();
    other.codec_config().add_config(
        99.into(),
        None,
        str0m::format::Codec::Opus,
        str0m::media::Frequency::FORTY_EIGHT_KHZ,
        Some(2),
        Default::default(),
    );
    other
        .codec_config()
        .add_h264(98.into(), Some(97.into()), true, 0x42e01f);
    world.clients[b].use_config(other);
    world.clients[b].add_track(Audio);
    world.offer(b);
    world.run_until(5 * SECOND, "audio under another number", |world| {
        world.clients[b].got_from(Audio, a) > 0
    });
    assert!(world.shard.stats().rtp_forwarded > 0);
}

#[test]
fn a_client_is_told_whose_media_it_cannot_decode() {
    let mut world = World::new(97);
    let a = world.join("ana");
    world.run(2 * SECOND);
    let b = world.add("ben", false);
    let h264 = RtcConfig::new().clear_codecs().enable_opus(true, false);
    world.clients[b].use_config(h264.enable_h264(true));
    world.clients[b].add_track(Audio);
    world.offer(b);
    world.run_until(5 * SECOND, "audio", |world| world.clients[b].got_from(Audio, a) > 50);
    let told = world.events.iter().filter_map(|event| match &event.body {
        sfu::Body::NoCommonCodec(told) => Some(told),
        _ => None,
    });
    let undecodable = Undecodable {
        user: "ana".into(),
        source: Source::Camera,
        codec: "VP8".into(),
        accepted: vec!["H264".into()],
    };
    assert_eq!(told.collect::<Vec<_>>(), [&undecodable]);
    assert_eq!(world.clients[b].got_from(Video, a), 0);
}
