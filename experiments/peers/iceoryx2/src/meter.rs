//! What a peer program in Rust is told, measures with and prints; experiments/cell/peers.h is the contract.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

pub type Fault = Box<dyn std::error::Error>;

/// The content of every so many messages is compared; numbers always.
pub const FULL_CHECK_EVERY: u64 = 64;

pub struct Cell(HashMap<String, String>);

impl Cell {
    pub fn new(arguments: impl Iterator<Item = String>) -> Cell {
        Cell(arguments.filter_map(|a| a.split_once('=').map(|(k, v)| (k.to_string(), v.to_string()))).collect())
    }

    pub fn text(&self, key: &str) -> Result<&str, Fault> {
        Ok(self.0.get(key).ok_or_else(|| format!("the cell has no key {key}"))?)
    }

    pub fn number(&self, key: &str) -> Result<u64, Fault> {
        Ok(self.text(key)?.parse()?)
    }

    pub fn bytes(&self) -> Result<usize, Fault> {
        Ok(self.text("payload")?.trim_start_matches("bytes:").parse()?)
    }

    /// Puts this process where that side of the talk belongs.
    pub fn pin(&self, side: usize) -> Result<(), Fault> {
        let cpus: Vec<usize> = self.text("cpus")?.split(',').map(|c| c.parse()).collect::<Result<_, _>>()?;
        let cpu = match self.text("placement")? {
            "same" => cpus[0],
            "cross" => cpus[side % cpus.len()],
            _ => return Ok(()),
        };
        let done = unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(cpu, &mut set);
            libc::sched_setaffinity(0, std::mem::size_of_val(&set), &set)
        };
        if done == 0 {
            Ok(())
        } else {
            Err("cannot choose a processor".into())
        }
    }
}

/// The message of a cell: its number in the first eight bytes, then what the seed gives.
pub struct Message {
    pub bytes: Vec<u8>,
}

impl Message {
    pub fn new(cell: &Cell) -> Result<Message, Fault> {
        let mut state = cell.number("seed")?;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 56) as u8
        };
        Ok(Message { bytes: (0..cell.bytes()?).map(|_| next()).collect() })
    }

    pub fn numbered(&mut self, number: u64) -> &[u8] {
        self.bytes[..8].copy_from_slice(&number.to_le_bytes());
        &self.bytes
    }

    pub fn check(&self, number: u64, got: &[u8]) -> Result<(), Fault> {
        if got.len() != self.bytes.len() || number_of(got) != number {
            return Err(
                format!("another message came where number {number} was due: lost, doubled or reordered").into()
            );
        }
        if number % FULL_CHECK_EVERY == 0 && got[8..] != self.bytes[8..] {
            return Err(format!("message {number}: the content differs from what was sent: corrupted").into());
        }
        Ok(())
    }
}

pub fn number_of(message: &[u8]) -> u64 {
    u64::from_le_bytes(message[..8].try_into().expect("a message has eight bytes"))
}

/// Processor time of a process, 0 for this one.
fn cpu_ns(pid: libc::pid_t) -> u64 {
    unsafe {
        let mut clock: libc::clockid_t = 0;
        let mut time: libc::timespec = std::mem::zeroed();
        if libc::clock_getcpuclockid(pid, &mut clock) != 0 || libc::clock_gettime(clock, &mut time) != 0 {
            return 0;
        }
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
}

fn peak_bytes(pid: libc::pid_t) -> u64 {
    let name = if pid == 0 { "self".to_string() } else { pid.to_string() };
    let status = std::fs::read_to_string(format!("/proc/{name}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// The clock of a trial: warm-up, then the timed section, as long as the cell says.
pub struct Meter {
    warmup: u64,
    min_count: u64,
    min_ns: u64,
    max_ns: u64,
    pids: [libc::pid_t; 2],
    buckets: BTreeMap<u64, u64>,
    pub messages: u64,
    pub total_ns: u64,
    longest_ns: u64,
    begin: Instant,
    cpu_before_ns: u64,
    cpu_ns: u64,
}

impl Meter {
    pub fn new(cell: &Cell, other: u32) -> Result<Meter, Fault> {
        Ok(Meter {
            warmup: cell.number("warmup_count")?,
            min_count: cell.number("min_count")?,
            min_ns: cell.number("min_ms")? * 1_000_000,
            max_ns: cell.number("max_ms")? * 1_000_000,
            pids: [0, other as libc::pid_t],
            buckets: BTreeMap::new(),
            messages: 0,
            total_ns: 0,
            longest_ns: 0,
            begin: Instant::now(),
            cpu_before_ns: 0,
            cpu_ns: 0,
        })
    }

    /// So many messages were sent without being timed. Is it enough?
    pub fn warm_enough(&self, count: u64) -> bool {
        count > 0 && (count >= self.warmup || self.passed_ns() >= self.max_ns)
    }

    pub fn begin(&mut self) {
        self.cpu_before_ns = self.pids.iter().map(|p| cpu_ns(*p)).sum();
        self.begin = Instant::now();
    }

    pub fn passed_ns(&self) -> u64 {
        self.begin.elapsed().as_nanos() as u64
    }

    pub fn record(&mut self, took_ns: u64, weight: u64) {
        let shift = (64 - took_ns.leading_zeros()).saturating_sub(11); // buckets as in experiments/measure/histogram.c
        *self.buckets.entry(took_ns >> shift << shift).or_insert(0) += weight;
        self.longest_ns = self.longest_ns.max(took_ns);
        self.messages += weight;
    }

    pub fn enough(&self) -> bool {
        let passed = self.passed_ns();
        self.messages > 0 && (passed >= self.max_ns || (self.messages >= self.min_count && passed >= self.min_ns))
    }

    pub fn end(&mut self) {
        self.cpu_ns = self.pids.iter().map(|p| cpu_ns(*p)).sum::<u64>() - self.cpu_before_ns;
    }

    pub fn json(&self, version: &str, size: usize, note: &str) -> String {
        let pairs: Vec<String> = self.buckets.iter().map(|(low, count)| format!("[{low}, {count}]")).collect();
        format!(
            "{{\"version\": \"{version}\", \"messages\": {}, \"seconds\": {}, \"max_ns\": {}, \"size_bytes\": {size}, \
             \"cpu_ns\": {}, \"peak_rss_bytes\": {}, \"notes\": [\"{note}\"], \"histogram\": [{}]}}",
            self.messages,
            self.total_ns as f64 / 1e9,
            self.longest_ns,
            self.cpu_ns,
            self.pids.iter().map(|p| peak_bytes(*p)).sum::<u64>(),
            pairs.join(", ")
        )
    }
}
