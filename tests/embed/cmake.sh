#!/bin/sh
# shellcheck disable=SC2034,SC2154  # what installed.sh reads and sets
# The installed library through its CMake package, from wherever the prefix was moved to: a project builds the example of the
# README with each target and runs it; another minor version is refused.  usage: cmake.sh SOURCE_ROOT BUILD_ROOT
set -eu
command -v cmake >/dev/null || { echo "skipped: there is no cmake"; exit 77; }
source=$1
build=$2
. "$source/tests/embed/installed.sh"
cp "$source/tests/embed/cmake/CMakeLists.txt" "$work"
sed '/^```c$/,/^```$/!d; /^```/d' "$source/README.md" >"$work/example.c"
mv "$root" "$work/moved"
cd "$work"
setup() { cmake -S . -B "$1" -DCMAKE_PREFIX_PATH="$work/moved" -DCMAKE_C_FLAGS="$sanitize"; }
setup out >log 2>&1 && cmake --build out >>log 2>&1 || { cat log; exit 1; }
for name in shared static; do
  out/$name "$source/tests/data/digits.onnx" "$name.gfb"
  [ -s "$name.gfb" ]
done
if readelf -d out/static | grep libgraft; then fail "the static program needs libgraft.so"; fi
for version in 0.1 0.2.1 0.3 1.0; do
  sed -i "s/find_package(graft [0-9.]*/find_package(graft $version/" CMakeLists.txt
  if setup "refused" >log 2>&1; then fail "graft $version is found"; fi
  grep -q 'version: 0.2.0' log || { cat log; exit 1; }
done
