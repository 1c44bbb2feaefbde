//! The dependency descriptor of AV1 (RTP Payload Format For AV1, appendix A): with spatial layers, only it tells a receiver
//! which frames it needs. It is handed on as it came, but for the frame number.

use std::sync::Arc;

use str0m::rtp::{Extension, ExtensionSerializer, ExtensionValues};

/// The name of the header extension.
const URI: &str = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// The longest value that fits into a header extension of one-byte form (RFC 8285 section 4.2).
const LONGEST_NARROW: usize = 16;

/// The header extension, for sessions.
pub(crate) fn dependency_descriptor() -> Extension {
    Extension::with_serializer(URI, Verbatim)
}

/// A descriptor: at least its three mandatory octets, with the frame number in the second and third.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Descriptor(Vec<u8>);

impl Descriptor {
    /// That of a packet.
    pub(crate) fn of(values: &ExtensionValues) -> Option<Arc<Self>> {
        values.user_values.get_arc::<Self>()
    }

    /// Reads one. `None`: it is too short.
    pub(crate) fn read(value: &[u8]) -> Option<Self> {
        (value.len() >= 3).then(|| Self(value.to_vec()))
    }

    /// As it came.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it says what the templates are.
    pub(super) fn has_structure(&self) -> bool {
        self.0.get(3).is_some_and(|flags| flags & 0x80 != 0)
    }

    /// Whether the packet is the last one of its frame.
    pub(crate) fn ends_frame(&self) -> bool {
        self.0[0] & 0x40 != 0
    }

    /// The number of the frame.
    pub(crate) fn frame(&self) -> u16 {
        u16::from_be_bytes([self.0[1], self.0[2]])
    }
}

#[derive(Debug)]
struct Verbatim;

impl ExtensionSerializer for Verbatim {
    fn write_to(&self, buf: &mut [u8], values: &ExtensionValues) -> usize {
        let descriptor = values.user_values.get::<Descriptor>();
        let Some((descriptor, buf)) = descriptor.and_then(|known| Some((known, buf.get_mut(..known.0.len())?))) else {
            return 0;
        };
        buf.copy_from_slice(&descriptor.0);
        descriptor.0.len()
    }

    fn parse_value(&self, buf: &[u8], values: &mut ExtensionValues) -> bool {
        Descriptor::read(buf)
            .map(|descriptor| values.user_values.set(descriptor))
            .is_some()
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }

    fn requires_two_byte_form(&self, values: &ExtensionValues) -> bool {
        let descriptor = values.user_values.get::<Descriptor>();
        descriptor.is_some_and(|descriptor| descriptor.0.len() > LONGEST_NARROW)
    }
}

/// The frame numbers of one outgoing stream across a change of source: receivers drop a keyframe whose number is before that of
/// the one before.
#[derive(Debug, Default)]
pub(crate) struct FrameNumbers {
    last: u16,
    shift: u16,
    entered: bool,
}

impl FrameNumbers {
    /// The next packet comes from another source.
    pub(crate) fn change_source(&mut self) {
        self.entered = false;
    }

    /// The number that a packet goes out with. Call it for each packet that is sent.
    pub(crate) fn packet(&mut self, came: u16, first_ever: bool) -> u16 {
        if !std::mem::replace(&mut self.entered, true) {
            self.shift = if first_ever {
                0
            } else {
                self.last.wrapping_add(1).wrapping_sub(came)
            };
        }
        let goes = came.wrapping_add(self.shift);
        // Serial number arithmetic (RFC 1982).
        if first_ever || goes.wrapping_sub(self.last) < 0x8000 {
            self.last = goes;
        }
        goes
    }

    /// What is added to the numbers of the current source.
    pub(crate) fn shift(&self) -> u16 {
        self.shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(frame: u16, length: usize) -> ExtensionValues {
        let mut values = ExtensionValues::default();
        let mut buf = vec![0xc1; length];
        buf[1..3].copy_from_slice(&frame.to_be_bytes());
        assert!(Verbatim.parse_value(&buf, &mut values));
        values
    }

    #[test]
    fn frame_numbers_go_on_at_a_change_of_source() {
        let mut frames = FrameNumbers::default();
        let mut sent = |frame, first, changes: bool| {
            if changes {
                frames.change_source();
            }
            let descriptor = Descriptor::of(&values(frame, 20)).unwrap();
            frames.packet(descriptor.frame(), first)
        };
        assert_eq!(
            [sent(65_534, true, false), sent(65_535, false, false)],
            [65_534, 65_535]
        );
        // A late one does not move the end.
        assert_eq!([sent(0, false, false), sent(65_535, false, false)], [0, 65_535]);
        assert_eq!([sent(40_000, false, true), sent(40_001, false, false)], [1, 2]);
        assert_eq!(sent(7, false, true), 3);
    }

    #[test]
    fn a_descriptor_is_handed_on_whole() {
        for length in [3, 16, 17, 255] {
            let values = values(9, length);
            let mut buf = [0; 300];
            assert_eq!(Verbatim.write_to(&mut buf, &values), length);
            assert_eq!(Verbatim.requires_two_byte_form(&values), length > 16);
        }
        let mut values = ExtensionValues::default();
        assert!(!Verbatim.parse_value(&[1, 2], &mut values));
        assert_eq!(Verbatim.write_to(&mut [0; 4], &values), 0);
    }
}
