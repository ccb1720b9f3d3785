//! Programs that some tests compare with, and the Debian packages that carry them.

use std::env;
use std::path::Path;
use std::process::Command;

/// A program that is wanted, by the package it comes in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
    pub(crate) why: &'static str,
}

/// What `cargo test --workspace` uses beside the toolchain. A test whose program is missing says
/// `skipped: …` and passes.
pub(crate) const FOR_TESTS: &[Need] = &[
    Need { program: "smemcap", package: "smemcap", why: "its captures are read back" },
    Need { program: "smem", package: "smem", why: "its reports are compared" },
    Need { program: "pmap", package: "procps", why: "what it and free print is compared" },
    Need { program: "zsh", package: "zsh", why: "checks the generated completions" },
    Need { program: "fish", package: "fish", why: "checks the generated completions" },
    Need { program: "chromium", package: "chromium", why: "opens the page of an explained kill" },
    Need { program: "mandoc", package: "mandoc", why: "checks the generated man pages" },
];

/// Installs by package name what is missing, if this is Debian and we are root; returns what is
/// still missing afterwards.
pub(crate) fn provide(needs: &[Need]) -> Vec<Need> {
    let missing = missing(needs);
    if missing.is_empty() {
        return missing;
    }
    for need in &missing {
        println!("{} is missing (Debian package {}): {}", need.program, need.package, need.why);
    }
    if !on_path("apt-get") {
        println!("this is not a Debian machine: install them by hand, or go without");
        return missing;
    }
    if !is_root() {
        let packages: Vec<_> = missing.iter().map(|need| need.package).collect();
        println!("not root: `apt-get install {}` as root provides them", packages.join(" "));
        return missing;
    }
    let packages = missing.iter().map(|need| need.package);
    let installed =
        apt(&["update"], []) && apt(&["install", "--yes", "--no-install-recommends"], packages);
    if !installed {
        println!("apt-get did not install all of them; going on with what is here");
    }
    self::missing(needs)
}

/// The needs whose program is not on the path.
pub(crate) fn missing(needs: &[Need]) -> Vec<Need> {
    needs.iter().filter(|need| !on_path(need.program)).copied().collect()
}

/// Whether `program` is in a directory of `PATH` or where system programs are kept.
pub(crate) fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|dir| dir.join(program).is_file())
}

/// Whether this process may install packages.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    Path::new("/proc/self").metadata().is_ok_and(|own| own.uid() == 0)
}

fn apt<'a>(verb: &[&str], packages: impl IntoIterator<Item = &'a str>) -> bool {
    Command::new("apt-get")
        .args(["-q", "-o", "Dpkg::Use-Pty=0"])
        .args(verb)
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_nobody_has_is_missing_and_cargo_is_not() {
        let needs = [
            Need { program: "no-such-program-of-oomph", package: "-", why: "-" },
            Need { program: "sh", package: "dash", why: "-" },
        ];
        let missing: Vec<_> = missing(&needs).iter().map(|need| need.program).collect();
        assert_eq!(missing, ["no-such-program-of-oomph"]);
    }
}
