#!/bin/sh
# Installs what is missing, builds plainly and with the sanitizers, and runs all tests.
# usage: sh tools/test.sh [--quick]   (build folders: build, build-asan, build-tsan; quick: no sanitizers, no slow tests, no lint)
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
# Threads: the library once more for the tests that have several. OpenMP's own, which oneDNN brings, are not known to the
# sanitizer.
threads='pool borrowed_pool sessions session_changes threads'
[ -d build-tsan ] || meson setup build-tsan -Db_sanitize=thread -Db_lundef=false -Doptimization=1 -Ddefault_library=static -Donednn=disabled
# shellcheck disable=SC2046
ninja -C build-tsan $(printf 'tests/unit/test_%s ' $threads)
meson test -C build --no-rebuild --print-errorlogs --timeout-multiplier 4
meson test -C build-asan --no-rebuild --print-errorlogs --timeout-multiplier 8
# shellcheck disable=SC2086
CK_TIMEOUT_MULTIPLIER=10 meson test -C build-tsan --no-rebuild --print-errorlogs --timeout-multiplier 8 $threads
