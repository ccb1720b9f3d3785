//! A machine for tests, in memory.

use std::collections::BTreeMap;

use units::{PageSize, Pid};

use crate::{About, Owner, Place, Refusal, TaskFile, Tree};

/// Files by their path in a capture, and what was asked for.
#[derive(Default, Clone)]
pub(crate) struct Machine {
    pub(crate) files: BTreeMap<String, Result<Vec<u8>, Refusal>>,
    pub(crate) owners: BTreeMap<u32, Owner>,
    pub(crate) about: About,
    /// Every path that was read, in order.
    pub(crate) asked: Vec<String>,
    /// Address spaces of processes, where the kernel can compare them.
    pub(crate) address_spaces: BTreeMap<u32, u32>,
    /// Processes that are listed and gone when they are looked at.
    pub(crate) gone: Vec<u32>,
}

impl Machine {
    /// A live machine with an init, a kernel thread, a shell of user 1000, and cgroups of version 2.
    pub(crate) fn example() -> Machine {
        let mut machine = Machine {
            about: About {
                origin: "test".to_owned(),
                live: true,
                complete: true,
                page_size: Some(PageSize::KIB_4),
                user_hz: Some(100),
                taken_at: Some(1_700_000_000),
                euid: Some(0),
                first_pid_namespace: Some(true),
                ..About::default()
            },
            ..Machine::default()
        };
        machine
            .put("meminfo", "MemTotal:        1000000 kB\nMemFree:          400000 kB\n")
            .put("version", "Linux version 6.12.1 (a@b) #1 SMP\n")
            .put("vmstat", "nr_free_pages 100000\noom_kill 2\n")
            .put(
                "zoneinfo",
                "Node 0, zone   Normal\n  pages free     100000\n        min      1000\n        \
                 low      1250\n        high     1500\n        spanned  250000\n        \
                 present  250000\n        managed  250000\n        protection: (0, 0)\n  \
                 pagesets\n    cpu: 0\n              count: 10\n              high:  30\n              \
                 batch: 7\n  vm stats threshold: 8\n  node_unreclaimable:  0\n  start_pfn:           0\n",
            )
            .put("swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
            .put("uptime", "1069.38 1863.52\n")
            .put("sys/vm/overcommit_memory", "0\n")
            .put("sys/vm/swappiness", "60\n")
            .put("sys/vm/lowmem_reserve_ratio", "256\t256\t32\t0\t0\n")
            .put("self/cgroup", "0::/user.slice/me\n")
            .put("self/mountinfo", "1 1 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
            .put(
                "oomph/users",
                "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n",
            )
            .put("oomph/cgroup/cgroup.controllers", "cpu memory pids\n")
            .put("oomph/cgroup/user.slice/me/cgroup.controllers", "memory pids\n");
        machine.process(1, "systemd", 0x40_0100, 0, "/init.scope");
        machine.process(2, "kthreadd", 0x20_8040, 0, "/");
        machine.process(300, "ba) (sh", 0x40_0000, 1000, "/user.slice/me");
        machine
    }

    /// Adds a file.
    pub(crate) fn put(&mut self, path: &str, text: &str) -> &mut Machine {
        self.files.insert(path.to_owned(), Ok(text.into()));
        self
    }

    /// Makes a file refuse to be read.
    pub(crate) fn refuse(&mut self, path: &str, refusal: Refusal) -> &mut Machine {
        self.files.insert(path.to_owned(), Err(refusal));
        self
    }

    /// Adds a process; a kernel thread, by its flags, has no memory.
    pub(crate) fn process(&mut self, pid: u32, name: &str, flags: u32, uid: u32, cgroup: &str) {
        let kernel = flags & 0x20_0000 != 0;
        let (vsize, rss) = if kernel { (0, 0) } else { (8_192_000, 1000) };
        let tail = "0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0";
        self.put(
            &format!("{pid}/stat"),
            &format!(
                "{pid} ({name}) S 1 1 1 0 -1 {flags} 10 0 0 0 7 5 0 0 20 0 1 0 900 {vsize} {rss} \
                 18446744073709551615 {tail}\n"
            ),
        );
        let memory = if kernel {
            String::new()
        } else {
            "VmRSS:\t    4000 kB\nRssAnon:\t    3000 kB\nVmPTE:\t      52 kB\nVmSwap:\t       8 kB\n"
                .to_owned()
        };
        self.put(
            &format!("{pid}/status"),
            &format!("Name:\t{name}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n{memory}Threads:\t1\n"),
        );
        self.put(&format!("{pid}/oom_score"), "667\n");
        self.put(&format!("{pid}/oom_score_adj"), "0\n");
        self.put(&format!("{pid}/oom_adj"), "0\n");
        self.put(&format!("{pid}/cgroup"), &format!("0::{cgroup}\n"));
        self.put(&format!("{pid}/cmdline"), if kernel { "" } else { "--secret\0" });
        self.put(&format!("{pid}/statm"), "2000 1000 10 1 0 100 0\n");
        self.owners.insert(pid, Owner { uid, gid: uid });
    }

    /// Whether this path was asked for.
    pub(crate) fn was_asked(&self, path: &str) -> bool {
        self.asked.iter().any(|asked| asked == path)
    }
}

impl Tree for Machine {
    fn read(&mut self, place: Place<'_>, buf: &mut Vec<u8>) -> Result<(), Refusal> {
        let mut path = Vec::new();
        match place {
            Place::Again(_) => Place::Machine("meminfo").write_path(&mut path),
            other => other.write_path(&mut path),
        }
        let path = String::from_utf8(path).unwrap();
        let file = self.files.get(&path).cloned().unwrap_or(Err(Refusal::Absent));
        self.asked.push(path);
        buf.clear();
        buf.extend(file?);
        Ok(())
    }

    fn pids(&mut self) -> Result<Vec<Pid>, Refusal> {
        let suffix = format!("/{}", TaskFile::Stat.name());
        let listed = self.files.keys().filter_map(|path| path.strip_suffix(&suffix)?.parse().ok());
        let mut pids: Vec<u32> = listed.chain(self.gone.iter().copied()).collect();
        pids.sort_unstable();
        Ok(pids.into_iter().map(Pid::new).collect())
    }

    fn owner(&mut self, pid: Pid) -> Result<Owner, Refusal> {
        if self.gone.contains(&pid.get()) {
            return Err(Refusal::Gone);
        }
        self.owners.get(&pid.get()).copied().ok_or(Refusal::Absent)
    }

    fn about(&mut self) -> About {
        self.about.clone()
    }

    fn compare_address_spaces(&mut self, a: Pid, b: Pid) -> Option<std::cmp::Ordering> {
        let own = Pid::new(std::process::id());
        if a == own && b == own {
            return (!self.address_spaces.is_empty()).then_some(std::cmp::Ordering::Equal);
        }
        let of = |pid: Pid| self.address_spaces.get(&pid.get());
        Some(of(a)?.cmp(of(b)?))
    }
}
