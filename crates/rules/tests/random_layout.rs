//! The ranges of random addresses beside the running kernel.
//!
//! `cat` prints its own `maps`: it is position-independent and has an interpreter wherever this runs,
//! which is looked at first. Where it is not so, where addresses are not randomised, and on other
//! architectures there is nothing to compare.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::fs;
use std::process::Command;

use facts::Release;
use oomph_rules::layout::{Arch, LayoutInput, Randomness, VdsoPlace, layout, pie_base, randomness};

/// Programs that are looked at. That none of so many lies in a given twentieth of a range has a
/// probability of 10⁻⁹.
const PROGRAMS: usize = 400;

/// One program's addresses.
#[derive(Debug)]
struct Seen {
    program: u64,
    program_end: u64,
    heap: u64,
    highest_mapping: u64,
    stack: u64,
    vdso: u64,
}

fn look() -> Option<Seen> {
    let output = Command::new("cat").arg("/proc/self/maps").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let range = |line: &str| {
        let (start, end) = line.split(' ').next()?.split_once('-')?;
        let hex = |text| u64::from_str_radix(text, 16).ok();
        Some((hex(start)?, hex(end)?))
    };
    let of = |name: &str| text.lines().find(|line| line.ends_with(name)).and_then(range);
    let program = text.lines().next()?.split_whitespace().last()?;
    let (heap, stack, vdso) = (of("[heap]")?, of("[stack]")?, of("[vdso]")?);
    let last = text.lines().rfind(|line| line.ends_with(program)).and_then(range)?;
    // What is all zeros of it may be a mapping of its own.
    let bss = text.lines().filter_map(range).find(|(start, _)| *start == last.1);
    let mappings = text.lines().filter_map(range).map(|(_, end)| end);
    Some(Seen {
        program: of(program)?.0,
        program_end: bss.map_or(last.1, |(_, end)| end),
        heap: heap.0,
        highest_mapping: mappings.filter(|end| *end < stack.0).max()?,
        stack: stack.1,
        vdso: vdso.0,
    })
}

fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The rules for this machine; `None` when it does not randomise addresses for its programs.
fn here() -> Option<(Release, Randomness)> {
    let release: Release =
        fs::read_to_string("/proc/sys/kernel/osrelease").ok()?.trim().parse().ok()?;
    let mode = u8::try_from(number("/proc/sys/kernel/randomize_va_space")?).ok()?;
    let persona = fs::read_to_string("/proc/self/personality").ok()?;
    let persona = u32::from_str_radix(persona.trim(), 16).ok()?;
    // ADDR_NO_RANDOMIZE, ADDR_COMPAT_LAYOUT.
    if mode != 2 || persona & 0x0024_0000 != 0 {
        return None;
    }
    // Only root may read the number of bits.
    let bits = u32::try_from(number("/proc/sys/vm/mmap_rnd_bits")?).ok()?;
    Some((release, randomness(release, Arch::X86_64, mode, Some(bits))))
}

#[derive(Debug)]
struct Range {
    name: &'static str,
    /// Lowest and highest that the rules allow.
    from: u64,
    to: u64,
    seen: Vec<u64>,
}

impl Range {
    fn check(&self) {
        let Range { name, from, to, seen } = self;
        for value in seen {
            assert!(
                (*from..=*to).contains(value),
                "{name}: {value:#x} is not in {from:#x}..={to:#x}"
            );
        }
        let twentieth = (to - from) / 20;
        let (least, most) = (seen.iter().min().unwrap(), seen.iter().max().unwrap());
        assert!(least - from < twentieth, "{name}: nothing near {from:#x}, least {least:#x}");
        assert!(to - most < twentieth, "{name}: nothing near {to:#x}, most {most:#x}");
    }
}

#[test]
fn programs_of_this_kernel_lie_within_the_ranges_and_reach_both_ends() {
    let Some((release, rules)) = here() else { return };
    let seen: Vec<Seen> = (0..PROGRAMS).filter_map(|_| look()).collect();
    if seen.len() < PROGRAMS || release < Release::new(4, 1) {
        return;
    }
    let base = pie_base(release, Arch::X86_64);
    // Programs are aligned by their segments to more than a page at times.
    let span = rules.program.expect("programs have a place of their own since 4.1").most();
    if seen[0].program < base - (2 << 20) {
        return;
    }
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let stack = limits.lines().find(|line| line.starts_with("Max stack size"));
    let stack = stack.and_then(|line| line.split_whitespace().nth(3)).unwrap_or("unlimited");
    let input = |offset| LayoutInput {
        stack_limit: stack.parse().unwrap_or(u64::MAX),
        guard_gap: 256 * 4096,
        randomized: true,
        offset,
        legacy: number("/proc/sys/vm/legacy_va_layout") == Some(1),
    };
    let [lowest, highest] = [rules.mappings.most(), 0]
        .map(|offset| layout(release, Arch::X86_64, input(offset)).mmap_base);
    let end = Arch::X86_64.task_size();
    let all = |of: fn(&Seen) -> u64| seen.iter().map(of).collect();
    let heap_from = rules.heap_gap;
    let mut ranges = vec![
        Range { name: "program", from: base, to: base + span, seen: all(|seen| seen.program) },
        Range {
            name: "heap behind the program",
            from: heap_from,
            to: heap_from + rules.heap.most(),
            seen: all(|seen| seen.heap - seen.program_end),
        },
        Range {
            name: "end of the stack",
            from: end - rules.stack.most() - rules.stack_page.most(),
            to: end,
            seen: all(|seen| seen.stack),
        },
    ];
    if rules.vdso == VdsoPlace::AsMapping {
        ranges.push(Range {
            name: "highest mapping",
            from: lowest,
            to: highest,
            seen: all(|seen| seen.highest_mapping),
        });
        assert!(seen.iter().all(|seen| seen.vdso < seen.stack));
    } else {
        let near = |seen: &Seen| (seen.stack..seen.stack + (4 << 20)).contains(&seen.vdso);
        assert!(seen.iter().all(near));
    }
    for range in &ranges {
        range.check();
    }
}
