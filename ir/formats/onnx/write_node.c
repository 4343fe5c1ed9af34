/* What handlers write the file's nodes with. */
#include "ir/formats/onnx/writer_impl.h"

#include <string.h>

#define TYPE(type) ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##type
#define MAX_ATTRS 32

Onnx__NodeProto *gr_out_begin(gr_out *w, const char *op) {
  Onnx__NodeProto *node = gr_out_alloc(w, sizeof *node);
  if (!node) return NULL;
  onnx__node_proto__init(node);
  node->op_type = gr_out_lent(op);
  return node;
}

static Onnx__AttributeProto *add_attr(gr_out *w, Onnx__NodeProto *node, const char *name,
                                      Onnx__AttributeProto__AttributeType type) {
  Onnx__AttributeProto *a = node ? gr_out_alloc(w, sizeof *a) : NULL;
  if (!a) return NULL;
  if (node->n_attribute % MAX_ATTRS == 0) { /* room for as many again */
    Onnx__AttributeProto **more = gr_out_alloc(w, (node->n_attribute + MAX_ATTRS) * sizeof(*more));
    if (!more) return NULL;
    if (node->n_attribute) memcpy(more, node->attribute, node->n_attribute * sizeof(*more));
    node->attribute = more;
  }
  onnx__attribute_proto__init(a);
  a->name = gr_out_lent(name);
  a->has_type = 1;
  a->type = type;
  return node->attribute[node->n_attribute++] = a;
}

void gr_out_set_int(gr_out *w, Onnx__NodeProto *node, const char *name, int64_t value) {
  Onnx__AttributeProto *a = add_attr(w, node, name, TYPE(INT));
  if (a) a->has_i = 1, a->i = value;
}

void gr_out_set_float(gr_out *w, Onnx__NodeProto *node, const char *name, double value) {
  Onnx__AttributeProto *a = add_attr(w, node, name, TYPE(FLOAT));
  if (a) a->has_f = 1, a->f = (float)value;
}

static ProtobufCBinaryData bytes_of(const char *text) {
  return (ProtobufCBinaryData){.len = strlen(text), .data = gr_out_lent(text)};
}

void gr_out_set_string(gr_out *w, Onnx__NodeProto *node, const char *name, const char *value) {
  Onnx__AttributeProto *a = add_attr(w, node, name, TYPE(STRING));
  if (a) a->has_s = 1, a->s = bytes_of(value);
}

void gr_out_set_ints(gr_out *w, Onnx__NodeProto *node, const char *name, const int64_t *values, size_t count) {
  Onnx__AttributeProto *a = add_attr(w, node, name, TYPE(INTS));
  int64_t *copy = a ? gr_out_alloc(w, count * sizeof *copy) : NULL;
  if (!copy) return;
  if (count) memcpy(copy, values, count * sizeof *copy);
  a->n_ints = count;
  a->ints = copy;
}

void gr_out_set_list(gr_out *w, Onnx__NodeProto *node, const char *name, uint32_t slot) {
  uint32_t n;
  const int64_t *values = gr_attr_ints(w->module, gr_out_attrs(w), slot, &n);
  gr_out_set_ints(w, node, name, values, n);
}

void gr_out_set_floats(gr_out *w, Onnx__NodeProto *node, const char *name, const double *values, size_t count) {
  Onnx__AttributeProto *a = add_attr(w, node, name, TYPE(FLOATS));
  float *copy = a ? gr_out_alloc(w, count * sizeof *copy) : NULL;
  if (!copy) return;
  for (size_t i = 0; i < count; i++) copy[i] = (float)values[i];
  a->n_floats = count;
  a->floats = copy;
}

void gr_out_set_strings(gr_out *w, Onnx__NodeProto *node, const char *name, const char *const *values, size_t count) {
  Onnx__AttributeProto *a = add_attr(w, node, name, TYPE(STRINGS));
  ProtobufCBinaryData *copy = a ? gr_out_alloc(w, count * sizeof *copy) : NULL;
  if (!copy) return;
  for (size_t i = 0; i < count; i++) copy[i] = bytes_of(values[i]);
  a->n_strings = count;
  a->strings = copy;
}

void gr_out_set_tensor(gr_out *w, Onnx__NodeProto *node, const char *name, Onnx__TensorProto *value) {
  Onnx__AttributeProto *a = add_attr(w, node, name, TYPE(TENSOR));
  if (a) a->t = value;
}

void gr_out_set_graph(gr_out *w, Onnx__NodeProto *node, const char *name, Onnx__GraphProto *value) {
  Onnx__AttributeProto *a = add_attr(w, node, name, TYPE(GRAPH));
  if (a) a->g = value;
}

static char **names_of(gr_out *w, const char *const *names, size_t *count) {
  while (*count > 0 && names[*count - 1] && !names[*count - 1][0]) --*count;
  char **copy = gr_out_alloc(w, *count * sizeof *copy);
  for (size_t i = 0; copy && i < *count; i++) {
    copy[i] = gr_out_lent(names[i]);
    if (!names[i]) w->failed = true; /* making it had no memory */
  }
  return copy;
}

/* The node that makes the first result is the one that the name and the provenance belong to. */
bool gr_out_end(gr_out *w, Onnx__NodeProto *node, const char *const *inputs, uint32_t input_count,
                const char *const *outputs, uint32_t output_count) {
  if (w->failed || !node) return gr_out_failed(w);
  node->n_input = input_count;
  node->n_output = output_count;
  node->input = names_of(w, inputs, &node->n_input);
  node->output = names_of(w, outputs, &node->n_output);
  if (w->failed) return false;
  bool own = false;
  for (uint32_t i = 0; w->n != GRAFT_NONE && i < gr_node_at(w->g, w->n)->result_count; i++) {
    const graft_value v = gr_result(w->g, w->n, i);
    if (v == GRAFT_NONE) continue;
    own = node->n_output > 0 && node->output[0] == w->graph->names[v];
    break;
  }
  w->node_name = own ? gr_out_node_name(w) : node->n_output ? node->output[0] : "";
  node->name = gr_out_lent(w->node_name);
  if (own) node->doc_string = gr_out_lent(gr_out_provenance(w));
  gr_out_check_types(w, node);
  GR_OUT_PUSH(w, w->graph->nodes, node);
  return !w->failed;
}

bool gr_out_finish(gr_out *w, Onnx__NodeProto *node, const char *const *inputs, uint32_t count) {
  const char *output = gr_out_result(w, 0);
  return gr_out_end(w, node, inputs, count, &output, 1);
}

const char *gr_out_step(gr_out *w, Onnx__NodeProto *node, const char *what, const char *const *inputs, uint32_t count) {
  const char *result = gr_out_result(w, 0);
  const char *output = result ? gr_out_claim(w, gr_out_text(w, "%s.%s", result, what)) : NULL;
  return gr_out_end(w, node, inputs, count, &output, 1) ? output : NULL;
}

const char *gr_out_unary(gr_out *w, const char *op, const char *what, const char *x) {
  return gr_out_step(w, gr_out_begin(w, op), what, &x, 1);
}

const char *gr_out_binary(gr_out *w, const char *op, const char *what, const char *x, const char *other) {
  return gr_out_step(w, gr_out_begin(w, op), what, (const char *[]){x, other}, 2);
}

const char *gr_out_cast(gr_out *w, const char *what, const char *x, graft_dtype to) {
  Onnx__NodeProto *node = gr_out_begin(w, "Cast");
  gr_out_set_int(w, node, "to", gr_out_dtype(to));
  return gr_out_step(w, node, what, &x, 1);
}

const char *gr_out_unsqueezed(gr_out *w, const char *what, const char *x, const int64_t *axes, uint32_t count) {
  const char *list = gr_out_ints(w, gr_out_text(w, "%s.axes", what), axes, count);
  return gr_out_step(w, gr_out_begin(w, "Unsqueeze"), what, (const char *[]){x, list}, 2);
}

bool gr_out_same(gr_out *w, Onnx__NodeProto *node) {
  const gr_node *own = gr_node_at(w->g, w->n);
  const uint32_t count = own->operand_count, results = own->result_count;
  const char **inputs = gr_out_alloc(w, count * sizeof *inputs), **outputs = gr_out_alloc(w, results * sizeof *outputs);
  if (w->failed) return false;
  for (uint32_t i = 0; i < count; i++) inputs[i] = gr_out_operand(w, i);
  for (uint32_t i = 0; i < results; i++) outputs[i] = gr_out_result(w, i);
  return gr_out_end(w, node, inputs, count, outputs, results);
}
