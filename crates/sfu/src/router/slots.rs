//! Puts tracks into slots with as few changes as possible.

/// The next contents of slots: those of `wanted`, most wanted first, as far as there are slots. What is in a slot and still
/// wanted stays there. The first slot is for `shared`, if that is wanted: whatever else is in it makes room. Others get it
/// only when there is no other slot.
pub(super) fn place<T: Copy + PartialEq>(now: &[Option<T>], wanted: &[T], shared: Option<T>) -> Vec<Option<T>> {
    let wanted = &wanted[..wanted.len().min(now.len())];
    let mut next: Vec<Option<T>> = now
        .iter()
        .map(|track| track.filter(|track| wanted.contains(track)))
        .collect();
    if let Some(shared) = shared.filter(|shared| wanted.contains(shared)) {
        match next.iter().position(|track| *track == Some(shared)) {
            Some(place) => next.swap(0, place),
            None => next[0] = Some(shared),
        }
    }
    let missing: Vec<T> = wanted
        .iter()
        .copied()
        .filter(|track| !next.contains(&Some(*track)))
        .collect();
    let mut missing = missing.into_iter();
    if let [first, others @ ..] = &mut next[..] {
        let slots = others.iter_mut().chain(std::iter::once(first));
        for slot in slots.filter(|slot| slot.is_none()) {
            *slot = missing.next();
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_still_wanted_stays_in_place() {
        assert_eq!(
            place(&[None, None, None], &['a', 'b'], None),
            [None, Some('a'), Some('b')]
        );
        assert_eq!(place(&[None, None], &['a', 'b'], None), [Some('b'), Some('a')]);
        assert_eq!(
            place(&[Some('a'), Some('b'), None], &['b', 'c'], None),
            [None, Some('b'), Some('c')]
        );
        assert_eq!(
            place(&[Some('a'), Some('b')], &['c', 'b', 'a'], None),
            [Some('c'), Some('b')]
        );
        assert_eq!(place(&[Some('a')], &[], None), [None]);
        assert_eq!(place(&[], &['a'], Some('a')), []);
    }

    #[test]
    fn the_first_slot_is_for_what_is_shared() {
        let shared = Some('s');
        assert_eq!(
            place(&[None, Some('a'), None], &['s', 'a'], shared),
            [Some('s'), Some('a'), None]
        );
        assert_eq!(
            place(&[Some('b'), Some('a')], &['s', 'a', 'b'], shared),
            [Some('s'), Some('a')]
        );
        assert_eq!(
            place(&[Some('b'), Some('a'), None], &['s', 'a', 'b'], shared),
            [Some('s'), Some('a'), Some('b')]
        );
        assert_eq!(
            place(&[Some('a'), Some('s')], &['s', 'a'], shared),
            [Some('s'), Some('a')]
        );
        assert_eq!(place(&[Some('a'), None], &['a'], shared), [Some('a'), None]);
    }
}
