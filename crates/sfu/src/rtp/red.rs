//! Redundant audio (RFC 2198): a packet repeats the payloads of those before it, so that a lost one is there all the same.

use std::sync::Arc;

/// Payloads that are repeated in what is sent: losses of two packets in a row are made up for.
const REPEATED: usize = 2;

/// Payloads that are read of one packet. Browsers repeat one or two.
const MAX_READ: usize = 9;

/// How far back a payload can be, in units of the timestamp, and its longest length: 14 and 10 bits.
const OFFSETS: u32 = 1 << 14;
const LENGTHS: usize = 1 << 10;

/// One payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// How much lower its timestamp is than the packet's.
    pub(crate) offset: u32,
    pub(crate) payload: &'a [u8],
}

/// Reads the payload of a packet: the payloads of the format `payload_type`, the oldest first, the packet's own last. Linear
/// time. `None`: it is none, or the packet's own payload is of another format.
pub(crate) fn read(mut packet: &[u8], payload_type: u8) -> Option<Vec<Block<'_>>> {
    let mut headers = Vec::new();
    let own = loop {
        let (first, rest) = packet.split_first()?;
        if first & 0x80 == 0 {
            packet = rest;
            break *first;
        }
        let (header, rest) = packet.split_first_chunk::<4>()?;
        headers.push(u32::from_be_bytes(*header));
        packet = rest;
        if headers.len() == MAX_READ {
            return None;
        }
    };
    if own != payload_type {
        return None;
    }
    let mut blocks = Vec::with_capacity(headers.len() + 1);
    for header in headers {
        let (payload, rest) = packet.split_at_checked(header as usize % LENGTHS)?;
        packet = rest;
        if (header >> 24) as u8 & 0x7f == payload_type && !payload.is_empty() {
            blocks.push(Block {
                offset: header >> 10 & (OFFSETS - 1),
                payload,
            });
        }
    }
    blocks.push(Block {
        offset: 0,
        payload: packet,
    });
    Some(blocks)
}

/// The payload of a packet that was sent, with its sequence number and timestamp.
type Sent = (u64, u32, Arc<[u8]>);

/// The last payloads of a stream that is sent, to be repeated.
#[derive(Debug, Default)]
pub(crate) struct Repeater {
    /// The oldest first.
    last: [Option<Sent>; REPEATED],
}

impl Repeater {
    /// Notes the payload of a packet that is sent.
    pub(crate) fn sent(&mut self, sequence: u64, timestamp: u32, payload: &Arc<[u8]>) {
        self.last.rotate_left(1);
        self.last[REPEATED - 1] = Some((sequence, timestamp, Arc::clone(payload)));
    }

    /// Appends the headers of a packet whose own payload is of a format, and what is repeated in it. Its own payload follows.
    pub(crate) fn write(&self, sequence: u64, timestamp: u32, payload_type: u8, packet: &mut Vec<u8>) {
        let repeated = self.last.iter().flatten().filter(|(before, at, payload)| {
            // A receiver takes what is repeated for the packets right before.
            (sequence.wrapping_sub(*before) as usize).wrapping_sub(1) < REPEATED
                && (1..OFFSETS).contains(&timestamp.wrapping_sub(*at))
                && payload.len() < LENGTHS
        });
        for (_, at, payload) in repeated.clone() {
            let offset = timestamp.wrapping_sub(*at);
            let header = 1 << 31 | u32::from(payload_type) << 24 | offset << 10 | payload.len() as u32;
            packet.extend(header.to_be_bytes());
        }
        packet.push(payload_type);
        repeated.for_each(|(.., payload)| packet.extend_from_slice(payload));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(byte: u8, length: usize) -> Arc<[u8]> {
        vec![byte; length].into()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut repeater = Repeater::default();
        let mut packets = Vec::new();
        for n in 0..4_u8 {
            let own = payload(n, 40 + usize::from(n));
            let (sequence, timestamp) = (65_534 + u64::from(n), 960 * u32::from(n));
            let mut packet = Vec::new();
            repeater.write(sequence, timestamp, 111, &mut packet);
            packet.extend_from_slice(&own);
            repeater.sent(sequence, timestamp, &own);
            packets.push(packet);
        }
        let read = |n: usize| -> Vec<(u32, u8, usize)> {
            let blocks = read(&packets[n], 111).unwrap();
            let seen = blocks
                .iter()
                .map(|block| (block.offset, block.payload[0], block.payload.len()));
            seen.collect()
        };
        assert_eq!(read(0), [(0, 0, 40)]);
        assert_eq!(read(1), [(960, 0, 40), (0, 1, 41)]);
        assert_eq!(read(3), [(1_920, 1, 41), (960, 2, 42), (0, 3, 43)]);
    }

    #[test]
    fn what_is_not_right_before_is_not_repeated() {
        let mut repeater = Repeater::default();
        repeater.sent(1, 0, &payload(1, 10));
        for (sequence, timestamp) in [(4, 960), (2, 20_000), (1, 960), (2, 0), (0, 960)] {
            let mut packet = Vec::new();
            repeater.write(sequence, timestamp, 111, &mut packet);
            assert_eq!(packet, [111], "{sequence} {timestamp}");
        }
        repeater.sent(5, 960, &payload(1, 2_000));
        let mut packet = Vec::new();
        repeater.write(6, 1_920, 111, &mut packet);
        assert_eq!(packet, [111], "too long");
    }

    #[test]
    fn what_is_truncated_or_of_other_formats_is_nothing_and_takes_no_time() {
        assert_eq!(read(&[], 111), None);
        assert_eq!(read(&[110, 1, 2], 111), None, "of another format");
        assert_eq!(
            read(&[0x80 | 111, 0, 0, 9, 111, 1, 2], 111),
            None,
            "shorter than it says"
        );
        let foreign = [0x80 | 13, 0, 0x10, 1, 111, 7, 8];
        let own = [Block {
            offset: 0,
            payload: &[8][..],
        }];
        assert_eq!(read(&foreign, 111), Some(own.to_vec()), "comfort noise is left out");
        assert_eq!(read(&[0xef; 60_000], 111), None, "headers without end");
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..rng.usize(0..60))
                .map(|_| [rng.u8(..), 0xef, 111, 0][rng.usize(0..4)])
                .collect();
            let blocks = read(&bytes, 111).unwrap_or_default();
            assert!(blocks.iter().map(|block| block.payload.len()).sum::<usize>() <= bytes.len());
        }
    }
}
