//! The block of `machine`.

use units::{Bytes, PageSize};

use super::args::{self, Args};
use super::claims;
use crate::machine::{Arch, Cgroup, Layout, MachineSpec, Setting, Thp};
use crate::problem::Problem;
use crate::tree::{Node, Text};
use crate::words::{self, MACHINE, MachineWord};

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
        let many =
            matches!(entry.word, MachineWord::Swap | MachineWord::Sysctl | MachineWord::Cgroup);
        if !many && seen.contains(&entry.name) {
            problems.push(
                Problem::new(node.span, format!("`{}` is said already", entry.name))
                    .label("the second time"),
            );
        }
        seen.push(entry.name);
        let mut args = Args::new(node, entry);
        match word(entry.word, &mut args, &mut machine) {
            Ok(()) => args.finish(false, problems),
            Err(problem) => problems.push(problem),
        }
    }
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
        MachineWord::Swap => {
            let size = bytes(args)?;
            if size > Bytes::ZERO {
                machine.swap.push(size);
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
        MachineWord::Sysctl => {
            let name = args.need("its name")?;
            let value = args.need("its value")?;
            let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.');
            if !name.text.contains('.') || !name.text.bytes().all(plain) {
                return Err(Problem::new(
                    name.span,
                    format!("`{}` is no setting below /proc/sys", name.text),
                )
                .label("expected a dotted name such as `vm.overcommit_memory`"));
            }
            machine.sysctls.push(Setting {
                name: name.text.clone(),
                value: value.text.clone(),
                span: args.span(),
            });
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

fn cgroup(args: &mut Args<'_>, machine: &MachineSpec) -> Result<Cgroup, Problem> {
    let path = args.need("its path")?;
    let well = path.text.len() > 1
        && path.text.starts_with('/')
        && path.text.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."));
    if !well {
        return Err(Problem::new(path.span, format!("`{}` is no path of a cgroup", path.text))
            .label("expected a path such as \"/web\" or \"/web/worker\""));
    }
    if machine.cgroups.iter().any(|cgroup| cgroup.path == path.text) {
        return Err(Problem::new(path.span, format!("`{}` is there already", path.text))
            .label("the second time"));
    }
    let limit =
        |word: Option<&Text>| word.map(args::size).transpose().map(|size| size.map(Bytes::new));
    Ok(Cgroup {
        path: path.text.clone(),
        max: limit(args.prop("max"))?,
        high: limit(args.prop("high"))?,
        low: limit(args.prop("low"))?,
        min: limit(args.prop("min"))?,
        swap_max: limit(args.prop("swap-max"))?,
        oom_group: args.flag("oom-group"),
        span: args.span(),
    })
}

fn bytes(args: &mut Args<'_>) -> Result<Bytes, Problem> {
    args::size(args.need("its size")?).map(Bytes::new)
}
