//! From a cgroup's path to what people call it: a unit of systemd, or a container.
//!
//! Names of container engines are those of their default settings, with cgroups made by systemd
//! (`docker-ID.scope`) and by the engine itself (`docker/ID`).

use facts::Name;

use super::{Unit, UnitKind};

/// Characters of a container's id that engines print.
const SHORT: usize = 12;

impl Unit {
    /// As people call it: `nginx.service`, `docker 5e1f0a2b3c4d`.
    pub fn label(&self) -> Name {
        let engine = match self.kind {
            UnitKind::Systemd | UnitKind::Cgroup => return self.name.clone(),
            UnitKind::Docker => "docker",
            UnitKind::Podman => "podman",
            UnitKind::Kubernetes => "k8s",
            UnitKind::Containerd => "containerd",
            UnitKind::Lxc => "lxc",
        };
        let mut label = format!("{engine} ").into_bytes();
        let name = self.name.as_bytes();
        let short =
            if self.kind == UnitKind::Lxc { name } else { name.get(..SHORT).unwrap_or(name) };
        label.extend_from_slice(short);
        Name::new(label)
    }
}

/// Prefixes of a scope's name in front of a container's id.
const SCOPES: [(&[u8], UnitKind); 7] = [
    (b"docker-", UnitKind::Docker),
    (b"libpod-conmon-", UnitKind::Podman),
    (b"libpod-", UnitKind::Podman),
    (b"cri-containerd-", UnitKind::Kubernetes),
    (b"crio-", UnitKind::Kubernetes),
    (b"nerdctl-", UnitKind::Containerd),
    (b"containerd-", UnitKind::Containerd),
];

/// What a process in the cgroup at this path belongs to: the innermost container or unit.
pub fn unit_of(path: &Name) -> Unit {
    let parts: Vec<&[u8]> =
        path.as_bytes().split(|&b| b == b'/').filter(|part| !part.is_empty()).collect();
    let mut unit = None;
    for (place, part) in parts.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|at| parts.get(at)).copied().unwrap_or_default();
        let pods = parts[..place].iter().any(|part| part.starts_with(b"kubepods"));
        // A container has units of its own inside; from outside it is one thing.
        if let Some(found) = container(part, before, pods) {
            return found;
        }
        if is_unit(part) {
            unit = Some(*part);
        }
    }
    match unit.or_else(|| parts.iter().rev().find(|part| part.ends_with(b".slice")).copied()) {
        Some(name) => Unit { kind: UnitKind::Systemd, name: Name::new(name) },
        None => Unit { kind: UnitKind::Cgroup, name: path.clone() },
    }
}

fn container(part: &[u8], before: &[u8], pods: bool) -> Option<Unit> {
    let unit = |kind, name: &[u8]| Some(Unit { kind, name: Name::new(name) });
    let scope = part.strip_suffix(b".scope").unwrap_or(part);
    for (prefix, kind) in SCOPES {
        if let Some(id) = scope.strip_prefix(prefix).filter(|id| is_id(id)) {
            let kind = if pods { UnitKind::Kubernetes } else { kind };
            return unit(kind, id);
        }
    }
    if let Some(name) = part.strip_prefix(b"lxc.payload.").filter(|name| !name.is_empty()) {
        return unit(UnitKind::Lxc, name);
    }
    if before == b"lxc" {
        return unit(UnitKind::Lxc, part);
    }
    if !is_id(part) {
        return None;
    }
    match before {
        _ if pods => unit(UnitKind::Kubernetes, part),
        b"docker" => unit(UnitKind::Docker, part),
        b"libpod" | b"libpod_parent" => unit(UnitKind::Podman, part),
        b"default" | b"k8s.io" | b"containerd" => unit(UnitKind::Containerd, part),
        _ => None,
    }
}

/// Ids of containers are hexadecimal, 64 digits; some print fewer.
fn is_id(text: &[u8]) -> bool {
    text.len() >= 12 && text.iter().all(u8::is_ascii_hexdigit)
}

/// Kinds of systemd's units that hold processes.
fn is_unit(part: &[u8]) -> bool {
    const KINDS: [&[u8]; 5] = [b".service", b".scope", b".socket", b".mount", b".swap"];
    KINDS.iter().any(|kind| part.ends_with(kind) && part.len() > kind.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "5e1f0a2b3c4d5e1f0a2b3c4d5e1f0a2b3c4d5e1f0a2b3c4d5e1f0a2b3c4d5e1f";

    fn label(path: &str) -> String {
        unit_of(&Name::from(path.replace("ID", ID).as_str())).label().to_string()
    }

    #[test]
    fn the_innermost_unit_of_systemd_is_what_a_process_belongs_to() {
        for (path, expected) in [
            ("/system.slice/nginx.service", "nginx.service"),
            ("/system.slice/nginx.service/worker", "nginx.service"),
            ("/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/firefox.service",
                "firefox.service",
            ),
            ("/user.slice/user-1000.slice", "user-1000.slice"),
            ("/init.scope", "init.scope"),
            ("/", "/"),
            ("/web/1", "/web/1"),
            ("/.service", "/.service"),
        ] {
            assert_eq!(label(path), expected, "{path}");
        }
    }

    #[test]
    fn containers_are_called_as_their_engines_call_them() {
        for (path, expected) in [
            ("/system.slice/docker-ID.scope", "docker 5e1f0a2b3c4d"),
            ("/docker/ID", "docker 5e1f0a2b3c4d"),
            ("/docker/ID/system.slice/cron.service", "docker 5e1f0a2b3c4d"),
            ("/machine.slice/libpod-ID.scope/container", "podman 5e1f0a2b3c4d"),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-ID.scope",
                "k8s 5e1f0a2b3c4d",
            ),
            ("/kubepods/besteffort/pod0a0a-1/ID", "k8s 5e1f0a2b3c4d"),
            ("/kubepods.slice/pod1.slice/docker-ID.scope", "k8s 5e1f0a2b3c4d"),
            ("/default/ID", "containerd 5e1f0a2b3c4d"),
            ("/lxc.payload.web/system.slice/cron.service", "lxc web"),
            ("/lxc/web", "lxc web"),
            ("/system.slice/docker-compose.service", "docker-compose.service"),
            ("/system.slice/docker.service", "docker.service"),
        ] {
            assert_eq!(label(path), expected, "{path}");
        }
    }
}
