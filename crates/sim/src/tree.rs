//! The whole machine as files below a directory shaped like `/proc`.

use facts::Release;
use rules::watermark::ZoneKind;
use world::{ProcessId, World, WorldError};

use crate::machine::Machine;
use crate::memcg::MemcgId;
use crate::page::{PAGE_BITS, What};
use crate::proc;

/// A file: its path below `/proc`, and what it says.
pub type TreeFile = (String, Vec<u8>);

impl Machine {
    /// Every file of `/proc` that the model can tell, in the order of a capture, with `oomph/manifest`
    /// for what is not in `/proc`. `status`, `usage`, `map` and `rank` read it as they read a capture.
    pub fn tree(&mut self) -> Result<Vec<TreeFile>, WorldError> {
        let config = &self.store.config;
        let release = config.release;
        let mut files: Vec<TreeFile> = Vec::new();
        let mut add = |path: &str, text: String| files.push((path.to_owned(), text.into_bytes()));
        let machine = match config.arch {
            rules::layout::Arch::X86_64 | rules::layout::Arch::Ia32 => "x86_64",
            rules::layout::Arch::I386 => "i686",
            rules::layout::Arch::Arm => "armv7l",
            rules::layout::Arch::Arm64 => "aarch64",
        };
        let groups = self.store.frames.memcgs.any();
        let mount = self.cgroup_mount();
        let mounted = if groups { format!("memory_mount {mount}\n") } else { String::new() };
        add(
            "oomph/manifest",
            format!(
                "format 1\npartial yes\npage_size 4096\nuser_hz 100\nmachine {machine}\neuid 0\n{mounted}"
            ),
        );
        add("version", format!("Linux version {release} (simulated) #1\n"));
        let mode = match config.overcommit {
            facts::OvercommitMode::Heuristic => 0,
            facts::OvercommitMode::Always => 1,
            facts::OvercommitMode::Never => 2,
        };
        for (name, value) in [
            ("overcommit_memory", mode),
            ("overcommit_ratio", config.overcommit_ratio),
            ("overcommit_kbytes", config.overcommit_kbytes),
            ("admin_reserve_kbytes", config.admin_reserve_kbytes),
            ("user_reserve_kbytes", config.user_reserve_kbytes),
            ("max_map_count", config.max_map_count),
        ] {
            add(&format!("sys/vm/{name}"), format!("{value}\n"));
        }
        self.settings(&mut add);
        files.extend(self.machine_files());
        files.extend(self.pressure_files());
        if groups {
            for (path, text) in [
                ("self/mountinfo", self.cgroup_mountinfo()),
                ("self/cgroup", self.cgroup_line(MemcgId::ROOT)),
            ] {
                files.push((path.to_owned(), text.into_bytes()));
            }
        }
        let beside = |(path, text): TreeFile| (format!("oomph/cgroup/{path}"), text);
        files.extend(self.cgroup_files().into_iter().map(beside));
        let beside = |(path, text): TreeFile| (format!("oomph/{path}"), text);
        files.extend(self.ksm_files().into_iter().map(beside));
        let ids: Vec<ProcessId> = self.leaders().collect();
        for id in ids {
            let pid = self.pid(id);
            let seen = self.observe(id)?;
            let adj = self.process(id)?.adj;
            // The one setting took the place of the other, and shows it in the other's terms.
            let old_adj = (release >= Release::old(2, 6, 11))
                .then(|| format!("{}\n", rules::killer::legacy_adj(adj)).into_bytes());
            let adj = (release >= Release::old(2, 6, 36)).then(|| format!("{adj}\n").into_bytes());
            let name = self.process(id)?.name.clone();
            let cgroup = groups.then_some(self.process(id)?.memcg);
            let cgroup = cgroup.map(|memcg| self.cgroup_line(memcg).into_bytes());
            for (file, content) in [
                ("smaps", seen.smaps),
                ("smaps_rollup", seen.smaps_rollup),
                ("maps", seen.maps),
                ("cmdline", Some(format!("{name}\0").into_bytes())),
                ("stat", seen.stat),
                ("status", seen.status),
                ("statm", seen.statm),
                ("oom_score", seen.oom_score),
                ("oom_adj", old_adj),
                ("oom_score_adj", adj),
                ("cgroup", cgroup),
            ] {
                if let Some(content) = content {
                    files.push((format!("{pid}/{file}"), content));
                }
            }
        }
        Ok(files)
    }

    /// Settings of what there is only where memory ends.
    fn settings(&self, add: &mut impl FnMut(&str, String)) {
        let Some(physical) = self.store.frames.physical.as_deref() else { return };
        let config = &self.store.config;
        let since = |release| config.release >= release;
        let old = |patch| Release::old(2, 6, patch);
        let (seconds, hundredths) =
            (self.store.clock / 1_000_000_000, self.store.clock / 10_000_000 % 100);
        add("uptime", format!("{seconds}.{hundredths:02} 0.00\n"));
        let oom = &self.store.oom;
        for (name, value, exists) in [
            ("min_free_kbytes", physical.min_free_kbytes, since(old(0))),
            ("watermark_scale_factor", physical.scale_factor, since(Release::new(4, 6))),
            ("vfs_cache_pressure", physical.slab.pressure, since(old(0))),
            ("panic_on_oom", u64::from(oom.panic_on_oom), since(old(18))),
            ("oom_kill_allocating_task", u64::from(oom.kill_allocating_task), since(old(24))),
            ("oom_dump_tasks", u64::from(oom.dump_tasks), since(old(25))),
        ] {
            if exists {
                add(&format!("sys/vm/{name}"), format!("{value}\n"));
            }
        }
        if since(old(11)) {
            let kinds = proc::kinds(config.release, config.arch);
            let ratios = kinds.iter().filter(|&&kind| kind != ZoneKind::Device);
            let ratio =
                |kind: &ZoneKind| physical.ratios[crate::physical::class(*kind)].to_string();
            let mut ratios: Vec<String> = ratios.map(ratio).collect();
            ratios.resize(kinds.len(), "0".to_owned());
            add("sys/vm/lowmem_reserve_ratio", format!("{}\n", ratios.join("\t")));
        }
    }

    /// Files of the whole machine.
    pub(crate) fn machine_files(&self) -> Vec<TreeFile> {
        let file = |name: &str, text: String| (name.to_owned(), text.into_bytes());
        let Some(counters) = self.counters() else {
            let mms = || self.mms.values();
            return vec![
                ("meminfo".to_owned(), proc::endless_meminfo(&self.store, mms())),
                ("vmstat".to_owned(), proc::endless_vmstat(&self.store, mms())),
            ];
        };
        let config = &self.store.config;
        let (release, arch) = (config.release, config.arch);
        let mut files = vec![
            file("meminfo", proc::meminfo(&counters, release, arch)),
            file("vmstat", proc::vmstat(&counters, release, arch)),
            file("zoneinfo", proc::zoneinfo(&counters, release, arch, config.cpus)),
            file("buddyinfo", proc::buddyinfo(&counters, release, arch)),
            file("swaps", proc::swaps(&counters)),
        ];
        for node in counters.nodes.iter().filter(|_| counters.nodes.len() > 1) {
            let folder = format!("sys/devices/system/node/node{}", node.node);
            let meminfo = proc::node_meminfo(&counters, node, release);
            files.push(file(&format!("{folder}/meminfo"), meminfo));
            files.push(file(&format!("{folder}/numastat"), proc::numastat(&counters, node.node)));
        }
        files
    }

    /// `/proc/PID/pagemap` of some pages, as a privileged reader of this release sees it but for frame
    /// numbers, which the model does not have: they are 0.
    pub fn pagemap(&self, id: ProcessId, first: u64, count: u64) -> Result<Vec<u64>, WorldError> {
        let process = self.living(id)?;
        let mut entries = vec![0; usize::try_from(count).unwrap_or(0)];
        let Some(mm) = self.mms.get(&process.mm) else { return Ok(entries) };
        let guards = self.store.release() >= Release::new(6, 15);
        for (page, len, pte) in mm.pages.iter_within(first, first.saturating_add(count)) {
            for at in page..page + len {
                let frame = pte.frame + (at - page);
                let alone = pte.counted()
                    && self.store.frames.map.get(frame).is_some_and(|(_, known)| known.maps == 1);
                let soft_dirty = u64::from(self.store.config.soft_dirty) << 55;
                let entry = match pte.what {
                    What::Swap => 1 << 62,
                    What::Guard => u64::from(guards) << 58,
                    What::File | What::Shmem => 1 << 63 | 1 << 61 | u64::from(alone) << 56,
                    What::Hugetlb => {
                        let alone = self.store.pool.users(frame) == 1;
                        1 << 63 | u64::from(alone) << 56 | soft_dirty
                    }
                    What::Anon => 1 << 63 | u64::from(alone) << 56 | soft_dirty,
                    What::Zero | What::Special => 1 << 63,
                };
                if let Some(slot) = entries.get_mut(usize::try_from(at - first).unwrap_or(0)) {
                    *slot = entry;
                }
            }
        }
        Ok(entries)
    }

    /// The bytes of the address space that a page number covers.
    pub const fn page_bits() -> u32 {
        PAGE_BITS
    }

    fn leaders(&self) -> impl Iterator<Item = ProcessId> + '_ {
        (0..self.processes.len()).filter_map(|index| {
            let id = ProcessId(u32::try_from(index).ok()?);
            let process = &self.processes[index];
            (process.group == id && process.ended.is_none()).then_some(id)
        })
    }
}
