//! SRTP and SRTCP (RFC 3711; RFC 7714 for AES-GCM) with keys of DTLS (RFC 5764).
//!
//! An index that is sealed twice under one key gives the key away with AES-GCM. So each has one owner: SRTCP indices are
//! counted by the [`Sender`], and each RTP stream has a [`SendWindow`] without which nothing of it is sealed. What is received
//! counts once: a [`ReceiveWindow`] of each RTP stream, and one for each SSRC of RTCP, know what came.

mod cipher;
mod keys;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;
mod window;

pub(crate) use keys::{MasterKeys, Profile};
pub(crate) use receiver::Receiver;
pub(crate) use sender::Sender;
pub(crate) use window::{ReceiveWindow, SendCount, SendWindow};
