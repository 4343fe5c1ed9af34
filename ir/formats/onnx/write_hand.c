/* What a handler asks of the node at hand, and the constants that it makes for it. */
#include "ir/formats/onnx/writer_impl.h"

#include <string.h>

const char *gr_out_value_name(gr_out *w, graft_value v) {
  const char **name = &w->graph->names[v];
  const graft_tensor t = gr_value_tensor(w->graph->g, v);
  if (t != GRAFT_NONE) return gr_out_tensor_name(w, t);
  if (!*name) *name = gr_out_claim(w, gr_out_own_name(w, gr_value_get_name(w->graph->g, v)));
  return *name;
}

uint32_t gr_out_attrs(const gr_out *w) { return gr_attrs_of(w->g, w->n); }

bool gr_out_has(const gr_out *w, uint32_t operand) { return gr_operand(w->g, w->n, operand) != GRAFT_NONE; }

const graft_type *gr_out_type(const gr_out *w, uint32_t operand) {
  return gr_type_of(w->g, gr_operand(w->g, w->n, operand));
}

const graft_type *gr_out_result_type(const gr_out *w) { return gr_type_of(w->g, gr_result(w->g, w->n, 0)); }

const char *gr_out_operand(gr_out *w, uint32_t i) {
  const graft_value v = gr_operand(w->g, w->n, i);
  return v == GRAFT_NONE ? "" : gr_out_value_name(w, v);
}

const char *gr_out_result(gr_out *w, uint32_t i) {
  const graft_value v = gr_result(w->g, w->n, i);
  return v == GRAFT_NONE ? "" : gr_out_value_name(w, v);
}

bool gr_out_axis(gr_out *w, int64_t axis, int64_t rank, int64_t *out) {
  if (axis < 0 && rank < 0)
    return gr_out_refuse(w, "ONNX wants an axis that is counted from the front, of an operand whose rank is not known: "
                            "give the inputs their shapes, or the axis a number from 0 on");
  *out = axis < 0 ? axis + rank : axis;
  return true;
}

const char *gr_out_constant(gr_out *w, const char *what, const graft_type *type, const void *data) {
  const char *result = gr_out_result(w, 0);
  const char *name = result ? gr_out_claim(w, gr_out_text(w, "%s.%s", result, what)) : NULL;
  const size_t size = (size_t)graft_type_elements(type) * graft_dtype_size(type->dtype);
  void *copy = gr_out_alloc(w, size);
  if (!name || !copy) return NULL;
  if (size) memcpy(copy, data, size);
  Onnx__TensorProto *t = gr_out_tensor(w, name, type, copy);
  return gr_out_initializer(w, t, GRAFT_CONSTANT) ? name : NULL;
}

const char *gr_out_ints(gr_out *w, const char *what, const int64_t *values, uint32_t count) {
  const graft_type type = graft_type_make(GRAFT_I64, 1, (int64_t[]){count});
  return gr_out_constant(w, what, &type, values);
}

const char *gr_out_number(gr_out *w, const char *what, graft_dtype dtype, double value) {
  const graft_type type = {.dtype = dtype};
  uint64_t element = 0;
  if (gr_is_float(dtype))
    gr_element_set_float(dtype, &element, value);
  else
    gr_element_set_int(dtype, &element, (int64_t)value);
  return gr_out_constant(w, what, &type, &element);
}
