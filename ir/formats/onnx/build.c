/* What handlers build graft's nodes with. */
#include "ir/formats/onnx/handler_impl.h"

#include <string.h>

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
void gr_onnx_set_graph(gr_onnx *in, const char *name, const graft_graph *value) {
  set(in, &(graft_attr){.name = name, .kind = GRAFT_ATTR_GRAPH, .as.graph = value->index});
}
void gr_onnx_set_floats(gr_onnx *in, const char *name, const double *values, uint32_t count) {
  set(in, &(graft_attr){.name = name, .kind = GRAFT_ATTR_FLOATS, .count = count, .as.floats = values});
}
void gr_onnx_set_ints(gr_onnx *in, const char *name, const int64_t *values, uint32_t count) {
  set(in, &(graft_attr){.name = name, .kind = GRAFT_ATTR_INTS, .count = count, .as.ints = values});
}

static void set_word(gr_onnx *in, const gr_onnx_attr_row *row, const Onnx__AttributeProto *given) {
  const gr_op_info *op = gr_op_get(in->op);
  const gr_choice choice = op->attrs[gr_op_attr_slot(op, row->is, strlen(row->is))].choice;
  const char *word = given && given->s.len ? (const char *)given->s.data : given ? "" : row->word;
  const size_t length = given ? given->s.len : strlen(word);
  const int own = gr_onnx_own_word(row, choice, word, length);
  if (own < 0)
    gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: %s is '%.*s', not one of %s", in->row->name, row->name,
                 (int)(length < 64 ? length : 64), word, row->words);
  else
    gr_onnx_set_string(in, row->is, gr_choice_words(choice)[own]);
}

static void set_dtype(gr_onnx *in, const gr_onnx_attr_row *row, int64_t code) {
  graft_dtype dtype;
  if (code == (int32_t)code && gr_onnx_dtype((int32_t)code, &dtype))
    gr_onnx_set_dtype(in, row->is, dtype);
  else
    gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: %s is %s, which graft does not have", in->row->name, row->name,
                 code == (int32_t)code ? gr_onnx_dtype_name((int32_t)code) : "an unknown dtype");
}

void gr_onnx_set_mapped(gr_onnx *in) {
  for (const gr_onnx_attr_row *row = in->row->attrs; row->name && !in->failed; row++) {
    if (!row->is) continue;
    const Onnx__AttributeProto *given = gr_onnx_attr(in, row->name);
    const bool needs_given = row->kind == GRAFT_ATTR_DTYPE || row->kind == GRAFT_ATTR_INTS;
    if (!given && (needs_given || row->no_default || (row->kind == GRAFT_ATTR_STRING && !row->word))) continue;
    switch (row->kind) {
    case GRAFT_ATTR_BOOL: gr_onnx_set_bool(in, row->is, (given ? given->i : row->i) != 0); break;
    case GRAFT_ATTR_INT: gr_onnx_set_int(in, row->is, given ? given->i : row->i); break;
    case GRAFT_ATTR_FLOAT: gr_onnx_set_float(in, row->is, given ? gr_onnx_decimal(given->f) : row->f); break;
    case GRAFT_ATTR_STRING: set_word(in, row, given); break;
    case GRAFT_ATTR_DTYPE: set_dtype(in, row, given->i); break;
    case GRAFT_ATTR_INTS:
      if (given->n_ints > UINT32_MAX)
        gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: %s is too long", in->row->name, row->name);
      else
        gr_onnx_set_ints(in, row->is, given->ints, (uint32_t)given->n_ints);
      break;
    default: break;
    }
  }
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

graft_value gr_onnx_unary(gr_onnx *in, uint32_t op, graft_value x) {
  if (x == GRAFT_NONE) return GRAFT_NONE;
  gr_onnx_begin(in, op);
  return gr_onnx_step(in, &x, 1);
}

graft_value gr_onnx_binary(gr_onnx *in, uint32_t op, graft_value x, graft_value other) {
  if (x == GRAFT_NONE || other == GRAFT_NONE) return GRAFT_NONE;
  gr_onnx_begin(in, op);
  return gr_onnx_step(in, (graft_value[]){x, other}, 2);
}

graft_value gr_onnx_to(gr_onnx *in, graft_value v, graft_dtype dtype) {
  if (v == GRAFT_NONE || gr_onnx_value_type(in, v)->dtype == dtype) return v;
  gr_onnx_begin(in, GR_OP_to);
  gr_onnx_set_dtype(in, "dtype", dtype);
  return gr_onnx_step(in, &v, 1);
}

graft_value gr_onnx_number(gr_onnx *in, int64_t n) {
  return gr_onnx_make_constant(in, "number", &(graft_type){.dtype = GRAFT_I64}, &n);
}

bool gr_onnx_finish(gr_onnx *in, const graft_value *operands, uint32_t operand_count) {
  if (in->part && !in->part->ends) return (in->part->result = gr_onnx_step(in, operands, operand_count)) != GRAFT_NONE;
  const char *output = in->node->n_output ? in->node->output[0] : NULL;
  return gr_onnx_end(in, operands, operand_count, &output, 1, 0, NULL) != GRAFT_NONE;
}

bool gr_onnx_alias(gr_onnx *in, uint32_t i, graft_value v) {
  if (in->failed || v == GRAFT_NONE) return false;
  if (in->part && !in->part->ends && i == 0) return in->part->result = v, true;
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
