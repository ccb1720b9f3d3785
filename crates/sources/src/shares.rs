//! The processes' shares of memory, from any source.
//!
//! For each process that was asked for, in this order: `stat`, the owner of its directory, `cgroup`
//! where it matters, `cmdline`, and then its memory: `smaps_rollup` (4.14), or `smaps` where there is
//! no rollup, or where single mappings matter. `smaps` is read piece by piece and summed up on the
//! way; nothing is held for each mapping.
//!
//! # What it promises
//! * On a live machine the kernel holds a process's memory map while it walks the page tables. How
//!   long is estimated first, from the resident pages in `stat`; over [`Ask::max_stall_us`] the
//!   tables are not walked and the process gets bounds from `status`.
//! * Whose share could not be read is listed, with bounds.
//! * Two processes that share one address space are found, and read once.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use facts::{
    Amounts, Bounds, MappingUse, MemoryOf, Missing, Name, ProcessUse, Shares, Snapshot, Survey,
    Task, TaskFlags, TwinsBy, Unshared, Why, walk_cost_us,
};
use proctext::{MappingStream, MappingText};
use units::{Bytes, PageSize, Pid};

use crate::place::TaskPath;
use crate::{Place, Refusal, TaskFile, Tree};

/// What is asked for. All closures are given what the source says, not escaped.
#[expect(missing_debug_implementations, reason = "closures have nothing to show")]
pub struct Ask<'a> {
    /// What is added up.
    pub ground: Ground,
    /// Whether the processes' owners and command lines matter.
    pub heads: bool,
    /// Whether the processes' cgroups matter.
    pub cgroups: bool,
    /// For how long the kernel may hold the memory map of one process, in microseconds.
    pub max_stall_us: u64,
    /// Which processes matter.
    pub keep: &'a mut dyn FnMut(&Head<'_>) -> bool,
    /// Which mappings matter, by name; `None` when all do.
    pub keep_mapping: KeepMapping<'a>,
    /// Told before each process how many of how many are done.
    pub progress: &'a mut dyn FnMut(usize, usize),
}

/// Which mappings matter, by name; `None` when all do.
pub type KeepMapping<'a> = Option<&'a mut dyn FnMut(&[u8]) -> bool>;

/// What is added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// The memory of each process.
    Processes,
    /// What each name is mapped for, over all processes.
    Mappings,
}

/// What is known of a process before its memory is read.
#[derive(Debug)]
pub struct Head<'a> {
    /// The process without its memory.
    pub process: &'a ProcessUse,
    /// Its user's name.
    pub user: Option<&'a Name>,
}

/// Problems that are listed.
const MOST_PROBLEMS: usize = 50;

/// Reads the processes' shares.
///
/// Never fails: what could not be read is unknown, and the survey says why.
pub fn survey(tree: &mut dyn Tree, ask: &mut Ask<'_>) -> Survey {
    let about = tree.about();
    let mut machine = Snapshot::unknown(about.origin.clone());
    machine.machine.clone_from(&about.machine);
    machine.taken_at = about.taken_at;
    machine.viewpoint.euid = about.euid;
    machine.viewpoint.first_pid_namespace = about.first_pid_namespace;
    machine.viewpoint.cut = about.cut;
    if let Some(size) = about.page_size {
        machine.page_size = size;
        machine.page_size_known = true;
    }
    let mut buf = Vec::new();
    machine_files(tree, &mut machine, &mut buf);
    let own = Pid::new(std::process::id());
    let kernel_compares = about.live && tree.compare_address_spaces(own, own).is_some();
    let pids = tree.pids().unwrap_or_else(|refusal| {
        let place = "the list of processes".to_owned();
        machine.missing.push(Missing { place, why: Why::from(&refusal) });
        Vec::new()
    });
    let mut sweep = Sweep {
        tree,
        ask,
        buf,
        live: about.live,
        page_size: machine.page_size,
        users: std::mem::take(&mut machine.users),
        no_rollup: false,
        stream: MappingStream::new(""),
        names: Names::default(),
        twins: Twins {
            by: if kernel_compares { TwinsBy::Kernel } else { TwinsBy::Looks },
            seen: HashMap::new(),
        },
        problems: Vec::new(),
        survey: Survey {
            machine,
            processes: Vec::with_capacity(pids.len()),
            mappings: None,
            kernel_threads: 0,
            without_memory: 0,
            filtered: 0,
            twins_by: if kernel_compares { TwinsBy::Kernel } else { TwinsBy::Looks },
        },
    };
    for (done, &pid) in pids.iter().enumerate() {
        (sweep.ask.progress)(done, pids.len());
        sweep.process(pid);
    }
    (sweep.ask.progress)(pids.len(), pids.len());
    sweep.finish()
}

/// The few files of the machine that a reader of shares needs.
fn machine_files(tree: &mut dyn Tree, machine: &mut Snapshot, buf: &mut Vec<u8>) {
    machine.missing.extend_from_slice(tree.problems());
    let place = Place::Machine("meminfo");
    match tree.read(place, buf) {
        Ok(()) => machine.meminfo = proctext::meminfo(buf, "meminfo", &mut machine.missing),
        Err(refusal) => {
            machine.missing.push(Missing { place: place.to_string(), why: Why::from(&refusal) });
        }
    }
    for path in ["version", "sys/kernel/osrelease"] {
        if machine.kernel.release.is_none() && tree.read(Place::Machine(path), buf).is_ok() {
            machine.kernel = proctext::version(buf);
        }
    }
    if tree.read(Place::Users, buf).is_ok() {
        for (uid, name) in proctext::passwd(buf) {
            // The first line of an id is the one that the C library finds.
            machine.users.entry(uid).or_insert_with(|| Name::new(name));
        }
    }
}

struct Sweep<'a, 'b> {
    tree: &'a mut dyn Tree,
    ask: &'a mut Ask<'b>,
    buf: Vec<u8>,
    live: bool,
    page_size: PageSize,
    users: BTreeMap<u32, Name>,
    /// Whether this kernel has no `smaps_rollup`.
    no_rollup: bool,
    stream: MappingStream,
    names: Names,
    twins: Twins,
    problems: Vec<Missing>,
    survey: Survey,
}

/// The process went away.
struct Gone;

impl Sweep<'_, '_> {
    fn process(&mut self, pid: Pid) {
        match self.read_process(pid) {
            Ok(Some(process)) => self.survey.processes.push(process),
            Ok(None) => {}
            Err(Gone) => self.survey.without_memory += 1,
        }
    }

    /// `None` for one that was asked for by nobody, or that has no memory.
    fn read_process(&mut self, pid: Pid) -> Result<Option<ProcessUse>, Gone> {
        let mut task = Task::unknown(pid);
        let mut layout = None;
        match self.tree.read(Place::Task(pid, TaskFile::Stat), &mut self.buf) {
            // A copy of a process that went away while it was made.
            Ok(()) if self.buf.is_empty() => return Err(Gone),
            Ok(()) => {
                let path = TaskPath::new(pid, Some(TaskFile::Stat));
                proctext::stat(&self.buf, &mut task, path.as_str(), &mut self.problems);
                layout = Layout::of_stat(&self.buf);
            }
            Err(Refusal::Gone) => return Err(Gone),
            Err(Refusal::Absent) if self.live => return Err(Gone),
            Err(_) => {}
        }
        if task.vsize == Some(Bytes::ZERO) {
            if task.flags.is_some_and(TaskFlags::kernel_thread) {
                self.survey.kernel_threads += 1;
            } else {
                self.survey.without_memory += 1;
            }
            return Ok(None);
        }
        let mut process = self.head(pid, &task)?;
        let user = process.uid.and_then(|uid| self.users.get(&uid));
        if !(self.ask.keep)(&Head { process: &process, user }) {
            self.survey.filtered += 1;
            return Ok(None);
        }
        if let Some(twin) = self.twins.look_up(pid, layout, self.tree) {
            process.memory = MemoryOf::Twin(twin);
            return Ok(Some(process));
        }
        process.memory = self.memory(&mut process, &mut task)?;
        if matches!(&process.memory, MemoryOf::Shares(s) if self.ask.keep_mapping.is_some() && s.known() == 0)
        {
            // It maps nothing that was asked for.
            self.survey.filtered += 1;
            return Ok(None);
        }
        if self.twins.by == TwinsBy::Looks
            && let Some(twin) = self.twin_by_looks(&process, layout)
        {
            process.memory = MemoryOf::Twin(twin);
        }
        Ok(Some(process))
    }

    /// Everything but its memory.
    fn head(&mut self, pid: Pid, task: &Task) -> Result<ProcessUse, Gone> {
        let owner = if self.ask.heads { self.tree.owner(pid) } else { Err(Refusal::Absent) };
        let uid = match owner {
            Ok(owner) => Some(owner.uid),
            Err(Refusal::Gone) => return Err(Gone),
            Err(_) => None,
        };
        let mut process = ProcessUse {
            pid,
            ppid: task.ppid,
            comm: task.comm.clone(),
            command: None,
            program: None,
            start_ticks: task.start_ticks,
            uid,
            cgroup: None,
            memory: MemoryOf::Bounds(Box::default()),
        };
        if self.ask.cgroups
            && self.tree.read(Place::Task(pid, TaskFile::Cgroup), &mut self.buf).is_ok()
        {
            process.cgroup = unit_cgroup(&self.buf).map(Name::new);
        }
        if !self.ask.heads {
            return Ok(process);
        }
        if self.tree.read(Place::Task(pid, TaskFile::Cmdline), &mut self.buf).is_ok() {
            let program = self.buf.split(|&b| b == 0).next().unwrap_or_default();
            let base = program.rsplit(|&b| b == b'/').next().unwrap_or_default();
            process.program = (!base.is_empty()).then(|| Name::new(cut(base, 255)));
            process.command = Some(command(&self.buf));
        }
        if !self.live && uid.is_none() {
            // Copies belong to whoever made them.
            let mut told = Task::unknown(pid);
            if self.status(&mut told) {
                process.uid = told.euid.or(told.uid);
            }
        }
        Ok(process)
    }

    fn memory(&mut self, process: &mut ProcessUse, task: &mut Task) -> Result<MemoryOf, Gone> {
        let estimate_us = task.rss.map_or(0, walk_cost_us);
        if self.live && estimate_us > self.ask.max_stall_us {
            return Ok(self.bounds(process, task, Unshared::TooLong { estimate_us }));
        }
        let single = self.ask.ground == Ground::Mappings || self.ask.keep_mapping.is_some();
        let read = if single { Err(Refusal::Absent) } else { self.rollup(process.pid) };
        let read = match read {
            Err(Refusal::Absent) => self.smaps(process.pid, task),
            other => other,
        };
        match read {
            Ok(shares) => Ok(MemoryOf::Shares(Box::new(shares))),
            Err(Refusal::Gone) => Err(Gone),
            Err(refusal) => {
                if refusal == Refusal::Absent && self.tree.owner(process.pid) == Err(Refusal::Gone)
                {
                    return Err(Gone);
                }
                Ok(self.bounds(process, task, Unshared::Refused(Why::from(&refusal))))
            }
        }
    }

    /// The sums that the kernel makes itself.
    fn rollup(&mut self, pid: Pid) -> Result<Shares, Refusal> {
        if self.no_rollup {
            return Err(Refusal::Absent);
        }
        let place = Place::Task(pid, TaskFile::SmapsRollup);
        if let Err(refusal) = self.tree.read(place, &mut self.buf) {
            self.no_rollup = refusal == Refusal::Absent
                && self.live
                && self.tree.owner(pid) != Err(Refusal::Gone);
            return Err(refusal);
        }
        if self.buf.is_empty() {
            return Err(if self.live { Refusal::Gone } else { Refusal::Absent });
        }
        let mut sum = Shares::default();
        let mut take = |mapping: &MappingText<'_>| {
            if let Some(shares) = mapping.shares {
                sum.clone_from(shares);
            }
        };
        self.stream.restart(TaskPath::new(pid, Some(TaskFile::SmapsRollup)).as_str());
        self.stream.feed(&self.buf, &mut take);
        self.problems.extend(self.stream.end(&mut take));
        sum.other = Vec::new();
        Ok(sum)
    }

    /// The sums over the mappings that matter, and over those of each name.
    fn smaps(&mut self, pid: Pid, task: &Task) -> Result<Shares, Refusal> {
        let Sweep { tree, ask, stream, names, problems, .. } = self;
        stream.restart(TaskPath::new(pid, Some(TaskFile::Smaps)).as_str());
        names.process = names.process.wrapping_add(1);
        let process = names.process;
        let by_name = ask.ground == Ground::Mappings;
        let mut sum = Shares::default();
        let mut some = false;
        let mut mappings = 0_u64;
        let mut take = |mapping: &MappingText<'_>| {
            mappings += 1;
            let Some(shares) = mapping.shares else { return };
            if by_name || ask.keep_mapping.is_some() {
                let entry = names.entry(mapping.name, &mut ask.keep_mapping);
                if !entry.kept {
                    return;
                }
                if by_name {
                    entry.add(shares, process);
                    return;
                }
            }
            if some {
                sum.add(shares);
            } else {
                sum.clone_from(shares);
                some = true;
            }
        };
        let place = Place::Task(pid, TaskFile::Smaps);
        tree.read_pieces(place, &mut |piece| stream.feed(piece, &mut take))?;
        problems.extend(stream.end(&mut take));
        sum.other = Vec::new();
        if mappings == 0 && task.has_memory() {
            // A process that ends has let go of its memory. smemcap stores an empty text where it
            // was not allowed to read.
            return Err(if self.live {
                Refusal::Gone
            } else {
                Refusal::Strange("empty, though the process has memory".to_owned())
            });
        }
        Ok(sum)
    }

    /// What `status` and `stat` say.
    fn bounds(&mut self, process: &mut ProcessUse, task: &mut Task, why: Unshared) -> MemoryOf {
        self.status(task);
        process.uid = task.uid.or(process.uid);
        let counted = task.rss.map(|pages| pages.to_bytes_saturating(self.page_size));
        MemoryOf::Bounds(Box::new(Bounds {
            why,
            rss: task.vm_rss.or(counted),
            rss_anon: task.rss_anon,
            rss_file: task.rss_file,
            rss_shmem: task.rss_shmem,
            swap: task.swap,
            hugetlb: task.hugetlb,
        }))
    }

    fn status(&mut self, task: &mut Task) -> bool {
        if self.tree.read(Place::Task(task.pid, TaskFile::Status), &mut self.buf).is_err()
            || self.buf.is_empty()
        {
            return false;
        }
        let path = TaskPath::new(task.pid, Some(TaskFile::Status));
        proctext::status(&self.buf, task, path.as_str(), &mut self.problems);
        true
    }

    /// A process that looks exactly like its parent has its address space, as far as one can see.
    fn twin_by_looks(&mut self, process: &ProcessUse, layout: Option<Layout>) -> Option<Pid> {
        let MemoryOf::Shares(shares) = &process.memory else { return None };
        let layout = layout?;
        let seen = self.twins.seen.entry(layout).or_default();
        let parent =
            seen.iter().copied().filter(|&pid| Some(pid) == process.ppid).find_map(|pid| {
                let found = self.survey.processes.binary_search_by_key(&pid, |p| p.pid).ok()?;
                match &self.survey.processes[found].memory {
                    MemoryOf::Shares(theirs) => (theirs == shares).then_some(pid),
                    MemoryOf::Twin(of) => {
                        let first =
                            self.survey.processes.binary_search_by_key(of, |p| p.pid).ok()?;
                        let same = matches!(&self.survey.processes[first].memory,
                        MemoryOf::Shares(theirs) if theirs == shares);
                        same.then_some(*of)
                    }
                    MemoryOf::Bounds(_) => None,
                }
            });
        seen.push(process.pid);
        parent.filter(|_| shares.known() != 0)
    }

    fn finish(self) -> Survey {
        let Sweep { mut survey, users, names, problems, ask, .. } = self;
        let more = problems.len().saturating_sub(MOST_PROBLEMS);
        survey.machine.missing.extend(problems.into_iter().take(MOST_PROBLEMS));
        if more > 0 {
            let place = format!("{more} more places in files of processes");
            let why = Why::Failed("not as the kernel prints them".to_owned());
            survey.machine.missing.push(Missing { place, why });
        }
        survey.machine.users = users;
        let seen: std::collections::BTreeSet<u32> =
            survey.processes.iter().filter_map(|p| p.uid).collect();
        survey.machine.users.retain(|uid, _| seen.contains(uid));
        if ask.ground == Ground::Mappings {
            survey.mappings = Some(names.into_mappings());
        }
        survey
    }
}

/// The command line as people read it.
fn command(text: &[u8]) -> Name {
    let end = text.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
    let line = cut(&text[..end], ProcessUse::COMMAND);
    Name::new(line.iter().map(|&b| if b == 0 { b' ' } else { b }).collect::<Vec<u8>>())
}

fn cut(text: &[u8], most: usize) -> &[u8] {
    text.get(..most).unwrap_or(text)
}

/// The cgroup that tells what a process belongs to: systemd's own hierarchy where there is one, else
/// that of version 2, else that of memory.
fn unit_cgroup(text: &[u8]) -> Option<&[u8]> {
    let (mut named, mut v2, mut memory) = (None, None, None);
    for line in proctext::proc_cgroup(text) {
        let mut controllers = line.controllers.split(|&b| b == b',');
        if line.controllers == b"name=systemd" {
            named = Some(line.path);
        } else if line.hierarchy == 0 && line.controllers.is_empty() {
            v2 = Some(line.path);
        } else if controllers.any(|c| c == b"memory") {
            memory = Some(line.path);
        }
    }
    let told = [named, v2, memory].into_iter().flatten().find(|path| path != b"/");
    told.or(named).or(v2).or(memory)
}

/// Where an address space begins: the same for all who share it. It is the same in a child that was
/// forked, too, so this only tells whom to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Layout {
    code: u64,
    stack: u64,
    arguments: u64,
}

impl Layout {
    /// Fields 26, 28 and 48 of `stat`, as `proc(5)` counts them. They are 0 to those who may not
    /// trace the process, and field 48 is there since 3.5.
    fn of_stat(text: &[u8]) -> Option<Layout> {
        let close = text.iter().rposition(|&b| b == b')')?;
        let mut fields =
            text[close + 1..].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let mut number =
            |skip| -> Option<u64> { std::str::from_utf8(fields.nth(skip)?).ok()?.parse().ok() };
        let code = number(26 - 3)?;
        let stack = number(1)?;
        let arguments = number(48 - 29).unwrap_or(0);
        (stack != 0).then_some(Layout { code, stack, arguments })
    }
}

/// Whose address space was read already.
struct Twins {
    by: TwinsBy,
    /// By layout: processes whose address spaces differ, in the kernel's order where it tells one.
    seen: HashMap<Layout, Vec<Pid>>,
}

impl Twins {
    /// The process seen before that has the same address space, by the kernel's word.
    fn look_up(&mut self, pid: Pid, layout: Option<Layout>, tree: &mut dyn Tree) -> Option<Pid> {
        if self.by != TwinsBy::Kernel {
            return None;
        }
        let seen = self.seen.entry(layout?).or_default();
        loop {
            let mut silent = None;
            let place = seen.binary_search_by(|&other| {
                tree.compare_address_spaces(other, pid).unwrap_or_else(|| {
                    silent = Some(other);
                    Ordering::Less
                })
            });
            match (place, silent) {
                (Ok(found), None) => return Some(seen[found]),
                (Err(place), None) => {
                    seen.insert(place, pid);
                    return None;
                }
                // One of the two is gone, or may not be compared.
                (_, Some(_)) if tree.compare_address_spaces(pid, pid).is_none() => return None,
                (_, Some(gone)) => seen.retain(|&other| other != gone),
            }
        }
    }
}

/// What is mapped under each name.
#[derive(Default)]
struct Names {
    index: HashMap<Rc<[u8]>, usize>,
    entries: Vec<Entry>,
    /// The name that came last: mappings of one file follow one another.
    last: usize,
    /// Number of the process that is being read.
    process: u32,
}

struct Entry {
    name: Rc<[u8]>,
    /// The name that came after it: processes map the same files in the same order.
    next: usize,
    kept: bool,
    mappings: u64,
    processes: u32,
    last_process: u32,
    amounts: Amounts,
}

impl Entry {
    fn add(&mut self, shares: &Shares, process: u32) {
        self.mappings += 1;
        if self.last_process != process {
            self.last_process = process;
            self.processes = self.processes.saturating_add(1);
        }
        self.amounts.add(&Amounts::from(shares));
    }
}

impl Names {
    fn entry(&mut self, name: &[u8], keep: &mut KeepMapping<'_>) -> &mut Entry {
        let Some(last) = self.entries.get(self.last) else { return self.find(name, keep) };
        if *last.name == *name {
            return &mut self.entries[self.last];
        }
        if self.entries.get(last.next).is_some_and(|next| *next.name == *name) {
            self.last = last.next;
            return &mut self.entries[self.last];
        }
        let before = self.last;
        self.find(name, keep);
        self.entries[before].next = self.last;
        &mut self.entries[self.last]
    }

    /// The entry of a name, by the index; it is the last then.
    fn find(&mut self, name: &[u8], keep: &mut KeepMapping<'_>) -> &mut Entry {
        self.last = if let Some(&number) = self.index.get(name) {
            number
        } else {
            let name: Rc<[u8]> = name.into();
            let number = self.entries.len();
            self.index.insert(Rc::clone(&name), number);
            self.entries.push(Entry {
                kept: keep.as_mut().is_none_or(|keep| keep(&name)),
                name,
                next: usize::MAX,
                mappings: 0,
                processes: 0,
                last_process: 0,
                amounts: Amounts::ZERO,
            });
            number
        };
        &mut self.entries[self.last]
    }

    fn into_mappings(self) -> Vec<MappingUse> {
        let kept = self.entries.into_iter().filter(|entry| entry.kept && entry.mappings > 0);
        let mut mappings: Vec<MappingUse> = kept
            .map(|entry| MappingUse {
                name: Name::new(&entry.name[..]),
                mappings: entry.mappings,
                processes: entry.processes,
                amounts: entry.amounts,
            })
            .collect();
        mappings.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        mappings
    }
}

#[cfg(test)]
mod tests;
