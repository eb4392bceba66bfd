//! A real Chromium, headless, driven by its DevTools protocol over a pipe: no port, no driver, no library between.
//!
//! <https://chromedevtools.github.io/devtools-protocol/>. Tests say what a person does, and wait for what a person would
//! see; scripts that they run in a page are what the page itself could do.

mod pipe;
mod tab;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::json;

use self::pipe::Pipe;
pub use self::tab::Tab;
use crate::envoy::fresh_dir;
use crate::process;

/// With `--remote-debugging-pipe` Chromium reads commands from descriptor 3 and answers on 4. Its standard streams are
/// what a child can be given without `unsafe`, so a shell moves them there.
const ON_3_AND_4: &str = r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// Tests run as root in containers too, and meet nobody but the servers they started.
const FLAGS: [&str; 15] = [
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-extensions",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-breakpad",
    "--no-first-run",
    "--no-default-browser-check",
    "--password-store=basic",
    "--ignore-certificate-errors",
];

/// A running Chromium with an empty profile of its own. Dropped, it ends and its profile is removed.
pub struct Chromium {
    child: Child,
    pipe: Arc<Pipe>,
    profile: PathBuf,
}

impl Chromium {
    /// Starts `$CHROMIUM`, or `chromium`. It knows `authority` (`localhost:10000`) as `address`, whatever that is.
    pub fn start(authority: &str, address: SocketAddr) -> Self {
        let profile = fresh_dir();
        let program = env::var_os("CHROMIUM").unwrap_or_else(|| "chromium".into());
        let mut command = Command::new("sh");
        command
            .args(["-c", ON_3_AND_4, "sh"])
            .arg(&program)
            .args(FLAGS)
            .arg(format!("--host-resolver-rules=MAP {authority} {address}"))
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = process::spawn(command).unwrap_or_else(|problem| panic!("sh: {problem}"));
        let (commands, answers) =
            child.stdin.take().zip(child.stdout.take()).expect("both were asked for");
        let chromium = Self { child, pipe: Arc::new(Pipe::new(commands, answers)), profile };
        let version = chromium.pipe.try_call(None, "Browser.getVersion", json!({}));
        version.unwrap_or_else(|problem| {
            panic!(
                "{} did not start ({problem}). On Debian: apt install chromium",
                program.display()
            )
        });
        chromium
    }

    /// A new tab. All tabs share their cookies.
    pub fn tab(&self) -> Tab {
        Tab::open_in(&self.pipe)
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Asked to, it ends its own children too; they also end when they notice that it is gone.
        let _ = self.pipe.try_call(None, "Browser.close", json!({}));
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(10) && matches!(self.child.try_wait(), Ok(None))
        {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}
