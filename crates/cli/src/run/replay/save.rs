//! What is saved of a machine that a log of calls was played on.

use sim::TreeFile;

/// What a log of calls tells of: mappings, and no page that was touched, no RAM, no swap.
pub(super) fn known((path, text): TreeFile) -> Option<TreeFile> {
    let file = path.rsplit('/').next().unwrap_or(&path);
    let text = match file {
        "version" | "cmdline" | "manifest" => text,
        // Up to the size of the address space: what is resident follows.
        "stat" => {
            let text = String::from_utf8_lossy(&text);
            let cut = text.split_inclusive(' ').take(23).collect::<String>();
            format!("{}\n", cut.trim_end()).into_bytes()
        }
        // Mappings without sizes.
        "maps" => return Some((path.replace("/maps", "/smaps"), text)),
        "status" => {
            let text = String::from_utf8_lossy(&text);
            let pages = ["VmHWM:", "VmRSS:", "Rss", "VmPTE:", "VmSwap:"];
            let known = |line: &&str| !pages.iter().any(|label| line.starts_with(label));
            text.lines().filter(known).fold(Vec::new(), |mut out, line| {
                out.extend_from_slice(line.as_bytes());
                out.push(b'\n');
                out
            })
        }
        _ => return None,
    };
    Some((path, text))
}
