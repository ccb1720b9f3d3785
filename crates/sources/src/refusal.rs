//! Why a file could not be read: what decides how the program goes on.

use std::fmt;
use std::str::FromStr;

use facts::Why;
use rustix::io::Errno;

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such file.
    Absent,
    /// Permission denied.
    Denied,
    /// The process went away.
    Gone,
    /// The file is there and the kernel refuses to fill it (`EOPNOTSUPP`): pressure that is switched
    /// off (`psi_show()` in `kernel/sched/psi.c`, since 4.20).
    Unsupported,
    /// The source is damaged here; [`Tree::problems`](crate::Tree::problems) says how.
    Damaged,
    /// Another error of the system.
    System(i32),
    /// Larger than is read into memory.
    TooLarge {
        /// Size in bytes.
        size: u64,
        /// Most that is read.
        most: u64,
    },
    /// Not what a file of `/proc` can be: a pipe, a device, a sparse member of an archive.
    Strange(String),
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Refusal {
        match errno {
            Errno::NOENT | Errno::NOTDIR => Refusal::Absent,
            Errno::ACCESS | Errno::PERM => Refusal::Denied,
            Errno::SRCH => Refusal::Gone,
            Errno::OPNOTSUPP => Refusal::Unsupported,
            other => Refusal::System(other.raw_os_error()),
        }
    }
}

impl From<&Refusal> for Why {
    fn from(refusal: &Refusal) -> Why {
        match refusal {
            Refusal::Absent => Why::Absent,
            Refusal::Denied => Why::Denied,
            Refusal::Gone => Why::Gone,
            other => Why::Failed(other.to_string()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Absent => f.write_str("not there"),
            Refusal::Denied => f.write_str("permission denied"),
            Refusal::Gone => f.write_str("the process went away"),
            Refusal::Unsupported => f.write_str("switched off in this kernel"),
            Refusal::Damaged => f.write_str("damaged"),
            Refusal::System(errno) => std::io::Error::from_raw_os_error(*errno).fmt(f),
            Refusal::TooLarge { size, most } => {
                write!(f, "expected at most {most} bytes, found {size}")
            }
            Refusal::Strange(what) => f.write_str(what),
        }
    }
}

/// The one word by which a capture remembers a refusal, in its list of what could not be read.
impl Refusal {
    pub(crate) fn word(&self) -> String {
        match self {
            Refusal::Absent => "absent".to_owned(),
            Refusal::Denied => "denied".to_owned(),
            Refusal::Gone => "gone".to_owned(),
            Refusal::Unsupported => "unsupported".to_owned(),
            Refusal::System(errno) => format!("errno-{errno}"),
            Refusal::Damaged | Refusal::TooLarge { .. } | Refusal::Strange(_) => {
                "unreadable".to_owned()
            }
        }
    }
}

impl FromStr for Refusal {
    type Err = ();

    fn from_str(word: &str) -> Result<Refusal, ()> {
        Ok(match word {
            "absent" => Refusal::Absent,
            "denied" => Refusal::Denied,
            "gone" => Refusal::Gone,
            "unsupported" => Refusal::Unsupported,
            "unreadable" => {
                Refusal::Strange("could not be read when the capture was made".to_owned())
            }
            other => {
                let number = other.strip_prefix("errno-").ok_or(())?;
                Refusal::System(number.parse().map_err(|_| ())?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_survives_a_capture() {
        for refusal in [
            Refusal::Absent,
            Refusal::Denied,
            Refusal::Gone,
            Refusal::Unsupported,
            Refusal::System(5),
        ] {
            assert_eq!(refusal.word().parse(), Ok(refusal));
        }
        assert_eq!("errno-x".parse::<Refusal>(), Err(()));
        assert_eq!("".parse::<Refusal>(), Err(()));
    }
}
