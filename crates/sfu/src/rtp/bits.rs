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
}
