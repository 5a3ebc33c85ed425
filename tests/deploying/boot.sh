#!/bin/bash
# boot.sh BASE ROOM [DIRECTORY…]: becomes the first process of a machine whose disk is BASE, with what it writes in
# ROOM; the directories of the host can be read there too. Runs in namespaces of its own.
set -euo pipefail
base=$1 room=$2
shift 2
root=$room/root
mount --make-rprivate /
mkdir -p "$root" "$room"/{upper,work}
# Where files cannot be laid over each other on this disk, in memory.
layers() { mount -t overlay overlay -o "lowerdir=$base,upperdir=$room/upper,workdir=$room/work" "$root"; }
if ! layers 2>/dev/null; then
    mount -t tmpfs tmpfs "$room/root"
    mkdir -p "$room"/root/{upper,work,root}
    mount -t overlay overlay -o "lowerdir=$base,upperdir=$room/root/upper,workdir=$room/root/work" "$room/root/root"
    root=$room/root/root
fi
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
# A tree of control groups that has nothing of the host's in it.
mount -t tmpfs tmpfs "$root/sys/fs/cgroup" 2>/dev/null || true
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for directory; do
    from=${directory%%=*} to=${directory##*=}
    mkdir -p "$root$to"
    mount --bind "$from" "$root$to"
done
ip link set lo up
mkdir "$root/old"
cd "$root"
pivot_root . old
umount -l /old
exec env -i container=test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --log-target=console --show-status=no
