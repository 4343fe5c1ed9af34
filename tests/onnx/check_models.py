#!/usr/bin/env python3
"""onnx.checker and its strict shape inference accept what graft writes, at each opset that Debian's onnx knows. Files that graft itself
warned of, since ONNX has an op in them for other types alone, must be refused, and of ir/formats/onnx/types.def every row must be so.

usage: check_models.py EXPORT FILE-OR-FOLDER...   (EXPORT: the program of export.c; paths that are not there are left out)

Exit 77: python3-onnx is not installed.
"""
import glob, os, re, subprocess, sys, tempfile
try:
    import onnx.checker, onnx.defs, onnx.shape_inference
except ImportError:
    if sys.executable != "/usr/bin/python3" and os.path.exists("/usr/bin/python3"):  # Debian's has it, where another comes first
        os.execv("/usr/bin/python3", ["/usr/bin/python3"] + sys.argv)
    print("skipped: there is no onnx for Python (Debian: python3-onnx)")
    sys.exit(77)

UNKNOWN = "a value's type or rank is not known, which the checker wants to be"
# Names of files, and why the checker refuses them.
REFUSED = {
    "by_hand.gir": UNKNOWN,
    "companion.gir": UNKNOWN,
    "if_and_loop_join_types.gir": UNKNOWN,
    "if_and_loop_join_types.gir1": UNKNOWN,
    "scalars.gir": UNKNOWN,
    "types.gir": UNKNOWN,
    "what_is_not_known_is_not_true.gir": UNKNOWN,
    "graphs.gir": "a foreign op has the name of one of ONNX's and other operands",
    "silero_16k_op15.npm": "an If gives outputs of a rank that is not known, which the checker wants to be",
    "silero_half.npm": "the same",
    "silero_v5.npm": "the same",
    "dtypes_behind_a_foreign_op.gir": "shape inference of onnx 1.12 dies of an operand without type",
}
OPSETS = (13, 17)
FORMATS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../ir/formats/onnx")


def check(path):
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except Exception as e:
        return str(e).strip().splitlines()[0][:300]
    return ""


def refusal(path):
    """Why it is refused, "" if it is not; in a process of its own, since onnx may die of a file."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, check(path).encode())
        os._exit(0)
    os.close(write)
    said = b"".join(iter(lambda: os.read(read, 4096), b"")).decode()
    os.close(read)
    died = os.waitpid(child, 0)[1] != 0
    return said or ("onnx dies of it" if died else "")


def schema_types(op, opset):
    """Of its first input; None: the opset has no such op, or it has no input."""
    try:
        schema = onnx.defs.get_schema(op, opset)
    except onnx.defs.SchemaError:
        return None
    names = {"float": "F32", "double": "F64", "float16": "F16", "bfloat16": "BF16", "bool": "BOOL"}
    found = [re.fullmatch(r"tensor\((\w+)\)", t) for t in schema.inputs[0].types] if schema.inputs else []
    all_names = [m[1] for m in found if m]
    return {names.get(t) or t.replace("uint", "U").replace("int", "I") for t in all_names if t != "string" and "complex" not in t} or None


def check_types():
    """The rows of types.def are as onnx has them, and there is one wherever an op that is written has not all types."""
    with open(os.path.join(FORMATS, "types.def")) as f:
        rows = re.findall(r"^TYPES\((\w+), ([^,]+), (\d+), ([^)]+)\)$", f.read(), re.M)
    with open(os.path.join(FORMATS, "write_types.c")) as f:
        sets = dict(re.findall(r"^  (\w+) = ([A-Z0-9 |]+),$", f.read(), re.M))
    written = {name for name, *_ in rows}
    for path, pattern in (("export.def", r'"([A-Z]\w+)", \d'), ("import.def", r"^ONNX\((\w+), direct,")):
        with open(os.path.join(FORMATS, path)) as f:
            written |= set(re.findall(pattern, f.read(), re.M))

    def types_of(text):
        out = set()
        for word in re.findall(r"~?\w+", text):
            if word[0] == "~":
                out -= {word[1:]}
            elif word != "0":
                out |= types_of(sets[word]) if word in sets else {word}
        return out

    every, bad = types_of("ANY"), 0
    by_name = {name: (types_of(first), int(later), types_of(then)) for name, first, later, then in rows}
    bad += [name for name, *_ in rows] != sorted(by_name) or len(every) != 13
    for op in sorted(written):
        for opset in range(13, onnx.defs.onnx_opset_version() + 1):
            theirs = schema_types(op, opset)
            first, later, then = by_name.get(op, (every, 0, set()))
            ours = first | (then if later and opset >= later else set())
            if theirs and theirs & every != ours and op != "Erf":  # onnx 1.12 has it for integers too, later ones have not
                bad += 1
                print(f"FAIL types.def, {op} of opset {opset}: {sorted(ours ^ theirs & every)}")
    return bad


def main():
    export, paths = sys.argv[1], [p for p in sys.argv[2:] if os.path.exists(p)]
    bad, count, seen = check_types(), 0, set()
    accepted, refused = set(), set()
    for opset in OPSETS:
        with tempfile.TemporaryDirectory() as d:
            said = subprocess.run([export, "-o", d, "--opset", str(opset)] + paths, capture_output=True, text=True)
            if said.returncode:
                print(said.stdout, end="")
                bad += 1
            warned = set(open(d + "/odd_types.txt").read().split()) if os.path.exists(d + "/odd_types.txt") else set()
            seen |= warned
            for f in sorted(glob.glob(d + "/*.onnx")):
                name = os.path.basename(f)[: -len(".onnx")]
                why = refusal(f)
                count += 1
                if f in warned:
                    bad += not why
                    if not why:
                        print(f"FAIL {name}, opset {opset}: graft says that it is refused, and it is not")
                    continue
                (refused if why else accepted).add(name)
                if why and name not in REFUSED:
                    bad += 1
                    print(f"FAIL {name}, opset {opset}: {why}")
    for name in (REFUSED.keys() & accepted) - refused:
        bad += 1
        print(f"FAIL {name}: it is accepted, and stands in REFUSED")
    if not seen:
        bad += 1
        print("FAIL no file has types that ONNX has not")
    print(f"{count} files of opsets {', '.join(map(str, OPSETS))}, {bad} failed")
    return bad > 0 or count == 0


sys.exit(main())
