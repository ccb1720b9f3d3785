//! Where words stand that only few lines hold, for all readers of a text in one pass over it.

use aho_corasick::packed;

/// Which words a reader looks for, and which of these stand where.
#[derive(Debug)]
pub(crate) struct Anchors<const READERS: usize> {
    searcher: Option<packed::Searcher>,
    words: Vec<&'static [u8]>,
    /// How many of `words` belong to the readers up to each.
    ends: [usize; READERS],
    /// Where each reader's words begin in the text searched last, in its order.
    hits: [Vec<usize>; READERS],
}

impl<const READERS: usize> Anchors<READERS> {
    /// An anchor for each of these words, reader by reader.
    pub(crate) fn new(sets: [&'static [&'static [u8]]; READERS]) -> Self {
        let words = sets.concat();
        let mut end = 0;
        let ends = sets.map(|set| {
            end += set.len();
            end
        });
        Anchors {
            searcher: packed::Searcher::new(&words),
            words,
            ends,
            hits: std::array::from_fn(|_| Vec::new()),
        }
    }

    /// Where the words of each reader stand in `text`.
    pub(crate) fn search(&mut self, text: &[u8]) -> &[Vec<usize>; READERS] {
        self.hits.iter_mut().for_each(Vec::clear);
        let Some(searcher) = &self.searcher else {
            self.search_each(text);
            return &self.hits;
        };
        let mut at = 0;
        while let Some(hit) = searcher.find(&text[at..]) {
            let word = hit.pattern().as_usize();
            let reader = self.ends.iter().position(|end| word < *end);
            if let Some(hits) = reader.and_then(|reader| self.hits.get_mut(reader)) {
                hits.push(at + hit.start());
            }
            // One word may begin inside another.
            at += hit.start() + 1;
        }
        &self.hits
    }

    /// The same on a processor that cannot look for many words at once.
    fn search_each(&mut self, text: &[u8]) {
        let mut begin = 0;
        for (hits, end) in self.hits.iter_mut().zip(self.ends) {
            for word in &self.words[begin..end] {
                let word = memchr::memmem::Finder::new(word);
                hits.extend(word.find_iter(text));
            }
            hits.sort_unstable();
            hits.dedup();
            begin = end;
        }
    }
}

/// The first hit at `from` or after it; hits before are taken off.
pub(crate) fn next_hit(hits: &mut &[usize], from: usize) -> Option<usize> {
    while let [first, rest @ ..] = hits {
        if *first >= from {
            return Some(*first);
        }
        *hits = rest;
    }
    None
}
