/* Tensors: as scalars where they are used, inline, by formula, in the companion file, or elided with their hash. */
#include <string.h>

#include "ir/formats/text/print_impl.h"

/* ---- scalars ---- */

static bool scalar(graft_module *m, graft_tensor id) {
  const gr_tensor *t = &m->tensors.data[id];
  const graft_type *type = gr_tensor_type(m, id);
  if (t->erased || t->kind != GRAFT_CONSTANT || t->source != GR_TENSOR_DATA || type->rank != 0) return false;
  const void *data = graft_tensor_get_data(m, id);
  return data && !gr_print_as_bytes(type->dtype, data);
}

static void keep_value(printer *p, const graft_graph *g, graft_value v) {
  if (v < g->values.len && gr_value_tensor(g, v) != GRAFT_NONE) p->literal[gr_value_tensor(g, v)] = 0;
}

static void keep_referred(printer *p, const graft_graph *g, uint32_t spec) {
  if (spec == 0) return;
  const gr_spec_ref *refs = gr_spec_refs(p->module, spec);
  for (uint32_t i = 0; i < gr_spec_get(p->module, spec)->ref_count; i++)
    if (refs[i].is_value) keep_value(p, g, refs[i].id);
}

/* Tensors that an update or a spec speaks of must have a name. */
static void keep_named(printer *p, const graft_graph *g) {
  for (uint32_t i = 0; i < g->updates.len; i++)
    if (g->updates.data[i].tensor != GRAFT_NONE) p->literal[g->updates.data[i].tensor] = 0;
  for (graft_value v = 0; v < g->spec_of_value.len; v++) {
    if (g->spec_of_value.data[v]) keep_value(p, g, v);
    keep_referred(p, g, g->spec_of_value.data[v]);
  }
  for (uint32_t u = 0; u < g->spec_of_use.len; u++) keep_referred(p, g, g->spec_of_use.data[u]);
}

void gr_print_find_literals(printer *p) {
  graft_module *m = p->module;
  for (uint32_t k = 0; k < m->graphs.len; k++) {
    const graft_graph *g = m->graphs.data[k];
    for (graft_tensor t = 0; t < g->tensor_values.len; t++) {
      graft_value v = g->tensor_values.data[t];
      if (v != GRAFT_NONE && !p->literal[t] && !gr_unused(g, v) && scalar(m, t)) p->literal[t] = 1;
    }
  }
  for (uint32_t k = 0; k < m->graphs.len; k++) keep_named(p, m->graphs.data[k]);
}

/* ---- tensor lines ---- */

static void print_bytes(printer *p, const unsigned char *data, size_t size) {
  gr_print_text(p, "bytes(\"");
  for (size_t i = 0; i < size; i++) {
    static const char hex[] = "0123456789abcdef";
    char two[2] = {hex[data[i] >> 4], hex[data[i] & 15]};
    gr_print(p, two, 2);
  }
  gr_print_text(p, "\")");
}

static void print_inline(printer *p, const graft_type *type, const char *data) {
  size_t n = (size_t)graft_type_elements(type), size = graft_dtype_size(type->dtype);
  for (size_t i = 0; i < n; i++)
    if (gr_print_as_bytes(type->dtype, data + i * size)) {
      print_bytes(p, (const unsigned char *)data, n * size);
      return;
    }
  if (type->rank > 0) gr_print_text(p, "[");
  for (size_t i = 0; i < n; i++) {
    if (i) gr_print_text(p, ", ");
    gr_print_element(p, type->dtype, data + i * size);
  }
  if (type->rank > 0) gr_print_text(p, "]");
}

static void print_data(printer *p, graft_tensor id) {
  graft_module *m = p->module;
  const gr_tensor *t = &m->tensors.data[id];
  graft_type type = *gr_tensor_type(m, id);
  if (t->source == GR_TENSOR_FILL) {
    gr_print_text(p, "fill(");
    gr_print_quoted_name(p, t->fill);
    gr_print_text(p, ", ");
    gr_print_double(p, t->lo);
    gr_print_text(p, ", ");
    gr_print_double(p, t->hi);
    gr_print_text(p, ")");
    return;
  }
  const void *data = t->source == GR_TENSOR_ELIDED ? NULL : graft_tensor_get_data(m, id);
  if (data && !gr_text_is_large(m, id, p->large)) {
    print_inline(p, &type, data);
  } else if (data && p->companion) {
    gr_print_text(p, "file(");
    gr_sink_quoted(p->out, p->companion, strlen(p->companion));
    gr_print_text(p, ")");
  } else {
    gr_sink_format(p->out, "elided(0x%016llx)", (unsigned long long)(data ? gr_tensor_hash(m, id) : t->hash));
  }
}

bool gr_text_is_large(graft_module *m, graft_tensor t, uint32_t large) {
  const gr_tensor *tensor = &m->tensors.data[t];
  return !tensor->erased && tensor->source == GR_TENSOR_DATA &&
         graft_type_elements(gr_tensor_type(m, t)) >= (large ? large : GR_TEXT_LARGE);
}

void gr_print_tensor(printer *p, graft_tensor id) {
#define KIND(word) " " word " = "
  static const char *const kinds[] = {GR_TENSOR_KINDS(KIND)};
#undef KIND
  const gr_tensor *t = &p->module->tensors.data[id];
  gr_print_text(p, "tensor ");
  gr_print_name(p, t->name);
  gr_print_text(p, ": ");
  gr_print_type(p, t->type);
  gr_sink_text(p->out, kinds[t->kind]);
  print_data(p, id);
  gr_print_text(p, "\n");
}
