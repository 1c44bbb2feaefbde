//! What one stream has to be like, whatever was sent of which layer.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::course::{Arrival, Coded, Course, Sent};
use super::encoder::{Encoder, Frame};

/// How often a subscriber was sent another layer.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Switches {
    pub(super) spatial: usize,
    pub(super) temporal: usize,
}

/// What came while one encoding was sent.
struct Span<'a> {
    encoder: &'a Encoder,
    /// From its first packet on, by the numbers that came.
    came: BTreeMap<u64, Arrival>,
}

impl std::ops::AddAssign for Switches {
    fn add_assign(&mut self, more: Self) {
        self.spatial += more.spatial;
        self.temporal += more.temporal;
    }
}

impl Span<'_> {
    fn sent(&self) -> impl DoubleEndedIterator<Item = Sent> {
        self.came.values().filter_map(|arrival| arrival.sent)
    }

    /// Packets with more than a number.
    fn whole(&self) -> impl DoubleEndedIterator<Item = (&Frame, Sent)> {
        let whole = self
            .came
            .values()
            .filter_map(|arrival| Some((arrival.timestamp, arrival.sent.filter(|sent| !sent.is_empty)?)));
        whole.map(|(timestamp, sent)| (&self.encoder.frames[&timestamp], sent))
    }

    /// Nothing of what came of a frame is left out.
    fn check_whole(&self, frame: &Frame) {
        for (came, arrival) in self.came.range(frame.packets.clone()) {
            assert!(
                arrival.sent.is_some_and(|sent| !sent.is_empty),
                "{came} is left out and needed: {arrival:?}"
            );
        }
    }

    /// What is sent can be decoded, but for what was lost; and the base layer is always sent.
    fn check_frames(&self) {
        let begin = *self.came.keys().next().unwrap();
        for (frame, _) in self.whole() {
            self.check_whole(frame);
            let needs = frame.needs.iter().map(|needed| &self.encoder.frames[needed]);
            // What was before the first keyframe that was sent is needed by nothing after it.
            needs
                .filter(|needed| needed.packets.start >= begin)
                .for_each(|needed| self.check_whole(needed));
        }
        for arrival in self.came.values() {
            let frame = &self.encoder.frames[&arrival.timestamp];
            assert!(frame.temporal > 0 || arrival.sent.is_some(), "{arrival:?}");
        }
    }

    /// No number is missing but those of lost packets.
    fn check_sequences(&self) {
        let sent: Vec<Sent> = self.sent().collect();
        for pair in sent.windows(2) {
            let between: Range<u64> = pair[0].came + 1..pair[1].came;
            let lost = between.filter(|came| !self.came.contains_key(came)).count() as u64;
            let missing = pair[1].sequence.checked_sub(pair[0].sequence + 1);
            assert!(missing.is_some_and(|missing| missing <= lost), "{pair:?}, {lost} lost");
        }
    }

    /// Pictures have other ids; those of VP8 go on by one, and those that were lost may have theirs.
    fn check_pictures(&self, had_loss: bool, codec: Coded) {
        let whole: Vec<_> = self.whole().collect();
        for pair in whole.windows(2) {
            let ((before, first), (frame, second)) = (&pair[0], &pair[1]);
            let step = u64::from(second.picture.wrapping_sub(first.picture) & codec.pictures());
            let most = frame.picture - before.picture;
            // Frames of the others say by distances what they depend on.
            let is_dense = matches!(codec, Coded::Vp8 { .. });
            let least = if is_dense { most.min(1) } else { most };
            assert!(step >= least && step <= if had_loss { most } else { least }, "{pair:?}");
            if codec == Coded::Av1 {
                continue;
            }
            assert_eq!(second.tl0.wrapping_sub(first.tl0), frame.tl0.wrapping_sub(before.tl0));
        }
    }

    /// How often more or fewer temporal layers were sent from one frame of the base layer to the next.
    fn temporal_switches(&self) -> usize {
        let mut highest = Vec::new();
        for (frame, _) in self.whole() {
            match (frame.temporal, highest.last_mut()) {
                (0, _) | (_, None) => highest.push(0),
                (temporal, Some(last)) => *last = temporal.max(*last),
            }
        }
        highest.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }
}

impl Coded {
    /// All bits of a picture id.
    fn pictures(self) -> u16 {
        match self {
            Self::Vp8 { is_wide: false } => 0x7f,
            Self::Vp8 { is_wide: true } | Self::Vp9 => 0x7fff,
            Self::Av1 => 0xffff,
        }
    }
}

impl Course {
    /// Checks what was sent. Gives how often the layer has changed.
    pub(super) fn check(&self, had_loss: bool) -> Switches {
        let mut switches = Switches::default();
        let spans = self.spans();
        for pair in spans.windows(2) {
            switches.spatial += 1;
            check_change(&pair[0], &pair[1], self.codec);
        }
        for span in &spans {
            span.check_frames();
            span.check_sequences();
            span.check_pictures(had_loss, self.codec);
            switches.temporal += span.temporal_switches();
        }
        let (first, last) = (self.sent.keys().next().unwrap(), self.sent.keys().last().unwrap());
        assert!(
            had_loss || last - first + 1 == self.sent.len() as u64,
            "a gap without a loss"
        );
        let empty = self.sent.values().filter(|sent| sent.is_empty).count();
        assert!(had_loss || empty == 0, "{empty} packets without anything");
        for asked in self.asked.values() {
            // Within the steps of this test.
            let second = Duration::from_millis(990);
            assert!(asked.windows(3).all(|three| three[2] - three[0] >= second));
        }
        self.check_clock();
        switches
    }

    fn spans(&self) -> Vec<Span<'_>> {
        let mut bounds: Vec<(u32, Range<usize>)> = Vec::new();
        for (index, arrival) in self.arrivals.iter().enumerate() {
            if arrival.sent.is_none() {
                continue;
            }
            match bounds.last_mut() {
                Some((ssrc, bounds)) if *ssrc == arrival.ssrc => bounds.end = index + 1,
                _ => bounds.push((arrival.ssrc, index..index + 1)),
            }
        }
        let span = |(ssrc, bounds): (u32, Range<usize>)| {
            let first = self.arrivals[bounds.start].came;
            let came = self.arrivals[bounds]
                .iter()
                .filter(|arrival| arrival.ssrc == ssrc && arrival.came >= first);
            Span {
                encoder: self.encoders.iter().find(|encoder| encoder.ssrc == ssrc).unwrap(),
                came: came.map(|arrival| (arrival.came, *arrival)).collect(),
            }
        };
        bounds.into_iter().map(span).collect()
    }

    /// The timestamps follow the captures, however often the layer has changed.
    fn check_clock(&self) {
        let (mut all, last) = (self.sent.values(), self.sent.values().last().unwrap());
        let first = all.next().unwrap();
        let ticks = last.timestamp.wrapping_sub(first.timestamp);
        let passed = last.captured.saturating_duration_since(first.captured);
        let off = f64::from(ticks) / 90.0 - passed.as_secs_f64() * 1_000.0;
        assert!(off.abs() < 250.0, "{off} ms");
        let mut before = first.timestamp;
        for sent in all {
            assert!(
                sent.timestamp.wrapping_sub(before).cast_signed() >= 0,
                "{sent:?} goes back"
            );
            before = sent.timestamp;
        }
    }
}

/// Another encoding begins with a keyframe, and goes on where the one before has ended.
fn check_change(before: &Span<'_>, after: &Span<'_>, codec: Coded) {
    let last = before.sent().next_back().unwrap();
    let first = after.sent().next().unwrap();
    assert!(first.begins_keyframe, "{first:?}");
    assert_eq!(first.sequence, last.sequence + 1, "a gap at a change of layer");
    assert!(first.timestamp.wrapping_sub(last.timestamp).cast_signed() > 0);
    let (_, shown) = before.whole().next_back().unwrap();
    assert_eq!(first.picture, shown.picture.wrapping_add(1) & codec.pictures());
    if codec != Coded::Av1 {
        assert_eq!(first.tl0, shown.tl0.wrapping_add(1));
    }
    if matches!(codec, Coded::Vp8 { .. }) {
        assert_eq!(first.key, shown.key.wrapping_add(1) & 0x1f);
    }
}
