//! Where a secret stands. The configuration never holds one.

use adjutant_model::Secret;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

/// The longest secret in a file.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// `{ env = "NAME" }`, `{ file = "PATH" }` or `{ credential = "NAME" }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretRef {
    /// A variable of the environment.
    Env(String),
    /// A file; a line break at its end does not count.
    File(PathBuf),
    /// A credential that systemd hands over (`LoadCredential=`).
    Credential(String),
}

/// Where secrets can be looked up.
pub struct SecretPlaces<'a> {
    /// A variable of the environment.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// systemd's `$CREDENTIALS_DIRECTORY`.
    pub credentials: Option<&'a Path>,
}

/// A secret is not where it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSecret {
    /// The variable is not set.
    #[error("the environment has no `{0}`: set it, or name a file")]
    NotSet(String),
    /// systemd handed nothing over.
    #[error("there is no credentials directory for `{0}`: start by systemd with `LoadCredential={0}:PATH`")]
    NoCredentials(String),
    /// The file cannot be read.
    #[error("cannot read the secret in `{path}`: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// There is nothing in it.
    #[error("the secret in `{0}` is empty")]
    Empty(String),
}

impl SecretRef {
    /// The secret.
    ///
    /// # Errors
    /// It is not there, is empty, or cannot be read.
    pub fn resolve(&self, places: &SecretPlaces<'_>) -> Result<Secret, NoSecret> {
        let secret = match self {
            SecretRef::Env(name) => Secret::new((places.environment)(name).ok_or_else(|| NoSecret::NotSet(name.clone()))?),
            SecretRef::File(path) => read(path)?,
            SecretRef::Credential(name) => {
                let dir = places.credentials.ok_or_else(|| NoSecret::NoCredentials(name.clone()))?;
                read(&dir.join(name))?
            }
        };
        if secret.is_empty() { Err(NoSecret::Empty(self.place())) } else { Ok(secret) }
    }

    fn place(&self) -> String {
        match self {
            SecretRef::Env(name) | SecretRef::Credential(name) => name.clone(),
            SecretRef::File(path) => path.display().to_string(),
        }
    }

    /// What is wrong with the reference itself.
    pub fn fault(&self) -> Option<&'static str> {
        match self {
            SecretRef::Env(name) if name.is_empty() || name.contains(['=', '\0']) => Some("is no name of a variable"),
            SecretRef::File(path) if path.as_os_str().is_empty() => Some("names no file"),
            SecretRef::Credential(name) if name.is_empty() || name.contains(['/', '\0']) || name.starts_with('.') => {
                Some("is no name of a credential")
            }
            _ => None,
        }
    }
}

fn read(path: &Path) -> Result<Secret, NoSecret> {
    let unreadable = |reason: String| NoSecret::Unreadable { path: path.into(), reason };
    let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if size > SECRET_BYTES_MAX {
        return Err(unreadable(format!("it has more than {SECRET_BYTES_MAX} bytes")));
    }
    // Not the parser's text: it may quote what was read.
    let text = zeroize::Zeroizing::new(std::fs::read(path).map_err(|error| unreadable(error.to_string()))?);
    let text = std::str::from_utf8(&text).map_err(|_| unreadable("it is not UTF-8".to_owned()))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

const FORMS: &str = "`{ env = \"NAME\" }`, `{ file = \"PATH\" }` or `{ credential = \"NAME\" }`";

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reference;
        impl<'de> Visitor<'de> for Reference {
            type Value = SecretRef;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "where the secret stands: {FORMS}")
            }

            // A secret that stands here itself must not come back in the error.
            fn visit_str<E: de::Error>(self, _: &str) -> Result<SecretRef, E> {
                Err(E::custom(format!("a secret does not stand in the configuration; say where it stands: {FORMS}")))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
                let wrong = || de::Error::custom(format!("say where the secret stands, in one way: {FORMS}"));
                let key: String = map.next_key()?.ok_or_else(wrong)?;
                let reference = match key.as_str() {
                    "env" => SecretRef::Env(map.next_value()?),
                    "file" => SecretRef::File(map.next_value()?),
                    "credential" => SecretRef::Credential(map.next_value()?),
                    _ => return Err(wrong()),
                };
                if map.next_key::<de::IgnoredAny>()?.is_some() { Err(wrong()) } else { Ok(reference) }
            }
        }
        deserializer.deserialize_any(Reference)
    }
}

impl JsonSchema for SecretRef {
    fn schema_name() -> Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = |name: &str, says: &str| {
            let text = serde_json::json!({ "type": "string", "minLength": 1, "description": says });
            serde_json::json!({ "type": "object", "properties": { name: text }, "required": [name], "additionalProperties": false })
        };
        json_schema!({
            "description": "Where a secret stands; never the secret itself.",
            "oneOf": [
                one("env", "A variable of the environment."),
                one("file", "A file; a line break at its end does not count."),
                one("credential", "A credential that systemd hands over (LoadCredential=)."),
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(reference: &SecretRef, credentials: Option<&Path>) -> Result<String, NoSecret> {
        let environment = |name: &str| match name {
            "SET" => Some("from env".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let secret = reference.resolve(&SecretPlaces { environment: &environment, credentials })?;
        Ok(secret.reveal().to_owned())
    }

    #[test]
    fn a_secret_is_found_where_the_reference_says() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("smtp"), "from file\r\n").unwrap();
        assert_eq!(resolve(&SecretRef::Env("SET".into()), None).unwrap(), "from env");
        assert_eq!(resolve(&SecretRef::File(dir.path().join("smtp")), None).unwrap(), "from file");
        assert_eq!(resolve(&SecretRef::Credential("smtp".into()), Some(dir.path())).unwrap(), "from file");
    }

    #[test]
    fn what_is_missing_or_empty_is_an_error_and_no_empty_secret() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("empty"), "\n").unwrap();
        std::fs::write(dir.path().join("binary"), [0xff, 0xfe]).unwrap();
        std::fs::write(dir.path().join("huge"), vec![b'x'; SECRET_BYTES_MAX as usize + 1]).unwrap();
        assert_eq!(resolve(&SecretRef::Env("UNSET".into()), None), Err(NoSecret::NotSet("UNSET".into())));
        assert_eq!(resolve(&SecretRef::Env("EMPTY".into()), None), Err(NoSecret::Empty("EMPTY".into())));
        assert_eq!(resolve(&SecretRef::Credential("x".into()), None), Err(NoSecret::NoCredentials("x".into())));
        assert!(matches!(resolve(&SecretRef::File(dir.path().join("empty")), None), Err(NoSecret::Empty(_))));
        for name in ["missing", "binary", "huge"] {
            assert!(matches!(resolve(&SecretRef::File(dir.path().join(name)), None), Err(NoSecret::Unreadable { .. })), "{name}");
        }
    }
}
