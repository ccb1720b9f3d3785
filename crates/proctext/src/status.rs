//! `/proc/PID/status`: the file that is read for every process, some sixty lines each.

use std::borrow::Cow;

use facts::{Capabilities, Missing, Name, Task};
use memchr::memchr;
use units::{Bytes, Pid};

use crate::line::{Report, decimal, hexadecimal, kib, lines, octal, signed, words};

/// `/proc/PID/status`, `proc_pid_status()`, 2.4 and later. Lines of no use here are passed over.
///
/// A process whose memory lines are missing has no address space; that is no problem.
pub fn status(text: &[u8], task: &mut Task, place: &str, problems: &mut Vec<Missing>) {
    let mut report = Report::new(place, problems);
    for (number, line) in lines(report.some_lines(text, "`Name:` and its like")) {
        if let Err(expected) = take(line, task) {
            report.malformed(number, expected, line);
        }
    }
}

/// Takes what `line` says into `task`; the error is what was expected behind the colon.
#[inline]
fn take(line: &[u8], task: &mut Task) -> Result<(), &'static str> {
    // The first letter tells most lines apart, so that an unknown one costs a comparison or two.
    match line {
        [b'V', b'm', rest @ ..] => return take_vm(rest, task),
        [b'R', b's', b's', rest @ ..] => return take_rss(rest, task),
        [b'N', b'a', b'm', b'e', b':', value @ ..] => {
            // One tab, then the name, whose own blanks count.
            let name = value.strip_prefix(b"\t").ok_or("a tab and a name")?;
            task.comm = Some(Name::new(unescape(name)));
        }
        [b'S', b't', b'a', b't', b'e', b':', value @ ..] => {
            let letter = value.trim_ascii().first().filter(|letter| letter.is_ascii_alphabetic());
            task.state = Some(char::from(*letter.ok_or("a letter")?));
        }
        [b'P', b'P', b'i', b'd', b':', value @ ..] => {
            let pid = decimal(value.trim_ascii()).and_then(|pid| u32::try_from(pid).ok());
            task.ppid = Some(Pid::new(pid.ok_or("a process id")?));
        }
        [b'U', b'i', b'd', b':', value @ ..] => {
            let (real, effective) = uids(value).ok_or("four user ids")?;
            task.uid = Some(real);
            task.euid = Some(effective);
        }
        [b'K', b't', b'h', b'r', b'e', b'a', b'd', b':', value @ ..] => {
            task.kthread = Some(match value.trim_ascii() {
                b"0" => false,
                b"1" => true,
                _ => return Err("0 or 1"),
            });
        }
        [b'H', b'u', b'g', b'e', b't', b'l', b'b', b'P', b'a', b'g', b'e', b's', b':', v @ ..] => {
            task.hugetlb = Some(size(v)?);
        }
        [b'T', b'h', b'r', b'e', b'a', b'd', b's', b':', value @ ..] => {
            let threads = decimal(value.trim_ascii()).ok_or("a number of threads")?;
            // A task that is being taken down has none to count any more.
            if threads > 0 {
                task.threads = Some(threads);
            }
        }
        [b'C', b'a', b'p', b'E', b'f', b'f', b':', value @ ..] => {
            let set = hexadecimal(value.trim_ascii()).ok_or("a hexadecimal number")?;
            task.cap_eff = Some(Capabilities(set));
        }
        [b'M', b'e', b'm', b's', rest @ ..] => {
            if let Some(value) = rest.strip_prefix(b"_allowed_list:") {
                task.mems_allowed = Some(node_list(value).ok_or("a list of nodes")?.into());
            }
        }
        _ => {}
    }
    Ok(())
}

#[inline]
fn take_vm(rest: &[u8], task: &mut Task) -> Result<(), &'static str> {
    let (field, value) = match rest {
        [b'R', b'S', b'S', b':', value @ ..] => (&mut task.vm_rss, value),
        [b'S', b'w', b'a', b'p', b':', value @ ..] => (&mut task.swap, value),
        [b'P', b'T', b'E', b':', value @ ..] => (&mut task.vm_pte, value),
        [b'P', b'M', b'D', b':', value @ ..] => (&mut task.vm_pmd, value),
        [b'L', b'c', b'k', b':', value @ ..] => (&mut task.locked, value),
        _ => return Ok(()),
    };
    *field = Some(size(value)?);
    Ok(())
}

#[inline]
fn take_rss(rest: &[u8], task: &mut Task) -> Result<(), &'static str> {
    let (field, value) = match rest {
        [b'A', b'n', b'o', b'n', b':', value @ ..] => (&mut task.rss_anon, value),
        [b'F', b'i', b'l', b'e', b':', value @ ..] => (&mut task.rss_file, value),
        [b'S', b'h', b'm', b'e', b'm', b':', value @ ..] => (&mut task.rss_shmem, value),
        _ => return Ok(()),
    };
    *field = Some(size(value)?);
    Ok(())
}

#[inline]
fn size(value: &[u8]) -> Result<Bytes, &'static str> {
    kib(value).ok_or("a size in kB")
}

/// The real and the effective of the four user ids. Kernels before 3.5 print them signed.
fn uids(value: &[u8]) -> Option<(u32, u32)> {
    let uid = |word: &[u8]| {
        let number = signed(word)?;
        u32::try_from(number).ok().or_else(|| i32::try_from(number).ok().map(i32::cast_unsigned))
    };
    let mut words = words(value);
    let (real, effective) = (uid(words.next()?)?, uid(words.next()?)?);
    (words.count() == 2).then_some((real, effective))
}

/// `0`, `0-3,5`; empty on a machine that allows none.
fn node_list(value: &[u8]) -> Option<&str> {
    let list = value.trim_ascii();
    let plain = list.iter().all(|b| b.is_ascii_digit() || matches!(b, b',' | b'-'));
    std::str::from_utf8(list).ok().filter(|_| plain)
}

/// Undoes what `proc_task_name()` does to newlines and backslashes: `\n` and `\\`. Octal escapes
/// are undone too; a backslash of the name's own is always doubled.
fn unescape(name: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr(b'\\', name) else { return Cow::Borrowed(name) };
    let (plain, mut rest) = name.split_at(first);
    let mut out = plain.to_vec();
    while let Some((&byte, after)) = rest.split_first() {
        let (byte, taken) = match (byte, after.first()) {
            (b'\\', Some(b'n')) => (b'\n', 2),
            (b'\\', Some(b'\\')) => (b'\\', 2),
            (b'\\', _) => octal(rest).map_or((b'\\', 1), |byte| (byte, 4)),
            _ => (byte, 1),
        };
        out.push(byte);
        rest = &rest[taken..];
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> (Task, Vec<String>) {
        let mut task = Task::unknown(Pid::new(1));
        let mut problems = Vec::new();
        status(text, &mut task, "status", &mut problems);
        (task, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn todays_status_is_read() {
        let (task, problems) = parse(include_bytes!("../tests/data/6.18/status"));
        assert!(problems.is_empty());
        let expected = Task {
            comm: Some(Name::from("init")),
            state: Some('S'),
            ppid: Some(Pid::new(0)),
            kthread: Some(false),
            uid: Some(0),
            euid: Some(0),
            cap_eff: Some(Capabilities(0x1ff_ffff_ffff)),
            threads: Some(13),
            vm_rss: task.vm_rss,
            rss_anon: task.rss_anon,
            rss_file: task.rss_file,
            rss_shmem: task.rss_shmem,
            swap: Some(Bytes::ZERO),
            vm_pte: task.vm_pte,
            hugetlb: Some(Bytes::ZERO),
            locked: task.locked,
            mems_allowed: Some("0".into()),
            ..Task::unknown(Pid::new(1))
        };
        assert_eq!(task, expected);
        let parts = [task.rss_anon, task.rss_file, task.rss_shmem].into_iter().flatten();
        assert_eq!(task.vm_rss, Some(parts.sum()));
        assert!(task.vm_pte.is_some() && task.locked.is_some());
    }

    #[test]
    fn a_kernel_thread_has_no_memory_lines() {
        let (task, problems) = parse(include_bytes!("../tests/data/6.18/status-kthread"));
        assert!(problems.is_empty());
        assert_eq!((task.kthread, task.vm_rss, task.swap), (Some(true), None, None));
    }

    #[test]
    fn the_levels_of_page_tables_of_4_4_are_read() {
        let (task, problems) = parse(include_bytes!("../tests/data/4.4/status"));
        assert!(problems.is_empty());
        assert_eq!(task.comm, Some(Name::from("a\nb \\ c")));
        assert_eq!((task.uid, task.euid), (Some(1000), Some(0)));
        assert_eq!((task.vm_pte, task.vm_pmd), (Bytes::from_kib(64), Bytes::from_kib(12)));
        assert_eq!((task.swap, task.hugetlb), (Bytes::from_kib(100), Bytes::from_kib(2048)));
        assert_eq!(task.mems_allowed.as_deref(), Some("0,2-3"));
    }

    #[test]
    fn user_ids_printed_as_negative_are_large() {
        let (task, problems) = parse(include_bytes!("../tests/data/2.6.32/status"));
        assert!(problems.is_empty());
        assert_eq!(task.uid, Some(u32::MAX - 1));
        assert_eq!(task.cap_eff, Some(Capabilities(u64::MAX)));
    }

    #[test]
    fn lines_are_known_by_their_whole_name() {
        let (task, problems) = parse(
            b"Names:\tx\nState2:\tR\nUids:\t1\nVmRSSx:\t1 kB\nVmSwapFoo:\t1 kB\nRssAnonymous:\t1 kB\n\
              CapEffective:\t1\nThreads_max:\t7\nMems_allowed:\t1\nVm\nRss\n\nPPidx:\t1\n",
        );
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(task, Task::unknown(Pid::new(1)));
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        let (task, problems) = parse(
            b"Name:\tok\nUid:\t1\t2\t3\nVmRSS:\t12\nCapEff:\txyz\nKthread:\t2\nState:\t\n\
              Mems_allowed_list:\t\x1b[2J\nThreads:\t0\n",
        );
        assert_eq!(
            problems,
            [
                "status: line 2: expected four user ids, found Uid:\\t1\\t2\\t3",
                "status: line 3: expected a size in kB, found VmRSS:\\t12",
                "status: line 4: expected a hexadecimal number, found CapEff:\\txyz",
                "status: line 5: expected 0 or 1, found Kthread:\\t2",
                "status: line 6: expected a letter, found State:\\t",
                "status: line 7: expected a list of nodes, found Mems_allowed_list:\\t\\x1b[2J",
            ]
        );
        assert_eq!(task, Task { comm: Some(Name::from("ok")), ..Task::unknown(Pid::new(1)) });
    }

    #[test]
    fn escapes_of_a_name_are_undone_once() {
        let name = |text: &[u8]| unescape(text).into_owned();
        assert_eq!(name(br"a\\nb"), br"a\nb");
        assert_eq!(name(br"a\nb"), b"a\nb");
        assert_eq!(name(br"\\\\"), br"\\");
        assert_eq!(name(br"\012\134"), b"\n\\");
        assert_eq!(name(br"\x\"), br"\x\");
    }

    #[test]
    fn blanks_of_a_name_are_its_own() {
        let (task, _) = parse(b"Name:\t  a \t\n");
        assert_eq!(task.comm, Some(Name::from("  a \t")));
        let (task, _) = parse(b"Name:\t\n");
        assert_eq!(task.comm, Some(Name::from("")));
    }

    #[test]
    fn a_later_status_does_not_erase_what_stat_said() {
        let mut task = Task { ppid: Some(Pid::new(9)), ..Task::unknown(Pid::new(1)) };
        status(b"PPid:\tx\n", &mut task, "status", &mut Vec::new());
        assert_eq!(task.ppid, Some(Pid::new(9)));
    }
}
