/* Kernels of the embedder's: taken from a list of options, and run once on given arrays (evaluate.c), in a session of a
 * graph that holds the node alone. */
#include "runtime/own_kernel_int.h"

#include "ir/graph/budget_int.h"
#include "ir/graph/options_int.h"
#include "runtime/chain_impl.h"
#include "runtime/runtime_int.h"

#include <stdio.h>
#include <string.h>

graft_status gr_own_kernel_take(graft_context *c, const graft_kernel *list, uint32_t i, const graft_kernel *before,
                                graft_kernel *out) {
  graft_kernel k = {.size = sizeof k};
  const graft_status taken = gr_take_item(c, &k, sizeof k, list, i, "kernel");
  if (taken) return taken;
  const size_t length = k.op ? strlen(k.op) : 0;
  if (!length || !k.run)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "kernel %u has no op or nothing to run", (unsigned)i);
  if (gr_op_find(k.op, length) != GR_OP_COUNT)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "%s is an op of the table: its kernel cannot be replaced",
                    k.op);
  for (uint32_t other = 0; other < i; other++)
    if (strcmp(before[other].op, k.op) == 0)
      return gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "kernel %u: there is one for %s already", (unsigned)i,
                      k.op);
  k.size = sizeof k;
  *out = k;
  return GRAFT_OK;
}

const graft_kernel *gr_own_kernel_find(const gr_own_kernels *own, const char *op) {
  for (uint32_t i = 0; own && i < own->count; i++)
    if (strcmp(own->kernels[i].op, op) == 0) return &own->kernels[i];
  return NULL;
}

/* A graph of one node in a module of its own, with the operands as inputs. */
static graft_graph *alone(graft_module *to, const graft_module *m, const char *op, uint32_t attrs,
                          const gr_array *operands, uint32_t operand_count, uint32_t result_count) {
  graft_context *c = m->context;
  uint32_t attr_count = 0;
  (void)gr_attrs_get(m, attrs, &attr_count);
  graft_attr *given = gr_calloc(c, (size_t)attr_count + 1, sizeof *given);
  graft_value *values = gr_calloc(c, (size_t)operand_count + 1, sizeof *values);
  graft_graph *g = given && values ? graft_graph_create(to, "main") : NULL;
  bool ok = g != NULL;
  for (uint32_t i = 0; ok && i < attr_count; i++) given[i] = gr_attr_public(m, NULL, attrs, i);
  for (uint32_t i = 0; ok && i < operand_count; i++) {
    char name[16];
    (void)snprintf(name, sizeof name, "%u", (unsigned)i);
    values[i] = operands[i].data ? graft_input_add(g, name, &operands[i].type) : GRAFT_NONE;
    ok = !operands[i].data || values[i] != GRAFT_NONE;
  }
  const graft_node_options o = {.size = sizeof o,
                                .op = op,
                                .operands = values,
                                .operand_count = operand_count,
                                .attrs = given,
                                .attr_count = attr_count,
                                .result_count = result_count};
  const graft_node n = ok ? graft_node_create(g, &o) : GRAFT_NONE;
  ok = n != GRAFT_NONE;
  for (uint32_t i = 0; ok && i < result_count; i++) {
    char name[16];
    (void)snprintf(name, sizeof name, "y%u", (unsigned)i);
    ok = graft_output_add(g, name, graft_node_result(g, n, i)) == GRAFT_OK;
  }
  if (given) gr_free(c, given, ((size_t)attr_count + 1) * sizeof *given);
  if (values) gr_free(c, values, ((size_t)operand_count + 1) * sizeof *values);
  return ok ? g : NULL;
}

static graft_status give(graft_session *s, graft_context *c, gr_array *results, uint32_t count) {
  graft_status status = GRAFT_OK;
  for (uint32_t i = 0; i < count && !status; i++) {
    graft_type type;
    const void *data = graft_session_get_output(s, i, &type);
    status = data ? gr_array_make(c, &type, &results[i]) : GRAFT_RUN;
    if (!status && results[i].buffer->size) memcpy(results[i].buffer->data, data, results[i].buffer->size);
  }
  return status;
}

static graft_status run(graft_graph *g, const graft_kernel *kernel, const gr_array *operands, uint32_t operand_count,
                        gr_array *results, uint32_t result_count) {
  graft_context *c = g->module->context;
  graft_session *s = graft_session_create(
      g, &(graft_session_options){.size = sizeof(graft_session_options), .kernels = kernel, .kernel_count = 1});
  graft_status status = s ? GRAFT_OK : GRAFT_RUN;
  for (uint32_t i = 0, input = 0; i < operand_count && !status; i++)
    if (operands[i].data) status = graft_session_set_input(s, input++, &operands[i].type, operands[i].data);
  if (!status) status = graft_session_run(s);
  if (!status) status = give(s, c, results, result_count);
  graft_session_destroy(s);
  return status;
}

graft_status gr_own_kernel_evaluate(const graft_kernel *kernel, const graft_module *m, uint32_t attrs,
                                    const gr_array *operands, uint32_t operand_count, gr_array *results,
                                    uint32_t result_count, gr_loc where) {
  graft_context *c = m->context;
  const uint32_t errors = gr_error_count(c);
  uint64_t work = 1;
  for (uint32_t i = 0; i < operand_count; i++)
    if (operands[i].data) work += (uint64_t)graft_type_elements(&operands[i].type);
  graft_status status = gr_spend(c, where, work);
  if (status) return status;
  graft_module *module = graft_module_create(c);
  graft_graph *g = module ? alone(module, m, kernel->op, attrs, operands, operand_count, result_count) : NULL;
  const gr_looking before = gr_look_only(c, "a kernel is at work in a pass, and only looks");
  status = g ? run(g, kernel, operands, operand_count, results, result_count) : GRAFT_NO_MEMORY;
  gr_look_again(c, before);
  graft_module_destroy(module);
  status = gr_outcome(c, errors, status);
  if (status) gr_note(c, where, "computing %s beforehand", kernel->op);
  for (uint32_t i = 0; status && i < result_count; i++) {
    gr_buffer_release(c, results[i].buffer);
    results[i] = (gr_array){0};
  }
  return status;
}
