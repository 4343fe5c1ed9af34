#!/bin/sh
# Installs the library into a folder of its own, compiles the example of the README against it through pkg-config, as
# an embedder would, and runs it.  usage: run.sh SOURCE_ROOT BUILD_ROOT
set -eu
source=$1
build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
meson install -C "$build" --no-rebuild --quiet --destdir "$work/root" >/dev/null
pc=$(find "$work/root" -name graft.pc)
prefix=$(sed -n 's/^prefix=//p' "$pc")
sed '/^```c$/,/^```$/!d; /^```/d' "$source/README.md" >"$work/example.c"
[ -s "$work/example.c" ] || { echo "no C example in README.md" >&2; exit 1; }
library=$(dirname "$(find "$work/root" -name 'libgraft.so' | head -n 1)")
# The sanitizers of an instrumented library must come first in the program.
sanitize=
nm -D "$library/libgraft.so" | grep -q __asan_init && sanitize=-fsanitize=address,undefined
flags=$(PKG_CONFIG_PATH=$(dirname "$pc") PKG_CONFIG_SYSROOT_DIR="$work/root" pkg-config --cflags --libs graft)
# shellcheck disable=SC2086  # lists of words
cc -std=c17 -Wall -Wextra -Werror $sanitize "$work/example.c" -o "$work/example" $flags
for header in "$work/root$prefix"/include/graft/*.h; do # each public header stands alone, in C and C++
  cc -std=c17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c "$header" -I"$work/root$prefix/include"
  c++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only -x c++ "$header" -I"$work/root$prefix/include"
done
for header in $(cd "$work/root$prefix/include/graft" && ls *.h); do echo "#include <graft/$header>"; done >"$work/all.c" # and all together
cc -std=c17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only "$work/all.c" -I"$work/root$prefix/include"
# The version is one: of the header, the library and the package.
cat >"$work/version.c" <<'C'
#include <graft/ir.h>
#include <stdio.h>
#include <string.h>
int main(void) {
  char text[64];
  snprintf(text, sizeof text, "%d.%d.%d", GRAFT_VERSION_MAJOR, GRAFT_VERSION_MINOR, GRAFT_VERSION_PATCH);
  return puts(GRAFT_VERSION) < 0 || strcmp(GRAFT_VERSION, graft_version()) || strcmp(GRAFT_VERSION, text);
}
C
# shellcheck disable=SC2086
cc -std=c17 -Wall -Wextra -Werror $sanitize "$work/version.c" -o "$work/version" $flags
[ "$(LD_LIBRARY_PATH=$library "$work/version")" = "$(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --modversion graft)" ] ||
  { echo "versions differ" >&2; exit 1; }
# Nothing but graft_… is exported.
others=$(nm -D --defined-only "$library/libgraft.so" | awk '$2 ~ /[TDBRV]/ && $3 !~ /^(graft_|_init$|_fini$)/ { print $3 }')
[ -z "$others" ] || { echo "exported: $others" >&2; exit 1; }
cd "$source/tests/data"
LD_LIBRARY_PATH=$library "$work/example" digits.onnx "$work/digits.int8.gfb"
[ -s "$work/digits.int8.gfb" ]

# Whole programs: each does a backend's work on the digits, and says whether all came out right.
strict="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror"
# shellcheck disable=SC2086
c++ -std=c++17 -fno-exceptions -fno-rtti $strict $sanitize "$source/tests/embed/main_job.cc" -o "$work/main_job" $flags
LD_LIBRARY_PATH=$library "$work/main_job" digits.onnx digits.train.x.npy digits.test.x.npy digits.test.y.npy "$work/digits.cc.gfb"
[ -s "$work/digits.cc.gfb" ]
sed '/^```c$/,/^```$/!d; /^```/d' "$source/passes/BACKEND.md" >"$work/emit.c"
[ "$(wc -l <"$work/emit.c")" -le 60 ] || { echo "passes/BACKEND.md: the program has more than 60 lines" >&2; exit 1; }
# shellcheck disable=SC2086
cc -std=c17 $strict $sanitize "$work/emit.c" -o "$work/emit" $flags
LD_LIBRARY_PATH=$library "$work/emit" digits.onnx digits.train.x.npy >"$work/emitted"
[ "$(grep -c 'bytes of weights' "$work/emitted")" = 5 ] || { cat "$work/emitted"; exit 1; }
