//! Whatever is in a machine's files, the programs end as they should and print rows.

use std::io;
use std::time::Duration;

use oomph_compat::{Bugs, Call, Host, Machine, ProcFile, ReadSeek};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use units::Pid;

/// Texts of the files, in the order of [`ProcFile`].
#[derive(Debug)]
struct Texts([Vec<u8>; 6]);

impl Machine for Texts {
    fn pids(&mut self) -> io::Result<Vec<Pid>> {
        Ok(vec![Pid::new(1), Pid::new(2)])
    }

    fn read(&mut self, file: ProcFile, piece: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let at = match file {
            ProcFile::Meminfo => 0,
            ProcFile::Cmdline(_) => 1,
            ProcFile::Stat(_) => 2,
            ProcFile::Status(_) => 3,
            ProcFile::Maps(_) => 4,
            ProcFile::Smaps(_) => 5,
        };
        self.0[at].chunks(100).for_each(piece);
        Ok(())
    }

    fn owner(&mut self, _: Pid) -> Option<u32> {
        Some(0)
    }

    fn user_name(&mut self, _: u32) -> Option<Vec<u8>> {
        Some(self.0[1].clone())
    }
}

struct Nothing;

impl Host for Nothing {
    fn source(&mut self, _: &str) -> Result<Box<dyn Machine>, String> {
        Err("nothing".to_owned())
    }

    fn file(&mut self, _: &str) -> io::Result<Box<dyn ReadSeek>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn home(&self) -> Option<String> {
        None
    }

    fn columns(&self) -> Option<usize> {
        None
    }

    fn utf8(&self) -> bool {
        true
    }

    fn sleep(&mut self, _: Duration) {}
}

const COMMANDS: [&str; 11] = [
    "free -h -t -l -v",
    "pmap 1",
    "pmap -x -A 1000 1",
    "pmap -d 1",
    "pmap -X 1 2",
    "pmap -XX -q 1",
    "smem -a -t -c pid",
    "smem -a -t -c name",
    "smem -a -t -s user",
    "smem -m -k -t",
    "smem -w -p -t",
];

/// Pieces that files of this kind are made of, and some that they are not.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let known = select(vec![
        "1000-2000 rw-p 00000000 fe:00 7    /a/b c (deleted)\n",
        "ffffffffff600000-ffffffffffffffff --xp 00000000 00:00 0 [vsyscall]\n",
        "2000-1000 r--s 0 0:0 0\n",
        "Rss:                18446744073709551615 kB\n",
        "Size: 4 kB\nRss: 4 kB\nPss: 4 kB\nSwap: 0 kB\n",
        "VmFlags: rd wr \n",
        "VmFlags: \n",
        "MemTotal: 99 kB\nSwapTotal: 0 kB\n",
        "MemAvailable: 18446744073709551615 kB\nAnonPages: 1 kB\nMapped: 2 kB\nMemFree: 3 kB\n",
        "Buffers: 1 kB\nCached: 2 kB\nSReclaimable: 3 kB\n",
        "7 (a) b) S 1 7 7 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 5 6 7 8 9 10 4096 0\n",
        "Tgid:\t99999999999\n",
        " ",
        "\n",
        "-",
        ":",
        " kB",
        "\u{202e}",
        "\x1b[2J",
        "\r",
        "(",
        ")",
    ]);
    let piece = prop_oneof![
        4 => known.prop_map(|text: &str| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..40),
        1 => (any::<u8>(), 0..70_000_usize).prop_map(|(byte, count)| std::vec::from_elem(byte, count)),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_and_no_row_is_broken(texts in prop::array::uniform6(text())) {
        let mut machine = Texts(texts);
        for command in COMMANDS {
            for bugs in [Bugs::Fixed, Bugs::Kept] {
                let args: Vec<String> = command.split(' ').skip(1).map(str::to_owned).collect();
                let (mut out, mut err) = (Vec::new(), Vec::new());
                let mut host = Nothing;
                let mut call = Call {
                    machine: &mut machine,
                    host: &mut host,
                    out: &mut out,
                    err: &mut err,
                    bugs,
                };
                let status = match &command[..4] {
                    "free" => oomph_compat::free(&args, &mut call),
                    "pmap" => oomph_compat::pmap(&args, &mut call),
                    _ => oomph_compat::smem(&args, &mut call),
                };
                prop_assert!(matches!(status, Ok(0 | 1)), "{command}");
                if bugs == Bugs::Fixed {
                    let text = String::from_utf8_lossy(&out);
                    let broken = text.chars().find(|&c| c.is_control() && c != '\n');
                    prop_assert_eq!(broken, None, "{}", command);
                }
            }
        }
    }
}
