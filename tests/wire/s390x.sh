#!/usr/bin/env bash
# The golden program on a big-endian machine: compiled for s390x and run by qemu. The bytes must be those of golden.txt.
# Skipped (exit status 77, with the reason) where the compiler, its C library or qemu is missing: scripts/setup --tests.
#   s390x.sh SOURCE_FOLDER FILE...      FILE: the C files of the program, from SOURCE_FOLDER
set -euo pipefail
cd "$1"
shift
cc=s390x-linux-gnu-gcc
skip() { printf 'skipped: %s\n' "$*"; exit 77; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

command -v "$cc" >/dev/null || skip "there is no $cc (Debian: gcc-s390x-linux-gnu)"
command -v qemu-s390x >/dev/null || skip "there is no qemu-s390x (Debian: qemu-user)"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
echo 'int main(void) { return 0; }' >"$scratch/empty.c"
"$cc" -static "$scratch/empty.c" -o "$scratch/empty" 2>"$scratch/log" ||
    skip "$cc finds no C library for s390x (Debian: libc6-dev-s390x-cross): $(head -1 "$scratch/log")"

# Headers of libraries are needed, and nothing else of them: this machine's, without its C library's beside them. Those
# of msgpack-c are the same for s390x but for these two numbers.
mkdir "$scratch/include"
for library in msgpack libuv; do
    folder=$(pkg-config --variable=includedir "$library")
    for header in msgpack msgpack.h uv uv.h; do
        if [ -e "$folder/$header" ]; then ln -sfn "$folder/$header" "$scratch/include/$header"; fi
    done
done
flags=(-std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -pthread -static
       -Ilib -Ilib/include -Iserializers -Itransports -isystem "$scratch/include")
order=(-DMSGPACK_ENDIAN_BIG_BYTE=1 -DMSGPACK_ENDIAN_LITTLE_BYTE=0)

# Without them the numbers would be wrong: this must not compile.
if "$cc" "${flags[@]}" -fsyntax-only serializers/msgpack.c 2>"$scratch/log"; then
    echo "msgpack-c's headers are this machine's and say so, or know the order by themselves"
elif ! grep -q "machine of the other byte order" "$scratch/log"; then
    fail "serializers/msgpack.c does not compile for another reason than the byte order: $(cat "$scratch/log")"
fi

"$cc" "${flags[@]}" "${order[@]}" "$@" -o "$scratch/golden"
order=$(timeout 200 qemu-s390x "$scratch/golden" order)
[ "$order" = big-endian ] || fail "s390x must be big-endian, but the program says $order"
timeout 200 qemu-s390x "$scratch/golden" check tests/wire/golden.txt
