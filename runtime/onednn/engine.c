/* Preparing and running steps with oneDNN. Its threads are OpenMP's, whose number belongs to the calling thread: it is
 * set for the time of a call and put back. */
#include "runtime/onednn/onednn_impl.h"

#include <omp.h>
#include <string.h>

typedef struct argument {
  gr_dnnl_arg a;
  dnnl_memory_t memory;
} argument;

struct gr_dnnl_kernel {
  gr_dnnl *dnnl;
  dnnl_primitive_t primitive;
  argument args[GR_DNNL_ARGS];
  uint32_t count;
  dnnl_memory_t scratchpad;
  size_t scratchpad_size;
  gr_dnnl_careful *careful; /* instead, where the flag is raised; NULL: nothing comes after */
};

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
  gr_dnnl_free_layouts(d);
  gr_free(d->context, d, sizeof *d);
}

/* ---- prepare
 * ------------------------------------------------------------------------------------------------------------- */

/* The argument's memory, and the number of the layout that the primitive chose for it. */
static bool make_argument(gr_dnnl *d, argument *a, dnnl_primitive_desc_t desc, gr_answer *answer) {
  const dnnl_memory_desc_t *best = dnnl_primitive_desc_query_md(desc, dnnl_query_exec_arg_md, a->a.arg);
  if (!best || dnnl_memory_create(&a->memory, best, d->engine, DNNL_MEMORY_NONE) != dnnl_success) return false;
  return !answer ||
         gr_dnnl_number(d, &a->a.plain, best, a->a.result ? &answer->results[a->a.slot] : &answer->operands[a->a.slot]);
}

static bool make(gr_dnnl_kernel *kernel, const gr_dnnl_plan *p, gr_answer *answer) {
  gr_dnnl *d = kernel->dnnl;
  if (dnnl_primitive_create(&kernel->primitive, p->desc) != dnnl_success) return false;
  kernel->count = p->count;
  for (uint32_t i = 0; i < p->count; i++) {
    kernel->args[i].a = p->args[i];
    if (!make_argument(d, &kernel->args[i], p->desc, answer)) return false;
  }
  const dnnl_memory_desc_t *scratchpad = dnnl_primitive_desc_query_md(p->desc, dnnl_query_scratchpad_md, 0);
  kernel->scratchpad_size = scratchpad ? dnnl_memory_desc_get_size(scratchpad) : 0;
  return kernel->scratchpad_size == 0 ||
         dnnl_memory_create(&kernel->scratchpad, scratchpad, d->engine, DNNL_MEMORY_NONE) == dnnl_success;
}

static void drop(void *prepared) {
  gr_dnnl_kernel *kernel = prepared;
  for (uint32_t i = 0; i < kernel->count; i++)
    if (kernel->args[i].memory) (void)dnnl_memory_destroy(kernel->args[i].memory);
  gr_dnnl_careful_drop(kernel->careful);
  if (kernel->scratchpad) (void)dnnl_memory_destroy(kernel->scratchpad);
  if (kernel->primitive) (void)dnnl_primitive_destroy(kernel->primitive);
  gr_free(kernel->dnnl->context, kernel, sizeof *kernel);
}

void gr_dnnl_plan_end(gr_dnnl_plan *p) {
  if (p->attr) (void)dnnl_primitive_attr_destroy(p->attr);
  if (p->desc) (void)dnnl_primitive_desc_destroy(p->desc);
  *p = (gr_dnnl_plan){.count = 0};
}

/* A primitive divides its work among as many threads as there are when it is made. */
graft_status gr_dnnl_make(gr_dnnl *d, gr_dnnl_plan *p, gr_answer *answer, void **result) {
  const uint32_t errors = gr_error_count(d->context);
  const int threads = omp_get_max_threads();
  gr_dnnl_kernel *kernel = gr_calloc(d->context, 1, sizeof *kernel);
  omp_set_num_threads((int)d->threads);
  if (kernel) {
    kernel->dnnl = d;
    if (make(kernel, p, answer) && gr_dnnl_careful_make(d, p, &kernel->careful))
      *result = kernel;
    else
      drop(kernel);
  }
  omp_set_num_threads(threads);
  return gr_error_count(d->context) == errors ? GRAFT_OK : GRAFT_NO_MEMORY;
}

/* The plan of a step; what comes after is left out where it would make it slow. */
static bool plan_step(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p) {
  const gr_dnnl_planner plan = gr_dnnl_planner_of(k->op);
  gr_request alone = *r;
  if (d->threads == 1 && plan(d, k, r, p) && (!p->after_count || !gr_dnnl_is_slow(p->desc))) return true;
  if (d->threads == 1 && !p->after_count) return false;
  gr_dnnl_plan_end(p);
  alone.after_count = 0;
  return plan(d, k, &alone, p);
}

static graft_status prepare(void *state, const gr_kernel_call *k, const gr_request *r, gr_answer *answer) {
  gr_dnnl *d = state;
  if (!gr_dnnl_planner_of(k->op)) return GRAFT_OK;
  gr_dnnl_plan p = {.count = 0};
  graft_status status = GRAFT_OK;
  const int threads = omp_get_max_threads();
  omp_set_num_threads((int)d->threads);
  if (plan_step(d, k, r, &p)) status = gr_dnnl_make(d, &p, answer, &answer->kernel);
  if (answer->kernel) answer->taken = p.after_count;
  gr_dnnl_plan_end(&p);
  omp_set_num_threads(threads);
  return status;
}

/* ---- run
 * -------------------------------------------------------------------------------------------------------------------
 */

static graft_status execute(gr_dnnl_kernel *kernel, const gr_kernel_call *k) {
  gr_dnnl *d = kernel->dnnl;
  dnnl_exec_arg_t args[GR_DNNL_ARGS + 1];
  int count = 0;
  for (uint32_t i = 0; i < kernel->count; i++) {
    const argument *a = &kernel->args[i];
    void *data = a->a.result ? k->results[a->a.slot].data : (void *)k->operands[a->a.slot].data;
    if (dnnl_memory_set_data_handle(a->memory, data) != dnnl_success) return GRAFT_RUN;
    args[count++] = (dnnl_exec_arg_t){a->a.arg, a->memory};
  }
  if (kernel->scratchpad) {
    void *bytes = gr_scratch_alloc(k->scratch, kernel->scratchpad_size, 1);
    if (!bytes) return GRAFT_NO_MEMORY;
    if (dnnl_memory_set_data_handle(kernel->scratchpad, bytes) != dnnl_success) return GRAFT_RUN;
    args[count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, kernel->scratchpad};
  }
  if (dnnl_primitive_execute(kernel->primitive, d->stream, count, args) != dnnl_success) return GRAFT_RUN;
  return dnnl_stream_wait(d->stream) == dnnl_success ? GRAFT_OK : GRAFT_RUN;
}

static graft_status run(void *prepared, const gr_kernel_call *k) {
  gr_dnnl_kernel *kernel = prepared;
  int threads = omp_get_max_threads();
  omp_set_num_threads((int)kernel->dnnl->threads);
  if (kernel->careful) gr_dnnl_flag_clear();
  graft_status status = execute(kernel, k);
  if (status == GRAFT_OK && kernel->careful && gr_dnnl_flag_raised()) status = gr_dnnl_careful_run(kernel->careful, k);
  omp_set_num_threads(threads);
  return status == GRAFT_RUN ? gr_kernel_error(k, "%s: oneDNN failed", gr_op_text(k->module, k->op)) : status;
}

const gr_backend gr_onednn = {.name = "onednn",
                              .open = open_state,
                              .close = close_state,
                              .prepare = prepare,
                              .run = run,
                              .drop = drop,
                              .layout = gr_dnnl_layout_info,
                              .reorder = gr_dnnl_reorder};
