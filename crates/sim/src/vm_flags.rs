//! The flags of a mapping, with the kernel's numbers.

/// `vm_flags` (`include/linux/mm.h`, 6.18): the order of the bits is the order in `smaps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct VmFlags(pub u64);

macro_rules! bits {
    ($($name:ident = $bit:literal, $code:literal;)*) => {
        impl VmFlags {
            $(#[doc = concat!("`VM_", stringify!($name), "`.")]
            pub const $name: VmFlags = VmFlags(1 << $bit);)*

            /// Every flag that `smaps` has letters for, in the order of the bits.
            pub const CODES: &'static [(VmFlags, &'static str)] = &[$((VmFlags(1 << $bit), $code)),*];
        }
    };
}

bits! {
    READ = 0, "rd";
    WRITE = 1, "wr";
    EXEC = 2, "ex";
    SHARED = 3, "sh";
    MAYREAD = 4, "mr";
    MAYWRITE = 5, "mw";
    MAYEXEC = 6, "me";
    MAYSHARE = 7, "ms";
    GROWSDOWN = 8, "gd";
    PFNMAP = 10, "pf";
    MAYBE_GUARD = 11, "gu";
    LOCKED = 13, "lo";
    IO = 14, "io";
    SEQ_READ = 15, "sr";
    RAND_READ = 16, "rr";
    DONTCOPY = 17, "dc";
    DONTEXPAND = 18, "de";
    LOCKONFAULT = 19, "lf";
    ACCOUNT = 20, "ac";
    NORESERVE = 21, "nr";
    HUGETLB = 22, "ht";
    SYNC = 23, "sf";
    WIPEONFORK = 25, "wf";
    DONTDUMP = 26, "dd";
    SOFTDIRTY = 27, "sd";
    MIXEDMAP = 28, "mm";
    HUGEPAGE = 29, "hg";
    NOHUGEPAGE = 30, "nh";
    MERGEABLE = 31, "mg";
    DROPPABLE = 40, "dp";
    SEALED = 42, "sl";
}

impl VmFlags {
    /// No flag.
    pub const NONE: VmFlags = VmFlags(0);
    /// `VM_ACCESS_FLAGS`.
    pub const ACCESS: VmFlags = VmFlags(7);
    /// `VM_SPECIAL`: never merged, never locked.
    pub const SPECIAL: VmFlags = VmFlags(1 << 14 | 1 << 18 | 1 << 10 | 1 << 28);
    /// `VM_LOCKED_MASK`.
    pub const LOCKED_MASK: VmFlags = VmFlags(1 << 13 | 1 << 19);
    /// `VM_IGNORE_MERGE`: does not keep mappings apart.
    pub const IGNORE_MERGE: VmFlags = VmFlags(1 << 27 | 1 << 11);
    /// `VM_STICKY`: a merged mapping has it if a part had it.
    pub const STICKY: VmFlags = VmFlags(1 << 11);
    /// The three `VM_MAY*` that every mapping starts with.
    pub const MAY: VmFlags = VmFlags(0x70);
    /// `VM_DATA_DEFAULT_FLAGS` without execution.
    pub const DATA_DEFAULT: VmFlags = VmFlags(0x73);

    /// Whether every bit of `other` is set.
    pub const fn has(self, other: VmFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any bit of `other` is set.
    pub const fn any(self, other: VmFlags) -> bool {
        self.0 & other.0 != 0
    }

    /// The bits of both.
    #[must_use]
    pub const fn with(self, other: VmFlags) -> VmFlags {
        VmFlags(self.0 | other.0)
    }

    /// Without the bits of `other`.
    #[must_use]
    pub const fn without(self, other: VmFlags) -> VmFlags {
        VmFlags(self.0 & !other.0)
    }

    /// The common bits.
    #[must_use]
    pub const fn and(self, other: VmFlags) -> VmFlags {
        VmFlags(self.0 & other.0)
    }

    /// Whether a private mapping with these flags is counted by overcommit
    /// (`accountable_mapping()`).
    pub const fn accountable(self) -> bool {
        self.0 & (Self::NORESERVE.0 | Self::SHARED.0 | Self::WRITE.0) == Self::WRITE.0
    }

    /// Which of `exec_vm`, `stack_vm` and `data_vm` counts it (`vm_stat_account()`, 4.5 on).
    pub const fn kind(self) -> Kind {
        let write = self.has(Self::WRITE);
        let stack = self.has(Self::GROWSDOWN);
        if self.has(Self::EXEC) && !write && !stack {
            Kind::Exec
        } else if stack {
            Kind::Stack
        } else if write && !self.has(Self::SHARED) {
            Kind::Data
        } else {
            Kind::Other
        }
    }
}

/// What a mapping counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Code.
    Exec,
    /// Grows down.
    Stack,
    /// Private and writable.
    Data,
    /// Anything else: only in the total.
    Other,
}
