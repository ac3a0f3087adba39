//! What a hostile brain sends.

use super::{ALONE, ORDINARY, Siege};
use crate::acting::accounts::VERBS;
use crate::acting::bench::{self, LEADS};
use crate::approvals::until;
use crate::dice::Dice;
use crate::guard::world;
use adjutant_hand::protocol::{LINE_BYTES_MAX, Reply, Request};
use adjutant_hand::{Draft, Wish};
use adjutant_model::act::OnFailure;
use adjutant_model::{Autonomy, EntityKind};
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

/// Names under which the protected of the trial are known.
const NAMES: [&str; 8] = ["chief", "twin", "C.Hief@corp.example", "admin7", "deputy", r"CORP\chief", "krbtgt", "da"];
/// Plans that are sent at once.
const AT_ONCE: usize = 12;

impl Siege {
    /// One attack.
    pub(super) fn attack(&mut self, dice: &mut Dice) -> Result<()> {
        match dice.below(12) {
            0 => self.protected(dice),
            1 => self.forged(dice),
            2 => self.replayed(dice),
            3 => self.at_once(dice),
            4 => self.alone(dice),
            5 => self.lies(dice),
            6 => self.undo(dice),
            7 => self.resume(dice),
            8 => self.malformed(dice),
            9 => self.reordered(dice),
            10 => self.many_steps(dice),
            _ => self.crowd(dice),
        }
    }

    fn plan(&self, draft: Draft) -> Result<Option<adjutant_model::Digest>> {
        Ok(match self.ask(&Request::Plan { draft })? {
            Reply::Plan(shown) => Some(shown.digest),
            _ => None,
        })
    }

    fn hear(&self, note: String) -> Result<()> {
        self.ask(&Request::Hear { note }).map(drop)
    }

    /// What is protected, under every name, with every claim.
    fn protected(&self, dice: &mut Dice) -> Result<()> {
        let name = if dice.once_in(2) { dice.one(&NAMES).to_owned() } else { world::spelled_account("chief", dice) };
        let draft = Draft { by: claimed(dice), ..draft(dice.one(&VERBS), &name, dice) };
        if let Some(plan) = self.plan(draft)? {
            self.hear(self.note(dice).replace(&self.elsewhere.good.to_string(), &plan.to_string()))?;
        }
        Ok(())
    }

    /// Whatever does not count as an approval, of a plan that waits.
    fn forged(&self, dice: &mut Dice) -> Result<()> {
        if let Some(plan) = self.plan(draft(VERBS[0], &ordinary(dice), dice))? {
            // People of the same names signed that for another installation; and the digest is changed.
            let note = self.note(dice);
            self.hear(note.replace(&self.elsewhere.good.to_string(), &plan.to_string()))?;
            self.hear(note)?;
        }
        Ok(())
    }

    fn note(&self, dice: &mut Dice) -> String {
        String::from_utf8_lossy(&self.elsewhere.forged(dice).0).into_owned()
    }

    /// Notes that people signed for something else.
    fn replayed(&self, dice: &mut Dice) -> Result<()> {
        let Some(plan) = self.plan(draft(VERBS[0], &ordinary(dice), dice))? else { return Ok(()) };
        let Some(note) = self.notes.get(dice.below(self.notes.len().max(1))) else { return Ok(()) };
        self.hear(note.clone())?;
        let lines: Vec<&str> = note.lines().collect();
        let about = lines.get(1).copied().unwrap_or_default();
        self.hear(note.replacen(about, &plan.to_string(), 1))?;
        self.hear(note.replacen("adjutant deny", "adjutant approve", 1).replacen("adjutant resume", "adjutant approve", 1))
    }

    /// Plans on the limit's edge, all at once.
    fn at_once(&self, dice: &mut Dice) -> Result<()> {
        let drafts: Vec<Draft> = (0..AT_ONCE).map(|_| alone(&ordinary(dice))).collect();
        thread::scope(|scope| {
            let asked: Vec<_> = drafts.into_iter().map(|draft| scope.spawn(|| self.plan(draft).map(drop))).collect();
            asked.into_iter().try_for_each(|asked| asked.join().unwrap_or(Ok(())))
        })
    }

    /// What a playbook may do by itself, claimed for other verbs, playbooks and targets.
    fn alone(&self, dice: &mut Dice) -> Result<()> {
        let playbook = dice.one(&[ALONE.0, "Suspicious-Login", "", "malware-host"]);
        let draft = Draft { playbook: playbook.into(), ..draft(dice.one(&VERBS), &ordinary(dice), dice) };
        self.plan(draft).map(drop)
    }

    /// A plan that says of itself what is the hand's to say.
    fn lies(&self, dice: &mut Dice) -> Result<()> {
        let mut request = serde_json::to_value(Request::Plan { draft: draft(VERBS[0], &ordinary(dice), dice) })?;
        let (field, value) = match dice.below(8) {
            0 => ("approved", json!(true)),
            1 => ("target", json!({ "kind": "user", "id": "chief", "name": "u1" })),
            2 => ("ruling", json!({ "answer": "run", "clauses": [] })),
            3 => ("epoch", json!(99)),
            4 => ("autonomy", json!("god")),
            5 => ("groups", json!([])),
            6 => ("connector", json!("directory")),
            _ => ("nonce", json!("0")),
        };
        match dice.once_in(2) {
            true => request["draft"][field] = value,
            false => request["draft"]["steps"][0][field] = value,
        }
        self.raw(&[request.to_string().as_bytes(), b"\n"].concat())
    }

    /// Takes back what nobody wants back, and what was never done.
    fn undo(&self, dice: &mut Dice) -> Result<()> {
        let Reply::Actions { actions } = self.effective()? else { return Ok(()) };
        let key = actions.get(dice.below(actions.len().max(1))).map_or_else(|| "ab".repeat(16), |action| action.key.clone());
        let good = self.elsewhere.good.to_string();
        self.hear(self.note(dice).replace("approve", "undo").replace(&good, &key))?;
        let Some(note) = self.notes.get(dice.below(self.notes.len().max(1))) else { return Ok(()) };
        let about = note.lines().nth(1).unwrap_or_default();
        self.hear(note.replacen("approve", "undo", 1).replacen(about, &key, 1))
    }

    fn effective(&self) -> Result<Reply> {
        self.ask(&Request::Effective { case: "trial".into(), playbook: String::new(), since: 0 })
    }

    /// Pauses, which it may, and resumes, which it may not.
    fn resume(&self, dice: &mut Dice) -> Result<()> {
        let Reply::Paused { pause, .. } = self.ask(&Request::Pause { by: LEADS[0].into() })? else { return Ok(()) };
        let good = self.elsewhere.good.to_string();
        for _ in 0..3 {
            self.hear(self.note(dice).replace("approve", "resume").replace(&good, &pause))?;
        }
        self.notes.iter().filter(|note| note.contains("resume")).try_for_each(|note| self.hear(note.clone()))?;
        // While it is paused nothing runs by itself either.
        self.plan(alone(&ordinary(dice)))?;
        if !dice.once_in(4) {
            self.people_resume()?;
        }
        Ok(())
    }

    /// Bytes that are no request.
    fn malformed(&self, dice: &mut Dice) -> Result<()> {
        let deep = "[".repeat(100_000);
        let bytes: Vec<u8> = match dice.below(9) {
            0 => vec![b'x'; LINE_BYTES_MAX as usize + 1],
            1 => deep.into_bytes(),
            2 => vec![0xff; 4096],
            3 => b"{\"ask\":\"plan\"".to_vec(),
            4 => b"{\"ask\":\"act\",\"key\":\"1\"}\n{\"ask\":\"permit\"}\n".to_vec(),
            5 => (0..4096).map(|_| dice.roll() as u8).collect(),
            6 => format!("{{\"ask\":\"hear\",\"note\":\"{}\"}}\n", "\\u0000".repeat(50_000)).into_bytes(),
            7 => b"\n\n\n".to_vec(),
            _ => format!("{{\"ask\":\"show\",\"plan\":\"{}\"}}\n", "' OR 1=1 --").into_bytes(),
        };
        self.raw(&bytes)
    }

    /// Requests in pieces, several at once, and answers before questions.
    fn reordered(&self, dice: &mut Dice) -> Result<()> {
        let request = |draft| serde_json::to_vec(&Request::Plan { draft }).map(|bytes| [bytes.as_slice(), b"\n"].concat());
        let note = serde_json::to_vec(&Request::Hear { note: self.note(dice) })?;
        let all = [note.as_slice(), b"\n", &request(draft(VERBS[0], &ordinary(dice), dice))?, &request(alone(&ordinary(dice)))?];
        let bytes = all.concat();
        let reply = json!({ "answer": "heard", "heard": { "heard": "approved" } }).to_string();
        let (first, rest) = bytes.split_at(dice.below(bytes.len()));
        self.raw(&[reply.as_bytes(), b"\n"].concat())?;
        let mut stream = UnixStream::connect(self.socket())?;
        stream.write_all(first)?;
        self.plan(draft(VERBS[0], &ordinary(dice), dice))?;
        // It may have been closed after the first piece.
        let _ = stream.write_all(rest);
        drained(&stream)
    }

    /// Someone protected among others, and more targets than a limit allows in one plan.
    fn many_steps(&self, dice: &mut Dice) -> Result<()> {
        let mut draft = alone(&ordinary(dice));
        let wish = |name: String| Wish { name, ..draft.steps[0].clone() };
        draft.steps = (0..1 + dice.below(24)).map(|nth| wish(if nth == 3 { "chief".into() } else { ordinary(dice) })).collect();
        draft.on_failure = dice.one(&[OnFailure::Stop, OnFailure::Undo, OnFailure::Hold]);
        self.plan(draft).map(drop)
    }

    /// More connections than it takes, all silent; the next must still be answered once they are gone.
    fn crowd(&self, dice: &mut Dice) -> Result<()> {
        if !dice.once_in(8) {
            return self.alone(dice);
        }
        let crowd: Vec<_> = (0..80).map_while(|_| UnixStream::connect(self.socket()).ok()).collect();
        drop(crowd);
        let all_answered = || {
            thread::scope(|scope| {
                let asked: Vec<_> = (0..AT_ONCE + 4).map(|_| scope.spawn(|| self.ask(&Request::Keys).is_ok())).collect();
                asked.into_iter().all(|asked| asked.join().unwrap_or(false))
            })
        };
        until(all_answered, "it does not answer after a crowd")
    }

    fn raw(&self, bytes: &[u8]) -> Result<()> {
        let mut stream = UnixStream::connect(self.socket())?;
        // It may close before it has read everything.
        let _ = stream.write_all(bytes);
        drained(&stream)
    }
}

/// Reads to the end of what is answered.
fn drained(stream: &UnixStream) -> Result<()> {
    let _ = stream.shutdown(Shutdown::Write);
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut answer = Vec::new();
    let _ = { stream }.read_to_end(&mut answer);
    for line in answer.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let answer: Value = serde_json::from_slice(line)?;
        anyhow::ensure!(answer["answer"].is_string(), "it answers what is no answer: {answer}");
    }
    Ok(())
}

fn ordinary(dice: &mut Dice) -> String {
    let nth = dice.below(ORDINARY);
    if dice.once_in(2) { format!("u{nth}") } else { format!("U{nth}@CORP.example") }
}

fn claimed(dice: &mut Dice) -> String {
    dice.one(&["", "bo", "cy", "ana", "root", "adjutant"]).to_owned()
}

fn draft(verb: &str, name: &str, dice: &mut Dice) -> Draft {
    let autonomy = dice.one(&[Autonomy::Act, Autonomy::Act, Autonomy::Ask, Autonomy::Recommend]);
    Draft { by: claimed(dice), autonomy, ..bench::draft(verb, EntityKind::User, name, BTreeMap::new()) }
}

/// What the settings let the playbook do.
fn alone(name: &str) -> Draft {
    Draft { autonomy: Autonomy::Act, ..bench::draft(ALONE.1, EntityKind::User, name, BTreeMap::new()) }
}
