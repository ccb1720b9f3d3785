//! Reads files one after the other into one buffer, and remembers what could not be read.

use facts::{Missing, Why};

use crate::{Place, Refusal, Tree};

/// Whether a kernel may do without a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Every kernel has it; its absence is reported.
    Always,
    /// Some kernels do not have it, and its absence says so.
    Optional,
}

/// See the module.
pub(super) struct Reader<'a> {
    pub(super) tree: &'a mut dyn Tree,
    /// Whether a file that is not there was not there on the machine.
    pub(super) complete: bool,
    pub(super) missing: Vec<Missing>,
    buf: Vec<u8>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(tree: &'a mut dyn Tree, complete: bool) -> Reader<'a> {
        Reader { tree, complete, missing: Vec::new(), buf: Vec::new() }
    }

    /// Reads a file and nothing else: the caller decides what a refusal means.
    pub(super) fn try_read(&mut self, place: Place<'_>) -> Result<&[u8], Refusal> {
        self.tree.read(place, &mut self.buf)?;
        Ok(&self.buf)
    }

    /// As [`Reader::try_read`], together with the list that a parser reports to.
    pub(super) fn try_read_with(
        &mut self,
        place: Place<'_>,
    ) -> Result<(&[u8], &mut Vec<Missing>), Refusal> {
        self.tree.read(place, &mut self.buf)?;
        Ok((&self.buf, &mut self.missing))
    }

    /// Reads and parses a file; a refusal is recorded.
    pub(super) fn read<T>(
        &mut self,
        place: Place<'_>,
        need: Need,
        parse: impl FnOnce(&[u8], &str, &mut Vec<Missing>) -> T,
    ) -> Option<T> {
        match self.tree.read(place, &mut self.buf) {
            Ok(()) => Some(parse(&self.buf, &place.to_string(), &mut self.missing)),
            Err(refusal) => {
                self.refused(place, need, &refusal);
                None
            }
        }
    }

    /// As [`Reader::read`], for parsers that may fail and say so themselves.
    pub(super) fn read_value<T>(
        &mut self,
        place: Place<'_>,
        need: Need,
        parse: impl FnOnce(&[u8], &str, &mut Vec<Missing>) -> Option<T>,
    ) -> Option<T> {
        self.read(place, need, parse).flatten()
    }

    /// Records a refusal, unless it is one that says nothing new.
    pub(super) fn refused(&mut self, place: Place<'_>, need: Need, refusal: &Refusal) {
        match refusal {
            Refusal::Absent if need == Need::Optional => {}
            // The source has told already, under the member's name.
            Refusal::Damaged => {}
            other => self.missing(place.to_string(), Why::from(other)),
        }
    }

    pub(super) fn missing(&mut self, place: String, why: Why) {
        self.missing.push(Missing { place, why });
    }

    pub(super) fn into_missing(self) -> Vec<Missing> {
        let mut missing = self.tree.problems().to_vec();
        missing.extend(self.missing);
        missing
    }
}
