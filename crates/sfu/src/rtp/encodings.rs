//! Which of the RTP streams on one m-line is forwarded: one at a time, whatever the publisher sends (RFC 7667 section 3.6).

use std::time::{Duration, Instant};

use str0m::media::{MediaKind, Rid};
use str0m::rtp::{RtpHeader, Ssrc};

/// Frames that another stream has to send, one after the other and without one of the current stream among them, to take its
/// place: streams of one source that are sent at the same time never get there.
const FRAMES: u32 = 3;

/// How long the current stream has to be silent until another one takes its place.
fn patience(kind: MediaKind) -> Duration {
    match kind {
        // Three packets: what a listener hardly notices.
        MediaKind::Audio => Duration::from_millis(60),
        // Longer than the time between two frames of a screen that is shared.
        MediaKind::Video => Duration::from_millis(250),
    }
}

/// What an offer calls one of the encodings that it sends at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EncodingName {
    /// By its `a=rid` (RFC 8851), which packets carry.
    Rid(Rid),
    /// By its SSRC, in an `a=ssrc-group:SIM`.
    Ssrc(Ssrc),
}

impl EncodingName {
    /// Whether a packet says that it is of this encoding.
    pub(crate) fn is_of(self, header: &RtpHeader) -> bool {
        match self {
            Self::Rid(rid) => header.ext_vals.rid == Some(rid),
            Self::Ssrc(ssrc) => header.ssrc == ssrc,
        }
    }
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// It is of the stream that is forwarded.
    Forward,
    /// It is the first of a new source: subscribers begin anew with a keyframe.
    Begin,
    /// It is of another stream, and not forwarded.
    Ignore,
}

/// The streams on one m-line.
#[derive(Debug, Default)]
pub(crate) struct Encodings {
    current: Option<Current>,
    rival: Option<Rival>,
}

#[derive(Debug)]
struct Current {
    ssrc: Ssrc,
    heard: Instant,
}

/// The stream that may take the current one's place.
#[derive(Debug)]
struct Rival {
    ssrc: Ssrc,
    heard: Instant,
    timestamp: u32,
    frames: u32,
}

impl Encodings {
    /// The SSRC of the stream that is forwarded.
    pub(crate) fn current(&self) -> Option<Ssrc> {
        self.current.as_ref().map(|current| current.ssrc)
    }

    /// Takes the SSRC and the timestamp of a packet.
    pub(crate) fn heard(&mut self, now: Instant, kind: MediaKind, ssrc: Ssrc, timestamp: u32) -> Choice {
        let Some(current) = &mut self.current else {
            self.current = Some(Current { ssrc, heard: now });
            return Choice::Forward;
        };
        if current.ssrc == ssrc {
            current.heard = now;
            self.rival = None;
            return Choice::Forward;
        }
        let silent_since = current.heard;
        let frames = self.rival_heard(now, kind, ssrc, timestamp);
        if frames < FRAMES || now < silent_since + patience(kind) {
            return Choice::Ignore;
        }
        self.current = Some(Current { ssrc, heard: now });
        self.rival = None;
        Choice::Begin
    }

    /// Gives how many frames of this stream have come since the last packet of the current one. Where several other streams
    /// are sent, only the first of them is counted, unless it falls silent too.
    fn rival_heard(&mut self, now: Instant, kind: MediaKind, ssrc: Ssrc, timestamp: u32) -> u32 {
        let fresh = Rival {
            ssrc,
            heard: now,
            timestamp,
            frames: 1,
        };
        match &mut self.rival {
            Some(rival) if rival.ssrc == ssrc => {
                rival.frames += u32::from(rival.timestamp != timestamp);
                (rival.heard, rival.timestamp) = (now, timestamp);
                rival.frames
            }
            Some(rival) if now < rival.heard + patience(kind) => 0,
            _ => self.rival.insert(fresh).frames,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(encodings: &mut Encodings, start: Instant, packets: &[(u64, u32, u32)]) -> Vec<Choice> {
        let heard = |(ms, ssrc, timestamp): &(u64, u32, u32)| {
            let now = start + Duration::from_millis(*ms);
            encodings.heard(now, MediaKind::Video, (*ssrc).into(), *timestamp)
        };
        packets.iter().map(heard).collect()
    }

    #[test]
    fn streams_that_are_sent_at_the_same_time_are_not_mixed() {
        let (start, mut encodings) = (Instant::now(), Encodings::default());
        for frame in 0..500_u32 {
            // Five frames a second of each, the first one's last.
            let at = u64::from(frame) * 200;
            let chosen = choose(&mut encodings, start, &[(at, 2, frame), (at, 3, frame), (at, 1, frame)]);
            // The one that came first.
            assert_eq!(chosen[0], Choice::Forward);
            assert_eq!(chosen[1..], [Choice::Ignore; 2], "{frame}");
        }
        assert_eq!(encodings.current(), Some(2.into()));
    }

    #[test]
    fn another_stream_takes_over_when_the_current_one_ends() {
        use Choice::{Begin, Forward, Ignore};
        let (start, mut encodings) = (Instant::now(), Encodings::default());
        let packets = [
            (0, 1, 0),
            (100, 2, 7),
            (101, 2, 7),
            (200, 2, 8),
            (260, 2, 9),
            (261, 2, 9),
            (262, 1, 1),
        ];
        let chosen = choose(&mut encodings, start, &packets);
        assert_eq!(chosen, [Forward, Ignore, Ignore, Ignore, Begin, Forward, Ignore]);
    }

    #[test]
    fn of_several_others_one_takes_over() {
        let (start, mut encodings) = (Instant::now(), Encodings::default());
        choose(&mut encodings, start, &[(0, 1, 0)]);
        let both: Vec<_> = (1..20)
            .flat_map(|n| [(n * 33, 2, n as u32), (n * 33, 3, n as u32)])
            .collect();
        let begun = choose(&mut encodings, start, &both);
        assert_eq!(begun.iter().filter(|choice| **choice == Choice::Begin).count(), 1);
        assert_eq!(encodings.current(), Some(2.into()));
    }

    #[test]
    fn a_stream_that_was_heard_once_does_not_stand_in_the_way() {
        let (start, mut encodings) = (Instant::now(), Encodings::default());
        choose(&mut encodings, start, &[(0, 1, 0), (10, 2, 0)]);
        let others: Vec<_> = (1..20).map(|n| (n * 33, 3, n as u32)).collect();
        assert!(choose(&mut encodings, start, &others).contains(&Choice::Begin));
        assert_eq!(encodings.current(), Some(3.into()));
    }
}
