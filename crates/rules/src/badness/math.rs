//! The integer functions of the older formulas.

/// Floor of the square root: `int_sqrt()`, 2.6 and later.
pub fn isqrt(x: u64) -> u64 {
    x.isqrt()
}

/// The rough square root that 2.4's OOM killer had for itself; at least 1.
pub fn isqrt24(x: u64) -> u64 {
    let (mut rest, mut out) = (x, x);
    while rest > 1 {
        rest >>= 2;
        out >>= 1;
    }
    if rest != 0 {
        out -= out >> 2;
    }
    out.max(1)
}

/// `SHIFT_HZ`: the power of two nearest to the timer frequency, 7 for 100 Hz, 8 for 250, 10 for
/// 1000. 0 Hz counts as 1.
pub fn shift_hz(hz: u32) -> u32 {
    // The kernel's table changes at 3/4 of each power of two: 96..=191 is 7, 192..=383 is 8.
    (u64::from(hz.max(1)) * 4 / 3).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rough_root_is_the_kernels() {
        let table = [
            (0, 1),
            (1, 1),
            (2, 1),
            (3, 1),
            (4, 2),
            (5, 2),
            (8, 2),
            (15, 3),
            (16, 3),
            (63, 7),
            (64, 6),
            (100, 9),
            (1000, 31),
            (10_000, 78),
        ];
        for (x, root) in table {
            assert_eq!(isqrt24(x), root, "{x}");
        }
    }

    #[test]
    fn shift_hz_changes_where_the_kernels_table_does() {
        for (hz, shift) in [
            (96, 7),
            (100, 7),
            (191, 7),
            (192, 8),
            (250, 8),
            (383, 8),
            (384, 9),
            (767, 9),
            (768, 10),
            (1000, 10),
            (1535, 10),
            (0, 0),
        ] {
            assert_eq!(shift_hz(hz), shift, "{hz}");
        }
    }
}
