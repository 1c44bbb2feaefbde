//! Where m-lines are: in the client's SDP, and in the session, which keeps its own order. The two agree on keys only, so that
//! they may part where an offer was withdrawn that the client has taken all the same.

use str0m::media::{KeyframeRequestKind, MediaKind, Mid};

use crate::sdp::{Outline, Place, Purpose, Red, Scan, Section, Slot};

/// m-lines of a session: an SDP has half as many at most, the others are of offers that were withdrawn.
const MAX_SLOTS: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Layout {
    places: Vec<Place>,
    slots: Vec<Slot>,
    /// The client's BUNDLE groups; none if it bundles nothing.
    groups: Vec<Vec<String>>,
    takes_reduced_rtcp: bool,
}

impl Layout {
    /// The client's m-lines, in order.
    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    /// The client's BUNDLE groups; none if it bundles nothing, and so can be offered nothing more.
    pub(super) fn groups(&self) -> &[Vec<String>] {
        &self.groups
    }

    /// Whether all of the client's m-lines for media take RTCP of reduced size (RFC 5506).
    pub(super) fn takes_reduced_rtcp(&self) -> bool {
        self.takes_reduced_rtcp
    }

    /// Whether there is a data channel.
    pub(super) fn has_data(&self) -> bool {
        self.slots.iter().any(|slot| slot.is_data)
    }

    /// The client's mid of an m-line.
    pub(super) fn mid(&self, key: Mid) -> Option<&str> {
        let place = self.places.iter().find(|place| place.key == key)?;
        Some(&place.mid)
    }

    /// Redundant audio on an m-line.
    pub(super) fn red(&self, key: Mid) -> Option<Red> {
        self.places.iter().find(|place| place.key == key)?.red
    }

    /// The key of the m-line that an RTP header extension names.
    pub(super) fn key(&self, mid: &[u8]) -> Option<Mid> {
        let mut used = self.places.iter().filter(|place| !place.is_rejected);
        used.find(|place| place.mid.as_bytes() == mid).map(|place| place.key)
    }

    /// Gives the m-lines of an SDP the keys that they have here. One that was rejected and is used again by its old name gets
    /// another key: the session takes it for a new m-line, since it never takes one back.
    pub(super) fn name(&self, outline: &mut Scan<'_>) {
        for (index, section) in outline.sections.iter_mut().enumerate() {
            let known = self.places.get(index).filter(|place| place.mid == section.mid);
            match known {
                Some(place) if section.rejected || !place.is_rejected => section.set_key(place.key),
                _ => section.set_key(self.unused_key(index, section)),
            }
        }
    }

    /// The first key of an m-line that no stopped one has.
    fn unused_key(&self, index: usize, section: &Section<'_>) -> Mid {
        let is_stopped = |key| self.slots.iter().any(|slot| slot.key == key && slot.is_stopped);
        let mut keys = (0..self.slots.len()).map(|n| section.nth_key(index, n));
        keys.find(|key| !is_stopped(*key))
            .unwrap_or_else(|| section.nth_key(index, self.slots.len()))
    }

    /// How the client is asked for a keyframe of what it sends on an m-line.
    pub(super) fn keyframe_request(&self, key: Mid) -> KeyframeRequestKind {
        let mut places = self.places.iter();
        match places.any(|place| place.key == key && place.takes_fir_only) {
            true => KeyframeRequestKind::Fir,
            false => KeyframeRequestKind::Pli,
        }
    }

    /// Checks that an offer's m-lines keep their places (RFC 9429 section 5.2.2); those of rejected ones may be reused.
    pub(super) fn check(&self, outline: &Scan<'_>) -> Result<(), String> {
        if outline.sections.len() < self.places.len() {
            return Err("the offer has fewer m-lines than were negotiated".into());
        }
        for (index, (section, known)) in outline.sections.iter().zip(&self.places).enumerate() {
            let is_same = section.mid == known.mid && section.kind() == known.kind;
            if !is_same && !known.is_rejected {
                return Err(format!("m-line {index} is not the one that was negotiated there"));
            }
        }
        Ok(())
    }

    /// The session's m-lines for an SDP of the client's: those that it has, then new ones. A new one takes the place of one
    /// that was rejected.
    pub(super) fn slots(&self, outline: &Scan<'_>) -> Result<Vec<Slot>, String> {
        let mut slots = self.slots.clone();
        for section in &outline.sections {
            let new = Slot {
                key: section.key(),
                is_data: section.purpose == Purpose::Data && !section.rejected,
                is_stopped: false,
            };
            if slots.iter().any(|known| known.key == new.key) {
                continue;
            }
            let is_free = |known: &Slot| known.is_stopped && outline.section(known.key).is_none();
            match slots.iter().position(is_free) {
                Some(free) => slots[free] = new,
                None => slots.push(new),
            }
        }
        if slots.len() > MAX_SLOTS {
            return Err("too many m-lines were withdrawn".into());
        }
        Ok(slots)
    }

    /// What it is after an SDP of the client's was taken.
    pub(super) fn after(&self, outline: &mut Outline, mut slots: Vec<Slot>) -> Self {
        let rejects = |key| outline.section(key).map(|section| section.rejected);
        slots
            .iter_mut()
            .for_each(|slot| slot.is_stopped = slot.is_stopped_by(rejects(slot.key)));
        let said = std::mem::take(&mut outline.groups);
        let places = outline.take_places();
        let mut used = places.iter().filter(|place| place.kind.is_some() && !place.is_rejected);
        Self {
            takes_reduced_rtcp: used.all(|place| place.takes_reduced_rtcp),
            places,
            slots,
            groups: if said.is_empty() { self.groups.clone() } else { said },
        }
    }

    /// How many m-lines can be added, where there may be `max`.
    pub(super) fn free_lines(&self, max: usize) -> usize {
        let free = self.places.iter().filter(|place| place.is_free());
        free.count() + max.saturating_sub(self.places.len())
    }

    /// The m-lines of an offer of the server's: those that there are, and the new ones. A new one takes the first place that is
    /// free, whatever was there (RFC 9429 section 5.2.2).
    pub(super) fn with_added(&self, added: impl Iterator<Item = (Mid, MediaKind)>) -> Vec<Place> {
        let mut places = self.places.clone();
        for (key, kind) in added {
            let new = Place::added(key, kind, self.takes_reduced_rtcp);
            match places.iter_mut().find(|place| place.is_free()) {
                Some(free) => *free = new,
                None => places.push(new),
            }
        }
        places
    }
}
