#!/usr/bin/env bash
# Every public header by itself and twice, as C11, C23 and C++17, without a word from the compilers that are there.
#   headers.sh SOURCE_FOLDER
set -euo pipefail
source=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
count=0 failed=0
# check COMPILER STANDARD SUFFIX OPTION…
check() {
    local compiler=$1 standard=$2 suffix=$3 header
    shift 3
    command -v "$compiler" >/dev/null || { echo "left out: there is no $compiler"; return; }
    for header in $(cd "$source/lib/include" && find . -name '*.h' | sed 's|^\./||' | sort); do
        printf '#include <%s>\n#include <%s>\nint main(void) { return 0; }\n' "$header" "$header" >"$scratch/header.$suffix"
        count=$((count + 1))
        "$compiler" "-std=$standard" -Wall -Wextra -Wpedantic -Werror "$@" -I"$source/lib/include" -fsyntax-only "$scratch/header.$suffix" ||
            { echo "not clean: $header by $compiler -std=$standard" >&2; failed=1; }
    done
}
check gcc c11 c
check gcc c2x c -Wstrict-prototypes
check clang c11 c
check clang c2x c
check g++ c++17 cpp -Wshadow
check clang++ c++17 cpp -Wshadow
[ "$failed" = 0 ] && [ "$count" -gt 0 ] && echo "$count compilations, no warning"
