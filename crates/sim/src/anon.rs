//! Identities of anonymous memory: which mappings may hold pages of which others.
//!
//! `anon_vma` and `anon_vma_chain` of `mm/rmap.c`. Nothing is looked up through them here; what
//! shows is whether two mappings merge.

use std::collections::BTreeMap;

/// An `anon_vma`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AnonId(u64);

#[derive(Debug, Clone)]
struct Anon {
    parent: AnonId,
    children: u32,
    active: u32,
    vmas: u32,
}

/// What a mapping holds of them: its own, and all it may have pages of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    /// `vma->anon_vma`.
    pub(crate) own: Option<AnonId>,
    /// `vma->anon_vma_chain`, oldest first.
    pub(crate) all: Vec<AnonId>,
}

impl Chain {
    /// Whether it may hold pages of a parent.
    pub(crate) fn is_forked(&self) -> bool {
        self.own.is_some() && self.all.len() != 1
    }
}

/// All of a machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Anons {
    all: BTreeMap<AnonId, Anon>,
    next: u64,
}

impl Anons {
    fn fresh(&mut self, parent: Option<AnonId>) -> AnonId {
        let id = AnonId(self.next);
        self.next += 1;
        let parent = parent.unwrap_or(id);
        self.all.insert(id, Anon { parent, children: 0, active: 0, vmas: 0 });
        self.change(parent, |anon| anon.children += 1);
        id
    }

    fn change(&mut self, id: AnonId, change: impl FnOnce(&mut Anon)) {
        if let Some(anon) = self.all.get_mut(&id) {
            change(anon);
        }
    }

    /// `__anon_vma_prepare()`: `found` is the neighbour's that may be used as well.
    pub(crate) fn prepare(&mut self, chain: &mut Chain, found: Option<AnonId>) {
        if chain.own.is_some() {
            return;
        }
        let id = found.unwrap_or_else(|| self.fresh(None));
        chain.own = Some(id);
        chain.all.push(id);
        self.change(id, |anon| {
            anon.vmas += 1;
            anon.active += 1;
        });
    }

    /// `anon_vma_clone()`. The copy of a split keeps its own; a child may take over one that nobody
    /// uses any more.
    pub(crate) fn clone_from(&mut self, source: &Chain, own: Option<AnonId>) -> Chain {
        let mut copy = Chain { own, all: source.all.clone() };
        for &id in source.all.iter().rev() {
            let reusable =
                self.all.get(&id).is_some_and(|anon| anon.children < 2 && anon.active == 0);
            self.change(id, |anon| anon.vmas += 1);
            if copy.own.is_none() && source.own.is_some() && reusable {
                copy.own = Some(id);
            }
        }
        if let Some(own) = copy.own {
            self.change(own, |anon| anon.active += 1);
        }
        copy
    }

    /// `anon_vma_fork()`.
    pub(crate) fn fork(&mut self, parent: &Chain) -> Chain {
        let Some(own) = parent.own else { return Chain::default() };
        let mut child = self.clone_from(parent, None);
        if child.own.is_none() {
            let id = self.fresh(Some(own));
            self.change(id, |anon| {
                anon.vmas += 1;
                anon.active += 1;
            });
            child.own = Some(id);
            child.all.push(id);
        }
        child
    }

    /// `unlink_anon_vmas()`.
    pub(crate) fn unlink(&mut self, chain: &mut Chain) {
        for id in chain.all.drain(..) {
            self.change(id, |anon| anon.vmas -= 1);
            let Some(anon) = self.all.get(&id) else { continue };
            if anon.vmas == 0 {
                let parent = anon.parent;
                self.change(parent, |anon| anon.children = anon.children.saturating_sub(1));
                if chain.own != Some(id) {
                    self.drop_if_idle(id);
                }
            }
        }
        if let Some(own) = chain.own.take() {
            self.change(own, |anon| anon.active = anon.active.saturating_sub(1));
            self.drop_if_idle(own);
        }
    }

    fn drop_if_idle(&mut self, id: AnonId) {
        if self.all.get(&id).is_some_and(|anon| anon.vmas == 0 && anon.active == 0) {
            self.all.remove(&id);
        }
    }
}
