//! Figures that one rule gives, or the model of the allocator.

use facts::{Capabilities, Release};
use malloc::{AddressSpace, Heap, Layout, Recording, Rules, ThreadId, Tunables};
use rules::badness::{Formula, Subject, points};
use rules::killer::Killer;
use rules::overcommit::{CommitInput, commit_limit};
use rules::watermark::{WatermarkRules, ZoneKind, min_free_kbytes, zone_marks};
use units::{Pages, ScoreAdj};

use super::Figure;

type Group = (String, Vec<Figure>);

pub(super) fn all() -> Vec<Group> {
    vec![scores(), min_free(), marks(), arithmetic(), first_heap(), order_of_freeing()]
}

/// Releases that the figures are of; all of them can be read.
fn release(text: &str) -> Release {
    text.parse().unwrap_or(Release::new(0, 0))
}

/// The score that a kernel of this release prints.
fn score(of: &str, subject: &Subject, total: u64) -> i64 {
    let killer = Killer::for_release(release(of));
    let total = Pages::new(total);
    killer.printed_score(points(&killer.formula, subject, total), total)
}

fn scores() -> Group {
    let hog =
        Subject { total_vm: 120_097, rss: 99_945, ptes: 238, swap: 19_731, ..Subject::default() };
    let tab = Subject {
        total_vm: 221_532,
        rss: (25_372 + 50_412) / 4,
        oom_score_adj: ScoreAdj::new(300).unwrap_or_default(),
        ..Subject::default()
    };
    let old = Subject { total_vm: 136_919, ..Subject::default() };
    let rewrite = Formula::for_release(release("2.6.36"));
    let of = |rss, caps| {
        points(&rewrite, &Subject { rss, caps, ..Subject::default() }, Pages::new(100_000))
    };
    let root = Capabilities(1 << 21);
    (
        "Scores of the OOM killer".to_owned(),
        vec![
            Figure::exact(
                "oom-killer-try, 3.6.11, on 144475 pages",
                829,
                Some(score("3.6.11", &hog, 144_475)),
            ),
            Figure::exact(
                "oom-killer-try, 3.6.11, on 144648 pages",
                829,
                Some(score("3.6.11", &hog, 144_648)),
            ),
            Figure::exact(
                "chrome, 4.4, with an adjustment of 300, on 8 GB and 8 GB of swap",
                304,
                Some(score("4.4.0", &tab, 16 << 18)),
            ),
            Figure::exact("oom2, 2.6.32", 136_919, Some(score("2.6.32", &old, 1 << 20))),
            Figure::exact("2.6.36, all of memory", 1000, Some(of(100_000, Capabilities(0)))),
            Figure::exact("2.6.36, half of memory, root", 470, Some(of(50_000, root))),
        ],
    )
}

fn min_free() -> Group {
    let kbytes = |mib: u64| min_free_kbytes(release("2.6.32"), mib << 10);
    let table = [
        (16, 512),
        (32, 724),
        (64, 1024),
        (128, 1448),
        (256, 2048),
        (512, 2896),
        (1024, 4096),
        (2048, 5792),
        (4096, 8192),
        (16_384, 16_384),
    ];
    let mut figures: Vec<Figure> = table
        .into_iter()
        .map(|(mib, published)| Figure::exact(format!("{mib} MB"), published, kbytes(mib)))
        .collect();
    figures.push(Figure::apart(
        "8192 MB",
        11_584,
        kbytes(8192).unwrap_or_default(),
        11_585,
        "the table doubles the figure of 2048 MB; the kernel takes the root, and says 11585",
    ));
    ("min_free_kbytes by low memory".to_owned(), figures)
}

fn marks() -> Group {
    let rules = WatermarkRules::of(release("2.6.24"));
    let of = |min: u64| {
        let all = Pages::new(1000);
        let marks = zone_marks(&rules, ZoneKind::Normal, all, all, Pages::new(min), 10);
        [marks.min, marks.low, marks.high].map(|mark| mark.count().to_string()).join(" ")
    };
    (
        "Watermarks of 2.6.24".to_owned(),
        vec![
            Figure::exact("DMA: min low high", "17 21 25", Some(of(17))),
            Figure::exact("Normal: min low high", "936 1170 1404", Some(of(936))),
        ],
    )
}

fn arithmetic() -> Group {
    let mib_256 = Pages::new(65_536);
    let input = CommitInput {
        total_ram: mib_256,
        hugetlb: Pages::ZERO,
        total_swap: mib_256,
        ratio: 50,
        fixed: Pages::ZERO,
    };
    let limit = commit_limit(release("2.6.18"), input).count() >> 8;
    (
        "Promises".to_owned(),
        vec![Figure::exact("CommitLimit of 256 MB, 256 MB of swap, MiB", 384, Some(limit))],
    )
}

fn heap(rules: Rules) -> Heap<Recording<AddressSpace>> {
    let layout = if rules.word == 4 { Layout::I386 } else { Layout::X86_64 };
    let space = AddressSpace::new(layout, []);
    Heap::new(rules, &Tunables::default(), Recording::new(space))
}

/// Where a block of this size is.
fn block(heap: &mut Heap<Recording<AddressSpace>>, size: u64) -> Option<malloc::Ptr> {
    heap.malloc(ThreadId::MAIN, size).ok().flatten()
}

fn first_heap() -> Group {
    let mut heap = heap(Rules::GLIBC_2_3_I386);
    let start = heap.kernel().inner().heap_end();
    let mut figures = Vec::new();
    for (size, published) in [
        (8, "system 135168, in use 16, mapped 0"),
        (4096 - 13, "system 135168, in use 4104, mapped 0"),
        (3, "system 135168, in use 4120, mapped 0"),
        (136_168, "system 274432, in use 143384, mapped 139264"),
        (200_000, "system 475136, in use 344088, mapped 339968"),
    ] {
        let at = block(&mut heap, size);
        let info = heap.mallinfo2();
        let here = format!(
            "system {}, in use {}, mapped {}",
            info.arena + info.hblkhd,
            info.uordblks + info.hblkhd,
            info.hblkhd
        );
        figures.push(Figure::exact(format!("malloc({size})"), published, Some(here)));
        let offset = match size {
            8 => 0x8,
            4083 => 0x18,
            3 => 0x1010,
            _ => continue,
        };
        let here = at.map(|at| format!("{:#x}", at.addr().saturating_sub(start)));
        let what = format!("malloc({size}), from the heap's start");
        figures.push(Figure::exact(what, format!("{offset:#x}"), here));
    }
    let mut large = self::heap(Rules::GLIBC_2_36);
    let addrs: Vec<u64> =
        (0..3).filter_map(|_| block(&mut large, 1)).map(malloc::Ptr::addr).collect();
    let apart = addrs.windows(2).map(|pair| (pair[1] - pair[0]).to_string());
    let apart: Vec<String> = apart.collect();
    figures.push(Figure::exact("three malloc(1) on x86-64, apart", "32 32", Some(apart.join(" "))));
    ("glibc's first heap on 32 bits".to_owned(), figures)
}

/// 10,000 blocks of 32,000 bytes, freed below a block that lives, and in the order of a stack above it.
fn order_of_freeing() -> Group {
    let free = |queue: bool| {
        let mut heap = heap(Rules::GLIBC_2_3_I386);
        if !queue {
            block(&mut heap, 100);
        }
        let mut blocks: Vec<_> = (0..10_000).map(|_| block(&mut heap, 32_000)).collect();
        if queue {
            block(&mut heap, 100);
        } else {
            blocks.reverse();
        }
        for one in blocks {
            // Nothing here is freed twice.
            let _ = heap.free(ThreadId::MAIN, one);
        }
        heap.mallinfo2().fordblks
    };
    let own = "the program was not published; this one is ours, with the same cause";
    (
        "What the order of freeing costs, glibc 2.3".to_owned(),
        vec![
            Figure::apart("wasted as a queue, bytes", 319_858_832, free(true), 320_085_912, own),
            Figure::apart("as a stack, bytes", 2_089_200, free(false), 135_064, own),
        ],
    )
}
