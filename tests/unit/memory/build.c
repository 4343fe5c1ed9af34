/* Building networks: node by node, and module by module as PyTorch has them. */
#include "passes/modules.h"
#include "passes/passes.h"
#include "passes/quantized_modules.h"
#include "roads.h"

/* Building, and editing what was built. */
static graft_status build(trial *t) {
  t->m = graft_module_create(t->c);
  if (!t->m) return GRAFT_NO_MEMORY;
  road_step(t);
  graft_graph *g = graft_graph_create(t->m, "main");
  if (!g) return GRAFT_NO_MEMORY;
  const graft_type type = graft_type_make(GRAFT_F32, 2, (int64_t[]){2, 3}),
                   row = graft_type_make(GRAFT_F32, 1, type.dims + 1);
  const float three[] = {1, 2, 3}, more[] = {4, 5, 6};
  graft_value v[8] = {0};
  graft_tensor w = GRAFT_NONE;
  graft_node n = GRAFT_NONE;
  graft_graph *inner = NULL;
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; i < 16 && s == GRAFT_OK; i++) {
    road_step(t);
    bool ok = true;
    switch (i) {
    case 0: ok = (v[0] = graft_input_add(g, "x", &type)) != GRAFT_NONE; break;
    case 1: ok = (w = graft_tensor_create(t->m, "w", GRAFT_PARAMETER, &row, three)) != GRAFT_NONE; break;
    case 2: ok = (v[1] = graft_tensor_value(g, w)) != GRAFT_NONE; break;
    case 3: ok = (v[2] = graft_build(g, "mul", v, 2, NULL, 0)) != GRAFT_NONE; break;
    case 4: ok = (v[3] = graft_scalar(g, GRAFT_F32, 2.5)) != GRAFT_NONE; break;
    case 5: ok = (v[4] = graft_build(g, "add", v + 2, 2, NULL, 0)) != GRAFT_NONE; break;
    case 6:
      ok = (v[5] = graft_build(
                g, "vendor.op", v + 3, 2,
                (graft_attr[]){{.name = "mode", .kind = GRAFT_ATTR_STRING, .as.s = "fast"},
                               {.name = "sizes", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = type.dims}},
                2)) != GRAFT_NONE;
      break;
    case 7: s = graft_output_add(g, "y", v[4]); break;
    case 8: s = graft_output_add(g, "z", v[5]); break;
    case 9: s = graft_node_set_operand(g, graft_value_node(g, v[4]), 1, v[0]); break;
    case 10:
      n = graft_node_create(g, &(graft_node_options){.size = sizeof(graft_node_options),
                                                     .op = "relu",
                                                     .operands = v + 4,
                                                     .operand_count = 1,
                                                     .name = "act",
                                                     .source = "layer.act"});
      ok = n != GRAFT_NONE;
      if (ok) s = graft_value_replace_uses(g, v[2], v[0]);
      break;
    case 11: s = graft_tensor_set_data(t->m, w, more); break;
    case 12: s = graft_node_erase(g, n); break;
    case 13: ok = (inner = graft_graph_create(t->m, "inner")) != NULL; break;
    case 14:
      ok = (v[6] = graft_tensor_value(inner, w)) != GRAFT_NONE;
      if (ok) s = graft_output_add(inner, "w", v[6]);
      break;
    case 15: s = graft_module_compact(t->m); break;
    default: break;
    }
    if (!ok) s = GRAFT_NO_MEMORY;
  }
  if (s == GRAFT_OK) append_module(&t->out, t->m);
  return s;
}

/* Modules by name: each is there or not. */
static graft_status modules(trial *t) {
  t->m = graft_module_create(t->c);
  if (!t->m) return GRAFT_NO_MEMORY;
  road_step(t);
  graft_graph *g = graft_graph_create(t->m, "main");
  const graft_type type = graft_type_make(GRAFT_F32, 4, (int64_t[]){2, 2, 4, 4});
  const int64_t kernel[] = {3, 3}, one[] = {1, 1};
  const graft_qconfig fx = {.size = sizeof fx, .quantizer = "fx", .quantizer_options = "per-channel=true"};
  if (g) road_step(t);
  graft_value v = g ? graft_input_add(g, "x", &type) : GRAFT_NONE;
  if (v == GRAFT_NONE) return GRAFT_NO_MEMORY;
  for (int i = 0; i < 2 && v != GRAFT_NONE; i++) {
    road_step(t);
    v = graft_build_qat_conv(
        g, i ? "layer.1" : "layer.0", v,
        &(graft_conv_arguments){.size = sizeof(graft_conv_arguments),
                                .dims = 2,
                                .in_channels = 2,
                                .out_channels = 2,
                                .kernel_size = kernel,
                                .padding = one,
                                .bias = true,
                                .padding_mode = i ? "reflect" : NULL},
        &(graft_qat_arguments){
            .size = sizeof(graft_qat_arguments), .qconfig = &fx, .batch_norm = true, .relu = i == 1});
  }
  if (v == GRAFT_NONE) return GRAFT_NO_MEMORY;
  append_module(&t->out, t->m);
  return GRAFT_OK;
}

/* A module of a float network that is observed already. */
static graft_status from_float(trial *t) {
  road_load_for_sure(t);
  const graft_qconfig fx = {.size = sizeof fx, .quantizer = "fx"};
  road_step(t);
  graft_status s = graft_qat_from_float(graft_module_get_graph(t->m, 0), "fc", &fx, true);
  if (s == GRAFT_OK) append_module(&t->out, t->m);
  return s;
}

/* Quantized modules: built, set, changed and copied. */
static graft_status quantized(trial *t) {
  t->m = graft_module_create(t->c);
  if (!t->m) return GRAFT_NO_MEMORY;
  road_step(t);
  graft_graph *g = graft_graph_create(t->m, "main");
  const graft_type type = graft_type_make(GRAFT_U8, 4, (int64_t[]){1, 2, 4, 4});
  const int64_t kernel[] = {2, 2}, one[] = {1, 1};
  const int8_t weight[16] = {1, 2, 3, -4};
  const float scales[] = {0.5f, 0.25f};
  graft_quantized_value x, y, z;
  graft_quantized_weight w = {.size = sizeof w, .data = weight, .scale = scales, .count = 2};
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; g && i < 9 && !s; i++) {
    road_step(t);
    bool ok = true;
    switch (i) {
    case 0: ok = (x.integers = graft_input_add(g, "x", &type)) != GRAFT_NONE; break;
    case 1: ok = (x.scale = graft_scalar(g, GRAFT_F32, 0.5)) != GRAFT_NONE; break;
    case 2: ok = (x.zero_point = graft_scalar(g, GRAFT_I32, 3)) != GRAFT_NONE; break;
    case 3:
      s = graft_quantized_conv_create(g, "layer.conv", &x,
                                      &(graft_conv_arguments){.size = sizeof(graft_conv_arguments),
                                                              .dims = 2,
                                                              .in_channels = 2,
                                                              .out_channels = 2,
                                                              .kernel_size = kernel,
                                                              .padding = one,
                                                              .bias = true,
                                                              .padding_mode = "reflect"},
                                      NULL, &y);
      break;
    case 4: s = graft_quantized_conv_set_weight_bias(g, "layer.conv", &w); break;
    case 5: s = graft_quantized_conv_set_output(g, "layer.conv", 0.125, 7); break;
    case 6: s = graft_quantized_conv_copy(g, "layer.conv", g, "layer.copy", &y, NULL, &z); break;
    case 7:
      w.count = 1;
      s = graft_quantized_conv_set_weight_bias(g, "layer.copy", &w);
      break;
    default: s = graft_output_add(g, "y", z.integers); break;
    }
    if (!ok) s = GRAFT_NO_MEMORY;
  }
  if (!g || s) return g ? s : GRAFT_NO_MEMORY;
  append_module(&t->out, t->m);
  return GRAFT_OK;
}

static const char trained[] =
    "graft 1\n"
    "tensor %conv.weight: f32[2, 2, 2] parameter = [0.5, -0.25, 0.125, 1.0, 0.25, 0.5, -1.0, 0.75]\n"
    "tensor %w: f32[2, 2] buffer = [inf, inf, -inf, -inf]\n"
    "tensor %y: f32[2] buffer = [-1.0, 2.0]\n"
    "graph main(%x: f32[1, 2, 4]) {\n"
    "  %wo = observe(%conv.weight, %w) {axis: 0} from \"conv\"\n"
    "  %ws, %wz = qparams(%wo) {scheme: \"per_channel_symmetric\"} from \"conv\"\n"
    "  %wq = fake_quantize(%conv.weight, %ws, %wz) {axis: 0} from \"conv\"\n"
    "  %c = conv1d(%x, %wq) from \"conv\"\n"
    "  %yo = observe(%c, %y) from \"conv\"\n"
    "  %ys, %yz = qparams(%yo) {quant_min: 0, quant_max: 255, dtype: u8} from \"conv\"\n"
    "  %yq = fake_quantize(%c, %ys, %yz) {quant_min: 0, quant_max: 255, dtype: u8} from \"conv\"\n"
    "  return %yq as \"y\"\n"
    "  update %w = %wo\n"
    "  update %y = %yo\n"
    "}\n";

/* A module of a graph becomes a quantized one, or stays what it was. */
static graft_status quantized_from(trial *t) {
  road_load_for_sure(t);
  road_step(t);
  const graft_quantized_from_options options = {.size = sizeof options, .x = {0.5, 3}};
  const graft_status s = graft_quantized_conv_from_float(graft_module_get_graph(t->m, 0), "conv", &options, NULL);
  if (!s) append_module(&t->out, t->m);
  return s;
}

static const road roads[] = {
    {"build", build, NULL, NULL, NULL, 0},
    {"modules", modules, NULL, NULL, NULL, 0},
    {"from float", from_float, road_network, "annotate{quantizer=fx,name=fc},insert-observers", NULL, 0},
    {"quantized modules", quantized, NULL, NULL, NULL, 0},
    {"quantized from float", quantized_from, trained, NULL, NULL, 0},
};

int main(int argc, char **argv) { return roads_main(argc, argv, roads, sizeof roads / sizeof *roads); }
