#!/usr/bin/env bash
# From a bare debootstrap of Debian 12 to RUNNING: the README's first command on
# a machine that has nothing. Needs root, debootstrap and this machine's own
# package mirror. Usage: tests/tools/clean-machine.sh [DIRECTORY]
set -euo pipefail
cd "$(dirname "$0")/../.."
root=${1:-$(mktemp -d)/debian}
mirror=${MIRROR:-$(apt-get indextargets --format "\$(REPO_URI)" \
  'Codename: bookworm' | sed -n 1p)}
[ -e "$root/etc/debian_version" ] ||
  debootstrap --variant=minbase --include=ca-certificates,git,make \
    bookworm "$root" "$mirror"
cp /etc/resolv.conf "$root/etc/"
rm -rf "$root/perigee"
git clone -q . "$root/perigee"
unmount() {
  for mount in sys/fs/cgroup sys proc dev; do
    umount -Rl "$root/$mount" 2>/dev/null || true
  done
}
trap unmount EXIT
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
date +'start %T'
chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  bash -c 'cd /perigee && make demo && build/bin/clusterctl dev stop'
date +'end %T'
