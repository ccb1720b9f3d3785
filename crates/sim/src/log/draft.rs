//! A report in the making.
//!
//! # What it follows
//! `dump_header()`: what it says of the request, of who made it, of memory and of all tasks is taken
//! before the kill; `oom_kill_process()` adds the kill.

use facts::oom_report::{
    GfpMask, Kill, OomKillLine, OomReport, Panic, PanicKind, Reporter, Trigger, TriggerKind,
};
use facts::{Name, Release};
use rules::gfp;
use rules::killer::legacy_adj;
use rules::layout::Arch;
use rules::mempolicy;
use units::{Pid, ScoreAdj};

use super::{Pass, memory, tasks};
use crate::oom::{Parts, Request, Scope, constraint, group, pid_of};

/// What the kernel is about to print.
#[derive(Debug)]
pub(crate) struct Draft {
    report: OomReport,
    /// Lines behind it.
    after: Vec<String>,
}

/// Who asks when nobody does: the worker that does what SysRq wants.
fn worker(release: Release) -> (&'static str, Pid) {
    let name = if release >= Release::old(2, 6, 36) { "kworker/0:1" } else { "events/0" };
    (name, Pid::new(6))
}

impl Draft {
    /// The head, the memory and the tasks, as they are now.
    pub(crate) fn new(parts: &Parts<'_>, request: &Request) -> Draft {
        let release = parts.store.release();
        let killer = &parts.store.oom.killer;
        let asker = request.asker.filter(|_| !request.sysrq);
        let process = asker.and_then(|asker| parts.processes.get(asker));
        let (comm, pid) = match (process, asker) {
            (Some(process), Some(asker)) => (process.name.as_str(), pid_of(asker)),
            _ => worker(release),
        };
        let leader = asker.map(|asker| parts.group(asker));
        let adj = leader.map_or(ScoreAdj::NONE, |leader| parts.processes[leader].adj);
        let uid = leader.and_then(|leader| parts.task(leader)).map_or(0, |task| task.uid);
        let mask = mask(request.gfp, release, parts.store.config.arch);
        let names = gfp::names(mask, release, gfp::Config::default());
        let order = i32::try_from(request.order).unwrap_or(0);
        let nodes = Name::from(list(&all_nodes(parts)).as_str());
        // Its name is that of the cgroup, the last part of the path.
        let bound = leader.and_then(|leader| {
            let memcg = parts.processes[leader].memcg;
            Some((parts.store.nodes_of(memcg)?, group::path(parts, group::of(parts, leader))))
        });
        let (allowed, path) = match (&request.scope, bound) {
            (Scope::Cpuset(nodes), None) => (list(nodes).as_str().into(), "/".to_owned()),
            (_, Some((nodes, path))) => (mempolicy::list(nodes).as_str().into(), path),
            _ => (nodes, "/".to_owned()),
        };
        let cpuset = path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("/");
        let trigger = Trigger {
            kind: TriggerKind::OomKiller,
            comm: Some(comm.into()),
            gfp: Some(GfpMask { mask, names: Some(names.as_str().into()) }),
            order: Some(if request.sysrq { killer.manual_order } else { order }),
            nodemask: Some(match &request.scope {
                Scope::Mempolicy(nodes) => list(nodes).as_str().into(),
                // Never empty in 4.9 and 4.10: what the cpuset allows.
                _ if release < Release::new(4, 11) => allowed.clone(),
                _ => "(null)".into(),
            }),
            oom_adj: Some(legacy_adj(adj)),
            oom_score_adj: Some(adj),
            sysrq: request.sysrq,
            compaction_disabled: false,
            cpuset: Some(cpuset.into()),
            mems_allowed: Some(allowed),
        };
        let counters = parts.counters();
        let group = match request.scope {
            Scope::Memcg(memcg) => Some(memcg),
            _ => None,
        };
        let with_memory = group.is_none()
            || (release >= Release::old(2, 6, 30) && release < Release::new(3, 9))
            || release < Release::old(2, 6, 30);
        let report = OomReport {
            trigger: Some(trigger),
            reporter: Reporter {
                cpu: Some(0),
                uid: Some(uid),
                pid: Some(pid),
                comm: Some(comm.into()),
                taint: Some("Not tainted".into()),
                version: Some(Name::new(format!("{} #1", name_of(release)))),
                release: Some(release),
                ..Reporter::default()
            },
            memcg: group.map(|memcg| group::block(parts, memcg)),
            memory: counters.as_ref().filter(|_| with_memory).map(|counters| {
                let config = &parts.store.config;
                memory::show_mem(counters, request, release, config.arch, config.cpus)
            }),
            protection: group::protection(parts),
            tasks: parts.store.oom.dump_tasks.then(|| tasks::table(parts, request)),
            ..OomReport::default()
        };
        Draft { report, after: Vec::new() }
    }

    /// That a request of a victim's has failed: its head, and all of memory (`warn_alloc()`).
    pub(crate) fn failure(parts: &Parts<'_>, request: &Request) -> Draft {
        // Whoever has been killed sees every node (`warn_alloc_show_mem()`).
        let seen = Request { scope: Scope::Machine, ..request.clone() };
        let Draft { report: head, .. } = Draft::new(parts, request);
        let trigger = head.trigger.map(|trigger| Trigger {
            kind: TriggerKind::AllocationFailure,
            // No policy binds it any more, either.
            nodemask: Some("(null)".into()),
            oom_adj: None,
            oom_score_adj: None,
            ..trigger
        });
        let (config, release) = (&parts.store.config, parts.store.release());
        let memory = parts
            .counters()
            .map(|counters| memory::show_mem(&counters, &seen, release, config.arch, config.cpus));
        let report = OomReport { trigger, reporter: head.reporter, memory, ..OomReport::default() };
        Draft { report, after: Vec::new() }
    }

    /// Who is going to die: the summary line (5.0), and the victim's group (2.6.30 to 4.20).
    pub(crate) fn choose(&mut self, parts: &Parts<'_>, request: &Request, victim: usize) {
        let trigger = self.report.trigger.as_ref();
        let thread = parts.thread_with_memory(victim).unwrap_or(victim);
        let own = Name::from(group::path(parts, group::of(parts, victim)).as_str());
        let top = match request.scope {
            Scope::Memcg(memcg) => Some(Name::from(group::path(parts, memcg).as_str())),
            _ => None,
        };
        let release = parts.store.release();
        let asker = request.asker.map(|asker| parts.group(asker));
        if let Some(block) = &mut self.report.memcg {
            // At first it was the group of whoever asked.
            let shown = asker.filter(|_| release < Release::old(2, 6, 32)).unwrap_or(victim);
            let path = group::path(parts, group::of(parts, shown));
            block.task_group = Some(path.as_str().into());
            block.limit_group.clone_from(&top);
        }
        self.report.oom_kill = Some(OomKillLine {
            constraint: Some(constraint(&request.scope)),
            nodemask: trigger.and_then(|trigger| trigger.nodemask.clone()),
            cpuset: trigger.and_then(|trigger| trigger.cpuset.clone()),
            mems_allowed: trigger.and_then(|trigger| trigger.mems_allowed.clone()),
            global: top.is_none(),
            oom_memcg: top,
            task_memcg: Some(own),
            task: Some(parts.processes[victim].name.as_str().into()),
            pid: Some(pid_of(thread)),
            uid: parts.task(victim).map(|task| task.uid),
        });
    }

    /// One kill more.
    pub(crate) fn kill(&mut self, kill: Kill) {
        self.report.kills.push(kill);
    }

    /// The group that dies as a whole (4.19).
    pub(crate) fn dies_together(&mut self, path: &str) {
        self.report.group_kill = Some(path.into());
    }

    /// Nobody can be killed, and the kernel goes on for now (4.19).
    pub(crate) fn warn(&mut self, words: &str) {
        let kind = PanicKind::NoKillableProcess;
        self.report.panic = Some(Panic { kind, panicked: false, text: words.into() });
    }

    /// And nothing else can be done.
    pub(crate) fn deadlocked(&mut self) {
        self.after.push("Kernel panic - not syncing: System is deadlocked on memory\n".to_owned());
    }

    /// The kernel stops.
    pub(crate) fn panic(&mut self, panic: Panic) {
        self.report.panic = Some(panic);
    }

    /// Puts it into the log.
    pub(crate) fn write(mut self, parts: &mut Parts<'_>) {
        let (now, release) = (parts.store.clock, parts.store.release());
        if release < Release::old(2, 6, 9) {
            // Before, the kernel said whom it killed and nothing else.
            let OomReport { kills, panic, .. } = std::mem::take(&mut self.report);
            self.report = OomReport { kills, panic, ..OomReport::default() };
        }
        let log = &mut parts.store.oom.log;
        let kind = self.report.trigger.as_ref().map(|trigger| trigger.kind);
        if kind == Some(TriggerKind::AllocationFailure) {
            let mut text = match log.admits_failure(now, release) {
                Pass::Yes(0) => Vec::new(),
                Pass::Yes(missed) => {
                    format!("warn_alloc: {missed} callbacks suppressed\n").into_bytes()
                }
                Pass::No => return,
            };
            text.extend(klog::print(&self.report, release));
            log.add(now, &text);
            return;
        }
        let panicked = self.report.panic.is_some();
        let mut text = Vec::new();
        match if panicked { Pass::Yes(0) } else { log.admits(now, release) } {
            Pass::Yes(0) => {}
            Pass::Yes(missed) if release >= Release::old(2, 6, 33) => {
                text = format!("oom_kill_process: {missed} callbacks suppressed\n").into_bytes();
            }
            Pass::Yes(_) => {}
            Pass::No => {
                let OomReport { kills, group_kill, .. } = std::mem::take(&mut self.report);
                self.report = OomReport { kills, group_kill, ..OomReport::default() };
            }
        }
        text.extend(klog::print(&self.report, release));
        for line in self.after {
            text.extend_from_slice(line.as_bytes());
        }
        log.add(now, &text);
    }
}

/// The mask that has these names, of which a release may not have all: movable memory was any memory
/// of a user's before 2.6.24.
///
/// Pages of processes come as folios, with `__GFP_COMP`, since 5.18; 32-bit ARM zeroes them itself.
fn mask(names: &str, release: Release, arch: Arch) -> u64 {
    let known = |name: &str| gfp::value(name, release, gfp::Config::default());
    let of = |name: &str| match name {
        "GFP_HIGHUSER_MOVABLE" => known(name).or_else(|| known("GFP_HIGHUSER")),
        "GFP_KERNEL_ACCOUNT" => known(name).or_else(|| known("GFP_KERNEL")),
        "__GFP_COMP" if release < Release::new(5, 18) => None,
        "__GFP_ZERO" if arch == Arch::Arm && !names.starts_with("GFP_KERNEL") => None,
        _ => known(name),
    };
    names.split('|').filter_map(of).fold(0, |mask, bits| mask | bits)
}

/// As releases are named: `2.6.32`, `6.18`, `6.18.2`.
pub(super) fn name_of(release: Release) -> String {
    if release.major >= 3 {
        return format!("{}.{}.{}", release.major, release.minor, release.patch);
    }
    release.to_string()
}

/// The nodes of the machine.
fn all_nodes(parts: &Parts<'_>) -> Vec<u32> {
    let profile = parts.store.config.physical.as_ref();
    let mut nodes: Vec<u32> =
        profile.map_or_else(Vec::new, |profile| profile.zones.iter().map(|z| z.node).collect());
    nodes.sort_unstable();
    nodes.dedup();
    if nodes.is_empty() { vec![0] } else { nodes }
}

/// `%*pbl`: `0-1,3`.
fn list(nodes: &[u32]) -> String {
    let mask = |node: &u32| 1_u64.checked_shl(*node).unwrap_or(0);
    mempolicy::list(nodes.iter().map(mask).fold(0, |all, node| all | node))
}
