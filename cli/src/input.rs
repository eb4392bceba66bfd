//! Files and standard input, bounded.

use std::fs::File;
use std::io::{Read, stdin};

/// The largest file that is read.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What is read: `-` is standard input.
pub(crate) fn read(path: &str) -> Result<String, String> {
    let name = name(path);
    let (mut text, limit) = (String::new(), LARGEST.saturating_add(1));
    let read = match path {
        "-" => stdin().lock().take(limit).read_to_string(&mut text),
        _ => match File::open(path) {
            Ok(file) => file.take(limit).read_to_string(&mut text),
            Err(error) => Err(error),
        },
    };
    match read {
        Ok(_) if text.len() as u64 > LARGEST => Err(format!("{name}: larger than 16 MiB")),
        Ok(_) => Ok(text),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

/// What people call it.
pub(crate) fn name(path: &str) -> &str {
    if path == "-" { "<stdin>" } else { path }
}
