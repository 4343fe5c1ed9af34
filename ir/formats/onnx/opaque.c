/* Nodes that the table does not know: kept as they are, with their attributes. The op is called "domain.Op", with
 * "onnx" for the default domain. A graph among the attributes becomes a graph of the module; the values that the
 * node's graphs capture become operands after the node's own and, in the same order, inputs after each graph's own. */
#include "ir/formats/onnx/handler_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- attributes ---- */

static char *joined(gr_onnx *in, const char *a, const char *b) {
  size_t size = strlen(a) + strlen(b) + 2;
  char *text = gr_arena_alloc(&in->scratch, size);
  if (text)
    snprintf(text, size, "%s.%s", a, b);
  else
    in->failed = true;
  return text;
}

/* The node is kept without this attribute, which the reason says where there is no other. */
static void leave_out(gr_onnx *in, const char *name, const char *because) {
  char *text = in->why ? NULL : gr_arena_alloc(&in->scratch, strlen(name) + 80);
  if (text) snprintf(text, strlen(name) + 80, "its attribute '%s' %s and is not kept", name, because);
  if (text) in->why = text;
  if (!in->why) in->failed = true;
}

static const char *string_of(gr_onnx *in, const char *name, const ProtobufCBinaryData *s) {
  if (s->len && memchr(s->data, 0, s->len)) {
    leave_out(in, name, "is no text");
    return NULL;
  }
  const char *text = gr_arena_copy(&in->scratch, s->len ? (const char *)s->data : "", s->len);
  if (!text) in->failed = true;
  return text;
}

static void set_floats(gr_onnx *in, const char *name, const float *values, size_t n) {
  double *out = n <= UINT32_MAX ? gr_arena_alloc(&in->scratch, (n ? n : 1) * sizeof *out) : NULL;
  if (!out) {
    in->failed = true;
    return;
  }
  for (size_t i = 0; i < n; i++) out[i] = gr_onnx_decimal(values[i]);
  graft_attr a = {.name = name, .kind = GRAFT_ATTR_FLOATS, .count = (uint32_t)n, .as.floats = out};
  if (gr_attrs_set(in->module, &in->attrs, NULL, &a, in->where) != GRAFT_OK) in->failed = true;
}

/* Attributes know one NaN, as the text and the binary file do. */
static double one_nan(double f) { return isnan(f) ? NAN : f; }

/* A tensor is its values, and NAME.dtype and NAME.shape. */
static void set_tensor(gr_onnx *in, const char *name, Onnx__TensorProto *t) {
  graft_type type;
  uint64_t offset;
  if (!gr_onnx_dtype(t->data_type, &type.dtype)) {
    leave_out(in, name, "is of a dtype that graft does not have");
    return;
  }
  char *what = joined(in, "attribute", name);
  gr_buffer *b = what ? gr_onnx_tensor(in, t, what, &type, &offset) : NULL;
  if (!b) {
    in->failed = true;
    return;
  }
  const char *data = (const char *)b->data + offset;
  int64_t n = graft_type_elements(&type);
  const bool real = gr_is_float(type.dtype);
  const size_t each = graft_dtype_size(type.dtype);
  void *values = n <= INT32_MAX ? gr_arena_alloc(&in->scratch, (size_t)(n ? n : 1) * 8) : NULL;
  int64_t *dims = gr_arena_alloc(&in->scratch, sizeof type.dims);
  char *dtype_name = joined(in, name, "dtype"), *shape_name = joined(in, name, "shape");
  if (!values || !dims || !dtype_name || !shape_name) {
    in->failed = true;
  } else {
    for (int64_t i = 0; i < n; i++) {
      const char *at = data + (size_t)i * each;
      if (type.dtype == GRAFT_F32)
        ((double *)values)[i] = gr_onnx_decimal(*(const float *)(const void *)at);
      else if (real)
        ((double *)values)[i] = one_nan(gr_element_float(type.dtype, at));
      else
        ((int64_t *)values)[i] = gr_element_int(type.dtype, at);
    }
    memcpy(dims, type.dims, sizeof type.dims);
    graft_attr a = {.name = name, .kind = real ? GRAFT_ATTR_FLOATS : GRAFT_ATTR_INTS, .count = (uint32_t)n};
    if (real)
      a.as.floats = values;
    else
      a.as.ints = values;
    if (gr_attrs_set(in->module, &in->attrs, NULL, &a, in->where) != GRAFT_OK) in->failed = true;
    gr_onnx_set_dtype(in, dtype_name, type.dtype);
    gr_onnx_set_ints(in, shape_name, dims, (uint32_t)type.rank);
  }
  gr_buffer_release(in->context, b);
}

static void set_attribute(gr_onnx *in, const Onnx__AttributeProto *a, const graft_graph *graph) {
  char number[16];
  switch (a->type) {
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT: gr_onnx_set_int(in, a->name, a->i); return;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT: gr_onnx_set_float(in, a->name, gr_onnx_decimal(a->f)); return;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
    if (a->n_ints > UINT32_MAX) break;
    gr_onnx_set_ints(in, a->name, a->ints, (uint32_t)a->n_ints);
    return;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS: set_floats(in, a->name, a->floats, a->n_floats); return;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING: {
    const char *text = string_of(in, a->name, &a->s);
    if (text) gr_onnx_set_string(in, a->name, text);
    return;
  }
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS: /* NAME.0, NAME.1 … */
    for (size_t i = 0; i < a->n_strings && !in->failed; i++) {
      snprintf(number, sizeof number, "%u", (unsigned)i);
      const char *text = string_of(in, a->name, &a->strings[i]);
      char *name = joined(in, a->name, number);
      if (text && name) gr_onnx_set_string(in, name, text);
    }
    return;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
    if (!a->t) break;
    set_tensor(in, a->name, a->t);
    return;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH:
    if (!graph) break;
    gr_onnx_set_graph(in, a->name, graph);
    return;
  default: break;
  }
  leave_out(in, a->name, "is of a kind that graft does not have");
}

/* ---- the node ---- */

typedef enum kind { UNKNOWN, RANK, LIKE, MADE } kind;

typedef struct foreign {
  const char *name;
  kind kind;
} foreign;

static int compare(const void *key, const void *row) { return strcmp(key, ((const foreign *)row)->name); }

static kind kind_of(const gr_onnx *in) {
  static const foreign rows[] = {
#define FOREIGN(name, kind) {#name, kind},
#include "ir/formats/onnx/foreign.def"
#undef FOREIGN
  };
  const char *domain = in->node->domain;
  if (domain && domain[0] && strcmp(domain, "ai.onnx") != 0) return UNKNOWN;
  const foreign *row = bsearch(in->node->op_type, rows, sizeof rows / sizeof *rows, sizeof *rows, compare);
  return row && (row->kind == MADE || gr_onnx_has_input(in, 0)) ? row->kind : UNKNOWN;
}

/* The shape and dtype that attributes say, if they say any. */
static void attribute_type(const gr_onnx *in, graft_type *type) {
  const Onnx__AttributeProto *shape = gr_onnx_attr(in, "shape");
  if (gr_onnx_attr(in, "dtype") && !gr_onnx_dtype((int32_t)gr_onnx_attr_int(in, "dtype", 0), &type->dtype))
    type->dtype = GRAFT_UNKNOWN;
  if (!shape || shape->n_ints > GRAFT_MAX_RANK) return;
  for (size_t i = 0; i < shape->n_ints; i++)
    if (shape->ints[i] < 0) return;
  *type = graft_type_make(type->dtype, (int32_t)shape->n_ints, shape->ints);
}

/* Of the first result; `first`: of the first operand, where there is one. */
static graft_type foreign_type(const gr_onnx *in, kind k, const graft_type *first) {
  graft_type type = {.dtype = k == MADE ? GRAFT_F32 : GRAFT_UNKNOWN, .rank = -1};
  if (k == RANK || k == LIKE) type = *first;
  for (int32_t d = 0; k == RANK && d < type.rank; d++) type.dims[d] = -1;
  if (k == LIKE || k == MADE) attribute_type(in, &type);
  return type;
}

void gr_onnx_merge_type(graft_type *type, const graft_type *said) {
  if (type->dtype == GRAFT_UNKNOWN) type->dtype = said->dtype;
  if (type->rank < 0) *type = (graft_type){.dtype = type->dtype, .rank = -1};
  if (type->rank < 0 && said->rank >= 0) {
    const graft_dtype dtype = type->dtype;
    *type = *said;
    type->dtype = dtype;
  }
  for (int32_t d = 0; d < type->rank && type->rank == said->rank; d++)
    if (type->dims[d] < 0) type->dims[d] = said->dims[d];
}

/* Types of the results, as far as the op or the file says. */
static bool result_types(gr_onnx *in, uint32_t *types, uint32_t count) {
  const kind k = kind_of(in);
  const graft_value first = k == UNKNOWN || k == MADE ? GRAFT_NONE : gr_onnx_input(in, 0);
  if (in->failed) return false;
  for (uint32_t i = 0; i < count; i++) {
    graft_type type, said;
    const char *why;
    const gr_onnx_symbol *s = in->node->output[i][0] ? gr_onnx_scope_find(in->scope, in->node->output[i]) : NULL;
    if (in->opaque && (i == 0 || in->kept_by_all))
      type = in->kept;
    else
      type = foreign_type(in, i == 0 ? k : UNKNOWN, first == GRAFT_NONE ? NULL : gr_onnx_value_type(in, first));
    if (s && s->info && gr_onnx_type(s->info->type, &said, &why)) gr_onnx_merge_type(&type, &said);
    if ((types[i] = gr_type_intern_at(in->module, &type, in->where)) == GRAFT_NONE) return false;
  }
  return true;
}

static bool finish(gr_onnx *in, const gr_onnx_names *captured) {
  const Onnx__NodeProto *node = in->node;
  const uint32_t more = captured->names.len;
  if (node->n_input > UINT16_MAX || node->n_output > UINT16_MAX || more > UINT16_MAX)
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "more than 65535 inputs or outputs"), false;
  uint32_t inputs = (uint32_t)node->n_input, outputs = (uint32_t)node->n_output, count = inputs + more;
  graft_value *operands = gr_arena_alloc(&in->scratch, (count + 1) * sizeof *operands);
  uint32_t *types = gr_arena_alloc(&in->scratch, (outputs + 1) * sizeof *types);
  if (!operands || !types || !result_types(in, types, outputs)) return false;
  for (uint32_t i = 0; i < inputs; i++) operands[i] = gr_onnx_input(in, i);
  for (uint32_t i = 0; i < more; i++) operands[inputs + i] = gr_onnx_value(in, captured->names.data[i]);
  if (more) gr_onnx_set_int(in, GR_ONNX_CAPTURED, more);
  const graft_node n = gr_onnx_end(in, operands, count, (const char *const *)node->output, outputs, 0, types);
  return n != GRAFT_NONE && (!in->why || gr_why_set(in->scope->graph, n, in->why));
}

bool gr_onnx_opaque(gr_onnx *in, const graft_graph *const *graphs, const gr_onnx_names *captured) {
  const Onnx__NodeProto *node = in->node;
  bool named = node->domain && node->domain[0] && strcmp(node->domain, "ai.onnx") != 0;
  const char *op = joined(in, named ? node->domain : "onnx", node->op_type);
  if (!op) return false;
  if (gr_op_find(op, strlen(op)) != GR_OP_COUNT)
    return gr_onnx_fail(in, GRAFT_NAME, "the op '%s' would be taken for graft's", op), false;
  if (node->n_output == 0) return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s has no output", op), false;
  uint32_t id = gr_intern(in->module, op, strlen(op));
  if (id == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_COUNT + id);
  for (size_t i = 0; i < node->n_attribute; i++) {
    set_attribute(in, node->attribute[i], node->attribute[i]->g ? *graphs++ : NULL);
    if (in->failed) return false;
  }
  return finish(in, captured);
}
