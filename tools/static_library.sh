#!/bin/sh
# The static library as others link it: one object, in which every symbol that is hidden in the shared library is local,
# so that a program may have a function, or another copy of the ONNX messages, of the same name.
# usage: static_library.sh OUT.a INTERNAL.a OBJCOPY AR COMPILER...
set -eu
out=$1
internal=$2
objcopy=$3
ar=$4
shift 4
object=${out%.a}.o
# Inline functions of FlatBuffers are groups that a linker takes once of all objects; as ours become local they stay ours.
"$@" -r -nostdlib -Wl,--force-group-allocation -Wl,--whole-archive "$internal" -Wl,--no-whole-archive -o "$object"
"$objcopy" --localize-hidden "$object"
rm -f "$out"
"$ar" rcs "$out" "$object"
rm -f "$object"
