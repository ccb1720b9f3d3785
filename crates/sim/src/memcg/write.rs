//! What a write to a file of a cgroup changes at once, and what it asks of the machine.
//!
//! `memory_max_write()`, `memory_high_write()` and the others in `mm/memcontrol.c`,
//! `mem_cgroup_write()` and its kind in `mm/memcontrol-v1.c`.

use rules::memcg::{memparse, parse_limit};
use world::Errno;

use super::{CgroupVersion, Counter, Event, MemcgId, Memcgs};

/// What is left to be done after a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    /// Nothing.
    Done,
    /// Memory shrinks to so many pages: by reclaim, and then by killing (`memory.max`).
    ShrinkOrKill(u64),
    /// By reclaim alone (`memory.high`).
    Shrink(u64),
    /// Memory, or memory and swap, shrinks to so many pages, or the limit stays as it was
    /// (`memory.limit_in_bytes`, `memory.memsw.limit_in_bytes`).
    ShrinkOrFail {
        /// The limit to be.
        pages: u64,
        /// Of memory and swap together.
        memsw: bool,
    },
    /// So many pages are reclaimed (`memory.reclaim`), with this swappiness.
    Reclaim {
        /// How many.
        pages: u64,
        /// `swappiness=`; `None`: the cgroup's.
        swappiness: Option<u64>,
    },
    /// All that can be reclaimed is (`memory.force_empty`).
    Empty,
    /// A process moves in.
    Enter(u32),
    /// Those who wait for room look again.
    Wake,
}

impl Memcgs {
    /// A write of root's to a file below the memory controller.
    pub(crate) fn write(&mut self, id: MemcgId, file: &str, value: &str) -> Result<Write, Errno> {
        let value = value.trim();
        if file == "cgroup.procs" || file == "tasks" {
            return value.parse().map(Write::Enter).map_err(|_| Errno::EINVAL);
        }
        match self.version {
            CgroupVersion::V2 => self.write_v2(id, file, value),
            CgroupVersion::V1 => self.write_v1(id, file, value),
        }
    }

    fn write_v2(&mut self, id: MemcgId, file: &str, value: &str) -> Result<Write, Errno> {
        let most = self.most;
        let limit = || parse_limit(value, "max", most).map_err(|_| Errno::EINVAL);
        if file == "cgroup.subtree_control" {
            let known = |word: &str| matches!(word, "+memory" | "-memory");
            return if value.split_whitespace().all(known) {
                Ok(Write::Done)
            } else {
                Err(Errno::EINVAL)
            };
        }
        let rules = self.rules;
        if file == "memory.reclaim" && rules.reclaim {
            return self.reclaim_words(value);
        }
        if id == MemcgId::ROOT || !self.has_file(id, file) {
            return Err(Errno::ENOENT);
        }
        let memcg = self.get_mut(id);
        match file {
            "memory.min" => memcg.memory.min = limit()?,
            "memory.low" => memcg.memory.low = limit()?,
            "memory.high" => {
                memcg.memory.high = limit()?;
                return Ok(Write::Shrink(memcg.memory.high));
            }
            "memory.max" => {
                memcg.memory.max = limit()?;
                return Ok(Write::ShrinkOrKill(memcg.memory.max));
            }
            "memory.swap.max" => memcg.swap.max = limit()?,
            "memory.swap.high" => memcg.swap.high = limit()?,
            "memory.oom.group" => memcg.oom_group = switch(value)?,
            // Resets the peak that this reader sees; the model has no readers that stay.
            "memory.peak" | "memory.swap.peak" if self.release >= facts::Release::new(6, 12) => {}
            // Root may open what nobody can write to.
            _ => return Err(Errno::EINVAL),
        }
        Ok(Write::Done)
    }

    fn reclaim_words(&self, value: &str) -> Result<Write, Errno> {
        let mut words = value.split_whitespace();
        let bytes = memparse(words.next().unwrap_or("")).map_err(|_| Errno::EINVAL)?;
        let mut swappiness = None;
        for word in words {
            let value = word.strip_prefix("swappiness=").ok_or(Errno::EINVAL)?;
            let max = self.release >= facts::Release::new(6, 15);
            let number = match value {
                "max" if max => 201,
                number => number.parse().ok().filter(|value| *value <= 200).ok_or(Errno::EINVAL)?,
            };
            swappiness = Some(number);
        }
        if swappiness.is_some() && self.release < facts::Release::new(6, 9) {
            return Err(Errno::EINVAL);
        }
        Ok(Write::Reclaim { pages: bytes / 4096, swappiness })
    }

    fn write_v1(&mut self, id: MemcgId, file: &str, value: &str) -> Result<Write, Errno> {
        let (most, root) = (self.most, id == MemcgId::ROOT);
        let limit = || parse_limit(value, "-1", most).map_err(|_| Errno::EINVAL);
        let not_root = || if root { Err(Errno::EINVAL) } else { Ok(()) };
        let kernel_limit = self.rules.kernel_limit;
        let release = self.release;
        let memcg = self.get_mut(id);
        match file {
            "memory.limit_in_bytes" | "memory.memsw.limit_in_bytes" => {
                let memsw = file == "memory.memsw.limit_in_bytes";
                let pages = limit()?;
                not_root()?;
                let fits = if memsw { pages >= memcg.memory.max } else { pages <= memcg.swap.max };
                if !fits {
                    return Err(Errno::EINVAL);
                }
                return Ok(Write::ShrinkOrFail { pages, memsw });
            }
            "memory.soft_limit_in_bytes" => {
                let pages = limit()?;
                not_root()?;
                memcg.soft_limit = pages;
            }
            "memory.kmem.limit_in_bytes" => {
                limit()?;
                not_root()?;
                // Refused from 5.16 to 6.6, ignored since; before, the model does not limit by it.
                if !kernel_limit && release < facts::Release::new(6, 7) {
                    return Err(Errno::EOPNOTSUPP);
                }
            }
            "memory.failcnt" => memcg.memory.failures = 0,
            "memory.memsw.failcnt" => memcg.swap.failures = 0,
            "memory.max_usage_in_bytes" => reset_peak(&mut memcg.memory),
            "memory.memsw.max_usage_in_bytes" => reset_peak(&mut memcg.swap),
            "memory.swappiness" => {
                let most = if release >= facts::Release::new(5, 8) { 200 } else { 100 };
                let number: u64 = value.parse().map_err(|_| Errno::EINVAL)?;
                if number > most {
                    return Err(Errno::EINVAL);
                }
                memcg.swappiness = Some(number);
            }
            "memory.oom_control" => {
                not_root()?;
                memcg.oom_kill_disable = switch(value)?;
                if !memcg.oom_kill_disable {
                    return Ok(Write::Wake);
                }
            }
            "memory.force_empty" => {
                not_root()?;
                return Ok(Write::Empty);
            }
            // The only value since hierarchies cannot be turned off (5.11).
            "memory.use_hierarchy" => {
                if !switch(value)? {
                    return Err(Errno::EINVAL);
                }
            }
            _ => return Err(Errno::ENOENT),
        }
        Ok(Write::Done)
    }

    /// `page_counter_set_max()` of v1: refused while more is used.
    pub(crate) fn set_limit(&mut self, id: MemcgId, pages: u64, memsw: bool) -> bool {
        let memcg = self.get_mut(id);
        let counter = if memsw { &mut memcg.swap } else { &mut memcg.memory };
        let fits = counter.usage <= pages;
        if fits {
            counter.max = pages;
        }
        fits
    }

    /// `swap_find_max_overage()` counts each time that swap is found above `memory.swap.high`.
    pub(crate) fn max_overage(&mut self, id: MemcgId, swap: bool) -> u64 {
        let above: Vec<MemcgId> = self.lineage(id).take_while(|at| *at != MemcgId::ROOT).collect();
        let mut most = 0;
        for at in above {
            let memcg = self.get(at);
            let counter = if swap { &memcg.swap } else { &memcg.memory };
            let over = rules::memcg::overage(counter.usage, counter.high);
            if swap && over > 0 {
                self.note(at, Event::SwapHigh, 1);
            }
            most = most.max(over);
        }
        most
    }
}

fn reset_peak(counter: &mut Counter) {
    counter.peak = counter.usage;
}

/// `kstrtoint()` of 0 or 1.
fn switch(value: &str) -> Result<bool, Errno> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(Errno::EINVAL),
    }
}
