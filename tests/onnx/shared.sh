#!/bin/sh
# Networks of other people, which lie beside the repository: check.py of ../shared/forms over a folder of cases. Those that
# do not pass yet are named, with the reason, in not_yet.txt; one of them that passes must be taken off the list.
# usage: shared.sh SOURCE_ROOT BUILD FOLDER
root=$1 build=$2 folder=$3
check=$root/../shared/forms/check.py
if [ ! -f "$check" ] || [ ! -d "$root/../shared/$folder" ]; then
  echo "skipped: there is no $check or no $root/../shared/$folder"
  exit 77
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
python3 "$check" --build "$build" --cases "$root/../shared/$folder" >"$dir/out"
cat "$dir/out"
grep -q '^[0-9]* passed' "$dir/out" || exit 1
sed -n 's/^FAIL \([^ :]*\):.*/\1/p' "$dir/out" | sort >"$dir/failed"
sed -n "s/^$folder \([^ ]*\) .*/\1/p" "$root/tests/onnx/not_yet.txt" | sort >"$dir/known"
comm -23 "$dir/failed" "$dir/known" | sed 's/^/fails: /' >"$dir/bad"
comm -13 "$dir/failed" "$dir/known" | sed 's/^/passes, and is in not_yet.txt: /' >>"$dir/bad"
cat "$dir/bad"
[ ! -s "$dir/bad" ]
