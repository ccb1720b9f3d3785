//! `/proc/vmstat`: counters and events.

/// `/proc/vmstat`, by name, in the kernel's order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vmstat {
    /// Name and value of every line.
    pub lines: Vec<(Box<str>, u64)>,
}

impl Vmstat {
    /// A line by its name.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.lines.iter().find(|(n, _)| &**n == name).map(|&(_, v)| v)
    }

    /// The sum of the lines whose names start so: `allocstall_` and its zones.
    pub fn sum_of_prefix(&self, prefix: &str) -> Option<u64> {
        let mut found = self.lines.iter().filter(|(n, _)| n.starts_with(prefix)).peekable();
        found.peek()?;
        Some(found.fold(0, |sum, (_, v)| sum.saturating_add(*v)))
    }
}
