//! RTCP about what the server sends: reports that go out, and feedback that comes; and reports of what clients send (RFC 3550
//! section 6, RFC 4585).

use super::transport_feedback::TransportFeedback;

/// Bytes of a sender report without report blocks.
const SENDER_REPORT: usize = 28;

/// Packet types.
const SR: u8 = 200;
const RR: u8 = 201;
const SDES: u8 = 202;
const RTPFB: u8 = 205;
const PSFB: u8 = 206;
const BYE: u8 = 203;

/// What a packet of RTCP counts, it counts in five bits.
const MAX_COUNT: usize = 31;

/// Sequence numbers of one packet that are looked at: some frames.
const MAX_MISSING: usize = 512;

/// What a compound packet of a client says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Feedback {
    /// Streams of which it has received something: it knows their MID.
    pub(crate) reported: Vec<Reception>,
    /// Streams of which it wants a keyframe.
    pub(crate) keyframes: Vec<u32>,
    /// Packets that it misses, by stream and sequence number.
    pub(crate) missing: Vec<(u32, u16)>,
    /// What the client says of its own streams: the SSRC of each, the time as NTP has it, and its timestamp.
    pub(crate) sent: Vec<(u32, u64, u32)>,
    /// Streams that have ended, of those that it sends.
    pub(crate) ended: Vec<u32>,
    /// What the client can be sent, in bits per second, as it sees it (draft-alvestrand-rmcat-remb-03).
    pub(crate) estimate: Option<u64>,
}

/// What a client says in a report block of a stream (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reception {
    pub(crate) ssrc: u32,
    /// How much did not come since the report before, in 256ths.
    pub(crate) lost: u8,
    /// The highest extended sequence number that came.
    pub(crate) highest: u32,
}

impl Reception {
    fn read(block: &[u8]) -> Option<Self> {
        Some(Self {
            ssrc: word(block, 0)?,
            lost: *block.get(4)?,
            highest: word(block, 8)?,
        })
    }
}

impl Feedback {
    /// Reads a compound packet, up to what is malformed.
    pub(crate) fn read(compound: &[u8]) -> Self {
        let mut feedback = Self::default();
        for (kind, format, body) in packets(compound) {
            match (kind, format) {
                (RR, blocks) => feedback.reports(body.get(4..), blocks),
                (SR, blocks) => {
                    feedback.reports(body.get(24..), blocks);
                    feedback.sent.extend(sender_info(body));
                }
                (BYE, count) => feedback.ended.extend(ssrcs(body).take(count.into())),
                (RTPFB, 1) => feedback.nack(body),
                (PSFB, 1) => feedback.keyframes.extend(word(body, 4)),
                // Full intra requests name their streams in entries of two words (RFC 5104 section 4.3.1.1).
                (PSFB, 4) => feedback
                    .keyframes
                    .extend(entries(body, 8).filter_map(|entry| word(entry, 0))),
                (PSFB, 15) => feedback.estimate = estimate(body).or(feedback.estimate),
                _ => {}
            }
        }
        feedback
    }

    fn reports(&mut self, blocks: Option<&[u8]>, count: u8) {
        let blocks = blocks.unwrap_or_default().chunks_exact(24).take(count.into());
        self.reported.reserve(blocks.len());
        self.reported.extend(blocks.filter_map(Reception::read));
    }

    fn nack(&mut self, body: &[u8]) {
        let Some(ssrc) = word(body, 4) else {
            return;
        };
        for entry in entries(body, 4) {
            let first = u16::from_be_bytes([entry[0], entry[1]]);
            let mask = u16::from_be_bytes([entry[2], entry[3]]);
            let others = (0..16)
                .filter(|bit| mask >> bit & 1 == 1)
                .map(|bit| first.wrapping_add(bit + 1));
            let room = MAX_MISSING.saturating_sub(self.missing.len());
            let all = std::iter::once(first).chain(others).take(room);
            self.missing.extend(all.map(|sequence| (ssrc, sequence)));
        }
    }
}

/// The transport-wide feedback in a compound packet, up to what is malformed.
pub(crate) fn transport_feedback(compound: &[u8]) -> impl Iterator<Item = TransportFeedback<'_>> {
    let reports = packets(compound).filter(|(kind, format, _)| (*kind, *format) == (RTPFB, 15));
    reports.filter_map(|(_, _, body)| TransportFeedback::parse(body))
}

/// The bits per second of a REMB message.
fn estimate(body: &[u8]) -> Option<u64> {
    let message = body.get(8..16)?;
    let word = word(message, 4)?;
    let (exponent, mantissa) = (word >> 18 & 0x3f, u64::from(word & 0x3_ffff));
    // Beyond 32 the rate of no line is meant.
    (message.starts_with(b"REMB") && exponent <= 32).then(|| mantissa << exponent)
}

/// The SSRC, NTP time and timestamp of a sender report.
fn sender_info(body: &[u8]) -> Option<(u32, u64, u32)> {
    let time = u64::from(word(body, 4)?) << 32 | u64::from(word(body, 8)?);
    Some((word(body, 0)?, time, word(body, 12)?))
}

/// The SSRCs that a packet consists of, or begins with.
fn ssrcs(body: &[u8]) -> impl Iterator<Item = u32> {
    body.as_chunks().0.iter().map(|ssrc| u32::from_be_bytes(*ssrc))
}

/// What follows the two SSRCs of feedback, in pieces.
fn entries(body: &[u8], length: usize) -> impl Iterator<Item = &[u8]> {
    body.get(8..).unwrap_or_default().chunks_exact(length)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    bytes.try_into().ok().map(u32::from_be_bytes)
}

/// The packets of a compound one: type, format or count, and what follows the header.
fn packets(mut rest: &[u8]) -> impl Iterator<Item = (u8, u8, &[u8])> {
    std::iter::from_fn(move || {
        let length = 4 * (1 + usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?])));
        let (packet, after) = rest.split_at_checked(length)?;
        rest = after;
        Some((packet[1], packet[0] & 0x1f, &packet[4..]))
    })
}

/// Packets that say that streams end (RFC 3550 section 6.6).
pub(crate) fn goodbyes(ssrcs: &[u32]) -> Vec<Vec<u8>> {
    let packet = |ssrcs: &[u32]| {
        let count = ssrcs.len() as u8;
        let mut packet = vec![0x80 | count, BYE, 0, count];
        packet.extend(ssrcs.iter().flat_map(|ssrc| ssrc.to_be_bytes()));
        packet
    };
    ssrcs.chunks(MAX_COUNT).map(packet).collect()
}

/// What a compound packet begins with that has no sender report (RFC 3550 section 6.1): a receiver report of nothing, and the
/// name of its source.
pub(crate) fn opening(ssrc: u32, cname: &str) -> Vec<u8> {
    let mut packet = vec![0x80, RR, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    describe(ssrc, cname, &mut packet);
    packet
}

/// Whether a packet is a sender report.
pub(crate) fn is_sender_report(packet: &[u8]) -> bool {
    packet.get(1) == Some(&SR)
}

/// Appends the name by which the streams of one source are known (RFC 3550 section 6.5.1).
fn describe(ssrc: u32, cname: &str, compound: &mut Vec<u8>) {
    let cname = &cname.as_bytes()[..cname.len().min(255)];
    // The item, and the zeros that end the chunk.
    let chunk = (4 + 2 + cname.len()) / 4 * 4 + 4;
    compound.extend([0x81, SDES]);
    compound.extend(((chunk / 4) as u16).to_be_bytes());
    let begin = compound.len();
    compound.extend(ssrc.to_be_bytes());
    compound.extend([1, cname.len() as u8]);
    compound.extend(cname);
    compound.resize(begin + chunk, 0);
}

/// What a sender report says (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy)]
pub(crate) struct SenderReport {
    pub(crate) ssrc: u32,
    /// The time, as NTP has it.
    pub(crate) ntp: u64,
    /// The same time, by the stream's clock.
    pub(crate) rtp: u32,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

impl SenderReport {
    /// Appends the report, and the name of the source.
    pub(crate) fn write(&self, cname: &str, compound: &mut Vec<u8>) {
        compound.extend([0x80, SR, 0, (SENDER_REPORT / 4 - 1) as u8]);
        compound.extend(self.ssrc.to_be_bytes());
        compound.extend(self.ntp.to_be_bytes());
        for word in [self.rtp, self.packets, self.octets] {
            compound.extend(word.to_be_bytes());
        }
        describe(self.ssrc, cname, compound);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feedback_is_read_up_to_what_is_malformed() {
        let report = [
            [0x81, RR, 0, 7].as_slice(),
            &[0, 0, 0, 1],
            &[0, 0, 0, 9],
            &[64, 0, 0, 4, 0, 1, 0, 2],
            &[0; 12],
        ]
        .concat();
        let nack = [0x81, RTPFB, 0, 3, 0, 0, 0, 1, 0, 0, 0, 9, 0xff, 0xff, 0, 0b101];
        let pli = [0x81, PSFB, 0, 2, 0, 0, 0, 1, 0, 0, 0, 8];
        let fir = [0x84, PSFB, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 1, 0, 0, 0];
        let estimate = [
            [0x8f, PSFB, 0, 5].as_slice(),
            &[0; 8],
            b"REMB",
            &[1, 20 << 2, 0, 3, 0, 0, 0, 9],
        ]
        .concat();
        let sent = [
            [0x80, SR, 0, 6].as_slice(),
            &[0, 0, 0, 5],
            &[1, 2, 3, 4, 5, 6, 7, 8],
            &[0, 0, 0, 6],
            &[0; 8],
        ]
        .concat();
        // Two streams, and the length of a reason.
        let ended = [0x82, BYE, 0, 3, 0, 0, 0, 5, 0, 0, 0, 6, 3, 98, 121, 101];
        let compound = [&report[..], &nack, &pli, &fir, &estimate, &sent, &ended].concat();
        let feedback = Feedback::read(&compound);
        let expected = Feedback {
            reported: vec![Reception {
                ssrc: 9,
                lost: 64,
                highest: 0x1_0002,
            }],
            keyframes: vec![8, 7],
            missing: vec![(9, 0xffff), (9, 0), (9, 2)],
            sent: vec![(5, 0x0102_0304_0506_0708, 6)],
            ended: vec![5, 6],
            estimate: Some(3 << 20),
        };
        assert_eq!(feedback, expected);
        for length in 0..compound.len() {
            Feedback::read(&compound[..length]);
        }
        assert_eq!(Feedback::read(&[0x80, SDES, 0, 0]), Feedback::default());
    }

    #[test]
    fn what_a_nack_may_ask_for_is_bounded() {
        let mut nack = vec![0x81, RTPFB, 1, 2, 0, 0, 0, 1, 0, 0, 0, 9];
        nack.resize(4 + 4 * 0x102, 0xff);
        assert_eq!(Feedback::read(&nack).missing.len(), MAX_MISSING);
    }

    #[test]
    fn a_report_is_whole_words_and_its_name_ends_in_zeros() {
        for length in 0..10 {
            let report = SenderReport {
                ssrc: 7,
                ntp: 1 << 40,
                rtp: 2,
                packets: 3,
                octets: 4,
            };
            let mut compound = Vec::new();
            report.write(&"n".repeat(length), &mut compound);
            let kinds: Vec<_> = packets(&compound)
                .map(|(kind, count, body)| (kind, count, body.len()))
                .collect();
            assert_eq!(kinds[0], (SR, 0, 24));
            assert_eq!((kinds.len(), kinds[1].0, kinds[1].1), (2, SDES, 1));
            assert_eq!(compound.last(), Some(&0));
            let opening = opening(7, &"n".repeat(length));
            let name = &compound[4 * 7..];
            assert_eq!(opening, [&[0x80, RR, 0, 1, 0, 0, 0, 7], name].concat());
        }
    }

    #[test]
    fn many_streams_end_in_several_packets() {
        assert_eq!(goodbyes(&[7]), [[0x81, BYE, 0, 1, 0, 0, 0, 7]]);
        let ssrcs: Vec<u32> = (0..40).collect();
        let packets = goodbyes(&ssrcs).concat();
        let counts: Vec<_> = super::packets(&packets)
            .map(|(kind, count, body)| (kind, count, body.len()))
            .collect();
        assert_eq!(counts, [(BYE, 31, 4 * 31), (BYE, 9, 4 * 9)]);
        assert_eq!(Feedback::read(&packets).ended, ssrcs);
    }
}
