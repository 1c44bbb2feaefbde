//! Which frames of a stream one subscription is sent: those up to a spatial and a temporal layer inside of it.
//!
//! Less is sent from the next picture on. More begins where a decoder can go on with it: at a keyframe, or where the stream
//! says so. Packets that come late are treated as those that came with them.

use std::collections::VecDeque;

use crate::rtp::{Incoming, Place, SwitchUp};

/// Changes that are remembered. What comes later is not repaired any more.
const CHANGES: usize = 8;

/// The most of a stream that is sent: layers are counted from 0, and those above are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) spatial: u8,
    pub(super) temporal: u8,
}

impl Limit {
    /// All that comes.
    pub(super) const NONE: Self = Self {
        spatial: u8::MAX,
        temporal: u8::MAX,
    };

    fn admits(self, place: Place) -> bool {
        place.spatial <= self.spatial && place.temporal <= self.temporal
    }
}

/// A packet's sequence number and timestamp, as they came.
type Moment = (u64, u32);

/// What was sent before a change.
#[derive(Debug, Clone, Copy)]
struct Before {
    level: Limit,
    /// The last frame of which something was seen before the change.
    last: u32,
    /// The first packet after it, whether it was seen or not, and the timestamp of what was.
    end: Moment,
    /// The first packet that was seen after it.
    seen: u64,
}

impl Before {
    fn has(self, (sequence, timestamp): Moment) -> bool {
        timestamp == self.last || (sequence < self.end.0 && timestamp != self.end.1)
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Thinning {
    level: Limit,
    /// The oldest first.
    before: VecDeque<Before>,
    newest: Moment,
    /// From this number on temporal layers above need nothing of before.
    is_open_from: Option<u64>,
}

impl Thinning {
    /// A stream that begins with this packet.
    pub(super) fn new(incoming: &Incoming, limit: Limit) -> Self {
        Self {
            level: limit,
            before: VecDeque::new(),
            newest: moment(incoming),
            is_open_from: None,
        }
    }

    /// Takes a packet. Gives whether it is sent.
    pub(super) fn take(&mut self, incoming: &Incoming, limit: Limit) -> bool {
        let moment = moment(incoming);
        if moment.0 > self.newest.0 {
            self.follow(moment, incoming, limit);
        }
        self.has_sent(incoming)
    }

    /// Whether a packet is the first that comes of a new picture.
    pub(super) fn begins(&self, incoming: &Incoming) -> bool {
        let (sequence, timestamp) = moment(incoming);
        sequence > self.newest.0 && timestamp != self.newest.1
    }

    /// Whether a packet was sent that was taken.
    pub(super) fn has_sent(&self, incoming: &Incoming) -> bool {
        self.level_of(moment(incoming)).admits(incoming.place)
    }

    /// Whether a packet is of a spatial layer above what is sent, which may begin with the next keyframe.
    pub(super) fn lacks(&self, incoming: &Incoming, limit: Limit) -> bool {
        let level = self.level_of(moment(incoming));
        (level.spatial.saturating_add(1)..=limit.spatial).contains(&incoming.place.spatial)
    }

    /// Whether a packet is of the highest spatial layer of its picture that is sent, where those above are left out.
    pub(super) fn is_top(&self, incoming: &Incoming) -> bool {
        self.level_of(moment(incoming)).spatial == incoming.place.spatial
    }

    /// What was sent of a picture.
    fn level_of(&self, moment: Moment) -> Limit {
        if self.before.back().is_none_or(|change| moment.0 >= change.seen) {
            return self.level;
        }
        let before = self.before.iter().find(|before| before.has(moment));
        before.map_or(self.level, |before| before.level)
    }

    /// Takes the packet with the highest number so far.
    fn follow(&mut self, moment: Moment, incoming: &Incoming, limit: Limit) {
        let last = std::mem::replace(&mut self.newest, moment);
        let begins = last.1 != moment.1;
        let (place, next) = (incoming.place, last.0 + 1);
        if begins {
            let opened = self.is_open_from.take();
            if incoming.is_keyframe {
                self.change(limit, last.1, moment, moment.0);
            } else if place.switch_up == SwitchUp::Unknown {
                // Nothing is left out on which it may depend.
                self.change(Limit::NONE, last.1, moment, next);
            } else if let Some(from) = opened.filter(|_| self.level.temporal < limit.temporal) {
                let level = Limit {
                    temporal: limit.temporal,
                    ..self.level.at_most(limit)
                };
                self.change(level, last.1, moment, from);
            } else {
                self.change(self.level.at_most(limit).synced(place, limit), last.1, moment, moment.0);
            }
        }
        // Each frame of a picture has to be such a point.
        let opens = place.switch_up == SwitchUp::Above && place.temporal <= self.level.temporal;
        let goes_on = begins || self.is_open_from.is_some();
        self.is_open_from = (opens && goes_on).then_some(moment.0 + 1);
    }

    /// Sends so much of what comes from this number on. `last` is the last frame before that, `seen` what is here of what follows.
    fn change(&mut self, level: Limit, last: u32, seen: Moment, from: u64) {
        let before = std::mem::replace(&mut self.level, level);
        if before != level {
            if self.before.len() == CHANGES {
                self.before.pop_front();
            }
            self.before.push_back(Before {
                level: before,
                last,
                end: (from, seen.1),
                seen: seen.0,
            });
        }
    }
}

impl Limit {
    fn at_most(self, other: Self) -> Self {
        Self {
            spatial: self.spatial.min(other.spatial),
            temporal: self.temporal.min(other.temporal),
        }
    }

    /// One temporal layer more, if a frame of that layer needs nothing of it.
    fn synced(self, place: Place, limit: Self) -> Self {
        let is_next = place.switch_up == SwitchUp::Here && Some(place.temporal) == self.temporal.checked_add(1);
        let temporal = match is_next && place.temporal <= limit.temporal {
            true => place.temporal,
            false => self.temporal,
        };
        Self { temporal, ..self }
    }
}

fn moment(incoming: &Incoming) -> Moment {
    (*incoming.packet.seq_no, incoming.packet.header.timestamp)
}

#[cfg(test)]
mod tests {
    use std::time::{Instant, SystemTime};

    use str0m::format::CodecConfig;
    use str0m::rtp::RtpHeader;

    use super::*;
    use crate::rtp::{IncomingStream, Packet, Report};

    const BASE: Limit = Limit {
        spatial: u8::MAX,
        temporal: 0,
    };

    /// A packet of a frame of its own: its number, its temporal layer, and how that can begin.
    fn packet(sequence: u64, temporal: u8, switch_up: SwitchUp) -> Incoming {
        let packet = Packet {
            seq_no: sequence.into(),
            header: RtpHeader {
                timestamp: sequence as u32 / 10,
                ..RtpHeader::default()
            },
            payload: [0, 0, 0, 0].into(),
            timestamp: Instant::now(),
            report: Some(Report {
                ntp: SystemTime::UNIX_EPOCH,
                rtp: 0,
            }),
        };
        let mut config = CodecConfig::empty();
        config.enable_h264(true);
        let mut incoming = Incoming::new(
            packet,
            config.params()[0],
            Instant::now(),
            &mut IncomingStream::default(),
        );
        incoming.place = Place {
            spatial: 0,
            temporal,
            switch_up,
        };
        incoming
    }

    fn thinning(limit: Limit) -> Thinning {
        Thinning::new(&packet(10, 0, SwitchUp::None), limit)
    }

    #[test]
    fn less_is_sent_from_the_next_frame_on() {
        let mut thinning = thinning(Limit::NONE);
        let mut take = |sequence, temporal, limit| thinning.take(&packet(sequence, temporal, SwitchUp::None), limit);
        assert!(take(21, 2, Limit::NONE) && take(22, 2, BASE), "the frame is sent whole");
        assert!(!take(31, 1, BASE) && take(41, 0, BASE) && !take(51, 2, BASE));
        // What comes late is treated as the rest of its frame.
        assert!(take(20, 2, BASE) && !take(30, 1, BASE) && !take(33, 1, BASE) && take(15, 2, BASE));
    }

    #[test]
    fn a_layer_begins_with_a_frame_that_needs_nothing_of_it() {
        use SwitchUp::{Here, None};
        let mut thinning = thinning(BASE);
        let mut take = |sequence, temporal, up, limit| thinning.take(&packet(sequence, temporal, up), limit);
        assert!(!take(20, 2, Here, BASE) && !take(30, 1, None, Limit::NONE));
        assert!(!take(40, 2, Here, Limit::NONE), "the layer below it is not sent");
        assert!(take(50, 0, None, Limit::NONE));
        // Of this frame, the second packet comes first.
        assert!(take(61, 1, Here, Limit::NONE) && take(60, 1, Here, Limit::NONE));
        assert!(!take(70, 2, None, Limit::NONE) && take(80, 0, None, Limit::NONE));
        assert!(take(90, 2, Here, Limit::NONE) && take(100, 1, None, Limit::NONE) && take(110, 2, None, Limit::NONE));
        // A frame of before all that cannot begin it any more.
        assert!(!take(25, 1, Here, Limit::NONE));
        assert!(!take(120, 1, None, BASE) && !take(130, 1, Here, BASE));
    }

    #[test]
    fn while_layers_are_not_known_all_is_sent() {
        use SwitchUp::{None, Unknown};
        let mut thinning = thinning(BASE);
        let mut take = |sequence, temporal, up| thinning.take(&packet(sequence, temporal, up), BASE);
        assert!(!take(20, 1, None) && take(50, 0, Unknown), "it is of any layer");
        // It may depend on this one, whose layer is known since.
        assert!(take(30, 1, None) && !take(60, 1, None) && !take(21, 1, None));
    }

    #[test]
    fn after_a_switching_point_nothing_of_before_is_needed() {
        use SwitchUp::{Above, None};
        let mut thinning = thinning(BASE);
        let mut take = |sequence, temporal, up, limit| thinning.take(&packet(sequence, temporal, up), limit);
        assert!(
            !take(20, 1, Above, Limit::NONE),
            "it is of a layer that is not sent itself"
        );
        assert!(!take(30, 2, None, Limit::NONE) && take(40, 0, Above, Limit::NONE));
        assert!(take(61, 1, None, Limit::NONE) && take(70, 2, None, Limit::NONE));
        assert!(take(50, 2, None, Limit::NONE), "it came late, but after the point");
        assert!(!take(31, 2, None, Limit::NONE), "before the point");
    }
}
