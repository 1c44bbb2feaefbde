//! Packets from the address of a connected client: DTLS records, SRTP, SRTCP and STUN with a wrong integrity. An input is a
//! series of packets, each after its length in two octets. None costs more than linear time, none makes the session panic, and
//! none closes the client but by DTLS, which is not authenticated before its handshake.

#![no_main]

#[path = "../../crates/sfu/tests/it/support/cost.rs"]
mod cost;
#[path = "../../crates/sfu/tests/it/support/mail.rs"]
#[expect(dead_code, reason = "not all of a letter is looked at")]
mod mail;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use cost::Cost;
use libfuzzer_sys::fuzz_target;
use mail::sent;
use sfu::{Command, Limits, LocalCandidate, Outcome, PeerId, Shard, ShardConfig, Transport};
use str0m::change::SdpAnswer;
use str0m::media::{Direction, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

const COST: Cost = Cost {
    fixed: Duration::from_millis(2),
    per_byte: Duration::from_nanos(100),
};

fn server() -> SocketAddr {
    ([192, 0, 2, 1], 3478).into()
}

fn client() -> SocketAddr {
    ([203, 0, 113, 5], 40_000).into()
}

thread_local! {
    static CALL: RefCell<(Shard, Instant)> = RefCell::new(connect(Instant::now()));
}

fn config() -> ShardConfig {
    let addr = server();
    let transport = Transport::Udp;
    ShardConfig {
        candidates: vec![LocalCandidate { addr, transport }],
        limits: Limits::default(),
    }
}

/// A shard with one connected client.
fn connect(mut now: Instant) -> (Shard, Instant) {
    let mut shard = Shard::new(config(), now, SystemTime::UNIX_EPOCH);
    let mut rtc = RtcConfig::new().set_rtp_mode(true).build(now);
    rtc.add_local_candidate(Candidate::host(client(), "udp").expect("an address"));
    let mut api = rtc.sdp_api();
    api.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
    api.add_media(MediaKind::Video, Direction::SendOnly, None, None, None);
    let (offer, pending) = api.apply().expect("media was added");
    let command = Command::Offer {
        peer: PeerId {
            room: "room".into(),
            transport: "sfu_1".into(),
            user: "user".into(),
            seat: "seat".into(),
        },
        sdp: offer.to_sdp_string(),
        slots: true,
        tracks: Vec::new(),
        name: String::new(),
        recording: None,
    };
    shard.command(now, command).expect("the offer can be read");
    let read = shard.poll_reading().expect("the offer is to be read").run();
    let Ok(Outcome::Answer { sdp, .. }) = shard.finish_reading(now, read) else {
        panic!("the offer is refused");
    };
    let answer = SdpAnswer::from_sdp_string(&sdp).expect("an answer");
    rtc.sdp_api()
        .accept_answer(pending, answer)
        .expect("an answer to the offer");
    for _ in 0..1_000 {
        now += Duration::from_millis(5);
        rtc.handle_input(Input::Timeout(now)).expect("a live client");
        if exchange(&mut shard, &mut rtc, now) {
            return (shard, now);
        }
    }
    panic!("the client does not connect");
}

/// Brings packets both ways. `true`: the client is connected.
fn exchange(shard: &mut Shard, rtc: &mut Rtc, now: Instant) -> bool {
    let mut connected = false;
    loop {
        match rtc.poll_output().expect("a live client") {
            Output::Timeout(_) => break,
            Output::Transmit(packet) => shard.receive(now, Transport::Udp, client(), &packet.contents),
            Output::Event(event) => connected |= matches!(event, Event::Connected),
        }
    }
    shard.handle_timeout(now);
    for packet in sent(shard, now) {
        let received = Receive::new(Protocol::Udp, server(), client(), &packet.contents).expect("a packet");
        rtc.handle_input(Input::Receive(now, received)).expect("a live client");
    }
    connected
}

fuzz_target!(|input: &[u8]| {
    CALL.with_borrow_mut(|(shard, now)| {
        let mut rest = input;
        while let [high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
            let (packet, next) = after.split_at(length);
            rest = next;
            // So that no budget is ever used up.
            *now += Duration::from_millis(10);
            COST.bounds("a peer's packet", packet.len(), || {
                shard.receive(*now, Transport::Udp, client(), packet);
                sent(shard, *now);
            });
        }
        while shard.poll_event().is_some() {}
        assert_eq!(shard.stats().faults, 0);
        if shard.stats().peers == 0 {
            (*shard, *now) = connect(*now);
        }
    });
});
