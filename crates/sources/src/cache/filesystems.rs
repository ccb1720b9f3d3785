//! What kind of filesystem a device is: whether to walk into it, and how to ask there.

use std::collections::HashMap;

use facts::Backing;
use rustix::fd::AsFd;
use rustix::fs::{fstatfs, makedev};

/// A kind of filesystem, as far as the page cache is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Files on a disk, in flash, or in another file.
    Plain,
    /// tmpfs and what is built on it.
    Swap,
    /// ramfs.
    Pinned,
    /// Overlays: the cache is that of the layers. `cachestat` looks at the overlay's own inode and
    /// finds nothing (measured on 6.18), a mapping is one of the layer's file.
    Layered,
    /// On the network, or in a process: may hang.
    Remote,
    /// The kernel makes the files up.
    MadeUp,
    /// Pages of the huge page pool.
    Huge,
    /// A place where something is mounted on demand.
    Automount,
}

impl Kind {
    /// By the name in `mountinfo`.
    fn from_name(name: &[u8]) -> Kind {
        let family = name.split(|&b| b == b'.').next().unwrap_or(name);
        match family {
            b"tmpfs" | b"devtmpfs" => Kind::Swap,
            b"ramfs" | b"rootfs" => Kind::Pinned,
            b"overlay" | b"overlayfs" | b"aufs" | b"unionfs" => Kind::Layered,
            b"nfs" | b"nfs4" | b"cifs" | b"smb3" | b"smbfs" | b"9p" | b"ceph" | b"afs"
            | b"coda" | b"fuse" | b"fuseblk" | b"virtiofs" | b"glusterfs" | b"lustre" | b"gpfs"
            | b"ocfs2" | b"gfs2" | b"orangefs" | b"vboxsf" | b"prl_fs" | b"vmhgfs" | b"ncpfs"
            | b"beegfs" => Kind::Remote,
            b"proc" | b"sysfs" | b"cgroup" | b"cgroup2" | b"devpts" | b"debugfs" | b"tracefs"
            | b"securityfs" | b"selinuxfs" | b"smackfs" | b"apparmorfs" | b"bpf" | b"pstore"
            | b"efivarfs" | b"mqueue" | b"configfs" | b"binfmt_misc" | b"fusectl" | b"nsfs"
            | b"rpc_pipefs" | b"nfsd" | b"binder" | b"resctrl" | b"xenfs" | b"pipefs"
            | b"sockfs" | b"anon_inodefs" | b"functionfs" | b"gadgetfs" | b"usbfs" | b"spufs"
            | b"openpromfs" | b"hypfs" | b"s390_hypfs" | b"cpuset" => Kind::MadeUp,
            b"hugetlbfs" => Kind::Huge,
            b"autofs" => Kind::Automount,
            _ => Kind::Plain,
        }
    }

    /// By the magic number of `statfs(2)`, `include/uapi/linux/magic.h`; only for filesystems that
    /// are mounted nowhere, which are few.
    fn from_magic(magic: u64) -> Kind {
        match magic {
            0x0102_1994 => Kind::Swap,
            0x8584_58f6 => Kind::Pinned,
            0x794c_7630 => Kind::Layered,
            0x6573_5546 | 0x6969 | 0xff53_4d42 | 0xfe53_4d42 | 0x0102_1997 | 0x00c3_6400 => {
                Kind::Remote
            }
            0x9fa0 | 0x6265_6572 | 0x0027_e0eb | 0x6367_7270 | 0x6462_6720 | 0x7472_6163 => {
                Kind::MadeUp
            }
            0x9584_58f6 => Kind::Huge,
            0x0187 => Kind::Automount,
            _ => Kind::Plain,
        }
    }

    /// Where pages of its files go; `None` where there is no page cache of its own.
    pub(super) fn backing(self) -> Option<Backing> {
        match self {
            Kind::Plain | Kind::Layered | Kind::Remote => Some(Backing::Filesystem),
            Kind::Swap => Some(Backing::Swap),
            Kind::Pinned => Some(Backing::Nothing),
            Kind::MadeUp | Kind::Huge | Kind::Automount => None,
        }
    }
}

/// The filesystems that are mounted, by device.
#[derive(Debug, Default)]
pub(super) struct Filesystems(HashMap<u64, Kind>);

impl Filesystems {
    /// From a `mountinfo`.
    pub(super) fn new(mountinfo: &[u8]) -> Filesystems {
        let kinds = proctext::filesystems(mountinfo)
            .map(|(dev, name)| (makedev(dev.major, dev.minor), Kind::from_name(name)));
        Filesystems(kinds.collect())
    }

    /// The kind of a device, `None` when no mount has it: a subvolume, or a filesystem inside the
    /// kernel.
    pub(super) fn kind(&self, dev: u64) -> Option<Kind> {
        self.0.get(&dev).copied()
    }

    /// The kind of the filesystem of an open file, whose device is known.
    pub(super) fn kind_of(&self, file: impl AsFd, dev: u64) -> Kind {
        self.kind(dev).unwrap_or_else(|| match fstatfs(file) {
            #[allow(
                clippy::cast_sign_loss,
                clippy::cast_lossless,
                clippy::unnecessary_cast,
                reason = "its width and sign differ between architectures"
            )]
            Ok(stat) => Kind::from_magic(stat.f_type as u64 & 0xffff_ffff),
            Err(_) => Kind::Plain,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_magic_numbers_agree() {
        for (name, magic) in [
            (&b"tmpfs"[..], 0x0102_1994),
            (b"ramfs", 0x8584_58f6),
            (b"overlay", 0x794c_7630),
            (b"fuse.sshfs", 0x6573_5546),
            (b"nfs4", 0x6969),
            (b"proc", 0x9fa0),
            (b"cgroup2", 0x6367_7270),
            (b"hugetlbfs", 0x9584_58f6),
            (b"autofs", 0x0187),
            (b"ext4", 0xef53),
        ] {
            assert_eq!(Kind::from_name(name), Kind::from_magic(magic));
        }
    }

    #[test]
    fn a_device_that_is_not_mounted_has_no_kind() {
        let found = Filesystems::new(b"28 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
        assert_eq!(found.kind(makedev(8, 1)), Some(Kind::Plain));
        assert_eq!(found.kind(makedev(8, 2)), None);
    }
}
