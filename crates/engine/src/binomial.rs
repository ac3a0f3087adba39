//! Exact (Clopper–Pearson) bounds for a share that was counted. For reports; nothing decides by it.
//!
//! C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
//! binomial", Biometrika 26 (1934). Zero errors in 299 trials bound the error below 1 % at 95 %.

/// The largest share that `hits` of `trials` are compatible with, one-sided at `confidence` (0 to 1).
pub fn upper(hits: u64, trials: u64, confidence: f64) -> f64 {
    if hits >= trials {
        return 1.0;
    }
    bisect(|share| at_most(hits, trials, share) - (1.0 - confidence))
}

/// The smallest share that `hits` of `trials` are compatible with, one-sided at `confidence` (0 to 1).
pub fn lower(hits: u64, trials: u64, confidence: f64) -> f64 {
    if hits == 0 || trials == 0 {
        return 0.0;
    }
    1.0 - upper(trials - hits, trials, confidence)
}

/// Where a decreasing function crosses zero between 0 and 1.
fn bisect(f: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if f(middle) > 0.0 { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The chance of at most `hits` in `trials` of chance `share` each: the regularized incomplete beta function.
fn at_most(hits: u64, trials: u64, share: f64) -> f64 {
    let (a, b) = ((trials - hits) as f64, hits as f64 + 1.0);
    incomplete_beta(a, b, 1.0 - share)
}

/// I_x(a, b), by the continued fraction of Lentz (Numerical Recipes, §6.4).
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    let front = libm::exp(libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * libm::log(x) + b * libm::log1p(-x));
    if x < (a + 1.0) / (a + b + 2.0) { front * fraction(a, b, x) / a } else { 1.0 - front * fraction(b, a, 1.0 - x) / b }
}

fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut c, mut d) = (1.0, 1.0 / away(1.0 - (a + b) * x / (a + 1.0)));
    let mut result = d;
    for step in 1..10_000 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for term in [even, odd] {
            d = 1.0 / away(1.0 + term * d);
            c = away(1.0 + term / c);
            result *= d * c;
        }
        if (d * c - 1.0).abs() < 1e-14 {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sample_sizes() {
        // Trials that bound the error at 95 %: 299 for 1 %, 59 for 5 %, 2,995 for 0.1 %; with one error 473 for 1 %.
        for (errors, trials, share) in [(0, 299, 0.01), (0, 59, 0.05), (0, 2_995, 0.001), (1, 473, 0.01), (5, 1_049, 0.01)] {
            assert!(upper(errors, trials, 0.95) <= share && upper(errors, trials - 1, 0.95) > share, "{errors} of {trials}");
        }
    }

    #[test]
    fn ends() {
        assert_eq!((upper(5, 5, 0.95), lower(0, 5, 0.95), upper(0, 0, 0.95)), (1.0, 0.0, 1.0));
        assert!((lower(12, 12, 0.975) - 0.735).abs() < 0.001, "12 of 12, two-sided 95 %");
    }
}
