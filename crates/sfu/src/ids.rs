//! Keys of what a shard holds. A key of something that is gone finds nothing, even when its place was taken again.

slotmap::new_key_type! {
    /// One client's connection.
    pub struct PeerKey;
    /// One meeting.
    pub struct RoomKey;
    /// One published track.
    pub struct TrackKey;
    /// One m-line on which a peer is sent others' tracks.
    pub struct SinkKey;
}
