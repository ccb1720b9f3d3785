//! The processes.

use facts::{Missing, Name, Snapshot, Task, TaskFlags, Why};
use units::{Bytes, Pid};

use super::groups::Hierarchy;
use super::page_size::PageSizes;
use super::reader::Reader;
use super::{KernelThreads, Want};
use crate::place::TaskPath;
use crate::{Place, Refusal, TaskFile};

/// Reads every process that stays while it is read.
pub(super) fn read(
    reader: &mut Reader<'_>,
    snapshot: &mut Snapshot,
    want: &Want,
    memory: Hierarchy,
    live: bool,
) {
    let pids = match reader.tree.pids() {
        Ok(pids) => pids,
        Err(refusal) => {
            reader.missing("the list of processes".to_owned(), Why::from(&refusal));
            return;
        }
    };
    let mut tally = Tally::default();
    let mut sizes = PageSizes::default();
    let mut sweep = Sweep { reader, tally: &mut tally, sizes: &mut sizes, want, memory, live };
    snapshot.tasks.reserve(pids.len());
    for pid in pids {
        if let Ok(task) = sweep.task(pid) {
            snapshot.tasks.push(task);
        }
    }
    tally.report(&mut reader.missing);
    if let Some(size) = sizes.agreed().filter(|_| !snapshot.page_size_known) {
        snapshot.page_size = size;
        snapshot.page_size_known = true;
    }
}

/// The process went away.
struct Gone;

struct Sweep<'a, 'b> {
    reader: &'a mut Reader<'b>,
    tally: &'a mut Tally,
    sizes: &'a mut PageSizes,
    want: &'a Want,
    memory: Hierarchy,
    live: bool,
}

/// What came of reading one file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Read,
    /// It is there, but could not be read; counted.
    Refused,
    Absent,
}

impl Sweep<'_, '_> {
    fn task(&mut self, pid: Pid) -> Result<Task, Gone> {
        let mut task = Task::unknown(pid);
        let stat = self.file(&mut task, TaskFile::Stat, proctext::stat)?;
        if stat == Outcome::Absent {
            self.tally.absent(pid, TaskFile::Stat);
        }
        if stat == Outcome::Refused && self.tally.denied_last {
            // The other files are under the same rule (`hidepid`); who owns it may still be seen.
            self.owner(&mut task);
            return Ok(task);
        }
        let no_memory = task.vsize == Some(Bytes::ZERO);
        let kernel_thread = task.flags.is_some_and(TaskFlags::kernel_thread) && no_memory;
        if kernel_thread && self.want.kernel_threads == KernelThreads::NameOnly {
            return Ok(task);
        }
        if self.file(&mut task, TaskFile::Status, proctext::status)? == Outcome::Absent {
            self.without_status(&mut task, kernel_thread)?;
        }
        if self.file(&mut task, TaskFile::OomScore, proctext::oom_score)? == Outcome::Absent {
            self.tally.absent(pid, TaskFile::OomScore);
        }
        let adj = self.file(&mut task, TaskFile::OomScoreAdj, proctext::oom_score_adj)?;
        if adj == Outcome::Absent
            && self.file(&mut task, TaskFile::OomAdj, proctext::oom_adj)? == Outcome::Absent
        {
            self.tally.absent(pid, TaskFile::OomScoreAdj);
        }
        if self.memory != Hierarchy::None {
            let cgroup = self.file(&mut task, TaskFile::Cgroup, |text, task, _, _| {
                task.cgroup = proctext::memory_cgroup(text).map(|(_, path)| Name::new(path));
            })?;
            if cgroup == Outcome::Absent {
                self.tally.absent(pid, TaskFile::Cgroup);
            }
        }
        Ok(task)
    }

    /// What a capture without `status` (those of `smemcap`) still tells.
    fn without_status(&mut self, task: &mut Task, kernel_thread: bool) -> Result<(), Gone> {
        self.tally.absent(task.pid, TaskFile::Status);
        self.owner(task);
        // Reading `smaps` of a live process walks its page tables.
        if self.live || kernel_thread {
            return Ok(());
        }
        let has_memory = task.has_memory();
        let mut in_bytes = None;
        let smaps = self.file(task, TaskFile::Smaps, |text, task, place, problems| {
            // smemcap stores an empty text where it was not allowed to read.
            if text.is_empty() && has_memory {
                let why = Why::Failed("empty, though the process has memory".to_owned());
                problems.push(Missing { place: place.to_owned(), why });
                return;
            }
            let totals = proctext::smaps_totals(text, place, problems);
            task.swap = totals.swap;
            task.rss_anon = totals.anonymous;
            in_bytes = totals.rss;
        })?;
        if let (Some(bytes), Some(pages)) = (in_bytes, task.rss) {
            self.sizes.compare(bytes, pages);
        }
        if smaps == Outcome::Absent {
            self.tally.absent(task.pid, TaskFile::Smaps);
        }
        Ok(())
    }

    /// The owner of a process's directory is its effective user, unless it is not dumpable: then
    /// it is root (`task_dump_owner()` in `fs/proc/base.c`), which says nothing.
    fn owner(&mut self, task: &mut Task) {
        if let Ok(owner) = self.reader.tree.owner(task.pid) {
            task.uid = task.uid.or(Some(owner.uid));
        }
    }

    /// Reads one file of the process into `task`.
    fn file(
        &mut self,
        task: &mut Task,
        file: TaskFile,
        parse: impl FnOnce(&[u8], &mut Task, &str, &mut Vec<Missing>),
    ) -> Result<Outcome, Gone> {
        let path = TaskPath::new(task.pid, Some(file));
        match self.reader.try_read_with(Place::Task(task.pid, file)) {
            // A copy of a process that went away while it was made.
            Ok((text, _)) if text.is_empty() && file == TaskFile::Stat => Err(Gone),
            Ok((text, _)) if text.is_empty() && file != TaskFile::Smaps => {
                self.tally.refused(task.pid, file, &Refusal::Gone);
                Ok(Outcome::Refused)
            }
            Ok((text, problems)) => {
                parse(text, task, path.as_str(), problems);
                Ok(Outcome::Read)
            }
            Err(Refusal::Gone) => Err(Gone),
            Err(Refusal::Absent) => match self.reader.tree.owner(task.pid) {
                Err(Refusal::Gone) => Err(Gone),
                _ => Ok(Outcome::Absent),
            },
            Err(refusal) => {
                self.tally.refused(task.pid, file, &refusal);
                Ok(Outcome::Refused)
            }
        }
    }
}

/// Counts what could not be read, so that four hundred processes make one line.
#[derive(Default)]
struct Tally {
    /// By file: how often, and the first process.
    absent: [Option<(u32, Pid)>; TaskFile::ALL.len()],
    /// By file and reason.
    refused: Vec<(TaskFile, Refusal, u32, Pid)>,
    /// Whether the last refusal was for lack of permission.
    denied_last: bool,
}

impl Tally {
    fn absent(&mut self, pid: Pid, file: TaskFile) {
        let entry = self.absent[file as usize].get_or_insert((0, pid));
        entry.0 += 1;
    }

    fn refused(&mut self, pid: Pid, file: TaskFile, refusal: &Refusal) {
        self.denied_last = *refusal == Refusal::Denied;
        // The source has told already, under the member's name.
        if *refusal == Refusal::Damaged {
            return;
        }
        let same = self.refused.iter_mut().find(|(f, r, ..)| *f == file && r == refusal);
        if let Some((_, _, count, _)) = same {
            *count += 1;
        } else if self.refused.len() < 100 {
            // Reasons come from a short list, but for sizes; past a hundred they are too many.
            self.refused.push((file, refusal.clone(), 1, pid));
        }
    }

    fn report(self, missing: &mut Vec<Missing>) {
        let mut say = |file: TaskFile, why: Why, count: u32, pid: Pid| {
            let path = TaskPath::new(pid, Some(file));
            let place = match count {
                1 => path.as_str().to_owned(),
                _ => format!("{} and the same of {} more processes", path.as_str(), count - 1),
            };
            missing.push(Missing { place, why });
        };
        for file in TaskFile::ALL {
            if let Some((count, pid)) = self.absent[file as usize] {
                say(file, Why::Absent, count, pid);
            }
        }
        for (file, refusal, count, pid) in &self.refused {
            say(*file, Why::from(refusal), *count, *pid);
        }
    }
}
