//! The payload descriptor of VP9 (RFC 9628 section 4.2).

use super::numbers::{Numbers, write_picture};
use super::place::{Place, SwitchUp};

/// The flags of the first octet.
const PICTURE_ID: u8 = 0x80;
const PREDICTED: u8 = 0x40;
const LAYERS: u8 = 0x20;
const FLEXIBLE: u8 = 0x10;
const BEGINS: u8 = 0x08;
const ENDS: u8 = 0x04;
const STRUCTURE: u8 = 0x02;

/// There are three references at most.
const MAX_REFERENCES: usize = 3;

/// What the descriptor of a packet says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Descriptor {
    /// The picture id, and in how many bits it comes.
    pub(crate) picture: Option<(u16, u32)>,
    tl0: Option<u8>,
    pub(crate) place: Place,
    /// The picture needs no other one.
    is_key: bool,
    begins: bool,
    /// It needs the spatial layer below.
    is_above: bool,
    /// It is the last packet of the frame, which is a picture in one spatial layer.
    pub(crate) ends: bool,
    /// The heights of the pictures, the lowest spatial layer first, where it says them.
    pub(crate) heights: Vec<u32>,
}

impl Descriptor {
    /// Reads that of a payload. `None`: it is cut off.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let mut octets = Octets(payload);
        let flags = octets.next()?;
        let picture = match flags & PICTURE_ID {
            0 => None,
            _ => Some(read_picture(&mut octets)?),
        };
        let (mut place, mut is_above, mut tl0) = (Place::default(), false, None);
        if flags & LAYERS != 0 {
            let layers = octets.next()?;
            (place, is_above) = (read_layers(layers), layers & 1 != 0);
            if flags & FLEXIBLE == 0 {
                tl0 = Some(octets.next()?);
            }
        }
        if flags & FLEXIBLE != 0 && flags & PREDICTED != 0 {
            for _ in 0..MAX_REFERENCES {
                if octets.next()? & 1 == 0 {
                    break;
                }
            }
        }
        let heights = match flags & STRUCTURE {
            0 => Vec::new(),
            _ => read_heights(&mut octets)?,
        };
        Some(Self {
            picture,
            tl0,
            place,
            is_key: flags & PREDICTED == 0,
            begins: flags & BEGINS != 0,
            is_above,
            ends: flags & ENDS != 0,
            heights,
        })
    }

    /// The numbers of its picture, of which this is the extended id.
    pub(crate) fn numbers(&self, picture: Option<u64>) -> Numbers {
        Numbers {
            tl0: self.tl0.unwrap_or_default(),
            ..Numbers::default()
        }
        .with_picture(picture.unwrap_or_default())
    }

    /// Whether a decoder can begin with the packet: in a picture that needs no other one, the upper spatial layers need those
    /// below.
    pub(crate) fn begins_keyframe(&self) -> bool {
        self.is_key && self.begins && !self.is_above
    }
}

/// Puts other numbers into a payload. The fields keep their width. What pictures depend on is said by distances of their ids.
pub(crate) fn renumber(payload: &mut [u8], numbers: Numbers) {
    let Some((flags, fields)) = payload.split_first_mut() else {
        return;
    };
    let mut fields = fields.iter_mut();
    if *flags & PICTURE_ID != 0 {
        write_picture(numbers.picture, &mut fields);
    }
    // Behind the octet of the layers.
    if *flags & (LAYERS | FLEXIBLE) == LAYERS {
        fields.nth(1).into_iter().for_each(|index| *index = numbers.tl0);
    }
}

struct Octets<'a>(&'a [u8]);

impl Octets<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
}

fn read_picture(octets: &mut Octets<'_>) -> Option<(u16, u32)> {
    let high = octets.next()?;
    Some(match high & 0x80 {
        0 => (high.into(), 7),
        _ => (u16::from(high & 0x7f) << 8 | u16::from(octets.next()?), 15),
    })
}

/// TID, U, SID and D. Where U is set in the base layer, no frame of a higher temporal layer that follows depends on any of
/// before. Browsers set it in all layers, which is more than RFC 9628 allows: there it is not relied upon.
fn read_layers(octet: u8) -> Place {
    let temporal = octet >> 5;
    Place {
        spatial: octet >> 1 & 7,
        temporal,
        switch_up: match temporal == 0 && octet & 0x10 != 0 {
            true => SwitchUp::Above,
            false => SwitchUp::None,
        },
    }
}

/// The beginning of the scalability structure.
fn read_heights(octets: &mut Octets<'_>) -> Option<Vec<u32>> {
    let first = octets.next()?;
    if first & 0x10 == 0 {
        return Some(Vec::new());
    }
    (0..=first >> 5)
        .map(|_| {
            let [_, _, high, low] = [octets.next()?, octets.next()?, octets.next()?, octets.next()?];
            Some(u32::from(u16::from_be_bytes([high, low])))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &[u8]) -> Descriptor {
        Descriptor::parse(payload).unwrap()
    }

    fn at(spatial: u8, temporal: u8, switch_up: SwitchUp) -> Place {
        Place {
            spatial,
            temporal,
            switch_up,
        }
    }

    #[test]
    fn numbers_are_read_and_changed_wherever_they_are() {
        let numbers = Numbers {
            picture: 0x1234,
            tl0: 77,
            key: 0,
        };
        for (came, picture, goes) in [
            (&[0xa8, 5, 0x44, 9, 1][..], Some((5, 7)), &[0xa8, 0x34, 0x44, 77, 1][..]),
            (
                &[0xa8, 0x81, 5, 0x44, 9, 1],
                Some((0x105, 15)),
                &[0xa8, 0x92, 0x34, 0x44, 77, 1],
            ),
            // In flexible mode there is no TL0PICIDX, and without layers neither.
            (&[0xb8, 5, 0x44, 9, 1], Some((5, 7)), &[0xb8, 0x34, 0x44, 9, 1]),
            (&[0x88, 5, 0x44, 9, 1], Some((5, 7)), &[0x88, 0x34, 0x44, 9, 1]),
            (&[0x28, 0x44, 9, 1], None, &[0x28, 0x44, 77, 1]),
        ] {
            assert_eq!(read(came).picture, picture);
            let mut payload = came.to_vec();
            renumber(&mut payload, numbers);
            assert_eq!(payload, goes, "{came:?}");
        }
        for cut in [&[][..], &[0xa8], &[0xa8, 0x85], &[0xa8, 5, 0x44]] {
            renumber(&mut cut.to_vec(), numbers);
        }
    }

    #[test]
    fn layers_are_read_in_both_modes() {
        // A picture id of one octet and of two; TL0PICIDX where the mode is not flexible.
        assert_eq!(read(&[0xa8, 5, 0x44, 9]).place, at(2, 2, SwitchUp::None));
        assert_eq!(read(&[0xa8, 0x80, 5, 0x12, 9]).place, at(1, 0, SwitchUp::Above));
        assert_eq!(read(&[0x30, 0x32]).place, at(1, 1, SwitchUp::None));
        assert_eq!(read(&[0x88, 5]).place, Place::default());
        // Three references in flexible mode, and what comes behind them.
        let structure = [0x10, 0, 160, 0, 90];
        let with = |references: &[u8]| read(&[&[0xd2, 5][..], references, &structure].concat()).heights;
        assert_eq!([with(&[2]), with(&[3, 2]), with(&[3, 5, 7])], [[90], [90], [90]]);
    }

    #[test]
    fn a_decoder_can_begin_in_the_lowest_layer_of_a_picture_that_needs_no_other() {
        let begins = |payload: &[u8]| read(payload).begins_keyframe();
        assert!(begins(&[0x08]) && begins(&[0xa8, 5, 0, 0]));
        assert!(!begins(&[0x48]), "it needs another one");
        assert!(!begins(&[0x00]), "it is not the first packet");
        assert!(!begins(&[0xa8, 5, 0x03, 0]), "it needs the layer below");
        assert!(read(&[0x04]).ends && !read(&[0x08]).ends);
    }

    #[test]
    fn a_structure_says_the_heights() {
        let three = [0x0a, 0x58, 1, 64, 0, 180, 2, 128, 1, 104, 5, 0, 2, 208, 0];
        assert_eq!(read(&three).heights, [180, 360, 720]);
        assert_eq!(read(&[0x0a, 0x48, 0]).heights, [0; 0]);
        for length in 1..14 {
            assert_eq!(Descriptor::parse(&three[..length]), None, "{length}");
        }
    }

    #[test]
    fn nothing_that_comes_is_a_fault() {
        let mut rng = fastrand::Rng::with_seed(9);
        for _ in 0..50_000 {
            let payload: Vec<u8> = (0..rng.usize(..40)).map(|_| rng.u8(..)).collect();
            let place = Descriptor::parse(&payload).map(|read| read.place);
            assert!(place.is_none_or(|place| place.spatial < 8 && place.temporal < 8));
        }
    }
}
