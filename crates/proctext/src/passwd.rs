//! `/etc/passwd`: names of user ids.

use crate::line::{decimal, lines, split_once};

/// User ids and names of `/etc/passwd`, in the file's order. Other lines (`+::` of NIS, comments)
/// are left out. People edit this file: a last line without newline counts.
pub fn passwd(text: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    lines(text).filter_map(|(_, line)| {
        let (name, rest) = split_once(line, b':')?;
        let (_password, rest) = split_once(rest, b':')?;
        // The colon behind the number shows that the number is whole.
        let (uid, _) = split_once(rest, b':')?;
        let uid = u32::try_from(decimal(uid)?).ok()?;
        (!name.is_empty()).then_some((uid, name))
    })
}
