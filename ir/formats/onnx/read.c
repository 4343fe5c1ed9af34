/* What handlers read of the node at hand: inputs, attributes, constants. */
#include "ir/formats/onnx/handler_impl.h"

#include <string.h>

/* ---- inputs and outputs ---- */

/* An initializer is what the file says, whatever a batch norm makes of it as its state (state.c). */
static graft_value initializer(gr_onnx *in, const gr_onnx_scope *s, graft_tensor t) {
  const graft_value v = gr_handle(s->graph, t);
  if (v == GRAFT_NONE) in->failed = true;
  return v;
}

graft_value gr_onnx_value(gr_onnx *in, const char *name) {
  gr_onnx_scope *own = in->scope;
  const gr_onnx_symbol *s = gr_onnx_scope_visible(own, name);
  if (!s) {
    gr_onnx_fail(in, GRAFT_NAME, "'%s' is not an input, an initializer or the output of a node", name);
    return GRAFT_NONE;
  }
  if (s->tensor != GRAFT_NONE) return initializer(in, gr_onnx_scope_base(own), s->tensor);
  if (s->value != GRAFT_NONE && gr_onnx_scope_lookup(own, name) == s) return s->value;
  gr_onnx_fail(in, GRAFT_NAME, "'%s' is read before the node that makes it: the nodes are not sorted, or form a cycle",
               name);
  return GRAFT_NONE;
}

bool gr_onnx_has_input(const gr_onnx *in, uint32_t i) {
  if (in->part) return i < in->part->count && in->part->inputs[i] != GRAFT_NONE;
  return i < in->node->n_input && in->node->input[i][0] != '\0';
}

graft_value gr_onnx_input(gr_onnx *in, uint32_t i) {
  if (in->part) return gr_onnx_has_input(in, i) ? in->part->inputs[i] : GRAFT_NONE;
  return gr_onnx_has_input(in, i) ? gr_onnx_value(in, in->node->input[i]) : GRAFT_NONE;
}

const graft_type *gr_onnx_value_type(const gr_onnx *in, graft_value v) { return gr_type_of(in->scope->graph, v); }

int32_t gr_onnx_rank(gr_onnx *in, graft_value v) {
  const graft_type *t = gr_onnx_value_type(in, v);
  if (t->rank < 0)
    (void)gr_onnx_stays(in, &(graft_type){.dtype = t->dtype, .rank = -1}, "the rank of '%s' is not known",
                        gr_value_label(in->scope->graph, v));
  return t->rank;
}

bool gr_onnx_output_read(const gr_onnx *in, uint32_t i) {
  if (i >= in->node->n_output || !in->node->output[i][0]) return false;
  const gr_onnx_symbol *s = gr_onnx_scope_find(in->scope, in->node->output[i]);
  return s && s->read;
}

/* ---- attributes ---- */

const Onnx__AttributeProto *gr_onnx_attr(const gr_onnx *in, const char *name) {
  for (size_t i = 0; i < in->node->n_attribute; i++)
    if (strcmp(in->node->attribute[i]->name, name) == 0) return in->node->attribute[i];
  return NULL;
}

int64_t gr_onnx_attr_int(const gr_onnx *in, const char *name, int64_t otherwise) {
  const Onnx__AttributeProto *a = gr_onnx_attr(in, name);
  return a ? a->i : otherwise;
}

bool gr_onnx_attr_bool(const gr_onnx *in, const char *name, bool otherwise) {
  return gr_onnx_attr_int(in, name, otherwise) != 0;
}

double gr_onnx_attr_float(const gr_onnx *in, const char *name, double otherwise) {
  const Onnx__AttributeProto *a = gr_onnx_attr(in, name);
  return a ? gr_onnx_decimal(a->f) : otherwise;
}

bool gr_onnx_attr_is(const gr_onnx *in, const char *name, const char *text) {
  const Onnx__AttributeProto *a = gr_onnx_attr(in, name);
  size_t length = strlen(text);
  return a && a->s.len == length && memcmp(a->s.data, text, length) == 0;
}

bool gr_onnx_attr_ints(gr_onnx *in, const char *name, uint32_t count, int64_t otherwise, int64_t *out) {
  const Onnx__AttributeProto *a = gr_onnx_attr(in, name);
  if (a && a->n_ints != count) {
    gr_onnx_fail(in, GRAFT_TYPE, "%s: attribute '%s' has %zu entries, %u are wanted", in->row->name, name, a->n_ints,
                 count);
    return false;
  }
  for (uint32_t i = 0; i < count; i++) out[i] = a ? a->ints[i] : otherwise;
  return true;
}

bool gr_onnx_axis(gr_onnx *in, int64_t axis, int32_t rank, int64_t *out) {
  if (axis < -rank || axis >= rank) {
    gr_onnx_fail(in, GRAFT_TYPE, "%s: axis %lld of a tensor of rank %d", in->row->name, (long long)axis, rank);
    return false;
  }
  *out = axis < 0 ? axis + rank : axis;
  return true;
}

/* ---- constants ---- */

graft_tensor gr_onnx_constant(gr_onnx *in, uint32_t i) {
  graft_value v = gr_onnx_input(in, i);
  return v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(in->scope->graph, v);
}

const void *gr_onnx_consume(gr_onnx *in, graft_tensor t) {
  const void *data = gr_vec_push(in->context, &in->consumed, t) ? graft_tensor_get_data(in->module, t) : NULL;
  if (!data) in->failed = true;
  return data;
}

static const void *constant_data(gr_onnx *in, uint32_t i, const char *what, const graft_type **type) {
  graft_tensor t = gr_onnx_constant(in, i);
  if (t == GRAFT_NONE) {
    if (!in->failed) gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: the operand '%s' must be constant", in->row->name, what);
    return NULL;
  }
  *type = gr_tensor_type(in->module, t);
  return gr_onnx_consume(in, t);
}

/* Longer lists are no axes, pads or sizes. */
#define MAX_INTS (1 << 16)

/* The elements of a tensor that becomes attributes. */
static const int64_t *tensor_ints(gr_onnx *in, graft_tensor t, uint32_t *count) {
  const graft_type *type = gr_tensor_type(in->module, t);
  const void *data = gr_onnx_consume(in, t);
  const int64_t n = graft_type_elements(type);
  if (!data) return NULL;
  if ((type->dtype != GRAFT_I64 && type->dtype != GRAFT_I32) || type->rank > 1 || n > MAX_INTS) return NULL;
  *count = (uint32_t)n;
  if (type->dtype == GRAFT_I64) return data;
  int64_t *out = gr_onnx_room(in, (uint64_t)n + 1, sizeof *out);
  for (int64_t k = 0; out && k < n; k++) out[k] = ((const int32_t *)data)[k];
  return out;
}

bool gr_onnx_try_ints(gr_onnx *in, uint32_t i, const int64_t **known, uint32_t *count) {
  *known = NULL;
  graft_value v = gr_onnx_input(in, i);
  if (v == GRAFT_NONE) return !in->failed;
  graft_tensor t = gr_value_tensor(in->scope->graph, v);
  if (t != GRAFT_NONE) {
    *known = tensor_ints(in, t, count);
    return !in->failed;
  }
  gr_known k;
  if (!gr_known_ints(in->scope->graph, v, &k)) return in->failed = true, false;
  if (!gr_known_whole(&k) || k.type.rank > 1) return true;
  int64_t *out = gr_arena_alloc(&in->scratch, (k.count + 1) * sizeof *out);
  if (!out || !gr_vec_push(in->context, &in->scope->computed, v)) return in->failed = true, false;
  memcpy(out, k.ints, k.count * sizeof *out);
  *count = k.count;
  *known = out;
  return true;
}

bool gr_onnx_shape_in(gr_onnx *in, uint32_t i, graft_type *type) {
  const graft_value v = gr_onnx_input(in, i);
  gr_known k;
  type->rank = -1;
  if (v == GRAFT_NONE) return !in->failed;
  if (!gr_known_ints(in->scope->graph, v, &k)) return in->failed = true, false;
  const graft_type *t = gr_onnx_value_type(in, v);
  if (t->rank != 1 || t->dims[0] < 0 || t->dims[0] > GRAFT_MAX_RANK) return true;
  type->rank = (int32_t)t->dims[0];
  for (int32_t d = 0; d < type->rank; d++)
    type->dims[d] = k.type.rank == 1 && (k.mask >> d & 1u) != 0 && k.ints[d] >= 0 ? k.ints[d] : -1;
  return true;
}

/* The node's name in the file. */
static const char *file_name(const gr_onnx *in, graft_node n) {
  graft_graph *g = in->scope->graph;
  const uint32_t source = gr_record_source(in->module, gr_node_at(g, n)->provenance);
  return source ? gr_string_text(in->module, source) : gr_node_label(g, n);
}

/* Says why input i is not known: which node computes it, and what that depends on. */
static void fail_not_known(gr_onnx *in, uint32_t i, const char *what) {
  graft_graph *g = in->scope->graph;
  graft_value v = gr_onnx_input(in, i);
  graft_node n = v == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, v);
  gr_known k;
  if (v == GRAFT_NONE || !gr_known_ints(g, v, &k)) {
    in->failed = true;
  } else if (gr_value_tensor(g, v) != GRAFT_NONE) {
    gr_onnx_fail(in, GRAFT_TYPE, "%s: the operand '%s' must be a list of integers, not '%s'", in->row->name, what,
                 gr_value_label(g, v));
  } else if (n == GRAFT_NONE) {
    gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: the operand '%s' must be constant; it is the input '%s'", in->row->name,
                 what, gr_value_label(g, v));
  } else if (gr_known_whole(&k)) {
    gr_onnx_fail(in, GRAFT_TYPE, "%s: the operand '%s' must be a list of integers, not '%s'", in->row->name, what,
                 file_name(in, n));
  } else {
    graft_node from = k.unknown == GRAFT_NONE ? n : gr_value_node(g, k.unknown);
    const char *source = from != GRAFT_NONE ? file_name(in, from) : gr_value_label(g, k.unknown);
    if (from == n)
      gr_onnx_fail(in, GRAFT_UNSUPPORTED,
                   "%s: the operand '%s' must be constant; the node '%s' computes it at run time", in->row->name, what,
                   source);
    else
      gr_onnx_fail(in, GRAFT_UNSUPPORTED,
                   "%s: the operand '%s' must be constant; the node '%s' computes it at run time, from '%s'",
                   in->row->name, what, file_name(in, n), source);
  }
}

const int64_t *gr_onnx_ints(gr_onnx *in, uint32_t i, const char *what, uint32_t *count) {
  const int64_t *known;
  if (gr_onnx_try_ints(in, i, &known, count) && !known) fail_not_known(in, i, what);
  return known;
}

const int64_t *gr_onnx_list(gr_onnx *in, const char *name, uint32_t i, uint32_t *count) {
  const Onnx__AttributeProto *a = gr_onnx_attr(in, name);
  *count = 0;
  if (gr_onnx_has_input(in, i)) return gr_onnx_ints(in, i, name, count);
  if (!a) return NULL;
  if (a->n_ints > INT32_MAX) return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s is too long", name), NULL;
  static const int64_t none = 0;
  *count = (uint32_t)a->n_ints;
  return a->n_ints ? a->ints : &none;
}

bool gr_onnx_scalar(gr_onnx *in, uint32_t i, const char *what, double *out) {
  const graft_type *type;
  const void *data = constant_data(in, i, what, &type);
  if (!data) return false;
  if (graft_type_elements(type) != 1) {
    gr_onnx_fail(in, GRAFT_TYPE, "%s: the operand '%s' must be one number", in->row->name, what);
    return false;
  }
  *out = type->dtype == GRAFT_F32 ? gr_onnx_decimal(*(const float *)data) : gr_element_float(type->dtype, data);
  return true;
}

void gr_onnx_parameter(gr_onnx *in, graft_value v) {
  const graft_graph *g = in->scope->graph;
  while (v != GRAFT_NONE) {
    graft_tensor t = gr_value_tensor(g, v);
    if (t != GRAFT_NONE) {
      gr_tensor *tensor = &in->module->tensors.data[t];
      graft_dtype dtype = gr_tensor_type(in->module, t)->dtype;
      if (tensor->kind == GRAFT_CONSTANT && gr_is_float(dtype) && gr_tensor_type(in->module, t)->rank > 0)
        tensor->kind = GRAFT_PARAMETER;
      return;
    }
    graft_node n = gr_value_node(g, v);
    if (n == GRAFT_NONE || (gr_node_at(g, n)->op != GR_OP_transpose && gr_node_at(g, n)->op != GR_OP_permute)) return;
    v = gr_operand(g, n, 0);
  }
}
