//! The image layout, as whoever reads it finds it. The filter is a small one here, and so is what
//! the compiler says of it.

#![allow(clippy::unwrap_used, reason = "a test may stop where it cannot go on")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A module that is valid and empty: its magic number and version.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// A folder of its own for each test, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes the image of `module` with files in `folder`, in the environment given.
fn write(folder: &Path, module: &[u8], environment: &[(&str, &str)]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let metadata = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--locked",
            "--format-version",
            "1",
            "--filter-platform",
            "wasm32-wasip1",
        ])
        .current_dir(&root)
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let compiled = ["oidc-gate", "base64", "subtle"].map(|name| {
        let all = metadata["packages"].as_array().unwrap();
        let id = &all.iter().find(|package| package["name"] == name).unwrap()["id"];
        let file = format!("{}/wasm32-wasip1/release/{name}.rlib", folder.display());
        json!({"reason": "compiler-artifact", "package_id": id, "filenames": [file]}).to_string()
    });
    fs::write(folder.join("filter.wasm"), module).unwrap();
    fs::write(folder.join("compiled.json"), compiled.join("\n")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_oidc-gate-oci"))
        .args(["filter.wasm", "compiled.json", "oci"].map(|name| folder.join(name)))
        .current_dir(&root)
        .env_remove("SOURCE_DATE_EPOCH")
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

/// What is written of `MODULE`.
fn written(name: &str, environment: &[(&str, &str)]) -> (PathBuf, BTreeMap<String, Vec<u8>>) {
    let folder = folder(name);
    let output = write(&folder, MODULE, environment);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let oci = folder.join("oci");
    let files = files(&oci);
    (oci, files)
}

/// All files below a folder, by their paths in it.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// The blob that a descriptor means, which must be what the descriptor says.
fn blob(oci: &Path, descriptor: &Value) -> Vec<u8> {
    let hex = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let bytes = fs::read(oci.join("image/blobs/sha256").join(hex)).unwrap();
    assert_eq!(format!("{:x}", Sha256::digest(&bytes)), hex);
    assert_eq!(descriptor["size"], bytes.len());
    bytes
}

/// The descriptors and manifests in the index of which `is` holds.
fn manifests(oci: &Path, is: impl Fn(&Value) -> bool) -> Vec<(Value, Value)> {
    let index = parsed(&fs::read(oci.join("image/index.json")).unwrap());
    let all = index["manifests"].as_array().unwrap().iter().filter(|descriptor| is(descriptor));
    all.map(|descriptor| (descriptor.clone(), parsed(&blob(oci, descriptor)))).collect()
}

fn tagged(oci: &Path, suffix: &str) -> (Value, Value) {
    let tag = format!("{}{suffix}", env!("CARGO_PKG_VERSION"));
    let named = |it: &Value| it["annotations"]["org.opencontainers.image.ref.name"] == tag;
    let mut found = manifests(oci, named);
    assert_eq!(found.len(), 1, "{tag}");
    let (descriptor, manifest) = found.remove(0);
    let told = fs::read_to_string(oci.join(format!("{tag}.digest"))).unwrap();
    assert_eq!(descriptor["digest"], told.trim_end());
    (descriptor, manifest)
}

#[test]
fn the_same_filter_is_the_same_bytes_in_another_folder_at_another_time() {
    let (first, files) = written("one", &[]);
    let (second, others) =
        written("elsewhere/two", &[("TZ", "Asia/Tokyo"), ("LC_ALL", "C"), ("USER", "other")]);
    assert!(files == others, "{} and {} differ", first.display(), second.display());
    assert!(files.len() > 8, "only {} files", files.len());
    for (name, bytes) in &files {
        let text = String::from_utf8_lossy(bytes);
        assert!(
            !text.contains(env!("CARGO_MANIFEST_DIR")),
            "{name} has a path of this machine in it"
        );
    }
}

#[test]
fn one_byte_more_is_another_digest() {
    let (oci, _) = written("as_it_is", &[]);
    let changed = folder("changed");
    assert!(write(&changed, &[MODULE, b"\0"].concat(), &[]).status.success());
    for suffix in ["", "-compat", "-wasm"] {
        let digests =
            [&oci, &changed.join("oci")].map(|oci| tagged(oci, suffix).0["digest"].clone());
        assert_ne!(digests[0], digests[1]);
    }
}

#[test]
fn a_source_date_goes_into_the_image_and_only_a_source_date() {
    let (oci, _) = written("dated", &[("SOURCE_DATE_EPOCH", "86400")]);
    for suffix in ["-compat", "-wasm"] {
        let config = parsed(&blob(&oci, &tagged(&oci, suffix).1["config"]));
        assert_eq!(config["created"], "1970-01-02T00:00:00Z");
    }
    let output = write(&folder("tomorrow"), MODULE, &[("SOURCE_DATE_EPOCH", "tomorrow")]);
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("SOURCE_DATE_EPOCH is tomorrow, expected seconds since 1970"), "{told}");
}

#[test]
fn the_image_for_istio_is_two_layers_one_of_them_the_filter() {
    let (oci, _) = written("bundle", &[]);
    let (_, manifest) = tagged(&oci, "");
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 2);
    assert_eq!(layers[1]["mediaType"], "application/vnd.module.wasm.content.layer.v1+wasm");
    assert_eq!(blob(&oci, &layers[1]), MODULE);
    assert_eq!(layers[0]["mediaType"], "application/vnd.module.wasm.config.v1+json");
    assert_eq!(parsed(&blob(&oci, &layers[0]))["type"], "envoy_proxy");
}

#[test]
fn the_compat_image_has_the_filter_as_plugin_wasm_in_its_last_layer() {
    let (oci, _) = written("compat", &[]);
    let (_, manifest) = tagged(&oci, "-compat");
    assert_eq!(manifest["annotations"]["module.wasm.image/variant"], "compat");
    let layer = manifest["layers"].as_array().unwrap().last().unwrap();
    assert_eq!(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    let mut archive = Vec::new();
    flate2::read::GzDecoder::new(blob(&oci, layer).as_slice()).read_to_end(&mut archive).unwrap();
    let config = parsed(&blob(&oci, &manifest["config"]));
    assert_eq!(
        config["rootfs"]["diff_ids"],
        json!([format!("sha256:{:x}", Sha256::digest(&archive))])
    );
    let mut archive = tar::Archive::new(archive.as_slice());
    let mut entries = archive.entries().unwrap();
    let mut entry = entries.next().unwrap().unwrap();
    assert_eq!(entry.path().unwrap(), Path::new("plugin.wasm"));
    let (mut module, header) = (Vec::new(), entry.header().clone());
    entry.read_to_end(&mut module).unwrap();
    assert_eq!(module, MODULE);
    assert_eq!(
        (header.mtime().unwrap(), header.uid().unwrap(), header.mode().unwrap()),
        (0, 0, 0o644)
    );
    assert!(entries.next().is_none());
}

#[test]
fn the_cncf_artifact_is_one_layer_that_is_the_filter() {
    let (oci, _) = written("artifact", &[]);
    let (_, manifest) = tagged(&oci, "-wasm");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 1);
    assert_eq!(layers[0]["mediaType"], "application/wasm");
    assert_eq!(blob(&oci, &layers[0]), MODULE);
    let config = parsed(&blob(&oci, &manifest["config"]));
    assert_eq!(config["layerDigests"], json!([layers[0]["digest"]]));
    assert_eq!((&config["architecture"], &config["os"]), (&json!("wasm"), &json!("wasip1")));
}

#[test]
fn each_image_has_the_bill_of_materials_that_lies_beside() {
    let (oci, files) = written("attached", &[]);
    let mut subjects = Vec::new();
    for (descriptor, manifest) in
        manifests(&oci, |it| it["artifactType"] == "application/vnd.cyclonedx+json")
    {
        assert_eq!(manifest["artifactType"], descriptor["artifactType"]);
        assert_eq!(blob(&oci, &manifest["config"]), b"{}");
        assert_eq!(blob(&oci, &manifest["layers"][0]), files["oidc-gate.cdx.json"]);
        blob(&oci, &manifest["subject"]);
        subjects.push(manifest["subject"]["digest"].clone());
    }
    assert_eq!(
        subjects,
        ["", "-compat", "-wasm"].map(|suffix| tagged(&oci, suffix).0["digest"].clone())
    );
}

#[test]
fn the_bill_of_materials_names_the_filter_and_what_was_compiled_into_it() {
    let (_, files) = written("sbom", &[]);
    let bill = parsed(&files["oidc-gate.cdx.json"]);
    let subject = &bill["metadata"]["component"];
    assert_eq!(subject["name"], "oidc-gate");
    assert_eq!(subject["hashes"][0]["content"], format!("{:x}", Sha256::digest(MODULE)));
    let components = bill["components"].as_array().unwrap();
    let names: Vec<&str> = components.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["rust-std", "base64", "subtle"]);
    for component in components {
        assert!(component["licenses"][0]["expression"].is_string(), "{component}");
    }
    assert_eq!(components[1]["hashes"][0]["content"].as_str().unwrap().len(), 64);
    // Whoever is depended on is in it.
    for dependency in bill["dependencies"].as_array().unwrap() {
        for used in dependency["dependsOn"].as_array().unwrap() {
            assert!(components.iter().any(|it| it["bom-ref"] == *used), "{used}");
        }
    }
    assert_eq!(bill["serialNumber"], Value::Null);
    assert_eq!(bill["metadata"]["timestamp"], Value::Null);
}

#[test]
fn what_is_no_filter_is_refused_and_what_was_there_stays() {
    let folder = folder("refused");
    assert!(write(&folder, MODULE, &[]).status.success());
    let before = files(&folder.join("oci"));
    let output = write(&folder, b"<html>", &[]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("not a WebAssembly module"));
    assert!(files(&folder.join("oci")) == before);
}
