//! Who maps a frame: what `rmap_walk()` finds.
//!
//! A frame knows where it was mapped first; it is still there most often, and after a fork the
//! children have it at the same address. Only frames that `mremap` moved away while they were shared
//! are looked for everywhere.

use crate::ctx::Ctx;
use crate::frames::{Frame, file_of};
use crate::mm::Mm;
use crate::page::{HUGE, PAGE_BITS, Pte, What};
use crate::vm_flags::VmFlags;

/// A run of frames in an address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mapper {
    pub(super) mm: usize,
    pub(super) page: u64,
    pub(super) pte: Pte,
    /// The mapping is of code, or locked in memory.
    pub(super) exec: bool,
    pub(super) locked: bool,
}

impl Ctx<'_> {
    pub(super) fn mm_mut(&mut self, key: usize) -> Option<&mut Mm> {
        if key == self.rest.mm { Some(&mut *self.mm) } else { self.rest.mms.get_mut(&key) }
    }

    pub(super) fn mm_of(&self, key: usize) -> Option<&Mm> {
        if key == self.rest.mm { Some(&*self.mm) } else { self.rest.mms.get(&key) }
    }

    pub(super) fn spaces(&self) -> impl Iterator<Item = (usize, &Mm)> {
        let others = self.rest.mms.iter().map(|(&key, mm)| (key, mm));
        std::iter::once((self.rest.mm, &*self.mm)).chain(others)
    }

    /// Who maps frames from `first` on: of how many of `count` this is the same, and all of them.
    pub(super) fn mappers(&self, first: u64, count: u64, known: &Frame) -> (u64, Vec<Mapper>) {
        let wanted = usize::try_from(known.maps).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        let mut count = count;
        if wanted == 0 {
            return (count, found);
        }
        if let Some((file, index)) = file_of(first) {
            for (key, mm) in self.spaces() {
                let vmas = mm.vmas.values().filter(|vma| {
                    vma.open_file().is_some_and(|open| self.store.opens[open].file == file)
                });
                for vma in vmas {
                    let (start, end) = (vma.pgoff, vma.pgoff + vma.pages());
                    if start >= index + count || end <= index {
                        continue;
                    }
                    if start > index {
                        count = start - index;
                        continue;
                    }
                    count = count.min(end - index);
                    let page = (vma.start >> PAGE_BITS) + index - start;
                    look(&mut found, &mut count, key, mm, page, first);
                }
            }
            return (count, found);
        }
        if let Some((home, page)) = known.home {
            let home = usize::try_from(home).unwrap_or(usize::MAX);
            if let Some(mm) = self.mm_of(home) {
                look(&mut found, &mut count, home, mm, page, first);
            }
            if found.len() < wanted {
                for (key, mm) in self.spaces().filter(|(key, _)| *key != home) {
                    look(&mut found, &mut count, key, mm, page, first);
                    if found.len() == wanted {
                        break;
                    }
                }
            }
            if found.len() < wanted {
                found.clear();
                self.search(&mut found, &mut count, first);
            }
        }
        (count, found)
    }

    /// Looks at every entry of every address space.
    fn search(&self, found: &mut Vec<Mapper>, count: &mut u64, first: u64) {
        for (key, mm) in self.spaces() {
            let holds = |(page, len, pte): (u64, u64, &Pte)| {
                let here = pte.what == What::Anon && pte.frame <= first && first < pte.frame + len;
                here.then(|| page + first - pte.frame)
            };
            let pages: Vec<u64> = mm.pages.iter().filter_map(holds).collect();
            for page in pages {
                look(found, count, key, mm, page, first);
            }
        }
    }

    /// Huge pages that a run of frames is part of become single ones.
    pub(super) fn split_frames(&mut self, first: u64, mappers: &[Mapper]) {
        let block = first - first % HUGE;
        for mapper in mappers.iter().filter(|mapper| mapper.pte.huge) {
            let start = mapper.page - mapper.page % HUGE;
            if let Some(mm) = self.mm_mut(mapper.mm) {
                mm.pages.update(start, start + HUGE, |_, pte| pte.huge = false);
            }
        }
        self.store.frames.update(block, HUGE, |frame| frame.large = false);
    }
}

/// Whether an address space has the frame at this page.
fn look(found: &mut Vec<Mapper>, count: &mut u64, key: usize, mm: &Mm, page: u64, first: u64) {
    match mm.pages.get(page) {
        Some((len, pte)) if pte.counted() && pte.frame == first => {
            *count = (*count).min(len);
            let flags = mm.at(page << PAGE_BITS).map_or(VmFlags::NONE, |vma| vma.flags);
            found.push(Mapper {
                mm: key,
                page,
                pte,
                exec: flags.has(VmFlags::EXEC),
                locked: flags.has(VmFlags::LOCKED),
            });
        }
        Some((len, _)) => *count = (*count).min(len),
        None => {
            if let Some(next) = mm.pages.next_used(page) {
                *count = (*count).min(next - page);
            }
        }
    }
}
