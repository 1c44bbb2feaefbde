//! Redundant audio (RFC 2198): what was lost is in the packets behind it, on both ways.

use std::time::Duration;

use sfu::Command;
use str0m::crypto::dtls::SrtpProfile;
use str0m::media::MediaKind::Audio;

use crate::support::old_dtls::{self, Key};
use crate::support::sealing::Sealer;
use crate::support::{World, plain_offer};

const SECOND: Duration = Duration::from_secs(1);

const RED: u8 = 63;

/// `sdp` with redundant audio on each m-line of audio.
fn with_red(sdp: &str) -> String {
    let sections = sdp.split("m=audio").enumerate().map(|(n, section)| match n {
        0 => section.to_owned(),
        _ => format!("m=audio{}", section_with_red(section)),
    });
    sections.collect()
}

fn section_with_red(section: &str) -> String {
    let end = section.find("\r\n").unwrap();
    let opus = section[..end].split(' ').nth(3).unwrap();
    let red = format!(" {RED}");
    let lines = format!("a=rtpmap:{RED} red/48000/2\r\na=fmtp:{RED} {opus}/{opus}\r\n");
    let attributes = section.find("a=rtpmap").unwrap();
    [
        &section[..end],
        &red,
        &section[end..attributes],
        &lines,
        &section[attributes..],
    ]
    .concat()
}

#[test]
fn a_lost_packet_is_taken_out_of_the_one_behind_it() {
    let mut world = World::new(140);
    let ben = world.join("ben");
    let eve = world.add("eve", true);
    let (config, keys) = old_dtls::config_with_keys(Key::Ecdsa, SrtpProfile::AEAD_AES_128_GCM);
    world.clients[eve].use_config(config);
    world.clients[eve].add_track(Audio);
    let offer = with_red(&world.clients[eve].offer());
    let mut command = plain_offer(world.clients[eve].id(), offer);
    if let Command::Offer { slots, .. } = &mut command {
        // So that it gets no offer, which its stack would answer without redundant audio.
        *slots = true;
    }
    world.command(command);
    world.run_until(5 * SECOND, "sound", |world| {
        world.clients[ben].got_from(Audio, eve) > 10
    });
    assert!(world.clients[eve].last_answer.contains("a=rtpmap:63 red/48000/2\r\n"));
    let (ssrc, address) = (world.clients[eve].ssrc(Audio), world.clients[eve].address);
    let opus = world.clients[eve].mids(Audio)[0];
    let opus = *world.clients[eve].rtc.media(opus).unwrap().remote_pts()[0];
    let sealer = Sealer::new(&keys.lock().unwrap().take().expect("DTLS is done"));
    world.clients[eve].cut = true;
    world.clients[ben].forget_got();
    world.run(SECOND / 10);
    let mut voice = vec![0xfc, eve as u8];
    voice.resize(80, 0);
    let mut late = Vec::new();
    // Each third of them is lost, and the next one repeats it.
    for n in 0..60_u64 {
        let mut packet = vec![0x80, RED, 0, 0];
        packet.extend((960 * n as u32).to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend((1 << 31 | u32::from(opus) << 24 | 960 << 10 | 80_u32).to_be_bytes());
        packet.push(opus);
        packet.extend([voice.as_slice(), &voice].concat());
        let sealed = sealer.rtp_at(1_000 + n, packet, 12);
        if n % 3 == 1 {
            late = sealed;
        } else {
            world.shard.receive(world.now, sfu::Transport::Udp, address, &sealed);
        }
        world.run(20 * Duration::from_millis(1));
    }
    world.run(SECOND / 2);
    // A packet that comes after it was repeated is not handed on.
    world.shard.receive(world.now, sfu::Transport::Udp, address, &late);
    world.run(SECOND / 2);
    // What was under way before has far lower numbers.
    let got = world.clients[ben].got.values().next().unwrap();
    let begin = got.sequences.iter().position(|sequence| *sequence > 1_800).unwrap();
    let sequences = &got.sequences[begin..];
    assert!(sequences.len() >= 60, "{sequences:?}");
    assert!(sequences.windows(2).all(|pair| pair[1] == pair[0] + 1), "{sequences:?}");
}
