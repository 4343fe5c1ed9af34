/* Preparing and running steps with oneDNN. Its threads are OpenMP's, which spin against everybody else while they wait:
 * whoever calls it has it use one, its own (the number belongs to the calling thread: it is set for the time of a call
 * and put back), and steps are cut into pieces for our own pool (pieces.c). */
#include "runtime/onednn/onednn_impl.h"

#include <omp.h>
#include <string.h>

enum { ALIGNMENT = 64, PART_GRAIN = 1 << 15 };

int gr_dnnl_alone(void) {
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  return threads;
}

void gr_dnnl_together(int threads) { omp_set_num_threads(threads); }

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
  (void)given, (void)threads;
  if (!d) return GRAFT_NO_MEMORY;
  *d = (gr_dnnl){.context = c};
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

static void drop_pieces(gr_dnnl_kernel *kernel) {
  for (uint32_t i = 0; i < kernel->pieces.len; i++) {
    gr_dnnl_piece *p = &kernel->pieces.data[i];
    for (uint32_t j = 0; j < kernel->count; j++)
      if (p->memory[j]) (void)dnnl_memory_destroy(p->memory[j]);
    if (p->scratchpad) (void)dnnl_memory_destroy(p->scratchpad);
    if (p->primitive) (void)dnnl_primitive_destroy(p->primitive);
  }
  kernel->pieces.len = 0;
  kernel->parts = 0;
  kernel->scratchpad_size = 0;
}

bool gr_dnnl_add_piece(gr_dnnl_kernel *kernel, const gr_dnnl_plan *plan, dnnl_primitive_desc_t desc, const size_t *at) {
  dnnl_engine_t engine = kernel->dnnl->engine;
  if (!gr_vec_push(kernel->dnnl->context, &kernel->pieces, (gr_dnnl_piece){0})) return false;
  gr_dnnl_piece *p = &kernel->pieces.data[kernel->pieces.len - 1];
  if (dnnl_primitive_create(&p->primitive, desc) != dnnl_success) return false;
  for (uint32_t i = 0; i < plan->count; i++) {
    const dnnl_memory_desc_t *d = dnnl_primitive_desc_query_md(desc, dnnl_query_exec_arg_md, plan->args[i].arg);
    p->at[i] = at[i];
    if (!d || dnnl_memory_create(&p->memory[i], d, engine, DNNL_MEMORY_NONE) != dnnl_success) return false;
  }
  const dnnl_memory_desc_t *scratchpad = dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
  const size_t size = scratchpad ? dnnl_memory_desc_get_size(scratchpad) : 0;
  if (size > kernel->scratchpad_size) kernel->scratchpad_size = size;
  return size == 0 || dnnl_memory_create(&p->scratchpad, scratchpad, engine, DNNL_MEMORY_NONE) == dnnl_success;
}

/* The numbers of the layouts that the primitive chose for its arguments. */
static bool tell_layouts(gr_dnnl *d, const gr_dnnl_plan *p, gr_answer *answer) {
  for (uint32_t i = 0; i < p->count; i++) {
    const gr_dnnl_arg *a = &p->args[i];
    const dnnl_memory_desc_t *best = dnnl_primitive_desc_query_md(p->desc, dnnl_query_exec_arg_md, a->arg);
    uint32_t *number = a->result ? &answer->results[a->slot] : &answer->operands[a->slot];
    if (!best || !gr_dnnl_number(d, &a->plain, best, number)) return false;
  }
  return true;
}

static bool make(gr_dnnl_kernel *kernel, const gr_dnnl_plan *p, gr_answer *answer) {
  static const size_t at[GR_DNNL_ARGS];
  if (answer && !tell_layouts(kernel->dnnl, p, answer)) return false;
  kernel->count = p->count;
  memcpy(kernel->args, p->args, sizeof kernel->args);
  for (uint32_t i = 0; i < p->count; i++) {
    const dnnl_memory_desc_t *best = dnnl_primitive_desc_query_md(p->desc, dnnl_query_exec_arg_md, p->args[i].arg);
    if (p->args[i].result && best) kernel->part_size = dnnl_memory_desc_get_size(best);
  }
  if (gr_dnnl_cut(kernel, p)) return true;
  drop_pieces(kernel);
  return gr_dnnl_add_piece(kernel, p, p->desc, at);
}

static void drop(void *prepared) {
  gr_dnnl_kernel *kernel = prepared;
  graft_context *c = kernel->dnnl->context;
  drop_pieces(kernel);
  gr_vec_free(c, &kernel->pieces);
  gr_dnnl_careful_drop(kernel->careful);
  gr_free(c, kernel, sizeof *kernel);
}

void gr_dnnl_plan_end(gr_dnnl_plan *p) {
  if (p->attr) (void)dnnl_primitive_attr_destroy(p->attr);
  if (p->desc) (void)dnnl_primitive_desc_destroy(p->desc);
  *p = (gr_dnnl_plan){.count = 0};
}

graft_status gr_dnnl_make(gr_dnnl *d, gr_dnnl_plan *p, gr_answer *answer, void **result) {
  const uint32_t errors = gr_error_count(d->context);
  gr_dnnl_kernel *kernel = gr_calloc(d->context, 1, sizeof *kernel);
  const int threads = gr_dnnl_alone();
  if (kernel) {
    kernel->dnnl = d;
    if (make(kernel, p, answer) && gr_dnnl_careful_make(d, p, &kernel->careful))
      *result = kernel;
    else
      drop(kernel);
  }
  gr_dnnl_together(threads);
  return gr_error_count(d->context) == errors ? GRAFT_OK : GRAFT_NO_MEMORY;
}

/* The plan of a step; what comes after is left out where it would make it slow. */
static bool plan_step(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p) {
  const gr_dnnl_planner plan = gr_dnnl_planner_of(k->op);
  gr_request alone = *r;
  if (plan(d, k, r, p) && (!p->after_count || !gr_dnnl_is_slow(p->desc))) return true;
  if (!p->after_count) return false;
  gr_dnnl_plan_end(p);
  alone.after_count = 0;
  return plan(d, k, &alone, p);
}

static graft_status prepare(void *state, const gr_kernel_call *k, const gr_request *r, gr_answer *answer) {
  gr_dnnl *d = state;
  if (!gr_dnnl_planner_of(k->op)) return GRAFT_OK;
  gr_dnnl_plan p = {.count = 0};
  graft_status status = GRAFT_OK;
  const int threads = gr_dnnl_alone();
  if (plan_step(d, k, r, &p)) status = gr_dnnl_make(d, &p, answer, &answer->kernel);
  if (answer->kernel) answer->taken = p.after_count;
  gr_dnnl_plan_end(&p);
  gr_dnnl_together(threads);
  return status;
}

/* ---- run
 * -------------------------------------------------------------------------------------------------------------------
 */

typedef struct run_job {
  gr_dnnl_kernel *kernel;
  const gr_kernel_call *k;
  char *scratchpads; /* one for each thread */
  size_t scratchpad_step;
  char *parts; /* after the first, of a sum */
} run_job;

/* Where a piece's part of a result lies. */
static char *result_of(const run_job *job, const gr_dnnl_piece *p, uint32_t slot) {
  return p->part ? job->parts + (p->part - 1) * job->kernel->part_size : job->k->results[slot].data;
}

/* Elements [begin, end) of the result, which has the first part. */
static void add_parts(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const run_job *job = user;
  const int64_t count = (int64_t)(job->kernel->part_size / sizeof(float));
  float *restrict y = job->k->results[0].data;
  (void)worker;
  for (uint32_t part = 0; part + 1 < job->kernel->parts; part++) {
    const float *restrict x = (const float *)(const void *)job->parts + part * count;
    for (int64_t i = begin; i < end; i++) y[i] += x[i];
  }
}

static bool run_piece(const run_job *job, const gr_dnnl_piece *p, uint32_t worker) {
  const gr_dnnl_kernel *kernel = job->kernel;
  const gr_kernel_call *k = job->k;
  dnnl_exec_arg_t args[GR_DNNL_ARGS + 1];
  int count = 0;
  for (uint32_t i = 0; i < kernel->count; i++) {
    const gr_dnnl_arg *a = &kernel->args[i];
    char *data = a->result ? result_of(job, p, a->slot) : (void *)k->operands[a->slot].data;
    if (dnnl_memory_set_data_handle(p->memory[i], data + p->at[i]) != dnnl_success) return false;
    args[count++] = (dnnl_exec_arg_t){a->arg, p->memory[i]};
  }
  if (p->scratchpad) {
    if (dnnl_memory_set_data_handle(p->scratchpad, job->scratchpads + worker * job->scratchpad_step) != dnnl_success)
      return false;
    args[count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, p->scratchpad};
  }
  return dnnl_primitive_execute(p->primitive, kernel->dnnl->stream, count, args) == dnnl_success &&
         dnnl_stream_wait(kernel->dnnl->stream) == dnnl_success;
}

static void run_pieces(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const run_job *job = user;
  const int threads = gr_dnnl_alone();
  for (int64_t i = begin; i < end; i++) {
    gr_dnnl_piece *p = &job->kernel->pieces.data[i];
    p->failed = p->met_nan = false;
    if (gr_cancelled(job->k->context)) continue;
    if (job->kernel->careful) gr_dnnl_flag_clear();
    p->failed = !run_piece(job, p, worker);
    p->met_nan = job->kernel->careful && gr_dnnl_flag_raised();
  }
  gr_dnnl_together(threads);
}

static graft_status run(void *prepared, const gr_kernel_call *k) {
  gr_dnnl_kernel *kernel = prepared;
  run_job job = {.kernel = kernel, .k = k};
  if (kernel->scratchpad_size) {
    job.scratchpad_step = (kernel->scratchpad_size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    job.scratchpads = gr_scratch_alloc(k->scratch, gr_threads_count(k->threads), job.scratchpad_step);
    if (!job.scratchpads) return GRAFT_NO_MEMORY;
  }
  if (kernel->parts > 1) {
    job.parts = gr_scratch_alloc(k->scratch, kernel->parts - 1, kernel->part_size);
    if (!job.parts) return GRAFT_NO_MEMORY;
  }
  gr_parallel_for(k->threads, kernel->pieces.len, 1, run_pieces, &job);
  if (kernel->parts > 1)
    gr_parallel_for(k->threads, (int64_t)(kernel->part_size / sizeof(float)), PART_GRAIN, add_parts, &job);
  bool failed = false, met_nan = false;
  for (uint32_t i = 0; i < kernel->pieces.len; i++) {
    failed = failed || kernel->pieces.data[i].failed;
    met_nan = met_nan || kernel->pieces.data[i].met_nan;
  }
  graft_status status = failed ? GRAFT_RUN : GRAFT_OK;
  if (met_nan && !failed) {
    const int threads = gr_dnnl_alone();
    status = gr_dnnl_careful_run(kernel->careful, k);
    gr_dnnl_together(threads);
  }
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
