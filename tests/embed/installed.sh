# shellcheck shell=sh disable=SC2034,SC2154  # what it sets and reads are others' names
# Read by the other scripts here: installs the library of BUILD_ROOT into $work/root, and says what a program is compiled with.
# Sets: work, root (where the prefix lies), library (the folder of libgraft), sanitize; PKG_CONFIG_PATH is that of root.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
meson install -C "$build" --no-rebuild --quiet --destdir "$work/root" >/dev/null
pc=$(find "$work/root" -name graft.pc)
root=$work/root$(sed -n 's/^prefix=//p' "$pc")
library=$(dirname "$(find "$work/root" -name 'libgraft.so' | head -n 1)")
PKG_CONFIG_PATH=$(dirname "$pc")
PKG_CONFIG_SYSROOT_DIR=$work/root
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
# The sanitizers of an instrumented library must come first in the program.
sanitize=
if nm -D "$library/libgraft.so" | grep -q __asan_init; then sanitize=-fsanitize=address,undefined; fi
fail() { echo "$*" >&2; exit 1; }
