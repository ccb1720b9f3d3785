//! A mapping.

use rules::mempolicy::Mempolicy;

use crate::anon::Chain;
use crate::page::PAGE_BITS;
use crate::vm_flags::VmFlags;

/// Where the pages of a mapping come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Backing {
    /// Nowhere: they are made when they are touched.
    Anon,
    /// An open file, by its index among all ever opened.
    File(usize),
    /// The kernel.
    Special(Special),
}

/// Mappings that the kernel makes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Special {
    /// Time of day and the like, for the vdso.
    Vvar,
    /// Clock pages, since 6.13.
    VvarClock,
    /// Code of the kernel's that programs call.
    Vdso,
}

impl Special {
    /// Its name in `maps`.
    pub const fn name(self) -> &'static str {
        match self {
            Special::Vvar => "[vvar]",
            Special::VvarClock => "[vvar_vclock]",
            Special::Vdso => "[vdso]",
        }
    }
}

/// A mapping: `struct vm_area_struct`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Vma {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) flags: VmFlags,
    /// Pages into the file; anonymous: its address when it was made, in pages.
    pub(crate) pgoff: u64,
    pub(crate) backing: Backing,
    pub(crate) chain: Chain,
    /// Whether its end is noticed by its owner (SysV shared memory, special mappings), so that a
    /// merge may not remove it.
    pub(crate) has_close: bool,
    /// Which nodes its pages come from; `None`: as the task has it.
    pub(crate) policy: Option<Mempolicy>,
}

impl Vma {
    pub(crate) fn pages(&self) -> u64 {
        (self.end - self.start) >> PAGE_BITS
    }

    pub(crate) fn has(&self, flags: VmFlags) -> bool {
        self.flags.has(flags)
    }

    /// `vma_is_anonymous()`.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.backing == Backing::Anon
    }

    pub(crate) fn open_file(&self) -> Option<usize> {
        match self.backing {
            Backing::File(open) => Some(open),
            Backing::Anon | Backing::Special(_) => None,
        }
    }

    /// The offset, in pages, of this address.
    pub(crate) fn pgoff_at(&self, address: u64) -> u64 {
        self.pgoff + ((address - self.start) >> PAGE_BITS)
    }

    /// Whether anything may be done with it.
    pub(crate) fn accessible(&self) -> bool {
        self.flags.any(VmFlags::ACCESS)
    }
}
