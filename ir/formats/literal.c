/* Which constants are literals: read by a node or returned, and spoken of by nothing that needs a name. */
#include "ir/formats/literal_int.h"

#include <math.h>
#include <string.h>

bool gr_literal_needs_bytes(graft_dtype dtype, const void *data) {
  static const unsigned char nans[GRAFT_DTYPE_COUNT][8] = {[GRAFT_F32] = {0, 0, 0xC0, 0x7F},
                                                           [GRAFT_F64] = {0, 0, 0, 0, 0, 0, 0xF8, 0x7F},
                                                           [GRAFT_F16] = {0, 0x7E},
                                                           [GRAFT_BF16] = {0xC0, 0x7F}};
  if (gr_is_float(dtype))
    return isnan(gr_element_float(dtype, data)) && memcmp(data, nans[dtype], graft_dtype_size(dtype)) != 0;
  return dtype == GRAFT_U64 && gr_element_int(dtype, data) < 0;
}

static bool scalar(graft_module *m, graft_tensor id) {
  const gr_tensor *t = &m->tensors.data[id];
  const graft_type *type = gr_tensor_type(m, id);
  if (t->erased || t->kind != GRAFT_CONSTANT || t->source != GR_TENSOR_DATA || type->rank != 0) return false;
  const void *data = graft_tensor_get_data(m, id);
  return data && !gr_literal_needs_bytes(type->dtype, data);
}

static void keep_value(const graft_graph *g, graft_value v, uint8_t *literal) {
  if (v < g->values.len && gr_value_tensor(g, v) != GRAFT_NONE) literal[gr_value_tensor(g, v)] = 0;
}

static void keep_referred(const graft_graph *g, uint32_t spec, uint8_t *literal) {
  if (spec == 0) return;
  const gr_spec_ref *refs = gr_spec_refs(g->module, spec);
  for (uint32_t i = 0; i < gr_spec_get(g->module, spec)->ref_count; i++)
    if (refs[i].is_value) keep_value(g, refs[i].id, literal);
}

/* Tensors that an update or a spec speaks of must have a name. */
static void keep_named(const graft_graph *g, uint8_t *literal) {
  for (uint32_t i = 0; i < g->updates.len; i++)
    if (g->updates.data[i].tensor != GRAFT_NONE) literal[g->updates.data[i].tensor] = 0;
  for (graft_value v = 0; v < g->spec_of_value.len; v++) {
    if (g->spec_of_value.data[v]) keep_value(g, v, literal);
    keep_referred(g, g->spec_of_value.data[v], literal);
  }
  for (uint32_t u = 0; u < g->spec_of_use.len; u++) keep_referred(g, g->spec_of_use.data[u], literal);
}

void gr_literals_find(graft_module *m, uint8_t *literal) {
  for (uint32_t k = 0; k < m->graphs.len; k++) {
    const graft_graph *g = m->graphs.data[k];
    for (uint32_t i = 0; i < g->handles.len; i++) {
      const graft_value v = gr_handle_at(g, i);
      const graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(g, v);
      if (v != GRAFT_NONE && !literal[t] && !gr_unused(g, v) && scalar(m, t)) literal[t] = 1;
    }
  }
  for (uint32_t k = 0; k < m->graphs.len; k++) keep_named(m->graphs.data[k], literal);
}
