//! Guardrails: what no playbook and no person may do, or only so often, or only after more people said so.
//!
//! They are files of the book like any other, under `guardrails/`: who is protected, how many targets a verb may get, when
//! nothing is changed, who must approve. This module holds what they say; `adjutant_engine::guard` rules by it.
//!
//! INVARIANT: what a file does not say is as strict as if there were no file, and no file can widen the ceilings in the code.

mod approvals;
mod freeze;
pub mod identity;
mod limits;
pub mod policies;
mod protected;

pub use approvals::{Approvals, Means, Requirement};
pub use freeze::{Freeze, When};
pub use limits::{
    HOUR_MAX, Limit, Limits, SHARE_DEFAULT, SHARE_MAX, TARGETS_DEFAULT, TARGETS_MAX, TOTAL_DEFAULT, WINDOW_DEFAULT, targets_of,
};
pub use protected::{ANYTHING, BUILT_IN, Compare, Entry, FactEntry, Protected, Section, compared};

use crate::book::Files;
use crate::diagnostic::{Diagnostic, Located, Severity, Span, read_yaml};
use crate::lang::nearest;
use crate::playbook::VERBS;
use serde::de::DeserializeOwned;

/// The folder of the book that holds them.
pub const FOLDER: &str = "guardrails/";

/// Everything that the guard rules by.
#[derive(Debug)]
pub struct Guardrails {
    /// Whom nobody touches.
    pub protected: Protected,
    /// How often.
    pub limits: Limits,
    /// When not.
    pub freezes: Vec<Freeze>,
    /// Who must approve.
    pub approvals: Approvals,
    /// What may be done and asked for; none when the book says nothing, so that people are asked.
    pub policies: Option<policies::Policies>,
}

impl Guardrails {
    /// What holds without any file: whatever is asked, people decide, and what is built in is protected.
    pub fn built_in() -> Self {
        Self::read(&Files::new(), &mut Vec::new())
    }

    /// Reads the guardrails of `files`: the hand reads its own, apart from the book.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn load(files: &Files) -> Result<Self, Vec<Diagnostic>> {
        let mut faults = Vec::new();
        let guardrails = Self::read(files, &mut faults);
        if faults.iter().any(|fault| fault.severity == Severity::Error) { Err(faults) } else { Ok(guardrails) }
    }

    /// As much of them as can be read, with what is wrong.
    pub(crate) fn read(files: &Files, faults: &mut Vec<Diagnostic>) -> Self {
        strangers(files, faults);
        Self {
            protected: protected::load(files, faults),
            limits: limits::load(files, faults),
            freezes: freeze::load(files, faults),
            approvals: approvals::load(files, faults),
            policies: policies::load(files, faults),
        }
    }
}

/// Files that nobody would read: a misspelt name would be a guardrail that is not there.
fn strangers(files: &Files, faults: &mut Vec<Diagnostic>) {
    const KNOWN: [&str; 5] = ["protected.yaml", "limits.yaml", "freezes.yaml", "approvals.yaml", "guardrails.cedarschema"];
    for path in files.keys() {
        let Some(name) = path.strip_prefix(FOLDER) else { continue };
        let policy = name.ends_with(".cedar") && !name.contains('/');
        if KNOWN.contains(&name) || policy || name.ends_with(".md") {
            continue;
        }
        let help = nearest(name, KNOWN).map_or_else(
            || format!("guardrails are {} and policies, *.cedar", KNOWN.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("nothing reads `{name}` among the guardrails");
        faults.push(Diagnostic::error("guardrails-file", path, Span::default(), message).with_help(help));
    }
}

/// What `file` says; none when it is not there, or is faulty, which is then said.
fn written<T: DeserializeOwned>(file: &str, files: &Files, faults: &mut Vec<Diagnostic>) -> Option<T> {
    read_yaml(file, files.get(file)?).map_err(|fault| faults.push(*fault)).ok()
}

/// Collects the faults of one file.
struct Reader<'a> {
    file: &'static str,
    code: &'static str,
    faults: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn fault(&mut self, at: Span, message: impl Into<String>, help: impl Into<String>) {
        self.faults.push(Diagnostic::error(self.code, self.file, at, message).with_help(help));
    }

    /// A text that must say something.
    fn said(&mut self, text: Option<Located<String>>, what: &str, at: Span) -> String {
        let found = text.map(|text| text.value.trim().to_owned()).unwrap_or_default();
        if found.is_empty() {
            self.fault(at, format!("it has no `{what}`"), format!("write who answers for it and why: `{what}: …`"));
        }
        found
    }

    /// The verb called `name`; none, with a fault, when there is no such verb.
    fn verb(&mut self, name: &str, at: Span) -> Option<&'static str> {
        let found = VERBS.iter().find(|verb| verb.name == name).map(|verb| verb.name);
        if found.is_none() {
            let help = nearest(name, VERBS.iter().map(|verb| verb.name))
                .map_or_else(|| "see the verbs in docs/guardrails.md".to_owned(), |near| format!("did you mean `{near}`?"));
            self.fault(at, format!("there is no verb `{name}`"), help);
        }
        found
    }
}

/// Whether the text says yes or no; none when it says neither, which is unknown and never no.
pub fn truth(text: &str) -> Option<bool> {
    const YES: [&str; 4] = ["true", "yes", "1", "on"];
    const NO: [&str; 4] = ["false", "no", "0", "off"];
    let is = |words: [&str; 4]| words.iter().any(|word| text.trim().eq_ignore_ascii_case(word));
    if is(YES) { Some(true) } else { is(NO).then_some(false) }
}

/// Whether a fact's text says nothing: it is empty, or what tools write for want of a value.
pub fn says_nothing(text: &str) -> bool {
    const NOTHING: [&str; 10] = ["", "-", "--", "n/a", "na", "null", "none", "unknown", "undefined", "stale"];
    NOTHING.iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_nobody_reads_is_a_fault() {
        let files = Files::from([("guardrails/protectd.yaml".to_owned(), String::new())]);
        let faults = Guardrails::load(&files).unwrap_err();
        let shown: Vec<String> = faults.iter().map(Diagnostic::to_string).collect();
        assert_eq!(
            shown,
            [concat!(
                "guardrails/protectd.yaml: error[guardrails-file]: nothing reads `protectd.yaml` among the guardrails ",
                "(did you mean `protected.yaml`?)"
            )]
        );
    }

    #[test]
    fn the_shipped_guardrails_load_and_say_the_defaults() {
        let shipped = [
            ("protected.yaml", include_str!("../../../book/guardrails/protected.yaml")),
            ("limits.yaml", include_str!("../../../book/guardrails/limits.yaml")),
            ("freezes.yaml", include_str!("../../../book/guardrails/freezes.yaml")),
            ("approvals.yaml", include_str!("../../../book/guardrails/approvals.yaml")),
            ("acts.cedar", include_str!("../../../book/guardrails/acts.cedar")),
            ("guardrails.cedarschema", include_str!("../../../book/guardrails/guardrails.cedarschema")),
        ];
        let files: Files = shipped.iter().map(|(name, text)| (format!("{FOLDER}{name}"), (*text).to_owned())).collect();
        let guardrails = Guardrails::load(&files).unwrap();
        let built_in = Guardrails::built_in();
        assert_eq!((guardrails.limits.hour, guardrails.limits.default), (built_in.limits.hour, built_in.limits.default));
        assert_eq!(guardrails.approvals.always, built_in.approvals.always);
        assert!(guardrails.freezes.is_empty());
        for section in Section::ALL {
            let name = format!("\n{}:", section.name());
            assert!(files.values().any(|text| text.contains(&name)), "{name}");
        }
    }

    #[test]
    fn unknown_is_neither_yes_nor_no() {
        assert_eq!((truth(" Yes"), truth("OFF"), truth("perhaps"), truth("")), (Some(true), Some(false), None, None));
        assert!(says_nothing(" N/A ") && says_nothing("") && !says_nothing("no"));
    }
}
