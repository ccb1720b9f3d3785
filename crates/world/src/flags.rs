//! Flags and advices, as numbers that print as the names people know.

use std::fmt;

macro_rules! flags {
    ($(#[$doc:meta])* $name:ident { $($(#[$bit_doc:meta])* $bit:ident = $value:expr, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(pub u32);

        impl $name {
            $($(#[$bit_doc])* pub const $bit: $name = $name($value);)*

            /// Every named flag with its name.
            pub const NAMES: &'static [(&'static str, u32)] = &[$(($text, $value)),*];

            /// Whether every bit of `other` is set.
            pub const fn has(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether any bit of `other` is set.
            pub const fn any(self, other: $name) -> bool {
                self.0 & other.0 != 0
            }

            /// The bits of both.
            #[must_use]
            pub const fn with(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }

            /// Without the bits of `other`.
            #[must_use]
            pub const fn without(self, other: $name) -> $name {
                $name(self.0 & !other.0)
            }

            /// The flag of that name.
            pub fn from_name(name: &str) -> Option<$name> {
                Self::NAMES.iter().find(|(text, _)| *text == name).map(|&(_, value)| $name(value))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                print(f, self.0, Self::NAMES)
            }
        }
    };
}

/// Names joined by `|`; what has no name follows as a hexadecimal number.
fn print(f: &mut fmt::Formatter<'_>, bits: u32, names: &[(&str, u32)]) -> fmt::Result {
    if let Some((name, _)) = names.iter().find(|&&(_, value)| value == bits) {
        return f.write_str(name);
    }
    let mut left = bits;
    let mut first = true;
    for &(name, value) in names {
        if value != 0 && bits & value == value && left & value != 0 {
            f.write_str(if first { "" } else { "|" })?;
            f.write_str(name)?;
            first = false;
            left &= !value;
        }
    }
    if left != 0 || first {
        write!(f, "{}{left:#x}", if first { "" } else { "|" })?;
    }
    Ok(())
}

flags! {
    /// What may be done with a mapping: the `prot` of `mmap(2)` and `mprotect(2)`.
    Prot {
        /// Nothing.
        NONE = 0, "PROT_NONE";
        /// Reading.
        READ = 1, "PROT_READ";
        /// Writing.
        WRITE = 2, "PROT_WRITE";
        /// Executing.
        EXEC = 4, "PROT_EXEC";
        /// `mprotect`: down to the start of a mapping that grows down.
        GROWSDOWN = 0x0100_0000, "PROT_GROWSDOWN";
        /// `mprotect`: up to the end of a mapping that grows up.
        GROWSUP = 0x0200_0000, "PROT_GROWSUP";
    }
}

flags! {
    /// The `flags` of `mmap(2)`.
    MapFlags {
        /// Shared, and unknown flags are an error (4.15 on); both bits of the type.
        SHARED_VALIDATE = 3, "MAP_SHARED_VALIDATE";
        /// Writes are seen by others and reach the file.
        SHARED = 1, "MAP_SHARED";
        /// Writes are copied.
        PRIVATE = 2, "MAP_PRIVATE";
        /// Private, and its pages may be dropped instead of swapped (6.11 on).
        DROPPABLE = 8, "MAP_DROPPABLE";
        /// At exactly this address, whatever is there.
        FIXED = 0x10, "MAP_FIXED";
        /// No file.
        ANONYMOUS = 0x20, "MAP_ANONYMOUS";
        /// Below 2 GiB (x86-64).
        BIT32 = 0x40, "MAP_32BIT";
        /// Grows down like a stack.
        GROWSDOWN = 0x100, "MAP_GROWSDOWN";
        /// Ignored since 2.x.
        DENYWRITE = 0x800, "MAP_DENYWRITE";
        /// Ignored since 2.x.
        EXECUTABLE = 0x1000, "MAP_EXECUTABLE";
        /// Locked in memory.
        LOCKED = 0x2000, "MAP_LOCKED";
        /// Not accounted, unless overcommit is off.
        NORESERVE = 0x4000, "MAP_NORESERVE";
        /// Faulted in at once.
        POPULATE = 0x8000, "MAP_POPULATE";
        /// With POPULATE: does not wait for reads; without effect since 2.6.23.
        NONBLOCK = 0x1_0000, "MAP_NONBLOCK";
        /// A hint that a stack will live here; without effect.
        STACK = 0x2_0000, "MAP_STACK";
        /// Pages from the pool of huge pages.
        HUGETLB = 0x4_0000, "MAP_HUGETLB";
        /// Writes are synchronous (DAX).
        SYNC = 0x8_0000, "MAP_SYNC";
        /// At exactly this address, or fails (4.17 on).
        FIXED_NOREPLACE = 0x10_0000, "MAP_FIXED_NOREPLACE";
    }
}

flags! {
    /// The `flags` of `mremap(2)`.
    RemapFlags {
        /// May move.
        MAYMOVE = 1, "MREMAP_MAYMOVE";
        /// To exactly this address.
        FIXED = 2, "MREMAP_FIXED";
        /// The old range stays mapped, empty (5.7 on).
        DONTUNMAP = 4, "MREMAP_DONTUNMAP";
    }
}

flags! {
    /// The `flags` of `mlock2(2)` and `mlockall(2)`, which do not overlap in meaning:
    /// `mlock2` knows ONFAULT as 1, `mlockall` as 4.
    LockFlags {
        /// `mlockall`: what is mapped now.
        CURRENT = 1, "MCL_CURRENT";
        /// `mlockall`: what will be mapped.
        FUTURE = 2, "MCL_FUTURE";
        /// `mlockall`: pages when they are touched (4.4 on).
        ONFAULT = 4, "MCL_ONFAULT";
    }
}

flags! {
    /// The `flags` of `msync(2)`.
    SyncFlags {
        /// Writes are started some time.
        ASYNC = 1, "MS_ASYNC";
        /// Fails on locked memory.
        INVALIDATE = 2, "MS_INVALIDATE";
        /// Writes are done.
        SYNC = 4, "MS_SYNC";
    }
}

flags! {
    /// The `flags` of `open(2)` that matter to memory.
    OpenFlags {
        /// Reading only.
        RDONLY = 0, "O_RDONLY";
        /// Writing only.
        WRONLY = 1, "O_WRONLY";
        /// Both.
        RDWR = 2, "O_RDWR";
        /// Made when missing.
        CREAT = 0o100, "O_CREAT";
        /// Emptied.
        TRUNC = 0o1000, "O_TRUNC";
        /// Writes go to the end.
        APPEND = 0o2000, "O_APPEND";
    }
}

flags! {
    /// The `flags` of `memfd_create(2)`.
    MemfdFlags {
        /// Closed by exec.
        CLOEXEC = 1, "MFD_CLOEXEC";
        /// May be sealed.
        ALLOW_SEALING = 2, "MFD_ALLOW_SEALING";
        /// Of huge pages.
        HUGETLB = 4, "MFD_HUGETLB";
    }
}

flags! {
    /// The `flags` of `mbind(2)`.
    BindFlags {
        /// Fails if a page is elsewhere and stays there.
        STRICT = 1, "MPOL_MF_STRICT";
        /// Pages that nobody else maps are moved.
        MOVE = 2, "MPOL_MF_MOVE";
        /// All are, by who has the privilege.
        MOVE_ALL = 4, "MPOL_MF_MOVE_ALL";
    }
}

/// The `mode` of `set_mempolicy(2)` and `mbind(2)`, with its flags; a number, since kernels refuse the ones
/// they do not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct PolicyMode(pub u32);

impl PolicyMode {
    /// Every mode of `include/uapi/linux/mempolicy.h` up to 6.18, the word that scenarios have for it, and
    /// its number.
    pub const NAMES: &'static [(&'static str, &'static str, u32)] = &[
        ("MPOL_DEFAULT", "default", 0),
        ("MPOL_PREFERRED", "preferred", 1),
        ("MPOL_BIND", "bind", 2),
        ("MPOL_INTERLEAVE", "interleave", 3),
        ("MPOL_LOCAL", "local", 4),
        ("MPOL_PREFERRED_MANY", "preferred-many", 5),
        ("MPOL_WEIGHTED_INTERLEAVE", "weighted-interleave", 6),
    ];
    /// Its flags.
    pub const FLAGS: &'static [(&'static str, &'static str, u32)] = &[
        ("MPOL_F_STATIC_NODES", "static", 0x8000),
        ("MPOL_F_RELATIVE_NODES", "relative", 0x4000),
        ("MPOL_F_NUMA_BALANCING", "balancing", 0x2000),
    ];
    /// All bits of its flags.
    pub const FLAG_BITS: u32 = 0xe000;
}

impl fmt::Display for PolicyMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = self.0 & !Self::FLAG_BITS;
        match Self::NAMES.iter().find(|(_, _, number)| *number == mode) {
            Some((name, ..)) => f.write_str(name)?,
            None => write!(f, "{mode:#x}")?,
        }
        for (name, ..) in Self::FLAGS.iter().filter(|(_, _, bit)| self.0 & bit != 0) {
            write!(f, "|{name}")?;
        }
        Ok(())
    }
}

/// The `advice` of `madvise(2)`; a number, since kernels refuse the ones they do not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Advice(pub i32);

impl Advice {
    /// Every advice of `include/uapi/asm-generic/mman-common.h` up to 6.18.
    pub const NAMES: &'static [(&'static str, i32)] = &[
        ("MADV_NORMAL", 0),
        ("MADV_RANDOM", 1),
        ("MADV_SEQUENTIAL", 2),
        ("MADV_WILLNEED", 3),
        ("MADV_DONTNEED", 4),
        ("MADV_FREE", 8),
        ("MADV_REMOVE", 9),
        ("MADV_DONTFORK", 10),
        ("MADV_DOFORK", 11),
        ("MADV_MERGEABLE", 12),
        ("MADV_UNMERGEABLE", 13),
        ("MADV_HUGEPAGE", 14),
        ("MADV_NOHUGEPAGE", 15),
        ("MADV_DONTDUMP", 16),
        ("MADV_DODUMP", 17),
        ("MADV_WIPEONFORK", 18),
        ("MADV_KEEPONFORK", 19),
        ("MADV_COLD", 20),
        ("MADV_PAGEOUT", 21),
        ("MADV_POPULATE_READ", 22),
        ("MADV_POPULATE_WRITE", 23),
        ("MADV_DONTNEED_LOCKED", 24),
        ("MADV_COLLAPSE", 25),
        ("MADV_HWPOISON", 100),
        ("MADV_SOFT_OFFLINE", 101),
        ("MADV_GUARD_INSTALL", 102),
        ("MADV_GUARD_REMOVE", 103),
    ];

    /// The advice of that name (`MADV_DONTNEED`).
    pub fn from_name(name: &str) -> Option<Advice> {
        Self::NAMES.iter().find(|(text, _)| *text == name).map(|&(_, value)| Advice(value))
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|&&(_, value)| value == self.0) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_print_as_their_names() {
        assert_eq!(Prot::READ.with(Prot::WRITE).to_string(), "PROT_READ|PROT_WRITE");
        assert_eq!(Prot(0).to_string(), "PROT_NONE");
        assert_eq!(
            MapFlags::PRIVATE.with(MapFlags::ANONYMOUS).to_string(),
            "MAP_PRIVATE|MAP_ANONYMOUS"
        );
        assert_eq!(MapFlags(3).to_string(), "MAP_SHARED_VALIDATE");
        assert_eq!(MapFlags(0).to_string(), "0x0");
    }

    #[test]
    fn a_bit_without_a_name_is_kept() {
        assert_eq!(Prot(0x11).to_string(), "PROT_READ|0x10");
        assert_eq!(Advice(77).to_string(), "77");
    }
}
