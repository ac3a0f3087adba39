//! What `accuracy` prints, for people and as flat figures.

use super::{Accuracy, Product, Tally};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Products that belong to the sources that the book names, by the beginning of their name.
const NAMED: [&str; 22] = [
    "okta",
    "entra-signin",
    "entra-audit",
    "entra-identity",
    "defender-",
    "sentinel-securityalert",
    "o365-audit",
    "guardduty",
    "cloudtrail",
    "securityhub",
    "gcp-audit",
    "google_workspace",
    "github",
    "crowdstrike",
    "sentinelone",
    "sentinel_one_cloud_funnel",
    "suricata",
    "wazuh",
    "text/checkpoint",
    "text/cef",
    "amazon_security_lake",
    "text/citrix",
];

/// Per cent of what is stated that must be right.
const RIGHT_PCT_MIN: f64 = 98.0;

impl Tally {
    /// Right of stated, in per cent.
    pub(crate) fn percent(self) -> f64 {
        if self.stated == 0 { 100.0 } else { self.right as f64 * 100.0 / self.stated as f64 }
    }

    fn add(&mut self, other: Tally) {
        self.right += other.right;
        self.stated += other.stated;
    }
}

impl Product {
    fn all(&self) -> Tally {
        let mut sum = Tally::default();
        self.fields.values().for_each(|tally| sum.add(*tally));
        sum
    }
}

fn is_named(name: &str) -> bool {
    NAMED.iter().any(|prefix| name.starts_with(prefix))
}

impl Accuracy {
    fn named(&self) -> impl Iterator<Item = (&String, &Product)> {
        self.products.iter().filter(|(name, _)| is_named(name))
    }

    /// The flat figures.
    pub(crate) fn figures(&self) -> Value {
        let mut sum = Tally::default();
        self.named().for_each(|(_, product)| sum.add(product.all()));
        let total = |of: fn(&Product) -> u64| self.products.values().map(of).sum::<u64>();
        let mut flat = Map::new();
        flat.insert("fields_right_pct".into(), json!((sum.percent() * 100.0).round() / 100.0));
        flat.insert("fields_stated".into(), json!(sum.stated));
        flat.insert("timestamps_wrong".into(), json!(self.named().map(|(_, product)| product.times_wrong).sum::<u64>()));
        flat.insert("records".into(), json!(total(|product| product.records)));
        flat.insert("records_recognised".into(), json!(total(|product| product.recognised)));
        flat.insert("records_dropped".into(), json!(total(|product| product.dropped.len() as u64)));
        Value::Object(flat)
    }

    /// Whether the named sources state at least [`RIGHT_PCT_MIN`] rightly, no time is wrong and no record was dropped.
    pub(crate) fn meets_bars(&self) -> bool {
        let figures = self.figures();
        let is = |name: &str, holds: fn(f64) -> bool| figures.get(name).and_then(Value::as_f64).is_some_and(holds);
        is("fields_right_pct", |pct| pct >= RIGHT_PCT_MIN)
            && is("timestamps_wrong", |times| times == 0.0)
            && is("records_dropped", |records| records == 0.0)
    }

    /// Prints the tables.
    pub(crate) fn print(&self, examples: bool) {
        println!("{:<40} {:>7} {:>10} {:>8} {:>8} {:>7}  read by", "product", "records", "recognised", "stated", "right", "%");
        for (name, product) in &self.products {
            let all = product.all();
            if !is_named(name) && !examples {
                continue;
            }
            let sources: Vec<String> = product.sources.iter().map(|(name, count)| format!("{name} {count}")).collect();
            let (records, recognised) = (product.records, product.recognised);
            println!(
                "{name:<40} {records:>7} {recognised:>10} {:>8} {:>8} {:>7.2}  {}",
                all.stated,
                all.right,
                all.percent(),
                sources.join(", ")
            );
        }
        self.print_fields();
        self.print_worst();
        for (name, product) in self.products.iter().filter(|(_, product)| !product.dropped.is_empty()) {
            println!("dropped {:>4} of {name}: {}", product.dropped.len(), product.dropped.first().map_or("", String::as_str));
        }
        if examples {
            self.print_examples();
        }
        println!("\n{:#}", self.figures());
    }

    fn print_fields(&self) {
        let mut fields: BTreeMap<&str, (Tally, Tally)> = BTreeMap::new();
        for (name, product) in &self.products {
            for (field, tally) in &product.fields {
                let (named, others) = fields.entry(field).or_default();
                if is_named(name) { named.add(*tally) } else { others.add(*tally) }
            }
        }
        println!("\n{:<14} {:>8} {:>8} {:>7}   other products", "field", "stated", "right", "%");
        for (field, (named, others)) in fields {
            println!(
                "{field:<14} {:>8} {:>8} {:>7.2}   {:.1} % of {}",
                named.stated,
                named.right,
                named.percent(),
                others.percent(),
                others.stated
            );
        }
    }

    fn print_worst(&self) {
        let mut worst: Vec<(u64, &str, &str, Tally)> = Vec::new();
        for (name, product) in self.named() {
            worst.extend(product.fields.iter().map(|(field, tally)| (tally.stated - tally.right, name.as_str(), *field, *tally)));
        }
        worst.sort_by(|a, b| b.cmp(a));
        println!("\nworst");
        for (wrong, product, field, tally) in worst.iter().take(10).filter(|(wrong, ..)| *wrong > 0) {
            println!("{product:<40} {field:<12} {wrong:>5} wrong of {}", tally.stated);
        }
    }

    fn print_examples(&self) {
        for (name, product) in &self.products {
            let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
            product.examples.iter().for_each(|example| *counts.entry(example).or_default() += 1);
            for (example, count) in counts.iter().take(40) {
                println!("{name}  {count}x {example}");
            }
        }
    }
}

impl PartialOrd for Tally {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Tally {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.stated, self.right).cmp(&(other.stated, other.right))
    }
}

impl PartialEq for Tally {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Tally {}
