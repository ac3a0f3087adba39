//! Connectors that are programs, in the real sandbox: what they answer, how they end, and what they cannot reach.

mod escapes;

use adjutant_connect::script::{Fault, Script, Settings};
use adjutant_hand::connector::{CallError, Connector, Permit};
use adjutant_model::act::{Action, State, Target};
use adjutant_model::{EntityKind, Secret, Time};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

/// A folder of scripts that the sandbox's user may read, for an address that can be blocked.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        // Not below the usual folder: some machines keep that to one user.
        let folder = Self(tempfile::tempdir().unwrap());
        folder.permit(folder.path(), 0o755);
        std::fs::create_dir(folder.path().join("block-address")).unwrap();
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn permit(&self, path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Writes `text` as the program `file`.
    pub(crate) fn with(self, file: &str, text: &str) -> Self {
        std::fs::write(self.path().join(file), text).unwrap();
        self.permit(&self.path().join(file), 0o644);
        self
    }

    /// Python programs for everything that is asked, unless there is another.
    pub(crate) fn python(self) -> Self {
        let tell = "import sys, json\nasked = json.load(sys.stdin)\nprint(json.dumps({'says': asked.get('call')}))\n";
        let lookup = "import sys, json\nasked = json.load(sys.stdin)\n\
                      print(json.dumps({'found': [{'id': 'a-1', 'name': asked['name'], 'groups': []}, {'id': 'a-2', 'name': 'other'}]}))\n";
        let probe = "import sys, json\njson.load(sys.stdin)\nprint(json.dumps({'state': {'state': 'off'}}))\n";
        let programs = [
            ("lookup.py", lookup),
            ("health.py", tell),
            ("block-address/probe.py", probe),
            ("block-address/act.py", tell),
            ("block-address/undo.py", tell),
        ];
        programs.into_iter().fold(
            self,
            |folder, (file, text)| {
                if folder.path().join(file).exists() { folder } else { folder.with(file, text) }
            },
        )
    }

    pub(crate) fn settings(&self, more: Value) -> Settings {
        let mut settings = json!({
            "folder": self.path(), "language": "python",
            "verbs": { "block-address": { "kind": "address", "done": { "state": "on" } } }
        });
        for (name, value) in more.as_object().unwrap() {
            settings[name] = value.clone();
        }
        serde_json::from_value(settings).unwrap()
    }

    pub(crate) fn script(&self, more: Value) -> Script {
        self.tried(more).unwrap_or_else(|fault| panic!("{fault}"))
    }

    pub(crate) fn tried(&self, more: Value) -> Result<Script, Fault> {
        Script::new(&self.settings(more), Some(Secret::new("a-secret-of-a-test".to_owned())), Arc::new(now))
    }
}

#[expect(clippy::disallowed_methods, reason = "a program that takes too long is ended by the clock")]
pub(crate) fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    Time(i64::try_from(since.as_micros()).unwrap())
}

/// Whether sandboxes can be made here; says so where not.
pub(crate) fn can_be_had() -> bool {
    let tried = Folder::new().python().tried(json!({}));
    if let Err(Fault::Sandbox(why)) = &tried {
        println!("skipped: {why}");
        return false;
    }
    true
}

pub(crate) fn block() -> Action {
    let target = Target { kind: EntityKind::Address, id: "a-1".to_owned(), name: "192.0.2.7".to_owned() };
    let (with, texts) = (BTreeMap::new(), BTreeMap::new());
    Action { verb: "block-address".to_owned(), target, connector: "test".to_owned(), with, texts }
}

pub(crate) fn off() -> State {
    State(BTreeMap::from([("state".to_owned(), vec!["off".to_owned()])]))
}

pub(crate) fn act(script: &Script) -> Result<(), CallError> {
    script.act(&block(), &off(), Permit::of_a_test("k"), "k")
}

#[test]
fn a_program_answers_what_it_is_asked() {
    if !can_be_had() {
        return;
    }
    let folder = Folder::new().python();
    let script = folder.script(json!({}));
    assert!(script.health().unwrap().ends_with("answer: health"));
    let found = script.lookup(EntityKind::Address, "192.0.2.7").unwrap();
    assert_eq!((found.len(), found[0].target.id.as_str(), &found[0].groups), (1, "a-1", &Some(Vec::new())));
    assert_eq!(script.probe(&block()).unwrap(), off());
    assert!(!script.is_done(&block(), &off()));
    act(&script).unwrap();
    script.undo(&block(), &State::default(), Permit::of_a_test("k"), "k-undo").unwrap();
    let offer = &script.verbs()[0];
    assert!(offer.reversible && offer.per_minute == 30);
}

#[test]
fn bash_is_spoken_too_and_powershell_where_it_is_installed() {
    if !can_be_had() {
        return;
    }
    let bash = "read -r asked\n[[ $asked == *'\"call\":\"health\"'* ]] || exit 65\necho '{\"says\": \"from bash\"}'\n";
    let folder = Folder::new().with("health.sh", bash).with("lookup.sh", "echo '{\"found\": []}'\n");
    let script = folder.script(json!({ "language": "bash", "verbs": {} }));
    assert!(script.health().unwrap().ends_with("from bash"));
    let folder = Folder::new().with("health.ps1", "'{\"says\": \"from pwsh\"}'\n").with("lookup.ps1", "");
    match folder.tried(json!({ "language": "powershell", "verbs": {} })) {
        Ok(script) => assert!(script.health().unwrap().ends_with("from pwsh")),
        Err(fault) => assert!(fault.to_string().contains("is not installed"), "{fault}"),
    }
}

#[test]
fn how_a_program_ends_says_what_became_of_it() {
    if !can_be_had() {
        return;
    }
    type Is = fn(&Result<(), CallError>) -> bool;
    let done: Is = |answer| answer.is_ok();
    let retry: Is = |answer| matches!(answer, Err(CallError::Retry(_)));
    let permanent: Is = |answer| matches!(answer, Err(CallError::Permanent(_)));
    let unclear: Is = |answer| matches!(answer, Err(CallError::Unclear(_)));
    let cases: [(&str, Is); 11] = [
        ("print('{}')", done),
        ("pass", done),
        ("import sys; sys.exit(75)", retry),
        ("import sys; print('no such rule', file=sys.stderr); sys.exit(65)", permanent),
        ("import sys; sys.exit(1)", unclear),
        ("print('done!')", unclear),
        ("raise ValueError('x')", unclear),
        ("import os; os.kill(os.getpid(), 9)", unclear),
        ("import os; os.abort()", unclear),
        ("while True: pass", unclear),
        ("this is no Python", unclear),
    ];
    for (program, is) in cases {
        let folder = Folder::new().with("block-address/act.py", program).python();
        let answer = act(&folder.script(json!({ "seconds": 2 })));
        assert!(is(&answer), "{program}: {answer:?}");
        let folder = Folder::new().with("block-address/probe.py", program).python();
        let read = folder.script(json!({ "seconds": 2 })).probe(&block());
        assert!(
            matches!(read, Err(CallError::Retry(_) | CallError::Permanent(_))),
            "what reads changed nothing: {program}: {read:?}"
        );
    }
}

#[test]
fn a_secret_comes_on_standard_input_alone_and_is_not_said_back() {
    if !can_be_had() {
        return;
    }
    let program = "import sys, json, os\nasked = json.load(sys.stdin)\nassert asked['secret'] == 'a-secret-of-a-test'\n\
                   seen = ' '.join(sys.argv) + str(dict(os.environ)) + open('/proc/1/cmdline').read() + open('/proc/self/environ').read()\n\
                   assert asked['secret'] not in seen, 'it is seen'\n\
                   print('leaks ' + asked['secret'], file=sys.stderr)\nsys.exit(65)\n";
    let folder = Folder::new().with("block-address/act.py", program).python();
    let Err(CallError::Permanent(says)) = act(&folder.script(json!({}))) else { panic!("it ends with 65") };
    assert!(says.contains("leaks ***") && !says.contains("a-secret"), "{says}");
}

#[test]
fn settings_and_folders_that_are_not_sound_are_refused() {
    let folder = Folder::new().python();
    let verbs = |verb: Value| json!({ "verbs": { "block-address": verb } });
    for (more, says) in [
        (json!({ "seconds": 0 }), "`seconds` is from 1 to 120"),
        (json!({ "memory_mb": 1 }), "`memory_mb` is from 16 to 2048"),
        (json!({ "output_kib": 0 }), "`output_kib` is from 1 to 4096"),
        (json!({ "folder": "/no/such/folder" }), "`/no/such/folder`"),
        (verbs(json!({ "kind": "address" })), "either `done`"),
        (verbs(json!({ "kind": "address", "done": { "s": "on" }, "repeat": "x" })), "either `done`"),
        (verbs(json!({ "kind": "address", "done": { "s": "on" }, "irreversible": " " })), "says why"),
        (verbs(json!({ "kind": "address", "done": { "s": "on" }, "texts": ["novel"] })), "summary, brief and evidence"),
        (json!({ "verbs": { "block-adress": { "kind": "address", "repeat": "x" } } }), "no verb of the book"),
        (json!({ "verbs": { "isolate-host": { "kind": "host", "repeat": "x" } } }), "isolate-host"),
    ] {
        let fault = folder.tried(more.clone()).err().unwrap_or_else(|| panic!("{more}")).to_string();
        assert!(fault.contains(says), "{more}: {fault}");
    }
    let undo = folder.path().join("block-address/undo.py");
    folder.permit(&undo, 0o666);
    assert!(folder.tried(json!({})).err().unwrap().to_string().contains("may be written by others"));
    std::fs::remove_file(&undo).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &undo).unwrap();
    assert!(folder.tried(json!({})).err().unwrap().to_string().contains("is no file"));
    std::fs::remove_file(&undo).unwrap();
    assert!(folder.tried(json!({})).is_err(), "an act without an undo");
    assert!(serde_json::from_value::<Settings>(json!({ "folder": "/x", "language": "perl" })).is_err());
}

#[test]
fn what_a_look_up_or_a_probe_says_is_held_to_its_form() {
    if !can_be_had() {
        return;
    }
    for says in ["[]", "{}", "{\"found\": 1}", "{\"found\": [{\"id\": 1, \"name\": \"x\"}]}", "nothing", ""] {
        let folder = Folder::new().with("lookup.py", &format!("print('{says}')")).python();
        assert!(folder.script(json!({})).lookup(EntityKind::Address, "x").is_err(), "{says}");
    }
    for says in ["[]", "{}", "{\"state\": {}}", "{\"state\": {\"a\": 1}}", "{\"state\": {\"a\": \"b\"}, \"done\": true}"] {
        let folder = Folder::new().with("block-address/probe.py", &format!("print('{says}')")).python();
        assert!(folder.script(json!({})).probe(&block()).is_err(), "{says}");
    }
}
