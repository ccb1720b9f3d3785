//! What a row can show: one table for columns, sorting, CSV and help.

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Field {
    /// Process id.
    Pid,
    /// User.
    User,
    /// Unit or container.
    Unit,
    /// Cgroup.
    Cgroup,
    /// How many processes.
    Processes,
    /// How many mappings.
    Mappings,
    /// Unique size.
    Uss,
    /// Proportional size.
    Pss,
    /// Proportional size of all below, in the tree.
    Subtree,
    /// Proportional size as a share of the machine's memory.
    Percent,
    /// Resident size.
    Rss,
    /// In swap.
    Swap,
    /// In swap, proportionally.
    SwapPss,
    /// Anonymous part of the proportional size.
    Anon,
    /// File part of it.
    File,
    /// Shared-memory part of it.
    Shmem,
    /// Huge pages of hugetlbfs.
    Hugetlb,
    /// Proportional size and huge pages together.
    Memory,
    /// Name.
    Name,
    /// Command line.
    Command,
}

use Field::{
    Anon, Cgroup, Command, File, Hugetlb, Mappings, Memory, Name, Percent, Pid, Processes, Pss,
    Rss, Shmem, Subtree, Swap, SwapPss, Unit, User, Uss,
};

/// Field, name in options and CSV, head of its column, and what it is.
const TABLE: [(Field, &str, &str, &str); 20] = [
    (Pid, "pid", "PID", "process id"),
    (User, "user", "USER", "user"),
    (Unit, "unit", "UNIT", "systemd unit or container"),
    (Cgroup, "cgroup", "CGROUP", "cgroup"),
    (Processes, "processes", "PROCS", "how many processes"),
    (Mappings, "mappings", "MAPS", "how many mappings"),
    (Uss, "uss", "USS", "unique: mapped by nobody else"),
    (Pss, "pss", "PSS", "proportional: each page divided by its users"),
    (Subtree, "subtree", "SUBTREE", "PSS with all below, in the tree"),
    (Percent, "percent", "%MEM", "PSS of the machine's memory"),
    (Rss, "rss", "RSS", "resident, shared or not"),
    (Swap, "swap", "SWAP", "in swap"),
    (SwapPss, "swap-pss", "SWAPPSS", "in swap, divided by its users"),
    (Anon, "anon", "ANON", "anonymous part of PSS"),
    (File, "file", "FILE", "file part of PSS"),
    (Shmem, "shmem", "SHMEM", "shared-memory part of PSS"),
    (Hugetlb, "hugetlb", "HUGETLB", "huge pages of hugetlbfs, not in PSS"),
    (Memory, "memory", "MEMORY", "PSS and hugetlb together"),
    (Name, "name", "NAME", "name of the row"),
    (Command, "command", "COMMAND", "command line"),
];

impl Field {
    /// Every column.
    pub fn all() -> impl Iterator<Item = Field> {
        TABLE.iter().map(|row| row.0)
    }

    /// Its name in options and CSV.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// Its head in tables.
    pub fn head(self) -> &'static str {
        TABLE[self as usize].2
    }

    /// What it is, in a few words.
    pub fn help(self) -> &'static str {
        TABLE[self as usize].3
    }
}

impl std::str::FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Field, String> {
        Field::all().find(|field| field.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Field::all().map(Field::name).collect();
            format!("expected one of {}, found `{text}`", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_stands_in_its_place_of_the_table() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0 as usize, place);
            assert_eq!(row.1.parse(), Ok(row.0));
        }
        assert!("frob".parse::<Field>().is_err());
    }
}
