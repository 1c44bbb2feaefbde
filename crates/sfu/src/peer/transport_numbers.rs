//! Transport-wide sequence numbers of what a client sends, kept from going back to before zero.
//!
//! The session extends these 16-bit numbers by the highest that it has seen. One that comes right after a start at zero but
//! lies just behind it, 65,535 say, becomes one of nearly 2⁶⁴; what the session then writes about the packets between them
//! takes all memory there is. So no such number reaches the session.

use str0m::media::Mid;
use str0m::rtp::Extension;

use super::session::{Fault, Session};
use crate::rtp::Header;
use crate::sdp::{Scan, Section};

/// The id under which the session reads these numbers where the client has not said otherwise.
const DEFAULT_ID: u8 = 3;

/// Numbers so far ahead of the highest count as ahead of it; what is farther counts as behind.
const AHEAD: u32 = 0x7fff;

/// What is known of the highest number that the session has seen.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Highest {
    /// No packet was handed over that has one.
    #[default]
    None,
    /// If there is one, it is at least this. It is of a packet that may not have been authentic.
    Perhaps(u16),
    /// It is at least this.
    AtLeast(u16),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct TransportNumbers {
    ids: Vec<u8>,
    highest: Highest,
}

impl TransportNumbers {
    /// Whether a packet that is not authenticated yet may be handed to the session.
    pub(super) fn admit(&mut self, header: &Header<'_>) -> bool {
        let ids = self.ids.iter();
        let values = ids.flat_map(|id| header.extensions(*id));
        let numbers = values.filter_map(|value| Some(u16::from_be_bytes(*value.first_chunk()?)));
        let mut highest = self.highest;
        let is_admitted = numbers.into_iter().all(|number| highest.admit(number));
        if is_admitted {
            self.highest = highest;
        }
        is_admitted
    }

    /// The session has taken a packet with this number.
    pub(super) fn taken(&mut self, number: u16) {
        let before = match self.highest {
            Highest::AtLeast(before) => before,
            Highest::None | Highest::Perhaps(_) => 0,
        };
        self.highest = Highest::AtLeast(number.max(before));
    }

    /// Something was negotiated.
    pub(super) fn renegotiated(&mut self, session: &mut Session, outline: &Scan<'_>) -> Result<(), Fault> {
        let lines = outline.sections.iter().map(Section::key);
        self.ids = session.transport_number_ids(lines)?;
        Ok(())
    }
}

impl Highest {
    fn admit(&mut self, number: u16) -> bool {
        let (Self::Perhaps(floor) | Self::AtLeast(floor)) = *self else {
            *self = Self::Perhaps(number);
            return true;
        };
        if u32::from(number) > u32::from(floor) + AHEAD {
            return false;
        }
        if let Self::Perhaps(floor) = self {
            *floor = number.min(*floor);
        }
        true
    }
}

impl Session {
    /// The ids under which the session may read these numbers.
    fn transport_number_ids(&mut self, lines: impl Iterator<Item = Mid>) -> Result<Vec<u8>, Fault> {
        self.enter(|rtc| {
            let media = lines.filter_map(|line| rtc.media(line));
            let named = media.filter_map(|media| media.remote_extmap().id_of(Extension::TransportSequenceNumber));
            let mut ids: Vec<u8> = named.collect();
            ids.sort_unstable();
            ids.dedup();
            if ids.is_empty() {
                ids.push(DEFAULT_ID);
            }
            ids
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet with such numbers.
    fn packet(numbers: &[u16]) -> Vec<u8> {
        let mut packet = vec![
            0x90,
            96,
            0,
            1,
            0,
            0,
            0,
            1,
            0,
            0,
            0,
            9,
            0xbe,
            0xde,
            0,
            numbers.len() as u8,
        ];
        for number in numbers {
            packet.push(0x31);
            packet.extend(number.to_be_bytes());
            packet.push(0);
        }
        packet
    }

    struct Numbers(TransportNumbers);

    impl Numbers {
        fn new() -> Self {
            Self(TransportNumbers {
                ids: vec![DEFAULT_ID],
                highest: Highest::None,
            })
        }

        fn admit(&mut self, numbers: &[u16]) -> bool {
            self.0.admit(&Header::parse(&packet(numbers)).unwrap())
        }
    }

    #[test]
    fn numbers_go_up_and_around() {
        let mut numbers = Numbers::new();
        for number in (60_000..=65_535).chain(0..200_000_u32) {
            assert!(numbers.admit(&[number as u16]), "{number}");
            numbers.0.taken(number as u16);
        }
        assert!(numbers.admit(&[]), "a packet without one");
    }

    #[test]
    fn none_goes_back_to_before_zero() {
        for taken in [0, 1, 1_000, 32_767] {
            let mut numbers = Numbers::new();
            assert!(numbers.admit(&[taken]));
            numbers.0.taken(taken);
            assert!(numbers.admit(&[taken.saturating_sub(500)]), "a late one");
            assert!(!numbers.admit(&[65_535]));
            assert!(!numbers.admit(&[taken + 32_768]));
            assert!(!numbers.admit(&[taken, 65_535]), "the last one counts");
            assert!(numbers.admit(&[taken + 32_767]));
        }
    }

    #[test]
    fn what_is_not_authentic_makes_room_for_nothing() {
        let mut numbers = Numbers::new();
        assert!(numbers.admit(&[10]));
        // The next ones are not authentic: the session may still be at 10, or have none.
        assert!(numbers.admit(&[32_000]));
        assert!(!numbers.admit(&[65_000]));
        assert!(numbers.admit(&[2]));
        assert!(!numbers.admit(&[32_770]), "the session may be at 2 only");
        numbers.0.taken(32_000);
        assert!(numbers.admit(&[64_000]));
    }
}
