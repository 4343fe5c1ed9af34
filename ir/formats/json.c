/* JSON for scripts (design.md section 7), written as it goes: no tree of it ever stands in memory. */
#include "ir/formats/format_int.h"
#include "ir/formats/number_int.h"

#include <math.h>
#include <string.h>

typedef struct writer {
  gr_sink *out;
  graft_module *m;
  const graft_graph *g;
} writer;

/* ---- small values ---- */

static void put(writer *w, const char *json) { gr_sink_text(w->out, json); }

static void put_text(writer *w, const char *text) { gr_sink_json(w->out, text, strlen(text)); }

static void put_string(writer *w, uint32_t id) {
  gr_sink_json(w->out, gr_string_text(w->m, id), gr_string_length(w->m, id));
}

static void put_name(writer *w, gr_name name) {
  put_string(w, name.base);
  if (!name.number || w->out->failed) return;
  w->out->bytes.len--; /* the closing quote comes after the number */
  gr_sink_format(w->out, "_%u\"", name.number);
}

static void put_value(writer *w, graft_value v) {
  if (v == GRAFT_NONE)
    put(w, "null");
  else
    put_name(w, gr_value_get_name(w->g, v));
}

/* JSON has no infinities: those are strings. */
static void put_real(writer *w, double v, bool single) {
  char text[GR_NUMBER_SIZE];
  size_t n = gr_number_format(text, v, single);
  if (isfinite(v))
    gr_sink_write(w->out, text, n);
  else
    gr_sink_json(w->out, text, n);
}

static void put_ints(writer *w, const int64_t *ints, uint32_t count) {
  put(w, "[");
  for (uint32_t i = 0; i < count; i++) {
    if (i) put(w, ",");
    gr_sink_int(w->out, ints[i]);
  }
  put(w, "]");
}

static void put_type(writer *w, uint32_t id) {
  const graft_type *t = &w->m->types.data[id];
  gr_sink_format(w->out, "\"dtype\":\"%s\",\"shape\":", graft_dtype_name(t->dtype));
  if (t->rank < 0)
    put(w, "null");
  else
    put_ints(w, t->dims, (uint32_t)t->rank);
}

static void put_attr(writer *w, const graft_attr *a) {
  switch (a->kind) {
  case GRAFT_ATTR_NONE: put(w, "null"); break;
  case GRAFT_ATTR_BOOL: put(w, a->as.b ? "true" : "false"); break;
  case GRAFT_ATTR_INT: gr_sink_int(w->out, a->as.i); break;
  case GRAFT_ATTR_FLOAT: put_real(w, a->as.f, false); break;
  case GRAFT_ATTR_STRING: put_text(w, a->as.s); break;
  case GRAFT_ATTR_DTYPE: put_text(w, graft_dtype_name(a->as.dtype)); break;
  case GRAFT_ATTR_INTS: put_ints(w, a->as.ints, a->count); break;
  case GRAFT_ATTR_FLOATS:
    put(w, "[");
    for (uint32_t i = 0; i < a->count; i++) {
      if (i) put(w, ",");
      put_real(w, a->as.floats[i], false);
    }
    put(w, "]");
    break;
  case GRAFT_ATTR_GRAPH:
    if (a->as.graph < w->m->graphs.len)
      put_string(w, w->m->graphs.data[a->as.graph]->name);
    else
      put(w, "null");
    break;
  }
}

/* ---- nodes ---- */

/* A scale or zero point that is a constant scalar is shown as an attribute. */
static void put_scalar_operand(writer *w, graft_node n, uint32_t slot, const char *key) {
  graft_value v = gr_operand(w->g, n, slot);
  graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(w->g, v);
  if (t == GRAFT_NONE || w->m->tensors.data[t].kind != GRAFT_CONSTANT) return;
  const gr_tensor *tensor = &w->m->tensors.data[t];
  const graft_type *type = gr_tensor_type(w->m, t);
  if (graft_type_elements(type) != 1 || tensor->source == GR_TENSOR_ELIDED) return;
  if (type->dtype != GRAFT_F32 && type->dtype != GRAFT_I32) return;
  const void *data = graft_tensor_get_data(w->m, t);
  if (!data) {
    w->out->failed = true;
    return;
  }
  put(w, key);
  if (type->dtype == GRAFT_F32) {
    float f;
    memcpy(&f, data, sizeof f);
    put_real(w, (double)f, true);
  } else {
    int32_t i;
    memcpy(&i, data, sizeof i);
    gr_sink_int(w->out, i);
  }
}

static void put_attrs(writer *w, graft_node n) {
  const gr_node *node = gr_node_at(w->g, n);
  const gr_op_info *info = gr_op_get(node->op);
  uint32_t count = 0;
  gr_attrs_get(w->m, node->attrs, &count);
  put(w, "{");
  for (uint32_t i = 0; i < count; i++) {
    graft_attr a = gr_attr_public(w->m, info, node->attrs, i);
    if (i) put(w, ",");
    put_text(w, a.name);
    put(w, ":");
    put_attr(w, &a);
  }
  if (node->op == GR_OP_quantize_per_tensor || node->op == GR_OP_dequantize_per_tensor) { /* they have attributes */
    put_scalar_operand(w, n, 1, ",\"scale\":");
    put_scalar_operand(w, n, 2, ",\"zero_point\":");
  }
  put(w, "}");
}

static void put_result(writer *w, const gr_value *v) {
  if (v->type == GRAFT_NONE) {
    put(w, "null");
    return;
  }
  put(w, "{\"name\":");
  put_name(w, v->name);
  put(w, ",");
  put_type(w, v->type);
  put(w, "}");
}

/* A node without results is called as its op. */
static void put_node_name(writer *w, graft_node n) {
  const gr_node *node = gr_node_at(w->g, n);
  for (uint32_t i = 0; i < node->result_count; i++)
    if (gr_result(w->g, n, i) != GRAFT_NONE) {
      put_value(w, node->first_result + i);
      return;
    }
  put_text(w, gr_op_text(w->m, node->op));
}

static void put_marks(writer *w, uint32_t marks) {
  const char *separator = ",\"marks\":[";
  for (uint32_t i = 0; i < GR_MARK_COUNT; i++) {
    if (!(marks & 1u << i)) continue;
    put(w, separator);
    put_text(w, graft_mark_name(i));
    separator = ",";
  }
  if (marks) put(w, "]");
}

static void put_node(writer *w, graft_node n) {
  const gr_node *node = gr_node_at(w->g, n);
  const gr_op_info *info = gr_op_get(node->op);
  put(w, "{\"name\":");
  put_node_name(w, n);
  put(w, ",\"op\":");
  put_text(w, gr_op_text(w->m, node->op));
  put(w, ",\"inputs\":[");
  uint32_t shown = node->operand_count; /* trailing absent operands are shown too */
  while (info && shown < info->operand_count && !info->operands[shown].variadic) shown++;
  for (uint32_t i = 0; i < shown; i++) {
    if (i) put(w, ",");
    put_value(w, gr_operand(w->g, n, i));
  }
  put(w, "],\"attrs\":");
  put_attrs(w, n);
  put(w, ",\"results\":[");
  for (uint32_t i = 0; i < node->result_count; i++) {
    if (i) put(w, ",");
    put_result(w, gr_value_at(w->g, node->first_result + i));
  }
  put(w, "]");
  put_marks(w, node->marks);
  put(w, "}");
}

/* ---- graphs and tensors ---- */

static void put_graph(writer *w, const graft_graph *g) {
  w->g = g;
  put(w, "{\"name\":");
  put_string(w, g->name);
  put(w, ",\"inputs\":[");
  for (uint32_t i = 0; i < g->inputs.len; i++) {
    if (i) put(w, ",");
    put_value(w, g->inputs.data[i]);
  }
  put(w, "],\"outputs\":[");
  for (uint32_t i = 0; i < g->outputs.len; i++) {
    if (i) put(w, ",");
    put_value(w, gr_use_at(g, g->outputs.data[i].use)->value);
  }
  put(w, "],\"output_names\":[");
  for (uint32_t i = 0; i < g->outputs.len; i++) {
    if (i) put(w, ",");
    put_string(w, g->outputs.data[i].name);
  }
  put(w, "],\"updates\":{");
  const char *separator = "";
  for (uint32_t i = 0; i < g->updates.len; i++) {
    if (g->updates.data[i].tensor == GRAFT_NONE) continue;
    put(w, separator);
    separator = ",";
    put_name(w, w->m->tensors.data[g->updates.data[i].tensor].name);
    put(w, ":");
    put_value(w, gr_use_at(g, g->updates.data[i].use)->value);
  }
  put(w, "},\n \"nodes\":[");
  for (graft_node n = g->first; n != GRAFT_NONE && !w->out->failed; n = gr_node_at(g, n)->next) {
    put(w, n == g->first ? "\n  " : ",\n  ");
    put_node(w, n);
  }
  put(w, "]}");
}

static void put_tensor(writer *w, const gr_tensor *t) {
  static const char *const kinds[] = {"parameter", "buffer", "constant"};
  put(w, "{\"name\":");
  put_name(w, t->name);
  put(w, ",");
  put_type(w, t->type);
  gr_sink_format(w->out, ",\"kind\":\"%s\"}", kinds[t->kind]);
}

static graft_status print(graft_module *m, const graft_save_options *options, gr_sink *out) {
  (void)options;
  writer w = {.out = out, .m = m};
  put(&w, "{\"graphs\":[");
  for (uint32_t i = 0; i < m->graphs.len && !out->failed; i++) {
    if (i) put(&w, ",\n");
    put_graph(&w, m->graphs.data[i]);
  }
  put(&w, "],\n\"tensors\":[");
  const char *separator = "\n  ";
  for (graft_tensor t = 0; t < m->tensors.len && !out->failed; t++) {
    if (m->tensors.data[t].erased) continue;
    put(&w, separator);
    separator = ",\n  ";
    put_tensor(&w, &m->tensors.data[t]);
  }
  put(&w, "]}\n");
  return out->failed ? gr_no_memory(m->context) : GRAFT_OK;
}

const gr_format gr_format_json = {.extension = ".json", .print = print};
