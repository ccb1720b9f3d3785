//! Every line that is known, as its program prints it, and lines that only look like it.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use facts::{FigureValue, Name};
use proptest::prelude::*;

use super::*;
use crate::userspace::scan::LONGEST_LINE;

/// What a notice says, without what is unknown.
fn shown(notice: &Notice) -> String {
    let mut out = format!("{:?} {:?}", notice.speaker, notice.act);
    let mut field = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = write!(out, " {key}={value}");
        }
    };
    let name = |name: &Option<Name>| name.as_ref().map(ToString::to_string);
    field("pid", notice.pid.map(|pid| pid.to_string()));
    field("name", name(&notice.name));
    field("uid", notice.uid.map(|uid| uid.to_string()));
    field("adj", notice.oom_score_adj.map(|adj| adj.get().to_string()));
    field("unit", name(&notice.unit));
    field("cgroup", name(&notice.cgroup));
    field("container", name(&notice.container));
    field("pod", name(&notice.pod));
    field("signal", name(&notice.signal));
    field("count", notice.count.map(|count| count.to_string()));
    field("reason", name(&notice.reason).map(|reason| format!("{reason:?}")));
    for figure in &notice.figures {
        let value = match figure.value {
            FigureValue::Bytes(bytes) => format!("{} B", bytes.get()),
            FigureValue::SignedBytes(bytes) => format!("{bytes} B"),
            FigureValue::Percent(percent) => percent.to_string(),
            FigureValue::Micros(us) => format!("{us} us"),
            FigureValue::Number(number) => number.to_string(),
        };
        let _ = write!(out, "\n  {:?} {value}", figure.of);
    }
    out
}

fn check(text: &str, expected: &Expect) {
    let all: Vec<String> = notices(text.as_bytes()).iter().map(shown).collect();
    expected.assert_eq(&format!("{}\n", all.join("\n")));
}

fn check_none(text: &str) {
    let found = notices(text.as_bytes());
    assert!(found.is_empty(), "{text}: {found:?}");
}

#[test]
fn systemd_tells_what_became_of_its_units() {
    check(
        "Mar  4 05:06:07 box systemd[1]: shop.service: A process of this unit has been killed by the OOM killer.\n\
         Mar  4 05:06:07 box systemd[1]: shop.service: Main process exited, code=killed, status=9/KILL\n\
         Mar  4 05:06:07 box systemd[1]: shop.service: Control process exited, code=killed, status=9/KILL\n\
         Mar  4 05:06:07 box systemd[1]: shop.service: Failed with result 'oom-kill'.\n\
         Mar  4 05:06:07 box systemd[900]: app-x\\x2dy.scope: systemd-oomd killed 12 process(es) in this unit.\n\
         Mar  4 05:06:07 box systemd[900]: old.scope: systemd-oomd killed some process(es) in this unit.\n\
         Mar  4 05:06:07 box systemd[1]: new.service: The kernel OOM killer killed 3 process(es) in this unit.\n",
        &expect![[r"
            Systemd ToldOfKill unit=shop.service
            Systemd Ended unit=shop.service signal=SIGKILL
            Systemd Ended unit=shop.service signal=SIGKILL
            Systemd ToldOfEither unit=shop.service
            Systemd ToldOfOomd unit=app-x\\x2dy.scope count=12
            Systemd ToldOfOomd unit=old.scope
            Systemd ToldOfKill unit=new.service count=3
        "]],
    );
}

#[test]
fn a_unit_that_ended_otherwise_is_no_news() {
    check_none("x systemd[1]: a.service: Main process exited, code=killed, status=15/TERM\n");
    check_none("x systemd[1]: a.service: Failed with result 'signal'.\n");
    check_none(
        "Mar  4 05:06:07 box other[1]: a.service: A process of this unit has been killed by the OOM killer.\n",
    );
    check_none("systemd said: 'oom-kill' again\n");
}

#[test]
fn systemd_oomd_kills_by_use_and_by_pressure() {
    check(
        "2025-01-02T03:04:05.678901+01:00 box systemd-oomd[77]: Killed /user.slice/user-7.slice/session-3.scope due to memory used (900) / total (1000) and swap used (91) / total (100) being more than 90.00%\n\
         2025-01-02T03:04:05+01:00 box systemd-oomd[77]: Killed /user.slice/a.scope due to memory pressure for /user.slice being 81.23% > 50.00% for > 1min 30s with reclaim activity\n\
         2025-01-02T03:04:05+01:00 box systemd-oomd[77]: Killed /a.slice due to swap used (9123) being more than 90%\n\
         2025-01-02T03:04:05+01:00 box systemd-oomd[77]: Marked /b due to memory pressure due to memory x.slice for killing due to memory used (1) / total (2) and swap used (3) / total (4) being more than 5.50%\n",
        &expect![[r#"
            SystemdOomd Killed unit=session-3.scope cgroup=/user.slice/user-7.slice/session-3.scope signal=SIGKILL reason="memory used (900) / total (1000) and swap used (91) / total (100) being more than 90.00%"
              MemoryUsed 900 B
              MemoryTotal 1000 B
              SwapUsed 91 B
              SwapTotal 100 B
              UsedLimit 90.00 %
            SystemdOomd Killed unit=a.scope cgroup=/user.slice/a.scope signal=SIGKILL reason="memory pressure for /user.slice being 81.23% > 50.00% for > 1min 30s with reclaim activity"
              Pressure 81.23 %
              PressureLimit 50.00 %
              PressureFor 90000000 us
            SystemdOomd Killed unit=a.slice cgroup=/a.slice signal=SIGKILL reason="swap used (9123) being more than 90%"
              SwapUsed 9123 B
              UsedLimit 90.00 %
            SystemdOomd Warned unit=b due to memory pressure due to memory x.slice cgroup=/b due to memory pressure due to memory x.slice reason="memory used (1) / total (2) and swap used (3) / total (4) being more than 5.50%"
              MemoryUsed 1 B
              MemoryTotal 2 B
              SwapUsed 3 B
              SwapTotal 4 B
              UsedLimit 5.50 %
        "#]],
    );
}

#[test]
fn earlyoom_tells_its_figures_before_it_kills() {
    check(
        "Jan  2 03:04:05 box earlyoom[5]: mem avail:   120 of  7800 MiB ( 1.54%), swap free:   10 of 2047 MiB ( 0.49%)\n\
         Jan  2 03:04:05 box earlyoom[5]: low memory! at or below SIGTERM limits: mem 10.00%, swap 10.00%\n\
         Jan  2 03:04:05 box earlyoom[5]: sending SIGTERM to process 4242 uid 1000 \"x\": badness 1\": oom_score 801, oom_score_adj 300, VmRSS 512 MiB, cmdline \"/x --y\"\n\
         Jan  2 03:04:06 box earlyoom[5]: process 4242 exited after 0.125 seconds\n\
         Jan  2 03:04:07 box earlyoom[5]: sending SIGKILL to process 4243 uid 0 \"hog\": badness 999, VmRSS 3 MiB\n",
        &expect![[r#"
            Earlyoom Warned
              MemoryAvailable 125829120 B
              MemoryTotal 8178892800 B
              SwapFree 10485760 B
              SwapTotal 2146435072 B
              MemoryAvailableLimit 10.00 %
              SwapFreeLimit 10.00 %
            Earlyoom Terminated pid=4242 name=x": badness 1 uid=1000 adj=300 signal=SIGTERM
              Score 801
              Resident 536870912 B
              MemoryAvailable 125829120 B
              MemoryTotal 8178892800 B
              SwapFree 10485760 B
              SwapTotal 2146435072 B
              MemoryAvailableLimit 10.00 %
              SwapFreeLimit 10.00 %
            Earlyoom Ended pid=4242
              EndedAfter 125000 us
            Earlyoom Killed pid=4243 name=hog uid=0 signal=SIGKILL
              Score 999
              Resident 3145728 B
        "#]],
    );
}

#[test]
fn older_earlyooms_have_other_words() {
    check(
        "Low memory! mem avail: 1 of 20 MiB (5) % <= min 10 %, swap free: 0 of 3 MiB (0 %) <= min 9 %\n\
         Killing process: a, pid: 5, b, pid: 6, badness: 7, VmRSS: 8 MiB\n\
         Killing process 'q' with signal 15, pid: 9, badness: 7, VmRSS: 8 MiB\n\
         Killing process 10 last one\n\
         trigger_kernel_oom: successfully triggered kernel OOM killer\n",
        &expect![[r#"
            Earlyoom Warned
              MemoryAvailable 1048576 B
              MemoryTotal 20971520 B
              MemoryAvailableLimit 10.00 %
              SwapFree 0 B
              SwapTotal 3145728 B
              SwapFreeLimit 9.00 %
            Earlyoom Killed pid=6 name=a, pid: 5, b signal=SIGKILL
              Score 7
              Resident 8388608 B
              MemoryAvailable 1048576 B
              MemoryTotal 20971520 B
              MemoryAvailableLimit 10.00 %
              SwapFree 0 B
              SwapTotal 3145728 B
              SwapFreeLimit 9.00 %
            Earlyoom Terminated pid=9 name=q signal=SIGTERM
              Score 7
              Resident 8388608 B
            Earlyoom Killed pid=10 name=last one signal=SIGKILL
            Earlyoom ToldOfKill reason="asked the kernel for a kill"
        "#]],
    );
}

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn containers_are_known_by_their_ids() {
    check(
        &format!(
            "Jan  2 03:04:05 n1 containerd[9]: time=\"2025-01-02T03:04:05Z\" level=info msg=\"TaskOOM event container_id:\\\"{ID}\\\"\"\n\
             Jan  2 03:04:05 n1 containerd[9]: time=\"2020-01-02T03:04:05Z\" level=info msg=\"TaskOOM event &TaskOOM{{ContainerID:{ID},XXX_unrecognized:[],}}\"\n\
             2025-01-02T03:04:05.000000000Z container oom {ID} (image=web, name=web-1)\n\
             Jan  2 03:04:05 n1 dockerd[3]: time=\"2025\" level=debug msg=event container={ID} topic=/tasks/oom type=\"*events.TaskOOM\"\n"
        ),
        &expect![[r"
            Containerd ToldOfKill container=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
            Containerd ToldOfKill container=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
            Dockerd ToldOfKill name=web-1 container=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
            Dockerd ToldOfKill container=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
        "]],
    );
    check_none("a program talks of a TaskOOM event\n");
}

#[test]
fn the_kubelet_tells_of_kills_and_evicts_for_memory_alone() {
    check(
        "Jan  2 03:04:05 n1 kubelet[4]: I0102 03:04:05.000001       4 eviction_manager.go:400] \"Eviction manager: must evict pod(s) to reclaim\" resourceName=\"memory\"\n\
         Jan  2 03:04:06 n1 kubelet[4]: I0102 03:04:06.000001       4 eviction_manager.go:600] \"Eviction manager: pod is evicted successfully\" pod=\"shop/cart-0\"\n\
         Jan  2 03:05:05 n1 kubelet[4]: I0102 03:05:05.000001       4 eviction_manager.go:400] \"Eviction manager: must evict pod(s) to reclaim\" resourceName=\"ephemeral-storage\"\n\
         Jan  2 03:05:06 n1 kubelet[4]: I0102 03:05:06.000001       4 eviction_manager.go:600] \"Eviction manager: pod is evicted successfully\" pod=\"shop/cart-1\"\n\
         Jan  2 03:06:05 n1 kubelet[4]: I0102 03:06:05.000001       4 eviction_manager.go:346] eviction manager: must evict pod(s) to reclaim memory\n\
         Jan  2 03:06:06 n1 kubelet[4]: I0102 03:06:06.000001       4 eviction_manager.go:560] eviction manager: pod cart-2_shop(aa-bb) is evicted successfully\n\
         3m  Warning  SystemOOM   node/n1  System OOM encountered, victim process: a, pid: 1, pid: 22\n\
         3m  Warning  SystemOOM   node/n1  System OOM encountered\n\
         3m  Warning  OOMKilling  node/n1  Memory cgroup out of memory: Killed process 33 (x) y) total-vm:1kB, anon-rss:2kB\n\
         Jan  2 03:06:06 n1 kubelet[4]: I0102 pod=\"shop/cart-3\" containerStatus reason:OOMKilled exitCode:137\n",
        &expect![[r#"
            Kubelet Warned reason="must evict to reclaim memory"
            Kubelet Evicted pod=shop/cart-0 reason="to reclaim memory"
            Kubelet Warned reason="must evict to reclaim memory"
            Kubelet Evicted pod=shop/cart-2 reason="to reclaim memory"
            Kubelet ToldOfKill pid=22 name=a, pid: 1
            Kubelet ToldOfKill
            NodeProblemDetector ToldOfKill pid=33 name=x) y
            Kubelet ToldOfKill pod=shop/cart-3
        "#]],
    );
    check_none("{\"state\": {\"OOMKilled\":false}}\n");
}

#[test]
fn androids_killers_are_told_apart() {
    check(
        "<6>[   10.000001] lowmemorykiller: Killing 'd.it's (1' (2613) (tgid 2600), adj 1000,\n\
         <6>[   10.000001]    to free 20784kB on behalf of 'kswapd0' (44) because\n\
         <6>[   10.000001]    cache 32112kB is below limit 32384kB for oom_score_adj 1000\n\
         <6>[   10.000001]    Free memory is -17kB above reserved\n\
         <6>[   11.000000] usb 1-1: new device\n\
         6,2302,533604004,-;lowmemorykiller: send sigkill to 12 (old), adj 8, size 345\n\
         07-28 10:46:14.319   479   479 I lowmemorykiller: Kill 'com.x' (1234), uid 10123, oom_score_adj 905 to free 5kB rss, 6kB swap; reason: low watermark is breached and swap is low (7kB < 8kB)\n\
         07-28 10:46:14.319   479   479 I lmkd    : Killing 'com.y' (1235), uid 10124, adj 906\n",
        &expect![[r#"
            LowMemoryKiller Killed pid=2613 name=d.it's (1 adj=1000 signal=SIGKILL
              Resident 21282816 B
              FileCache 32882688 B
              FileCacheLimit 33161216 B
              FreeAboveReserve -17408 B
            LowMemoryKiller Killed pid=12 name=old signal=SIGKILL
            Lmkd Killed pid=1234 name=com.x uid=10123 adj=905 signal=SIGKILL reason="low watermark is breached and swap is low (7kB < 8kB)"
              Resident 5120 B
              Swapped 6144 B
            Lmkd Killed pid=1235 name=com.y uid=10124 adj=906 signal=SIGKILL
        "#]],
    );
}

#[test]
fn shells_tell_of_jobs_that_were_killed() {
    check(
        "./nightly.sh: line 12: 4242 Killed                  /opt/x/report --all > out\n",
        &expect![[r"
            Shell Ended pid=4242 name=report signal=SIGKILL
        "]],
    );
    check_none("4 processes were Killed  by hand\n");
}

#[test]
fn lines_that_were_left_out_are_counted() {
    check(
        "[   12.000000] oom_kill_process: 42 callbacks suppressed\n\
         [   12.000000] warn_alloc_show_mem: 2 callbacks suppressed\n\
         [   12.000000] __ratelimit: 7 callbacks suppressed\n\
         [   12.000000] net_ratelimit: 9 callbacks suppressed\n\
         printk: 5 messages suppressed.\n\
         ** 17 printk messages dropped ** [   12.000000] x\n",
        &expect![[r#"
            Kernel LeftOut count=42 reason="oom_kill_process"
            Kernel LeftOut count=2 reason="warn_alloc_show_mem"
            Kernel LeftOut count=7 reason="__ratelimit"
            Kernel LeftOut count=5 reason="printk"
            Kernel LeftOut count=17 reason="printk"
        "#]],
    );
}

#[test]
fn lines_are_found_behind_every_way_to_print_them() {
    let body = "a.service: Failed with result 'oom-kill'.";
    for line in [
        format!("Mar  4 05:06:07 box systemd[1]: {body}"),
        format!("2025-03-04T05:06:07.123456+00:00 box systemd[1]: {body}"),
        format!("<30>1 2025-03-04T05:06:07Z box systemd 1 - - {body}"),
        format!("[   12.345678] systemd[1]: {body}"),
        format!("{{\"SYSLOG_IDENTIFIER\":\"systemd\",\"MESSAGE\":\"{body}\"}}"),
        format!("> Mar  4 05:06:07 box systemd[1]: {body}"),
        body.to_owned(),
    ] {
        let found = notices(line.as_bytes());
        assert_eq!(found.len(), 1, "{line}");
        assert_eq!(found[0].text, Name::from(body), "{line}");
    }
}

#[test]
fn times_and_machines_are_those_of_the_prefix() {
    let shown = |line: &str| {
        let when = when(line.as_bytes());
        let name = |name: Option<Name>| name.map_or("?".to_owned(), |name| name.to_string());
        let boot = when.boot_us.map_or("?".to_owned(), |us| us.to_string());
        format!("{boot}|{}|{}", name(when.time), name(when.host))
    };
    assert_eq!(shown("Mar  4 05:06:07 box kernel: [   1.5] x"), "1500000|Mar  4 05:06:07|box");
    assert_eq!(shown("Thu 2025-10-23 23:13:58 EDT box kernel: x"), "?|Thu 2025-10-23 23:13:58|box");
    assert_eq!(shown("[   1.5] x: y"), "1500000|?|?");
    assert_eq!(
        shown("Wed Dec  6 23:54:11 2017 kern.warn kernel: [ 2.5] x"),
        "2500000|Wed Dec  6 23:54:11|?"
    );
    assert_eq!(shown("07-28 10:46:14.319   479   479 W kernel  : x"), "?|07-28 10:46:14.319|?");
}

#[test]
fn line_numbers_count_every_line_however_the_text_is_cut() {
    let mut text = b"noise\n".repeat(3);
    text.extend(b"x".repeat(3 * LONGEST_LINE));
    text.push(b'\n');
    text.extend(b"a.service: Failed with result 'oom-kill'.\n");
    text.extend(b"\n\n./x: line 1: 7 Killed  y");
    for size in [1, 7, 4096, LONGEST_LINE, text.len()] {
        let mut found = Vec::new();
        let mut scanner = NoticeScanner::new();
        for piece in text.chunks(size) {
            scanner.feed(piece, &mut |one: Notice| found.push(one.line));
        }
        scanner.finish(&mut |one| found.push(one.line));
        assert_eq!(found, [5, 8], "pieces of {size}");
    }
}

proptest! {
    #[test]
    fn pieces_of_any_size_find_the_same(
        lines in proptest::collection::vec(any_line(), 0..12),
        size in 1usize..200,
    ) {
        let text = lines.concat();
        let whole = notices(&text);
        let mut found = Vec::new();
        let mut scanner = NoticeScanner::new();
        for piece in text.chunks(size) {
            scanner.feed(piece, &mut |one| found.push(one));
        }
        scanner.finish(&mut |one| found.push(one));
        prop_assert_eq!(found, whole);
    }

    #[test]
    fn damaged_lines_do_no_harm(line in any_line(), at in 0usize..400, byte: u8) {
        let mut line = line;
        let at = at % line.len();
        line[at] = byte;
        notices(&line);
        notices(&line[..at]);
        notices(&line[at..]);
    }
}

fn any_line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just("Mar  4 05:06:07 box systemd[1]: a.service: Failed with result 'oom-kill'.\n"),
        Just("systemd-oomd[7]: Killed /a due to memory pressure for /b being 1.00% > 2.00% for > 3s with reclaim activity\n"),
        Just("systemd-oomd[7]: Killed /a due to memory used (1) / total (2) and swap used (3) / total (4) being more than 5%\n"),
        Just("mem avail: 1 of 2 MiB ( 3.00%), swap free: 4 of 5 MiB ( 6.00%)\n"),
        Just("low memory! at or below SIGTERM limits: mem 10.00%, swap 10.00%\n"),
        Just("sending SIGTERM to process 1 uid 2 \"n\": badness 3, VmRSS 4 MiB\n"),
        Just("Killing process: n, pid: 1, badness: 2, VmRSS: 3 MiB\n"),
        Just("process 5 exited after 0.1 seconds\n"),
        Just("\"Eviction manager: must evict pod(s) to reclaim\" resourceName=\"memory\"\n"),
        Just("eviction manager: pod a_b(c) is evicted successfully\n"),
        Just("System OOM encountered, victim process: a, pid: 1\n"),
        Just("OOMKilling Memory cgroup out of memory: Killed process 1 (a) total-vm:1kB\n"),
        Just("TaskOOM event container_id:\\\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\\\"\n"),
        Just("[ 1.0] lowmemorykiller: Killing 'a' (1), adj 2,\n"),
        Just("[ 1.0]    to free 1kB on behalf of 'b' (2) because\n"),
        Just("07-28 10:46:14.3 1 1 I lowmemorykiller: Kill 'a' (1), uid 2, oom_score_adj 3 to free 4kB rss, 5kB swap; reason: r\n"),
        Just("./x: line 1: 7 Killed  y\n"),
        Just("[ 1.0] oom_kill_process: 1 callbacks suppressed\n"),
        Just("** 1 printk messages dropped **\n"),
        Just("noise\n"),
    ]
    .prop_map(|line| line.as_bytes().to_vec())
}
