#!/bin/busybox sh
# The hog for machines that cannot run ours: touches 256 KiB at a time until it is killed. It does
# not notice when another process dies first; the truth is then not taken.
# 150 bytes are left for the allocator, so that each string is 64 pages with its header.
x=$(head -c 261994 /dev/zero | tr '\0' x)
steps=0
while :; do
    eval "held$steps=\$x"
    steps=$((steps + 1))
    echo "touched $((steps * 262144))" >/run/touched
done
