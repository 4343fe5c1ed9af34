#!/bin/sh
# Every function of predicates.def has its row in LANGUAGE.md, and no other has one. usage: language.sh SOURCE-ROOT
cd "$1/patterns" || exit 2
sed -n 's/^PREDICATE(\([a-z_0-9]*\),.*/\1/p' predicates.def | sort > "${TMPDIR:-/tmp}/graft-predicates.$$"
sed -n '/^| function/,/^$/p' LANGUAGE.md | grep -oE '^\| `[a-z_0-9]+` \|' | tr -d '|` ' | sort | diff "${TMPDIR:-/tmp}/graft-predicates.$$" -
status=$?
rm -f "${TMPDIR:-/tmp}/graft-predicates.$$"
exit $status
