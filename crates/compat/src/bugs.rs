//! What is not copied, and why.

/// Whether the bugs of the real program are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bugs {
    /// Those in [`BUGS`] are not.
    #[default]
    Fixed,
    /// All are that can be: to see that nothing else differs.
    Kept,
}

impl Bugs {
    pub(crate) fn kept(self) -> bool {
        self == Bugs::Kept
    }
}

/// A bug of a real program that is not copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bug {
    /// Of which program.
    pub program: &'static str,
    /// A short name.
    pub name: &'static str,
    /// What the real program does.
    pub real: &'static str,
    /// What is done here.
    pub ours: &'static str,
    /// Why.
    pub why: &'static str,
    /// Whether [`Bugs::Kept`] copies it.
    pub can_be_kept: bool,
}

const fn bug(
    program: &'static str,
    name: &'static str,
    real: &'static str,
    ours: &'static str,
    why: &'static str,
) -> Bug {
    Bug { program, name, real, ours, why, can_be_kept: true }
}

const fn crash(
    program: &'static str,
    name: &'static str,
    real: &'static str,
    ours: &'static str,
    why: &'static str,
) -> Bug {
    Bug { program, name, real, ours, why, can_be_kept: false }
}

/// All of them.
pub const BUGS: &[Bug] = &[
    crash(
        "smem",
        "dead captures",
        "`-S capture.tar` ends in a TypeError under Python 3, whatever the report",
        "captures are read: smemcap's, which has no names of users, and our own",
        "captures are what the option is for",
    ),
    crash(
        "smem",
        "avguss",
        "`-m` with the column `avguss` ends in a KeyError",
        "USS divided by the number of processes",
        "it is what the column is documented to be",
    ),
    crash(
        "smem",
        "odd paths by mapping",
        "`-m` and `-u` end in a traceback when a mapped path is not UTF-8, ends in ` kB` or holds a form feed",
        "the mapping is counted like any other; a path that is not UTF-8 shows `?` for such bytes",
        "one file with such a name hides the whole report, and anybody can create one",
    ),
    bug(
        "smem",
        "odd paths by process",
        "the default report leaves out, without a word, a process that maps such a file",
        "the process is counted",
        "a process must not be able to hide",
    ),
    bug(
        "smem",
        "empty first argument",
        "a process whose command line is empty, or one empty argument, is taken for a kernel thread and left out",
        "it is shown, as `[name]`; kernel threads are those without mappings",
        "a process must not be able to hide",
    ),
    bug(
        "smem",
        "control characters",
        "newlines and escapes in command lines and paths are printed raw; a command line that is not UTF-8 is `?`",
        "each such character or byte is a `?`",
        "a row must stay a row, and a name must not move the terminal's cursor",
    ),
    bug(
        "smem",
        "last letter",
        "the last letter of a command line that does not end in a NUL is cut",
        "only a NUL is cut",
        "programs that write their own title may leave no NUL",
    ),
    bug(
        "smem",
        "bracket in a name",
        "the column `name` ends at the first `)`: `ev)il` is `ev`",
        "the name ends at the last `)` of `stat`",
        "the kernel puts the name between the first and the last bracket",
    ),
    bug(
        "smem",
        "users' VSS",
        "`-u` with the column `vss` prints PSS",
        "virtual size",
        "it is what the column is documented to be",
    ),
    bug(
        "smem",
        "silence",
        "a source that is not there, or has no `meminfo`, prints nothing and exits 0",
        "a complaint on standard error, exit 1",
        "a script must be able to notice",
    ),
    bug(
        "pmap",
        "totals of several processes",
        "with `-X`, `-XX` and `-c` the totals of a process include those of all processes printed before it",
        "each process has its own totals, and columns as wide as it needs",
        "the line stands below the mappings of one process",
    ),
    bug(
        "pmap",
        "totals of a range",
        "with `-x -A`, total RSS and Dirty include mappings below the range, total Kbytes does not",
        "all totals are of the mappings in the range",
        "the numbers stand in one row",
    ),
    bug(
        "pmap",
        "255 processes",
        "more than 255 processes: `library failed pids statistics`, exit 1",
        "any number",
        "nothing here needs the limit",
    ),
    bug(
        "pmap",
        "a name like a field",
        "of a process called `Tgid:1`, the mappings of process 1 are printed",
        "the line `Tgid:` of `status` is used",
        "a process must not be able to pass for another",
    ),
    bug(
        "pmap",
        "long paths",
        "without `-X`, a path over about 950 bytes is cut, and the rest of it makes a second row; `-x` shows what other lines have left of it",
        "one row, with the whole path",
        "a row is a mapping",
    ),
    bug(
        "pmap",
        "control characters",
        "with `-X`, `-XX` and `-c` escapes in paths are printed raw",
        "each such character, and each byte that is not UTF-8, is a `?`",
        "a path must not move the terminal's cursor",
    ),
    bug(
        "pmap",
        "half a character",
        "in a UTF-8 locale, a control character behind the first byte of a longer character is printed raw, in command lines",
        "each such character or byte is a `?`",
        "an argument must not move the terminal's cursor",
    ),
    bug(
        "pmap",
        "unknown lines",
        "with `-X`, `-XX` and `-c` a mapping without flags, or a line that is neither a size nor flags, stops the program: `Unknown format in smaps file!`",
        "the line is passed over; a mapping without a size shows a blank",
        "kernels add lines",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    const HEAD: &str = "\
# `oomph compat`: where it differs from smem, pmap and free

`oomph compat smem …`, `oomph compat pmap …` and `oomph compat free …` take the options of smem 1.5 (as Debian 12 runs it,
under Python 3) and of pmap and free of procps-ng 4.0.2, and print the same bytes about the same machine, live or, with
`oomph --from SOURCE compat …`, stored. Below are the bugs that are not copied. With `oomph compat --bug-for-bug …` they
are copied too, but for those marked †, which end the real program; then nothing else differs.

";

    const TAIL: &str = "
## Copied on purpose

Scripts rely on these, right or wrong; `oomph usage` and `oomph ledger` are the tools without them.

* smem adds up sizes that the kernel truncated to KiB mapping by mapping: up to 4 % less than the kernel's own sum.
* smem counts two processes that share one address space twice, and hugetlb pages never.
* smem keeps only the first word of a path, so `/a b` and `/a c` are one mapping, and a deleted file and its successor too.
* smem's columns shift when a user's name is longer than 8 or a pid than 5; its units end at T.
* smem leaves out what it may not read, and says nothing.
* smem `-w -R` prints fractions (`481343.0`) beside integers.
* pmap `-X` adds up page sizes and flags (`KernelPageSize`, `THPeligible`) in its totals, and cuts paths at 127 bytes.
* free's `used` is `MemTotal` less `MemAvailable`, so `used`, `free` and `buff/cache` do not add up to `total`.
* free and smem show a line that the kernel does not report as 0 (or stop: smem `-w`).

## Left out

* smem `--pie` and `--bar`, which open a window. smem's patterns with look-around or references back (`\\1`).
* pmap `-n` and `-N`, which write an rc file.
* Translations: the output is that of the C locale. Help texts, tracebacks and the chatter of `stty`.
* Names of users that only a name service knows, not `/etc/passwd`: their number is shown.
* pmap makes a shared-memory segment of its own to recognise such segments; here they are known by their names.
";

    fn document() -> String {
        let mut text = HEAD.to_owned();
        for program in ["smem", "pmap"] {
            let _ = write!(
                text,
                "## {program}\n\n| bug | the real one | here | why |\n|---|---|---|---|\n"
            );
            for bug in BUGS.iter().filter(|bug| bug.program == program) {
                let mark = if bug.can_be_kept { "" } else { " †" };
                let _ = writeln!(
                    text,
                    "| {}{mark} | {} | {} | {} |",
                    bug.name, bug.real, bug.ours, bug.why
                );
            }
            text.push('\n');
        }
        text.push_str("## free\n\nNone.\n");
        text + TAIL
    }

    #[test]
    fn the_published_list_is_this_one() {
        expect_test::expect_file!["../../../docs/compat.md"].assert_eq(&document());
    }
}
