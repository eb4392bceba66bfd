//! Conditions instead of sleeping: a test goes on as soon as it can, and says what it waited for when it cannot.

use std::thread;
use std::time::{Duration, Instant};

/// Nothing in these tests takes this long on a loaded machine; whatever does has gone wrong.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Waits until `ready` has something, and returns it. Panics with `what` when it never does.
pub fn until<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(began.elapsed() < LIMIT, "waited {} s in vain for: {what}", LIMIT.as_secs());
        thread::sleep(Duration::from_millis(10));
    }
}
