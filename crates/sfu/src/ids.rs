//! Names and keys. Names come from the hub and are opaque here; keys are the shard's own and stay unique for its life.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self(name.into())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                *self.0 == *other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                *self.0 == **other
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    )*};
}

names! {
    /// A room.
    RoomId,
    /// A user.
    UserId,
    /// A transport, `sfu_…`: how a peer is named in signaling.
    TransportId,
    /// A user's seat in a room. It is passed through, so that what is said to a peer reaches the seat it belongs to.
    SeatId,
    /// A recording.
    RecordingId,
}

/// Whose peer it is and where. A transport belongs to one room, user and seat for its life.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PeerId {
    /// The room.
    pub room: RoomId,
    /// The transport.
    pub transport: TransportId,
    /// The user.
    pub user: UserId,
    /// The user's seat.
    pub seat: SeatId,
}

slotmap::new_key_type! {
    /// A peer.
    pub(crate) struct PeerKey;
    /// A room.
    pub(crate) struct RoomKey;
    /// A track of one room.
    pub(crate) struct TrackKey;
    /// A subscription.
    pub(crate) struct SubscriptionKey;
}
