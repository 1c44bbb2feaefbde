//! RTP payloads: the VP8 descriptor with its rewritten picture ids, and keyframe detection of each codec. An input is a series of
//! payloads, each after its length in one octet.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut payloads = Vec::new();
    let mut rest = input;
    while let Some((length, after)) = rest.split_first() {
        let (payload, next) = after.split_at(after.len().min(usize::from(*length)));
        payloads.push(payload);
        rest = next;
    }
    sfu::fuzzing::rtp_payloads(&payloads);
});
