//! Values in the text of `/proc`, by the names that scenarios use.

use world::Observation;

use crate::words::{Field, FieldOf, MACHINE_FIELDS, MAPPING_FIELDS, PROCESS_FIELDS, Unit};

/// A line of `maps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping<'a> {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// `rw-p`.
    pub perms: &'a str,
    /// File or label; empty: none.
    pub name: &'a str,
}

/// The lines of `maps`, without the page of the kernel that is no mapping (`[vsyscall]`).
pub fn mappings(text: &[u8]) -> Vec<Mapping<'_>> {
    text.split(|&b| b == b'\n')
        .filter_map(|line| mapping(std::str::from_utf8(line).ok()?))
        .filter(|mapping| mapping.name != "[vsyscall]")
        .collect()
}

/// A line of `maps`, or the first one of a mapping in `smaps`.
fn mapping(line: &str) -> Option<Mapping<'_>> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let perms = rest.get(..4)?;
    // Offset, device and inode stand before the name.
    let mut name = rest.get(4..)?;
    for _ in 0..3 {
        name = name.trim_start().split_once(' ').map_or("", |(_, rest)| rest);
    }
    Some(Mapping {
        start: u64::from_str_radix(start, 16).ok()?,
        end: u64::from_str_radix(end, 16).ok()?,
        perms,
        name: name.trim(),
    })
}

/// The number behind `NAME:`, kB as bytes.
pub(super) fn keyed(text: &[u8], name: &str) -> Option<u64> {
    let text = String::from_utf8_lossy(text);
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key == name).then(|| amount(value)).flatten()
    })
}

fn amount(value: &str) -> Option<u64> {
    let mut words = value.split_whitespace();
    let number: u64 = words.next()?.parse().ok()?;
    match words.next() {
        Some("kB") => number.checked_mul(1024),
        _ => Some(number),
    }
}

/// A field of a process; `None` when this kernel does not report it.
pub fn of_process(observation: &Observation, name: &str) -> Option<u64> {
    let field = PROCESS_FIELDS.iter().find(|field| field.name == name)?;
    match field.of {
        FieldOf::Status => keyed(observation.status.as_ref()?, name),
        FieldOf::Rollup => keyed(observation.smaps_rollup.as_ref()?, name),
        FieldOf::Uss => {
            let text = observation.smaps_rollup.as_ref()?;
            keyed(text, "Private_Clean")?.checked_add(keyed(text, "Private_Dirty")?)
        }
        FieldOf::Stat(number) => {
            let text = String::from_utf8_lossy(observation.stat.as_ref()?).into_owned();
            // The name may hold brackets and spaces: what follows the last bracket is field 3.
            let (_, rest) = text.rsplit_once(')')?;
            rest.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
        }
        FieldOf::OomScore => {
            String::from_utf8_lossy(observation.oom_score.as_ref()?).trim().parse().ok()
        }
        FieldOf::MapsLines => u64::try_from(mappings(observation.maps.as_ref()?).len()).ok(),
        FieldOf::Smaps
        | FieldOf::NumaMaps
        | FieldOf::Meminfo
        | FieldOf::Vmstat
        | FieldOf::Program
        | FieldOf::Run => None,
    }
}

/// Whether the run itself knows this of every process, dead or alive.
pub(super) fn is_of_run(name: &str) -> bool {
    PROCESS_FIELDS.iter().any(|field| field.name == name && field.of == FieldOf::Run)
}

/// Whether a field of the machine is a line of `vmstat`.
pub(super) fn is_event(name: &str) -> bool {
    MACHINE_FIELDS.iter().any(|field| field.name == name && field.of == FieldOf::Vmstat)
}

/// A field of the machine; `None` when this kernel does not report it.
pub fn of_machine(observation: &Observation, name: &str) -> Option<u64> {
    let field = MACHINE_FIELDS.iter().find(|field| field.name == name)?;
    let file = |wanted: &str| {
        observation.machine.iter().find(|(path, _)| path == wanted).map(|(_, text)| text)
    };
    match field.of {
        FieldOf::Meminfo => keyed(file("meminfo")?, name),
        FieldOf::Vmstat => {
            let text = String::from_utf8_lossy(file("vmstat")?).into_owned();
            text.lines().find_map(|line| {
                let (key, value) = line.split_once(' ')?;
                (key == name).then(|| value.trim().parse().ok()).flatten()
            })
        }
        _ => None,
    }
}

/// A field of the mappings that touch a range, summed; `None` when this kernel does not report it.
pub fn of_range(observation: &Observation, name: &str, start: u64, end: u64) -> Option<u64> {
    let field = MAPPING_FIELDS.iter().find(|field| field.name == name)?;
    let touches = |mapping: &Mapping<'_>| mapping.start < end && mapping.end > start;
    if field.of == FieldOf::MapsLines {
        let lines = mappings(observation.maps.as_ref()?);
        return u64::try_from(lines.iter().filter(|mapping| touches(mapping)).count()).ok();
    }
    if field.of == FieldOf::NumaMaps {
        return on_node(observation, name, start, end);
    }
    let names: &[&str] =
        if field.of == FieldOf::Uss { &["Private_Clean", "Private_Dirty"] } else { &[name] };
    let text = String::from_utf8_lossy(observation.smaps.as_ref()?).into_owned();
    let mut sum = Some(0u64);
    let mut inside = false;
    let mut reported = true;
    for line in text.lines() {
        if let Some(mapping) = head(line) {
            reported &= !inside || sum.is_some();
            inside = touches(&mapping);
        } else if inside
            && let Some((key, value)) = line.split_once(':')
            && names.contains(&key)
        {
            sum = sum.and_then(|sum| sum.checked_add(amount(value)?));
        }
    }
    // A range without a mapping has none of anything; a kernel without the field has it nowhere.
    let known =
        text.lines().any(|line| line.split_once(':').is_some_and(|(k, _)| names.contains(&k)));
    let empty = !mappings(observation.maps.as_deref().unwrap_or_default()).iter().any(touches);
    if (known || empty) && reported { sum } else { None }
}

/// Bytes on a node (`N0`) of the mappings that touch a range, by `numa_maps`, whose lines begin as those of
/// `maps` do.
fn on_node(observation: &Observation, node: &str, start: u64, end: u64) -> Option<u64> {
    let text = String::from_utf8_lossy(observation.numa_maps.as_ref()?).into_owned();
    let touched: Vec<u64> = mappings(observation.maps.as_ref()?)
        .into_iter()
        .filter(|mapping| mapping.start < end && mapping.end > start)
        .map(|mapping| mapping.start)
        .collect();
    let mut sum = 0_u64;
    for line in text.lines() {
        let mut words = line.split(' ');
        let at = words.next().and_then(|word| u64::from_str_radix(word, 16).ok());
        if !at.is_some_and(|at| touched.contains(&at)) {
            continue;
        }
        let (mut pages, mut size) = (0_u64, 4_u64);
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            if key == node {
                pages = value.parse().ok()?;
            } else if key == "kernelpagesize_kB" {
                size = value.parse().ok()?;
            }
        }
        sum = sum.checked_add(pages.checked_mul(size)?.checked_mul(1024)?)?;
    }
    Some(sum)
}

/// The first line of a mapping in `smaps`: its keys never hold a `-` between digits.
fn head(line: &str) -> Option<Mapping<'_>> {
    let (first, _) = line.split_once(' ')?;
    if first.ends_with(':') { None } else { mapping(line) }
}

/// What a field counts, by its name.
pub fn unit(name: &str) -> Unit {
    let all = PROCESS_FIELDS.iter().chain(MAPPING_FIELDS).chain(MACHINE_FIELDS);
    all.into_iter().find(|field: &&Field| field.name == name).map_or(Unit::Count, |f| f.unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation() -> Observation {
        Observation {
            maps: Some(
                b"00400000-00401000 r-xp 00000000 08:01 12   /bin/a b\n\
                  7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n\
                  7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                  [stack]\n\
                  ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0          [vsyscall]\n"
                    .to_vec(),
            ),
            smaps: Some(
                b"00400000-00401000 r-xp 00000000 08:01 12   /bin/a b\nRss:   4 kB\n\
                  Private_Clean: 4 kB\nVmFlags: rd ex mr\n\
                  7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \nRss:   8 kB\n\
                  Private_Dirty: 8 kB\nVmFlags: rd wr\n"
                    .to_vec(),
            ),
            status: Some(b"Name:\ta\nVmRSS:\t     123 kB\n".to_vec()),
            stat: Some(b"1 (a) b) S 0 1 2 3 4 5 77 0 9 0\n".to_vec()),
            oom_score: Some(b"667\n".to_vec()),
            machine: vec![
                ("meminfo".to_owned(), b"MemFree:    10 kB\nHugePages_Total: 3\n".to_vec()),
                ("vmstat".to_owned(), b"pgfault 12\noom_kill 1\n".to_vec()),
            ],
            ..Observation::default()
        }
    }

    #[test]
    fn fields_are_found_by_name() {
        let seen = observation();
        assert_eq!(of_process(&seen, "VmRSS"), Some(123 << 10));
        assert_eq!(of_process(&seen, "minflt"), Some(77));
        assert_eq!(of_process(&seen, "majflt"), Some(9));
        assert_eq!(of_process(&seen, "oom_score"), Some(667));
        assert_eq!(of_process(&seen, "mappings"), Some(3));
        assert_eq!(of_machine(&seen, "MemFree"), Some(10 << 10));
        assert_eq!(of_machine(&seen, "HugePages_Total"), Some(3));
        assert_eq!(of_machine(&seen, "oom_kill"), Some(1));
    }

    #[test]
    fn what_is_not_reported_is_unknown_and_not_zero() {
        let seen = observation();
        assert_eq!(of_process(&seen, "VmSwap"), None);
        assert_eq!(of_process(&seen, "Pss"), None);
        assert_eq!(of_machine(&seen, "MemTotal"), None);
        assert_eq!(of_range(&seen, "KSM", 0, u64::MAX), None);
    }

    #[test]
    fn mappings_are_summed_where_the_range_touches_them() {
        let seen = observation();
        assert_eq!(of_range(&seen, "Rss", 0x40_0000, 0x40_0001), Some(4 << 10));
        assert_eq!(of_range(&seen, "Rss", 0, u64::MAX), Some(12 << 10));
        assert_eq!(of_range(&seen, "Rss", 0x1000, 0x2000), Some(0));
        assert_eq!(of_range(&seen, "Uss", 0, u64::MAX), Some(12 << 10));
        assert_eq!(of_range(&seen, "mappings", 0x7f00_0000_0000, 0x7f00_0000_0001), Some(1));
    }

    #[test]
    fn names_of_mappings_keep_their_spaces() {
        let seen = observation();
        let lines = mappings(seen.maps.as_ref().unwrap());
        let names: Vec<&str> = lines.iter().map(|line| line.name).collect();
        assert_eq!(names, ["/bin/a b", "", "[stack]"]);
    }
}
