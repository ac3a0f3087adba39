//! Planted bugs are for simulations alone: nothing that ships turns them on.

use crate::edges::packages;
use serde_json::Value;

const PLANTED: &str = "planted";

/// The crates that have the feature; the last turns it on in the others when it is asked to.
const KNOWN: [&str; 3] = ["runtime", "store", "sim"];

pub(crate) fn complaints(metadata: &Value) -> Vec<String> {
    packages(metadata).flat_map(|(name, package)| of_package(name, package)).collect()
}

fn of_package(name: &str, package: &Value) -> Vec<String> {
    let mut complaints = Vec::new();
    for (feature, turns_on) in package["features"].as_object().into_iter().flatten() {
        let plants = texts(turns_on).any(|other| other.ends_with(PLANTED));
        if feature == PLANTED && !KNOWN.contains(&name) {
            complaints.push(format!("crate `{name}` has planted bugs; only the crates that simulations test may"));
        }
        if feature != PLANTED && plants {
            complaints.push(format!("the feature `{feature}` of crate `{name}` plants bugs"));
        }
    }
    for dependency in package["dependencies"].as_array().into_iter().flatten() {
        if texts(&dependency["features"]).any(|feature| feature == PLANTED) {
            complaints.push(format!("crate `{name}` plants bugs in {}, whoever builds it", dependency["name"]));
        }
    }
    complaints
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(name: &str, features: &Value, dependency: &Value) -> usize {
        let dependencies = [json!({ "name": "adjutant-store", "features": dependency })];
        complaints(&json!({ "packages": [{ "name": name, "features": features, "dependencies": dependencies }] })).len()
    }

    #[test]
    fn a_build_that_plants_bugs_is_caught() {
        let planted = json!({ "planted": ["adjutant-store/planted"] });
        assert_eq!(found("adjutant-sim", &planted, &json!([])), 0);
        assert_eq!(found("adjutant", &planted, &json!([])), 1);
        assert_eq!(found("adjutant-sim", &json!({ "default": ["planted"] }), &json!([])), 1);
        assert_eq!(found("adjutant-sim", &json!({}), &json!(["planted"])), 1);
    }
}
