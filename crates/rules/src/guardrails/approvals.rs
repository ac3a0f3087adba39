//! Who must approve. Somebody always must where people are asked; who else depends on what it is done to.

use super::{Reader, identity, says_nothing, truth};
use crate::book::Files;
use crate::diagnostic::{Diagnostic, Located};
use adjutant_model::EntityKind;
use adjutant_model::act::Need;
use serde::Deserialize;

const FILE: &str = "guardrails/approvals.yaml";

/// More people than this never come together.
const PEOPLE_MAX: u64 = 5;

/// Who must approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approvals {
    /// Whatever it is.
    pub always: Need,
    /// What else, each where it applies.
    pub requirements: Vec<Requirement>,
}

/// Who must approve some of it, beside who always must. Where one applies, no playbook acts by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Its name.
    pub name: String,
    /// Which verbs; empty: all.
    pub verbs: Vec<String>,
    /// Which verbs it is not about, whatever it is else.
    pub except: Vec<String>,
    /// Which kinds of things; empty: all.
    pub kinds: Vec<EntityKind>,
    /// The fact that it asks about, if any.
    pub fact: Option<String>,
    /// Any of these values; empty: `yes`.
    pub is: Vec<String>,
    /// What it means that the fact is not known.
    pub unknown: Means,
    /// Who.
    pub needs: Need,
    /// Why.
    pub reason: String,
}

/// What it means that a fact is not known. It never means that nobody is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    /// The same as yes.
    #[default]
    Needs,
    /// That people decide, without this requirement's.
    Ask,
}

impl Default for Approvals {
    fn default() -> Self {
        Self { always: Need { people: 1, role: "lead".into() }, requirements: Vec::new() }
    }
}

impl Requirement {
    /// Whether it is about such an action at all.
    pub fn is_about(&self, verb: &str, kind: EntityKind) -> bool {
        let among = |verbs: &[String]| verbs.iter().any(|known| known == verb);
        let verb = (self.verbs.is_empty() || among(&self.verbs)) && !among(&self.except);
        verb && (self.kinds.is_empty() || self.kinds.contains(&kind))
    }

    /// Whether its fact is so, given the fact's value; none when that is not known. Without a fact it is always so.
    pub fn says(&self, value: Option<&str>) -> Option<bool> {
        if self.fact.is_none() {
            return Some(true);
        }
        let value = value.filter(|value| !says_nothing(value))?;
        if self.is.is_empty() {
            return truth(value);
        }
        Some(self.is.iter().any(|wanted| identity::clean(wanted) == identity::clean(value)))
    }
}

/// The file as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    always: Option<Located<WrittenNeed>>,
    #[serde(default)]
    requirements: Vec<WrittenRequirement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenNeed {
    people: Option<Located<u64>>,
    role: Located<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRequirement {
    name: Located<String>,
    #[serde(default)]
    verbs: Vec<Located<String>>,
    #[serde(default)]
    except: Vec<Located<String>>,
    #[serde(default)]
    kinds: Vec<EntityKind>,
    fact: Option<Located<String>>,
    #[serde(default)]
    is: Vec<Located<String>>,
    #[serde(default)]
    unknown: Means,
    needs: Located<WrittenNeed>,
    reason: Option<Located<String>>,
}

/// Reads the file; absent is one lead.
pub(super) fn load(files: &Files, faults: &mut Vec<Diagnostic>) -> Approvals {
    let mut approvals = Approvals::default();
    let Some(written) = super::written::<Written>(FILE, files, faults) else { return approvals };
    let mut reader = Reader { file: FILE, code: "approvals", faults };
    if let Some(always) = written.always {
        approvals.always = need(always.value, &mut reader);
    }
    approvals.requirements = written.requirements.into_iter().map(|one| requirement(one, &mut reader)).collect();
    approvals
}

fn need(written: WrittenNeed, reader: &mut Reader<'_>) -> Need {
    let at = written.role.span;
    let role = written.role.value.trim().to_owned();
    if role.is_empty() {
        reader.fault(at, "it names no role", "write `role: lead`, or the owner of the attribute: `role: owner:finance`");
    }
    let people = written.people.unwrap_or(Located::new(1, at));
    if !(1..=PEOPLE_MAX).contains(&people.value) {
        let message = format!("{} people cannot approve", people.value);
        reader.fault(people.span, message, format!("write 1 to {PEOPLE_MAX}"));
    }
    Need { people: people.value.clamp(1, PEOPLE_MAX) as u8, role }
}

fn requirement(written: WrittenRequirement, reader: &mut Reader<'_>) -> Requirement {
    let at = written.name.span;
    let reason = reader.said(written.reason, "reason", at);
    let verbs: Vec<String> = written.verbs.iter().filter_map(|verb| reader.verb(verb, verb.span)).map(str::to_owned).collect();
    let except = written.except.iter().filter_map(|verb| reader.verb(verb, verb.span)).map(str::to_owned).collect();
    if written.fact.is_none() && !written.is.is_empty() {
        let span = written.is.first().map_or(at, |value| value.span);
        reader.fault(span, "it says `is` and names no fact", "write `fact: department`, or take `is` out");
    }
    if written.fact.is_none() && written.verbs.is_empty() && written.kinds.is_empty() {
        reader.fault(
            at,
            format!("`{}` is for everything", written.name.value),
            "put it under `always`, or give it verbs or a fact",
        );
    }
    Requirement {
        name: written.name.value,
        verbs,
        except,
        kinds: written.kinds,
        fact: written.fact.map(|fact| fact.value.trim().to_owned()),
        is: written.is.into_iter().map(|value| value.value).collect(),
        unknown: written.unknown,
        needs: need(written.needs.value, reader),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Approvals, Vec<Diagnostic>) {
        let mut faults = Vec::new();
        (load(&Files::from([(FILE.to_owned(), text.to_owned())]), &mut faults), faults)
    }

    #[test]
    fn one_lead_is_always_asked() {
        assert_eq!(load(&Files::new(), &mut Vec::new()).always, Need { people: 1, role: "lead".into() });
        let text = "requirements:\n  - name: finance\n    kinds: [user]\n    except: [tell-person]\n    fact: department\n    is: [Finance]\n    \
                    needs: { role: 'owner:finance' }\n    reason: r\n";
        let (approvals, faults) = read(text);
        assert!(faults.is_empty(), "{faults:?}");
        let [finance] = approvals.requirements.as_slice() else { panic!() };
        assert!(finance.is_about("disable-account", EntityKind::User) && !finance.is_about("isolate-host", EntityKind::Host));
        assert!(!finance.is_about("tell-person", EntityKind::User));
        assert_eq!(
            [Some("FINANCE "), Some("Sales"), Some("unknown"), None].map(|value| finance.says(value)),
            [Some(true), Some(false), None, None]
        );
    }

    #[test]
    fn nonsense_is_a_fault_at_its_place() {
        let cases = [
            (
                "always: { role: '' }\n",
                "''",
                "it names no role",
                "write `role: lead`, or the owner of the attribute: `role: owner:finance`",
            ),
            ("always: { role: lead, people: 0 }\n", "0", "0 people cannot approve", "write 1 to 5"),
            (
                "requirements: [{ name: x, needs: { role: lead }, reason: r }]\n",
                "x",
                "`x` is for everything",
                "put it under `always`, or give it verbs or a fact",
            ),
            (
                "requirements: [{ name: x, verbs: [isolate-host], is: [yes], needs: { role: lead }, reason: r }]\n",
                "yes",
                "it says `is` and names no fact",
                "write `fact: department`, or take `is` out",
            ),
            (
                "requirements: [{ name: x, verbs: [isolate-hosts], needs: { role: lead }, reason: r }]\n",
                "isolate-hosts",
                "there is no verb `isolate-hosts`",
                "did you mean `isolate-host`?",
            ),
        ];
        for (text, place, message, help) in cases {
            let (_, faults) = read(text);
            let [fault] = faults.as_slice() else { panic!("{text}: {faults:?}") };
            assert!(text[fault.span.start..].starts_with(place), "{text}: {:?}", fault.span);
            assert_eq!((fault.message.as_str(), fault.help.as_str()), (message, help), "{text}");
        }
    }
}
