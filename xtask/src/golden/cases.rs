//! The command lines that are compared.

/// Those about one machine, by program.
pub(super) fn all(tree: &str) -> [(&'static str, Vec<String>); 3] {
    let tame = tree == "tame";
    [
        ("smem", if tame { smem() } else { words(HOSTILE_SMEM) }),
        ("pmap", if tame { pmap() } else { hostile_pmap() }),
        ("free", free(tame)),
    ]
}

fn words(lines: &str) -> Vec<String> {
    lines.lines().map(str::to_owned).collect()
}

/// Every choice among `options`, each there or not.
fn subsets(options: &[&str]) -> Vec<String> {
    let mut found = vec![String::new()];
    for option in options {
        let with: Vec<_> = found.iter().map(|line| format!("{line} {option}")).collect();
        found.extend(with);
    }
    found
}

fn smem() -> Vec<String> {
    let mut cases = Vec::new();
    for (report, modifiers) in [
        ("", &["-p", "-k", "-t", "-n", "-r", "-H"][..]),
        (" -m", &["-p", "-k", "-t", "-r", "-H"]),
        (" -u", &["-p", "-k", "-t", "-n", "-r", "-H"]),
        (" -w", &["-p", "-k", "-t", "-r", "-H"]),
    ] {
        cases.extend(subsets(modifiers).into_iter().map(|more| format!("smem{report}{more}")));
    }
    for (report, columns) in [
        ("", "pid user name command maps swap uss rss pss vss"),
        (" -m", "map count pids swap uss rss pss vss avgpss avgrss"),
        (" -u", "user count swap uss rss pss"),
        (" -w", "order area used cache noncache"),
    ] {
        for more in subsets(&["-t", "-a", "-n", "-k"]) {
            cases.push(format!("smem{report} -c '{columns}'{more}"));
        }
        for column in columns.split(' ') {
            cases.push(format!("smem{report} -s {column}"));
            cases.push(format!("smem{report} -s {column} -r -c {column}"));
            cases.push(format!("smem{report} -t -a -H -c {column}"));
        }
        cases.push(format!("smem{report} -s nothing"));
        cases.push(format!("smem{report} -c nothing"));
        cases.push(format!("smem{report} -c ' '"));
    }
    cases.extend(words(MORE_SMEM));
    cases
}

const MORE_SMEM: &str = "\
smem -a
smem -a -t -k
smem -a -p -H
smem -m -a
smem -m -a -H -p
smem -u -a
smem -w -a
smem -c 'pid pid command command' -a -t
smem -P sleep
smem -P '^/usr' -t
smem -P '(a|b)ash$' -n
smem -P 'größe'
smem -P nothing-of-this
smem -P nothing-of-this -t
smem -m -P python
smem -u -P python
smem -U alice
smem -U '^a' -t
smem -U 4242 -k
smem -u -U 'root|www'
smem -M libc
smem -M '\\[heap\\]' -t
smem -M '^<anon' -c 'pid maps pss vss'
smem -m -M '^/usr/lib' -t
smem -u -M stack
smem -m -M '/opt' -c 'map count pids vss'
smem -R 24G
smem -R 24G -p
smem -R 17000000k -p -m -t
smem -w -R 24G
smem -w -R 24G -t
smem -w -R 24G -p -t
smem -w -R 24G -k -t
smem -w -R 1G -t
smem -w -R 1.3GB
smem -w -R 16700001234K -c 'used order'
smem -w -R 12
smem -w -R 0M -p
smem -w -K kernel.elf
smem -w -K kernel.elf -R 24G -t
smem -w -K kernel.elf -k
smem -w -K nothing
smem -S tame
smem -S tame -m -t
smem -S tame -u -t -k
smem -S tame -w
smem -S hostile -w -p
smem ignored words -t
smem --no-header --columns=pid,pss
smem --no-header --columns='pid pss' --totals --percent
smem --abbrev --rev --sort=rss
smem --num --users
smem -tkrs uss
smem -z
smem --s x
smem -c";

const HOSTILE_SMEM: &str = "\
smem
smem -t
smem -k -t
smem -p
smem -r -n
smem -c 'pid user name command maps swap uss rss pss vss'
smem -c 'pid name command' -a -t
smem -s command
smem -s name -r
smem -P '^one'
smem -P second
smem -P ' x$' -c 'pid name'
smem -M heap
smem -m
smem -u
smem -u -P 'init|long' -c 'user vss pss'
smem -m -P 'init|long|noflags' -t
smem -w
smem -w -t -k
smem -S nothing";

fn pmap() -> Vec<String> {
    let mut cases = Vec::new();
    for mode in ["", " -x", " -X", " -XX", " -d"] {
        for more in subsets(&["-q", "-p"]) {
            for pids in ["1", "412 413", "2088", "99999", "123456", "7", "500", "600"] {
                cases.push(format!("pmap{mode}{more} {pids}"));
            }
            cases.push(format!("LC_ALL=C pmap{mode}{more} 99999"));
        }
        cases.push(format!("pmap{mode} 1 4 412 31337"));
        cases.push(format!("pmap{mode} 412 /proc/413 0x1 /proc/self"));
    }
    for mode in ["", " -x", " -d", " -X"] {
        for range in [
            "560c56f72000",
            "7f1200026000",
            "7f1200026000,",
            ",560c57072000",
            "560c56f74000,7f1100000fff",
            "ffffffffff600000",
            "1",
        ] {
            cases.push(format!("pmap{mode} -A {range} 2088"));
        }
    }
    cases.extend(words(MORE_PMAP));
    cases
}

const MORE_PMAP: &str = "\
pmap -c 2088
pmap -c -q 2088
pmap -C pmaprc 2088
pmap -C pmaprc -p 2088
pmap -C pmaprc-sizes 1
pmap -C pmaprc-sizes -q 1
pmap -C nothing 1
pmap --extended --quiet --show-path 1
pmap --dev --range=7f1200026000, 1
pmap --read-rc-from=pmaprc 1
pmap 1 -x
pmap -r 1
pmap -x -d 1
pmap -x -X 1
pmap -n -q
pmap -n 1
pmap
pmap -q
pmap self
pmap /proc/self
pmap 0
pmap 4
pmap 4 5
pmap -A zz 1
pmap -k 1
pmap -z 1
pmap --re 1
pmap -V";

fn hostile_pmap() -> Vec<String> {
    let mut cases = Vec::new();
    for mode in ["", " -x", " -X", " -XX", " -d"] {
        for pid in 21..=33 {
            cases.push(format!("pmap{mode} {pid}"));
            // Of a path longer than its buffer, -x prints what other lines have left of it.
            if (mode, pid) != (" -x", 28) {
                cases.push(format!("LC_ALL=C pmap{mode} -p -q {pid}"));
            }
        }
        cases.push(format!("pmap{mode} 1 7 23 24"));
        cases.push(format!("pmap{mode} 32 1 23"));
    }
    for range in ["560c56f74000", "7f1200026000", "7f1200026000,"] {
        cases.push(format!("pmap -x -A {range} 1"));
    }
    let many = (0..256).map(|_| "1").collect::<Vec<_>>().join(" ");
    cases.push(format!("pmap {many}"));
    cases
}

fn free(tame: bool) -> Vec<String> {
    let units = [
        "", " -b", " -k", " -m", " -g", " --kilo", " --mega", " --giga", " --tera", " --peta",
        " --kibi", " --mebi", " --gibi", " --tebi", " --pebi", " -h", " -h --si",
    ];
    let mut cases = Vec::new();
    for unit in units {
        cases.push(format!("free{unit} -l -t -v -w"));
        cases.push(format!("free{unit} --si"));
    }
    for unit in ["", " -h", " -m"] {
        let more = subsets(&["-l", "-t", "-v", "-w"]);
        cases.extend(more.into_iter().map(|more| format!("free{unit}{more}")));
    }
    if tame {
        cases.extend(words(MORE_FREE));
    }
    cases
}

const MORE_FREE: &str = "\
free -c 1
free -s 0.01 -c 3 -h
free -s 0,01 -c 2 -t
free -s0.01 -c2 --human --wide
free --lohi --total --committed --wide --bytes
free --com --tot
free -k -m
free -b -b
free -c 0
free -c x
free -c 99999999999999999999
free -s 0
free -s x
free -s ''
free -c ''
free word
free -z
free --t
free -V";
