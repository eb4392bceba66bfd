//! How long a thread has run, as the kernel counts it.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// After its last answer the worker cleans up; it has long done so after this.
const QUIET: Duration = Duration::from_millis(1);

/// Envoy's one worker thread.
pub(crate) struct Worker {
    schedstat: PathBuf,
}

impl Worker {
    /// Finds it among the threads of the process.
    pub(crate) fn find(process: u32) -> Self {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("Envoy runs, on Linux");
        let is_worker = |task: &PathBuf| {
            let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
            name.starts_with("wrk:worker_0")
        };
        let mut tasks = tasks.map(|task| task.expect("its threads can be listed").path());
        let task = tasks.find(is_worker).expect("Envoy has a worker");
        Self { schedstat: task.join("schedstat") }
    }

    /// The time it has run so far, up to date while it sleeps: waits for that.
    pub(crate) fn nanoseconds(&self) -> f64 {
        thread::sleep(QUIET);
        let text = fs::read_to_string(&self.schedstat).expect("the kernel counts it (schedstat)");
        let first = text.split(' ').next().unwrap_or_default();
        first.parse().expect("schedstat begins with nanoseconds")
    }
}
