# Sourced by the other scripts: where things are kept, and which Debian kernel a series means.
# KLAB_CACHE   cache folder (default: a per-user cache folder; nothing is ever written to the checkout)
# KLAB_SERIES  kernel series: 6.1 (default) or 6.12, both from Debian 12's own archive
set -euo pipefail
KLAB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
KLAB_CACHE=${KLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kernel-lab}
KLAB_SERIES=${KLAB_SERIES:-6.1}

die() { echo "kernel-lab: $*" >&2; exit 125; }

meta_package() {          # the package that always depends on the newest kernel of a series
  case $1 in
    6.1) echo linux-image-amd64 ;;
    *)   echo "linux-image-$1-amd64" ;;
  esac
}

kernel_release() {        # 6.1 -> 6.1.0-56-amd64; needs apt lists
  apt-cache depends --no-recommends --no-suggests "$(meta_package "$1")" 2>/dev/null |
    sed -n "s/^ *Depends: linux-image-\(${1//./\\.}\.[0-9].*-amd64\)$/\1/p" | head -n1
}

kernel_dir() {            # the cached kernel of a series (newest first), or nothing
  local link="$KLAB_CACHE/$1/current"
  [ -e "$link/vmlinux" ] && readlink -f "$link"
}

one_at_a_time() {         # tests run in parallel: only one fills the cache
  mkdir -p "$KLAB_CACHE"; exec 9> "$KLAB_CACHE/lock-$1"; flock 9
}

download() {              # download NAME... into the current folder, without installing
  apt-get download -q "$@" >/dev/null 2>&1 || die "apt-get download $* failed (run apt-get update first?)"
}
