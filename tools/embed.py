#!/usr/bin/env python3
"""embed.py OUT.c HEADER TYPE SYMBOL WORD FILE...: a C array of {name, text, declares, needs} for each file, so that the library needs no files.

The name of a file is its path below rules/ or quantizers/; `declares` has what the file names after a WORD that begins a line, each
ended by a 0, and one more 0. `needs` has, for each rule, the ops that each of its matches has: the single ones outside
of groups. Bytes are written as numbers: string literals have a length limit."""
import os, re, sys

out, header, kind, symbol, word, files = *sys.argv[1:6], sys.argv[6:]

def declarations(text):
    """(name, what is below it) of each."""
    parts = re.split(r"^%s\s+(\w+)" % word, text, flags=re.M)
    return zip(parts[1::2], parts[2::2])

def needs(body):
    section = re.search(r"^match\b(.*?)^(?:where|rewrite)\b", re.sub(r"#.*", "", body), re.M | re.S)
    lines, groups = section[1] if section else "", 1
    while groups: lines, groups = re.subn(r"{[^{}]*}", "", lines)
    return re.findall(r"(?<![\w.@|:])([a-z][\w.]*)\(", lines)

with open(out, "w") as f:
    f.write(f'#include "{header}"\n')
    for i, path in enumerate(files):
        with open(path, "rb") as g: data = g.read()
        declared = list(declarations(data.decode()))
        ops = ["".join(f"GR_OP_{op.replace('.', '_')}, " for op in needs(body)) if word == "rule" else "" for _, body in declared]
        f.write(f'static const char names_{i}[] = "{"".join(name + chr(92) + "0" for name, _ in declared)}";\n')
        f.write(f"static const char text_{i}[] = {{{','.join(str(b if b < 128 else b - 256) for b in data)}{',' if data else ''}0}};\n")
        f.write(f"static const uint16_t needs_{i}[] = {{{', '.join(op + 'GR_OP_COUNT' for op in ops) or 'GR_OP_COUNT'}}};\n")
    f.write(f"const {kind} {symbol}[] = {{\n")
    for i, path in enumerate(files):
        name = path.replace(os.sep, "/").split("/rules/")[-1].split("/quantizers/")[-1]
        f.write(f'    {{"{name}", text_{i}, names_{i}, needs_{i}}},\n')
    f.write("    {NULL, NULL, NULL, NULL}};\n")
