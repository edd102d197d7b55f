//! CPU time, by the operating system's own accounting.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};

/// What a process has used so far, in user and kernel mode, of threads that have ended too (proc(5), `stat`).
pub fn of_process(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name before may hold anything, and ends with the last parenthesis.
    let fields: Vec<&str> = stat.rsplit(") ").next().context("a stat without a name")?.split(' ').collect();
    let ticks =
        |place: usize| fields.get(place).and_then(|field| field.parse::<u64>().ok()).context("a stat too short");
    // utime and stime are the 14th and 15th field, the state is the 3rd; a tick is a hundredth of a second.
    Ok(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}

/// What this thread has used so far, to the nanosecond: what others are told of a running thread is as of its last tick.
pub fn of_this_thread() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// A thread of this process, whose CPU time another one asks for.
#[derive(Clone, Debug)]
pub struct Thread(PathBuf);

impl Thread {
    pub fn this() -> Result<Self> {
        Ok(Self(Path::new("/proc").join(std::fs::read_link("/proc/thread-self")?)))
    }

    /// What it has used so far, as of its last tick.
    pub fn used(&self) -> Result<Duration> {
        let schedstat = std::fs::read_to_string(self.0.join("schedstat"))?;
        let nanoseconds =
            schedstat.split(' ').next().and_then(|field| field.parse().ok()).context("a schedstat too short")?;
        Ok(Duration::from_nanos(nanoseconds))
    }
}

/// How much memory a process holds that is its own or shared (`VmRSS`), in bytes.
pub fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024)
}

/// How many cores there are for the server and whoever asks it.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// What the processor calls itself; nothing where it does not say.
pub fn model() -> String {
    let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    model.trim_start_matches([' ', '\t', ':']).to_owned()
}
