#!/bin/busybox sh
# Touches $1 KiB of anonymous memory, says so, and stays where it is.
# Pages of one repeated word take no memory in zram: there, the content varies.
if [ -e /run/varied ]; then
    x=$(seq 1 99999999 | tr '\n' x | head -c $(($1 * 1024)))
else
    x=$(head -c $(($1 * 1024)) /dev/zero | tr '\0' x)
fi
if [ "${0##*/}" = forked ]; then
    (
        echo ready >>/run/ready
        read -r _ </run/never
    ) &
fi
echo ready >>/run/ready
read -r _ </run/never
