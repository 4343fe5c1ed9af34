# The public headers as Doxygen reads them: their plain comments become its own, line for line.
#   /* before what it is about */      /** ... */
#   int a, b; /* behind a member */    each member with it: /**< ... */
# A member without a comment is what its name says, by the conventions of all headers (size, user, NAME_count) or by itself;
# functions, structs, enums and macros have comments of their own, or Doxygen complains.
function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }

# "const char *a, *b[2]" as one declaration each with `comment` behind; "": what convention() says, of the first one only where
# nothing stands before it.
function split_members(code, comment, before,    n, parts, type, name, i, out, indent) {
  match(code, /^[ \t]*/)
  indent = substr(code, 1, RLENGTH)
  code = trim(code)
  sub(/;$/, "", code)
  n = split(code, parts, /,[ \t]*/)
  name = parts[1]
  match(name, /[*]*[A-Za-z_0-9]+(\[[^\]]*\])*$/)
  type = substr(name, 1, RSTART - 1)
  out = indent parts[1] ";" (before ? "" : " " (comment == "" ? convention(parts[1]) : comment))
  for (i = 2; i <= n; i++) out = out " " type parts[i] "; " (comment == "" ? convention(parts[i]) : comment)
  return out
}

function convention(name) {
  sub(/\[.*/, "", name)
  sub(/.*[ *]/, "", name)
  if (name == "size") return "/**< sizeof the struct, by which it may grow */"
  if (name ~ /^(.*_)?user$/) return "/**< handed to the callback as it is */"
  if (name ~ /_count$/) { sub(/_count$/, "", name); return "/**< how many there are of: " name " */" }
  return "/**< as its name says */"
}

/@/ { gsub(/@/, "\\\\@") } # rules' @conv is no command of Doxygen's

FNR == 1 { sub(/^\/\*/, "/** @file"); inside = ($0 !~ /\*\//); depth = 0; print; next }
inside { if ($0 ~ /\*\//) { inside = 0; before = 1 } print; next }
/^[ \t]*\/\* ----/ { sub(/\/\* /, "/*  "); print; inside = ($0 !~ /\*\//); next } # a heading between sections
/^[ \t]*\/\*/ { sub(/\/\*/, "/**"); print; inside = ($0 !~ /\*\//); before = !inside; next }
{
  comment = ""
  code = $0
  if ((at = index(code, "/*")) > 0) {
    comment = "/**<" substr(code, at + 2)
    code = substr(code, 1, at - 1)
  }
  sub(/[ \t]+$/, "", code)
  opens = gsub(/{/, "{", code)
  closes = gsub(/}/, "}", code)
  inside = comment != "" && comment !~ /\*\//
  if (depth > 0 && opens == 0 && closes == 0 && code ~ /;$/) {
    if (code ~ /\(/ || inside) print code " " (comment != "" ? comment : before ? "" : "/**< as its name says */")
    else print split_members(code, comment, before && comment == "")
  } else {
    if (depth > 1 && comment == "" && code ~ /^[ \t]+}.*;$/) comment = "/**< as its name says */" # a union inside
    print code (comment == "" ? "" : " " comment)
  }
  if (code !~ /^extern "C"/) depth += opens - closes
  if (code ~ /^}/) depth = 0
  before = 0
}
