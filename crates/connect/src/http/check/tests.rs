//! One fault at a time in a file that is otherwise in order.

use super::{Definition, lint};

const FILE: &str = "connectors/acme.yaml";

const SOUND: &str = r#"connector: acme
title: Acme
docs: https://docs.acme.example/api
example: https://acme.example/v1
permissions: [users.write]
settings: { tenant: the number of the tenant }
auth: { bearer: true }
per_minute: 60
key_header: Idempotency-Key
errors:
  - { status: [409, 5xx], is: retry }
health:
  request: { get: "/{tenant}/health" }
lookup:
  user:
    request: { get: /users, query: { q: "{name}" } }
    records: items
    next: { cursor: next, parameter: after }
    pages: 3
    id: id
    name: login
    match: [login]
    groups:
      request: { get: "/users/{target.id}/groups" }
      records: items
      names: [name]
verbs:
  disable-account:
    kind: user
    with: { group: resource }
    probe:
      request: { get: "/users/{target.id}" }
      state: { status: status }
    done: { status: OFF }
    act:
      request: { post: "/users/{target.id}/off", body: { group: "{with.group}" } }
    undo:
      - from: { status: OFF }
        to: { status: ON }
        request: { put: "/users/{target.id}/status", body: { status: "{before.status}" } }
poll:
  source: okta
  request: { get: /events, query: { since: "{cursor}" } }
  records: items
  cursor: time
  overlap_seconds: 300
"#;

/// Every fault of the file in which `from` is `to`, in one line each.
fn faults(from: &str, to: &str) -> Vec<String> {
    assert!(SOUND.contains(from), "{from}");
    lint(FILE, &SOUND.replacen(from, to, 1)).iter().map(|fault| format!("{}: {}", fault.code, fault.message)).collect()
}

#[test]
fn a_file_in_order_has_no_fault() {
    assert_eq!(lint(FILE, SOUND), vec![]);
    let definition = Definition::load(FILE, SOUND).unwrap();
    assert_eq!(
        definition.offers().iter().map(|offer| (offer.verb, offer.with.len())).collect::<Vec<_>>(),
        [("disable-account", 1)]
    );
}

#[test]
fn every_act_has_a_probe_and_a_way_back() {
    let probe = "    probe:\n      request: { get: \"/users/{target.id}\" }\n      state: { status: status }\n";
    assert_eq!(faults(probe, ""), ["connector-probe: the act has no probe"]);
    let undo = &SOUND[SOUND.find("    undo:").unwrap()..SOUND.find("poll:").unwrap()];
    let neither = "connector-undo: an act has either an undo or a reason why nothing takes it back";
    assert_eq!(faults(undo, ""), [neither]);
    assert_eq!(faults(undo, "    irreversible: \" \"\n"), [neither]);
    assert_eq!(faults(undo, "    undo: []\n"), [neither]);
    assert_eq!(faults("    undo:\n", "    irreversible: why\n    undo:\n"), [neither]);
    assert!(faults(undo, "    irreversible: nobody can\n").is_empty());
    let open = "        to: { status: ON }\n        request: { put: \"/users/{target.id}/status\", body: { status: \"{before.status}\" } }\n";
    let same = "        request: { put: \"/users/{target.id}/on\" }\n";
    assert_eq!(faults(open, same), ["connector-undo: the undo does not depend on the state before"]);
}

#[test]
fn something_says_when_it_is_done() {
    let nothing = "connector-done: nothing says when it is done";
    assert_eq!(faults("    done: { status: OFF }\n", ""), [nothing]);
    assert_eq!(faults("    done: { status: OFF }\n", "    done: {}\n"), [nothing]);
    assert!(faults("    done: { status: OFF }\n", "    repeat: twice is once\n").is_empty());
    assert_eq!(faults("done: { status: OFF }", "done: { state: OFF }"), ["connector-state: the probe does not read `state`"]);
    let act = "    act:\n";
    assert_eq!(faults(act, "    act:\n      from: { x: ON }\n"), ["connector-state: the probe does not read `x`"]);
    assert!(faults(act, "    act:\n      from: { status: ON }\n").is_empty());
    assert_eq!(faults("from: { status: OFF }", "from: { x: OFF }"), ["connector-state: the probe does not read `x`"]);
}

#[test]
fn inputs_are_those_that_are_known_where_they_stand() {
    assert_eq!(faults("q: \"{name}\"", "q: \"{name} {key}\""), ["connector-input: nothing is called `{key}` here"]);
    assert_eq!(faults("{tenant}/health", "{org}/health"), ["connector-input: nothing is called `{org}` here"]);
    assert_eq!(faults("{with.group}", "{with.role}"), ["connector-input: nothing is called `{with.role}` here"]);
    assert_eq!(
        faults("status: \"{before.status}\"", "status: \"{before.x}\""),
        ["connector-input: nothing is called `{before.x}` here"]
    );
    let probe = "request: { get: \"/users/{target.id}\" }";
    let early = "request: { get: \"/users/{target.id}/{before.status}\" }";
    assert_eq!(faults(probe, early), ["connector-input: nothing is called `{before.status}` here"]);
    assert!(faults("{with.group}", "{with.group | upper}")[0].starts_with("connector-template: "));
}

#[test]
fn a_host_is_never_made_of_inputs() {
    assert_eq!(
        faults("https://acme.example/v1", "\"https://{tenant}.example/v1\""),
        ["connector-host: a host is not made of inputs"]
    );
    assert!(faults("https://acme.example/v1", "http://acme.example")[0].starts_with("connector-host: "));
    for path in [
        "https://evil.example/x",
        "//evil.example/x",
        "users",
        "/a/../b",
        "/a//b",
        "/a/",
        "/a?b=c",
        "/a#b",
        "/a\\\\b",
        "/a%2fb",
        "/a b",
    ] {
        let found = faults("{ get: /users, query", &format!("{{ get: \"{path}\", query"));
        assert_eq!(found.len(), 1, "{path}: {found:?}");
        assert!(found[0].starts_with("connector-path: "), "{path}: {found:?}");
    }
}

#[test]
fn a_request_has_one_method_and_one_target() {
    let act = "request: { post: \"/users/{target.id}/off\", body: { group: \"{with.group}\" } }";
    assert_eq!(faults(act, "request: { post: /users/off }"), ["connector-target: the request does not say to whom"]);
    assert_eq!(faults(act, "request: { get: \"/users/{target.id}/off\" }"), ["connector-request: a GET changes nothing"]);
    assert_eq!(faults(act, "request: { query: { a: b } }"), ["connector-request: a request has exactly one method"]);
    let both = "request: { post: \"/a/{target.id}\", put: \"/b\" }";
    assert_eq!(faults(act, both), ["connector-request: a request has exactly one method"]);
    let probe = "request: { get: \"/users/{target.id}\" }";
    assert_eq!(faults(probe, "request: { get: /users }"), ["connector-target: the request does not say to whom"]);
    assert_eq!(faults(probe, "request: { post: \"/users/{target.id}\" }"), ["connector-request: what only reads is a GET"]);
    assert_eq!(faults("{ q: \"{name}\" }", "{ q: all }"), ["connector-lookup: the request does not ask for the name"]);
    assert_eq!(
        faults("    pages: 3\n", "    pages: 3\n    one: { get: /users/x }\n"),
        ["connector-lookup: the request does not ask for the name"]
    );
    assert_eq!(faults("{ get: /users,", "{ get: /users, body: { a: b },"), ["connector-request: a GET has no body"]);
    assert_eq!(
        faults("{ put: \"/users/{target.id}/status\",", "{ delete: \"/users/{target.id}/status\","),
        ["connector-request: a DELETE has no body"]
    );
}

#[test]
fn pages_have_a_bound_and_one_place() {
    let bound = "connector-pages: pages that follow one another need a bound from 1 to 100";
    assert_eq!(faults("    pages: 3\n", ""), [bound]);
    assert_eq!(faults("pages: 3", "pages: 0"), [bound]);
    assert_eq!(faults("pages: 3", "pages: 5000"), [bound]);
    let place = "connector-pages: the next page is in exactly one place";
    assert_eq!(faults("{ cursor: next, parameter: after }", "{ cursor: next }"), [place]);
    assert_eq!(faults("{ cursor: next, parameter: after }", "{ link: true, url: next }"), [place]);
}

#[test]
fn a_poll_says_since_when_of_which_source_and_how_late() {
    assert_eq!(faults("\"{cursor}\"", "now"), ["connector-poll: the request does not say since when"]);
    assert_eq!(faults("source: okta", "source: ../okta"), ["connector-poll: the records are of no source"]);
    assert_eq!(faults("seconds: 300", "seconds: 0"), ["connector-poll: `overlap_seconds` is from 1 to 86400"]);
    assert!(faults("  overlap_seconds: 300\n", "")[0].starts_with("yaml: "));
}

#[test]
fn what_belongs_to_a_case_is_found_marked_and_told_where_it_may_be() {
    let probe = "    probe:\n      request: { get: \"/users/{target.id}\" }\n      state: { status: status }\n";
    let find = "    find: { request: { get: \"/t/{target.id}\" }, id: id }\n    probe:\n      request: { get: \"/users/{found}\" }\n      \
                state: { status: status }\n";
    assert!(faults(probe, find).is_empty());
    assert_eq!(
        faults("get: \"/users/{target.id}\" }\n      state", "get: \"/users/{found}\" }\n      state"),
        ["connector-input: nothing is called `{found}` here",]
    );
    let found = "    probe: { found: status }\n";
    assert_eq!(faults(probe, found), ["connector-probe: the probe reads in exactly one way"]);
    let body = "body: { group: \"{with.group}\" }";
    assert_eq!(
        faults(body, "body: { group: \"{text.evidence}\" }"),
        ["connector-input: nothing is called `{text.evidence}` here"]
    );
    let kind = "    kind: user\n";
    let told = SOUND.replace(kind, "    kind: user\n    texts: [evidence]\n");
    assert!(lint(FILE, &told.replace(body, "body: { group: \"{text.evidence} {mark}\" }")).is_empty());
    let in_path = told.replace("post: \"/users/{target.id}/off\"", "post: \"/users/{target.id}/{text.evidence}\"");
    assert_eq!(lint(FILE, &in_path)[0].message, "nothing is called `{text.evidence}` here", "a text stands in a body alone");
    assert_eq!(faults(kind, "    kind: user\n    texts: [novel]\n"), ["connector-text: nothing is told as `novel`"]);
    assert!(faults("done: { status: OFF }", "done: { status: { has: \"{mark}\" } }").is_empty());
    assert_eq!(
        faults("done: { status: OFF }", "done: { status: { has: \"{key}\" } }"),
        ["connector-input: nothing is called `{key}` here"]
    );
    assert!(faults("done: { status: OFF }", "done: { status: { is: x } }")[0].starts_with("yaml: "));
    assert_eq!(faults("    records: items\n    next", "    next"), ["connector-lookup: what was found is in exactly one place"]);
}

#[test]
fn no_secret_and_no_credential_stands_in_a_file() {
    let head = "    act:\n      request: { post: \"/users/{target.id}/off\",";
    let with = |header: &str| faults(head, &format!("{head} headers: {{ {header} }},"));
    assert_eq!(with("authorization: x"), ["connector-header: `authorization` is not written in a file"]);
    assert_eq!(with("Cookie: x"), ["connector-header: `Cookie` is not written in a file"]);
    assert_eq!(with("Host: x"), ["connector-header: `Host` is not written in a file"]);
    assert_eq!(with("\"x y\": x"), ["connector-header: `x y` is no name of a header"]);
    assert!(with("If-Match: \"{before.status}\"").is_empty());
    assert_eq!(faults("title: Acme", "title: xoxb-1"), ["connector-secret: this looks like a secret"]);
}

#[test]
fn the_head_says_what_people_need() {
    assert_eq!(faults("connector: acme", "connector: other"), ["connector-name: `other` is not the name of the file"]);
    assert_eq!(faults("docs: https://docs.acme.example/api", "docs: see wiki"), ["connector-docs: `docs` is no link"]);
    assert_eq!(faults("[users.write]", "[]"), ["connector-permissions: nobody could tell what to grant"]);
    assert_eq!(faults("{ bearer: true }", "{}"), ["connector-auth: there is no way in"]);
    assert_eq!(faults("per_minute: 60", "per_minute: 0"), ["connector-rate: `per_minute` is from 1 to 6000"]);
    assert_eq!(faults("{ tenant: the", "{ tenant: a, name: the"), ["connector-setting: a setting cannot be called `name`"]);
}

#[test]
fn names_are_those_of_the_book() {
    let text = SOUND.replace("disable-account:", "disable-acount:");
    let fault = &lint(FILE, &text)[0];
    assert_eq!(
        (fault.message.as_str(), fault.help.as_str()),
        ("`disable-acount` is no verb of the book", "did you mean `disable-account`?")
    );
    assert_eq!(faults("    kind: user", "    kind: account"), ["connector-kind: `account` is no kind of thing"]);
    assert_eq!(faults("[409, 5xx]", "[100]"), ["connector-error: a status is a number from 200 to 599, or such as `5xx`"]);
    assert_eq!(faults("match: [login]", "match: []"), ["connector-lookup: nothing says that what was found is what was meant"]);
    assert!(faults("per_minute: 60", "per_minutes: 60")[0].starts_with("yaml: "));
}

#[test]
fn a_fault_is_shown_at_its_place() {
    let text = SOUND.replace("{with.group}", "{with.role}");
    let shown = lint(FILE, &text)[0].render(&text, false);
    assert!(shown.contains("connectors/acme.yaml:36:") && shown.contains("here can stand {tenant}, {target.id}"), "{shown}");
}
