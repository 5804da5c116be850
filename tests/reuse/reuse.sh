#!/usr/bin/env bash
# Installs into a scratch prefix, builds consumer.c with pkg-config alone, against the shared and the static library, and runs it.
#   reuse.sh MESON BUILD_FOLDER SOURCE_FOLDER COMPILER
set -euo pipefail
meson=$1 build=$2 source=$3 cc=$4
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$meson" install -C "$build" --no-rebuild --quiet --destdir "$scratch/root" >/dev/null
pc=$(find "$scratch/root" -name corps.pc)
[ -n "$pc" ] || { echo "corps.pc was not installed" >&2; exit 1; }
export PKG_CONFIG_PATH=$(dirname "$pc") PKG_CONFIG_SYSROOT_DIR=$scratch/root
libraries=$(dirname "$(dirname "$pc")")
# In the sysroot the system's own .pc files do not exist: only libcorps is looked up there.
flags=$(pkg-config --cflags --libs corps)
# shellcheck disable=SC2086
$cc -std=gnu17 -Wall -Werror "$source/tests/reuse/consumer.c" -o "$scratch/consumer" $flags
got=$(LD_LIBRARY_PATH=$libraries timeout 200 "$scratch/consumer")
expected=$'added in Env 1\n20 + 22 = 42'
[ "$got" = "$expected" ] || { printf 'the consumer printed:\n%s\nexpected:\n%s\n' "$got" "$expected" >&2; exit 1; }
# shellcheck disable=SC2046,SC2086
$cc -std=gnu17 -rdynamic "$source/tests/reuse/consumer.c" -o "$scratch/consumer-static" $(pkg-config --cflags corps) \
    "$libraries/libcorps.a" $(PKG_CONFIG_SYSROOT_DIR='' pkg-config --static --libs libuv libsodium msgpack) -lpthread -lrt -ldl
got=$(timeout 200 "$scratch/consumer-static")
[ "$got" = "$expected" ] || { printf 'the static consumer printed:\n%s\n' "$got" >&2; exit 1; }
# The README shows this very program.
python3 - "$source" <<'PY'
import re, sys
source = open(sys.argv[1] + "/tests/reuse/consumer.c").read().strip()
shown = [block.strip() for block in re.findall(r"```c\n(.*?)```", open(sys.argv[1] + "/README.md").read(), re.S)]
if source not in shown:
    sys.exit("README.md does not show tests/reuse/consumer.c as it is")
PY
if pgrep -f "^corps-env corps" >/dev/null && pgrep -P 1 -f "$scratch" >/dev/null; then echo "an Env was left running" >&2; exit 1; fi
echo "installed, built with pkg-config, and ran"
