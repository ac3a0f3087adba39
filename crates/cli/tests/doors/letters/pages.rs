//! The pages of questions in a real browser, without scripts, on a telephone, by keys alone.

use super::*;
use crate::browser::{Browser, ENTER};

const NOTHING: &str = "There is nothing to answer here";

#[test]
fn a_question_is_read_and_answered_by_keys_on_a_telephone_and_once() {
    let Some(browser) = Browser::start() else { return };
    let Some(house) = house("4 h", false, 10) else { return };
    let case = house.case("nadia@corp.example");
    house.asks(&case, "{}");
    let path = house.path();
    Served::until("the entry", || house.story(&case)[0].0 == "questioned");
    let (url, before) = (format!("{}{path}", house.served.url), house.entries());

    // Whoever opens the link sees that there is a question, and decides nothing, however often.
    for _ in 0..2 {
        browser.open(&url);
        assert_eq!(browser.title(), "A question from your security team");
        assert!(!browser.text().contains("198.51.100.7"), "{}", browser.text());
    }
    assert_eq!((browser.faults(), house.entries()), (Vec::new(), before));
    browser.picture("question-cover");

    browser.tab_to("Read the question");
    browser.press(ENTER);
    Served::until("the question", || browser.text().contains("from the network address 198.51.100.7. Time (UTC): "));
    assert_eq!((browser.faults(), house.entries()), (Vec::new(), before + 1));
    browser.picture("question");
    let labels: Vec<String> = browser.all("button").iter().map(|button| browser.label(button)).collect();
    assert_eq!(labels, ["Yes, it was", "No, it was not", "I do not know"]);

    // Two telephones show the same letter: the first answer counts, and the other is told.
    let other = Browser::start().unwrap();
    other.open(&url);
    other.tab_to("Read the question");
    other.press(ENTER);
    Served::until("the question", || other.text().contains("Was this you?"));
    browser.tab_to("No, it was not");
    browser.press(ENTER);
    Served::until("thanks", || browser.title() == "Thank you");
    assert_eq!(browser.faults(), Vec::<String>::new());
    browser.picture("question-thanks");
    other.tab_to("Yes, it was");
    other.press(ENTER);
    Served::until("the end", || other.title() == NOTHING);
    assert_eq!(other.faults(), Vec::<String>::new());
    other.picture("nothing");
    browser.open(&url);
    assert_eq!(browser.title(), NOTHING);
    let story = house.story(&case);
    assert!(
        story[0].1.contains("No, it was not") && story.iter().filter(|(kind, _)| kind == "answered").count() == 1,
        "{story:?}"
    );
}

#[test]
fn names_from_elsewhere_are_text_in_a_browser_and_links_that_are_none_lead_nowhere() {
    let Some(browser) = Browser::start() else { return };
    let Some(mut house) = house("4 h", false, 10) else { return };
    house.asks(&house.case("x<b>@corp.example"), "{}");
    house.asks(&house.case("jörg.großmann@corp.example"), "{}");
    Served::until("two mails", || house.mails().len() == 2);
    let paths: Vec<String> = house.mails().iter().map(|mail| link(mail["body"].as_str().unwrap())).collect();
    let mut seen = String::new();
    for path in &paths {
        browser.open(&format!("{}{path}", house.served.url));
        browser.tab_to("Read the question");
        browser.press(ENTER);
        Served::until("the question", || browser.text().contains("who reports to you"));
        assert_eq!((browser.faults(), browser.all("b, script, a, img").len()), (Vec::new(), 0));
        seen.push_str(&browser.text());
    }
    assert!(seen.contains("x\u{fffd}b\u{fffd}") && seen.contains("jörg.großmann"), "{seen}");
    browser.picture("question-of-another");

    // Forged, shortened, and over in time.
    for forged in [format!("/l/adj_{:0>43}", 7), paths[0][..20].to_owned(), "/l/%3Cscript%3E".to_owned()] {
        browser.open(&format!("{}{forged}", house.served.url));
        assert_eq!((browser.title(), browser.faults()), (NOTHING.to_owned(), Vec::new()), "{forged}");
    }
    house.served.stop();
    let db = rusqlite::Connection::open(house.served.path("data/adjutant.db")).unwrap();
    let sql = "UPDATE documents SET body = json_set(body, '$.until', 1) WHERE kind = 'letter'";
    assert_eq!(db.execute(sql, []).unwrap(), 2);
    drop(db);
    house.served.start_again(&[]);
    browser.open(&format!("{}{}", house.served.url, paths[0]));
    assert_eq!(browser.title(), NOTHING);
}

#[test]
fn a_page_that_looks_bad_is_found_and_its_scripts_do_not_run() {
    let Some(browser) = Browser::start() else { return };
    let page = "<title>still</title><script>document.title = 'moved'</script><meta name=viewport content='width=device-width'>\
                <p style='color:%23999;background:%23fff'>pale</p><p style='width:900px'>wide</p><input><button style='height:20px'>x</button>";
    browser.open(&format!("data:text/html,{page}"));
    assert_eq!(browser.title(), "still");
    let faults = browser.faults().join("\n");
    for fault in ["light: pale p 2.8", "light: wide p", "light: wide page", "light: small button", "a field without a label"] {
        assert!(faults.contains(fault), "{fault} in {faults}");
    }
    browser.open("data:text/html,<meta name=viewport content='width=device-width'><body style='margin:0'><p style='color:%23000;background:%23fff'>good</p>");
    assert_eq!(browser.faults(), Vec::<String>::new());
}
