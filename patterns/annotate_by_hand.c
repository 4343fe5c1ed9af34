/* Annotations made in C, one place at a time, checked as those of quantizer files are. */
#include <string.h>

#include "patterns/quantizer_impl.h"

static gr_loc place_loc(graft_graph *g, const gr_spec_ref *place) {
  graft_node n = place->is_value ? gr_value_node(g, place->id) : gr_use_at(g, place->id)->user;
  return n == GRAFT_NONE ? gr_module_loc(g->module) : gr_node_loc(g, n);
}

static graft_status refuse(graft_graph *g, const char *message) {
  return gr_error(g->module->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "%s", message);
}

/* The use or value that a place is. */
static graft_status find_place(graft_graph *g, const graft_place *place, gr_spec_ref *out) {
  *out = (gr_spec_ref){place->value != GRAFT_NONE, place->value};
  if (out->is_value) {
    if (place->value < g->values.len && gr_value_at(g, place->value)->def_kind != GR_DEF_DEAD &&
        gr_value_at(g, place->value)->type != GRAFT_NONE)
      return GRAFT_OK;
    return refuse(g, "the graph has no such value");
  }
  if (place->node >= g->nodes.len || !gr_node_live(g, place->node)) return refuse(g, "the graph has no such node");
  if (gr_operand(g, place->node, place->slot) == GRAFT_NONE) return refuse(g, "the node has no such operand");
  out->id = gr_node_at(g, place->node)->first_use + place->slot;
  return GRAFT_OK;
}

/* Data and weights are quantized; statistics, states and parameters are not. */
static bool is_quantizable(const graft_graph *g, const graft_place *place) {
  const gr_op_info *op = place->value == GRAFT_NONE ? gr_info(g, place->node) : NULL;
  if (!op || op->operand_count == 0) return true;
  uint32_t last = op->operand_count - 1u, slot = place->slot < last ? place->slot : last;
  return op->operands[slot].role == GR_DATA || op->operands[slot].role == GR_WEIGHT;
}

/* Attributes of the row, those given over its defaults, checked; the interned set or GRAFT_NONE. */
static uint32_t make_attrs(graft_graph *g, uint32_t kind, const graft_spec *spec, gr_loc where) {
  graft_module *m = g->module;
  const gr_op_info *info = gr_spec_info(kind);
  graft_attr attrs[GR_MAX_ATTRS];
  gr_loc places[GR_MAX_ATTRS];
  gr_attr_builder b;
  gr_attrs_begin(&b, info);
  for (uint32_t i = 0; i < spec->attr_count; i++)
    if (gr_attrs_set(m, &b, info, &spec->attrs[i], where)) return GRAFT_NONE;
  for (uint32_t i = 0; i < info->attr_count; i++) {
    attrs[i] = b.items[i];
    attrs[i].name = info->attrs[i].name;
    places[i] = where;
    if (info->attrs[i].required && attrs[i].kind == GRAFT_ATTR_NONE)
      return gr_error(m->context, GRAFT_RULE, where, "a %s needs %s", info->name, attrs[i].name), GRAFT_NONE;
  }
  if (!qz_spec_check(m->context, kind, attrs, places)) return GRAFT_NONE;
  for (uint32_t i = 0; i < info->attr_count; i++)
    if (gr_attrs_set(m, &b, info, &attrs[i], where)) return GRAFT_NONE;
  return gr_attrs_intern(m, &b, info, where);
}

graft_status graft_annotate(graft_graph *g, graft_place place, const graft_spec *given) {
  graft_module *m = g->module;
  graft_context *c = m->context;
  graft_spec spec = {.kind = "spec"};
  gr_spec_ref at, refs[QZ_MAX_REFS];
  graft_status status = gr_take_options(c, &spec, sizeof spec, given);
  if (!status) status = find_place(g, &place, &at);
  if (status) return status;
  gr_loc where = place_loc(g, &at);
  if (at.is_value ? gr_spec_of_value(g, at.id) : gr_spec_of_use(g, at.id))
    return gr_error(c, GRAFT_NAME, where, "this place is annotated already");
  if (!is_quantizable(g, &place))
    return gr_error(c, GRAFT_RULE, where, "only data and weights are quantized, not statistics, states or parameters");
  if ((spec.attr_count && !spec.attrs) || (spec.place_count && !spec.places))
    return refuse(g, "the spec's attributes or places are missing");
  for (uint32_t i = 0; i < spec.attr_count && !status; i++) status = gr_attr_given(m, &spec.attrs[i], where);
  if (status) return status;
  uint32_t kind = spec.kind ? gr_spec_kind_find(spec.kind, strlen(spec.kind)) : GR_SPEC_KIND_COUNT;
  if (kind == GR_SPEC_KIND_COUNT)
    return gr_error(c, GRAFT_NAME, where, "there is no kind of spec '%s'", spec.kind ? spec.kind : "");
  bool refers = kind == GR_SPEC_shared || kind == GR_SPEC_derived;
  if (spec.place_count > QZ_MAX_REFS || (spec.place_count > 0) != refers ||
      (kind == GR_SPEC_shared && spec.place_count != 1))
    return gr_error(c, GRAFT_RULE, where, "shared takes one place, derived one or more, others none");
  for (uint32_t i = 0; i < spec.place_count && !status; i++) status = find_place(g, &spec.places[i], &refs[i]);
  if (status) return status;
  uint32_t attrs = make_attrs(g, kind, &spec, where);
  uint32_t id = attrs == GRAFT_NONE ? GRAFT_NONE : gr_spec_intern(m, kind, attrs, refs, spec.place_count);
  if (id == GRAFT_NONE) return graft_context_has_errors(c) ? GRAFT_RULE : GRAFT_NO_MEMORY;
  status = at.is_value ? gr_spec_set_value(g, at.id, id) : gr_spec_set_use(g, at.id, id);
  return status ? status : gr_spec_set_origin(g, at, 0);
}

bool graft_is_annotated(const graft_graph *g, graft_node n) {
  return n < g->nodes.len && gr_node_live(g, n) && gr_is_annotated(g, n);
}
