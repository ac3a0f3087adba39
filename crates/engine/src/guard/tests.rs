//! What the guard says, clause by clause.

use super::*;
use adjutant_model::Duration;
use adjutant_rules::Files;
use std::cell::Cell;

/// A company in which everything is known and nothing was done yet.
struct World {
    verb: &'static str,
    target: Target,
    aliases: Vec<String>,
    groups: Option<Vec<String>>,
    facts: BTreeMap<String, String>,
    with: BTreeMap<String, String>,
    done: Cell<u64>,
    all: Cell<u64>,
    population: Option<u64>,
    pause: Pause,
    undo: bool,
    now: Time,
}

impl Spent for World {
    fn count(&self, verb: Option<&str>, since: Time) -> u64 {
        let window = self.now.since(since);
        assert!(window == Duration::from_hours(1) || verb.is_some() && window == Duration::from_secs(600));
        if verb.is_some() { self.done.get() } else { self.all.get() }
    }
    fn population(&self, _: EntityKind) -> Option<u64> {
        self.population
    }
    fn pause(&self, _: &str) -> Pause {
        self.pause
    }
}

fn target(kind: EntityKind, id: &str, name: &str) -> Target {
    Target { kind, id: id.into(), name: name.into() }
}

fn world() -> World {
    World {
        verb: "disable-account",
        target: target(EntityKind::User, "5f8c1f0a-1111-4222-8333-444455556666", "eva"),
        aliases: vec!["CORP\\eva".into(), "eva@corp.example".into(), "S-1-5-21-1-2-3-1104".into()],
        groups: Some(vec!["CN=Sales,OU=Groups,DC=corp".into()]),
        facts: BTreeMap::from([("department".to_owned(), "Sales".to_owned())]),
        with: BTreeMap::new(),
        done: Cell::new(0),
        all: Cell::new(0),
        population: Some(10_000),
        pause: Pause::None,
        undo: false,
        now: Time::from_secs(1_772_356_447),
    }
}

const ACT: By<'static> = By::Playbook("phishing", Autonomy::Act);
const ANA: By<'static> = By::Person("ana", &[]);

const SCHEMA: (&str, &str) = ("guardrails.cedarschema", include_str!("../../../../book/guardrails/guardrails.cedarschema"));
const ALL: (&str, &str) = ("all.cedar", "@id(\"all\") permit (principal, action, resource);");

/// Guardrails whose policies let everything be done.
fn guardrails(files: &[(&str, &str)]) -> Guardrails {
    loaded(&[&[SCHEMA, ALL], files].concat())
}

fn loaded(files: &[(&str, &str)]) -> Guardrails {
    let files: Files = files.iter().map(|(name, text)| (format!("guardrails/{name}"), (*text).to_owned())).collect();
    Guardrails::load(&files).unwrap()
}

impl World {
    fn ruled(&self, by: By<'_>, guardrails: &Guardrails) -> Ruling {
        let action = Action {
            verb: self.verb.into(),
            target: self.target.clone(),
            connector: "ldap".into(),
            with: self.with.clone(),
            texts: BTreeMap::new(),
        };
        let subject =
            Subject { target: &self.target, aliases: &self.aliases, groups: self.groups.as_deref(), facts: &self.facts };
        rule(&Asked { action: &action, subject, by, undo: self.undo, now: self.now }, guardrails, self)
    }

    /// The answer, with the names of its clauses.
    fn says(&self, by: By<'_>, guardrails: &Guardrails) -> String {
        let ruling = self.ruled(by, guardrails);
        let names: Vec<&str> = ruling.clauses.iter().map(|clause| clause.name.as_str()).collect();
        format!("{}: {}", ruling.answer, names.join(" "))
    }
}

#[test]
fn a_playbook_acts_only_where_everything_lets_it() {
    let guardrails = guardrails(&[]);
    assert_eq!(world().says(ACT, &guardrails), "run: autonomy policy.all");
    assert_eq!(world().says(By::Playbook("phishing", Autonomy::Ask), &guardrails), "ask: autonomy policy.all");
    assert_eq!(world().says(By::Playbook("phishing", Autonomy::Recommend), &guardrails), "refuse: autonomy");
    assert_eq!(world().says(By::Playbook("", Autonomy::Act), &guardrails), "refuse: asks");
    let ruling = world().ruled(ANA, &guardrails);
    assert_eq!((ruling.answer, ruling.approvals), (Answer::Ask, vec![Need { people: 1, role: "lead".into() }]));
}

#[test]
fn what_is_protected_is_refused_under_each_of_its_names() {
    let text = "people: [{ name: 'eva@corp.example', owner: o, reason: r }]";
    let guardrails = guardrails(&[("protected.yaml", text)]);
    for by in [ACT, ANA] {
        assert_eq!(world().says(by, &guardrails), "refuse: protected.people protected.people protected.people");
    }
    let other = World { target: target(EntityKind::User, "7", "evan"), aliases: vec!["S-1-5-21-1-2-3-500".into()], ..world() };
    assert_eq!(other.says(ANA, &guardrails), "refuse: protected.accounts");
    let other = World { with: BTreeMap::from([("group".into(), "CN=Domain Admins,DC=x".into())]), aliases: vec![], ..other };
    assert_eq!(other.says(ANA, &guardrails), "refuse: protected.groups");
}

#[test]
fn a_member_of_a_protected_group_is_protected_and_unknown_groups_are_not_none() {
    let guardrails = guardrails(&[]);
    let member = World { groups: Some(vec!["CN=Staff,DC=x".into(), "CORP\\Domain Admins".into()]), ..world() };
    assert_eq!(member.says(ANA, &guardrails), "refuse: protected.groups");
    let unknown = World { groups: None, ..world() };
    assert_eq!(unknown.says(ANA, &guardrails), "ask: asks protected.groups policy.all");
    assert_eq!(unknown.says(ACT, &guardrails), "refuse: protected.groups");
    let none = World { groups: Some(Vec::new()), ..world() };
    assert_eq!(none.says(ACT, &guardrails), "run: autonomy policy.all");
}

#[test]
fn whoever_is_told_something_is_protected_by_name_and_not_by_group() {
    let guardrails = guardrails(&[("protected.yaml", "people: [{ name: 'zoe@corp.example', owner: o, reason: r }]")]);
    let told = |verb, groups, aliases| World { verb, groups, aliases, ..world() }.says(ACT, &guardrails);
    let member = || Some(vec!["CORP\\Domain Admins".into()]);
    assert_eq!(told("acknowledge-report", None, Vec::new()), "run: autonomy policy.all");
    assert_eq!(told("acknowledge-report", member(), Vec::new()), "run: autonomy policy.all");
    assert_eq!(told("disable-account", member(), Vec::new()), "refuse: protected.groups");
    assert_eq!(told("disable-account", None, Vec::new()), "refuse: protected.groups");
    let named = vec!["zoe@corp.example".to_owned()];
    assert_eq!(told("acknowledge-report", None, named), "refuse: protected.people");
}

#[test]
fn a_fact_protects_and_an_unreadable_one_asks() {
    let built_in = guardrails(&[]);
    let with = |value: &str| World { facts: BTreeMap::from([("privileged".into(), value.into())]), ..world() };
    assert_eq!(with("yes").says(ANA, &built_in), "refuse: protected.facts.privileged");
    assert_eq!(with("stale").says(ACT, &built_in), "ask: protected.facts.privileged");
    assert_eq!(with("no").says(ACT, &built_in), "run: autonomy policy.all");
    let needed = guardrails(&[("protected.yaml", "facts: [{ fact: vip, kinds: [user], owner: o, reason: r }]")]);
    assert_eq!(world().says(ACT, &needed), "ask: protected.facts.vip");
}

#[test]
fn the_last_of_a_limit_runs_and_the_next_does_not() {
    let guardrails = guardrails(&[]);
    let world = world();
    for (done, all, says) in [
        (4, 19, "run: autonomy policy.all"),
        (5, 19, "refuse: limit.disable-account"),
        (4, 20, "refuse: limit.hour"),
        (9, 20, "refuse: limit.disable-account limit.hour"),
        (u64::MAX, 0, "refuse: limit.disable-account limit.disable-account.share"),
    ] {
        world.done.set(done);
        world.all.set(all);
        assert_eq!(world.says(ACT, &guardrails), says, "{done} {all}");
        if says.starts_with("refuse") {
            assert_eq!(world.says(ANA, &guardrails), says, "nobody exceeds a limit");
        }
    }
    let small = World { population: Some(300), done: Cell::new(1), ..self::world() };
    assert_eq!(small.says(ANA, &guardrails), "refuse: limit.disable-account.share");
    let uncounted = World { population: None, ..self::world() };
    assert_eq!(uncounted.says(ACT, &guardrails), "ask: limit.disable-account.share");
    let address = World { target: target(EntityKind::Address, "203.0.113.9", "203.0.113.9"), ..uncounted };
    assert_eq!(World { verb: "block-address", ..address }.says(ACT, &guardrails), "run: autonomy policy.all");
}

#[test]
fn one_action_has_one_target() {
    let guardrails = guardrails(&[]);
    let named = |kind, id: &str, name: &str| World { target: target(kind, id, name), aliases: Vec::new(), ..world() };
    for id in ["", "*", "%", " - ", "all", "Everyone", "a*", "(uid=a)", "\u{200b}", "0.0.0.0/0", "10.0.0.0/8", "null", "a\nb"] {
        for by in [ACT, ANA] {
            assert!(named(EntityKind::User, id, "eva").says(by, &guardrails).starts_with("refuse: target"), "{id}");
            assert!(named(EntityKind::User, "1", id).says(by, &guardrails).starts_with("refuse: target"), "{id}");
        }
        assert!(World { undo: true, ..named(EntityKind::User, id, "eva") }.says(ANA, &guardrails).starts_with("refuse"), "{id}");
    }
    assert_eq!(named(EntityKind::Address, "object-7", "evil").says(ANA, &guardrails), "refuse: target");
    assert_eq!(named(EntityKind::Address, "203.0.113.7/32", "203.0.113.7").says(ANA, &guardrails), "ask: asks policy.all");
    let with = World { with: BTreeMap::from([("group".into(), " ".into())]), ..world() };
    assert_eq!(with.says(ANA, &guardrails), "refuse: target");
}

#[test]
fn a_pause_stops_everybody_and_no_undo() {
    let guardrails = guardrails(&[("protected.yaml", "people: [{ name: eva, owner: o, reason: r }]")]);
    for pause in [Pause::Off, Pause::EnrichmentOnly, Pause::RecommendOnly] {
        let paused = World { pause, done: Cell::new(99), ..world() };
        assert!(paused.says(ACT, &guardrails).starts_with("refuse: pause"));
        assert!(paused.says(ANA, &guardrails).starts_with("refuse: pause"));
        assert_eq!(World { undo: true, ..paused }.says(ANA, &guardrails), "run: undo");
    }
}

#[test]
fn a_freeze_leaves_people_alone_to_decide() {
    let text = "freezes: [{ name: year-end, from: 2026-03-01T00:00:00Z, until: 2026-03-02T00:00:00Z, owner: o, reason: r }]";
    let guardrails = guardrails(&[("freezes.yaml", text)]);
    assert_eq!(world().says(ACT, &guardrails), "refuse: freeze.year-end");
    assert_eq!(world().says(ANA, &guardrails), "ask: asks freeze.year-end policy.all");
    let after = World { now: Time::from_secs(1_772_409_600), ..world() };
    assert_eq!(after.says(ACT, &guardrails), "run: autonomy policy.all");
}

#[test]
fn who_must_approve_depends_on_whom_it_is_done_to() {
    let text = "requirements:\n\
        - { name: finance, fact: department, is: [Finance], needs: { role: 'owner:finance' }, reason: r }\n\
        - { name: vip, fact: vip, unknown: ask, needs: { role: 'owner:vip' }, reason: r }\n\
        - { name: wide, verbs: [isolate-host], needs: { role: lead, people: 2 }, reason: r }\n";
    let guardrails = guardrails(&[("approvals.yaml", text)]);
    let needs = |world: World| -> Vec<String> {
        let ruling = world.ruled(ANA, &guardrails);
        ruling.approvals.iter().map(|need| format!("{} {}", need.people, need.role)).collect()
    };
    let of = |facts: &[(&str, &str)]| World {
        facts: facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..world()
    };
    assert_eq!(needs(of(&[("department", "finance"), ("vip", "no")])), ["1 lead", "1 owner:finance"]);
    assert_eq!(needs(of(&[("department", "Sales"), ("vip", "yes")])), ["1 lead", "1 owner:vip"]);
    assert_eq!(needs(of(&[])), ["1 lead", "1 owner:finance"], "not known whether it is finance is as if it were");
    assert_eq!(needs(World { verb: "isolate-host", ..of(&[("department", "Sales"), ("vip", "no")]) }), ["2 lead"]);
    assert_eq!(of(&[("department", "Sales"), ("vip", "no")]).says(ACT, &guardrails), "run: autonomy policy.all");
    assert_eq!(of(&[("department", "Sales"), ("vip", "yes")]).says(ACT, &guardrails), "ask: approval.vip");
    assert_eq!(of(&[("department", "Sales")]).says(ACT, &guardrails), "ask: approval.vip");
}

#[test]
fn without_a_policy_people_decide() {
    let none = loaded(&[]);
    assert_eq!(world().says(ACT, &none), "ask: policy");
    assert_eq!(world().says(ANA, &none), "ask: asks policy");
    let nothing = loaded(&[SCHEMA, ("a.cedar", "@id(\"never\") forbid (principal, action, resource);")]);
    assert_eq!(world().says(ACT, &nothing), "refuse: policy.never");
    let other = loaded(&[SCHEMA, ("a.cedar", "permit (principal == Playbook::\"other\", action, resource);")]);
    assert_eq!(world().says(ACT, &other), "refuse: policy");
}

#[test]
fn a_forbid_that_cannot_be_told_holds() {
    let forbid = "forbid (principal, action == Action::\"run\", resource is User) when { resource.vip };";
    let guardrails = guardrails(&[("b.cedar", forbid)]);
    let with = |value: &str| World { facts: BTreeMap::from([("vip".into(), value.into())]), ..world() };
    assert_eq!(with("no").says(ACT, &guardrails), "run: autonomy policy.all");
    assert_eq!(with("yes").says(ACT, &guardrails), "ask: policy.all policy.b.1");
    for unknown in ["perhaps", "", "unknown", "stale"] {
        assert_eq!(with(unknown).says(ACT, &guardrails), "ask: policy.all policy.unknown", "{unknown}");
    }
    assert_eq!(world().says(ACT, &guardrails), "ask: policy.all policy.unknown");
    assert_eq!(World { groups: None, ..with("no") }.says(ACT, &guardrails), "refuse: protected.groups");
}

#[test]
fn the_shipped_policies_let_a_playbook_do_what_can_be_taken_back() {
    let shipped = ("acts.cedar", include_str!("../../../../book/guardrails/acts.cedar"));
    let guardrails = loaded(&[SCHEMA, shipped]);
    assert_eq!(world().says(ACT, &guardrails), "run: autonomy policy.playbooks-run");
    assert_eq!(World { verb: "block-domain", ..world() }.says(ACT, &guardrails), "ask: policy.playbooks-request");
    let host = |criticality: &str| World {
        verb: "isolate-host",
        target: target(EntityKind::Host, "1", "web01"),
        facts: BTreeMap::from([("criticality".into(), criticality.into())]),
        ..world()
    };
    assert_eq!(host("Low").says(ACT, &guardrails), "run: autonomy policy.playbooks-run");
    assert_eq!(host("Critical").says(ACT, &guardrails), "ask: policy.playbooks-request policy.critical-machines");
    assert_eq!(host("n/a").says(ACT, &guardrails), "ask: policy.playbooks-request policy.unknown");
}
