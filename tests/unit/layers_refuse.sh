#!/bin/sh
# layers.sh refuses each include that it should, in a tree of one file.
# usage: layers_refuse.sh LAYERS_SH
layers=$(realpath "$1")
tree=$(mktemp -d) || exit 2
trap 'rm -rf "$tree"' EXIT
status=0
# refused|accepted FILE HEADER
check() {
  rm -rf "${tree:?}"/*
  mkdir -p "$tree/$(dirname "$2")" "$tree/ir" "$tree/patterns" "$tree/runtime" "$tree/passes" "$tree/tools"
  echo "#include \"$3\"" >"$tree/$2"
  if sh "$layers" "$tree" >/dev/null; then got=accepted; else got=refused; fi
  [ $got = "$1" ] || { echo "$2 includes $3: $got, not $1"; status=1; }
}
check refused ir/graph/a.c ir/formats/sink_int.h
check refused ir/graph/a_int.h ../formats/sink_int.h
check refused ir/infer/a.c ir/formats/text/lex_int.h
check accepted ir/formats/a.c ir/graph/base_int.h
check accepted ir/graph/a.c ir/infer/infer_impl.h
check refused ir/graph/a.c runtime/session_int.h
check refused patterns/a.c ir/formats/stage_impl.h
check refused ir/a.h ir/ir_int.h
check accepted passes/a.c ir/formats/sink_int.h
exit $status
