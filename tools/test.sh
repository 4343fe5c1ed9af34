#!/bin/sh
# Installs what is missing, builds plainly and with the sanitizers, and runs all tests.
# usage: sh tools/test.sh [--quick]   (build folders: build, build-asan; quick: no sanitizers, no slow tests, no lint)
set -eu
cd "$(dirname "$0")/.."
# shellcheck disable=SC2046  # lists of words
sh tools/packages.sh $(sed -n 's/^build //p; s/^test //p' tools/packages.txt)

[ -d build ] || meson setup build
ninja -C build
if [ "${1:-}" = --quick ]; then
  meson test -C build --no-rebuild --no-suite slow --no-suite lint --print-errorlogs --timeout-multiplier 4
  exit
fi
[ -d build-asan ] || meson setup build-asan -Doptimization=2 -Db_sanitize=address,undefined -Db_lundef=false
ninja -C build-asan
meson test -C build --no-rebuild --print-errorlogs --timeout-multiplier 4
meson test -C build-asan --no-rebuild --print-errorlogs --timeout-multiplier 8
