/* Ops that run within a convolution or a product, as post-ops of its primitive: relu and hardtanh. What oneDNN compares
 * with does not let NaN through; but a processor notes that it compared with a NaN, as it notes that it made one, in a
 * flag. Where that is raised the step is done again by the plain kernels: so the result is theirs. */
#include "runtime/onednn/onednn_impl.h"

#include <fenv.h>
#include <string.h>

struct gr_dnnl_careful {
  gr_dnnl *dnnl;
  gr_dnnl_arg args[GR_DNNL_ARGS];
  dnnl_memory_desc_t best[GR_DNNL_ARGS];
  uint32_t count;
  gr_dnnl_after after[GR_DNNL_AFTER];
  uint32_t after_count;
};

/* ---- post-ops ---- */

static bool append(dnnl_post_ops_t ops, const gr_kernel_call *k) {
  switch (k->op) {
  case GR_OP_relu: return dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f) == dnnl_success;
  case GR_OP_hardtanh: {
    const float low = (float)gr_k_float(k, GR_ATTR(hardtanh, min_val)),
                high = (float)gr_k_float(k, GR_ATTR(hardtanh, max_val));
    return low <= high && dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_clip, low, high) == dnnl_success;
  }
  default: return false;
  }
}

const_dnnl_primitive_attr_t gr_dnnl_attr(gr_dnnl *d, const gr_request *r, gr_dnnl_plan *p) {
  dnnl_post_ops_t ops;
  p->after_count = 0;
  if (r->after_count == 0 || dnnl_post_ops_create(&ops) != dnnl_success) return d->attr;
  while (p->after_count < r->after_count && p->after_count < GR_DNNL_AFTER && append(ops, &r->after[p->after_count])) {
    p->after[p->after_count] = (gr_dnnl_after){r->after[p->after_count].op, r->after[p->after_count].attrs};
    p->after_count++;
  }
  if (p->after_count && (dnnl_primitive_attr_clone(&p->attr, d->attr) != dnnl_success ||
                         dnnl_primitive_attr_set_post_ops(p->attr, ops) != dnnl_success))
    p->after_count = 0;
  (void)dnnl_post_ops_destroy(ops);
  return p->after_count ? p->attr : d->attr;
}

/* oneDNN's slow implementations do everything. */
bool gr_dnnl_is_slow(const_dnnl_primitive_desc_t desc) {
  const char *name = "";
  (void)dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name);
  return strncmp(name, "ref", 3) == 0;
}

/* ---- again, by the plain kernels ---- */

bool gr_dnnl_careful_make(gr_dnnl *d, const gr_dnnl_plan *p, gr_dnnl_careful **careful) {
  if (p->after_count == 0) return true;
  gr_dnnl_careful *c = *careful = gr_calloc(d->context, 1, sizeof *c);
  if (!c) return false;
  c->dnnl = d;
  c->count = p->count;
  c->after_count = p->after_count;
  memcpy(c->args, p->args, sizeof c->args);
  memcpy(c->after, p->after, sizeof c->after);
  for (uint32_t i = 0; i < p->count; i++) {
    const dnnl_memory_desc_t *best = dnnl_primitive_desc_query_md(p->desc, dnnl_query_exec_arg_md, p->args[i].arg);
    if (!best) return false;
    c->best[i] = *best;
  }
  return true;
}

void gr_dnnl_careful_drop(gr_dnnl_careful *c) {
  if (c) gr_free(c->dnnl->context, c, sizeof *c);
}

static bool move(const gr_dnnl *d, const dnnl_memory_desc_t *from, const void *x, const dnnl_memory_desc_t *to,
                 void *y) {
  dnnl_primitive_desc_t desc = NULL;
  dnnl_primitive_t primitive = NULL;
  dnnl_memory_t source = NULL, target = NULL;
  bool done = dnnl_reorder_primitive_desc_create(&desc, from, d->engine, to, d->engine, NULL) == dnnl_success &&
              dnnl_primitive_create(&primitive, desc) == dnnl_success &&
              dnnl_memory_create(&source, from, d->engine, (void *)x) == dnnl_success &&
              dnnl_memory_create(&target, to, d->engine, y) == dnnl_success;
  if (done) {
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}};
    done = dnnl_primitive_execute(primitive, d->stream, 2, args) == dnnl_success &&
           dnnl_stream_wait(d->stream) == dnnl_success;
  }
  if (target) (void)dnnl_memory_destroy(target);
  if (source) (void)dnnl_memory_destroy(source);
  if (primitive) (void)dnnl_primitive_destroy(primitive);
  if (desc) (void)dnnl_primitive_desc_destroy(desc);
  return done;
}

/* The ops that come after, in place. */
static graft_status run_after(const gr_dnnl_careful *c, const gr_kernel_call *k) {
  gr_in in[GR_MAX_OPERANDS] = {{.type = k->results[0].type, .data = k->results[0].data, .count = k->results[0].count}};
  gr_kernel_call call = *k;
  graft_status status = GRAFT_OK;
  call.operands = in;
  call.operand_count = 1;
  for (uint32_t i = 0; status == GRAFT_OK && i < c->after_count; i++) {
    call.op = c->after[i].op;
    call.attrs = c->after[i].attrs;
    status = gr_kernel_get(call.op)->run(&call);
  }
  return status;
}

graft_status gr_dnnl_careful_run(const gr_dnnl_careful *c, const gr_kernel_call *k) {
  gr_in in[GR_MAX_OPERANDS];
  gr_out out[GR_MAX_RESULTS] = {k->results[0]};
  gr_kernel_call call = *k;
  uint32_t result = 0;
  memcpy(in, k->operands, sizeof in);
  call.operands = in;
  call.results = out;
  for (uint32_t i = 0; i < c->count; i++) {
    const gr_dnnl_arg *a = &c->args[i];
    if (a->result) result = i;
    if (dnnl_memory_desc_equal(&c->best[i], &a->plain)) continue;
    void *plain = gr_scratch_alloc(k->scratch, dnnl_memory_desc_get_size(&a->plain), 1);
    if (!plain) return GRAFT_NO_MEMORY;
    if (a->result)
      out[a->slot].data = plain;
    else if (move(c->dnnl, &c->best[i], in[a->slot].data, &a->plain, plain))
      in[a->slot].data = plain;
    else
      return GRAFT_RUN;
  }
  graft_status status = gr_kernel_get(k->op)->run(&call);
  if (status == GRAFT_OK) status = run_after(c, &call);
  if (status != GRAFT_OK || out[0].data == k->results[0].data) return status;
  return move(c->dnnl, &c->args[result].plain, out[0].data, &c->best[result], k->results[0].data) ? GRAFT_OK
                                                                                                  : GRAFT_RUN;
}

void gr_dnnl_flag_clear(void) { (void)feclearexcept(FE_INVALID); }
bool gr_dnnl_flag_raised(void) { return fetestexcept(FE_INVALID); }
