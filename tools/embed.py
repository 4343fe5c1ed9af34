#!/usr/bin/env python3
"""embed.py OUT.c HEADER TYPE SYMBOL FILE...: a C array of {name, text} for each file, so that the library needs no files.

The name of a file is its path below rules/ or quantizers/. Bytes are written as numbers: string literals have a length limit."""
import os, sys

out, header, kind, symbol, files = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:]
with open(out, "w") as f:
    f.write(f'#include "{header}"\n')
    for i, path in enumerate(files):
        with open(path, "rb") as g: data = g.read()
        f.write(f"static const char text_{i}[] = {{{','.join(str(b if b < 128 else b - 256) for b in data)}{',' if data else ''}0}};\n")
    f.write(f"const {kind} {symbol}[] = {{\n")
    for i, path in enumerate(files):
        name = path.replace(os.sep, "/").split("/rules/")[-1].split("/quantizers/")[-1]
        f.write(f'    {{"{name}", text_{i}}},\n')
    f.write("    {NULL, NULL}};\n")
