//! The clauses that are built in. Each says how much it leaves of what is asked; none of them can widen what another leaves.

use super::{Asked, By, Found, Spent};
use adjutant_model::act::{Answer, Need, TEXT_BYTES_MAX};
use adjutant_model::{Addr, Autonomy, Duration, EntityKind};
use adjutant_rules::guardrails::{
    ANYTHING, Approvals, Compare, Entry, FactEntry, Freeze, Limits, Means, Protected, compared, identity, says_nothing,
    targets_of,
};
use adjutant_rules::lang::parse_net;
use adjutant_rules::playbook::{Changes, VERBS, Verb};

/// Words that mean everybody.
const EVERYBODY: [&str; 7] = ["all", "any", "everyone", "everybody", "everything", "everywhere", "authenticated users"];

/// One action has one target. A name of nobody is an empty selection, and an empty selection must never become everything.
pub(super) fn one_target(asked: &Asked<'_>, found: &mut Found) {
    let target = asked.subject.target;
    let mut refuse = |what: &str, why: &str| {
        found.says(Answer::Refuse, "target", || format!("its {what} {why}"));
    };
    if *target != asked.action.target {
        refuse("target", "is not the one that was read");
    }
    for (what, text) in [("identifier", &target.id), ("name", &target.name)] {
        if let Some(why) = not_one(target.kind, text) {
            refuse(what, why);
        }
    }
    if target.kind == EntityKind::Address && names(asked).all(|name| identity::addresses(name)[0].is_none()) {
        refuse("names", "hold no address, so that it cannot be compared with the protected networks");
    }
    for (name, value) in &asked.action.with {
        if let Some(why) = not_one(EntityKind::Resource, value) {
            refuse(name, why);
        }
    }
    for (name, text) in &asked.action.texts {
        if text.len() > TEXT_BYTES_MAX || text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            refuse(name, "is too long or no plain text");
        }
    }
    if asked.action.verb.trim().is_empty() {
        refuse("verb", "is empty");
    }
}

/// Why `text` does not name exactly one thing, if so.
fn not_one(kind: EntityKind, text: &str) -> Option<&'static str> {
    let clean = identity::clean(text);
    if text.chars().any(char::is_control) {
        return Some("holds control characters");
    }
    if says_nothing(&clean) {
        return Some("names nobody");
    }
    let quoted = matches!(kind, EntityKind::Url | EntityKind::Message | EntityKind::File);
    if EVERYBODY.contains(&clean.as_str()) || clean.chars().all(|c| "*?%._-/\\@:;,".contains(c)) {
        return Some("names everybody");
    }
    if !quoted && (clean.contains('*') || clean.starts_with('(') && clean.contains('=')) {
        return Some("is a pattern");
    }
    let network = parse_net(&clean).is_some_and(|net| net.prefix_len() < net.max_prefix_len());
    (!quoted && network).then_some("is a network")
}

/// Everything that the target is called.
fn names<'a>(asked: &Asked<'a>) -> impl Iterator<Item = &'a str> {
    let target = asked.subject.target;
    [target.id.as_str(), target.name.as_str()].into_iter().chain(asked.subject.aliases.iter().map(String::as_str))
}

/// While anything is paused nothing is done, whoever asks.
pub(super) fn pause(asked: &Asked<'_>, spent: &dyn Spent, found: &mut Found) {
    let playbook = match asked.by {
        By::Playbook(name, _) => name,
        // A person is stopped by what stops everything.
        By::Person(..) => "",
    };
    if spent.pause(playbook).leaves() < Autonomy::Ask {
        found.says(Answer::Refuse, "pause", || "acting is paused".into());
    }
}

/// How far whoever asks may go.
pub(super) fn asks(asked: &Asked<'_>, found: &mut Found) {
    match asked.by {
        By::Playbook(name, _) | By::Person(name, _) if says_nothing(name) => {
            found.says(Answer::Refuse, "asks", || "nobody asks for it".into());
        }
        By::Person(name, _) => found.says(Answer::Ask, "asks", || format!("{name} asks for it, and others approve it")),
        By::Playbook(name, Autonomy::Act) => {
            found.says(Answer::Run, "autonomy", || format!("playbook {name} may do it by itself"));
        }
        By::Playbook(name, Autonomy::Ask) => {
            found.says(Answer::Ask, "autonomy", || format!("playbook {name} asks people first"));
        }
        By::Playbook(name, below) => {
            found
                .says(Answer::Refuse, "autonomy", || format!("playbook {name} may only {}, so a person has to ask", rung(below)));
        }
    }
}

const fn rung(below: Autonomy) -> &'static str {
    match below {
        Autonomy::Observe => "observe",
        Autonomy::Recommend | Autonomy::Ask | Autonomy::Act => "recommend it",
    }
}

/// Nobody touches what is protected. What may be protected, as far as anybody can tell, no playbook touches.
pub(super) fn protected(asked: &Asked<'_>, protected: &Protected, found: &mut Found) {
    let refuse = |found: &mut Found, name: &str, entry: &Entry| {
        let clause = format!("protected.{}", entry.section.name());
        found.says(Answer::Refuse, clause, || format!("{name} is protected ({}): {}", entry.owner, entry.reason));
    };
    for how in compared(asked.subject.target.kind) {
        for name in names(asked) {
            if let Some(entry) = protected.find(name, *how) {
                refuse(found, name, entry);
            }
        }
    }
    for value in asked.action.with.values() {
        for entry in ANYTHING.iter().filter_map(|how| protected.find(value, *how)) {
            refuse(found, value, entry);
        }
    }
    for group in groups(asked).unwrap_or_default() {
        if let Some(entry) = protected.find(group, Compare::Group) {
            refuse(found, &format!("a member of {group}"), entry);
        }
    }
    may_be_protected(asked, protected, found);
}

/// The groups for which a target may be protected. They protect what an account may do; whoever is told something keeps all of
/// that, and belongs to none.
fn groups<'a>(asked: &Asked<'a>) -> Option<&'a [String]> {
    let tells = |verb: &Verb| verb.name == asked.action.verb && verb.changes == Changes::Nothing;
    if VERBS.iter().any(tells) { Some(&[]) } else { asked.subject.groups }
}

fn may_be_protected(asked: &Asked<'_>, protected: &Protected, found: &mut Found) {
    let automation = matches!(asked.by, By::Playbook(..));
    let kind = asked.subject.target.kind;
    let account = matches!(kind, EntityKind::User | EntityKind::Mailbox);
    if account && groups(asked).is_none() && protected.has_groups() {
        let leaves = if automation { Answer::Refuse } else { Answer::Ask };
        found.says(leaves, "protected.groups", || "its groups are not known, and groups are protected".into());
    }
    let addressed = || names(asked).flat_map(identity::addresses).flatten().any(|_: Addr| true);
    if kind == EntityKind::Host && protected.has_networks() && !addressed() {
        found.says(Answer::Ask, "protected.subnets", || "its address is not known, and networks are protected".into());
    }
}

/// What is protected for what is true of it.
pub(super) fn facts(asked: &Asked<'_>, protected: &Protected, found: &mut Found) {
    let subject = asked.subject;
    for entry in protected.facts.iter().filter(|entry| entry.is_about(subject.target.kind)) {
        let value = subject.facts.get(&entry.fact).map(String::as_str);
        match entry.says(value) {
            Some(true) => {
                let says = || format!("its {} is {} ({}): {}", entry.fact, value.unwrap_or(""), entry.owner, entry.reason);
                found.says(Answer::Refuse, clause_of(entry), says);
            }
            Some(false) => {}
            // What nobody states is no reason by itself, unless the file needs it; what is stated and cannot be read is one.
            None if value.is_some() || entry.needed => {
                found.says(Answer::Ask, clause_of(entry), || format!("whether it is {} is not known", entry.fact));
            }
            None => {}
        }
    }
}

fn clause_of(entry: &FactEntry) -> String {
    format!("protected.facts.{}", entry.fact)
}

/// Nobody exceeds a limit. What share of all such things it would be must be known before a playbook acts by itself.
pub(super) fn limits(asked: &Asked<'_>, limits: &Limits, spent: &dyn Spent, found: &mut Found) {
    let verb = asked.action.verb.as_str();
    let kind = asked.subject.target.kind;
    let limit = limits.of(verb);
    let ago = |window: Duration| asked.now.plus(Duration(window.0.saturating_neg()));
    let done = spent.count(Some(verb), ago(limit.window));
    let reached = |most: u64, window: Duration, done: u64| {
        move || format!("{done} targets in the last {window}, and at most {most} are allowed")
    };
    if done >= limit.targets {
        found.says(Answer::Refuse, format!("limit.{verb}"), reached(limit.targets, limit.window, done));
    }
    match limit.share_of(kind).map(|share| (share, spent.population(kind))) {
        Some((share, Some(population))) => {
            let most = targets_of(share, population);
            if done >= most {
                found.says(Answer::Refuse, format!("limit.{verb}.share"), reached(most, limit.window, done));
            }
        }
        Some((_, None)) => {
            let says = || format!("how many {kind}s there are is not known, so that no share of them can be allowed");
            found.says(Answer::Ask, format!("limit.{verb}.share"), says);
        }
        None => {}
    }
    // What only tells has a limit of its own: tickets must not use up what contains.
    if VERBS.iter().any(|known| known.name == verb && known.changes.only_tells()) {
        return;
    }
    let hour = Duration::from_hours(1);
    let all = spent.count(None, ago(hour));
    if all >= limits.hour {
        found.says(Answer::Refuse, "limit.hour", reached(limits.hour, hour, all));
    }
}

/// In a freeze people decide, and no playbook does.
pub(super) fn freezes(asked: &Asked<'_>, freezes: &[Freeze], found: &mut Found) {
    let leaves = if matches!(asked.by, By::Playbook(..)) { Answer::Refuse } else { Answer::Ask };
    for freeze in freezes.iter().filter(|freeze| freeze.stops(&asked.action.verb, asked.now)) {
        let says = || format!("changes are frozen ({}): {}", freeze.owner, freeze.reason);
        found.says(leaves, format!("freeze.{}", freeze.name), says);
    }
}

/// Who must approve. Where a requirement applies, or where it is not known whether it does, people are asked.
pub(super) fn approvals(asked: &Asked<'_>, approvals: &Approvals, found: &mut Found) -> Vec<Need> {
    let mut needs = vec![approvals.always.clone()];
    let kind = asked.subject.target.kind;
    for requirement in approvals.requirements.iter().filter(|one| one.is_about(&asked.action.verb, kind)) {
        let fact = requirement.fact.as_deref().unwrap_or("");
        let says = requirement.says(asked.subject.facts.get(fact).map(String::as_str));
        if says == Some(false) {
            continue;
        }
        let known = says.is_some();
        found.says(Answer::Ask, format!("approval.{}", requirement.name), || match known {
            true => requirement.reason.clone(),
            false => format!("its {fact} is not known: {}", requirement.reason),
        });
        if known || requirement.unknown == Means::Needs {
            needs.push(requirement.needs.clone());
        }
    }
    merged(needs)
}

/// Each role once, with the most people that anything asks of it.
fn merged(mut needs: Vec<Need>) -> Vec<Need> {
    needs.sort_by(|a, b| a.role.cmp(&b.role).then(b.people.cmp(&a.people)));
    needs.dedup_by(|later, first| later.role == first.role);
    needs
}
