//! Master keys, and the session keys derived from them.

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

/// A protection profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// AES in counter mode with HMAC-SHA1 (RFC 5764 section 4.1.2).
    Aes128CmSha1_80,
    /// RFC 7714 section 14.2.
    AeadAes128Gcm,
    /// The same with longer keys.
    AeadAes256Gcm,
}

impl Profile {
    fn key_length(self) -> usize {
        match self {
            Self::Aes128CmSha1_80 | Self::AeadAes128Gcm => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    fn salt_length(self) -> usize {
        match self {
            Self::Aes128CmSha1_80 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }
}

/// What a session key is for: the label of its derivation (RFC 3711 section 4.3.2).
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    Rtp = 0,
    Rtcp = 3,
}

/// The session keys of one direction for RTP or RTCP.
pub(super) struct SessionKeys {
    pub(super) key: Zeroizing<Vec<u8>>,
    /// Empty with AES-GCM.
    pub(super) authentication: Zeroizing<Vec<u8>>,
    /// Shorter ones end in zeros.
    pub(super) salt: [u8; 14],
}

/// The master key and salt of one direction.
pub(crate) struct MasterKey {
    pub(super) profile: Profile,
    key: Zeroizing<Vec<u8>>,
    salt: [u8; 14],
}

impl MasterKey {
    pub(super) fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Self {
        let mut padded = [0; 14];
        padded[..salt.len()].copy_from_slice(salt);
        Self {
            profile,
            key: Zeroizing::new(key.to_vec()),
            salt: padded,
        }
    }

    /// The keys of RTP or RTCP. `None`: the library refuses, which it never does with keys of these lengths.
    pub(super) fn derive(&self, stream: Stream) -> Option<SessionKeys> {
        let label = stream as u8;
        let has_mac = self.profile == Profile::Aes128CmSha1_80;
        let mut salt = [0; 14];
        let derived = self.output(label + 2, self.profile.salt_length())?;
        salt[..derived.len()].copy_from_slice(&derived);
        Some(SessionKeys {
            key: self.output(label, self.key.len())?,
            authentication: self.output(label + 1, if has_mac { 20 } else { 0 })?,
            salt,
        })
    }

    /// So many bytes of the key derivation function: AES in counter mode (RFC 3711 section 4.3.3).
    fn output(&self, label: u8, length: usize) -> Option<Zeroizing<Vec<u8>>> {
        let algorithm = if self.key.len() == 32 { &AES_256 } else { &AES_128 };
        let key = EncryptingKey::ctr(UnboundCipherKey::new(algorithm, &self.key).ok()?).ok()?;
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&self.salt);
        iv[7] ^= label;
        let mut output = Zeroizing::new(vec![0; length]);
        let context = EncryptionContext::Iv128(FixedLength::from(iv));
        key.less_safe_encrypt(&mut output, context).ok()?;
        Some(output)
    }
}

/// The master keys of both directions.
pub(crate) struct MasterKeys {
    /// What the server sends with.
    pub(crate) ours: MasterKey,
    /// What the client sends with.
    pub(crate) theirs: MasterKey,
}

impl MasterKeys {
    /// Divides what DTLS has exported (RFC 5764 section 4.2). `is_client` is the server's role in DTLS. `None`: it is too short.
    pub(crate) fn split(profile: Profile, material: &[u8], is_client: bool) -> Option<Self> {
        let (key, salt) = (profile.key_length(), profile.salt_length());
        let (keys, salts) = material.get(..2 * (key + salt))?.split_at(2 * key);
        let client = MasterKey::new(profile, &keys[..key], &salts[..salt]);
        let server = MasterKey::new(profile, &keys[key..], &salts[salt..]);
        let (ours, theirs) = if is_client { (client, server) } else { (server, client) };
        Some(Self { ours, theirs })
    }
}

impl std::fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterKeys").finish_non_exhaustive()
    }
}
