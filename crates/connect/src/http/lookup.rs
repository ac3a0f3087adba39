//! Looks names up: over pages, compared again on our side, with the groups that each is in.

use super::client::Answer;
use super::connector::{Does, HttpConnector, target, unfit};
use super::definition::{Lookup, Next, Pages, Records, Request};
use super::json::{Path, holds};
use super::template::{Inputs, escape};
use adjutant_hand::connector::{CallError, Found};
use adjutant_model::EntityKind;
use adjutant_model::act::Target;
use serde_json::Value;

/// So many answers to one name are enough: it is not of exactly one thing.
const ENOUGH: usize = 2;

/// More records on a page are no answer to a lookup.
const RECORDS_MAX: usize = 20_000;

impl HttpConnector {
    pub(super) fn found(&self, kind: EntityKind, name: &str) -> Result<Vec<Found>, CallError> {
        if kind == EntityKind::Case {
            return Ok(crate::case(name).into_iter().collect());
        }
        let lookup = self.definition.lookups.iter().find(|(of, _)| *of == kind).map(|(_, lookup)| lookup);
        let none = || CallError::Permanent(format!("{} knows no {kind}", self.definition.title));
        let lookup = lookup.ok_or_else(none)?;
        let inputs = |input: &str| if input == "name" { Some(name.to_owned()) } else { self.setting(input) };
        let wanted = name.to_lowercase();
        let is_meant = |record: &Value| lookup.matched.iter().any(|path| is_called(path, record, &wanted));
        let mut found: Vec<Found> = Vec::new();
        let end = self.records(&lookup.list, &inputs, |record| {
            if is_meant(&record) {
                let one = self.one(lookup, kind, &record)?;
                if !found.iter().any(|other| other.target.id == one.target.id) {
                    found.push(one);
                }
            }
            Ok(found.len() < ENOUGH)
        })?;
        if end == End::TooMany {
            let title = &self.definition.title;
            return Err(CallError::Permanent(format!("{title} has more answers to this name than are read")));
        }
        if let (true, Some(request)) = (found.is_empty(), &lookup.one) {
            found.extend(
                self.record(lookup, request, &inputs)?
                    .filter(is_meant)
                    .map(|record| self.one(lookup, kind, &record))
                    .transpose()?,
            );
        }
        for one in &mut found {
            one.groups = self.groups(lookup, &one.target);
        }
        Ok(found)
    }

    /// The one record that `request` asks for; none when there is none, or when the name cannot even be asked for.
    fn record(&self, lookup: &Lookup, request: &Request, inputs: &Inputs<'_>) -> Result<Option<Value>, CallError> {
        let Ok(place) = target(request, inputs) else { return Ok(None) };
        let answer = self.send_to(request, &place, inputs, (None, Does::Read))?;
        // A name that cannot be an id is nobody's.
        if matches!(answer.status, 400 | 404) || found_nobody(&lookup.list, &answer) {
            return Ok(None);
        }
        let mut body = self.read(&answer, None)?;
        Ok(match &lookup.list.records {
            Records::One(path) => path.take(&mut body),
            Records::List(_) => Some(body),
        })
    }

    fn one(&self, lookup: &Lookup, kind: EntityKind, record: &Value) -> Result<Found, CallError> {
        let title = &self.definition.title;
        let text =
            |path: &Path| path.text(record).ok_or_else(|| CallError::Retry(format!("what {title} answered lacks `{path}`")));
        let target = Target { kind, id: text(&lookup.id)?, name: text(&lookup.name)? };
        let mut aliases: Vec<String> = lookup.aliases.iter().filter_map(|path| path.texts(record)).flatten().collect();
        aliases.retain(|alias| !alias.is_empty());
        aliases.sort();
        aliases.dedup();
        let facts = lookup.facts.iter().filter_map(|(name, path)| Some((name.clone(), path.text(record)?)));
        Ok(Found { target, aliases, groups: None, facts: facts.collect() })
    }

    /// The groups of `of`; none when not all of them could be read: who is in a protected group must not be missed.
    fn groups(&self, lookup: &Lookup, of: &Target) -> Option<Vec<String>> {
        let (list, names) = lookup.groups.as_ref()?;
        let inputs = |input: &str| match input {
            "target.id" => Some(of.id.clone()),
            "target.name" => Some(of.name.clone()),
            _ => self.setting(input),
        };
        let mut groups = Vec::new();
        let mut nameless = false;
        let end = self.records(list, &inputs, |record| {
            groups.extend(names.iter().filter_map(|path| path.text(&record)));
            nameless |= names.first().is_none_or(|path| path.text(&record).is_none());
            Ok(true)
        });
        groups.sort();
        groups.dedup();
        (end == Ok(End::Last) && !nameless).then_some(groups)
    }

    /// Gives every record of every page to `take` until it wants no more.
    fn records(
        &self,
        list: &Pages,
        inputs: &Inputs<'_>,
        mut take: impl FnMut(Value) -> Result<bool, CallError>,
    ) -> Result<End, CallError> {
        let first = target(&list.request, inputs).map_err(|error| unfit(&error))?;
        let mut place = first.clone();
        for _ in 0..list.pages_max {
            let answer = self.send_to(&list.request, &place, inputs, (None, Does::Read))?;
            let is_one = matches!(list.records, Records::One(_));
            if found_nobody(list, &answer) || (is_one && answer.status == 404) {
                return Ok(End::Last);
            }
            let mut body = self.read(&answer, None)?;
            let next = self.next(list, &answer, &body, &first)?;
            let records = self.listed(&list.records, &mut body)?;
            if records.len() > RECORDS_MAX {
                return Ok(End::TooMany);
            }
            for record in records {
                if !take(record)? {
                    return Ok(End::Enough);
                }
            }
            match next {
                Some(next) => place = next,
                None => return Ok(End::Last),
            }
        }
        Ok(End::TooMany)
    }

    /// The records of one answer.
    pub(super) fn listed(&self, records: &Records, body: &mut Value) -> Result<Vec<Value>, CallError> {
        let title = &self.definition.title;
        match records {
            Records::List(path) => match path.take(body) {
                Some(Value::Array(records)) => Ok(records),
                _ => Err(CallError::Retry(format!("what {title} answered has no list `{path}`"))),
            },
            Records::One(path) => match path.take(body) {
                Some(record @ Value::Object(_)) => Ok(vec![record]),
                _ => Err(CallError::Retry(format!("what {title} answered has no record `{path}`"))),
            },
        }
    }

    /// Where the next page is, below the base URL.
    pub(super) fn next(&self, list: &Pages, answer: &Answer, body: &Value, first: &str) -> Result<Option<String>, CallError> {
        let url = match &list.next {
            Next::None => None,
            Next::Link => answer.links.iter().find_map(|link| next_of(link)).map(str::to_owned),
            Next::Url(path) => path.text(body),
            Next::Cursor(path, parameter) => {
                return Ok(path.text(body).map(|cursor| {
                    let mut place = format!("{first}{}{parameter}=", if first.contains('?') { '&' } else { '?' });
                    escape(&cursor, &mut place);
                    place
                }));
            }
        };
        let elsewhere = || CallError::Permanent(format!("the next page of {} is somewhere else", self.definition.title));
        url.map(|url| self.base.below(&url).ok_or_else(elsewhere)).transpose()
    }
}

/// Whether an answer says in its own words that there is nobody.
fn found_nobody(list: &Pages, answer: &Answer) -> bool {
    !list.none.is_empty() && answer.json().is_ok_and(|body| holds(&list.none, &body))
}

/// How a list ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With its last page.
    Last,
    /// Nobody wanted more.
    Enough,
    /// There are more pages, or more records on one, than are read.
    TooMany,
}

fn is_called(path: &Path, record: &Value, wanted: &str) -> bool {
    path.texts(record).is_some_and(|texts| texts.iter().any(|text| text.to_lowercase() == wanted))
}

/// The URL of `rel="next"` in a `Link` header.
fn next_of(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (url, behind) = after.split_once('>')?;
        let parameters = behind.split('<').next().unwrap_or("");
        let is_next = |parameter: &str| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            name.trim().eq_ignore_ascii_case("rel") && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
        };
        if parameters.split([';', ',']).any(is_next) {
            return Some(url);
        }
        rest = behind;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::next_of;

    #[test]
    fn the_next_page_is_found_among_links() {
        let both = "<https://a.example/1>; rel=\"self\", <https://a.example/2?x=1,2>; rel=\"next\"";
        assert_eq!(next_of(both), Some("https://a.example/2?x=1,2"));
        assert_eq!(next_of("<https://a.example/2>;rel=next"), Some("https://a.example/2"));
        assert_eq!(next_of("<https://a.example/1>; rel=\"self\""), None);
        assert_eq!(next_of("<https://a.example/1; rel=next"), None);
    }
}
