# Sourced. Sets LIFEBOAT_NODE to a Node 24 or newer: the machine's own, or one from the npm registry kept in the checkout.
lifeboat_node() {
  local root=$1 arch own
  own=$(command -v node || true)
  if [ -n "$own" ] && "$own" -e 'process.exit(+process.versions.node.split(".")[0] >= 24 ? 0 : 1)' 2>/dev/null; then
    LIFEBOAT_NODE=$own
    return
  fi
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) echo "lifeboat: no Node 24 on this machine and none in the registry for $(uname -m)" >&2; return 1 ;;
  esac
  LIFEBOAT_NODE=$root/.node/node_modules/node-linux-$arch/bin/node
  if [ ! -x "$LIFEBOAT_NODE" ]; then
    command -v npm >/dev/null || { echo "lifeboat: npm is missing; install it (Debian: apt-get install npm)" >&2; return 1; }
    echo "installing Node 24 into .node (this machine has ${own:+$("$own" -v)}${own:-none})" >&2
    mkdir -p "$root/.node"
    npm install --prefix "$root/.node" --no-save --engine-strict=false --loglevel=error "node-linux-$arch@24" >&2
  fi
  PATH=$(dirname "$LIFEBOAT_NODE"):$PATH
  export PATH
}
