//! Where it is measured.

use std::fs;
use std::thread;

use facts::Name;
use rules::allocators::Machine;

use crate::loader;
use crate::program::Interpreter;

/// Kernel, CPUs, C library and huge pages of this machine.
pub fn machine(loader: Option<&Interpreter>) -> Machine {
    let uname = rustix::system::uname();
    let huge = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").ok();
    Machine {
        kernel: Name::new(uname.release().to_bytes()),
        architecture: uname.machine().to_string_lossy().into_owned(),
        cpus: thread::available_parallelism().ok().map(|cpus| cpus.get() as u64),
        libc: loader.and_then(loader::version),
        huge_pages: huge.as_deref().and_then(chosen).map(Name::from),
    }
}

/// `ID` and `ID_LIKE` of os-release(5), blanks between.
pub fn distribution() -> String {
    let paths = ["/etc/os-release", "/usr/lib/os-release"];
    let text = paths.iter().find_map(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    let values = text.lines().filter_map(|line| {
        let value = line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE="))?;
        Some(value.trim_matches(['"', '\'']))
    });
    values.collect::<Vec<_>>().join(" ")
}

/// The word in brackets of `always [madvise] never`.
fn chosen(text: &str) -> Option<&str> {
    Some(text.split_once('[')?.1.split_once(']')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_that_holds_stands_in_brackets() {
        assert_eq!(chosen("always [madvise] never\n"), Some("madvise"));
        assert_eq!(chosen("always madvise never\n"), None);
    }
}
