use std::time::Duration;

/// Share of the samples that is dropped from the front: caches, plans and connections are warm after it.
const WARM_UP: f64 = 0.1;

/// What is left of samples in the order in which they were taken.
pub(super) fn warm<T>(samples: &[T]) -> &[T] {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length"
    )]
    let cold = (samples.len() as f64 * WARM_UP).ceil() as usize;
    samples.get(cold..).unwrap_or_default()
}

/// Figures of one quantity, one of each run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Figures(Vec<f64>);

impl Figures {
    /// Adds the figure of another run.
    pub(super) fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// One figure for each run.
    pub(super) fn runs(&self) -> &[f64] {
        &self.0
    }

    /// The middle one; the mean of the middle two; 0 for none.
    pub(super) fn median(&self) -> f64 {
        quantile(&self.sorted(), 0.5)
    }

    /// The smallest and the largest.
    pub(super) fn extremes(&self) -> (f64, f64) {
        let sorted = self.sorted();
        match (sorted.first(), sorted.last()) {
            (Some(least), Some(most)) => (*least, *most),
            _ => (0.0, 0.0),
        }
    }

    /// `f` of this and another quantity's figure of the same run.
    pub(super) fn paired(&self, other: &Figures, f: impl Fn(f64, f64) -> f64) -> Figures {
        Figures(self.0.iter().zip(&other.0).map(|(a, b)| f(*a, *b)).collect())
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

impl FromIterator<f64> for Figures {
    fn from_iter<I: IntoIterator<Item = f64>>(figures: I) -> Figures {
        Figures(figures.into_iter().collect())
    }
}

/// p50, p95, p99 and the maximum of the latencies of one run, in milliseconds.
pub(super) struct Quantiles {
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
}

impl Quantiles {
    /// Of the latencies after the warm-up.
    pub(super) fn of(latencies: &[Duration]) -> Quantiles {
        let mut ms: Vec<f64> = warm(latencies).iter().map(|l| l.as_secs_f64() * 1e3).collect();
        ms.sort_by(f64::total_cmp);
        Quantiles {
            p50: quantile(&ms, 0.5),
            p95: quantile(&ms, 0.95),
            p99: quantile(&ms, 0.99),
            max: quantile(&ms, 1.0),
        }
    }
}

/// By linear interpolation between the two nearest; 0 of nothing.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let at = q * last as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let below = at.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_tenth_is_dropped() {
        let samples: Vec<u32> = (0..20).collect();
        assert_eq!(warm(&samples).first(), Some(&2));
        assert_eq!(warm(&samples[..1]), &[] as &[u32]);
        assert_eq!(warm(&samples[..5]).len(), 4);
    }

    #[test]
    fn median_and_quantiles_lie_between_the_samples_around_them() {
        let figures: Figures = [4.0, 1.0, 3.0, 2.0].into_iter().collect();
        assert!((figures.median() - 2.5).abs() < 1e-9);
        assert_eq!(figures.extremes(), (1.0, 4.0));
        let latencies: Vec<Duration> = (0..112).map(|n| Duration::from_millis(n.max(11))).collect();
        let quantiles = Quantiles::of(&latencies);
        assert!((quantiles.p50 - 61.5).abs() < 1e-6, "{}", quantiles.p50);
        assert!((quantiles.p99 - 110.0).abs() < 0.5, "{}", quantiles.p99);
        assert!((quantiles.max - 111.0).abs() < 1e-6);
    }

    #[test]
    fn quantities_are_compared_run_by_run() {
        let (a, b): (Figures, Figures) = ([1.0, 4.0].into_iter().collect(), [2.0, 2.0].into_iter().collect());
        assert_eq!(a.paired(&b, |a, b| a / b).runs(), [0.5, 2.0]);
    }
}
