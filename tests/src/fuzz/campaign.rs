//! Many executions on several threads, watched: a panic, a hang, memory beyond a bound or a broken promise is a failure, with its
//! input.

use super::corpus::Corpus;
use super::exercise::{Outcome, exercise};
use super::mutate::mutate;
use fastrand::Rng;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

/// Longest that one file may take.
const HANG: Duration = Duration::from_secs(10);
/// Most memory of the process, in KiB: files are below 64 KiB, and the importer's copies below 64 MiB for each thread.
const MEMORY: u64 = 2 << 20;
/// Time between two looks at the threads.
const LOOK: Duration = Duration::from_millis(100);

/// What to execute.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Seed of all mutations.
    pub seed: u64,
    /// Number of the first execution.
    pub first: u64,
    /// Most executions.
    pub executions: u64,
    /// Longest time.
    pub time: Duration,
    /// Threads.
    pub threads: usize,
}

/// An input for which a promise does not hold.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Number of the execution.
    pub execution: u64,
    /// What happened, and where.
    pub what: String,
    /// The input.
    pub bytes: Vec<u8>,
}

/// How many executions ended in which way.
#[derive(Debug, Default)]
pub struct Counts([AtomicU64; Outcome::ALL.len()]);

impl Counts {
    /// All executions.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|count| count.load(Relaxed)).sum()
    }

    /// Executions that ended so.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize].load(Relaxed)
    }
}

/// What the threads share.
struct Shared {
    corpus: Corpus,
    limits: Limits,
    next: AtomicU64,
    stop: AtomicBool,
    counts: Counts,
    failure: Mutex<Option<Failure>>,
    /// What each thread works on, and since when.
    current: Vec<Mutex<Option<(u64, Instant)>>>,
}

thread_local! {
    /// Whether this thread is in an attempt, and what the last panic in one said.
    static ATTEMPTING: Cell<bool> = const { Cell::new(false) };
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}
static HOOK: Once = Once::new();

/// Keeps the texts of panics in attempts; all others are printed as before.
fn hook() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if ATTEMPTING.get() {
            PANIC.with_borrow_mut(|text| *text = info.to_string());
        } else {
            previous(info);
        }
    }));
}

/// Runs a campaign. `look` is called ten times a second.
///
/// # Errors
/// The first failure. Threads that hang are left behind.
pub fn run(corpus: Corpus, limits: Limits, look: impl Fn(&Counts)) -> Result<Counts, Failure> {
    let threads = limits.threads.max(1);
    let shared = Arc::new(Shared {
        corpus,
        limits,
        next: AtomicU64::new(limits.first),
        stop: AtomicBool::new(false),
        counts: Counts::default(),
        failure: Mutex::new(None),
        current: (0..threads).map(|_| Mutex::new(None)).collect(),
    });
    let begin = Instant::now();
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            let shared = shared.clone();
            std::thread::spawn(move || work(&shared, thread))
        })
        .collect();
    while !workers.iter().all(std::thread::JoinHandle::is_finished) {
        std::thread::sleep(LOOK);
        look(&shared.counts);
        if begin.elapsed() > limits.time {
            shared.stop.store(true, Relaxed);
        }
        if let Some(failure) = watch(&shared) {
            shared.stop.store(true, Relaxed);
            lock(&shared.failure).get_or_insert(failure);
            break;
        }
    }
    match lock(&shared.failure).take() {
        Some(failure) => Err(failure),
        None => Ok(Counts(std::array::from_fn(|index| AtomicU64::new(shared.counts.0[index].load(Relaxed))))),
    }
}

/// The input of an execution.
pub fn input(corpus: &Corpus, seed: u64, execution: u64) -> Vec<u8> {
    // Golden-ratio steps keep the generators of neighbours apart.
    mutate(corpus, &mut Rng::with_seed(seed ^ execution.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// What happens to one input, panics included.
///
/// # Errors
/// What a failure says.
pub fn attempt(bytes: &[u8]) -> Result<Outcome, String> {
    HOOK.call_once(hook);
    ATTEMPTING.set(true);
    let result = catch_unwind(AssertUnwindSafe(|| exercise(bytes)));
    ATTEMPTING.set(false);
    result.unwrap_or_else(|_| Err(PANIC.with_borrow(Clone::clone)))
}

fn work(shared: &Shared, thread: usize) {
    let Limits { first, executions, seed, .. } = shared.limits;
    while !shared.stop.load(Relaxed) {
        let execution = shared.next.fetch_add(1, Relaxed);
        if execution - first >= executions {
            break;
        }
        let bytes = input(&shared.corpus, seed, execution);
        *lock(&shared.current[thread]) = Some((execution, Instant::now()));
        match attempt(&bytes) {
            Ok(outcome) => {
                shared.counts.0[outcome as usize].fetch_add(1, Relaxed);
            }
            Err(what) => {
                shared.stop.store(true, Relaxed);
                lock(&shared.failure).get_or_insert(Failure { execution, what, bytes });
            }
        }
        *lock(&shared.current[thread]) = None;
    }
}

/// A thread that hangs, or memory beyond the bound: then the input that has been worked on for longest is to blame.
fn watch(shared: &Shared) -> Option<Failure> {
    let current = shared.current.iter().filter_map(|current| *lock(current));
    let (execution, since) = current.min_by_key(|&(_, since)| since)?;
    let memory = peak_memory().filter(|&peak| peak > MEMORY);
    let what = match memory {
        Some(peak) => format!("memory: the process had {} MiB, expected up to {} MiB", peak >> 10, MEMORY >> 10),
        None if since.elapsed() > HANG => format!("hang: more than {} s for one file", HANG.as_secs()),
        None => return None,
    };
    Some(Failure { execution, what, bytes: input(&shared.corpus, shared.limits.seed, execution) })
}

/// Most memory that the process has had, in KiB, where the system tells: `VmHWM` of proc_pid_status(5).
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
