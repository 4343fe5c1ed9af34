/* Networks built through the public API, with weights made by the fill formula (torchvision's topologies and names).
 * Each returns a module whose one graph is in training mode: batch norms update their statistics. The input is called
 * `x` and the output `y`, as in the ONNX files. NULL: a diagnostic is in the context. */
#ifndef GRAFT_TEST_MODELS_H
#define GRAFT_TEST_MODELS_H

#include "ir/ir.h"

/* depth 18, 34 (basic blocks), 50, 101 or 152 (bottlenecks); input 1x3x`size`x`size`. */
graft_module *graft_model_resnet(graft_context *context, int depth, int64_t size);
graft_module *graft_model_mobilenet_v2(graft_context *context, int64_t size);
/* conv-bn-relu triples, `nodes` in all, two channels, 4x4: for scale tests. */
graft_module *graft_model_chain(graft_context *context, uint32_t nodes);
/* "resnet18", "resnet50", "mobilenet_v2", "chain1000" …; NULL for any other name too. */
graft_module *graft_model_by_name(graft_context *context, const char *name);

#endif
