/* The table of kernels, and the types of what they make. */
#include "runtime/kernel_impl.h"

static const gr_kernel_info kernels[GR_OP_COUNT] = {
#define KERNEL(op, function, ...) [GR_OP_##op] = {function, NULL, NULL, false, {__VA_ARGS__}},
#define KERNEL_ALIAS(op, function, alias, ...) [GR_OP_##op] = {function, alias, NULL, false, {__VA_ARGS__}},
#define KERNEL_BYTES(op, function, alias, ...) [GR_OP_##op] = {function, alias, NULL, true, {__VA_ARGS__}},
#define KERNEL_MEASURE(op, function, measure, ...) [GR_OP_##op] = {function, NULL, measure, false, {__VA_ARGS__}},
#include "runtime/kernels.def"
#undef KERNEL
#undef KERNEL_ALIAS
#undef KERNEL_BYTES
#undef KERNEL_MEASURE
};

int64_t gr_alias_never(const gr_kernel_call *k, uint32_t result, uint32_t *operand) {
  (void)k, (void)result;
  *operand = 0;
  return -1;
}

const gr_kernel_info *gr_kernel_get(uint32_t op) { return op < GR_OP_COUNT && kernels[op].run ? &kernels[op] : NULL; }

gr_loc gr_kernel_where(const gr_kernel_call *k) { return k->graph ? gr_node_loc(k->graph, k->node) : k->where; }

graft_status gr_kernel_no_dtype(const gr_kernel_call *k, graft_dtype dtype) {
  return gr_kernel_error(k, "%s has no kernel for %s", gr_op_text(k->module, k->op), graft_dtype_name(dtype));
}

/* ---- types ---- */

static const int64_t *integers(void *user, uint32_t operand, uint32_t *count) {
  const gr_kernel_call *k = user;
  const gr_in *x = &k->operands[operand];
  if (!x->data || x->type->dtype != GRAFT_I64 || x->count < 0 || x->count > UINT32_MAX) return NULL;
  *count = (uint32_t)x->count;
  return x->data;
}

graft_status gr_kernel_types(const gr_kernel_call *k, graft_type *results) {
  const graft_type *inline_types[GR_MAX_OPERANDS], **types = inline_types;
  if (k->operand_count > GR_MAX_OPERANDS) types = gr_alloc(k->context, k->operand_count * sizeof *types);
  if (!types) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < k->operand_count; i++) types[i] = k->operands[i].type;
  char message[160] = "";
  gr_kernel_call call = *k;
  gr_infer in = {.module = k->module,
                 .op = k->op,
                 .attrs = k->attrs,
                 .operands = types,
                 .operand_count = k->operand_count,
                 .constant = integers,
                 .user = &call,
                 .results = results,
                 .result_count = k->result_count,
                 .error = message};
  graft_status status = GRAFT_OK;
  if (!gr_infer_types(&in))
    status = gr_error(k->context, GRAFT_TYPE, gr_kernel_where(k), "%s: %s", gr_op_text(k->module, k->op), message);
  const gr_kernel_info *info = gr_kernel_get(k->op);
  bool whole = true;
  for (uint32_t i = 0; status == GRAFT_OK && i < k->result_count; i++)
    whole = whole && graft_type_elements(&results[i]) >= 0;
  if (status == GRAFT_OK && !whole && info && info->measure) status = info->measure(k, results);
  if (types != inline_types) gr_free(k->context, types, k->operand_count * sizeof *types);
  return status;
}

graft_status gr_opaque_types(graft_context *c, graft_graph *g, graft_node n, const graft_kernel *kernel,
                             const graft_type *const *operands, graft_type *results) {
  const gr_node *node = gr_node_at(g, n);
  for (uint32_t i = 0; i < node->result_count; i++) {
    graft_value v = gr_result(g, n, i);
    results[i] = v == GRAFT_NONE ? (graft_type){0} : *gr_type_of(g, v);
  }
  if (!kernel->infer) return GRAFT_OK;
  GR_VEC(graft_type) types = {0}; /* operands', then the graph's idea of the results' */
  graft_status status = GRAFT_NO_MEMORY;
  if (gr_vec_reserve(c, &types, node->operand_count + node->result_count + 1u)) {
    for (uint32_t i = 0; i < node->operand_count; i++) types.data[i] = operands[i] ? *operands[i] : (graft_type){0};
    for (uint32_t i = 0; i < node->result_count; i++) types.data[node->operand_count + i] = results[i];
    graft_kernel_call call = {.size = sizeof call,
                              .graph = g,
                              .node = n,
                              .operand_count = node->operand_count,
                              .result_count = node->result_count,
                              .operand_types = types.data,
                              .result_types = types.data + node->operand_count};
    status = kernel->infer(kernel->user, &call, results);
    if (status != GRAFT_OK)
      status = gr_error(c, status, gr_node_loc(g, n), "%s: the kernel refuses the types of its operands",
                        gr_op_text(g->module, node->op));
    for (uint32_t i = 0; status == GRAFT_OK && i < node->result_count; i++) {
      const graft_type *t = &results[i];
      if (gr_result(g, n, i) == GRAFT_NONE) continue;
      if (!gr_type_given(c, t, gr_node_loc(g, n)))
        status = GRAFT_TYPE;
      else if (t->rank >= 0)
        results[i] = graft_type_make(t->dtype, t->rank, t->dims);
    }
  }
  gr_vec_free(c, &types);
  return status;
}
