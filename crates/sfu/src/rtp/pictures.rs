//! The picture ids of one incoming stream of VP8 or VP9, which do not wrap any more.

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    newest: Option<u64>,
}

/// Where extended picture ids begin: no step back gets below zero, and the lower bits are those that came.
const FIRST_PICTURE: u64 = 1 << 32;

impl Pictures {
    /// The extended picture id of a packet, which came in so many bits: the one that is nearest to the newest.
    pub(crate) fn extend(&mut self, (picture, bits): (u16, u32)) -> u64 {
        let (picture, span) = (u64::from(picture), 1 << bits);
        let Some(newest) = self.newest else {
            return *self.newest.insert(FIRST_PICTURE + picture);
        };
        let ahead = picture.wrapping_sub(newest) & (span - 1);
        let extended = match ahead < span / 2 {
            true => newest + ahead,
            false => newest + ahead - span,
        };
        self.newest = Some(newest.max(extended));
        extended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picture_ids_do_not_wrap_and_go_back_for_late_packets() {
        let mut pictures = Pictures::default();
        let mut extend = |picture: u16| pictures.extend((picture, 15));
        let first = extend(0x7ffe);
        assert_eq!(
            [0x7fff, 1, 0, 0x7ffd, 2].map(|picture| extend(picture) + 1 - first),
            [2, 4, 3, 0, 5]
        );
    }
}
