//! Writes the filter as an OCI image layout, with its bill of materials: `make oci`.
//!
//! The same filter gives the same bytes, whoever writes them and where: nothing of the machine,
//! the folder or the time goes in, and all JSON is sorted.

mod build;
mod created;
mod image;
mod layout;
mod sbom;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use crate::build::Build;
use crate::created::Created;
use crate::image::{About, Image};
use crate::layout::Layout;

const USAGE: &str = "usage: oidc-gate-oci <filter.wasm> <compiled.json> <folder>\n\
    compiled.json: what `cargo rustc --message-format json` said when the filter was built\n\
    folder: is written anew";

/// The bill of materials, beside the image as well as in it.
const SBOM: &str = "oidc-gate.cdx.json";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [wasm, compiled, folder] = arguments.as_slice() else { return Err(USAGE.to_owned()) };
    let module = read(wasm)?;
    if !module.starts_with(b"\0asm") {
        return Err(format!(
            "{}: not a WebAssembly module: build it by `make wasm`",
            wasm.display()
        ));
    }
    let build = Build::of(&String::from_utf8_lossy(&read(compiled)?))?;
    let sbom = layout::json(&sbom::of(&build, &module)?);
    let about = About { version: build.version()?, created: Created::of_environment()? };

    let mut layout = Layout::default();
    let images = [
        image::bundle(&mut layout, &about, &module),
        image::compat(&mut layout, &about, &module)?,
        image::artifact(&mut layout, &about, &module),
    ];
    for image in &images {
        image::attach(&mut layout, &image.manifest, &sbom, SBOM);
    }

    place(folder, layout, &sbom, &images)?;

    println!(
        "{}: an image layout in image/, its bill of materials {SBOM}, and these digests",
        folder.display()
    );
    for image in &images {
        println!("  {:<13} {}  {}", image.tag, image.manifest.digest, image.taken_by);
    }
    Ok(())
}

/// Writes a folder anew. All of it appears at once: who interrupts this finds what was there before.
fn place(folder: &Path, layout: Layout, sbom: &[u8], images: &[Image]) -> Result<(), String> {
    let partial = folder.with_extension("partial");
    empty(&partial)?;
    layout.write(&partial.join("image"))?;
    write(&partial.join(SBOM), sbom)?;
    for image in images {
        let file = partial.join(format!("{}.digest", image.tag));
        write(&file, format!("{}\n", image.manifest.digest).as_bytes())?;
    }
    empty(folder)?;
    fs::rename(&partial, folder).map_err(|error| format!("{}: {error}", folder.display()))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}: run this by `make oci`", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}

/// Makes an empty folder of what may be a full one.
fn empty(folder: &Path) -> Result<(), String> {
    let gone = if folder.exists() { fs::remove_dir_all(folder) } else { Ok(()) };
    gone.and_then(|()| fs::create_dir_all(folder))
        .map_err(|error| format!("{}: {error}", folder.display()))
}
