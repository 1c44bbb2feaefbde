//! The bits per second that arrive.

/// Arrivals are counted in spans of so many microseconds,
const SPAN: i64 = 25_000;

/// of which the last so many count: some frames, and little of what was before a change.
const SPANS: usize = 10;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Throughput {
    bytes: [u32; SPANS],
    first: Option<i64>,
    /// The span that is counted now.
    span: i64,
}

impl Throughput {
    /// Takes a packet that arrived, in microseconds of the client's clock.
    pub(super) fn add(&mut self, arrived: i64, bytes: u32) {
        let span = arrived / SPAN;
        let is_far = (self.span - span).abs() > 4 * SPANS as i64;
        if self.first.is_none() || is_far {
            *self = Self {
                first: Some(arrived),
                span,
                ..Self::default()
            };
        }
        while self.span < span {
            self.span += 1;
            self.bytes[Self::place(self.span)] = 0;
        }
        if self.span - span < SPANS as i64 {
            let counted = &mut self.bytes[Self::place(span)];
            *counted = counted.saturating_add(bytes);
        }
    }

    fn place(span: i64) -> usize {
        span.rem_euclid(SPANS as i64) as usize
    }

    /// Bits per second; `None`: too little has arrived.
    pub(super) fn bits(&self) -> Option<f64> {
        self.of_last(SPANS as i64)
    }

    /// The same of half of the time.
    pub(super) fn recent(&self) -> Option<f64> {
        self.of_last(SPANS as i64 / 2)
    }

    fn of_last(&self, most: i64) -> Option<f64> {
        let counted = self.span + 1 - self.first? / SPAN;
        if counted < SPANS as i64 / 2 {
            return None;
        }
        let spans = counted.min(most);
        // The span that is counted now is not over: its bytes count, half of its time does.
        let time = (spans as f64 - 0.5) * SPAN as f64 / 1e6;
        let last = (0..spans).map(|back| f64::from(self.bytes[Self::place(self.span - back)]));
        Some(last.sum::<f64>() * 8.0 / time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_quarter_of_a_second_counts() {
        let mut throughput = Throughput::default();
        let mut at = 0;
        let mut run = |bytes, count| {
            for _ in 0..count {
                at += 10_000;
                throughput.add(at, bytes);
            }
            throughput.bits()
        };
        assert_eq!(run(1_000, 5), None);
        let many = run(1_000, 95).unwrap();
        assert!((740_000.0..860_000.0).contains(&many), "{many}");
        let fewer = run(250, 25).unwrap();
        assert!((180_000.0..220_000.0).contains(&fewer), "{fewer}");
    }
}
