/* Sessions: inputs, the plan for their types, outputs; run.c runs the steps.
 *
 *                  run: make_plan          run: every step succeeded
 *     no plan  ---------------------->  planned  ---------------->  ran: outputs can be read
 *        ^                                 ^                          |
 *        '------ an input's type changes --'------- run fails --------'   (and whenever a run begins)
 *
 * 1. `planned` says that the plan is for the inputs' types. An input of another type only clears it; the next run drops
 *    the old plan and makes a new one. The arrays by storage (base, seen, versions) are as long as the plan's storages,
 *    and are there when the plan is.
 * 2. base[] holds from resolve() to the end of the run: tensors may be given other data, and inputs other addresses,
 *    between runs. Outputs lie in the arena or in the plan (plan_outputs copies those that would not), so their
 *    addresses hold until the next run.
 * 3. Of a fixed tensor (one that the graph does not update) the version is kept that it had at the last run: equal
 *    version means equal bytes, and versions[] changes when it does. A tensor that shapes follow from keeps its bytes
 * as long as the plan lives, or the run is an error.
 * 4. `prologue_done`: what the prologue left in the arena was made from the tensors' versions seen. Another version, a
 *    failed prologue and a dropped plan clear it; no step behind the prologue writes there. A prologue of reorders of
 *    tensors alone (packs_only) repeats those whose tensor has another version, any other one all of its steps.
 * 5. Tensors are written when every step that may fail has succeeded: first all are made writable, which may fail and
 *    changes no bytes; then the optimizers at the graph's end write to theirs (landing.c) and store_updates() to the
 *    others, which cannot.
 * 6. `step` counts the runs that succeeded. It seeds random ops: a run that failed draws the same when it is repeated.
 * 7. The graph is only read, and nobody changes it, or a tensor, during a run (running_int.h); changed between runs it
 *    has another number of `edits`, and the session is of no more use but to read the last outputs from. Tensors made
 * by formula are made with the session, so that a run without updates writes to nothing of the module's. Nothing is
 * allocated while steps run but kernels' scratch and what late.c makes: late[] holds that memory, of outputs until the
 * next run. */
#include "ir/graph/budget_int.h"
#include "ir/graph/options_int.h"
#include "runtime/own_kernel_int.h"
#include "runtime/session_impl.h"

#include <string.h>

#define ALIGNMENT 64u
#define MAX_DEPTH 64u /* of sessions within each other */

/* ---- plan
 * ---------------------------------------------------------------------------------------------------------------- */

static void drop_plan(graft_session *s) {
  graft_context *c = s->context;
  gr_free(c, s->memory, s->memory_size);
  for (uint32_t i = 0; s->late && i < s->base_count; i++) gr_late_free(c, &s->late[i]);
  gr_free(c, s->late, ((size_t)s->base_count + 1) * sizeof *s->late);
  gr_free(c, s->seen, ((size_t)s->base_count + 1) * sizeof *s->seen);
  gr_free(c, s->versions, ((size_t)s->base_count + 1) * sizeof *s->versions);
  gr_free(c, s->base, ((size_t)s->base_count + 1) * sizeof *s->base);
  gr_free(c, s->in, s->plan.max_in * sizeof *s->in);
  gr_free(c, s->out, s->plan.max_out * sizeof *s->out);
  gr_free(c, s->opaque_in, s->plan.max_in * sizeof *s->opaque_in);
  gr_free(c, s->opaque_out, s->plan.max_out * sizeof *s->opaque_out);
  gr_free(c, s->opaque_types, ((size_t)s->plan.max_in + s->plan.max_out) * sizeof *s->opaque_types);
  gr_free(c, s->vector_types, ((size_t)s->plan.max_in + s->plan.max_out) * sizeof *s->vector_types);
  gr_free(c, s->told_types, ((size_t)s->plan.max_in + s->plan.max_out) * sizeof *s->told_types);
  gr_free(c, s->told, s->plan.max_out * sizeof *s->told);
  gr_free(c, s->told_operands, s->plan.max_in * sizeof *s->told_operands);
  s->memory = NULL;
  s->base = NULL;
  s->seen = NULL;
  s->versions = NULL;
  s->late = NULL;
  s->in = NULL;
  s->out = NULL;
  s->opaque_in = NULL;
  s->opaque_out = NULL;
  s->opaque_types = NULL;
  s->vector_types = NULL;
  s->told_types = NULL;
  s->told = NULL;
  s->told_operands = NULL;
  gr_plan_end(&s->plan);
  s->planned = s->ran = s->prologue_done = false;
}

static graft_status allocate(graft_session *s) {
  graft_context *c = s->context;
  const gr_plan *p = &s->plan;
  s->memory_size = p->arena_size + ALIGNMENT;
  s->base_count = p->storages.len;
  const gr_loc before = gr_budget_at(c, (gr_loc){.node = gr_string_text(s->graph->module, s->graph->name)});
  s->memory = gr_alloc(c, s->memory_size);
  gr_budget_at(c, before);
  s->base = gr_calloc(c, (size_t)s->base_count + 1, sizeof *s->base);
  s->seen = gr_calloc(c, (size_t)s->base_count + 1, sizeof *s->seen);
  s->versions = gr_calloc(c, (size_t)s->base_count + 1, sizeof *s->versions);
  s->late = gr_calloc(c, (size_t)s->base_count + 1, sizeof *s->late);
  s->in = gr_calloc(c, p->max_in, sizeof *s->in);
  s->out = gr_calloc(c, p->max_out, sizeof *s->out);
  s->opaque_in = gr_calloc(c, p->max_in, sizeof *s->opaque_in);
  s->opaque_out = gr_calloc(c, p->max_out, sizeof *s->opaque_out);
  s->opaque_types = gr_calloc(c, (size_t)p->max_in + p->max_out, sizeof *s->opaque_types);
  s->vector_types = gr_calloc(c, (size_t)p->max_in + p->max_out, sizeof *s->vector_types);
  s->told_types = gr_calloc(c, (size_t)p->max_in + p->max_out, sizeof *s->told_types);
  s->told = gr_calloc(c, p->max_out, sizeof *s->told);
  s->told_operands = gr_calloc(c, p->max_in, sizeof *s->told_operands);
  if (!s->vector_types || !s->told_types || !s->told || !s->told_operands || !s->memory || !s->base || !s->seen ||
      !s->versions || !s->late || !s->in || !s->out || !s->opaque_in || !s->opaque_out || !s->opaque_types)
    return GRAFT_NO_MEMORY;
  s->arena = (char *)s->memory + (ALIGNMENT - (uintptr_t)s->memory % ALIGNMENT) % ALIGNMENT;
  return GRAFT_OK;
}

graft_status gr_session_plan(graft_session *s) {
  if (s->planned) return GRAFT_OK;
  drop_plan(s);
  for (uint32_t i = 0; i < s->input_count; i++) s->types[i] = s->inputs[i].type;
  gr_plan_options options = {.input_types = s->types,
                             .kernels = s->kernels,
                             .kernel_count = s->kernel_count,
                             .backends = (const graft_backend *const *)s->backends,
                             .backend_count = s->backend_count,
                             .threads = gr_threads_count(s->threads),
                             .reference = s->reference,
                             .no_reuse = s->no_reuse,
                             .no_views = s->writes_values,
                             .c_order = s->after_node && !s->times_only,
                             .lands = !s->keep_state && !s->after_node,
                             .events = s->after_node != NULL};
  graft_status status = gr_plan_begin(&s->plan, s->context, s->graph, &options);
  if (status == GRAFT_OK) status = allocate(s);
  if (status != GRAFT_OK) {
    drop_plan(s);
    return status;
  }
  s->planned = true;
  return GRAFT_OK;
}

/* ---- create and destroy
 * ---------------------------------------------------------------------------------------------------- */

static graft_status input_error(graft_session *s, uint32_t index, const char *message) {
  gr_loc where = gr_value_loc(s->graph, s->graph->inputs.data[index]);
  return gr_error(s->context, GRAFT_TYPE, where, "%s", message);
}

static graft_status wrong_type(graft_session *s, uint32_t index, const graft_type *given, const graft_type *declared) {
  char mine[160], wanted[160];
  gr_type_format(given, mine, sizeof mine);
  gr_type_format(declared, wanted, sizeof wanted);
  gr_loc where = gr_value_loc(s->graph, s->graph->inputs.data[index]);
  return gr_error(s->context, GRAFT_TYPE, where, "the input is %s, the graph's is %s", mine, wanted);
}

graft_status gr_session_check(const graft_session *s) {
  if (s->edits == s->graph->edits) return GRAFT_OK;
  return gr_error(s->context, GRAFT_INVALID_ARGUMENT, gr_module_loc(s->graph->module),
                  "graph %s was changed under the session: make a new one",
                  gr_string_text(s->graph->module, s->graph->name));
}

/* Of public functions. */
static graft_status check(graft_session *s) {
  if (atomic_load(&s->running))
    return gr_error(s->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "the session is running at this moment");
  return gr_session_check(s);
}

/* The type that an input gets, checked against the graph's. */
static graft_status set_type(graft_session *s, uint32_t index, const graft_type *type) {
  const graft_type *declared = gr_type_of(s->graph, s->graph->inputs.data[index]);
  size_t bytes;
  if (!gr_type_bytes(type, &bytes)) return input_error(s, index, "the type of an input must be fully known");
  graft_type t = graft_type_make(type->dtype, type->rank, type->dims);
  if (!gr_type_compatible(&t, declared)) return wrong_type(s, index, &t, declared);
  if (s->planned && !gr_type_equal(&t, &s->inputs[index].type)) s->planned = false;
  s->inputs[index].type = t;
  return GRAFT_OK;
}

static char *copy_name(graft_context *c, const char *name) {
  const size_t size = strlen(name) + 1;
  char *copy = gr_alloc(c, size);
  return copy ? memcpy(copy, name, size) : NULL;
}

static void free_name(graft_context *c, const char *name) {
  if (name) gr_free(c, (char *)name, strlen(name) + 1);
}

static graft_status copy_kernels(graft_session *s, const graft_kernel *kernels, uint32_t count) {
  if (count == 0) return GRAFT_OK;
  s->kernels = gr_calloc(s->context, count, sizeof *s->kernels);
  if (!s->kernels) return GRAFT_NO_MEMORY;
  s->kernel_count = count;
  graft_status status = GRAFT_OK;
  for (uint32_t i = 0; i < count && !status; i++) {
    graft_kernel k = {0};
    status = gr_own_kernel_take(s->context, kernels, i, s->kernels, &k);
    if (status) break;
    s->kernels[i] = k;
    s->kernels[i].op = copy_name(s->context, k.op);
    if (!s->kernels[i].op) status = GRAFT_NO_MEMORY;
  }
  return status;
}

static graft_status copy_backends(graft_session *s, const graft_backend *const *backends, uint32_t count) {
  if (count == 0) return GRAFT_OK;
  s->backends = gr_calloc(s->context, count, sizeof *s->backends);
  if (!s->backends) return GRAFT_NO_MEMORY;
  s->backend_count = count;
  for (uint32_t i = 0; i < count; i++) {
    graft_backend *b = s->backends[i] = gr_calloc(s->context, 1, sizeof *b);
    if (!b) return GRAFT_NO_MEMORY;
    b->size = sizeof *b;
    const graft_status taken = gr_take_options(s->context, b, sizeof *b, backends ? backends[i] : NULL);
    const char *name = b->name;
    b->name = NULL; /* not ours yet */
    if (taken) return taken;
    if (!name || !b->prepare || !b->run)
      return gr_error(s->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0},
                      "backend %u has no name, nothing to prepare or nothing to run", (unsigned)i);
    b->name = copy_name(s->context, name);
    if (!b->name) return GRAFT_NO_MEMORY;
  }
  return GRAFT_OK;
}

static bool types_known(const graft_session *s) {
  size_t bytes;
  for (uint32_t i = 0; i < s->input_count; i++)
    if (!gr_type_bytes(&s->inputs[i].type, &bytes)) return false;
  return true;
}

static graft_status make_threads(graft_session *s, const graft_session_options *options) {
  graft_context *c = s->context;
  graft_thread_pool given = {0};
  if (s->threads) return GRAFT_OK; /* those of the session around it */
  if (!gr_copy_pool(&given, options->pool))
    return gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0},
                    "the thread pool has no size, no threads or no parallel_for");
  const graft_thread_pool *pool = given.size ? &given : gr_context_pool(c);
  if (!pool && options->threads <= 1) return GRAFT_OK;
  s->threads = pool ? gr_threads_borrow(c, pool, options->threads) : gr_threads_create(c, options->threads);
  return s->threads ? GRAFT_OK : GRAFT_RUN;
}

static bool is_made(const gr_tensor *t) { return t->buffer || t->source != GR_TENSOR_FILL || t->erased; }

/* Tensors of a graph that are made by formula. */
static graft_status make_tensors(graft_session *s, graft_graph *g) {
  graft_module *m = g->module;
  for (uint32_t i = 0; i < g->handles.len; i++) {
    const graft_value v = gr_handle_at(g, i);
    const graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(g, v);
    if (t == GRAFT_NONE || gr_unused(g, v) || is_made(&m->tensors.data[t])) continue;
    const graft_status status = gr_run_begin(m, GR_RUN_LANDS, s->context); /* nobody may read meanwhile */
    if (status != GRAFT_OK) return status;
    const bool made = graft_tensor_get_data(m, t) != NULL;
    gr_run_end(m, GR_RUN_LANDS);
    if (!made) return gr_no_memory(s->context);
  }
  return GRAFT_OK;
}

/* All that a run may read, also in graphs that nodes run. */
static graft_status make_all_tensors(graft_session *s) {
  graft_module *m = s->graph->module;
  graft_status status = make_tensors(s, s->graph);
  if (status != GRAFT_OK || m->graphs.len == 1) return status;
  bool *nested = gr_nested_graphs(m);
  if (!nested) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; status == GRAFT_OK && i < m->graphs.len; i++)
    if (nested[i]) status = make_tensors(s, m->graphs.data[i]);
  gr_free(m->context, nested, ((size_t)m->graphs.len + 1) * sizeof *nested);
  return status;
}

static bool lands(const graft_session *s) {
  const graft_graph *g = s->graph;
  for (uint32_t i = 0; i < g->updates.len; i++)
    if (g->updates.data[i].tensor != GRAFT_NONE) return !s->keep_state;
  return false;
}

static graft_status prepare(graft_session *s, const graft_session_options *options) {
  graft_context *c = s->context;
  s->input_count = s->graph->inputs.len;
  s->output_count = s->graph->outputs.len;
  s->edits = s->graph->edits;
  s->inputs = gr_calloc(c, (size_t)s->input_count + 1, sizeof *s->inputs);
  s->types = gr_calloc(c, (size_t)s->input_count + 1, sizeof *s->types);
  s->scratch = gr_scratch_create(c);
  if (!s->inputs || !s->types || !s->scratch) return GRAFT_NO_MEMORY;
  s->reference = options->reference;
  s->no_reuse = options->no_reuse;
  s->writes_values = options->writes_values;
  s->keep_state = options->keep_state;
  if (!s->depth) s->kind = lands(s) ? GR_RUN_LANDS : GR_RUN_READS;
  s->after_node = options->after_node;
  s->after_node_user = options->after_node_user;
  s->times_only = options->after_node_times;
  s->inside = options->after_node_inside;
  s->seed = options->seed;
  graft_status status = copy_kernels(s, options->kernels, options->kernel_count);
  if (status == GRAFT_OK) status = copy_backends(s, options->backends, options->backend_count);
  if (status == GRAFT_OK) status = make_threads(s, options);
  for (uint32_t i = 0; status == GRAFT_OK && i < s->input_count; i++) {
    s->inputs[i].type = *gr_type_of(s->graph, s->graph->inputs.data[i]);
    if (options->input_types) status = set_type(s, i, &options->input_types[i]);
  }
  return status == GRAFT_OK && types_known(s) ? gr_session_plan(s) : status;
}

static void begin(graft_session *s, graft_context *c) {
  gr_handle_begin(s, GR_HANDLE_SESSION, c);
  gr_handle_pin(s->graph);
}

graft_session *graft_session_create(graft_graph *graph, const graft_session_options *options) {
  if (!GR_LIVE(graph, GRAPH)) return NULL;
  graft_context *c = graph->module->context;
  graft_session_options all = {.size = sizeof all};
  if (gr_take_options(c, &all, sizeof all, options)) return NULL;
  if (all.context) c = all.context;
  if (!GR_LIVE_IN(graph->module->context, c, CONTEXT)) return NULL;
  const uint32_t errors = gr_error_count(c);
  graft_session *s = gr_alloc(c, sizeof *s);
  if (!s) return NULL;
  *s = (graft_session){.graph = graph, .isa = gr_isa_best()};
  begin(s, c);
  graft_status status = make_all_tensors(s);
  if (status == GRAFT_OK && (status = gr_run_begin(graph->module, GR_RUN_READS, c)) == GRAFT_OK) {
    status = prepare(s, &all);
    gr_run_end(graph->module, GR_RUN_READS);
  }
  if (gr_outcome(c, errors, status) == GRAFT_OK) return s;
  graft_session_destroy(s);
  return NULL;
}

void graft_session_destroy(graft_session *s) {
  if (!s || !GR_LIVE(s, SESSION)) return;
  graft_context *c = s->context;
  if (atomic_load(&s->running)) {
    gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "a session cannot be destroyed while it runs");
    return;
  }
  drop_plan(s);
  gr_given_gone(c, s->given);
  for (uint32_t i = 0; s->inputs && i < s->input_count; i++) gr_free(c, s->inputs[i].own, s->inputs[i].own_size);
  if (!s->depth) gr_threads_destroy(s->threads);
  gr_scratch_destroy(s->scratch);
  for (uint32_t i = 0; i < s->kernel_count; i++) free_name(c, s->kernels[i].op);
  for (uint32_t i = 0; i < s->backend_count; i++) {
    if (s->backends[i]) free_name(c, s->backends[i]->name);
    gr_free(c, s->backends[i], sizeof **s->backends);
  }
  gr_free(c, s->backends, s->backend_count * sizeof *s->backends);
  gr_free(c, s->kernels, s->kernel_count * sizeof *s->kernels);
  gr_free(c, s->inputs, ((size_t)s->input_count + 1) * sizeof *s->inputs);
  gr_free(c, s->types, ((size_t)s->input_count + 1) * sizeof *s->types);
  gr_handle_unpin(s->graph);
  gr_handle_end(s, sizeof *s);
}

graft_session *gr_session_nested(graft_session *outer, graft_graph *g) {
  graft_context *c = outer->context;
  for (uint32_t i = 0; i < g->updates.len; i++)
    if (g->updates.data[i].tensor != GRAFT_NONE) {
      gr_error(c, GRAFT_UNSUPPORTED, gr_value_loc(g, gr_use_at(g, g->updates.data[i].use)->value),
               "a graph that a node runs cannot update tensors: this has an update in '%s'",
               gr_string_text(g->module, g->name));
      return NULL;
    }
  if (outer->depth + 1 > MAX_DEPTH) {
    gr_error(c, GRAFT_UNSUPPORTED, gr_module_loc(g->module), "graphs run more than %u deep within each other",
             MAX_DEPTH);
    return NULL;
  }
  graft_session *s = gr_alloc(c, sizeof *s);
  if (!s) return NULL;
  *s = (graft_session){
      .graph = g, .isa = outer->isa, .threads = outer->threads, .depth = outer->depth + 1, .kind = outer->kind};
  begin(s, c);
  const graft_session_options options = {.size = sizeof options,
                                         .reference = outer->reference,
                                         .no_reuse = outer->no_reuse,
                                         .kernels = outer->kernels,
                                         .kernel_count = outer->kernel_count,
                                         .backends = (const graft_backend *const *)outer->backends,
                                         .backend_count = outer->backend_count,
                                         .after_node = outer->inside ? outer->after_node : NULL,
                                         .after_node_user = outer->after_node_user,
                                         .after_node_times = outer->times_only,
                                         .after_node_inside = outer->inside,
                                         .writes_values = outer->inside && outer->writes_values};
  if (prepare(s, &options) == GRAFT_OK) return s;
  graft_session_destroy(s);
  return NULL;
}

void gr_session_seed(graft_session *s, uint64_t seed) {
  s->seed = seed;
  s->step = 0;
}

void gr_session_inspect(graft_session *s, gr_inspector inspector, void *user) {
  s->inspector = inspector;
  s->inspector_user = user;
}

const void *gr_session_result(const graft_session *s, uint32_t index, graft_type *type) {
  const gr_plan *p = &s->plan;
  const gr_returned *output = &p->outputs.data[index];
  *type = p->slots[output->value].type;
  for (uint32_t i = 0; i < p->copies.len; i++) /* which come at the end */
    if (p->copies.data[i].to == output->storage) return s->base[p->copies.data[i].from] + p->copies.data[i].offset;
  return s->base[output->storage] + output->offset;
}

/* The limits grow by the inputs, which are not ours. */
static void take_given(graft_session *s) {
  uint64_t given = 0;
  size_t bytes;
  for (uint32_t i = 0; !s->depth && i < s->input_count; i++)
    if (s->inputs[i].data && gr_type_bytes(&s->inputs[i].type, &bytes)) given += bytes;
  gr_given_gone(s->context, s->given);
  gr_given(s->context, s->given = given);
}

uint32_t graft_session_input_count(const graft_session *s) { return GR_IS(s, SESSION) ? s->input_count : 0; }
uint32_t graft_session_output_count(const graft_session *s) { return GR_IS(s, SESSION) ? s->output_count : 0; }

/* Does it lie where a run writes: in an output, say? */
static bool is_own(const graft_session *s, const void *data) {
  const char *p = data;
  if (!s->base || !p) return false;
  if (p >= s->arena && p < s->arena + s->plan.arena_size) return true;
  if (s->plan.known.data && p >= s->plan.known.data && p < s->plan.known.data + s->plan.known.len) return true;
  for (uint32_t i = 0; i < s->plan.outputs.len; i++) {
    const gr_late *late = &s->late[s->plan.outputs.data[i].storage];
    if (late->memory && p >= (char *)late->memory && p < (char *)late->memory + late->size) return true;
  }
  return false;
}

static graft_status copy_input(graft_session *s, gr_session_input *input) {
  size_t bytes = 0;
  (void)gr_type_bytes(&input->type, &bytes);
  void *copy = gr_alloc(s->context, bytes);
  if (copy) memcpy(copy, input->data, bytes);
  gr_free(s->context, input->own, input->own_size);
  input->data = input->own = copy;
  input->own_size = copy ? bytes : 0;
  return copy ? GRAFT_OK : GRAFT_NO_MEMORY;
}

graft_status graft_session_set_input(graft_session *s, uint32_t index, const graft_type *type, const void *data) {
  if (!GR_LIVE(s, SESSION) || !GR_LIVE_IN(s->context, s->graph, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  graft_status status = check(s);
  if (status != GRAFT_OK) return status;
  if (index >= s->input_count)
    return gr_error(s->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "input %u of a graph with %u inputs",
                    (unsigned)index, (unsigned)s->input_count);
  if (!type || !gr_type_given(s->context, type, gr_value_loc(s->graph, s->graph->inputs.data[index])))
    return type ? GRAFT_INVALID_ARGUMENT : input_error(s, index, "the input has no type");
  gr_session_input *input = &s->inputs[index];
  const bool own = is_own(s, data); /* before a plan is given up */
  status = set_type(s, index, type);
  if (status != GRAFT_OK) return status;
  input->data = data ? data : ""; /* an empty one may be NULL */
  take_given(s);
  if (!data && graft_type_elements(type) > 0) {
    input->data = NULL;
    return input_error(s, index, "the input has no data");
  }
  return own ? copy_input(s, input) : GRAFT_OK;
}

const void *graft_session_get_output(graft_session *s, uint32_t index, graft_type *type) {
  if (type) *type = (graft_type){.rank = -1};
  if (!GR_LIVE(s, SESSION) || !GR_LIVE_IN(s->context, s->graph, GRAPH)) return NULL;
  if (index >= s->output_count) {
    gr_error(s->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "output %u of a graph with %u outputs", (unsigned)index,
             (unsigned)s->output_count);
    return NULL;
  }
  if (!s->ran) {
    gr_error(s->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "an output before a run that succeeded");
    return NULL;
  }
  const gr_returned *output = &s->plan.outputs.data[index];
  if (type) *type = s->plan.slots[output->value].type;
  return s->base[output->storage] + output->offset;
}

size_t graft_session_memory(const graft_session *s) {
  if (!GR_IS(s, SESSION)) return 0;
  return s->plan.arena_size;
}
