//! Datagrams of unknown senders: STUN, DTLS, RTP, RTCP and anything else. Nothing but a plain binding request is answered, and
//! with no more than a short message. Each costs linear time.

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
use sfu::{Limits, LocalCandidate, Shard, ShardConfig, Transport};

thread_local! {
    static SHARD: RefCell<(Shard, Instant)> = RefCell::new({
        let now = Instant::now();
        let config = ShardConfig {
            candidates: vec![LocalCandidate {
                addr: ([192, 0, 2, 1], 3478).into(),
                transport: Transport::Udp,
            }],
            limits: Limits::default(),
        };
        (Shard::new(config, now, SystemTime::UNIX_EPOCH), now)
    });
}

const COST: Cost = Cost {
    fixed: Duration::from_micros(100),
    per_byte: Duration::from_nanos(10),
};

fuzz_target!(|packet: &[u8]| {
    COST.bounds("classification", packet.len(), || sfu::fuzzing::classify(packet));
    SHARD.with_borrow_mut(|(shard, now)| {
        // So that the rate of answers never runs out.
        *now += Duration::from_secs(1);
        let source = ([203, 0, 113, 5], 40_000).into();
        COST.bounds("a datagram", packet.len(), || {
            shard.receive(*now, Transport::Udp, source, packet)
        });
        for answer in sent(shard, *now) {
            assert_eq!(answer.destination, source);
            assert!(answer.contents.len() <= packet.len() + 64);
        }
        assert_eq!((shard.stats().peers, shard.stats().faults), (0, 0));
    });
});
