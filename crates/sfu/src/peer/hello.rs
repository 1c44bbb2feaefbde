//! What a client's first DTLS message offers.

/// DTLS 1.3, as on the wire (RFC 9147 section 5.3).
const DTLS_1_3: [u8; 2] = [0xfe, 0xfc];

/// The type of the extension that lists versions (RFC 8446 section 4.2.1).
const SUPPORTED_VERSIONS: u16 = 43;

/// Bytes of a ClientHello at most; with the key shares of DTLS 1.3 they have about 1,500.
const MAX_HELLO: usize = 8_192;

/// What the packets that have come so far say of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// Its ClientHello is not whole yet.
    Incomplete,
    /// It does not offer DTLS 1.3.
    Before13,
    /// It offers DTLS 1.3, or nobody can say.
    Other,
}

/// Reads a ClientHello, whole or in fragments of any order (RFC 6347 sections 4.1 and 4.2).
pub(super) fn offer(packets: &[Vec<u8>]) -> Offer {
    let mut hello = Vec::new();
    let mut is_there = Vec::new();
    for packet in packets {
        let mut rest = &packet[..];
        while !rest.is_empty() {
            let Some((fragment, after)) = fragment(rest) else {
                return Offer::Other;
            };
            rest = after;
            hello.resize(fragment.length, 0);
            is_there.resize(fragment.length, false);
            let place = fragment.offset..fragment.offset + fragment.bytes.len();
            let Some(bytes) = hello.get_mut(place.clone()) else {
                return Offer::Other;
            };
            bytes.copy_from_slice(fragment.bytes);
            is_there[place].fill(true);
        }
    }
    match is_there.contains(&false) || is_there.is_empty() {
        true => Offer::Incomplete,
        false if offers_1_3(&hello) == Some(false) => Offer::Before13,
        false => Offer::Other,
    }
}

/// A piece of a ClientHello.
struct Fragment<'a> {
    /// The length of the whole.
    length: usize,
    offset: usize,
    bytes: &'a [u8],
}

/// The piece that a record has, and what follows the record. `None`: it is something else.
fn fragment(packet: &[u8]) -> Option<(Fragment<'_>, &[u8])> {
    let (header, rest) = packet.split_at_checked(13)?;
    let [22, _, _, 0, 0, _, _, _, _, _, _, high, low] = *header else {
        return None;
    };
    let (record, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
    let (header, bytes) = record.split_at_checked(12)?;
    let [1, 0, a, b, _, _, 0, c, d, 0, e, f] = *header else {
        return None;
    };
    let [length, offset, here] = [[a, b], [c, d], [e, f]].map(|bytes| usize::from(u16::from_be_bytes(bytes)));
    let is_right = here == bytes.len() && offset + here <= length && length <= MAX_HELLO;
    is_right.then_some((Fragment { length, offset, bytes }, rest))
}

/// `None`: it is malformed.
fn offers_1_3(hello: &[u8]) -> Option<bool> {
    let (_, rest) = hello.split_at_checked(34)?;
    let (_, rest) = short(rest)?;
    let (_, rest) = short(rest)?;
    let (_, rest) = long(rest)?;
    let (_, rest) = short(rest)?;
    if rest.is_empty() {
        return Some(false);
    }
    let (mut extensions, _) = long(rest)?;
    while let Some((kind, rest)) = extensions.split_first_chunk() {
        let (value, rest) = long(rest)?;
        if u16::from_be_bytes(*kind) == SUPPORTED_VERSIONS {
            let (versions, _) = short(value)?;
            return Some(versions.chunks(2).any(|version| version == DTLS_1_3));
        }
        extensions = rest;
    }
    Some(false)
}

/// A vector with a length of one byte, and what follows it.
fn short(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

/// A vector with a length of two bytes, and what follows it.
fn long(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![0xfe, 0xfd];
        body.extend([7; 32]);
        body.extend([0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        body
    }

    /// A record with a piece of a ClientHello.
    fn record(hello: &[u8], from: usize, to: usize) -> Vec<u8> {
        let [length, offset, here] = [hello.len(), from, to - from].map(|number| number as u8);
        let mut packet = vec![22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, here + 12];
        packet.extend([1, 0, 0, length, 0, 0, 0, 0, offset, 0, 0, here]);
        packet.extend(&hello[from..to]);
        packet
    }

    fn whole(extensions: &[u8]) -> Offer {
        let hello = hello(extensions);
        offer(&[record(&hello, 0, hello.len())])
    }

    #[test]
    fn versions_are_found_among_extensions() {
        assert_eq!(whole(&[]), Offer::Before13);
        assert_eq!(whole(&[0, 23, 0, 0]), Offer::Before13);
        assert_eq!(whole(&[0, 43, 0, 3, 2, 0xfe, 0xfd]), Offer::Before13);
        let both = [0, 23, 0, 0, 0, 43, 0, 5, 4, 0xfe, 0xfd, 0xfe, 0xfc];
        assert_eq!(whole(&both), Offer::Other);
        assert_eq!(
            whole(&[0, 23, 0, 0, 0xff, 1]),
            Offer::Other,
            "an extension without its length"
        );
    }

    #[test]
    fn fragments_come_in_any_order_and_more_than_once() {
        let hello = hello(&[0, 23, 0, 0]);
        let [first, second, third] = [(0, 20), (20, 40), (40, hello.len())].map(|(from, to)| record(&hello, from, to));
        assert_eq!(offer(&[]), Offer::Incomplete);
        assert_eq!(offer(&[first.clone(), third.clone()]), Offer::Incomplete);
        let packets = [third.clone(), first.clone(), first.clone(), second.clone()];
        assert_eq!(offer(&packets), Offer::Before13);
        assert_eq!(offer(&[[first, second, third].concat()]), Offer::Before13);
    }

    #[test]
    fn nobody_can_say_what_is_malformed() {
        let hello = hello(&[0, 23, 0, 0]);
        let packet = record(&hello, 0, hello.len());
        for at in 1..packet.len() {
            assert_eq!(offer(&[packet[..at].to_vec()]), Offer::Other, "{at}");
        }
        for (at, value) in [(0, 23), (3, 1), (13, 2), (21, 1), (24, 9)] {
            let mut other = packet.clone();
            other[at] = value;
            assert_eq!(offer(&[other]), Offer::Other, "{at}");
        }
    }
}
