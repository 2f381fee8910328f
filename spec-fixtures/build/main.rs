//! Turns the data of this folder into Rust constants. Reading and checking the catalogue is `catalogue`,
//! writing the constants is `constants`, listing the documents is `documents`.

mod catalogue;
mod constants;
mod documents;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

/// Folders whose files become constants, in the order of `src/documents.rs`.
const DOCUMENT_FOLDERS: [(&str, &str); 8] = [
    ("CONFIGURATIONS", "configs/valid"),
    ("BROKEN_CONFIGURATIONS", "configs/invalid"),
    ("RESULTS", "results/valid"),
    ("BROKEN_RESULTS", "results/invalid"),
    ("ERRORS", "errors/valid"),
    ("BROKEN_ERRORS", "errors/invalid"),
    ("VERSION_REPLIES", "version-replies/valid"),
    ("BROKEN_VERSION_REPLIES", "version-replies/invalid"),
];

fn main() -> ExitCode {
    let Err(error) = generate() else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: cannot build the constants of spec-fixtures");
    let mut cause: Option<&dyn Error> = Some(&*error);
    while let Some(error) = cause {
        eprintln!("{error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}

fn generate() -> Result<(), Box<dyn Error>> {
    let folder = std::env::var("CARGO_MANIFEST_DIR")?;
    let out = std::env::var("OUT_DIR")?;
    let (folder, out) = (Path::new(&folder), Path::new(&out));

    println!("cargo::rerun-if-changed=build");
    for watched in ["requirements", "ambiguities.toml", "sections.toml"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    let catalogue = catalogue::read::read(folder)?;
    std::fs::write(out.join("catalogue.rs"), constants::render(&catalogue))?;

    let mut lists = String::new();
    for (name, path) in DOCUMENT_FOLDERS {
        println!("cargo::rerun-if-changed={path}");
        lists.push_str(&documents::render(name, folder, path)?);
    }
    std::fs::write(out.join("documents.rs"), lists)?;
    Ok(())
}
