//! What the kernel's log of its boot tells about memory.

use facts::{BootLog, BootTable, TablePlace};
use units::{Bytes, PageSize};

use crate::line::{decimal, kept, lines, words};

/// Tables that `alloc_large_system_hash()` takes before the page allocator runs (`HASH_EARLY`).
const EARLY: [&[u8]; 4] = [b"Dentry cache", b"Inode-cache", b"PID", b"PV qspinlock"];

/// Hash tables (`alloc_large_system_hash()`), ftrace's records, pools for DMA and the first chunk of per-cpu data,
/// from the kernel's log in any of its forms: `dmesg`, a file of it, `/dev/kmsg`.
///
/// The log is words for people: a line that is not understood is no problem, it names no table.
pub fn boot_log(text: &[u8], page_size: PageSize) -> BootLog {
    let mut log = BootLog::default();
    let (mut cpus, mut chunk) = (None, None);
    for (_, line) in lines(text) {
        let line = message(line);
        if let Some(table) = hash_table(line) {
            // A log may hold a line twice; two tables of one name do not exist.
            if log.tables.iter().all(|known| known.name != table.name) {
                log.tables.push(table);
            }
        } else if let Some(rest) = line.strip_prefix(b"ftrace: allocated ") {
            let pages = words(rest).next().and_then(decimal);
            let bytes = pages.and_then(|pages| pages.checked_mul(page_size.bytes()));
            log.tables.extend(bytes.map(|bytes| BootTable {
                name: "ftrace".into(),
                bytes: Bytes::new(bytes),
                place: TablePlace::Pages,
            }));
        } else if let Some(pool) = dma_pool(line) {
            if log.tables.iter().all(|known| known.name != pool.name) {
                log.tables.push(pool);
            }
        } else if let Some(rest) = line.strip_prefix(b"percpu: Embedded ") {
            chunk = words(rest).next().and_then(decimal);
        } else if let Some(rest) = after(line, b"nr_cpu_ids:") {
            cpus = cpus.or(words(rest).next().and_then(decimal));
        }
    }
    log.percpu_first_chunk = chunk
        .zip(cpus)
        .and_then(|(pages, cpus)| pages.checked_mul(cpus)?.checked_mul(page_size.bytes()))
        .map(Bytes::new);
    log
}

/// Whether [`boot_log`] would look at a line.
pub fn is_about_boot(line: &[u8]) -> bool {
    [MIDDLE, DMA, b"ftrace: allocated ", b"percpu: Embedded ", b"nr_cpu_ids:"]
        .iter()
        .any(|words| after(line, words).is_some())
}

/// How a pool of pages for DMA without sleep is announced.
const DMA: &[u8] = b"DMA: preallocated ";
/// What stands between a hash table's name and its size.
const MIDDLE: &[u8] = b" hash table entries: ";

/// A line without its time stamp: `[    0.139746] …`, or `6,123,139746,-;…`.
fn message(line: &[u8]) -> &[u8] {
    if line.starts_with(b"[") {
        return after(line, b"] ").unwrap_or(line);
    }
    match line.iter().position(|&b| b == b';') {
        Some(at) if line[..at].iter().all(|&b| b.is_ascii_digit() || b",-c".contains(&b)) => {
            &line[at + 1..]
        }
        _ => line,
    }
}

/// `Dentry cache hash table entries: 4194304 (order: 13, 33554432 bytes, linear)`; without the last
/// word before 5.3, and for futexes `(32768 bytes on 2 NUMA nodes, …)`.
fn hash_table(line: &[u8]) -> Option<BootTable> {
    let at = line.windows(MIDDLE.len()).position(|w| w == MIDDLE)?;
    let (name, rest) = (&line[..at], &line[at + MIDDLE.len()..]);
    let all: Vec<&[u8]> = words(rest).collect();
    let unit = all.iter().position(|word| word.starts_with(b"bytes"))?;
    let number = all.get(unit.checked_sub(1)?)?;
    let mut bytes = decimal(number.strip_prefix(b"(").unwrap_or(number))?;
    if all.get(unit + 1) == Some(&&b"on"[..]) {
        bytes = bytes.checked_mul(decimal(all.get(unit + 2)?)?)?;
    }
    let vmalloc = all.iter().any(|word| word.starts_with(b"vmalloc"));
    let place = match () {
        () if vmalloc => TablePlace::Vmalloc,
        () if EARLY.contains(&name) => TablePlace::Early,
        () => TablePlace::Pages,
    };
    Some(BootTable { name: kept_words(name), bytes: Bytes::new(bytes), place })
}

/// `DMA: preallocated 128 KiB GFP_KERNEL pool for atomic allocations` (`dma_atomic_pool_init()`,
/// 5.8; one pool without a zone before that, on arm64). Taken from the page allocator.
fn dma_pool(line: &[u8]) -> Option<BootTable> {
    let mut rest = words(line.strip_prefix(DMA)?);
    let kib = rest.next().and_then(decimal)?;
    rest.next().filter(|&unit| unit == b"KiB")?;
    let zone = rest.next()?;
    let name = match zone {
        b"pool" => "DMA pool".into(),
        zone => format!("DMA pool {}", kept(zone)).into(),
    };
    Some(BootTable { name, bytes: Bytes::from_kib(kib)?, place: TablePlace::Pages })
}

/// A name of several words.
fn kept_words(name: &[u8]) -> Box<str> {
    words(name).map(|word| kept(word).into_string()).collect::<Vec<_>>().join(" ").into()
}

fn after<'a>(line: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let at = line.windows(word.len()).position(|w| w == word)?;
    line.get(at + word.len()..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_told_by_place() {
        let log = boot_log(
            b"[    0.000000] setup_percpu: NR_CPUS:64 nr_cpumask_bits:2 nr_cpu_ids:2 nr_node_ids:1\n\
              [    0.092185] percpu: Embedded 53 pages/cpu s185496 r0 d31592 u1048576\n\
              [    0.139746] Dentry cache hash table entries: 4194304 (order: 13, 33554432 bytes, linear)\n\
              6,88,203010,-;ftrace: allocated 200 pages with 3 groups\n\
              [    0.222896] futex hash table entries: 512 (32768 bytes on 2 NUMA nodes, total 64 KiB, linear).\n\
              6,99,322938,-;TCP established hash table entries: 262144 (order: 9, 2097152 bytes, vmalloc)\n\
              Mount-cache hash table entries: 4096 (order: 3, 32768 bytes)\n\
              [    0.966525] DMA: preallocated 128 KiB GFP_KERNEL pool for atomic allocations\n\
              6,140,969017,-;DMA: preallocated 128 KiB GFP_KERNEL|GFP_DMA pool for atomic allocations\n\
              DMA: preallocated 256 KiB pool for atomic allocations\n\
              TCP: Hash tables configured (established 262144 bind 65536)\n",
            PageSize::KIB_4,
        );
        let found: Vec<_> = log.tables.iter().map(|t| (&*t.name, t.bytes.kib(), t.place)).collect();
        assert_eq!(
            found,
            [
                ("Dentry cache", 32768, TablePlace::Early),
                ("ftrace", 800, TablePlace::Pages),
                ("futex", 64, TablePlace::Pages),
                ("TCP established", 2048, TablePlace::Vmalloc),
                ("Mount-cache", 32, TablePlace::Pages),
                ("DMA pool GFP_KERNEL", 128, TablePlace::Pages),
                ("DMA pool GFP_KERNEL|GFP_DMA", 128, TablePlace::Pages),
                ("DMA pool", 256, TablePlace::Pages),
            ]
        );
        assert_eq!(log.percpu_first_chunk, Some(Bytes::new(2 * 53 * 4096)));
    }

    #[test]
    fn words_that_are_not_tables_are_none() {
        for text in [
            "hash table entries: 5 (order: 1, 1 bytes)\n",
            "x hash table entries: 5\n",
            "x hash table entries: bytes\n",
            "x hash table entries: 5 (order: 1, 99999999999999999999 bytes)\n",
            "[ hash table entries: \n",
            "DMA: preallocated 128 MiB GFP_KERNEL pool\n",
            "DMA: preallocated 99999999999999999999 KiB x pool\nDMA: preallocated \n",
            "percpu: Embedded 99999999999999999 pages\nnr_cpu_ids:99999999999999\n",
        ] {
            assert_eq!(boot_log(text.as_bytes(), PageSize::KIB_4), BootLog::default(), "{text}");
        }
    }
}
