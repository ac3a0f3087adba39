//! What the rest of the machine did during a run: on shared cores, a disturbed run says little.

use std::fs;
use std::time::Instant;

/// Clock ticks of `/proc` in a second.
const TICKS: f64 = 100.0;
/// The parent of every thread of the kernel.
const KERNEL: &str = "2";

/// The processors' work at the beginning of a run.
pub struct Watch {
    ours: Vec<u32>,
    busy: f64,
    own: f64,
    started: Instant,
}

impl Watch {
    /// Begins a run of this process and `servers`.
    pub fn start(servers: &[u32]) -> Self {
        let ours: Vec<u32> = servers.iter().copied().chain([std::process::id()]).collect();
        Self { busy: busy_seconds(), own: own_seconds(&ours), ours, started: Instant::now() }
    }

    /// Cores that other programs used on average until now; what a host took away counts as theirs, and what the
    /// kernel did for us (interrupts, the journal of the disk) does not.
    pub fn others_cores(&self) -> f64 {
        let others = (busy_seconds() - self.busy) - (own_seconds(&self.ours) - self.own);
        (others / self.started.elapsed().as_secs_f64()).max(0.0)
    }
}

/// Seconds that programs and the host have used of all cores since boot.
fn busy_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = stat.lines().next().unwrap_or("");
    let fields: Vec<f64> = first.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user, nice, system and, after idle, waiting and interrupts, stolen.
    [0, 1, 2, 7].iter().filter_map(|nth| fields.get(*nth)).sum::<f64>() / TICKS
}

/// Seconds of `processes` and of the kernel's own threads.
fn own_seconds(processes: &[u32]) -> f64 {
    let ours = processes.iter().filter_map(|process| seconds(&stat(*process)?));
    ours.sum::<f64>() + kernel_seconds()
}

fn kernel_seconds() -> f64 {
    let Ok(entries) = fs::read_dir("/proc") else { return 0.0 };
    let processes = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let kernel = processes.filter_map(stat).filter(|stat| field(stat, 1) == Some(KERNEL));
    kernel.filter_map(|stat| seconds(&stat)).sum()
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

    #[test]
    fn this_process_is_no_other() {
        let watch = Watch::start(&[]);
        let before = watch.own;
        let mut sum = 0_u64;
        while own_seconds(&watch.ours) - before < 0.05 {
            sum = (0..1_000_000).fold(sum, |sum, number| std::hint::black_box(sum ^ number));
        }
        assert!(busy_seconds() - watch.busy >= 0.03, "its work is in the work of the machine");
        assert!(memory_mb(std::process::id()).is_some_and(|(now, most)| now > 0.0 && most >= now));
    }
}
