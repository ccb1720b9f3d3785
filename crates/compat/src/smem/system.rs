//! `-w`: the whole system, from `meminfo`.

use super::memory::{self, Meminfo};
use super::table::{self, Column, Defaults, Layout, Total, column};
use super::value::{Num, Value};
use super::{Failure, Run, elf};

const COLUMNS: [Column; 5] = [
    column("order", "Order", Layout::Right(1), Total::Blank, "hierarchical order"),
    column("area", "Area", Layout::Left(24), Total::Blank, "memory area"),
    column("used", "Used", Layout::Amount(10), Total::Sum, "area in use"),
    column("cache", "Cache", Layout::Amount(10), Total::Sum, "area used as reclaimable cache"),
    column("noncache", "Noncache", Layout::Amount(10), Total::Sum, "area not reclaimable"),
];

const DEFAULTS: Defaults = Defaults { columns: "area used cache noncache", sort: "order" };

pub(super) fn show(run: &mut Run<'_, '_>) -> Result<(), Failure> {
    let meminfo = Meminfo::read(run)?;
    let line = |name| meminfo.line(name);
    let all = memory::total(run, &meminfo)?;
    let kernel = kernel_image(run)?;
    let (total, free) = (line("MemTotal")?, line("MemFree")?);
    let hardware = all.minus(total).minus(kernel).max(Num::ZERO);
    let mapped = line("Mapped")?;
    let userspace = line("AnonPages")?.plus(mapped);
    let dynamic = total.minus(free).minus(userspace);
    let cache = line("Buffers")?.plus(line("SReclaimable")?).plus(line("Cached")?.minus(mapped));
    let rows = [
        (0, "firmware/hardware", hardware, Num::ZERO),
        (1, "kernel image", kernel, Num::ZERO),
        (2, "kernel dynamic memory", dynamic, cache),
        (3, "userspace memory", userspace, mapped),
        (4, "free memory", free, free),
    ];
    table::show(run, &COLUMNS, &DEFAULTS, &rows, &mut |_, row, column| {
        let (order, area, used, cache) = *row;
        match column {
            "order" => Value::int(order),
            "area" => Value::Text(area.into()),
            "used" => Value::Num(used),
            "cache" => Value::Num(cache),
            _ => Value::Num(used.minus(cache)),
        }
    })
}

/// The size of the kernel that `-K` names, in KiB; 0 with a complaint when it cannot be told.
fn kernel_image(run: &mut Run<'_, '_>) -> Result<Num, Failure> {
    let Some(path) = run.options.kernel.clone() else { return Ok(Num::ZERO) };
    let file = run.call.host.file(&path);
    let size = file.and_then(|mut file| elf::loaded_bytes(file.as_mut()));
    if let Ok(Some(bytes)) = size {
        return Ok(Num::Float(Num::Int(bytes.into()).float() / 1024.0));
    }
    let complaint = "should be an original uncompressed compiled kernel file.";
    writeln!(run.call.err, "Parameter '{path}' {complaint}\n")?;
    Ok(Num::ZERO)
}
