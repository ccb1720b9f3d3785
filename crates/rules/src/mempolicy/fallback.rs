//! In which order nodes are asked.

use std::collections::BTreeMap;

/// What firmware says of the distance of a node from itself (`LOCAL_DISTANCE`),
pub const DISTANCE_HERE: u32 = 10;
/// and from any other, where it says nothing else (`REMOTE_DISTANCE`).
pub const DISTANCE_FAR: u32 = 20;

/// For each node the nodes with memory, nearest first: `find_next_best_node()` and `build_zonelists()`,
/// 2.6.10 on. Among nodes as far those above are asked before those below, those without processors
/// before those with, and each is the first of its distance about equally often.
///
/// Up to 4.13 a kernel could also order by zone and then by node (`numa_zonelist_order`); those of 64 bits
/// did not by themselves.
pub fn fallback_orders(
    nodes: &[u32],
    distance: impl Fn(u32, u32) -> u32,
    has_processors: impl Fn(u32) -> bool,
) -> BTreeMap<u32, Vec<u32>> {
    let mut load: BTreeMap<u32, u64> = BTreeMap::new();
    let mut orders = BTreeMap::new();
    for &local in nodes {
        let mut order = vec![local];
        let mut previous = local;
        while order.len() < nodes.len() {
            let left = nodes.iter().copied().filter(|node| !order.contains(node));
            let value = |node: &u32| {
                let far = u64::from(distance(local, *node))
                    + u64::from(*node < local)
                    + u64::from(has_processors(*node));
                (far, load.get(node).copied().unwrap_or(0))
            };
            let Some(best) = left.min_by_key(value) else { break };
            if distance(local, best) != distance(local, previous) {
                *load.entry(best).or_default() += 1;
            }
            order.push(best);
            previous = best;
        }
        orders.insert(local, order);
    }
    orders
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(nodes: &[u32], far: impl Fn(u32, u32) -> u32) -> Vec<Vec<u32>> {
        let distance = |a: u32, b: u32| if a == b { DISTANCE_HERE } else { far(a, b) };
        fallback_orders(nodes, distance, |_| true).into_values().collect()
    }

    #[test]
    fn each_node_of_equals_is_asked_first_by_another() {
        // As kernels with four such nodes say: "Fallback order for Node 0: 0 1 2 3" and so on.
        let all = orders(&[0, 1, 2, 3], |_, _| DISTANCE_FAR);
        assert_eq!(all, [[0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 0, 1], [3, 0, 1, 2]]);
    }

    #[test]
    fn the_nearest_comes_first() {
        let all = orders(&[0, 1, 2], |a, b| if a + b == 2 { 15 } else { 30 });
        assert_eq!(all[0], [0, 2, 1]);
        assert_eq!(all[2], [2, 0, 1]);
    }

    #[test]
    fn a_node_without_processors_comes_before_one_with() {
        let distance = |a: u32, b: u32| if a == b { 10 } else { 20 };
        let all = fallback_orders(&[0, 1, 2], distance, |node| node != 2);
        assert_eq!(all[&0], [0, 2, 1]);
    }
}
