/* What the parts of the program `modules` share: a case, its arrays, and comparisons that say why they fail. */
#ifndef GRAFT_TEST_ORACLE_MODULES_H
#define GRAFT_TEST_ORACLE_MODULES_H

#include "passes/modules.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

#include <jansson.h>

typedef struct array {
  graft_type type;
  void *data;
} array;

enum { MAX_ARRAYS = 64 };

typedef struct test_case {
  const char *directory;
  graft_context *context;
  json_t *meta;
  array arrays[MAX_ARRAYS]; /* those read so far, freed with the case */
  uint32_t array_count;
  char why[600]; /* the first failure */
} test_case;

/* All give false; the first message stays. */
bool fail(test_case *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The library failed: its first error is why. */
bool library(test_case *t, const char *what);

/* CASE/NAME.npy; `found` false: there is none. The array belongs to the case. */
bool read_array(test_case *t, const char *name, array *a);
bool has_array(const test_case *t, const char *name);
/* CASE/NAME.json, which the caller releases; NULL: there is none, and the case has failed. */
json_t *read_json(test_case *t, const char *name);
/* Numbers of a JSON list, or one number; how many were there. */
uint32_t numbers(const json_t *value, double *out, uint32_t most);

/* CASE/NAME.json: scales and zero points, one or one for each channel; as they are written, and as f32 and i32. */
enum { MAX_PARAMETERS = 4096 };
typedef struct parameters {
  double scale[MAX_PARAMETERS], zero_point[MAX_PARAMETERS];
  float scales[MAX_PARAMETERS];
  int32_t zeros[MAX_PARAMETERS];
  uint32_t count;
} parameters;
bool read_parameters(test_case *t, const char *name, parameters *p);

/* PyTorch's arguments of case.json; lists are by `dims`, of which a number stands for all. The arrays live as long as
 * `store`, which holds 6 times 3. */
void read_conv_arguments(const json_t *args, uint32_t dims, int64_t *store, graft_conv_arguments *out);

/* f32 within `relative` of the largest; integers exactly. */
bool same_array(test_case *t, const char *what, const graft_type *type, const void *got, const char *file,
                double relative);
/* Integers of 8 bits that come of training, whose sums another order rounds otherwise: one in a thousand, or one, may
 * be a step beside. */
bool same_steps(test_case *t, const char *what, const graft_type *type, const void *got, const char *file);
bool same_numbers(test_case *t, const char *what, const float *got, uint32_t count, const json_t *want,
                  double relative);

bool run_qat(test_case *t);       /* modules_qat.c */
bool run_quantized(test_case *t); /* modules_quantized.c */
/* The trained module `name` of the graph becomes the case's quantized one (quant.*) in its place, by from_float. */
bool same_from_float(test_case *t, graft_module *m, const char *name);

#endif
