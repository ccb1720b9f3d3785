//! Figures that were published about glibc's allocator.

use oomph_malloc::{
    AddressSpace, Ask, End, Heap, Layout, Ptr, Recording, Rules, ThreadId, Tunables,
};

const MAIN: ThreadId = ThreadId::MAIN;

fn heap(rules: Rules) -> Heap<Recording<AddressSpace>> {
    let layout = if rules.word == 4 { Layout::I386 } else { Layout::X86_64 };
    let space = AddressSpace::new(layout, []);
    Heap::new(rules, &Tunables::default(), Recording::new(space))
}

fn block(heap: &mut Heap<Recording<AddressSpace>>, size: u64) -> Ptr {
    heap.malloc(MAIN, size).expect("no misuse").expect("there is memory")
}

/// What `malloc_stats` said after each call of a 32-bit program: 8 bytes, a page but 13, 3, more
/// than is left by 1000, and 200,000.
#[test]
fn the_first_heap_of_a_32_bit_program_is_132_kib_and_fills_as_published() {
    for rules in [Rules::GLIBC_2_3_I386, Rules::GLIBC_2_5_I386] {
        let mut heap = heap(rules);
        let start = heap.kernel().inner().heap_end();
        let mut seen = Vec::new();
        for size in [8, 4096 - 13, 3] {
            let addr = block(&mut heap, size).addr();
            let info = heap.mallinfo2();
            seen.push((info.arena, info.uordblks, addr - start));
        }
        assert_eq!(
            seen,
            [(135_168, 16, 0x8), (135_168, 4104, 0x18), (135_168, 4120, 0x1010)],
            "{}",
            rules.name
        );
        for (size, system, used, mapped) in
            [(136_168, 274_432, 143_384, 139_264), (200_000, 475_136, 344_088, 339_968)]
        {
            block(&mut heap, size);
            let text = heap.malloc_stats();
            let total = text.split("Total (incl. mmap):\n").nth(1).expect("a total");
            let expected =
                format!("system bytes     = {system:>10}\nin use bytes     = {used:>10}\n");
            assert!(total.starts_with(&expected), "{}: {text}", rules.name);
            assert_eq!(heap.mallinfo2().hblkhd, mapped);
        }
    }
}

#[test]
fn blocks_of_one_byte_are_32_bytes_apart_on_64_bit_machines() {
    let mut heap = heap(Rules::GLIBC_2_36);
    let addrs: Vec<_> = (0..3).map(|_| block(&mut heap, 1).addr()).collect();
    assert_eq!((addrs[1] - addrs[0], addrs[2] - addrs[1]), (32, 32));
    assert_eq!(addrs[0] % 16, 0);
}

#[test]
fn blocks_are_aligned_to_8_bytes_on_old_32_bit_machines() {
    let mut heap = heap(Rules::GLIBC_2_3_I386);
    assert_eq!(block(&mut heap, 1).addr() % 16, 8);
}

/// 40 MiB were seen as an anonymous mapping of 40968 K; the mapping itself is 40964 K, and the C
/// library's own next to it makes up the rest.
#[test]
fn forty_mebibytes_are_a_mapping_of_40964_kib_outside_the_heap() {
    for rules in [Rules::GLIBC_2_36, Rules::GLIBC_2_36_I386, Rules::GLIBC_2_3_I386] {
        let mut heap = heap(rules);
        let big = block(&mut heap, 40 << 20);
        let mapped = heap.kernel().calls().iter().find_map(|call| match call.ask {
            Ask::Mmap { len, .. } => Some(len / 1024),
            _ => None,
        });
        assert_eq!(mapped, Some(40964), "{}", rules.name);
        assert!(big.addr() > heap.kernel().inner().heap_end());
    }
}

/// What is free and not given back after 10,000 blocks of 32,000 bytes: freed in the order of a queue below a block
/// that lives, and in the order of a stack above it.
fn wasteful_and_ordered(rules: Rules) -> (u64, u64) {
    let mut first = heap(rules);
    let blocks: Vec<_> = (0..10_000).map(|_| block(&mut first, 32_000)).collect();
    block(&mut first, 100);
    for ptr in blocks {
        first.free(MAIN, Some(ptr)).expect("no misuse");
    }
    let mut second = heap(rules);
    block(&mut second, 100);
    let blocks: Vec<_> = (0..10_000).map(|_| block(&mut second, 32_000)).collect();
    for ptr in blocks.into_iter().rev() {
        second.free(MAIN, Some(ptr)).expect("no misuse");
    }
    (first.mallinfo2().fordblks, second.mallinfo2().fordblks)
}

#[test]
fn what_the_order_of_freeing_costs_is_what_glibc_2_36_really_kept() {
    assert_eq!(wasteful_and_ordered(Rules::GLIBC_2_36), (320_294_144, 134_400));
}

/// An article of 2006 measured 319,858,832 bytes wasted against 2,089,200 with glibc 2.3.3. Its programs were not
/// published; this pair is our own, with the same cause.
#[test]
fn our_pair_wastes_as_much_as_the_published_one_and_the_guide_says_how_far_apart_they_are() {
    let (wasteful, ordered) = wasteful_and_ordered(Rules::GLIBC_2_3_I386);
    assert_eq!((wasteful, ordered), (320_085_912, 135_064));
    // Seven hundredths of a percent from the published waste. The ordered program of the article kept two
    // megabytes, ours what the thresholds keep at any rate.
    assert_eq!(wasteful.abs_diff(319_858_832) * 10_000 / 319_858_832, 7);
    assert_eq!((319_858_832 / 2_089_200, wasteful / ordered), (153, 2369));
    let guide = include_str!("../../../docs/heap.md");
    for figure in ["320 085 912", "135 064", "320 294 144", "134 400", "319 858 832", "2 089 200"] {
        assert!(guide.contains(figure), "docs/heap.md does not have {figure}");
    }
}

/// A block freed twice: silent at 0, a message at 1, the end at 2, both at 3 (and 3 is what happens
/// without `MALLOC_CHECK_`).
#[test]
fn malloc_check_is_silent_at_0_warns_at_1_ends_the_process_at_2_and_does_both_at_3() {
    let told = |rules: Rules, check: Option<u8>| {
        let layout = if rules.word == 4 { Layout::I386 } else { Layout::X86_64 };
        let set = Tunables { check, ..Tunables::default() };
        let mut heap = Heap::new(rules, &set, AddressSpace::new(layout, []));
        let ptr = heap.malloc(MAIN, 200).expect("no misuse").expect("there is memory");
        let _above = heap.malloc(MAIN, 200).expect("no misuse");
        heap.free(MAIN, Some(ptr)).expect("the first time");
        let again = heap.free(MAIN, Some(ptr));
        let said = heap.complaints().iter().filter(|complaint| complaint.printed);
        let said: Vec<_> = said
            .map(|complaint| rules.complaint("./a", &complaint.message, complaint.addr))
            .collect();
        // The second call did nothing: the block is handed out once.
        if again.is_ok() {
            let one = heap.malloc(MAIN, 200).expect("no misuse").map(Ptr::addr);
            let two = heap.malloc(MAIN, 200).expect("no misuse").map(Ptr::addr);
            assert_ne!(one, two);
        }
        (again.map_err(|abort| (abort.end, abort.message)), said)
    };
    let ended = |end, message: &str| (Err((end, message.to_owned())), Vec::new());
    for rules in
        [Rules::GLIBC_2_3_I386, Rules::GLIBC_2_5_I386, Rules::GLIBC_2_12, Rules::GLIBC_2_25]
    {
        let checked = "free(): invalid pointer";
        assert_eq!(told(rules, Some(0)), (Ok(()), Vec::new()), "{}", rules.name);
        assert_eq!(told(rules, Some(2)), ended(End::AbortedSilently, checked), "{}", rules.name);
        assert_eq!(told(rules, Some(3)), ended(End::Aborted, checked), "{}", rules.name);
        let unchecked = "double free or corruption (!prev)";
        assert_eq!(told(rules, None), ended(End::Aborted, unchecked), "{}", rules.name);
    }
    let line = |rules| told(rules, Some(1)).1.concat();
    let old = line(Rules::GLIBC_2_3_I386);
    assert!(old.starts_with("*** glibc detected *** ./a: free(): invalid pointer: 0x"), "{old}");
    let late = line(Rules::GLIBC_2_25);
    assert!(late.starts_with("*** Error in `./a': free(): invalid pointer: 0x0000"), "{late}");
    // Since 2.27 every level from 1 on ends the process, and 0 is as if it were not set.
    let cached = "free(): double free detected in tcache 2";
    assert_eq!(told(Rules::GLIBC_2_36, Some(0)), ended(End::Aborted, cached));
    for level in 1..4 {
        let checked = "free(): invalid pointer";
        assert_eq!(told(Rules::GLIBC_2_36, Some(level)), ended(End::Aborted, checked));
    }
}

#[test]
fn a_byte_behind_a_checked_block_is_noticed_when_it_is_freed() {
    let set = Tunables { check: Some(3), ..Tunables::default() };
    let mut heap = Heap::new(Rules::GLIBC_2_36, &set, AddressSpace::new(Layout::X86_64, []));
    for bytes in [0, 1] {
        let ptr = heap.malloc(MAIN, 2000).expect("no misuse").expect("there is memory");
        heap.overflow(ptr, bytes);
        assert_eq!(heap.free(MAIN, Some(ptr)).is_err(), bytes > 0);
    }
}
