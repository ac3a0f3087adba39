//! Sources: how one vendor's records become the alert's fields.
//!
//! A source is one YAML file: by which keys its records are recognised, and for each field the expressions
//! over the record that may state it, first come first served. Everything is compiled when the book is
//! loaded; the record's every path has a number, so that one walk over the record finds them all.
//!
//! Recognition looks at the record's content only and does not depend on what came before it: of the sources
//! whose keys are all there and whose `when` holds, the one with the most keys reads the record.

mod file;
mod load;
mod recognise;

pub use recognise::Sources;

use crate::lang::{Doc, Found, Paths, RawExpr};
use adjutant_model::schema::{Field, Levels, Type};
use adjutant_model::{Schema, Slot};
use std::sync::Arc;

/// What a record is written in; its decoder makes the same tree of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A JSON object.
    Json,
    /// ArcSight CEF, behind a syslog header or not.
    Cef,
    /// QRadar LEEF, behind a syslog header or not.
    Leef,
    /// A line of text, with what pairs and syslog header it has.
    Text,
    /// An RFC 5322 message; its record is what `adjutant_mail` finds in it.
    Mail,
}

impl Format {
    /// Every format with its name in the book.
    pub const NAMES: [(&'static str, Format); 5] =
        [("json", Format::Json), ("cef", Format::Cef), ("leef", Format::Leef), ("text", Format::Text), ("mail", Format::Mail)];

    /// The format called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }

    /// Its name in the book.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, format)| *format == self).map_or("?", |(name, _)| name)
    }
}

/// One compiled source.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name, such as `okta`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Where the vendor documents the format.
    pub docs: String,
    /// What its records are written in.
    pub format: Format,
    /// Top-level keys that all of its records have.
    pub keys: Vec<String>,
    /// What else must hold of its records.
    pub when: Option<RawExpr>,
    /// Where another source's record may be inside this one, first come first served.
    pub unwrap: Vec<RawExpr>,
    /// What each field is read from, in slot order.
    pub fields: Vec<Mapping>,
    /// What the fields need, for each 64 of them.
    needs: Vec<Needs>,
    /// The paths that all these expressions read.
    pub paths: Paths,
}

/// Which of up to 64 neighbouring fields a record may say something about: one bit each. Most of what a source may read
/// is not in a given record, and this tells at a glance.
#[derive(Clone, Debug, Default)]
struct Needs {
    /// Fields with an expression that needs no path.
    always: u64,
    /// For each path, the fields with an expression that needs it.
    of_path: Vec<u64>,
}

impl Needs {
    /// The needs of `fields`, whose expressions read `paths`.
    fn of(fields: &[Mapping], paths: &Paths) -> Vec<Needs> {
        let chunk = |fields: &[Mapping]| {
            let mut needs = Needs { always: 0, of_path: vec![0; paths.len()] };
            for (bit, first) in fields.iter().enumerate().flat_map(|(bit, field)| field.first_of.iter().map(move |of| (bit, of)))
            {
                let of_path = first.needs().and_then(|path| needs.of_path.get_mut(usize::from(path)));
                match of_path {
                    Some(fields) => *fields |= 1 << bit,
                    None => needs.always |= 1 << bit,
                }
            }
            needs
        };
        fields.chunks(64).map(chunk).collect()
    }

    fn met_by(&self, found: &Found) -> u64 {
        self.always | found.bits(&self.of_path)
    }
}

impl Source {
    /// Whether it asks for nothing, and so reads what no other source knows.
    pub fn is_fallback(&self) -> bool {
        self.keys.is_empty() && self.when.is_none()
    }

    /// The fields of which the record may say something, in order; all others are not stated.
    pub fn fields_in(&self, doc: Doc<'_>) -> impl Iterator<Item = &Mapping> {
        let each = self.needs.iter().zip(self.fields.chunks(64));
        each.flat_map(move |(needs, fields)| {
            let mut met = needs.met_by(doc.found());
            std::iter::from_fn(move || {
                let field = fields.get(met.trailing_zeros() as usize)?;
                met &= met.wrapping_sub(1);
                Some(field)
            })
        })
    }
}

/// What one field is read from.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The field.
    pub slot: Slot,
    /// How its values are read.
    pub shape: Shape,
    /// The first of these that says something is the field's value.
    pub first_of: Vec<RawExpr>,
}

/// How a field's values are read from what records write: its type, and for text what kind of text.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A truth value.
    Bool,
    /// A whole number.
    Int,
    /// An instant.
    Time,
    /// A span of time, in seconds where the record has a number.
    Duration,
    /// A place.
    Geo,
    /// An IP address.
    Addr,
    /// Text as it is.
    Text,
    /// Text in lower case.
    Lower,
    /// The name of a domain or host, without the dot at its end.
    Name,
    /// An address of mail: text with an `@`.
    Mail,
    /// A hash of this many hexadecimal digits.
    Hash(usize),
    /// A country: its ISO 3166-1 alpha-2 code, from the code or an English name.
    Country,
    /// A Message-ID, without angle brackets.
    MessageId,
    /// Several texts.
    Texts,
    /// Several ATT&CK identifiers.
    Techniques,
    /// One of a declared set of values.
    Level(Arc<Levels>),
    /// Sources cannot state it.
    Never,
}

impl Shape {
    /// How the values of `field` are read.
    pub fn of(field: &Field) -> Self {
        match (&field.ty, field.name.as_str()) {
            (Type::Bool, _) => Shape::Bool,
            (Type::Int, _) => Shape::Int,
            (Type::Time, _) => Shape::Time,
            (Type::Duration, _) => Shape::Duration,
            (Type::Geo, _) => Shape::Geo,
            (Type::Addr, _) => Shape::Addr,
            (Type::Texts, "alert.technique") => Shape::Techniques,
            (Type::Texts, _) => Shape::Texts,
            (Type::Level(levels), _) => Shape::Level(Arc::clone(levels)),
            (Type::Text, "file.sha256") => Shape::Hash(64),
            (Type::Text, "file.sha1") => Shape::Hash(40),
            (Type::Text, "file.md5") => Shape::Hash(32),
            (Type::Text, "src.country" | "dst.country") => Shape::Country,
            (Type::Text, "domain.name" | "dst.host" | "src.host" | "host.name") => Shape::Name,
            (Type::Text, "user.email" | "target.email") => Shape::Mail,
            (Type::Text, "mail.message_id") => Shape::MessageId,
            (Type::Text, "net.transport" | "net.protocol" | "net.direction" | "cloud.provider" | "malware.action") => {
                Shape::Lower
            }
            (Type::Text, _) => Shape::Text,
            (Type::Distance | Type::Speed, _) => Shape::Never,
        }
    }
}

/// The fields of `schema` that sources may state.
pub fn statable(schema: &Schema) -> impl Iterator<Item = &str> {
    let fields = schema.fields().filter(|(_, field)| field.kind == adjutant_model::schema::Kind::Field);
    fields.map(|(_, field)| field.name.as_str())
}
