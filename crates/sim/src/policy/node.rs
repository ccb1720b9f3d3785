//! Which processors are on which node.

use std::collections::BTreeSet;

/// The node of a processor where so many are shared among these nodes: one behind the other, as many on each
/// as go round. That is how the lab builds its machines.
pub(crate) fn node_of_cpu(cpu: u32, cpus: u32, nodes: &[u32]) -> u32 {
    let many = u64::try_from(nodes.len()).unwrap_or(1);
    let at = u64::from(cpu) * many / u64::from(cpus.max(1));
    let at = usize::try_from(at).unwrap_or(0);
    nodes.get(at).or(nodes.last()).copied().unwrap_or(0)
}

/// How many processors a node has, of `cpus` in all.
pub(crate) fn cpus_of(node: u32, cpus: u32, nodes: &[u32]) -> u32 {
    let here = (0..cpus.max(1)).filter(|&cpu| node_of_cpu(cpu, cpus, nodes) == node);
    u32::try_from(here.count()).unwrap_or(u32::MAX)
}

/// Nodes that have processors.
pub(crate) fn nodes_with_cpus(cpus: u32, nodes: &[u32]) -> BTreeSet<u32> {
    (0..cpus.max(1)).map(|cpu| node_of_cpu(cpu, cpus, nodes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_shared_among_the_nodes() {
        assert_eq!(nodes_with_cpus(1, &[0, 1]), [0].into());
        assert_eq!(nodes_with_cpus(2, &[0, 1]), [0, 1].into());
        let all: Vec<u32> = (0..4).map(|cpu| node_of_cpu(cpu, 4, &[0, 1])).collect();
        assert_eq!(all, [0, 0, 1, 1]);
        assert_eq!(cpus_of(1, 3, &[0, 1]), 1);
        assert_eq!(node_of_cpu(3, 4, &[0]), 0);
    }
}
