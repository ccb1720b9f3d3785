//! Sums of `/proc/iomem`.

use facts::{IomemTotals, Missing};
use units::Bytes;

use crate::line::{Report, hexadecimal, lines, split_once};

/// How much of `/proc/iomem` is memory, and what of it the kernel took before it ran.
///
/// `r_show()` in `kernel/resource.c`: two blanks a level, `start-end : name`, the end included. To
/// a reader without `CAP_SYS_ADMIN` all addresses are zero (4.6), which is nothing known.
pub fn iomem_totals(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> IomemTotals {
    let mut report = Report::new(place, problems);
    let mut totals = IomemTotals::default();
    let whole = report.some_lines(text, "`00000000-00000fff : Reserved` and its like");
    let mut hidden = true;
    for (number, line) in lines(whole) {
        let Some((start, end, name)) = range(line.trim_ascii_start()) else {
            report.malformed(number, "two addresses, a colon and a name", line);
            continue;
        };
        hidden &= end == 0;
        let Some(size) = end.checked_sub(start).and_then(|size| size.checked_add(1)) else {
            report.malformed(number, "an end that is not before its start", line);
            continue;
        };
        let sum = match name {
            b"System RAM" if !line.starts_with(b" ") => &mut totals.system_ram,
            b"Kernel code" | b"Kernel rodata" | b"Kernel data" | b"Kernel bss" => {
                &mut totals.kernel_image
            }
            b"Crash kernel" => &mut totals.crash_kernel,
            _ => continue,
        };
        *sum = Some(sum.unwrap_or(Bytes::ZERO).saturating_add(Bytes::new(size)));
    }
    if hidden { IomemTotals::default() } else { totals }
}

fn range(line: &[u8]) -> Option<(u64, u64, &[u8])> {
    let (range, name) = split_once(line, b':')?;
    let (start, end) = split_once(range.trim_ascii_end(), b'-')?;
    Some((hexadecimal(start)?, hexadecimal(end)?, name.trim_ascii_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(text: &str) -> (IomemTotals, usize) {
        let mut problems = Vec::new();
        (iomem_totals(text.as_bytes(), "iomem", &mut problems), problems.len())
    }

    #[test]
    fn memory_is_what_the_top_level_calls_so() {
        let (found, problems) = totals(
            "00000000-00000fff : Reserved\n00001000-0009fbff : System RAM\n\
             00100000-bfffffff : System RAM\n  01000000-02209987 : Kernel code\n  \
             02400000-02e09fff : Kernel rodata\n  2b000000-3affffff : Crash kernel\n",
        );
        assert_eq!(problems, 0);
        assert_eq!(found.system_ram, Some(Bytes::new(0x9ec00 + 0xbff0_0000)));
        assert_eq!(found.kernel_image, Some(Bytes::new(0x120_9988 + 0xa0_a000)));
        assert_eq!(found.crash_kernel, Some(Bytes::new(0x1000_0000)));
    }

    #[test]
    fn addresses_that_are_hidden_are_not_sizes() {
        let (found, problems) =
            totals("00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n");
        assert_eq!((found, problems), (IomemTotals::default(), 0));
    }

    #[test]
    fn damage_is_told_and_the_rest_is_read() {
        let (found, problems) = totals("xyz\n5-4 : System RAM\n1-1 : System RAM\n2-");
        assert_eq!(found.system_ram, Some(Bytes::new(1)));
        assert_eq!(problems, 3);
    }
}
