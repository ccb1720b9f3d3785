//! Reading lines as C's `sscanf` does.

use units::Pid;

/// `Tgid:` of `status`. The real program takes the first place where these letters stand, which may
/// be the name of the process.
pub(super) fn tgid(status: &[u8], kept: bool) -> Option<Pid> {
    let key = b"Tgid:";
    let at = if kept {
        status.windows(key.len()).position(|window| window == key)?
    } else {
        status
            .split_inclusive(|&b| b == b'\n')
            .try_fold(
                0,
                |at, line| {
                    if line.starts_with(key) { Err(at) } else { Ok(at + line.len()) }
                },
            )
            .err()?
    };
    let text = status[at + key.len()..].trim_ascii_start();
    let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let number = std::str::from_utf8(&text[..end]).ok()?;
    // What is no number is 0 to C.
    Some(Pid::new(if number.is_empty() { 0 } else { number.parse().ok()? }))
}

/// `start_stack`, field 28 of `stat`.
pub(super) fn start_stack(stat: &[u8]) -> Option<u64> {
    let close = stat.iter().rposition(|&b| b == b')')?;
    let fields = stat[close + 1..].split(|&b| b == b' ').filter(|field| !field.is_empty());
    // The first field behind the name is the third.
    std::str::from_utf8(fields.into_iter().nth(25)?).ok()?.parse().ok()
}

/// The head of a line of `maps`. A line that stops being one leaves the rest as it was.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) perms: Vec<u8>,
    pub(super) offset: u64,
    pub(super) major: u32,
    pub(super) minor: u32,
    pub(super) inode: u64,
}

impl Head {
    /// `%lx-%lx %31s %llx %x:%x %llu`: how many of them were there.
    pub(super) fn scan(&mut self, line: &[u8]) -> usize {
        let mut rest = line;
        let mut fields = 0;
        let done = (|| {
            self.start = hexadecimal(&mut rest)?;
            fields += 1;
            literal(&mut rest, b'-')?;
            self.end = hexadecimal(&mut rest)?;
            fields += 1;
            self.perms = word(&mut rest, 31)?.to_vec();
            fields += 1;
            self.offset = hexadecimal(&mut rest)?;
            fields += 1;
            self.major = low32(hexadecimal(&mut rest)?);
            fields += 1;
            literal(&mut rest, b':')?;
            self.minor = low32(hexadecimal(&mut rest)?);
            fields += 1;
            self.inode = decimal(&mut rest)?;
            fields += 1;
            Some(())
        })();
        debug_assert_eq!(done.is_some(), fields == 7);
        fields
    }
}

fn low32(number: u64) -> u32 {
    (number & u64::from(u32::MAX)).try_into().unwrap_or(u32::MAX)
}

fn blanks(rest: &mut &[u8]) {
    while let [first, tail @ ..] = rest {
        // C's blanks: the five of ASCII and the vertical tab.
        if !first.is_ascii_whitespace() && *first != 0x0b {
            break;
        }
        *rest = tail;
    }
}

fn literal(rest: &mut &[u8], byte: u8) -> Option<()> {
    let (first, tail) = rest.split_first()?;
    (*first == byte).then(|| *rest = tail)
}

fn hexadecimal(rest: &mut &[u8]) -> Option<u64> {
    blanks(rest);
    if let [b'0', b'x' | b'X', tail @ ..] = rest {
        *rest = tail;
    }
    let digits = rest.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    (digits > 0).then_some(())?;
    let (text, tail) = rest.split_at(digits);
    *rest = tail;
    Some(u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).unwrap_or(u64::MAX))
}

/// A decimal number at the start of `rest`, blanks before it.
pub(super) fn decimal(rest: &mut &[u8]) -> Option<u64> {
    blanks(rest);
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    (digits > 0).then_some(())?;
    let (text, tail) = rest.split_at(digits);
    *rest = tail;
    Some(std::str::from_utf8(text).ok()?.parse().unwrap_or(u64::MAX))
}

/// `%Ns`: blanks, then at most `most` bytes that are none.
pub(super) fn word<'a>(rest: &mut &'a [u8], most: usize) -> Option<&'a [u8]> {
    set(rest, most, true, |b| !b.is_ascii_whitespace() && b != 0x0b)
}

/// `%N[…]`: at most `most` bytes of a kind, with blanks skipped before them if the format has one.
pub(super) fn set<'a>(
    rest: &mut &'a [u8],
    most: usize,
    skip: bool,
    kind: impl Fn(u8) -> bool,
) -> Option<&'a [u8]> {
    if skip {
        blanks(rest);
    }
    let len = rest.iter().take(most).take_while(|&&b| kind(b)).count();
    (len > 0).then_some(())?;
    let (text, tail) = rest.split_at(len);
    *rest = tail;
    Some(text)
}

/// `%N[^:]: %M[0-9] kB %c` with two of three found: a field of `smaps` and its number.
pub(super) fn detail(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = line;
    let name = set(&mut rest, 31, false, |b| b != b':')?;
    literal(&mut rest, b':')?;
    let value = set(&mut rest, 20, true, |b| b.is_ascii_digit())?;
    blanks(&mut rest);
    let more = rest.strip_prefix(b"kB").is_some_and(|mut rest| {
        blanks(&mut rest);
        !rest.is_empty()
    });
    (!more).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_far_as_it_goes() {
        let mut head = Head::default();
        let line = b"560c56f72000-560c56f74000 r--p 00000fff fe:0a 247774                     /x";
        assert_eq!(head.scan(line), 7);
        assert_eq!((head.start, head.end), (0x560c_56f7_2000, 0x560c_56f7_4000));
        assert_eq!((head.major, head.minor, head.inode), (0xfe, 0xa, 247_774));
        assert_eq!(head.scan(b"abc/def"), 1);
        assert_eq!((head.start, head.inode), (0xabc, 247_774));
        assert_eq!(head.scan(b"zzz"), 0);
    }

    #[test]
    fn a_field_has_a_number_and_nothing_behind_its_unit() {
        assert_eq!(detail(b"Rss:                   8 kB"), Some((&b"Rss"[..], &b"8"[..])));
        assert_eq!(detail(b"THPeligible:           0"), Some((&b"THPeligible"[..], &b"0"[..])));
        assert_eq!(detail(b"VmFlags: rd mr"), None);
        assert_eq!(detail(b"Rss: 8 kB more"), None);
        assert_eq!(detail(b"560c56f72000-560c56f74000 r--p 00000000 fe:00 1"), None);
    }

    #[test]
    fn the_thread_group_is_the_line_and_not_the_name() {
        let status = b"Name:\tTgid:1\nUmask:\t0022\nTgid:\t77\nPid:\t78\n";
        assert_eq!(tgid(status, false), Some(Pid::new(77)));
        assert_eq!(tgid(status, true), Some(Pid::new(1)));
        assert_eq!(tgid(b"Name:\tx\n", false), None);
    }

    #[test]
    fn the_stack_is_found_behind_any_name() {
        let stat =
            b"7 (a) 1 2) S 1 7 7 0 -1 4194304 99 0 0 0 0 0 0 0 20 0 1 0 5 6 7 8 9 10 140722 0 0";
        assert_eq!(start_stack(stat), Some(140_722));
        assert_eq!(start_stack(b"7 (x"), None);
    }
}
