//! Cgroups are made and removed, found by path, and walked.

use world::Errno;

use super::{CgroupVersion, Memcg, MemcgId, Memcgs};

impl Memcgs {
    /// `mkdir`: a cgroup by its path below the root, whose parent is there.
    pub(crate) fn create(&mut self, path: &str) -> Result<MemcgId, Errno> {
        let path = path.trim_matches('/');
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = self.find(parent).ok_or(Errno::ENOENT)?;
        if name.is_empty() || self.find(path).is_some() {
            return Err(Errno::EEXIST);
        }
        let id = MemcgId(u16::try_from(self.all.len()).map_err(|_| Errno::ENOSPC)?);
        let mut memcg = self.fresh(name.to_owned(), Some(parent));
        let above = self.get_mut(parent);
        above.children.push(id);
        // What a child of v1 takes over.
        memcg.swappiness = above.swappiness;
        memcg.oom_kill_disable = above.oom_kill_disable;
        self.all.push(memcg);
        Ok(id)
    }

    /// `rmdir`: what it is charged for stays charged to it, and so to those above, until it is freed
    /// (`mem_cgroup_css_offline()`). Whether processes are in it is the caller's question.
    #[cfg_attr(not(test), expect(dead_code, reason = "no scenario removes one yet"))]
    pub(crate) fn remove(&mut self, id: MemcgId) -> Result<(), Errno> {
        let Some(parent) = self.get(id).parent else { return Err(Errno::EBUSY) };
        if self.get(id).children.iter().any(|child| self.get(*child).online) {
            return Err(Errno::EBUSY);
        }
        self.drain(id);
        // The kernel's own pages are the parent's from now on (`memcg_reparent_objcgs()`, 5.9).
        let kernel = std::mem::take(&mut self.get_mut(id).kernel);
        self.get_mut(id).memory.sub(kernel);
        self.get_mut(parent).kernel += kernel;
        let memcg = self.get_mut(id);
        memcg.online = false;
        (memcg.memory.min, memcg.memory.low) = (0, 0);
        Ok(())
    }

    /// A cgroup by its path; the root is `` or `/`.
    pub(crate) fn find(&self, path: &str) -> Option<MemcgId> {
        let mut at = MemcgId::ROOT;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let child = |id: &&MemcgId| {
                let memcg = self.get(**id);
                memcg.online && memcg.name == name
            };
            at = *self.get(at).children.iter().find(child)?;
        }
        Some(at)
    }

    /// Its path below the root, with a slash before each name; `/` of the root.
    pub(crate) fn path(&self, id: MemcgId) -> String {
        if id == MemcgId::ROOT {
            return "/".to_owned();
        }
        let names: Vec<&str> = self.lineage(id).map(|at| self.get(at).name.as_str()).collect();
        let below = names.iter().rev().skip(1);
        below.fold(String::new(), |path, name| path + "/" + name)
    }

    /// It and all above it, the root last.
    pub(crate) fn lineage(&self, id: MemcgId) -> impl Iterator<Item = MemcgId> + '_ {
        std::iter::successors(Some(id), |at| self.get(*at).parent)
    }

    /// It and all below it, parents before children, in the order in which they were made
    /// (`mem_cgroup_iter()`).
    pub(crate) fn subtree(&self, id: MemcgId) -> Vec<MemcgId> {
        let (mut found, mut next) = (Vec::new(), vec![id]);
        while let Some(at) = next.pop() {
            found.push(at);
            next.extend(self.get(at).children.iter().rev());
        }
        found
    }

    /// Whether a cgroup is in the subtree of another.
    pub(crate) fn is_below(&self, id: MemcgId, above: MemcgId) -> bool {
        self.lineage(id).any(|at| at == above)
    }

    /// `mem_cgroup_get_oom_group()`: the cgroup all of whose processes die with one that is in `victim`,
    /// when the memory of `domain` ran out.
    pub(crate) fn oom_group(&self, victim: MemcgId, domain: MemcgId) -> Option<MemcgId> {
        if self.version == CgroupVersion::V1 || !self.rules.oom_group {
            return None;
        }
        if victim == MemcgId::ROOT || !self.is_below(victim, domain) {
            return None;
        }
        let mut group = None;
        for at in self.lineage(victim) {
            if self.get(at).oom_group {
                group = Some(at);
            }
            if at == domain {
                break;
            }
        }
        group
    }

    /// `mem_cgroup_get_max()`: the pages that badness in a cgroup is measured by.
    pub(crate) fn oom_total(&self, id: MemcgId, total_swap: u64, swappiness: u64) -> u64 {
        let Memcg { memory, swap, swappiness: own, .. } = self.get(id);
        if own.unwrap_or(swappiness) == 0 {
            return memory.max;
        }
        let swap = match self.version {
            CgroupVersion::V1 => swap.max.saturating_sub(memory.max),
            CgroupVersion::V2 => swap.max,
        };
        memory.max.saturating_add(swap.min(total_swap))
    }
}
