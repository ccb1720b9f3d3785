//! The block of `machine`.

use units::{Bytes, PageSize};

use super::args::{self, Args};
use super::claims;
use crate::machine::{
    Arch, Cgroup, Held, Layout, LowMemoryKiller, MachineSpec, Setting, Swap, Thp, ZoneSpec,
};
use crate::number::{Number, number};
use crate::problem::Problem;
use crate::tree::{Node, Text};
use crate::words::{self, MACHINE, MachineWord, SYSCTLS};

/// The machine that a block states.
pub(super) fn check(nodes: &[Node], problems: &mut Vec<Problem>) -> MachineSpec {
    let mut machine = MachineSpec::default();
    let mut seen: Vec<&str> = Vec::new();
    for node in nodes {
        let Some(entry) = words::find(MACHINE, &node.name.text) else {
            let problem =
                Problem::new(node.name.span, format!("a machine has no `{}`", node.name.text))
                    .label("not known in the block of `machine`");
            problems.push(problem.suggest(&node.name.text, words::names(MACHINE)));
            continue;
        };
        let many = matches!(
            entry.word,
            MachineWord::Swap
                | MachineWord::Zram
                | MachineWord::Node
                | MachineWord::Zone
                | MachineWord::Sysctl
                | MachineWord::Sys
                | MachineWord::Cgroup
        );
        if !many && seen.contains(&entry.name) {
            problems.push(
                Problem::new(node.span, format!("`{}` is said already", entry.name))
                    .label("the second time"),
            );
        }
        seen.push(entry.name);
        let mut args = Args::new(node, entry);
        let block = if entry.word == MachineWord::Cgroup { node.children.as_deref() } else { None };
        match word(entry.word, &mut args, &mut machine) {
            Ok(()) => args.finish(block.is_some(), problems),
            Err(problem) => problems.push(problem),
        }
        if let (Some(block), Some(cgroup)) = (block, machine.cgroups.last_mut()) {
            for node in block {
                match cgroup_line(node) {
                    Ok(line) => cgroup.files.push(line),
                    Err(problem) => problems.push(problem),
                }
            }
        }
    }
    if machine.nodes.is_empty() || machine.ram.is_some() {
        return machine;
    }
    machine.ram = Some(machine.nodes.iter().copied().sum());
    machine
}

fn word(word: MachineWord, args: &mut Args<'_>, machine: &mut MachineSpec) -> Result<(), Problem> {
    match word {
        MachineWord::Arch => {
            let name = args.need("its architecture")?;
            machine.arch = Some(args::one_of(name, Arch::NAMES, "architecture")?);
        }
        MachineWord::Ram => machine.ram = Some(bytes(args)?),
        MachineWord::MemTotal => machine.mem_total = Some(bytes(args)?),
        MachineWord::Node => machine.nodes.push(bytes(args)?),
        MachineWord::Profile => {
            let word = args.need("its name")?;
            machine.profile = Some(Setting {
                name: "profile".to_owned(),
                value: word.text.clone(),
                span: word.span,
            });
        }
        MachineWord::Zone => {
            let zone = zone(args)?;
            machine.zones.push(zone);
        }
        MachineWord::Held => machine.held = Some(held(args)?),
        MachineWord::Swap | MachineWord::Zram => {
            let size = bytes(args)?;
            let priority = args.prop("priority").map(|word| args::signed(word, -1, 32767));
            let priority = priority.transpose()?.and_then(|number| i16::try_from(number).ok());
            if size > Bytes::ZERO {
                machine.swap.push(Swap { size, priority, zram: word == MachineWord::Zram });
            }
        }
        MachineWord::Kernel => {
            machine.kernel = Some(super::release(args.need("its release")?)?);
        }
        MachineWord::Libc => {
            let word = args.need("its release")?;
            machine.libc = Some(Setting {
                name: "libc".to_owned(),
                value: word.text.clone(),
                span: word.span,
            });
        }
        MachineWord::Cpus => {
            let word = args.need("their number")?;
            let cpus = u32::try_from(args::signed(word, 1, 8192)?).unwrap_or(1);
            machine.cpus = Some(cpus);
        }
        MachineWord::PageSize => {
            let word = args.need("its size")?;
            let size = PageSize::new(args::size(word)?).ok_or_else(|| {
                Problem::new(word.span, format!("pages are never {} large", word.text))
                    .label("a power of two from 1 KiB to 1 MiB")
            })?;
            machine.page = Some(size);
        }
        MachineWord::Thp => {
            let word = args.need("when")?;
            machine.thp = Some(args::one_of(word, Thp::NAMES, "such mode")?);
        }
        MachineWord::RandomLayout => machine.random_layout = true,
        MachineWord::Sysctl => machine.sysctls.push(sysctl(args)?),
        MachineWord::Sys => machine.sys.push(sys(args)?),
        MachineWord::Ksm => {
            let pages = args.prop("pages-to-scan").map(args::whole).transpose()?;
            let sleep = args.prop("sleep").map(args::time).transpose()?;
            let mut set = |file: &str, value: u64| {
                machine.sys.push(Setting {
                    name: format!("kernel/mm/ksm/{file}"),
                    value: value.to_string(),
                    span: args.span(),
                });
            };
            set("pages_to_scan", pages.unwrap_or(100));
            set("sleep_millisecs", sleep.unwrap_or(20_000_000) / 1_000_000);
            set("run", 1);
        }
        MachineWord::LowMemoryKiller => machine.policy = Some(low_memory_killer(args)?),
        MachineWord::CgroupVersion => {
            let word = args.need("which")?;
            machine.cgroup_version = u8::try_from(args::signed(word, 1, 2)?).ok();
        }
        MachineWord::Layout => machine.layout = Some(layout(args)?),
        MachineWord::Cgroup => {
            let cgroup = cgroup(args, machine)?;
            machine.cgroups.push(cgroup);
        }
    }
    Ok(())
}

/// Lines of `/proc/PID/maps`. What follows the permissions is for the model to read.
fn layout(args: &mut Args<'_>) -> Result<Layout, Problem> {
    let word = args.need("its lines")?;
    let mut end = 0;
    for line in word.text.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let mut part =
            || Text { text: words.next().unwrap_or("").to_owned(), span: word.span, quoted: true };
        let first = part();
        if first.text.ends_with(':') {
            continue;
        }
        let wrong = |problem: Problem| problem.help(format!("the line is `{}`", line.trim()));
        let range = claims::address_range(&first).map_err(wrong)?;
        claims::check_perms(&part()).map_err(wrong)?;
        if range.0 < end {
            return Err(wrong(
                Problem::new(word.span, "the lines of a layout rise and do not overlap")
                    .label("one starts before the end of the one above it"),
            ));
        }
        end = range.1;
    }
    if end == 0 {
        return Err(Problem::new(word.span, "this layout has no lines").label("nothing is mapped"));
    }
    Ok(Layout { text: word.text.clone(), span: word.span })
}

/// A setting below `/proc/sys`, by a name that is known.
pub(super) fn sysctl(args: &mut Args<'_>) -> Result<Setting, Problem> {
    let name = args.need("its name")?;
    let value = args.need("its value")?;
    if !SYSCTLS.iter().any(|setting| setting.name == name.text) {
        return Err(Problem::new(name.span, format!("there is no setting `{}`", name.text))
            .label("expected a name below /proc/sys with dots, such as `vm.overcommit_memory`")
            .suggest(&name.text, SYSCTLS.iter().map(|setting| setting.name)));
    }
    // `vm.lowmem_reserve_ratio` has several numbers.
    let number = |text: &str| text.strip_prefix('-').unwrap_or(text).parse::<u64>().is_ok();
    let plain = value.text.replace('_', "");
    if plain.is_empty() || !plain.split_whitespace().all(number) {
        return Err(Problem::new(
            value.span,
            format!("`{}` takes a number, not `{}`", name.text, value.text),
        )
        .label("no number"));
    }
    Ok(Setting { name: name.text.clone(), value: plain, span: args.span() })
}

/// A file below `/sys`.
pub(super) fn sys(args: &mut Args<'_>) -> Result<Setting, Problem> {
    let path = args.need("its path")?;
    let value = args.need("its value")?;
    let well = path.text.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !well || path.text.starts_with("sys/") {
        return Err(Problem::new(path.span, format!("`{}` is no file below /sys", path.text))
            .label("expected a path such as \"kernel/mm/ksm/run\""));
    }
    Ok(Setting { name: path.text.clone(), value: value.text.clone(), span: args.span() })
}

/// Pages: as a plain number, or as a size.
fn pages(word: &Text) -> Result<u64, Problem> {
    let page = PageSize::KIB_4.bytes();
    let plain = word.text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    match number(&word.text) {
        Ok(Number::Plain(count)) if plain => Ok(count),
        Ok(Number::Plain(bytes)) if bytes % page == 0 => Ok(bytes / page),
        Ok(Number::Pages(count)) => Ok(count),
        Ok(Number::Plain(_)) => {
            Err(Problem::new(word.span, format!("`{}` is no whole number of pages", word.text))
                .label("pages of 4 KiB"))
        }
        Err(message) => Err(Problem::new(word.span, message).label("no size")),
    }
}

const ZONES: &[(&str, ())] =
    &[("DMA", ()), ("DMA32", ()), ("Normal", ()), ("HighMem", ()), ("Movable", ())];

fn zone(args: &mut Args<'_>) -> Result<ZoneSpec, Problem> {
    let name = args.need("its name")?;
    args::one_of(name, ZONES, "zone")?;
    let node = args.prop("node").map_or(Ok(0), |word| args::signed(word, 0, 1023))?;
    let managed = args.prop("managed").ok_or_else(|| {
        Problem::new(args.span(), "`zone` lacks `managed=`")
            .label("how much of it does the allocator manage?")
    })?;
    Ok(ZoneSpec {
        name: name.text.clone(),
        node: u32::try_from(node).unwrap_or(0),
        spanned: args.prop("spanned").map(pages).transpose()?,
        present: args.prop("present").map(pages).transpose()?,
        managed_at_init: args.prop("managed-at-init").map(pages).transpose()?,
        managed: pages(managed)?,
        free: args.prop("free").map(pages).transpose()?,
        pcp: args.prop("pcp").map(pages).transpose()?,
        span: args.span(),
    })
}

fn held(args: &mut Args<'_>) -> Result<Held, Problem> {
    let mut amount =
        |name| args.prop(name).map(|word| args::size(word).map(Bytes::new)).transpose();
    Ok(Held {
        slab_reclaimable: amount("slab-reclaimable")?,
        slab_unreclaimable: amount("slab-unreclaimable")?,
        kernel_stack: amount("kernel-stack")?,
        page_tables: amount("page-tables")?,
        anon: amount("anon")?,
        file: amount("file")?,
        unevictable: amount("unevictable")?,
        committed: amount("committed")?,
        per_process: amount("per-process")?,
    })
}

fn low_memory_killer(args: &mut Args<'_>) -> Result<LowMemoryKiller, Problem> {
    let minfree = args.prop("minfree").ok_or_else(|| {
        Problem::new(args.span(), "`lowmemorykiller` lacks `minfree=`")
            .label("below how many pages does it kill?")
    })?;
    let part = |word: &Text, text: &str| Text { text: text.to_owned(), ..word.clone() };
    let each = |text: &str| pages(&part(minfree, text));
    let levels = minfree.text.split(',').map(each).collect::<Result<Vec<u64>, Problem>>()?;
    let adj = match args.prop("adj") {
        None => Vec::new(),
        Some(word) => {
            let each = |text: &str| {
                args::signed(&part(word, text), -1000, 1000)
                    .map(|adj| i32::try_from(adj).unwrap_or(0))
            };
            let adj = word.text.split(',').map(each).collect::<Result<Vec<i32>, Problem>>()?;
            if adj.len() != levels.len() {
                return Err(Problem::new(
                    word.span,
                    format!("{} adjustments for {} levels", adj.len(), levels.len()),
                )
                .label("expected one for each number of `minfree=`"));
            }
            adj
        }
    };
    Ok(LowMemoryKiller { minfree: levels, adj, span: args.span() })
}

/// Refuses what is no path of a cgroup.
pub(super) fn cgroup_path(path: &Text) -> Result<(), Problem> {
    let well = path.text.len() > 1
        && path.text.starts_with('/')
        && path.text.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."));
    if well {
        return Ok(());
    }
    Err(Problem::new(path.span, format!("`{}` is no path of a cgroup", path.text))
        .label("expected a path such as \"/web\" or \"/web/worker\""))
}

fn cgroup(args: &mut Args<'_>, machine: &MachineSpec) -> Result<Cgroup, Problem> {
    let path = args.need("its path")?;
    cgroup_path(path)?;
    if machine.cgroups.iter().any(|cgroup| cgroup.path == path.text) {
        return Err(Problem::new(path.span, format!("`{}` is there already", path.text))
            .label("the second time"));
    }
    let mut files = Vec::new();
    for (option, file) in [
        ("min", "memory.min"),
        ("low", "memory.low"),
        ("high", "memory.high"),
        ("max", "memory.max"),
        ("swap-max", "memory.swap.max"),
        ("limit", "memory.limit_in_bytes"),
        ("memsw-limit", "memory.memsw.limit_in_bytes"),
        ("soft-limit", "memory.soft_limit_in_bytes"),
    ] {
        if let Some(word) = args.prop(option) {
            files.push((file.to_owned(), cgroup_value(word)?));
        }
    }
    if args.flag("oom-group") {
        files.push(("memory.oom.group".to_owned(), "1".to_owned()));
    }
    Ok(Cgroup { path: path.text.clone(), files, span: args.span() })
}

/// What is written to a file of a cgroup: a size as bytes, anything else as it is.
pub(super) fn cgroup_value(word: &Text) -> Result<String, Problem> {
    if word.text.starts_with(|c: char| c.is_ascii_digit())
        && !word.quoted
        && word.text.bytes().any(|b| b.is_ascii_alphabetic())
    {
        return args::size(word).map(|bytes| bytes.to_string());
    }
    Ok(word.text.replace('_', ""))
}

/// The name of a file in a cgroup.
pub(super) fn cgroup_file(word: &Text) -> Result<(), Problem> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.');
    if word.text.contains('.') && word.text.bytes().all(plain) {
        return Ok(());
    }
    Err(Problem::new(word.span, format!("`{}` is no file of a cgroup", word.text))
        .label("expected one such as `memory.max` or `memory.oom.group`"))
}

/// `memory.swap.high 1MiB` in the block of a cgroup.
fn cgroup_line(node: &Node) -> Result<(String, String), Problem> {
    cgroup_file(&node.name)?;
    match (node.args.as_slice(), node.props.first(), &node.children) {
        ([value], None, None) => Ok((node.name.text.clone(), cgroup_value(value)?)),
        _ => Err(Problem::new(node.span, "a file of a cgroup takes one value")
            .label("written `memory.max 64MiB`")),
    }
}

fn bytes(args: &mut Args<'_>) -> Result<Bytes, Problem> {
    args::size(args.need("its size")?).map(Bytes::new)
}
