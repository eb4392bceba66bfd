//! What is linked into the filter: the crates that the compiler was given, and what cargo knows
//! of them.
//!
//! The compiler is believed and not the list of dependencies: that has crates for tests, for
//! other systems and for features that are off. What runs while building (macros, build scripts)
//! was not compiled for wasm, and is left out by that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// In the path of whatever is compiled for the filter.
const TARGET: &str = "wasm32-wasip1";

/// The crate that is the filter.
const FILTER: &str = "oidc-gate";

/// A crate in the filter.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// An SPDX expression.
    pub(crate) licence: Option<String>,
    /// SHA-256 of what the registry delivers, from Cargo.lock; not of what stands in this tree.
    pub(crate) checksum: Option<String>,
    /// What it uses of the others, by cargo's identifiers.
    pub(crate) uses: BTreeSet<String>,
}

/// The filter and all that is in it.
#[derive(Debug)]
pub(crate) struct Build {
    /// By cargo's identifiers.
    pub(crate) packages: BTreeMap<String, Package>,
    /// The compiler, whose standard library is linked in, too: `release` and `commit-hash`.
    pub(crate) compiler: (String, String),
}

impl Build {
    /// Of what the compiler said, a JSON object a line, in the folder of the project.
    pub(crate) fn of(compiled: &str) -> Result<Self, String> {
        let metadata = output(
            "cargo",
            &["metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET],
        )?;
        let metadata: Value =
            serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
        let lock =
            Path::new(metadata["workspace_root"].as_str().unwrap_or_default()).join("Cargo.lock");
        let lock =
            fs::read_to_string(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
        let packages = packages(&linked(compiled)?, &metadata, &checksums(&lock))?;
        Ok(Self { packages, compiler: compiler(&output("rustc", &["-vV"])?)? })
    }

    /// The filter itself.
    pub(crate) fn filter(&self) -> Result<(&str, &Package), String> {
        let mut all = self.packages.iter();
        let found = all.find(|(_, package)| package.name == FILTER);
        found.map(|(id, package)| (id.as_str(), package)).ok_or_else(|| {
            format!("the compiler was not given {FILTER} for {TARGET}: what was compiled is from another build")
        })
    }

    /// The filter's version.
    pub(crate) fn version(&self) -> Result<String, String> {
        Ok(self.filter()?.1.version.clone())
    }
}

/// The crates that were compiled for the filter, by cargo's identifiers.
fn linked(compiled: &str) -> Result<BTreeSet<String>, String> {
    let mut linked = BTreeSet::new();
    for line in compiled.lines() {
        let message: Value =
            serde_json::from_str(line).map_err(|error| format!("what was compiled: {error}"))?;
        let files = message["filenames"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let for_filter =
            files.into_iter().any(|file| file.split(['/', '\\']).any(|part| part == TARGET));
        if message["reason"] == "compiler-artifact" && for_filter {
            linked.extend(message["package_id"].as_str().map(str::to_owned));
        }
    }
    Ok(linked)
}

fn packages(
    linked: &BTreeSet<String>,
    metadata: &Value,
    checksums: &BTreeMap<(String, String), String>,
) -> Result<BTreeMap<String, Package>, String> {
    let by_id = |list: &Value| -> BTreeMap<String, Value> {
        let all = list.as_array().into_iter().flatten();
        all.filter_map(|value| Some((value["id"].as_str()?.to_owned(), value.clone()))).collect()
    };
    let (known, nodes) = (by_id(&metadata["packages"]), by_id(&metadata["resolve"]["nodes"]));
    let mut packages = BTreeMap::new();
    for id in linked {
        let (Some(known), Some(node)) = (known.get(id), nodes.get(id)) else {
            return Err(format!(
                "the compiler was given {id}, which Cargo.lock does not name: build the filter again"
            ));
        };
        let text = |name: &str| known[name].as_str().map(str::to_owned);
        let (Some(name), Some(version)) = (text("name"), text("version")) else {
            return Err(format!("cargo metadata: {id} has no name or version"));
        };
        let uses = node["deps"].as_array().into_iter().flatten().filter(|used| {
            // Null is a dependency of the crate itself, not of its tests or its build script.
            used["dep_kinds"].as_array().into_iter().flatten().any(|kind| kind["kind"].is_null())
        });
        let uses =
            uses.filter_map(|used| used["pkg"].as_str()).filter(|used| linked.contains(*used));
        let package = Package {
            uses: uses.filter(|used| used != id).map(str::to_owned).collect(),
            // Cargo once took `/` for OR, which SPDX does not.
            licence: text("license").map(|licence| licence.replace('/', " OR ")),
            checksum: checksums.get(&(name.clone(), version.clone())).cloned(),
            name,
            version,
        };
        packages.insert(id.clone(), package);
    }
    Ok(packages)
}

/// The checksums in Cargo.lock, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let sections = lock.split("[[package]]").skip(1);
    let value = |section: &str, key: &str| {
        let line = section.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
        line.map(|text| text.trim_matches('"').to_owned())
    };
    let entry = |section| {
        Some(((value(section, "name")?, value(section, "version")?), value(section, "checksum")?))
    };
    sections.filter_map(entry).collect()
}

/// What `rustc -vV` says of itself.
fn compiler(told: &str) -> Result<(String, String), String> {
    let value = |key: &str| told.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
    let both = value("release: ").zip(value("commit-hash: "));
    both.ok_or_else(|| format!("rustc -vV names no release and commit, but:\n{told}"))
}

fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "{program} {}:\n{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{program}: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn artifact(id: &str, file: &str) -> String {
        json!({"reason": "compiler-artifact", "package_id": id, "filenames": [file]}).to_string()
    }

    fn metadata() -> Value {
        let package = |id: &str| json!({"id": id, "name": id, "version": "1.0.0", "license": "MIT/Apache-2.0"});
        let used = |id: &str, kind: Value| json!({"pkg": id, "dep_kinds": [{"kind": kind, "target": null}]});
        json!({
            "packages": [package("oidc-gate"), package("cipher"), package("derive"), package("tests-only")],
            "resolve": {"nodes": [
                {"id": "oidc-gate", "deps": [
                    used("cipher", Value::Null), used("derive", Value::Null),
                    used("tests-only", json!("dev")), used("oidc-gate", Value::Null),
                ]},
                {"id": "cipher", "deps": [used("tests-only", json!("build"))]},
                {"id": "derive", "deps": []},
                {"id": "tests-only", "deps": []},
            ]},
        })
    }

    #[test]
    fn what_runs_while_building_is_not_linked() {
        let compiled = [
            artifact("oidc-gate", "/build/target/wasm32-wasip1/release/oidc_gate.wasm"),
            artifact("cipher", "/build/target/wasm32-wasip1/release/deps/libcipher.rlib"),
            artifact("derive", "/build/target/release/deps/libderive.so"),
            json!({"reason": "build-script-executed", "package_id": "tests-only"}).to_string(),
            json!({"reason": "build-finished", "success": true}).to_string(),
        ];
        let linked = linked(&compiled.join("\n")).unwrap();
        assert_eq!(linked, BTreeSet::from(["cipher".to_owned(), "oidc-gate".to_owned()]));
        let packages = packages(&linked, &metadata(), &BTreeMap::new()).unwrap();
        assert_eq!(packages["oidc-gate"].uses, BTreeSet::from(["cipher".to_owned()]));
        assert_eq!(packages["cipher"].uses, BTreeSet::new());
        assert_eq!(packages["cipher"].licence.as_deref(), Some("MIT OR Apache-2.0"));
    }

    #[test]
    fn a_crate_that_cargo_does_not_know_is_refused() {
        let problem =
            packages(&BTreeSet::from(["other".to_owned()]), &metadata(), &BTreeMap::new())
                .unwrap_err();
        assert!(problem.contains("other, which Cargo.lock does not name"), "{problem}");
    }

    #[test]
    fn a_build_of_something_else_is_refused() {
        let linked = BTreeSet::from(["cipher".to_owned()]);
        let packages = packages(&linked, &metadata(), &BTreeMap::new()).unwrap();
        let build = Build { packages, compiler: (String::new(), String::new()) };
        assert!(build.version().unwrap_err().contains("from another build"));
    }

    #[test]
    fn checksums_are_found_by_name_and_version() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"aa\"\n\n\
                    [[package]]\nname = \"a\"\nversion = \"2.0.0\"\nchecksum = \"bb\"\ndependencies = [\n \"b\",\n]\n\n\
                    [[package]]\nname = \"here\"\nversion = \"0.1.0\"\n";
        let expected = [("1.0.0", "aa"), ("2.0.0", "bb")];
        let expected =
            expected.map(|(version, sum)| (("a".to_owned(), version.to_owned()), sum.to_owned()));
        assert_eq!(checksums(lock), BTreeMap::from(expected));
    }
}
