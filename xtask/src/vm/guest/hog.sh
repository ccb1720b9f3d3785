#!/bin/busybox sh
# The hog for machines that cannot run ours: touches 256 KiB at a time until somebody is killed.
# 150 bytes are left for the allocator, so that each string is 64 pages with its header.
x=$(head -c 261994 /dev/zero | tr '\0' x)
kills() {
    while read -r key value; do
        [ "$key" = oom_kill ] && kills=$value && return
    done </proc/vmstat
}
kills
before=$kills
steps=0
while :; do
    eval "held$steps=\$x"
    kills
    [ "$kills" = "$before" ] || exit 0
    steps=$((steps + 1))
    echo "touched $((steps * 262144))" >/run/touched
done
