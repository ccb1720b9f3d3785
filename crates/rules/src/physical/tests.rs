use super::*;
use facts::Name;

fn line(level: usize, start: u64, last: u64, name: &str) -> IoRange {
    IoRange { level, addresses: Some((start, last)), name: Name::from(name) }
}

fn report(ranges: &[IoRange]) -> PhysicalReport {
    let mut snapshot = Snapshot::unknown("test");
    snapshot.zones.push(Zone {
        name: "DMA32".into(),
        spanned: Some(Pages::new(0xff000)),
        managed: Some(Pages::new(1000)),
        free: Some(Pages::new(7)),
        counters: vec![("start_pfn".into(), 0x1000)],
        ..Zone::default()
    });
    let blocks = [FreeBlocks { node: 0, name: "DMA32".into(), counts: vec![3, 2, 0] }];
    physical(&PhysicalInput { snapshot: &snapshot, iomem: Some(ranges), buddyinfo: Some(&blocks) })
}

#[test]
fn ranges_and_gaps_cover_every_address_once() {
    let report = report(&[
        line(0, 0, 0xfff, "Reserved"),
        line(0, 0x1000, 0x9_ffff, "System RAM"),
        line(0, 0x10_0000, 0xbfff_ffff, "System RAM"),
        line(1, 0x100_0000, 0x1ff_ffff, "Kernel code"),
        line(2, 0x100_0000, 0x100_0fff, "odd"),
        line(0, 0xffff_ffff_0000_0000, u64::MAX, "PCI Bus 0000:00"),
    ]);
    let mut next = Some(0);
    for item in &report.items {
        let (start, last, bytes) = match item {
            PhysicalItem::Range(r) => (r.start.0, r.last.0, r.size),
            PhysicalItem::Gap { start, last, size } => (start.0, last.0, *size),
        };
        assert_eq!(Some(start), next);
        assert_eq!(bytes.get(), last - start + 1);
        next = last.checked_add(1);
    }
    assert_eq!(next, None);
    assert_eq!(report.system_ram, Some(Bytes::new(0x9_f000 + 0xbff0_0000)));
    assert_eq!(report.kernel_image, Some(Bytes::new(0x100_0000)));
    let PhysicalItem::Range(ram) = &report.items[3] else { panic!() };
    assert_eq!(ram.zones, ["0/DMA32"]);
    assert_eq!(ram.inside[0].inside[0].level, 2);
}

#[test]
fn hidden_addresses_draw_nothing_and_say_so() {
    let report = report(&[IoRange { level: 0, addresses: None, name: Name::from("System RAM") }]);
    assert!(report.addresses_hidden);
    assert_eq!((report.items.len(), report.system_ram), (0, None));
    assert!(report.notes[0].contains("root"));
}

#[test]
fn overlapping_ranges_are_told_and_not_drawn_twice() {
    let report = report(&[line(0, 0, 99, "a"), line(0, 50, 150, "b")]);
    assert_eq!(report.items.len(), 1);
    assert!(report.notes[0].contains("`b` overlaps"));
}

#[test]
fn free_blocks_get_the_kernels_figures() {
    let report = report(&[]);
    let orders = &report.zones[0].orders;
    assert_eq!(orders[2].block, Some(Bytes::new(16384)));
    assert_eq!(
        orders.iter().map(|o| o.unusable).collect::<Vec<_>>(),
        [Some(0), Some(428), Some(1000)]
    );
    // 1000 - (1000 + 7 * 1000 / 4) / 5
    assert_eq!(orders.iter().map(|o| o.fragmentation).collect::<Vec<_>>(), [None, None, Some(450)]);
    assert_eq!(report.zones[0].start, Some(Address(0x100_0000)));
}
