#!/bin/busybox sh
# A capture on standard output, for machines that cannot run our program: the files of /proc at the
# top, what is not in /proc under oomph/. $1 is the machine's name as uname gives it.
# busybox tar asks a file for its size, which is 0 in /proc: so everything is copied first.
to=/run/capture
mkdir -p $to/pressure $to/sys/vm $to/sys/kernel $to/self $to/oomph
# The cgroups first: the copies are charged to ours.
for top in /sys/fs/cgroup/memory /sys/fs/cgroup; do
    [ -e "$top/cgroup.procs" ] || continue
    cd "$top" || exit 1
    find . -name 'memory.*' -type f | while read -r file; do
        mkdir -p "$to/oomph/cgroup/${file%/*}"
        cat "$file" >"$to/oomph/cgroup/$file" 2>/dev/null || rm -f "$to/oomph/cgroup/$file"
    done
    break
done
cd /proc || exit 1
mkdir -p $to/oomph/again $to/oomph/end
keep() { for file; do cat "$file" >"$to/$file" 2>/dev/null || rm -f "$to/$file"; done; }
keep meminfo vmstat zoneinfo
cat meminfo >$to/oomph/again/meminfo
keep buddyinfo iomem slabinfo swaps version uptime pressure/memory
keep sys/vm/* sys/kernel/osrelease self/cgroup self/mountinfo
for pid in [0-9]*; do
    mkdir "$to/$pid"
    keep "$pid/stat" "$pid/status" "$pid/oom_score" "$pid/oom_score_adj" "$pid/cgroup"
    keep "$pid/cmdline" "$pid/statm" "$pid/smaps" "$pid/smaps_rollup"
    if [ -s "$to/$pid/stat" ]; then
        chown "$(stat -c %u:%g "$pid" 2>/dev/null || echo 0:0)" "$to/$pid"
    else
        rm -r "${to:?}/$pid"
    fi
done
cat >$to/oomph/manifest <<END
format 1
page_size 4096
user_hz 100
machine $1
taken_at $(date +%s)
euid 0
pid_namespace first
END
cut -d: -f1,3 /etc/passwd | while IFS=: read -r name uid; do echo "$name:x:$uid:::::"; done >$to/oomph/users
dmesg | grep -E ' hash table entries: |DMA: preallocated |ftrace: allocated |percpu: Embedded |nr_cpu_ids:' >$to/oomph/kernel-log
cat meminfo >$to/oomph/end/meminfo
cd $to && tar cf - * && cd / && rm -r $to
