//! The files of `deploy/envoy-gateway` in the hands of Envoy Gateway's own programs: see `make envoy-gateway`, which builds
//! them and names their folder in `ENVOY_GATEWAY`.
//!
//! ```text
//! files        the files, and the same with something changed
//! translate    egctl: whether each field exists, and what Envoy is told in the end
//! server       Envoy Gateway without a cluster: it has the filter, starts an Envoy, and tells it where everything is
//! login        what a person and a client see behind it
//! page         what docs/envoy-gateway.md says is so
//! ```

mod files;
mod login;
mod page;
mod server;
mod translate;

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// One of Envoy Gateway's programs.
fn program(name: &str) -> Command {
    let folder = env::var_os("ENVOY_GATEWAY")
        .expect("ENVOY_GATEWAY names the folder of its programs: run `make envoy-gateway`");
    Command::new(PathBuf::from(folder).join(name))
}
