/* Ops run once on given arrays: constant folding, and the `const` lines of rules. */
#include "runtime/runtime_int.h"

#include "ir/graph/budget_int.h"
#include "runtime/chain_impl.h"
#include "runtime/own_kernel_int.h"

#include <string.h>

enum { FEW = 16 };
_Static_assert(FEW >= GR_MAX_OPERANDS && FEW >= GR_MAX_RESULTS, "what the kernel interface promises");

typedef struct evaluation {
  graft_context *context;
  const graft_type **types; /* of operands; NULL: absent */
  graft_type *result_types;
  gr_in *in;
  gr_out *out;
  uint32_t in_count, out_count; /* allocated beyond the few */
  gr_scratch *scratch;
  const graft_type *few_types[FEW];
  graft_type few_results[FEW];
  gr_in few_in[FEW];
  gr_out few_out[FEW];
} evaluation;

static void end(evaluation *e) {
  graft_context *c = e->context;
  gr_scratch_destroy(e->scratch);
  if (e->in_count) {
    gr_free(c, e->types, e->in_count * sizeof *e->types);
    gr_free(c, e->in, e->in_count * sizeof *e->in);
  }
  if (e->out_count) {
    gr_free(c, e->result_types, e->out_count * sizeof *e->result_types);
    gr_free(c, e->out, e->out_count * sizeof *e->out);
  }
}

static bool begin(evaluation *e, graft_context *c, const gr_array *operands, uint32_t operand_count,
                  uint32_t result_count) {
  e->context = c;
  e->in_count = operand_count > FEW ? operand_count : 0;
  e->out_count = result_count > FEW ? result_count : 0;
  e->types = e->in_count ? gr_calloc(c, e->in_count, sizeof *e->types) : e->few_types;
  e->in = e->in_count ? gr_calloc(c, e->in_count, sizeof *e->in) : e->few_in;
  e->result_types = e->out_count ? gr_calloc(c, e->out_count, sizeof *e->result_types) : e->few_results;
  e->out = e->out_count ? gr_calloc(c, e->out_count, sizeof *e->out) : e->few_out;
  e->scratch = gr_scratch_create(c);
  if (!e->types || !e->in || !e->result_types || !e->out || !e->scratch) return false;
  if (!e->in_count) {
    memset(e->few_types, 0, sizeof e->few_types);
    memset(e->few_in, 0, sizeof e->few_in);
  }
  if (!e->out_count) {
    memset(e->few_out, 0, sizeof e->few_out);
    memset(e->few_results, 0, result_count * sizeof *e->few_results);
  }
  for (uint32_t i = 0; i < operand_count; i++) {
    const gr_array *a = &operands[i];
    if (!a->data) continue;
    e->types[i] = &a->type;
    e->in[i] = (gr_in){.type = &a->type, .data = a->data, .count = graft_type_elements(&a->type)};
  }
  return true;
}

graft_status gr_array_make(graft_context *c, const graft_type *type, gr_array *array) {
  size_t bytes;
  if (!gr_type_bytes(type, &bytes)) return (void)gr_no_memory(c), GRAFT_NO_MEMORY;
  array->type = *type;
  array->buffer = gr_buffer_alloc(c, bytes);
  if (!array->buffer) return GRAFT_NO_MEMORY;
  array->data = array->buffer->data;
  return GRAFT_OK;
}

static graft_status allocate(evaluation *e, gr_array *results, uint32_t count, gr_loc where) {
  graft_context *c = e->context;
  for (uint32_t i = 0; i < count; i++) {
    const graft_type *type = &e->result_types[i];
    int64_t n = graft_type_elements(type);
    if (n < 0 || graft_dtype_size(type->dtype) == 0)
      return gr_error(c, GRAFT_RUN, where, "the type of result %u depends on data", (unsigned)i);
    graft_status status = gr_array_make(c, type, &results[i]);
    if (status) return status;
    e->out[i] = (gr_out){.type = type, .data = results[i].buffer->data, .count = n};
  }
  return GRAFT_OK;
}

/* All operands are there. */
static graft_status run_op(const gr_own_kernels *own, bool finite, graft_module *m, uint32_t op, uint32_t attrs,
                           const gr_array *operands, uint32_t operand_count, gr_array *results, uint32_t result_count,
                           gr_loc where) {
  graft_context *c = m->context;
  const gr_kernel_info *kernel = gr_kernel_get(op);
  const graft_kernel *mine = op < GR_OP_COUNT ? NULL : gr_own_kernel_find(own, gr_op_text(m, op));
  evaluation e;
  if (mine) return gr_own_kernel_evaluate(mine, m, attrs, operands, operand_count, results, result_count, where);
  if (!kernel) return gr_error(c, GRAFT_RUN, where, "there is no kernel for %s", gr_op_text(m, op));
  graft_status status = begin(&e, c, operands, operand_count, result_count) ? GRAFT_OK : GRAFT_NO_MEMORY;
  gr_kernel_call call = {.context = c,
                         .isa = gr_isa_best(),
                         .module = m,
                         .op = op,
                         .attrs = attrs,
                         .operands = e.in,
                         .operand_count = operand_count,
                         .results = e.out,
                         .result_count = result_count,
                         .scratch = e.scratch,
                         .where = where};
  if (status == GRAFT_OK) status = gr_kernel_types(&call, e.result_types);
  if (status == GRAFT_OK)
    status = gr_spend(c, where, gr_op_work(m, op, attrs, e.types, operand_count, e.result_types, result_count));
  if (status == GRAFT_OK) status = allocate(&e, results, result_count, where);
  if (status == GRAFT_OK && finite) status = gr_quantizable(&call, e.in[0].data, e.in[0].count);
  if (status == GRAFT_OK) status = gr_kernel_for(kernel, &call)(&call);
  if (status == GRAFT_OK) status = gr_spend(c, where, 0); /* a kernel that was cancelled leaves pieces out */
  for (uint32_t i = 0; status != GRAFT_OK && i < result_count; i++) {
    gr_buffer_release(c, results[i].buffer);
    results[i] = (gr_array){0};
  }
  end(&e);
  return status;
}

static graft_status run_chain(bool finite, graft_module *m, const gr_unmade *op, gr_array *result, gr_loc where,
                              bool *done) {
  gr_scratch *scratch = gr_scratch_create(m->context);
  if (!scratch) return GRAFT_NO_MEMORY;
  graft_status status = gr_chain_run(m, scratch, op, finite, result, where, done);
  gr_scratch_destroy(scratch);
  if (status) {
    gr_buffer_release(m->context, result->buffer);
    *result = (gr_array){0};
  }
  return status;
}

static graft_status evaluate(const gr_own_kernels *own, bool finite, graft_module *m, uint32_t op, uint32_t attrs,
                             const gr_array *operands, uint32_t operand_count, gr_array *results, uint32_t result_count,
                             gr_loc where) {
  graft_context *c = m->context;
  for (uint32_t i = 0; i < result_count; i++) results[i] = (gr_array){0};
  const gr_unmade last = {op, attrs, operands, operand_count},
                  *from = operand_count && !operands[0].data ? operands[0].from : NULL;
  const bool quantizes = op < GR_OP_COUNT && (gr_op_get(op)->families & GR_F_Q);
  if (result_count == 1 && (from || (finite && quantizes))) { /* block by block */
    bool done = false;
    const graft_status status = run_chain(finite, m, &last, &results[0], where, &done);
    if (status || done) return status;
  }
  if (!from) return run_op(own, finite, m, op, attrs, operands, operand_count, results, result_count, where);
  gr_array first = {0}, *whole = gr_alloc(c, operand_count * sizeof *whole);
  graft_status status =
      whole ? evaluate(own, finite, m, from->op, from->attrs, from->operands, from->operand_count, &first, 1, where)
            : GRAFT_NO_MEMORY;
  if (!status) {
    memcpy(whole, operands, operand_count * sizeof *whole);
    whole[0] = first;
    status = run_op(own, finite, m, op, attrs, whole, operand_count, results, result_count, where);
  }
  gr_buffer_release(c, first.buffer);
  gr_free(c, whole, operand_count * sizeof *whole);
  return status;
}

/* What is allocated meanwhile is for `where`. */
static graft_status evaluate_at(const gr_own_kernels *own, bool finite, graft_module *m, uint32_t op, uint32_t attrs,
                                const gr_array *operands, uint32_t operand_count, gr_array *results,
                                uint32_t result_count, gr_loc where) {
  const gr_loc before = gr_budget_at(m->context, where);
  const graft_status status =
      evaluate(own, finite, m, op, attrs, operands, operand_count, results, result_count, where);
  gr_budget_at(m->context, before);
  return status;
}

graft_status gr_runtime_evaluate(void *user, graft_module *m, uint32_t op, uint32_t attrs, const gr_array *operands,
                                 uint32_t operand_count, gr_array *results, uint32_t result_count, gr_loc where) {
  return evaluate_at(user, false, m, op, attrs, operands, operand_count, results, result_count, where);
}

graft_status gr_runtime_evaluate_finite(void *user, graft_module *m, uint32_t op, uint32_t attrs,
                                        const gr_array *operands, uint32_t operand_count, gr_array *results,
                                        uint32_t result_count, gr_loc where) {
  return evaluate_at(user, true, m, op, attrs, operands, operand_count, results, result_count, where);
}
