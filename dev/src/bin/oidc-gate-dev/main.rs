//! `oidc-gate-dev`: what `make run` starts. The provider, the demo's page and services, and Envoy with the gate before them.
//!
//! ```text
//! added     the services that a run adds to envoy.yaml
//! args      the command line
//! checks    what must be there before anything is started, and what to do where it is not
//! config    envoy.yaml, with the ports of this run
//! demo      the order in which things start, wait and end
//! envoy     Envoy as a child process that does not outlive us
//! log       Envoy's log, for people
//! signals   Ctrl-C and its like
//! ```

mod added;
mod args;
mod checks;
mod config;
mod demo;
mod envoy;
mod log;
mod signals;

use std::process::ExitCode;

use args::Command;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match args::parse(&words) {
        Ok(Command::Help) => {
            println!("{}", args::HELP);
            Ok(())
        }
        Ok(Command::Run(run)) => blocking(demo::run(&run)),
        Ok(Command::Provider { port }) => blocking(demo::provider_alone(port)),
        Err(problem) => Err(format!("{problem}\n\n{}", args::HELP)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("\n{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Runs on this thread: Envoy is tied to the life of the thread that starts it.
fn blocking(work: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    signals::end_with_parent();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("The system gives no event loop: {error}"))?
        .block_on(work)
}
