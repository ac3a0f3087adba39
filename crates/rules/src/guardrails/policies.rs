//! Policies in Cedar: what may be done, and what may be asked for, beside what is built in.
//!
//! Cedar answers yes or no and knows no *ask*. So it is asked twice: may this run, may it be requested. Cedar also skips a
//! `forbid` that cannot be evaluated; here whatever could not be evaluated is told, and the guard holds.
//!
//! INVARIANT: a fact that is not known is left out, so that a policy that needs it fails rather than takes it for no.

mod load;

pub(super) use load::load;

use super::{identity, says_nothing, truth};
use adjutant_model::EntityKind;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

/// The policies of a book.
pub struct Policies {
    set: PolicySet,
    authorizer: Authorizer,
    types: BTreeMap<&'static str, EntityTypeName>,
    facts: Facts,
    /// What any policy reads of a thing: nothing else is told, because telling takes longer than ruling.
    read: BTreeSet<String>,
}

/// The facts that the schema declares, by the name of the kind of thing.
type Facts = BTreeMap<&'static str, BTreeMap<String, Declared>>;

/// What a fact is declared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Declared {
    Text,
    Truth,
    Number,
}

/// Who wants it.
#[derive(Clone, Copy, Debug)]
pub enum Principal<'a> {
    /// A playbook, on this rung: 0 is the lowest.
    Playbook(&'a str, i64),
    /// A person with these roles.
    Person(&'a str, &'a [String]),
}

/// What policies are asked about.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Who wants it.
    pub principal: Principal<'a>,
    /// What would be done.
    pub verb: &'a str,
    /// By which connector.
    pub connector: &'a str,
    /// The hour of the week in UTC.
    pub hour: u8,
    /// To what kind of thing.
    pub kind: EntityKind,
    /// What identifies it.
    pub id: &'a str,
    /// How people know it.
    pub name: &'a str,
    /// Its groups; none when they are not known.
    pub groups: Option<&'a [String]>,
    /// What is known of it.
    pub facts: &'a BTreeMap<String, String>,
}

/// What may be done without asking, or asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// Done.
    Run,
    /// Asked for.
    Request,
}

/// What the policies say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opinion {
    /// Whether a policy permits it and none forbids it.
    pub allowed: bool,
    /// The names of the policies that decided.
    pub reasons: Vec<String>,
    /// The policies that could not be told, each with why.
    pub errors: Vec<String>,
}

/// A question, ready to be put.
pub struct Prepared<'p> {
    policies: &'p Policies,
    principal: EntityUid,
    resource: EntityUid,
    context: Context,
    entities: Entities,
}

/// The names that kinds of things have in policies.
const fn type_of(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::User => "User",
        EntityKind::Host => "Host",
        EntityKind::Address => "Address",
        EntityKind::Domain => "Domain",
        EntityKind::Url => "Url",
        EntityKind::File => "File",
        EntityKind::Mailbox => "Mailbox",
        EntityKind::Message => "Message",
        EntityKind::Resource => "Resource",
        EntityKind::Device => "Device",
        EntityKind::Case => "Case",
    }
}

/// Every type of entity that policies know.
const TYPES: [&str; 14] = [
    "User", "Host", "Address", "Domain", "Url", "File", "Mailbox", "Message", "Resource", "Device", "Case", "Playbook", "Person",
    "Action",
];

/// Attributes that are no facts.
const GIVEN: [&str; 3] = ["id", "name", "groups"];

impl Policies {
    fn new(set: PolicySet, facts: Facts, read: BTreeSet<String>) -> Self {
        let types = TYPES.iter().filter_map(|name| Some((*name, name.parse().ok()?))).collect();
        Self { set, authorizer: Authorizer::new(), types, facts, read }
    }

    /// Makes `question` ready to be put; none when Cedar cannot take it, which allows nothing.
    pub fn prepare(&self, question: &Question<'_>) -> Option<Prepared<'_>> {
        let (principal, attributes) = match question.principal {
            Principal::Playbook(name, rung) => {
                (self.uid("Playbook", name)?, HashMap::from([("rung".to_owned(), RestrictedExpression::new_long(rung))]))
            }
            Principal::Person(name, roles) => {
                let roles = roles.iter().map(|role| text(role));
                (self.uid("Person", name)?, HashMap::from([("roles".to_owned(), RestrictedExpression::new_set(roles))]))
            }
        };
        let resource = self.uid(type_of(question.kind), question.id)?;
        let entities = [
            Entity::new(principal.clone(), attributes, HashSet::new()).ok()?,
            Entity::new(resource.clone(), self.attributes(question), HashSet::new()).ok()?,
        ];
        let context = Context::from_pairs([
            ("verb".to_owned(), text(question.verb)),
            ("connector".to_owned(), text(question.connector)),
            ("hour".to_owned(), RestrictedExpression::new_long(i64::from(question.hour))),
        ]);
        let entities = Entities::from_entities(entities, None).ok()?;
        Some(Prepared { policies: self, principal, resource, context: context.ok()?, entities })
    }

    fn uid(&self, type_name: &str, id: &str) -> Option<EntityUid> {
        Some(EntityUid::from_type_name_and_id(self.types.get(type_name)?.clone(), EntityId::new(id)))
    }

    /// What is known of the thing, of what the schema declares.
    fn attributes(&self, question: &Question<'_>) -> HashMap<String, RestrictedExpression> {
        let mut attributes = HashMap::from([("id".to_owned(), text(question.id)), ("name".to_owned(), text(question.name))]);
        if let Some(groups) = question.groups.filter(|_| self.read.contains("groups")) {
            let mut forms = BTreeSet::new();
            for group in groups {
                identity::account(group, &mut |form| {
                    forms.insert(form.to_owned());
                });
            }
            let forms = forms.into_iter().map(RestrictedExpression::new_string);
            attributes.insert("groups".to_owned(), RestrictedExpression::new_set(forms));
        }
        for (name, declared) in self.facts.get(type_of(question.kind)).into_iter().flatten() {
            let value = question.facts.get(name).filter(|value| self.read.contains(name) && !says_nothing(value));
            if let Some(value) = value.and_then(|value| declared.value(value)) {
                attributes.insert(name.clone(), value);
            }
        }
        attributes
    }
}

impl Declared {
    /// The fact's value; none where `text` is no such thing, so that it is not known.
    fn value(self, text_of_it: &str) -> Option<RestrictedExpression> {
        match self {
            Declared::Text => Some(text(text_of_it)),
            Declared::Truth => truth(text_of_it).map(RestrictedExpression::new_bool),
            Declared::Number => text_of_it.trim().parse().ok().map(RestrictedExpression::new_long),
        }
    }
}

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(identity::clean(text))
}

impl Prepared<'_> {
    /// What the policies say to `may`. Whatever goes wrong allows nothing.
    pub fn ask(&self, may: May) -> Opinion {
        let action = if may == May::Run { "run" } else { "request" };
        let request = self.policies.uid("Action", action).and_then(|action| {
            Request::new(self.principal.clone(), action, self.resource.clone(), self.context.clone(), None).ok()
        });
        let Some(request) = request else {
            return Opinion { errors: vec!["the question cannot be put".into()], ..Opinion::default() };
        };
        let response = self.policies.authorizer.is_authorized(&request, &self.policies.set, &self.entities);
        let told = response.diagnostics();
        let mut reasons: Vec<String> = told.reason().map(ToString::to_string).collect();
        let mut errors: Vec<String> = told.errors().map(brief).collect();
        // Cedar keeps both in no order.
        reasons.sort();
        errors.sort();
        Opinion { allowed: response.decision() == Decision::Allow, reasons, errors }
    }
}

/// An error in one line that is not too long.
fn brief(error: &cedar_policy::AuthorizationError) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or("").chars().take(240).collect()
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policies").field("policies", &self.set.num_of_policies()).finish_non_exhaustive()
    }
}
