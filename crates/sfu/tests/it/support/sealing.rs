//! SRTP as a client with AEAD_AES_128_GCM sends it (RFC 7714), for packets of a test's own.

use openssl::symm::{Cipher, encrypt, encrypt_aead};

/// What DTLS exports for the profile, in bytes.
const MATERIAL: usize = 2 * (16 + 12);

/// Seals what a client sends. Indices go up by one.
pub(crate) struct Sealer {
    rtp: Keys,
    rtcp: Keys,
    rtp_index: u64,
    rtcp_index: u32,
}

struct Keys {
    key: Vec<u8>,
    salt: Vec<u8>,
}

impl Sealer {
    /// With what DTLS exported.
    pub(crate) fn new(material: &[u8]) -> Self {
        assert_eq!(material.len(), MATERIAL);
        let (key, salt) = (&material[..16], &material[32..44]);
        let keys = |label| Keys {
            key: derive(key, salt, label, 16),
            salt: derive(key, salt, label + 2, 12),
        };
        Self {
            rtp: keys(0),
            rtcp: keys(3),
            rtp_index: 30_000,
            rtcp_index: 1_000,
        }
    }

    /// Seals an RTP packet, which gets the next sequence number. Of its bytes, `header` stay in the clear.
    pub(crate) fn rtp(&mut self, packet: Vec<u8>, header: usize) -> Vec<u8> {
        self.rtp_index += 1;
        self.rtp_at(self.rtp_index, packet, header)
    }

    /// The same with an index of 48 bits, whose last 16 are the sequence number.
    pub(crate) fn rtp_at(&self, index: u64, mut packet: Vec<u8>, header: usize) -> Vec<u8> {
        let index = index.to_be_bytes();
        packet[2..4].copy_from_slice(&index[6..]);
        let mut iv = [0; 12];
        iv[2..6].copy_from_slice(&packet[8..12]);
        iv[6..].copy_from_slice(&index[2..]);
        let (header, payload) = packet.split_at(header.min(packet.len()));
        [header, &self.rtp.seal(iv, header, payload)].concat()
    }

    /// Seals a compound RTCP packet of at least 8 bytes.
    pub(crate) fn rtcp(&mut self, packet: &[u8]) -> Vec<u8> {
        self.rtcp_index += 1;
        let index = (self.rtcp_index | 1 << 31).to_be_bytes();
        let mut iv = [0; 12];
        iv[2..6].copy_from_slice(&packet[4..8]);
        iv[8..].copy_from_slice(&self.rtcp_index.to_be_bytes());
        let (header, rest) = packet.split_at(8);
        let sealed = self.rtcp.seal(iv, &[header, &index].concat(), rest);
        [header, &sealed, &index].concat()
    }
}

impl Keys {
    fn seal(&self, mut iv: [u8; 12], authentic: &[u8], secret: &[u8]) -> Vec<u8> {
        iv.iter_mut().zip(&self.salt).for_each(|(byte, salt)| *byte ^= salt);
        let mut tag = [0; 16];
        let cipher = Cipher::aes_128_gcm();
        let mut sealed = encrypt_aead(cipher, &self.key, Some(&iv), authentic, secret, &mut tag).unwrap();
        sealed.extend(tag);
        sealed
    }
}

/// RFC 3711 section 4.3.3.
fn derive(key: &[u8], salt: &[u8], label: u8, length: usize) -> Vec<u8> {
    let mut iv = [0; 16];
    iv[..12].copy_from_slice(salt);
    iv[7] ^= label;
    encrypt(Cipher::aes_128_ctr(), key, Some(&iv), &vec![0; length]).unwrap()
}
