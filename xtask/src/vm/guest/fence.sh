#!/bin/busybox sh
# The first process of a machine in which `oomph lab` is performed as on a machine of one's own: a disk, swap,
# cgroups as an init of today mounts them, and a session that the shell is in.
# Streams: ttyS0 this talk and the kernel's, ttyS1 what the cases print.
/bin/busybox --install -s /bin
# The serial port is a terminal, and what is looked for has no colours.
export PATH=/bin NO_COLOR=1
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm
mount -t tmpfs shm /dev/shm
exec </dev/null >/dev/console 2>&1
. /params

give_up() { echo "guest: $*"; sync; poweroff -f; }

for module in $MODULES; do insmod "/modules/$module" || give_up "cannot load $module"; done
for port in 1 2 3; do stty -F /dev/ttyS$port raw -echo || give_up "no serial port $port"; done
mke2fs /dev/vda >/dev/null && mount -t ext4 /dev/vda /tmp && chmod 1777 /tmp || give_up "no file system"
# In memory, compressed: what is written there is there at once, however busy the host is.
echo 256M >/sys/block/zram0/disksize && mkswap /dev/zram0 >/dev/null && swapon /dev/zram0 || give_up "no swap"

HUGE=/sys/kernel/mm/transparent_hugepage/enabled
CG=/sys/fs/cgroup
mount -t cgroup2 cgroup2 $CG && echo +memory >$CG/cgroup.subtree_control || give_up "no cgroup2"
mkdir $CG/session $CG/user $CG/user/session && echo +memory >$CG/user/cgroup.subtree_control
chown -R www $CG/user

# Programs that run, without the kernel's own threads.
programs() {
    count=0
    for own in /proc/[0-9]*; do readlink $own/exe >/dev/null && count=$((count + 1)); done
    echo $count
}

# The cases: a shell's words each, in a shell that is in the session.
before=$(programs)
while read -r name words; do
    echo "case $name"
    (echo 0 >$CG/session/cgroup.procs && eval "$words") 2>&1
    echo "exit $?"
    # The kernel takes its time to bury who was killed.
    tries=0
    while [ "$(programs)" -gt "$before" ] && [ $tries -lt 50 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    echo "left programs $(($(programs) - before))"
    echo "left cgroups $(find /sys/fs/cgroup -name 'oomph-lab-*' | wc -l)"
done </cases >/dev/ttyS1
echo "guest: finished"
sync
poweroff -f
