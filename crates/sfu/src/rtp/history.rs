//! The last packets of a video track: all its subscribers who miss some are answered from them, and who comes later begins
//! with them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::rtp::Ssrc;

use super::incoming::Incoming;

/// Packets kept for retransmission: about two seconds of a camera at 2 Mbit/s.
const PACKETS: usize = 512;

/// Who begins with what was kept is sent all of it at once: so much at most,
const LONGEST_STRETCH: u64 = 128;

/// and nothing older than that, whose pictures would only be decoded to be thrown away.
const STALE_AFTER: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Each at the place of its sequence number; empty before the first.
    places: Vec<Option<Arc<Incoming>>>,
    stream: Option<Stream>,
}

/// What the packets are of that came last.
#[derive(Debug)]
struct Stream {
    ssrc: Ssrc,
    newest: u64,
    keyframe: Option<Keyframe>,
}

/// The last keyframe that came: its first packet, and its timestamp.
#[derive(Debug, Clone, Copy)]
struct Keyframe {
    first: u64,
    timestamp: u32,
}

impl History {
    fn place(sequence: u64) -> usize {
        (sequence % PACKETS as u64) as usize
    }

    /// Keeps a packet, in the place of an older one.
    pub(crate) fn keep(&mut self, incoming: &Arc<Incoming>) {
        if self.places.is_empty() {
            self.places.resize(PACKETS, None);
        }
        self.follow(incoming);
        self.places[Self::place(*incoming.packet.seq_no)] = Some(Arc::clone(incoming));
    }

    fn follow(&mut self, incoming: &Incoming) {
        let (sequence, header) = (*incoming.packet.seq_no, &incoming.packet.header);
        let known = self.stream.take().filter(|stream| stream.ssrc == header.ssrc);
        let mut stream = known.unwrap_or(Stream {
            ssrc: header.ssrc,
            newest: sequence,
            keyframe: None,
        });
        stream.newest = stream.newest.max(sequence);
        if incoming.is_keyframe {
            let timestamp = header.timestamp;
            stream.keyframe = match stream.keyframe {
                // Some codecs have several packets that a decoder can begin with.
                Some(last) if last.timestamp == timestamp => Some(Keyframe {
                    first: last.first.min(sequence),
                    timestamp,
                }),
                Some(last) if sequence < last.first => Some(last),
                _ => Some(Keyframe {
                    first: sequence,
                    timestamp,
                }),
            };
        }
        self.stream = Some(stream);
    }

    /// A packet by its stream and its number.
    pub(crate) fn find(&self, ssrc: Ssrc, sequence: u64) -> Option<Arc<Incoming>> {
        let kept = self.places.get(Self::place(sequence))?.as_ref()?;
        let is_it = kept.packet.header.ssrc == ssrc && *kept.packet.seq_no == sequence;
        is_it.then(|| Arc::clone(kept))
    }

    /// All that has come since the last keyframe, which a decoder can begin with. `None`: something of it is missing, or it is
    /// too long or too old.
    pub(crate) fn stretch(&self, now: Instant) -> Option<Vec<Arc<Incoming>>> {
        let Stream { ssrc, newest, keyframe } = self.stream.as_ref()?;
        let first = (*keyframe)?.first;
        if newest - first >= LONGEST_STRETCH {
            return None;
        }
        let arrived = self.find(*ssrc, first)?.packet.timestamp;
        let is_fresh = now.saturating_duration_since(arrived) < STALE_AFTER;
        let packets = (first..=*newest).map(|sequence| self.find(*ssrc, sequence).filter(|_| is_fresh));
        packets.collect()
    }

    /// A packet came that is not kept: nothing can begin with what was kept before it.
    pub(crate) fn skip(&mut self) {
        self.stream = None;
    }

    /// Forgets all: nothing comes for a while.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use str0m::format::CodecConfig;
    use str0m::rtp::RtpHeader;

    use super::super::incoming::IncomingStream;
    use super::super::packet::Packet;
    use super::*;

    /// A packet of VP8: its stream, number and picture, whether it begins a keyframe, and when it came.
    fn packet(ssrc: u32, sequence: u64, picture: u32, is_keyframe: bool, arrived: Instant) -> Arc<Incoming> {
        let packet = Packet {
            seq_no: sequence.into(),
            header: RtpHeader {
                ssrc: ssrc.into(),
                timestamp: 3_000 * picture,
                ..RtpHeader::default()
            },
            payload: [if is_keyframe { 0x10 } else { 0 }, 0, 0, 0].into(),
            timestamp: arrived,
            report: None,
        };
        let mut config = CodecConfig::empty();
        config.enable_vp8(true);
        let mut stream = IncomingStream::default();
        Arc::new(Incoming::new(packet, config.params()[0], arrived, &mut stream))
    }

    fn stretch(history: &History, now: Instant) -> Option<Vec<u64>> {
        let packets = history.stretch(now)?;
        Some(packets.iter().map(|incoming| *incoming.packet.seq_no).collect())
    }

    #[test]
    fn a_stretch_begins_with_the_last_keyframe_and_has_no_hole() {
        let now = Instant::now();
        let mut history = History::default();
        let mut keep = |sequence, picture, is_keyframe| {
            history.keep(&packet(1, sequence, picture, is_keyframe, now));
            stretch(&history, now)
        };
        assert_eq!(keep(10, 1, false), None);
        assert_eq!(keep(12, 2, true), Some(vec![12]));
        assert_eq!(keep(13, 2, false), Some(vec![12, 13]));
        assert_eq!(keep(15, 3, false), None, "one is missing");
        assert_eq!(keep(14, 3, false), Some(vec![12, 13, 14, 15]));
        assert_eq!(keep(8, 0, true), Some(vec![12, 13, 14, 15]), "it is of before");
        assert_eq!(keep(17, 4, true), Some(vec![17]));
        assert_eq!(keep(16, 4, true), Some(vec![16, 17]), "parameter sets come first");
    }

    #[test]
    fn a_stretch_is_short_and_fresh_and_of_one_stream() {
        let now = Instant::now();
        let mut history = History::default();
        history.keep(&packet(1, 600, 1, true, now));
        (601..728).for_each(|sequence| history.keep(&packet(1, sequence, 2, false, now)));
        assert_eq!(stretch(&history, now).map(|packets| packets.len()), Some(128));
        let late = now + STALE_AFTER;
        assert_eq!(stretch(&history, late), None);
        history.keep(&packet(1, 728, 2, false, now));
        assert_eq!(stretch(&history, now), None);
        history.keep(&packet(2, 5, 1, false, now));
        assert_eq!(stretch(&history, now), None);
        history.keep(&packet(2, 6, 2, true, now));
        assert_eq!(stretch(&history, now), Some(vec![6]));
        history.skip();
        assert_eq!(stretch(&history, now), None, "one came that is not kept");
        history.keep(&packet(2, 8, 3, true, now));
        assert_eq!(stretch(&history, now), Some(vec![8]));
        history.clear();
        assert_eq!(stretch(&history, now), None);
    }
}
