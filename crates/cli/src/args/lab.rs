//! Options of `oomph lab`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};

/// Options of `oomph lab`.
#[derive(Debug, Clone, Args)]
pub(crate) struct LabArgs {
    /// The scenarios; `-` is standard input
    #[arg(value_name = "SCENARIO", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Where they run: model, host, vm:SERIES such as vm:6.1, vm:/path/to/vmlinuz, recorded:PATH
    #[arg(long, value_name = "WORLDS", value_delimiter = ',', default_value = "model,host")]
    pub(crate) on: Vec<LabArm>,
    /// What the model starts with when it is compared with a virtual machine
    #[arg(long, value_name = "WHAT", value_enum, default_value = "measured")]
    pub(crate) profile: LabProfile,
    /// Write the comparison to this file, as one page that needs no other; one scenario only
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Record what virtual machines answer, a file for each in this folder, for recorded:PATH
    #[arg(long, value_name = "DIR")]
    pub(crate) record: Option<PathBuf>,
}

/// A world that scenarios run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LabArm {
    /// The model, as a machine like each of the others.
    Model,
    /// Real processes on this machine's kernel.
    Host,
    /// A kernel in a virtual machine.
    Vm(LabKernel),
    /// What such a kernel answered: a recording, or a folder of them.
    Recorded(PathBuf),
}

/// Which kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LabKernel {
    /// Debian's of this series, `6.1`.
    Series(String),
    /// The image at this path.
    Image(PathBuf),
}

impl FromStr for LabArm {
    type Err = String;

    fn from_str(text: &str) -> Result<LabArm, String> {
        match text {
            "model" => return Ok(LabArm::Model),
            "host" => return Ok(LabArm::Host),
            _ => {}
        }
        if let Some(path) = text.strip_prefix("recorded:").filter(|path| !path.is_empty()) {
            return Ok(LabArm::Recorded(PathBuf::from(path)));
        }
        let kernel =
            text.strip_prefix("vm:").ok_or("it is model, host, vm:KERNEL or recorded:PATH")?;
        if kernel.contains('/') {
            return Ok(LabArm::Vm(LabKernel::Image(PathBuf::from(kernel))));
        }
        if kernel.ends_with("-i386") {
            let why = "the program that performs scenarios is for x86-64, and kernels for i386 start none \
                       of these";
            return Err(why.to_owned());
        }
        let numbers: Vec<&str> = kernel.split('.').collect();
        let is_number = |text: &&str| {
            !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if numbers.len() == 2 && numbers.iter().all(is_number) {
            return Ok(LabArm::Vm(LabKernel::Series(kernel.to_owned())));
        }
        Err("behind `vm:` comes a series such as 6.1, or the path of a kernel's image".to_owned())
    }
}

/// What the model starts with when it is compared with a virtual machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LabProfile {
    /// What that machine has before its first process
    Measured,
    /// What is known of such machines
    Stored,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  oomph lab scenarios/*.kdl             on the model and on this kernel; 1 if they differ
  oomph lab --on model,vm:6.1,vm:6.12 hog.kdl
                                        on the model and on real kernels in QEMU
  oomph lab --on model,vm:6.1 hog.kdl --html hog.html
                                        the comparison with its pictures
  oomph lab --on model,vm:6.1,vm:6.12 --record kept scenarios/*.kdl
                                        and what the kernels answer is kept in the folder kept
  oomph lab --on model,recorded:kept scenarios/*.kdl
                                        the same without booting anything
  oomph lab --on host hog.kdl           here only
  oomph lab hog.kdl --json | jq .differences
                                        for programs

Real processes are fenced by the limits that the scenario states, and by nothing else: a scenario
that touches more than this machine has does so. They end with the lab. A virtual machine is the
scenario's own, and may run out of memory. Its kernel is fetched once, from Debian, by apt, into
$XDG_CACHE_HOME/oomph/kernels (~/.cache/oomph/kernels), and used from there without a network.";
