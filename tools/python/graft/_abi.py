"""The C ABI as cffi reads it: the public headers without comments and preprocessor lines."""

import pathlib
import re

# In the order in which they include each other. ops.h has inline functions alone, which are no part of the ABI.
HEADERS = ["ir.h", "annotations.h", "edit.h", "inspect.h", "op_table.h", "layers.h", "state.h", "patterns.h", "passes.h", "extend.h",
           "modules.h", "quantized_modules.h", "qparams.h", "numbers.h", "runtime.h", "compare.h", "train.h"]


def _folders(root):
    """Where headers lie: side by side when installed, in their folders in a checkout."""
    root = pathlib.Path(root)
    return [root, root / "graft", root / "ir", root / "passes", root / "patterns", root / "runtime"]


def _find(root, name):
    for folder in _folders(root):
        if (folder / name).is_file():
            return (folder / name).read_text()
    return None


def _statuses(root):
    rows = re.findall(r'^ERROR\((\w+), ', _find(root, "errors.def"), re.M)
    return ", ".join("GRAFT_" + row for row in rows)


def declarations(root):
    """All declarations of the headers below `root`, once each, as one text."""
    out = []
    for name in HEADERS:
        text = _find(root, name)
        if text is None:
            continue
        text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
        text = re.sub(r'#define ERROR.*?#undef ERROR', lambda _: _statuses(root), text, flags=re.S)
        numbers = re.findall(r"^#define (GRAFT_[A-Z_]+) (0x[0-9A-Fa-f]+|\d+)u?$", text, re.M)
        text = text.replace('extern "C" {', "")
        text = re.sub(r"#if defined\(__cplusplus\)\s*\}\s*#endif", "", text)
        text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*$", "", text, flags=re.M)
        text = re.sub(r"\bGRAFT_API\b", "", text)
        out += ["#define %s %s" % row for row in numbers]
        out.append(text)
    return re.sub(r"\n\s*\n+", "\n", "\n".join(out))
