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
    /// Where the interval begins.
    pub(crate) low: f64,
    /// Where it ends.
    pub(crate) high: f64,
}

impl Estimate {
    /// The estimate of `values`, one a round.
    pub(crate) fn of(values: &[f64], random: &mut Random) -> Self {
        Self::bootstrap(values.len(), random, |rounds| mean_of(values, rounds))
    }

    /// The mean of `values` as a multiple of that of `units`, both one a round: each drawing takes the same rounds of
    /// both, since what disturbs one disturbs the other.
    pub(crate) fn of_ratio(values: &[f64], units: &[f64], random: &mut Random) -> Self {
        let ratio = |rounds: &[usize]| mean_of(values, rounds) / mean_of(units, rounds);
        Self::bootstrap(values.len(), random, ratio)
    }

    /// `measure` of all rounds, and how it varies where rounds are drawn anew.
    fn bootstrap(rounds: usize, random: &mut Random, measure: impl Fn(&[usize]) -> f64) -> Self {
        let mut drawn: Vec<_> = (0..RESAMPLES)
            .map(|_| {
                let drawn: Vec<_> = (0..rounds).map(|_| random.below(rounds)).collect();
                measure(&drawn)
            })
            .collect();
        drawn.sort_by(f64::total_cmp);
        let at = |share: f64| drawn[(share * (RESAMPLES - 1) as f64) as usize];
        let all: Vec<_> = (0..rounds).collect();
        Self { value: measure(&all), low: at(0.025), high: at(0.975) }
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, low, high } = self;
        write!(out, "{value:+5.1} [{low:+5.1}, {high:+5.1}]")
    }
}

/// The mean of the values of these rounds, without the outermost.
fn mean_of(values: &[f64], rounds: &[usize]) -> f64 {
    let mut values: Vec<_> = rounds.iter().map(|round| values[*round]).collect();
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
