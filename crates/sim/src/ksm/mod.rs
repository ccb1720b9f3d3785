//! KSM: equal pages of memory that asked for it become one.
//!
//! # What it follows
//! `mm/ksm.c`, 2.6.32 to 6.18. ksmd wakes every `sleep_millisecs`, looks at `pages_to_scan` pages and
//! goes on where it stopped. What it knows of a page is an item; equal pages that hold still meet in
//! the unstable tree, which is thrown away after each full scan, and are one page of the stable tree
//! from then on. A write makes a copy, as for any page that others map.
//!
//! # What it leaves out
//! NUMA (`merge_across_nodes`), the advisor, and the order within trees: what can be found is found.

mod content;
mod files;
mod machine;
mod scan;
mod unmerge;

use std::collections::{BTreeMap, BTreeSet};

use facts::Release;

pub(crate) use content::{Bytes, Contents, places};

/// What releases decided.
#[allow(clippy::struct_excessive_bools, reason = "each is a rule that one release changed")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    /// A page that changed since the last scan is not looked up at all (6.11).
    pub(crate) checksum_first: bool,
    /// Pages that never merge are looked at less and less (`smart_scan`, 6.7).
    pub(crate) smart_scan: bool,
    /// A stable page has a limit of sharers (`max_page_sharing`, 4.13).
    pub(crate) limits_sharing: bool,
    /// Pages of zeros can become the zero page (`use_zero_pages`, 4.12).
    pub(crate) zero_pages: bool,
    /// And are counted, and undone with the others (6.6).
    pub(crate) counts_zero_pages: bool,
    /// `general_profit` (6.4).
    pub(crate) profit: bool,
    /// `pages_scanned` (6.7).
    pub(crate) scanned: bool,
}

/// Files of `/sys/kernel/mm/ksm` that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Controls {
    pub(crate) run: u64,
    pub(crate) pages_to_scan: u64,
    pub(crate) sleep_ms: u64,
    pub(crate) max_sharing: u64,
    pub(crate) use_zero_pages: bool,
    pub(crate) smart_scan: bool,
    pub(crate) merge_across_nodes: bool,
    pub(crate) prune_ms: u64,
}

/// Where an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    None,
    /// In the unstable tree of this scan.
    Unstable(u64),
    /// Maps this stable page.
    Stable(u64),
}

/// `struct ksm_rmap_item`: what is known of a page.
#[derive(Debug, Clone, Copy)]
struct Item {
    /// What was in it when it was last looked at.
    seen: Option<Bytes>,
    age: u8,
    skips: u8,
    place: Place,
}

/// `struct ksm_stable_node`.
#[derive(Debug, Clone, Copy)]
struct Node {
    bytes: Bytes,
    /// Items that map it.
    len: u64,
}

/// `struct ksm_mm_slot`.
#[derive(Debug, Clone, Default)]
struct Slot {
    mm: usize,
    items: BTreeMap<u64, Item>,
}

/// Where the scan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    /// Which slot, by its place in the list.
    slot: usize,
    /// The next page.
    page: u64,
    /// Whether a mapping that may be merged was found in this address space.
    found: bool,
}

/// All of a machine.
#[derive(Debug, Clone)]
pub(crate) struct Ksm {
    pub(crate) rules: Rules,
    pub(crate) controls: Controls,
    slots: Vec<Slot>,
    cursor: Option<Cursor>,
    /// Stable pages by frame.
    stable: BTreeMap<u64, Node>,
    /// Their frames by what is in them.
    by_bytes: BTreeMap<Bytes, Vec<u64>>,
    /// What has more than one stable page, or had.
    chains: BTreeSet<Bytes>,
    unstable: BTreeMap<Bytes, (usize, u64)>,
    /// When ksmd wakes next; it sleeps without a time while there is nothing to do.
    wake: Option<u64>,
    shared: u64,
    sharing: u64,
    unshared: u64,
    items: u64,
    /// Pages of slab for what it knows.
    paid: u64,
    scanned: u64,
    skipped: u64,
    scans: u64,
}

impl Ksm {
    pub(crate) fn new(release: Release) -> Ksm {
        let since = |major, minor| release >= Release::new(major, minor);
        let rules = Rules {
            checksum_first: since(6, 11),
            smart_scan: since(6, 7),
            limits_sharing: since(4, 13),
            zero_pages: since(4, 12),
            counts_zero_pages: since(6, 6),
            profit: since(6, 4),
            scanned: since(6, 7),
        };
        Ksm {
            rules,
            controls: Controls {
                run: 0,
                pages_to_scan: 100,
                sleep_ms: 20,
                max_sharing: if rules.limits_sharing { 256 } else { u64::MAX },
                use_zero_pages: false,
                smart_scan: rules.smart_scan,
                merge_across_nodes: true,
                prune_ms: 2000,
            },
            slots: Vec::new(),
            cursor: None,
            stable: BTreeMap::new(),
            by_bytes: BTreeMap::new(),
            chains: BTreeSet::new(),
            unstable: BTreeMap::new(),
            wake: None,
            shared: 0,
            sharing: 0,
            unshared: 0,
            items: 0,
            paid: 0,
            scanned: 0,
            skipped: 0,
            scans: 0,
        }
    }

    /// Whether a frame is a stable page: it is copied by whoever writes to it, even by the last one.
    pub(crate) fn is_ksm(&self, frame: u64) -> bool {
        self.stable.contains_key(&frame)
    }

    /// How many of these frames are stable pages.
    pub(crate) fn stable_within(&self, frame: u64, count: u64) -> u64 {
        self.stable.range(frame..frame.saturating_add(count)).count() as u64
    }

    /// How many frames from this one on are no stable pages; 0 if it is one itself.
    pub(crate) fn until_stable(&self, frame: u64) -> u64 {
        self.stable.range(frame..).next().map_or(u64::MAX, |(next, _)| next - frame)
    }

    /// `__ksm_enter()`: an address space has memory that may be merged; it is scanned last.
    pub(crate) fn enter(&mut self, mm: usize, now: u64) {
        if self.slots.iter().any(|slot| slot.mm == mm) {
            return;
        }
        let slot = Slot { mm, items: BTreeMap::new() };
        match &mut self.cursor {
            Some(cursor) if self.controls.run != 2 => {
                self.slots.insert(cursor.slot, slot);
                cursor.slot += 1;
            }
            _ => self.slots.push(slot),
        }
        self.look(now);
    }

    /// Whether an address space is scanned.
    pub(crate) fn knows(&self, mm: usize) -> bool {
        self.slots.iter().any(|slot| slot.mm == mm)
    }

    /// Pages of slab that items (`ksm_rmap_item`) and stable pages (`ksm_stable_node`) take, each of so many
    /// bytes.
    fn slab_pages(&self, object: u64) -> u64 {
        let pages = |objects: u64| objects.div_ceil(4096 / object);
        pages(self.items) + pages((self.stable.len() + self.chains.len()) as u64)
    }

    /// Whether nobody has ever had to do with it.
    fn unused(&self) -> bool {
        self.slots.is_empty() && self.scans == 0 && self.controls.run == 0
    }

    /// ksmd is woken if there is something to do.
    fn look(&mut self, now: u64) {
        if self.controls.run == 1 && !self.slots.is_empty() {
            self.wake.get_or_insert(now);
        } else {
            self.wake = None;
        }
    }

    /// `remove_rmap_item_from_tree()`.
    fn take_out(&mut self, item: &mut Item, at: (usize, u64)) {
        match item.place {
            Place::None => return,
            Place::Stable(frame) => {
                // A stable page that is gone took its items out of the counts.
                if let Some(node) = self.stable.get_mut(&frame) {
                    node.len = node.len.saturating_sub(1);
                    let count = if node.len > 0 { &mut self.sharing } else { &mut self.shared };
                    *count = count.saturating_sub(1);
                }
            }
            Place::Unstable(scan) => {
                if scan == self.scans
                    && let Some(bytes) = item.seen
                    && self.unstable.get(&bytes) == Some(&at)
                {
                    self.unstable.remove(&bytes);
                }
                self.unshared = self.unshared.saturating_sub(1);
            }
        }
        item.place = Place::None;
    }

    /// `stable_tree_append()`.
    fn append(&mut self, frame: u64) {
        let Some(node) = self.stable.get_mut(&frame) else { return };
        node.len += 1;
        if node.len > 1 {
            self.sharing += 1;
        } else {
            self.shared += 1;
        }
    }

    /// Items of some pages are forgotten (`remove_trailing_rmap_items()`).
    fn forget(&mut self, slot: usize, from: u64, to: u64) {
        let Some(found) = self.slots.get_mut(slot) else { return };
        let mm = found.mm;
        let pages: Vec<u64> = found.items.range(from..to).map(|(page, _)| *page).collect();
        for page in pages {
            let item = self.slots.get_mut(slot).and_then(|slot| slot.items.remove(&page));
            if let Some(mut item) = item {
                self.take_out(&mut item, (mm, page));
                self.items -= 1;
            }
        }
    }

    /// Stable pages that nobody maps any more are gone once they are come across (`ksm_get_folio()`).
    fn prune(&mut self, lives: impl Fn(u64) -> bool) {
        let dead: Vec<u64> = self.stable.keys().copied().filter(|frame| !lives(*frame)).collect();
        for frame in dead {
            self.drop_node(frame);
        }
    }

    /// The stable page of these bytes that one more may map: the one with the most sharers
    /// (`stable_node_dup()`).
    fn stable_search(&mut self, bytes: Bytes, lives: impl Fn(u64) -> bool) -> Option<u64> {
        let frames = self.by_bytes.get(&bytes)?.clone();
        let mut best: Option<(u64, u64)> = None;
        for frame in frames {
            if !lives(frame) {
                self.drop_node(frame);
                continue;
            }
            let len = self.stable.get(&frame).map_or(u64::MAX, |node| node.len);
            if len < self.controls.max_sharing && best.is_none_or(|(_, most)| len > most) {
                best = Some((frame, len));
            }
        }
        best.map(|(frame, _)| frame)
    }

    /// `remove_node_from_stable_tree()`.
    fn drop_node(&mut self, frame: u64) {
        let Some(node) = self.stable.remove(&frame) else { return };
        self.shared = self.shared.saturating_sub(u64::from(node.len > 0));
        self.sharing = self.sharing.saturating_sub(node.len.saturating_sub(1));
        let Some(frames) = self.by_bytes.get_mut(&node.bytes) else { return };
        frames.retain(|other| *other != frame);
        let left = frames.len();
        if left <= 1 {
            self.chains.remove(&node.bytes);
        }
        if left == 0 {
            self.by_bytes.remove(&node.bytes);
        }
    }

    /// `stable_tree_insert()`.
    fn insert_node(&mut self, frame: u64, bytes: Bytes) {
        self.stable.insert(frame, Node { bytes, len: 0 });
        let frames = self.by_bytes.entry(bytes).or_default();
        frames.insert(0, frame);
        if frames.len() > 1 {
            self.chains.insert(bytes);
        }
    }
}
