//! The YAML of a source, as written.

use crate::diagnostic::Located;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

/// A source's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) source: Located<String>,
    pub(super) title: String,
    #[serde(default)]
    pub(super) docs: String,
    pub(super) format: Located<String>,
    #[serde(default)]
    pub(super) keys: Vec<Located<String>>,
    #[serde(default)]
    pub(super) when: Option<Located<String>>,
    #[serde(default)]
    pub(super) unwrap: Vec<Located<String>>,
    pub(super) fields: Pairs<Located<OneOrMany>>,
    #[serde(default)]
    pub(super) tables: Pairs<Located<Pairs<Word>>>,
}

/// A map in the order of its file.
#[derive(Debug)]
pub(super) struct Pairs<V>(pub(super) Vec<(String, V)>);

impl<V> Default for Pairs<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// One expression, or several of which the first that says something counts.
#[derive(Debug, Default)]
pub(super) enum OneOrMany {
    #[default]
    None,
    One(String),
    Many(Vec<Located<String>>),
}

/// A scalar as it is written, whatever YAML takes it for.
#[derive(Debug, Default)]
pub(super) struct Word(pub(super) String);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
            type Value = Pairs<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of names")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(Word(key)) = map.next_key()? {
                    if pairs.iter().any(|(known, _)| *known == key) {
                        return Err(A::Error::custom(format!("`{key}` is there twice")));
                    }
                    pairs.push((key, map.next_value()?));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Expressions;
        impl<'de> Visitor<'de> for Expressions {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an expression, or a list of expressions")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(OneOrMany::One(text.to_owned()))
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
                Ok(OneOrMany::One(value.to_string()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut many = Vec::new();
                while let Some(text) = seq.next_element()? {
                    many.push(text);
                }
                Ok(OneOrMany::Many(many))
            }
        }
        deserializer.deserialize_any(Expressions)
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = Word;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Word(text.to_owned()))
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Word(value.to_string()))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Word(value.to_string()))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Word(value.to_string()))
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Word(value.to_string()))
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}
