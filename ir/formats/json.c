/* JSON for scripts (JSON.md). Each node, tensor and input is a small Jansson value that is written and
 * dropped, so a module of a million nodes never stands in memory as one tree. */
#include "ir/formats/json_impl.h"
#include "ir/formats/number_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void set(gr_json *w, json_t *object, const char *key, json_t *value) {
  gr_json_set(&w->failed, object, key, value);
}

static void append(gr_json *w, json_t *list, json_t *value) { gr_json_append(&w->failed, list, value); }

/* ---- small values; NULL means no memory ---- */

/* Bytes that are not UTF-8 are shown as \xHH. */
static json_t *text_value(gr_json *w, const char *text, size_t length) {
  json_t *value = json_stringn(text, length);
  if (value) return value;
  gr_sink s;
  gr_sink_init(&s, w->m->context);
  for (size_t i = 0; i < length;) {
    size_t n = gr_utf8_length(text + i, length - i);
    if (n)
      gr_sink_write(&s, text + i, n);
    else
      gr_sink_format(&s, "\\x%02x", (unsigned)(unsigned char)text[i]);
    i += n ? n : 1;
  }
  value = s.failed ? NULL : json_stringn(s.bytes.data, s.bytes.len);
  gr_sink_free(&s);
  return value;
}

json_t *gr_json_string(gr_json *w, uint32_t id) {
  return text_value(w, gr_string_text(w->m, id), gr_string_length(w->m, id));
}

json_t *gr_json_name(gr_json *w, gr_name name) {
  char short_text[256], *text = short_text;
  size_t n = gr_name_format(w->m, name, short_text, sizeof short_text);
  if (n < sizeof short_text) return text_value(w, text, n);
  text = gr_alloc(w->m->context, n + 1);
  if (!text) return NULL;
  gr_name_format(w->m, name, text, n + 1);
  json_t *value = text_value(w, text, n);
  gr_free(w->m->context, text, n + 1);
  return value;
}

/* JSON has no infinities: those are strings. Of the others it is remembered how many digits they need. */
static json_t *real_value(gr_json *w, double v, bool single) {
  char text[GR_NUMBER_SIZE];
  size_t n = gr_number_format(text, v, single);
  if (!isfinite(v)) return json_stringn(text, n);
  double shortest = v;
  int digits = 0;
  bool leading = true;
  for (const char *p = text; *p && *p != 'e'; p++) {
    if (*p < '0' || *p > '9' || (leading && *p == '0')) continue;
    leading = false;
    digits++;
  }
  if (digits > w->digits) w->digits = digits > 17 ? 17 : digits;
  if (single) (void)gr_number_parse(text, n, &shortest);
  return json_real(shortest);
}

static json_t *shape_value(gr_json *w, const graft_type *t) {
  if (t->rank < 0) return json_null();
  json_t *list = json_array();
  for (int32_t i = 0; i < t->rank; i++) append(w, list, json_integer(t->dims[i]));
  return list;
}

static json_t *attr_value(gr_json *w, const graft_attr *a) {
  json_t *list = NULL;
  switch (a->kind) {
  case GRAFT_ATTR_NONE: return json_null();
  case GRAFT_ATTR_BOOL: return json_boolean(a->as.b);
  case GRAFT_ATTR_INT: return json_integer(a->as.i);
  case GRAFT_ATTR_FLOAT: return real_value(w, a->as.f, false);
  case GRAFT_ATTR_STRING: return text_value(w, a->as.s, strlen(a->as.s));
  case GRAFT_ATTR_DTYPE: return json_string(graft_dtype_name(a->as.dtype));
  case GRAFT_ATTR_INTS:
    list = json_array();
    for (uint32_t i = 0; i < a->count; i++) append(w, list, json_integer(a->as.ints[i]));
    return list;
  case GRAFT_ATTR_FLOATS:
    list = json_array();
    for (uint32_t i = 0; i < a->count; i++) append(w, list, real_value(w, a->as.floats[i], false));
    return list;
  case GRAFT_ATTR_GRAPH:
    return a->as.graph < w->m->graphs.len ? gr_json_string(w, w->m->graphs.data[a->as.graph]->name) : json_null();
  }
  return NULL;
}

/* ---- writing ---- */

/* Writes and drops the value. */
void gr_json_put(gr_json *w, json_t *value) {
  size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION((size_t)(w->digits ? w->digits : 1));
  if (w->failed) w->out->failed = true;
  gr_json_write(w->out, value, flags);
  json_decref(value);
  w->digits = 0;
}

void gr_json_put_list(gr_json *w, uint32_t count, json_t *(*item)(gr_json *w, uint32_t i)) {
  gr_sink_text(w->out, "[");
  for (uint32_t i = 0; i < count && !w->out->failed; i++) {
    if (i) gr_sink_text(w->out, ",");
    gr_json_put(w, item(w, i));
  }
  gr_sink_text(w->out, "]");
}

static json_t *input_item(gr_json *w, uint32_t i) {
  return gr_json_name(w, gr_value_get_name(w->g, w->g->inputs.data[i]));
}

static json_t *output_item(gr_json *w, uint32_t i) {
  return gr_json_name(w, gr_value_get_name(w->g, gr_use_at(w->g, w->g->outputs.data[i].use)->value));
}

static json_t *output_name_item(gr_json *w, uint32_t i) { return gr_json_string(w, w->g->outputs.data[i].name); }

/* ---- nodes ---- */

/* A scale or zero point that is a constant scalar is shown as an attribute. */
static void set_scalar_operand(gr_json *w, json_t *attrs, const char *key, graft_node n, uint32_t slot) {
  graft_value v = gr_operand(w->g, n, slot);
  graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(w->g, v);
  if (t == GRAFT_NONE || w->m->tensors.data[t].kind != GRAFT_CONSTANT) return;
  const graft_type *type = gr_tensor_type(w->m, t);
  if (graft_type_elements(type) != 1 || w->m->tensors.data[t].source == GR_TENSOR_ELIDED) return;
  if (type->dtype != GRAFT_F32 && type->dtype != GRAFT_I32) return;
  const void *data = graft_tensor_get_data(w->m, t);
  if (!data) {
    w->failed = true;
    return;
  }
  if (type->dtype == GRAFT_F32) {
    float f;
    memcpy(&f, data, sizeof f);
    set(w, attrs, key, real_value(w, (double)f, true));
  } else {
    int32_t i;
    memcpy(&i, data, sizeof i);
    set(w, attrs, key, json_integer(i));
  }
}

json_t *gr_json_attrs(gr_json *w, const gr_op_info *info, uint32_t set_of) {
  json_t *attrs = json_object();
  uint32_t count = 0;
  gr_attrs_get(w->m, set_of, &count);
  for (uint32_t i = 0; i < count; i++) {
    graft_attr a = gr_attr_public(w->m, info, set_of, i);
    json_t *key = text_value(w, a.name, strlen(a.name));
    if (key)
      set(w, attrs, json_string_value(key), attr_value(w, &a));
    else
      w->failed = true;
    json_decref(key);
  }
  return attrs;
}

static json_t *attrs_value(gr_json *w, graft_node n) {
  const gr_node *node = gr_node_at(w->g, n);
  json_t *attrs = gr_json_attrs(w, gr_op_get(node->op), node->attrs);
  if (node->op == GR_OP_quantize_per_tensor || node->op == GR_OP_dequantize_per_tensor) {
    set_scalar_operand(w, attrs, "scale", n, 1);
    set_scalar_operand(w, attrs, "zero_point", n, 2);
  }
  return attrs;
}

static json_t *result_value(gr_json *w, const gr_value *v) {
  if (v->type == GRAFT_NONE) return json_null();
  const graft_type *type = &w->m->types.data[v->type];
  json_t *r = json_object();
  set(w, r, "name", gr_json_name(w, v->name));
  set(w, r, "dtype", json_string(graft_dtype_name(type->dtype)));
  set(w, r, "shape", shape_value(w, type));
  return r;
}

/* A node without results is called as its op. */
json_t *gr_json_node_name(gr_json *w, graft_node n) {
  const gr_node *node = gr_node_at(w->g, n);
  for (uint32_t i = 0; i < node->result_count; i++) {
    const gr_value *v = gr_value_at(w->g, node->first_result + i);
    if (v->type != GRAFT_NONE) return gr_json_name(w, v->name);
  }
  const char *op = gr_op_text(w->m, node->op);
  return text_value(w, op, strlen(op));
}

static json_t *marks_value(gr_json *w, uint32_t marks) {
  json_t *words = json_array();
  for (uint32_t i = 0; i < GR_MARK_COUNT; i++)
    if (marks & 1u << i) append(w, words, json_string(graft_mark_name(i)));
  return words;
}

static json_t *node_value(gr_json *w, graft_node n) {
  const gr_node *node = gr_node_at(w->g, n);
  const char *op = gr_op_text(w->m, node->op);
  json_t *object = json_object(), *inputs = json_array(), *results = json_array();
  for (uint32_t i = 0; i < node->operand_count; i++) {
    graft_value v = gr_operand(w->g, n, i);
    append(w, inputs, v == GRAFT_NONE ? json_null() : gr_json_name(w, gr_value_get_name(w->g, v)));
  }
  const gr_op_info *info = gr_op_get(node->op); /* trailing absent operands are shown too */
  for (uint32_t i = node->operand_count; info && i < info->operand_count && !info->operands[i].variadic; i++)
    append(w, inputs, json_null());
  for (uint32_t i = 0; i < node->result_count; i++)
    append(w, results, result_value(w, gr_value_at(w->g, node->first_result + i)));
  set(w, object, "name", gr_json_node_name(w, n));
  set(w, object, "op", text_value(w, op, strlen(op)));
  set(w, object, "inputs", inputs);
  set(w, object, "attrs", attrs_value(w, n));
  set(w, object, "results", results);
  if (node->marks) set(w, object, "marks", marks_value(w, node->marks));
  gr_json_note_node(w, object, n);
  return object;
}

static void put_graph(gr_json *w, const graft_graph *g) {
  w->g = g;
  gr_sink_text(w->out, "{\"name\":");
  gr_json_put(w, gr_json_string(w, g->name));
  gr_sink_text(w->out, ",\"inputs\":");
  gr_json_put_list(w, g->inputs.len, input_item);
  gr_sink_text(w->out, ",\"outputs\":");
  gr_json_put_list(w, g->outputs.len, output_item);
  gr_sink_text(w->out, ",\"output_names\":");
  gr_json_put_list(w, g->outputs.len, output_name_item);
  gr_sink_text(w->out, ",\"updates\":{");
  bool any = false;
  for (uint32_t i = 0; i < g->updates.len && !w->out->failed; i++) {
    if (g->updates.data[i].tensor == GRAFT_NONE) continue;
    if (any) gr_sink_text(w->out, ",");
    any = true;
    gr_json_put(w, gr_json_name(w, w->m->tensors.data[g->updates.data[i].tensor].name));
    gr_sink_text(w->out, ":");
    gr_json_put(w, gr_json_name(w, gr_value_get_name(g, gr_use_at(g, g->updates.data[i].use)->value)));
  }
  gr_sink_text(w->out, "}");
  gr_json_put_specs(w);
  gr_sink_text(w->out, ",\n \"nodes\":[");
  for (graft_node n = g->first; n != GRAFT_NONE && !w->out->failed; n = gr_node_at(g, n)->next) {
    gr_sink_text(w->out, n == g->first ? "\n  " : ",\n  ");
    gr_json_put(w, node_value(w, n));
  }
  gr_sink_text(w->out, "]}");
}

static json_t *tensor_value(gr_json *w, graft_tensor t) {
  const gr_tensor *tensor = &w->m->tensors.data[t];
  const graft_type *type = gr_tensor_type(w->m, t);
  json_t *object = json_object();
  set(w, object, "name", gr_json_name(w, tensor->name));
  set(w, object, "dtype", json_string(graft_dtype_name(type->dtype)));
  set(w, object, "shape", shape_value(w, type));
  set(w, object, "kind", json_string(gr_tensor_kinds[tensor->kind]));
  return object;
}

static graft_status print(graft_module *m, const graft_save_options *options, gr_sink *out) {
  gr_json w = {.out = out, .m = m};
  if (!gr_json_notes_begin(&w, options && options->no_provenance)) out->failed = true;
  gr_sink_text(out, "{\"graphs\":[");
  for (uint32_t i = 0; i < m->graphs.len && !out->failed; i++) {
    if (i) gr_sink_text(out, ",\n");
    put_graph(&w, m->graphs.data[i]);
  }
  gr_sink_text(out, "],\n\"tensors\":[");
  bool any = false;
  for (graft_tensor t = 0; t < m->tensors.len && !out->failed; t++) {
    if (m->tensors.data[t].erased) continue;
    gr_sink_text(out, any ? ",\n  " : "\n  ");
    any = true;
    gr_json_put(&w, tensor_value(&w, t));
  }
  gr_sink_text(out, "]");
  gr_json_put_records(&w);
  gr_sink_text(out, "}\n");
  gr_json_notes_end(&w);
  return out->failed ? gr_no_memory(m->context) : GRAFT_OK;
}

const gr_format gr_format_json = {.extension = ".json", .print = print};
