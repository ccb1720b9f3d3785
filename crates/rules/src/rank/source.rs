//! The line that says where a snapshot comes from.

use facts::Snapshot;

use super::SourceLine;

impl From<&Snapshot> for SourceLine {
    fn from(snapshot: &Snapshot) -> SourceLine {
        SourceLine {
            origin: snapshot.origin.clone(),
            kernel: snapshot.kernel.text.clone(),
            release: snapshot.kernel.release,
            taken_at: snapshot.taken_at,
            page_size: snapshot.page_size.bytes(),
            page_size_known: snapshot.page_size_known,
        }
    }
}
