/* Constant folding with the interpreter. Parameters and buffers change, so only constants are folded; quantization ops
 * stay, since folding a dequantize would undo what quantizing a constant gained. */
#include "passes/passes_int.h"

typedef struct folder {
  gr_pass *pass;
  int64_t max_elements;
  GR_VEC(gr_array) operands;
  GR_VEC(gr_array) results;
} folder;

static bool is_constant(const graft_graph *g, graft_value v) {
  graft_tensor t = gr_value_tensor(g, v);
  return t != GRAFT_NONE && g->module->tensors.data[t].kind == GRAFT_CONSTANT &&
         g->module->tensors.data[t].source != GR_TENSOR_ELIDED;
}

/* Elements by a formula are not made, where there are many, only to be folded away. */
static bool is_long_fill(const folder *f, const graft_graph *g, graft_value v) {
  const gr_tensor *t = &g->module->tensors.data[gr_value_tensor(g, v)];
  return t->source == GR_TENSOR_FILL &&
         graft_type_elements(gr_tensor_type(g->module, gr_value_tensor(g, v))) > f->max_elements;
}

static bool can_fold(const folder *f, graft_graph *g, graft_node n) {
  const gr_node *node = gr_node_at(g, n);
  if (!(gr_node_may(g, n) & GR_MAY_FOLD) || node->operand_count == 0) return false;
  for (uint32_t i = 0; i < node->operand_count; i++) {
    graft_value v = gr_operand(g, n, i);
    if (v != GRAFT_NONE && (!is_constant(g, v) || is_long_fill(f, g, v))) return false;
  }
  int64_t total = 0;
  for (uint32_t i = 0; i < node->result_count; i++) {
    graft_value v = gr_result(g, n, i);
    if (v == GRAFT_NONE) continue;
    int64_t count = graft_type_elements(gr_type_of(g, v));
    if (count < 0 || count > f->max_elements - total) return false;
    total += count;
  }
  return !gr_is_annotated(g, n);
}

static graft_status evaluate(folder *f, graft_graph *g, graft_node n) {
  gr_pass *p = f->pass;
  gr_node node = *gr_node_at(g, n);
  f->operands.len = f->results.len = 0;
  if (!gr_vec_reserve(p->context, &f->operands, node.operand_count) ||
      !gr_vec_reserve(p->context, &f->results, node.result_count))
    return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < node.operand_count; i++) {
    graft_value v = gr_operand(g, n, i);
    gr_array a = {0};
    if (v != GRAFT_NONE) {
      graft_tensor t = gr_value_tensor(g, v);
      a = (gr_array){.type = *gr_tensor_type(p->module, t), .data = graft_tensor_get_data(p->module, t)};
      if (!a.data) return GRAFT_NO_MEMORY;
    }
    f->operands.data[f->operands.len++] = a;
  }
  for (uint32_t i = 0; i < node.result_count; i++) f->results.data[i] = (gr_array){0};
  f->results.len = node.result_count;
  void *user;
  gr_evaluator run = gr_pass_evaluator(p, &user);
  return run(user, p->module, node.op, node.attrs, f->operands.data, f->operands.len, f->results.data, f->results.len,
             gr_node_loc(g, n));
}

static graft_status replace(folder *f, graft_graph *g, graft_node n, uint32_t i, gr_array *result) {
  graft_module *m = f->pass->module;
  graft_value v = gr_result(g, n, i);
  if (v == GRAFT_NONE || gr_unused(g, v)) return GRAFT_OK;
  char name[256];
  graft_value_name(g, v, name, sizeof name);
  graft_tensor t = gr_constant(m, name, &result->type, result->data);
  graft_value handle = t == GRAFT_NONE ? GRAFT_NONE : gr_handle(g, t);
  if (handle == GRAFT_NONE) return GRAFT_NO_MEMORY;
  gr_replace_uses(g, v, handle);
  return GRAFT_OK;
}

/* A kernel of the embedder's may give another type than the graph has. */
static graft_status check(const folder *f, const graft_graph *g, graft_node n, uint32_t i) {
  const graft_value v = gr_result(g, n, i);
  if (v == GRAFT_NONE || gr_info(g, n) || gr_type_equal(gr_type_of(g, v), &f->results.data[i].type)) return GRAFT_OK;
  return gr_error(f->pass->context, GRAFT_TYPE, gr_node_loc(g, n),
                  "the kernel of %s gives result %u another type than the graph has",
                  gr_op_text(g->module, gr_node_at(g, n)->op), (unsigned)i);
}

static graft_status fold(folder *f, graft_graph *g, graft_node n) {
  graft_status s = evaluate(f, g, n);
  if (s) return s;
  for (uint32_t i = 0; i < f->results.len && !s; i++) s = check(f, g, n, i);
  for (uint32_t i = 0; i < f->results.len; i++) {
    if (!s) s = replace(f, g, n, i, &f->results.data[i]);
    if (f->results.data[i].buffer) gr_buffer_release(f->pass->context, f->results.data[i].buffer);
  }
  if (s) return s;
  gr_node_erase(g, n);
  gr_count(f->pass, "nodes folded", 1);
  return GRAFT_OK;
}

graft_status gr_pass_fold_constants(gr_pass *p) {
  folder f = {.pass = p, .max_elements = gr_option_int(p, "max-elements")};
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; !s && i < p->module->graphs.len; i++) {
    graft_graph *g = p->module->graphs.data[i];
    for (graft_node n = g->first, next; !s && n != GRAFT_NONE; n = next) {
      next = gr_node_at(g, n)->next;
      if (can_fold(&f, g, n)) s = fold(&f, g, n);
    }
  }
  gr_vec_free(p->context, &f.operands);
  gr_vec_free(p->context, &f.results);
  return s;
}
