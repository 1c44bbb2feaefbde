//! The header of a packet that is not authenticated yet (RFC 3550 section 5.1, RFC 8285).

/// What can be read without decryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header<'a> {
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// Contributing sources, 4 bytes each.
    pub(crate) sources: &'a [u8],
    /// The payload ends with padding.
    pub(crate) has_padding: bool,
    /// Bytes before the payload.
    pub(crate) length: usize,
    extensions: Extensions<'a>,
}

/// The elements of the header extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extensions<'a> {
    None,
    OneByte(&'a [u8]),
    TwoByte(&'a [u8]),
}

impl<'a> Header<'a> {
    /// Reads a header. `None`: it is truncated.
    pub(crate) fn parse(packet: &'a [u8]) -> Option<Self> {
        let fixed = packet.get(..12)?;
        let sources = usize::from(fixed[0] & 0x0f);
        let (sources, rest) = packet[12..].split_at_checked(4 * sources)?;
        let (extensions, extension_length) = match fixed[0] & 0x10 {
            0 => (Extensions::None, 0),
            _ => Extensions::parse(rest)?,
        };
        Some(Self {
            payload_type: fixed[1] & 0x7f,
            marker: fixed[1] & 0x80 != 0,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            sources,
            has_padding: fixed[0] & 0x20 != 0,
            length: 12 + sources.len() + extension_length,
            extensions,
        })
    }

    /// The value of the extension with an id, if it is there.
    pub(crate) fn extension(&self, id: u8) -> Option<&'a [u8]> {
        self.extensions(id).next()
    }

    /// The values of all extensions with an id: it may be there more than once.
    fn extensions(&self, id: u8) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (mut rest, is_wide): (&'a [u8], bool) = match self.extensions {
            Extensions::None => (&[], false),
            Extensions::OneByte(elements) => (elements, false),
            Extensions::TwoByte(elements) => (elements, true),
        };
        std::iter::from_fn(move || {
            while let Some((&first, after)) = rest.split_first() {
                if first == 0 {
                    rest = after;
                    continue;
                }
                let (found, length, after) = if is_wide {
                    let (&length, after) = after.split_first()?;
                    (first, usize::from(length), after)
                } else if first >> 4 == 15 {
                    // Reserved: reading ends here (RFC 8285 section 4.2).
                    return None;
                } else {
                    (first >> 4, usize::from(first & 0x0f) + 1, after)
                };
                let (value, after) = after.split_at_checked(length)?;
                rest = after;
                if found == id {
                    return Some(value);
                }
            }
            None
        })
    }
}

impl<'a> Extensions<'a> {
    /// The elements, and the length of the whole extension.
    fn parse(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let [a, b, c, d, rest @ ..] = bytes else {
            return None;
        };
        let elements = rest.get(..4 * usize::from(u16::from_be_bytes([*c, *d])))?;
        let extensions = match u16::from_be_bytes([*a, *b]) {
            0xbede => Self::OneByte(elements),
            0x1000..=0x100f => Self::TwoByte(elements),
            _ => Self::None,
        };
        Some((extensions, 4 + elements.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 12] = [0x90, 0xe0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 9];

    fn with(extension: &[u8]) -> Vec<u8> {
        [&PLAIN, extension].concat()
    }

    #[test]
    fn extensions_are_found_in_both_forms() {
        let one = with(&[0xbe, 0xde, 0, 2, 0x10, 7, 0, 0x41, b'4', b'2', 0, 0]);
        let header = Header::parse(&one).unwrap();
        assert_eq!((header.ssrc, header.payload_type), (9, 96));
        assert_eq!(
            (header.sequence, header.timestamp, header.marker),
            (0x102, 0x0304_0506, true)
        );
        assert_eq!(header.length, one.len());
        assert_eq!(header.extension(4), Some(&b"42"[..]));
        assert_eq!((header.extension(1), header.extension(2)), (Some(&[7][..]), None));
        let two = with(&[0x10, 0, 0, 2, 1, 0, 4, 2, b'4', b'2', 0, 0]);
        let header = Header::parse(&two).unwrap();
        assert_eq!(header.extension(4), Some(&b"42"[..]));
        assert_eq!((header.extension(1), header.extension(2)), (Some(&[][..]), None));
    }

    #[test]
    fn what_is_truncated_is_not_read() {
        let packet = with(&[0xbe, 0xde, 0, 1, 0x42, b'4', b'2', 0]);
        for length in 0..packet.len() {
            assert_eq!(Header::parse(&packet[..length]), None, "{length}");
        }
        let beyond = with(&[0xbe, 0xde, 0, 1, 0x4f, b'4', b'2', 0]);
        assert_eq!(Header::parse(&beyond).unwrap().extension(4), None);
        let reserved = with(&[0xbe, 0xde, 0, 1, 0xf0, 1, 0x40, 1]);
        assert_eq!(Header::parse(&reserved).unwrap().extension(4), None);
    }
}
