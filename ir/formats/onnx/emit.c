/* What handlers read of a node, and what they build graft's nodes with. */
#include "ir/formats/onnx/onnx_impl.h"

#include <string.h>

/* ---- inputs and outputs ---- */

bool gr_onnx_has_input(const gr_onnx *in, uint32_t i) { return i < in->node->n_input && in->node->input[i][0] != '\0'; }

graft_value gr_onnx_input(gr_onnx *in, uint32_t i) {
  return gr_onnx_has_input(in, i) ? gr_onnx_value(in, in->node->input[i]) : GRAFT_NONE;
}

const graft_type *gr_onnx_value_type(const gr_onnx *in, graft_value v) { return gr_type_of(in->scope->graph, v); }

int32_t gr_onnx_rank(gr_onnx *in, graft_value v) {
  int32_t rank = gr_onnx_value_type(in, v)->rank;
  if (rank < 0) gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s needs to know its input's rank", in->row->name);
  return rank;
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
  if (!gr_onnx_has_input(in, i)) return GRAFT_NONE;
  graft_value v = gr_onnx_value(in, in->node->input[i]);
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

const int64_t *gr_onnx_ints(gr_onnx *in, uint32_t i, const char *what, uint32_t *count) {
  const graft_type *type;
  const void *data = constant_data(in, i, what, &type);
  if (!data) return NULL;
  int64_t n = graft_type_elements(type);
  if ((type->dtype != GRAFT_I64 && type->dtype != GRAFT_I32) || type->rank > 1 || n > INT32_MAX) {
    gr_onnx_fail(in, GRAFT_TYPE, "%s: the operand '%s' must be a list of integers", in->row->name, what);
    return NULL;
  }
  int64_t *out = gr_arena_alloc(&in->scratch, (size_t)(n ? n : 1) * sizeof *out);
  if (!out) {
    in->failed = true;
    return NULL;
  }
  for (int64_t k = 0; k < n; k++)
    out[k] = type->dtype == GRAFT_I64 ? ((const int64_t *)data)[k] : ((const int32_t *)data)[k];
  *count = (uint32_t)n;
  return out;
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
  switch (type->dtype) {
  case GRAFT_F32: *out = gr_onnx_decimal(*(const float *)data); break;
  case GRAFT_F64: *out = *(const double *)data; break;
  case GRAFT_I8: *out = (double)*(const int8_t *)data; break;
  case GRAFT_I16: *out = *(const int16_t *)data; break;
  case GRAFT_I32: *out = *(const int32_t *)data; break;
  case GRAFT_I64: *out = (double)*(const int64_t *)data; break;
  default: *out = *(const uint8_t *)data; break;
  }
  return true;
}

void gr_onnx_parameter(gr_onnx *in, graft_value v) {
  const graft_graph *g = in->scope->graph;
  while (v != GRAFT_NONE) {
    graft_tensor t = gr_value_tensor(g, v);
    if (t != GRAFT_NONE) {
      gr_tensor *tensor = &in->module->tensors.data[t];
      graft_dtype dtype = gr_tensor_type(in->module, t)->dtype;
      if (tensor->kind == GRAFT_CONSTANT && (dtype == GRAFT_F32 || dtype == GRAFT_F64) &&
          gr_tensor_type(in->module, t)->rank > 0)
        tensor->kind = GRAFT_PARAMETER;
      return;
    }
    graft_node n = gr_value_node(g, v);
    if (n == GRAFT_NONE || (gr_node_at(g, n)->op != GR_OP_transpose && gr_node_at(g, n)->op != GR_OP_permute)) return;
    v = gr_operand(g, n, 0);
  }
}

/* ---- building ---- */

void gr_onnx_begin(gr_onnx *in, uint32_t op) {
  in->op = op;
  gr_attrs_begin(&in->attrs, gr_op_get(op));
}

static void set(gr_onnx *in, const graft_attr *a) {
  if (gr_attrs_set(in->module, &in->attrs, gr_op_get(in->op), a, in->where) != GRAFT_OK) in->failed = true;
}

void gr_onnx_set_bool(gr_onnx *in, const char *name, bool value) {
  set(in, &(graft_attr){.name = name, .kind = GRAFT_ATTR_BOOL, .as.b = value});
}
void gr_onnx_set_int(gr_onnx *in, const char *name, int64_t value) {
  set(in, &(graft_attr){.name = name, .kind = GRAFT_ATTR_INT, .as.i = value});
}
void gr_onnx_set_float(gr_onnx *in, const char *name, double value) {
  set(in, &(graft_attr){.name = name, .kind = GRAFT_ATTR_FLOAT, .as.f = value});
}
void gr_onnx_set_string(gr_onnx *in, const char *name, const char *value) {
  set(in, &(graft_attr){.name = name, .kind = GRAFT_ATTR_STRING, .as.s = value});
}
void gr_onnx_set_dtype(gr_onnx *in, const char *name, graft_dtype value) {
  set(in, &(graft_attr){.name = name, .kind = GRAFT_ATTR_DTYPE, .as.dtype = value});
}
void gr_onnx_set_ints(gr_onnx *in, const char *name, const int64_t *values, uint32_t count) {
  set(in, &(graft_attr){.name = name, .kind = GRAFT_ATTR_INTS, .count = count, .as.ints = values});
}

graft_node gr_onnx_end(gr_onnx *in, const graft_value *operands, uint32_t operand_count, const char *const *outputs,
                       uint32_t count, uint32_t absent, const uint32_t *types) {
  graft_module *m = in->module;
  graft_graph *g = in->scope->graph;
  if (in->failed) return GRAFT_NONE;
  gr_node_desc d = {.op = in->op,
                    .operands = operands,
                    .operand_count = operand_count,
                    .result_count = count,
                    .absent_results = absent,
                    .provenance = in->record,
                    .before = GRAFT_NONE,
                    .types = types,
                    .where = in->where};
  gr_name inline_names[4] = {{0, 0}}, *names = inline_names;
  if (count > 4) names = gr_arena_alloc(&in->scratch, count * sizeof *names);
  d.attrs = gr_attrs_intern(m, &in->attrs, gr_op_get(in->op), in->where);
  if (!names || d.attrs == GRAFT_NONE) return in->failed = true, GRAFT_NONE;
  for (uint32_t i = 0; i < count; i++) {
    const gr_onnx_symbol *s = outputs && outputs[i] && outputs[i][0] ? gr_onnx_scope_find(in->scope, outputs[i]) : NULL;
    names[i] = s ? s->name : (gr_name){0, 0};
  }
  d.names = names;
  graft_node n = gr_node_add(g, &d);
  if (n == GRAFT_NONE) return in->failed = true, GRAFT_NONE;
  const gr_op_info *op = gr_op_get(in->op);
  for (uint32_t i = 0; op && i < operand_count; i++) {
    gr_role role = op->operands[i < op->operand_count ? i : op->operand_count - 1u].role;
    if (role == GR_WEIGHT && operands[i] != GRAFT_NONE) gr_onnx_parameter(in, operands[i]);
  }
  for (uint32_t i = 0; i < count; i++) {
    gr_onnx_symbol *s = outputs && outputs[i] && outputs[i][0] ? gr_onnx_scope_find(in->scope, outputs[i]) : NULL;
    if (s) s->value = gr_result(g, n, i);
  }
  return n;
}

graft_value gr_onnx_step(gr_onnx *in, const graft_value *operands, uint32_t operand_count) {
  graft_node n = gr_onnx_end(in, operands, operand_count, NULL, 1, 0, NULL);
  return n == GRAFT_NONE ? GRAFT_NONE : gr_result(in->scope->graph, n, 0);
}

bool gr_onnx_finish(gr_onnx *in, const graft_value *operands, uint32_t operand_count) {
  const char *output = in->node->n_output ? in->node->output[0] : NULL;
  return gr_onnx_end(in, operands, operand_count, &output, 1, 0, NULL) != GRAFT_NONE;
}

bool gr_onnx_alias(gr_onnx *in, uint32_t i, graft_value v) {
  if (in->failed || v == GRAFT_NONE) return false;
  gr_onnx_symbol *s =
      i < in->node->n_output && in->node->output[i][0] ? gr_onnx_scope_find(in->scope, in->node->output[i]) : NULL;
  if (!s) return true;
  s->tensor = gr_value_tensor(in->scope->graph, v);
  s->value = s->tensor == GRAFT_NONE ? v : GRAFT_NONE;
  return true;
}

graft_value gr_onnx_make_constant(gr_onnx *in, const char *name, const graft_type *type, const void *data) {
  graft_tensor t = gr_constant(in->module, name, type, data);
  graft_value v = t == GRAFT_NONE ? GRAFT_NONE : gr_handle(in->scope->graph, t);
  if (v == GRAFT_NONE) in->failed = true;
  return v;
}
