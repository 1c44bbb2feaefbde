//! Bits of octets, the highest of each first.

/// See the module.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    next: usize,
}

impl<'a> Bits<'a> {
    /// Those after the first few.
    pub(super) fn after(next: usize, bytes: &'a [u8]) -> Self {
        Self { bytes, next }
    }

    /// The next few, of one octet at most.
    pub(super) fn take(&mut self, count: usize) -> Option<u8> {
        let mut value = 0;
        for at in self.next..self.next + count {
            value = value << 1 | self.bytes.get(at / 8)? >> (7 - at % 8) & 1;
        }
        self.next += count;
        Some(value)
    }

    /// A number below this one, which is 255 at most: ns(n) of appendix A.8.1.
    pub(super) fn take_below(&mut self, most: usize) -> Option<u8> {
        let width = most.checked_ilog2()? as usize + 1;
        let short = (1 << width) - most;
        let value = self.take(width - 1)?;
        if usize::from(value) < short {
            return Some(value);
        }
        Some((value << 1 | self.take(1)?).wrapping_sub(short as u8))
    }

    /// A number of as many bits as zeros come in front of it, less one: ue(v) of ITU-T H.264 section 9.1.
    pub(super) fn take_golomb(&mut self) -> Option<u32> {
        let mut width = 0;
        while self.take(1)? == 0 {
            width += 1;
            if width == u32::BITS {
                return None;
            }
        }
        let mut value = 1_u32;
        for _ in 0..width {
            value = value << 1 | u32::from(self.take(1)?);
        }
        Some(value - 1)
    }
}
