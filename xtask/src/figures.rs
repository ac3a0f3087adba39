//! Figures under fixed names: a table for people, one flat JSON object for programs.

use anyhow::{Context as _, Result};
use serde_json::{Map, Number, Value};
use std::fs;
use std::path::Path;

/// One measured number.
struct Figure {
    name: &'static str,
    value: f64,
    says: String,
}

/// The figures of one command, in the order in which they are shown.
#[derive(Default)]
pub struct Figures(Vec<Figure>);

impl Figures {
    /// Adds `name`; `says` tells a reader what it is, with its unit and its bar.
    pub fn add(&mut self, name: &'static str, value: f64, says: impl Into<String>) {
        self.0.push(Figure { name, value, says: says.into() });
    }

    /// Prints the table, and writes the object when `json` names a file.
    pub fn report(&self, json: Option<&Path>) -> Result<()> {
        let width = self.0.iter().map(|figure| figure.name.len()).max().unwrap_or(0);
        for Figure { name, value, says } in &self.0 {
            println!("{name:<width$}  {:>12}  {says}", readable(*value));
        }
        let Some(path) = json else { return Ok(()) };
        let object: Map<String, Value> = self.0.iter().map(|figure| (figure.name.to_owned(), number(figure.value))).collect();
        fs::write(path, format!("{}\n", Value::Object(object))).with_context(|| format!("write {}", path.display()))
    }
}

/// A whole number stays whole; what is no number is null.
fn number(value: f64) -> Value {
    let whole = value.fract() == 0.0 && value.abs() < 9e15;
    if whole {
        Value::from(value as i64)
    } else {
        Number::from_f64((value * 1e4).round() / 1e4).map_or(Value::Null, Value::Number)
    }
}

fn readable(value: f64) -> String {
    match value.abs() {
        large if large >= 1000.0 => thousands(value.round() as i64),
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

/// `1234567` as `1,234,567`.
pub fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    format!("{}{}", if number < 0 { "-" } else { "" }, groups.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(thousands(-1_234_567), "-1,234,567");
        assert_eq!(readable(0.5), "0.50");
        assert_eq!(readable(12.0), "12");
        assert_eq!(readable(98_765.4), "98,765");
        assert_eq!(number(3.0).to_string(), "3");
        assert_eq!(number(0.123_456).to_string(), "0.1235");
        assert_eq!(number(f64::NAN), Value::Null);
    }
}
