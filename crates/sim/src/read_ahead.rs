//! What a `read(2)`, or the use of a page that asks for more, brings into memory beside what was asked for.
//!
//! # What it follows
//! `ondemand_readahead()`, `get_init_ra_size()`, `get_next_ra_size()` in `mm/readahead.c`, 2.6.23 to 6.18:
//! a window that begins with the first read of a file, or where a sequential read finds nothing, and grows
//! as reads come to the page that was marked in it; `page_cache_async_ra()`, which any use of a marked page
//! comes to, and of one that could not be paged out: that is the same flag.
//!
//! # What it leaves out
//! What the cache says of earlier readers (`try_context_readahead()`), the folios that `read(2)` reads, and the
//! disk's optimal request, which a read of more than a window at once may use (`bdi->io_pages`): these change
//! where the last window ends. What a fault reads around itself leaves no mark.

use crate::ctx::Ctx;
use crate::fault::Refusal;
use crate::files::Open;
use crate::frames::file_base;

/// `struct file_ra_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Window {
    start: u64,
    size: u64,
    /// How many of its last pages are ahead of what was asked for.
    ahead: u64,
    /// The order of the folios that it reads (6.16).
    order: u32,
    /// The page that asks for the next window when it is read (`PG_readahead`).
    marked: Option<u64>,
    /// The page that the last read ended in.
    pub(crate) last: Option<u64>,
    pub(crate) advice: Advice,
}

/// What `posix_fadvise(2)` was told of an open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Advice {
    #[default]
    Normal,
    /// Nothing but what is asked for.
    Random,
    /// Twice as much.
    Sequential,
}

/// `get_init_ra_size()`.
fn first_size(asked: u64, most: u64) -> u64 {
    let size = asked.checked_next_power_of_two().unwrap_or(most);
    if size <= most / 32 {
        size * 4
    } else if size <= most / 4 {
        size * 2
    } else {
        most
    }
}

impl Window {
    /// `get_next_ra_size()`.
    fn next_size(&self, most: u64) -> u64 {
        if self.size < most / 16 {
            self.size * 4
        } else if self.size <= most / 2 {
            self.size * 2
        } else {
            most
        }
    }

    /// How many pages it may have (`ra_pages`), of as many as the disk has.
    pub(crate) fn most(&self, of_disk: u64) -> u64 {
        if self.advice == Advice::Sequential { of_disk * 2 } else { of_disk }
    }

    /// `page_cache_async_ra()` and its forerunners: where what follows a page is read that asked for it, if
    /// `asked` pages are used from it on; `missing` is the first page behind it that is not in memory.
    fn reads_on(&mut self, page: u64, missing: u64, asked: u64, most: u64) -> Option<(u64, u64)> {
        if page == self.start + self.size - self.ahead {
            self.start += self.size;
            self.size = self.next_size(most);
        } else if missing - page > most {
            return None;
        } else {
            self.start = missing;
            self.size = missing - page + asked;
            self.size = self.next_size(most);
        }
        self.ahead = self.size;
        Some((self.start, self.size))
    }

    /// `ondemand_readahead()`: where a read of `asked` pages from `page` on, which found nothing there or came
    /// to the marked page, reads: the first page and how many.
    fn reads(&mut self, page: u64, asked: u64, most: u64) -> (u64, u64) {
        let goes_on = page == self.start + self.size - self.ahead || page == self.start + self.size;
        let sequential = self.last.is_some_and(|last| page == last || page == last + 1);
        if page > 0 && self.size > 0 && goes_on {
            self.start += self.size;
            self.size = self.next_size(most);
            self.ahead = self.size;
        } else if self.marked == Some(page) {
            self.start = page + 1;
            self.size = asked;
            self.size = self.next_size(most);
            self.ahead = self.size;
        } else if page == 0 || asked > most || sequential {
            self.start = page;
            self.size = first_size(asked, most);
            self.ahead = if self.size > asked { self.size - asked } else { self.size };
        } else {
            return (page, asked);
        }
        if page == self.start && self.size == self.ahead {
            // It would come to its own mark at once.
            let more = self.next_size(most);
            if self.size + more <= most {
                self.ahead = more;
                self.size += more;
            } else {
                self.size = most;
                self.ahead = most / 2;
            }
        }
        self.marked = Some(self.start + self.size - self.ahead);
        (self.start, self.size)
    }
}

impl Ctx<'_> {
    /// `page_cache_async_ra()`: a page is used, and `asked` from it on, that asks for what follows to be read.
    /// It asks no more; what is read, does with its first page.
    pub(crate) fn reads_on(&mut self, open: usize, page: u64, asked: u64) -> Result<(), Refusal> {
        let Open { file, mut window, .. } = self.store.opens[open];
        let base = file_base(file);
        let (first, count) = self.store.frames.folio(base + page);
        self.store.frames.update(first, count, |frame| frame.reclaim = false);
        let most = window.most(self.store.config.read_ahead);
        let mut missing = page + 1;
        while let Some((have, _)) = self.store.cached(file, missing) {
            missing += have;
        }
        let Some((start, mut size)) = window.reads_on(page, missing, asked, most) else {
            return Ok(());
        };
        if self.store.has_large_folios() {
            // Each time in folios that are four times as large, the last one whole.
            let most_order = most.trailing_zeros();
            window.order = (window.order + 2).min(most_order);
            let end = start + size;
            let aligned = end - end % (1 << window.order);
            if aligned > start {
                size = aligned - start;
            }
            (window.size, window.ahead) = (size, size);
        }
        self.store.opens[open].window = window;
        let size = size.min(self.store.files[file].pages().saturating_sub(start));
        if size > 0 {
            let asks = self.store.cached(file, start).is_none();
            let there = self.store.frames.map.count(base + start, base + start + size);
            self.store.read_folios(file, start, start + size, window.order);
            self.fill_all(file, start, size)?;
            // Nobody waits for them.
            self.mm.on_the_way += size - there;
            let (first, count) = self.store.frames.folio(base + start);
            self.store.frames.update(first, count, |frame| frame.reclaim |= asks);
        }
        Ok(())
    }

    /// Of the pages that a read uses, those that ask for more (`filemap_get_pages()`).
    pub(crate) fn reads_on_within(
        &mut self,
        open: usize,
        first: u64,
        last: u64,
    ) -> Result<(), Refusal> {
        let base = file_base(self.store.opens[open].file);
        let pages = self.store.frames.map.iter_within(base + first, base + last + 1);
        let asking: Vec<(u64, u64)> = pages
            .filter(|(_, _, known)| known.reclaim && !known.writeback)
            .map(|(frame, len, _)| (frame - base, len))
            .collect();
        for page in asking.into_iter().flat_map(|(page, len)| page..page + len) {
            self.reads_on(open, page, last + 1 - page)?;
        }
        Ok(())
    }

    /// Reads ahead for a read of pages `first` to `last` of a file on a disk, on machines whose memory ends.
    pub(crate) fn reads_ahead(
        &mut self,
        open: usize,
        first: u64,
        last: u64,
    ) -> Result<(), Refusal> {
        let file = self.store.opens[open].file;
        let mut window = self.store.opens[open].window;
        let most = match window.advice {
            Advice::Random => 0,
            _ => window.most(self.store.config.read_ahead),
        };
        if self.store.frames.physical.is_none() || most == 0 {
            return Ok(());
        }
        let pages = self.store.files[file].pages();
        let mut page = first;
        while page <= last {
            let have = self.store.cached(file, page).map_or(0, |(len, _)| len);
            let mark = window.marked.filter(|mark| (page..page + have).contains(mark));
            let at = match mark {
                Some(mark) if mark <= last => mark,
                _ if have > 0 => {
                    page += have;
                    continue;
                }
                _ => page,
            };
            let (start, size) = window.reads(at, last + 1 - at, most);
            if mark.is_some() && window.marked == mark {
                window.marked = None;
            }
            let size = size.min(pages.saturating_sub(start));
            if size > 0 {
                self.fill_all(file, start, size)?;
            }
            if mark.is_none() && self.store.cached(file, at).is_none() {
                self.fill_some(file, at, 1)?;
            }
            // What was there already may have left meanwhile, and is read when it is needed.
            page = at + u64::from(mark.is_none());
        }
        window.last = Some(last);
        self.store.opens[open].window = window;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where single pages that are read one after the other read ahead, up to the page `end`.
    fn sequence(end: u64) -> Vec<(u64, u64)> {
        let (mut window, mut there, mut reads) = (Window::default(), 0, Vec::new());
        for page in 0..end {
            if page >= there || window.marked == Some(page) {
                let (start, size) = window.reads(page, 1, 32);
                there = there.max(start + size);
                reads.push((start, size));
            }
            window.last = Some(page);
        }
        reads
    }

    #[test]
    fn windows_grow_from_four_pages_to_the_most() {
        assert_eq!(
            sequence(100),
            [(0, 4), (4, 8), (12, 16), (28, 32), (60, 32), (92, 32), (124, 32)]
        );
    }

    #[test]
    fn what_follows_a_page_that_asks_is_read_from_where_something_is_missing() {
        let mut window = Window { start: 0, size: 32, ahead: 8, ..Window::default() };
        assert_eq!(window.reads_on(3, 6, 32, 32), Some((6, 32)));
        assert_eq!(window.reads_on(6, 38, 32, 32), Some((38, 32)), "the page that it expects");
        assert_eq!(window.reads_on(4, 40, 32, 32), None, "everything is there");
    }

    #[test]
    fn a_read_somewhere_else_reads_what_it_asks_for() {
        let mut window = Window::default();
        assert_eq!(window.reads(500, 3, 32), (500, 3));
        window.last = Some(502);
        assert_eq!(window.reads(503, 3, 32), (503, 8));
    }
}
