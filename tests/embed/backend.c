/* A backend's whole work in one program, by the public headers alone: a network is built, prepared, trained, converted
 * and emitted, with a rule, a quantizer, a pass, a kernel and predicates that are not graft's. It reads no file.
 *
 * The processor (NPU) has an instruction `npu.gate`, half(x) = 0.5 * x * (1 + tanh x), which graft does not know: its
 * rule makes one of what the network spells out, its kernel runs it, its quantizer says what becomes integers, its pass
 * says in how many tiles each layer is done. */
#include <graft/extend.h>
#include <graft/inspect.h>
#include <graft/layers.h>
#include <graft/ops.h>
#include <graft/passes.h>
#include <graft/patterns.h>
#include <graft/runtime.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed;
#define CHECK(c) ((c) ? (void)0 : (failed = 1, (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c)))

/* ---- what the NPU adds ---- */

static const char rules_text[] = "# half(x) = 0.5 * x * (1 + tanh x)\n"
                                 "#\n"
                                 "# The instruction computes what is spelt out, on channels in pairs.\n"
                                 "rule npu_gate\n"
                                 "match\n"
                                 "  %t = tanh(%x)          one_use\n"
                                 "  %p = add(%t, 1)        one_use\n"
                                 "  %m = mul(%x, %p)       one_use\n"
                                 "  %y = mul(%m, 0.5)\n"
                                 "where\n  channels_in_pairs(%x), no_spec(..)\n"
                                 "rewrite\n  %y = \"npu.gate\"(%x) {tiles: 1}\n";

static const char quantizer_text[] =
    "quantizer npu \"bytes in, bytes out; a gate has its operand's parameters\"\n"
    "option weight_qmax: int = 127\n"
    "option qat: bool = false\n"
    "spec activation { dtype: i8, quant_min: -128, quant_max: 127, scheme: per_tensor_affine\n"
    "  observer: moving_average_min_max, averaging_constant: 0.5 }\n"
    "spec weight { dtype: i8, quant_min: -weight_qmax, quant_max: weight_qmax\n"
    "  scheme: per_channel_symmetric, axis: @op.weight_axis, observer: min_max }\n"
    "rule conv_bn_relu if qat\n"
    "match\n"
    "  %c = conv2d(%x, %w, %b?)   one_use\n"
    "  %n, %mean?, %var?, %count? = batch_norm(%c, %g?, %h?, %m?, %v?, %t?)   one_use\n"
    "  %r = relu(%n)\n"
    "where channels_in_pairs(%r)\n"
    "annotate\n  %c.x = activation\n  %c.weight = weight\n  %r = activation\n"
    "rule linear\nmatch\n  %y = linear(%x, %w, %b?)\n"
    "annotate\n  %y.x = activation\n  %y.weight = weight\n  %y = activation\n";

static uint32_t asked; /* how often the predicate was */
static bool channels_in_pairs(void *user, const graft_graph *graph, const graft_value *values, uint32_t count) {
  const graft_type type = graft_value_get_type(graph, values[0]);
  asked++;
  return count == 1 && user == &asked && type.rank >= 2 && type.dims[1] > 0 && type.dims[1] % 2 == 0;
}

static graft_status gate_infer(void *user, const graft_kernel_call *call, graft_type *types) {
  (void)user;
  types[0] = call->operand_types[0];
  return call->operand_count == 1 && types[0].dtype == GRAFT_F32 ? GRAFT_OK : GRAFT_TYPE;
}
static graft_status gate_run(void *user, const graft_kernel_call *call) {
  const float *x = call->operands[0];
  float *y = call->results[0];
  const int64_t n = graft_type_elements(&call->operand_types[0]);
  for (int64_t i = 0; i < n; i++) y[i] = 0.5f * x[i] * (1 + tanhf(x[i]));
  ++*(uint32_t *)user;
  return GRAFT_OK;
}

/* Each gate in as many tiles as its channels need; one that stands in float is told of. */
static graft_status tile_run(void *user, graft_module *module, graft_pass_call *call) {
  const int64_t width = graft_pass_call_int(call, "width");
  (void)user;
  for (uint32_t g = 0; g < graft_module_graph_count(module); g++) {
    graft_graph *graph = graft_module_get_graph(module, g);
    for (graft_node n = graft_node_first(graph); n != GRAFT_NONE; n = graft_node_next(graph, n)) {
      if (strcmp(graft_node_get_op(graph, n), "npu.gate") != 0) continue;
      const graft_type type = graft_value_get_type(graph, graft_node_operand(graph, n, 0));
      if (type.rank < 2) return graft_node_diagnostic(graph, n, GRAFT_ERROR, GRAFT_TYPE, "a gate without channels");
      const graft_attr tiles = graft_attr_int("tiles", (type.dims[1] + width - 1) / width);
      graft_status status = graft_node_set_attr(graph, n, &tiles);
      if (status == GRAFT_OK) status = graft_pass_call_add(call, "gates tiled", 1);
      if (status == GRAFT_OK && tiles.as.i > 1)
        status = graft_node_diagnostic(graph, n, GRAFT_WARNING, GRAFT_OK, "does not fit in one tile");
      if (status != GRAFT_OK) return status;
    }
  }
  return GRAFT_OK;
}

/* ---- the network ---- */

static float noise(uint32_t i) { return graft_fill_element("noise", i, -1, 1); }

static graft_value parameter(graft_graph *graph, const char *name, graft_tensor_kind kind, int32_t rank,
                             const int64_t *dims, double lo, double hi) {
  const graft_type type = graft_type_make(GRAFT_F32, rank, dims);
  return graft_tensor_value(graph, graft_tensor_fill(graft_graph_get_module(graph), name, kind, &type, lo, hi));
}

/* conv + batch norm + relu, the gate spelt out, linear. */
static graft_graph *build(graft_module *module) {
  graft_graph *graph = graft_graph_create(module, "main");
  const graft_type image = graft_type_make(GRAFT_F32, 4, (const int64_t[]){-1, 2, 6, 6});
  graft_conv2d_options conv = GRAFT_CONV2D_DEFAULTS;
  conv.padding[0] = conv.padding[1] = 1;
  conv.name = "stem";
  conv.source = "net.stem";
  graft_batch_norm_options norm = GRAFT_BATCH_NORM_DEFAULTS;
  norm.training = true;
  norm.results = 3;
  const graft_value x = graft_input_add(graph, "x", &image);
  const graft_value w = parameter(graph, "stem.weight", GRAFT_PARAMETER, 4, (const int64_t[]){8, 2, 3, 3}, -0.5, 0.5);
  const graft_value c = graft_build_conv2d(graph, x, w, GRAFT_NONE, &conv);
  const int64_t eight[] = {8};
  const graft_value mean = parameter(graph, "bn.mean", GRAFT_BUFFER, 1, eight, 0, 0);
  const graft_value var = parameter(graph, "bn.var", GRAFT_BUFFER, 1, eight, 1, 1);
  const graft_batch_norm_results n = graft_build_batch_norm(
      graph, c, parameter(graph, "bn.weight", GRAFT_PARAMETER, 1, eight, 0.5, 1.5),
      parameter(graph, "bn.bias", GRAFT_PARAMETER, 1, eight, -0.2, 0.2), mean, var, GRAFT_NONE, &norm);
  CHECK(graft_update_add(graph, graft_value_tensor(graph, mean), n.mean) == GRAFT_OK);
  CHECK(graft_update_add(graph, graft_value_tensor(graph, var), n.var) == GRAFT_OK);
  const graft_value r = graft_build_relu(graph, n.y, NULL);
  const graft_value p =
      graft_build_add(graph, graft_build_tanh(graph, r, NULL), graft_scalar(graph, GRAFT_F32, 1), NULL);
  const graft_value g =
      graft_build_mul(graph, graft_build_mul(graph, r, p, NULL), graft_scalar(graph, GRAFT_F32, 0.5), NULL);
  graft_flatten_options from_channels = GRAFT_FLATTEN_DEFAULTS;
  from_channels.start_dim = 1;
  const graft_value f = graft_build_flatten(graph, g, &from_channels);
  const graft_value head = parameter(graph, "head.weight", GRAFT_PARAMETER, 2, (const int64_t[]){4, 288}, -0.2, 0.2);
  const graft_value y = graft_build_linear(graph, f, head, GRAFT_NONE, NULL);
  CHECK(graft_output_add(graph, "y", y) == GRAFT_OK);
  return graph;
}

/* `steps` steps of four images; the last outputs into `y`. */
static bool steps(graft_graph *graph, const graft_session_options *options, uint32_t count, float *y) {
  float x[4 * 72];
  const graft_type type = graft_type_make(GRAFT_F32, 4, (const int64_t[]){4, 2, 6, 6});
  graft_session *session = graft_session_create(graph, options);
  bool ok = session != NULL;
  for (uint32_t s = 0; ok && s < count; s++) {
    for (uint32_t i = 0; i < 4 * 72; i++) x[i] = noise(s * 288 + i);
    ok = graft_session_set_input(session, 0, &type, x) == GRAFT_OK && graft_session_run(session) == GRAFT_OK;
  }
  const float *out = ok ? graft_session_get_output(session, 0, NULL) : NULL;
  if (out && y) memcpy(y, out, 16 * sizeof *y);
  graft_session_destroy(session);
  return out != NULL;
}

/* ---- emitting ---- */

static uint32_t emit(graft_graph *graph) {
  uint32_t integers = 0, gates = 0;
  graft_layers *layers = graft_layers_create(graph);
  for (uint32_t i = 0; i < graft_layers_count(layers); i++) {
    graft_quantized_layer l = {.size = sizeof l};
    char name[64];
    graft_attr tiles;
    CHECK(graft_layers_get(layers, i, &l) == GRAFT_OK);
    graft_node_name(graph, l.node, name, sizeof name);
    printf("%-8s %-10s from %s%s%s", l.op, name, graft_node_source(graph, l.node),
           l.integers ? "" : ", in float is its ", l.in_float ? l.in_float : "");
    if (l.integers && l.weight && l.weight->data && l.multipliers) {
      int32_t multiplier = 0, shift = 0;
      CHECK(graft_fixed_point(l.multipliers[0], &multiplier, &shift));
      printf(": %u channels, %lld bytes, *%d>>%d, then %s", l.channels, (long long)graft_type_elements(&l.weight->type),
             multiplier, -shift, l.activation ? l.activation : "nothing");
      integers++;
    }
    if (strcmp(l.op, "npu.gate") == 0) {
      CHECK(graft_node_attr(graph, l.node, "tiles", &tiles) && tiles.as.i == 2);
      CHECK(graft_value_use_count(graph, graft_node_result(graph, l.node, 0)) == 1);
      const graft_user user = graft_use_get(graph, graft_value_first_use(graph, graft_node_result(graph, l.node, 0)));
      CHECK(user.kind == GRAFT_USER_NODE && user.index == 0);
      CHECK(strcmp(graft_record_get(graft_graph_get_module(graph), graft_node_get_record(graph, l.node)).rule,
                   "npu_gate") == 0);
      gates++;
    }
    printf("\n");
  }
  graft_layers_destroy(layers);
  CHECK(gates == 1);
  return integers;
}

int main(void) {
  graft_context *context = graft_context_create(NULL);
  graft_module *module = graft_module_create(context);
  graft_graph *graph = build(module);
  CHECK(graft_module_verify(module) == GRAFT_OK);

  const graft_predicate pairs = {sizeof pairs, "channels_in_pairs", 1, channels_in_pairs, &asked};
  graft_rules *rules = graft_rules_create(context, false);
  graft_quantizers *quantizers = graft_quantizers_create(context, false);
  CHECK(graft_rules_add_predicate(rules, &pairs) == GRAFT_OK &&
        graft_quantizers_add_predicate(quantizers, &pairs) == GRAFT_OK);
  CHECK(graft_rules_add(rules, rules_text, sizeof rules_text - 1, "npu.pat") == GRAFT_OK);
  CHECK(graft_quantizers_add(quantizers, quantizer_text, sizeof quantizer_text - 1, "npu.qz") == GRAFT_OK);

  const graft_option width = {
      .size = sizeof width, .kind = GRAFT_OPTION_INT, .name = "width", .value = "8", .least = 1, .most = 64};
  const graft_pass passes[] = {
      {.size = sizeof *passes, .name = "npu-tile", .options = &width, .option_count = 1, .run = tile_run},
      {.size = sizeof *passes, .name = "npu-prepare", .members = "rewrite{rules=npu_gate},prepare-qat{quantizer=npu}"},
      {.size = sizeof *passes, .name = "npu-convert", .members = "convert,npu-tile"}};
  const graft_pass_options options = {.size = sizeof options,
                                      .rules = (const graft_rules *const[]){rules},
                                      .rules_count = 1,
                                      .quantizers = (const graft_quantizers *const[]){quantizers},
                                      .quantizers_count = 1,
                                      .passes = passes,
                                      .pass_count = 3};
  uint32_t gates_run = 0;
  const graft_kernel gate = {
      .size = sizeof gate, .op = "npu.gate", .infer = gate_infer, .run = gate_run, .user = &gates_run};
  const graft_session_options session = {.size = sizeof session, .kernels = &gate, .kernel_count = 1};

  float before[16], after[16], most = 0;
  CHECK(steps(graph, NULL, 8, NULL)); /* statistics */
  CHECK(graft_run_passes(module, "npu-prepare", &options) == GRAFT_OK && asked > 0);
  CHECK(steps(graph, &session, 8, NULL) && gates_run == 8);
  graft_session_options still = session; /* the same numbers before and after: nothing is observed any more */
  still.keep_state = true;
  CHECK(graft_run_passes(module, "to-eval", NULL) == GRAFT_OK && steps(graph, &still, 8, before));
  CHECK(graft_run_passes(module, "npu-convert{width=4}", &options) == GRAFT_OK);
  CHECK(graft_diagnostic_count(context) == 1 && !graft_context_has_errors(context)); /* the tiles */
  CHECK(steps(graph, &session, 8, after) && emit(graph) == 2);
  for (uint32_t i = 0; i < 16; i++) most = fmaxf(most, fabsf(before[i] - after[i]));
  printf("largest difference %g\n", (double)most);
  CHECK(most < 0.05f);

  for (uint32_t i = 0; i < graft_diagnostic_count(context); i++)
    printf("%s\n", graft_diagnostic_get(context, i).message);
  graft_quantizers_destroy(quantizers);
  graft_rules_destroy(rules);
  graft_module_destroy(module);
  graft_context_destroy(context);
  return failed;
}
