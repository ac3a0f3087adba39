//! Paths into a vendor's JSON, and conditions on what is there.

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Where a value stands: names of fields, outermost first. Written with dots, `profile.login`, or as a list where a name
/// has a dot in it; `.` is the whole document. `*` is every element of a list, `labels.*.name`, and `0` the first of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path(Vec<String>);

impl Path {
    /// Reads `profile.login`.
    pub(super) fn read(text: &str) -> Path {
        Path(text.split('.').filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// The value there.
    pub(super) fn find<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(document, |value, name| match value {
            Value::Array(elements) => elements.get(name.parse::<usize>().ok()?),
            value => value.get(name),
        })
    }

    /// Takes the value there out of the document.
    pub(super) fn take(&self, document: &mut Value) -> Option<Value> {
        self.0.iter().try_fold(document, |value, name| value.get_mut(name)).map(Value::take)
    }

    /// The texts there: one of a plain value, all of a list of them, none of `null`. None when nothing is there or it is
    /// not plain. What is behind a `*` need not be in every element.
    pub(super) fn texts(&self, document: &Value) -> Option<Vec<String>> {
        if let Some(at) = self.0.iter().position(|name| name == "*") {
            let (list, each) = (Path(self.0[..at].to_vec()), Path(self.0[at + 1..].to_vec()));
            let elements = list.find(document)?.as_array()?;
            return Some(elements.iter().filter_map(|element| each.texts(element)).flatten().collect());
        }
        match self.find(document)? {
            Value::Null => Some(Vec::new()),
            Value::Array(values) => values.iter().map(plain).collect(),
            value => plain(value).map(|text| vec![text]),
        }
    }

    /// The one text there, unless it is empty.
    pub(super) fn text(&self, document: &Value) -> Option<String> {
        plain(self.find(document)?).filter(|text| !text.is_empty())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Path;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path such as `profile.login`, or a list of names")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Path, E> {
                Ok(Path::read(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Path, A::Error> {
                let mut path = Vec::new();
                while let Some(name) = names.next_element()? {
                    path.push(name);
                }
                Ok(Path(path))
            }
        }
        deserializer.deserialize_any(Names)
    }
}

/// One plain value of a YAML file, or a list of them, as texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Texts(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Texts, E> {
                Ok(Texts(vec![value.to_string()]))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Texts, E> {
                Ok(Texts(vec![value.to_string()]))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Texts, E> {
                Ok(Texts(vec![value.to_string()]))
            }
            fn visit_str<E>(self, value: &str) -> Result<Texts, E> {
                Ok(Texts(vec![value.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(Texts(more)) = values.next_element()? {
                    texts.extend(more);
                }
                Ok(Texts(texts))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// What must be where: every path must have one of its values; no value at all means that the list there is empty or the
/// value is `null`.
pub(super) type Conditions = BTreeMap<String, Texts>;

/// Whether `document` is as `conditions` ask.
pub(super) fn holds(conditions: &Conditions, document: &Value) -> bool {
    conditions.iter().all(|(path, wanted)| Path::read(path).texts(document).is_some_and(|found| is_one_of(&found, wanted)))
}

/// What a field of a state must be, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RawWanted {
    /// One of these; nothing, when there are none.
    OneOf(Texts),
    /// A list that has this.
    Has(String),
    /// Anything but nothing.
    Some,
}

impl<'de> Deserialize<'de> for RawWanted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = RawWanted;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value, a list of values, `{ has: VALUE }` or `{ some: true }`")
            }
            fn visit_bool<E>(self, value: bool) -> Result<RawWanted, E> {
                Ok(RawWanted::OneOf(Texts(vec![value.to_string()])))
            }
            fn visit_i64<E>(self, value: i64) -> Result<RawWanted, E> {
                Ok(RawWanted::OneOf(Texts(vec![value.to_string()])))
            }
            fn visit_u64<E>(self, value: u64) -> Result<RawWanted, E> {
                Ok(RawWanted::OneOf(Texts(vec![value.to_string()])))
            }
            fn visit_str<E>(self, value: &str) -> Result<RawWanted, E> {
                Ok(RawWanted::OneOf(Texts(vec![value.to_owned()])))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, values: A) -> Result<RawWanted, A::Error> {
                Texts::deserialize(de::value::SeqAccessDeserializer::new(values)).map(RawWanted::OneOf)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawWanted, A::Error> {
                let wrong = || de::Error::custom("write `{ has: VALUE }` or `{ some: true }`");
                let wanted = match map.next_key::<String>()?.as_deref() {
                    Some("has") => RawWanted::Has(map.next_value()?),
                    Some("some") if map.next_value::<bool>()? => RawWanted::Some,
                    _ => return Err(wrong()),
                };
                if map.next_key::<de::IgnoredAny>()?.is_some() { Err(wrong()) } else { Ok(wanted) }
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Whether what was found is one of the wanted values, or is nothing where nothing is wanted.
pub(super) fn is_one_of(found: &[String], wanted: &Texts) -> bool {
    match found {
        [] => wanted.0.is_empty(),
        [one] => wanted.0.contains(one),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_lead_to_plain_values() {
        let document = json!({"a": {"b": "x", "n": null, "l": ["p", 1], "o": {}}, "t": true});
        let texts = |path: &str| Path::read(path).texts(&document);
        assert_eq!(texts("a.b"), Some(vec!["x".to_owned()]));
        assert_eq!(texts("a.n"), Some(vec![]));
        assert_eq!(texts("a.l"), Some(vec!["p".to_owned(), "1".to_owned()]));
        assert_eq!(texts("t"), Some(vec!["true".to_owned()]));
        assert_eq!((texts("a.o"), texts("a.x"), texts("t.x")), (None, None, None));
        assert_eq!(Path::read(".").find(&document), Some(&document));
        let listed = json!({"c": [{"p": [{"v": "1"}, {"v": {"x": 1}}]}, {}, {"p": [{"v": "2"}]}], "n": 1});
        let texts = |path: &str| Path::read(path).texts(&listed);
        assert_eq!(texts("c.*.p.*.v"), Some(vec!["1".to_owned(), "2".to_owned()]));
        assert_eq!((texts("n.*"), texts("x.*.v")), (None, None));
    }

    #[test]
    fn a_condition_on_what_is_not_there_does_not_hold() {
        let conditions = |path: &str, wanted: &[&str]| {
            Conditions::from([(path.to_owned(), Texts(wanted.iter().map(|&text| text.to_owned()).collect()))])
        };
        let document = json!({"ok": true, "none": [], "two": ["a", "b"]});
        assert!(holds(&conditions("ok", &["true"]), &document));
        assert!(holds(&conditions("none", &[]), &document));
        assert!(!holds(&conditions("ok", &[]), &document));
        assert!(!holds(&conditions("two", &["a"]), &document));
        assert!(!holds(&conditions("missing", &[]), &document));
    }
}
