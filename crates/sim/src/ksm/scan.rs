//! ksmd: looking at pages, one after the other.

use std::collections::BTreeMap;

use super::{Bytes, Cursor, Item, Place};
use crate::machine::Machine;
use crate::mm::Mm;
use crate::page::{ANON, HUGE, Pte, What};
use crate::store::Store;
use crate::vm_flags::VmFlags;

/// What looking at a page takes ksmd, nanoseconds. Measured on 6.18 in a virtual machine: 39,000 pages a
/// second with `sleep_millisecs` 0, 19,000 with 1000 pages every 20 ms, 3,840 with 100.
const COST: u64 = 20_000;

impl Machine {
    /// ksmd does what it does up to this time.
    pub(crate) fn ksmd(&mut self, until: u64) {
        while let Some(at) = self.store.ksm.wake.filter(|at| *at <= until) {
            let pages = self.store.ksm.controls.pages_to_scan;
            let scanned = scan(&mut self.store, &mut self.mms, pages);
            let ksm = &mut self.store.ksm;
            // A timeout of so many ticks ends with the tick after them.
            let tick = 1_000_000_000 / self.store.frames.memcgs.hz.max(1);
            let ticks = ksm.controls.sleep_ms.saturating_mul(1_000_000).div_ceil(tick);
            let sleep = if ticks == 0 { 0 } else { (ticks + 1).saturating_mul(tick) };
            ksm.wake = None;
            ksm.look(at.saturating_add(sleep).saturating_add(scanned.max(1) * COST));
            self.pay_ksm();
        }
    }
}

type Mms = BTreeMap<usize, Mm>;

/// `ksm_do_scan()`; how many pages were looked at.
pub(super) fn scan(store: &mut Store, mms: &mut Mms, pages: u64) -> u64 {
    let mut done = 0;
    while done < pages {
        let Some((slot, page)) = next(store, mms) else { break };
        compare(store, mms, slot, page);
        store.ksm.scanned += 1;
        done += 1;
    }
    done
}

/// `scan_get_next_rmap_item()`: the slot and the page to look at; `None` at the end of a full scan.
fn next(store: &mut Store, mms: &Mms) -> Option<(usize, u64)> {
    if store.ksm.slots.is_empty() {
        return None;
    }
    let mut cursor = store.ksm.cursor.unwrap_or_else(|| {
        let frames = &store.frames;
        store.ksm.prune(|frame| frames.map.get(frame).is_some());
        store.ksm.unstable.clear();
        Cursor { slot: 0, page: 0, found: false }
    });
    while let Some(slot) = store.ksm.slots.get(cursor.slot) {
        let (page, found) = mms.get(&slot.mm).map_or((None, false), |mm| after(mm, cursor.page));
        cursor.found |= found;
        let Some((page, frame)) = page else {
            let gone = !cursor.found;
            store.ksm.forget(cursor.slot, if gone { 0 } else { cursor.page }, u64::MAX);
            if gone {
                // Nothing in it may be merged, or it has ended.
                store.ksm.slots.remove(cursor.slot);
            } else {
                cursor.slot += 1;
            }
            cursor = Cursor { slot: cursor.slot, page: 0, found: false };
            continue;
        };
        store.ksm.forget(cursor.slot, cursor.page, page);
        cursor.page = page + 1;
        store.ksm.cursor = Some(cursor);
        if !store.ksm.skips(cursor.slot, page, frame) {
            return Some((cursor.slot, page));
        }
    }
    store.ksm.cursor = None;
    store.ksm.scans += 1;
    None
}

/// The first page from `from` on that may be merged, with its frame; and whether there is a mapping from
/// there on whose pages may.
fn after(mm: &Mm, from: u64) -> (Option<(u64, u64)>, bool) {
    let mut found = false;
    let start = from << crate::page::PAGE_BITS;
    let mut vma = mm.find(start);
    while let Some(at) = vma {
        vma = mm.after(at.start);
        if !at.has(VmFlags::MERGEABLE) {
            continue;
        }
        found = true;
        if at.chain.own.is_none() {
            continue;
        }
        let first = from.max(at.start >> crate::page::PAGE_BITS);
        let runs = mm.pages.iter_within(first, at.end >> crate::page::PAGE_BITS);
        for (page, _, pte) in runs {
            if pte.what == What::Anon {
                return (Some((page, pte.frame)), true);
            }
        }
    }
    (None, found)
}

impl super::Ksm {
    /// `should_skip_rmap_item()`; makes the page's item if there is none.
    fn skips(&mut self, slot: usize, page: u64, frame: u64) -> bool {
        let ksm = self.is_ksm(frame);
        let smart = self.controls.smart_scan;
        let Some(slot) = self.slots.get_mut(slot) else { return true };
        let mm = slot.mm;
        let items = &mut self.items;
        let item = slot.items.entry(page).or_insert_with(|| {
            *items += 1;
            Item { seen: None, age: 0, skips: 0, place: Place::None }
        });
        if !smart || ksm {
            return false;
        }
        let age = item.age;
        item.age = age.saturating_add(1);
        if age < 3 {
            return false;
        }
        if item.skips == 0 {
            item.skips = match age {
                ..=3 => 1,
                4..=5 => 2,
                6..=8 => 4,
                9.. => 8,
            };
            return false;
        }
        item.skips -= 1;
        let mut copy = *item;
        self.take_out(&mut copy, (mm, page));
        self.put_item(mm, page, copy);
        self.skipped += 1;
        true
    }

    fn item(&self, mm: usize, page: u64) -> Option<Item> {
        let slot = self.slots.iter().find(|slot| slot.mm == mm)?;
        slot.items.get(&page).copied()
    }

    fn put_item(&mut self, mm: usize, page: u64, item: Item) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.mm == mm) {
            slot.items.insert(page, item);
        }
    }
}

/// `cmp_and_merge_page()`.
fn compare(store: &mut Store, mms: &mut Mms, slot: usize, page: u64) {
    let Some(mm) = store.ksm.slots.get(slot).map(|slot| slot.mm) else { return };
    let Some(mut item) = store.ksm.item(mm, page) else { return };
    if let Some(pte) = anonymous(mms, mm, page) {
        look_at(store, mms, (mm, page), &mut item, pte);
    }
    store.ksm.put_item(mm, page, item);
}

fn anonymous(mms: &Mms, mm: usize, page: u64) -> Option<Pte> {
    let (_, pte) = mms.get(&mm)?.pages.get(page)?;
    (pte.what == What::Anon).then_some(pte)
}

fn look_at(store: &mut Store, mms: &mut Mms, at: (usize, u64), item: &mut Item, pte: Pte) {
    if store.ksm.is_ksm(pte.frame) {
        if item.place != Place::Stable(pte.frame) {
            // Mapped by a child of a process whose page it was.
            store.ksm.take_out(item, at);
            store.ksm.append(pte.frame);
            item.place = Place::Stable(pte.frame);
        }
        return;
    }
    let bytes = store.contents.get(pte.frame).key();
    store.ksm.take_out(item, at);
    let first = store.ksm.rules.checksum_first;
    if first && (changed(item, bytes) || becomes_zero(store, mms, at, bytes)) {
        return;
    }
    let frames = &store.frames;
    let found = store.ksm.stable_search(bytes, |frame| frames.map.get(frame).is_some());
    if let Some(frame) = found {
        share(store, mms, at, frame);
        store.ksm.append(frame);
        item.place = Place::Stable(frame);
        return;
    }
    if !first && (changed(item, bytes) || becomes_zero(store, mms, at, bytes)) {
        return;
    }
    if let Some(&other) = store.ksm.unstable.get(&bytes)
        && let Some(theirs) = anonymous(mms, other.0, other.1)
        && !store.ksm.is_ksm(theirs.frame)
        && store.contents.get(theirs.frame).key() == bytes
    {
        if theirs.frame == pte.frame {
            // The same page in parent and child.
            return;
        }
        let frame = protect(store, mms, at);
        if let Some(mut partner) = store.ksm.item(other.0, other.1) {
            store.ksm.take_out(&mut partner, other);
            share(store, mms, other, frame);
            store.ksm.insert_node(frame, bytes);
            store.ksm.append(frame);
            partner.place = Place::Stable(frame);
            store.ksm.put_item(other.0, other.1, partner);
            store.ksm.append(frame);
            item.place = Place::Stable(frame);
        }
        return;
    }
    store.ksm.unstable.insert(bytes, at);
    store.ksm.unshared += 1;
    item.place = Place::Unstable(store.ksm.scans);
}

/// Whether it changed since it was last looked at.
fn changed(item: &mut Item, bytes: Bytes) -> bool {
    item.seen.replace(bytes) != Some(bytes)
}

/// `try_to_merge_with_zero_page()`.
fn becomes_zero(store: &mut Store, mms: &mut Mms, at: (usize, u64), bytes: Bytes) -> bool {
    if !store.ksm.controls.use_zero_pages || bytes != Bytes::ZERO {
        return false;
    }
    let Some(mm) = mms.get_mut(&at.0) else { return false };
    let Some(pte) = split(mm, at.1) else { return false };
    mm.rss[ANON] = mm.rss[ANON].saturating_sub(1);
    mm.unsynced.one_by_one(ANON, -1);
    // The dirty bit tells it from one that a read mapped.
    let zero = Pte { what: What::Zero, frame: 0, writable: false, dirty: true, ..pte };
    mm.pages.set(at.1, 1, zero);
    store.frames.unmap(pte.frame, 1);
    true
}

/// The entry of a page, which is not part of a huge one any more.
fn split(mm: &mut Mm, page: u64) -> Option<Pte> {
    let (_, pte) = mm.pages.get(page)?;
    if pte.huge {
        let first = page - page % HUGE;
        mm.pages.update(first, first + HUGE, |_, pte| pte.huge = false);
    }
    Some(Pte { huge: false, ..pte })
}

/// A page becomes the stable one: write-protected (`write_protect_page()`).
fn protect(store: &mut Store, mms: &mut Mms, at: (usize, u64)) -> u64 {
    let Some(mm) = mms.get_mut(&at.0) else { return 0 };
    let Some(pte) = split(mm, at.1) else { return 0 };
    mm.pages.set(at.1, 1, Pte { writable: false, ..pte });
    store.frames.update(pte.frame, 1, |frame| {
        frame.exclusive = false;
        frame.large = false;
        frame.dirty = true;
    });
    pte.frame
}

/// `replace_page()`: the page is unmapped, and this one mapped in its place.
fn share(store: &mut Store, mms: &mut Mms, at: (usize, u64), frame: u64) {
    let Some(mm) = mms.get_mut(&at.0) else { return };
    let Some(pte) = split(mm, at.1) else { return };
    let shared = Pte { frame, writable: false, dirty: false, young: true, ..pte };
    mm.pages.set(at.1, 1, shared);
    store.frames.map(frame, 1);
    store.frames.unmap(pte.frame, 1);
}
