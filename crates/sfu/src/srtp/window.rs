//! Which of the last indices were used (RFC 3711 section 3.3.2).

/// Of `64 * WORDS` indices up to the highest; older ones count as used.
#[derive(Debug, Clone)]
pub(super) struct Window<const WORDS: usize> {
    /// One more than the highest.
    end: u64,
    /// A bit for each, at its place modulo their number.
    used: [u64; WORDS],
}

impl<const WORDS: usize> Default for Window<WORDS> {
    fn default() -> Self {
        Self {
            end: 0,
            used: [0; WORDS],
        }
    }
}

impl<const WORDS: usize> Window<WORDS> {
    const SIZE: u64 = 64 * WORDS as u64;

    fn bit(index: u64) -> (usize, u64) {
        let place = index % Self::SIZE;
        ((place / 64) as usize, 1 << (place % 64))
    }

    /// Uses an index. `false`: it was used before, or may have been.
    pub(super) fn admit(&mut self, index: u64) -> bool {
        if index >= self.end {
            self.advance(index + 1);
        } else if index + Self::SIZE < self.end {
            return false;
        }
        let (word, bit) = Self::bit(index);
        let is_new = self.used[word] & bit == 0;
        self.used[word] |= bit;
        is_new
    }

    /// Whether an index was used, or may have been.
    fn has(&self, index: u64) -> bool {
        let (word, bit) = Self::bit(index);
        index < self.end && (index + Self::SIZE < self.end || self.used[word] & bit != 0)
    }

    fn advance(&mut self, end: u64) {
        if end - self.end >= Self::SIZE {
            self.used = [0; WORDS];
        } else {
            for index in self.end..end {
                let (word, bit) = Self::bit(index);
                self.used[word] &= !bit;
            }
        }
        self.end = end;
    }
}

/// The right to seal one packet.
#[derive(Debug)]
pub(crate) struct Ticket(u64);

impl Ticket {
    pub(super) fn index(&self) -> u64 {
        self.0
    }
}

/// The indices of one RTP stream that is sent. A packet that came late, by retransmission from its publisher, may be some
/// hundreds behind.
#[derive(Debug, Default)]
pub(crate) struct SendWindow(Window<16>);

impl SendWindow {
    /// Uses an index. `None`: a packet with it was sent before, or may have been.
    pub(crate) fn admit(&mut self, index: u64) -> Option<Ticket> {
        self.0.admit(index).then_some(Ticket(index))
    }

    /// One more than the highest index that was used.
    pub(crate) fn end(&self) -> u64 {
        self.0.end
    }
}

/// The indices of one RTP stream that is sent in order.
#[derive(Debug, Default)]
pub(crate) struct SendCount(u64);

impl SendCount {
    /// Uses the next index.
    pub(crate) fn admit(&mut self) -> Ticket {
        self.0 += 1;
        Ticket(self.0 - 1)
    }

    /// How many were used, which is also the next index.
    pub(crate) fn end(&self) -> u64 {
        self.0
    }
}

/// An index has 48 bits (RFC 3711 section 3.3.1).
const INDICES: u64 = 1 << 48;

/// The indices of one RTP stream that is received. It is asked before a packet is opened, and told when it was authentic.
#[derive(Debug, Default)]
pub(crate) struct ReceiveWindow(Window<16>);

impl ReceiveWindow {
    /// One below whose end all may have come before.
    pub(crate) fn after(end: u64) -> Self {
        Self(Window { end, used: [!0; 16] })
    }

    /// The index of a packet, from its sequence number: the nearest to the highest one. `None`: that would be below zero or
    /// above what can be, or the packet came before, or may have.
    pub(crate) fn index(&self, sequence: u16) -> Option<u64> {
        let Some(highest) = self.0.end.checked_sub(1) else {
            return Some(sequence.into());
        };
        let distance = sequence.wrapping_sub(highest as u16).cast_signed();
        let index = highest.checked_add_signed(distance.into())?;
        (index < INDICES && !self.0.has(index)).then_some(index)
    }

    /// A packet with this index was authentic. `false`: so was one before.
    pub(crate) fn note(&mut self, index: u64) -> bool {
        self.0.admit(index)
    }

    /// One more than the highest index.
    pub(crate) fn end(&self) -> u64 {
        self.0.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_index_is_used_once() {
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..50 {
            let (mut window, mut used) = (Window::<2>::default(), HashSet::new());
            let mut highest = 0;
            for _ in 0..2_000 {
                let index = (highest + rng.u64(..160)).saturating_sub(150);
                let is_in_window = index + 128 > highest || used.is_empty();
                let is_new = used.insert(index);
                highest = highest.max(index);
                assert_eq!(window.admit(index), is_new && is_in_window, "{index} of {highest}");
            }
        }
    }

    #[test]
    fn a_received_number_is_the_nearest_and_counts_once() {
        let mut rng = fastrand::Rng::with_seed(4);
        let (mut window, mut came) = (ReceiveWindow::default(), HashSet::new());
        let mut sent = 65_000_u64;
        for _ in 0..200_000 {
            sent += rng.u64(..3);
            let index = sent.saturating_sub(rng.u64(..40));
            let is_new = came.insert(index);
            // Before the first, nobody can know how often the numbers have begun anew.
            let expected = is_new.then_some(index);
            assert_eq!(window.index(index as u16), expected, "{index}");
            assert_eq!(expected.is_some_and(|index| window.note(index)), is_new);
        }
        assert!(window.end() > 3 << 16);
    }

    #[test]
    fn no_number_is_below_zero_and_what_may_have_come_does_not_come_again() {
        let mut window = ReceiveWindow::default();
        assert!(window.note(5));
        assert_eq!((window.index(65_535), window.index(4)), (None, Some(4)));
        let window = ReceiveWindow::after(100_000);
        assert_eq!(
            (window.index(99_999_u32 as u16), window.index(99_000_u32 as u16)),
            (None, None)
        );
        assert_eq!(window.index(100_000_u32 as u16), Some(100_000));
        assert_eq!(ReceiveWindow::after(INDICES).index(0), None, "the key is used up");
    }

    #[test]
    fn a_leap_forgets_what_was_before() {
        let mut window = Window::<1>::default();
        assert!(window.admit(0) && window.admit(1 << 40));
        assert!(!window.admit(0) && window.admit((1 << 40) - 63) && !window.admit((1 << 40) - 64));
    }
}
