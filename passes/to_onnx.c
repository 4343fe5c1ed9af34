/* What ONNX has no words for is said in others: the rules of patterns/rules/to-onnx…. Ops on integers first, since they
 * become others that the rest lowers. */
#include <stdio.h>
#include <string.h>

#include "passes/quant_impl.h"

static bool has_integers(const graft_module *m) {
  for (uint32_t i = 0; i < m->graphs.len; i++) {
    const graft_graph *g = m->graphs.data[i];
    for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
      const gr_op_info *op = gr_info(g, n);
      if (op && (op->families & GR_F_QUANTIZED)) return true;
    }
  }
  return false;
}

/* Rules that round biases to integers, counted. */
static graft_status round_biases(gr_pass *p, const char *rules, uint64_t *count) {
  for (uint32_t i = 0; i < p->rules.len; i++) *count -= p->rules.data[i].matches;
  const graft_status s = gr_apply_rules(p, rules, (gr_loc){0});
  for (uint32_t i = 0; i < p->rules.len; i++) *count += p->rules.data[i].matches;
  return s;
}

/* Sums that are brought to scale in fixed point stay: the writer refuses them. */
static bool is_by_floats(const graft_graph *g, graft_node n) {
  graft_attr how;
  return !graft_node_attr(g, n, "requantize", &how) || how.kind != GRAFT_ATTR_STRING || strcmp(how.as.s, "float") == 0;
}

/* Those that are left are dequantized, and said. */
static void note_raised(gr_pass *p) {
  gr_notice left = {0};
  for (uint32_t i = 0; i < p->module->graphs.len; i++) {
    const graft_graph *g = p->module->graphs.data[i];
    for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
      const gr_op_info *op = gr_info(g, n);
      char name[200];
      if (!op || !(op->families & GR_F_QUANTIZED) || !is_by_floats(g, n)) continue;
      graft_node_name(g, n, name, sizeof name);
      gr_notice_add(&left, name, op->name, 0);
    }
  }
  gr_notice_warn(p, &left,
                 "no op of ONNX or onnxruntime takes these integers: they go out between dequantize and quantize");
}

static graft_status lower_integers(gr_pass *p, uint64_t *rounded) {
  graft_status s = gr_settle_rules(p, "to-onnx-integers");
  if (!s && gr_option_bool(p, "qoperator")) {
    if (gr_option_bool(p, "int32-bias")) s = round_biases(p, "to-onnx-qbias", rounded);
    if (!s) s = gr_settle_rules(p, "to-onnx-qoperator");
    if (!s) note_raised(p);
  }
  return s ? s : gr_settle_rules(p, "to-onnx-raise");
}

graft_status gr_check_to_onnx(gr_pass *p) {
  const int64_t opset = gr_option_int(p, "opset");
  if (opset >= 13 && opset <= 21) return GRAFT_OK;
  return gr_error(p->context, GRAFT_INVALID_ARGUMENT, gr_option_loc(p, "opset"),
                  "opset %lld cannot be written: 13 to 21 can", (long long)opset);
}

/* Rules of ops that a later opset has count where it is not reached. */
graft_status gr_pass_to_onnx(gr_pass *p) {
  static const int64_t steps[] = {14, 17, 18, 20, 21};
  const int64_t opset = gr_option_int(p, "opset");
  char rules[128];
  uint64_t rounded = 0;
  size_t at = (size_t)snprintf(rules, sizeof rules, "to-onnx");
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    if (opset < steps[i]) at += (size_t)snprintf(rules + at, sizeof rules - at, ",to-onnx-%lld", (long long)steps[i]);
  graft_status s = has_integers(p->module) ? lower_integers(p, &rounded) : GRAFT_OK;
  if (!s) s = gr_settle_rules(p, rules);
  if (!s && gr_option_bool(p, "int32-bias")) s = round_biases(p, "to-onnx-qdq", &rounded);
  if (!s && rounded)
    gr_warning(p->context, GRAFT_PASS, gr_module_loc(p->module),
               "the biases of %llu quantized layers are rounded to int32, with the scale of their products "
               "(to-onnx{int32-bias=false} leaves them)",
               (unsigned long long)rounded);
  return s;
}
