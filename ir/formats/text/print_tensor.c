/* Tensor lines: inline, by formula, in the companion file, or elided with their hash. */
#include <string.h>

#include "ir/formats/literal_int.h"
#include "ir/formats/text/print_impl.h"

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
    if (gr_literal_needs_bytes(type->dtype, data + i * size)) {
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
    gr_sink_format(p->out, ", 0x%016llx)", (unsigned long long)gr_tensor_hash(m, id));
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
