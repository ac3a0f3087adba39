//! Lists everything of a kind as a connector's file describes it, page by page, for tables of context.

use super::connector::{Does, HttpConnector, target, unfit};
use super::definition::{self, Cell};
use super::json::is_one_of;
use adjutant_hand::connector::CallError;
use adjutant_hand::table::{List, Row, Rows};
use serde_json::Value;

impl HttpConnector {
    pub(super) fn listed_names(&self) -> Vec<List> {
        let columns = |list: &definition::List| list.columns.iter().map(|(name, _)| name.clone()).collect();
        self.definition.lists.iter().map(|list| List { name: list.name.clone(), columns: columns(list) }).collect()
    }

    pub(super) fn rows(&self, name: &str, next: Option<&str>) -> Result<Rows, CallError> {
        let list = self.definition.lists.iter().find(|list| list.name == name);
        let none = || CallError::Permanent(format!("{} has no list `{name}`", self.definition.title));
        let definition::List { pages, columns, .. } = list.ok_or_else(none)?;
        let inputs = |name: &str| self.setting(name);
        let first = target(&pages.request, &inputs).map_err(|error| unfit(&error))?;
        let answer = self.send_to(&pages.request, next.unwrap_or(&first), &inputs, (None, Does::Read))?;
        let mut body = self.read(&answer, None)?;
        let next = self.next(pages, &answer, &body, &first)?;
        let records = self.listed(&pages.records, &mut body)?;
        // A page without records is the last one, whatever it names as the next.
        let next = next.filter(|_| !records.is_empty());
        Ok(Rows { rows: records.iter().map(|record| row(columns, record)).collect(), next })
    }
}

fn row(columns: &[(String, Cell)], record: &Value) -> Row {
    let cell = |cell: &Cell| match cell {
        Cell::Text(path) => path.text(record),
        // What is not said is neither.
        Cell::Is(path, these) => path.text(record).map(|text| is_one_of(&[text], these).to_string()),
    };
    columns.iter().filter_map(|(name, of)| Some((name.clone(), cell(of)?))).collect()
}
