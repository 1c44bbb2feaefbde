//! Puts tracks into slots with as few changes as possible.

/// The next contents of slots: those of `wanted`, most wanted first, as far as there are slots. What is in a slot and still
/// wanted stays there.
pub(super) fn place<T: Copy + PartialEq>(now: &[Option<T>], wanted: &[T]) -> Vec<Option<T>> {
    let wanted = &wanted[..wanted.len().min(now.len())];
    let mut next: Vec<Option<T>> = now
        .iter()
        .map(|track| track.filter(|track| wanted.contains(track)))
        .collect();
    let mut missing = wanted.iter().filter(|track| !now.contains(&Some(**track)));
    for slot in next.iter_mut().filter(|slot| slot.is_none()) {
        *slot = missing.next().copied();
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_still_wanted_stays_in_place() {
        assert_eq!(place(&[None, None, None], &['a', 'b']), [Some('a'), Some('b'), None]);
        assert_eq!(
            place(&[Some('a'), Some('b'), None], &['b', 'c']),
            [Some('c'), Some('b'), None]
        );
        assert_eq!(place(&[Some('a'), Some('b')], &['c', 'b', 'a']), [Some('c'), Some('b')]);
        assert_eq!(place(&[Some('a')], &[]), [None]);
        assert_eq!(place(&[], &['a']), []);
    }
}
