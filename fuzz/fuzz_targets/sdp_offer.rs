//! SDP offers: a first one, and the same again. Each is answered or refused, and no session panics. The first octet of an input
//! is `p` for a plain client or `s` for one with slots; the rest is the SDP.

#![no_main]

#[path = "../../crates/sfu/tests/it/support/cost.rs"]
mod cost;
#[path = "../../crates/sfu/tests/it/support/mail.rs"]
#[expect(dead_code, reason = "not all of a letter is looked at")]
mod mail;

use std::cell::RefCell;
use std::time::{Duration, Instant, SystemTime};

use cost::Cost;
use libfuzzer_sys::fuzz_target;
use mail::sent;
use sfu::{Command, Limits, LocalCandidate, PeerId, Shard, ShardConfig, Transport};

thread_local! {
    /// One shard for all inputs: its certificate takes long to make.
    static SHARD: RefCell<Shard> = RefCell::new(Shard::new(config(), Instant::now(), SystemTime::UNIX_EPOCH));
}

fn config() -> ShardConfig {
    ShardConfig {
        candidates: vec![LocalCandidate {
            addr: ([192, 0, 2, 1], 3478).into(),
            transport: Transport::Udp,
        }],
        limits: Limits {
            offers_per_user: 1_000_000,
            ..Limits::default()
        },
    }
}

fn offer(sdp: &str, slots: bool) -> Command {
    Command::Offer {
        peer: PeerId {
            room: "room".into(),
            transport: "sfu_1".into(),
            user: "user".into(),
            seat: "seat".into(),
        },
        sdp: sdp.to_string(),
        slots,
        tracks: Vec::new(),
        name: String::new(),
        recording: None,
    }
}

const COST: Cost = Cost {
    fixed: Duration::from_millis(4),
    per_byte: Duration::from_nanos(1_000),
};

/// Has the shard take or refuse an offer. Gives whether it was taken.
fn take(shard: &mut Shard, now: Instant, sdp: &str, slots: bool) -> bool {
    shard.command(now, offer(sdp, slots)).is_ok()
        && shard
            .poll_reading()
            .is_some_and(|reading| shard.finish_reading(now, reading.run()).is_ok())
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, sdp)) = input.split_first() else {
        return;
    };
    let (Ok(sdp), slots) = (std::str::from_utf8(sdp), *kind == b's') else {
        return;
    };
    SHARD.with_borrow_mut(|shard| {
        let now = Instant::now();
        let mut opened = false;
        COST.bounds("an offer", sdp.len(), || opened = take(shard, now, sdp, slots));
        assert_eq!(shard.stats().peers, usize::from(opened));
        let again = take(shard, now, sdp, slots);
        assert_eq!(opened, again, "what was accepted is accepted again");
        let transport = "sfu_1".into();
        shard
            .command(now, Command::Close { transport })
            .expect("closing is never refused");
        sent(shard, now);
        while shard.poll_event().is_some() {}
        let stats = shard.stats();
        assert_eq!((stats.peers, stats.rooms, stats.tracks, stats.faults), (0, 0, 0, 0));
    });
});
