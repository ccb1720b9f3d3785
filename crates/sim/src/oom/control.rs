//! Settings of the OOM killer, and the person who calls it.

use rules::killer::LowMemory;
use rules::watermark::ZoneKind;
use world::{Control, Errno};

use super::{Outcome, Request, Scope, decide};
use crate::machine::Machine;

impl Machine {
    /// Writes to a file that is the OOM killer's; `None`: it is not.
    pub(crate) fn control_oom(&mut self, what: &Control, value: &str) -> Option<Result<(), Errno>> {
        let number = || value.trim().parse::<i64>();
        let oom = &mut self.store.oom;
        match what {
            Control::SysRq if value.starts_with('f') => {
                self.manual_oom();
                Some(Ok(()))
            }
            Control::Sysctl(name) => {
                // What a release does not have cannot be opened.
                let exists = match name.as_str() {
                    "vm.panic_on_oom" => oom.killer.panic != rules::killer::PanicRule::None,
                    "vm.oom_kill_allocating_task" => oom.killer.allocating_task,
                    "vm.oom_dump_tasks" => {
                        self.store.config.release >= facts::Release::old(2, 6, 25)
                    }
                    _ => return None,
                };
                if !exists {
                    return Some(Err(Errno::ENOENT));
                }
                let Ok(number) = number() else { return Some(Err(Errno::EINVAL)) };
                let oom = &mut self.store.oom;
                if name == "vm.panic_on_oom" {
                    let Some(level) = u8::try_from(number).ok().filter(|level| *level <= 2) else {
                        return Some(Err(Errno::EINVAL));
                    };
                    oom.panic_on_oom = level;
                } else if name == "vm.oom_dump_tasks" {
                    oom.dump_tasks = number != 0;
                } else {
                    oom.kill_allocating_task = number != 0;
                }
                Some(Ok(()))
            }
            Control::Sys(path) => {
                let file = path.strip_prefix("module/lowmemorykiller/parameters/")?;
                let release = self.store.config.release;
                let there = release >= facts::Release::old(2, 6, 29)
                    && release < facts::Release::new(4, 12);
                if !there {
                    return Some(Err(Errno::ENOENT));
                }
                let numbers: Result<Vec<i64>, _> =
                    value.trim().split(',').map(|word| word.trim().parse::<i64>()).collect();
                let Ok(numbers) = numbers else { return Some(Err(Errno::EINVAL)) };
                let old = oom.lowmemory.take().unwrap_or_else(LowMemory::defaults);
                let (mut minfree, mut adj): (Vec<u64>, Vec<i64>) =
                    old.levels.iter().map(|(pages, adj)| (pages.count(), *adj)).unzip();
                match file {
                    "minfree" => {
                        minfree = numbers.iter().filter_map(|&n| u64::try_from(n).ok()).collect();
                    }
                    "adj" => adj = numbers,
                    _ => return Some(Err(Errno::ENOENT)),
                }
                oom.lowmemory = Some(LowMemory::of(&minfree, &adj));
                Some(Ok(()))
            }
            _ => None,
        }
    }

    /// `moom_callback()`: SysRq f.
    fn manual_oom(&mut self) {
        let release = self.store.config.release;
        let request = Request {
            gfp: "GFP_KERNEL",
            order: 0,
            highest_zone: ZoneKind::Normal,
            scope: Scope::Machine,
            asker: None,
            sysrq: true,
        };
        if decide(&mut self.parts(), &request) == Outcome::Nothing {
            let words: &[u8] = if release >= facts::Release::new(4, 12) {
                b"OOM request ignored. No task eligible\n"
            } else {
                b""
            };
            let now = self.store.clock;
            self.store.oom.log.add(now, words);
        }
    }
}
