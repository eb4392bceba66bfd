//! The bill of materials of the filter, in CycloneDX 1.6 (ECMA-424), without what would be another
//! at each writing: a serial number and a time.

use serde_json::{Value, json};

use crate::build::{Build, Package};
use crate::layout::sha256;

/// What `module` was linked of.
pub(crate) fn of(build: &Build, module: &[u8]) -> Result<Value, String> {
    let (root, filter) = build.filter()?;
    let mut subject = component(filter);
    subject["type"] = "application".into();
    subject["hashes"] = json!([{"alg": "SHA-256", "content": sha256(module)}]);

    let (release, commit) = &build.compiler;
    // With core and alloc in it, and the C library of WASI that Rust's distribution brings.
    let std = format!("pkg:generic/rust-std@{release}?target=wasm32-wasip1");
    let mut components = vec![json!({
        "type": "library",
        "bom-ref": std,
        "name": "rust-std",
        "version": release,
        "purl": std,
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
        "properties": [{"name": "rustc:commit-hash", "value": commit}],
    })];
    let mut dependencies = vec![json!({"ref": std, "dependsOn": []})];
    for (id, package) in &build.packages {
        if id != root {
            components.push(component(package));
        }
        let uses = package.uses.iter().filter_map(|id| build.packages.get(id)).map(purl);
        let uses: Vec<String> = uses.chain([std.clone()]).collect();
        dependencies.push(json!({"ref": purl(package), "dependsOn": uses}));
    }
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": subject},
        "components": components,
        "dependencies": dependencies,
    }))
}

fn component(package: &Package) -> Value {
    let purl = purl(package);
    let mut component = json!({
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
    });
    if let Some(licence) = &package.licence {
        component["licenses"] = json!([{"expression": licence}]);
    }
    if let Some(checksum) = &package.checksum {
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    component
}

/// A crate's name among those of all kinds of packages (package-url/purl-spec, type `cargo`).
fn purl(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version.replace('+', "%2B"))
}
