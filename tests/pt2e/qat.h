/* What the tests of test_quantize_pt2e_qat.py share: the networks, the specs, the QAT pattern, both halves of the flow.
 */
#ifndef GRAFT_TEST_QAT_H
#define GRAFT_TEST_QAT_H

#include "network.h"

/* A loop test's four variants: one or two spatial axes, weights per tensor or per channel. */
enum { VARIANTS = 4 };
typedef struct variant {
  int dim;
  bool per_channel;
} variant;
variant variant_of(int i);

/* conv[-bn][-relu], as _get_conv_bn_model makes it. */
typedef struct model {
  layer conv;
  bool bn, relu;
} model;
model conv_bn_model(void); /* 3 channels, kernel 3, bias, batch norm */

enum { BATCH = 2, EXTENT = 6, STEPS = 3 };
network build(const model *m, int dim);

fake_quant_spec activation_spec(void);
fake_quant_spec weight_spec(const layer *l, bool per_channel);
fake_quant activation_quant(void);
/* The plain-loop counterpart of the convolution NAME and the batch norm BN (NULL: none) with their state now. */
unit unit_of(network *n, const layer *l, const char *name, const char *bn, bool per_channel);

void prepare_qat(network *n, const char *quantizer, bool per_channel);
array input_of_step(const network *n, int64_t batch, int64_t channels, int step);

/* The prepared graph has the QAT pattern (_verify_symmetric_xnnpack_qat_graph). */
void verify_graph(const model *m, int dim, bool per_channel);
/* The prepared graph in training computes what the plain loops do, and the converted one what it does in evaluation
 * (_verify_symmetric_xnnpack_qat_numerics). */
void verify_numerics(const model *m, int dim, bool per_channel);
/* Converts (a clone, with the order of to-eval and convert as given) and compares with the prepared graph in evaluation
 * with its fake-quants' parameters as trained. */
void verify_converted(network *prepared, array x);
/* One convolution with q/dq on every side; returns it. */
graft_node verify_converted_graph(const network *n, int convs, bool per_channel);

#endif
