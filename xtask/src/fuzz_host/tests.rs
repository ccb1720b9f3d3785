use super::*;

/// Whether real processes can be compared with the model here; the reason is printed if not.
fn can_compare() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let why = lab::unavailable().or_else(|| {
        let known = release.starts_with("6.18.");
        (!known).then(|| format!("the model was compared with 6.18, this is {}", release.trim()))
    });
    if let Some(why) = &why {
        println!("skipped: {why}");
    }
    why.is_none()
}

/// The file system of files that are said to be on a disk. The model was compared with ext4: others keep
/// files in other pieces, or only in memory.
fn file_system_of_disk() -> Option<String> {
    let folder = fs::canonicalize(std::env::temp_dir()).ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mounted = mounts.lines().filter_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        Some((place.split(' ').nth(4)?, kind.split(' ').next()?))
    });
    let around = mounted.filter(|(place, _)| folder.starts_with(place));
    // What was mounted last at a place hides what was there before.
    around.max_by_key(|(place, _)| place.len()).map(|(_, kind)| kind.to_owned())
}

/// Whether programs with files on a disk can be compared.
fn has_known_disk() -> bool {
    file_system_of_disk().as_deref() == Some("ext4")
}

/// What a program shows twice: what the kernel does in the background goes away.
fn shows(program: &Program) -> Option<Mismatch> {
    let allowed = Tolerances::of_counters(play::cpus());
    let (first, _) = judge(FirstKind::Model, program, &allowed)?;
    let (second, _) = judge(FirstKind::Model, program, &allowed)?;
    (first.kind == second.kind).then_some(second)
}

#[test]
fn programs_that_once_differed_are_equal() {
    if !can_compare() {
        return;
    }
    let folder = repository::root().join("tests/data/fuzz-host");
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the folder of programs")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} holds programs", folder.display());
    for path in paths {
        let program = read(&path).expect("a program");
        if !has_known_disk() && program.setup.files.iter().any(|(_, tmpfs)| !tmpfs) {
            continue;
        }
        let shown = shows(&program);
        assert!(shown.is_none(), "{}: {shown:#?}", path.display());
    }
}

#[test]
fn random_programs_are_equal_on_the_model_and_on_this_kernel() {
    if !can_compare() {
        return;
    }
    let mut mask = Mask::default();
    if !has_known_disk() {
        mask.add("disk-files");
    }
    let allowed = Tolerances::of_counters(play::cpus());
    for seed in 1..=12 {
        let mut random = Random::new(seed);
        let setup = generate::setup(&mut random, &mask);
        let mut generator = Generator::new(random.next(), 150, &setup, &mask);
        let played =
            one(FirstKind::Model, &setup, &mut generator, &allowed).expect("both worlds go on");
        if played.mismatch.is_some() {
            let program = Program { setup, actions: played.actions };
            let shown = shows(&program);
            assert!(shown.is_none(), "seed {seed}: {shown:#?}\n{program}");
        }
    }
}
