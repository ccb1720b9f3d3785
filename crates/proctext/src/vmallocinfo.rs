//! `/proc/vmallocinfo`: whether kernel stacks live there.

use crate::line::{decimal, lines, words};

/// Functions that allocate the stack of a new thread, by release, as far as the compiler leaves
/// them: `alloc_thread_stack_node()` is inlined into one of its callers.
const MAKERS: [&[u8]; 6] = [
    b"alloc_thread_stack_node",
    b"dup_task_struct",
    b"copy_process",
    b"kernel_clone",
    b"_do_fork",
    b"fork_idle",
];

/// Whether some area of vmalloc was made for a thread's stack (`CONFIG_VMAP_STACK`); `None` when
/// the text names no callers.
pub fn has_stacks(text: &[u8]) -> Option<bool> {
    let mut named = false;
    for (_, line) in lines(text) {
        // Range, size, caller, and what it is.
        let mut words = words(line).skip(2);
        let Some(caller) = words.next() else { continue };
        let Some(at) = caller.iter().position(|&b| b == b'+') else { continue };
        named = true;
        let pages = words.find_map(|word| decimal(word.strip_prefix(b"pages=")?));
        // Stacks of 8 to 64 KiB.
        if MAKERS.contains(&&caller[..at]) && pages.is_some_and(|pages| (1..=16).contains(&pages)) {
            return Some(true);
        }
    }
    named.then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_known_by_who_made_them() {
        let stack = b"0x0-0x1   20480 kernel_clone+0x94/0x3e0 pages=4 vmalloc N0=4\n";
        let table = b"0x0-0x1 2629632 htab_map_alloc+0x2e4/0x5a0 pages=641 vmalloc\n";
        assert_eq!(has_stacks(&[&table[..], stack].concat()), Some(true));
        assert_eq!(has_stacks(table), Some(false));
        assert_eq!(has_stacks(b"0x0-0x1 5140480 unpurged vm_area\n"), None);
        assert_eq!(has_stacks(b""), None);
    }
}
