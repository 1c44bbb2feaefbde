//! One of the encodings that a publisher sends of a track at the same time.

use std::time::{Duration, Instant};

use str0m::format::PayloadParams;
use str0m::media::MediaKind;
use str0m::rtp::{RtpHeader, Ssrc};

use super::dynacast::Demand;
use super::rates::Rates;
use crate::rtp::{Choice, Encodings, History, Incoming, IncomingStream, Packet, StreamClock};
use crate::throttle::Throttle;

/// A layer is silent when the others have sent so many frames, in so long a time, without one of it among them: publishers
/// drop the largest where a machine or a line is weak. A publisher that sends nothing at all tells nothing about layers.
const SILENT_FRAMES: u32 = 6;
const SILENT: Duration = Duration::from_millis(500);
/// See the module.
#[derive(Default)]
pub(super) struct Encoding {
    streams: Encodings,
    pub(super) clock: StreamClock,
    pub(super) keyframes: Throttle,
    /// What can be sent again.
    pub(super) history: History,
    /// What its publisher was told of it.
    pub(super) demand: Demand,
    /// The heights of its pictures, the lowest spatial layer first, as far as they are known.
    pub(super) heights: Vec<u32>,
    /// What it costs a subscriber's line.
    pub(super) rates: Rates,
    stream: IncomingStream,
    /// The timestamp of the last keyframe.
    keyframe: Option<u32>,
    /// The last packet, and the timestamp of its frame.
    heard: Option<(Instant, u32)>,
    /// Frames of other layers since then.
    missed: u32,
    pub(super) is_active: bool,
}

impl Encoding {
    /// The SSRC of what is forwarded.
    pub(super) fn ssrc(&self) -> Option<Ssrc> {
        self.streams.current()
    }

    /// Which of the streams that may be this encoding a packet is of.
    pub(super) fn choose(&mut self, now: Instant, kind: MediaKind, header: &RtpHeader) -> Choice {
        let choice = self.streams.heard(now, kind, header.ssrc, header.timestamp);
        if choice == Choice::Begin {
            self.clock = StreamClock::default();
            (self.rates, self.stream) = (Rates::default(), IncomingStream::default());
            self.heights.clear();
        }
        choice
    }

    /// Parses a packet.
    pub(super) fn parse(&mut self, now: Instant, packet: Packet, params: PayloadParams, captured: Instant) -> Incoming {
        let incoming = Incoming::new(packet, params, captured, &mut self.stream);
        let timestamp = incoming.packet.header.timestamp;
        if incoming.is_keyframe {
            self.keyframes.came();
            self.keyframe = Some(timestamp);
        }
        // Each packet of audio can be decoded by itself, and none is rare.
        let is_video = incoming.params.spec().codec.is_video();
        let is_of_keyframe = is_video && self.keyframe == Some(timestamp);
        self.rates
            .add(now, incoming.place, incoming.packet.payload.len(), is_of_keyframe);
        incoming
    }

    /// Takes a packet of its own. Gives whether it begins a frame.
    pub(super) fn hear(&mut self, now: Instant, header: &RtpHeader) -> bool {
        let before = self.heard.replace((now, header.timestamp));
        (self.missed, self.is_active) = (0, true);
        before.is_none_or(|(_, timestamp)| timestamp != header.timestamp)
    }

    /// Takes that another layer has sent a frame. Gives whether this one has fallen silent by it.
    pub(super) fn miss(&mut self, now: Instant) -> bool {
        self.missed = self.missed.saturating_add(1);
        let is_silent = self.missed >= SILENT_FRAMES && self.heard.is_none_or(|(heard, _)| heard + SILENT <= now);
        is_silent && std::mem::replace(&mut self.is_active, false)
    }
}

#[cfg(test)]
mod tests {
    use str0m::format::CodecConfig;

    use super::super::thinning::Limit;
    use super::*;

    #[test]
    fn a_voice_costs_what_it_takes_within_a_second() {
        let (start, mut encoding) = (Instant::now(), Encoding::default());
        let mut config = CodecConfig::empty();
        config.enable_opus(true, false);
        for number in 0..50 {
            let now = start + number * Duration::from_millis(20);
            let packet = Packet {
                seq_no: u64::from(number).into(),
                header: RtpHeader {
                    timestamp: number * 960,
                    ..RtpHeader::default()
                },
                payload: [0; 80][..].into(),
                timestamp: now,
                report: None,
            };
            encoding.parse(now, packet, config.params()[0], now);
        }
        let bits = encoding.rates.bits(Limit::NONE).unwrap();
        assert!((55_000.0..65_000.0).contains(&bits), "{bits}");
    }
}
