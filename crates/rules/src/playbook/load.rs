//! Reads a playbook file: YAML into the compiled form, with a diagnostic for everything that is wrong.

use super::test::put;
use super::{
    Advice, After, Asking, CASE, Changes, Effect, Exception, Expect, Family, Given, Playbook, Response, Signal, Test, Thresholds,
    VERBS, Verb,
};
use crate::contract::known::duration;
use crate::diagnostic::{Diagnostic, Located, read_yaml};
use crate::lang::{self, FactExpr, Lists, Sentence};
use adjutant_model::act::OnFailure;
use adjutant_model::{Autonomy, Duration, EntityKind, Role, Row, Schema, Slot, Time};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Cap of a family that the playbook does not name: none.
const NO_CAP: i32 = i32::MAX;

/// How long a step may last that is taken back by itself.
const LASTS_MIN: Duration = Duration::from_secs(60);
const LASTS_MAX: Duration = Duration::from_days(30);

/// Points beyond this are a mistake of typing.
const POINTS_MAX: i32 = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlaybook {
    playbook: Located<String>,
    #[serde(default)]
    about: String,
    applies: Option<Located<String>>,
    #[serde(default)]
    needs: Vec<Located<String>>,
    #[serde(default)]
    families: BTreeMap<String, Located<i32>>,
    signals: Vec<RawSignal>,
    decide: RawDecide,
    #[serde(default)]
    exceptions: Vec<RawException>,
    #[serde(default)]
    recommend: Vec<RawAdvice>,
    #[serde(default)]
    respond: Vec<RawResponse>,
    #[serde(default)]
    on_failure: OnFailure,
    ceiling: Option<Autonomy>,
    #[serde(default)]
    tests: Vec<RawTest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSignal {
    id: Located<String>,
    family: Located<String>,
    #[serde(rename = "if")]
    when: Located<String>,
    points: Located<i32>,
    unknown: Option<Located<i32>>,
    because: Located<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDecide {
    close_below: Located<i32>,
    respond_from: Option<Located<i32>>,
    respond_families: Option<Located<u32>>,
    never_close: Option<Located<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawException {
    id: Located<String>,
    #[serde(rename = "if")]
    when: Located<String>,
    mute: Option<Located<String>>,
    hold: Option<Located<String>>,
    owner: Located<String>,
    expires: Located<String>,
    reason: Located<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAdvice {
    #[serde(rename = "do")]
    text: Located<String>,
    when: Option<Located<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawResponse {
    #[serde(rename = "do")]
    verb: Option<Located<String>>,
    ask: Option<Located<String>>,
    when: Option<Located<String>>,
    #[serde(default)]
    score_from: i32,
    #[serde(rename = "for")]
    lasts: Option<Located<String>>,
    after: Option<Located<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTest {
    name: Located<String>,
    given: BTreeMap<String, Located<Given>>,
    expect: Located<Expect>,
}

/// What a playbook is compiled against, and where its faults go.
struct Loader<'a> {
    file: &'a str,
    text: &'a str,
    schema: &'a Schema,
    lists: &'a Lists,
    faults: Vec<Diagnostic>,
}

/// Reads the playbook in `text`, the content of `file`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(file: &str, text: &str, schema: &Schema, lists: &Lists) -> Result<Playbook, Vec<Diagnostic>> {
    let raw: RawPlaybook = read_yaml(file, text).map_err(|fault| vec![*fault])?;
    let mut loader = Loader { file, text, schema, lists, faults: Vec::new() };
    let playbook = loader.playbook(raw);
    match playbook {
        Some(playbook) if loader.faults.is_empty() => Ok(playbook),
        _ => Err(loader.faults),
    }
}

impl Loader<'_> {
    fn playbook(&mut self, raw: RawPlaybook) -> Option<Playbook> {
        let families = self.families(&raw);
        let signals = raw.signals.iter().map(|signal| self.signal(signal, &families)).collect::<Vec<_>>();
        let needs = raw.needs.iter().map(|name| self.slot(name)).collect::<Vec<_>>();
        let applies = raw.applies.as_ref().map(|text| self.condition(text));
        let decide = self.decide(&raw.decide);
        let ids: Vec<&str> = raw.signals.iter().map(|signal| signal.id.value.as_str()).collect();
        self.unique(raw.signals.iter().map(|signal| &signal.id), "signal");
        self.unique(raw.exceptions.iter().map(|exception| &exception.id), "exception");
        let exceptions = raw.exceptions.iter().map(|exception| self.exception(exception, &ids)).collect::<Vec<_>>();
        let recommend = raw.recommend.iter().map(|advice| self.advice(advice)).collect::<Vec<_>>();
        let (asks, acts): (Vec<_>, Vec<_>) = raw.respond.iter().partition(|step| step.ask.is_some());
        let asks = asks.into_iter().map(|step| self.asking(step)).collect::<Vec<_>>();
        let respond = acts.into_iter().map(|step| self.response(step, &raw.playbook)).collect::<Vec<_>>();
        let tests = raw.tests.into_iter().map(|test| self.test(test, &ids)).collect::<Vec<_>>();
        Some(Playbook {
            name: raw.playbook.value,
            file: self.file.to_owned(),
            about: raw.about,
            applies: match applies {
                Some(applies) => Some(applies?),
                None => None,
            },
            needs: needs.into_iter().collect::<Option<_>>()?,
            signals: signals.into_iter().collect::<Option<_>>()?,
            families,
            decide: decide?,
            exceptions: exceptions.into_iter().collect::<Option<_>>()?,
            recommend: recommend.into_iter().collect::<Option<_>>()?,
            asks: asks.into_iter().collect::<Option<_>>()?,
            respond: respond.into_iter().collect::<Option<_>>()?,
            on_failure: raw.on_failure,
            ceiling: raw.ceiling.unwrap_or(Autonomy::Recommend),
            tests: tests.into_iter().collect::<Option<_>>()?,
        })
    }

    fn fault<T>(&mut self, code: &'static str, at: &Located<T>, message: String, help: &str) {
        self.faults.push(Diagnostic::error(code, self.file, at.span, message).with_help(help));
    }

    /// Families in the order in which signals name them; a cap for a family that no signal names is a fault.
    fn families(&mut self, raw: &RawPlaybook) -> Vec<Family> {
        let mut families: Vec<Family> = Vec::new();
        for signal in &raw.signals {
            if !families.iter().any(|family| family.name == signal.family.value) {
                let cap = raw.families.get(&signal.family.value).map_or(NO_CAP, |cap| cap.value);
                families.push(Family { name: signal.family.value.clone(), cap });
            }
        }
        for (name, cap) in &raw.families {
            if !families.iter().any(|family| family.name == *name) {
                self.fault(
                    "family-unused",
                    cap,
                    format!("no signal is of family `{name}`"),
                    "remove it, or give a signal this family",
                );
            }
            if !(1..=POINTS_MAX).contains(&cap.value) {
                self.fault("cap-range", cap, format!("the cap of family `{name}` is {}", cap.value), "give a cap from 1 to 1000");
            }
        }
        families
    }

    fn signal(&mut self, raw: &RawSignal, families: &[Family]) -> Option<Signal> {
        let family = families.iter().position(|family| family.name == raw.family.value).unwrap_or(0) as u16;
        let when = self.condition(&raw.when);
        let because = self.sentence(&raw.because);
        if !(1..=POINTS_MAX).contains(&raw.points.value) {
            let help = "give 1 to 1000 points; what makes an alert harmless belongs into a condition or an exception";
            self.fault("points-range", &raw.points, format!("signal `{}` gives {} points", raw.id.value, raw.points.value), help);
        }
        let unknown = raw.unknown.as_ref().map_or(0, |unknown| unknown.value);
        if let Some(at) = raw.unknown.as_ref().filter(|_| !(0..=raw.points.value).contains(&unknown)) {
            let message =
                format!("signal `{}` gives {unknown} points when unknown and {} when it fires", raw.id.value, raw.points.value);
            self.fault(
                "unknown-range",
                at,
                message,
                "give `unknown` from 0 to the signal's points, so that learning more evidence never lowers the score",
            );
        }
        let at = raw.id.span;
        Some(Signal { id: raw.id.value.clone(), family, when: when?, points: raw.points.value, unknown, because: because?, at })
    }

    fn decide(&mut self, raw: &RawDecide) -> Option<Thresholds> {
        let never_close = match &raw.never_close {
            Some(text) => Some(self.condition(text)?),
            None => None,
        };
        let from = raw.respond_from.as_ref();
        if let Some(from) = from.filter(|from| from.value < raw.close_below.value) {
            let message = format!("`respond_from` {} is below `close_below` {}", from.value, raw.close_below.value);
            self.fault("thresholds-cross", from, message, "raise `respond_from` or lower `close_below`");
        }
        Some(Thresholds {
            close_below: raw.close_below.value,
            respond_from: from.map(|from| from.value),
            respond_families: raw.respond_families.as_ref().map_or(2, |families| families.value),
            never_close,
        })
    }

    fn exception(&mut self, raw: &RawException, signals: &[&str]) -> Option<Exception> {
        let when = self.condition(&raw.when);
        let expires = self.date(&raw.expires);
        for (field, name) in [(&raw.owner, "owner"), (&raw.reason, "reason")] {
            if field.value.trim().is_empty() {
                self.fault(
                    "exception-unowned",
                    field,
                    format!("exception `{}` has no {name}", raw.id.value),
                    "say who answers for it and why it exists",
                );
            }
        }
        let effect = match (&raw.mute, &raw.hold) {
            (Some(mute), None) => Effect::Mute(self.signal_number(mute, signals)?),
            (None, Some(hold)) => Effect::Hold(hold.value.clone()),
            _ => {
                let message = format!("exception `{}` must either mute a signal or hold for an owner", raw.id.value);
                self.fault("exception-effect", &raw.id, message, "write `mute: SIGNAL` or `hold: OWNER`, one of the two");
                return None;
            }
        };
        let (owner, reason) = (raw.owner.value.clone(), raw.reason.value.clone());
        Some(Exception { id: raw.id.value.clone(), when: when?, effect, owner, reason, expires: expires?, at: raw.id.span })
    }

    fn signal_number(&mut self, name: &Located<String>, signals: &[&str]) -> Option<u16> {
        let found = signals.iter().position(|id| *id == name.value);
        if found.is_none() {
            let help = did_you_mean(&name.value, signals.iter().copied());
            self.fault("signal-unknown", name, format!("no signal is called `{}`", name.value), &help);
        }
        found.and_then(|index| u16::try_from(index).ok())
    }

    fn date(&mut self, text: &Located<String>) -> Option<Time> {
        let midnight = format!("{}T00:00:00Z", text.value);
        match midnight.parse::<jiff::Timestamp>() {
            Ok(time) => Some(Time(time.as_microsecond())),
            Err(_) => {
                self.fault(
                    "date",
                    text,
                    format!("`{}` is no date", text.value),
                    "write it as 2027-03-01; the exception ends at 00:00 UTC that day",
                );
                None
            }
        }
    }

    fn advice(&mut self, raw: &RawAdvice) -> Option<Advice> {
        let when = raw.when.as_ref().map(|text| self.condition(text));
        let text = self.sentence(&raw.text)?;
        Some(Advice {
            when: match when {
                Some(when) => Some(when?),
                None => None,
            },
            text,
        })
    }

    /// `ask: QUESTION(ROLE)`: only people can be asked.
    fn asking(&mut self, raw: &RawResponse) -> Option<Asking> {
        let when = raw.when.as_ref().map(|text| self.condition(text));
        let text = raw.ask.as_ref()?;
        let parsed = text.value.strip_suffix(')').and_then(|text| text.split_once('('));
        let of = parsed.and_then(|(_, of)| Role::ALL.into_iter().find(|role| role.name() == of.trim()));
        let of = of.filter(|role| role.kind() == EntityKind::User);
        let (Some((question, _)), Some(of), None, None) = (parsed, of, &raw.verb, &raw.after) else {
            let message = format!("`{}` asks nobody", text.value);
            self.fault("ask", text, message, "write `ask: QUESTION(user)` or `QUESTION(target)`, as a step of its own");
            return None;
        };
        let when = match when {
            Some(when) => Some(when?),
            None => None,
        };
        Some(Asking { question: question.trim().to_owned(), of, when, score_from: raw.score_from, at: text.span })
    }

    fn response(&mut self, raw: &RawResponse, playbook: &Located<String>) -> Option<Response> {
        let when = raw.when.as_ref().map(|text| self.condition(text));
        let Some(verb_text) = &raw.verb else {
            self.fault(
                "step",
                playbook,
                "a step of the response does nothing".into(),
                "write `do: VERB(TARGET)` or `ask: QUESTION(ROLE)`",
            );
            return None;
        };
        let parsed = verb_text.value.strip_suffix(')').and_then(|text| text.split_once('('));
        let verb = parsed.and_then(|(name, _)| VERBS.iter().find(|verb| verb.name == name.trim()));
        let (Some((_, target)), Some(verb)) = (parsed, verb) else {
            let help = did_you_mean(&verb_text.value, VERBS.iter().map(|verb| verb.name));
            self.fault(
                "verb-unknown",
                verb_text,
                format!("`{}` is no verb with a target", verb_text.value),
                &format!("write VERB(TARGET), such as revoke-sessions(user); {help}"),
            );
            return None;
        };
        if (target.trim() == CASE) != (verb.changes == Changes::Record) {
            let what = if verb.changes == Changes::Record { "is about the case" } else { "is done to somebody in the alert" };
            let help = if verb.changes == Changes::Record { "write VERB(case)" } else { "write VERB(user) or another role" };
            self.fault("verb-target", verb_text, format!("`{}` {what}", verb.name), help);
            return None;
        }
        let when = match when {
            Some(when) => Some(when?),
            None => None,
        };
        let lasts = match &raw.lasts {
            Some(text) => Some(self.lasts(text, verb)?),
            None => None,
        };
        let target = target.trim().to_owned();
        let after = match &raw.after {
            Some(text) => Some(self.after(text, &target)?),
            None => None,
        };
        Some(Response { verb, target, when, score_from: raw.score_from, lasts, after })
    }

    /// `after: QUESTION(ANSWER)`, or several answers: of a step that is done to the person who is asked, or is about the case.
    fn after(&mut self, text: &Located<String>, target: &str) -> Option<After> {
        let parsed = text.value.strip_suffix(')').and_then(|text| text.split_once('('));
        let choices = |text: &str| text.split(',').map(|choice| choice.trim().to_owned()).collect::<Vec<_>>();
        let parsed = parsed.map(|(question, answers)| (question.trim().to_owned(), choices(answers)));
        let parsed = parsed.filter(|(question, choices)| !question.is_empty() && choices.iter().all(|choice| !choice.is_empty()));
        let is_person = Role::ALL.iter().any(|role| role.name() == target && role.kind() == EntityKind::User);
        let Some((question, choices)) = parsed.filter(|_| is_person || target == CASE) else {
            let message = format!("`{}` is nothing that the target of this step can answer", text.value);
            let help = "write `after: QUESTION(ANSWER)` or `QUESTION(ANSWER, ANSWER)`, for a step about the user, the target or the case";
            self.fault("after", text, message, help);
            return None;
        };
        Some(After { question, choices, at: text.span })
    }

    /// How long a step lasts, of a verb that can be taken back.
    fn lasts(&mut self, text: &Located<String>, verb: &Verb) -> Option<Duration> {
        let span = duration(&text.value).filter(|span| (LASTS_MIN..=LASTS_MAX).contains(span));
        if span.is_none() {
            let message = format!("`{}` is no time that a step may last", text.value);
            self.fault("response-lasts", text, message, "write a minute to 30 days, such as `24h` or `7d`");
        }
        if verb.undo.is_none() {
            let message = format!("nothing takes `{}` back, so that it cannot end by itself", verb.name);
            self.fault("response-lasts", text, message, "leave `for` out, or use a verb that can be taken back");
            return None;
        }
        span
    }

    fn test(&mut self, raw: RawTest, signals: &[&str]) -> Option<Test> {
        let mut given = Row::new(self.schema.len());
        for (name, fact) in &raw.given {
            let located = Located { value: name.clone(), span: fact.span };
            let slot = self.slot(&located)?;
            if let Err(message) = put(&mut given, self.schema, slot, &fact.value) {
                self.fault("test-value", fact, format!("`{name}`: {message}"), "write the value as the fact's type demands");
            }
        }
        for name in raw.expect.value.signals() {
            let located = Located { value: name.clone(), span: raw.expect.span };
            self.signal_number(&located, signals)?;
        }
        Some(Test { name: raw.name.value, given, expect: raw.expect.value, at: raw.name.span })
    }

    fn slot(&mut self, name: &Located<String>) -> Option<Slot> {
        let found = self.schema.slot(&name.value);
        if found.is_none() {
            let names = self.schema.fields().map(|(_, field)| field.name.as_str());
            let help = did_you_mean(&name.value, names);
            self.fault("fact-unknown", name, format!("no fact is called `{}`", name.value), &help);
        }
        found
    }

    fn condition(&mut self, text: &Located<String>) -> Option<FactExpr> {
        match lang::condition(&text.value, self.schema, self.lists) {
            Ok(expr) => Some(expr),
            Err(faults) => {
                self.faults.extend(faults.into_iter().map(|fault| fault.locate(self.file, self.text, text)));
                None
            }
        }
    }

    fn sentence(&mut self, text: &Located<String>) -> Option<Sentence> {
        match Sentence::compile(&text.value, self.schema, self.lists) {
            Ok(sentence) => Some(sentence),
            Err(faults) => {
                self.faults.extend(faults.into_iter().map(|fault| fault.locate(self.file, self.text, text)));
                None
            }
        }
    }

    fn unique<'b>(&mut self, names: impl Iterator<Item = &'b Located<String>>, what: &str) {
        let mut seen: Vec<&str> = Vec::new();
        for name in names {
            if seen.contains(&name.value.as_str()) {
                self.fault("name-twice", name, format!("two {what}s are called `{}`", name.value), "give each its own name");
            }
            seen.push(&name.value);
        }
    }
}

fn did_you_mean<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> String {
    lang::nearest(wrong, names).map_or_else(String::new, |name| format!("did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjutant_model::Outcome;

    const GOOD: &str = r#"
playbook: travel
about: Logins from far away.
applies: alert.class == "login"
needs: [user.name]
families: { travel: 40 }
signals:
  - id: fast
    family: travel
    if: login.speed > kmh(900)
    points: 30
    unknown: 5
    because: "{login.speed} from {previous.city}"
decide: { close_below: 20, respond_from: 70, respond_families: 1, never_close: history.logins > 100 }
exceptions:
  - { id: crew, if: user.domain == "crew", mute: fast, owner: soc, expires: 2027-03-01, reason: they fly }
recommend:
  - do: "ask {user.name} by phone"
respond:
  - ask: was-this-you(user)
    score_from: 40
  - do: revoke-sessions(user)
    after: was-this-you(not-me, unsure)
  - do: disable-account(user)
    for: 36h
tests:
  - name: fast is fast
    given: { login.speed: 9585 km/h, user.name: ana, alert.severity: high, login.elapsed: 24 min, user.domain: { unknown: stale } }
    expect: { outcome: escalate, fired: [fast], score: 30 }
"#;

    fn loaded(text: &str) -> Result<Playbook, Vec<Diagnostic>> {
        load("playbooks/travel.yaml", text, &Schema::built_in(), &Lists::default())
    }

    #[test]
    fn reads_everything() {
        let playbook = loaded(GOOD).unwrap();
        assert_eq!((playbook.signals.len(), playbook.signals[0].points, playbook.signals[0].unknown), (1, 30, 5));
        assert_eq!(playbook.families, [Family { name: "travel".into(), cap: 40 }]);
        assert_eq!(playbook.exceptions[0].expires.to_string(), "2027-03-01T00:00:00Z");
        let asks = &playbook.asks[0];
        assert_eq!((asks.question.as_str(), asks.of, asks.score_from), ("was-this-you", Role::User, 40));
        assert_eq!((playbook.asks.len(), playbook.respond.len()), (1, 2));
        assert_eq!(playbook.tests[0].expect.outcome, Some(Outcome::Escalate));
        assert_eq!(playbook.score_max(), 30);
        let after = playbook.respond[0].after.as_ref().unwrap();
        assert_eq!(
            (after.question.as_str(), &*after.choices),
            ("was-this-you", ["not-me", "unsure"].map(String::from).as_slice())
        );
        let lasts: Vec<_> = playbook.respond.iter().map(|step| step.lasts).collect();
        assert_eq!((lasts, playbook.on_failure), (vec![None, Some(Duration::from_hours(36))], OnFailure::Stop));
    }

    /// Each change of the good playbook is one fault: its code, and the text that the span covers.
    #[test]
    fn every_fault_is_named_at_its_place() {
        let cases = [
            ("login.speed > kmh(900)", "login.sped > kmh(900)", "login.sped"),
            ("points: 30\n    unknown: 5", "points: 0", "0"),
            ("unknown: 5", "unknown: 31", "31"),
            ("mute: fast", "mute: fasst", "fasst"),
            ("expires: 2027-03-01", "expires: soon", "soon"),
            ("owner: soc", "owner: ''", "''"),
            ("revoke-sessions(user)", "revoke-session(user)", "revoke-session(user)"),
            ("was-this-you(user)", "was-this-you(host)", "was-this-you(host)"),
            ("was-this-you(user)", "was-this-you", "was-this-you"),
            ("score_from: 40", "after: was-this-you(me)", "was-this-you(user)"),
            ("was-this-you(not-me, unsure)", "was-this-you", "was-this-you"),
            ("was-this-you(not-me, unsure)", "was-this-you(not-me,)", "was-this-you(not-me,)"),
            ("do: revoke-sessions(user)", "do: isolate-host(host)", "was-this-you(not-me, unsure)"),
            ("needs: [user.name]", "needs: [user.nam]", "user.nam"),
            ("respond_from: 70", "respond_from: 10", "10"),
            ("families: { travel: 40 }", "families: { travel: 40, device: 3 }", "3"),
            ("login.elapsed: 24 min", "login.elapsed: 24", "24"),
            ("fired: [fast]", "fired: [slow]", ""),
            ("because: \"{login.speed}", "because: \"{login.speeed}", "login.speeed"),
            ("for: 36h", "for: 36 moons", "36 moons"),
            ("for: 36h", "for: 31d", "31d"),
            ("do: disable-account(user)", "do: revoke-sessions(user)", "36h"),
            ("owner: soc,", "owner: soc, hold: ciso,", "crew"),
        ];
        for (from, to, at) in cases {
            let text = GOOD.replacen(from, to, 1);
            let faults = loaded(&text).unwrap_err();
            let covered = text.get(faults[0].span.start..faults[0].span.end).unwrap_or("");
            assert_eq!(faults.len(), 1, "{to}: {faults:?}");
            assert!(at.is_empty() || covered == at, "{to}: `{covered}`, {faults:?}");
        }
    }
}
