#!/usr/bin/env python3
"""embed.py OUT.c HEADER TYPE SYMBOL WORD FILE...: a C array of {name, text, declares} for each file, so that the library needs no files.

The name of a file is its path below rules/ or quantizers/; `declares` has what the file names after a WORD that begins a line, each
ended by a 0, and one more 0. Bytes are written as numbers: string literals have a length limit."""
import os, re, sys

out, header, kind, symbol, word, files = *sys.argv[1:6], sys.argv[6:]
with open(out, "w") as f:
    f.write(f'#include "{header}"\n')
    for i, path in enumerate(files):
        with open(path, "rb") as g: data = g.read()
        names = re.findall(rb"^%s\s+(\w+)" % word.encode(), data, re.M)
        f.write(f'static const char names_{i}[] = "{"".join(n.decode() + chr(92) + "0" for n in names)}";\n')
        f.write(f"static const char text_{i}[] = {{{','.join(str(b if b < 128 else b - 256) for b in data)}{',' if data else ''}0}};\n")
    f.write(f"const {kind} {symbol}[] = {{\n")
    for i, path in enumerate(files):
        name = path.replace(os.sep, "/").split("/rules/")[-1].split("/quantizers/")[-1]
        f.write(f'    {{"{name}", text_{i}, names_{i}}},\n')
    f.write("    {NULL, NULL, NULL}};\n")
