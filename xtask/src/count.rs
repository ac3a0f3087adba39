//! How many tests passed and failed, read from what test runners print.

use std::iter::Sum;
use std::ops::AddAssign;

/// Tests that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Passed.
    pub passed: u64,
    /// Failed.
    pub failed: u64,
}

impl Count {
    /// One check that is not made of tests.
    pub const fn one(passed: bool) -> Self {
        Self { passed: passed as u64, failed: !passed as u64 }
    }

    /// What `text` says, summed over its result lines: `cargo test`'s, nextest's and `adjutant test`'s.
    pub fn read(text: &str) -> Self {
        let is_result = |line: &&str| {
            let line = line.trim_start();
            line.starts_with("test result:") || line.starts_with("Summary [") || line.ends_with(" failed")
        };
        text.lines().filter(is_result).map(Self::of_line).sum()
    }

    fn of_line(line: &str) -> Self {
        let words: Vec<&str> = line.split([' ', ';', ',', '(']).filter(|word| !word.is_empty()).collect();
        let before = |name: &str| {
            let at = words.iter().position(|word| *word == name)?;
            words[at.saturating_sub(2)..at].iter().rev().find_map(|word| word.parse().ok())
        };
        Self { passed: before("passed").unwrap_or(0), failed: before("failed").unwrap_or(0) }
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Sum for Count {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |mut sum, count| {
            sum += count;
            sum
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_of_each_runner_are_read() {
        let libtest = "test result: ok. 20 passed; 3 failed; 0 ignored; 0 measured\nnoise\ntest result: ok. 5 passed; 0 failed;";
        assert_eq!(Count::read(libtest), Count { passed: 25, failed: 3 });
        let nextest = "     Summary [   1.203s] 312 tests run: 310 passed (2 slow), 2 failed, 0 skipped";
        assert_eq!(Count::read(nextest), Count { passed: 310, failed: 2 });
        assert_eq!(Count::read("61 passed, 0 failed"), Count { passed: 61, failed: 0 });
        assert_eq!(Count::read("61 tests passed, 2 failed"), Count { passed: 61, failed: 2 });
        assert_eq!(Count::read("a test that passed"), Count::default());
    }
}
