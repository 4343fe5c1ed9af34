#include "running.h"
#include "runtime/runtime.h"

#include <math.h>
#include <string.h>

array run(const void *x) {
  load();
  graft_graph *graph = graft_module_get_graph(m, 0);
  graft_session *s = graft_session_create(graph, NULL);
  ck_assert_ptr_nonnull(s);
  graft_type t = graft_value_get_type(graph, graft_input_get(graph, 0));
  for (int32_t i = 0; i < t.rank; i++)
    if (t.dims[i] < 0) t.dims[i] = 2;
  ck_assert_int_eq(graft_session_set_input(s, 0, &t, x), GRAFT_OK);
  ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
  array y;
  const char *data = graft_session_get_output(s, 0, &y.type);
  const int64_t n = graft_type_elements(&y.type);
  ck_assert_int_le(n, 64);
  for (int64_t i = 0; i < n; i++) switch (y.type.dtype) {
    case GRAFT_F32: y.values[i] = (double)((const float *)(const void *)data)[i]; break;
    case GRAFT_U8: y.values[i] = ((const uint8_t *)data)[i]; break;
    case GRAFT_I8: y.values[i] = ((const int8_t *)data)[i]; break;
    case GRAFT_U16: y.values[i] = ((const uint16_t *)(const void *)data)[i]; break;
    case GRAFT_I16: y.values[i] = ((const int16_t *)(const void *)data)[i]; break;
    case GRAFT_I32: y.values[i] = ((const int32_t *)(const void *)data)[i]; break;
    default: ck_abort_msg("an output of dtype %s", graft_dtype_name(y.type.dtype));
    }
  graft_session_destroy(s);
  return y;
}

void gives(const void *x, graft_dtype dtype, int64_t count, const double *want) {
  const array y = run(x);
  ck_assert_str_eq(graft_dtype_name(y.type.dtype), graft_dtype_name(dtype));
  ck_assert_int_eq(graft_type_elements(&y.type), count);
  for (int64_t i = 0; i < count; i++) {
    const double near = dtype == GRAFT_F32 ? 1e-6 * (1 + fabs(want[i])) : 0;
    ck_assert_msg(fabs(y.values[i] - want[i]) <= near, "element %d is %.9g", (int)i, y.values[i]);
  }
}

void add_bytes(const char *name, int dtype, size_t rank, const int64_t *dims, const int8_t *values) {
  const Onnx__TensorProto *t = add_zeros(g, name, dtype, 1, rank, dims);
  memcpy(t->raw_data.data, values, t->raw_data.len);
}
void add_words(const char *name, size_t rank, const int64_t *dims, const int32_t *values) {
  const Onnx__TensorProto *t = add_zeros(g, name, I32, 4, rank, dims);
  memcpy(t->raw_data.data, values, t->raw_data.len);
}

Onnx__NodeProto *node(const char *op, const char *const *inputs) {
  add_untyped_output(g, "y");
  return add_node(g, op, "/n", inputs, NAMES("y"));
}

void opset(int64_t version) { proto->opset_import[0]->version = version; }
