//! `correlate.yaml`: how alerts become cases, as policy. What it does not say is as by default; a name that is no role
//! or a limit that makes no sense is a fault at its place, never ignored.

use crate::book::Files;
use crate::diagnostic::{Diagnostic, Located, Span, read_yaml};
use crate::lang::nearest;
use crate::playbook::span;
use adjutant_model::{Duration, Role};
use serde::Deserialize;

const FILE: &str = "correlate.yaml";

/// How alerts become cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correlate {
    /// Roles whose entity links alerts, the most telling first.
    pub by: Vec<Role>,
    /// A case that was quiet for longer is over.
    pub gap: Duration,
    /// A case that is older takes no more alerts.
    pub age_max: Duration,
    /// A case that holds this many takes no more.
    pub alerts_max: u32,
    /// An address or domain with more alerts than this in 24 hours stops linking.
    pub busy_per_day: i64,
    /// Mail that is nearly the same as mail of a case joins it within this time.
    pub campaign: Duration,
}

impl Default for Correlate {
    fn default() -> Self {
        Self {
            by: vec![Role::Host, Role::User, Role::Target, Role::Resource, Role::File, Role::Message, Role::Source],
            gap: Duration::from_hours(1),
            age_max: Duration::from_hours(6),
            alerts_max: 10_000,
            busy_per_day: 1_000,
            campaign: Duration::from_hours(14 * 24),
        }
    }
}

/// The file as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    by: Option<Located<Vec<Located<String>>>>,
    gap: Option<Located<String>>,
    age_max: Option<Located<String>>,
    alerts_max: Option<Located<i64>>,
    busy_per_day: Option<Located<i64>>,
    campaign: Option<Located<String>>,
}

/// Reads `correlate.yaml`; absent is all defaults.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(files: &Files) -> Result<Correlate, Vec<Diagnostic>> {
    let Some(text) = files.get(FILE) else { return Ok(Correlate::default()) };
    let written: Written = read_yaml(FILE, text).map_err(|fault| vec![*fault])?;
    let (mut faults, default) = (Vec::new(), Correlate::default());
    let gap_span = written.gap.as_ref().or(written.age_max.as_ref()).map(|text| text.span);
    let read = Correlate {
        by: written.by.map_or(default.by, |names| roles(&names, &mut faults)),
        gap: written.gap.map_or(default.gap, |text| time(&text, &mut faults)),
        age_max: written.age_max.map_or(default.age_max, |text| time(&text, &mut faults)),
        alerts_max: written
            .alerts_max
            .map_or(default.alerts_max, |count| u32::try_from(limit(&count, &mut faults)).unwrap_or(u32::MAX)),
        busy_per_day: written.busy_per_day.map_or(default.busy_per_day, |count| limit(&count, &mut faults)),
        campaign: written.campaign.map_or(default.campaign, |text| time(&text, &mut faults)),
    };
    if faults.is_empty() && read.age_max < read.gap {
        let help = "a case would be over before its gap is; make `age_max` the longer one";
        faults.push(fault(gap_span.unwrap_or_default(), "`age_max` is shorter than `gap`".into(), help.into()));
    }
    if faults.is_empty() { Ok(read) } else { Err(faults) }
}

fn fault(at: Span, message: String, help: String) -> Diagnostic {
    Diagnostic::error("correlate", FILE, at, message).with_help(help)
}

fn roles(names: &Located<Vec<Located<String>>>, faults: &mut Vec<Diagnostic>) -> Vec<Role> {
    if names.is_empty() {
        faults.push(fault(names.span, "`by` names nothing".into(), "name what links alerts, or leave `by` out".into()));
    }
    let mut roles = Vec::new();
    for name in names.iter() {
        match Role::ALL.into_iter().find(|role| role.name() == name.as_str()) {
            Some(role) if roles.contains(&role) => {
                faults.push(fault(name.span, format!("`{}` stands here twice", name.value), "take one of them out".into()));
            }
            Some(role) => roles.push(role),
            None => {
                let all = Role::ALL.map(Role::name);
                let help = nearest(name, all)
                    .map_or_else(|| format!("the roles are {}", all.join(", ")), |near| format!("did you mean `{near}`?"));
                faults.push(fault(name.span, format!("there is no role `{}`", name.value), help));
            }
        }
    }
    roles
}

fn time(text: &Located<String>, faults: &mut Vec<Diagnostic>) -> Duration {
    let read = span(text).unwrap_or_default();
    if read <= Duration::default() {
        let message = format!("`{}` is no span of time that a case can last", text.value);
        faults.push(fault(text.span, message, "write it as 90 min, 6 h or 2 d".into()));
    }
    read
}

fn limit(count: &Located<i64>, faults: &mut Vec<Diagnostic>) -> i64 {
    if count.value < 1 {
        faults.push(fault(count.span, format!("{} is no limit", count.value), "write at least 1".into()));
    }
    count.value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Correlate, Vec<Diagnostic>> {
        load(&Files::from([(FILE.to_owned(), text.to_owned())]))
    }

    #[test]
    fn what_is_not_said_is_as_by_default() {
        assert_eq!(load(&Files::new()), Ok(Correlate::default()));
        let read = read("by: [user, source]\ngap: 30 min\nalerts_max: 7\n").unwrap();
        let expect = Correlate {
            by: vec![Role::User, Role::Source],
            gap: Duration::from_secs(1800),
            alerts_max: 7,
            ..Correlate::default()
        };
        assert_eq!(read, expect);
    }

    #[test]
    fn the_shipped_file_says_the_defaults() {
        let shipped = include_str!("../../../book/correlate.yaml");
        assert_eq!(read(shipped), Ok(Correlate::default()));
        for key in ["by:", "gap:", "age_max:", "alerts_max:", "busy_per_day:", "campaign:"] {
            assert!(shipped.contains(&format!("\n{key}")), "{key}");
        }
    }

    #[test]
    fn nonsense_is_a_fault_at_its_place() {
        let cases = [
            ("by: [host, usr]\n", "usr", "did you mean `user`?"),
            ("by: [host, host]\n", "host", "take one"),
            ("by: []\n", "[", "leave `by` out"),
            ("gap: 0 h\n", "0 h", "90 min"),
            ("age_max: soon\n", "soon", "90 min"),
            ("gap: 2 h\nage_max: 1 h\n", "2 h", "longer"),
            ("age_max: 1 min\n", "1 min", "longer"),
            ("alerts_max: 0\n", "0", "at least 1"),
            ("busy_per_day: -5\n", "-5", "at least 1"),
            ("campaign: never\n", "never", "90 min"),
        ];
        for (text, place, help) in cases {
            let faults = read(text).unwrap_err();
            let [fault] = faults.as_slice() else { panic!("{text}: {faults:?}") };
            assert!(text[fault.span.start..].starts_with(place), "{text}: {:?}", fault.span);
            assert!(fault.render(text, false).contains(help), "{}", fault.render(text, false));
        }
        assert_eq!(read("by: [usr]\ngap: 0 h\nalerts_max: 0\n").unwrap_err().len(), 3);
    }
}
