//! `/sys/kernel/mm/ksm`.

use facts::Release;
use world::Errno;

use super::Ksm;

/// A file and the release that it came with.
const FILES: [(&str, Release); 19] = [
    ("full_scans", Release::old(2, 6, 32)),
    ("general_profit", Release::new(6, 4)),
    ("ksm_zero_pages", Release::new(6, 6)),
    ("max_page_sharing", Release::new(4, 13)),
    ("merge_across_nodes", Release::new(3, 9)),
    ("pages_scanned", Release::new(6, 7)),
    ("pages_shared", Release::old(2, 6, 32)),
    ("pages_sharing", Release::old(2, 6, 32)),
    ("pages_skipped", Release::new(6, 7)),
    ("pages_to_scan", Release::old(2, 6, 32)),
    ("pages_unshared", Release::old(2, 6, 32)),
    ("pages_volatile", Release::old(2, 6, 32)),
    ("run", Release::old(2, 6, 32)),
    ("sleep_millisecs", Release::old(2, 6, 32)),
    ("smart_scan", Release::new(6, 7)),
    ("stable_node_chains", Release::new(4, 13)),
    ("stable_node_chains_prune_millisecs", Release::new(4, 13)),
    ("stable_node_dups", Release::new(4, 13)),
    ("use_zero_pages", Release::new(4, 12)),
];

/// Bytes of a `struct ksm_rmap_item`.
const ITEM: i64 = 64;

impl Ksm {
    /// Names of the files that this release has.
    pub(crate) fn files(release: Release) -> impl Iterator<Item = &'static str> {
        FILES.iter().filter(move |(_, since)| release >= *since).map(|(name, _)| *name)
    }

    /// What a file says; `zero_pages`: how many pages of zeros were merged.
    pub(crate) fn read(&self, file: &str, zero_pages: u64) -> Option<String> {
        let controls = &self.controls;
        let known = self.shared + self.sharing + self.unshared;
        let number = match file {
            "run" => controls.run,
            "pages_to_scan" => controls.pages_to_scan,
            "sleep_millisecs" => controls.sleep_ms,
            "max_page_sharing" => controls.max_sharing,
            "use_zero_pages" => u64::from(controls.use_zero_pages),
            "smart_scan" => u64::from(controls.smart_scan),
            "merge_across_nodes" => u64::from(controls.merge_across_nodes),
            "stable_node_chains_prune_millisecs" => controls.prune_ms,
            "pages_shared" => self.shared,
            "pages_sharing" => self.sharing,
            "pages_unshared" => self.unshared,
            "pages_volatile" => self.items.saturating_sub(known),
            "pages_scanned" => self.scanned,
            "pages_skipped" => self.skipped,
            "full_scans" => self.scans,
            "ksm_zero_pages" => zero_pages,
            "stable_node_chains" => self.chains.len() as u64,
            "stable_node_dups" => {
                let of = |bytes| self.by_bytes.get(bytes).map_or(0, Vec::len);
                self.chains.iter().map(of).sum::<usize>() as u64
            }
            "general_profit" => {
                let saved = i64::try_from((self.sharing + zero_pages) * 4096).unwrap_or(i64::MAX);
                let cost = i64::try_from(self.items).unwrap_or(i64::MAX).saturating_mul(ITEM);
                return Some(format!("{}\n", saved - cost));
            }
            _ => return None,
        };
        Some(format!("{number}\n"))
    }

    /// A write of root's. `Ok(true)`: what is merged is to be undone.
    pub(crate) fn write(&mut self, file: &str, value: &str, now: u64) -> Result<bool, Errno> {
        let value = value.trim();
        let number = || value.parse::<u32>().map(u64::from).map_err(|_| Errno::EINVAL);
        let switch = || match value {
            "0" | "n" | "N" | "off" => Ok(false),
            "1" | "y" | "Y" | "on" => Ok(true),
            _ => Err(Errno::EINVAL),
        };
        let controls = &mut self.controls;
        match file {
            "run" => {
                let run = number()?;
                if run > 2 {
                    return Err(Errno::EINVAL);
                }
                let undo = run == 2 && controls.run != 2;
                controls.run = run;
                self.look(now);
                return Ok(undo);
            }
            "pages_to_scan" => controls.pages_to_scan = number()?,
            "sleep_millisecs" => {
                controls.sleep_ms = number()?;
                // It does not sleep on as long as it was going to.
                if self.wake.is_some() {
                    self.wake = Some(now);
                }
            }
            "use_zero_pages" if self.rules.zero_pages => controls.use_zero_pages = switch()?,
            "smart_scan" if self.rules.smart_scan => controls.smart_scan = switch()?,
            "stable_node_chains_prune_millisecs" if self.rules.limits_sharing => {
                controls.prune_ms = number()?;
            }
            "max_page_sharing" if self.rules.limits_sharing => {
                let most = number()?;
                if most < 2 {
                    return Err(Errno::EINVAL);
                }
                if most != controls.max_sharing && self.shared > 0 {
                    return Err(Errno::EBUSY);
                }
                controls.max_sharing = most;
            }
            "merge_across_nodes" => {
                let across = match number()? {
                    0 => false,
                    1 => true,
                    _ => return Err(Errno::EINVAL),
                };
                if across != controls.merge_across_nodes && self.shared > 0 {
                    return Err(Errno::EBUSY);
                }
                controls.merge_across_nodes = across;
            }
            _ if FILES.iter().any(|(name, _)| *name == file) => return Err(Errno::EACCES),
            _ => return Err(Errno::ENOENT),
        }
        Ok(false)
    }
}
