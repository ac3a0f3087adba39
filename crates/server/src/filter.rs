//! What a listing can be asked: page size, cursor, and filters from a list that each listing declares.
//!
//! A field that is not on the list is an error, never ignored: an ignored filter answers with more than was asked, and
//! a field that nobody declared must not become a way to guess what a caller may not read.

use crate::cursor::{BadCursor, Listing, Position};
use crate::limits::{NAME_BYTES_MAX, PAGE_ROWS, PAGE_ROWS_MAX, QUERY_BYTES_MAX};
use crate::problem::{Kind, Problem, tame};
use adjutant_model::Time;
use adjutant_rules::lang::nearest;
use serde::Serialize;

/// A field by which a listing can be filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in the query.
    pub name: &'static str,
    /// What its value must be.
    pub form: Form,
    /// What it does, for the API description.
    pub says: &'static str,
}

/// What the value of a filter must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A short text without control characters, compared as a whole.
    Text,
    /// One or more of these, apart by commas.
    Choice(&'static [&'static str]),
    /// A whole number.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// An instant (RFC 3339).
    Time,
    /// `true` or `false`.
    Flag,
}

/// A filter's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of [`Form::Text`].
    Text(String),
    /// Of [`Form::Choice`]: not empty, each once, in the order of the declaration.
    Chosen(Vec<&'static str>),
    /// Of [`Form::Integer`].
    Integer(i64),
    /// Of [`Form::Time`].
    Time(Time),
    /// Of [`Form::Flag`].
    Flag(bool),
}

/// What is wrong with a query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadQuery {
    /// Longer than any that is meant.
    #[error("the query has more than {QUERY_BYTES_MAX} bytes")]
    Long,
    /// Not on the list.
    #[error("`{name}` is no filter here{}", hint(.nearest))]
    Unknown {
        /// As it was written.
        name: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// Twice the same.
    #[error("`{0}` is given twice")]
    Twice(&'static str),
    /// Not what the field takes.
    #[error("`{value}` is no value of `{name}`: {expected}")]
    BadValue {
        /// The field.
        name: &'static str,
        /// As it was written.
        value: String,
        /// What the field takes.
        expected: String,
    },
    /// The cursor.
    #[error(transparent)]
    Cursor(#[from] BadCursor),
}

fn hint(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(|| "; see /openapi.json for the filters".to_owned(), |nearest| format!("; did you mean `{nearest}`?"))
}

impl From<BadQuery> for Problem {
    fn from(error: BadQuery) -> Self {
        Problem::new(Kind::Malformed, error.to_string())
    }
}

/// A query that was checked against the fields of its listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    values: Vec<(&'static str, Value)>,
    listing: Listing,
    /// How many rows at most.
    pub limit: u32,
    /// After which row.
    pub after: Option<Position>,
}

/// A page of a listing, as it is answered.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Send it as `cursor` for the next page; none when this is the last.
    pub next: Option<String>,
}

const LIMIT: &str = "limit";
const CURSOR: &str = "cursor";

impl Query {
    /// Reads the query of a request to the listing at `path`.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(path: &str, query: Option<&str>, fields: &[Field]) -> Result<Self, BadQuery> {
        let query = query.unwrap_or("");
        if query.len() > QUERY_BYTES_MAX {
            return Err(BadQuery::Long);
        }
        let (mut values, mut asked): (Vec<(&'static str, Value)>, _) = (Vec::new(), Vec::new());
        let (mut limit, mut cursor) = (None, None);
        for (name, text) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                LIMIT if limit.is_some() => return Err(BadQuery::Twice(LIMIT)),
                CURSOR if cursor.is_some() => return Err(BadQuery::Twice(CURSOR)),
                LIMIT => limit = Some(rows(&text)?),
                CURSOR => cursor = Some(text.into_owned()),
                name => {
                    let field = fields.iter().find(|field| field.name == name).ok_or_else(|| unknown(name, fields))?;
                    if values.iter().any(|(known, _)| *known == field.name) {
                        return Err(BadQuery::Twice(field.name));
                    }
                    values.push((field.name, field.read(&text)?));
                    asked.push(format!("{name}={text}"));
                }
            }
        }
        asked.sort();
        let listing = Listing::new(path, asked.iter().map(String::as_str));
        let after = cursor.map(|cursor| listing.read(&cursor)).transpose()?;
        Ok(Self { values, listing, limit: limit.unwrap_or(PAGE_ROWS), after })
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find_map(|(known, value)| (*known == name).then_some(value))
    }

    /// The text asked for.
    pub fn text(&self, name: &str) -> Option<&str> {
        if let Some(Value::Text(text)) = self.get(name) { Some(text) } else { None }
    }

    /// The choices asked for; none means that nobody chose.
    pub fn chosen(&self, name: &str) -> Option<&[&'static str]> {
        if let Some(Value::Chosen(chosen)) = self.get(name) { Some(chosen) } else { None }
    }

    /// The number asked for.
    pub fn integer(&self, name: &str) -> Option<i64> {
        if let Some(Value::Integer(number)) = self.get(name) { Some(*number) } else { None }
    }

    /// The instant asked for.
    pub fn time(&self, name: &str) -> Option<Time> {
        if let Some(Value::Time(time)) = self.get(name) { Some(*time) } else { None }
    }

    /// The flag asked for.
    pub fn flag(&self, name: &str) -> Option<bool> {
        if let Some(Value::Flag(flag)) = self.get(name) { Some(*flag) } else { None }
    }

    /// The page of these rows. Give it one row more than [`limit`](Self::limit) when there are more: that one is cut
    /// off, and the last that stays says where to go on.
    pub fn page<T>(&self, mut rows: Vec<T>, position: impl Fn(&T) -> Position) -> Page<T> {
        let limit = self.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| self.listing.cursor(position(last)));
        Page { items: rows, next }
    }
}

impl Field {
    fn read(&self, text: &str) -> Result<Value, BadQuery> {
        let value = match self.form {
            Form::Text => {
                let fit = !text.is_empty() && text.len() <= 4 * NAME_BYTES_MAX && !text.chars().any(char::is_control);
                fit.then(|| Value::Text(text.to_owned()))
            }
            Form::Choice(choices) => {
                let all = text.split(',').all(|asked| choices.contains(&asked));
                let chosen = choices.iter().filter(|choice| text.split(',').any(|asked| asked == **choice));
                all.then(|| Value::Chosen(chosen.copied().collect()))
            }
            Form::Integer { min, max } => text.parse().ok().filter(|n| (min..=max).contains(n)).map(Value::Integer),
            Form::Time => text.parse().ok().map(|time: jiff::Timestamp| Value::Time(Time(time.as_microsecond()))),
            Form::Flag => text.parse().ok().map(Value::Flag),
        };
        value.ok_or_else(|| BadQuery::BadValue { name: self.name, value: tame(text), expected: self.form.expected() })
    }
}

impl Form {
    /// What it takes, in words.
    pub fn expected(self) -> String {
        match self {
            Form::Text => format!("a text of at most {} bytes", 4 * NAME_BYTES_MAX),
            Form::Choice(choices) => format!("one or more of {}, apart by commas", choices.join(", ")),
            Form::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Form::Time => "a time such as 2026-03-01T09:14:07Z".to_owned(),
            Form::Flag => "true or false".to_owned(),
        }
    }
}

fn rows(text: &str) -> Result<u32, BadQuery> {
    let rows = text.parse().ok().filter(|rows| (1..=PAGE_ROWS_MAX).contains(rows));
    let expected = || format!("a whole number from 1 to {PAGE_ROWS_MAX}");
    rows.ok_or_else(|| BadQuery::BadValue { name: LIMIT, value: tame(text), expected: expected() })
}

fn unknown(name: &str, fields: &[Field]) -> BadQuery {
    let names = fields.iter().map(|field| field.name).chain([LIMIT, CURSOR]);
    BadQuery::Unknown { name: tame(name), nearest: nearest(name, names) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[Field] = &[
        Field { name: "status", form: Form::Choice(&["open", "closed"]), says: "" },
        Field { name: "source", form: Form::Text, says: "" },
        Field { name: "score_min", form: Form::Integer { min: -100, max: 100 }, says: "" },
        Field { name: "since", form: Form::Time, says: "" },
        Field { name: "blind", form: Form::Flag, says: "" },
    ];

    fn read(query: &str) -> Result<Query, BadQuery> {
        Query::read("/v1/queue", Some(query), FIELDS)
    }

    #[test]
    fn every_form_is_read() {
        let query = "status=closed,open&source=okta%20eu&score_min=-7&since=2026-03-01T09:14:07Z&blind=true&limit=7";
        let query = read(query).unwrap();
        assert_eq!(query.chosen("status"), Some(&["open", "closed"][..]));
        assert_eq!((query.text("source"), query.integer("score_min")), (Some("okta eu"), Some(-7)));
        assert_eq!(query.time("since"), Some(Time::from_secs(1_772_356_447)));
        assert_eq!((query.flag("blind"), query.limit, query.after), (Some(true), 7, None));
        assert_eq!(read("").unwrap().limit, PAGE_ROWS);
        assert_eq!(read("").unwrap().chosen("status"), None);
    }

    #[test]
    fn what_is_not_declared_is_an_error_and_not_ignored() {
        let error = read("stauts=open").unwrap_err();
        assert_eq!(error.to_string(), "`stauts` is no filter here; did you mean `status`?");
        assert!(matches!(read("hash=ab"), Err(BadQuery::Unknown { .. })));
        assert_eq!(read("status=open&status=closed"), Err(BadQuery::Twice("status")));
        assert_eq!(read("limit=1&limit=2"), Err(BadQuery::Twice("limit")));
        assert_eq!(read(&"a".repeat(QUERY_BYTES_MAX + 1)), Err(BadQuery::Long));
    }

    #[test]
    fn values_out_of_form_are_refused() {
        let long = format!("source={}", "x".repeat(1000));
        for bad in [
            "status=",
            "status=open,",
            "status=all",
            "source=",
            &long,
            "source=a%00b",
            "score_min=101",
            "score_min=1e3",
            "since=yesterday",
            "blind=1",
            "limit=0",
            "limit=201",
            "limit=-1",
            "limit=99999999999",
        ] {
            assert!(matches!(read(bad), Err(BadQuery::BadValue { .. })), "{bad}");
        }
    }

    #[test]
    fn a_refused_value_is_repeated_harmlessly() {
        let error = read("status=%1b%5b31m").unwrap_err().to_string();
        assert_eq!(error, "`\\u{1b}[31m` is no value of `status`: one or more of open, closed, apart by commas");
    }

    #[test]
    fn pages_lead_from_one_to_the_next_and_end() {
        let rows: Vec<u64> = (0..25).collect();
        let (mut cursor, mut seen) = (String::new(), Vec::new());
        loop {
            let query = read(&format!("limit=10&blind=true{cursor}")).unwrap();
            let after = query.after.map_or(0, |after| after.seq as usize + 1);
            let page = query.page(rows.iter().skip(after).take(11).copied().collect(), |row| Position { rank: 0, seq: *row });
            seen.extend(page.items);
            match page.next {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, rows);
    }

    #[test]
    fn a_cursor_does_not_follow_into_other_filters() {
        let query = read("limit=1&blind=true").unwrap();
        let next = query.page(vec![1, 2], |row| Position { rank: 0, seq: *row }).next.unwrap();
        assert!(read(&format!("blind=true&limit=50&cursor={next}")).is_ok(), "the size of a page may change");
        assert_eq!(read(&format!("blind=false&cursor={next}")), Err(BadQuery::Cursor(BadCursor::OfOther)));
    }
}
