//! The system calls that `rustix` does not have. The only unsafe code of this crate.

use std::cmp::Ordering;

use units::Pid;

/// `KCMP_VM` of `include/uapi/linux/kcmp.h`: compares address spaces.
const KCMP_VM: libc::c_int = 1;

/// Whether two processes have one address space, and if not, an order between them that stays the
/// same until the machine boots again.
///
/// `kcmp(2)`, since 3.5 where the kernel is built with it. `None` without the permission to trace
/// both, when one of them is gone, and where the kernel does not have it.
pub(crate) fn compare_address_spaces(a: Pid, b: Pid) -> Option<Ordering> {
    let a = libc::pid_t::try_from(a.get()).ok()?;
    let b = libc::pid_t::try_from(b.get()).ok()?;
    let unused: libc::c_ulong = 0;
    #[expect(unsafe_code, reason = "there is no safe wrapper of kcmp(2)")]
    // SAFETY: `KCMP_VM` takes two process ids and ignores the last two arguments; the kernel reads
    // and writes no memory of ours.
    let answer = unsafe { libc::syscall(libc::SYS_kcmp, a, b, KCMP_VM, unused, unused) };
    match answer {
        0 => Some(Ordering::Equal),
        1 => Some(Ordering::Less),
        2 => Some(Ordering::Greater),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_the_address_space_that_it_has() {
        let own = Pid::new(std::process::id());
        // Some containers do not allow the call.
        assert!(matches!(compare_address_spaces(own, own), Some(Ordering::Equal) | None));
    }

    #[test]
    fn a_child_has_another_address_space() {
        let own = Pid::new(std::process::id());
        let Ok(mut child) = std::process::Command::new("sleep").arg("60").spawn() else { return };
        let there = compare_address_spaces(own, Pid::new(child.id()));
        let back = compare_address_spaces(Pid::new(child.id()), own);
        let _ = child.kill();
        let _ = child.wait();
        assert_ne!(there, Some(Ordering::Equal));
        assert_eq!(there.map(Ordering::reverse), back);
    }

    #[test]
    fn numbers_of_no_process_have_no_answer() {
        assert_eq!(compare_address_spaces(Pid::new(u32::MAX), Pid::new(1)), None);
    }
}
