//! What the rest of the machine did during a run: on shared cores, a disturbed run says little.

use std::collections::HashMap;
use std::fs;
use std::time::Instant;

/// Clock ticks of `/proc` in a second.
const TICKS: f64 = 100.0;
/// The parent of every thread of the kernel.
const KERNEL: &str = "2";

/// The processors' work at the beginning of a run.
pub struct Watch {
    ours: Vec<u32>,
    before: Work,
    started: Instant,
}

/// What has been worked until an instant, in seconds.
struct Work {
    /// By all cores, for programs and for what the host took away.
    machine: f64,
    /// By each process; the kernel's own threads and our processes are apart.
    others: HashMap<u32, f64>,
    own: f64,
}

impl Watch {
    /// Begins a run of this process and `servers`.
    pub fn start(servers: &[u32]) -> Self {
        let ours: Vec<u32> = servers.iter().copied().chain([std::process::id()]).collect();
        Self { before: Work::so_far(&ours), ours, started: Instant::now() }
    }

    /// Cores that other programs used on average until now.
    pub fn others_cores(&self) -> f64 {
        let now = Work::so_far(&self.ours);
        now.others_since(&self.before) / self.started.elapsed().as_secs_f64()
    }
}

impl Work {
    fn so_far(ours: &[u32]) -> Self {
        let mut work = Self { machine: machine_seconds(), others: HashMap::new(), own: 0.0 };
        let Ok(entries) = fs::read_dir("/proc") else { return work };
        for process in entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok()) {
            let Some(stat) = stat(process) else { continue };
            let seconds = seconds(&stat).unwrap_or(0.0);
            // What the kernel does for us, such as the journal of the disk, disturbs nobody.
            if ours.contains(&process) || field(&stat, 1) == Some(KERNEL) {
                work.own += seconds;
            } else {
                work.others.insert(process, seconds);
            }
        }
        work
    }

    /// Two ways to see it, of which the larger counts: what the machine worked beyond us knows programs that have ended
    /// meanwhile and what the host took, but the kernel only samples it; the time of each program is exact.
    fn others_since(&self, before: &Work) -> f64 {
        let beyond_us = (self.machine - before.machine) - (self.own - before.own);
        let since = |(process, seconds): (&u32, &f64)| seconds - before.others.get(process).copied().unwrap_or(0.0);
        let one_by_one: f64 = self.others.iter().map(since).sum();
        beyond_us.max(one_by_one)
    }
}

fn machine_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = stat.lines().next().unwrap_or("");
    let fields: Vec<f64> = first.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // All but idle and waiting, and but guests, who are in user already. Interrupts are in the time of the process
    // that they interrupt, so they must be here too.
    [0, 1, 2, 5, 6, 7].iter().filter_map(|nth| fields.get(*nth)).sum::<f64>() / TICKS
}

fn stat(process: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{process}/stat")).ok()
}

/// The field of `/proc/PID/stat` with this number, counted behind the name.
fn field(stat: &str, nth: usize) -> Option<&str> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(nth)
}

/// User and system time.
fn seconds(stat: &str) -> Option<f64> {
    let ticks = |nth| field(stat, nth)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

/// Memory that a process holds now, and the most that it held, in megabytes.
pub fn memory_mb(process: u32) -> Option<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse::<f64>().ok();
    Some((line("VmRSS:")? / 1024.0, line("VmHWM:")? / 1024.0))
}

/// What the processor calls itself.
pub fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores of {}", name.map_or("an unknown processor", |(_, name)| name.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_brackets_in_its_name_is_read() {
        let stat = "7 (a ) b) S 2 7 7 0 -1 69238880 0 0 0 0 150 50 0 0 20";
        assert_eq!(field(stat, 1), Some(KERNEL));
        assert_eq!(seconds(stat), Some(2.0));
    }

    fn work(machine: f64, own: f64, others: &[(u32, f64)]) -> Work {
        Work { machine, own, others: others.iter().copied().collect() }
    }

    #[test]
    fn whatever_way_others_are_seen_they_count() {
        let before = work(100.0, 10.0, &[(7, 5.0), (8, 1.0)]);
        let ended_meanwhile = work(104.0, 12.0, &[(8, 1.0)]);
        assert_eq!(ended_meanwhile.others_since(&before), 2.0);
        let not_sampled = work(102.0, 12.0, &[(7, 6.0), (8, 1.0), (9, 0.5)]);
        assert_eq!(not_sampled.others_since(&before), 1.5);
        let alone = work(103.0, 13.0, &[(7, 5.0), (8, 1.0)]);
        assert_eq!(alone.others_since(&before), 0.0);
    }

    #[test]
    fn our_processes_are_no_others() {
        let (us, now) = (std::process::id(), Work::so_far(&[]));
        assert!(now.others.contains_key(&us));
        assert!(!Work::so_far(&[us]).others.contains_key(&us));
        assert!(now.machine > 0.0);
        assert!(memory_mb(us).is_some_and(|(now, most)| now > 0.0 && most >= now));
    }
}
