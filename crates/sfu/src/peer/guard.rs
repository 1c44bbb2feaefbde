//! Keeps a panic inside one peer's session from taking the shard with it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use str0m::Rtc;

/// The session panicked. It must not be entered again: its state may be torn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault;

/// A peer's session, entered only by [`Self::enter`].
pub struct Guard {
    rtc: Rtc,
    torn: bool,
}

impl Guard {
    /// Takes charge of a session.
    pub fn new(rtc: Rtc) -> Self {
        Self { rtc, torn: false }
    }

    /// Does something with the session.
    ///
    /// # Errors
    /// [`Fault`] if it panicked, now or before.
    pub fn enter<T>(&mut self, act: impl FnOnce(&mut Rtc) -> T) -> Result<T, Fault> {
        if self.torn {
            return Err(Fault);
        }
        // Nothing but the session itself is touched by `act` when it panics, and that is not entered again.
        catch_unwind(AssertUnwindSafe(|| act(&mut self.rtc))).map_err(|_| {
            self.torn = true;
            Fault
        })
    }
}
