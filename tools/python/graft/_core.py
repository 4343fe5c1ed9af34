"""The library, contexts, diagnostics, dtypes: what the rest stands on."""

import collections
import ctypes.util
import os
import pathlib

import cffi
import numpy as np

_here = pathlib.Path(__file__).resolve().parent


def _abi_text():
    """Made when the package is built; in a checkout from the headers there."""
    made = _here / "abi.h"
    if made.is_file():
        return made.read_text()
    from . import _abi
    return _abi.declarations(_here.parents[2])


def _library():
    path = os.environ.get("GRAFT_LIBRARY") or ctypes.util.find_library("graft")
    if not path:
        raise ImportError("libgraft is not where the system looks for libraries; GRAFT_LIBRARY may name the file")
    return path


ffi = cffi.FFI()
ffi.cdef(_abi_text())
library_path = _library()
lib = ffi.dlopen(library_path)


def text(pointer):
    return "" if pointer == ffi.NULL else ffi.string(pointer).decode("utf-8", "surrogateescape")


def encoded(value):
    return os.fspath(value).encode("utf-8", "surrogateescape")


def filled(function, *arguments):
    """The text of a function that writes one as snprintf does."""
    size = function(*arguments, ffi.NULL, 0) + 1
    buffer = ffi.new("char[]", size)
    function(*arguments, buffer, size)
    return text(buffer)


def version():
    """Of the library that is loaded."""
    return text(lib.graft_version())


Diagnostic = collections.namedtuple("Diagnostic", "severity status file line column node message text")
Diagnostic.__doc__ = """What the library says: `severity` is "error", "warning" or "note"; `text` is all of it, with the source line."""
_SEVERITIES = ("error", "warning", "note")


class Error(Exception):
    """A call failed. `status` is one of lib.GRAFT_..., `diagnostics` what the library said during the call."""

    def __init__(self, status, diagnostics):
        self.status, self.diagnostics = status, diagnostics
        said = [d.text for d in diagnostics if d.severity != "warning"]
        super().__init__("\n".join(said) or text(lib.graft_status_text(status)))


class Context:
    """Allocator and diagnostics; modules belong to one. One thread at a time; two contexts may work in two threads.

    Options are those of graft_context_options by name (max_diagnostics, max_bytes, …). `warnings` holds what the calls so far
    warned of, the newest last; clear it at will."""

    def __init__(self, **options):
        given = ffi.new("graft_context_options *", dict(options, size=ffi.sizeof("graft_context_options")))
        pointer = lib.graft_context_create(given)
        if pointer == ffi.NULL:
            raise MemoryError("graft_context_create")
        self._pointer = ffi.gc(pointer, lib.graft_context_destroy)
        self.warnings = []

    def cancel(self):
        """Ends what the context does, from any thread: the call raises Error (GRAFT_CANCELLED), as do later ones until resume."""
        lib.graft_context_cancel(self._pointer)

    def resume(self):
        lib.graft_context_resume(self._pointer)

    def _take(self):
        said = []
        for i in range(lib.graft_diagnostic_count(self._pointer)):
            d = ffi.new("graft_diagnostic *", lib.graft_diagnostic_get(self._pointer, i))
            said.append(Diagnostic(_SEVERITIES[d.severity], d.code, text(d.file), d.line, d.column, text(d.node), text(d.message),
                                   filled(lib.graft_diagnostic_format, d)))
        lib.graft_diagnostics_clear(self._pointer)
        return said

    def _check(self, status):
        """After each call that can fail."""
        said = self._take()
        if status != lib.GRAFT_OK:
            if status == lib.GRAFT_NO_MEMORY:
                raise MemoryError("\n".join(d.text for d in said))
            raise Error(status, said)
        self.warnings += [d for d in said if d.severity != "error"]

    def _check_pointer(self, pointer):
        if pointer == ffi.NULL:
            said = self._take()
            errors = [d for d in said if d.severity == "error"]
            raise Error(errors[0].status if errors else lib.GRAFT_INVALID_ARGUMENT, said)
        self._check(lib.GRAFT_OK)
        return pointer


# ---- dtypes and arrays ----

_DTYPES = {lib.GRAFT_F32: np.float32, lib.GRAFT_F64: np.float64, lib.GRAFT_I8: np.int8, lib.GRAFT_U8: np.uint8,
           lib.GRAFT_I16: np.int16, lib.GRAFT_I32: np.int32, lib.GRAFT_I64: np.int64, lib.GRAFT_BOOL: np.bool_,
           lib.GRAFT_F16: np.float16, lib.GRAFT_BF16: np.uint16, lib.GRAFT_U16: np.uint16, lib.GRAFT_U32: np.uint32,
           lib.GRAFT_U64: np.uint64}
_OF_NUMPY = {np.dtype(t): d for d, t in _DTYPES.items() if d != lib.GRAFT_BF16}


def dtype_name(dtype):
    return text(lib.graft_dtype_name(dtype))


def shape_of(type_):
    """None: the rank is not known; in it, None: the extent is not."""
    if type_.rank < 0:
        return None
    return tuple(None if type_.dims[i] < 0 else type_.dims[i] for i in range(type_.rank))


def type_of(array, dtype):
    """The graft_type of an array that holds elements of `dtype` (bf16 are the bits, as uint16)."""
    type_ = ffi.new("graft_type *")
    type_.dtype, type_.rank = dtype, array.ndim
    for i, extent in enumerate(array.shape):
        type_.dims[i] = extent
    return type_


def suited(array, dtype):
    """`array` in C order with elements of the graft dtype: itself where it is so already. Casts that lose are errors."""
    array = np.asarray(array)
    wanted = np.dtype(_DTYPES[dtype]) if dtype in _DTYPES else array.dtype
    if array.dtype != wanted and not np.can_cast(array.dtype, wanted, "same_kind"):
        raise TypeError("an array of %s is given for elements of %s" % (array.dtype, wanted))
    if array.ndim > lib.GRAFT_MAX_RANK:
        raise ValueError("an array has %d axes, the most are %d" % (array.ndim, lib.GRAFT_MAX_RANK))
    return np.require(array, wanted, "C")


def dtype_of(array):
    if array.dtype not in _OF_NUMPY:
        raise TypeError("graft has no dtype for %s" % array.dtype)
    return _OF_NUMPY[array.dtype]


class _Borrowed:
    """Memory of the library, for numpy, which keeps this object, and with it the owner, as long as a view lives."""

    def __init__(self, owner, pointer, shape, dtype):
        self.owner = owner
        self.__array_interface__ = {"version": 3, "shape": tuple(shape), "typestr": np.dtype(dtype).str,
                                    "data": (int(ffi.cast("uintptr_t", pointer)), True)}


def view(owner, pointer, type_):
    """A read-only array over the elements at `pointer`."""
    shape = shape_of(type_)
    if type_.dtype not in _DTYPES or shape is None or None in shape:
        raise ValueError("its type is not known")
    if 0 in shape:
        return np.empty(shape, _DTYPES[type_.dtype])
    return np.asarray(_Borrowed(owner, pointer, shape, _DTYPES[type_.dtype]))


def elements(owner, pointer, count, dtype):
    """The same of one axis; None of NULL."""
    return None if pointer == ffi.NULL or count == 0 else np.asarray(_Borrowed(owner, pointer, (count,), dtype))
