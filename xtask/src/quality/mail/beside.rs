//! The same messages beside what a filter of mail makes of them: SpamAssassin from Debian, offline, with its default rules and without
//! reputation, DNS or a trained filter. Where it is not installed, that is said.
//!
//! It judges spam and not phishing alone, and so does not answer quite the same question; who is better where is counted both ways.

use super::{Judged, percent};
use anyhow::{Context as _, Result};
use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Reads names of files and writes each with its score.
const SCRIPT: &str = r#"
use strict; use warnings; use Mail::SpamAssassin;
my $local = "dns_available no\nskip_rbl_checks 1\nuse_bayes 0\n";
my $filter = Mail::SpamAssassin->new({ local_tests_only => 1, dont_copy_prefs => 1, userprefs_filename => '/dev/null', post_config_text => $local });
$filter->compile_now(0);
while (my $file = <STDIN>) {
    chomp $file;
    open(my $in, '<', $file) or next;
    my $raw = do { local $/; <$in> };
    close $in;
    my $mail = $filter->parse($raw);
    my $status = $filter->check($mail);
    print "$file\t", $status->get_score(), "\n";
    $status->finish(); $mail->finish();
}
"#;

/// Scores at which mail is taken for spam: the default, and a stricter one.
const THRESHOLDS: [f64; 2] = [5.0, 3.0];

/// Prints what both make of every `nth` message.
///
/// # Errors
/// It is installed and cannot be run.
pub(super) fn print(dir: &Path, judged: &[Judged], nth: usize) -> Result<()> {
    println!("\nbeside SpamAssassin (Debian, offline, default rules), every {nth}th message as it came");
    let installed = Command::new("perl").args(["-MMail::SpamAssassin", "-e", "1"]).stderr(Stdio::null()).status();
    if !installed.is_ok_and(|status| status.success()) {
        println!("it is not installed: apt-get install --no-install-recommends spamassassin");
        return Ok(());
    }
    let some: Vec<&Judged> = judged.iter().step_by(nth.max(1)).collect();
    let scores = scores(dir, &some)?;
    println!("{:<28} {:>9} {:>11} {:>7}", "", "phishing", "legitimate", "spam");
    row("adjutant, escalated", &some, |one| one.escalated());
    row("adjutant, quarantined", &some, |one| one.quarantined());
    for threshold in THRESHOLDS {
        let over = |one: &Judged| scores.get(&one.label.file).is_some_and(|score| *score >= threshold);
        row(&format!("spamassassin, {threshold:.0} and more"), &some, over);
        let only = |label: &str, ours: bool| {
            some.iter().filter(|one| one.is(label) && one.escalated() == ours && over(one) != ours).count()
        };
        println!(
            "  at {threshold:.0}: phishing that only we catch {}, only it {}; legitimate that only we disturb {}, only it {}",
            only("phishing", true),
            only("phishing", false),
            only("legit", true),
            only("legit", false)
        );
    }
    Ok(())
}

fn row(name: &str, some: &[&Judged], so: impl Fn(&Judged) -> bool) {
    let share = |label: &str| {
        let all: Vec<&&Judged> = some.iter().filter(|one| one.is(label)).collect();
        percent(all.iter().filter(|one| so(one)).count(), all.len())
    };
    println!("{name:<28} {:>7.2} % {:>9.2} % {:>5.1} %", share("phishing"), share("legit"), share("spam"));
}

/// The score of each file. Its settings forbid it the network.
fn scores(dir: &Path, some: &[&Judged]) -> Result<HashMap<String, f64>> {
    let mut child = Command::new("perl")
        .args(["-e", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot run perl")?;
    let mut names = child.stdin.take().context("perl takes no names")?;
    let list: String = some.iter().map(|one| format!("{}\n", dir.join(&one.label.file).display())).collect();
    let writer = std::thread::spawn(move || names.write_all(list.as_bytes()));
    let output = child.wait_with_output().context("perl does not end")?;
    writer.join().map_err(|_| anyhow::anyhow!("writing to perl failed"))??;
    let text = String::from_utf8_lossy(&output.stdout);
    let one = |line: &str| {
        let (file, score) = line.split_once('\t')?;
        Some((Path::new(file).file_name()?.to_str()?.to_owned(), score.parse().ok()?))
    };
    Ok(text.lines().filter_map(one).collect())
}
