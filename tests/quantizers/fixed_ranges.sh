#!/bin/sh
# The ops whose results the table says to lie within 0 to 1 or -1 to 1 are those that xnnpack.qz gives the fixed ranges to, but sign:
# its three values are no range.  usage: fixed_ranges.sh SOURCE_ROOT
set -eu
table() { grep -oE "^OP\([^\"]*\"[a-z_]+\".*R_IN\([a-z]+, $1\)" "$2/ir/ops.def" | sed 's/^OP([^"]*"\([a-z_]*\)".*/\1/' | grep -vx sign | sort | tr '\n' ' '; }
rule() { sed -n "/^rule $1 /,/^annotate/p" "$2/patterns/quantizers/xnnpack.qz" | sed -n 's/^  %y = \(.*\)(%x)$/\1/p' | tr '|' '\n' | sort | tr '\n' ' '; }
for pair in 'probability:0, 1' 'balanced:-1, 1'; do
  want=$(table "${pair#*:}" "$1") have=$(rule "${pair%%:*}" "$1")
  if [ -z "$want" ] || [ "$have" != "$want" ]; then
    echo "rule ${pair%%:*}: $have; the table: $want" >&2
    exit 1
  fi
done
echo "the fixed ranges are the table's"
