//! An image layout: a folder of blobs, each under its digest, and an index of what stands for
//! itself (OCI Image Specification 1.1, image-layout.md).

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The media type of every manifest here (manifest.md).
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Where content is, and what it must be (descriptor.md).
#[derive(Debug, Clone)]
pub(crate) struct Descriptor {
    media_type: &'static str,
    /// `sha256:` and 64 lowercase hexadecimal digits.
    pub(crate) digest: String,
    size: usize,
}

impl Descriptor {
    /// As manifests write it.
    pub(crate) fn json(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.size})
    }

    /// The same, with more members.
    pub(crate) fn json_with(&self, more: Value) -> Value {
        let members = [self.json(), more].into_iter().filter_map(|value| match value {
            Value::Object(members) => Some(members),
            _ => None,
        });
        Value::Object(members.flatten().collect::<Map<_, _>>())
    }
}

/// What will be written.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// By digest, in hexadecimal.
    blobs: BTreeMap<String, Vec<u8>>,
    manifests: Vec<Value>,
}

impl Layout {
    /// Adds content that a manifest names.
    pub(crate) fn blob(&mut self, media_type: &'static str, bytes: Vec<u8>) -> Descriptor {
        let (hex, size) = (sha256(&bytes), bytes.len());
        let digest = format!("sha256:{hex}");
        self.blobs.insert(hex, bytes);
        Descriptor { media_type, digest, size }
    }

    /// Adds a manifest, and puts it into the index with these members besides its descriptor's own.
    pub(crate) fn manifest(&mut self, manifest: &Value, in_index: Value) -> Descriptor {
        let descriptor = self.blob(MANIFEST, json(manifest));
        self.manifests.push(descriptor.json_with(in_index));
        descriptor
    }

    /// Writes it all into a folder that is not there yet.
    pub(crate) fn write(self, folder: &Path) -> Result<(), String> {
        let index = json(&json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": self.manifests,
        }));
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).map_err(|error| format!("{}: {error}", blobs.display()))?;
        crate::write(&folder.join("oci-layout"), &json(&json!({"imageLayoutVersion": "1.0.0"})))?;
        crate::write(&folder.join("index.json"), &index)?;
        self.blobs.iter().try_for_each(|(hex, bytes)| crate::write(&blobs.join(hex), bytes))
    }
}

/// JSON that is the same wherever it is written: serde_json's objects are sorted by name.
pub(crate) fn json(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

/// SHA-256 in lowercase hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
