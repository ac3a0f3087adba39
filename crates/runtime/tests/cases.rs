//! The golden stories: each folder of `cases/` tells one, and its explanation is read by people before it is kept.
//!
//! `alert.jsonl` holds what happened, in order; the decision about its last line is the story's end. `world.yaml` holds
//! what the organisation knew, over the data that ships. `expect.txt` is the explanation without its last line, which
//! names book and decision and changes with every word of the book. `UPDATE_EXPECT=1` writes what comes out.
#![allow(clippy::disallowed_methods, reason = "a test reads its environment")]

mod story;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use story::{Told, shipped, tell};

/// Fewer stories than this do not cover the playbooks.
const STORIES_MIN: usize = 60;

fn folders() -> Vec<PathBuf> {
    let cases = fs::read_dir(story::cases()).unwrap();
    let mut folders: Vec<PathBuf> =
        cases.flatten().map(|entry| entry.path()).filter(|path| path.join("alert.jsonl").is_file()).collect();
    folders.sort();
    folders
}

/// Tells every story, on every core.
fn told() -> Vec<(PathBuf, Told)> {
    let (folders, next, told) = (folders(), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let book = shipped();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                while let Some(folder) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let one = tell(&book, folder);
                    told.lock().unwrap().push((folder.clone(), one));
                }
            });
        }
    });
    let mut told = told.into_inner().unwrap();
    told.sort_by(|(a, _), (b, _)| a.cmp(b));
    told
}

#[test]
fn every_story_ends_as_expected() {
    let mut wrong = Vec::new();
    let mut playbooks: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    let told = told();
    for (folder, told) in &told {
        let kept = folder.join("expect.txt");
        playbooks.entry(told.record.playbook.clone()).or_default()[usize::from(told.record.outcome == "close")] += 1;
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&kept, &told.text).unwrap();
        } else if fs::read_to_string(&kept).unwrap_or_default() != told.text {
            wrong.push(format!("{}: came out otherwise\n{}", folder.display(), told.text));
        }
    }
    println!("stories by playbook, escalated or more and closed: {playbooks:?}");
    assert!(wrong.is_empty(), "{}\nread it; UPDATE_EXPECT=1 keeps it", wrong.join("\n"));
    assert!(told.len() >= STORIES_MIN, "{} stories, at least {STORIES_MIN}", told.len());
    // The stories of mail are single messages: `mail.rs`.
    for playbook in shipped().playbooks.iter().map(|playbook| &playbook.name).filter(|name| *name != "phishing") {
        let stories = playbooks.get(playbook).copied().unwrap_or_default();
        assert!(stories.iter().sum::<usize>() > 0, "no story of playbook `{playbook}`");
    }
}
