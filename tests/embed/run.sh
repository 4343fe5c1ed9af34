#!/bin/sh
# shellcheck disable=SC2034,SC2154  # what installed.sh reads and sets
# Installs the library into a folder of its own, compiles the example of the README against it through pkg-config, as an
# embedder would, shared and static, by each compiler that is here, as C and as C++, and runs it. What is installed stands
# alone and exports graft_... only.  usage: run.sh SOURCE_ROOT BUILD_ROOT
set -eu
source=$1
build=$2
. "$source/tests/embed/installed.sh"
sed '/^```c$/,/^```$/!d; /^```/d' "$source/README.md" >"$work/example.c"
[ -s "$work/example.c" ] || fail "no C example in README.md"
cp "$work/example.c" "$work/example.cc"
export LD_LIBRARY_PATH="$library"

# Nothing but graft_... is exported, of the static library as of the shared one; C programs need no C++ library.
others=$(nm -D --defined-only "$library/libgraft.so" | awk '$2 ~ /[A-Z]/ && $3 !~ /^(graft_|_init$|_fini$)/ { print $3 }')
[ -z "$others" ] || fail "exported: $others"
others=$(nm --defined-only "$library/libgraft.a" | awk '$2 ~ /[A-Z]/ && $3 !~ /^(graft_|__odr_asan)/ { print $3 }')
[ -z "$others" ] || fail "exported by the static library: $others"
no_c_plus_plus() { if readelf -d "$1" | grep NEEDED | grep -E 'stdc\+\+|libc\+\+'; then fail "$1 needs a C++ library"; fi; }
no_c_plus_plus "$library/libgraft.so"

# What the static library was instrumented with must be what the program is.
compilers="cc:c++ gcc:g++"
[ -n "$sanitize" ] || compilers="$compilers clang:clang++"
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror"
shared=$(pkg-config --cflags --libs graft)
static="$(pkg-config --static --cflags --libs graft | sed 's/-lgraft /-l:libgraft.a /')"
cd "$source/tests/data"
example() { # COMPILER STANDARD FILE FLAGS...
  compiler=$1 standard=$2 file=$3
  shift 3
  # shellcheck disable=SC2086  # lists of words
  "$compiler" -std=$standard $warnings $sanitize "$file" -o "$work/example" "$@" || fail "$compiler: $file $*"
  rm -f "$work/digits.int8.gfb"
  "$work/example" digits.onnx "$work/digits.int8.gfb"
  [ -s "$work/digits.int8.gfb" ] || fail "$compiler: $file: nothing was written"
}
# shellcheck disable=SC2086
for pair in $compilers; do
  c=${pair%:*} cxx=${pair#*:}
  if ! command -v "$c" >/dev/null || ! command -v "$cxx" >/dev/null; then continue; fi
  example "$c" c11 "$work/example.c" $shared
  example "$c" c11 "$work/example.c" $static
  no_c_plus_plus "$work/example"
  if readelf -d "$work/example" | grep -q libgraft; then fail "the static example needs libgraft.so"; fi
  example "$cxx" c++11 "$work/example.cc" $shared
  example "$cxx" c++17 "$work/example.cc" $static
  for header in "$root"/include/graft/*.h; do # each public header stands alone, in C and C++
    echo "#include \"$header\"" >"$work/one.c" # so that it is no main file, in which what is unused is said
    "$c" -std=c11 $warnings -fsyntax-only "$work/one.c" || fail "$header"
    "$cxx" -std=c++11 $warnings -fsyntax-only -x c++ "$work/one.c" || fail "$header"
    cat "$work/one.c"
  done >"$work/all.c" # and all together
  "$c" -std=c11 $warnings -fsyntax-only "$work/all.c"
  "$cxx" -std=c++11 $warnings -fsyntax-only -x c++ "$work/all.c"
done

# Whole programs: each does a backend's work on the digits, and says whether all came out right.
main_job() { # FLAGS...
  # shellcheck disable=SC2086
  c++ -std=c++17 -fno-exceptions -fno-rtti $warnings $sanitize "$source/tests/embed/main_job.cc" -o "$work/main_job" "$@"
  rm -f "$work/digits.cc.gfb"
  "$work/main_job" digits.onnx digits.train.x.npy digits.train.y.npy digits.test.x.npy digits.test.y.npy "$work/digits.cc.gfb"
  [ -s "$work/digits.cc.gfb" ]
}
# shellcheck disable=SC2086
main_job $shared
# shellcheck disable=SC2086
main_job $static

# A whole backend, whose program is simulated: its answers are those of graft's integers.
# shellcheck disable=SC2086
cc -std=c17 $warnings $sanitize "$source/tests/embed/npu.c" -o "$work/npu" $shared -lm
"$work/npu" digits.onnx digits.train.x.npy digits.test.x.npy digits.test.y.npy

# One with a rule, a quantizer, a pass, a kernel and predicates of its own.
# shellcheck disable=SC2086
for how in "$shared" "$static"; do
  cc -std=c17 $warnings $sanitize "$source/tests/embed/backend.c" -o "$work/backend" $how -lm
  "$work/backend" >"$work/emitted" || { cat "$work/emitted"; exit 1; }
done

# What a backend does, as passes/BACKEND.md has it.
sed '/^```c$/,/^```$/!d; /^```/d' "$source/passes/BACKEND.md" >"$work/emit.c"
[ "$(wc -l <"$work/emit.c")" -le 60 ] || fail "passes/BACKEND.md: the program has more than 60 lines"
# shellcheck disable=SC2086
cc -std=c17 $warnings $sanitize "$work/emit.c" -o "$work/emit" $static
"$work/emit" digits.onnx digits.train.x.npy >"$work/emitted"
[ "$(grep -c 'bytes of weights' "$work/emitted")" = 5 ] || { cat "$work/emitted"; exit 1; }

# The version is one: of the header, the library and the package; what was built in is told to older callers too.
# shellcheck disable=SC2086
cc -std=c17 $warnings $sanitize "$source/tests/embed/version.c" -o "$work/version" $shared
[ "$("$work/version")" = "$(pkg-config --modversion graft)" ] || fail "versions differ"
[ "$(readelf -d "$library/libgraft.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')" = "libgraft.so.$(pkg-config --modversion graft | cut -d. -f1-2)" ] ||
  fail "the soname is not that of the version"

# Documents are there, speak of each other alone, and of nothing that lies beside the repository; headers too.
docs=$root/share/doc/graft
for document in LICENSE OPS.md README.md patterns/LANGUAGE.md patterns/quantizers/README.md passes/README.md; do
  [ -s "$docs/$document" ] || fail "$document is not installed"
done
if grep -rnE '\.\./shared|(design|semantics|roadmap|decisions|pitfalls|style)\.md' "$docs" "$root/include/graft"; then
  fail "these lines speak of what is not in the repository"
fi
for name in $(grep -rohE '[A-Za-z]+\.md' "$docs" "$root/include/graft" | sort -u); do
  [ -n "$(find "$docs" -name "$name")" ] || fail "$name is spoken of, and not installed"
done

# Names of the library's inside are free for the program.
# shellcheck disable=SC2086
cc -std=c17 $sanitize -I"$build/ir/formats/onnx" "$source/tests/embed/clash.c" "$build/ir/formats/onnx/onnx.pb-c.c" \
  -o "$work/clash" $static -lprotobuf-c
(cd "$work" && ./clash "$source/tests/data/digits.onnx") || fail "names clash"
