//! What reclaim leaves alone in a subtree.

use rules::memcg::{Protection, Sibling, View, effective, view};

use super::{CgroupVersion, Memcg, MemcgId, Memcgs};

/// What of a cgroup's memory is protected in effect, pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Effective {
    pub(crate) min: u64,
    pub(crate) low: u64,
}

impl Memcgs {
    /// `mem_cgroup_calculate_protection()`: of `id`, when reclaim works in the subtree of `root`. The
    /// root of reclaim is not protected against itself.
    pub(crate) fn effective(&self, root: MemcgId, id: MemcgId) -> Effective {
        if self.version == CgroupVersion::V1 || id == root || !self.is_below(id, root) {
            return Effective::default();
        }
        let mut way: Vec<MemcgId> = self.lineage(id).take_while(|at| *at != root).collect();
        way.reverse();
        let mut found = Effective::default();
        for (depth, at) in way.into_iter().enumerate() {
            let memcg = self.get(at);
            let (min, low) = (memcg.memory.min, memcg.memory.low);
            if depth == 0 {
                found = Effective { min, low };
                continue;
            }
            found = Effective {
                min: self.level(at, found.min, |memcg| memcg.memory.min),
                low: self.level(at, found.low, |memcg| memcg.memory.low),
            };
        }
        found
    }

    fn level(&self, id: MemcgId, parent_effective: u64, of: impl Fn(&Memcg) -> u64) -> u64 {
        let memcg = self.get(id);
        let parent = self.get(memcg.parent.unwrap_or(MemcgId::ROOT));
        let claim = |child: &MemcgId| {
            let child = self.get(*child);
            child.memory.usage.min(of(child))
        };
        let at = Sibling {
            usage: memcg.memory.usage,
            setting: of(memcg),
            parent_usage: parent.memory.usage,
            parent_effective,
            siblings: parent.children.iter().map(claim).sum(),
        };
        effective(self.rules.protection, self.recursive, at)
    }

    /// What reclaim in the subtree of `root` does with `id`, in its first or second pass.
    pub(crate) fn view(&self, root: MemcgId, id: MemcgId, second: bool) -> View {
        if id == MemcgId::ROOT || self.rules.protection == Protection::None {
            return view(Protection::None, 1, 0, 0, second);
        }
        let Effective { min, low } = self.effective(root, id);
        view(self.rules.protection, self.get(id).memory.usage, min, low, second)
    }
}
