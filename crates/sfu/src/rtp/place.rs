//! Where a packet is among the layers inside of its stream.

/// See the module. Layers are counted from 0.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) spatial: u8,
    pub(crate) temporal: u8,
    pub(crate) switch_up: SwitchUp,
}

/// How somebody who was sent fewer temporal layers can go on with more.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SwitchUp {
    /// Not at this frame.
    #[default]
    None,
    /// This frame depends on the base layer alone: its temporal layer can begin with it.
    Here,
    /// Frames of higher temporal layers that follow do not depend on any of before.
    Above,
    /// It is not known of which layer the frame is, and what depends on it.
    Unknown,
}
