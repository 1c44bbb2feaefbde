//! What is known of the RTP that one client sends: which packets came and when, and which are missing. It knows nothing of
//! keys, sessions or m-lines.

mod arrivals;
mod missing;
mod reception;
mod stream;

pub(crate) use arrivals::Arrivals;
pub(crate) use stream::Stream;
