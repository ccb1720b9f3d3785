//! `/proc/PID/mountinfo`: the type of each mounted filesystem.

use facts::Device;

use crate::line::{lines, split_once};

/// Device and type (`ext4`, `fuse.sshfs`) of each mount of a `mountinfo` (2.6.26), in its order.
/// Lines that do not look like one are left out: whoever asks about a device that is not in the list
/// has to cope anyway, because subvolumes have devices that no line names.
pub fn filesystems(text: &[u8]) -> impl Iterator<Item = (Device, &[u8])> {
    lines(text).filter_map(|(_, line)| {
        let mut fields = line.split(|&b| b == b' ');
        let (major, minor) = split_once(fields.nth(2)?, b':')?;
        fields.find(|field| *field == b"-")?;
        let number = |text| u32::try_from(crate::line::decimal(text)?).ok();
        Some((Device { major: number(major)?, minor: number(minor)? }, fields.next()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mount_has_a_device_and_a_type_and_broken_lines_none() {
        let text = b"22 28 0:20 / /sys rw shared:7 - sysfs sysfs rw\n\
            28 1 8:1 / / rw shared:1 master:2 - ext4 /dev/sda1 rw\nnonsense\n\
            29 1 8:x / /a rw - ext4 a rw\n30 1 0:99 / /a\\040-\\040b rw - fuse.sshfs h: rw";
        let found: Vec<_> = filesystems(text).collect();
        let device = |major, minor| Device { major, minor };
        assert_eq!(
            found,
            [
                (device(0, 20), &b"sysfs"[..]),
                (device(8, 1), b"ext4"),
                (device(0, 99), b"fuse.sshfs")
            ]
        );
    }
}
