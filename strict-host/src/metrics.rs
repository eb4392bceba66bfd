//! Counters and histograms, as strictly as a host may take them.

/// A metric that the filter has defined.
#[derive(Debug)]
struct Series {
    name: String,
    kind: i32,
    /// All that it was told, one by one.
    told: Vec<u64>,
}

/// What a VM counts.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Vec<Series>);

const COUNTER: i32 = 0;
const HISTOGRAM: i32 = 2;

/// Numbers tell kinds apart, and are not counted from 0: nobody can guess them.
fn number(index: usize, kind: i32) -> i32 {
    (i32::try_from(index).unwrap() + 1) * 4 + kind
}

impl Metrics {
    /// Gives the metric its number.
    pub(crate) fn define(&mut self, kind: i32, name: &[u8]) -> Result<i32, String> {
        let name = String::from_utf8(name.to_vec()).map_err(|_| "a metric without a name")?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c);
        if ![COUNTER, HISTOGRAM].contains(&kind) || name.is_empty() || !name.chars().all(plain) {
            return Err(format!("no metric: {name:?} of kind {kind}"));
        }
        if self.0.iter().any(|known| known.name == name) {
            return Err(format!("{name} is defined twice"));
        }
        self.0.push(Series { name, kind, told: Vec::new() });
        Ok(number(self.0.len() - 1, kind))
    }

    /// The metric of this number grows, or is told a value.
    pub(crate) fn tell(&mut self, called: i32, kind: i32, value: u64) -> Result<(), String> {
        let mut all = self.0.iter_mut().enumerate();
        let known = all.find(|(index, series)| number(*index, series.kind) == called);
        let Some((_, series)) = known else { return Err(format!("no metric is called {called}")) };
        if series.kind != kind {
            return Err(format!("{} is of another kind than {kind}", series.name));
        }
        series.told.push(value);
        Ok(())
    }

    /// A counter grows: never backwards.
    pub(crate) fn grow(&mut self, called: i32, by: i64) -> Result<(), String> {
        let by = u64::try_from(by).map_err(|_| "a counter that counts backwards")?;
        self.tell(called, COUNTER, by)
    }

    /// A histogram is told a value.
    pub(crate) fn record(&mut self, called: i32, value: i64) -> Result<(), String> {
        self.tell(called, HISTOGRAM, value.cast_unsigned())
    }

    /// The metrics that were told something, and what.
    pub(crate) fn told(&self) -> impl Iterator<Item = (&str, &[u64])> {
        let told = self.0.iter().filter(|series| !series.told.is_empty());
        told.map(|series| (series.name.as_str(), series.told.as_slice()))
    }

    /// How many are defined.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
