//! Means that a busy machine cannot spoil, and how sure one may be of them.

use std::fmt;

/// The part of the values that is left out at either end.
const TRIMMED: usize = 10;
/// How often the rounds are drawn anew.
const RESAMPLES: usize = 2_000;

/// A trimmed mean with its 95 % confidence interval, by bootstrap.
pub(crate) struct Estimate {
    /// The mean.
    pub(crate) value: f64,
    low: f64,
    high: f64,
}

impl Estimate {
    /// The estimate of `values`, one a round.
    pub(crate) fn of(values: &[f64], random: &mut Random) -> Self {
        let mut means: Vec<_> = (0..RESAMPLES)
            .map(|_| {
                let drawn = values.iter().map(|_| values[random.below(values.len())]);
                trimmed_mean(drawn.collect())
            })
            .collect();
        means.sort_by(f64::total_cmp);
        let at = |share: f64| means[(share * (RESAMPLES - 1) as f64) as usize];
        Self { value: trimmed_mean(values.to_vec()), low: at(0.025), high: at(0.975) }
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, low, high } = self;
        write!(out, "{value:+5.1} [{low:+5.1}, {high:+5.1}]")
    }
}

fn trimmed_mean(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let out = values.len() / TRIMMED;
    let kept = &values[out..values.len() - out];
    kept.iter().sum::<f64>() / kept.len() as f64
}

/// Random numbers for shuffling and drawing (xorshift64*): the same in every run.
pub(crate) struct Random(u64);

impl Random {
    /// Begins the sequence.
    pub(crate) fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    /// Any order is as likely as any other (Fisher-Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
