//! SpamAssassin, as a library of Perl in a process of its own that reads messages and writes scores.

use super::{Filter, Verdict};
use anyhow::{Context as _, Result, ensure};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Reads messages, each after its length, and writes a line for each: its score, and each rule that fired with its points.
/// It may not ask the network, and has learned nothing.
const SCRIPT: &str = r#"
use strict; use warnings; use Mail::SpamAssassin;
my $local = "dns_available no\nskip_rbl_checks 1\nuse_bayes 0\n";
my $filter = Mail::SpamAssassin->new({ local_tests_only => 1, dont_copy_prefs => 1, userprefs_filename => '/dev/null', post_config_text => $local });
$filter->compile_now(0);
print Mail::SpamAssassin::Version(), "\n";
binmode STDIN;
while (my $length = <STDIN>) {
    read(STDIN, my $raw, $length) == $length or die;
    my $mail = $filter->parse($raw);
    my $status = $filter->check($mail);
    my $fired = $status->get_names_of_tests_hit_with_scores_hash();
    print join("\t", $status->get_score(), map { "$_=$fired->{$_}" } sort keys %$fired), "\n";
    $status->finish(); $mail->finish();
}
"#;

/// `required_score` of its default settings.
const THRESHOLD: f64 = 5.0;

/// What it makes of these messages.
pub(super) fn judge(messages: &[&[u8]]) -> Result<Vec<Filter>> {
    let lines = super::parts(messages, |part| {
        let text = run(part)?;
        let (version, lines) = text.split_once('\n').context("perl says nothing")?;
        let lines: Vec<(String, Verdict)> =
            lines.lines().map(|line| Ok((version.to_owned(), read(line)?))).collect::<Result<_>>()?;
        ensure!(lines.len() == part.len(), "SpamAssassin ended after {} of {} messages", lines.len(), part.len());
        Ok(lines)
    })?;
    let name = lines.first().map_or("SpamAssassin".to_owned(), |(version, _)| format!("SpamAssassin {version}"));
    let verdicts = lines.into_iter().map(|(_, verdict)| verdict).collect();
    Ok(vec![Filter { name, threshold: THRESHOLD, verdicts }])
}

fn run(messages: &[&[u8]]) -> Result<String> {
    let mut command = Command::new("perl");
    command.args(["-e", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().context("cannot run perl")?;
    let mut input = child.stdin.take().context("perl takes nothing")?;
    let output = std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let each = |raw: &&[u8]| writeln!(input, "{}", raw.len()).and_then(|()| input.write_all(raw));
            messages.iter().try_for_each(each)
        });
        let output = child.wait_with_output();
        // What could not be written shows in what is missing of the answer.
        let _ = writer.join();
        output
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn read(line: &str) -> Result<Verdict> {
    let mut words = line.split('\t');
    let score = words.next().and_then(|score| score.parse().ok()).with_context(|| format!("no score in `{line}`"))?;
    let fired =
        words.filter_map(|word| word.split_once('=').and_then(|(name, points)| Some((name.to_owned(), points.parse().ok()?))));
    Ok(Verdict { score, fired: fired.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_score_and_rules() {
        let fired = vec![("ALL_TRUSTED".to_owned(), -1.0), ("X".to_owned(), 0.5)];
        assert_eq!(read("-0.5\tALL_TRUSTED=-1\tX=0.5").unwrap(), Verdict { score: -0.5, fired });
        assert_eq!(read("3").unwrap(), Verdict { score: 3.0, fired: Vec::new() });
        assert!(read("").is_err() && read("x\tA=1").is_err());
    }
}
