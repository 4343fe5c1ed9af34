/* Preparing and running steps with oneDNN. Its threads are OpenMP's, whose number belongs to the calling thread: it is
 * set for the time of a call and put back. */
#include "runtime/onednn/onednn_impl.h"

#include <omp.h>
#include <string.h>

typedef struct argument {
  gr_dnnl_arg a;
  dnnl_memory_t plain, best; /* best NULL: the plain layout will do */
  dnnl_primitive_t reorder;  /* into best; of a result into plain */
  size_t size;               /* of best */
  void *kept;                /* fixed operand: the reordered bytes, not aligned; NULL: done anew in every run */
  const void *source;        /* what `kept` was made from */
  uint64_t version;
} argument;

struct gr_dnnl_kernel {
  gr_dnnl *dnnl;
  dnnl_primitive_t primitive;
  argument args[GR_DNNL_ARGS];
  uint32_t count;
  dnnl_memory_t scratchpad;
  size_t scratchpad_size;
};

#define ALIGNMENT 64u

static void *align(void *p) { return (char *)p + (ALIGNMENT - (uintptr_t)p % ALIGNMENT) % ALIGNMENT; }

dnnl_memory_desc_t gr_dnnl_rows(int rank, const int64_t *dims) {
  dnnl_memory_desc_t d;
  memset(&d, 0, sizeof d);
  int64_t strides[DNNL_MAX_NDIMS], next = 1;
  for (int i = rank; i-- > 0;) strides[i] = next, next *= dims[i];
  (void)dnnl_memory_desc_init_by_strides(&d, rank, dims, dnnl_f32, strides);
  return d;
}

dnnl_memory_desc_t gr_dnnl_type(const graft_type *t) { return gr_dnnl_rows(t->rank, t->dims); }

dnnl_memory_desc_t gr_dnnl_any(const dnnl_memory_desc_t *d) {
  dnnl_memory_desc_t any;
  memset(&any, 0, sizeof any);
  (void)dnnl_memory_desc_init_by_tag(&any, d->ndims, d->dims, d->data_type, dnnl_format_tag_any);
  return any;
}

void gr_dnnl_add(gr_dnnl_plan *p, int arg, uint32_t slot, bool result, const dnnl_memory_desc_t *plain) {
  p->args[p->count++] = (gr_dnnl_arg){.arg = arg, .slot = slot, .result = result, .plain = *plain};
}

static graft_status open_state(graft_context *c, const graft_backend *given, uint32_t threads, void **state) {
  gr_dnnl *d = gr_alloc(c, sizeof *d);
  (void)given;
  if (!d) return GRAFT_NO_MEMORY;
  *d = (gr_dnnl){.context = c, .threads = threads ? threads : 1};
  *state = d;
  return GRAFT_OK;
}

bool gr_dnnl_start(gr_dnnl *d) {
  if (d->failed || d->ready) return d->ready;
  d->ready = dnnl_engine_create(&d->engine, dnnl_cpu, 0) == dnnl_success &&
             dnnl_stream_create(&d->stream, d->engine, dnnl_stream_default_flags) == dnnl_success &&
             dnnl_primitive_attr_create(&d->attr) == dnnl_success &&
             dnnl_primitive_attr_set_scratchpad_mode(d->attr, dnnl_scratchpad_mode_user) == dnnl_success;
  d->failed = !d->ready;
  return d->ready;
}

static void close_state(void *state) {
  gr_dnnl *d = state;
  if (d->attr) (void)dnnl_primitive_attr_destroy(d->attr);
  if (d->stream) (void)dnnl_stream_destroy(d->stream);
  if (d->engine) (void)dnnl_engine_destroy(d->engine);
  gr_free(d->context, d, sizeof *d);
}

/* ---- prepare
 * ------------------------------------------------------------------------------------------------------------- */

static bool make_reorder(gr_dnnl *d, argument *a, const dnnl_memory_desc_t *best) {
  const dnnl_memory_desc_t *from = a->a.result ? best : &a->a.plain, *to = a->a.result ? &a->a.plain : best;
  dnnl_primitive_desc_t desc;
  if (dnnl_reorder_primitive_desc_create(&desc, from, d->engine, to, d->engine, NULL) != dnnl_success) return false;
  bool made = dnnl_primitive_create(&a->reorder, desc) == dnnl_success;
  (void)dnnl_primitive_desc_destroy(desc);
  return made;
}

static bool prepare_argument(gr_dnnl *d, argument *a, dnnl_primitive_desc_t desc, bool fixed) {
  if (dnnl_memory_create(&a->plain, &a->a.plain, d->engine, DNNL_MEMORY_NONE) != dnnl_success) return false;
  const dnnl_memory_desc_t *best = dnnl_primitive_desc_query_md(desc, dnnl_query_exec_arg_md, a->a.arg);
  if (!best) return false;
  if (dnnl_memory_desc_equal(best, &a->a.plain)) return true;
  a->size = dnnl_memory_desc_get_size(best);
  if (dnnl_memory_create(&a->best, best, d->engine, DNNL_MEMORY_NONE) != dnnl_success || !make_reorder(d, a, best))
    return false;
  if (fixed) a->kept = gr_alloc(d->context, a->size + ALIGNMENT);
  return !fixed || a->kept;
}

static bool make(gr_dnnl_kernel *kernel, const gr_dnnl_plan *p, const gr_request *r) {
  gr_dnnl *d = kernel->dnnl;
  if (dnnl_primitive_create(&kernel->primitive, p->desc) != dnnl_success) return false;
  kernel->count = p->count;
  for (uint32_t i = 0; i < p->count; i++) {
    argument *a = &kernel->args[i];
    a->a = p->args[i];
    if (!prepare_argument(d, a, p->desc, !a->a.result && (r->fixed >> a->a.slot & 1u))) return false;
  }
  const dnnl_memory_desc_t *scratchpad = dnnl_primitive_desc_query_md(p->desc, dnnl_query_scratchpad_md, 0);
  kernel->scratchpad_size = scratchpad ? dnnl_memory_desc_get_size(scratchpad) : 0;
  return kernel->scratchpad_size == 0 ||
         dnnl_memory_create(&kernel->scratchpad, scratchpad, d->engine, DNNL_MEMORY_NONE) == dnnl_success;
}

static void drop(void *prepared) {
  gr_dnnl_kernel *kernel = prepared;
  graft_context *c = kernel->dnnl->context;
  for (uint32_t i = 0; i < kernel->count; i++) {
    argument *a = &kernel->args[i];
    if (a->reorder) (void)dnnl_primitive_destroy(a->reorder);
    if (a->best) (void)dnnl_memory_destroy(a->best);
    if (a->plain) (void)dnnl_memory_destroy(a->plain);
    gr_free(c, a->kept, a->size + ALIGNMENT);
  }
  if (kernel->scratchpad) (void)dnnl_memory_destroy(kernel->scratchpad);
  if (kernel->primitive) (void)dnnl_primitive_destroy(kernel->primitive);
  gr_free(c, kernel, sizeof *kernel);
}

static graft_status prepare(void *state, const gr_kernel_call *k, const gr_request *r, void **result) {
  gr_dnnl *d = state;
  const gr_dnnl_planner plan = gr_dnnl_planner_of(k->op);
  if (!plan) return GRAFT_OK;
  gr_dnnl_kernel *kernel = gr_calloc(d->context, 1, sizeof *kernel);
  if (!kernel) return GRAFT_NO_MEMORY;
  kernel->dnnl = d;
  gr_dnnl_plan p = {.count = 0};
  const uint32_t errors = gr_error_count(d->context);
  const int threads = omp_get_max_threads();
  omp_set_num_threads((int)d->threads);
  const bool done = plan(d, k, r, &p) && make(kernel, &p, r);
  omp_set_num_threads(threads);
  if (p.desc) (void)dnnl_primitive_desc_destroy(p.desc);
  if (done)
    *result = kernel;
  else
    drop(kernel);
  return gr_error_count(d->context) == errors ? GRAFT_OK : GRAFT_NO_MEMORY;
}

static uint32_t reorders(const void *prepared) {
  const gr_dnnl_kernel *kernel = prepared;
  uint32_t count = 0;
  for (uint32_t i = 0; i < kernel->count; i++) count += kernel->args[i].best && !kernel->args[i].kept;
  return count;
}

/* ---- run
 * -------------------------------------------------------------------------------------------------------------------
 */

static bool reorder(const gr_dnnl *d, const argument *a) {
  dnnl_exec_arg_t args[2] = {{DNNL_ARG_FROM, a->a.result ? a->best : a->plain},
                             {DNNL_ARG_TO, a->a.result ? a->plain : a->best}};
  return dnnl_primitive_execute(a->reorder, d->stream, 2, args) == dnnl_success;
}

/* Memory for the preferred layout; `*fresh` false: it holds the operand already. */
static graft_status place_best(argument *a, const gr_kernel_call *k, const gr_in *in, bool *fresh) {
  void *bytes = a->kept ? align(a->kept) : gr_scratch_alloc(k->scratch, a->size, 1);
  if (!bytes) return GRAFT_NO_MEMORY;
  *fresh = true;
  if (a->kept) {
    *fresh = in->version == 0 || a->version != in->version || a->source != in->data;
    a->version = in->version;
    a->source = in->data;
  }
  return dnnl_memory_set_data_handle(a->best, bytes) == dnnl_success ? GRAFT_OK : GRAFT_RUN;
}

static graft_status execute(gr_dnnl_kernel *kernel, const gr_kernel_call *k) {
  gr_dnnl *d = kernel->dnnl;
  dnnl_exec_arg_t args[GR_DNNL_ARGS + 1];
  int count = 0;
  for (uint32_t i = 0; i < kernel->count; i++) {
    argument *a = &kernel->args[i];
    const gr_in *in = &k->operands[a->a.slot];
    void *data = a->a.result ? k->results[a->a.slot].data : (void *)in->data;
    if (dnnl_memory_set_data_handle(a->plain, data) != dnnl_success) return GRAFT_RUN;
    if (a->best) {
      bool fresh;
      graft_status status = place_best(a, k, in, &fresh);
      if (status != GRAFT_OK) return status;
      if (fresh && !a->a.result && !reorder(d, a)) return GRAFT_RUN;
    }
    args[count++] = (dnnl_exec_arg_t){a->a.arg, a->best ? a->best : a->plain};
  }
  if (kernel->scratchpad) {
    void *bytes = gr_scratch_alloc(k->scratch, kernel->scratchpad_size, 1);
    if (!bytes) return GRAFT_NO_MEMORY;
    if (dnnl_memory_set_data_handle(kernel->scratchpad, bytes) != dnnl_success) return GRAFT_RUN;
    args[count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, kernel->scratchpad};
  }
  if (dnnl_primitive_execute(kernel->primitive, d->stream, count, args) != dnnl_success) return GRAFT_RUN;
  for (uint32_t i = 0; i < kernel->count; i++)
    if (kernel->args[i].a.result && kernel->args[i].best && !reorder(d, &kernel->args[i])) return GRAFT_RUN;
  return dnnl_stream_wait(d->stream) == dnnl_success ? GRAFT_OK : GRAFT_RUN;
}

static graft_status run(void *prepared, const gr_kernel_call *k) {
  gr_dnnl_kernel *kernel = prepared;
  int threads = omp_get_max_threads();
  omp_set_num_threads((int)kernel->dnnl->threads);
  graft_status status = execute(kernel, k);
  omp_set_num_threads(threads);
  return status == GRAFT_RUN ? gr_kernel_error(k, "%s: oneDNN failed", gr_op_text(k->module, k->op)) : status;
}

const gr_backend gr_onednn = {.name = "onednn",
                              .open = open_state,
                              .close = close_state,
                              .prepare = prepare,
                              .run = run,
                              .drop = drop,
                              .reorders = reorders};
