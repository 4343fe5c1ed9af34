#!/usr/bin/env python3
"""Every op of graft's table goes out as ONNX by a row of export.def, by a direct row of import.def, or by a rule of rules/to-onnx*,
or stands in export.def of this folder as NO_OP, with the reason.

usage: ops_out.py IR_OPT SOURCE
"""
import glob, re, subprocess, sys

ir_opt, source = sys.argv[1:3]


def read(path):
    with open(f"{source}/{path}") as f:
        return f.read()


def roots(match):
    """The calls of the last line outside of groups."""
    depth, kept = 0, []
    for part in re.split(r"((?:\b[a-z_]+\? |else |unless )\{|[{}])", match):
        depth += (part.endswith("{") and (len(part) > 1 or depth > 0)) - (part == "}" and depth > 0)
        kept.append(part if depth == 0 else "")
    return re.findall(r"= ([@\w.|]+)(?::\w+)?\(", "".join(kept).split("\nwhere")[0])[-1].split("|")


ops = re.findall(r"^(\S+)\(", subprocess.run([ir_opt, "--list-ops"], capture_output=True, text=True, check=True).stdout, re.M)
names = {re.sub(r"\W", "_", op): op for op in ops}
said = {names[op] for op in re.findall(r"^EXPORT\((\w+),", read("ir/formats/onnx/export.def"), re.M)}
said |= {names[op] for op in re.findall(r"^ONNX\(\w+, direct, (\w+),", read("ir/formats/onnx/import.def"), re.M) if op in names}
for path in glob.glob(f"{source}/patterns/rules/to-onnx*/*.pat"):
    with open(path) as f:
        text = re.sub(r"#.*", "", f.read())
    families = {name: of.split() for name, of in re.findall(r"^family @(\w+) = (.*)$", text, re.M)}
    for match in re.findall(r"\bmatch\b(.*?)\brewrite\b", text, re.S):
        for op in roots(match):
            said |= set(families.get(op[1:], [])) if op[0] == "@" else {op}
unsaid = {names.get(op, op) for op in re.findall(r"^NO_OP\((\w+),", read("tests/onnx/export.def"), re.M)}
bad = [f"{op}: nothing says how it goes out" for op in ops if op not in said and op not in unsaid]
bad += [f"{op}: it goes out, and stands in export.def as NO_OP" for op in unsaid if op in said]
bad += [f"{op}: no op of the table" for op in unsaid if op not in ops]
print("\n".join(bad) or f"{len(ops)} ops, {len(unsaid)} of them without a way out")
sys.exit(bool(bad) or len(ops) < 100)
