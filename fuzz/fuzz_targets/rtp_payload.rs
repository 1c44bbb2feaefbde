//! RTP payloads: the VP8 descriptor with its rewritten picture ids, and keyframe detection of each codec. An input is a series of
//! payloads, each after its length in one octet.

#![no_main]

#[path = "../../crates/sfu/tests/it/support/cost.rs"]
mod cost;

use std::time::Duration;

use cost::Cost;
use libfuzzer_sys::fuzz_target;

const COST: Cost = Cost {
    fixed: Duration::from_micros(50),
    per_byte: Duration::from_nanos(200),
};

fuzz_target!(|input: &[u8]| {
    let mut payloads = Vec::new();
    let mut rest = input;
    while let Some((length, after)) = rest.split_first() {
        let (payload, next) = after.split_at(after.len().min(usize::from(*length)));
        payloads.push(payload);
        rest = next;
    }
    COST.bounds("payloads", input.len(), || sfu::fuzzing::rtp_payloads(&payloads));
});
