/* The public view of a graph, and single edits. */
#include "ir/graph/graph_impl.h"

#include <string.h>

/* What is not in the graph has no next one, no operands, no results, no name. */

graft_node graft_node_first(const graft_graph *g) {
  if (!GR_IS(g, GRAPH)) return GRAFT_NONE;
  return g->first;
}
graft_node graft_node_next(const graft_graph *g, graft_node n) {
  if (!GR_IS(g, GRAPH)) return GRAFT_NONE;
  return gr_is_node(g, n) ? gr_node_at(g, n)->next : GRAFT_NONE;
}
uint32_t graft_node_count(const graft_graph *g) {
  if (!GR_IS(g, GRAPH)) return 0;
  return g->live;
}
const char *graft_node_get_op(const graft_graph *g, graft_node n) {
  if (!GR_IS(g, GRAPH)) return "";
  return gr_is_node(g, n) ? gr_op_text(g->module, gr_node_at(g, n)->op) : "";
}
uint32_t graft_node_operand_count(const graft_graph *g, graft_node n) {
  if (!GR_IS(g, GRAPH)) return 0;
  return gr_is_node(g, n) ? gr_node_at(g, n)->operand_count : 0;
}
graft_value graft_node_operand(const graft_graph *g, graft_node n, uint32_t slot) {
  if (!GR_IS(g, GRAPH)) return GRAFT_NONE;
  return gr_is_node(g, n) ? gr_operand(g, n, slot) : GRAFT_NONE;
}
uint32_t graft_node_result_count(const graft_graph *g, graft_node n) {
  if (!GR_IS(g, GRAPH)) return 0;
  return gr_is_node(g, n) ? gr_node_at(g, n)->result_count : 0;
}
graft_value graft_node_result(const graft_graph *g, graft_node n, uint32_t i) {
  if (!GR_IS(g, GRAPH)) return GRAFT_NONE;
  return gr_is_node(g, n) ? gr_result(g, n, i) : GRAFT_NONE;
}

/* Slot of an attribute by name; false when the node has none. */
static bool attr_slot(const graft_graph *g, graft_node n, const char *name, uint32_t *slot) {
  const gr_op_info *op = gr_info(g, n);
  if (op) {
    int i = gr_op_attr_slot(op, name, strlen(name));
    *slot = (uint32_t)i;
    return i >= 0;
  }
  uint32_t count;
  const gr_attr *a = gr_attrs_get(g->module, gr_node_at(g, n)->attrs, &count);
  for (*slot = 0; *slot < count; ++*slot)
    if (strcmp(gr_string_text(g->module, a[*slot].name), name) == 0) return true;
  return false;
}

bool graft_node_attr(const graft_graph *g, graft_node n, const char *name, graft_attr *attr) {
  if (!GR_IS(g, GRAPH)) return false;
  uint32_t slot;
  if (!gr_is_node(g, n) || !name || !attr_slot(g, n, name, &slot)) return false;
  if (!attr) return true;
  *attr = gr_attr_public(g->module, gr_info(g, n), gr_node_at(g, n)->attrs, slot);
  return true;
}

/* The node as it stands, to become again with a change: result types are inferred anew. */
static gr_node_desc describe(graft_graph *g, graft_node n) {
  const gr_node *node = gr_node_at(g, n);
  gr_node_desc d = {.op = node->op,
                    .attrs = node->attrs,
                    .operand_count = node->operand_count,
                    .result_count = node->result_count,
                    .marks = node->marks,
                    .before = GRAFT_NONE,
                    .where = gr_node_loc(g, n)};
  for (uint32_t i = 0; i < node->result_count && i < 32; i++)
    if (gr_result(g, n, i) == GRAFT_NONE) d.absent_results |= 1u << i;
  return d;
}

/* Infers the node's results again after a change of attributes or operands (of an op that the table does not know they
 * stay what was said of them, since nobody else can say it); on failure nothing has changed. */
static graft_status change(graft_graph *g, graft_node n, uint32_t attrs, uint32_t slot, graft_value operand) {
  graft_context *c = g->module->context;
  gr_node_desc d = describe(g, n);
  uint32_t count = d.operand_count > slot && slot != GRAFT_NONE ? d.operand_count
                   : slot == GRAFT_NONE                         ? d.operand_count
                                                                : slot + 1;
  graft_value *operands = gr_alloc(c, (count ? count : 1) * sizeof *operands);
  uint32_t *specs = gr_calloc(c, count ? 2 * (size_t)count : 1, sizeof *specs); /* then their origins */
  uint32_t *types = d.op >= GR_OP_COUNT && d.result_count ? gr_alloc(c, d.result_count * sizeof *types) : NULL;
  const bool keeps = d.op >= GR_OP_COUNT && d.result_count;
  graft_status status = operands && specs && (types || !keeps) ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (uint32_t i = 0; types && i < d.result_count; i++)
    types[i] = gr_value_at(g, gr_node_at(g, n)->first_result + i)->type;
  if (status == GRAFT_OK) {
    for (uint32_t i = 0; i < count; i++) {
      operands[i] = i == slot ? operand : gr_operand(g, n, i);
      if (i >= d.operand_count || operands[i] == GRAFT_NONE) continue;
      const uint32_t use = gr_node_at(g, n)->first_use + i;
      specs[i] = gr_spec_of_use(g, use);
      specs[count + i] = gr_spec_origin(g, (gr_spec_ref){false, use});
    }
    d.operands = operands;
    d.operand_count = count;
    d.attrs = attrs;
    d.types = types;
    const uint32_t first = gr_node_at(g, n)->first_use, had = gr_node_at(g, n)->operand_count;
    status = gr_node_become(g, n, &d);
    if (status == GRAFT_OK) status = gr_spec_move_uses(g, first, gr_node_at(g, n)->first_use, had);
    for (uint32_t i = 0; i < gr_node_at(g, n)->operand_count && status == GRAFT_OK; i++) {
      const uint32_t use = gr_node_at(g, n)->first_use + i;
      status = gr_spec_set_use(g, use, specs[i]);
      if (status == GRAFT_OK) status = gr_spec_set_origin(g, (gr_spec_ref){false, use}, specs[count + i]);
    }
  }
  if (types) gr_free(c, types, d.result_count * sizeof *types);
  gr_free(c, operands, (count ? count : 1) * sizeof *operands);
  gr_free(c, specs, (count ? 2 * (size_t)count : 1) * sizeof *specs);
  return status;
}

/* An edit from outside is done as a whole or not at all. */

static graft_status no_such(graft_graph *g, const char *what) {
  return gr_error(g->module->context, GRAFT_INVALID_ARGUMENT, gr_module_loc(g->module), "the graph has no such %s",
                  what);
}

static graft_status set_attr(graft_graph *g, graft_node n, const graft_attr *attr) {
  graft_module *m = g->module;
  const gr_op_info *op = gr_info(g, n);
  gr_attr_builder b;
  gr_loc where = gr_node_loc(g, n);
  gr_attrs_begin_from(&b, m, op, gr_node_at(g, n)->attrs);
  graft_status status = gr_attrs_set(m, &b, op, attr, where);
  if (status != GRAFT_OK) return status;
  const uint32_t errors = gr_error_count(m->context);
  uint32_t set = gr_attrs_intern(m, &b, op, where);
  return set == GRAFT_NONE ? gr_outcome(m->context, errors, GRAFT_TYPE) : change(g, n, set, GRAFT_NONE, GRAFT_NONE);
}

graft_status graft_node_set_attr(graft_graph *g, graft_node n, const graft_attr *attr) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  if (!gr_is_node(g, n)) return no_such(g, "node");
  graft_status status = gr_attr_given(g->module, g, attr, gr_node_loc(g, n));
  if (status != GRAFT_OK) return status;
  gr_edit edit = gr_edit_begin(g->module);
  return gr_edit_end(g->module, edit, set_attr(g, n, attr));
}

graft_status graft_node_set_operand(graft_graph *g, graft_node n, uint32_t slot, graft_value value) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  if (!gr_is_node(g, n)) return no_such(g, "node");
  if (value != GRAFT_NONE && !gr_is_value(g, value)) return no_such(g, "value");
  if (slot > 0xFFFF) return gr_error(g->module->context, GRAFT_INVALID_ARGUMENT, gr_node_loc(g, n), "no such operand");
  graft_status status = gr_check_defined(g, value, n, gr_node_loc(g, n));
  if (status != GRAFT_OK) return status;
  gr_edit edit = gr_edit_begin(g->module);
  status = change(g, n, gr_node_at(g, n)->attrs, slot, value);
  return gr_edit_end(g->module, edit, status ? status : gr_check_scales(g, n));
}

graft_status graft_node_erase(graft_graph *g, graft_node n) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  if (!gr_is_node(g, n)) return no_such(g, "node");
  for (uint32_t i = 0; i < gr_node_at(g, n)->result_count; i++)
    if (!gr_unused(g, gr_node_at(g, n)->first_result + i))
      return gr_error(g->module->context, GRAFT_INVALID_ARGUMENT, gr_node_loc(g, n), "its results are still used");
  const graft_status referred = gr_referred_elsewhere(g, n);
  if (referred != GRAFT_OK) return referred;
  gr_edit edit = gr_edit_begin(g->module);
  gr_node_erase(g, n);
  return gr_edit_end(g->module, edit, GRAFT_OK);
}

graft_status gr_check_defined(graft_graph *g, graft_value operand, graft_node n, gr_loc where) {
  const graft_node d = operand == GRAFT_NONE || n == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, operand);
  if (d == GRAFT_NONE) return GRAFT_OK;
  if (!gr_order_know(g)) return GRAFT_NO_MEMORY;
  if (gr_comes_before(g, d, n)) return GRAFT_OK;
  return gr_error(g->module->context, GRAFT_INVALID_ARGUMENT, where, "operand %%%s is defined later",
                  gr_value_label(g, operand));
}

static size_t nothing(char *buffer, size_t size) {
  if (size) buffer[0] = '\0';
  return 0;
}

size_t graft_value_name(const graft_graph *g, graft_value v, char *buffer, size_t size) {
  if (!GR_IS(g, GRAPH)) return nothing(buffer, size);
  return gr_is_value(g, v) ? gr_name_format(g->module, gr_value_get_name(g, v), buffer, size) : nothing(buffer, size);
}

size_t graft_node_name(const graft_graph *g, graft_node n, char *buffer, size_t size) {
  if (!GR_IS(g, GRAPH)) return nothing(buffer, size);
  for (uint32_t i = 0; gr_is_node(g, n) && i < gr_node_at(g, n)->result_count; i++)
    if (gr_result(g, n, i) != GRAFT_NONE) return graft_value_name(g, gr_result(g, n, i), buffer, size);
  return nothing(buffer, size);
}

graft_value graft_value_find(graft_graph *g, const char *name) {
  if (!GR_IS(g, GRAPH)) return GRAFT_NONE;
  gr_name n = gr_name_find(g->module, name ? name : "");
  return n.base == GRAFT_NONE || n.base == 0 ? GRAFT_NONE : gr_find_value(g, n);
}

graft_type graft_value_get_type(const graft_graph *g, graft_value v) {
  if (!GR_IS(g, GRAPH)) return (graft_type){.rank = -1};
  return gr_is_value(g, v) ? *gr_type_of(g, v) : (graft_type){.rank = -1};
}
graft_node graft_value_node(const graft_graph *g, graft_value v) {
  if (!GR_IS(g, GRAPH)) return GRAFT_NONE;
  return gr_is_value(g, v) ? gr_value_node(g, v) : GRAFT_NONE;
}
graft_tensor graft_value_tensor(const graft_graph *g, graft_value v) {
  if (!GR_IS(g, GRAPH)) return GRAFT_NONE;
  return gr_is_value(g, v) ? gr_value_tensor(g, v) : GRAFT_NONE;
}

uint32_t graft_value_use_count(const graft_graph *g, graft_value v) {
  if (!GR_IS(g, GRAPH)) return 0;
  uint32_t n = 0, first = gr_is_value(g, v) ? gr_value_at(g, v)->first_use : GRAFT_NONE;
  for (uint32_t u = first; u != GRAFT_NONE; u = gr_use_at(g, u)->next) n++;
  return n;
}

uint32_t graft_input_count(const graft_graph *g) {
  if (!GR_IS(g, GRAPH)) return 0;
  return g->inputs.len;
}
graft_value graft_input_get(const graft_graph *g, uint32_t i) {
  if (!GR_IS(g, GRAPH)) return GRAFT_NONE;
  return i < g->inputs.len ? g->inputs.data[i] : GRAFT_NONE;
}
uint32_t graft_output_count(const graft_graph *g) {
  if (!GR_IS(g, GRAPH)) return 0;
  return g->outputs.len;
}
graft_value graft_output_get(const graft_graph *g, uint32_t i) {
  if (!GR_IS(g, GRAPH)) return GRAFT_NONE;
  return i < g->outputs.len ? gr_use_at(g, g->outputs.data[i].use)->value : GRAFT_NONE;
}
const char *graft_output_name(const graft_graph *g, uint32_t i) {
  if (!GR_IS(g, GRAPH)) return NULL;
  return i < g->outputs.len ? gr_string_text(g->module, g->outputs.data[i].name) : NULL;
}
