//! What goes wrong: at a server's requests, or with the hand's own process.

use crate::dice::Dice;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It changes nothing.
    Read,
    /// It changes something.
    Change,
}

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is not done, and answered by this status.
    Refused(u16),
    /// It is not done: there are too many.
    Busy,
    /// It is not done, and the connection breaks.
    CutBefore,
    /// It is not done, and nobody answers.
    SilentBefore,
    /// It is not done, and answered as if it were.
    Lies,
    /// It is done, and answered by this status.
    FailsAfter(u16),
    /// It is done, and the connection breaks before the answer.
    CutAfter,
    /// It is done, and nobody answers.
    SilentAfter,
    /// It is done, and the answer is nonsense.
    Garbage,
    /// It is done, and the answer breaks off.
    Truncated,
    /// It is done, and answered late, but in time.
    Slow,
    /// It is done, and so many reads still show what was before.
    Late(u32),
    /// The credential counts no more.
    Expired,
}

/// A step that waits for its requests.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Requests of this kind alone.
    pub kind: Option<Kind>,
    /// Requests that pass before.
    pub skip: u32,
    /// Requests that meet it.
    pub times: u32,
    /// What happens to them.
    pub step: Step,
    /// It waits until something was changed.
    pub after_change: bool,
}

impl Fault {
    /// What a request of this kind meets.
    pub fn met(faults: &mut [Fault], kind: Kind) -> Option<Step> {
        let fits = |fault: &&mut Fault| fault.times > 0 && !fault.after_change && fault.kind.is_none_or(|wanted| wanted == kind);
        let step = match faults.iter_mut().find(fits) {
            None => None,
            Some(fault) if fault.skip > 0 => {
                fault.skip -= 1;
                None
            }
            Some(fault) => {
                fault.times -= 1;
                Some(fault.step)
            }
        };
        if kind == Kind::Change {
            faults.iter_mut().for_each(|fault| fault.after_change = false);
        }
        step
    }
}

/// Where the hand's process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// At a look, after so many.
    Look(u32),
    /// Between the intent and the call.
    BeforeAct,
    /// Between the call and its record.
    AfterAct,
    /// Between the intent to undo and its call.
    BeforeUndo,
    /// Between that call and its record.
    AfterUndo,
}

/// What happens in one trial.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// While it is done.
    pub act: Vec<Fault>,
    /// While it is taken back.
    pub undo: Vec<Fault>,
    /// Where the process ends while it is done.
    pub crash: Option<Crash>,
    /// Where the process ends while it is taken back.
    pub undo_crash: Option<Crash>,
    /// Two plans for the same at once, and each is approved again.
    pub twice: bool,
    /// Two people take it back at once, and once more afterwards.
    pub undo_twice: bool,
    /// Somebody else changes the target before it is taken back: something beside what the verb changes, or just that.
    pub meddle: Option<bool>,
    /// Nothing goes wrong for good: it must be done, and be taken back.
    pub whole: bool,
}

impl Scene {
    /// A server says that it did what it did not.
    pub fn lies(&self) -> bool {
        self.act.iter().any(|fault| fault.step == Step::Lies)
    }
}

/// A fault point: its name, whether it is about taking back, and what happens with a seed.
pub type Point = (&'static str, bool, fn(&mut Dice) -> Scene);

fn at(kind: Option<Kind>, step: Step, times: u32) -> Vec<Fault> {
    vec![Fault { kind, skip: 0, times, step, after_change: false }]
}

fn change(step: Step) -> Vec<Fault> {
    at(Some(Kind::Change), step, 1)
}

fn act(step: Step) -> Scene {
    Scene { act: change(step), ..Scene::default() }
}

fn undo(step: Step) -> Scene {
    Scene { undo: change(step), ..Scene::default() }
}

fn failure(dice: &mut Dice) -> u16 {
    dice.one(&[500, 502, 503, 504, 408])
}

fn refusal(dice: &mut Dice) -> u16 {
    dice.one(&[400, 403, 404, 409, 422])
}

/// Any request of all, from one to eight times.
fn storm(step: Step, dice: &mut Dice) -> Vec<Fault> {
    vec![Fault { kind: None, skip: dice.below(6) as u32, times: 1 + dice.below(8) as u32, step, after_change: false }]
}

/// Whatever can happen to a read, at any of the first reads.
fn broken_read(dice: &mut Dice) -> Vec<Fault> {
    let step = match dice.below(7) {
        0 => Step::Refused(failure(dice)),
        1 => Step::Refused(refusal(dice)),
        2 => Step::Busy,
        3 => Step::Garbage,
        4 => Step::Truncated,
        5 => Step::SilentBefore,
        _ => Step::CutBefore,
    };
    vec![Fault { kind: Some(Kind::Read), skip: dice.below(9) as u32, times: 1 + dice.below(2) as u32, step, after_change: false }]
}

/// It is done, the answer is lost, and then nobody answers any more.
fn gone_after(dice: &mut Dice) -> Scene {
    let last = if dice.once_in(4) { Step::SilentBefore } else { dice.one(&[Step::CutBefore, Step::Refused(503)]) };
    let lost = dice.one(&[Step::CutAfter, Step::SilentAfter, Step::FailsAfter(500)]);
    let gone = Fault { kind: Some(Kind::Read), skip: 0, times: u32::MAX, step: last, after_change: true };
    Scene { act: [change(lost), vec![gone]].concat(), ..Scene::default() }
}

/// Every fault point.
pub const POINTS: [Point; 33] = [
    ("nothing", false, |_| Scene { whole: true, ..Scene::default() }),
    ("act-twice", false, |_| Scene { twice: true, whole: true, ..Scene::default() }),
    ("fails-before", false, |dice| act(Step::Refused(failure(dice)))),
    ("refused", false, |dice| act(Step::Refused(refusal(dice)))),
    ("dropped-before", false, |_| act(Step::CutBefore)),
    ("timeout-before", false, |_| act(Step::SilentBefore)),
    ("fails-after", false, |dice| act(Step::FailsAfter(failure(dice)))),
    ("dropped-after", false, |_| act(Step::CutAfter)),
    ("timeout-after", false, |_| act(Step::SilentAfter)),
    ("wrong-answer", false, |_| act(Step::Lies)),
    ("nonsense", false, |_| act(Step::Garbage)),
    ("truncated", false, |_| act(Step::Truncated)),
    ("slow", false, |_| Scene { act: change(Step::Slow), undo: change(Step::Slow), whole: true, ..Scene::default() }),
    ("busy-storm", false, |dice| Scene { act: storm(Step::Busy, dice), ..Scene::default() }),
    ("failure-storm", false, |dice| Scene { act: storm(Step::Refused(failure(dice)), dice), ..Scene::default() }),
    ("expired", false, |dice| Scene { act: storm(Step::Expired, dice), ..Scene::default() }),
    ("gone-after", false, gone_after),
    ("broken-read", false, |dice| Scene { act: broken_read(dice), ..Scene::default() }),
    ("late", false, |dice| act(Step::Late(1 + dice.below(8) as u32))),
    ("crash-before-act", false, |_| Scene { crash: Some(Crash::BeforeAct), ..Scene::default() }),
    ("crash-after-act", false, |_| Scene { crash: Some(Crash::AfterAct), ..Scene::default() }),
    ("crash-looking", false, |dice| Scene { crash: Some(Crash::Look(dice.below(8) as u32)), ..Scene::default() }),
    ("undo-twice", true, |_| Scene { undo_twice: true, whole: true, ..Scene::default() }),
    ("undo-after-drift", true, |dice| Scene { meddle: Some(dice.once_in(2)), ..Scene::default() }),
    ("undo-fails-before", true, |dice| undo(Step::Refused(failure(dice)))),
    ("undo-dropped-after", true, |dice| undo(dice.one(&[Step::CutAfter, Step::Truncated, Step::FailsAfter(500)]))),
    ("undo-timeout-after", true, |_| undo(Step::SilentAfter)),
    ("undo-wrong-answer", true, |_| undo(Step::Lies)),
    ("undo-busy-storm", true, |dice| Scene { undo: storm(Step::Busy, dice), ..Scene::default() }),
    ("undo-expired", true, |dice| Scene { undo: storm(Step::Expired, dice), ..Scene::default() }),
    ("undo-crash-looking", true, |dice| Scene { undo_crash: Some(Crash::Look(dice.below(4) as u32)), ..Scene::default() }),
    ("crash-before-undo", true, |_| Scene { undo_crash: Some(Crash::BeforeUndo), ..Scene::default() }),
    ("crash-after-undo", true, |_| Scene { undo_crash: Some(Crash::AfterUndo), ..Scene::default() }),
];
