"""What a program adds to passes: sets of rules and of quantizers, passes of its own."""

import functools

from ._core import encoded, ffi, lib, text


def _destroy(context, end, pointer):
    end(pointer)


class _Set:
    """Parsed once, used in any number of runs of its context's modules."""

    def __init__(self, context, what, *texts, builtin=False):
        self.context = context
        self._add, self._count, self._name = (getattr(lib, "graft_%s_%s" % (what, f)) for f in ("add", "count", "name"))
        pointer = context._check_pointer(getattr(lib, "graft_%s_create" % what)(context._pointer, builtin))
        self._pointer = ffi.gc(pointer, functools.partial(_destroy, context, getattr(lib, "graft_%s_destroy" % what)))
        for t in texts:
            self.add(t)

    def add(self, source, name=None):
        """A text; `name` stands for the file in messages."""
        source = encoded(source)
        self.context._check(self._add(self._pointer, source, len(source), encoded(name or "text")))

    @property
    def names(self):
        return [text(self._name(self._pointer, i)) for i in range(self._count(self._pointer))]


class Rules(_Set):
    """graft_rules: Rules(context, "# x + 0 = x …", …), with builtin=True beside those that ship."""

    def __init__(self, context, *texts, builtin=False):
        super().__init__(context, "rules", *texts, builtin=builtin)


class Quantizers(_Set):
    """graft_quantizers: a text holds one quantizer."""

    def __init__(self, context, *texts, builtin=False):
        super().__init__(context, "quantizers", *texts, builtin=builtin)


class PassCall:
    """One call of a pass, for its time alone."""

    def __init__(self, pointer):
        self._pointer = pointer

    def option(self, name):
        """Of a declared option: as text, which a pass converts."""
        return text(lib.graft_pass_call_string(self._pointer, encoded(name)))

    def count(self, statistic, by=1):
        """Adds to a statistic of the pass's report."""
        lib.graft_pass_call_add(self._pointer, encoded(statistic), by)


class Pass:
    """A pass in Python: run(module, call) changes the module by graft.lib's functions, where what fails is raised; then, and when
    anything else is raised, all that it changed is taken back and run_passes raises it. `options` are texts by name, with their
    defaults."""

    def __init__(self, name, run, doc="", **options):
        self.name, self.run, self.doc = name, run, doc
        self.options = {k.replace("_", "-"): str(v) for k, v in options.items()}

    def _fill(self, given, module, failed, keep):
        """Into a graft_pass; what it points to is kept in `keep`, what is raised in `failed`."""
        def chars(s):
            keep.append(ffi.new("char[]", encoded(s)))
            return keep[-1]

        @ffi.callback("graft_status(void *, graft_module *, graft_pass_call *)")
        def run(user, pointer, call):
            try:
                self.run(module, PassCall(call))
                return lib.GRAFT_OK
            except BaseException as e:  # into C nothing is raised
                failed.append(e)
                return lib.GRAFT_PASS

        options = ffi.new("graft_option[]", len(self.options))
        for option, (name, value) in zip(options, self.options.items()):
            option.size, option.kind = ffi.sizeof("graft_option"), lib.GRAFT_OPTION_STRING
            option.name, option.value = chars(name), chars(value)
        keep += [run, options]
        given.size, given.name, given.doc = ffi.sizeof("graft_pass"), chars(self.name), chars(self.doc)
        given.options, given.option_count, given.run = options, len(self.options), run
