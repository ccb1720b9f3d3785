//! What root writes to change how the machine behaves.

use facts::OvercommitMode;
use rules::layout::{Arch, mmap_bits, mmap_bits_can_be_set};
use world::{Control, Errno, Setup, WorldError};

use crate::config::Huge;
use crate::machine::Machine;
use crate::memcg::MemcgId;

impl Machine {
    /// Arranges the machine before its first process.
    pub(crate) fn arrange(&mut self, setup: &Setup) -> Result<(), WorldError> {
        self.replace_swap(&setup.swap);
        for path in &setup.cgroups {
            self.store.frames.memcgs.create(path).map_err(|error| {
                WorldError(format!("the cgroup `{path}` cannot be made: {error}"))
            })?;
        }
        for (what, value) in &setup.controls {
            if let Err(errno) = self.write_control(what, value) {
                return Err(WorldError(format!(
                    "the kernel refuses `{value}` for `{what}`: {errno}"
                )));
            }
        }
        Ok(())
    }

    /// Writes to a file that changes the machine. What the model has no rule for has no effect.
    pub(crate) fn write_control(&mut self, what: &Control, value: &str) -> Result<(), Errno> {
        if let Some(done) = self.control_oom(what, value) {
            return done;
        }
        match what {
            Control::Sysctl(name) => self.set_sysctl(name, value),
            Control::Sys(path) if path == "kernel/mm/transparent_hugepage/enabled" => {
                self.store.config.huge = match value {
                    "always" => Huge::Always,
                    "madvise" => Huge::Madvise,
                    "never" => Huge::Never,
                    _ => return Err(Errno::EINVAL),
                };
                let huge = self.store.config.huge;
                if let Some(physical) = self.store.frames.physical.as_deref_mut() {
                    physical.huge_pages_set(huge);
                }
                Ok(())
            }
            Control::Sys(path) if path.starts_with("kernel/mm/lru_gen/") => {
                self.control_generations(path, value)
            }
            Control::Sys(path)
                if path.starts_with("kernel/mm/mempolicy/weighted_interleave/node") =>
            {
                let node = path.rsplit("node").next().unwrap_or_default();
                self.set_weight(node, value)
            }
            Control::Sys(path) if path.starts_with("kernel/mm/ksm/") => {
                self.control_ksm(path, value)
            }
            Control::Cgroup { path, file } if file == "cpuset.mems" => self.set_mems(path, value),
            Control::Cgroup { path, file } => {
                let ours =
                    ["memory.", "cgroup.", "tasks"].iter().any(|start| file.starts_with(start));
                if ours { self.control_cgroup(path, file, value) } else { Ok(()) }
            }
            Control::Pressure => self.watch_pressure(MemcgId::ROOT, value),
            Control::SysRq if value.starts_with('s') => {
                self.sync();
                Ok(())
            }
            Control::Sys(_) | Control::SysRq => Ok(()),
        }
    }

    fn set_sysctl(&mut self, name: &str, value: &str) -> Result<(), Errno> {
        if let Some(done) = self.control_memory(name, value) {
            return done;
        }
        if let Some(done) = self.control_pool(name, value) {
            return done;
        }
        let number = || value.trim().parse::<u64>().map_err(|_| Errno::EINVAL);
        let config = &mut self.store.config;
        match name {
            "vm.overcommit_memory" => {
                config.overcommit = match number()? {
                    0 => OvercommitMode::Heuristic,
                    1 => OvercommitMode::Always,
                    2 => OvercommitMode::Never,
                    _ => return Err(Errno::EINVAL),
                }
            }
            // Writing one of the two sets the other to 0.
            "vm.overcommit_ratio" => {
                config.overcommit_ratio = number()?;
                config.overcommit_kbytes = 0;
            }
            "vm.overcommit_kbytes" => {
                config.overcommit_kbytes = number()?;
                config.overcommit_ratio = 0;
            }
            "vm.admin_reserve_kbytes" => config.admin_reserve_kbytes = number()?,
            "vm.user_reserve_kbytes" => config.user_reserve_kbytes = number()?,
            "vm.max_map_count" => config.max_map_count = number()?,
            "vm.mmap_min_addr" => config.mmap_min_addr = number()?,
            "vm.legacy_va_layout" => config.legacy_layout = number()? != 0,
            "kernel.randomize_va_space" => {
                config.randomize_va_space = u8::try_from(number()?).unwrap_or(2).min(2);
            }
            "vm.mmap_rnd_bits" | "vm.mmap_rnd_compat_bits" => {
                // The second is for 32-bit programs of 64-bit kernels, and there are no others then.
                let arch = config.arch;
                let compat = name.ends_with("compat_bits");
                let has = !compat || arch.is_64bit() || arch == Arch::Ia32;
                if !mmap_bits_can_be_set(config.release) || !has {
                    return Err(Errno::ENOENT);
                }
                let bits = u32::try_from(number()?).map_err(|_| Errno::EINVAL)?;
                let (least, most) = match (compat, arch) {
                    (true, Arch::Arm64) => (11, 16),
                    (true, _) => mmap_bits(Arch::Ia32),
                    (false, Arch::Ia32) => mmap_bits(Arch::X86_64),
                    (false, arch) => mmap_bits(arch),
                };
                if !(least..=most).contains(&bits) {
                    return Err(Errno::EINVAL);
                }
                if compat == (arch == Arch::Ia32) {
                    config.mmap_rnd_bits = Some(bits);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
