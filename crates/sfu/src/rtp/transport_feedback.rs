//! Transport-wide feedback: which packets arrived, and when (draft-holmer-rmcat-transport-wide-cc-extensions-01).

/// Bytes before the chunks: two SSRCs, the first number, how many, the reference time, and the number of the report.
const FIXED: usize = 16;

/// A tick of the deltas between arrivals, in microseconds.
const DELTA: i64 = 250;

/// A tick of the reference time, in microseconds.
const REFERENCE: i64 = 64_000;

/// One report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TransportFeedback<'a> {
    /// The number of its first packet.
    first: u16,
    count: u16,
    /// 24 bits, in [`REFERENCE`].
    reference: u32,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status {
    /// Its transport-wide number.
    pub(crate) sequence: u16,
    /// When it arrived, in microseconds after the reference time; `None`: it did not.
    pub(crate) arrived: Option<i64>,
}

impl<'a> TransportFeedback<'a> {
    /// Reads what follows the header of an RTCP packet. `None`: it is truncated.
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        let (fixed, rest) = body.split_at_checked(FIXED)?;
        let count = u16::from_be_bytes([fixed[10], fixed[11]]);
        let mut covered = 0;
        let mut chunks = 0;
        while covered < usize::from(count) {
            covered += Chunk::parse(rest.get(chunks..chunks + 2)?).len();
            chunks += 2;
        }
        let (chunks, deltas) = rest.split_at(chunks);
        Some(Self {
            first: u16::from_be_bytes([fixed[8], fixed[9]]),
            count,
            reference: u32::from_be_bytes([0, fixed[12], fixed[13], fixed[14]]),
            chunks,
            deltas,
        })
    }

    /// The reference time in microseconds, as near as it can be to the last one.
    pub(crate) fn reference(&self, last: Option<i64>) -> i64 {
        let Some(last) = last.map(|last| last / REFERENCE) else {
            return i64::from(self.reference) * REFERENCE;
        };
        // The difference of the lower 24 bits, with its sign.
        let step = (self.reference.wrapping_sub(last as u32) << 8) as i32 >> 8;
        (last + i64::from(step)) * REFERENCE
    }

    /// What became of each packet, in order, up to where the report is truncated.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = Status> {
        let (mut deltas, mut arrived) = (self.deltas, 0);
        let symbols = self
            .chunks
            .chunks_exact(2)
            .map(Chunk::parse)
            .flat_map(|chunk| (0..chunk.len()).map(move |at| chunk.symbol(at)));
        let numbers = (0..self.count).map(|at| self.first.wrapping_add(at));
        numbers.zip(symbols).map_while(move |(sequence, symbol)| {
            let step = match symbol {
                0 => None,
                1 => Some(i64::from(take(&mut deltas, 1)?[0])),
                _ => {
                    let delta = take(&mut deltas, 2)?;
                    Some(i64::from(i16::from_be_bytes([delta[0], delta[1]])))
                }
            };
            let arrived = step.map(|step| {
                arrived += step * DELTA;
                arrived
            });
            Some(Status { sequence, arrived })
        })
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

/// Statuses packed into two octets.
#[derive(Debug, Clone, Copy)]
enum Chunk {
    Run {
        symbol: u8,
        length: usize,
    },
    /// One bit each.
    Bits(u16),
    /// Two bits each.
    Pairs(u16),
}

impl Chunk {
    fn parse(octets: &[u8]) -> Self {
        let word = u16::from_be_bytes([octets[0], octets[1]]);
        match word >> 14 {
            0 | 1 => Self::Run {
                symbol: (word >> 13 & 3) as u8,
                length: usize::from(word & 0x1fff),
            },
            2 => Self::Bits(word),
            _ => Self::Pairs(word),
        }
    }

    fn len(self) -> usize {
        match self {
            Self::Run { length, .. } => length,
            Self::Bits(_) => 14,
            Self::Pairs(_) => 7,
        }
    }

    fn symbol(self, at: usize) -> u8 {
        match self {
            Self::Run { symbol, .. } => symbol,
            Self::Bits(word) => (word >> (13 - at) & 1) as u8,
            Self::Pairs(word) => (word >> (12 - 2 * at) & 3) as u8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(first: u16, count: u16, reference: u32, rest: &[u8]) -> Vec<u8> {
        let mut body = vec![0, 0, 0, 1, 0, 0, 0, 2];
        body.extend(first.to_be_bytes());
        body.extend(count.to_be_bytes());
        body.extend(&reference.to_be_bytes()[1..]);
        body.push(0);
        body.extend(rest);
        body
    }

    fn arrivals(body: &[u8]) -> Vec<(u16, Option<i64>)> {
        let feedback = TransportFeedback::parse(body).unwrap();
        let statuses = feedback.statuses();
        statuses.map(|status| (status.sequence, status.arrived)).collect()
    }

    #[test]
    fn runs_bits_and_pairs_are_read() {
        // Two that arrived, after 1 ms each; then one bit each: lost, arrived; then two bits each: a step back, lost.
        let rest = [0x20, 2, 0x90, 0, 0xe0, 0, 4, 4, 4, 0xff, 0xfc];
        let body = report(65_535, 18, 7, &rest);
        let got = arrivals(&body);
        assert_eq!(got.len(), 18);
        assert_eq!(
            got[..4],
            [(65_535, Some(1_000)), (0, Some(2_000)), (1, None), (2, Some(3_000))]
        );
        assert_eq!(got[16..], [(15, Some(2_000)), (16, None)]);
    }

    #[test]
    fn what_is_truncated_ends_there() {
        let body = report(1, 3, 7, &[0x20, 3, 4, 4]);
        assert_eq!(arrivals(&body), [(1, Some(1_000)), (2, Some(2_000))]);
        assert_eq!(TransportFeedback::parse(&report(1, 30, 7, &[0x20, 3])), None);
        for length in 0..FIXED {
            assert_eq!(TransportFeedback::parse(&body[..length]), None);
        }
        // A run without length covers nothing.
        assert_eq!(TransportFeedback::parse(&report(1, 1, 7, &[0; 64])), None);
    }

    #[test]
    fn the_reference_time_goes_on_where_its_24_bits_end() {
        let at = |reference| {
            let body = report(0, 0, reference, &[]);
            move |last| TransportFeedback::parse(&body).unwrap().reference(last)
        };
        let end = at(0xff_ffff)(None);
        assert_eq!(end, 0xff_ffff * REFERENCE);
        let after = at(1)(Some(end));
        assert_eq!(after, end + 2 * REFERENCE);
        assert_eq!(at(0xff_fffe)(Some(after)), end - REFERENCE);
    }
}
