//! Processes under their parents, with what each branch uses.

use std::collections::HashMap;

use facts::{Amounts, MemoryOf, ProcessUse, Survey};
use units::Pid;

use super::{Field, Sizes, UsageOptions, UsageRow, amounts, group, order};

/// A process in the making of the tree. Children are by their places in the list.
struct Node {
    children: Vec<usize>,
    /// What it and those below it use, as far as that could be read; `None` where nothing could.
    branch: Option<Amounts>,
    row: UsageRow,
    placed: bool,
}

/// Rows in the order of the tree: each followed by its children. Whose parent is not among the
/// processes is a root, and so is one of a circle of parents that a damaged capture may hold.
pub(super) fn rows(survey: &Survey, options: &UsageOptions) -> Vec<UsageRow> {
    let place: HashMap<Pid, usize> =
        survey.processes.iter().enumerate().map(|(place, p)| (p.pid, place)).collect();
    let mut nodes: Vec<Node> = survey.processes.iter().map(|p| node(p, survey)).collect();
    let mut roots = Vec::new();
    for (at, process) in survey.processes.iter().enumerate() {
        match process.ppid.and_then(|ppid| place.get(&ppid)) {
            Some(&parent) if parent != at => nodes[parent].children.push(at),
            _ => roots.push(at),
        }
    }
    let mut order = Vec::with_capacity(nodes.len());
    for root in roots {
        visit(&mut nodes, root, &mut order);
    }
    for at in 0..survey.processes.len() {
        if !nodes[at].placed {
            visit(&mut nodes, at, &mut order);
        }
    }
    // Parents stand before their children, so the other way round each branch is complete.
    for &(at, parent) in order.iter().rev() {
        let branch = nodes[at].branch;
        nodes[at].row.subtree = Some(branch.map_or_else(Sizes::default, |all| Sizes::from(&all)));
        let Some(parent) = parent else { continue };
        let unread = nodes[at].row.subtree_unread.clone();
        let above = &mut nodes[parent];
        above.branch = match (above.branch, branch) {
            (Some(a), Some(b)) => Some(a.plus(&b)),
            (a, b) => a.or(b),
        };
        above.row.subtree_unread = amounts::together(above.row.subtree_unread.take(), unread);
    }
    in_order(nodes, &order, options)
}

fn node(process: &ProcessUse, survey: &Survey) -> Node {
    let branch = match &process.memory {
        MemoryOf::Shares(shares) => Some(Amounts::from(&**shares)),
        MemoryOf::Twin(_) => Some(Amounts::ZERO),
        MemoryOf::Bounds(_) => None,
    };
    let mut row = group::row(process, survey);
    if let MemoryOf::Twin(of) = process.memory {
        row.twin_of = Some(of);
    }
    row.subtree_unread.clone_from(&row.unread);
    Node { children: Vec::new(), branch, row, placed: false }
}

/// Notes everything below `root` that has no place yet, with its parent.
fn visit(nodes: &mut [Node], root: usize, order: &mut Vec<(usize, Option<usize>)>) {
    let mut waiting = vec![(root, None)];
    while let Some((at, parent)) = waiting.pop() {
        if std::mem::replace(&mut nodes[at].placed, true) {
            continue;
        }
        order.push((at, parent));
        waiting.extend(nodes[at].children.iter().map(|&child| (child, Some(at))));
    }
}

/// The rows, siblings in the order asked for.
fn in_order(
    nodes: Vec<Node>,
    order: &[(usize, Option<usize>)],
    options: &UsageOptions,
) -> Vec<UsageRow> {
    let branch = UsageOptions {
        sort: if options.sort == Field::Memory { Field::Subtree } else { options.sort },
        ..options.clone()
    };
    let mut children: Vec<Vec<usize>> = nodes.iter().map(|_| Vec::new()).collect();
    let mut roots = Vec::new();
    for &(at, parent) in order {
        match parent {
            Some(parent) => children[parent].push(at),
            None => roots.push(at),
        }
    }
    let mut rows: Vec<Option<UsageRow>> = nodes.into_iter().map(|node| Some(node.row)).collect();
    let sort = |list: &mut Vec<usize>, rows: &[Option<UsageRow>]| {
        // The last is taken first.
        list.sort_by(|&a, &b| match (&rows[a], &rows[b]) {
            (Some(a), Some(b)) => order::compare(b, a, &branch),
            _ => std::cmp::Ordering::Equal,
        });
    };
    sort(&mut roots, &rows);
    for list in &mut children {
        sort(list, &rows);
    }
    let mut waiting: Vec<(usize, usize)> = roots.into_iter().map(|root| (root, 0)).collect();
    let mut out = Vec::with_capacity(rows.len());
    while let Some((at, depth)) = waiting.pop() {
        if let Some(row) = rows[at].take() {
            out.push(UsageRow { depth: Some(depth), ..row });
        }
        waiting.extend(children[at].drain(..).map(|child| (child, depth + 1)));
    }
    out
}
