//! How soon a thread gets a core where others want it too: sched_setattr(2).

#![allow(unsafe_code)] // No library offers it.

use std::time::Duration;

/// For how long a media thread wants a core at a time, the least that Linux grants: who wants less goes before those who want
/// more as soon as it has something to do. Its share of the core stays the same.
pub(crate) const SLICE: Duration = Duration::from_micros(100);

/// Asks that of the scheduler for the calling thread. Linux before 6.12 takes no notice; elsewhere there is no such thing.
pub(crate) fn want(slice: Duration) {
    #[cfg(target_os = "linux")]
    if let Some(mut attributes) = attributes() {
        attributes.sched_runtime = slice.as_nanos().try_into().unwrap_or(u64::MAX);
        // SAFETY: the structure says how long it is. Where the call is not granted, nothing changes.
        unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    }
}

/// The calling thread's.
#[cfg(target_os = "linux")]
pub(crate) fn attributes() -> Option<libc::sched_attr> {
    let size = size_of::<libc::sched_attr>();
    // SAFETY: zeros are valid for integers.
    let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes so many bytes at most.
    let answer = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) };
    (answer == 0).then_some(attributes)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_wants_less_at_a_time_and_nothing_else_changes() {
        std::thread::spawn(|| {
            // The least of all, which nobody is refused.
            rustix::process::setpriority_process(None, 19).unwrap();
            let before = attributes().unwrap();
            want(SLICE);
            let after = attributes().unwrap();
            assert_eq!((after.sched_policy, after.sched_nice), (before.sched_policy, 19));
            // Zero: Linux before 6.12, which does not know what a thread wants.
            let granted = if before.sched_runtime > 0 { 100_000 } else { 0 };
            assert_eq!(after.sched_runtime, granted);
        })
        .join()
        .unwrap();
    }
}
