//! What a client's first DTLS message offers.

/// DTLS 1.3, as on the wire (RFC 9147 section 5.3).
const DTLS_1_3: [u8; 2] = [0xfe, 0xfc];

/// The type of the extension that lists versions (RFC 8446 section 4.2.1).
const SUPPORTED_VERSIONS: u16 = 43;

/// Whether a packet begins with a whole ClientHello that does not offer DTLS 1.3. One in fragments is not read: stacks that
/// fragment it do so for the key shares of 1.3.
pub(super) fn is_hello_before_1_3(packet: &[u8]) -> bool {
    hello(packet).and_then(offers_1_3) == Some(false)
}

/// The body of a ClientHello that is not in fragments (RFC 6347 sections 4.1 and 4.2.2).
fn hello(packet: &[u8]) -> Option<&[u8]> {
    let (header, rest) = packet.split_at_checked(13)?;
    let [22, _, _, 0, 0, _, _, _, _, _, _, high, low] = *header else {
        return None;
    };
    let record = rest.get(..usize::from(u16::from_be_bytes([high, low])))?;
    let (header, body) = record.split_at_checked(12)?;
    // The length of the message, its number, and offset and length of the fragment.
    let [1, 0, a, b, _, _, 0, 0, 0, 0, c, d] = *header else {
        return None;
    };
    let is_whole = (a, b) == (c, d) && body.len() == usize::from(u16::from_be_bytes([a, b]));
    is_whole.then_some(body)
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

    fn packet(extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![0xfe, 0xfd];
        body.extend([7; 32]);
        body.extend([0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        let length = body.len() as u8;
        let mut packet = vec![22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, length + 12];
        packet.extend([1, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length]);
        packet.extend(body);
        packet
    }

    const OF_1_2: [u8; 6] = [0, 23, 0, 0, 0xff, 1];

    #[test]
    fn versions_are_found_among_extensions() {
        assert!(is_hello_before_1_3(&packet(&[])));
        assert!(is_hello_before_1_3(&packet(&[0, 23, 0, 0])));
        assert!(is_hello_before_1_3(&packet(&[0, 43, 0, 3, 2, 0xfe, 0xfd])));
        let both = [0, 23, 0, 0, 0, 43, 0, 5, 4, 0xfe, 0xfd, 0xfe, 0xfc];
        assert!(!is_hello_before_1_3(&packet(&both)));
    }

    #[test]
    fn what_is_cut_or_in_fragments_is_not_taken() {
        assert!(
            !is_hello_before_1_3(&packet(&OF_1_2)),
            "an extension without its length"
        );
        let whole = packet(&[0, 23, 0, 0]);
        for at in 0..whole.len() {
            assert!(!is_hello_before_1_3(&whole[..at]), "{at}");
        }
        for (at, value) in [(0, 23), (3, 1), (13, 2), (21, 1), (24, 9)] {
            let mut other = whole.clone();
            other[at] = value;
            assert!(!is_hello_before_1_3(&other), "{at}");
        }
    }
}
