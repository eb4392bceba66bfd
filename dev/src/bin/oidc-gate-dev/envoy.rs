//! Envoy as a child process that does not outlive us.

use std::collections::VecDeque;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::log;

/// How long Envoy may take to end when asked politely.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many of its last lines are shown when it dies.
const LAST_LINES: usize = 20;

/// A running Envoy. It is killed when dropped.
pub(crate) struct Envoy {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    /// What was not shown yet, the last of it.
    unseen: VecDeque<String>,
}

impl Envoy {
    /// Starts the Envoy at `program` with the configuration file `config` and the `secrets` in its environment.
    ///
    /// Errors: the program cannot be run.
    pub(crate) fn start(
        program: &Path,
        config: &Path,
        secrets: &[(&str, &str)],
    ) -> Result<Self, String> {
        let mut command = Command::new(program);
        command
            .arg("--config-path")
            .arg(config)
            // Several may run side by side.
            .arg("--disable-hot-restart")
            .args([
                "--concurrency",
                "2",
                "--log-level",
                "warning",
                "--component-log-level",
                "wasm:info",
            ])
            .args(["--log-format", log::FORMAT])
            .envs(secrets.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal goes to a whole group of processes: Envoy's end is our business.
            .process_group(0)
            .kill_on_drop(true);
        die_with_us(&mut command);
        let mut child = command
            .spawn()
            .map_err(|error| format!("Envoy ({}) cannot be run: {error}", program.display()))?;
        let stderr = child.stderr.take().ok_or("Envoy has no log")?;
        Ok(Self { child, lines: BufReader::new(stderr).lines(), unseen: VecDeque::new() })
    }

    /// Prints what Envoy logs until it ends; the answer says how it ended.
    pub(crate) async fn watch(&mut self) -> String {
        let mut shown = log::Shown::default();
        while let Ok(Some(line)) = self.lines.next_line().await {
            match log::readable(&line) {
                Some(text) if shown.is_new(&text) => println!("{text}"),
                Some(_) => {}
                None => {
                    self.unseen.push_back(line);
                    if self.unseen.len() > LAST_LINES {
                        self.unseen.pop_front();
                    }
                }
            }
        }
        let how = match self.child.wait().await {
            Ok(status) => described(status),
            Err(error) => error.to_string(),
        };
        let unseen: String = self.unseen.drain(..).map(|line| format!("  {line}\n")).collect();
        format!(
            "{unseen}Envoy has ended ({how}), so nothing is left to try. Its last words are above."
        )
    }

    /// Ends Envoy: politely, then not.
    pub(crate) async fn end(mut self) {
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            // SAFETY: a system call; the child is not reaped yet, so the number is still its own.
            unsafe {
                libc::kill(id, libc::SIGTERM);
            }
        }
        let ended = async {
            // Its log must be read on, or it could wait for us while it ends.
            while let Ok(Some(_)) = self.lines.next_line().await {}
            let _ = self.child.wait().await;
        };
        if tokio::time::timeout(PATIENCE, ended).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

/// The kernel kills the child when we end, however we end. Elsewhere than on Linux only our own end by signals is
/// taken care of.
fn die_with_us(command: &mut Command) {
    #[cfg(target_os = "linux")]
    // SAFETY: between fork and exec only async-signal-safe calls are allowed; prctl is one system call.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

fn described(status: ExitStatus) -> String {
    // Display: "exit status: 1", or "signal: 9 (SIGKILL)".
    status.to_string()
}
