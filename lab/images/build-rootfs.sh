#!/usr/bin/env bash
# build-rootfs.sh BASE.tar ROOT WORK APT FOLDER[:FOLDER...] PACKAGES...: unpacks the base into ROOT and makes an image of it.
#
# Runs in its own mount and PID namespace (unshare --mount --pid --fork --kill-child), so that neither a mount nor a
# process of a maintainer script can outlive it. apt works from outside with the machine's own keyrings and reaches in
# by DPkg::Chroot-Directory, as mmdebstrap does.
set -euo pipefail
base=$1 root=$2 work=$3 apt=$4 folders=$5
shift 5

mkdir -p "$root"
tar -xpf "$base" -C "$root" --numeric-owner --xattrs --xattrs-include='*'
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root/run/lock"

printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"

cat >"$work/apt.conf" <<END
Dir "$root/";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$apt/sources.list.d";
Dir::State::Lists "$apt/lists";
Dir::Cache::srcpkgcache "$work/srcpkgcache.bin";
Dir::Cache::pkgcache "$work/pkgcache.bin";
DPkg::Chroot-Directory "$root";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
Acquire::Languages "none";
Debug::NoLocking "true";
Dpkg::Use-Pty "false";
DPkg::Options:: "--force-unsafe-io";
DPkg::Options:: "--force-confold";
END
cat "$apt/apt-options" >>"$work/apt.conf"
export APT_CONFIG=$work/apt.conf DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C.UTF-8
unset TMPDIR

if [ -s "$work/debconf" ]; then chroot "$root" debconf-set-selections <"$work/debconf"; fi
apt-get -q -y install "$@"
rm -f "$root"/var/cache/apt/archives/*.deb

copy_over() { if [ -d "$1" ]; then cp -r --no-preserve=ownership --preserve=mode "$1/." "$root/"; fi; }
copy_over "$work/files"
IFS=: read -r -a each <<<"$folders"
for folder in "${each[@]}"; do
  copy_over "$folder/files"
  if [ -f "$folder/setup" ]; then
    cp "$folder/setup" "$root/tmp/setup"
    chroot "$root" sh /tmp/setup
  fi
done

rm -f "$root/usr/sbin/policy-rc.d"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old
rm -rf "$root"/var/log/*.log "$root"/var/log/apt "$root"/usr/share/doc "$root"/usr/share/man "$root"/usr/share/locale
