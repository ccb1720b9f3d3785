//! Files put together into rows.

use std::collections::BTreeMap;

use facts::{Backing, CachedFile, Name, PageCache};
use units::{Bytes, Pages, Percent};

use super::{
    By, CacheOptions, CacheRow, HOLDERS, HolderRow, MoreRows, SortBy, at_depth, extension,
    is_deleted,
};

/// What some files have together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sum {
    /// Files with a page in the cache.
    pub(super) files: u64,
    pub(super) cached: Bytes,
    pub(super) size: Bytes,
    pub(super) dirty: Option<Bytes>,
    pub(super) writeback: Option<Bytes>,
    pub(super) evicted: Option<Bytes>,
    pub(super) recently_evicted: Option<Bytes>,
    pub(super) deleted: Bytes,
    /// Where pages of the files go, and whether it is the same for all.
    backing: Option<Backing>,
    alike: bool,
    any: bool,
}

impl Sum {
    /// Adds a file. What is unknown of one file is unknown of all of them together.
    pub(super) fn add(&mut self, file: &CachedFile, bytes: &impl Fn(u64) -> Bytes) {
        let pages = &file.pages;
        let cached = bytes(pages.cached);
        self.alike = !self.any || (self.alike && self.backing == Some(file.backing));
        self.backing = Some(file.backing);
        let first = !self.any;
        let both = |sum: &mut Option<Bytes>, part: Option<u64>| {
            let sum_before = if first { Some(Bytes::ZERO) } else { *sum };
            *sum = sum_before.zip(part).map(|(sum, part)| sum.saturating_add(bytes(part)));
        };
        both(&mut self.dirty, pages.dirty);
        both(&mut self.writeback, pages.writeback);
        both(&mut self.evicted, pages.evicted);
        both(&mut self.recently_evicted, pages.recently_evicted);
        self.any = true;
        self.files += u64::from(pages.cached > 0);
        self.cached = self.cached.saturating_add(cached);
        self.size = self.size.saturating_add(Bytes::new(file.size));
        if is_deleted(file) {
            self.deleted = self.deleted.saturating_add(cached);
        }
    }

    fn backing(&self) -> Option<Backing> {
        self.backing.filter(|_| self.alike)
    }
}

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    /// A place in the list of files.
    File(usize),
    Named(Option<Vec<u8>>),
    /// A place in the list of holders; `None` is nobody.
    Process(Option<u32>),
}

#[derive(Debug)]
struct Group {
    subject: Subject,
    sum: Sum,
    alone: Bytes,
}

/// The rows in the making.
#[derive(Debug)]
pub(super) struct Groups<'a> {
    cache: &'a PageCache,
    groups: Vec<Group>,
}

impl<'a> Groups<'a> {
    pub(super) fn new(cache: &'a PageCache, options: &CacheOptions) -> Groups<'a> {
        let bytes = |pages| Pages::new(pages).to_bytes_saturating(cache.page_size);
        let groups = match options.by {
            By::File => cache
                .files
                .iter()
                .enumerate()
                .map(|(place, file)| {
                    let mut sum = Sum::default();
                    sum.add(file, &bytes);
                    Group { subject: Subject::File(place), sum, alone: Bytes::ZERO }
                })
                .collect(),
            By::Process => by_process(cache, &bytes),
            By::Directory | By::Extension => by_name(cache, options, &bytes),
        };
        let told = |sum: &Sum| match options.sort {
            SortBy::Evicted => sum.cached.max(sum.evicted.unwrap_or_default()),
            _ => sum.cached,
        };
        let groups = groups.into_iter().filter(|group| told(&group.sum) > Bytes::ZERO).collect();
        Groups { cache, groups }
    }

    /// How many rows there are, and what they hold together.
    pub(super) fn count(&self) -> MoreRows {
        MoreRows {
            rows: self.groups.len() as u64,
            cached: self.groups.iter().map(|group| group.sum.cached).sum(),
        }
    }

    /// Sorts them and leaves out what is not wanted.
    pub(super) fn choose(&mut self, options: &CacheOptions) {
        self.groups.retain(|group| group.sum.cached >= options.min);
        let most = options.top.unwrap_or(usize::MAX);
        let cache = self.cache;
        let number = |sum: &Sum| match options.sort {
            SortBy::Cached => sum.cached.get(),
            SortBy::Dirty => sum.dirty.map_or(0, Bytes::get),
            SortBy::Evicted => sum.evicted.map_or(0, Bytes::get),
            SortBy::Size => sum.size.get(),
            SortBy::Files => sum.files,
            SortBy::Name => 0,
        };
        let order = |a: &Group, b: &Group| {
            number(&b.sum).cmp(&number(&a.sum)).then_with(|| compare(cache, &a.subject, &b.subject))
        };
        // With few wanted of many, most of the sorting can be saved.
        if most > 0 && most < self.groups.len() {
            self.groups.select_nth_unstable_by(most - 1, order);
        }
        self.groups.truncate(most);
        self.groups.sort_by(order);
    }

    pub(super) fn rows(&self, page_cache: Option<Bytes>) -> Vec<CacheRow> {
        self.groups.iter().map(|group| self.row(group, page_cache)).collect()
    }

    fn row(&self, group: &Group, page_cache: Option<Bytes>) -> CacheRow {
        let cache = self.cache;
        let sum = &group.sum;
        let mut row = CacheRow {
            name: None,
            pid: None,
            files: sum.files,
            cached: sum.cached,
            alone: None,
            share: page_cache.and_then(|all| Percent::of(sum.cached.get(), all.get())),
            size: sum.size,
            dirty: sum.dirty,
            writeback: sum.writeback,
            evicted: sum.evicted,
            recently_evicted: sum.recently_evicted,
            backing: sum.backing(),
            deleted: sum.deleted,
            uid: None,
            user: None,
            holders: None,
            held_by: Vec::new(),
        };
        match &group.subject {
            Subject::Named(name) => row.name = name.clone().map(Name::new),
            Subject::Process(None) => {}
            Subject::Process(Some(holder)) => {
                if let Some(holder) = cache.holders.get(*holder as usize) {
                    row.name.clone_from(&holder.name);
                    row.pid = Some(holder.pid);
                    row.uid = holder.uid;
                    row.alone = Some(group.alone);
                }
            }
            Subject::File(place) => {
                let file = &cache.files[*place];
                row.name = Some(cache.path(file));
                row.uid = Some(file.uid);
                row.holders = Some(file.held_by.len() as u64);
                row.held_by = file
                    .held_by
                    .iter()
                    .take(HOLDERS)
                    .filter_map(|hold| {
                        let holder = cache.holders.get(hold.holder as usize)?;
                        Some(HolderRow {
                            pid: holder.pid,
                            name: holder.name.clone(),
                            open: hold.open,
                            mapped: hold.mapped,
                        })
                    })
                    .collect();
            }
        }
        row.user = row.uid.and_then(|uid| cache.users.get(&uid)).cloned();
        row
    }
}

/// Names in order; the nameless last.
fn compare(cache: &PageCache, a: &Subject, b: &Subject) -> std::cmp::Ordering {
    match (a, b) {
        (Subject::File(a), Subject::File(b)) => {
            let (a, b) = (&cache.files[*a], &cache.files[*b]);
            (cache.directory(a), &a.name).cmp(&(cache.directory(b), &b.name))
        }
        (Subject::Named(a), Subject::Named(b)) => (a.is_none(), a).cmp(&(b.is_none(), b)),
        (Subject::Process(a), Subject::Process(b)) => {
            let name = |holder: &Option<u32>| {
                let holder = holder.and_then(|holder| cache.holders.get(holder as usize));
                holder.map(|holder| (holder.name.as_ref(), holder.pid))
            };
            (a.is_none(), name(a)).cmp(&(b.is_none(), name(b)))
        }
        (a, b) => a.cmp(b),
    }
}

fn by_process(cache: &PageCache, bytes: &impl Fn(u64) -> Bytes) -> Vec<Group> {
    let mut groups: BTreeMap<Option<u32>, (Sum, Bytes)> = BTreeMap::new();
    for file in &cache.files {
        if file.held_by.is_empty() {
            groups.entry(None).or_default().0.add(file, bytes);
        }
        for hold in &file.held_by {
            let (sum, alone) = groups.entry(Some(hold.holder)).or_default();
            sum.add(file, bytes);
            if file.held_by.len() == 1 {
                *alone = alone.saturating_add(bytes(file.pages.cached));
            }
        }
    }
    let group = |(holder, (sum, alone))| Group { subject: Subject::Process(holder), sum, alone };
    groups.into_iter().map(group).collect()
}

fn by_name(cache: &PageCache, options: &CacheOptions, bytes: &impl Fn(u64) -> Bytes) -> Vec<Group> {
    let mut groups: BTreeMap<Option<&[u8]>, Sum> = BTreeMap::new();
    for file in &cache.files {
        let name = if options.by == By::Extension {
            extension(file.name.as_bytes())
        } else {
            cache.directory(file).map(|dir| match options.depth {
                Some(depth) => at_depth(dir.as_bytes(), depth.max(1)),
                None => dir.as_bytes(),
            })
        };
        groups.entry(name).or_default().add(file, bytes);
    }
    groups
        .into_iter()
        .map(|(name, sum)| Group {
            subject: Subject::Named(name.map(<[u8]>::to_vec)),
            sum,
            alone: Bytes::ZERO,
        })
        .collect()
}
