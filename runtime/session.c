/* Sessions: inputs, the plan for their types, steps, updates, outputs.
 *
 *                  run: make_plan          run: every step succeeded
 *     no plan  ---------------------->  planned  ---------------->  ran: outputs can be read
 *        ^                                 ^                          |
 *        '------ an input's type changes --'------- run fails --------'   (and whenever a run begins)
 *
 * 1. `planned` says that the plan is for the inputs' types. An input of another type only clears it; the next run drops
 *    the old plan and makes a new one. The arrays by storage (base, held, versions) are as long as the plan's storages,
 *    and are there when the plan is.
 * 2. base[] holds from resolve() to the end of the run: tensors may be given other data, and inputs other addresses,
 *    between runs. Outputs lie in the arena or in the plan (plan_outputs copies those that would not), so their
 *    addresses hold until the next run.
 * 3. The buffer of a fixed tensor (one that the graph does not update) is held on to. Whoever writes to that
 *    tensor then gets another buffer, so equal buffer means equal bytes, and versions[] changes when the buffer does.
 * 4. `prologue_done`: what the prologue left in the arena was made from the buffers held now. A changed buffer, a
 *    failed prologue and a dropped plan clear it; no step behind the prologue writes there.
 * 5. Tensors are written in store_updates() alone, when every step has succeeded: first all are made writable,
 *    which may fail and changes no bytes, then all are written, which cannot.
 * 6. `step` counts the runs that succeeded. It seeds random ops: a run that failed draws the same when it is repeated.
 * 7. The graph is only read. Nothing is allocated while steps run but kernels' scratch and what late.c makes: late[]
 *    holds that memory, of outputs until the next run. */
#include "runtime/session_impl.h"

#include <string.h>
#include <time.h>

#define ALIGNMENT 64u
#define MAX_DEPTH 64u /* of sessions within each other */

typedef struct session_input {
  graft_type type;  /* concrete, or rank -1: not known yet */
  const void *data; /* NULL: not set yet */
} session_input;

struct graft_session {
  graft_graph *graph;
  graft_context *context;
  session_input *inputs;
  graft_type *types; /* of the inputs, as the plan wants them */
  uint32_t input_count;
  graft_kernel *kernels; /* names copied, owned */
  uint32_t kernel_count;
  graft_backend **backends; /* copied, owned */
  uint32_t backend_count;
  gr_isa isa;
  bool reference, no_reuse, writes_values, keep_state;
  graft_node_hook after_node;
  void *after_node_user;
  uint64_t seed, step; /* steps done */
  gr_threads *threads; /* NULL: one */
  uint32_t depth;      /* of a graph that a node runs: how many sessions are around it, whose threads it has */
  gr_scratch *scratch;
  bool planned, ran;
  gr_plan plan;
  void *memory; /* of the arena, not aligned */
  size_t memory_size;
  char *arena;
  char **base;        /* by storage */
  gr_buffer **held;   /* by storage: of a fixed tensor, so that writing to it makes another buffer */
  uint64_t *versions; /* by storage: of what is fixed; 0: not made yet */
  gr_late *late;      /* by storage */
  uint64_t last_version;
  bool prologue_done; /* with the tensors as they are */
  uint32_t base_count;
  gr_in *in; /* of the step at hand */
  gr_out *out;
  const void **opaque_in;
  void **opaque_out;
  graft_type *opaque_types;
  graft_type *told_types; /* for the hook: of a node's operands, then its results */
  void **told;
  const void **told_operands;
};

/* ---- plan
 * ---------------------------------------------------------------------------------------------------------------- */

static void drop_plan(graft_session *s) {
  graft_context *c = s->context;
  gr_free(c, s->memory, s->memory_size);
  for (uint32_t i = 0; s->held && i < s->base_count; i++) gr_buffer_release(c, s->held[i]);
  for (uint32_t i = 0; s->late && i < s->base_count; i++) gr_late_free(c, &s->late[i]);
  gr_free(c, s->late, ((size_t)s->base_count + 1) * sizeof *s->late);
  gr_free(c, s->held, ((size_t)s->base_count + 1) * sizeof *s->held);
  gr_free(c, s->versions, ((size_t)s->base_count + 1) * sizeof *s->versions);
  gr_free(c, s->base, ((size_t)s->base_count + 1) * sizeof *s->base);
  gr_free(c, s->in, s->plan.max_in * sizeof *s->in);
  gr_free(c, s->out, s->plan.max_out * sizeof *s->out);
  gr_free(c, s->opaque_in, s->plan.max_in * sizeof *s->opaque_in);
  gr_free(c, s->opaque_out, s->plan.max_out * sizeof *s->opaque_out);
  gr_free(c, s->opaque_types, ((size_t)s->plan.max_in + s->plan.max_out) * sizeof *s->opaque_types);
  gr_free(c, s->told_types, ((size_t)s->plan.max_in + s->plan.max_out) * sizeof *s->told_types);
  gr_free(c, s->told, s->plan.max_out * sizeof *s->told);
  gr_free(c, s->told_operands, s->plan.max_in * sizeof *s->told_operands);
  s->memory = NULL;
  s->base = NULL;
  s->held = NULL;
  s->versions = NULL;
  s->late = NULL;
  s->in = NULL;
  s->out = NULL;
  s->opaque_in = NULL;
  s->opaque_out = NULL;
  s->opaque_types = NULL;
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
  s->memory = gr_alloc(c, s->memory_size);
  s->base = gr_calloc(c, (size_t)s->base_count + 1, sizeof *s->base);
  s->held = gr_calloc(c, (size_t)s->base_count + 1, sizeof *s->held);
  s->versions = gr_calloc(c, (size_t)s->base_count + 1, sizeof *s->versions);
  s->late = gr_calloc(c, (size_t)s->base_count + 1, sizeof *s->late);
  s->in = gr_calloc(c, p->max_in, sizeof *s->in);
  s->out = gr_calloc(c, p->max_out, sizeof *s->out);
  s->opaque_in = gr_calloc(c, p->max_in, sizeof *s->opaque_in);
  s->opaque_out = gr_calloc(c, p->max_out, sizeof *s->opaque_out);
  s->opaque_types = gr_calloc(c, (size_t)p->max_in + p->max_out, sizeof *s->opaque_types);
  s->told_types = gr_calloc(c, (size_t)p->max_in + p->max_out, sizeof *s->told_types);
  s->told = gr_calloc(c, p->max_out, sizeof *s->told);
  s->told_operands = gr_calloc(c, p->max_in, sizeof *s->told_operands);
  if (!s->told_types || !s->told || !s->told_operands || !s->memory || !s->base || !s->held || !s->versions ||
      !s->late || !s->in || !s->out || !s->opaque_in || !s->opaque_out || !s->opaque_types)
    return GRAFT_NO_MEMORY;
  s->arena = (char *)s->memory + (ALIGNMENT - (uintptr_t)s->memory % ALIGNMENT) % ALIGNMENT;
  return GRAFT_OK;
}

static graft_status make_plan(graft_session *s) {
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
                             .events = s->after_node != NULL};
  graft_status status = gr_plan_begin(&s->plan, s->graph, &options);
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
  for (uint32_t i = 0; i < count; i++) {
    if (!kernels || !kernels[i].op || !kernels[i].run)
      return gr_error(s->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "kernel %u has no op or nothing to run",
                      (unsigned)i);
    if (gr_op_find(kernels[i].op, strlen(kernels[i].op)) != GR_OP_COUNT)
      return gr_error(s->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0},
                      "%s is an op of the table: its kernel cannot be replaced", kernels[i].op);
    const char *name = copy_name(s->context, kernels[i].op);
    if (!name) return GRAFT_NO_MEMORY;
    s->kernels[i] = kernels[i];
    s->kernels[i].op = name;
  }
  return GRAFT_OK;
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

static graft_status prepare(graft_session *s, const graft_session_options *options) {
  graft_context *c = s->context;
  s->input_count = s->graph->inputs.len;
  s->inputs = gr_calloc(c, (size_t)s->input_count + 1, sizeof *s->inputs);
  s->types = gr_calloc(c, (size_t)s->input_count + 1, sizeof *s->types);
  s->scratch = gr_scratch_create(c);
  if (!s->inputs || !s->types || !s->scratch) return GRAFT_NO_MEMORY;
  s->reference = options->reference;
  s->no_reuse = options->no_reuse;
  s->writes_values = options->writes_values;
  s->keep_state = options->keep_state;
  s->after_node = options->after_node;
  s->after_node_user = options->after_node_user;
  s->seed = options->seed;
  graft_status status = copy_kernels(s, options->kernels, options->kernel_count);
  if (status == GRAFT_OK) status = copy_backends(s, options->backends, options->backend_count);
  if (status == GRAFT_OK && options->threads > 1) {
    s->threads = gr_threads_create(c, options->threads);
    if (!s->threads) return GRAFT_RUN;
  }
  for (uint32_t i = 0; status == GRAFT_OK && i < s->input_count; i++) {
    s->inputs[i].type = *gr_type_of(s->graph, s->graph->inputs.data[i]);
    if (options->input_types) status = set_type(s, i, &options->input_types[i]);
  }
  return status == GRAFT_OK && types_known(s) ? make_plan(s) : status;
}

graft_session *graft_session_create(graft_graph *graph, const graft_session_options *options) {
  graft_context *c = graph->module->context;
  const uint32_t errors = gr_error_count(c);
  graft_session_options all = {.size = sizeof all};
  if (gr_take_options(c, &all, sizeof all, options)) return NULL;
  graft_session *s = gr_alloc(c, sizeof *s);
  if (!s) return NULL;
  *s = (graft_session){.graph = graph, .context = c, .isa = gr_isa_best()};
  if (gr_outcome(c, errors, prepare(s, &all)) == GRAFT_OK) return s;
  graft_session_destroy(s);
  return NULL;
}

void graft_session_destroy(graft_session *s) {
  if (!s) return;
  graft_context *c = s->context;
  drop_plan(s);
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
  gr_free(c, s, sizeof *s);
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
      .graph = g, .context = c, .isa = outer->isa, .threads = outer->threads, .depth = outer->depth + 1};
  const graft_session_options options = {.size = sizeof options,
                                         .reference = outer->reference,
                                         .no_reuse = outer->no_reuse,
                                         .kernels = outer->kernels,
                                         .kernel_count = outer->kernel_count,
                                         .backends = (const graft_backend *const *)outer->backends,
                                         .backend_count = outer->backend_count};
  if (prepare(s, &options) == GRAFT_OK) return s;
  graft_session_destroy(s);
  return NULL;
}

void gr_session_seed(graft_session *s, uint64_t seed) {
  s->seed = seed;
  s->step = 0;
}

graft_status graft_session_set_input(graft_session *s, uint32_t index, const graft_type *type, const void *data) {
  if (index >= s->input_count)
    return gr_error(s->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "input %u of a graph with %u inputs",
                    (unsigned)index, (unsigned)s->input_count);
  if (!type || !gr_type_given(s->graph->module, type, gr_value_loc(s->graph, s->graph->inputs.data[index])))
    return type ? GRAFT_INVALID_ARGUMENT : input_error(s, index, "the input has no type");
  graft_status status = set_type(s, index, type);
  if (status != GRAFT_OK) return status;
  s->inputs[index].data = data ? data : ""; /* an empty one may be NULL */
  if (!data && graft_type_elements(type) > 0) {
    s->inputs[index].data = NULL;
    return input_error(s, index, "the input has no data");
  }
  return GRAFT_OK;
}

/* ---- run
 * ---------------------------------------------------------------------------------------------------------------------
 */

/* A fixed tensor's bytes are those of the last run as long as it has the buffer that the session holds on to. */
static void watch(graft_session *s, uint32_t storage) {
  gr_buffer *buffer = s->graph->module->tensors.data[s->plan.storages.data[storage].id].buffer;
  if (!s->plan.storages.data[storage].fixed || s->held[storage] == buffer) return;
  gr_buffer_release(s->context, s->held[storage]);
  s->held[storage] = gr_buffer_retain(buffer);
  s->versions[storage] = ++s->last_version;
  s->prologue_done = false;
}

/* Addresses that can change between runs. */
static graft_status resolve(graft_session *s) {
  const gr_plan *p = &s->plan;
  for (uint32_t i = 0; i < p->storages.len; i++) {
    const gr_storage *storage = &p->storages.data[i];
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

static const char *kernel_name(const gr_plan_step *step) {
  if (step->control) return "graph";
  if (step->fast.kernel) return step->fast.backend->name;
  return step->run ? "plain" : "embedder's";
}

static uint32_t reorders(const gr_plan_step *step) {
  const gr_backend *b = step->fast.kernel ? step->fast.backend->backend : NULL;
  return b && b->reorders ? b->reorders(step->fast.kernel) : 0;
}

/* The hook gets the node's results; `step` NULL: it has none. */
static graft_status tell(graft_session *s, graft_node n, const gr_plan_step *step, double seconds) {
  const gr_plan *p = &s->plan;
  const gr_node *node = gr_node_at(s->graph, n);
  graft_node_done done = {.size = sizeof done,
                          .graph = s->graph,
                          .node = n,
                          .kernel = step ? kernel_name(step) : "view",
                          .reorders = step ? reorders(step) : 0,
                          .seconds = seconds,
                          .once = !s->prologue_done,
                          .result_count = node->result_count,
                          .result_types = s->told_types + p->max_in,
                          .results = s->told,
                          .operand_count = node->operand_count,
                          .operand_types = s->told_types,
                          .operands = s->told_operands};
  for (uint32_t i = 0; i < node->result_count; i++) {
    const gr_slot *slot = &p->slots[node->first_result + i];
    const bool there = slot->storage != GRAFT_NONE;
    if (there && p->storages.data[slot->storage].place == GR_PLACE_KNOWN) done.kernel = "known";
    s->told_types[p->max_in + i] = there ? slot->type : (graft_type){0};
    s->told[i] = there ? address(s, slot) : NULL;
  }
  for (uint32_t i = 0; i < node->operand_count; i++) {
    const graft_value v = gr_operand(s->graph, n, i);
    const gr_slot *slot = v == GRAFT_NONE ? NULL : &p->slots[v];
    s->told_types[i] = slot ? slot->type : (graft_type){0};
    s->told_operands[i] = slot ? address(s, slot) : NULL;
    for (uint32_t j = 0; step && j < node->result_count; j++)
      if (s->told[j] == s->told_operands[i]) s->told_operands[i] = NULL;
  }
  const uint32_t errors = gr_error_count(s->context);
  const graft_status status = s->after_node(s->after_node_user, &done);
  return status == GRAFT_OK || gr_error_count(s->context) > errors
             ? status
             : gr_error(s->context, status, gr_node_loc(s->graph, n), "after_node ended the run here");
}

static graft_status run_step(graft_session *s, const gr_plan_step *step) {
  const gr_plan *p = &s->plan;
  const double start = s->after_node ? now() : 0;
  const gr_node *node = gr_node_at(s->graph, step->node);
  memset(s->in, 0, GR_MAX_OPERANDS * sizeof *s->in);
  memset(s->out, 0, GR_MAX_RESULTS * sizeof *s->out);
  for (uint32_t i = 0; i < node->operand_count; i++) {
    graft_value v = gr_operand(s->graph, step->node, i);
    s->in[i] = (gr_in){0};
    if (v == GRAFT_NONE) continue;
    const gr_slot *slot = &p->slots[v];
    s->in[i] = (gr_in){.type = &slot->type,
                       .data = address(s, slot),
                       .count = graft_type_elements(&slot->type),
                       .version = s->versions[slot->storage]};
  }
  gr_kernel_call call = {.context = s->context,
                         .isa = s->isa,
                         .module = s->graph->module,
                         .op = node->op,
                         .attrs = node->attrs,
                         .operands = s->in,
                         .operand_count = node->operand_count,
                         .results = s->out,
                         .result_count = node->result_count,
                         .scratch = s->scratch,
                         .threads = s->threads,
                         .seed = gr_mix(gr_mix(s->seed ^ gr_mix(s->step)) + step->random),
                         .graph = s->graph,
                         .node = step->node};
  if (step->control) {
    graft_status made = gr_control_run(s, &s->plan, step, &call, s->base, s->late);
    if (made == GRAFT_OK && s->after_node) made = tell(s, step->node, step, now() - start);
    if (made == GRAFT_OK) gr_late_end(p, (uint32_t)(step - p->steps.data), s->graph, s->late);
    return made;
  }
  graft_status status = step->late ? gr_late_begin(&s->plan, step, &call, s->base, s->late) : GRAFT_OK;
  if (status != GRAFT_OK) return status;
  for (uint32_t i = 0; i < node->result_count; i++) {
    const gr_slot *slot = &p->slots[node->first_result + i];
    s->out[i] = (gr_out){0};
    if (slot->storage != GRAFT_NONE)
      s->out[i] = (gr_out){.type = &slot->type, .data = address(s, slot), .count = graft_type_elements(&slot->type)};
  }
  if (step->fast.kernel)
    status = step->fast.backend->backend->run(step->fast.kernel, &call);
  else
    status = step->run ? step->run(&call) : run_opaque(s, step, &call);
  gr_scratch_reset(s->scratch);
  if (status == GRAFT_OK && s->after_node) status = tell(s, step->node, step, now() - start);
  if (step->late) gr_late_end(p, (uint32_t)(step - p->steps.data), s->graph, s->late);
  return status;
}

/* The prologue or what comes after it; with a hook by the nodes, so that it hears of those that have no step too. */
static graft_status run_part(graft_session *s, bool prologue) {
  const gr_plan *p = &s->plan;
  graft_status status = GRAFT_OK;
  if (!s->after_node) {
    const uint32_t end = prologue ? p->prologue : p->steps.len;
    for (uint32_t i = prologue ? 0 : p->prologue; status == GRAFT_OK && i < end; i++)
      status = run_step(s, &p->steps.data[i]);
    return status;
  }
  const uint32_t end = prologue ? p->prologue_events : p->events.len;
  for (uint32_t i = prologue ? 0 : p->prologue_events; status == GRAFT_OK && i < end; i++) {
    const gr_plan_event *e = &p->events.data[i];
    status = e->step == GRAFT_NONE ? tell(s, e->node, NULL, 0) : run_step(s, &p->steps.data[e->step]);
  }
  return status;
}

static graft_status run_prologue(graft_session *s) {
  const gr_plan *p = &s->plan;
  for (uint32_t i = 0; i < p->storages.len; i++)
    if (p->storages.data[i].fixed && p->storages.data[i].place == GR_PLACE_ARENA) s->versions[i] = ++s->last_version;
  const graft_status status = run_part(s, true);
  s->prologue_done = status == GRAFT_OK;
  return status;
}

/* All updates or, when one of the tensors cannot be written, none. */
static graft_status store_updates(graft_session *s) {
  const gr_plan *p = &s->plan;
  graft_module *m = s->graph->module;
  for (uint32_t i = 0; i < p->stores.len; i++)
    if (!gr_tensor_write(m, p->stores.data[i].tensor)) return gr_no_memory(s->context);
  for (uint32_t i = 0; i < p->stores.len; i++) {
    const gr_store *store = &p->stores.data[i];
    size_t size = gr_tensor_bytes(m, store->tensor);
    const gr_tensor *t = &m->tensors.data[store->tensor]; /* whose buffer is its own by now */
    if (size) memcpy((char *)t->buffer->data + t->offset, s->base[store->storage] + store->offset, size);
  }
  return GRAFT_OK;
}

static graft_status run(graft_session *s) {
  for (uint32_t i = 0; i < s->input_count; i++)
    if (!s->inputs[i].data)
      return gr_error(s->context, GRAFT_INVALID_ARGUMENT, gr_value_loc(s->graph, s->graph->inputs.data[i]),
                      "the input has not been set");
  graft_status status = s->planned ? GRAFT_OK : make_plan(s);
  if (status != GRAFT_OK) return status;
  s->ran = false;
  const gr_plan *p = &s->plan;
  status = resolve(s);
  if (status == GRAFT_OK && !s->prologue_done) status = run_prologue(s);
  if (status == GRAFT_OK) status = run_part(s, false);
  if (status != GRAFT_OK) return status;
  for (uint32_t i = 0; i < p->copies.len; i++) {
    const gr_copy *copy = &p->copies.data[i];
    memcpy(s->base[copy->to], s->base[copy->from] + copy->offset, p->storages.data[copy->to].size);
  }
  status = s->keep_state ? GRAFT_OK : store_updates(s);
  if (status != GRAFT_OK) return status;
  s->step++;
  s->ran = true;
  return GRAFT_OK;
}

graft_status graft_session_run(graft_session *s) {
  const uint32_t errors = gr_error_count(s->context);
  graft_status status = gr_outcome(s->context, errors, run(s));
  if (status != GRAFT_OK) s->ran = false;
  return status;
}

const void *graft_session_get_output(graft_session *s, uint32_t index, graft_type *type) {
  if (type) *type = (graft_type){.rank = -1};
  if (index >= s->graph->outputs.len) {
    gr_error(s->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "output %u of a graph with %u outputs", (unsigned)index,
             (unsigned)s->graph->outputs.len);
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

size_t graft_session_memory(const graft_session *s) { return s->plan.arena_size; }
