//! The layers of frames that carry a dependency descriptor (RTP Payload Format For AV1, appendix A.8): each names a template, and
//! the descriptor of a keyframe says what the templates are.

use super::bits::Bits;
use super::descriptor::Descriptor;
use super::place::{Place, SwitchUp};

/// There are no more templates, and no more layers (appendix A.4).
const MAX_TEMPLATES: usize = 64;
const MAX_TEMPORAL: u8 = 7;
const MAX_SPATIAL: u8 = 3;

/// Frames whose place is remembered: packets of one frame are treated alike, also where the structure comes between them.
const FRAMES: usize = 32;

/// A frame that is less than so many frames before the one of the current structure has come late.
const LATE: u16 = 1_000;

/// The flag in the fourth octet: there are indications that are not those of the template.
const HAS_OWN_INDICATIONS: u8 = 0x20;

/// Decode target indications of two bits.
const NOT_PRESENT: u8 = 0;
const SWITCH: u8 = 2;

/// That of a frame whose template is not known: the structure was lost, and may come late.
const UNKNOWN: Place = Place {
    spatial: 0,
    temporal: 0,
    switch_up: SwitchUp::Unknown,
};

/// What is known of the descriptors of one stream.
#[derive(Debug, Default)]
pub(crate) struct Structures {
    current: Option<Structure>,
    /// For frames that come late.
    before: Option<Structure>,
    /// Each at the place of its number.
    recent: Vec<(u16, Place)>,
}

impl Structures {
    /// Takes the descriptor of a packet. Gives where it is.
    pub(crate) fn place(&mut self, descriptor: &Descriptor) -> Place {
        let (bytes, frame) = (descriptor.bytes(), descriptor.frame());
        let flags = bytes.get(3).copied().unwrap_or_default();
        if descriptor.has_structure()
            && !self.current.as_ref().is_some_and(|current| current.is_after(frame))
            && let Some(structure) = Structure::read(descriptor)
        {
            let last = self.current.replace(structure);
            self.before = last.filter(|last| last.frame != frame).or(self.before.take());
        }
        let at = usize::from(frame) % FRAMES;
        if let Some((_, place)) = self.recent.get(at).filter(|(known, _)| *known == frame) {
            return *place;
        }
        let of_frame = match &self.current {
            Some(current) if current.is_after(frame) => &self.before,
            current => current,
        };
        let template = of_frame.as_ref().and_then(|structure| structure.template(bytes[0]));
        let place = match template {
            None => UNKNOWN,
            Some(place) if flags & HAS_OWN_INDICATIONS != 0 => Place {
                switch_up: SwitchUp::None,
                ..place
            },
            Some(place) => place,
        };
        if self.recent.is_empty() {
            // Of other frames, whose numbers belong elsewhere.
            self.recent = (1..=FRAMES as u16).map(|other| (other, Place::default())).collect();
        }
        self.recent[at] = (frame, place);
        place
    }

    /// The heights of the pictures, where the descriptor of a packet comes with the structure that says them.
    pub(crate) fn heights(&self, descriptor: &Descriptor) -> Vec<u32> {
        let current = self.current.as_ref();
        let own = current.filter(|current| descriptor.has_structure() && current.frame == descriptor.frame());
        own.map(|structure| structure.heights.clone()).unwrap_or_default()
    }
}

/// The templates of a stream.
#[derive(Debug)]
struct Structure {
    /// The frame that came with it.
    frame: u16,
    offset: u8,
    templates: Vec<Place>,
    /// Those of the pictures, the lowest spatial layer first, where it says them.
    heights: Vec<u32>,
}

impl Structure {
    /// Reads the structure of a descriptor that has one. `None`: it is cut off, or has more layers than there may be.
    fn read(descriptor: &Descriptor) -> Option<Self> {
        // Behind the mandatory fields and five flags.
        let mut bits = Bits::after(24 + 5, descriptor.bytes());
        let offset = bits.take(6)?;
        let targets = usize::from(bits.take(5)?) + 1;
        let mut templates = read_layers(&mut bits)?;
        let mut indications = Vec::with_capacity(templates.len());
        for _ in &templates {
            let of_template: Option<Vec<u8>> = (0..targets).map(|_| bits.take(2)).collect();
            indications.push(of_template?);
        }
        // The highest temporal layer of each decode target.
        let highest = |target: usize| {
            let present = templates
                .iter()
                .zip(&indications)
                .filter(|(_, of)| of[target] != NOT_PRESENT);
            present.map(|(place, _)| place.temporal).max().unwrap_or_default()
        };
        let highest: Vec<u8> = (0..targets).map(highest).collect();
        for (place, of_template) in templates.iter_mut().zip(&indications) {
            let mut above = of_template
                .iter()
                .zip(&highest)
                .filter(|(indication, highest)| **indication != NOT_PRESENT && **highest > place.temporal)
                .map(|(indication, _)| *indication)
                .peekable();
            if above.peek().is_some() && above.all(|indication| indication == SWITCH) {
                place.switch_up = SwitchUp::Above;
            }
        }
        let layers = templates.last().map_or(0, |last| last.spatial) + 1;
        Some(Self {
            frame: descriptor.frame(),
            offset,
            heights: read_heights(&mut bits, templates.len(), targets, layers).unwrap_or_default(),
            templates,
        })
    }

    /// Whether it came with a frame after this one.
    fn is_after(&self, frame: u16) -> bool {
        (1..LATE).contains(&self.frame.wrapping_sub(frame))
    }

    /// The place of frames of a template, by the first octet of their descriptor.
    fn template(&self, first: u8) -> Option<Place> {
        let index = (first & 0x3f).wrapping_sub(self.offset) & 0x3f;
        self.templates.get(usize::from(index)).copied()
    }
}

/// Reads what comes behind the indications: differences, chains, and the resolutions. `None`: it has none, or is cut off.
fn read_heights(bits: &mut Bits<'_>, templates: usize, targets: usize, layers: u8) -> Option<Vec<u32>> {
    for _ in 0..templates {
        while bits.take(1)? == 1 {
            bits.take(4)?;
        }
    }
    let chains = bits.take_below(targets + 1)?;
    if chains > 0 {
        for _ in 0..targets {
            bits.take_below(usize::from(chains))?;
        }
        for _ in 0..templates * usize::from(chains) {
            bits.take(4)?;
        }
    }
    (bits.take(1)? == 1).then_some(())?;
    (0..layers)
        .map(|_| {
            let [_, _, high, low] = [bits.take(8)?, bits.take(8)?, bits.take(8)?, bits.take(8)?];
            Some(u32::from(u16::from_be_bytes([high, low])) + 1)
        })
        .collect()
}

fn read_layers(bits: &mut Bits<'_>) -> Option<Vec<Place>> {
    let (mut templates, mut place) = (Vec::new(), Place::default());
    loop {
        templates.push(place);
        match bits.take(2)? {
            0 => {}
            1 => place.temporal += 1,
            2 => (place.spatial, place.temporal) = (place.spatial + 1, 0),
            _ => return Some(templates),
        }
        if templates.len() == MAX_TEMPLATES || place.temporal > MAX_TEMPORAL || place.spatial > MAX_SPATIAL {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A descriptor, from its fields and how many bits each has.
    fn descriptor(fields: &[(u32, usize)]) -> Descriptor {
        let bits: Vec<u8> = fields
            .iter()
            .flat_map(|(value, count)| (0..*count).rev().map(move |bit| (value >> bit & 1) as u8))
            .collect();
        let bytes: Vec<u8> = bits
            .chunks(8)
            .map(|octet| {
                octet
                    .iter()
                    .enumerate()
                    .fold(0, |byte, (at, bit)| byte | bit << (7 - at))
            })
            .collect();
        Descriptor::read(&bytes).unwrap()
    }

    fn frame(template: u32, number: u32) -> Descriptor {
        descriptor(&[(3, 2), (template, 6), (number, 16)])
    }

    /// L1T3 as libwebrtc has it: templates of T0, T0, T1, T2, T2 and three decode targets.
    fn three_temporal_layers(offset: u32, number: u32) -> Descriptor {
        let mut fields = vec![(3, 2), (offset, 6), (number, 16), (0b10000, 5), (offset, 6), (2, 5)];
        fields.extend([0, 1, 1, 0, 3].map(|next| (next, 2)));
        for indications in [[2, 2, 2], [2, 2, 2], [0, 1, 2], [0, 0, 1], [0, 0, 1]] {
            fields.extend(indications.map(|indication| (indication, 2)));
        }
        descriptor(&fields)
    }

    fn at(temporal: u8, switch_up: SwitchUp) -> Place {
        Place {
            spatial: 0,
            temporal,
            switch_up,
        }
    }

    #[test]
    fn templates_name_the_layers() {
        let mut structures = Structures::default();
        assert_eq!(structures.place(&frame(61, 9)), UNKNOWN, "nothing is known yet");
        let offset = 60;
        let key = structures.place(&three_temporal_layers(offset, 10));
        assert_eq!(key, at(0, SwitchUp::Above));
        let mut place = |template: u32, number| structures.place(&frame((offset + template) % 64, number));
        // The template after 63 is 0.
        assert_eq!(
            [place(1, 14), place(2, 12)],
            [at(0, SwitchUp::Above), at(1, SwitchUp::Above)]
        );
        assert_eq!([place(3, 11), place(4, 13)], [at(2, SwitchUp::None); 2]);
        assert_eq!(place(5, 15), UNKNOWN, "there is no such template");
        assert_eq!(structures.place(&three_temporal_layers(7, 9)), UNKNOWN, "from before");
        let mut place = |template: u32, number| structures.place(&frame((offset + template) % 64, number));
        assert_eq!(
            place(4, 21),
            at(2, SwitchUp::None),
            "a structure that comes late changes nothing"
        );
        assert_eq!(place(4, 14), at(0, SwitchUp::Above), "another packet of that frame");
    }

    #[test]
    fn a_late_frame_is_of_the_structure_before() {
        let mut structures = Structures::default();
        structures.place(&three_temporal_layers(0, 100));
        structures.place(&three_temporal_layers(5, 200));
        let places = [(3, 199), (8, 201), (3, 202), (8, 198)];
        assert_eq!(
            places.map(|(template, number)| structures.place(&frame(template, number))),
            [at(2, SwitchUp::None), at(2, SwitchUp::None), UNKNOWN, UNKNOWN]
        );
    }

    #[test]
    fn own_indications_are_no_switching_point() {
        let mut structures = Structures::default();
        structures.place(&three_temporal_layers(0, 1));
        let own = descriptor(&[(3, 2), (1, 6), (5, 16), (0b00100, 5), (0, 6)]);
        assert_eq!(structures.place(&own), at(0, SwitchUp::None));
    }

    #[test]
    fn a_structure_may_say_the_heights() {
        // L2T1 with a chain for each of two targets, and differences of no frame, one and two.
        let mut fields = vec![(3, 2), (0, 6), (1, 16), (0b10000, 5), (0, 6), (1, 5), (2, 2), (3, 2)];
        fields.extend([2, 2, 0, 2].map(|indication| (indication, 2)));
        fields.extend([(1, 1), (3, 4), (0, 1), (1, 1), (0, 4), (1, 1), (1, 4), (0, 1)]);
        // Two of three chains at most: ns(3) has the codes 0, 10 and 11.
        fields.extend([(3, 2), (0, 1), (1, 1), (0, 4), (0, 4), (0, 4), (0, 4)]);
        let cut = descriptor(&[&fields[..], &[(0, 1)]].concat());
        fields.extend([(1, 1), (319, 16), (179, 16), (639, 16), (359, 16)]);
        let whole = descriptor(&fields);
        let mut structures = Structures::default();
        structures.place(&cut);
        assert_eq!(structures.heights(&cut), [0; 0]);
        structures.place(&whole);
        assert_eq!(structures.heights(&whole), [180, 360]);
        assert_eq!(structures.heights(&frame(1, 2)), [0; 0], "a packet without structure");
    }

    #[test]
    fn spatial_layers_follow_temporal_ones() {
        let mut fields = vec![(3, 2), (0, 6), (1, 16), (0b10000, 5), (0, 6), (1, 5)];
        fields.extend([1, 2, 1, 3].map(|next| (next, 2)));
        fields.extend([2, 2, 1, 1, 0, 2, 0, 1].map(|indication| (indication, 2)));
        let mut structures = Structures::default();
        structures.place(&descriptor(&fields));
        let places = [0, 1, 2, 3].map(|template| structures.place(&frame(template, 10 + template)));
        assert_eq!(
            places.map(|place| (place.spatial, place.temporal)),
            [(0, 0), (0, 1), (1, 0), (1, 1)]
        );
        assert_eq!(
            places.map(|place| place.switch_up == SwitchUp::Above),
            [true, false, true, false]
        );
    }

    #[test]
    fn what_is_cut_off_or_has_too_many_layers_changes_nothing() {
        let whole = three_temporal_layers(0, 1);
        for length in 4..whole.bytes().len() - 1 {
            let cut = Descriptor::read(&whole.bytes()[..length]).unwrap();
            assert!(Structure::read(&cut).is_none(), "{length}");
        }
        for next in [0, 1, 2] {
            let mut fields = vec![(3, 2), (0, 6), (1, 16), (0b10000, 5), (0, 6), (0, 5)];
            fields.extend(vec![(next, 2); 900]);
            assert!(Structure::read(&descriptor(&fields)).is_none());
        }
        let mut rng = fastrand::Rng::with_seed(3);
        let mut structures = Structures::default();
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..rng.usize(3..80)).map(|_| rng.u8(..)).collect();
            let place = structures.place(&Descriptor::read(&bytes).unwrap());
            assert!(place.temporal <= MAX_TEMPORAL && place.spatial <= MAX_SPATIAL);
        }
    }
}
