//! The forms that the filter is pulled in, and what is attached to them.
//!
//! No manifest can be two of them: one wants two layers and the module as one, one an archive as
//! the last layer, and one the module as the only layer.

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::created::Created;
use crate::layout::{Descriptor, Layout, MANIFEST, sha256};

/// What both forms say of the filter.
#[derive(Debug)]
pub(crate) struct About {
    /// The filter's version: the tag of the first form.
    pub(crate) version: String,
    /// When it was made, where anybody asks for that.
    pub(crate) created: Created,
}

impl About {
    fn annotations(&self) -> Value {
        json!({
            "org.opencontainers.image.title": "oidc-gate",
            "org.opencontainers.image.version": self.version,
            "org.opencontainers.image.licenses": "Apache-2.0",
        })
    }
}

/// A form of the filter, and who takes it.
#[derive(Debug)]
pub(crate) struct Image {
    /// Its name in the layout, and what it is called where it is pushed.
    pub(crate) tag: String,
    /// Its manifest, whose digest is the image's.
    pub(crate) manifest: Descriptor,
    /// For people.
    pub(crate) taken_by: &'static str,
}

/// The *oci* variant of the Wasm Image Specification (solo-io/wasm, spec.md): "two layers bundled
/// together", the module and what its runtime is to know.
///
/// Istio and Envoy Gateway try it last, but it is the only one that they read to its end, and so the
/// only one whose digest they check: in an archive they stop at the file that they look for.
pub(crate) fn bundle(layout: &mut Layout, about: &About, module: &[u8]) -> Image {
    let runtime =
        json!({"type": "envoy_proxy", "abiVersions": ["0.2.1"], "config": {"root_ids": []}});
    let config =
        layout.blob("application/vnd.module.wasm.config.v1+json", crate::layout::json(&runtime));
    let content = layout.blob("application/vnd.module.wasm.content.layer.v1+wasm", module.to_vec());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.json(),
        "layers": [
            config.json_with(titled("runtime-config.json")),
            content.json_with(titled("oidc_gate.wasm")),
        ],
        "annotations": about.annotations(),
    });
    let tag = about.version.clone();
    let manifest = layout.manifest(&manifest, named(&tag));
    Image { tag, manifest, taken_by: "Istio, Envoy Gateway" }
}

/// The *compat* variant of the same specification (spec-compat.md): "must have the last layer" of an
/// image's usual type, in it `plugin.wasm`. The annotation is optional there.
pub(crate) fn compat(layout: &mut Layout, about: &About, module: &[u8]) -> Result<Image, String> {
    let archive = archive(module, &about.created).map_err(|error| format!("the layer: {error}"))?;
    // What the layer is before compression (OCI config.md: DiffID).
    let unpacked = format!("sha256:{}", sha256(&archive));
    let packed = gzip(&archive).map_err(|error| format!("the layer: {error}"))?;
    let layer = layout.blob("application/vnd.oci.image.layer.v1.tar+gzip", packed);
    let config = layout.blob(
        "application/vnd.oci.image.config.v1+json",
        crate::layout::json(&json!({
            "created": about.created.text(),
            "architecture": "wasm",
            "os": "wasip1",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [unpacked]},
        })),
    );
    let mut annotations = about.annotations();
    annotations["module.wasm.image/variant"] = "compat".into();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.json(),
        "layers": [layer.json_with(titled("oidc_gate.tar.gz"))],
        "annotations": annotations,
    });
    let tag = format!("{}-compat", about.version);
    let manifest = layout.manifest(&manifest, named(&tag));
    Ok(Image { tag, manifest, taken_by: "the same, where a registry takes containers only" })
}

/// The Wasm OCI Artifact layout of the CNCF (tag-runtime.cncf.io/wgs/wasm/deliverables): a
/// configuration of its own type, and the module as the one layer. `component` is for WASI 0.2.
pub(crate) fn artifact(layout: &mut Layout, about: &About, module: &[u8]) -> Image {
    let layer = layout.blob("application/wasm", module.to_vec());
    let config = layout.blob(
        "application/vnd.wasm.config.v0+json",
        crate::layout::json(&json!({
            "created": about.created.text(),
            "author": null,
            "architecture": "wasm",
            "os": "wasip1",
            "layerDigests": [layer.digest],
            "component": null,
        })),
    );
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.json(),
        "layers": [layer.json_with(titled("oidc_gate.wasm"))],
        "annotations": about.annotations(),
    });
    let tag = format!("{}-wasm", about.version);
    let manifest = layout.manifest(&manifest, named(&tag));
    Image { tag, manifest, taken_by: "tools that know the CNCF's layout" }
}

/// Attaches a bill of materials to an image: a manifest of its own, which says by `subject` what
/// it belongs to (OCI manifest.md; registries list it by the referrers API).
pub(crate) fn attach(layout: &mut Layout, subject: &Descriptor, sbom: &[u8], name: &str) {
    const CYCLONEDX: &str = "application/vnd.cyclonedx+json";
    let empty = layout.blob("application/vnd.oci.empty.v1+json", b"{}".to_vec());
    let layer = layout.blob(CYCLONEDX, sbom.to_vec());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": CYCLONEDX,
        "config": empty.json(),
        "layers": [layer.json_with(titled(name))],
        "subject": subject.json(),
    });
    layout.manifest(&manifest, json!({"artifactType": CYCLONEDX}));
}

/// The name of a manifest in the index of a layout (annotations.md).
fn named(tag: &str) -> Value {
    json!({"annotations": {"org.opencontainers.image.ref.name": tag}})
}

/// The name of the file that a pull makes of a layer (annotations.md).
fn titled(name: &str) -> Value {
    json!({"annotations": {"org.opencontainers.image.title": name}})
}

/// A tar archive with nothing in it but `plugin.wasm`, of nobody.
fn archive(module: &[u8], created: &Created) -> std::io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_size(module.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(created.seconds());
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "plugin.wasm", module)?;
    archive.into_inner()
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    // Its header has no file name, no time, and "unknown" as the system (RFC 1952 section 2.3.1).
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    std::io::Write::write_all(&mut encoder, bytes)?;
    encoder.finish()
}
