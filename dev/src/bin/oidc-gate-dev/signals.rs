//! Ctrl-C, a closed terminal, a polite kill, and a parent that is gone: all of them end everything.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for whatever may end us.
pub(crate) struct End(Signal, Signal, Signal);

impl End {
    /// From now on signals are noticed instead of ending us at once.
    ///
    /// Errors: the system does not let us.
    pub(crate) fn watch() -> Result<Self, String> {
        let on = |kind| signal(kind).map_err(|error| format!("Signals cannot be noticed: {error}"));
        Ok(Self(
            on(SignalKind::interrupt())?,
            on(SignalKind::terminate())?,
            on(SignalKind::hangup())?,
        ))
    }

    /// Returns when it is time to end.
    pub(crate) async fn came(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
            _ = self.2.recv() => {}
        }
    }
}

/// Asks for SIGTERM when the parent ends: killing `make` leaves nothing behind. Only Linux can do that.
pub(crate) fn end_with_parent() {
    #[cfg(target_os = "linux")]
    // SAFETY: a system call that reads and writes no memory of ours.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
    }
}
