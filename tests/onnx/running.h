/* Running the model of fixture.h, whose one output is looked at as doubles; small weights of integers. */
#ifndef GRAFT_TESTS_ONNX_RUNNING_H
#define GRAFT_TESTS_ONNX_RUNNING_H

#include "fixture.h"

enum { F32 = 1, U8 = 2, I8 = 3, U16 = 4, I16 = 5, I32 = 6, F16 = 10, INT4 = 22 };

typedef struct array {
  graft_type type;
  double values[64];
} array;

/* `x` is the first input; extents of it that are not known are 2. */
array run(const void *x);
/* Integers are exact, floats within 1e-6. */
void gives(const void *x, graft_dtype dtype, int64_t count, const double *want);
#define GIVES(x, dtype, ...) gives(x, dtype, (int64_t)COUNT(double, __VA_ARGS__), (const double[]){__VA_ARGS__})
#define U8S(...) ((const uint8_t[]){__VA_ARGS__})
#define I8S(...) ((const int8_t[]){__VA_ARGS__})

/* Integers of one byte, or of four. */
void add_bytes(const char *name, int dtype, size_t rank, const int64_t *dims, const int8_t *values);
void add_words(const char *name, size_t rank, const int64_t *dims, const int32_t *values);
void opset(int64_t version);
/* The node /n that makes the output y. */
Onnx__NodeProto *node(const char *op, const char *const *inputs);

#endif
