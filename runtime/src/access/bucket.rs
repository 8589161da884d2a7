//! Slows down who guesses.

/// A bucket of failures: each takes a token, tokens come back with time.
#[derive(Debug)]
pub(super) struct Bucket {
    tokens: f64,
    filled_us: i64,
}

/// Failures in a row.
const SIZE: f64 = 10.0;
/// Tokens that come back each second.
const PER_SECOND: f64 = 0.2;

impl Default for Bucket {
    fn default() -> Self {
        Self { tokens: SIZE, filled_us: 0 }
    }
}

impl Bucket {
    /// Whether another try is allowed now.
    pub(super) fn allows(&mut self, now_us: i64) -> bool {
        let passed_s = (now_us - self.filled_us).max(0) as f64 / 1e6;
        self.tokens = (self.tokens + passed_s * PER_SECOND).min(SIZE);
        self.filled_us = now_us;
        self.tokens >= 1.0
    }

    /// A try failed.
    pub(super) fn fail(&mut self) {
        self.tokens -= 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_then_one_every_five_seconds() {
        let mut bucket = Bucket::default();
        let tries = |bucket: &mut Bucket, now_us| {
            let mut failures = 0;
            while bucket.allows(now_us) {
                bucket.fail();
                failures += 1;
            }
            failures
        };
        assert_eq!(tries(&mut bucket, 1_000_000), 10);
        assert_eq!(tries(&mut bucket, 1_000_000), 0);
        assert_eq!(tries(&mut bucket, 6_000_000), 1);
        assert_eq!(tries(&mut bucket, 0), 0, "a clock that goes back gives nothing");
        assert_eq!(tries(&mut bucket, 600_000_000), 10);
    }
}
