/* What became of the layers that compute (the family `layer`): how many are quantized, how many are left in float, and
 * why. A layer is quantized where all that it must read comes from a place or a dequantize; one that must read a single
 * value, a batch norm, where its result goes into one too, and any of integers. In a graph that is only annotated or
 * prepared, the places that are to be made count as made; in one that is only annotated, a batch norm behind an
 * annotated layer is part of that layer: the training form, which comes next, is marked. */
#include <stdio.h>
#include <string.h>

#include "passes/quant_impl.h"

enum { FAR = 8 }; /* moves between a dequantize and what reads it */

static bool is_quantized_value(const graft_graph *g, graft_value v) {
  for (int i = 0; i < FAR && v != GRAFT_NONE; i++) {
    graft_node maker = gr_value_node(g, v);
    uint32_t families = gr_node_families(g, maker);
    if (gr_spec_of_value(g, v) || (families & (GR_F_DQ | GR_F_FAKE_QUANTIZE))) return true;
    if (!(families & GR_F_MOVES)) return false;
    if (gr_spec_of_use(g, gr_node_at(g, maker)->first_use)) return true;
    v = gr_operand(g, maker, 0);
  }
  return false;
}

/* Itself, or behind the activation function that alone reads it. */
static bool is_quantized_result(const graft_graph *g, graft_value v) {
  const uint32_t only = gr_one_use(g, v) ? gr_use_at(g, gr_value_at(g, v)->first_use)->user : GR_USER_OUTPUT;
  if (gr_spec_of_value(g, v)) return true;
  if (gr_user_is_node(only) && (gr_node_families(g, only) & GR_F_ELEMENTWISE) &&
      gr_node_at(g, only)->operand_count == 1)
    v = gr_result(g, only, 0);
  if (gr_spec_of_value(g, v)) return true;
  for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
    uint32_t user = gr_use_at(g, u)->user;
    if (gr_spec_of_use(g, u)) return true; /* a place will stand there */
    if (gr_user_is_node(user) && (gr_node_families(g, user) & (GR_F_Q | GR_F_FAKE_QUANTIZE))) return true;
  }
  return false;
}

/* Annotated on what it reads and not on its result, which nothing else reads: its quantization ends behind what
 * follows. */
static bool is_annotated_inside(const graft_graph *g, graft_value v) {
  graft_node n = v == GRAFT_NONE || !gr_one_use(g, v) ? GRAFT_NONE : gr_value_node(g, v);
  return n != GRAFT_NONE && (gr_node_families(g, n) & GR_F_LAYER) && gr_is_annotated(g, n) && !gr_spec_of_value(g, v);
}

/* NULL: quantized; else what is in float. */
static const char *what_is_float(const graft_graph *g, graft_node n, gr_layer_stage stage) {
  const gr_op_info *op = gr_info(g, n);
  uint32_t needed = 0;
  if (gr_is_marked(g, n, GR_MARK_TRAINING_FORM)) return NULL;
  if (gr_result(g, n, 0) != GRAFT_NONE && gr_is_integer(gr_type_of(g, gr_result(g, n, 0))->dtype)) return NULL;
  const char *of = NULL;
  for (uint32_t i = 0; i < gr_node_at(g, n)->operand_count && op->operand_count; i++) {
    const gr_operand_decl *o = &op->operands[i < op->operand_count ? i : op->operand_count - 1u];
    const graft_value v = gr_operand(g, n, i);
    if (o->optional || v == GRAFT_NONE || (o->role != GR_DATA && o->role != GR_WEIGHT)) continue;
    needed++;
    if (!of && !gr_spec_of_use(g, gr_node_at(g, n)->first_use + i) && !is_quantized_value(g, v)) of = o->name;
  }
  if (needed > 1) return of;
  if (stage == GR_LAYERS_ANNOTATED && is_annotated_inside(g, gr_operand(g, n, 0))) return NULL;
  return of || is_quantized_result(g, gr_result(g, n, 0)) ? of : "result";
}

bool gr_add_layer(gr_pass *p, graft_graph *g, graft_node n, const char *why) {
  const char *op = gr_info(g, n)->name;
  for (uint32_t i = 0; i < p->layers.len; i++) {
    graft_layer_statistic *row = &p->layers.data[i];
    if (row->op == op && !row->why == !why && (!why || strcmp(row->why, why) == 0)) return ++row->count;
  }
  char name[1];
  const size_t size = graft_node_name(g, n, name, sizeof name) + 1; /* whole: a cut name is no name */
  char *first = gr_arena_alloc(&p->text, size);
  if (first) graft_node_name(g, n, first, size);
  graft_layer_statistic row = {.op = op, .count = 1, .first = first};
  if (why) row.why = gr_arena_copy(&p->text, why, strlen(why));
  return row.first && (!why || row.why) && gr_vec_push(p->context, &p->layers, row);
}

graft_status gr_each_graph(gr_pass *p, gr_one_graph *one, void *user) {
  graft_module *m = p->module;
  bool *nested = gr_nested_graphs(m);
  const size_t size = ((size_t)m->graphs.len + 1) * sizeof *nested;
  graft_status status = nested ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < m->graphs.len && !status; i++) status = one(p, m->graphs.data[i], nested[i], user);
  if (nested) gr_free(p->context, nested, size);
  return status;
}

graft_status gr_count_layers(gr_pass *p, graft_graph *g, gr_layer_stage stage, gr_why_float *because, void *user) {
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    if (!(gr_node_families(g, n) & GR_F_LAYER)) continue;
    const char *operand = what_is_float(g, n, stage), *reason = NULL;
    char why[200];
    if (operand && because) reason = because(user, g, n);
    if (operand && stage == GR_LAYERS_NESTED) reason = "inside an if or a loop";
    const graft_value x = gr_operand(g, n, 0);
    const graft_dtype dtype = x == GRAFT_NONE ? GRAFT_F32 : gr_type_of(g, x)->dtype;
    if (operand && !reason && dtype != GRAFT_F32 && dtype != GRAFT_UNKNOWN) /* f64, f16: no places */
      (void)snprintf(why, sizeof why, "its elements are %s", graft_dtype_name(dtype));
    else if (operand && !reason)
      (void)snprintf(why, sizeof why, "its %s is float", operand);
    if (!gr_add_layer(p, g, n, operand ? (reason ? reason : why) : NULL)) return GRAFT_NO_MEMORY;
  }
  return GRAFT_OK;
}

graft_status gr_warn_of_float_layers(gr_pass *p, const char *except) {
  enum { SHOWN = 5 };
  char text[900] = "";
  size_t at = 0;
  uint64_t all = 0, left = 0;
  uint32_t rows = 0;
  for (uint32_t i = 0; i < p->layers.len; i++) {
    const graft_layer_statistic *row = &p->layers.data[i];
    all += row->count;
    if (!row->why || (except && strcmp(row->why, except) == 0)) continue;
    left += row->count;
    if (++rows > SHOWN || at >= sizeof text) continue;
    int n = snprintf(text + at, sizeof text - at, "%s%s x%llu (%s)", rows > 1 ? ", " : "", row->op,
                     (unsigned long long)row->count, row->why);
    if (n > 0) at += (size_t)n;
  }
  if (left)
    gr_warning(p->context, GRAFT_PASS, gr_module_loc(p->module), "%llu of %llu layers that compute stay in float: %s%s",
               (unsigned long long)left, (unsigned long long)all, text, rows > SHOWN ? ", …" : "");
  return GRAFT_OK;
}
