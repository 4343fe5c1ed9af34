"""Graphs to look at: nodes, values, tensors, and layers as a backend's emitter wants them."""

import collections
import functools

from ._core import dtype_name, elements, encoded, ffi, filled, lib, shape_of, suited, text, view

import numpy as np

NONE = 0xFFFFFFFF
_KINDS = ("parameter", "buffer", "constant")


def attribute(attr):
    """The value of a graft_attr."""
    kind, value = attr.kind, getattr(attr, "as")
    if kind == lib.GRAFT_ATTR_NONE:
        return None
    if kind == lib.GRAFT_ATTR_BOOL:
        return bool(value.b)
    if kind == lib.GRAFT_ATTR_INT:
        return value.i
    if kind == lib.GRAFT_ATTR_FLOAT:
        return value.f
    if kind == lib.GRAFT_ATTR_STRING:
        return text(value.s)
    if kind == lib.GRAFT_ATTR_DTYPE:
        return dtype_name(value.dtype)
    if kind == lib.GRAFT_ATTR_INTS:
        return [value.ints[i] for i in range(attr.count)]
    if kind == lib.GRAFT_ATTR_FLOATS:
        return [value.floats[i] for i in range(attr.count)]
    return value.graph


Provenance = collections.namedtuple("Provenance", "source pass_ rule equals parents")
Provenance.__doc__ = "graft_provenance, in graft/inspect.h; `parents` are those that the node was made of, as Provenance."


def provenance(module, record):
    p = lib.graft_record_get(module._pointer, record)
    parents = [p.parents[i] for i in range(p.parent_count)]
    return Provenance(text(p.source), text(getattr(p, "pass")), text(p.rule), text(p.equals), [provenance(module, r) for r in parents])


class _Member:
    """Something of a graph or module, by its index."""

    def __init__(self, owner, index):
        self._owner, self.index = owner, index

    def __eq__(self, other):
        return type(self) is type(other) and self._owner == other._owner and self.index == other.index

    def __hash__(self):
        return hash((type(self), self.index))

    def __repr__(self):
        return "<graft.%s %s>" % (type(self).__name__, self.name)


class Tensor(_Member):
    """A tensor of a module: parameter, buffer or constant."""

    @property
    def name(self):
        return filled(lib.graft_tensor_name, self._owner._pointer, self.index)

    @property
    def kind(self):
        return _KINDS[lib.graft_tensor_get_kind(self._owner._pointer, self.index)]

    @property
    def dtype(self):
        return dtype_name(lib.graft_tensor_get_type(self._owner._pointer, self.index).dtype)

    @property
    def shape(self):
        return shape_of(lib.graft_tensor_get_type(self._owner._pointer, self.index))

    def numpy(self):
        """A read-only view, until the module is changed; .copy() keeps it. bf16 are the bits, as uint16."""
        pointer = lib.graft_tensor_get_data(self._owner._pointer, self.index)
        type_ = lib.graft_tensor_get_type(self._owner._pointer, self.index)
        if pointer == ffi.NULL and lib.graft_type_elements(ffi.new("graft_type *", type_)) != 0:
            self._owner.context._check_pointer(pointer)
        return view(self._owner, pointer, type_)

    def set(self, array):
        """New elements, of the same shape (copied)."""
        type_ = lib.graft_tensor_get_type(self._owner._pointer, self.index)
        array = suited(array, type_.dtype)
        if array.shape != shape_of(type_):
            raise ValueError("%s has the shape %s, not %s" % (self.name, shape_of(type_), array.shape))
        self._owner.context._check(lib.graft_tensor_set_data(self._owner._pointer, self.index, ffi.from_buffer(array)))


class Value(_Member):
    """An input, a node's result, or the handle of a tensor."""

    @property
    def name(self):
        return filled(lib.graft_value_name, self._owner._pointer, self.index)

    @property
    def dtype(self):
        return dtype_name(lib.graft_value_get_type(self._owner._pointer, self.index).dtype)

    @property
    def shape(self):
        """None: the rank is not known; an extent of None is not."""
        return shape_of(lib.graft_value_get_type(self._owner._pointer, self.index))

    @property
    def node(self):
        """That makes it; None for inputs and tensors."""
        n = lib.graft_value_node(self._owner._pointer, self.index)
        return None if n == NONE else Node(self._owner, n)

    @property
    def tensor(self):
        t = lib.graft_value_tensor(self._owner._pointer, self.index)
        return None if t == NONE else Tensor(self._owner.module, t)

    @property
    def users(self):
        """Nodes that read it, with the operand's slot, as often as they do."""
        graph, found = self._owner._pointer, []
        use = lib.graft_value_first_use(graph, self.index)
        while use != NONE:
            user = lib.graft_use_get(graph, use)
            if user.kind == lib.GRAFT_USER_NODE:
                found.append((Node(self._owner, user.node), user.index))
            use = lib.graft_use_next(graph, use)
        return found[::-1]

    @property
    def use_count(self):
        return lib.graft_value_use_count(self._owner._pointer, self.index)


class Node(_Member):
    @property
    def name(self):
        return filled(lib.graft_node_name, self._owner._pointer, self.index)

    @property
    def op(self):
        return text(lib.graft_node_get_op(self._owner._pointer, self.index))

    def _values(self, count, get):
        found = (get(self._owner._pointer, self.index, i) for i in range(count(self._owner._pointer, self.index)))
        return [None if v == NONE else Value(self._owner, v) for v in found]

    @property
    def operands(self):
        """None for an absent one."""
        return self._values(lib.graft_node_operand_count, lib.graft_node_operand)

    @property
    def results(self):
        return self._values(lib.graft_node_result_count, lib.graft_node_result)

    def attr(self, name):
        """The attribute's value (None too where it is none); KeyError: the node has no such attribute."""
        found = ffi.new("graft_attr *")
        if not lib.graft_node_attr(self._owner._pointer, self.index, encoded(name), found):
            raise KeyError(name)
        return attribute(found)

    @property
    def attrs(self):
        """All attributes, defaults too."""
        found, pointer = ffi.new("graft_attr *"), self._owner._pointer
        attrs = {}
        for i in range(lib.graft_node_attr_count(pointer, self.index)):
            if lib.graft_node_attr_get(pointer, self.index, i, found):
                attrs[text(found.name)] = attribute(found)
        return attrs

    @property
    def source(self):
        """Its name in the source network, also of what passes made of it; "": it has none there."""
        return text(lib.graft_node_source(self._owner._pointer, self.index))

    @property
    def provenance(self):
        """Where it comes from; None: nothing is known."""
        record = lib.graft_node_get_record(self._owner._pointer, self.index)
        return provenance(self._owner.module, record) if record else None

    def has_mark(self, mark):
        return bool(lib.graft_node_has_mark(self._owner._pointer, self.index, encoded(mark)))


Quantized = collections.namedtuple("Quantized", "value dtype shape data quantized quant_min quant_max axis groups scales zero_points")
Quantized.__doc__ = "graft_layer_value: an operand or result; arrays are views until the module is changed."
Layer = collections.namedtuple(
    "Layer", "node op activation integers in_float operands input weight bias other adds output multipliers bias_i32 bias_clipped")
Layer.__doc__ = "graft_quantized_layer, in graft/layers.h."


def _destroy_layers(module, pointer):
    lib.graft_layers_destroy(pointer)


class Graph:
    """A graph of a module, which it keeps."""

    def __init__(self, module, pointer):
        self.module, self._pointer = module, pointer

    def __eq__(self, other):
        return type(self) is type(other) and self._pointer == other._pointer

    def __hash__(self):
        return hash(self._pointer)

    def __len__(self):
        """Nodes."""
        return lib.graft_node_count(self._pointer)

    @property
    def nodes(self):
        """In order. The graph must not be changed between one and the next."""
        n = lib.graft_node_first(self._pointer)
        while n != NONE:
            yield Node(self, n)
            n = lib.graft_node_next(self._pointer, n)

    @property
    def name(self):
        return text(lib.graft_graph_get_name(self._pointer))

    @property
    def updates(self):
        """What tensors take at the end of a step: pairs of Tensor and Value."""
        pairs = ((lib.graft_update_tensor(self._pointer, i), lib.graft_update_value(self._pointer, i))
                 for i in range(lib.graft_update_count(self._pointer)))
        return [(Tensor(self.module, t), Value(self, v)) for t, v in pairs if t != NONE]

    @property
    def inputs(self):
        return [Value(self, lib.graft_input_get(self._pointer, i)) for i in range(lib.graft_input_count(self._pointer))]

    @property
    def outputs(self):
        """By the interface's names."""
        return {text(lib.graft_output_name(self._pointer, i)): Value(self, lib.graft_output_get(self._pointer, i))
                for i in range(lib.graft_output_count(self._pointer))}

    def find(self, name):
        """The value called so; KeyError: there is none."""
        v = lib.graft_value_find(self._pointer, encoded(name))
        if v == NONE:
            raise KeyError(name)
        return Value(self, v)

    def layers(self):
        """The graph as a list of Layer (graft/layers.h): what the emitter of a backend walks over."""
        context = self.module.context
        pointer = context._check_pointer(lib.graft_layers_create(self._pointer))
        layers = ffi.gc(pointer, functools.partial(_destroy_layers, self.module))  # which outlives it; views keep both
        return [self._layer(layers, i) for i in range(lib.graft_layers_count(layers))]

    def _layer(self, owner, i):
        l = ffi.new("graft_quantized_layer *", {"size": ffi.sizeof("graft_quantized_layer")})
        self.module.context._check(lib.graft_layers_get(owner, i, l))
        made = {}

        def one(pointer):
            if pointer == ffi.NULL:
                return None
            if pointer not in made:
                made[pointer] = self._quantized(owner, pointer)
            return made[pointer]

        operands = [one(l.operands + k) for k in range(l.operand_count)]
        return Layer(Node(self, l.node), text(l.op), text(l.activation) or None, bool(l.integers), text(l.in_float) or None, operands,
                     one(l.input), one(l.weight), one(l.bias), one(l.other), bool(l.adds), self._quantized(owner, l.output),
                     elements(owner, l.multipliers, l.channels, np.float64), elements(owner, l.bias_i32, l.channels, np.int32),
                     l.bias_clipped)

    def _quantized(self, owner, q):
        if q.value == NONE:
            return None
        data = None if q.data == ffi.NULL else view(owner, q.data, q.type)
        return Quantized(Value(self, q.value), dtype_name(q.type.dtype), shape_of(q.type), data, bool(q.quantized), q.quant_min,
                         q.quant_max, q.axis, q.groups, elements(owner, q.scales, q.count, np.float32),
                         elements(owner, q.zero_points, q.count, np.int32))
