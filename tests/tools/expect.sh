#!/bin/sh
# For tests of commands, sourced by them: an empty folder to work in, and what is expected of a command that runs there.
dir=$(mktemp -d) || exit 1
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0

fail() { echo "FAIL $1"; [ ! -s err ] || sed 's/^/     /' err; failed=$((failed + 1)); }

# expect STATUS WHAT COMMAND...: standard output in `out`, standard error in `err`
expect() {
  want=$1 what=$2
  shift 2
  "$@" >out 2>err </dev/null
  got=$?
  [ "$got" = "$want" ] || fail "$what: exit status $got, expected $want"
}
said() { grep -q -e "$1" err || fail "$2: standard error lacks '$1'"; }
