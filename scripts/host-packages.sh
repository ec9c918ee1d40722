# Sourced. lifeboat_host_packages installs what the lab needs on this machine: tools, and Incus. No service is started
# or left enabled, and an Incus that is already here is not touched.

# package:command-or-file that shows it is there
LIFEBOAT_HOST_PACKAGES="
  iproute2:ip nftables:nft haproxy:haproxy btrfs-progs:mkfs.btrfs mmdebstrap:mmdebstrap curl:curl uidmap:newuidmap
  attr:setfattr squashfs-tools:unsquashfs rsync:rsync xz-utils:xz zstd:zstd openssl:openssl util-linux:nsenter
  kmod:modprobe procps:ps iptables:iptables dnsmasq-base:dnsmasq ca-certificates:/etc/ssl/certs/ca-certificates.crt
"

lifeboat_host_packages() {
  local missing=() incus=() entry what
  for entry in $LIFEBOAT_HOST_PACKAGES; do
    what=${entry#*:}
    lifeboat_has "$what" || missing+=("${entry%%:*}")
  done
  lifeboat_has npm || lifeboat_has node || missing+=(npm)
  lifeboat_has incusd || lifeboat_has /usr/libexec/incus/incusd || incus+=(incus-base)
  lifeboat_has incus || incus+=(incus-client)

  if [ ${#missing[@]} -gt 0 ] || [ ${#incus[@]} -gt 0 ]; then
    lifeboat_need_root
    echo "setup: installing ${missing[*]} ${incus[*]}"
    lifeboat_install "${missing[@]}" -- "${incus[@]}"
  fi
  lifeboat_subordinate_ids
}

# The browser that tests of the page are run in. Ubuntu has none outside of a snap: there these tests are skipped.
lifeboat_browser() {
  lifeboat_has chromium && return
  (. /etc/os-release && [ "$ID" = debian ]) || return 0
  lifeboat_need_root
  echo "setup: installing chromium"
  lifeboat_install chromium --
}

lifeboat_has() {
  case $1 in
    /*) [ -e "$1" ] ;;
    *) PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null ;;
  esac
}

lifeboat_need_root() {
  [ "$(id -u)" = 0 ] || { echo "setup: the lab needs root: run this as root" >&2; exit 2; }
  command -v apt-get >/dev/null || { echo "setup: no apt-get here; Debian 12, Debian 13 or Ubuntu 24.04 is needed" >&2; exit 2; }
}

# lifeboat_install PACKAGE... -- INCUS_PACKAGE...
lifeboat_install() (
  packages=() incus=()
  while [ "$1" != -- ]; do packages+=("$1"); shift; done
  shift
  incus=("$@")

  work=$(mktemp -d)
  policy=
  trap 'rm -rf "$work"; [ -z "$policy" ] || rm -f "$policy"' EXIT
  chmod 755 "$work" # apt reads it as its own user
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    # invoke-rc.d(8): exit status 101 forbids every start of a service while packages are configured.
    policy=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
  fi
  lifeboat_enabled_units >"$work/units.before"

  export DEBIAN_FRONTEND=noninteractive
  apt_options=(-q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root)
  release=()
  lifeboat_apt "${apt_options[@]}" update
  # Debian 12 has Incus in its backports only.
  if [ ${#incus[@]} -gt 0 ] && [ "$(lifeboat_codename)" = bookworm ]; then
    lifeboat_backports "$work/sources"
    apt_options+=(-o "Dir::Etc::SourceParts=$work/sources")
    release=(-t bookworm-backports)
    lifeboat_apt "${apt_options[@]}" update
  fi
  [ ${#packages[@]} -eq 0 ] || lifeboat_apt "${apt_options[@]}" install --no-install-recommends "${packages[@]}"
  [ ${#incus[@]} -eq 0 ] || lifeboat_apt "${apt_options[@]}" install --no-install-recommends "${release[@]}" "${incus[@]}"

  lifeboat_enabled_units >"$work/units.after"
  comm -13 "$work/units.before" "$work/units.after" | while read -r unit; do
    case $unit in
      incus* | lxcfs* | haproxy* | nftables* | rsync* | lxc* | dnsmasq*) systemctl disable --quiet --now "$unit" && echo "setup: disabled $unit, the lab does not need it" ;;
    esac
  done
)

lifeboat_codename() { (. /etc/os-release && echo "$VERSION_CODENAME"); }

# A copy of the machine's apt sources with its backports added, from the mirror that the machine uses for its main suite.
lifeboat_backports() {
  local parts=$1 suite mirror key=/usr/share/keyrings/debian-archive-keyring.gpg
  suite=$(lifeboat_codename)
  mkdir "$parts"
  find /etc/apt/sources.list.d -maxdepth 1 \( -name '*.list' -o -name '*.sources' \) -exec cp {} "$parts/" \;
  apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' >"$work/targets"
  if grep -q "^$suite-backports main " "$work/targets"; then return; fi
  mirror=$(sed -n "s/^$suite main //p" "$work/targets" | head -n 1)
  if [ -z "$mirror" ]; then
    echo "setup: the apt configuration of this machine has no suite '$suite' with component main, so the mirror of its" >&2
    echo "       backports cannot be derived. Install incus-base and incus-client by hand and run this again." >&2
    return 1
  fi
  [ -e "$key" ] || key=
  echo "deb ${key:+[signed-by=$key] }$mirror $suite-backports main" >"$parts/lifeboat-backports.list"
}

# Another apt may be at work, and the lock of the lists has no timeout of its own.
lifeboat_apt() {
  local attempt
  for attempt in 1 2 3 4 5; do
    if apt-get "$@" >"$work/apt.log" 2>&1; then return; fi
    grep -q 'Could not get lock\|Unable to lock' "$work/apt.log" || break
    sleep 10
  done
  cat "$work/apt.log" >&2
  echo "setup: apt-get failed after $attempt attempt(s); the lines above are its own words" >&2
  return 1
}

lifeboat_enabled_units() {
  [ -d /run/systemd/system ] || return 0
  systemctl list-unit-files --state=enabled --no-legend --plain | awk '{print $1}' | sort
}

# Incus maps the users of unprivileged containers into ranges that root must own (subuid(5)).
lifeboat_subordinate_ids() {
  local file
  for file in /etc/subuid /etc/subgid; do
    grep -q '^root:[0-9]*:[0-9]\{7,\}$' "$file" 2>/dev/null && continue
    [ "$(id -u)" = 0 ] || { echo "setup: root has no range of at least 1000000 ids in $file; run this as root" >&2; exit 2; }
    echo "setup: giving root the range 1000000-1000999999 in $file"
    sed -i '/^root:/d' "$file" 2>/dev/null || true
    echo 'root:1000000:1000000000' >>"$file"
  done
}
