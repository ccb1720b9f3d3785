//! Where the addresses of a process end.

use schemars::JsonSchema;
use serde::Serialize;

/// How the end is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndBy {
    /// The rule of the machine's architecture, for what the mappings show of its variants.
    Architecture,
    /// The smallest usual one that holds every mapping.
    Mappings,
}

/// Where the addresses that a process may use end, and how that is known.
///
/// `highest` is the end of the highest mapping, pages at fixed addresses of the kernel aside.
/// `TASK_SIZE`: x86-64 has 2⁴⁷ less a page, or 2⁵⁶ less a page once a process asked for it (five
/// levels of page tables, 4.14); a 32-bit process 3 GiB on a 32-bit kernel and 4 GiB less 8 KiB on
/// a 64-bit one; arm64 2⁴⁸, or 2⁵²; ARM 3 GiB less 16 MiB. A kernel may be built with another split;
/// then the end is a larger one of these, never one below a mapping.
pub fn user_end(machine: Option<&str>, highest: u64) -> (u64, EndBy) {
    const X86_64: &[u64] = &[0xc000_0000, 0xffff_e000, 0x7fff_ffff_f000, 0x00ff_ffff_ffff_f000];
    const ARM64: &[u64] = &[0x1_0000_0000, 1 << 39, 1 << 42, 1 << 48, 1 << 52];
    let (usual, by): (&[u64], EndBy) = match machine {
        Some("x86_64") => (X86_64, EndBy::Architecture),
        Some("i386" | "i486" | "i586" | "i686") => (&[0xc000_0000], EndBy::Architecture),
        Some("aarch64") => (ARM64, EndBy::Architecture),
        Some(arm) if arm.starts_with("arm") => (&[0xbf00_0000], EndBy::Architecture),
        _ => (&[0xc000_0000, 0xffff_e000, 0x7fff_ffff_f000, 1 << 48], EndBy::Mappings),
    };
    match usual.iter().find(|&&end| highest <= end) {
        Some(&end) => (end, by),
        None => (highest, EndBy::Mappings),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_that_of_the_architecture_and_never_below_a_mapping() {
        assert_eq!(
            user_end(Some("x86_64"), 0x7fff_5fe0_0000),
            (0x7fff_ffff_f000, EndBy::Architecture)
        );
        assert_eq!(user_end(Some("x86_64"), 0xffff_d000).0, 0xffff_e000);
        assert_eq!(user_end(Some("x86_64"), 1 << 50).0, (1 << 56) - 4096);
        assert_eq!(user_end(Some("i686"), 0xbff2_9000).0, 0xc000_0000);
        assert_eq!(user_end(Some("i686"), 0xd000_0000), (0xd000_0000, EndBy::Mappings));
        assert_eq!(user_end(Some("armv6l"), 0xbe80_0000).0, 0xbf00_0000);
        assert_eq!(user_end(Some("aarch64"), 0xffff_f7ff_f000).0, 1 << 48);
        assert_eq!(user_end(None, u64::MAX), (u64::MAX, EndBy::Mappings));
    }
}
