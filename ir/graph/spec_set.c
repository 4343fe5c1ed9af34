/* Annotations made in C, one place at a time, checked as those of quantizer files are. */
#include "ir/annotations.h"
#include "ir/ir_int.h"

#include <string.h>

static gr_loc place_loc(graft_graph *g, const gr_spec_ref *place) {
  graft_node n = place->is_value ? gr_value_node(g, place->id) : gr_use_at(g, place->id)->user;
  return n == GRAFT_NONE ? gr_module_loc(g->module) : gr_node_loc(g, n);
}

static graft_status refuse(graft_graph *g, const char *message) {
  return gr_error(g->module->context, GRAFT_INVALID_ARGUMENT, gr_module_loc(g->module), "%s", message);
}

/* The use or value that a place is. */
static graft_status find_place(graft_graph *g, const graft_place *place, gr_spec_ref *out) {
  *out = gr_spec_place(g, *place);
  if (out->id != GRAFT_NONE) return GRAFT_OK;
  if (place->value != GRAFT_NONE) return refuse(g, "the graph has no such value");
  return refuse(g, gr_is_node(g, place->node) ? "the node has no such operand" : "the graph has no such node");
}

/* Data and weights are quantized; statistics, states and parameters are not. */
static bool is_quantizable(const graft_graph *g, const graft_place *place) {
  const gr_op_info *op = place->value == GRAFT_NONE ? gr_info(g, place->node) : NULL;
  if (!op || op->operand_count == 0) return true;
  uint32_t last = op->operand_count - 1u, slot = place->slot < last ? place->slot : last;
  return op->operands[slot].role == GR_DATA || op->operands[slot].role == GR_WEIGHT;
}

/* Attributes of the row, those given over its defaults, checked: the interned set. */
static graft_status make_attrs(graft_graph *g, uint32_t kind, const graft_spec *spec, const graft_type *type,
                               gr_loc where, uint32_t *set) {
  graft_module *m = g->module;
  const gr_op_info *info = gr_spec_info(kind);
  graft_attr attrs[GR_MAX_ATTRS];
  gr_loc places[GR_MAX_ATTRS];
  gr_attr_builder b;
  graft_status status = GRAFT_OK;
  gr_attrs_begin(&b, info);
  for (uint32_t i = 0; i < spec->attr_count && !status; i++) status = gr_attrs_set(m, &b, info, &spec->attrs[i], where);
  if (status) return status;
  for (uint32_t i = 0; i < info->attr_count; i++) {
    attrs[i] = b.items[i];
    attrs[i].name = info->attrs[i].name;
    places[i] = where;
    if (info->attrs[i].required && attrs[i].kind == GRAFT_ATTR_NONE)
      return gr_error(m->context, GRAFT_RULE, where, "a %s needs %s", info->name, attrs[i].name);
  }
  if (!gr_spec_check(m->context, kind, attrs, places)) return GRAFT_RULE;
  for (uint32_t i = 0; i < info->attr_count && !status; i++) status = gr_attrs_set(m, &b, info, &attrs[i], where);
  if (status) return status;
  const int axis = gr_op_attr_slot(info, "axis", 4);
  if (axis >= 0 && attrs[axis].kind == GRAFT_ATTR_INT && type->rank >= 0 &&
      (attrs[axis].as.i < -type->rank || attrs[axis].as.i >= type->rank))
    return gr_error(m->context, GRAFT_RULE, where, "the spec's axis is %jd, of %d", (intmax_t)attrs[axis].as.i,
                    type->rank);
  const uint32_t errors = gr_error_count(m->context);
  *set = gr_attrs_intern(m, &b, info, where);
  return *set == GRAFT_NONE ? gr_outcome(m->context, errors, GRAFT_RULE) : GRAFT_OK;
}

static graft_status find_kind(graft_graph *g, const graft_spec *spec, gr_loc where, uint32_t *kind) {
  graft_context *c = g->module->context;
  const char *name = spec->kind ? spec->kind : "";
  *kind = gr_spec_kind_find(name, strlen(name));
  if (*kind == GR_SPEC_KIND_COUNT) return gr_error(c, GRAFT_NAME, where, "there is no kind of spec '%s'", name);
  const bool refers = *kind == GR_SPEC_shared || *kind == GR_SPEC_derived;
  if ((spec->place_count > 0) == refers && (*kind != GR_SPEC_shared || spec->place_count == 1)) return GRAFT_OK;
  return gr_error(c, GRAFT_RULE, where, "shared takes one place, derived one or more, others none");
}

/* Of a spec whose arrays are there. */
static graft_status make_spec(graft_graph *g, const graft_spec *spec, const graft_type *type, gr_loc where,
                              uint32_t *id) {
  graft_module *m = g->module;
  uint32_t kind, attrs = 0;
  graft_status status = find_kind(g, spec, where, &kind);
  if (status) return status;
  const size_t size = gr_size3(spec->place_count + (size_t)1, sizeof(gr_spec_ref), 1);
  gr_spec_ref *refs = gr_alloc(m->context, size);
  if (!refs) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < spec->place_count && !status; i++) status = find_place(g, &spec->places[i], &refs[i]);
  if (!status) status = make_attrs(g, kind, spec, type, where, &attrs);
  if (!status && (*id = gr_spec_intern(m, kind, attrs, refs, spec->place_count)) == GRAFT_NONE)
    status = GRAFT_NO_MEMORY;
  gr_free(m->context, refs, size);
  return status;
}

static graft_status put(graft_graph *g, gr_spec_ref at, uint32_t spec, uint32_t origin) {
  const graft_status status = at.is_value ? gr_spec_set_value(g, at.id, spec) : gr_spec_set_use(g, at.id, spec);
  return status ? status : gr_spec_set_origin(g, at, origin);
}

static graft_status set(graft_graph *g, graft_place place, const graft_spec *given, bool replace) {
  graft_module *m = g->module;
  graft_context *c = m->context;
  graft_spec spec = {.kind = "spec"};
  gr_spec_ref at;
  graft_status status = gr_take_options(c, &spec, sizeof spec, given);
  if (!status) status = find_place(g, &place, &at);
  if (status) return status;
  const gr_loc where = place_loc(g, &at);
  if (!replace && gr_spec_at(g, at)) return gr_error(c, GRAFT_NAME, where, "this place is annotated already");
  if (!is_quantizable(g, &place))
    return gr_error(c, GRAFT_RULE, where, "only data and weights are quantized, not statistics, states or parameters");
  if ((spec.attr_count && !spec.attrs) || (spec.place_count && !spec.places))
    return refuse(g, "the spec's attributes or places are missing");
  for (uint32_t i = 0; i < spec.attr_count && !status; i++) status = gr_attr_given(m, NULL, &spec.attrs[i], where);
  if (status) return status;
  const graft_value v = at.is_value ? at.id : gr_use_at(g, at.id)->value;
  uint32_t id = 0;
  status = make_spec(g, &spec, gr_type_of(g, v), where, &id);
  if (status) return status;
  const uint32_t origin = spec.origin ? gr_intern(m, spec.origin, strlen(spec.origin)) : 0;
  if (origin == GRAFT_NONE) return GRAFT_NO_MEMORY;
  const gr_edit edit = gr_edit_begin(m);
  return gr_edit_end(m, edit, put(g, at, id, origin));
}

graft_status graft_annotate(graft_graph *g, graft_place place, const graft_spec *spec) {
  return GR_LIVE(g, GRAPH) ? set(g, place, spec, false) : GRAFT_INVALID_ARGUMENT;
}
graft_status graft_spec_set(graft_graph *g, graft_place place, const graft_spec *spec) {
  return GR_LIVE(g, GRAPH) ? set(g, place, spec, true) : GRAFT_INVALID_ARGUMENT;
}

graft_status graft_spec_remove(graft_graph *g, graft_place place) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  gr_spec_ref at;
  const graft_status status = find_place(g, &place, &at);
  if (status || !gr_spec_at(g, at)) return status;
  const gr_edit edit = gr_edit_begin(g->module);
  return gr_edit_end(g->module, edit, put(g, at, 0, 0));
}

graft_status graft_spec_clear(graft_graph *g) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  const gr_edit edit = gr_edit_begin(g->module);
  gr_spec_clear(g);
  return gr_edit_end(g->module, edit, GRAFT_OK);
}
