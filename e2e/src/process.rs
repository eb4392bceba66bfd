//! Child processes that cannot outlive the tests: not after a panic, not after Ctrl-C, not after a kill.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

type Order = (Command, Sender<io::Result<Child>>);

/// Children are killed by the kernel when the *thread* that started them ends (`PR_SET_PDEATHSIG`, prctl(2)), and each
/// test has a thread of its own. So one thread that never ends starts all of them.
static NURSERY: LazyLock<Sender<Order>> = LazyLock::new(|| {
    let (orders, inbox) = channel::<Order>();
    thread::spawn(move || {
        for (mut command, answer) in inbox {
            let _ = answer.send(command.spawn());
        }
    });
    orders
});

/// Starts `command`; the child gets SIGKILL when this process ends, however it ends.
///
/// # Errors
/// What starting a process may end with.
pub fn spawn(mut command: Command) -> io::Result<Child> {
    #[cfg(target_os = "linux")]
    // SAFETY: between fork and exec only async-signal-safe calls are allowed; prctl is one system call.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
    let (answer, started) = channel();
    NURSERY.send((command, answer)).expect("the thread that starts processes never ends");
    started.recv().expect("the thread that starts processes answers each order")
}
