//! Medians and percentiles.

use std::time::Duration;

/// What one agent did in one round.
#[derive(Clone, Copy)]
pub struct Sample {
    pub ops_per_s: f64,
    pub p50_us: f64,
    pub p99_us: f64,
}

impl Sample {
    /// From all latencies of a round. No answer at all is an error: there is nothing to say then.
    pub fn new(mut latencies: Vec<Duration>, lasted: Duration) -> Result<Self, String> {
        if latencies.is_empty() {
            return Err("no answer within the round".to_owned());
        }
        latencies.sort_unstable();
        let at = |part: f64| {
            let place = (latencies.len() as f64 * part).ceil() as usize;
            micros(latencies[place.clamp(1, latencies.len()) - 1])
        };
        let ops_per_s = latencies.len() as f64 / lasted.as_secs_f64();
        Ok(Self { ops_per_s, p50_us: at(0.5), p99_us: at(0.99) })
    }

    /// Of one thing after the other: the time is what they took together.
    pub fn one_by_one(latencies: Vec<Duration>) -> Result<Self, String> {
        let lasted = latencies.iter().sum();
        Self::new(latencies, lasted)
    }
}

/// All rounds of one case and agent: the median of each figure.
#[derive(Clone)]
pub struct Rounds(pub Vec<Sample>);

impl Rounds {
    pub fn ops_per_s(&self) -> f64 {
        self.median(|sample| sample.ops_per_s)
    }

    pub fn p50_us(&self) -> f64 {
        self.median(|sample| sample.p50_us)
    }

    pub fn p99_us(&self) -> f64 {
        self.median(|sample| sample.p99_us)
    }

    /// Least and most operations per second of a round.
    pub fn spread(&self) -> (f64, f64) {
        let all = self.0.iter().map(|sample| sample.ops_per_s);
        (all.clone().fold(f64::INFINITY, f64::min), all.fold(0.0, f64::max))
    }

    fn median(&self, figure: impl Fn(&Sample) -> f64) -> f64 {
        median(self.0.iter().map(figure).collect())
    }
}

pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => f64::midpoint(figures[middle - 1], figures[middle]),
        _ => figures[middle],
    }
}

pub fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
