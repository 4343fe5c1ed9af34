#!/bin/sh
# Who includes whom: tools -> passes -> {patterns, runtime} -> ir. A NAME_impl.h is private to its top folder; a header
# that is installed includes neither _int.h nor _impl.h. In ir/ the formats use the graph, and the graph no format:
# ir/graph and ir/infer include nothing of ir/formats.
# usage: layers.sh SOURCE_ROOT
cd "$1" || exit 2
find ir patterns runtime passes tools -name '*.[ch]' -o -name '*.cc' | sort | xargs awk '
function folder(path) { sub(/\/[^\/]*$/, "", path); return path }
function complain(why) { print FILENAME ":" FNR ": " $0 ": " why; bad = 1 }
BEGIN {
  split("ir patterns runtime passes tools", top)
  for (i in top) is_top[top[i]] = 1
  allowed["ir"] = " ir "
  allowed["patterns"] = " ir patterns "
  allowed["runtime"] = " ir runtime "
  allowed["passes"] = " ir patterns runtime passes "
  allowed["tools"] = " ir patterns runtime passes tools "
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
  split($0, quoted, "\"")
  header = quoted[2]
  first = header
  sub(/\/.*/, "", first)
  if (!(first in is_top && header ~ /\//)) header = folder(FILENAME) "/" header # beside the file
  while (sub(/[^\/.][^\/]*\/\.\.\//, "", header)) ;
  from = FILENAME
  sub(/\/.*/, "", from)
  to = header
  sub(/\/.*/, "", to)
  if (index(allowed[from], " " to " ") == 0) complain(from " may not include " to)
  if (FILENAME ~ /^ir\/(graph|infer)\// && header ~ /^ir\/formats\//) complain("the graph may not include a format")
  if (header ~ /_impl\.h$/ && from != to) complain("private to " to)
  if (from != "tools" && FILENAME ~ /\.h$/ && FILENAME !~ /_(int|impl)\.h$/ && header ~ /_(int|impl)\.h$/) complain("a public header")
}
END { exit bad }
' && echo "the includes obey the layers"
