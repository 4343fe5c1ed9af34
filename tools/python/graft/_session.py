"""Sessions: a graph runs."""

import functools

from ._core import dtype_of, ffi, filled, lib, suited, text, type_of, view


def _destroy(graph, pointer):
    lib.graft_session_destroy(pointer)


class Session:
    """graft_session: plans a graph once, runs it many times.

    Options are those of graft_session_options by name (threads, reference, seed, keep_state). The graph must not be changed
    while the session is used; make a new one after passes."""

    def __init__(self, graph, **options):
        self.graph, self._context = graph, graph.module.context
        given = ffi.new("graft_session_options *", dict(options, size=ffi.sizeof("graft_session_options")))
        pointer = self._context._check_pointer(lib.graft_session_create(graph._pointer, given))
        self._pointer = ffi.gc(pointer, functools.partial(_destroy, graph))  # graph and module outlive it
        self._types = {}
        for i in range(lib.graft_input_count(graph._pointer)):
            v = lib.graft_input_get(graph._pointer, i)
            self._types[filled(lib.graft_value_name, graph._pointer, v)] = (i, lib.graft_value_get_type(graph._pointer, v))
        self._outputs = [text(lib.graft_output_name(graph._pointer, i)) for i in range(lib.graft_output_count(graph._pointer))]
        self._inputs = {}  # the library reads them until they are set again

    def set(self, name, array):
        """An input by name. Arrays in C order of the input's dtype are read where they are, in each run until the next set."""
        if name not in self._types:
            raise KeyError("the graph has no input %r; it has %s" % (name, ", ".join(map(repr, self._types)) or "none"))
        index, type_ = self._types[name]
        array = suited(array, type_.dtype)
        given = type_of(array, type_.dtype if type_.dtype != lib.GRAFT_UNKNOWN else dtype_of(array))
        self._context._check(lib.graft_session_set_input(self._pointer, index, given, ffi.from_buffer(array)))
        self._inputs[name] = array

    def run(self, *arrays, **named):
        """One step: inputs in order or by name (those not given stay as they were), outputs as a dict of read-only views that
        hold until the next run; .copy() keeps one."""
        for name, array in list(zip(self._types, arrays)) + list(named.items()):
            self.set(name, array)
        self._context._check(lib.graft_session_run(self._pointer))
        return {name: self._output(i) for i, name in enumerate(self._outputs)}

    def _output(self, index):
        type_ = ffi.new("graft_type *")
        pointer = lib.graft_session_get_output(self._pointer, index, type_)
        if lib.graft_type_elements(type_) != 0:
            self._context._check_pointer(pointer)
        return view(self, pointer, type_[0])

    @property
    def memory(self):
        """Bytes that values take while the graph runs."""
        return lib.graft_session_memory(self._pointer)
