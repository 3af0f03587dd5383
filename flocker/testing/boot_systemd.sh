# Becomes process 1 of a node: makes its namespaces its own, then runs systemd.
# Started by flocker/testing/systemd_nodes.py in new mount, pid, uts, ipc and cgroup
# namespaces:  sh boot_systemd.sh NAME DISK LAYERS VOLUMES
set -eu
name=$1 disk=$2 layers=$3 volumes=$4

mount --make-rprivate /
# The number that the world outside knows this process by.
read -r pid _ </proc/self/stat
echo "$pid" >"$disk/pid.new"

mkdir -p "$disk/upper" "$disk/work" "$disk/root"
mount -t overlay -o "lowerdir=$layers,upperdir=$disk/upper,workdir=$disk/work" overlay "$disk/root"
cd "$disk/root"
mkdir -p var/lib/flocker/loopback
chmod 700 var/lib/flocker
mount --bind "$volumes" var/lib/flocker/loopback

mount -t proc proc proc
# Sysctls and the boot id are the kernel's, and there is one kernel for all nodes. The
# id comes last: it would be hidden by what is mounted over its directory.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
cat /proc/sys/kernel/random/uuid >"$disk/boot_id"
mount --bind "$disk/boot_id" proc/sys/kernel/random/boot_id
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup

mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
done
mknod dev/loop-control c 10 237
number=0
while [ $number -lt 256 ]; do
    mknod dev/loop$number b 7 $number
    number=$((number + 1))
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run

echo "$name" >etc/hostname
echo 'nameserver 127.0.0.1' >etc/resolv.conf
hostname "$name"

mv "$disk/pid.new" "$disk/pid"
mkdir -p .old
pivot_root . .old
umount -l /.old
mount --make-rshared /
exec env -i container=flocker-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --log-target=null --show-status=0 </dev/null
