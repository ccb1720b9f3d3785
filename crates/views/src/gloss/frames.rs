//! Functions of a call trace that tell what the asker was doing.

/// What a function is about; `None` for one that tells a newcomer nothing.
pub(super) fn words(function: &str) -> Option<&'static str> {
    let name = function.trim_start_matches("? ");
    let end = name.find(['+', '.', ' ']).unwrap_or(name.len());
    let name = &name[..end];
    exact(name).or_else(|| PREFIXES.iter().find(|(start, _)| name.starts_with(start)).map(|p| p.1))
}

const CHARGE: &str = "A page was to be charged to a cgroup whose limit was reached";
const ALLOCATOR: &str = "The page allocator: it finds nothing free, reclaims, waits, tries again";
const FAULT: &str =
    "A page fault: a program touched memory that it had been promised and that had no page yet";
const FILE_FAULT: &str = "A program needs a page of a file, perhaps of its own code, that must be \
                          read in: the cache no longer had it";
const SWAP_IN: &str = "A page comes back from swap";
const COPY: &str = "A page that was shared since a fork is written to and needs a copy";
const FORK: &str = "A new process or thread was being made";
const TMPFS: &str = "A page for tmpfs, or for memory shared between programs";
const HUGE: &str = "A huge page was tried for";
const READ_WRITE: &str = "A program was reading or writing a file";
const NET: &str = "A buffer for the network";
const SLAB: &str = "The kernel needed room for one of its own objects";
const TABLES: &str = "A page for the page tables, which say where a program's pages are";
const SYSCALL: &str = "A program called the kernel";
const PIN: &str = "Memory was taken before it was touched (locked, or pinned for a device)";
const THREAD: &str = "A thread of the kernel, no program";
const REPORT: &str = "The kernel is printing this report";

fn exact(name: &str) -> Option<&'static str> {
    Some(match name {
        "dump_stack" | "dump_stack_lvl" | "show_stack" | "dump_header" | "show_mem"
        | "warn_alloc" | "warn_alloc_failed" => REPORT,
        "oom_kill_process" => "Whom to kill is decided; the report is printed before the kill",
        "out_of_memory" | "__out_of_memory" => {
            "The OOM killer: nothing else has helped, and it chooses a victim"
        }
        "mem_cgroup_out_of_memory" | "mem_cgroup_oom" | "mem_cgroup_oom_synchronize" => {
            "The OOM killer of a cgroup: its limit is reached, and the victim must be one of its own"
        }
        "pagefault_out_of_memory" => "A page fault failed without saying for what",
        "moom_callback" => "A person asked for it with SysRq f",
        "do_anonymous_page" => "The page is for a program's own memory: heap, stack, a large array",
        "filemap_fault" | "__do_fault" | "do_read_fault" => FILE_FAULT,
        "do_swap_page" => SWAP_IN,
        "wp_page_copy" | "do_wp_page" | "do_cow_fault" => COPY,
        "copy_process"
        | "dup_task_struct"
        | "kernel_clone"
        | "_do_fork"
        | "do_fork"
        | "alloc_thread_stack_node"
        | "dup_mm"
        | "copy_page_range" => FORK,
        "vfs_read"
        | "vfs_write"
        | "ksys_read"
        | "ksys_write"
        | "sys_read"
        | "sys_write"
        | "generic_file_read_iter"
        | "generic_perform_write"
        | "__page_cache_alloc"
        | "pagecache_get_page"
        | "__filemap_get_folio"
        | "page_cache_ra_unbounded" => READ_WRITE,
        "__alloc_skb"
        | "alloc_skb_with_frags"
        | "sock_alloc_send_pskb"
        | "tcp_sendmsg"
        | "__netdev_alloc_skb" => NET,
        "kthread" | "worker_thread" | "process_one_work" | "kernel_thread_helper" => THREAD,
        "do_syscall_64"
        | "do_fast_syscall_32"
        | "el0_svc"
        | "system_call_fastpath"
        | "sysenter_past_esp"
        | "syscall_call"
        | "entry_INT80_32" => SYSCALL,
        "__get_user_pages" | "get_user_pages" | "populate_vma_page_range" | "__mm_populate" => PIN,
        "pte_alloc_one" | "__pte_alloc" | "__pmd_alloc" | "__pud_alloc" => TABLES,
        "kmalloc_order" | "__kmalloc" | "kmem_cache_alloc" | "new_slab" | "cache_grow"
        | "___slab_alloc" | "allocate_slab" | "kmalloc_large_node" | "cache_alloc_refill" => SLAB,
        _ => return None,
    })
}

const PREFIXES: [(&str, &str); 19] = [
    ("try_charge", CHARGE),
    ("mem_cgroup_try_charge", CHARGE),
    ("mem_cgroup_charge", CHARGE),
    ("__mem_cgroup_charge", CHARGE),
    ("__alloc_pages", ALLOCATOR),
    ("alloc_pages", ALLOCATOR),
    ("__alloc_frozen_pages", ALLOCATOR),
    ("handle_mm_fault", FAULT),
    ("__handle_mm_fault", FAULT),
    ("do_page_fault", FAULT),
    ("__do_page_fault", FAULT),
    ("do_user_addr_fault", FAULT),
    ("exc_page_fault", FAULT),
    ("asm_exc_page_fault", FAULT),
    ("page_fault", FAULT),
    ("swapin_readahead", SWAP_IN),
    ("shmem_", TMPFS),
    ("do_huge_pmd", HUGE),
    ("entry_SYSCALL", SYSCALL),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compilers_put_behind_a_name_does_not_hide_it() {
        assert_eq!(words("__alloc_pages_slowpath.constprop.0"), Some(ALLOCATOR));
        assert_eq!(words("? copy_process+0x1a2/0x1b0"), Some(FORK));
        assert_eq!(words("frobnicate"), None);
    }
}
