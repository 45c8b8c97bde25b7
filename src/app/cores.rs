//! Which core each thread runs on, where an operator wants that: each worker on one of its own, everything else on the
//! rest.
//!
//! It's for machines with cores to spare. Measured on two cores, 1,000 sessions and 55,000 messages a second, four runs
//! in turn: 3.3 µs of a worker's time a message pinned and 3.2 not, with two workers, and 3.2 and 3.4 with one: less than
//! runs differ among themselves, as ages do. So nobody is pinned unless it's asked for.
//!
//! Threads run where the one that started them may. So what is set for the main thread at the start holds for Kafka's
//! client, ingest and whoever accepts connections; the workers then go to their cores by themselves.

use crate::failure::Failure;

/// The cores that this process may run on, as it was started: a container's are among them alone.
#[derive(Clone, Debug)]
pub(super) struct Cores(Vec<usize>);

#[cfg(target_os = "linux")]
impl Cores {
    /// Leaves one core for each worker, if there are others for the rest.
    ///
    /// # Errors
    /// The system doesn't tell or doesn't allow it.
    pub(super) fn reserve(workers: usize) -> Result<Self, Failure> {
        use rustix::thread::{CpuSet, sched_getaffinity};

        let allowed = sched_getaffinity(None).map_err(refused)?;
        let cores = Self((0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect());
        if let Some(rest) = cores.0.get(workers..).filter(|rest| !rest.is_empty()) {
            run_on(rest).map_err(refused)?;
        }
        tracing::info!(cores = ?cores.0, workers, "each worker runs on a core of its own");
        Ok(cores)
    }

    /// Goes to a worker's core. More workers than cores share them.
    pub(super) fn take(&self, worker: usize) {
        let core = self.0[worker % self.0.len()];
        if let Err(error) = run_on(&[core]) {
            tracing::warn!(%error, worker, core, "a worker can't be pinned");
        }
    }
}

#[cfg(target_os = "linux")]
fn run_on(cores: &[usize]) -> rustix::io::Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    rustix::thread::sched_setaffinity(None, &set)
}

#[cfg(target_os = "linux")]
fn refused(error: rustix::io::Errno) -> Failure {
    Failure::start_up(format_args!("pin_workers: the system refuses: {error}"))
}

#[cfg(not(target_os = "linux"))]
impl Cores {
    /// Nothing can be reserved.
    pub(super) fn reserve(_workers: usize) -> Result<Self, Failure> {
        Err(Failure::configuration("pin_workers: threads can be pinned on Linux only"))
    }

    /// Nobody gets here.
    pub(super) const fn take(&self, _worker: usize) {}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::thread::{CpuSet, sched_getaffinity};

    use super::*;

    fn current() -> Vec<usize> {
        let set = sched_getaffinity(None).expect("a thread may ask for its own");
        (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
    }

    /// Of a thread of its own: what is pinned stays so.
    fn on_a_thread(run: impl FnOnce() + Send + 'static) {
        std::thread::spawn(run).join().expect("the thread checks");
    }

    #[test]
    fn workers_take_the_cores_in_turn_and_threads_that_they_start_stay_there() {
        on_a_thread(|| {
            let allowed = current();
            let cores = Cores::reserve(allowed.len()).unwrap();
            assert_eq!(current(), allowed, "nothing is left for the rest, so it runs everywhere");
            for worker in 0..2 * allowed.len() {
                cores.take(worker);
                assert_eq!(current(), [allowed[worker % allowed.len()]]);
                on_a_thread(move || assert_eq!(current().len(), 1));
            }
        });
    }

    #[test]
    fn the_rest_runs_where_no_worker_does() {
        on_a_thread(|| {
            let allowed = current();
            let Some((_, rest)) = allowed.split_first().filter(|(_, rest)| !rest.is_empty()) else { return };
            Cores::reserve(1).unwrap();
            assert_eq!(current(), rest);
        });
    }

    #[test]
    fn cores_that_this_process_may_not_use_are_nobodys() {
        on_a_thread(|| {
            let last = *current().last().unwrap();
            run_on(&[last]).unwrap();
            let cores = Cores::reserve(2).unwrap();
            cores.take(1);
            assert_eq!(current(), [last]);
        });
    }
}
