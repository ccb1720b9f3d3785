//! `gfp_mask`: which bit means what, by release, and the names the kernel prints for a mask.
//!
//! The numbers moved a dozen times between 2.6.9 and 7.1, so a mask means nothing without a
//! release. [`names()`] follows `%pGg` (`format_flags()` in `lib/vsprintf.c` over
//! `__def_gfpflag_names` in `include/trace/events/mmflags.h`, Linux 4.6): it goes through a fixed
//! list, composites first, and takes each entry whose bits are all set; what is left is printed as
//! a number. [`mask()`] is the way back.
//!
//! # What it leaves out
//! Vendors' tables. A mask whose kernel printed other names than [`names()`] gives is evidence of one.

mod bits;
mod composites;
mod order;

#[cfg(test)]
mod tests;

use std::fmt::{self, Write};

use facts::Release;

pub use bits::FLAGS;
pub use composites::COMPOSITES;

/// The options of a kernel that move bits or names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Config {
    /// `CONFIG_KASAN_HW_TAGS`, on arm64 with memory tagging.
    pub kasan_hw_tags: bool,
    /// `CONFIG_LOCKDEP`.
    pub lockdep: bool,
}

/// The bits of a flag or a composite (`__GFP_IO`, `GFP_KERNEL`); `None` where the release does not
/// have it.
pub fn value(name: &str, release: Release, config: Config) -> Option<u64> {
    bits::bit(name, release, config).or_else(|| composites::value(name, release, config))
}

/// The names of a mask, as `%pGg` prints them: `GFP_KERNEL|__GFP_COMP`; empty for 0.
///
/// Before 4.6 the kernel printed no names; then these are the ones it would have printed.
pub fn names(mask: u64, release: Release, config: Config) -> String {
    let mut out = String::new();
    let mut left = mask;
    for name in order::order(release, config) {
        if left == 0 {
            break;
        }
        let Some(bits) = value(name, release, config).filter(|bits| *bits != 0) else { continue };
        if left & bits == bits {
            separate(&mut out);
            out.push_str(name);
            left &= !bits;
        }
    }
    if left != 0 {
        separate(&mut out);
        let _ = write!(out, "{left:#x}");
    }
    out
}

fn separate(out: &mut String) {
    if !out.is_empty() {
        out.push('|');
    }
}

/// The single flags of a mask, from the lowest bit, and the bits that have no name.
pub fn flags(mask: u64, release: Release, config: Config) -> (Vec<&'static str>, u64) {
    let mut found: Vec<(u64, &'static str)> = FLAGS
        .iter()
        .filter_map(|flag| Some((bits::bit(flag, release, config)?, *flag)))
        .filter(|(bit, _)| *bit != 0 && mask & bit == *bit)
        .collect();
    found.sort_unstable();
    let known = found.iter().fold(0, |known, (bit, _)| known | bit);
    (found.into_iter().map(|(_, name)| name).collect(), mask & !known)
}

/// A name that the release does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFlag {
    /// The name.
    pub name: String,
    /// The release.
    pub release: Release,
}

impl fmt::Display for UnknownFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UnknownFlag { name, release } = self;
        write!(f, "expected a gfp flag of Linux {release}, found `{name}`")
    }
}

impl std::error::Error for UnknownFlag {}

/// The mask that has these names: `GFP_KERNEL|__GFP_COMP|0x2000000`; 0 for the empty text.
pub fn mask(names: &str, release: Release, config: Config) -> Result<u64, UnknownFlag> {
    let mut mask = 0;
    for name in names.split('|').map(str::trim).filter(|name| !name.is_empty()) {
        let number = name.strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok());
        mask |= number
            .or_else(|| value(name, release, config))
            .ok_or_else(|| UnknownFlag { name: name.chars().take(40).collect(), release })?;
    }
    Ok(mask)
}
