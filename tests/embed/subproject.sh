#!/bin/sh
# graft as a meson subproject: a project with nothing but a link to the sources in subprojects/ builds and runs the example of
# the README, and nothing of the tests and commands.  usage: subproject.sh SOURCE_ROOT [MESON_OPTION...]
set -eu
source=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$source/tests/embed/subproject/meson.build" "$work"
sed '/^```c$/,/^```$/!d; /^```/d' "$source/README.md" >"$work/example.c"
mkdir "$work/subprojects"
ln -s "$source" "$work/subprojects/graft"
cd "$work"
meson setup build "$@" >log || { cat log; exit 1; }
ninja -C build >log || { cat log; exit 1; }
for name in example by-name; do
  build/$name "$source/tests/data/digits.onnx" out.gfb
  [ -s out.gfb ]
  rm out.gfb
done
# shellcheck disable=SC2144  # there is none
if [ -e build/subprojects/graft/tools/ir-opt ] || [ -d build/subprojects/graft/tests ]; then
  echo "tests and commands were built" >&2
  exit 1
fi
