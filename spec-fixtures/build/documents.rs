//! Lists the files of a folder as constants of name and bytes. What is in them is for the tests to judge.

use std::fmt::Write;
use std::io;
use std::path::Path;

/// Renders the constant `name` with every `.json`, `.conf` and `.conflist` file of `path`, sorted by name.
pub(crate) fn render(name: &str, folder: &Path, path: &str) -> io::Result<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder.join(path))? {
        let file = entry?.file_name().into_string().map_err(|file| {
            let what = format!("{path}: the file name {} is not UTF-8", file.display());
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        if [".json", ".conf", ".conflist"]
            .iter()
            .any(|end| file.ends_with(end))
        {
            files.push(file);
        }
    }
    files.sort();

    let mut text = format!("pub(super) const {name}: &[Document] = &[\n");
    for file in files {
        let full = folder.join(path).join(&file);
        let line = format!("    Document {{ name: {file:?}, bytes: include_bytes!({full:?}) }},");
        writeln!(text, "{line}").map_err(io::Error::other)?;
    }
    text.push_str("];\n");
    Ok(text)
}
