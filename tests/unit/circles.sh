#!/bin/sh
# No two files of a folder use each other in a circle: the objects' symbols must sort.
# usage: circles.sh BUILD_ROOT FOLDER...   (a folder as meson names its objects: ir_formats_text)
build=$1
shift
status=0
for folder; do
  objects=$(ls "$build"/libgraft-internal.a.p/"$folder"_[a-z]*.c.o)
  [ -n "$objects" ] || exit 2
  nm -A -g $objects | awk '
    { split($1, part, ":"); file = part[1]; sub(/.*\//, "", file); kind = $(NF - 1); sub(/.*:/, "", kind) }
    kind == "T" || kind == "R" || kind == "D" || kind == "B" { home[$NF] = file }
    kind == "U" { users[$NF] = users[$NF] " " file }
    END {
      for (name in users)
        if (name in home) {
          n = split(users[name], list, " ")
          for (i = 1; i <= n; i++) if (list[i] != home[name]) print list[i], home[name]
        }
    }' | sort -u >"${TMPDIR:-/tmp}/circles.$$"
  tsort "${TMPDIR:-/tmp}/circles.$$" >/dev/null || { echo "$folder: files use each other in a circle"; status=1; }
done
rm -f "${TMPDIR:-/tmp}/circles.$$"
exit $status
