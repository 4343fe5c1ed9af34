/* The backends of a session, and the embedder's among them: a graft_backend of runtime.h, called through a gr_backend.
 */
#include "runtime/session_impl.h"

#include <string.h>

/* What is built in, in the order in which it is asked. */
static const gr_backend *const built_in[] = {
#if defined(GRAFT_ONEDNN)
    &gr_onednn, &gr_onednn_integers,
#endif
    NULL};

/* ---- the embedder's
 * ---------------------------------------------------------------------------------------------------------- */

typedef struct foreign {
  graft_context *context;
  const graft_backend *backend; /* the session's copy */
  void *state;
} foreign;

typedef struct foreign_kernel {
  const foreign *of;
  void *kernel;
} foreign_kernel;

static graft_status foreign_open(graft_context *c, const graft_backend *given, uint32_t threads, void **state) {
  foreign *f = gr_alloc(c, sizeof *f);
  if (!f) return GRAFT_NO_MEMORY;
  *f = (foreign){.context = c, .backend = given, .state = given->user};
  const graft_status status = given->open ? given->open(given->user, threads, &f->state) : GRAFT_OK;
  if (status == GRAFT_OK) {
    *state = f;
    return GRAFT_OK;
  }
  gr_free(c, f, sizeof *f);
  return gr_error(c, status, (gr_loc){0}, "backend %s cannot be opened", given->name);
}

static void foreign_close(void *state) {
  foreign *f = state;
  if (f->backend->close) f->backend->close(f->state);
  gr_free(f->context, f, sizeof *f);
}

/* The call as the embedder sees it: arrays of its own, in scratch memory. */
static bool as_public(const gr_kernel_call *k, uint32_t fixed, graft_kernel_call *call) {
  graft_type *types = gr_scratch_alloc(k->scratch, k->operand_count + k->result_count + 1u, sizeof *types);
  const void **operands = gr_scratch_alloc(k->scratch, k->operand_count + 1u, sizeof *operands);
  void **results = gr_scratch_alloc(k->scratch, k->result_count + 1u, sizeof *results);
  uint64_t *versions = gr_scratch_alloc(k->scratch, k->operand_count + 1u, sizeof *versions);
  if (!types || !operands || !results || !versions) return false;
  for (uint32_t i = 0; i < k->operand_count; i++) {
    types[i] = k->operands[i].type ? *k->operands[i].type : (graft_type){0};
    operands[i] = k->operands[i].data;
    versions[i] = k->operands[i].version;
  }
  for (uint32_t i = 0; i < k->result_count; i++) {
    types[k->operand_count + i] = k->results[i].type ? *k->results[i].type : (graft_type){0};
    results[i] = k->results[i].data;
  }
  *call = (graft_kernel_call){.size = sizeof *call,
                              .graph = k->graph,
                              .node = k->node,
                              .operand_count = k->operand_count,
                              .result_count = k->result_count,
                              .operand_types = types,
                              .operands = operands,
                              .result_types = types + k->operand_count,
                              .results = results,
                              .fixed = fixed,
                              .versions = versions};
  return true;
}

static graft_status foreign_prepare(void *state, const gr_kernel_call *k, const gr_request *request,
                                    gr_answer *answer) {
  foreign *f = state;
  graft_kernel_call call;
  void *mine = NULL;
  graft_node *after = gr_scratch_alloc(k->scratch, request->after_count + 1u, sizeof *after);
  if (!after || !as_public(k, request->fixed, &call)) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < request->after_count; i++) after[i] = request->after[i].node;
  call.after_count = request->after_count;
  call.after = after;
  call.taken = &answer->taken;
  const graft_status status = f->backend->prepare(f->state, &call, &mine);
  if (answer->taken > request->after_count) answer->taken = request->after_count;
  if (status != GRAFT_OK)
    return gr_error(f->context, status, gr_kernel_where(k), "%s: backend %s cannot prepare it",
                    gr_op_text(k->module, k->op), f->backend->name);
  if (!mine) return GRAFT_OK;
  foreign_kernel *own = gr_alloc(f->context, sizeof *own);
  if (own) {
    *own = (foreign_kernel){.of = f, .kernel = mine};
    answer->kernel = own;
    return GRAFT_OK;
  }
  if (f->backend->drop) f->backend->drop(f->state, mine);
  return GRAFT_NO_MEMORY;
}

static graft_status foreign_run(void *kernel, const gr_kernel_call *k) {
  const foreign_kernel *own = kernel;
  const foreign *f = own->of;
  graft_kernel_call call;
  if (!as_public(k, 0, &call)) return GRAFT_NO_MEMORY;
  const graft_status status = f->backend->run(f->state, own->kernel, &call);
  return status == GRAFT_OK ? status
                            : gr_error(f->context, status, gr_kernel_where(k), "%s: backend %s failed",
                                       gr_op_text(k->module, k->op), f->backend->name);
}

static void foreign_drop(void *kernel) {
  foreign_kernel *own = kernel;
  const foreign *f = own->of;
  if (f->backend->drop) f->backend->drop(f->state, own->kernel);
  gr_free(f->context, own, sizeof *own);
}

static const gr_backend foreign_backend = {
    .open = foreign_open, .close = foreign_close, .prepare = foreign_prepare, .run = foreign_run, .drop = foreign_drop};

/* ---- the list
 * ---------------------------------------------------------------------------------------------------------------- */

static graft_status add(gr_backends *b, const gr_backend *backend, const graft_backend *given, uint32_t threads) {
  void *state = NULL;
  const graft_status status = backend->open(b->context, given, threads, &state);
  if (status == GRAFT_OK && state)
    b->opened[b->count++] = (gr_opened){backend, given ? given->name : backend->name, state};
  return status;
}

graft_status gr_backends_open(gr_backends *b, graft_context *c, const graft_backend *const *given, uint32_t given_count,
                              uint32_t threads) {
  *b = (gr_backends){.context = c, .room = given_count + (uint32_t)(sizeof built_in / sizeof *built_in)};
  b->opened = gr_calloc(c, b->room, sizeof *b->opened);
  graft_status status = b->opened ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (uint32_t i = 0; status == GRAFT_OK && i < given_count; i++) status = add(b, &foreign_backend, given[i], threads);
  for (uint32_t i = 0; status == GRAFT_OK && built_in[i]; i++) status = add(b, built_in[i], NULL, threads);
  return status;
}

void gr_backends_close(gr_backends *b) {
  for (uint32_t i = b->count; i-- > 0;) b->opened[i].backend->close(b->opened[i].state);
  if (b->opened) gr_free(b->context, b->opened, b->room * sizeof *b->opened);
  *b = (gr_backends){0};
}

/* The step is offered to one backend, which sees the numbers of its own layouts only. */
static graft_status offer(const gr_opened *o, const gr_kernel_call *k, const gr_request *asked, gr_layout *layouts,
                          gr_layout *results, gr_fast *fast, uint32_t *taken) {
  uint32_t *ids = gr_scratch_alloc(k->scratch, 2u * k->operand_count + k->result_count + 1u, sizeof *ids);
  if (!ids) return GRAFT_NO_MEMORY;
  memset(ids, 0, (2u * k->operand_count + k->result_count) * sizeof *ids);
  for (uint32_t i = 0; i < k->operand_count; i++) ids[i] = layouts[i].of == o ? layouts[i].id : 0;
  gr_request request = *asked;
  request.layouts = ids;
  gr_answer answer = {.operands = ids + k->operand_count, .results = ids + 2u * k->operand_count};
  const graft_status status = o->backend->prepare(o->state, k, &request, &answer);
  if (!answer.kernel) return status;
  *fast = (gr_fast){o, answer.kernel};
  *taken = answer.taken;
  for (uint32_t i = 0; i < k->operand_count; i++)
    layouts[i] = answer.operands[i] ? (gr_layout){o, answer.operands[i]} : (gr_layout){0};
  for (uint32_t i = 0; i < k->result_count; i++)
    results[i] = answer.results[i] ? (gr_layout){o, answer.results[i]} : (gr_layout){0};
  return status;
}

graft_status gr_backends_prepare(const gr_backends *b, const gr_kernel_call *k, const gr_request *request,
                                 gr_layout *layouts, gr_layout *results, gr_fast *fast, uint32_t *taken) {
  graft_status status = GRAFT_OK;
  *fast = (gr_fast){0};
  *taken = 0;
  for (uint32_t i = 0; status == GRAFT_OK && !fast->kernel && i < b->count; i++)
    status = offer(&b->opened[i], k, request, layouts, results, fast, taken);
  gr_scratch_reset(k->scratch);
  return status;
}

void gr_fast_drop(gr_fast *fast) {
  if (fast->kernel) fast->backend->backend->drop(fast->kernel);
  *fast = (gr_fast){0};
}
