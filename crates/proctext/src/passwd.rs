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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_ids_are_listed_and_other_lines_left_out() {
        let text =
            b"root:x:0:0:root:/root:/bin/sh\n# comment\n\n+::::::\n-x::\nbad:x:4294967296:0:\n\
            :x:5:5::/:\nodd name\xff:x:4294967295:0::/:\nlast:x:1000:1000";
        let users: Vec<_> = passwd(text).collect();
        assert_eq!(
            users,
            [(0, &b"root"[..]), (u32::MAX, &b"odd name\xff"[..]), (1000, &b"last"[..])]
        );
    }
}
