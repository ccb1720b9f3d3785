//! Error numbers.

use std::fmt;

/// An error number of Linux, positive; prints as its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Errno(pub u16);

macro_rules! errnos {
    ($($name:ident = $value:literal, $meaning:literal;)*) => {
        impl Errno {
            $(#[doc = $meaning] pub const $name: Errno = Errno($value);)*

            /// Every error number that calls about memory give, with its name.
            pub const NAMES: &'static [(&'static str, Errno)] = &[$((stringify!($name), Errno($value))),*];
        }
    };
}

errnos! {
    EPERM = 1, "Operation not permitted.";
    ENOENT = 2, "No such file.";
    ESRCH = 3, "No such process.";
    EINTR = 4, "Interrupted.";
    EIO = 5, "Input or output error.";
    EBADF = 9, "Bad file descriptor.";
    ECHILD = 10, "No child.";
    EAGAIN = 11, "Try again: a limit.";
    ENOMEM = 12, "Out of memory, or of a promise, or nothing mapped.";
    EACCES = 13, "Permission denied.";
    EFAULT = 14, "Bad address.";
    EBUSY = 16, "Busy.";
    EEXIST = 17, "Exists.";
    ENODEV = 19, "No such device: the file cannot be mapped.";
    EISDIR = 21, "Is a directory.";
    EINVAL = 22, "Invalid argument.";
    ENFILE = 23, "Too many open files in the system.";
    EMFILE = 24, "Too many open files.";
    ETXTBSY = 26, "Text file busy.";
    EFBIG = 27, "File too large.";
    ENOSPC = 28, "No space.";
    ESPIPE = 29, "Illegal seek.";
    ENOSYS = 38, "No such call.";
    EOVERFLOW = 75, "Too large for its type.";
    EOPNOTSUPP = 95, "Not supported.";
    EHWPOISON = 133, "A page with a hardware error.";
}

impl Errno {
    /// The error of that name (`ENOMEM`).
    pub fn from_name(name: &str) -> Option<Errno> {
        Self::NAMES.iter().find(|(text, _)| *text == name).map(|&(_, errno)| errno)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(_, errno)| errno == self) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "error {}", self.0),
        }
    }
}
