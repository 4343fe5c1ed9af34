/* Networks under test: built through the public API, run step by step, looked at node by node. Everything here asserts
 * (Check): a test says what it expects and nothing about failing. */
#ifndef GRAFT_TEST_NETWORK_H
#define GRAFT_TEST_NETWORK_H

#include "array.h"
#include "passes/passes.h"

#include <check.h>

typedef struct network {
  graft_context *context;
  graft_module *module;
  graft_graph *graph; /* main */
  int dim;            /* spatial axes: 0, 1 or 2 */
} network;

/* ---- building: names and state as torch.nn.Module makes them (the fill formula) ---- */

network network_begin(int dim);
network network_of(graft_context *context, graft_module *module); /* takes both */
network network_from_text(const char *gir);
network network_clone(const network *n); /* through the binary form */
void network_end(network *n, graft_value y);
void network_destroy(network *n);

/* `extent` of each spatial axis. */
graft_value add_input(network *n, int64_t batch, int64_t channels, int64_t extent);
graft_value add_conv(network *n, const char *name, graft_value x, layer shape);
/* In training; updates its running statistics. */
graft_value add_batch_norm(network *n, const char *name, graft_value x, int64_t channels, double eps, double momentum);
graft_value add_linear(network *n, const char *name, graft_value x, int64_t in, int64_t out, bool bias);
/* Any other op of the table. */
graft_value add_op(network *n, const char *op, const char *name, graft_value x, graft_value other);

/* ---- running ---- */

void run_passes(network *n, const char *pipeline);
/* The same, expected to fail with a diagnostic that holds `message`. */
void run_passes_error(network *n, const char *pipeline, const char *message);
/* One step of a new session with the plain kernels; state of the module moves on. */
array run(network *n, array x);
array run_fast(network *n, array x); /* with the fastest kernels there are */
array run_on_threads(network *n, array x, uint32_t threads);

/* Equal up to `tolerance` of the largest. */
void expect_close(array got, array want, double tolerance);
void expect_same(array got, array want); /* bit for bit */
/* What passed a quantizer of this step: at most 3% of the elements one step off, the others equal up to 1% of one. */
void expect_quantized(array got, array want, double step);
void expect_vector(network *n, const char *tensor, const float *want, int64_t count, double tolerance);

/* ---- looking ---- */

const float *tensor_floats(network *n, const char *name);
graft_value output(const network *n);
graft_node maker(const network *n, graft_value v);                          /* of the value */
graft_node operand_maker(const network *n, graft_node node, uint32_t slot); /* of the operand's value */
graft_node find(const network *n, const char *name);                        /* a node by name */
graft_node only(const network *n, const char *op);                          /* the one node with this op */
const char *op_of(const network *n, graft_node node);
void expect_op(const network *n, graft_node node, const char *op);
void expect_tensor(const network *n, graft_value v, const char *name);
int count(const network *n, const char *op);
graft_attr attr(const network *n, graft_node node, const char *name);
void expect_ints(const network *n, graft_node node, const char *name, int64_t each);

/* What a fake-quant is made from. */
typedef struct fake_quant_spec {
  graft_dtype dtype;
  int64_t quant_min, quant_max;
  const char *scheme, *formula;
  double eps;
  int64_t channels, axis; /* channels 0: per tensor */
} fake_quant_spec;

/* Checks the fake-quant whose result `v` is, with its observer; returns the value it quantizes. */
graft_value expect_fake_quant(const network *n, graft_value v, const fake_quant_spec *want);
/* The buffer that the fake-quant's observer keeps its state in. */
graft_tensor state_of(const network *n, graft_value v);
/* The q/dq pair, or the integer constant and its dq, that `v` comes from; returns the dq. */
graft_node expect_dequantized(const network *n, graft_value v, const fake_quant_spec *want, bool constant);
/* Scale of a q/dq node's channel. */
float scale_of(const network *n, graft_node node, int64_t channel);
/* Scale of the output's dequantize. */
double output_step(const network *n);

#endif
