"""graft rewrites neural-network graphs for quantization; this is its C library, seen from Python.

    import graft
    module = graft.load("digits.onnx")
    module.run_passes("prepare-qat{quantizer=xnnpack,per-channel=true}")
    session = module.session()
    for batch in batches:
        session.run(x=batch)
    module.run_passes("to-eval,convert")
    module.save("digits.int8.onnx")

Arrays are not copied: a session reads the arrays that it is given, and what it gives back (and Tensor.numpy) is a view of the
library's memory, read-only, as long as its documentation says. What fails raises graft.Error, with the library's
diagnostics. All of the C API is there too: `graft.lib` and `graft.ffi` (cffi), documented in graft/*.h.
"""

from ._core import Context, Diagnostic, Error, ffi, lib, library_path, version
from ._extend import Pass, PassCall, Quantizers, Rules
from ._graph import Graph, Layer, Node, Provenance, Quantized, Tensor, Value
from ._module import Module, PassReport, load
from ._session import Session
from ._train import TrainState

__version__ = version()
__all__ = ["Context", "Diagnostic", "Error", "Graph", "Layer", "Module", "Node", "Pass", "PassCall", "PassReport", "Provenance", "Quantized", "Quantizers", "Rules", "Session", "Tensor", "TrainState", "Value",
           "ffi", "lib", "library_path", "load", "version"]
