/* Layouts of values. A value is made in the layout of its kernel and stays in it: who reads it in another has it moved
 * by a reorder step, made once for each layout that somebody wants (of what is fixed, such as weights: in the
 * prologue). Elementwise ops have none of their own and run on whatever layout their operand has, as on a vector. What
 * leaves the graph, and all that knows C order only, gets C order. */
#include "runtime/plan_impl.h"

#include <string.h>

static void layout_info(gr_layout layout, graft_dtype dtype, gr_layout_info *info) {
  layout.of->backend->layout(layout.of->state, layout.id, dtype, info);
}

bool gr_layout_bytes(gr_layout layout, const graft_type *type, size_t *bytes) {
  if (!layout.of) return gr_type_bytes(type, bytes);
  gr_layout_info info;
  layout_info(layout, type->dtype, &info);
  *bytes = info.bytes;
  return true;
}

/* ---- reorders
 * ---------------------------------------------------------------------------------------------------------- */

/* A kernel that moves v from one layout to the other; none: *fast is empty. */
static graft_status find_reorder(gr_planner *p, graft_value v, gr_layout from, gr_layout to, gr_fast *fast) {
  const gr_opened *of = to.of ? to.of : from.of;
  *fast = (gr_fast){.backend = of};
  if (from.of && from.of != of) return GRAFT_OK;
  const uint32_t errors = gr_error_count(p->context);
  graft_status status =
      of->backend->reorder(of->state, &p->plan->slots[v].type, from.of ? from.id : 0, to.of ? to.id : 0, &fast->kernel);
  if (status == GRAFT_OK && gr_error_count(p->context) > errors) status = GRAFT_NO_MEMORY;
  return status;
}

static graft_status add_reorder(gr_planner *p, const gr_place_of *from, gr_place_of *to, gr_fast *fast) {
  gr_plan *plan = p->plan;
  const bool prologue = plan->storages.data[from->storage].fixed;
  gr_part *part = &p->parts[prologue];
  gr_storage s = {.place = GR_PLACE_ARENA, .fixed = prologue, .pending = p->reads[from->value]};
  const gr_plan_step step = {
      .node = p->node, .args = plan->args.len, .operand_count = 1, .result_count = 1, .fast = *fast, .reorder = true};
  (void)gr_layout_bytes(to->layout, &plan->slots[from->value].type, &s.size);
  graft_status status = gr_add_storage(p, s, &to->storage);
  if (status != GRAFT_OK) return status;
  gr_touch(p, from->storage, prologue);
  if (!gr_vec_reserve(p->context, &plan->args, 2u) || !gr_vec_reserve(p->context, &part->steps, 1u))
    return GRAFT_NO_MEMORY;
  plan->args.data[plan->args.len++] = *from;
  plan->args.data[plan->args.len++] = *to;
  const uint32_t at = part->steps.len;
  part->steps.data[part->steps.len++] = step;
  fast->kernel = NULL; /* the plan's now */
  const gr_plan_event event = {.node = p->node, .begin = at, .end = at + 1, .reorders_only = true};
  if (p->options->events && (!p->in_turn || prologue != p->prologue) && !gr_vec_push(p->context, &part->events, event))
    return GRAFT_NO_MEMORY;
  return GRAFT_OK;
}

static graft_status make_form(gr_planner *p, graft_value v, gr_layout layout, gr_place_of *place) {
  const gr_slot *slot = &p->plan->slots[v];
  gr_place_of from = *place, to = {.value = v, .layout = layout};
  gr_fast fast;
  graft_status status = find_reorder(p, v, from.layout, layout, &fast);
  if (status == GRAFT_OK && !fast.kernel && from.layout.of && layout.of) { /* through C order */
    status = gr_place_in(p, v, (gr_layout){0}, &from);
    if (status == GRAFT_OK) status = find_reorder(p, v, from.layout, layout, &fast);
  }
  if (status == GRAFT_OK && !fast.kernel) status = gr_planner_fail(p, GRAFT_RUN, "an operand cannot be reordered");
  if (status == GRAFT_OK) status = add_reorder(p, &from, &to, &fast);
  gr_fast_drop(&fast);
  if (status != GRAFT_OK) return status;
  *place = to;
  if (p->options->no_views && !p->plan->storages.data[to.storage].fixed) return GRAFT_OK; /* the value may be changed */
  const gr_form form = {.layout = layout, .storage = to.storage, .next = slot->forms};
  if (!gr_vec_push(p->context, &p->plan->forms, form)) return GRAFT_NO_MEMORY;
  p->plan->slots[v].forms = p->plan->forms.len - 1;
  return GRAFT_OK;
}

graft_status gr_place_in(gr_planner *p, graft_value v, gr_layout layout, gr_place_of *place) {
  const gr_slot *slot = &p->plan->slots[v];
  *place = (gr_place_of){.value = v, .storage = slot->storage, .offset = slot->offset, .layout = slot->layout};
  if (gr_layout_equal(slot->layout, layout)) return GRAFT_OK;
  for (uint32_t f = slot->forms; f != GRAFT_NONE; f = p->plan->forms.data[f].next) {
    const gr_form *form = &p->plan->forms.data[f];
    if (!gr_layout_equal(form->layout, layout)) continue;
    *place = (gr_place_of){.value = v, .storage = form->storage, .layout = layout};
    return GRAFT_OK;
  }
  return make_form(p, v, layout, place);
}

graft_status gr_results_to_c_order(gr_planner *p) {
  for (uint32_t i = 0; i < gr_node_at(p->graph, p->node)->result_count; i++) {
    const graft_value v = gr_result(p->graph, p->node, i);
    gr_slot *slot = v == GRAFT_NONE ? NULL : &p->plan->slots[v];
    if (!slot || slot->storage == GRAFT_NONE || !slot->layout.of) continue;
    gr_place_of place;
    const graft_status status = gr_place_in(p, v, (gr_layout){0}, &place);
    if (status != GRAFT_OK) return status;
    slot->storage = place.storage;
    slot->layout = place.layout;
    slot->forms = GRAFT_NONE;
  }
  return GRAFT_OK;
}

/* ---- elementwise ops
 * -------------------------------------------------------------------------------------------------------------- */

bool gr_is_elementwise(const gr_kernel_call *k) {
  const uint32_t families = gr_op_get(k->op)->families;
  if (families & (GR_F_Q | GR_F_DQ | GR_F_FAKE_QUANTIZE)) return !gr_quantizes_by_channel(k);
  return (families & GR_F_ELEMENTWISE) && !(families & GR_F_RANDOM);
}

static graft_type vector_of(graft_dtype dtype, int64_t elements) {
  return (graft_type){.dtype = dtype, .rank = 1, .dims = {elements}};
}

/* The call's operands as vectors, as far as they have the result's shape; what has one element is the same for all. */
static bool as_vectors(const gr_kernel_call *k, int64_t elements, graft_type *types, gr_in *in) {
  for (uint32_t i = 0; i < k->operand_count; i++) {
    const graft_type *t = k->operands[i].type;
    in[i] = (gr_in){0};
    if (!t) continue;
    if (!gr_same_shape(t, k->results[0].type) && k->operands[i].count != 1) return false;
    const bool whole = gr_same_shape(t, k->results[0].type);
    types[i] = whole || t->rank > 0 ? vector_of(t->dtype, whole ? elements : 1) : *t;
    in[i] = (gr_in){.type = &types[i], .count = whole ? elements : 1};
  }
  return true;
}

/* Does inference agree that this gives a vector of the result's dtype? */
static bool gives_a_vector(const gr_kernel_call *k, const gr_in *in, int64_t elements) {
  const graft_type *types[GR_MAX_OPERANDS];
  graft_type y;
  char message[160];
  for (uint32_t i = 0; i < k->operand_count; i++) types[i] = in[i].type;
  gr_infer infer = {.module = k->module,
                    .op = k->op,
                    .attrs = k->attrs,
                    .operands = types,
                    .operand_count = k->operand_count,
                    .results = &y,
                    .result_count = 1,
                    .error = message};
  const graft_type want = vector_of(k->results[0].type->dtype, elements);
  return gr_infer_types(&infer) && gr_type_equal(&y, &want);
}

/* Padding is 0, and has to stay so: is the op of zeros 0? It is tried. */
static bool keeps_zeros(const gr_kernel_call *k, const gr_kernel_info *info) {
  static const char zeros[16];
  char y[16] = {1};
  graft_type types[GR_MAX_OPERANDS], type = vector_of(k->results[0].type->dtype, 1);
  gr_in in[GR_MAX_OPERANDS] = {{0}};
  gr_out out[GR_MAX_RESULTS] = {{.type = &type, .data = y, .count = 1}};
  if (type.dtype != GRAFT_F32 || !as_vectors(k, 1, types, in)) return false;
  for (uint32_t i = 0; i < k->operand_count; i++) {
    if (!in[i].type) continue;
    if (in[i].type->dtype != GRAFT_F32 || !gr_same_shape(k->operands[i].type, k->results[0].type)) return false;
    in[i].data = zeros;
  }
  gr_kernel_call call = *k;
  call.operands = in;
  call.results = out;
  const bool zero = info->run(&call) == GRAFT_OK && *(const float *)(const void *)y == 0;
  return zero;
}

/* The plain kernel runs on the elements as they lie, in the layout of the first operand that has one. */
static bool runs_on_vectors(const gr_planner *p, const gr_kernel_info *info, const gr_kernel_call *k, gr_way *way) {
  gr_layout layout = {0};
  if (k->operand_count > GR_MAX_OPERANDS || k->result_count != 1 || !gr_is_elementwise(k)) return false;
  for (uint32_t i = 0; i < k->operand_count && !layout.of; i++)
    if (k->operands[i].type && gr_same_shape(k->operands[i].type, k->results[0].type)) layout = p->layouts.data[i];
  if (!layout.of) return false;
  gr_layout_info laid;
  graft_type types[GR_MAX_OPERANDS];
  gr_in in[GR_MAX_OPERANDS];
  layout_info(layout, k->results[0].type->dtype, &laid);
  if (laid.elements == 0 || !as_vectors(k, laid.elements, types, in) || !gives_a_vector(k, in, laid.elements))
    return false;
  if (laid.padded && !keeps_zeros(k, info)) return false;
  for (uint32_t i = 0; i < k->operand_count; i++)
    p->layouts.data[i] =
        k->operands[i].type && gr_same_shape(k->operands[i].type, k->results[0].type) ? layout : (gr_layout){0};
  p->layouts.data[k->operand_count] = layout;
  way->elements = laid.elements;
  return true;
}

/* ---- the choice
 * -------------------------------------------------------------------------------------------------------------- */

graft_status gr_choose_way(gr_planner *p, const gr_kernel_info *info, const gr_kernel_call *call, gr_way *way) {
  const uint32_t count = call->operand_count + call->result_count;
  *way = (gr_way){.last = p->node};
  p->layouts.len = 0;
  if (!gr_vec_reserve(p->context, &p->layouts, count + 1u)) return GRAFT_NO_MEMORY;
  memset(p->layouts.data, 0, count * sizeof *p->layouts.data);
  if (!info || p->late || gr_kernel_for(info, call) != info->run) return GRAFT_OK;
  gr_followers after;
  uint32_t fixed = 0, taken = 0;
  for (uint32_t i = 0; i < call->operand_count; i++) {
    const graft_value v = gr_operand(p->graph, p->node, i);
    if (v == GRAFT_NONE) continue;
    const gr_slot *slot = &p->plan->slots[v];
    p->layouts.data[i] = slot->layout;
    if (i < 32 && p->plan->storages.data[slot->storage].fixed) fixed |= 1u << i;
  }
  gr_find_followers(p, call, &after);
  const gr_request request = {.fixed = fixed, .after = after.calls, .after_count = after.count};
  const graft_status status = gr_backends_prepare(&p->plan->backends, call, &request, p->layouts.data,
                                                  p->layouts.data + call->operand_count, &way->fast, &taken);
  if (status == GRAFT_OK && taken) gr_fuse(p, &after, taken, way);
  if (status == GRAFT_OK && !way->fast.kernel && !runs_on_vectors(p, info, call, way))
    memset(p->layouts.data, 0, count * sizeof *p->layouts.data);
  return status;
}
