//! The allocators that distributions package to be put before glibc's.

/// An allocator that takes glibc's place when its library is preloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// What it is called on the command line and in reports.
    pub name: &'static str,
    /// File names of its library, the one that Debian 12 has first.
    pub libraries: &'static [&'static str],
    /// The package of Debian 12 that has it.
    pub debian: &'static str,
    /// The package of Fedora and its relatives.
    pub fedora: &'static str,
    /// The package of Arch Linux and its relatives.
    pub arch: &'static str,
}

/// In the order in which they are shown.
pub const KNOWN: &[Known] = &[
    Known {
        name: "jemalloc",
        libraries: &["libjemalloc.so.2", "libjemalloc.so.1"],
        debian: "libjemalloc2",
        fedora: "jemalloc",
        arch: "jemalloc",
    },
    Known {
        name: "tcmalloc",
        libraries: &["libtcmalloc_minimal.so.4", "libtcmalloc.so.4"],
        debian: "libtcmalloc-minimal4",
        fedora: "gperftools-libs",
        arch: "gperftools",
    },
    Known {
        name: "mimalloc",
        libraries: &[
            "libmimalloc.so.2",
            "libmimalloc.so.2.0",
            "libmimalloc.so.3",
            "libmimalloc.so.1",
        ],
        debian: "libmimalloc2.0",
        fedora: "mimalloc",
        arch: "mimalloc",
    },
    Known {
        name: "tbbmalloc",
        libraries: &["libtbbmalloc_proxy.so.2"],
        debian: "libtbbmalloc2",
        fedora: "tbb",
        arch: "onetbb",
    },
];

/// The command that installs it on a distribution, by `ID` and `ID_LIKE` of `/etc/os-release`;
/// elsewhere Debian's, so that there is at least a name to look for.
pub fn install(known: &Known, distribution: &str) -> String {
    let is = |name: &str| distribution.split_whitespace().any(|word| word == name);
    if is("fedora") || is("rhel") || is("centos") {
        format!("dnf install {}", known.fedora)
    } else if is("arch") {
        format!("pacman -S {}", known.arch)
    } else {
        format!("apt install {}", known.debian)
    }
}
