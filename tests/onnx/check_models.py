#!/usr/bin/env python3
"""onnx.checker and its strict shape inference accept what graft writes, at each opset that Debian's onnx knows.

usage: check_models.py EXPORT FILE-OR-FOLDER...   (EXPORT: the program of export.c; paths that are not there are left out)

Exit 77: python3-onnx is not installed.
"""
import glob, os, subprocess, sys, tempfile
try:
    import onnx.checker, onnx.shape_inference
except ImportError:
    if sys.executable != "/usr/bin/python3" and os.path.exists("/usr/bin/python3"):  # Debian's has it, where another comes first
        os.execv("/usr/bin/python3", ["/usr/bin/python3"] + sys.argv)
    print("skipped: there is no onnx for Python (Debian: python3-onnx)")
    sys.exit(77)

UNKNOWN = "a value's type or rank is not known, which the checker wants to be"
INTEGERS = "integers where ONNX has floats alone"
# Names of files, and why the checker refuses them.
REFUSED = {
    "by_hand.gir": UNKNOWN,
    "companion.gir": UNKNOWN,
    "if_and_loop_join_types.gir": UNKNOWN,
    "if_and_loop_join_types.gir1": UNKNOWN,
    "scalars.gir": UNKNOWN,
    "types.gir": UNKNOWN,
    "what_is_not_known_is_not_true.gir": UNKNOWN,
    "does_not_annotate_integer_arithmetic.gir": INTEGERS,
    "integers.gir": INTEGERS,
    "reference.gir1": INTEGERS,
    "numbers_match_after_rounding.gir1": INTEGERS + " (relu, before opset 14)",
    "numbers_take_the_other_operands_type.gir": INTEGERS + " (bytes, before opset 14)",
    "numbers_take_the_other_operands_type.gir1": INTEGERS + " (bytes, before opset 14)",
    "graphs.gir": "a foreign op has the name of one of ONNX's and other operands",
    "silero_16k_op15.npm": "an If gives outputs of a rank that is not known, which the checker wants to be",
    "silero_half.npm": "the same",
    "silero_v5.npm": "the same",
    "dtypes_behind_a_foreign_op.gir": "shape inference of onnx 1.12 dies of an operand without type",
}
OPSETS = (13, 17)


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


def main():
    export, paths = sys.argv[1], [p for p in sys.argv[2:] if os.path.exists(p)]
    bad = count = 0
    accepted, refused = set(), set()
    for opset in OPSETS:
        with tempfile.TemporaryDirectory() as d:
            said = subprocess.run([export, "-o", d, "--opset", str(opset)] + paths, capture_output=True, text=True)
            if said.returncode:
                print(said.stdout, end="")
                bad += 1
            for f in sorted(glob.glob(d + "/*.onnx")):
                name = os.path.basename(f)[: -len(".onnx")]
                why = refusal(f)
                count += 1
                (refused if why else accepted).add(name)
                if why and name not in REFUSED:
                    bad += 1
                    print(f"FAIL {name}, opset {opset}: {why}")
    for name in (REFUSED.keys() & accepted) - refused:
        bad += 1
        print(f"FAIL {name}: it is accepted, and stands in REFUSED")
    print(f"{count} files of opsets {', '.join(map(str, OPSETS))}, {bad} failed")
    return bad > 0 or count == 0


sys.exit(main())
