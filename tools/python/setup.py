"""What pyproject.toml cannot say: the version is the library's, and the package has the C declarations of the headers beside it."""

import importlib.util
import pathlib
import re

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def declarations():
    spec = importlib.util.spec_from_file_location("graft_abi", HERE / "graft" / "_abi.py")
    abi = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(abi)
    return abi.declarations(ROOT)


class BuildWithDeclarations(build_py):
    def run(self):
        super().run()
        (pathlib.Path(self.build_lib) / "graft" / "abi.h").write_text(declarations())


VERSION = re.search(r'#define GRAFT_VERSION "([^"]+)"', (ROOT / "ir" / "ir.h").read_text()).group(1)
setup(version=VERSION, cmdclass={"build_py": BuildWithDeclarations})
