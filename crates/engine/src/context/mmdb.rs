//! Answers from a MaxMind DB: address to country, city, coordinates, autonomous system.
//!
//! The database is a slice of bytes in memory and reading it is arithmetic, so this stays pure. A damaged record
//! is an unreadable fact, never a failure.

use adjutant_model::value::Addr;
use adjutant_model::{Geo, Row, Time, Type, Value, Why};
use adjutant_rules::contract::{Contract, Reading};
use maxminddb::{LookupResult, PathElement, Reader};
use std::fmt;
use std::net::IpAddr;

/// A MaxMind DB, and where in its records each fact of the contract is.
pub struct GeoDatabase {
    reader: Reader<Vec<u8>>,
    paths: Vec<Vec<Step>>,
}

/// One step into a record.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

type Record<'d> = LookupResult<'d, Vec<u8>>;

impl fmt::Debug for GeoDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GeoDatabase({} nodes)", self.nodes())
    }
}

impl GeoDatabase {
    /// The database in `bytes`, for the facts of `contract`.
    ///
    /// # Errors
    /// Why these bytes are no MaxMind DB.
    pub fn new(bytes: Vec<u8>, contract: &Contract) -> Result<Self, String> {
        let reader = Reader::from_source(bytes).map_err(|error| error.to_string())?;
        let paths = contract.facts.iter().map(|fact| match &fact.reading {
            Reading::Column(path) => steps(path),
            Reading::Constant(_) | Reading::Lists(_) | Reading::Groups(_) => Vec::new(),
        });
        let paths = paths.collect();
        Ok(Self { reader, paths })
    }

    /// When the database was built.
    pub fn built(&self) -> Time {
        Time::from_secs(i64::try_from(self.reader.metadata().build_epoch).unwrap_or(0))
    }

    /// How many nodes its tree has, which is how its size is held against a contract.
    pub fn nodes(&self) -> u64 {
        u64::from(self.reader.metadata().node_count)
    }

    /// The record of `addr`; none when the database has none.
    pub(super) fn find(&self, addr: Addr) -> Option<Record<'_>> {
        let ip = addr.ip();
        if ip.is_ipv6() && !self.knows_ipv6() {
            return None;
        }
        self.reader.lookup(ip).ok().filter(|record| record.has_data())
    }

    /// Whether the database could know `ip` at all.
    pub(super) fn could_know(&self, ip: IpAddr) -> bool {
        ip.is_ipv4() || self.knows_ipv6()
    }

    fn knows_ipv6(&self) -> bool {
        self.reader.metadata().ip_version == 6
    }

    /// What the fact with number `fact` is in `record`.
    pub(super) fn value(&self, fact: usize, ty: &Type, record: &Record<'_>, row: &mut Row) -> Value {
        let Some(path) = self.paths.get(fact) else { return Value::default() };
        match ty {
            Type::Text => match text(record, path) {
                Ok(Some(text)) if !text.is_empty() => row.push_text(text),
                other => unknown(other.is_err()),
            },
            Type::Int => match number(record, path) {
                Ok(Some(value)) => Value::Int(value),
                other => unknown(other.is_err()),
            },
            Type::Bool => match decode::<bool>(record, path, &[]) {
                Ok(Some(value)) => Value::Bool(value),
                // Databases of anonymous networks write only what is true.
                Ok(None) => Value::Bool(false),
                Err(()) => unknown(true),
            },
            Type::Geo => place(record, path),
            _ => unknown(true),
        }
    }
}

fn unknown(unreadable: bool) -> Value {
    Value::Unknown(if unreadable { Why::Unreadable } else { Why::NotStated })
}

fn steps(path: &str) -> Vec<Step> {
    let step = |part: &str| part.parse().map_or_else(|_| Step::Key(part.into()), Step::Index);
    path.split('.').filter(|part| !part.is_empty()).map(step).collect()
}

/// Paths longer than this do not occur; the rest is not followed.
const STEPS_MAX: usize = 8;

fn decode<'d, T: serde::Deserialize<'d>>(record: &Record<'d>, path: &[Step], more: &[&str]) -> Result<Option<T>, ()> {
    let mut elements = [const { PathElement::Index(0) }; STEPS_MAX];
    let own = path.iter().map(|step| match step {
        Step::Key(key) => PathElement::Key(key),
        Step::Index(index) => PathElement::Index(*index),
    });
    let mut count = 0;
    for (place, element) in elements.iter_mut().zip(own.chain(more.iter().map(|key| PathElement::Key(key)))) {
        *place = element;
        count += 1;
    }
    record.decode_path(elements.get(..count).unwrap_or(&[])).map_err(|_| ())
}

fn text<'d>(record: &Record<'d>, path: &[Step]) -> Result<Option<&'d str>, ()> {
    decode(record, path, &[])
}

fn number(record: &Record<'_>, path: &[Step]) -> Result<Option<i64>, ()> {
    if let Ok(found) = decode::<u32>(record, path, &[]) {
        return Ok(found.map(i64::from));
    }
    decode::<i32>(record, path, &[]).map(|found| found.map(i64::from))
}

fn place(record: &Record<'_>, path: &[Step]) -> Value {
    let ends = (decode::<f64>(record, path, &["latitude"]), decode::<f64>(record, path, &["longitude"]));
    match ends {
        (Ok(Some(lat)), Ok(Some(lon))) => Geo::from_degrees(lat, lon).map_or(unknown(true), Value::Geo),
        (Err(()), _) | (_, Err(())) => unknown(true),
        _ => unknown(false),
    }
}
