//! What the programs are given to do: each some hundred thousand calls of `malloc`.

use crate::Stop;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// A program at work.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) program: &'static str,
    pub(crate) arguments: Vec<String>,
    pub(crate) variables: &'static [(&'static str, &'static str)],
    /// Whether threads end while others allocate. glibc then empties their caches behind all that a
    /// library could record, and when exactly is not known: blocks may differ from there on.
    pub(crate) threads_end: bool,
}

/// Python without its own allocator, so that every object is a block.
pub(crate) const EVERY_OBJECT: &[(&str, &str)] = &[("PYTHONMALLOC", "malloc")];

/// Fills and empties tables as a service does, in four rounds of growing size.
pub(crate) const PYTHON: &str = "
import json
kept = []
for r in range(4):
    d = {str(i): [i, str(i) * (i % 40), {'a': i}] for i in range(1500 * (r + 1))}
    kept.append(json.loads(json.dumps(d)))
    if r % 2:
        kept.pop(0)
";

const PYTHON_THREADS: &str = "
import threading, zlib
def work(n):
    for i in range(3000):
        x = [str(j) * 9 for j in range(i % 50)]
        zlib.decompress(zlib.compress(('%d' % i).encode() * 50))
threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
for t in threads: t.start()
for t in threads: t.join()
";

const BASH: &str = "
declare -A seen
for ((i = 0; i < 12000; i++)); do
    seen[key$i]=${i}value; line=\"$line $i\"
    ((i % 100)) || line=; ((i % 7)) || unset seen[key$((i / 2))]
done
for word in ${!seen[@]}; do x+=${seen[$word]}; done
a=$(echo $x | tr 0-9 a-j)";

const PERL: &str = "
my %h;
for my $r (1..4) {
    for my $i (1..20000) { $h{\"k$i\"} = [$i, 'x' x ($i % 300)]; }
    my @s = sort { $h{$a}[0] <=> $h{$b}[0] } keys %h;
    delete @h{@s[0..9999]};
    my $t = join ',', map { $_->[1] } values %h; my @p = split /,/, $t;
}";

const SQL: &str = "
create table t(a integer primary key, b text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 40000)
insert into t select i, hex(randomblob(i % 60)) from n;
create index x on t(b);
select count(*), sum(length(b)) from t where b > '8' group by a % 100;
select a.b from t a join t b on a.a = b.a + 1 where a.b < b.b order by a.b limit 10;
delete from t where a % 3 = 0; vacuum;";

/// All of them; what they read is written to the folder.
pub(crate) fn all(folder: &Path) -> Result<Vec<Work>, Stop> {
    let source = folder.join("many.c");
    let lines = folder.join("lines");
    for (path, text) in [(&source, program()), (&lines, text())] {
        fs::write(path, text).map_err(|err| format!("cannot write {}: {err}", path.display()))?;
    }
    let (source, lines) = (source.display().to_string(), lines.display().to_string());
    let object = folder.join("many.o").display().to_string();
    let packed = folder.join("some.tar").display().to_string();
    let root = crate::repository::root().display().to_string();
    let work = |name, program, arguments: &[&str]| Work {
        name,
        program,
        arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        variables: &[],
        threads_end: false,
    };
    Ok(vec![
        work("python3", "/usr/bin/python3", &["-c", PYTHON]),
        Work {
            variables: EVERY_OBJECT,
            ..work("python3-objects", "/usr/bin/python3", &["-c", PYTHON])
        },
        Work {
            variables: EVERY_OBJECT,
            threads_end: true,
            ..work("python3-threads", "/usr/bin/python3", &["-c", PYTHON_THREADS])
        },
        work("bash", "/bin/bash", &["-c", BASH]),
        work("gcc", "/usr/bin/gcc", &["-O2", "-g", "-c", "-o", &object, &source]),
        work("find", "/usr/bin/find", &["/usr", "-name", "*.h", "-newer", "/etc/passwd"]),
        work("perl", "/usr/bin/perl", &["-e", PERL]),
        work("tar", "/bin/tar", &["-cf", &packed, "/usr/share", "/usr/include"]),
        work("sort", "/usr/bin/sort", &["-k2", &lines]),
        work("sqlite3", "/usr/bin/sqlite3", &[":memory:", SQL]),
        work("git", "/usr/bin/git", &["-C", &root, "log", "--stat", "-40"]),
        work("gdb", "/usr/bin/gdb", &["-batch", "-ex", "info functions main", "/bin/bash"]),
        work("ls", "/bin/ls", &["-lR", "/usr/share", "/usr/lib"]),
    ])
}

/// A program of C with many small functions.
fn program() -> String {
    let mut text = "struct s { int a; struct s *next; };\n".to_owned();
    for i in 0..400 {
        let _ = writeln!(
            text,
            "int f{i}(struct s *p, int n) {{ int sum = {i}; \
             for (int i = 0; i < n; i++) {{ switch (i % 5) {{ case 0: sum += p->a * i; break; \
             case {}: sum ^= n; break; default: sum -= i / (n + {i}); }} p = p->next ? p->next : p; }} \
             return sum; }}",
            1 + i % 4
        );
    }
    text
}

fn text() -> String {
    let mut text = String::new();
    let mut number = 1_u32;
    for line in 0..200_000 {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let _ = writeln!(text, "{line} {number:x} {}", "w".repeat((number >> 26) as usize));
    }
    text
}
