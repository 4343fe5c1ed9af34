/* Where the values of a plan lie: which results are views of operands or may overwrite them, which get memory of their
 * own, how long each is read, and what leaves the graph. */
#include "runtime/plan_impl.h"

#include <string.h>

/* ---- storages
 * ----------------------------------------------------------------------------------------------------------- */

static bool use_counts(const gr_planner *p, const gr_use *u) { return !gr_user_is_node(u->user) || p->needed[u->user]; }

uint32_t gr_count_reads(const gr_planner *p, graft_value v) {
  uint32_t reads = 0;
  for (uint32_t u = gr_value_at(p->graph, v)->first_use; u != GRAFT_NONE; u = gr_use_at(p->graph, u)->next) {
    if (!gr_user_is_node(gr_use_at(p->graph, u)->user)) return GR_FOREVER;
    reads += use_counts(p, gr_use_at(p->graph, u));
  }
  return reads;
}

/* An operand of which a kernel sees the type alone (`like`) need not be there any more, where no hook is told of it. */
static bool reads_data(const gr_planner *p, graft_node n, uint32_t slot, const gr_storage *s) {
  const gr_op_info *info = gr_info(p->graph, n);
  return !info || slot >= info->operand_count || info->operands[slot].role != GR_LIKE || p->options->events ||
         s->place == GR_PLACE_LATE;
}

/* Of its elements, by nodes that are needed. */
static uint32_t count_data_reads(const gr_planner *p, graft_value v, const gr_storage *s) {
  uint32_t reads = 0;
  for (uint32_t u = gr_value_at(p->graph, v)->first_use; u != GRAFT_NONE; u = gr_use_at(p->graph, u)->next) {
    const uint32_t user = gr_use_at(p->graph, u)->user;
    if (!gr_user_is_node(user)) return GR_FOREVER;
    reads += p->needed[user] && reads_data(p, user, gr_use_slot(p->graph, u), s);
  }
  return reads;
}

graft_status gr_add_storage(gr_planner *p, gr_storage s, uint32_t *id) {
  *id = p->plan->storages.len;
  s.first = s.last = p->parts[s.fixed].steps.len;
  return gr_vec_push(p->context, &p->plan->storages, s) ? GRAFT_OK : GRAFT_NO_MEMORY;
}

static void add_reads(gr_storage *s, uint32_t reads) {
  s->pending = reads == GR_FOREVER || s->pending >= GR_FOREVER ? GR_FOREVER : s->pending + reads;
}

void gr_place_value(gr_planner *p, graft_value v, uint32_t storage, size_t offset, gr_layout layout,
                    const graft_type *type) {
  p->plan->slots[v] =
      (gr_slot){.storage = storage, .offset = offset, .type = *type, .layout = layout, .forms = GRAFT_NONE};
  p->reads[v] = count_data_reads(p, v, &p->plan->storages.data[storage]);
  add_reads(&p->plan->storages.data[storage], p->reads[v]);
}

graft_status gr_place_outside(gr_planner *p) {
  const graft_graph *g = p->graph;
  for (graft_value v = 0; v < g->values.len; v++) {
    const gr_value *value = gr_value_at(g, v);
    if ((value->def_kind != GR_DEF_INPUT && value->def_kind != GR_DEF_TENSOR) || gr_count_reads(p, v) == 0) continue;
    bool input = value->def_kind == GR_DEF_INPUT;
    const graft_type *type = input ? &p->options->input_types[value->def] : gr_tensor_type(g->module, value->def);
    gr_storage s = {.place = input ? GR_PLACE_INPUT : GR_PLACE_TENSOR, .id = value->def};
    s.fixed = !input && !gr_plan_updates(p, value->def);
    uint32_t id;
    if (!gr_type_bytes(type, &s.size))
      return gr_error(p->context, GRAFT_RUN, gr_value_loc(p->graph, v), "its type is not concrete");
    graft_status status = gr_add_storage(p, s, &id);
    if (status != GRAFT_OK) return status;
    gr_place_value(p, v, id, 0, (gr_layout){0}, type);
  }
  return GRAFT_OK;
}

void gr_touch(gr_planner *p, uint32_t storage, bool prologue) {
  gr_storage *s = &p->plan->storages.data[storage];
  if (s->fixed && !prologue)
    s->kept = true;
  else
    s->last = p->parts[prologue].steps.len;
}

bool gr_place_is_read(const gr_planner *p, uint32_t slot, uint32_t storage) {
  return reads_data(p, p->node, slot, &p->plan->storages.data[storage]);
}

/* A read of a value may have been through any of its forms; none is needed when there is no other to come. */
void gr_end_reads(gr_planner *p) {
  const gr_node *node = gr_node_at(p->graph, p->node);
  for (uint32_t i = 0; i < node->operand_count; i++) {
    graft_value v = gr_operand(p->graph, p->node, i);
    if (v == GRAFT_NONE) continue;
    gr_storage *s = &p->plan->storages.data[p->plan->slots[v].storage];
    if (!reads_data(p, p->node, i, s)) continue;
    if (p->reads[v] < GR_FOREVER) p->reads[v]--;
    if (s->pending < GR_FOREVER) s->pending--;
    for (uint32_t f = p->plan->slots[v].forms; f != GRAFT_NONE; f = p->plan->forms.data[f].next) {
      s = &p->plan->storages.data[p->plan->forms.data[f].storage];
      if (s->pending < GR_FOREVER) s->pending--;
    }
  }
}

/* ---- results
 * ------------------------------------------------------------------------------------------------------------- */

/* The storage of operand `slot` when a result may overwrite it: all its reads left are this node's, through slots that
 * the kernel reads element by element in step with the result. */
static uint32_t dying_storage(const gr_planner *p, uint32_t slot, uint32_t mask, const gr_place_of *result,
                              const graft_type *type, size_t bytes) {
  const gr_node *node = gr_node_at(p->graph, p->node);
  if (slot >= node->operand_count || p->places.data[slot].value == GRAFT_NONE) return GRAFT_NONE;
  uint32_t id = p->places.data[slot].storage, reads = 0;
  const gr_storage *s = &p->plan->storages.data[id];
  if (s->place != GR_PLACE_ARENA || s->size != bytes || (s->fixed && !p->prologue)) return GRAFT_NONE;
  for (uint32_t i = 0; i < node->operand_count; i++) {
    const gr_place_of *other = &p->places.data[i];
    if (other->value == GRAFT_NONE || other->storage != id || !reads_data(p, p->node, i, s)) continue;
    if (i >= 8 || !(mask >> i & 1u) || other->offset != 0 || !gr_layout_equal(other->layout, result->layout) ||
        !gr_type_equal(&p->plan->slots[other->value].type, type))
      return GRAFT_NONE;
    reads++;
  }
  return s->pending == reads ? id : GRAFT_NONE;
}

graft_status gr_place_aliases(gr_planner *p, const gr_kernel_info *info, const gr_kernel_call *call, bool *done) {
  *done = false;
  if (!info->alias || p->options->no_reuse || p->options->no_views) return GRAFT_OK;
  uint32_t operand;
  for (uint32_t i = 0; i < call->result_count; i++)
    if (call->results[i].type && info->alias(call, i, &operand) < 0) return GRAFT_OK;
  for (uint32_t i = 0; i < call->result_count; i++) {
    if (!call->results[i].type) continue;
    size_t offset = (size_t)info->alias(call, i, &operand);
    gr_place_of from;
    graft_status status = gr_place_in(p, gr_operand(p->graph, p->node, operand), (gr_layout){0}, &from);
    if (status != GRAFT_OK) return status;
    gr_place_value(p, gr_result(p->graph, p->node, i), from.storage, from.offset + offset, (gr_layout){0},
                   &p->results.data[i]);
  }
  *done = true;
  return GRAFT_OK;
}

graft_status gr_place_results(gr_planner *p, const gr_kernel_info *info, const gr_kernel_call *call,
                              const gr_way *way) {
  uint32_t taken[GR_MAX_RESULTS];
  for (uint32_t i = 0; i < GR_MAX_RESULTS; i++) taken[i] = GRAFT_NONE;
  for (uint32_t i = 0; i < call->result_count; i++) {
    gr_place_of place = {
        .value = GRAFT_NONE, .storage = GRAFT_NONE, .layout = p->layouts.data[call->operand_count + i]};
    if (call->results[i].type) {
      const graft_type *type = &p->results.data[i];
      gr_storage s = {.place = GR_PLACE_ARENA, .fixed = p->prologue};
      if (!gr_layout_bytes(place.layout, type, &s.size)) s.place = GR_PLACE_LATE;
      const bool reuse = info && i < GR_MAX_RESULTS && !p->options->no_reuse && !p->late;
      uint32_t mask = reuse ? info->reuse[i] : 0, id = GRAFT_NONE;
      for (uint32_t slot = 0; mask >> slot && id == GRAFT_NONE; slot++) {
        if (mask >> slot & 1u) id = dying_storage(p, slot, mask, &place, type, s.size);
        for (uint32_t j = 0; j < i && j < GR_MAX_RESULTS; j++)
          if (id == taken[j]) id = GRAFT_NONE;
      }
      const uint32_t tensor = reuse ? gr_landing_storage(p, info, i) : GRAFT_NONE;
      if (tensor != GRAFT_NONE) {
        id = tensor;
        if (!gr_vec_push(p->context, &p->plan->landed, p->plan->storages.data[id].id)) return GRAFT_NO_MEMORY;
      } else if (id == GRAFT_NONE) {
        graft_status status = gr_add_storage(p, s, &id);
        if (status != GRAFT_OK) return status;
      } else {
        taken[i] = id;
      }
      place.value = gr_result(p->graph, i == 0 ? way->last : p->node, i);
      place.storage = id;
      place.elements = way->elements;
      gr_place_value(p, place.value, id, 0, place.layout, type);
    }
    if (!gr_vec_push(p->context, &p->places, place)) return GRAFT_NO_MEMORY;
  }
  return GRAFT_OK;
}

/* ---- the ends
 * -------------------------------------------------------------------------------------------------------------- */

/* The value in C order, behind the last step. */
static graft_status at_the_end(gr_planner *p, graft_value v, gr_place_of *place) {
  const gr_value *value = gr_value_at(p->graph, v);
  if (value->def_kind == GR_DEF_NODE) p->node = value->def;
  graft_status status = gr_place_in(p, v, (gr_layout){0}, place);
  if (status == GRAFT_OK) p->plan->storages.data[place->storage].kept = true;
  return status;
}

/* The value lies in a copy from the last step on. */
static graft_status move_to_copy(gr_planner *p, gr_place_of *place) {
  gr_storage s = {.place = GR_PLACE_ARENA, .kept = true};
  gr_copy copy = {.from = place->storage, .offset = place->offset};
  (void)gr_type_bytes(&p->plan->slots[place->value].type, &s.size);
  graft_status status = gr_add_storage(p, s, &copy.to);
  if (status != GRAFT_OK) return status;
  place->storage = copy.to;
  place->offset = 0;
  return gr_vec_push(p->context, &p->plan->copies, copy) ? GRAFT_OK : GRAFT_NO_MEMORY;
}

/* Outputs never share memory with what the caller or an update may change. */
static graft_status place_outputs(gr_planner *p) {
  const graft_graph *g = p->graph;
  for (uint32_t i = 0; i < g->outputs.len; i++) {
    gr_place_of place;
    graft_status status = at_the_end(p, gr_use_at(g, g->outputs.data[i].use)->value, &place);
    if (status != GRAFT_OK) return status;
    const gr_place where = p->plan->storages.data[place.storage].place;
    if (where == GR_PLACE_INPUT || where == GR_PLACE_TENSOR) status = move_to_copy(p, &place);
    const gr_returned output = {place.value, place.storage, place.offset};
    if (status != GRAFT_OK) return status;
    if (!gr_vec_push(p->context, &p->plan->outputs, output)) return GRAFT_NO_MEMORY;
  }
  return GRAFT_OK;
}

/* Updates read what was there before all of them: one from another updated tensor goes through a copy. */
static graft_status place_updates(gr_planner *p) {
  const graft_graph *g = p->graph;
  for (uint32_t i = 0; i < g->updates.len; i++) {
    graft_tensor t = g->updates.data[i].tensor;
    if (t == GRAFT_NONE) continue;
    gr_place_of place;
    graft_status status = at_the_end(p, gr_use_at(g, g->updates.data[i].use)->value, &place);
    if (status != GRAFT_OK) return status;
    if (!gr_type_equal(&p->plan->slots[place.value].type, gr_tensor_type(g->module, t))) {
      char name[128];
      graft_tensor_name(g->module, t, name, sizeof name);
      return gr_error(p->context, GRAFT_TYPE, (gr_loc){.node = name}, "an update of another type than the tensor's");
    }
    const gr_storage *s = &p->plan->storages.data[place.storage];
    if (s->place == GR_PLACE_TENSOR && s->id == t) continue; /* a tensor that stays as it is */
    if (s->place == GR_PLACE_TENSOR && gr_plan_updates(p, s->id)) status = move_to_copy(p, &place);
    gr_store store = {.tensor = t, .storage = place.storage, .offset = place.offset};
    if (status != GRAFT_OK) return status;
    if (!gr_vec_push(p->context, &p->plan->stores, store)) return GRAFT_NO_MEMORY;
  }
  return GRAFT_OK;
}

graft_status gr_place_ends(gr_planner *p) {
  graft_status status = place_outputs(p);
  return status == GRAFT_OK ? place_updates(p) : status;
}

graft_status gr_join_parts(gr_planner *p) {
  gr_plan *plan = p->plan;
  gr_part *first = &p->parts[true], *then = &p->parts[false];
  if (!gr_vec_reserve(p->context, &plan->steps, first->steps.len + then->steps.len + 1u) ||
      !gr_vec_reserve(p->context, &plan->events, first->events.len + then->events.len + 1u))
    return GRAFT_NO_MEMORY;
  plan->prologue = first->steps.len;
  plan->landing = first->steps.len + (p->in_landing ? plan->landing : then->steps.len);
  plan->packs_only = true;
  for (uint32_t i = 0; i < first->steps.len; i++) {
    const gr_plan_step *step = &first->steps.data[i];
    const uint32_t from = step->reorder ? plan->args.data[step->args].storage : GRAFT_NONE;
    if (from == GRAFT_NONE || plan->storages.data[from].place != GR_PLACE_TENSOR) plan->packs_only = false;
  }
  plan->prologue_events = first->events.len;
  for (int part = 1; part >= 0; part--) {
    for (uint32_t i = 0; i < p->parts[part].steps.len; i++)
      plan->steps.data[plan->steps.len++] = p->parts[part].steps.data[i];
    p->parts[part].steps.len = 0; /* their kernels are the plan's now */
    for (uint32_t i = 0; i < p->parts[part].events.len; i++) {
      gr_plan_event e = p->parts[part].events.data[i];
      if (!part) e.begin += plan->prologue, e.end += plan->prologue;
      plan->events.data[plan->events.len++] = e;
    }
  }
  for (uint32_t i = 0; i < plan->storages.len; i++) {
    gr_storage *s = &plan->storages.data[i];
    if (!s->fixed) s->first += plan->prologue, s->last += plan->prologue;
    if (s->kept) s->last = plan->steps.len;
  }
  return GRAFT_OK;
}
