/* If and Loop: graphs of the module become graphs of the node, which see what they capture by its name. */
#include "ir/formats/onnx/writer_impl.h"

#include <string.h>

/* Names of the operands from `first` on. */
static const char **captured(gr_out *w, uint32_t first) {
  const uint32_t count = gr_node_at(w->g, w->n)->operand_count;
  const char **names = gr_out_alloc(w, (count + 1) * sizeof *names);
  for (uint32_t i = first; names && i < count; i++) names[i - first] = gr_out_operand(w, i);
  return names;
}

static void set_graph(gr_out *w, Onnx__NodeProto *node, const char *name, uint32_t slot, uint32_t own,
                      const char *const *names) {
  graft_graph *g = w->module->graphs.data[gr_attr_int(w->module, gr_out_attrs(w), slot)];
  Onnx__GraphProto *proto = names ? w->nested(w, g, own, names) : NULL;
  if (proto) gr_out_set_graph(w, node, name, proto);
}

static bool finish(gr_out *w, Onnx__NodeProto *node, const char *const *inputs, uint32_t count) {
  const uint32_t results = gr_node_at(w->g, w->n)->result_count;
  const char **outputs = gr_out_alloc(w, results * sizeof *outputs);
  for (uint32_t i = 0; outputs && i < results; i++) {
    const graft_value v = gr_result(w->g, w->n, i);
    outputs[i] = gr_out_result(w, i);
    Onnx__ValueInfoProto *info = v == GRAFT_NONE ? NULL : gr_out_value_info(w, outputs[i], gr_type_of(w->g, v));
    if (info && gr_type_of(w->g, v)->dtype != GRAFT_UNKNOWN) GR_OUT_PUSH(w, w->graph->infos, info);
  }
  return outputs && gr_out_end(w, node, inputs, count, outputs, results);
}

bool gr_put_if(gr_out *w) {
  const char **names = captured(w, 1), *condition = gr_out_operand(w, 0);
  Onnx__NodeProto *node = gr_out_begin(w, "If");
  set_graph(w, node, "then_branch", GR_ATTR(if, then_branch), 0, names);
  set_graph(w, node, "else_branch", GR_ATTR(if, else_branch), 0, names);
  return finish(w, node, &condition, 1);
}

/* The body's first inputs are which time it is, the condition and what is carried; the rest is captured. */
bool gr_put_loop(gr_out *w) {
  const uint32_t carried = (uint32_t)gr_attr_int(w->module, gr_out_attrs(w), GR_ATTR(loop, carried));
  const char **names = captured(w, 2 + carried), **inputs = gr_out_alloc(w, (2 + carried) * sizeof *inputs);
  for (uint32_t i = 0; inputs && i < 2 + carried; i++) inputs[i] = gr_out_operand(w, i);
  Onnx__NodeProto *node = gr_out_begin(w, "Loop");
  set_graph(w, node, "body", GR_ATTR(loop, body), 2 + carried, names);
  return inputs && finish(w, node, inputs, 2 + carried);
}
