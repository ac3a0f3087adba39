//! The auditor finds what is planted.

use super::*;
use crate::acting::accounts::{Account, Accounts, VERBS};
use crate::acting::bench::{self, Bench, LEADS};
use crate::acting::clock::Clock;
use adjutant_hand::statement::Verb;
use adjutant_model::EntityKind;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a hand left that did one thing and took it back, and what the server wrote down.
struct Story {
    folder: tempfile::TempDir,
    effects: Vec<Effect>,
}

impl Story {
    fn new() -> Self {
        let clock = Clock::new();
        let accounts = Accounts::new(&clock, std::time::Duration::ZERO);
        accounts.put("u1", Account::default());
        let mut bench = Bench::new("directory", Arc::new(accounts), &clock).unwrap();
        let (plan, _) = bench.hand().plan(bench::draft(VERBS[0], EntityKind::User, "u1", BTreeMap::new())).unwrap();
        bench.say(LEADS[0], Verb::Approve, &plan.to_string()).unwrap();
        let is = |stage| crate::approvals::until(|| bench.actions(&[plan]).unwrap()[0].stage == stage, "it does not end");
        is(adjutant_model::Stage::Done).unwrap();
        bench.say(LEADS[1], Verb::Undo, &bench.actions(&[plan]).unwrap()[0].key).unwrap();
        is(adjutant_model::Stage::Undone).unwrap();
        bench.stop();
        let folder = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(bench.folder()).unwrap().flatten() {
            std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
        let left = read(&opened(folder.path()).unwrap()).unwrap();
        let seen = |undoes| left.begun(&left.actions[0], undoes).unwrap();
        let effect = |undoes, says: &str| Effect { target: "u1".into(), undoes, says: says.into(), seen: seen(undoes) };
        let effects = vec![effect(false, "off"), effect(true, "on")];
        Self { folder, effects }
    }

    fn audit(&self) -> Findings {
        let signers: Vec<_> = LEADS.iter().map(|lead| bench::signer(lead)).collect();
        audit(self.folder.path(), &self.effects, &signers).unwrap()
    }

    /// Changes the file that the hand left.
    fn plant(self, sql: &str) -> Self {
        let file = Connection::open(self.folder.path().join("hand.db")).unwrap();
        assert!(file.execute(sql, []).unwrap() > 0, "{sql} changes nothing");
        self
    }

    #[track_caller]
    fn finds(&self, second_effects: u64, without_permit: u64, unclear_left: u64) {
        let found = self.audit();
        let counts = (found.second_effects, found.without_permit, found.unclear_left);
        assert_eq!(counts, (second_effects, without_permit, unclear_left), "{found:?}");
    }
}

#[test]
fn what_is_in_order_is_found_in_order() {
    Story::new().finds(0, 0, 0);
}

#[test]
fn a_second_effect_is_found() {
    for nth in [0, 1] {
        let mut story = Story::new();
        story.effects.push(Effect { seen: u64::MAX, ..story.effects[nth].clone() });
        story.finds(1, 0, 0);
    }
}

#[test]
fn an_effect_before_its_intent_was_durable_is_found() {
    for nth in [0, 1] {
        let mut story = Story::new();
        story.effects[nth].seen -= 1;
        story.finds(0, 1, 0);
    }
}

#[test]
fn an_effect_on_somebody_else_is_found() {
    let mut story = Story::new();
    story.effects.push(Effect { target: "u2".into(), ..story.effects[0].clone() });
    story.finds(0, 1, 0);
}

#[test]
fn an_approval_that_is_missing_changed_or_of_something_else_is_found() {
    let approval = "kind = 'approve'";
    Story::new().plant(&format!("DELETE FROM journal WHERE {approval}")).finds(0, 1, 0);
    Story::new().plant("DELETE FROM journal WHERE kind = 'undo'").finds(0, 1, 0);
    let changed = "UPDATE journal SET body = replace(body, 'nonce ', 'nonce 0') WHERE ";
    Story::new().plant(&format!("{changed} {approval}")).finds(0, 1, 0);
    // Whoever asked for it signs for it, and a name of those who may is put over it.
    Story::new()
        .plant(&format!("UPDATE journal SET body = replace(body, '\u{2014} bo', '\u{2014} cy') WHERE {approval}"))
        .finds(0, 1, 0);
    // It came after the intent.
    Story::new().plant(&format!("UPDATE journal SET seq = 1000 WHERE {approval}")).finds(0, 1, 0);
}

#[test]
fn a_plan_that_is_not_the_one_that_was_approved_is_found() {
    Story::new().plant("UPDATE plan SET body = replace(body, '\"case\":\"trial\"', '\"case\":\"other\"')").finds(0, 2, 0);
    Story::new().plant("UPDATE action SET body = replace(body, 'disable-account', 'delete-account')").finds(0, 2, 0);
}

#[test]
fn an_intent_without_reasons_or_without_the_state_before_is_found() {
    let intent = "WHERE kind = 'stage' AND json_extract(body, '$.is') = 'intended'";
    Story::new().plant(&format!("UPDATE journal SET body = json_set(body, '$.says', '') {intent}")).finds(0, 1, 0);
    Story::new().plant(&format!("UPDATE journal SET body = json_set(body, '$.before', null) {intent}")).finds(0, 1, 0);
}

#[test]
fn who_does_not_know_for_too_long_is_found() {
    let done = "kind = 'stage' AND json_extract(body, '$.is') = 'done'";
    let unclear = format!("UPDATE journal SET body = json_set(body, '$.is', 'unclear') WHERE {done}");
    // The next that is known of it is that it is being taken back.
    Story::new().plant(&unclear).finds(0, 0, 0);
    let late = "UPDATE journal SET at = at + 61000000 WHERE kind = 'stage' AND json_extract(body, '$.is') = 'undoing'";
    Story::new().plant(&unclear).plant(late).finds(0, 0, 1);
    Story::new().plant("DELETE FROM journal WHERE kind = 'stage' AND json_extract(body, '$.is') = 'undone'").finds(0, 0, 1);
}
