/* The parts of `lower` beside its rules, which are rules/lower: how sums are requantized, the reference form, and what
 * was left in float, and why. */
#include <stdio.h>
#include <string.h>

#include "passes/quant_impl.h"

enum { FAR = 8 }; /* ops between a layer and what quantizes its result */

/* Of the layers. */
static bool has_integer_form(uint32_t op) {
  for (uint32_t i = 0; i < GR_OP_COUNT; i++)
    if (gr_integer_of(i) == op) return true;
  return false;
}

static const gr_op_info *maker(const graft_graph *g, graft_value v) {
  const graft_node n = gr_value_node(g, v);
  return n == GRAFT_NONE ? NULL : gr_info(g, n);
}

/* Is it quantized, at once or behind ops that it alone goes through? */
static bool is_quantized(const graft_graph *g, graft_value v) {
  for (int i = 0; i < FAR && v != GRAFT_NONE; i++) {
    for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
      const uint32_t user = gr_use_at(g, u)->user;
      const gr_op_info *op = gr_user_is_node(user) ? gr_info(g, user) : NULL;
      if (op && (op->families & GR_F_Q)) return true;
    }
    const uint32_t user = gr_one_use(g, v) ? gr_use_at(g, gr_value_at(g, v)->first_use)->user : GR_USER_OUTPUT;
    if (!gr_user_is_node(user) || !gr_info(g, user)) return false;
    v = gr_result(g, user, 0);
  }
  return false;
}

static void why_float(const graft_graph *g, graft_node n, char *text, size_t size) {
  const gr_op_info *op = gr_info(g, n);
  if (!has_integer_form(gr_node_at(g, n)->op)) {
    snprintf(text, size, "it has no integer form%s",
             gr_node_at(g, n)->op == GR_OP_addmm ? ": canonicalize makes a linear of it" : "");
    return;
  }
  for (uint32_t i = 0; i < op->operand_count; i++) {
    const graft_value v = gr_operand(g, n, i);
    if (op->operands[i].optional || v == GRAFT_NONE) continue;
    const gr_op_info *made = maker(g, v);
    if (!made || !(made->families & GR_F_DQ)) {
      snprintf(text, size, "its %s is float", op->operands[i].name);
      return;
    }
    const graft_dtype d = gr_type_of(g, gr_operand(g, gr_value_node(g, v), 0))->dtype;
    if (op->operands[i].role == GR_WEIGHT ? d != GRAFT_I8 : d != GRAFT_I8 && d != GRAFT_U8 && d != GRAFT_I16) {
      snprintf(text, size, "its %s is %s", op->operands[i].name, graft_dtype_name(d));
      return;
    }
  }
  snprintf(text, size,
           is_quantized(g, gr_result(g, n, 0)) ? "between it and a quantize stand others that are float"
                                               : "its result is float");
}

static graft_status count(gr_pass *p, graft_graph *g, bool nested, void *user) {
  (void)nested, (void)user;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_op_info *op = gr_info(g, n);
    if (!op || !(op->families & GR_F_LAYER)) continue;
    const graft_value y = gr_result(g, n, 0);
    char why[100] = "";
    if (y == GRAFT_NONE || !gr_is_integer(gr_type_of(g, y)->dtype)) why_float(g, n, why, sizeof why);
    if (!gr_add_layer(p, g, n, why[0] ? why : NULL)) return GRAFT_NO_MEMORY;
  }
  return GRAFT_OK;
}

graft_status gr_pass_count_integers(gr_pass *p) {
  graft_status s = gr_each_graph(p, count, NULL);
  return s ? s : gr_warn_of_float_layers(p, NULL);
}

/* ---- choices ---- */

/* Layers and pairs compute in integers; means and cat, which have one kind of operand, do what the float graph does,
 * and so do sums and products where the mode is that of one of PyTorch's engines. */
static bool has_mode(const gr_op_info *op, bool engine) {
  if (!op || !(op->families & GR_F_QUANTIZED)) return false;
  bool pair = false;
  for (uint32_t i = 0; i < op->operand_count; i++) pair |= strcmp(op->operands[i].name, "other_scale") == 0;
  return (pair && !engine) || (op->families & GR_F_LAYER);
}

static graft_status choose(gr_pass *p, graft_graph *g, bool nested, void *user) {
  const graft_attr attr = {.name = "requantize", .kind = GRAFT_ATTR_STRING, .as.s = gr_option_string(p, "requantize")};
  const bool engine = strcmp(attr.as.s, "qnnpack") == 0 || strcmp(attr.as.s, "onednn") == 0;
  graft_status s = GRAFT_OK;
  (void)nested, (void)user;
  for (graft_node n = g->first; n != GRAFT_NONE && !s; n = gr_node_at(g, n)->next)
    if (has_mode(gr_info(g, n), engine)) s = graft_node_set_attr(g, n, &attr);
  return s;
}

graft_status gr_pass_choose_requantize(gr_pass *p) {
  return strcmp(gr_option_string(p, "requantize"), "float") == 0 ? GRAFT_OK : gr_each_graph(p, choose, NULL);
}

graft_status gr_pass_spell_out_integers(gr_pass *p) {
  return gr_option_bool(p, "reference") ? gr_apply_rules(p, "reference", gr_option_loc(p, "reference")) : GRAFT_OK;
}
