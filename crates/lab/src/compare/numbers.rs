//! `status`, `statm`, `stat`, `oom_score`: names and values.

/// What makes names and values of a file's text.
pub(super) type Reader = fn(&[u8]) -> Vec<(String, String)>;

fn named(
    pairs: impl Iterator<Item = (impl Into<String>, impl Into<String>)>,
) -> Vec<(String, String)> {
    pairs.map(|(name, value)| (name.into(), value.into())).collect()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// The lines of `status` about memory.
pub(super) fn status(bytes: &[u8]) -> Vec<(String, String)> {
    let about_memory = |name: &str| {
        name.starts_with("Vm")
            || name.starts_with("Rss")
            || name == "HugetlbPages"
            || name == "Threads"
    };
    let lines = text(bytes).lines().filter_map(|line| line.split_once(':'));
    named(lines.filter(|(name, _)| about_memory(name)).map(|(name, value)| (name, value.trim())))
}

/// The seven numbers of `statm`, pages.
pub(super) fn statm(bytes: &[u8]) -> Vec<(String, String)> {
    const NAMES: [&str; 7] = ["size", "resident", "shared", "text", "lib", "data", "dirty"];
    named(NAMES.into_iter().zip(text(bytes).split_whitespace()))
}

/// Faults and sizes of `stat`.
pub(super) fn stat(bytes: &[u8]) -> Vec<(String, String)> {
    /// Their places behind the name, by `proc(5)`, whose first number there is 3.
    const FIELDS: [(&str, usize); 4] = [("minflt", 10), ("majflt", 12), ("vsize", 23), ("rss", 24)];
    let text = text(bytes);
    let behind = text.rfind(')').map_or("", |at| &text[at + 1..]);
    let words: Vec<&str> = behind.split_whitespace().collect();
    named(FIELDS.into_iter().filter_map(|(name, place)| Some((name, *words.get(place - 3)?))))
}

/// A file of one number.
pub(super) fn single(bytes: &[u8]) -> Vec<(String, String)> {
    named(std::iter::once(("value", text(bytes).trim())))
}
