//! The heap as its users see it.

use expect_test::expect;
use oomph_malloc::{
    AddressSpace, ChunkState, End, Evidence, Heap, Layout, Mallopt, Ptr, Recording, Rules,
    ThreadId, Tunables,
};
use proptest::prelude::*;

const MAIN: ThreadId = ThreadId::MAIN;

fn heap_with(
    rules: Rules,
    tunables: &Tunables,
    limit: Option<u64>,
) -> Heap<Recording<AddressSpace>> {
    let layout = if rules.word == 4 { Layout::I386 } else { Layout::X86_64 };
    let space = AddressSpace::new(Layout { rlimit_as: limit, ..layout }, []);
    Heap::new(rules, tunables, Recording::new(space))
}

fn heap() -> Heap<Recording<AddressSpace>> {
    heap_with(Rules::GLIBC_2_36, &Tunables::default(), None)
}

fn block(heap: &mut Heap<Recording<AddressSpace>>, size: u64) -> Ptr {
    heap.malloc(MAIN, size).expect("no misuse").expect("there is memory")
}

#[test]
fn the_first_block_is_behind_the_table_of_the_cache() {
    let mut heap = heap();
    let start = heap.kernel().inner().heap_end();
    assert_eq!(block(&mut heap, 24).addr() - start, 0x2a0);
    let calls: Vec<_> = heap.kernel().calls().iter().map(ToString::to_string).collect();
    assert_eq!(calls, ["brk(NULL) = 0x555555559000", "brk(0x55555557a000) = 0x55555557a000"]);
}

#[test]
fn the_reports_are_those_of_glibc() {
    let mut heap = heap();
    let blocks = [40, 40, 2000, 24, 5000, 24, 200_000].map(|size| block(&mut heap, size));
    for at in [0, 2, 4] {
        heap.free(MAIN, Some(blocks[at])).expect("no misuse");
    }
    expect![[r"
        Arena 0:
        system bytes     =     135168
        in use bytes     =        816
        Total (incl. mmap):
        system bytes     =     335872
        in use bytes     =     201520
        max mmap regions =          1
        max mmap bytes   =     200704
    "]]
    .assert_eq(&heap.malloc_stats());
    expect![[r#"
        <malloc version="1">
        <heap nr="0">
        <sizes>
          <unsorted from="2017" to="5009" total="7026" count="2"/>
        </sizes>
        <total type="fast" count="0" size="0"/>
        <total type="rest" count="3" size="134354"/>
        <system type="current" size="135168"/>
        <system type="max" size="135168"/>
        <aspace type="total" size="135168"/>
        <aspace type="mprotect" size="135168"/>
        </heap>
        <total type="fast" count="0" size="0"/>
        <total type="rest" count="3" size="134354"/>
        <total type="mmap" count="1" size="200704"/>
        <system type="current" size="135168"/>
        <system type="max" size="135168"/>
        <aspace type="total" size="135168"/>
        <aspace type="mprotect" size="135168"/>
        </malloc>
    "#]]
    .assert_eq(&heap.malloc_info());
}

#[test]
fn a_clone_has_a_future_of_its_own() {
    let mut one = heap();
    let ptr = block(&mut one, 100);
    let mut other = one.clone();
    other.free(MAIN, Some(ptr)).expect("no misuse");
    assert_eq!(one.usable_size(Some(ptr)), 104);
    assert_eq!(other.usable_size(Some(ptr)), 0);
    assert_eq!(block(&mut other, 100), ptr);
    assert_ne!(block(&mut one, 100), ptr);
}

#[test]
fn a_block_freed_twice_ends_the_process_with_glibcs_words() {
    let mut heap = heap();
    let ptr = block(&mut heap, 24);
    heap.free(MAIN, Some(ptr)).expect("no misuse");
    let abort = heap.free(MAIN, Some(ptr)).expect_err("it is free");
    assert_eq!(abort.message, "free(): double free detected in tcache 2");
    assert_eq!(abort.end, End::Aborted);
}

#[test]
fn a_block_freed_by_one_thread_and_again_by_another_goes_unnoticed() {
    let mut heap = heap();
    let (other, _) = heap.spawn(MAIN, 1).expect("no misuse");
    let ptr = block(&mut heap, 24);
    heap.free(MAIN, Some(ptr)).expect("no misuse");
    // The other thread's cache needs its table before it can take anything.
    heap.malloc(other, 24).expect("no misuse");
    let abort = heap.free(other, Some(ptr)).expect_err("it is free");
    assert_eq!(abort.end, End::Unnoticed);
}

/// As the real library does it, which `fuzz-malloc --strace` compares.
#[test]
fn with_hugetlb_2_huge_pages_are_asked_for_and_the_break_is_left_alone() {
    let layout = Layout { huge_page: Some(2 << 20), ..Layout::X86_64 };
    let set = Tunables { hugetlb: Some(2), ..Tunables::default() };
    let kernel = Recording::new(AddressSpace::new(layout, []));
    let mut heap = Heap::new(Rules::GLIBC_2_36, &set, kernel);
    let ptr = heap.malloc(MAIN, 100).expect("no misuse").expect("there is memory");
    let calls: Vec<String> = heap.kernel().calls().iter().map(ToString::to_string).collect();
    assert_eq!(calls.len(), 2, "{calls:?}");
    let huge = "mmap(NULL, 2097152, PROT_READ|PROT_WRITE, \
                MAP_PRIVATE|MAP_ANONYMOUS|MAP_HUGETLB|21<<MAP_HUGE_SHIFT, -1, 0) = -1 ENOMEM";
    assert_eq!(calls[0], huge);
    let plain = "mmap(NULL, 1048576, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x";
    assert!(calls[1].starts_with(plain), "{}", calls[1]);
    assert!(ptr.addr() > heap.kernel().inner().heap_end());
}

#[test]
fn in_2_43_the_cache_comes_with_the_first_free_and_holds_sixteen_of_a_size() {
    let space = AddressSpace::new(Layout::X86_64, []);
    let mut heap = Heap::new(Rules::GLIBC_2_43, &Tunables::default(), space);
    let blocks: Vec<Ptr> = (0..17)
        .map(|_| heap.malloc(MAIN, 24).expect("no misuse").expect("there is memory"))
        .collect();
    assert_eq!(blocks[0].addr(), Layout::X86_64.brk + 16);
    for ptr in blocks {
        heap.free(MAIN, Some(ptr)).expect("no misuse");
    }
    let figures = heap.figures();
    assert_eq!((figures.tcache.count, figures.fast.count), (16, 0));
    // The last one is the only free chunk that is in no cache.
    assert_eq!(figures.binned.count + figures.unsorted.count, 1);
}

#[test]
fn settings_are_printed_as_the_line_to_paste() {
    let set = Tunables { mmap_threshold: Some(4096), tcache_count: Some(0), ..Tunables::default() };
    assert_eq!(
        set.to_string(),
        "GLIBC_TUNABLES=glibc.malloc.mmap_threshold=4096:glibc.malloc.tcache_count=0"
    );
}

#[test]
fn rule_sets_are_found_by_name_and_say_how_sure_they_are() {
    for rules in Rules::ALL {
        assert_eq!(Rules::named(rules.name), Some(*rules));
    }
    assert_eq!(Rules::named("2.36").map(|rules| rules.evidence), Some(Evidence::Exact));
    assert_eq!(Rules::named("2.39").map(|rules| rules.evidence), Some(Evidence::FromSource));
}

/// A call with any numbers.
#[derive(Debug, Clone)]
enum Call {
    Malloc(u64),
    Calloc(u64, u64),
    Realloc(usize, u64),
    Free(usize),
    FreeAt(u64),
    Memalign(u64, u64),
    PosixMemalign(u64, u64),
    Pvalloc(u64),
    Trim(u64),
    Mallopt(i32, i32),
    Sbrk(i64),
    Spawn,
    Exit(usize),
    Overflow(usize, u64),
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..300, 0_u64..200_000, 0_u64..5_000_000, any::<u64>()]
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        8 => number().prop_map(Call::Malloc),
        2 => (0_u64..5, number()).prop_map(|(n, size)| Call::Calloc(n, size)),
        2 => (any::<usize>(), number()).prop_map(|(at, size)| Call::Realloc(at, size)),
        8 => any::<usize>().prop_map(Call::Free),
        1 => any::<u64>().prop_map(Call::FreeAt),
        1 => (number(), number()).prop_map(|(align, size)| Call::Memalign(align, size)),
        1 => (number(), number()).prop_map(|(align, size)| Call::PosixMemalign(align, size)),
        1 => number().prop_map(Call::Pvalloc),
        1 => number().prop_map(Call::Trim),
        1 => (-9_i32..3, any::<i32>()).prop_map(|(param, value)| Call::Mallopt(param, value)),
        1 => any::<i64>().prop_map(Call::Sbrk),
        1 => Just(Call::Spawn),
        1 => any::<usize>().prop_map(Call::Exit),
        1 => (any::<usize>(), 0_u64..20).prop_map(|(at, by)| Call::Overflow(at, by)),
    ]
}

fn rules() -> impl Strategy<Value = Rules> {
    prop::sample::select(Rules::ALL)
}

fn play(heap: &mut Heap<Recording<AddressSpace>>, calls: &[(usize, Call)], honest: bool) {
    let mut blocks: Vec<Ptr> = Vec::new();
    let mut threads = vec![MAIN];
    for (thread, call) in calls {
        let t = threads[thread % threads.len()];
        let some = |at: usize| (!blocks.is_empty()).then(|| at % blocks.len());
        let done = match *call {
            Call::Malloc(size) => heap.malloc(t, size),
            Call::Calloc(n, size) => heap.calloc(t, n, size),
            Call::Memalign(align, size) => heap.memalign(t, align, size),
            Call::PosixMemalign(align, size) => heap.posix_memalign(t, align, size).map(Result::ok),
            Call::Pvalloc(size) => heap.pvalloc(t, size),
            Call::Realloc(at, size) => match some(at) {
                Some(at) => match heap.realloc(t, Some(blocks[at]), size) {
                    Ok(None) if size > 0 => continue,
                    done => {
                        if honest {
                            blocks.swap_remove(at);
                        }
                        done
                    }
                },
                None => heap.realloc(t, None, size),
            },
            Call::Free(at) => match some(at) {
                Some(at) => {
                    let ptr = if honest { blocks.swap_remove(at) } else { blocks[at] };
                    heap.free(t, Some(ptr)).map(|()| None)
                }
                None => Ok(None),
            },
            Call::FreeAt(addr) if !honest => heap.free(t, Some(Ptr::foreign(addr))).map(|()| None),
            Call::Overflow(at, by) if !honest => {
                if let Some(at) = some(at) {
                    heap.overflow(blocks[at], by);
                }
                continue;
            }
            Call::Trim(pad) => {
                heap.trim(pad);
                continue;
            }
            Call::Mallopt(param, value) => {
                heap.mallopt(Mallopt::from_number(param), value);
                continue;
            }
            Call::Sbrk(by) => {
                heap.foreign_sbrk(by.rem_euclid(10_000));
                continue;
            }
            Call::Spawn => heap.spawn(MAIN, 1).map(|(thread, table)| {
                threads.push(thread);
                table
            }),
            Call::Exit(at) if threads.len() > 1 => {
                let thread = threads.remove(1 + at % (threads.len() - 1));
                heap.thread_exit(thread).map(|()| None)
            }
            Call::FreeAt(_) | Call::Overflow(..) | Call::Exit(_) => continue,
        };
        match done {
            Ok(Some(ptr)) => blocks.push(ptr),
            Ok(None) => {}
            // Where glibc does not notice the program goes on, and so does the model.
            Err(abort) if abort.end == End::Unnoticed => {}
            Err(abort) => {
                assert!(!honest, "{abort}");
                return;
            }
        }
    }
}

#[test]
fn a_request_that_does_not_fit_with_its_alignment_is_refused_by_every_release() {
    for &rules in Rules::ALL.iter().filter(|rules| rules.word == 8) {
        let mut heap = heap_with(rules, &Tunables::default(), None);
        let done = heap.memalign(MAIN, 288_230_376_151_711_745, 17_870_283_321_406_123_961);
        assert_eq!(done, Ok(None), "{}", rules.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn chunks_follow_each_other_and_add_up_to_what_the_heap_holds(
        rules in rules(),
        limit in prop::option::of(0_u64..100_000_000),
        calls in prop::collection::vec((any::<usize>(), call()), 0..300),
    ) {
        let mut heap = heap_with(rules, &Tunables::default(), limit);
        play(&mut heap, &calls, true);
        let chunks: Vec<_> = heap.chunks().collect();
        for pair in chunks.windows(2) {
            prop_assert!(pair[0].addr + pair[0].size <= pair[1].addr, "{pair:?}");
        }
        let sum = |state| {
            let of = chunks.iter().filter(|chunk| chunk.state == state);
            of.map(|chunk| chunk.size).sum::<u64>()
        };
        let figures = heap.figures();
        prop_assert_eq!(sum(ChunkState::Tcache), figures.tcache.bytes);
        prop_assert_eq!(sum(ChunkState::Fast), figures.fast.bytes);
        prop_assert_eq!(sum(ChunkState::Unsorted), figures.unsorted.bytes);
        prop_assert_eq!(sum(ChunkState::Binned), figures.binned.bytes);
        prop_assert_eq!(sum(ChunkState::Top), figures.top.bytes);
        prop_assert!(sum(ChunkState::Live) <= figures.in_use);
        prop_assert_eq!(heap.mallinfo2().fordblks, figures.free() - figures.tcache.bytes);
        for chunk in &chunks {
            if chunk.state == ChunkState::Live {
                prop_assert_eq!(heap.usable_size(Some(chunk.ptr)), chunk.size - rules.word);
            }
        }
    }

    #[test]
    fn no_misuse_makes_the_model_panic(
        rules in rules(),
        calls in prop::collection::vec((any::<usize>(), call()), 0..200),
    ) {
        let mut heap = heap_with(rules, &Tunables::default(), None);
        play(&mut heap, &calls, false);
        heap.malloc_info();
    }
}
