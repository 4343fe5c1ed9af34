"""Modules: in, through passes, out."""

import collections
import functools

from ._core import Context, encoded, ffi, lib, text
from ._graph import NONE, Graph, Tensor
from ._session import Session
from ._train import train

_FORMATS = {"auto": lib.GRAFT_FORMAT_AUTO, "text": lib.GRAFT_FORMAT_TEXT, "binary": lib.GRAFT_FORMAT_BINARY,
            "onnx": lib.GRAFT_FORMAT_ONNX, "json": lib.GRAFT_FORMAT_JSON, "dot": lib.GRAFT_FORMAT_DOT}

PassReport = collections.namedtuple("PassReport", "name pipeline depth seconds statistics")
PassReport.__doc__ = "What ran: a pass, or (`pipeline`) a named one as a whole, behind its members, which are one deeper."


def load(source, name=None, context=None, **options):
    """A module from a file's path, or from bytes (`name` stands for the file in messages).

    Options are those of graft_load_options by name, with format= a word ("onnx")."""
    context = context or Context()
    given = ffi.new("graft_load_options *", dict(_options(options), size=ffi.sizeof("graft_load_options")))
    if isinstance(source, (bytes, bytearray, memoryview)):
        pointer = lib.graft_module_load_memory(context._pointer, ffi.from_buffer(source), memoryview(source).nbytes,
                                               encoded(name or ""), given)
    else:
        pointer = lib.graft_module_load(context._pointer, encoded(source), given)
    return Module(context, context._check_pointer(pointer))


def _options(options):
    if "format" in options:
        options["format"] = _FORMATS[options["format"]]
    return options


def _destroy(context, pointer):
    lib.graft_module_destroy(pointer)


class Module:
    """graft_module. Made by graft.load."""

    def __init__(self, context, pointer):
        self.context = context
        self._pointer = ffi.gc(pointer, functools.partial(_destroy, context))  # the context outlives it

    @property
    def graphs(self):
        return [Graph(self, lib.graft_module_get_graph(self._pointer, i)) for i in range(lib.graft_module_graph_count(self._pointer))]

    @property
    def main(self):
        """The entry."""
        return self.graphs[0]

    def __eq__(self, other):
        return type(self) is type(other) and self._pointer == other._pointer

    def __hash__(self):
        return lib.graft_module_hash(self._pointer)

    def clone(self):
        """A copy in the same context; weights are shared until one of the two changes them."""
        return Module(self.context, self.context._check_pointer(lib.graft_module_clone(ffi.NULL, self._pointer)))

    @property
    def tensors(self):
        """All of them, in order."""
        t = lib.graft_tensor_first(self._pointer)
        while t != NONE:
            yield Tensor(self, t)
            t = lib.graft_tensor_next(self._pointer, t)

    def tensor(self, name):
        """KeyError: no tensor is called so."""
        t = lib.graft_tensor_find(self._pointer, encoded(name))
        if t == NONE:
            raise KeyError(name)
        return Tensor(self, t)

    def run_passes(self, pipeline, verify_each=False, pattern_files=(), quantizer_files=(), rules=(), quantizers=(), passes=()):
        """graft_run_passes: `pipeline` is text, "prepare{quantizer=xnnpack},convert". Gives what ran, as PassReports.

        Beside what ships it knows the rules and quantizers of files and of sets (graft.Rules, graft.Quantizers), and the passes
        (graft.Pass) that are given."""
        reports, failed = [], []

        @ffi.callback("graft_pass_callback")
        def after(user, module, report):
            try:
                statistics = {text(report.statistics[i].name): report.statistics[i].value for i in range(report.statistic_count)}
                reports.append(PassReport(text(report.name), bool(report.pipeline), report.depth, report.seconds, statistics))
                return lib.GRAFT_OK
            except BaseException as e:  # into C nothing is raised
                failed.append(e)
                return lib.GRAFT_PASS

        keep = [[ffi.new("char[]", encoded(f)) for f in files] for files in (pattern_files, quantizer_files)]
        lists = [ffi.new("char *[]", files) for files in keep]
        options = ffi.new("graft_pass_options *", {"size": ffi.sizeof("graft_pass_options"), "verify_each": verify_each, "after": after})
        options.pattern_files, options.pattern_file_count = lists[0], len(keep[0])
        options.quantizer_files, options.quantizer_file_count = lists[1], len(keep[1])
        kept = []
        for name, sets in (("rules", rules), ("quantizers", quantizers)):
            kept.append(ffi.new("graft_%s *[]" % name, [s._pointer for s in sets]))
            setattr(options, name, kept[-1])
            setattr(options, name + "_count", len(sets))
        own = ffi.new("graft_pass[]", len(passes))
        for p, given in zip(passes, own):
            p._fill(given, self, failed, kept)
        options.passes, options.pass_count = own, len(passes)
        status = lib.graft_run_passes(self._pointer, encoded(pipeline), options)
        if failed:
            self.context._take()
            raise failed[0]
        self.context._check(status)
        return reports

    def train(self, data, validation=None, after_step=None, checkpoint=None, session=None, **options):
        """graft_train: runs the graph `train` (run_passes("train-step{…}")) over arrays by the names of its inputs, labels too,
        which are read where they are (mapped files, numpy.load(…, mmap_mode="r"), as well). Gives the TrainState behind each epoch.

        Options are those of graft_train_options by name: epochs and batch, shuffle=True with a seed, schedule= a word
        ("cosine"), warmup, resume, …; `session` has those of Session: dict(threads=2, seed=1). `validation`: arrays for the first
        graph, and labels, after each epoch. after_step(state) is told of each step: where it gives True training ends behind it,
        and what it raises comes out of here. `checkpoint`: a file that the module is saved to after each epoch and where
        after_step or KeyboardInterrupt ends it; loaded, it goes on with resume=True. The module is as the last step left it, whatever ends it."""
        return train(self, data, validation or {}, after_step, checkpoint, session, options)

    def verify(self):
        """Raises graft.Error where the module breaks a constraint."""
        self.context._check(lib.graft_module_verify(self._pointer))

    def save(self, path, **options):
        """To a file, whose extension says the format where format= does not. Options are those of graft_save_options by name."""
        given = ffi.new("graft_save_options *", dict(_options(options), size=ffi.sizeof("graft_save_options")))
        self.context._check(lib.graft_module_save_with(self._pointer, encoded(path), given))

    def dumps(self, format="text", **options):
        """The same as bytes."""
        given = ffi.new("graft_save_options *", dict(_options(dict(options, format=format)), size=ffi.sizeof("graft_save_options")))
        out, size = ffi.new("char **"), ffi.new("size_t *")
        self.context._check(lib.graft_module_print_with(self._pointer, given, out, size))
        try:
            return bytes(ffi.buffer(out[0], size[0]))
        finally:
            lib.graft_free(self.context._pointer, out[0], size[0])

    def __str__(self):
        return self.dumps().decode("utf-8", "replace")

    def session(self, graph=None, **options):
        """A Session of a graph of this module, else of the entry."""
        return Session(graph or self.main, **options)
