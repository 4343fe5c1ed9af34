/* The op table as embedders read it. */
#include "ir/op_table.h"
#include "ir/ir_int.h"

#include <math.h>
#include <string.h>

_Static_assert((int)GRAFT_ROLE_DATA == (int)GR_DATA && (int)GRAFT_ROLE_WEIGHT == (int)GR_WEIGHT &&
                   (int)GRAFT_ROLE_STATISTICS == (int)GR_STATISTICS && (int)GRAFT_ROLE_QPARAM == (int)GR_QPARAM &&
                   (int)GRAFT_ROLE_LIKE == (int)GR_LIKE && (int)GRAFT_ROLE_MEASURE == (int)GR_MEASURE,
               "roles are one list");

uint32_t graft_op_find(const char *name) {
  const uint32_t op = name ? gr_op_find(name, strlen(name)) : GR_OP_COUNT;
  return op < GR_OP_COUNT ? op : GRAFT_NONE;
}
uint32_t graft_node_get_op_index(const graft_graph *g, graft_node n) {
  return GR_IS(g, GRAPH) && gr_is_node(g, n) && gr_info(g, n) ? gr_node_at(g, n)->op : GRAFT_NONE;
}

/* ---- operands, results, attributes ---- */

static uint32_t slot_or_none(int slot) { return slot < 0 ? GRAFT_NONE : (uint32_t)slot; }

uint32_t graft_op_operand_count(uint32_t op) { return op < GR_OP_COUNT ? gr_op_get(op)->operand_count : 0; }
uint32_t graft_op_result_count(uint32_t op) { return op < GR_OP_COUNT ? gr_op_get(op)->result_count : 0; }
uint32_t graft_op_attr_count(uint32_t op) { return op < GR_OP_COUNT ? gr_op_get(op)->attr_count : 0; }

graft_op_operand graft_op_operand_get(uint32_t op, uint32_t slot) {
  const graft_op_operand none = {.name = ""};
  const uint32_t count = graft_op_operand_count(op);
  if (count == 0) return none;
  const gr_operand_decl *last = &gr_op_get(op)->operands[count - 1];
  if (slot >= count && !last->variadic) return none;
  const gr_operand_decl *d = slot < count ? &gr_op_get(op)->operands[slot] : last;
  return (graft_op_operand){d->name, (graft_role)d->role, d->optional, d->variadic};
}

graft_op_result graft_op_result_get(uint32_t op, uint32_t index) {
  const graft_op_result none = {.name = ""};
  const uint32_t count = graft_op_result_count(op);
  if (count == 0) return none;
  const gr_result_decl *last = &gr_op_get(op)->results[count - 1];
  if (index >= count && !last->variadic) return none;
  const gr_result_decl *d = index < count ? &gr_op_get(op)->results[index] : last;
  const bool fixed = d->low < d->high;
  return (graft_op_result){d->name, d->optional, d->variadic, fixed ? d->low : (double)-INFINITY,
                           fixed ? d->high : (double)INFINITY};
}

graft_op_attr graft_op_attr_get(uint32_t op, uint32_t index) {
  if (index >= graft_op_attr_count(op)) return (graft_op_attr){.name = "", .count = -1, .value = {.name = ""}};
  const gr_attr_decl *d = &gr_op_get(op)->attrs[index];
  gr_attr_builder defaults;
  gr_attrs_begin(&defaults, gr_op_get(op));
  const bool list = d->kind == GRAFT_ATTR_INTS || d->kind == GRAFT_ATTR_FLOATS;
  return (graft_op_attr){.name = d->name,
                         .kind = d->kind,
                         .required = d->required,
                         .none_allowed = d->none_allowed,
                         .count = list ? d->count : -1,
                         .words = d->choice == GR_NO_CHOICE ? NULL : gr_choice_words(d->choice),
                         .least = d->least < d->greatest ? d->least : INT64_MIN,
                         .greatest = d->least < d->greatest ? d->greatest : INT64_MAX,
                         .low = d->low < d->high ? d->low : (double)-INFINITY,
                         .high = d->low < d->high ? d->high : (double)INFINITY,
                         .value = defaults.items[index]};
}

uint32_t graft_op_find_operand(uint32_t op, const char *name) {
  return op < GR_OP_COUNT && name ? slot_or_none(gr_op_operand_slot(gr_op_get(op), name, strlen(name))) : GRAFT_NONE;
}
uint32_t graft_op_find_attr(uint32_t op, const char *name) {
  return op < GR_OP_COUNT && name ? slot_or_none(gr_op_attr_slot(gr_op_get(op), name, strlen(name))) : GRAFT_NONE;
}
uint32_t graft_op_find_result(uint32_t op, const char *name) {
  for (uint32_t i = 0; name && i < graft_op_result_count(op); i++)
    if (strcmp(gr_op_get(op)->results[i].name, name) == 0) return i;
  return GRAFT_NONE;
}

graft_value graft_node_find_operand(const graft_graph *g, graft_node n, const char *name) {
  const uint32_t slot = graft_op_find_operand(graft_node_get_op_index(g, n), name);
  return slot == GRAFT_NONE ? GRAFT_NONE : gr_operand(g, n, slot);
}
graft_value graft_node_find_result(const graft_graph *g, graft_node n, const char *name) {
  const uint32_t index = graft_op_find_result(graft_node_get_op_index(g, n), name);
  return index == GRAFT_NONE ? GRAFT_NONE : gr_result(g, n, index);
}

/* ---- families and flags ---- */

static bool has(uint32_t op, uint32_t bits) { return op < GR_OP_COUNT && (gr_op_get(op)->families & bits); }

int32_t graft_op_weight_axis(uint32_t op) { return op < GR_OP_COUNT ? gr_op_get(op)->weight_axis : -1; }
bool graft_op_commutes(uint32_t op) { return has(op, GR_F_COMMUTES); }
bool graft_op_is_random(uint32_t op) { return has(op, GR_F_RANDOM); }

uint32_t graft_family_count(void) { return GR_FAMILY_COUNT; }
const char *graft_family_name(uint32_t i) { return i < GR_FAMILY_COUNT ? gr_families[i].name : ""; }
const char *graft_family_doc(uint32_t i) { return i < GR_FAMILY_COUNT ? gr_families[i].doc : ""; }
bool graft_op_is_in(uint32_t op, const char *family) {
  return family && has(op, gr_family_find(family, strlen(family)));
}
bool graft_node_is_in(const graft_graph *g, graft_node n, const char *family) {
  return graft_op_is_in(graft_node_get_op_index(g, n), family);
}
