#!/usr/bin/env bash
# build-base.sh TAR APT CODENAME PACKAGES(comma separated) SETUP: makes TAR. APT holds sources.list.d and apt-options.
set -euo pipefail
tar=$1 apt=$2 codename=$3 packages=$4 setup=$5

options=()
while read -r line; do [ -z "$line" ] || options+=(--aptopt="$line"); done <"$apt/apt-options"
for path in doc man locale info lintian linda bash-completion zsh; do
  options+=(--dpkgopt="path-exclude=/usr/share/$path/*")
done

mmdebstrap --quiet --mode=root --variant=minbase --format=tar \
  --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' "${options[@]}" \
  --include="$packages" \
  --customize-hook="upload '$setup' /tmp/setup" \
  --customize-hook='chroot "$1" sh /tmp/setup' \
  --customize-hook='rm -f "$1/tmp/setup"' \
  "$codename" "$tar.part" "$apt/sources.list.d/distribution.sources"
mv "$tar.part" "$tar"
