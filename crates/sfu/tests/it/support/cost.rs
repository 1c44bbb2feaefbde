//! What an input may cost: a stated time, and a stated time for each of its bytes. The fuzz targets include this file too.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How much slower code may be: that built without optimizations, or with a fuzzer's instruments, on a machine whose caches
/// and cores are shared with other work. What is quadratic takes hundreds of times as long.
const SLOWNESS: u32 = if cfg!(debug_assertions) { 32 } else { 4 };

/// Attempts for an input that seems too dear: other work leaves caches cold. The cheapest one tells.
const ATTEMPTS: usize = 6;

/// The CPU time of this thread that a run takes.
pub(crate) fn cpu_time<T>(run: impl FnOnce() -> T) -> Duration {
    let now = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
    };
    let begin = now();
    run();
    now() - begin
}

/// The time that an input may take, in an optimized build.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Whatever its length.
    pub(crate) fixed: Duration,
    /// For each byte.
    pub(crate) per_byte: Duration,
}

impl Cost {
    /// What an input of so many bytes may cost.
    pub(crate) fn of(self, bytes: usize) -> Duration {
        (self.fixed + self.per_byte * bytes as u32) * SLOWNESS
    }

    /// Runs an input.
    ///
    /// # Panics
    /// It always takes longer than it may. `what` names it.
    pub(crate) fn bounds<T>(self, what: &str, bytes: usize, mut run: impl FnMut() -> T) {
        let allowed = self.of(bytes);
        let mut best = Duration::MAX;
        for _ in 0..ATTEMPTS {
            best = best.min(cpu_time(&mut run));
            if best <= allowed {
                return;
            }
        }
        panic!("{bytes} bytes of {what} took {best:?}; {allowed:?} are allowed");
    }
}
