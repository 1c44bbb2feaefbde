//! RTCP after decryption: a client may send any. Each input is a compound packet, which costs linear time.

#![no_main]

#[path = "../../crates/sfu/tests/it/support/cost.rs"]
mod cost;

use std::time::Duration;

use cost::Cost;
use libfuzzer_sys::fuzz_target;

const COST: Cost = Cost {
    fixed: Duration::from_micros(50),
    per_byte: Duration::from_nanos(100),
};

fuzz_target!(|compound: &[u8]| {
    COST.bounds("RTCP", compound.len(), || sfu::fuzzing::feedback(compound));
});
