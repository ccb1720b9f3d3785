//! The first lines: who asked for what, and on which machine.

use std::fmt::Write;

use facts::oom_report::{GfpMask, OomReport, Reporter, Trigger, TriggerKind};

use super::{Printer, v, v2};

impl Printer {
    pub(super) fn header(&mut self, report: &OomReport) {
        let Some(trigger) = &report.trigger else { return };
        match trigger.kind {
            TriggerKind::OomKiller => self.oom_killer(trigger),
            TriggerKind::AllocationFailure => self.allocation_failure(trigger),
            TriggerKind::ShowMemory => self.line("sysrq: Show Memory"),
        }
        if trigger.compaction_disabled && self.since(v(4, 9)) {
            self.line("COMPACTION is disabled!!!");
        }
        if let (Some(cpuset), Some(mems)) = (&trigger.cpuset, &trigger.mems_allowed)
            && trigger.kind == TriggerKind::OomKiller
            && self.since(v2(29))
            && self.before(v(5, 0))
        {
            let comm = trigger.comm.clone().unwrap_or_default();
            self.put(comm.as_bytes());
            self.put(" cpuset=");
            self.put(cpuset.as_bytes());
            self.put(" mems_allowed=");
            self.line(mems.as_bytes());
        }
    }

    fn oom_killer(&mut self, trigger: &Trigger) {
        if trigger.sysrq {
            let old = self.before(v(5, 0));
            self.line(if old {
                "SysRq : Manual OOM execution"
            } else {
                "sysrq: Manual OOM execution"
            });
        }
        if let Some(comm) = trigger.comm.as_ref().filter(|_| self.since(v2(19))) {
            self.put(comm.as_bytes());
            self.put(" invoked ");
        }
        let mut fields: Vec<Vec<u8>> = Vec::new();
        if let Some(gfp) = &trigger.gfp {
            fields.push([b"gfp_mask=", &self.gfp(gfp)[..]].concat());
        }
        let nodes = self.since(v(4, 9)) && self.before(v(5, 0));
        if let Some(nodemask) = trigger.nodemask.as_ref().filter(|_| nodes) {
            fields.push([b"nodemask=", nodemask.as_bytes()].concat());
        }
        if let Some(order) = trigger.order.filter(|_| self.since(v2(13))) {
            // From 4.11 to 4.14 the nodes were printed in pieces, with a blank too many.
            let twice = self.since(v(4, 11)) && self.before(v(4, 15));
            let blank = if twice && trigger.nodemask.is_some() { " " } else { "" };
            fields.push(format!("{blank}order={order}").into_bytes());
        }
        if let Some(adj) = trigger.oom_adj.filter(|_| self.since(v2(19)) && self.before(v(3, 7))) {
            let name = if self.before(v2(32)) { "oomkilladj" } else { "oom_adj" };
            fields.push(format!("{name}={adj}").into_bytes());
        }
        if let Some(adj) = trigger.oom_score_adj.filter(|_| self.since(v2(36))) {
            fields.push(format!("oom_score_adj={adj}").into_bytes());
        }
        self.put("oom-killer: ");
        self.line(fields.join(&b", "[..]));
    }

    fn allocation_failure(&mut self, trigger: &Trigger) {
        self.put(trigger.comm.clone().unwrap_or_default().as_bytes());
        self.put(": page allocation failure");
        self.put(if self.since(v(3, 2)) { ":" } else { "." });
        let mut fields: Vec<Vec<u8>> = Vec::new();
        if let Some(order) = trigger.order {
            fields.push(format!(" order:{order}").into_bytes());
        }
        if let Some(gfp) = &trigger.gfp {
            fields.push([b" mode:", &self.gfp(gfp)[..]].concat());
        }
        if let Some(nodemask) = trigger.nodemask.as_ref().filter(|_| self.since(v(4, 9))) {
            fields.push([b" nodemask=", nodemask.as_bytes()].concat());
        }
        let own_line = self.since(v(5, 0));
        if let Some(cpuset) = trigger.cpuset.as_ref().filter(|_| own_line) {
            fields.push([b"cpuset=", cpuset.as_bytes()].concat());
        }
        if let Some(mems) = trigger.mems_allowed.as_ref().filter(|_| own_line) {
            fields.push([b"mems_allowed=", mems.as_bytes()].concat());
        }
        self.line(fields.join(&b","[..]));
    }

    fn gfp(&self, gfp: &GfpMask) -> Vec<u8> {
        // `%#x` writes 0 without its base, and yet 0x0 is what is seen: `%#x` of the kernel does.
        let mut text = format!("{:#x}", gfp.mask).into_bytes();
        if let Some(names) = gfp.names.as_ref().filter(|_| self.since(v(4, 6))) {
            text.push(b'(');
            text.extend_from_slice(names.as_bytes());
            text.push(b')');
        }
        text
    }

    pub(super) fn reporter(&mut self, reporter: &Reporter) {
        if let Some(pid) = reporter.pid {
            let mut head = String::new();
            if self.since(v(3, 10)) {
                let cpu = reporter.cpu.unwrap_or(0);
                let _ = write!(head, "CPU: {cpu} ");
                if let Some(uid) = reporter.uid.filter(|_| self.since(v(6, 11))) {
                    let _ = write!(head, "UID: {uid} ");
                }
                let _ = write!(head, "PID: {pid} Comm: ");
            } else {
                let _ = write!(head, "Pid: {pid}, comm: ");
            }
            self.put(head);
            self.put(reporter.comm.clone().unwrap_or_default().as_bytes());
            if reporter.kdump_loaded && self.since(v(4, 16)) {
                self.put(" Kdump: loaded");
            }
            match &reporter.taint {
                Some(taint) if taint.as_bytes() == b"Not tainted" => self.put(" Not tainted"),
                Some(taint) => {
                    self.put(" Tainted: ");
                    self.put(taint.as_bytes());
                }
                None => {}
            }
            if let Some(version) = &reporter.version {
                self.put(" ");
                self.put(version.as_bytes());
            }
            self.end();
        }
        let taints = reporter.taints.as_ref().filter(|_| self.since(v(6, 11)));
        let texts = [
            ("Tainted: ", taints),
            ("Hardware name: ", reporter.hardware.as_ref()),
            ("Workqueue: ", reporter.workqueue.as_ref()),
        ];
        for (label, text) in texts {
            if let Some(text) = text {
                self.put(label);
                self.line(text.as_bytes());
            }
        }
        if !reporter.trace.is_empty() {
            self.line("Call Trace:");
        }
        for function in &reporter.trace {
            self.put(" ");
            self.put(function.as_bytes());
            self.line("+0x0/0x0");
        }
    }
}
