/* One model and one context a test, and the models that several tests start from. */
#ifndef GRAFT_TESTS_ONNX_FIXTURE_H
#define GRAFT_TESTS_ONNX_FIXTURE_H

#include "onnx_model.h"

#include <check.h>

extern graft_context *c;
extern Onnx__ModelProto *proto;
extern Onnx__GraphProto *g; /* proto's */
extern graft_module *m;     /* what was loaded */

void setup(void);
void teardown(void);
void load(void);
/* Loading fails, with a message that holds `part` and names the node `node`. */
void load_fails(const char *node, const char *part);
/* It loads, and the warning of what will not run is this. */
void will_not_run(const char *text);
/* "op(operand, …)" of the node called `name`, until the next call. */
const char *node_text(const char *name);
/* x -> batch norm /bn -> y. */
Onnx__NodeProto *bn_model(bool training);
/* A graph of one node over a captured value and a weight. */
Onnx__GraphProto *branch(const char *op, const char *captured, const char *weight, const char *out);

#define ADD(t, ...) \
  do { \
    const TTest *const list[] = {__VA_ARGS__}; \
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) tcase_add_test(t, list[i]); \
  } while (0)

int run_suite(Suite *s);

#endif
