//! What must be there before anything is started; each problem says what to do about it.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

/// Where `make envoy` puts Envoy.
const INSTALLED: &str = ".tools/envoy/envoy";

/// The Envoy to start: the one asked for, `$ENVOY`, the installed one, or one in `$PATH`.
///
/// Errors: there is none, or what was named is none.
pub(crate) fn envoy(asked: Option<&Path>) -> Result<PathBuf, String> {
    let named = asked
        .map(Path::to_owned)
        .or_else(|| std::env::var_os("ENVOY").filter(|name| !name.is_empty()).map(PathBuf::from));
    if let Some(named) = named {
        return in_path(&named).ok_or_else(|| {
            format!(
                "There is no program {}. Name an Envoy, or run `make run`, which installs one.",
                named.display()
            )
        });
    }
    in_path(Path::new(INSTALLED)).or_else(|| in_path(Path::new("envoy"))).ok_or_else(|| {
        "There is no Envoy yet: `make envoy` installs one into .tools, or name yours by --envoy PATH or $ENVOY."
            .to_owned()
    })
}

/// A program: itself where it is a path, else looked up in `$PATH`.
fn in_path(name: &Path) -> Option<PathBuf> {
    if name.components().count() > 1 {
        return name.is_file().then(|| name.to_owned());
    }
    let directories = std::env::var_os("PATH")?;
    std::env::split_paths(&directories)
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
}

/// The filter must have been built.
///
/// Errors: it is not where the configuration says.
pub(crate) fn wasm(path: &Path) -> Result<(), String> {
    match path.is_file() {
        true => Ok(()),
        false => Err(format!(
            "The filter {} is not there. `make wasm` builds it; start this from the folder of the project.",
            path.display()
        )),
    }
}

/// The gate's port must be free.
///
/// Errors: who else it may be, and how to take another port.
pub(crate) fn free(port: u16) -> Result<(), String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop).map_err(|error| {
        format!(
            "Port {port} is where the gate listens, but it cannot be had: {error}.\n\
             Perhaps another `make run` is still up. End that, or take another port: GATE_PORT=10001 make run"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = taken.local_addr().expect("an address").port();
        assert!(free(port).expect_err("it is taken").contains(&format!("Port {port}")));
        drop(taken);
        assert_eq!(free(port), Ok(()));
    }

    #[test]
    fn missing_programs_and_files_are_named() {
        let problem = envoy(Some(Path::new("no/such/envoy"))).expect_err("it is not there");
        assert!(problem.contains("no/such/envoy"), "{problem}");
        assert!(wasm(Path::new("no.wasm")).expect_err("it is not there").contains("make wasm"));
    }
}
