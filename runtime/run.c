/* One run of a session: the prologue where a tensor changed, the steps, updates; and what the hook hears of them. The
 * invariants stand in session.c. */
#include "ir/graph/budget_int.h"
#include "runtime/session_impl.h"

#include <string.h>
#include <time.h>

/* A fixed tensor's bytes are those of the last run as long as it has the same version. */
static void watch(graft_session *s, uint32_t storage) {
  const uint64_t version = s->graph->module->tensors.data[s->plan.storages.data[storage].id].version;
  if (!s->plan.storages.data[storage].fixed || s->seen[storage] == version) return;
  s->seen[storage] = version;
  s->versions[storage] = ++s->last_version;
  s->prologue_done = false;
}

/* What shapes were found from is as it was. */
static graft_status check_shapes(const graft_session *s, gr_storage *storage) {
  const gr_tensor *t = &s->graph->module->tensors.data[storage->id];
  if (!storage->shapes || storage->shapes == t->version) return GRAFT_OK;
  if (gr_hash_bytes((const char *)t->buffer->data + gr_tensor_offset(t), storage->size) != storage->hash)
    return gr_error(s->context, GRAFT_INVALID_ARGUMENT, (gr_loc){.module = s->graph->module, .name = t->name},
                    "shapes depend on this constant, and it was given other data: make a new session");
  storage->shapes = t->version;
  return GRAFT_OK;
}

/* Addresses that can change between runs. */
static graft_status resolve(graft_session *s) {
  gr_plan *p = &s->plan;
  for (uint32_t i = 0; i < p->storages.len; i++) {
    gr_storage *storage = &p->storages.data[i];
    switch (storage->place) {
    case GR_PLACE_ARENA: s->base[i] = s->arena + storage->offset; break;
    case GR_PLACE_KNOWN: s->base[i] = p->known.data + storage->offset; break;
    case GR_PLACE_INPUT: s->base[i] = (char *)s->inputs[storage->id].data; break;
    case GR_PLACE_TENSOR:
      s->base[i] = (char *)graft_tensor_get_data(s->graph->module, storage->id);
      if (!s->base[i]) {
        char name[128];
        graft_tensor_name(s->graph->module, storage->id, name, sizeof name);
        return gr_error(s->context, GRAFT_RUN, (gr_loc){.node = name},
                        "the tensor has no data: its text was printed without it");
      }
      watch(s, i);
      const graft_status status = check_shapes(s, storage);
      if (status != GRAFT_OK) return status;
      break;
    case GR_PLACE_LATE: gr_late_free(s->context, &s->late[i]); break;
    }
  }
  return GRAFT_OK;
}

static char *address(const graft_session *s, const gr_slot *slot) { return s->base[slot->storage] + slot->offset; }

static graft_status run_opaque(graft_session *s, const gr_plan_step *step, const gr_kernel_call *k) {
  graft_kernel_call call = {.size = sizeof call,
                            .graph = s->graph,
                            .node = step->node,
                            .operand_count = k->operand_count,
                            .result_count = k->result_count,
                            .operand_types = s->opaque_types,
                            .operands = s->opaque_in,
                            .result_types = s->opaque_types + s->plan.max_in,
                            .results = s->opaque_out};
  for (uint32_t i = 0; i < k->operand_count; i++) {
    s->opaque_types[i] = k->operands[i].type ? *k->operands[i].type : (graft_type){0};
    s->opaque_in[i] = k->operands[i].data;
  }
  for (uint32_t i = 0; i < k->result_count; i++) {
    s->opaque_types[s->plan.max_in + i] = k->results[i].type ? *k->results[i].type : (graft_type){0};
    s->opaque_out[i] = k->results[i].data;
  }
  graft_status status = step->opaque->run(step->opaque->user, &call);
  return status == GRAFT_OK ? status : gr_error(s->context, status, gr_kernel_where(k), "%s failed", step->opaque->op);
}

static double now(void) {
  struct timespec t;
  return clock_gettime(CLOCK_MONOTONIC, &t) == 0 ? (double)t.tv_sec + 1e-9 * (double)t.tv_nsec : 0.0;
}

/* ---- the hook ---- */

static const char *kernel_name(const gr_plan_step *step) {
  if (step->control) return "graph";
  if (step->fast.kernel) return step->fast.backend->name;
  return step->run ? "plain" : "embedder's";
}

static const char *layout_name(gr_layout layout) {
  if (!layout.of) return "C order";
  gr_layout_info info;
  layout.of->backend->layout(layout.of->state, layout.id, GRAFT_F32, &info);
  return info.name;
}

static graft_status call_hook(graft_session *s, const graft_node_done *done) {
  const uint32_t errors = gr_error_count(s->context);
  graft_module *m = s->graph->module;
  gr_run_pause(m, s->kind);
  const graft_status status = s->after_node(s->after_node_user, done), again = gr_run_go_on(m, s->kind, s->context);
  if (again != GRAFT_OK) return again;
  return status == GRAFT_OK || gr_error_stands(s->context, errors)
             ? status
             : gr_error(s->context, status, gr_node_loc(s->graph, done->node), "after_node ended the run here");
}

static graft_status tell_reorder(graft_session *s, const gr_plan_step *step, double seconds) {
  const gr_place_of *args = &s->plan.args.data[step->args];
  const graft_node_done done = {.size = sizeof done,
                                .graph = s->graph,
                                .node = step->node,
                                .kernel = kernel_name(step),
                                .seconds = seconds,
                                .once = !s->prologue_done,
                                .reordered = args[0].value,
                                .from = layout_name(args[0].layout),
                                .layout = layout_name(args[1].layout)};
  return call_hook(s, &done);
}

/* The hook gets the node's results; `step` NULL: it has none. */
static graft_status tell(graft_session *s, const gr_plan_event *e, const gr_plan_step *step, double seconds,
                         uint32_t reorders) {
  const graft_node n = e->node;
  const gr_plan *p = &s->plan;
  const gr_node *node = gr_node_at(s->graph, n);
  graft_node_done done = {.size = sizeof done,
                          .graph = s->graph,
                          .node = n,
                          .kernel = step       ? kernel_name(step)
                                    : e->fused ? "fused"
                                               : "view",
                          .reorders = reorders,
                          .seconds = seconds,
                          .once = !s->prologue_done,
                          .result_count = node->result_count,
                          .result_types = s->told_types + p->max_in,
                          .results = s->told,
                          .operand_count = node->operand_count,
                          .operand_types = s->told_types,
                          .operands = s->told_operands,
                          .reordered = GRAFT_NONE,
                          .layout = layout_name((gr_layout){0})};
  for (uint32_t i = 0; i < node->result_count; i++) {
    const gr_slot *slot = &p->slots[node->first_result + i];
    const bool there = slot->storage != GRAFT_NONE;
    if (there && p->storages.data[slot->storage].place == GR_PLACE_KNOWN) done.kernel = "known";
    if (i == 0) done.layout = layout_name(slot->layout);
    s->told_types[p->max_in + i] = there ? slot->type : (graft_type){0};
    s->told[i] = there && !s->times_only ? address(s, slot) : NULL;
  }
  for (uint32_t i = 0; i < node->operand_count; i++) {
    const graft_value v = gr_operand(s->graph, n, i);
    const gr_slot *slot = v == GRAFT_NONE ? NULL : &p->slots[v];
    s->told_types[i] = slot ? slot->type : (graft_type){0};
    s->told_operands[i] = slot && !s->times_only ? address(s, slot) : NULL;
    for (uint32_t j = 0; step && j < node->result_count; j++)
      if (s->told[j] == s->told_operands[i]) s->told_operands[i] = NULL;
  }
  return call_hook(s, &done);
}

/* ---- steps ---- */

/* An operand or a result as the step sees it; `type` is memory for one that is seen as a vector. */
static const graft_type *seen_type(const graft_session *s, const gr_place_of *place, graft_type *type) {
  const graft_type *whole = &s->plan.slots[place->value].type;
  if (!place->elements) return whole;
  *type = (graft_type){.dtype = whole->dtype, .rank = 1, .dims = {place->elements}};
  return type;
}

/* What a step costs is counted where a pass runs the session. */
static uint64_t step_work(const graft_session *s, const gr_kernel_call *call) {
  double work = 1;
  for (uint32_t i = 0; gr_call_counts(s->context) && i < call->operand_count; i++)
    work += (double)call->operands[i].count;
  return gr_work_of(work);
}

static graft_status compute_step(graft_session *s, const gr_plan_step *step) {
  const gr_plan *p = &s->plan;
  if (!s->depth && !s->landing) gr_progress(s->context, "run", (uint64_t)(step - p->steps.data), p->steps.len);
  const gr_node *node = gr_node_at(s->graph, step->node);
  const gr_place_of *args = &p->args.data[step->args];
  memset(s->in, 0, GR_MAX_OPERANDS * sizeof *s->in);
  memset(s->out, 0, GR_MAX_RESULTS * sizeof *s->out);
  for (uint32_t i = 0; i < step->operand_count; i++, args++) {
    s->in[i] = (gr_in){0};
    if (args->storage == GRAFT_NONE) continue;
    const graft_type *type = seen_type(s, args, &s->vector_types[i]);
    s->in[i] = (gr_in){.type = type,
                       .data = s->base[args->storage] + args->offset,
                       .count = graft_type_elements(type),
                       .version = s->versions[args->storage]};
  }
  gr_kernel_call call = {.context = s->context,
                         .isa = s->isa,
                         .module = s->graph->module,
                         .op = node->op,
                         .attrs = node->attrs,
                         .operands = s->in,
                         .operand_count = step->operand_count,
                         .results = s->out,
                         .result_count = step->result_count,
                         .scratch = s->scratch,
                         .threads = s->threads,
                         .seed = gr_mix(gr_mix(s->seed ^ gr_mix(s->step)) + step->random),
                         .graph = s->graph,
                         .node = step->node};
  graft_status status =
      s->landing ? GRAFT_OK : gr_spend(s->context, gr_node_loc(s->graph, step->node), step_work(s, &call));
  if (status != GRAFT_OK) return status;
  if (step->control) return gr_control_run(s, &s->plan, step, &call, s->base, s->late);
  status = step->late ? gr_late_begin(&s->plan, step, &call, s->base, s->late) : GRAFT_OK;
  if (status != GRAFT_OK) return status;
  for (uint32_t i = 0; i < step->result_count; i++, args++) {
    s->out[i] = (gr_out){0};
    if (args->storage == GRAFT_NONE) continue;
    const graft_type *type = seen_type(s, args, &s->vector_types[p->max_in + i]);
    s->out[i] =
        (gr_out){.type = type, .data = s->base[args->storage] + args->offset, .count = graft_type_elements(type)};
  }
  if (step->fast.kernel)
    status = step->fast.backend->backend->run(step->fast.kernel, &call);
  else
    status = step->run ? step->run(&call) : run_opaque(s, step, &call);
  gr_scratch_reset(s->scratch);
  return status || s->landing ? status : gr_spend(s->context, gr_node_loc(s->graph, step->node), 0);
}

/* What is allocated meanwhile is for the step's node. */
static graft_status run_step(graft_session *s, const gr_plan_step *step) {
  const gr_loc before = gr_budget_at(s->context, gr_node_loc(s->graph, step->node));
  const graft_status status = compute_step(s, step);
  gr_budget_at(s->context, before);
  return status;
}

/* Is this step of the prologue done with the tensors as they are? Only where nothing else may lie where its result is.
 */
static bool is_done(const graft_session *s, const gr_plan_step *step) {
  const gr_place_of *args = &s->plan.args.data[step->args];
  return s->plan.packs_only && s->versions[args[1].storage] > s->versions[args[0].storage];
}

/* What is fixed has a new version when it was computed. */
static graft_status run_fixed_step(graft_session *s, const gr_plan_step *step) {
  const gr_place_of *results = &s->plan.args.data[step->args + step->operand_count];
  const graft_status status = run_step(s, step);
  for (uint32_t i = 0; status == GRAFT_OK && i < step->result_count; i++)
    if (results[i].storage != GRAFT_NONE) s->versions[results[i].storage] = ++s->last_version;
  return status;
}

/* What was read for the last time is given back. */
static void end_step(graft_session *s, const gr_plan_step *step) {
  if (step->late) gr_late_end(&s->plan, (uint32_t)(step - s->plan.steps.data), s->graph, s->late);
}

/* A node's turn, and what the hook is told of it. */
static graft_status run_event(graft_session *s, const gr_plan_event *e) {
  const gr_plan_step *own = NULL;
  graft_status status = GRAFT_OK;
  double seconds = 0;
  uint32_t reorders = 0;
  for (uint32_t i = e->begin; status == GRAFT_OK && i < e->end; i++) {
    const gr_plan_step *step = &s->plan.steps.data[i];
    const bool fixed = i < s->plan.prologue;
    if (fixed && is_done(s, step)) continue;
    const double start = now();
    status = fixed ? run_fixed_step(s, step) : run_step(s, step);
    const double took = now() - start;
    if (!step->reorder) own = step;
    if (step->reorder && s->times_only) {
      if (status == GRAFT_OK) status = tell_reorder(s, step, took);
    } else {
      seconds += took;
      reorders += step->reorder;
    }
  }
  if (status == GRAFT_OK && !e->reorders_only) status = tell(s, e, own, seconds, reorders);
  if (own) end_step(s, own);
  return status;
}

/* All tensors that updates go to can be written or, when one of them cannot, none is. They may lie elsewhere now. */
static graft_status make_writable(graft_session *s) {
  const gr_plan *p = &s->plan;
  graft_module *m = s->graph->module;
  if (p->stores.len + p->landed.len == 0) return GRAFT_OK;
  gr_run_landing(m, true);
  bool all = true;
  for (uint32_t i = 0; i < p->stores.len && all; i++) all = gr_tensor_write(m, p->stores.data[i].tensor);
  for (uint32_t i = 0; i < p->landed.len && all; i++) all = gr_tensor_write(m, p->landed.data[i]);
  gr_run_landing(m, false);
  return all ? GRAFT_OK : gr_no_memory(s->context);
}

/* Who is to have a look before anything lands. */
static graft_status inspect(graft_session *s) {
  graft_module *m = s->graph->module;
  if (!s->inspector) return GRAFT_OK;
  gr_run_pause(m, s->kind);
  const graft_status status = s->inspector(s->inspector_user, s), again = gr_run_go_on(m, s->kind, s->context);
  return again != GRAFT_OK ? again : status;
}

/* The steps that come write to tensors: the last moment to fail or to be cancelled. */
static graft_status begin_landing(graft_session *s) {
  const gr_plan *p = &s->plan;
  graft_status status = inspect(s);
  if (status == GRAFT_OK) status = gr_spend(s->context, (gr_loc){0}, 0);
  if (status == GRAFT_OK) status = gr_outcome(s->context, s->errors, status); /* a callback left one, and said OK */
  if (status == GRAFT_OK) status = make_writable(s);
  for (uint32_t i = 0; i < p->storages.len && status == GRAFT_OK; i++)
    if (p->storages.data[i].place == GR_PLACE_TENSOR && !p->storages.data[i].fixed)
      s->base[i] = (char *)graft_tensor_get_data(s->graph->module, p->storages.data[i].id);
  s->landing = status == GRAFT_OK;
  return status;
}

/* The prologue or what comes after it; with a hook by the nodes, so that it hears of those that have no step too. */
static graft_status run_part(graft_session *s, bool prologue) {
  const gr_plan *p = &s->plan;
  graft_status status = GRAFT_OK;
  if (!s->after_node) {
    const uint32_t end = prologue ? p->prologue : p->steps.len;
    for (uint32_t i = prologue ? 0 : p->prologue; status == GRAFT_OK && i < end; i++) {
      if (i == p->landing && !prologue) status = begin_landing(s);
      if (status != GRAFT_OK) break;
      if (prologue && is_done(s, &p->steps.data[i])) continue;
      status = prologue ? run_fixed_step(s, &p->steps.data[i]) : run_step(s, &p->steps.data[i]);
      end_step(s, &p->steps.data[i]);
    }
    return status;
  }
  const uint32_t end = prologue ? p->prologue_events : p->events.len;
  for (uint32_t i = prologue ? 0 : p->prologue_events; status == GRAFT_OK && i < end; i++)
    status = run_event(s, &p->events.data[i]);
  return status;
}

static graft_status run_prologue(graft_session *s) {
  const graft_status status = run_part(s, true);
  s->prologue_done = status == GRAFT_OK;
  return status;
}

/* What waits in the session's own memory. */
static void store_updates(graft_session *s) {
  const gr_plan *p = &s->plan;
  graft_module *m = s->graph->module;
  for (uint32_t i = 0; i < p->stores.len; i++) {
    const gr_store *store = &p->stores.data[i];
    size_t size = gr_tensor_bytes(m, store->tensor);
    const gr_tensor *t = &m->tensors.data[store->tensor]; /* whose buffer is its own by now */
    if (size) memcpy((char *)t->buffer->data + gr_tensor_offset(t), s->base[store->storage] + store->offset, size);
  }
}

graft_status gr_session_run(graft_session *s) {
  s->errors = gr_error_count(s->context);
  graft_status status = gr_session_check(s);
  if (status != GRAFT_OK) return status;
  s->ran = false;
  for (uint32_t i = 0; i < s->input_count; i++)
    if (!s->inputs[i].data)
      return gr_error(s->context, GRAFT_INVALID_ARGUMENT, gr_value_loc(s->graph, s->graph->inputs.data[i]),
                      "the input has not been set");
  status = gr_session_plan(s);
  if (status != GRAFT_OK) return status;
  const gr_plan *p = &s->plan;
  status = resolve(s);
  if (status == GRAFT_OK && !s->prologue_done) status = run_prologue(s);
  if (status == GRAFT_OK) status = run_part(s, false);
  s->landing = false;
  if (status == GRAFT_OK && p->landing == p->steps.len) status = gr_outcome(s->context, s->errors, status);
  if (status != GRAFT_OK) return status;
  for (uint32_t i = 0; i < p->copies.len; i++) {
    const gr_copy *copy = &p->copies.data[i];
    memcpy(s->base[copy->to], s->base[copy->from] + copy->offset, p->storages.data[copy->to].size);
  }
  if (!s->keep_state) {
    if (p->landing == p->steps.len) status = inspect(s);
    if (status == GRAFT_OK && p->landing == p->steps.len) status = make_writable(s);
    if (status != GRAFT_OK) return status;
    store_updates(s);
  }
  s->step++;
  s->ran = true;
  return GRAFT_OK;
}

graft_status graft_session_run(graft_session *s) {
  if (!GR_LIVE(s, SESSION) || !GR_LIVE_IN(s->context, s->graph, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  const uint32_t errors = gr_error_count(s->context);
  if (atomic_exchange(&s->running, true))
    return gr_error(s->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "the session is running at this moment");
  graft_status status = gr_run_begin(s->graph->module, s->kind, s->context);
  if (status == GRAFT_OK) {
    status = gr_outcome(s->context, errors, gr_session_run(s));
    gr_run_end(s->graph->module, s->kind);
  }
  if (status != GRAFT_OK) s->ran = false;
  atomic_store(&s->running, false);
  return status;
}
