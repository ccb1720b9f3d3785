//! Pressure: the averages of `/proc/pressure` from stalled time.
//!
//! # What it follows
//! `calc_avgs()`, `update_averages()` and `psi_show()` in `kernel/sched/psi.c`, and `calc_load()`,
//! 4.20 to 6.18: fixed point with 11 bits, one sample every two seconds and a tick. Monitors, which are
//! woken by a stall that is long enough, are in [`trigger`].

pub mod trigger;

/// `FIXED_1`: one, in the kernel's fixed point.
const ONE: u64 = 1 << 11;
/// `EXP_10s`, `EXP_60s`, `EXP_300s`: e^(−2 s / window).
const DECAY: [u64; 3] = [1677, 1981, 2034];

/// The running averages of one state of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Averages {
    /// Over 10, 60 and 300 seconds: percent, in 2¹¹ths.
    avg: [u64; 3],
}

impl Averages {
    /// `calc_avgs()`: `missed` periods in which nothing happened, then a sample of `stalled` in
    /// `period`, both in the same unit of time.
    pub fn sample(&mut self, missed: u64, stalled: u64, period: u64) {
        let percent = stalled.saturating_mul(100) / period.max(1) * ONE;
        for (avg, decay) in self.avg.iter_mut().zip(DECAY) {
            if missed > 0 {
                *avg = load(*avg, power(decay, missed), 0);
            }
            *avg = load(*avg, decay, percent);
        }
    }

    /// Whole percents and hundredths, as `psi_show()` prints them (`LOAD_INT`, `LOAD_FRAC`).
    pub fn printed(&self) -> [(u64, u64); 3] {
        self.avg.map(|avg| (avg >> 11, ((avg & (ONE - 1)) * 100) >> 11))
    }
}

/// `calc_load()`.
fn load(load: u64, decay: u64, active: u64) -> u64 {
    let new = load * decay + active * (ONE - decay);
    let up = if active >= load { ONE - 1 } else { 0 };
    (new + up) / ONE
}

/// `fixed_power_int()`: with rounding at every step.
fn power(mut base: u64, mut exponent: u64) -> u64 {
    let half = ONE >> 1;
    let mut result = ONE;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = (result * base + half) >> 11;
        }
        exponent >>= 1;
        if exponent > 0 {
            base = (base * base + half) >> 11;
        }
    }
    result
}

/// `PSI_FREQ`: the time between two samples in nanoseconds, two seconds and a tick of `hz`.
pub fn period_ns(hz: u64) -> u64 {
    (2 * hz + 1) * (1_000_000_000 / hz.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same in real numbers, step by step.
    fn slow(samples: &[f64], window: f64) -> f64 {
        let decay = (-2.0 / window).exp();
        samples.iter().fold(0.0, |avg, sample| avg * decay + sample * (1.0 - decay))
    }

    #[test]
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    fn averages_follow_the_exponential_decay_that_they_stand_for() {
        let mut averages = Averages::default();
        let mut samples = Vec::new();
        for step in 0..200_u64 {
            let stalled = (step * 37) % 101;
            averages.sample(0, stalled, 100);
            samples.push(stalled as f64);
            for ((whole, hundredths), window) in
                averages.printed().into_iter().zip([10.0, 60.0, 300.0])
            {
                let printed = whole as f64 + hundredths as f64 / 100.0;
                let exact = slow(&samples, window);
                assert!((printed - exact).abs() < 0.6, "{step}: {printed} and {exact}");
            }
        }
    }

    #[test]
    fn full_pressure_settles_at_a_hundred_and_idleness_at_nothing() {
        let mut averages = Averages::default();
        for _ in 0..4000 {
            averages.sample(0, 2, 2);
        }
        assert_eq!(averages.printed(), [(100, 0); 3]);
        averages.sample(100_000, 0, 2);
        assert_eq!(averages.printed(), [(0, 0); 3]);
    }

    #[test]
    fn one_stalled_period_shows_as_the_kernel_shows_it() {
        let mut averages = Averages::default();
        averages.sample(0, 2_004_000_000, 2_004_000_000);
        // (2048 − 1677) · 100, rounded up, in 2¹¹ths.
        assert_eq!(averages.printed(), [(18, 11), (3, 27), (0, 68)]);
        averages.sample(0, 0, 2_004_000_000);
        assert_eq!(averages.printed()[0], (14, 83));
    }

    #[test]
    fn a_sample_comes_every_two_seconds_and_a_tick() {
        assert_eq!(period_ns(250), 2_004_000_000);
        assert_eq!(period_ns(1000), 2_001_000_000);
    }

    const SEEN: &str = include_str!("../tests/data/psi-6.18.txt");

    #[test]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "small and positive"
    )]
    fn averages_follow_a_real_kernels_samples() {
        let rows: Vec<Vec<f64>> = SEEN
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().filter_map(|word| word.parse().ok()).collect())
            .collect();
        assert!(rows.len() > 40, "{}", rows.len());
        let printed = |row: &[f64]| [2, 3, 4].map(|column| row[column]);
        let mut averages = Averages { avg: printed(&rows[0]).map(|avg| (avg * 2048.0) as u64) };
        let (mut worst, mut before) = ([0.0_f64; 3], rows[0][1]);
        for row in &rows[1..] {
            // What was read a little after the sample belongs to the next one: at most 4 ms of 2004.
            averages.sample(0, (row[1] - before) as u64 * 1000, period_ns(250));
            before = row[1];
            for ((worst, real), (whole, hundredths)) in
                worst.iter_mut().zip(printed(row)).zip(averages.printed())
            {
                *worst = worst.max((whole as f64 + hundredths as f64 / 100.0 - real).abs());
            }
        }
        assert!(worst[0] < 0.4 && worst[1] < 0.2 && worst[2] < 0.2, "{worst:?}");
    }
}
