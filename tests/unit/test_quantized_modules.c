/* Quantized convolution modules (graft/quantized_modules.h) against a plain computation of what PyTorch's engines do,
 * on random modules of all six classes; their state; their line; and what they refuse. */
#include "ir/state.h"
#include "passes/passes.h"
#include "passes/quantized_modules.h"
#include "runtime/runtime.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t seed;

static int64_t choose(int64_t low, int64_t high) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return low + (int64_t)((seed >> 33) % (uint64_t)(high - low + 1));
}

static float scale(double low, double high) {
  return (float)(low + (high - low) * (double)choose(0, 1 << 20) / 0x1p20);
}

/* ---- a random module ---- */

enum { MOST = 1 << 14 };

typedef struct conv {
  uint32_t dims;
  bool transposed, bias, reflect, relu, add, channel, affine;
  const char *engine;
  int64_t batch, in, out, groups, kernel[3], stride[3], padding[3], dilation[3], output_padding[3];
  int64_t x_dims[3], y_dims[3];
  float x_scale, y_scale, other_scale, weight_scale[64], bias_data[64];
  int32_t x_zero, y_zero, other_zero, weight_zero[64];
  int8_t weight[MOST];
  uint8_t x[MOST], other[MOST], y[MOST];
} conv;

static int64_t product(const int64_t *values, uint32_t count) {
  int64_t n = 1;
  for (uint32_t i = 0; i < count; i++) n *= values[i];
  return n;
}

static void random_window(conv *c, uint32_t i) {
  c->kernel[i] = choose(1, 3);
  c->stride[i] = choose(1, 3);
  c->dilation[i] = choose(1, 2);
  c->x_dims[i] = choose(c->dilation[i] * (c->kernel[i] - 1) + 1, 8);
  c->padding[i] = choose(0, c->reflect && c->x_dims[i] < 3 ? c->x_dims[i] - 1 : 2);
  c->output_padding[i] = 0;
  if (c->transposed) {
    const int64_t most = (c->stride[i] > c->dilation[i] ? c->stride[i] : c->dilation[i]) - 1;
    c->output_padding[i] = choose(0, most);
    const int64_t reach = c->dilation[i] * (c->kernel[i] - 1);
    if (c->padding[i] > reach) c->padding[i] = reach;
    c->y_dims[i] = (c->x_dims[i] - 1) * c->stride[i] - 2 * c->padding[i] + reach + c->output_padding[i] + 1;
    if (c->y_dims[i] >= 1) return;
    c->padding[i] = 0;
    c->y_dims[i] = (c->x_dims[i] - 1) * c->stride[i] + reach + c->output_padding[i] + 1;
  } else {
    c->y_dims[i] = (c->x_dims[i] + 2 * c->padding[i] - c->dilation[i] * (c->kernel[i] - 1) - 1) / c->stride[i] + 1;
  }
}

static void draw_conv(conv *c) {
  static const char *const engines[] = {"qnnpack", "onednn"};
  *c = (conv){.dims = (uint32_t)choose(1, 3), .engine = engines[choose(0, 1)]};
  c->transposed = choose(0, 1);
  c->bias = choose(0, 3) > 0;
  c->reflect = !c->transposed && c->dims < 3 && choose(0, 2) == 0;
  c->relu = choose(0, 2) == 0;
  c->add = !c->transposed && choose(0, 3) == 0;
  c->channel = choose(0, 1);
  c->affine = choose(0, 3) == 0;
  c->groups = choose(1, 3);
  c->batch = choose(1, 2);
  c->in = c->groups * choose(1, 3);
  c->out = c->groups * choose(1, 4);
  for (uint32_t i = 0; i < c->dims; i++) random_window(c, i);
  c->x_scale = scale(0.005, 0.05);
  c->y_scale = scale(0.02, 0.2);
  c->other_scale = scale(0.01, 0.1);
  c->x_zero = (int32_t)choose(0, 255);
  c->y_zero = (int32_t)choose(0, 255);
  c->other_zero = (int32_t)choose(0, 255);
  for (int64_t i = 0; i < c->out; i++) {
    c->weight_scale[i] = scale(0.001, 0.02);
    c->weight_zero[i] = c->affine ? (int32_t)choose(-9, 9) : 0;
    c->bias_data[i] = scale(-1, 1);
  }
  for (int i = 0; i < MOST; i++) {
    c->weight[i] = (int8_t)choose(-128, 127);
    c->x[i] = (uint8_t)choose(0, 255);
    c->other[i] = (uint8_t)choose(0, 255);
  }
}

static void random_conv(conv *c) {
  do draw_conv(c);
  while (c->batch * c->out * product(c->y_dims, c->dims) > MOST ||
         c->batch * c->in * product(c->x_dims, c->dims) > MOST);
}

/* ---- what it gives ---- */

static int64_t mirrored(int64_t i, int64_t n) { return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i; }

static void unravel(int64_t index, const int64_t *dims, uint32_t count, int64_t *at) {
  for (uint32_t i = count; i-- > 0; index /= dims[i]) at[i] = index % dims[i];
}

/* The product of one weight and what it meets of x for one element of the result; 0 where that is padding. */
static int64_t term(const conv *c, int64_t n, int64_t o, const int64_t *y, int64_t column, const int64_t *tap) {
  const int64_t per_in = c->in / c->groups, per_out = c->out / c->groups, group = o / per_out;
  const int64_t channel = group * per_in + column;
  int64_t x = n * c->in + channel;
  int64_t w = c->transposed ? channel * per_out + o % per_out : o * per_in + column;
  for (uint32_t i = 0; i < c->dims; i++) {
    int64_t at = c->transposed ? y[i] + c->padding[i] - tap[i] * c->dilation[i]
                               : y[i] * c->stride[i] - c->padding[i] + tap[i] * c->dilation[i];
    if (c->transposed) {
      if (at % c->stride[i] != 0) return 0;
      at /= c->stride[i];
    }
    if (c->reflect) at = mirrored(at, c->x_dims[i]);
    if (at < 0 || at >= c->x_dims[i]) return 0;
    x = x * c->x_dims[i] + at;
    w = w * c->kernel[i] + tap[i];
  }
  const int32_t zero = c->weight_zero[c->channel ? o : 0];
  return (int64_t)(c->x[x] - c->x_zero) * (c->weight[w] - zero);
}

static int64_t sum_of(const conv *c, int64_t n, int64_t o, const int64_t *y) {
  int64_t sum = 0, tap[3];
  const int64_t taps = product(c->kernel, c->dims);
  for (int64_t column = 0; column < c->in / c->groups; column++)
    for (int64_t k = 0; k < taps; k++) {
      unravel(k, c->kernel, c->dims, tap);
      sum += term(c, n, o, y, column, tap);
    }
  return sum;
}

/* The engines' formulas, every number in f32. */
static uint8_t rounded(const conv *c, int64_t sum, int64_t o, int64_t element) {
  const float step = c->x_scale * c->weight_scale[c->channel ? o : 0], factor = step / c->y_scale;
  float f;
  if (strcmp(c->engine, "qnnpack") == 0) {
    if (c->bias) sum += llrintf(c->bias_data[o] * (1.0f / step));
    f = (float)sum * factor;
  } else {
    f = (float)sum * factor;
    if (c->bias) f += c->bias_data[o] / c->y_scale;
  }
  if (c->add) f += (float)(c->other[element] - c->other_zero) * (c->other_scale / c->y_scale);
  int64_t v = llrintf(f) + c->y_zero;
  if (c->relu && v < c->y_zero) v = c->y_zero;
  return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static int64_t compute(conv *c) {
  const int64_t plane = product(c->y_dims, c->dims), count = c->batch * c->out * plane;
  int64_t at[3];
  for (int64_t i = 0; i < count; i++) {
    unravel(i % plane, c->y_dims, c->dims, at);
    c->y[i] = rounded(c, sum_of(c, i / plane / c->out, i / plane % c->out, at), i / plane % c->out, i);
  }
  return count;
}

/* ---- what graft gives ---- */

static graft_context *context;
static graft_module *module;
static graft_graph *graph;

static void set_up(void) {
  context = graft_context_create(NULL);
  module = graft_module_create(context);
  graph = graft_graph_create(module, "main");
}

static void tear_down(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static const char *first_error(void) {
  for (uint32_t i = 0; i < graft_diagnostic_count(context); i++) {
    const graft_diagnostic d = graft_diagnostic_get(context, i);
    if (d.severity == GRAFT_ERROR) return d.message;
  }
  return "";
}

static graft_type type_of(const conv *c, int64_t channels, const int64_t *space) {
  int64_t dims[5] = {c->batch, channels};
  memcpy(dims + 2, space, c->dims * sizeof *dims);
  return graft_type_make(GRAFT_U8, (int32_t)c->dims + 2, dims);
}

static graft_quantized_value value(graft_graph *g, const char *name, const graft_type *type, float s, int32_t z) {
  return (graft_quantized_value){graft_input_add(g, name, type), graft_scalar(g, GRAFT_F32, (double)s),
                                 graft_scalar(g, GRAFT_I32, z)};
}

static graft_conv_arguments arguments_of(const conv *c) {
  return (graft_conv_arguments){.size = sizeof(graft_conv_arguments),
                                .dims = c->dims,
                                .transposed = c->transposed,
                                .in_channels = c->in,
                                .out_channels = c->out,
                                .kernel_size = c->kernel,
                                .stride = c->stride,
                                .padding = c->padding,
                                .dilation = c->dilation,
                                .output_padding = c->transposed ? c->output_padding : NULL,
                                .groups = c->groups,
                                .bias = c->bias,
                                .padding_mode = c->reflect ? "reflect" : "zeros"};
}

static graft_quantized_weight weight_of(const conv *c) {
  return (graft_quantized_weight){.size = sizeof(graft_quantized_weight),
                                  .data = c->weight,
                                  .scale = c->weight_scale,
                                  .zero_point = c->weight_zero,
                                  .count = c->channel ? c->out : 1,
                                  .bias = c->bias ? c->bias_data : NULL};
}

static graft_session *session_of(graft_graph *g, const conv *c, bool reference) {
  const graft_type x = type_of(c, c->in, c->x_dims), other = type_of(c, c->out, c->y_dims);
  graft_session *s =
      graft_session_create(g, &(graft_session_options){.size = sizeof(graft_session_options), .reference = reference});
  ck_assert_ptr_nonnull(s);
  ck_assert_int_eq(graft_session_set_input(s, 0, &x, c->x), GRAFT_OK);
  if (c->add) ck_assert_int_eq(graft_session_set_input(s, 1, &other, c->other), GRAFT_OK);
  return s;
}

static void same_integers(graft_session *s, const conv *c, int64_t count, int number) {
  graft_type type;
  ck_assert_msg(graft_session_run(s) == GRAFT_OK, "module %d: %s", number, first_error());
  const uint8_t *y = graft_session_get_output(s, 0, &type);
  ck_assert_int_eq(graft_type_elements(&type), count);
  for (int64_t i = 0; i < count; i++)
    ck_assert_msg(y[i] == c->y[i], "module %d (%ud%s, groups %lld, %s): element %lld is %d, not %d", number, c->dims,
                  c->transposed ? " transposed" : "", (long long)c->groups, c->engine, (long long)i, y[i], c->y[i]);
}

/* qnnpack has one of zeros where there is none. */
static bool keeps_bias(const conv *c) { return c->bias || strcmp(c->engine, "qnnpack") == 0; }

static void same_state(graft_graph *g, const char *name, const conv *c, int64_t elements) {
  graft_quantized_weight w = {.size = sizeof w};
  double s;
  int64_t z;
  ck_assert_int_eq(graft_quantized_conv_get_weight_bias(g, name, &w), GRAFT_OK);
  ck_assert_int_eq(graft_type_elements(&w.type), elements);
  ck_assert_mem_eq(w.data, c->weight, (size_t)elements);
  ck_assert_int_eq(w.count, c->channel ? c->out : 1);
  ck_assert_mem_eq(w.scale, c->weight_scale, (size_t)w.count * sizeof(float));
  ck_assert_mem_eq(w.zero_point, c->weight_zero, (size_t)w.count * sizeof(int32_t));
  ck_assert_int_eq(w.bias != NULL, keeps_bias(c));
  for (int64_t i = 0; w.bias && i < c->out; i++) ck_assert(w.bias[i] == (c->bias ? c->bias_data[i] : 0.0f));
  ck_assert_int_eq(graft_quantized_conv_get_output(g, name, &s, &z), GRAFT_OK);
  ck_assert(s == (double)c->y_scale && z == c->y_zero);
}

static graft_quantized_value create(const conv *c, const char *name) {
  const graft_type x_type = type_of(c, c->in, c->x_dims), other_type = type_of(c, c->out, c->y_dims);
  const graft_quantized_value x = value(graph, "x", &x_type, c->x_scale, c->x_zero);
  graft_quantized_value y, other;
  if (c->add) other = value(graph, "other", &other_type, c->other_scale, c->other_zero);
  const graft_conv_arguments arguments = arguments_of(c);
  const graft_quantized_conv_options options = {
      .size = sizeof options, .engine = c->engine, .relu = c->relu, .other = c->add ? &other : NULL};
  ck_assert_msg(graft_quantized_conv_create(graph, name, &x, &arguments, &options, &y) == GRAFT_OK, "%s",
                first_error());
  return y;
}

/* Integers, weight and state as they were given, of one session through several settings. */
START_TEST(random_modules) {
  static conv c, next;
  for (int number = 0; number < 150; number++) {
    seed = (uint64_t)(_i * 1000 + number) * 0x9E3779B97F4A7C15u + 1;
    random_conv(&c);
    const int64_t elements = (c.transposed ? c.in * c.out : c.out * c.in) / c.groups * product(c.kernel, c.dims);
    set_up();
    const graft_quantized_value y = create(&c, "conv");
    graft_quantized_weight w = weight_of(&c);
    ck_assert_msg(graft_quantized_conv_set_weight_bias(graph, "conv", &w) == GRAFT_OK, "%s", first_error());
    ck_assert_int_eq(graft_quantized_conv_set_output(graph, "conv", (double)c.y_scale, c.y_zero), GRAFT_OK);
    ck_assert_int_eq(graft_output_add(graph, "y", y.integers), GRAFT_OK);
    ck_assert_msg(graft_module_verify(module) == GRAFT_OK, "%s", first_error());
    const int64_t count = compute(&c);
    for (int reference = 0; reference < 2; reference++) {
      graft_session *s = session_of(graph, &c, reference);
      same_integers(s, &c, count, number);
      same_state(graph, "conv", &c, elements);
      /* the same module with other numbers, which the session sees */
      next = c;
      next.y_zero = 255 - c.y_zero;
      next.y_scale = c.y_scale * 1.25f;
      for (int64_t i = 0; i < elements; i++) next.weight[i] = (int8_t) - (c.weight[i] + 1);
      w = weight_of(&next);
      ck_assert_msg(graft_quantized_conv_set_weight_bias(graph, "conv", &w) == GRAFT_OK, "module %d: %s", number,
                    first_error());
      ck_assert_int_eq(graft_quantized_conv_set_output(graph, "conv", (double)next.y_scale, next.y_zero), GRAFT_OK);
      same_integers(s, &next, compute(&next), number);
      graft_session_destroy(s);
      w = weight_of(&c);
      ck_assert_msg(graft_quantized_conv_set_weight_bias(graph, "conv", &w) == GRAFT_OK, "module %d: %s", number,
                    first_error());
      ck_assert_int_eq(graft_quantized_conv_set_output(graph, "conv", (double)c.y_scale, c.y_zero), GRAFT_OK);
    }
    tear_down();
  }
}
END_TEST

/* Per tensor to per channel and back, a bias that comes and goes: what the module was before does not show. */
START_TEST(granularity_changes) {
  static conv c;
  char before[400], after[400];
  for (int number = 0; number < 20; number++) {
    seed = (uint64_t)number + 77;
    random_conv(&c);
    set_up();
    const graft_quantized_value y = create(&c, "conv");
    ck_assert_int_eq(graft_output_add(graph, "y", y.integers), GRAFT_OK);
    ck_assert_int_eq(graft_quantized_conv_set_output(graph, "conv", (double)c.y_scale, c.y_zero), GRAFT_OK);
    const uint64_t hash = graft_module_hash(module);
    const bool bias = c.bias;
    ck_assert(graft_quantized_conv_repr(graph, "conv", before, sizeof before) > 0);
    for (int i = 0; i < 4; i++) {
      c.channel = i % 2;
      c.bias = i / 2 != bias;
      const graft_quantized_weight w = weight_of(&c);
      ck_assert_msg(graft_quantized_conv_set_weight_bias(graph, "conv", &w) == GRAFT_OK, "%s", first_error());
      ck_assert_msg(graft_module_verify(module) == GRAFT_OK, "%s", first_error());
      graft_session *s = session_of(graph, &c, false);
      same_integers(s, &c, compute(&c), number);
      graft_session_destroy(s);
      ck_assert(graft_quantized_conv_repr(graph, "conv", after, sizeof after) > 0);
      ck_assert_int_eq(strstr(after, ", bias=False") != NULL, !keeps_bias(&c));
      ck_assert_uint_eq(graft_tensor_find(module, "conv.bias") != GRAFT_NONE, keeps_bias(&c));
    }
    memset(c.weight, 0, sizeof c.weight);
    memset(c.bias_data, 0, sizeof c.bias_data);
    memset(c.weight_zero, 0, sizeof c.weight_zero);
    c.weight_scale[0] = 1.0f;
    c.channel = false;
    c.bias = bias;
    const graft_quantized_weight w = weight_of(&c);
    ck_assert_int_eq(graft_quantized_conv_set_weight_bias(graph, "conv", &w), GRAFT_OK);
    ck_assert_int_eq(graft_module_compact(module), GRAFT_OK);
    ck_assert_uint_eq(graft_module_hash(module), hash);
    ck_assert(graft_quantized_conv_repr(graph, "conv", after, sizeof after) > 0);
    ck_assert_str_eq(before, after);
    tear_down();
  }
}
END_TEST

/* Scales of a grouped transposed convolution may be those of one group: each group has them. */
START_TEST(scales_of_a_group) {
  static conv c;
  seed = 5;
  do random_conv(&c);
  while (!c.transposed || c.groups < 2 || c.out / c.groups < 2);
  set_up();
  const graft_quantized_value y = create(&c, "conv");
  ck_assert_int_eq(graft_output_add(graph, "y", y.integers), GRAFT_OK);
  ck_assert_int_eq(graft_quantized_conv_set_output(graph, "conv", (double)c.y_scale, c.y_zero), GRAFT_OK);
  const int64_t part = c.out / c.groups;
  graft_quantized_weight w = weight_of(&c);
  w.count = part;
  ck_assert_int_eq(graft_quantized_conv_set_weight_bias(graph, "conv", &w), GRAFT_OK);
  c.channel = true;
  for (int64_t i = part; i < c.out; i++) {
    c.weight_scale[i] = c.weight_scale[i - part];
    c.weight_zero[i] = c.weight_zero[i - part];
  }
  graft_session *s = session_of(graph, &c, false);
  same_integers(s, &c, compute(&c), 0);
  graft_session_destroy(s);
  tear_down();
}
END_TEST

/* ---- state in files and copies ---- */

/* Into a module of other numbers, of the same form; the double of the scale comes back as it was. */
START_TEST(saved_and_loaded) {
  static conv c;
  char path[] = "/tmp/graft_quantized_XXXXXX", before[400], after[400];
  const int fd = mkstemp(path);
  ck_assert_int_ge(fd, 0);
  close(fd);
  for (int number = 0; number < 12; number++) {
    seed = (uint64_t)number + 4242;
    random_conv(&c);
    const int64_t elements = c.in * c.out / c.groups * product(c.kernel, c.dims);
    set_up();
    const graft_quantized_value y = create(&c, "layer.conv");
    graft_quantized_weight w = weight_of(&c);
    ck_assert_int_eq(graft_output_add(graph, "y", y.integers), GRAFT_OK);
    ck_assert_int_eq(graft_quantized_conv_set_weight_bias(graph, "layer.conv", &w), GRAFT_OK);
    ck_assert_int_eq(graft_quantized_conv_set_output(graph, "layer.conv", 0.1, c.y_zero), GRAFT_OK);
    ck_assert(graft_quantized_conv_repr(graph, "layer.conv", before, sizeof before) > 0);
    ck_assert_msg(graft_state_save(module, path, NULL) == GRAFT_OK, "%s", first_error());
    conv other = c;
    memset(other.weight, 1, sizeof other.weight);
    for (int i = 0; i < 64; i++) other.weight_scale[i] = 1, other.bias_data[i] = 2;
    w = weight_of(&other);
    ck_assert_int_eq(graft_quantized_conv_set_weight_bias(graph, "layer.conv", &w), GRAFT_OK);
    ck_assert_int_eq(graft_quantized_conv_set_output(graph, "layer.conv", 3.0, 0), GRAFT_OK);
    ck_assert_msg(graft_state_load(module, path, NULL) == GRAFT_OK, "%s", first_error());
    ck_assert(graft_quantized_conv_repr(graph, "layer.conv", after, sizeof after) > 0);
    ck_assert_str_eq(before, after);
    ck_assert_ptr_nonnull(strstr(after, "scale=0.1, "));
    c.y_scale = 0.1f;
    graft_session *s = session_of(graph, &c, false);
    same_integers(s, &c, compute(&c), number);
    graft_session_destroy(s);
    w = (graft_quantized_weight){.size = sizeof w};
    ck_assert_int_eq(graft_quantized_conv_get_weight_bias(graph, "layer.conv", &w), GRAFT_OK);
    ck_assert_mem_eq(w.data, c.weight, (size_t)elements);
    tear_down();
  }
  unlink(path);
}
END_TEST

/* To a graph of another module: a copy shares nothing with what it is of. */
START_TEST(copied) {
  static conv c;
  char first[400], second[400];
  for (int number = 0; number < 20; number++) {
    seed = (uint64_t)number + 99;
    random_conv(&c);
    set_up();
    (void)create(&c, "a");
    graft_quantized_weight w = weight_of(&c);
    ck_assert_int_eq(graft_quantized_conv_set_weight_bias(graph, "a", &w), GRAFT_OK);
    ck_assert_int_eq(graft_quantized_conv_set_output(graph, "a", (double)c.y_scale, c.y_zero), GRAFT_OK);
    graft_module *m = graft_module_create(context);
    graft_graph *g = graft_graph_create(m, "main");
    const graft_type x_type = type_of(&c, c.in, c.x_dims), other_type = type_of(&c, c.out, c.y_dims);
    const graft_quantized_value x = value(g, "x", &x_type, c.x_scale, c.x_zero);
    graft_quantized_value y, other;
    if (c.add) other = value(g, "other", &other_type, c.other_scale, c.other_zero);
    ck_assert_msg(graft_quantized_conv_copy(graph, "a", g, "b", &x, c.add ? &other : NULL, &y) == GRAFT_OK, "%s",
                  first_error());
    ck_assert_int_eq(graft_output_add(g, "y", y.integers), GRAFT_OK);
    ck_assert(graft_quantized_conv_repr(graph, "a", first, sizeof first) > 0);
    ck_assert(graft_quantized_conv_repr(g, "b", second, sizeof second) > 0);
    ck_assert_str_eq(first, second);
    ck_assert_int_eq(graft_quantized_conv_set_output(graph, "a", 7.0, 0), GRAFT_OK);
    graft_session *s = session_of(g, &c, false);
    same_integers(s, &c, compute(&c), number);
    graft_session_destroy(s);
    /* what is called so already, and what is not there */
    ck_assert_int_eq(graft_quantized_conv_copy(graph, "a", g, "b", &x, c.add ? &other : NULL, &y), GRAFT_NAME);
    ck_assert_int_eq(graft_quantized_conv_copy(graph, "b", g, "c", &x, NULL, &y), GRAFT_NAME);
    ck_assert_int_eq(graft_quantized_conv_copy(graph, "a", g, "c", &x, c.add ? NULL : &x, &y), GRAFT_INVALID_ARGUMENT);
    graft_module_destroy(m);
    tear_down();
  }
}
END_TEST

/* ---- the line ---- */

START_TEST(lines) {
  static const int64_t two[] = {2, 2, 2}, mixed[] = {3, 5, 1}, pads[] = {1, 0, 1}, none[] = {0, 0, 0},
                       ones[] = {1, 1, 1};
  static const struct {
    uint32_t dims;
    bool transposed, bias, relu, add;
    int64_t groups;
    const int64_t *kernel, *stride, *padding, *dilation, *output_padding;
    const char *mode;
    double scale;
    const char *want;
  } cases[] = {
      {1, 0, 1, 0, 0, 1, mixed, NULL, NULL, NULL, NULL, NULL, 1.0,
       "QuantizedConv1d(4, 8, kernel_size=(3,), stride=(1,), scale=1.0, zero_point=7)"},
      {2, 0, 1, 0, 0, 2, mixed, two, pads, two, NULL, NULL, 0.05,
       "QuantizedConv2d(4, 8, kernel_size=(3, 5), stride=(2, 2), scale=0.05, zero_point=7, padding=(1, 0), "
       "dilation=(2, 2), "
       "groups=2)"},
      {3, 0, 0, 0, 0, 1, ones, ones, none, ones, NULL, "zeros", 1e-5,
       "QuantizedConv3d(4, 8, kernel_size=(1, 1, 1), stride=(1, 1, 1), scale=1e-05, zero_point=7, bias=False)"},
      {2, 0, 1, 0, 0, 1, two, NULL, pads, NULL, NULL, "reflect", (double)0.0127507783472538f,
       "QuantizedConv2d(4, 8, kernel_size=(2, 2), stride=(1, 1), scale=0.0127507783472538, zero_point=7, padding=(1, "
       "0))"},
      {1, 1, 1, 0, 0, 4, two, two, NULL, NULL, ones, NULL, 0.1,
       "QuantizedConvTranpose1d(4, 8, kernel_size=(2,), stride=(2,), scale=0.1, zero_point=7, output_padding=(1,), "
       "groups=4)"},
      {2, 1, 1, 0, 0, 1, two, two, ones, NULL, pads, NULL, 0.1,
       "QuantizedConvTranpose2d(4, 8, kernel_size=(2, 2), stride=(2, 2), scale=0.1, zero_point=7, padding=(1, 1), "
       "output_padding=(1, 0))"},
      {3, 1, 0, 0, 0, 1, two, NULL, NULL, two, NULL, NULL, 0.1,
       "QuantizedConvTranpose3d(4, 8, kernel_size=(2, 2, 2), stride=(1, 1, 1), scale=0.1, zero_point=7, dilation=(2, "
       "2, 2), "
       "bias=False)"},
      {3, 0, 1, 1, 0, 1, two, NULL, NULL, NULL, NULL, NULL, 123456789.0,
       "QuantizedConvReLU3d(4, 8, kernel_size=(2, 2, 2), stride=(1, 1, 1), scale=123456789.0, zero_point=7)"},
      {2, 0, 1, 0, 1, 1, ones, NULL, NULL, NULL, NULL, NULL, 2.0,
       "QuantizedConvAdd2d(4, 8, kernel_size=(1, 1), stride=(1, 1), scale=2.0, zero_point=7)"},
      {2, 0, 1, 1, 1, 1, ones, NULL, NULL, NULL, NULL, NULL, 2.0,
       "QuantizedConvAddReLU2d(4, 8, kernel_size=(1, 1), stride=(1, 1), scale=2.0, zero_point=7)"},
  };
  char line[400], shorter[20];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    set_up();
    const int64_t dims[] = {1, 4, 9, 9, 9}, sum[] = {1, 8, 9, 9, 9};
    const graft_type x_type = graft_type_make(GRAFT_U8, (int32_t)cases[i].dims + 2, dims),
                     other_type = graft_type_make(GRAFT_U8, (int32_t)cases[i].dims + 2, sum);
    const graft_quantized_value x = value(graph, "x", &x_type, 1, 0), other = value(graph, "o", &other_type, 1, 0);
    graft_quantized_value y;
    const graft_conv_arguments arguments = {.size = sizeof arguments,
                                            .dims = cases[i].dims,
                                            .transposed = cases[i].transposed,
                                            .in_channels = 4,
                                            .out_channels = 8,
                                            .kernel_size = cases[i].kernel,
                                            .stride = cases[i].stride,
                                            .padding = cases[i].padding,
                                            .dilation = cases[i].dilation,
                                            .output_padding = cases[i].output_padding,
                                            .groups = cases[i].groups,
                                            .bias = cases[i].bias,
                                            .padding_mode = cases[i].mode};
    const graft_quantized_conv_options options = {
        .size = sizeof options, .relu = cases[i].relu, .other = cases[i].add ? &other : NULL};
    ck_assert_msg(graft_quantized_conv_create(graph, "conv", &x, &arguments, &options, &y) == GRAFT_OK, "%s",
                  first_error());
    ck_assert_int_eq(graft_quantized_conv_set_output(graph, "conv", cases[i].scale, 7), GRAFT_OK);
    const size_t length = graft_quantized_conv_repr(graph, "conv", line, sizeof line);
    ck_assert_str_eq(line, cases[i].want);
    ck_assert_uint_eq(length, strlen(cases[i].want));
    ck_assert_uint_eq(graft_quantized_conv_repr(graph, "conv", shorter, sizeof shorter), length);
    ck_assert_uint_eq(strlen(shorter), sizeof shorter - 1);
    ck_assert_int_eq(strncmp(shorter, line, sizeof shorter - 1), 0);
    ck_assert_uint_eq(graft_quantized_conv_repr(graph, "conv", NULL, 0), length);
    tear_down();
  }
}
END_TEST

/* ---- refusals ---- */

START_TEST(what_is_refused) {
  static const int64_t two[] = {2, 2, 2}, zero[] = {0, 0, 0}, minus[] = {-1, 0, 0}, far[] = {2, 5};
  static const struct {
    graft_conv_arguments conv;
    const char *why;
  } cases[] = {
#define CONV(...) \
  {.size = sizeof(graft_conv_arguments), .in_channels = 4, .out_channels = 6, .kernel_size = two, __VA_ARGS__}
      {CONV(.dims = 2, .groups = 3), "in_channels must be divisible by groups"},
      {CONV(.dims = 2, .groups = 4), "out_channels must be divisible by groups"},
      {CONV(.dims = 2, .groups = 3, .padding_mode = "circular"), "in_channels must be divisible by groups"},
      {CONV(.dims = 2, .groups = -1), "groups must be a positive integer"},
      {CONV(.dims = 2, .padding_mode = "circular"),
       "'padding_mode' circular is not supported by quantized convolution"},
      {CONV(.dims = 1, .padding_mode = "Zeros"), "'padding_mode' Zeros is not supported by quantized convolution"},
      {CONV(.dims = 3, .padding_mode = "reflect"), "Conv3d does not support reflection padding"},
      {CONV(.dims = 3, .padding_mode = "replicate"),
       "'padding_mode' replicate is not supported by quantized convolution"},
      {CONV(.dims = 1, .transposed = true, .padding_mode = "reflect"),
       "Only \"zeros\" padding mode is supported for ConvTranspose1d"},
      {CONV(.dims = 3, .transposed = true, .padding_mode = "any"),
       "Only \"zeros\" padding mode is supported for ConvTranspose3d"},
      {CONV(.dims = 2, .transposed = true, .stride = two, .output_padding = two),
       "output padding must be smaller than either stride or dilation"},
      {CONV(.dims = 2, .output_padding = zero), "output_padding is of transposed convolutions"},
      {CONV(.dims = 2, .stride = zero), "stride must be positive"},
      {CONV(.dims = 2, .dilation = zero), "dilation must be positive"},
      {CONV(.dims = 2, .padding = minus), "negative padding"},
      {CONV(.dims = 2, .padding = far, .padding_mode = "reflect"),
       "Padding size should be less than the corresponding input dimension, but got: padding 5 at dimension 3 of 5"},
      {CONV(.dims = 4), "1 to 3 dims"},
      {{.size = sizeof(graft_conv_arguments), .dims = 2, .in_channels = 4, .out_channels = 6}, "needs a kernel_size"},
      {{.size = sizeof(graft_conv_arguments), .dims = 2, .out_channels = 6, .kernel_size = two}, "must be positive"},
      {CONV(.dims = 1), "expected (N, C, L): Input shape must be `(N, C, L)`!, not of rank 4"},
      {CONV(.dims = 1, .transposed = true), "expected (N, C, L)"},
      {CONV(.dims = 3), "expected (N, C, D, H, W)"},
      {CONV(.dims = 3, .transposed = true), "expected (N, C, T, H, W)"},
  };
  set_up();
  const graft_type type = graft_type_make(GRAFT_U8, 4, (const int64_t[]){1, 4, 5, 5}),
                   flat = graft_type_make(GRAFT_U8, 3, (const int64_t[]){1, 4, 5}),
                   floats = graft_type_make(GRAFT_F32, 4, (const int64_t[]){1, 4, 5, 5});
  const graft_quantized_value x = value(graph, "x", &type, 1, 0), line = value(graph, "l", &flat, 1, 0),
                              f = value(graph, "f", &floats, 1, 0);
  graft_quantized_value y;
  const uint64_t hash = graft_module_hash(module);
  const uint32_t tensors = graft_tensor_count(module);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    graft_diagnostics_clear(context);
    const graft_status s = graft_quantized_conv_create(graph, "my.conv", &x, &cases[i].conv, NULL, &y);
    ck_assert_msg(s != GRAFT_OK && strstr(first_error(), cases[i].why), "case %zu: '%s' instead of '%s'", i,
                  first_error(), cases[i].why);
    ck_assert_str_eq(graft_diagnostic_get(context, 0).node, "my.conv");
    ck_assert_uint_eq(graft_module_hash(module), hash);
    ck_assert_uint_eq(graft_tensor_count(module), tensors);
  }
  const graft_conv_arguments good = CONV(.dims = 2);
  const graft_quantized_conv_options engine = {.size = sizeof engine, .engine = "fbgemm"}, unsized = {0};
  const graft_quantized_value nothing = {GRAFT_NONE, x.scale, x.zero_point};
#define REFUSED(status, why, ...) \
  graft_diagnostics_clear(context); \
  ck_assert_int_eq(__VA_ARGS__, status); \
  ck_assert_msg(strstr(first_error(), why) != NULL, "'%s' instead of '%s'", first_error(), why); \
  ck_assert_uint_eq(graft_module_hash(module), hash)
  REFUSED(GRAFT_INVALID_ARGUMENT, "a module needs a name",
          graft_quantized_conv_create(graph, NULL, &x, &good, NULL, &y));
  REFUSED(GRAFT_INVALID_ARGUMENT, "no comma", graft_quantized_conv_create(graph, "a,b", &x, &good, NULL, &y));
  REFUSED(GRAFT_INVALID_ARGUMENT, "its arguments", graft_quantized_conv_create(graph, "c", &x, NULL, NULL, &y));
  REFUSED(GRAFT_INVALID_ARGUMENT, "values of the graph",
          graft_quantized_conv_create(graph, "c", NULL, &good, NULL, &y));
  REFUSED(GRAFT_INVALID_ARGUMENT, "values of the graph",
          graft_quantized_conv_create(graph, "c", &nothing, &good, NULL, &y));
  REFUSED(GRAFT_INVALID_ARGUMENT, "no place for the result",
          graft_quantized_conv_create(graph, "c", &x, &good, NULL, NULL));
  REFUSED(GRAFT_TYPE, "x is f32: quantized modules read u8 or i8",
          graft_quantized_conv_create(graph, "c", &f, &good, NULL, &y));
  REFUSED(GRAFT_TYPE, "(N, C, H, W)", graft_quantized_conv_create(graph, "c", &line, &good, NULL, &y));
  REFUSED(GRAFT_INVALID_ARGUMENT, "no engine is called 'fbgemm'",
          graft_quantized_conv_create(graph, "c", &x, &good, &engine, &y));
  REFUSED(GRAFT_INVALID_ARGUMENT, "", graft_quantized_conv_create(graph, "c", &x, &good, &unsized, &y));
  const graft_conv_arguments back = CONV(.dims = 2, .transposed = true);
  graft_conv_arguments channels = good;
  channels.in_channels = 3;
  const graft_quantized_conv_options adds = {.size = sizeof adds, .other = &x};
  REFUSED(GRAFT_TYPE, "channels", graft_quantized_conv_create(graph, "c", &x, &channels, NULL, &y));
  REFUSED(GRAFT_UNSUPPORTED, "no sum of a transposed", graft_quantized_conv_create(graph, "c", &x, &back, &adds, &y));
  REFUSED(GRAFT_TYPE, "other", graft_quantized_conv_create(graph, "c", &x, &good, &adds, &y));
  tear_down();
}
END_TEST

START_TEST(setters_refuse) {
  static const int64_t two[] = {2, 2};
  static const int8_t data[4 * 6 * 4];
  static const float scales[6] = {1, 1, 1, 1, 1, 1}, bad[] = {0}, nan[] = {NAN}, tiny[] = {1e-39f};
  static const int32_t zeros[] = {128};
  set_up();
  const graft_type type = graft_type_make(GRAFT_U8, 4, (const int64_t[]){1, 4, 5, 5});
  const graft_quantized_value x = value(graph, "x", &type, 1, 0);
  graft_quantized_value y;
  const graft_conv_arguments arguments = CONV(.dims = 2);
  graft_quantized_weight w = {.size = sizeof w, .data = data, .scale = scales, .count = 6};
  ck_assert_int_eq(graft_quantized_conv_create(graph, "c", &x, &arguments, NULL, &y), GRAFT_OK);
  const uint64_t hash = graft_module_hash(module);
  REFUSED(GRAFT_NAME, "there is a module of this name",
          graft_quantized_conv_create(graph, "c", &x, &arguments, NULL, &y));
  REFUSED(GRAFT_NAME, "no quantized convolution is called 'd'", graft_quantized_conv_set_weight_bias(graph, "d", &w));
  REFUSED(GRAFT_NAME, "is called 'd'", graft_quantized_conv_get_output(graph, "d", NULL, NULL));
  REFUSED(GRAFT_INVALID_ARGUMENT, "needs a name", graft_quantized_conv_set_output(graph, "", 1, 0));
  REFUSED(GRAFT_INVALID_ARGUMENT, "no weight", graft_quantized_conv_set_weight_bias(graph, "c", NULL));
  REFUSED(0, "is called 'd'", (int)graft_quantized_conv_repr(graph, "d", NULL, 0));
  w.count = 5;
  REFUSED(GRAFT_TYPE, "the weight has 5 scales", graft_quantized_conv_set_weight_bias(graph, "c", &w));
  w.count = 1;
  const float *wrong[] = {bad, nan, tiny};
  for (int i = 0; i < 3; i++) {
    w.scale = wrong[i];
    REFUSED(GRAFT_INVALID_ARGUMENT, "not a normal number above 0",
            graft_quantized_conv_set_weight_bias(graph, "c", &w));
  }
  w.scale = NULL;
  REFUSED(GRAFT_INVALID_ARGUMENT, "needs its integers", graft_quantized_conv_set_weight_bias(graph, "c", &w));
  w.scale = scales;
  w.zero_point = zeros;
  REFUSED(GRAFT_INVALID_ARGUMENT, "128, no i8", graft_quantized_conv_set_weight_bias(graph, "c", &w));
  w.size = 0;
  REFUSED(GRAFT_INVALID_ARGUMENT, "", graft_quantized_conv_set_weight_bias(graph, "c", &w));
  REFUSED(GRAFT_INVALID_ARGUMENT, "", graft_quantized_conv_get_weight_bias(graph, "c", NULL));
  REFUSED(GRAFT_INVALID_ARGUMENT, "scale is 0", graft_quantized_conv_set_output(graph, "c", 0, 0));
  REFUSED(GRAFT_INVALID_ARGUMENT, "scale is", graft_quantized_conv_set_output(graph, "c", 1e300, 0));
  REFUSED(GRAFT_INVALID_ARGUMENT, "scale is", graft_quantized_conv_set_output(graph, "c", 1e-300, 0));
  REFUSED(GRAFT_INVALID_ARGUMENT, "zero_point is 256", graft_quantized_conv_set_output(graph, "c", 1, 256));
  REFUSED(GRAFT_INVALID_ARGUMENT, "zero_point is -1", graft_quantized_conv_set_output(graph, "c", 1, -1));
  tear_down();
}
END_TEST

int main(void) {
  Suite *s = suite_create("quantized modules");
  TCase *t = tcase_create("modules");
  tcase_set_timeout(t, 120);
  tcase_add_loop_test(t, random_modules, 0, 4);
  tcase_add_test(t, granularity_changes);
  tcase_add_test(t, scales_of_a_group);
  tcase_add_test(t, saved_and_loaded);
  tcase_add_test(t, copied);
  tcase_add_test(t, lines);
  tcase_add_test(t, what_is_refused);
  tcase_add_test(t, setters_refuse);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
