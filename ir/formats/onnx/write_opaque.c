/* Nodes that the op table does not know go out as they came in (opaque.c): the op is called "domain.Op", a tensor is
 * its values, NAME.dtype and NAME.shape, strings are NAME.0, NAME.1 …, graphs take what they capture after their own
 * inputs. */
#include "ir/formats/onnx/writer_impl.h"

#include <stdio.h>
#include <string.h>

typedef struct list {
  graft_attr *items;
  uint32_t count;
} list;

static const graft_attr *find(const list *l, const char *name, const char *suffix) {
  const size_t n = strlen(name);
  for (uint32_t i = 0; i < l->count; i++)
    if (strncmp(l->items[i].name, name, n) == 0 && strcmp(l->items[i].name + n, suffix) == 0) return &l->items[i];
  return NULL;
}

/* Is it what ends in `suffix` of an attribute that is there? */
static bool is_part(const list *l, const graft_attr *a, const char *suffix) {
  const size_t n = strlen(a->name), s = strlen(suffix);
  if (n <= s || strcmp(a->name + n - s, suffix) != 0) return false;
  for (uint32_t i = 0; i < l->count; i++)
    if (strlen(l->items[i].name) == n - s && memcmp(l->items[i].name, a->name, n - s) == 0) return true;
  return false;
}

static bool put_tensor(gr_out *w, Onnx__NodeProto *node, const graft_attr *a, graft_dtype dtype,
                       const graft_attr *shape) {
  const graft_type type =
      graft_type_make(dtype, (int32_t)(shape->count < GRAFT_MAX_RANK ? shape->count : GRAFT_MAX_RANK), shape->as.ints);
  const size_t each = graft_dtype_size(dtype);
  char *data = gr_out_alloc(w, (size_t)a->count * each);
  if (!data) return false;
  if (shape->count > GRAFT_MAX_RANK || graft_type_elements(&type) != (int64_t)a->count)
    return gr_out_refuse(w, "attribute '%s' has %u elements, which its shape contradicts", a->name, a->count);
  for (uint32_t i = 0; i < a->count; i++)
    if (a->kind == GRAFT_ATTR_FLOATS)
      gr_element_set_float(dtype, data + i * each, a->as.floats[i]);
    else
      gr_element_set_int(dtype, data + i * each, a->as.ints[i]);
  gr_out_set_tensor(w, node, a->name, gr_out_tensor(w, NULL, &type, data));
  return !w->failed;
}

/* NAME.0 is met; the others follow it. */
static bool put_strings(gr_out *w, Onnx__NodeProto *node, const list *l, uint32_t first) {
  const char *name = gr_arena_copy(&w->arena, l->items[first].name, strlen(l->items[first].name) - 2);
  const char **texts = gr_out_alloc(w, l->count * sizeof *texts);
  uint32_t n = 0;
  if (!name || !texts) return gr_out_failed(w);
  for (char suffix[16] = ".0"; first + n < l->count; snprintf(suffix, sizeof suffix, ".%u", n)) {
    const graft_attr *a = &l->items[first + n];
    if (a->kind != GRAFT_ATTR_STRING || find(&(list){l->items + first + n, 1}, name, suffix) == NULL) break;
    texts[n++] = a->as.s;
  }
  gr_out_set_strings(w, node, name, texts, n);
  return !w->failed;
}

static bool ends_in(const char *text, const char *suffix) {
  const size_t n = strlen(text), s = strlen(suffix);
  return n > s && strcmp(text + n - s, suffix) == 0;
}

static bool put_attr(gr_out *w, Onnx__NodeProto *node, const list *l, uint32_t i, const char *const *captured,
                     uint32_t more) {
  const graft_attr *a = &l->items[i], *dtype = find(l, a->name, ".dtype"), *shape = find(l, a->name, ".shape");
  if (dtype && shape && dtype->kind == GRAFT_ATTR_DTYPE && shape->kind == GRAFT_ATTR_INTS &&
      (a->kind == GRAFT_ATTR_INTS || a->kind == GRAFT_ATTR_FLOATS))
    return put_tensor(w, node, a, dtype->as.dtype, shape);
  switch (a->kind) {
  case GRAFT_ATTR_NONE: return true;
  case GRAFT_ATTR_BOOL: gr_out_set_int(w, node, a->name, a->as.b); break;
  case GRAFT_ATTR_INT: gr_out_set_int(w, node, a->name, a->as.i); break;
  case GRAFT_ATTR_FLOAT: gr_out_set_float(w, node, a->name, a->as.f); break;
  case GRAFT_ATTR_STRING:
    if (ends_in(a->name, ".0")) return put_strings(w, node, l, i);
    gr_out_set_string(w, node, a->name, a->as.s);
    break;
  case GRAFT_ATTR_DTYPE: gr_out_set_int(w, node, a->name, gr_out_dtype(a->as.dtype)); break;
  case GRAFT_ATTR_INTS: gr_out_set_ints(w, node, a->name, a->as.ints, a->count); break;
  case GRAFT_ATTR_FLOATS: gr_out_set_floats(w, node, a->name, a->as.floats, a->count); break;
  case GRAFT_ATTR_GRAPH: {
    graft_graph *g = w->module->graphs.data[a->as.graph];
    if (g->inputs.len < more) return gr_out_refuse(w, "the graph '%s' has too few inputs", a->name);
    Onnx__GraphProto *proto = w->nested(w, g, g->inputs.len - more, captured);
    if (proto) gr_out_set_graph(w, node, a->name, proto);
    break;
  }
  }
  return !w->failed;
}

/* A string that belongs to the one before it in a list of strings. */
static bool continues(const list *l, uint32_t i) {
  const char *dot = strrchr(l->items[i].name, '.');
  if (l->items[i].kind != GRAFT_ATTR_STRING || !dot || i == 0) return false;
  uint32_t k = 0;
  for (const char *p = dot + 1; *p; p++) {
    if (*p < '0' || *p > '9' || k > 100000000) return false;
    k = k * 10 + (uint32_t)(*p - '0');
  }
  if (k == 0 || k > i) return false;
  const graft_attr *first = &l->items[i - k];
  const size_t n = (size_t)(dot - l->items[i].name);
  return first->kind == GRAFT_ATTR_STRING && strncmp(first->name, l->items[i].name, n) == 0 &&
         strcmp(first->name + n, ".0") == 0;
}

static bool put_types(gr_out *w) {
  for (uint32_t i = 0; i < gr_node_at(w->g, w->n)->result_count && !w->failed; i++) {
    const graft_value v = gr_result(w->g, w->n, i);
    if (v == GRAFT_NONE || gr_type_of(w->g, v)->dtype == GRAFT_UNKNOWN) continue;
    Onnx__ValueInfoProto *info = gr_out_value_info(w, gr_out_value_name(w, v), gr_type_of(w->g, v));
    if (info) GR_OUT_PUSH(w, w->graph->infos, info);
  }
  return !w->failed;
}

static bool put_domain(gr_out *w, Onnx__NodeProto *node, const char *op) {
  const char *dot = strrchr(op, '.');
  if (!dot || dot == op || !dot[1])
    return gr_out_refuse(w, "the op '%s' has no domain: an op of your own that goes to ONNX is called \"domain.Op\"",
                         op);
  node->op_type = gr_out_lent(dot + 1);
  const char *domain = gr_arena_copy(&w->arena, op, (size_t)(dot - op));
  if (!domain) return gr_out_failed(w);
  if (strcmp(domain, "onnx") == 0) return true;
  node->domain = gr_out_lent(domain);
  for (uint32_t i = 0; i < w->domains.len; i++)
    if (strcmp(w->domains.data[i], domain) == 0) return true;
  GR_OUT_PUSH(w, w->domains, domain);
  return !w->failed;
}

bool gr_out_opaque(gr_out *w) {
  const gr_node *own = gr_node_at(w->g, w->n);
  list l = {.items = NULL};
  uint32_t more = 0, count = own->operand_count;
  gr_attrs_get(w->module, own->attrs, &l.count);
  l.items = gr_out_alloc(w, l.count * sizeof *l.items);
  const char **inputs = gr_out_alloc(w, count * sizeof *inputs),
             **outputs = gr_out_alloc(w, own->result_count * sizeof *outputs);
  Onnx__NodeProto *node = gr_out_begin(w, "");
  if (w->failed || !put_domain(w, node, gr_op_text(w->module, own->op))) return gr_out_failed(w);
  for (uint32_t i = 0; i < l.count; i++) {
    l.items[i] = gr_attr_public(w->module, NULL, own->attrs, i);
    if (strcmp(l.items[i].name, GR_ONNX_CAPTURED) == 0 && l.items[i].kind == GRAFT_ATTR_INT && l.items[i].as.i >= 0 &&
        l.items[i].as.i <= (int64_t)count)
      more = (uint32_t)l.items[i].as.i;
  }
  for (uint32_t i = 0; i < count; i++) inputs[i] = gr_out_operand(w, i);
  for (uint32_t i = 0; i < own->result_count; i++) outputs[i] = gr_out_result(w, i);
  for (uint32_t i = 0; i < l.count && !w->failed; i++) {
    const graft_attr *a = &l.items[i];
    if (strcmp(a->name, GR_ONNX_CAPTURED) == 0 || is_part(&l, a, ".dtype") || is_part(&l, a, ".shape") ||
        continues(&l, i))
      continue;
    put_attr(w, node, &l, i, inputs + count - more, more);
  }
  return gr_out_end(w, node, inputs, count - more, outputs, gr_node_at(w->g, w->n)->result_count) && put_types(w);
}
