//! CPU time of threads, in the kernel's own count.

use std::fs;
use std::time::Duration;

/// Of all threads of this process whose name begins so.
pub(crate) fn of_threads(prefix: &str) -> Duration {
    of_threads_in("self", prefix)
}

/// Of those of another process.
pub(crate) fn of_threads_in(process: &str, prefix: &str) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("Linux").flatten();
    let named =
        tasks.filter(|task| fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.starts_with(prefix)));
    named.map(|task| read(&task.path().join("schedstat"))).sum()
}

fn read(path: &std::path::Path) -> Duration {
    let text = fs::read_to_string(path).expect("the kernel counts CPU time (CONFIG_SCHED_INFO)");
    let nanoseconds = text.split(' ').next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a number of nanoseconds"))
}
