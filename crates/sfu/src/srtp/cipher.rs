//! One direction of RTP or RTCP under its session keys.

use std::ops::Range;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

use super::keys::{MasterKey, Profile, SessionKeys, Stream};

/// Bytes of a tag of HMAC-SHA1, cut (RFC 3711 section 5.2).
const CM_TAG: usize = 10;
/// Bytes of RTCP that are not encrypted: the first header and the SSRC.
const RTCP_CLEAR: usize = 8;
/// The E flag: the packet is encrypted (RFC 3711 section 3.4).
const ENCRYPTED: u32 = 1 << 31;

/// See the module.
pub(super) enum Cipher {
    Gcm { key: LessSafeKey, salt: [u8; 12] },
    Cm(Box<CounterMode>),
}

/// AES in counter mode, and HMAC-SHA1.
pub(super) struct CounterMode {
    key: EncryptingKey,
    salt: [u8; 14],
    mac: hmac::Key,
}

impl Cipher {
    /// The cipher of a stream. `None`: see [`MasterKey::derive`].
    pub(super) fn new(master: &MasterKey, stream: Stream) -> Option<Self> {
        Self::with_keys(master.profile, &master.derive(stream)?)
    }

    /// The cipher of session keys.
    pub(super) fn with_keys(profile: Profile, keys: &SessionKeys) -> Option<Self> {
        let gcm = |algorithm| {
            let mut salt = [0; 12];
            salt.copy_from_slice(&keys.salt[..12]);
            let key = LessSafeKey::new(UnboundKey::new(algorithm, &keys.key).ok()?);
            Some(Self::Gcm { key, salt })
        };
        match profile {
            Profile::AeadAes128Gcm => gcm(&AES_128_GCM),
            Profile::AeadAes256Gcm => gcm(&AES_256_GCM),
            Profile::Aes128CmSha1_80 => Some(Self::Cm(Box::new(CounterMode {
                key: EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, &keys.key).ok()?).ok()?,
                salt: keys.salt,
                mac: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &keys.authentication),
            }))),
        }
    }

    /// Encrypts an RTP packet at the end of a buffer, where its header is at `header`, and adds the tag. `index` is the packet's
    /// (RFC 3711 section 3.3.1), which must not have been used with this SSRC before. `false`: the library refuses.
    pub(super) fn seal_rtp(&self, buffer: &mut Vec<u8>, header: Range<usize>, ssrc: u32, index: u64) -> bool {
        match self {
            Self::Gcm { key, salt } => {
                let nonce = Nonce::assume_unique_for_key(gcm_iv(salt, ssrc, index));
                let (clear, payload) = buffer.split_at_mut(header.end);
                let sealed = key.seal_in_place_separate_tag(nonce, Aad::from(&clear[header.start..]), payload);
                sealed.map(|tag| buffer.extend_from_slice(tag.as_ref())).is_ok()
            }
            Self::Cm(cm) => {
                let CounterMode { key, salt, mac } = &**cm;
                let is_encrypted = counter_mode(key, cm_iv(salt, ssrc, index), &mut buffer[header.end..]);
                let rollovers = ((index >> 16) as u32).to_be_bytes();
                buffer.extend_from_slice(&cm_tag(mac, &[&buffer[header.start..], &rollovers]));
                is_encrypted
            }
        }
    }

    /// Verifies and decrypts an RTP packet whose header has `header` bytes. Gives its payload. `None`: it is not authentic.
    pub(super) fn open_rtp(&self, packet: &[u8], header: usize, ssrc: u32, index: u64) -> Option<Vec<u8>> {
        let (clear, sealed) = packet.split_at_checked(header)?;
        match self {
            Self::Gcm { key, salt } => {
                let nonce = Nonce::assume_unique_for_key(gcm_iv(salt, ssrc, index));
                let mut payload = sealed.to_vec();
                let length = key.open_in_place(nonce, Aad::from(clear), &mut payload).ok()?.len();
                payload.truncate(length);
                Some(payload)
            }
            Self::Cm(cm) => {
                let CounterMode { key, salt, mac } = &**cm;
                let (encrypted, tag) = sealed.split_at_checked(sealed.len().checked_sub(CM_TAG)?)?;
                let rollovers = ((index >> 16) as u32).to_be_bytes();
                verify_slices_are_equal(&cm_tag(mac, &[clear, encrypted, &rollovers]), tag).ok()?;
                let mut payload = encrypted.to_vec();
                counter_mode(key, cm_iv(salt, ssrc, index), &mut payload).then_some(payload)
            }
        }
    }

    /// Encrypts a compound RTCP packet and adds the tag, with the index that belongs to it alone. `false`: as with RTP.
    pub(super) fn seal_rtcp(&self, packet: &mut Vec<u8>, index: u32) -> bool {
        let Some(ssrc) = ssrc_of(packet) else {
            return false;
        };
        let word = (index | ENCRYPTED).to_be_bytes();
        match self {
            Self::Gcm { key, salt } => {
                let nonce = Nonce::assume_unique_for_key(gcm_iv(salt, ssrc, u64::from(index)));
                let aad = rtcp_aad(packet, word);
                let sealed = key.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut packet[RTCP_CLEAR..]);
                sealed.map(|tag| packet.extend_from_slice(tag.as_ref())).is_ok() && {
                    packet.extend_from_slice(&word);
                    true
                }
            }
            Self::Cm(cm) => {
                let CounterMode { key, salt, mac } = &**cm;
                let iv = cm_iv(salt, ssrc, u64::from(index));
                let is_encrypted = counter_mode(key, iv, &mut packet[RTCP_CLEAR..]);
                packet.extend_from_slice(&word);
                packet.extend_from_slice(&cm_tag(mac, &[packet]));
                is_encrypted
            }
        }
    }

    /// Verifies and decrypts a compound RTCP packet in its place. Gives its SSRC and index. `None`: it is not authentic, or not
    /// encrypted, which nobody has negotiated.
    pub(super) fn open_rtcp(&self, packet: &mut Vec<u8>) -> Option<(u32, u32)> {
        let ssrc = ssrc_of(packet)?;
        match self {
            Self::Gcm { key, salt } => {
                let end = packet.len().checked_sub(4)?;
                let word: [u8; 4] = packet[end..].try_into().ok()?;
                let index = encrypted_index(word)?;
                let nonce = Nonce::assume_unique_for_key(gcm_iv(salt, ssrc, u64::from(index)));
                let aad = rtcp_aad(packet, word);
                let sealed = packet.get_mut(RTCP_CLEAR..end)?;
                let length = key.open_in_place(nonce, Aad::from(aad), sealed).ok()?.len();
                packet.truncate(RTCP_CLEAR + length);
                Some((ssrc, index))
            }
            Self::Cm(cm) => {
                let CounterMode { key, salt, mac } = &**cm;
                let tag = packet.len().checked_sub(CM_TAG)?;
                let end = tag.checked_sub(4).filter(|end| *end >= RTCP_CLEAR)?;
                verify_slices_are_equal(&cm_tag(mac, &[&packet[..tag]]), &packet[tag..]).ok()?;
                let index = encrypted_index(packet[end..tag].try_into().ok()?)?;
                packet.truncate(end);
                let iv = cm_iv(salt, ssrc, u64::from(index));
                counter_mode(key, iv, &mut packet[RTCP_CLEAR..]).then_some((ssrc, index))
            }
        }
    }
}

fn ssrc_of(packet: &[u8]) -> Option<u32> {
    let ssrc = packet.get(4..RTCP_CLEAR)?;
    ssrc.try_into().ok().map(u32::from_be_bytes)
}

fn encrypted_index(word: [u8; 4]) -> Option<u32> {
    let word = u32::from_be_bytes(word);
    (word & ENCRYPTED != 0).then_some(word & !ENCRYPTED)
}

/// RFC 7714 section 9.2.
fn rtcp_aad(packet: &[u8], word: [u8; 4]) -> [u8; 12] {
    let mut aad = [0; 12];
    aad[..RTCP_CLEAR].copy_from_slice(&packet[..RTCP_CLEAR]);
    aad[RTCP_CLEAR..].copy_from_slice(&word);
    aad
}

/// RFC 7714 sections 8.1 and 9.1: the SSRC and the index of 48 bits.
fn gcm_iv(salt: &[u8; 12], ssrc: u32, index: u64) -> [u8; 12] {
    let mut iv = [0; 12];
    iv[2..6].copy_from_slice(&ssrc.to_be_bytes());
    iv[6..].copy_from_slice(&index.to_be_bytes()[2..]);
    iv.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
    iv
}

/// RFC 3711 section 4.1.1.
fn cm_iv(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[4..8].copy_from_slice(&ssrc.to_be_bytes());
    iv[8..14].copy_from_slice(&index.to_be_bytes()[2..]);
    iv.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
    iv
}

fn counter_mode(key: &EncryptingKey, iv: [u8; 16], bytes: &mut [u8]) -> bool {
    let context = EncryptionContext::Iv128(FixedLength::from(iv));
    bytes.is_empty() || key.less_safe_encrypt(bytes, context).is_ok()
}

fn cm_tag(key: &hmac::Key, parts: &[&[u8]]) -> [u8; CM_TAG] {
    let mut context = hmac::Context::with_key(key);
    parts.iter().for_each(|part| context.update(part));
    let mut tag = [0; CM_TAG];
    tag.copy_from_slice(&context.sign().as_ref()[..CM_TAG]);
    tag
}
