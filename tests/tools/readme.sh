#!/bin/sh
# What the README shows first can be typed as it stands: each command does what it says and ends well.
# usage: readme.sh SOURCE_ROOT BUILD_ROOT
source=$(realpath "$1") build=$(realpath "$2")
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
ln -s "$build" build
ln -s "$source/tests" tests
sed -n '/^## A first look/,/^## Embedding/s/^    \$ \(build.*\)/\1/p' "$source/README.md" >commands
[ "$(wc -l <commands)" -ge 8 ] || { echo "FAIL fewer commands than the README has"; exit 1; }
while read -r command; do
  sh -c "$command" >out 2>err </dev/null || { echo "FAIL $command"; cat err; exit 1; }
  ! grep -i warning err | grep -v "biases of 5 quantized layers are rounded" || { echo "FAIL $command: it warns"; exit 1; }
  case $command in *--labels*) grep -q '^accuracy: 9[78]' out || { echo "FAIL $command: $(cat out)"; exit 1; } ;; esac
done <commands
for file in int8.onnx qoperator.onnx error.html; do [ -s $file ] || { echo "FAIL no $file"; exit 1; }; done
