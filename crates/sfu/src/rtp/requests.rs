//! RTCP about what a client sends: reports of what came, and requests (RFC 3550 section 6.4.2, RFC 4585, RFC 5104).

/// Report blocks of one receiver report.
const MAX_BLOCKS: usize = 31;

/// Packet types.
const RR: u8 = 201;
const RTPFB: u8 = 205;
const PSFB: u8 = 206;

/// Receiver reports of some blocks, each from its SSRC on.
pub(crate) fn receiver_reports(sender: u32, blocks: &[[u8; 24]]) -> impl Iterator<Item = Vec<u8>> {
    blocks.chunks(MAX_BLOCKS).map(move |blocks| {
        let mut packet = begin(blocks.len() as u8, RR, sender);
        packet.extend(blocks.iter().flatten());
        with_length(packet)
    })
}

/// Asks for packets that are missing, by their sequence numbers in order.
pub(crate) fn nack(sender: u32, media: u32, missing: &[u16]) -> Vec<u8> {
    let mut packet = begin(1, RTPFB, sender);
    packet.extend(media.to_be_bytes());
    let mut missing = missing.iter().copied().peekable();
    while let Some(first) = missing.next() {
        let mut mask = 0_u16;
        while let Some(next) = missing.next_if(|next| next.wrapping_sub(first) <= 16) {
            mask |= 1_u16
                .checked_shl(u32::from(next.wrapping_sub(first)).wrapping_sub(1))
                .unwrap_or(0);
        }
        packet.extend(first.to_be_bytes());
        packet.extend(mask.to_be_bytes());
    }
    with_length(packet)
}

/// Asks for a keyframe: a picture is lost.
pub(crate) fn picture_loss(sender: u32, media: u32) -> Vec<u8> {
    let mut packet = begin(1, PSFB, sender);
    packet.extend(media.to_be_bytes());
    with_length(packet)
}

/// Asks for a keyframe by a full intra request. Each has a `number` of its own.
pub(crate) fn full_intra(sender: u32, media: u32, number: u8) -> Vec<u8> {
    let mut packet = begin(4, PSFB, sender);
    packet.extend([0; 4]);
    packet.extend(media.to_be_bytes());
    packet.extend([number, 0, 0, 0]);
    with_length(packet)
}

fn begin(count: u8, kind: u8, sender: u32) -> Vec<u8> {
    let mut packet = vec![0x80 | count, kind, 0, 0];
    packet.extend(sender.to_be_bytes());
    packet
}

fn with_length(mut packet: Vec<u8>) -> Vec<u8> {
    let words = (packet.len() / 4 - 1) as u16;
    packet[2..4].copy_from_slice(&words.to_be_bytes());
    packet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::Feedback;

    #[test]
    fn what_is_written_is_read_again() {
        let missing = vec![65_530, 65_535, 0, 10, 11, 400];
        let packets = [
            nack(1, 2, &missing),
            picture_loss(1, 3),
            full_intra(1, 4, 9),
            receiver_reports(1, &[[7; 24]; 40]).flatten().collect(),
        ];
        assert!(packets.iter().all(|packet| packet.len() % 4 == 0));
        let feedback = Feedback::read(&packets.concat());
        assert_eq!(
            feedback.missing,
            missing.iter().map(|number| (2, *number)).collect::<Vec<_>>()
        );
        assert_eq!(feedback.keyframes, [3, 4]);
        assert!(feedback.reported.iter().all(|reception| reception.ssrc == 0x0707_0707));
        assert_eq!(feedback.reported.len(), 40);
    }

    #[test]
    fn one_entry_of_a_nack_has_seventeen_numbers() {
        let missing: Vec<u16> = (100..134).collect();
        assert_eq!(nack(1, 2, &missing).len(), 12 + 2 * 4);
    }
}
