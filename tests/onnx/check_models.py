#!/usr/bin/env python3
"""check_models.py FOLDER: onnx.checker and its strict shape inference accept every file of the folder. Exit 77: no onnx here."""
import glob, sys
try:
    import onnx
except ImportError:
    sys.exit(77)

bad = 0
files = sorted(glob.glob(sys.argv[1] + "/*.onnx"))
for f in files:
    try:
        model = onnx.load(f)
        onnx.checker.check_model(model, full_check=True)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except Exception as e:
        bad += 1
        print(f"FAIL {f}: {str(e).strip()[:300]}")
print(f"{len(files) - bad} of {len(files)} accepted")
sys.exit(bad > 0 or not files)
