//! What glibc's loader says of itself.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use facts::Name;

use crate::program::Interpreter;

/// `Debian GLIBC 2.36-9+deb12u14`, by the loader's own words. It can be asked since 2.33.
pub fn version(loader: &Interpreter) -> Option<Name> {
    version_in(&ask(loader, "--version")?)
}

/// The tunables it knows: `glibc.malloc.mmap_threshold` and its like. It can be asked since 2.33;
/// what it does not know it passes over without a word.
pub fn tunables(loader: &Interpreter) -> Option<Vec<String>> {
    let names = tunables_in(&ask(loader, "--list-tunables")?);
    (!names.is_empty()).then_some(names)
}

fn ask(loader: &Interpreter, question: &str) -> Option<String> {
    if loader.is_musl() || loader.is_bionic() {
        return None;
    }
    let mut command = Command::new(OsStr::new(&loader.0));
    command.arg(question).stdin(Stdio::null()).stderr(Stdio::null());
    command.env_remove("LD_PRELOAD").env_remove("GLIBC_TUNABLES");
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

fn version_in(text: &str) -> Option<Name> {
    let (_, rest) = text.lines().next()?.split_once('(')?;
    let (name, _) = rest.split_once(')')?;
    // Where nobody has packaged it, the version stands behind the brackets.
    let version =
        text.lines().next()?.rsplit_once("version ").map(|(_, v)| v.trim_end_matches('.'));
    match version {
        Some(version) if !name.contains(version) => {
            Some(Name::from(format!("{name} {version}").as_str()))
        }
        _ => Some(Name::from(name)),
    }
}

fn tunables_in(text: &str) -> Vec<String> {
    let name = |line: &str| Some(line.split_once(':')?.0.trim().to_owned());
    text.lines().filter_map(name).filter(|name| name.starts_with("glibc.")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_packagers_or_the_projects() {
        let of = |text: &str| version_in(text).map(|name| name.to_string());
        let debian = "ld.so (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36.\nCopyright";
        assert_eq!(of(debian).as_deref(), Some("Debian GLIBC 2.36-9+deb12u14"));
        let plain = "ld.so (GNU libc) stable release version 2.39.\n";
        assert_eq!(of(plain).as_deref(), Some("GNU libc 2.39"));
        assert_eq!(of("musl libc (x86_64"), None);
    }

    #[test]
    fn tunables_are_the_names_before_the_colon() {
        let text = "glibc.malloc.tcache_count: 0x0 (min: 0x0, max: 0xffffffffffffffff)\n\
            glibc.rtld.nns: 0x4 (min: 0x1, max: 0x10)\nnonsense\n";
        assert_eq!(tunables_in(text), ["glibc.malloc.tcache_count", "glibc.rtld.nns"]);
    }
}
