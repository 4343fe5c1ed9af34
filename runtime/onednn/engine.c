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

struct gr_fast_kernel {
  gr_fast *fast;
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

gr_fast *gr_fast_create(graft_context *c, uint32_t threads) {
  gr_fast *f = gr_alloc(c, sizeof *f);
  if (!f) return NULL;
  *f = (gr_fast){.context = c, .threads = threads ? threads : 1};
  return f;
}

bool gr_dnnl_start(gr_fast *f) {
  if (f->failed || f->ready) return f->ready;
  f->ready = dnnl_engine_create(&f->engine, dnnl_cpu, 0) == dnnl_success &&
             dnnl_stream_create(&f->stream, f->engine, dnnl_stream_default_flags) == dnnl_success &&
             dnnl_primitive_attr_create(&f->attr) == dnnl_success &&
             dnnl_primitive_attr_set_scratchpad_mode(f->attr, dnnl_scratchpad_mode_user) == dnnl_success;
  f->failed = !f->ready;
  return f->ready;
}

void gr_fast_destroy(gr_fast *f) {
  if (!f) return;
  if (f->attr) (void)dnnl_primitive_attr_destroy(f->attr);
  if (f->stream) (void)dnnl_stream_destroy(f->stream);
  if (f->engine) (void)dnnl_engine_destroy(f->engine);
  gr_free(f->context, f, sizeof *f);
}

/* ---- prepare
 * ------------------------------------------------------------------------------------------------------------- */

static bool make_reorder(gr_fast *f, argument *a, const dnnl_memory_desc_t *best) {
  const dnnl_memory_desc_t *from = a->a.result ? best : &a->a.plain, *to = a->a.result ? &a->a.plain : best;
  dnnl_primitive_desc_t desc;
  if (dnnl_reorder_primitive_desc_create(&desc, from, f->engine, to, f->engine, NULL) != dnnl_success) return false;
  bool made = dnnl_primitive_create(&a->reorder, desc) == dnnl_success;
  (void)dnnl_primitive_desc_destroy(desc);
  return made;
}

static bool prepare_argument(gr_fast *f, argument *a, dnnl_primitive_desc_t desc, bool fixed) {
  if (dnnl_memory_create(&a->plain, &a->a.plain, f->engine, DNNL_MEMORY_NONE) != dnnl_success) return false;
  const dnnl_memory_desc_t *best = dnnl_primitive_desc_query_md(desc, dnnl_query_exec_arg_md, a->a.arg);
  if (!best) return false;
  if (dnnl_memory_desc_equal(best, &a->a.plain)) return true;
  a->size = dnnl_memory_desc_get_size(best);
  if (dnnl_memory_create(&a->best, best, f->engine, DNNL_MEMORY_NONE) != dnnl_success || !make_reorder(f, a, best))
    return false;
  if (fixed) a->kept = gr_alloc(f->context, a->size + ALIGNMENT);
  return !fixed || a->kept;
}

static bool prepare(gr_fast_kernel *kernel, const gr_dnnl_plan *p, uint32_t fixed) {
  gr_fast *f = kernel->fast;
  if (dnnl_primitive_create(&kernel->primitive, p->desc) != dnnl_success) return false;
  kernel->count = p->count;
  for (uint32_t i = 0; i < p->count; i++) {
    argument *a = &kernel->args[i];
    a->a = p->args[i];
    if (!prepare_argument(f, a, p->desc, !a->a.result && (fixed >> a->a.slot & 1u))) return false;
  }
  const dnnl_memory_desc_t *scratchpad = dnnl_primitive_desc_query_md(p->desc, dnnl_query_scratchpad_md, 0);
  kernel->scratchpad_size = scratchpad ? dnnl_memory_desc_get_size(scratchpad) : 0;
  return kernel->scratchpad_size == 0 ||
         dnnl_memory_create(&kernel->scratchpad, scratchpad, f->engine, DNNL_MEMORY_NONE) == dnnl_success;
}

static gr_dnnl_planner planner(uint32_t op) {
  switch (op) {
  case GR_OP_conv1d:
  case GR_OP_conv2d:
  case GR_OP_conv3d:
  case GR_OP_conv_transpose1d:
  case GR_OP_conv_transpose2d:
  case GR_OP_conv_transpose3d: return gr_dnnl_plan_conv;
  case GR_OP_linear: return gr_dnnl_plan_linear;
  case GR_OP_matmul: return gr_dnnl_plan_matmul;
  case GR_OP_avg_pool1d:
  case GR_OP_avg_pool2d:
  case GR_OP_avg_pool3d: return gr_dnnl_plan_pool;
  case GR_OP_batch_norm: return gr_dnnl_plan_batch_norm;
  default: return NULL;
  }
}

/* f32, not empty, and no larger than oneDNN can count: it divides by extents that it has cut to 32 bits. */
static bool is_taken(const graft_type *t, int64_t count) {
  return t->dtype == GRAFT_F32 && count > 0 && count <= INT32_MAX;
}

static bool all_taken(const gr_kernel_call *k) {
  for (uint32_t i = 0; i < k->operand_count; i++)
    if (k->operands[i].type && !is_taken(k->operands[i].type, k->operands[i].count)) return false;
  return k->results[0].type && is_taken(k->results[0].type, k->results[0].count);
}

gr_fast_kernel *gr_fast_prepare(gr_fast *f, const gr_kernel_call *k, uint32_t fixed) {
  gr_dnnl_planner plan = planner(k->op);
  if (!plan || !all_taken(k)) return NULL;
  gr_fast_kernel *kernel = gr_calloc(f->context, 1, sizeof *kernel);
  if (!kernel) return NULL;
  kernel->fast = f;
  gr_dnnl_plan p = {.count = 0};
  int threads = omp_get_max_threads();
  omp_set_num_threads((int)f->threads);
  bool done = plan(f, k, fixed, &p) && prepare(kernel, &p, fixed);
  omp_set_num_threads(threads);
  if (p.desc) (void)dnnl_primitive_desc_destroy(p.desc);
  if (done) return kernel;
  gr_fast_drop(kernel);
  return NULL;
}

uint32_t gr_fast_reorders(const gr_fast_kernel *kernel) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < kernel->count; i++) count += kernel->args[i].best && !kernel->args[i].kept;
  return count;
}

void gr_fast_drop(gr_fast_kernel *kernel) {
  if (!kernel) return;
  graft_context *c = kernel->fast->context;
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

/* ---- run
 * -------------------------------------------------------------------------------------------------------------------
 */

static bool reorder(const gr_fast *f, const argument *a) {
  dnnl_exec_arg_t args[2] = {{DNNL_ARG_FROM, a->a.result ? a->best : a->plain},
                             {DNNL_ARG_TO, a->a.result ? a->plain : a->best}};
  return dnnl_primitive_execute(a->reorder, f->stream, 2, args) == dnnl_success;
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

static graft_status execute(gr_fast_kernel *kernel, const gr_kernel_call *k) {
  gr_fast *f = kernel->fast;
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
      if (fresh && !a->a.result && !reorder(f, a)) return GRAFT_RUN;
    }
    args[count++] = (dnnl_exec_arg_t){a->a.arg, a->best ? a->best : a->plain};
  }
  if (kernel->scratchpad) {
    void *bytes = gr_scratch_alloc(k->scratch, kernel->scratchpad_size, 1);
    if (!bytes) return GRAFT_NO_MEMORY;
    if (dnnl_memory_set_data_handle(kernel->scratchpad, bytes) != dnnl_success) return GRAFT_RUN;
    args[count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, kernel->scratchpad};
  }
  if (dnnl_primitive_execute(kernel->primitive, f->stream, count, args) != dnnl_success) return GRAFT_RUN;
  for (uint32_t i = 0; i < kernel->count; i++)
    if (kernel->args[i].a.result && kernel->args[i].best && !reorder(f, &kernel->args[i])) return GRAFT_RUN;
  return dnnl_stream_wait(f->stream) == dnnl_success ? GRAFT_OK : GRAFT_RUN;
}

graft_status gr_fast_run(gr_fast_kernel *kernel, const gr_kernel_call *k) {
  int threads = omp_get_max_threads();
  omp_set_num_threads((int)kernel->fast->threads);
  graft_status status = execute(kernel, k);
  omp_set_num_threads(threads);
  return status == GRAFT_RUN ? gr_kernel_error(k, "%s: oneDNN failed", gr_op_text(k->module, k->op)) : status;
}
