//! An RTP packet as it is written for one subscriber (RFC 3550 section 5.1, RFC 8285).

use std::sync::Arc;
use std::time::Instant;

use super::incoming::{Incoming, renumber};
use super::numbers::Numbers;
use super::red::Repeater;

/// The longest value of a header extension of one-byte form.
pub(crate) const LONGEST_NARROW: usize = 16;

/// A publisher's packet with the numbers of one outgoing stream.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    /// What was published.
    pub(crate) incoming: Arc<Incoming>,
    /// The subscriber's payload type.
    pub(crate) payload_type: u8,
    /// The extended sequence number.
    pub(crate) sequence: u64,
    /// The timestamp.
    pub(crate) timestamp: u32,
    /// When it was captured, by that.
    pub(crate) captured: Instant,
    /// The marker.
    pub(crate) marker: bool,
    /// The numbers of its descriptor of VP8 or VP9.
    pub(crate) numbers: Option<Numbers>,
    /// It is left out: only its number goes out, since others came before that have theirs.
    pub(crate) is_empty: bool,
    /// The frame number of its AV1 descriptor; `None`: the descriptor is left out.
    pub(crate) frame: Option<u16>,
}

/// The ids of header extensions on an m-line, as the client has them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExtensionIds {
    pub(crate) mid: Option<u8>,
    pub(crate) send_time: Option<u8>,
    pub(crate) transport_sequence: Option<u8>,
    pub(crate) level: Option<u8>,
    pub(crate) orientation: Option<u8>,
    pub(crate) descriptor: Option<u8>,
}

/// The highest id of one-byte form (RFC 8285 section 4.2).
const HIGHEST_NARROW: u8 = 14;

impl ExtensionIds {
    /// Whether one of them needs two-byte form.
    fn are_wide(&self) -> bool {
        let Self {
            mid,
            send_time,
            transport_sequence,
            level,
            orientation,
            descriptor,
        } = *self;
        let mut ids = [mid, send_time, transport_sequence, level, orientation, descriptor].into_iter();
        ids.any(|id| id > Some(HIGHEST_NARROW))
    }
}

/// What of a header belongs to the moment at which it is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Departure<'a> {
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) ssrc: u32,
    /// The m-line's name, as long as the client may not know whose the SSRC is.
    pub(crate) mid: Option<&'a str>,
    /// 24 bits: seconds, in 18 bits after the point.
    pub(crate) send_time: u32,
    pub(crate) transport_sequence: u16,
    /// The sequence number of the packet that this one repeats (RFC 4588 section 4).
    pub(crate) repeats: Option<u16>,
    /// What is repeated in front of the payload; `payload_type` is that of redundant audio then.
    pub(crate) redundant: Option<&'a Repeater>,
}

/// Bytes of padding in a packet of nothing else (RFC 3550 section 5.1).
const PADDING: u8 = 255;

impl Departure<'_> {
    /// Appends a packet of padding, for a stream of retransmissions, where it leaves no gap in any media. Gives the length of
    /// its header.
    pub(crate) fn write_padding(&self, ids: &ExtensionIds, timestamp: u32, packet: &mut Vec<u8>) -> usize {
        let begin = packet.len();
        self.write_fixed(0xa0, false, timestamp, packet);
        let mut elements = Elements::begin(ids.are_wide(), packet);
        self.add_to(ids, &mut elements);
        elements.end();
        let header = packet.len() - begin;
        packet.resize(packet.len() + usize::from(PADDING) - 1, 0);
        packet.push(PADDING);
        header
    }

    fn write_fixed(&self, first: u8, marker: bool, timestamp: u32, packet: &mut Vec<u8>) {
        packet.extend([first, u8::from(marker) << 7 | self.payload_type]);
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
    }

    fn add_to(&self, ids: &ExtensionIds, elements: &mut Elements<'_>) {
        if let Some((id, mid)) = ids.mid.zip(self.mid) {
            elements.add(id, mid.as_bytes());
        }
        if let Some(id) = ids.send_time {
            elements.add(id, &self.send_time.to_be_bytes()[1..]);
        }
        if let Some(id) = ids.transport_sequence {
            elements.add(id, &self.transport_sequence.to_be_bytes());
        }
    }
}

impl Outgoing {
    /// What goes out as payload, but for the numbers of its descriptor.
    pub(crate) fn payload(&self) -> &[u8] {
        match self.is_empty {
            true => &[],
            false => &self.incoming.packet.payload,
        }
    }

    /// Appends the packet. Gives the length of its header, and how many bytes it has for what it repeats.
    pub(crate) fn write(&self, ids: &ExtensionIds, departure: &Departure<'_>, packet: &mut Vec<u8>) -> (usize, usize) {
        let begin = packet.len();
        departure.write_fixed(0x80, self.marker, self.timestamp, packet);
        self.write_extensions(ids, departure, packet);
        let header = packet.len() - begin;
        if let Some(repeats) = departure.repeats {
            packet.extend(repeats.to_be_bytes());
        }
        let moment = (self.sequence, self.timestamp);
        let redundant = departure.redundant.map_or(0, |repeater| {
            repeater.write(moment, self.payload_type, self.payload().len(), packet)
        });
        let payload = packet.len();
        packet.extend_from_slice(self.payload());
        if let Some(numbers) = self.numbers {
            let codec = self.incoming.params.spec().codec;
            renumber(codec, &mut packet[payload..], numbers);
        }
        (header, redundant)
    }

    fn write_extensions(&self, ids: &ExtensionIds, departure: &Departure<'_>, packet: &mut Vec<u8>) {
        let incoming = &self.incoming;
        let descriptor = self.frame.and_then(|frame| {
            let (id, descriptor) = (ids.descriptor?, incoming.descriptor.as_ref()?);
            Some((id, descriptor, frame))
        });
        let is_long = descriptor.is_some_and(|(_, descriptor, _)| descriptor.bytes().len() > LONGEST_NARROW);
        let is_wide = is_long || ids.are_wide();
        let mut elements = Elements::begin(is_wide, packet);
        departure.add_to(ids, &mut elements);
        if let Some((id, level)) = ids.level.zip(incoming.level) {
            elements.add(id, &[level]);
        }
        if let Some((id, orientation)) = ids.orientation.zip(incoming.orientation) {
            elements.add(id, &[orientation]);
        }
        if let Some((id, descriptor, frame)) = descriptor {
            let at = elements.add(id, descriptor.bytes());
            elements.packet[at + 1..at + 3].copy_from_slice(&frame.to_be_bytes());
        }
        elements.end();
    }
}

/// A header extension that is being written at the end of a packet.
struct Elements<'a> {
    is_wide: bool,
    begin: usize,
    packet: &'a mut Vec<u8>,
}

impl<'a> Elements<'a> {
    fn begin(is_wide: bool, packet: &'a mut Vec<u8>) -> Self {
        let begin = packet.len();
        packet.extend(if is_wide { [0x10, 0, 0, 0] } else { [0xbe, 0xde, 0, 0] });
        Self { is_wide, begin, packet }
    }

    /// Adds an element. Gives where its value is.
    fn add(&mut self, id: u8, value: &[u8]) -> usize {
        if self.is_wide {
            self.packet.extend([id, value.len() as u8]);
        } else {
            self.packet.push(id << 4 | (value.len() as u8).wrapping_sub(1) & 0x0f);
        }
        self.packet.extend_from_slice(value);
        self.packet.len() - value.len()
    }

    fn end(self) {
        let length = self.packet.len() - self.begin - 4;
        if length == 0 {
            self.packet.truncate(self.begin);
            return;
        }
        let words = length.div_ceil(4);
        self.packet.resize(self.begin + 4 + 4 * words, 0);
        self.packet[self.begin + 2..self.begin + 4].copy_from_slice(&(words as u16).to_be_bytes());
        // The packet's first octet is twelve before, behind no contributing sources.
        self.packet[self.begin - 12] |= 0x10;
    }
}
