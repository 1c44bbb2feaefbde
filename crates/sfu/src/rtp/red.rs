//! Redundant audio (RFC 2198): a packet repeats the payloads of those before it, so that a lost one is there all the same.

use std::sync::Arc;

/// Payloads that are repeated in what is sent: losses of two packets in a row are made up for.
const REPEATED: usize = 2;

/// Payloads that are read of one packet. Browsers repeat one or two.
const MAX_READ: usize = 9;

/// How far back a payload can be, in units of the timestamp, and its longest length: 14 and 10 bits.
const OFFSETS: u32 = 1 << 14;
const LENGTHS: usize = 1 << 10;

/// Bytes of a repeated payload's header.
const HEADER: usize = 4;

/// Bytes of a payload with what is repeated in it at most: with all headers and the tag of SRTP it stays within 1,200 bytes, as
/// other packets do.
const MAX_PAYLOAD: usize = 1_100;

/// One payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// How many packets before this one it was sent first; 0: it is the packet's own.
    pub(crate) back: u64,
    /// How much lower its timestamp is than the packet's.
    pub(crate) offset: u32,
    pub(crate) payload: &'a [u8],
}

/// Reads the payload of a packet: the payloads of the format `payload_type`, the oldest first, the packet's own last. Each of
/// the packets before has one place, whatever its format. Linear time. `None`: it is none, or the packet's own payload is of another format.
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
    for (back, header) in (1..=headers.len() as u64).rev().zip(headers) {
        let (payload, rest) = packet.split_at_checked(header as usize % LENGTHS)?;
        packet = rest;
        if (header >> 24) as u8 & 0x7f == payload_type && !payload.is_empty() {
            blocks.push(Block {
                back,
                offset: header >> 10 & (OFFSETS - 1),
                payload,
            });
        }
    }
    blocks.push(Block {
        back: 0,
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

    /// Appends the headers of a packet whose own payload is of a format and has so many bytes, and what is repeated in it. Its
    /// own payload follows. Gives the number of bytes that are there for what is repeated.
    pub(crate) fn write(
        &self,
        (sequence, timestamp): (u64, u32),
        payload_type: u8,
        own: usize,
        packet: &mut Vec<u8>,
    ) -> usize {
        let begin = packet.len();
        let repeated = self.repeated(sequence, timestamp, own + 1);
        for (_, at, payload) in repeated.clone() {
            let offset = timestamp.wrapping_sub(*at);
            let header = 1 << 31 | u32::from(payload_type) << 24 | offset << 10 | payload.len() as u32;
            packet.extend(header.to_be_bytes());
        }
        packet.push(payload_type);
        repeated.for_each(|(.., payload)| packet.extend_from_slice(payload));
        packet.len() - begin
    }

    /// What is repeated in a packet that has so many bytes without it, the oldest first. By the places receivers know of which
    /// packets the payloads are: those right before, none left out.
    fn repeated(&self, sequence: u64, timestamp: u32, mut bytes: usize) -> impl Iterator<Item = &Sent> + Clone {
        let newest_first = self.last.iter().rev().flatten().zip(1_u64..);
        let repeated = newest_first.take_while(|((before, at, payload), back)| {
            bytes += HEADER + payload.len();
            before + back == sequence
                && (1..OFFSETS).contains(&timestamp.wrapping_sub(*at))
                && payload.len() < LENGTHS
                && bytes <= MAX_PAYLOAD
        });
        let count = repeated.count();
        self.last[REPEATED - count..].iter().flatten()
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
            repeater.write((sequence, timestamp), 111, own.len(), &mut packet);
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
            repeater.write((sequence, timestamp), 111, 10, &mut packet);
            assert_eq!(packet, [111], "{sequence} {timestamp}");
        }
        repeater.sent(5, 960, &payload(1, 2_000));
        let mut packet = Vec::new();
        repeater.write((6, 1_920), 111, 10, &mut packet);
        assert_eq!(packet, [111], "too long");
        repeater.sent(6, 1_920, &payload(1, 10));
        repeater.write((7, 2_880), 111, 10, &mut packet);
        let blocks = read(&packet[1..], 111).unwrap();
        assert_eq!(
            (blocks.len(), blocks[0].back),
            (2, 1),
            "nothing goes before one that is left out"
        );
    }

    #[test]
    fn a_packet_with_what_it_repeats_is_never_longer_than_a_path_carries() {
        for (own, repeats) in [(100, 2), (350, 2), (400, 1), (500, 1), (700, 0), (1_275, 0)] {
            let mut repeater = Repeater::default();
            for n in [1, 2] {
                repeater.sent(n, 960 * n as u32, &payload(n as u8, own));
            }
            let mut packet = Vec::new();
            let more = repeater.write((3, 2_880), 111, own, &mut packet);
            packet.extend(vec![3; own]);
            let blocks = read(&packet, 111).unwrap();
            assert_eq!(blocks.len() - 1, repeats, "{own}");
            assert!(packet.len() == own + more && packet.len() <= MAX_PAYLOAD.max(own + 1));
        }
    }

    #[test]
    fn payloads_of_other_formats_keep_their_places() {
        let header = |format: u8, length: u8| [0x80 | format, 0, 4, length];
        let packet = [
            &header(111, 1)[..],
            &header(13, 1),
            &header(111, 0),
            &header(111, 1),
            &[111, 1, 2, 4, 5],
        ]
        .concat();
        let blocks = read(&packet, 111).unwrap();
        let seen: Vec<_> = blocks.iter().map(|block| (block.back, block.payload[0])).collect();
        assert_eq!(seen, [(4, 1), (1, 4), (0, 5)]);
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
            back: 0,
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
