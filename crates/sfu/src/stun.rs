//! STUN on the wire (RFC 8489), as far as demultiplexing and a plain binding server need it. str0m does ICE.

use std::net::{IpAddr, SocketAddr};

const MAGIC: [u8; 4] = 0x2112_A442_u32.to_be_bytes();
const HEADER: usize = 20;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const USERNAME: u16 = 0x0006;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const USE_CANDIDATE: u16 = 0x0025;
/// The comprehension-required attributes that are known: those of RFC 8489 and of ICE (RFC 8445). Any other one has to be
/// answered with 420 (RFC 8489 section 6.3.1).
const KNOWN: [u16; 12] = [
    0x0001,
    USERNAME,
    0x0008,
    0x0009,
    0x000A,
    0x0014,
    0x0015,
    0x001C,
    0x001D,
    0x001E,
    0x0024,
    USE_CANDIDATE,
];
/// Unknown attributes that an answer lists at most.
const MAX_UNKNOWN: usize = 8;

/// What ties a response to its request (RFC 8489 section 5).
pub(crate) type Transaction = [u8; 12];

/// A binding request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BindingRequest<'a> {
    transaction: &'a [u8],
    /// USERNAME up to the colon: the server's ufrag. `None` in a plain request.
    pub(crate) local_ufrag: Option<&'a str>,
    /// Whether the client nominates this path (RFC 8445 section 7.1.2).
    pub(crate) use_candidate: bool,
    unknown: [u16; MAX_UNKNOWN],
    unknowns: usize,
}

/// Parses a binding request. `None` for anything else, truncated and overlong packets included.
pub(crate) fn binding_request(packet: &[u8]) -> Option<BindingRequest<'_>> {
    let header = packet.get(..HEADER)?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if u16::from_be_bytes([header[0], header[1]]) != BINDING_REQUEST
        || header[4..8] != MAGIC
        || length % 4 != 0
        || packet.len() != HEADER + length
    {
        return None;
    }
    let mut request = BindingRequest {
        transaction: &packet[4..HEADER],
        local_ufrag: None,
        use_candidate: false,
        unknown: [0; MAX_UNKNOWN],
        unknowns: 0,
    };
    let mut rest = &packet[HEADER..];
    while !rest.is_empty() {
        let (kind, value, after) = attribute(rest)?;
        rest = after;
        match kind {
            USERNAME => {
                let name = std::str::from_utf8(value).ok()?;
                request.local_ufrag = Some(name.split_once(':')?.0);
            }
            USE_CANDIDATE => request.use_candidate = true,
            _ if kind < 0x8000 && !KNOWN.contains(&kind) && request.unknowns < MAX_UNKNOWN => {
                request.unknown[request.unknowns] = kind;
                request.unknowns += 1;
            }
            _ => {}
        }
    }
    Some(request)
}

fn attribute(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let kind = u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]);
    let length = usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]));
    let value = bytes.get(4..4 + length)?;
    let after = bytes.get(4 + length.next_multiple_of(4)..)?;
    Some((kind, value, after))
}

impl BindingRequest<'_> {
    /// Its transaction.
    pub(crate) fn transaction(&self) -> Transaction {
        let mut transaction = Transaction::default();
        transaction.copy_from_slice(&self.transaction[MAGIC.len()..]);
        transaction
    }

    /// The answer of a plain binding server: the address from which the request came, or 420.
    pub(crate) fn answer(&self, source: SocketAddr) -> Vec<u8> {
        if self.unknowns > 0 {
            let mut value = vec![0, 0, 4, 20];
            value.extend_from_slice(b"Unknown Attribute");
            let unknown: Vec<u8> = self.unknown[..self.unknowns]
                .iter()
                .flat_map(|kind| kind.to_be_bytes())
                .collect();
            return self.message(BINDING_ERROR, &[(ERROR_CODE, &value), (UNKNOWN_ATTRIBUTES, &unknown)]);
        }
        // XOR with the magic cookie and the transaction id, which follow one another in the header (section 14.2).
        let mut value = vec![0, if source.is_ipv4() { 1 } else { 2 }];
        value.extend((source.port() ^ 0x2112).to_be_bytes());
        let octets = match source.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        value.extend(octets.iter().zip(self.transaction).map(|(octet, key)| octet ^ key));
        self.message(BINDING_SUCCESS, &[(XOR_MAPPED_ADDRESS, &value)])
    }

    fn message(&self, kind: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.extend(kind.to_be_bytes());
        out.extend([0, 0]);
        out.extend(self.transaction);
        for (kind, value) in attributes {
            out.extend(kind.to_be_bytes());
            out.extend((value.len() as u16).to_be_bytes());
            out.extend(*value);
            out.resize(out.len().next_multiple_of(4), 0);
        }
        let length = (out.len() - HEADER) as u16;
        out[2..4].copy_from_slice(&length.to_be_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(attributes: &[u8]) -> Vec<u8> {
        let mut packet = vec![0, 1, 0, attributes.len() as u8];
        packet.extend(MAGIC);
        packet.extend([7; 12]);
        packet.extend(attributes);
        packet
    }

    #[test]
    fn a_plain_request_is_answered_with_its_address() {
        let packet = request(&[]);
        let answer = binding_request(&packet)
            .unwrap()
            .answer("192.0.2.1:32853".parse().unwrap());
        // The address and port of RFC 5769 section 2.2.
        assert_eq!(answer[..4], [1, 1, 0, 12]);
        assert_eq!(answer[4..20], packet[4..20]);
        assert_eq!(answer[20..], [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
    }

    #[test]
    fn ipv6_is_xored_with_the_transaction() {
        let packet = request(&[]);
        let answer = binding_request(&packet)
            .unwrap()
            .answer("[2001:db8::1]:1".parse().unwrap());
        assert_eq!(answer.len(), 20 + 4 + 20);
        assert_eq!(answer[28..32], [0x20 ^ 0x21, 0x01 ^ 0x12, 0x0d ^ 0xa4, 0xb8 ^ 0x42]);
        assert_eq!(answer[43], 1 ^ 7);
    }

    #[test]
    fn an_unknown_required_attribute_gets_420() {
        let packet = request(&[0, 3, 0, 4, 0, 0, 0, 6]);
        let answer = binding_request(&packet).unwrap().answer("192.0.2.1:1".parse().unwrap());
        assert_eq!(answer[..2], [1, 0x11]);
        assert_eq!(answer[20..28], [0, 9, 0, 21, 0, 0, 4, 20]);
        assert_eq!(answer[48..54], [0, 10, 0, 2, 0, 3]);
        assert_eq!(answer.len() % 4, 0);
    }

    #[test]
    fn a_username_begins_with_the_servers_ufrag() {
        let packet = request(b"\0\x06\0\x05ab:cd\0\0\0\0\x25\0\0");
        let request = binding_request(&packet).unwrap();
        assert_eq!((request.local_ufrag, request.use_candidate), (Some("ab"), true));
    }

    #[test]
    fn every_truncation_is_refused() {
        let packet = request(b"\0\x06\0\x05ab:cd\0\0\0");
        for length in 0..packet.len() {
            assert_eq!(binding_request(&packet[..length]), None);
        }
        assert!(binding_request(&packet).is_some());
        let mut longer = packet.clone();
        longer.extend([0; 4]);
        assert_eq!(binding_request(&longer), None);
    }
}
