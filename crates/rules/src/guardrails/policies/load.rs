//! Reads, checks and names the policies.
//!
//! They are checked strictly against the schema beside them, and for two mistakes that Cedar allows and that would widen what is
//! allowed: asking whether a fact is there, and comparing with a text that no fact ever is.

use super::super::FOLDER;
use super::{Declared, Facts, GIVEN, Policies, TYPES};
use crate::book::Files;
use crate::diagnostic::{Diagnostic, Span};
use cedar_policy::{Policy, PolicyId, PolicySet, Schema, SchemaFragment, ValidationMode, Validator};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// The schema's file.
const SCHEMA: &str = "guardrails/guardrails.cedarschema";

/// Where a policy is written.
struct Place {
    file: String,
    span: Span,
}

/// Reads every policy; none when the book has none, or when anything is wrong with one.
pub(in super::super) fn load(files: &Files, faults: &mut Vec<Diagnostic>) -> Option<Policies> {
    let before = faults.len();
    let written = files
        .iter()
        .filter(|(path, _)| path.strip_prefix(FOLDER).is_some_and(|name| name.ends_with(".cedar") && !name.contains('/')));
    let mut named = Vec::new();
    for (path, text) in written {
        named.extend(read(path, text, faults));
    }
    let text = match (files.get(SCHEMA), named.is_empty()) {
        (Some(text), _) => text,
        (None, true) => return None,
        (None, false) => {
            let help = "`adjutant init` writes one to begin with";
            faults.push(fault(SCHEMA, Span::default(), "there are policies and no schema").with_help(help));
            return None;
        }
    };
    let (schema, facts) = schema(text, faults)?;
    let (set, places) = together(named, faults);
    check(&set, &places, schema, faults);
    let read = read_attributes(&set);
    (faults.len() == before && set.num_of_policies() > 0).then(|| Policies::new(set, facts, read))
}

/// Every attribute that any policy reads.
fn read_attributes(set: &PolicySet) -> BTreeSet<String> {
    let mut read = BTreeSet::new();
    for policy in set.policies() {
        walk(&policy.to_json().unwrap_or_default(), &mut |key, value| {
            if key == "attr" {
                read.extend(value.as_str().map(str::to_owned));
            }
        });
    }
    read
}

fn fault(file: &str, at: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("policies", file, at, message)
}

/// What Cedar says, at its place in `file`; at `otherwise` when it does not say where.
fn told(file: &str, error: &dyn miette::Diagnostic, otherwise: Span) -> Diagnostic {
    let place = error.labels().and_then(|mut labels| labels.next());
    let span = place.map_or(otherwise, |place| Span::new(place.offset(), place.offset().saturating_add(place.len().max(1))));
    let help = error.help().map(|help| help.to_string()).unwrap_or_default();
    fault(file, span, error.to_string()).with_help(help)
}

/// The policies of one file under their own names: what `@id` says, or the file's name and a number.
fn read(path: &str, text: &str, faults: &mut Vec<Diagnostic>) -> Vec<(Policy, Place)> {
    let set = match PolicySet::from_str(text) {
        Ok(set) => set,
        Err(errors) => {
            faults.extend(errors.iter().map(|error| told(path, error, Span::default())));
            return Vec::new();
        }
    };
    if set.num_of_templates() > 0 {
        faults.push(fault(path, Span::default(), "a template decides nothing").with_help("write a policy without `?principal`"));
    }
    let stem = path.strip_prefix(FOLDER).and_then(|name| name.strip_suffix(".cedar")).unwrap_or(path);
    let mut policies: Vec<&Policy> = set.policies().collect();
    // Cedar numbers them in the order of the file.
    policies.sort_by_key(|policy| number(policy.id()));
    let mut named = Vec::new();
    for (index, policy) in policies.into_iter().enumerate() {
        let own = policy.annotation("id").map(str::to_owned);
        let span = own.as_deref().and_then(|id| find(text, &format!("\"{id}\""))).unwrap_or_default();
        let place = Place { file: path.to_owned(), span };
        pitfalls(policy, text, &place, faults);
        let name = own.unwrap_or_else(|| format!("{stem}.{}", index + 1));
        named.push((policy.new_id(PolicyId::new(name)), place));
    }
    named
}

fn number(id: &PolicyId) -> u64 {
    id.to_string().trim_start_matches("policy").parse().unwrap_or(u64::MAX)
}

fn find(text: &str, wanted: &str) -> Option<Span> {
    text.find(wanted).map(|start| Span::new(start, start + wanted.len()))
}

/// What Cedar allows and what would take the unknown for no.
fn pitfalls(policy: &Policy, text: &str, place: &Place, faults: &mut Vec<Diagnostic>) {
    let json = policy.to_json().unwrap_or_default();
    walk(&json, &mut |key, value| {
        if matches!(key, "has" | "hasTag") {
            let span = find(text, " has ").or_else(|| find(text, "hasTag")).unwrap_or(place.span);
            let help = "use the fact itself: where it is not known, people are asked";
            faults.push(fault(&place.file, span, "`has` takes what is not known for no").with_help(help));
        }
        if let ("Value", Value::String(word)) = (key, value)
            && word.chars().any(char::is_uppercase)
        {
            let span = find(text, &format!("\"{word}\"")).unwrap_or(place.span);
            let help = format!("write \"{}\"", word.to_lowercase());
            faults
                .push(fault(&place.file, span, format!("no fact is ever \"{word}\": they arrive in lower case")).with_help(help));
        }
    });
}

fn walk(json: &Value, visit: &mut dyn FnMut(&str, &Value)) {
    match json {
        Value::Object(map) => {
            for (key, value) in map.iter().filter(|(key, _)| *key != "annotations") {
                visit(key, value);
                walk(value, visit);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| walk(value, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The schema, with the facts that it declares.
fn schema(text: &str, faults: &mut Vec<Diagnostic>) -> Option<(Schema, Facts)> {
    let fragment = match SchemaFragment::from_cedarschema_str(text) {
        Ok((fragment, _)) => fragment,
        Err(error) => {
            faults.push(told(SCHEMA, &error, Span::default()));
            return None;
        }
    };
    let json = fragment.clone().to_json_value().unwrap_or_default();
    let facts = facts(&json, text, faults);
    match Schema::from_schema_fragments([fragment]) {
        Ok(schema) => Some((schema, facts)),
        Err(error) => {
            faults.push(told(SCHEMA, &error, Span::default()));
            None
        }
    }
}

fn facts(json: &Value, text: &str, faults: &mut Vec<Diagnostic>) -> Facts {
    let house = json.get("").and_then(|own| own.get("entityTypes")).and_then(Value::as_object);
    let mut facts = Facts::new();
    for name in TYPES.iter().filter(|name| **name != "Action") {
        let Some(declared) = house.and_then(|types| types.get(*name)) else {
            let help = "the types are those of the shipped schema; each must stand in it";
            faults.push(fault(SCHEMA, Span::default(), format!("there is no `entity {name}`")).with_help(help));
            continue;
        };
        if matches!(*name, "Playbook" | "Person") {
            continue;
        }
        let attributes = declared.get("shape").and_then(|shape| shape.get("attributes")).and_then(Value::as_object);
        for (fact, ty) in attributes.into_iter().flatten().filter(|(fact, _)| !GIVEN.contains(&fact.as_str())) {
            match declared_as(ty) {
                Some(declared) => _ = facts.entry(*name).or_default().insert(fact.clone(), declared),
                None => {
                    let help = "declare it as String, Bool or Long, without `?`";
                    let message = format!("`{fact}` of `{name}` is nothing that a fact can be");
                    faults.push(fault(SCHEMA, find(text, fact).unwrap_or_default(), message).with_help(help));
                }
            }
        }
    }
    facts
}

/// What a fact is declared as; none when it may be left out, because policies would then have to ask whether it is there.
fn declared_as(ty: &Value) -> Option<Declared> {
    if ty.get("required") == Some(&Value::Bool(false)) {
        return None;
    }
    let name = ty.get("name").or_else(|| ty.get("type")).and_then(Value::as_str)?;
    match name.trim_start_matches("__cedar::") {
        "String" => Some(Declared::Text),
        "Bool" | "Boolean" => Some(Declared::Truth),
        "Long" => Some(Declared::Number),
        _ => None,
    }
}

/// All policies as one set, with where each stands.
fn together(named: Vec<(Policy, Place)>, faults: &mut Vec<Diagnostic>) -> (PolicySet, BTreeMap<String, Place>) {
    let (mut set, mut places) = (PolicySet::new(), BTreeMap::new());
    for (policy, place) in named {
        let id = policy.id().to_string();
        if set.add(policy).is_err() {
            faults.push(
                fault(&place.file, place.span, format!("two policies are called `{id}`")).with_help("give each its own `@id`"),
            );
        }
        places.entry(id).or_insert(place);
    }
    (set, places)
}

fn check(set: &PolicySet, places: &BTreeMap<String, Place>, schema: Schema, faults: &mut Vec<Diagnostic>) {
    let result = Validator::new(schema).validate(set, ValidationMode::Strict);
    let place = |id: &PolicyId| places.get(&id.to_string());
    for error in result.validation_errors() {
        let place = place(error.policy_id());
        faults.push(told(place.map_or(FOLDER, |place| &place.file), error, place.map_or(Span::default(), |place| place.span)));
    }
    for warning in result.validation_warnings() {
        let place = place(warning.policy_id());
        faults.push(told(place.map_or(FOLDER, |place| &place.file), warning, place.map_or(Span::default(), |place| place.span)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED_SCHEMA: &str = include_str!("../../../../../book/guardrails/guardrails.cedarschema");

    fn faults(policy: &str, schema: &str) -> Vec<(String, String)> {
        let files = Files::from([("guardrails/a.cedar".to_owned(), policy.to_owned()), (SCHEMA.to_owned(), schema.to_owned())]);
        let mut faults = Vec::new();
        load(&files, &mut faults);
        let said = |fault: Diagnostic| {
            let source = files.get(&fault.file).map_or("", String::as_str);
            (source.get(fault.span.start..fault.span.end).unwrap_or("").to_owned(), fault.to_string())
        };
        faults.into_iter().map(said).collect()
    }

    #[test]
    fn policies_without_a_schema_are_a_fault() {
        let files = Files::from([("guardrails/a.cedar".to_owned(), "permit (principal, action, resource);".to_owned())]);
        let mut faults = Vec::new();
        assert!(load(&files, &mut faults).is_none());
        let shown: Vec<String> = faults.iter().map(Diagnostic::to_string).collect();
        let wanted = "guardrails/guardrails.cedarschema: error[policies]: there are policies and no schema \
                      (`adjutant init` writes one to begin with)";
        assert_eq!(shown, [wanted]);
        assert!(load(&Files::new(), &mut Vec::new()).is_none());
    }

    #[test]
    fn what_cedar_and_the_house_refuse_is_a_fault_at_its_place() {
        let user = |condition: &str| format!("@id(\"x\")\nforbid (principal, action, resource is User) when {{ {condition} }};");
        let cases = [
            (user("resource.departmnt == \"sales\""), "resource.departmnt", "attribute `departmnt`"),
            (user("resource.vip == \"yes\""), "resource.vip == \"yes\"", "not compatible"),
            (user("resource has vip && resource.vip"), " has ", "`has` takes what is not known for no"),
            (user("resource.department == \"Sales\""), "\"Sales\"", "no fact is ever \"Sales\": they arrive in lower case"),
            ("permit (principal, action == Action::\"rnu\", resource);".into(), "Action::\"rnu\"", "unrecognized action"),
            ("permit (principal, action, resource)".into(), "", "unexpected end of input"),
        ];
        for (policy, place, says) in cases {
            let found = faults(&policy, SHIPPED_SCHEMA);
            assert!(found.iter().any(|(at, said)| at == place && said.contains(says)), "{policy}: {found:#?}");
        }
        let twice = "@id(\"x\") permit (principal, action, resource);\n@id(\"x\") permit (principal, action, resource);";
        assert!(faults(twice, SHIPPED_SCHEMA).iter().any(|(_, said)| said.contains("two policies are called `x`")));
    }

    #[test]
    fn a_schema_that_leaves_something_open_is_a_fault() {
        let policy = "permit (principal, action, resource);";
        let optional = SHIPPED_SCHEMA.replace("title: String", "title?: String");
        let found = faults(policy, &optional);
        assert!(found.iter().any(|(at, said)| at == "title" && said.contains("is nothing that a fact can be")), "{found:?}");
        let missing = SHIPPED_SCHEMA.replace("entity Url = { id: String, name: String };", "").replace("Url, ", "");
        assert!(faults(policy, &missing).iter().any(|(_, said)| said.contains("there is no `entity Url`")));
        assert!(!faults(policy, "entity").is_empty());
        assert!(faults(policy, SHIPPED_SCHEMA).is_empty(), "{:?}", faults(policy, SHIPPED_SCHEMA));
    }
}
