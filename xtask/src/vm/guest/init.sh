#!/bin/busybox sh
# The first process of the machine: set it up, let the processes settle, capture it, exhaust it.
# Streams: ttyS0 this talk and the kernel's, ttyS1 the capture, ttyS2 the truth, ttyS3 the kernel log.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
exec </dev/null >/dev/console 2>&1
mount -t tmpfs -o size=50% run /run
chmod 1777 /run
. /params

give_up() { echo "guest: $*"; sync; poweroff -f; }

for module in $MODULES; do insmod "/modules/$module" || give_up "cannot load $module"; done
for port in 1 2 3; do stty -F /dev/ttyS$port raw -echo || give_up "no serial port $port"; done

# A file system, so that there is reclaimable file cache, and swap, both on disks of the host.
if [ "$FILE_KIB" -gt 0 ]; then
    mke2fs /dev/vda >/dev/null && mount -t ext4 /dev/vda /mnt || give_up "no file system"
    dd if=/dev/zero of=/mnt/data bs=1024 count="$FILE_KIB" 2>/dev/null
    sync
fi
if [ "$SWAP" = yes ]; then
    mkswap /dev/vdb >/dev/null && swapon /dev/vdb || give_up "no swap"
fi
if [ "$ZRAM_KIB" -gt 0 ]; then
    echo "${ZRAM_KIB}K" >/sys/block/zram0/disksize && mkswap /dev/zram0 >/dev/null &&
        swapon /dev/zram0 || give_up "no zram"
    : >/run/varied
fi
for setting in $SETTINGS; do
    echo "${setting#*=}" >"/proc/sys/vm/${setting%%=*}" || give_up "cannot set $setting"
done

# Memory that is neither anonymous nor reclaimable: tmpfs may be swapped, ramfs may not.
mkdir /run/shm /run/ram
mount -t tmpfs shm /run/shm && dd if=/dev/zero of=/run/shm/file bs=1024 count=$((4 * UNIT)) 2>/dev/null
mount -t ramfs ram /run/ram && dd if=/dev/zero of=/run/ram/file bs=1024 count=$((3 * UNIT)) 2>/dev/null

# Huge pages in use: a file on hugetlbfs has its pages once they are allocated.
if [ "$HUGE_KIB" -gt 0 ]; then
    mkdir /run/huge && mount -t hugetlbfs huge /run/huge &&
        fallocate -l "${HUGE_KIB}K" /run/huge/file || give_up "no huge pages"
fi

CG=/sys/fs/cgroup
if [ "$CGROUP" = 2 ]; then
    mount -t cgroup2 cgroup2 $CG || give_up "no cgroup2"
    echo +memory >$CG/cgroup.subtree_control
    mkdir $CG/work && echo +memory >$CG/work/cgroup.subtree_control
    mkdir $CG/work/front $CG/work/back
    echo $((72 * UNIT * 1024)) >$CG/work/memory.max
    echo 1 >$CG/work/memory.oom.group
    echo $((48 * UNIT * 1024)) >$CG/work/back/memory.high
    echo $((2 * UNIT * 1024)) >$CG/work/back/memory.low
    [ "$SWAP" = yes ] && echo $((8 * UNIT * 1024)) >$CG/work/memory.swap.max
elif [ "$CGROUP" = 1 ]; then
    CG=/sys/fs/cgroup/memory
    mount -t tmpfs cgroup /sys/fs/cgroup && mkdir $CG
    mount -t cgroup -o memory memory $CG || give_up "no cgroup memory"
    mkdir $CG/work
    echo 1 >$CG/work/memory.use_hierarchy
    echo $((72 * UNIT * 1024)) >$CG/work/memory.limit_in_bytes
    mkdir $CG/work/front $CG/work/back
fi
# Moves the shell that calls it.
enter() { [ "$CGROUP" = 0 ] || echo 0 >"$CG/$1/cgroup.procs"; }

mkfifo -m 644 /run/never
: >/run/ready
chmod 666 /run/ready
expected=0
# hold NAME USER ADJ KIB [CGROUP]: a process of that name that touches so much and stays.
hold() {
    expected=$((expected + 1))
    ln -s /lib/holder "/lib/$1"
    (
        enter "${5:-}"
        echo "$3" >/proc/self/oom_score_adj
        exec su -s "/lib/$1" "$2" "$4"
    ) &
}
hold web www 0 $((24 * UNIT)) work/back
hold database db -500 $((16 * UNIT))
hold cache cache 500 $((6 * UNIT)) work/front
hold untouchable root -1000 $((8 * UNIT))
hold batch root 300 $((3 * UNIT))
hold 'a) R (b' www 0 700
hold 'two
lines' db 1 900
hold twin-one db 0 $((2 * UNIT))
hold twin-two db 0 $((2 * UNIT))
hold nearly-never root -999 500
hold nearly-first cache 100 400
hold forked www 0 $((5 * UNIT))
[ "$SACRIFICE" = yes ] && hold sacrifice cache 1000 1000
# `forked` has a child that shares its pages, and says ready a second time.
expected=$((expected + 1))
tries=0
while [ "$(wc -l </run/ready)" -lt $expected ]; do
    tries=$((tries + 1))
    [ $tries -gt 900 ] && give_up "the processes did not settle: $(wc -l </run/ready) of $expected"
    sleep 0.1
done
# Pages on zram, as memory pressure would put them there: the root's cgroup reclaims on request, and
# anonymous memory only while there is little file cache.
if [ "$ZRAM_KIB" -gt 0 ]; then
    mkdir /run/cgroup && mount -t cgroup2 cgroup2 /run/cgroup || give_up "no cgroup2 to reclaim by"
    echo 1 >/proc/sys/vm/drop_caches
    echo "$((ZRAM_KIB / 4))K swappiness=200" >/run/cgroup/memory.reclaim || echo "guest: reclaimed less"
    umount /run/cgroup
    cat /mnt/data >/dev/null
fi
# Delayed work (exits, per-cpu counters) ends before the numbers are compared.
sleep 1

# In the cgroup the hog will be in. Without our program a script copies the same files.
(enter work/front && exec $CAPTURE) | cat >/dev/ttyS1
echo "guest: captured"

: >/run/touched
(enter work/front; echo 0 >/proc/self/oom_score_adj; exec /lib/hog) &
hog=$!
wait $hog
code=$?
sleep 0.5
{
    echo "hog_pid $hog"
    echo "hog_exit $code"
    cat /run/touched
} >/dev/ttyS2
dmesg >/dev/ttyS3
echo "guest: finished"
sync
poweroff -f
