//! The page of a plan in a real browser, without scripts, on a telephone, by keys alone.

use super::*;
use crate::browser::{Browser, ENTER};
use serde_json::json;

/// What an approver must see before anything else.
const SEEN: [&str; 10] = [
    "disable-account nadia",
    "To take it back:",
    "min from now. If nobody answers, nothing of it is done.",
    "The score is 60, and it responds from 50.",
    "+60 somebody says that it was stolen",
    "2 steps on 1 target, 2 of which can be taken back",
    "nobody yet",
    "Of each step the guard says:",
    "asks: reader asks for it",
    "1 × lead",
];

#[test]
fn a_plan_is_read_and_approved_by_keys_on_a_telephone_and_once() {
    let Some(browser) = Browser::start() else { return };
    let Some(house) = house(10) else { return };
    let digest = house.plan("nadia.rahman@corp.example");
    let (ana, bo) = (house.path("ana"), house.path("bo"));
    house.is_told(&house.page(&bo));
    let entries = || house.served.get("/v1/ledger").json()["size"].as_u64().unwrap();
    let (url, before) = (format!("{}{bo}", house.served.url), entries());

    // Opening it shows everything, and does nothing.
    browser.open(&url);
    let text = browser.text();
    SEEN.iter().for_each(|seen| assert!(text.contains(seen), "{seen}: {text}"));
    assert_eq!((browser.faults(), browser.title().as_str(), entries()), (Vec::new(), "A plan waits for you", before));
    browser.picture("plan");

    // What is no note of bo's is not taken, and says why.
    browser.tab_to("The signed note");
    browser.paste("approve");
    browser.tab_to("Hand it on");
    browser.press(ENTER);
    Served::until("the refusal", || browser.text().contains("this is no signed note"));
    assert_eq!((browser.faults(), entries()), (Vec::new(), before));
    browser.picture("plan-refused");
    assert!(house.directory.lets_in(ENTRY, "nadia-secret"), "nothing was done");

    // As it is copied from the page, signed elsewhere, and pasted.
    browser.open(&url);
    let note = browser.all("pre.note").remove(0);
    let (signs, signed) = house.signed(&format!("{}\n", browser.words(&note)), "bo");
    assert!(signs, "{signed}");
    browser.tab_to("The signed note");
    browser.paste(&signed);
    browser.tab_to("Hand it on");
    browser.press(ENTER);
    Served::until("the approval", || browser.title() == "Approved");
    assert_eq!(browser.faults(), Vec::<String>::new());
    browser.picture("plan-approved");
    Served::until("both steps", || says(&house.served, &["plan", "--show", &digest[..12]]).matches("  done").count() == 2);
    browser.open(&url);
    assert_eq!(browser.title(), "There is nothing to answer here", "a link is good for one answer");
    browser.open(&format!("{}{ana}", house.served.url));
    assert_eq!((browser.title().as_str(), browser.faults()), ("This plan waits no longer", Vec::new()));
}

/// What an alert may call its rule, and how the page shows it.
const HOSTILE: &str = "<script>alert(1)</script><img src=x> J\u{f6}rg \u{202e}txt";
const HOSTILE_SHOWN: &str = "the rule is <script>alert(1)</script><img src=x> J\u{f6}rg \u{fffd}txt";

#[test]
fn what_an_alert_says_is_text_on_the_page_of_a_plan() {
    let Some(browser) = Browser::start() else { return };
    let Some(house) = house(10) else { return };
    let alert = json!({ "id": "o", "title": "stolen", "severity": "high", "user": "olga@corp.example", "rule_name": HOSTILE });
    let case = house.served.post("/v1/alerts", alert.to_string()).json()["case"].as_str().unwrap().to_owned();
    says(&house.served, &["plan", &case]);
    browser.open(&format!("{}{}", house.served.url, house.path("bo")));
    let text = browser.text();
    assert!(text.contains("olga") && text.contains(HOSTILE_SHOWN), "{text}");
    assert_eq!((browser.all("b, script, a, img").len(), browser.faults()), (0, Vec::new()));
    browser.picture("plan-hostile");
}
