/* Makes a session's plan in two walks over the nodes in order: first those that depend on nothing but tensors that the
 * graph does not update (weights being dequantized, say), the prologue, which runs when one of them changes; then the
 * others. For each node that something needs: its concrete types (embedders' kernels are asked for theirs), then for
 * each result one of
 *
 * - known: small integers that follow from shapes and constants are computed now, since other shapes depend on them;
 * - alias: the same bytes as an operand's (views);
 * - reuse: the kernel may overwrite an operand that nobody reads any more;
 * - a storage of its own in the arena, from this step to the last one that reads it;
 * - late: how large it is depends on data, so it gets its type and memory when the step runs (late.c). What is
 *   computed from it is planned as far as its type is known now, and checked then.
 *
 * Reads are counted down in gr_storage.pending, so at each node it is known which operands die there. How a step runs,
 * and in which layouts it wants and makes values, is found by layouts.c. */
#include "runtime/plan_impl.h"

#include <string.h>

#define KNOWN_MAX 64 /* elements of a value computed beforehand */
#define GROWTH_MAX 8 /* times its operands' bytes that a result of the prologue may take, being kept */
bool gr_type_bytes(const graft_type *t, size_t *bytes) {
  if (t->rank < 0 || t->rank > GRAFT_MAX_RANK || (unsigned)t->dtype >= GRAFT_DTYPE_COUNT || !gr_type_fits(t))
    return false;
  int64_t n = graft_type_elements(t);
  size_t size = graft_dtype_size(t->dtype);
  if (n < 0 || size == 0 || (uint64_t)n > PTRDIFF_MAX / size) return false;
  *bytes = (size_t)n * size;
  return true;
}

graft_status gr_planner_fail(gr_planner *p, graft_status code, const char *message) {
  return gr_error(p->context, code, gr_node_loc(p->graph, p->node), "%s: %s",
                  gr_op_text(p->graph->module, gr_node_at(p->graph, p->node)->op), message);
}

/* ---- which nodes run
 * -------------------------------------------------------------------------------------------------- */

static bool use_counts(const gr_planner *p, const gr_use *u) { return !gr_user_is_node(u->user) || p->needed[u->user]; }

/* Backward: a node is needed when an output, an update or a needed node reads it; an opaque one always. */
static void mark_needed(gr_planner *p) {
  const graft_graph *g = p->graph;
  for (graft_node n = g->last; n != GRAFT_NONE; n = gr_node_at(g, n)->prev) {
    const gr_node *node = gr_node_at(g, n);
    p->needed[n] = node->op >= GR_OP_COUNT;
    for (uint32_t i = 0; i < node->result_count && !p->needed[n]; i++) {
      uint32_t u = gr_value_at(g, node->first_result + i)->first_use;
      for (; u != GRAFT_NONE && !p->needed[n]; u = gr_use_at(g, u)->next) p->needed[n] = use_counts(p, gr_use_at(g, u));
    }
  }
}

/* ---- types
 * -------------------------------------------------------------------------------------------------------------- */

/* Data of a value that the plan may depend on. */
static const void *known_data(const gr_planner *p, graft_value v) {
  const gr_slot *slot = &p->plan->slots[v];
  if (slot->storage == GRAFT_NONE) return NULL;
  gr_storage *s = &p->plan->storages.data[slot->storage];
  if (s->place == GR_PLACE_KNOWN) return p->plan->known.data + s->offset + slot->offset;
  graft_module *m = p->graph->module;
  if (s->place != GR_PLACE_TENSOR || m->tensors.data[s->id].kind != GRAFT_CONSTANT || gr_plan_updates(p, s->id))
    return NULL;
  const char *data = graft_tensor_get_data(m, s->id);
  if (data && !s->shapes) { /* which must not change from here on */
    s->shapes = m->tensors.data[s->id].version;
    s->hash = gr_hash_bytes(data, s->size);
  }
  return data ? data + slot->offset : NULL;
}

static const int64_t *constant(void *user, uint32_t operand, uint32_t *count) {
  const gr_planner *p = user;
  graft_value v = gr_operand(p->graph, p->node, operand);
  if (v == GRAFT_NONE || p->plan->slots[v].type.dtype != GRAFT_I64) return NULL;
  int64_t n = graft_type_elements(&p->plan->slots[v].type);
  if (n < 0 || n > UINT32_MAX) return NULL;
  *count = (uint32_t)n;
  return known_data(p, v);
}

static const graft_kernel *find_opaque(const gr_planner *p, const char *op) {
  for (uint32_t i = 0; i < p->options->kernel_count; i++)
    if (strcmp(p->options->kernels[i].op, op) == 0) return &p->options->kernels[i];
  return NULL;
}

static bool is_control(uint32_t op) { return op < GR_OP_COUNT && gr_op_get(op)->families & GR_F_CONTROL; }

/* Types of the node's results into p->results, concrete but where they depend on data. */
static graft_status infer(gr_planner *p, const graft_kernel *opaque) {
  const gr_node *node = gr_node_at(p->graph, p->node);
  p->types.len = p->results.len = 0;
  p->late = is_control(node->op); /* what its graphs give is known when they have run */
  if (!gr_vec_reserve(p->context, &p->types, node->operand_count) ||
      !gr_vec_reserve(p->context, &p->results, node->result_count))
    return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < node->operand_count; i++) {
    graft_value v = gr_operand(p->graph, p->node, i);
    p->types.data[p->types.len++] = v == GRAFT_NONE ? NULL : &p->plan->slots[v].type;
    if (v != GRAFT_NONE && p->plan->storages.data[p->plan->slots[v].storage].place == GR_PLACE_LATE) p->late = true;
  }
  graft_status status = GRAFT_OK;
  if (opaque) {
    const graft_kernel unasked = {.op = opaque->op}; /* its operands' types are not known yet */
    status =
        gr_opaque_types(p->context, p->graph, p->node, p->late ? &unasked : opaque, p->types.data, p->results.data);
  } else {
    char message[160] = "";
    gr_infer in = {.module = p->graph->module,
                   .op = node->op,
                   .attrs = node->attrs,
                   .operands = p->types.data,
                   .operand_count = node->operand_count,
                   .constant = constant,
                   .user = p,
                   .results = p->results.data,
                   .result_count = node->result_count,
                   .error = message};
    if (!gr_infer_types(&in)) status = gr_planner_fail(p, GRAFT_TYPE, message);
  }
  for (uint32_t i = 0; status == GRAFT_OK && i < node->result_count; i++) {
    const graft_type *t = &p->results.data[i];
    size_t bytes;
    if (gr_result(p->graph, p->node, i) == GRAFT_NONE || gr_type_bytes(t, &bytes)) continue;
    if (graft_type_elements(t) >= 0 || (t->dtype == GRAFT_UNKNOWN && !p->late))
      status = gr_planner_fail(p, GRAFT_RUN, "a result is too large or of unknown dtype");
    p->late = true;
  }
  return status;
}

/* ---- one node
 * ------------------------------------------------------------------------------------------------------------ */

/* A result that nobody reads and that the op may leave out is not computed. */
static bool wanted(const gr_planner *p, graft_node n, uint32_t i) {
  graft_value v = gr_result(p->graph, n, i);
  if (v == GRAFT_NONE) return false;
  const gr_op_info *info = gr_op_get(gr_node_at(p->graph, n)->op);
  if (!info || i >= info->result_count || !info->results[i].optional) return true;
  return gr_count_reads(p, v) > 0;
}

/* The call of the node at hand, data left out. */
static graft_status describe(gr_planner *p, gr_kernel_call *call) {
  const gr_node *node = gr_node_at(p->graph, p->node);
  uint32_t ins = node->operand_count > GR_MAX_OPERANDS ? node->operand_count : GR_MAX_OPERANDS;
  uint32_t outs = node->result_count > GR_MAX_RESULTS ? node->result_count : GR_MAX_RESULTS;
  p->in.len = p->out.len = 0;
  if (!gr_vec_reserve(p->context, &p->in, ins) || !gr_vec_reserve(p->context, &p->out, outs)) return GRAFT_NO_MEMORY;
  memset(p->in.data, 0, ins * sizeof *p->in.data);
  memset(p->out.data, 0, outs * sizeof *p->out.data);
  for (uint32_t i = 0; i < node->operand_count; i++)
    if (p->types.data[i])
      p->in.data[i] = (gr_in){.type = p->types.data[i], .count = graft_type_elements(p->types.data[i])};
  for (uint32_t i = 0; i < node->result_count; i++)
    if (wanted(p, p->node, i))
      p->out.data[i] = (gr_out){.type = &p->results.data[i], .count = graft_type_elements(&p->results.data[i])};
  *call = (gr_kernel_call){.context = p->context,
                           .module = p->graph->module,
                           .op = node->op,
                           .attrs = node->attrs,
                           .operands = p->in.data,
                           .operand_count = node->operand_count,
                           .results = p->out.data,
                           .result_count = node->result_count,
                           .scratch = p->scratch,
                           .graph = p->graph,
                           .node = p->node};
  return GRAFT_OK;
}

static bool can_know(const gr_planner *p, const gr_kernel_call *call) {
  const gr_op_info *info = gr_op_get(call->op);
  if (!info || !(gr_node_may(p->graph, p->node) & GR_MAY_PRECOMPUTE) || call->result_count > GR_MAX_RESULTS)
    return false;
  for (uint32_t i = 0; i < call->result_count; i++) {
    const gr_out *r = &call->results[i];
    if (r->type && (r->count > KNOWN_MAX ||
                    (r->type->dtype != GRAFT_I64 && r->type->dtype != GRAFT_I32 && r->type->dtype != GRAFT_BOOL)))
      return false;
  }
  for (uint32_t i = 0; i < call->operand_count; i++) {
    graft_value v = gr_operand(p->graph, p->node, i);
    bool shape_only = i < info->operand_count && info->operands[i].role == GR_LIKE;
    if (v != GRAFT_NONE && !shape_only && (call->operands[i].count > KNOWN_MAX || !known_data(p, v))) return false;
  }
  return true;
}

/* Runs the kernel now; its results become part of the plan. */
static graft_status compute_known(gr_planner *p, gr_kernel kernel, gr_kernel_call *call) {
  gr_plan *plan = p->plan;
  size_t offsets[GR_MAX_RESULTS] = {0};
  for (uint32_t i = 0; i < call->result_count; i++) {
    if (!p->out.data[i].type) continue;
    if (plan->known.len > UINT32_MAX / 2) return gr_no_memory(p->context);
    if (!gr_vec_reserve(p->context, &plan->known, KNOWN_MAX * 8u + 8u)) return GRAFT_NO_MEMORY;
    offsets[i] = plan->known.len; /* a multiple of 8 */
    plan->known.len += (uint32_t)p->out.data[i].count * 8u + 8u;
  }
  /* Pointers only now: the array may have moved. */
  for (uint32_t i = 0; i < call->operand_count; i++) {
    graft_value v = gr_operand(p->graph, p->node, i);
    if (v != GRAFT_NONE) p->in.data[i].data = known_data(p, v);
  }
  for (uint32_t i = 0; i < call->result_count; i++)
    if (p->out.data[i].type) p->out.data[i].data = plan->known.data + offsets[i];
  graft_status status = kernel(call);
  gr_scratch_reset(p->scratch);
  for (uint32_t i = 0; status == GRAFT_OK && i < call->result_count; i++) {
    if (!p->out.data[i].type) continue;
    uint32_t id;
    gr_storage s = {.place = GR_PLACE_KNOWN, .offset = offsets[i], .fixed = true};
    (void)gr_type_bytes(&p->results.data[i], &s.size);
    status = gr_add_storage(p, s, &id);
    if (status == GRAFT_OK)
      gr_place_value(p, gr_result(p->graph, p->node, i), id, 0, (gr_layout){0}, &p->results.data[i]);
  }
  return status;
}

static graft_status place_operands(gr_planner *p, const gr_way *way) {
  p->places.len = 0;
  for (uint32_t i = 0; i < gr_node_at(p->graph, p->node)->operand_count; i++) {
    const graft_value v = gr_operand(p->graph, p->node, i);
    gr_place_of place = {.value = GRAFT_NONE, .storage = GRAFT_NONE};
    const gr_slot *slot = v == GRAFT_NONE ? NULL : &p->plan->slots[v];
    graft_status status = GRAFT_OK;
    if (slot && gr_place_is_read(p, i, slot->storage))
      status = gr_place_in(p, v, p->layouts.data[i], &place);
    else if (slot)
      place = (gr_place_of){.value = v, .storage = slot->storage, .offset = slot->offset, .layout = slot->layout};
    if (status != GRAFT_OK) return status;
    if (slot && way->elements) place.elements = place.layout.of ? way->elements : slot->type.rank > 0;
    if (!gr_vec_push(p->context, &p->places, place)) return GRAFT_NO_MEMORY;
  }
  return GRAFT_OK;
}

/* The step, whose operands and results have places. */
static graft_status add_step(gr_planner *p, const gr_kernel_info *info, const graft_kernel *opaque,
                             const gr_kernel_call *call, gr_way *way) {
  gr_plan *plan = p->plan;
  gr_part *part = &p->parts[p->prologue];
  const gr_op_info *op = gr_op_get(call->op);
  gr_plan_step step = {.node = p->node,
                       .args = plan->args.len,
                       .operand_count = call->operand_count,
                       .result_count = call->result_count,
                       .run = info ? gr_kernel_for(info, call) : NULL,
                       .opaque = opaque,
                       .fast = way->fast,
                       .late = p->late};
  if (op && (op->families & (GR_F_RANDOM | GR_F_CONTROL))) step.random = ++p->random;
  if (call->operand_count > plan->max_in) plan->max_in = call->operand_count;
  if (call->result_count > plan->max_out) plan->max_out = call->result_count;
  for (uint32_t i = 0; i < call->operand_count; i++)
    if (p->places.data[i].storage != GRAFT_NONE && gr_place_is_read(p, i, p->places.data[i].storage))
      gr_touch(p, p->places.data[i].storage, p->prologue);
  if (!gr_vec_reserve(p->context, &plan->args, p->places.len) || !gr_vec_reserve(p->context, &part->steps, 1u))
    return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < p->places.len; i++) plan->args.data[plan->args.len++] = p->places.data[i];
  if (is_control(call->op) && !(step.control = gr_control_create(p->context))) return GRAFT_NO_MEMORY;
  part->steps.data[part->steps.len++] = step;
  way->fast = (gr_fast){0}; /* the plan's now */
  return GRAFT_OK;
}

static graft_status plan_step(gr_planner *p, const gr_kernel_info *info, const graft_kernel *opaque,
                              const gr_kernel_call *call) {
  gr_way way;
  graft_status status = gr_choose_way(p, info, call, &way);
  if (status == GRAFT_OK) status = place_operands(p, &way);
  if (status == GRAFT_OK) status = gr_place_results(p, info, call, &way);
  if (status == GRAFT_OK) {
    gr_end_reads(p);
    status = add_step(p, info, opaque, call, &way);
  }
  gr_fast_drop(&way.fast);
  return status == GRAFT_OK && p->options->c_order ? gr_results_to_c_order(p) : status;
}

/* In the prologue: all operands are fixed … */
static bool all_fixed(const gr_planner *p) {
  const gr_node *node = gr_node_at(p->graph, p->node);
  uint32_t present = 0;
  if (!gr_info(p->graph, p->node) || !(gr_node_may(p->graph, p->node) & GR_MAY_PRECOMPUTE)) return false;
  for (uint32_t i = 0; i < node->operand_count; i++) {
    graft_value v = gr_operand(p->graph, p->node, i);
    if (v == GRAFT_NONE) continue;
    uint32_t storage = p->plan->slots[v].storage;
    if (storage == GRAFT_NONE || !p->plan->storages.data[storage].fixed) return false;
    present++;
  }
  return present > 0;
}

/* … and keeping the results is not too dear. */
static bool too_dear(const gr_kernel_call *call) {
  size_t in = 0, out = 0, size;
  for (uint32_t i = 0; i < call->operand_count; i++)
    if (call->operands[i].type && gr_type_bytes(call->operands[i].type, &size)) in += size;
  for (uint32_t i = 0; i < call->result_count; i++)
    if (call->results[i].type && gr_type_bytes(call->results[i].type, &size)) out += size / GROWTH_MAX;
  return out > in;
}

static graft_status plan_node(gr_planner *p) {
  uint32_t op = gr_node_at(p->graph, p->node)->op;
  const gr_kernel_info *info = gr_kernel_get(op);
  const graft_kernel *opaque = op >= GR_OP_COUNT ? find_opaque(p, gr_op_text(p->graph->module, op)) : NULL;
  if (!info && !opaque && !is_control(op)) {
    const char *why = gr_why(p->graph, p->node);
    return gr_planner_fail(p, GRAFT_RUN, why ? why : "there is no kernel for this op");
  }
  gr_kernel_call call;
  graft_status status = infer(p, opaque);
  if (status == GRAFT_OK) status = describe(p, &call);
  if (status != GRAFT_OK || (p->prologue && (p->late || too_dear(&call)))) return status;
  p->done[p->node] = true;
  gr_part *part = &p->parts[p->prologue];
  gr_plan_event event = {.node = p->node, .begin = part->steps.len};
  bool done = false;
  p->in_turn = true;
  if (info && !p->late && can_know(p, &call)) {
    status = compute_known(p, gr_kernel_for(info, &call), &call);
    done = true;
  } else if (info && !p->late) {
    status = gr_place_aliases(p, info, &call, &done);
  }
  if (status == GRAFT_OK && done) gr_end_reads(p);
  if (status == GRAFT_OK && !done) status = plan_step(p, info, opaque, &call);
  p->in_turn = false;
  event.end = part->steps.len;
  if (status != GRAFT_OK || !p->options->events) return status;
  if (call.result_count > p->plan->max_out) p->plan->max_out = call.result_count;
  if (call.operand_count > p->plan->max_in) p->plan->max_in = call.operand_count;
  return gr_vec_push(p->context, &part->events, event) ? GRAFT_OK : GRAFT_NO_MEMORY;
}

/* The turn of a node that has run within another's step. */
static graft_status pass_fused(gr_planner *p) {
  gr_part *part = &p->parts[p->prologue];
  const gr_plan_event event = {.node = p->node, .begin = part->steps.len, .end = part->steps.len, .fused = true};
  p->done[p->node] = true;
  return !p->options->events || gr_vec_push(p->context, &part->events, event) ? GRAFT_OK : GRAFT_NO_MEMORY;
}

static graft_status plan_nodes(gr_planner *p) {
  const graft_graph *g = p->graph;
  graft_status status = GRAFT_OK;
  for (graft_node n = g->first; status == GRAFT_OK && n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    p->node = n;
    if (!p->prologue && n == p->landing) status = gr_begin_landing(p);
    p->node = n;
    if (status != GRAFT_OK || !p->needed[n] || p->done[n]) continue;
    if (p->fused[n])
      status = pass_fused(p);
    else if (!p->prologue || all_fixed(p)) {
      const gr_loc before = gr_budget_at(p->context, gr_node_loc(g, n));
      status = plan_node(p);
      gr_budget_at(p->context, before);
    }
  }
  return status;
}

static graft_status walk(gr_planner *p) {
  graft_graph *g = p->graph;
  for (uint32_t i = 0; i < g->updates.len; i++)
    if (g->updates.data[i].tensor != GRAFT_NONE && !gr_map_put(p->context, &p->updated, g->updates.data[i].tensor, i))
      return GRAFT_NO_MEMORY;
  mark_needed(p);
  gr_find_landing(p);
  graft_status status = gr_place_outside(p);
  for (int part = 1; status == GRAFT_OK && part >= 0; part--) {
    p->prologue = part;
    status = plan_nodes(p);
  }
  if (status == GRAFT_OK) status = gr_place_ends(p);
  return status == GRAFT_OK ? gr_join_parts(p) : status;
}

static void drop_steps(graft_context *c, gr_plan_step *steps, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    gr_fast_drop(&steps[i].fast);
    gr_control_destroy(c, steps[i].control);
  }
}

graft_status gr_plan_begin(gr_plan *plan, graft_context *c, graft_graph *g, const gr_plan_options *options) {
  gr_planner p = {.plan = plan, .graph = g, .context = c, .options = options, .landing = GRAFT_NONE};
  size_t nodes = (size_t)g->nodes.len + 1; /* never none */
  *plan = (gr_plan){.context = c, .slot_count = g->values.len, .max_in = GR_MAX_OPERANDS, .max_out = GR_MAX_RESULTS};
  plan->slots = gr_alloc(c, ((size_t)plan->slot_count + 1) * sizeof *plan->slots);
  p.needed = gr_calloc(c, nodes, sizeof *p.needed);
  p.done = gr_calloc(c, nodes, sizeof *p.done);
  p.fused = gr_calloc(c, nodes, sizeof *p.fused);
  p.reads = gr_calloc(c, (size_t)plan->slot_count + 1, sizeof *p.reads);
  p.scratch = gr_scratch_create(c);
  graft_status status = GRAFT_NO_MEMORY;
  if (plan->slots && p.needed && p.done && p.fused && p.reads && p.scratch) {
    for (uint32_t i = 0; i < plan->slot_count; i++)
      plan->slots[i] = (gr_slot){.storage = GRAFT_NONE, .forms = GRAFT_NONE};
    status = options->reference
                 ? GRAFT_OK
                 : gr_backends_open(&plan->backends, c, options->backends, options->backend_count, options->threads);
    if (status == GRAFT_OK) status = walk(&p);
  }
  if (status == GRAFT_OK) status = gr_plan_memory(plan, !options->no_reuse);
  for (int part = 0; part < 2; part++) {
    drop_steps(c, p.parts[part].steps.data, p.parts[part].steps.len);
    gr_vec_free(c, &p.parts[part].steps);
    gr_vec_free(c, &p.parts[part].events);
  }
  gr_vec_free(c, &p.places);
  gr_vec_free(c, &p.layouts);
  gr_vec_free(c, &p.types);
  gr_vec_free(c, &p.results);
  gr_vec_free(c, &p.in);
  gr_vec_free(c, &p.out);
  gr_scratch_destroy(p.scratch);
  gr_free(c, p.reads, ((size_t)plan->slot_count + 1) * sizeof *p.reads);
  gr_map_free(c, &p.updated);
  gr_free(c, p.fused, nodes * sizeof *p.fused);
  gr_free(c, p.done, nodes * sizeof *p.done);
  gr_free(c, p.needed, nodes * sizeof *p.needed);
  return status;
}

void gr_plan_end(gr_plan *p) {
  graft_context *c = p->context;
  if (!c) return;
  drop_steps(c, p->steps.data, p->steps.len);
  gr_backends_close(&p->backends);
  gr_free(c, p->slots, ((size_t)p->slot_count + 1) * sizeof *p->slots);
  gr_vec_free(c, &p->storages);
  gr_vec_free(c, &p->forms);
  gr_vec_free(c, &p->args);
  gr_vec_free(c, &p->steps);
  gr_vec_free(c, &p->copies);
  gr_vec_free(c, &p->stores);
  gr_vec_free(c, &p->landed);
  gr_vec_free(c, &p->known);
  gr_vec_free(c, &p->outputs);
  gr_vec_free(c, &p->events);
  *p = (gr_plan){0};
}
