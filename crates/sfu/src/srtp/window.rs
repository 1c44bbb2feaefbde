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
    fn a_leap_forgets_what_was_before() {
        let mut window = Window::<1>::default();
        assert!(window.admit(0) && window.admit(1 << 40));
        assert!(!window.admit(0) && window.admit((1 << 40) - 63) && !window.admit((1 << 40) - 64));
    }
}
