/* Names, types, attributes, elements. */
#include <string.h>

#include "ir/formats/text/print_impl.h"

void gr_print_int(printer *p, int64_t value) {
  if (value >= 0 && value < 10) {
    char c = (char)('0' + value);
    gr_print(p, &c, 1);
  } else {
    gr_sink_int(p->out, value);
  }
}

void gr_print_double(printer *p, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  printed_number *n = &p->numbers[gr_mix(bits) % NUMBER_CACHE];
  if (n->length == 0 || n->bits != bits) {
    n->bits = bits;
    n->length = gr_number_format(n->text, value, false);
  }
  gr_print(p, n->text, n->length);
}

void gr_print_string(printer *p, uint32_t id) {
  gr_sink_quoted(p->out, gr_string_text(p->module, id), gr_string_length(p->module, id));
}

/* A base that needs quotes is quoted with its number too. */
static bool plain(printer *p, uint32_t base) {
  if (p->name_form[base] == 0)
    p->name_form[base] = gr_lex_plain_name(gr_string_text(p->module, base), gr_string_length(p->module, base)) ? 1 : 2;
  return p->name_form[base] == 1;
}

void gr_print_quoted_name(printer *p, gr_name name) {
  gr_print_string(p, name.base);
  if (!name.number) return;
  p->out->bytes.len -= p->out->failed ? 0 : 1; /* the closing quote comes after the number */
  gr_print_text(p, "_");
  gr_print_int(p, name.number);
  gr_print_text(p, "\"");
}

void gr_print_name(printer *p, gr_name name) {
  const graft_module *m = p->module;
  if (name.base == 0 && p->status == GRAFT_OK)
    p->status = gr_error(m->context, GRAFT_VERIFY, gr_module_loc(m), "a value has no name");
  gr_print_text(p, "%");
  if (!plain(p, name.base)) {
    gr_print_quoted_name(p, name);
    return;
  }
  gr_print(p, gr_string_text(m, name.base), gr_string_length(m, name.base));
  if (!name.number) return;
  gr_print_text(p, "_");
  gr_print_int(p, name.number);
}

void gr_print_graph_name(printer *p, uint32_t string) {
  const char *text = gr_string_text(p->module, string);
  uint32_t length = gr_string_length(p->module, string);
  bool word = length > 0 && gr_lex_plain_name(text, length) && strcmp(text, "inf") != 0 && strcmp(text, "nan") != 0 &&
              strcmp(text, "_") != 0 && strchr("0123456789./-$", text[0]) == NULL;
  if (word)
    gr_print(p, text, length);
  else
    gr_sink_quoted(p->out, text, length);
}

/* ---- types ---- */

/* Prints again what was printed once. */
static bool again(printer *p, printed at) {
  gr_sink *s = p->out;
  if (at.length == 0) return false;
  if (gr_vec_reserve(s->context, &s->bytes, at.length)) {
    memcpy(s->bytes.data + s->bytes.len, s->bytes.data + at.offset, at.length);
    s->bytes.len += at.length;
  } else {
    s->failed = true;
  }
  return true;
}

static printed since(const printer *p, uint32_t offset) {
  return p->out->failed ? (printed){0, 0} : (printed){offset, p->out->bytes.len - offset};
}

void gr_print_type(printer *p, uint32_t type) {
  if (again(p, p->types.data[type])) return;
  uint32_t from = p->out->bytes.len;
  gr_sink_type(p->out, &p->module->types.data[type]);
  p->types.data[type] = since(p, from);
}

/* ---- attributes ---- */

static void print_ints(printer *p, const graft_attr *a) {
  gr_print_text(p, "[");
  for (uint32_t i = 0; i < a->count; i++) {
    if (i) gr_print_text(p, ", ");
    gr_print_int(p, a->as.ints[i]);
  }
  gr_print_text(p, "]");
}

static void print_floats(printer *p, const graft_attr *a) {
  if (a->count) /* an empty list would read as integers */
    gr_print_text(p, "[");
  else
    gr_print_text(p, "floats [");
  for (uint32_t i = 0; i < a->count; i++) {
    if (i) gr_print_text(p, ", ");
    gr_print_double(p, a->as.floats[i]);
  }
  gr_print_text(p, "]");
}

static void print_attr(printer *p, const graft_attr *a) {
  const graft_module *m = p->module;
  switch (a->kind) {
  case GRAFT_ATTR_NONE: gr_print_text(p, "none"); break;
  case GRAFT_ATTR_BOOL: gr_sink_text(p->out, a->as.b ? "true" : "false"); break;
  case GRAFT_ATTR_INT: gr_print_int(p, a->as.i); break;
  case GRAFT_ATTR_FLOAT: gr_print_double(p, a->as.f); break;
  case GRAFT_ATTR_STRING: gr_sink_quoted(p->out, a->as.s, strlen(a->as.s)); break;
  case GRAFT_ATTR_DTYPE: gr_sink_text(p->out, graft_dtype_name(a->as.dtype)); break;
  case GRAFT_ATTR_INTS: print_ints(p, a); break;
  case GRAFT_ATTR_FLOATS: print_floats(p, a); break;
  case GRAFT_ATTR_GRAPH:
    gr_print_text(p, "@");
    if (a->as.graph < m->graphs.len)
      gr_print_graph_name(p, m->graphs.data[a->as.graph]->name);
    else if (p->status == GRAFT_OK)
      p->status = gr_error(m->context, GRAFT_VERIFY, gr_module_loc(m),
                           "the attribute '%s' names no graph of the module", a->name);
    break;
  }
}

static void print_set(printer *p, const gr_op_info *info, uint32_t set) {
  gr_attr_builder defaults;
  gr_attrs_begin(&defaults, info);
  uint32_t count = 0;
  gr_attrs_get(p->module, set, &count);
  bool any = false;
  for (uint32_t i = 0; i < count; i++) {
    graft_attr a = gr_attr_public(p->module, info, set, i);
    if (info && !info->attrs[i].required && gr_attr_equal(&a, &defaults.items[i])) continue;
    gr_print(p, any ? ", " : " {", 2);
    any = true;
    if (info)
      gr_sink_text(p->out, a.name);
    else
      gr_print_graph_name(p, gr_intern_find(p->module, a.name, strlen(a.name)));
    gr_print_text(p, ": ");
    print_attr(p, &a);
  }
  if (any) gr_print_text(p, "}");
}

void gr_print_attrs(printer *p, const gr_op_info *info, uint32_t row, uint32_t set) {
  graft_context *c = p->module->context;
  uint64_t key = (uint64_t)row << 32 | set;
  uint32_t id = gr_map_get(&p->attr_ids, key);
  if (id != GRAFT_NONE) {
    again(p, p->attrs.data[id]);
    return;
  }
  uint32_t from = p->out->bytes.len;
  print_set(p, info, set);
  if (!gr_vec_push(c, &p->attrs, since(p, from)) || !gr_map_put(c, &p->attr_ids, key, p->attrs.len - 1))
    p->out->failed = true;
}

/* ---- elements and scalars ---- */

void gr_print_element(printer *p, graft_dtype dtype, const void *at) {
  if (dtype == GRAFT_F64)
    gr_print_double(p, gr_element_float(dtype, at));
  else if (gr_is_float(dtype))
    gr_sink_float(p->out, gr_element_float(dtype, at), true);
  else if (dtype == GRAFT_BOOL)
    gr_sink_text(p->out, gr_element_int(dtype, at) ? "true" : "false");
  else
    gr_print_int(p, gr_element_int(dtype, at));
}

static void print_literal(printer *p, graft_tensor t) {
  graft_dtype dtype = gr_tensor_type(p->module, t)->dtype;
  gr_print_element(p, dtype, graft_tensor_get_data(p->module, t));
  if (dtype == GRAFT_F32 || dtype == GRAFT_BOOL) return;
  gr_print_text(p, ": ");
  gr_sink_text(p->out, graft_dtype_name(dtype));
}

void gr_print_value(printer *p, graft_value v) {
  graft_tensor t = gr_value_tensor(p->graph, v);
  if (t != GRAFT_NONE && p->literal[t])
    print_literal(p, t);
  else
    gr_print_name(p, gr_value_get_name(p->graph, v));
}
