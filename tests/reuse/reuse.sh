#!/usr/bin/env bash
# Installs into a scratch prefix and moves that; then builds consumer.c by pkg-config and by CMake, against the shared library and the archive,
# consumer.cpp, and consumer.c under AddressSanitizer; and runs each.
#   reuse.sh MESON BUILD_FOLDER SOURCE_FOLDER COMPILER
set -euo pipefail
meson=$1 build=$2 source=$3 cc=$4
here=$source/tests/reuse
unset LD_LIBRARY_PATH # meson's, which shows what was built instead of what was installed
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$meson" install -C "$build" --no-rebuild --quiet --destdir "$scratch/first" >/dev/null
pc=$(find "$scratch/first" -name corps.pc)
[ -n "$pc" ] || { echo "corps.pc was not installed" >&2; exit 1; }
installed=$(dirname "$(find "$scratch/first" -path '*/include/corps.h' -not -path '*/corps/include/*')") # the Python package has them too
installed=$(dirname "$installed")
prefix=$scratch/prefix
mv "$installed" "$prefix" # it can be moved
folder=$(dirname "$(find "$prefix" -name corps.pc)")
libraries=$(dirname "$folder")
export PKG_CONFIG_PATH=$folder
# --define-variable: for a build folder that was configured before the file itself went by where it lies.
flags() { pkg-config --define-variable=prefix="$prefix" "$@"; }

# expect WHAT WORDS PROGRAM…: it prints just that.
expect() {
    local what=$1 words=$2 got
    shift 2
    got=$(timeout 200 "$@") || { echo "$what: exit status $?" >&2; exit 1; }
    [ "$got" = "$words" ] || { printf '%s printed:\n%s\nexpected:\n%s\n' "$what" "$got" "$words" >&2; exit 1; }
}
sum=$'added in Env 1\n20 + 22 = 42'
shared=(env LD_LIBRARY_PATH="$libraries")
# free_of_shared PROGRAM: the library is in it.
free_of_shared() { if ldd "$1" | grep -q libcorps; then echo "$1 needs the shared library" >&2; exit 1; fi; }

# shellcheck disable=SC2046
{
    $cc -std=gnu17 -Wall -Wextra -Werror "$here/consumer.c" -o "$scratch/c" $(flags --cflags --libs corps)
    $cc -std=gnu17 "$here/consumer.c" -o "$scratch/c-static" $(flags --cflags --libs corps-static)
    $cc -std=gnu17 -fsanitize=address,undefined -fno-sanitize-recover "$here/consumer.c" -o "$scratch/c-sanitized" $(flags --cflags --libs corps)
    g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror "$here/consumer.cpp" -o "$scratch/cpp" $(flags --cflags --libs corps)
}
# shellcheck disable=SC2046
{
    $cc -std=gnu17 -Wall -Wextra -Werror -shared -fPIC -DMODULE "$here/module.c" -o "$scratch/adder.so" $(flags --cflags --libs corps)
    $cc -std=gnu17 -Wall -Wextra -Werror "$here/module.c" -o "$scratch/module" $(flags --cflags --libs corps)
}
expect "a module" "42 by a module" "${shared[@]}" PATH="$prefix/bin:$PATH" "$scratch/module" "$scratch/adder.so"
expect "C by pkg-config" "$sum" "${shared[@]}" "$scratch/c"
free_of_shared "$scratch/c-static"
expect "C, static, by pkg-config" "$sum" "$scratch/c-static"
expect "C under sanitizers" "$sum" "${shared[@]}" "$scratch/c-sanitized"
expect "C++ by pkg-config" ababab "${shared[@]}" "$scratch/cpp"

# Where the archive alone is installed, pkg-config's own --static is enough.
mkdir "$scratch/archive"
cp "$libraries/libcorps.a" "$scratch/archive"
# shellcheck disable=SC2046
$cc -std=gnu17 "$here/consumer.c" -o "$scratch/c-archive" $(flags --define-variable=libdir="$scratch/archive" --static --cflags --libs corps)
free_of_shared "$scratch/c-archive"
expect "C by pkg-config --static" "$sum" "$scratch/c-archive"

# A library that is not where the loader looks: the program says which one lacks, and does not hang.
if "$scratch/c" 2>"$scratch/said" || ! grep -q 'libcorps.so.0' "$scratch/said"; then
    [ -n "$(ldconfig -p 2>/dev/null | grep libcorps.so.0)" ] || { echo "without the library: $(cat "$scratch/said")" >&2; exit 1; }
fi

if command -v cmake >/dev/null; then
    cmake -S "$here" -B "$scratch/cmake" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" >"$scratch/log" 2>&1 &&
        cmake --build "$scratch/cmake" >>"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; exit 1; }
    expect "C by CMake" "$sum" "$scratch/cmake/consumer-shared" # CMake tells the loader where the library is
    free_of_shared "$scratch/cmake/consumer-static"
    expect "C, static, by CMake" "$sum" "$scratch/cmake/consumer-static"
else
    echo "left out: there is no cmake"
fi

# The README shows this very program.
python3 - "$source" <<'PY'
import re, sys
source = open(sys.argv[1] + "/tests/reuse/consumer.c").read().strip()
shown = [block.strip() for block in re.findall(r"```c\n(.*?)```", open(sys.argv[1] + "/README.md").read(), re.S)]
if source not in shown:
    sys.exit("README.md does not show tests/reuse/consumer.c as it is")
PY
if pgrep -f "^corps-env corps" >/dev/null && pgrep -P 1 -f "$scratch" >/dev/null; then echo "an Env was left running" >&2; exit 1; fi
echo "installed, moved, built with pkg-config and CMake, and ran"
