//! What was done to a whole text.

use std::borrow::Cow;

/// How a text as a whole was changed on its way.
///
/// A task's name may look like any of it (`=3D`, `&nbsp;`), so a text counts as changed only by what
/// a name cannot do to it: where lines begin, or how every `=` in it is written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Document {
    /// Mail: `=3D` for `=`, and `=` at the end of lines that go on.
    pub(crate) quoted_printable: bool,
    /// A web page: tags and `&nbsp;`.
    pub(crate) html: bool,
    /// No-break spaces where blanks were.
    pub(crate) no_break: bool,
}

impl Document {
    /// What the lines of a text show of it.
    pub(crate) fn of<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let (mut coded, mut plain) = (0u32, 0u32);
        let (mut tagged, mut all) = (0u32, 0u32);
        let mut document = Document::default();
        for line in lines {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            all += 1;
            equals(line, &mut coded, &mut plain);
            match line[0] {
                b'<' => document.html |= TAGS.iter().any(|tag| line.starts_with(tag)),
                b'&' => document.html |= line.starts_with(b"&nbsp;"),
                _ => document.no_break |= line.starts_with("\u{a0}".as_bytes()),
            }
            if line.ends_with(b">") {
                tagged += u32::from(TAGS.iter().any(|tag| line.ends_with(tag)));
            }
        }
        document.quoted_printable = coded > 0 && plain == 0;
        document.html |= tagged > 1 && tagged * 2 > all;
        document
    }

    /// Whether lines stand as they were printed.
    pub(crate) fn is_plain(self) -> bool {
        !(self.quoted_printable || self.html || self.no_break)
    }

    /// The line as it was before; and whether the next line carries it on without a break.
    pub(crate) fn restore(self, line: &[u8]) -> (Cow<'_, [u8]>, bool) {
        let mut goes_on = false;
        let mut line = Cow::Borrowed(line.strip_suffix(b"\r").unwrap_or(line));
        if self.quoted_printable {
            let text: &[u8] = &line;
            let (text, cut) = match text.strip_suffix(b"=") {
                Some(head) if !head.ends_with(b"=") => (head, true),
                _ => (text, false),
            };
            goes_on = cut;
            line = Cow::Owned(quoted_printable(text));
        }
        if self.html {
            line = Cow::Owned(html(&line));
        }
        if self.no_break && memchr::memchr(0xa0, &line).is_some() {
            line = Cow::Owned(replace(&line, "\u{a0}".as_bytes(), b" "));
        }
        (line, goes_on)
    }
}

/// Counts the `=` that are written `=3D`, and those that stand for themselves.
fn equals(line: &[u8], coded: &mut u32, plain: &mut u32) {
    for at in memchr::memchr_iter(b'=', line) {
        match &line[at + 1..] {
            [] => {}
            [b'3', b'D', ..] => *coded += 1,
            [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {}
            _ => *plain += 1,
        }
    }
}

fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'=', rest) {
        out.extend_from_slice(&rest[..at]);
        let digit = |at: usize| rest.get(at).and_then(|&b| char::from(b).to_digit(16));
        if let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2)) {
            out.extend(u8::try_from(high * 16 + low));
            rest = &rest[at + 3..];
        } else {
            out.push(b'=');
            rest = &rest[at + 1..];
        }
    }
    out.extend_from_slice(rest);
    out
}

/// Tags that stand around lines; others may be the kernel's own (`<TASK>`).
const TAGS: [&[u8]; 12] = [
    b"<div>", b"</div>", b"<p>", b"</p>", b"<br>", b"<br/>", b"<br />", b"<pre>", b"</pre>",
    b"<code>", b"</code>", b"</span>",
];

fn html(line: &[u8]) -> Vec<u8> {
    const ENTITIES: [(&[u8], &[u8]); 7] = [
        (b"&nbsp;", b" "),
        (b"&lt;", b"<"),
        (b"&gt;", b">"),
        (b"&quot;", b"\""),
        (b"&#39;", b"'"),
        (b"&#160;", b" "),
        (b"&amp;", b"&"),
    ];
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = memchr::memchr2(b'&', b'<', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        if let Some(tag) = TAGS.iter().find(|tag| rest.starts_with(tag)) {
            rest = &rest[tag.len()..];
        } else if let Some((entity, text)) = ENTITIES.iter().find(|(e, _)| rest.starts_with(e)) {
            out.extend_from_slice(text);
            rest = &rest[entity.len()..];
        } else {
            out.push(rest[0]);
            rest = &rest[1..];
        }
    }
    out.extend_from_slice(rest);
    out
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut last = 0;
    for at in memchr::memmem::find_iter(text, from) {
        out.extend_from_slice(&text[last..at]);
        out.extend_from_slice(to);
        last = at + from.len();
    }
    out.extend_from_slice(&text[last..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_printable_lines_go_on_where_they_were_cut() {
        let document = Document::of([&b"order=3D0"[..]].into_iter());
        let (line, goes_on) = document.restore(b"oom_adj=3D0, oom_s=");
        assert_eq!((&*line, goes_on), (&b"oom_adj=0, oom_s"[..], true));
        let (line, goes_on) = document.restore(b" =======================");
        assert_eq!((&*line, goes_on), (&b" ======================="[..], false));
    }

    #[test]
    fn only_the_tags_of_a_page_are_removed() {
        let document = Document::of([&b"<div>&nbsp; Mem-Info:</div>"[..]].into_iter());
        assert_eq!(&*document.restore(b"<div>&nbsp; &lt;TASK> <4>x</div>").0, b"  <TASK> <4>x");
        assert_eq!(&*Document::default().restore(b"[ 1] a&nbsp;b\r").0, b"[ 1] a&nbsp;b");
    }
}
