//! From processes to rows.

use std::collections::{BTreeMap, HashMap};

use facts::{Amounts, MemoryOf, Name, ProcessUse, Survey};
use units::Pid;

use super::{Grouping, Sizes, Unit, UsageRow, amounts, unit_of};

/// A comm has at most this many bytes; longer names are cut.
const COMM: usize = 15;

impl UsageRow {
    /// A row of this name and nothing else.
    pub(super) fn named(name: Option<Name>) -> UsageRow {
        UsageRow {
            name,
            pid: None,
            parent: None,
            depth: None,
            uid: None,
            user: None,
            cgroup: None,
            unit: None,
            command: None,
            processes: 0,
            mappings: None,
            sizes: Sizes::default(),
            percent: None,
            subtree: None,
            subtree_unread: None,
            unread: None,
            twins: Vec::new(),
            twin_of: None,
        }
    }
}

/// The name of a process's program: its name, or the whole of it where the kernel cut it and the
/// command line begins with the same.
pub(super) fn program(process: &ProcessUse) -> Option<Name> {
    let comm = process.comm.as_ref();
    let whole = process.program.as_ref().filter(|program| {
        comm.is_some_and(|comm| {
            comm.as_bytes().len() == COMM && program.as_bytes().starts_with(comm.as_bytes())
        })
    });
    whole.or(comm).or(process.program.as_ref()).cloned()
}

/// One row of one process.
pub(super) fn row(process: &ProcessUse, survey: &Survey) -> UsageRow {
    let sizes = match &process.memory {
        MemoryOf::Shares(shares) => Sizes::from(&Amounts::from(&**shares)),
        MemoryOf::Twin(_) => Sizes::from(&Amounts::ZERO),
        MemoryOf::Bounds(_) => Sizes::default(),
    };
    UsageRow {
        pid: Some(process.pid),
        parent: process.ppid,
        uid: process.uid,
        user: process.uid.and_then(|uid| survey.machine.user(uid)).cloned(),
        cgroup: process.cgroup.clone(),
        unit: process.cgroup.as_ref().map(unit_of),
        command: process.command.clone(),
        processes: 1,
        sizes,
        unread: amounts::unread(std::iter::once(process)),
        ..UsageRow::named(program(process))
    }
}

/// One row a process.
pub(super) fn processes(survey: &Survey) -> Vec<UsageRow> {
    let mut twins: HashMap<Pid, Vec<Pid>> = HashMap::new();
    for process in &survey.processes {
        if let MemoryOf::Twin(of) = process.memory {
            twins.entry(of).or_default().push(process.pid);
        }
    }
    let own = survey.processes.iter().filter(|p| !matches!(p.memory, MemoryOf::Twin(_)));
    own.map(|process| {
        let twins = twins.remove(&process.pid).unwrap_or_default();
        UsageRow { processes: 1 + twins.len(), twins, ..row(process, survey) }
    })
    .collect()
}

/// Those whose share is unknown, the largest bound first.
pub(super) fn unreadable(survey: &Survey) -> Vec<UsageRow> {
    let unread = survey.processes.iter().filter(|p| matches!(p.memory, MemoryOf::Bounds(_)));
    let mut rows: Vec<UsageRow> = unread.map(|process| row(process, survey)).collect();
    rows.sort_by_key(|row| {
        std::cmp::Reverse(row.unread.as_ref().and_then(|unread| unread.at_most))
    });
    rows
}

/// What processes have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Name(Option<Name>),
    User(Option<u32>),
    Unit(Option<Unit>),
}

/// One row a group.
pub(super) fn groups(survey: &Survey, by: Grouping) -> Vec<UsageRow> {
    let key = |process: &ProcessUse| match by {
        Grouping::User => Key::User(process.uid),
        Grouping::Cgroup => Key::Name(process.cgroup.clone()),
        Grouping::Unit => Key::Unit(process.cgroup.as_ref().map(unit_of)),
        _ => Key::Name(program(process)),
    };
    let mut groups: BTreeMap<Key, Vec<&ProcessUse>> = BTreeMap::new();
    let mut key_of: HashMap<Pid, Key> = HashMap::new();
    let (twins, own): (Vec<_>, Vec<_>) =
        survey.processes.iter().partition(|p| matches!(p.memory, MemoryOf::Twin(_)));
    for process in own {
        let key = key(process);
        if !twins.is_empty() {
            key_of.insert(process.pid, key.clone());
        }
        groups.entry(key).or_default().push(process);
    }
    // A twin belongs where its memory is counted.
    for twin in twins {
        if let MemoryOf::Twin(of) = twin.memory
            && let Some(members) = key_of.get(&of).and_then(|key| groups.get_mut(key))
        {
            members.push(twin);
        }
    }
    groups.into_iter().map(|(key, members)| group(key, &members, survey)).collect()
}

fn group(key: Key, members: &[&ProcessUse], survey: &Survey) -> UsageRow {
    let mut sum = Amounts::ZERO;
    let mut read = false;
    for process in members {
        if let MemoryOf::Shares(shares) = &process.memory {
            sum.add(&Amounts::from(&**shares));
            read = true;
        }
    }
    let mut row = match key {
        Key::Name(name) => UsageRow::named(name),
        Key::User(uid) => {
            let user = uid.and_then(|uid| survey.machine.user(uid)).cloned();
            let name = user.clone().or_else(|| uid.map(|uid| Name::new(uid.to_string())));
            UsageRow { uid, user, ..UsageRow::named(name) }
        }
        Key::Unit(unit) => {
            let name = unit.as_ref().map(Unit::label);
            UsageRow { unit, ..UsageRow::named(name) }
        }
    };
    row.processes = members.len();
    row.sizes = if read { Sizes::from(&sum) } else { Sizes::default() };
    row.unread = amounts::unread(members.iter().copied());
    row
}

/// One row a name of mappings.
pub(super) fn mappings(survey: &Survey) -> Vec<UsageRow> {
    let mappings = survey.mappings.as_deref().unwrap_or_default();
    mappings
        .iter()
        .map(|mapping| {
            let anonymous = mapping.name.as_bytes().is_empty();
            let name = if anonymous { Name::from("[anon]") } else { mapping.name.clone() };
            UsageRow {
                processes: mapping.processes as usize,
                mappings: Some(mapping.mappings),
                sizes: Sizes::from(&mapping.amounts),
                ..UsageRow::named(Some(name))
            }
        })
        .collect()
}
