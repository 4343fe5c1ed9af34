/* Small ONNX models, made message by message, for tests. Everything is copied; running out of memory ends the test. */
#ifndef GRAFT_TESTS_ONNX_MODEL_H
#define GRAFT_TESTS_ONNX_MODEL_H

#include "ir/formats/onnx/onnx.pb-c.h"
#include "ir/ir.h"

/* A list of strings, for node inputs and outputs. */
#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_NAMES ((const char *const[]){NULL})
#define INTS(...) ((const int64_t[]){__VA_ARGS__})
#define FLOATS(...) ((const float[]){__VA_ARGS__})
#define COUNT(T, ...) (sizeof((const T[]){__VA_ARGS__}) / sizeof(T))

Onnx__ModelProto *model_new(int64_t opset);
Onnx__GraphProto *graph_new(const char *name);
void model_free(Onnx__ModelProto *m);
Onnx__NodeProto *add_node(Onnx__GraphProto *g, const char *op, const char *name, const char *const *inputs,
                          const char *const *outputs);
Onnx__AttributeProto *add_attr(Onnx__NodeProto *n, const char *name, int type);
void add_int(Onnx__NodeProto *n, const char *name, int64_t value);
void add_ints(Onnx__NodeProto *n, const char *name, size_t count, const int64_t *values);
void add_float(Onnx__NodeProto *n, const char *name, float value);
void add_string(Onnx__NodeProto *n, const char *name, const char *value);
void add_graph(Onnx__NodeProto *n, const char *name, Onnx__GraphProto *g);
/* The attribute is that of the call of the function that the node is in. */
void add_ref(Onnx__NodeProto *n, const char *name, int type, const char *of_call);
/* A function of the model, whose nodes are those of `body`, which is gone afterwards. */
Onnx__FunctionProto *add_function(Onnx__ModelProto *m, const char *domain, const char *name, int64_t opset,
                                  const char *const *inputs, const char *const *outputs, Onnx__GraphProto *body);
void add_parameter(Onnx__FunctionProto *f, const char *name);
/* An int that the function's attribute is where a call does not give it. */
void add_default(Onnx__FunctionProto *f, const char *name, int64_t value);
Onnx__NodeProto *in_domain(Onnx__NodeProto *n, const char *domain);
/* Data types are ONNX's numbers: 1 float, 7 int64 … A dim of -1 is a dim_param. */
void add_input(Onnx__GraphProto *g, const char *name, int dtype, size_t rank, const int64_t *dims);
void add_output(Onnx__GraphProto *g, const char *name, int dtype, size_t rank, const int64_t *dims);
void add_untyped_output(Onnx__GraphProto *g, const char *name);
Onnx__TensorProto *new_tensor(const char *name, int dtype, size_t rank, const int64_t *dims);
/* Zeros, as raw bytes of `each` an element. */
Onnx__TensorProto *add_zeros(Onnx__GraphProto *g, const char *name, int dtype, size_t each, size_t rank,
                             const int64_t *dims);
void add_f32(Onnx__GraphProto *g, const char *name, size_t rank, const int64_t *dims, const float *values);
void add_i64(Onnx__GraphProto *g, const char *name, size_t count, const int64_t *values);
void add_initializer(Onnx__GraphProto *g, Onnx__TensorProto *t);
void add_external(Onnx__TensorProto *t, const char *key, const char *value);
unsigned char *model_pack(const Onnx__ModelProto *m, size_t *size);
/* Loads it through the library, verified; `directory` holds external data, or is NULL. */
graft_module *model_load(graft_context *c, const Onnx__ModelProto *m, const char *directory);
graft_module *bytes_load(graft_context *c, const void *bytes, size_t size, const char *directory);

#endif
