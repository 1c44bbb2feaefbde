//! Pictures that are sent late, all at once: the time between them is squeezed, so that the newest has the time that it has
//! to have, and those that follow it keep their distances.

use std::time::Instant;

use super::incoming::Incoming;

/// The time between late pictures is so many times shorter: half a second takes two milliseconds, and they keep their order.
const SHORTER: i32 = 256;

/// See the module.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Squeeze {
    /// `None`: nothing is late.
    newest: Option<Newest>,
}

/// The newest packet that is late.
#[derive(Debug, Clone, Copy)]
struct Newest {
    sequence: u64,
    timestamp: u32,
    captured: Instant,
}

impl Squeeze {
    /// What was sent up to this packet is late.
    pub(crate) fn up_to(newest: &Incoming) -> Self {
        Self {
            newest: Some(Newest {
                sequence: *newest.packet.seq_no,
                timestamp: newest.packet.header.timestamp,
                captured: newest.captured,
            }),
        }
    }

    /// The timestamp of a packet, and the time of its capture that goes with it.
    pub(crate) fn apply(self, incoming: &Incoming) -> (u32, Instant) {
        let timestamp = incoming.packet.header.timestamp;
        match self.newest {
            Some(newest) if *incoming.packet.seq_no <= newest.sequence => {
                // Less than nothing where frames are not sent in the order in which they are shown.
                let early = newest.timestamp.wrapping_sub(timestamp).cast_signed();
                let squeezed = (early / SHORTER).cast_unsigned();
                (newest.timestamp.wrapping_sub(squeezed), newest.captured)
            }
            _ => (timestamp, incoming.captured),
        }
    }
}
