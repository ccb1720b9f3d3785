//! Kernel modules with what they depend on, in the order they must be loaded.
//!
//! The packages carry no `modules.dep` (it is made at installation), so the dependencies are read
//! from the modules themselves: `depends=a,b` in the section `.modinfo`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ::world::WorldError;
use lzma_rust2::XzReader;

/// A module by its name without extension, and its content.
pub type Module = (String, Vec<u8>);

/// `wanted` and what they depend on, dependencies first. A module the kernel does not carry is
/// taken as built in.
///
/// # Errors
/// When a module cannot be read.
pub fn in_order(dir: &Path, wanted: &[&str]) -> Result<Vec<Module>, WorldError> {
    let mut files = BTreeMap::new();
    index(dir, &mut files);
    let mut ordered = Vec::new();
    for name in wanted {
        add(name, &files, &mut ordered)?;
    }
    Ok(ordered)
}

fn add(
    name: &str,
    files: &BTreeMap<String, PathBuf>,
    ordered: &mut Vec<Module>,
) -> Result<(), WorldError> {
    let Some(path) = files.get(name) else { return Ok(()) };
    if ordered.iter().any(|(known, _)| known == name) {
        return Ok(());
    }
    let content = read(path)?;
    for dependency in depends(&content) {
        add(&dependency, files, ordered)?;
    }
    ordered.push((name.to_owned(), content));
    Ok(())
}

/// Module names to their files, with `-` as the `_` that dependencies are written with.
fn index(dir: &Path, files: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            index(&path, files);
        } else if let Some(file) = path.file_name().and_then(|name| name.to_str())
            && let Some(name) = file.trim_end_matches(".xz").strip_suffix(".ko")
        {
            files.insert(name.replace('-', "_"), path);
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, WorldError> {
    let cannot = |error: io::Error| {
        let path = facts::Name::new(path.as_os_str().as_encoded_bytes());
        WorldError(format!("cannot read the module `{path}`: {error}"))
    };
    let bytes = fs::read(path).map_err(cannot)?;
    if path.extension().is_none_or(|extension| extension != "xz") {
        return Ok(bytes);
    }
    let mut content = Vec::new();
    // Modules are a few megabytes at most.
    XzReader::new(&bytes[..], true).take(64 << 20).read_to_end(&mut content).map_err(cannot)?;
    Ok(content)
}

fn depends(module: &[u8]) -> Vec<String> {
    let list = module.split(|byte| *byte == 0).find_map(|text| text.strip_prefix(b"depends="));
    let list = String::from_utf8_lossy(list.unwrap_or_default());
    list.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_from_modinfo() {
        let module = b"\x7fELF..\0license=GPL\0depends=virtio,virtio-ring\0name=x\0";
        assert_eq!(depends(module), ["virtio", "virtio_ring"]);
        assert!(depends(b"\0depends=\0").is_empty());
    }
}
