#!/usr/bin/env bash
# The reference from the headers: doxygen has nothing to say about their comments, mandoc nothing about the pages, and there is a page for each function.
#   check.sh SOURCE_FOLDER
set -euo pipefail
source=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mapfile -t headers < <(find "$source/lib/include" -name '*.h' | sort)
mkdir "$scratch/man"
python3 "$source/docs/reference/man.py" 0 "$scratch/man" "${headers[@]}" >"$scratch/names"
missing=$(comm -3 <(sed 's/\.3$//' "$scratch/names" | sort) <(sed -n '/CORPS_PRIVATE/,$d; s/^ *\(corps_[a-z_0-9]*\);$/\1/p' "$source/lib/corps.map" | sort))
[ -z "$missing" ] || { printf 'pages and functions differ:\n%s\n' "$missing" >&2; exit 1; }
if grep -l ' \\- *$' "$scratch"/man/*.3; then echo "these say nothing of what they are" >&2; exit 1; fi
if command -v mandoc >/dev/null; then
    mandoc -Tlint -W warning "$scratch"/man/*.3
else
    echo "left out: there is no mandoc"
fi
if command -v doxygen >/dev/null; then
    sed -e "s|@version@|0|; s|@output@|$scratch|; s|@source@|$source|" "$source/docs/reference/Doxyfile.in" >"$scratch/Doxyfile"
    doxygen "$scratch/Doxyfile" >"$scratch/said" 2>&1 && [ ! -s "$scratch/said" ] || { cat "$scratch/said" >&2; exit 1; }
    [ -s "$scratch/html/corps_8h.html" ]
else
    echo "left out: there is no doxygen"
fi
echo "$(wc -l <"$scratch/names") pages"
