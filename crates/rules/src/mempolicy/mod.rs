//! Memory policies: which nodes memory comes from, and what the kernel refuses.
//!
//! # What it follows
//! `mm/mempolicy.c`: `sanitize_mpol_flags()`, `get_nodes()`, `mpol_new()`, `mpol_set_nodemask()`,
//! `mpol_rebind_policy()`, `interleave_nid()`, `weighted_interleave_nid()`, `mempolicy_in_oom_domain()`
//! and `mpol_to_str()`, 6.1 and 6.12; `find_next_best_node()` in `mm/page_alloc.c`.
//!
//! # What it leaves out
//! Nodes above 63. Up to 2.6.25 a node that is not there was refused by itself; here, as since, only a
//! mask of which nothing is left. `set_mempolicy_home_node(2)`, and moving pages to where they are used
//! (`MPOL_F_NUMA_BALANCING` is stored and has no effect).

mod fallback;

use std::fmt;

use facts::Release;

pub use fallback::{DISTANCE_FAR, DISTANCE_HERE, fallback_orders};

/// Nodes, one bit each.
pub type NodeMask = u64;

/// `MPOL_F_STATIC_NODES` (2.6.26).
const STATIC: u32 = 0x8000;
/// `MPOL_F_RELATIVE_NODES` (2.6.26).
const RELATIVE: u32 = 0x4000;
/// `MPOL_F_NUMA_BALANCING` (5.12).
const BALANCING: u32 = 0x2000;

/// What a policy does. That of who has none is [`Mode::Local`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// From this node first, and then from wherever there is memory.
    Preferred,
    /// From these nodes alone.
    Bind,
    /// From these nodes in turn.
    Interleave,
    /// From the node of the processor first (as a mode of its own since 3.8).
    Local,
    /// From these nodes first, and then from wherever there is memory (5.15).
    PreferredMany,
    /// From these nodes in turn, from some more often than from others (6.9).
    WeightedInterleave,
}

impl Mode {
    /// Whether it takes nodes in turn.
    pub const fn takes_turns(self) -> bool {
        matches!(self, Mode::Interleave | Mode::WeightedInterleave)
    }
}

/// A policy: `struct mempolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mempolicy {
    /// What it does.
    pub mode: Mode,
    /// Its nodes; none of [`Mode::Local`].
    pub nodes: NodeMask,
    /// Its flags, and with those that say what becomes of it when a cpuset changes, the nodes that were
    /// asked for.
    flags: u32,
    asked: NodeMask,
}

/// The arguments of a call are refused with `EINVAL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invalid;

/// A mode and its flags as a call has them, which the release knows (`sanitize_mpol_flags()`); `None`:
/// `MPOL_DEFAULT`.
fn sane(release: Release, mode: u32) -> Result<(Option<Mode>, u32), Invalid> {
    let since = |major, minor| release >= Release::new(major, minor);
    let mut known = 0;
    if release >= Release::old(2, 6, 26) {
        known |= STATIC | RELATIVE;
    }
    if since(5, 12) {
        known |= BALANCING;
    }
    let (flags, number) = (mode & known, mode & !known);
    let found = match number {
        0 => None,
        1 => Some(Mode::Preferred),
        2 => Some(Mode::Bind),
        3 => Some(Mode::Interleave),
        4 if since(3, 8) => Some(Mode::Local),
        5 if since(5, 15) => Some(Mode::PreferredMany),
        6 if since(6, 9) => Some(Mode::WeightedInterleave),
        _ => return Err(Invalid),
    };
    let balances = match found {
        Some(Mode::Bind) => true,
        Some(Mode::PreferredMany) => since(6, 9),
        _ => false,
    };
    if flags & (STATIC | RELATIVE) == STATIC | RELATIVE || flags & BALANCING != 0 && !balances {
        return Err(Invalid);
    }
    Ok((found, flags))
}

/// The nodes of the first word of a mask of which `max_node` says how much counts (`get_nodes()`: one bit
/// less).
///
/// # Errors
/// It would be longer than a page.
pub fn nodes_of(word: u64, max_node: u64) -> Result<NodeMask, Invalid> {
    let bits = max_node.wrapping_sub(1);
    match bits {
        0 => Ok(0),
        1..64 => Ok(word & ((1 << bits) - 1)),
        64..=32_768 => Ok(word),
        _ if word == 0 && max_node == 0 => Ok(0),
        _ => Err(Invalid),
    }
}

/// A mode and nodes that are not refused as such: what is left to know is which nodes may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    mode: Option<Mode>,
    flags: u32,
    /// The nodes that were asked for.
    pub nodes: NodeMask,
}

impl Request {
    /// What a call asks for.
    ///
    /// # Errors
    /// The release does not know the mode or its flags, or the mask is too long.
    pub fn new(release: Release, mode: u32, nodes: u64, max_node: u64) -> Result<Request, Invalid> {
        let (mode, flags) = sane(release, mode)?;
        Ok(Request { mode, flags, nodes: nodes_of(nodes, max_node)? })
    }

    /// Whether it takes a policy away (`MPOL_DEFAULT`).
    pub fn is_default(&self) -> bool {
        self.mode.is_none()
    }

    /// The policy of one who may use these nodes, all of which have memory (`mpol_new()`,
    /// `mpol_set_nodemask()`); `None`: none of its own.
    ///
    /// # Errors
    /// No node is left, or there are nodes where there must be none.
    pub fn policy(&self, allowed: NodeMask) -> Result<Option<Mempolicy>, Invalid> {
        let Request { mode, flags, nodes } = *self;
        let Some(mode) = mode else { return if nodes == 0 { Ok(None) } else { Err(Invalid) } };
        let keeps = flags & (STATIC | RELATIVE) != 0;
        let local = mode == Mode::Local || (mode == Mode::Preferred && nodes == 0);
        if local {
            if nodes != 0 || keeps {
                return Err(Invalid);
            }
            return Ok(Some(Mempolicy { mode: Mode::Local, nodes, flags, asked: 0 }));
        }
        let usable = if flags & RELATIVE != 0 { onto(nodes, allowed) } else { nodes & allowed };
        if nodes == 0 || usable == 0 {
            return Err(Invalid);
        }
        let asked = if flags == 0 { 0 } else { nodes };
        let nodes = if mode == Mode::Preferred { lowest(usable) } else { usable };
        Ok(Some(Mempolicy { mode, nodes, flags, asked }))
    }
}

impl Mempolicy {
    /// The nodes that alone may serve a request, of one who may use `allowed` (`policy_nodemask()`).
    pub fn binds_to(&self, allowed: NodeMask) -> Option<NodeMask> {
        let binds = self.mode == Mode::Bind && self.nodes & allowed != 0;
        binds.then_some(self.nodes)
    }

    /// Which node's turn the `index`th page is, of nodes with these weights; `None` of a policy without
    /// turns.
    pub fn turn(&self, index: u64, weight: impl Fn(u32) -> u8) -> Option<u32> {
        let weigh = |node: u32| match self.mode {
            Mode::WeightedInterleave => u64::from(weight(node).max(1)),
            _ => 1,
        };
        if !self.mode.takes_turns() {
            return None;
        }
        let total: u64 = members(self.nodes).map(weigh).sum();
        let mut target = index.checked_rem(total)?;
        for node in members(self.nodes) {
            let its = weigh(node);
            if target < its {
                return Some(node);
            }
            target -= its;
        }
        None
    }

    /// The node after this one, in a circle.
    pub fn next_after(&self, node: Option<u32>) -> Option<u32> {
        let above = members(self.nodes).find(|&next| node.is_some_and(|node| next > node));
        above.or_else(|| members(self.nodes).next())
    }

    /// The nodes that may be used are others now (`mpol_rebind_policy()`).
    pub fn rebind(&mut self, before: NodeMask, now: NodeMask) {
        if matches!(self.mode, Mode::Local | Mode::Preferred | Mode::PreferredMany) {
            return;
        }
        let nodes = if self.flags & STATIC != 0 {
            self.asked & now
        } else if self.flags & RELATIVE != 0 {
            onto(self.asked, now)
        } else if before == now {
            return;
        } else {
            remap(self.nodes, before, now)
        };
        self.nodes = if nodes == 0 { now } else { nodes };
    }

    /// Whether a process with this policy may have memory on these nodes: only those that are bound
    /// elsewhere have none; up to 5.14 those that take turns elsewhere as well.
    pub fn reaches(&self, release: Release, nodes: NodeMask) -> bool {
        let bound = match self.mode {
            Mode::Bind => true,
            Mode::Interleave => release < Release::new(5, 15),
            _ => false,
        };
        !bound || self.nodes & nodes != 0
    }
}

/// As `/proc/PID/numa_maps` names it (`mpol_to_str()`).
impl fmt::Display for Mempolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.mode {
            Mode::Preferred => "prefer",
            Mode::Bind => "bind",
            Mode::Interleave => "interleave",
            Mode::Local => "local",
            Mode::PreferredMany => "prefer (many)",
            Mode::WeightedInterleave => "weighted interleave",
        })?;
        if self.flags != 0 {
            let both = self.flags & BALANCING != 0 && self.flags != BALANCING;
            let words = [(STATIC, "static"), (RELATIVE, "relative"), (BALANCING, "balancing")];
            f.write_str("=")?;
            for (bit, word) in words.into_iter().filter(|(bit, _)| self.flags & bit != 0) {
                f.write_str(if bit == BALANCING && both { "|" } else { "" })?;
                f.write_str(word)?;
            }
        }
        if self.nodes == 0 { Ok(()) } else { write!(f, ":{}", list(self.nodes)) }
    }
}

/// The numbers of nodes.
pub fn members(nodes: NodeMask) -> impl Iterator<Item = u32> {
    (0..NodeMask::BITS).filter(move |node| nodes >> node & 1 == 1)
}

/// `%*pbl`: `0-1,3`.
pub fn list(nodes: NodeMask) -> String {
    let mut parts = Vec::new();
    let mut node = 0;
    while node < NodeMask::BITS {
        let run = (nodes >> node).trailing_ones();
        match run {
            0 => {}
            1 => parts.push(node.to_string()),
            _ => parts.push(format!("{node}-{}", node + run - 1)),
        }
        node += run.max(1);
    }
    parts.join(",")
}

/// `0-1,3` as nodes.
pub fn parse(text: &str) -> Option<NodeMask> {
    let mut mask = 0;
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let [first, last] = [first, last].map(|number| number.trim().parse::<u32>().ok());
        let (first, last) = (first?, last?);
        if last >= NodeMask::BITS {
            return None;
        }
        mask |= (first..=last).fold(0, |mask, node| mask | 1 << node);
    }
    Some(mask)
}

fn lowest(nodes: NodeMask) -> NodeMask {
    nodes & nodes.wrapping_neg()
}

/// The `n`th node of a mask.
fn nth(nodes: NodeMask, n: u32) -> NodeMask {
    let mut all = members(nodes);
    usize::try_from(n).ok().and_then(|n| all.nth(n)).map_or(0, |node| 1 << node)
}

/// `mpol_relative_nodemask()`: node `n` is the `n`th of those allowed, in a circle.
fn onto(nodes: NodeMask, allowed: NodeMask) -> NodeMask {
    let many = allowed.count_ones();
    if many == 0 {
        return 0;
    }
    members(nodes).fold(0, |mask, node| mask | nth(allowed, node % many))
}

/// `nodes_remap()`: the `n`th node of those before is the `n`th of those now, in a circle; others stay.
fn remap(nodes: NodeMask, before: NodeMask, now: NodeMask) -> NodeMask {
    let many = now.count_ones();
    let place = |node: u32| (before & ((1 << node) - 1)).count_ones();
    members(nodes).fold(0, |mask, node| {
        let stays = before >> node & 1 == 0 || many == 0;
        mask | if stays { 1 << node } else { nth(now, place(node) % many) }
    })
}

#[cfg(test)]
mod tests;
