/* Random layers between dequantize and quantize, lowered: the integer op gives what the graph gives when it is computed
 * in double, or, in at most one of a thousand of all elements, one step beside it. Larger ones, for which there are
 * faster kernels, give exactly what the plain kernels do. `test_integer FIRST COUNT` runs other seeds than the test's.
 */
#include "passes/passes.h"
#include "runtime/runtime.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 4096, MOST = 1 << 16, CHANNELS = 120, LARGE_SEEDS = 400, CHAIN_SEEDS = 60 };

static int first_seed = 0, seeds = 2000;
static uint64_t state;
static graft_module *module; /* in the making */

static int64_t choose(int64_t low, int64_t high) {
  state += 0x9E3779B97F4A7C15u;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return low + (int64_t)((z ^ (z >> 31)) % (uint64_t)(high - low + 1));
}

/* Often an end of the range. */
static int32_t zero_point(int64_t low, int64_t high) {
  switch (choose(0, 4)) {
  case 0: return (int32_t)low;
  case 1: return (int32_t)high;
  case 2: return 0;
  default: return (int32_t)choose(low, high);
  }
}

/* 2^-k at times, where sums that lie half between two steps are no accident. */
static float scale(int low, int high) {
  const float power = ldexpf(1.0f, (int)choose(low, high));
  return choose(0, 2) ? power * (1.0f + (float)choose(0, 999) / 1000.0f) : power;
}

typedef struct layer {
  int axes; /* 0: linear */
  bool transposed, per_channel, relu, other;
  int bias; /* 0: none, 1: f32, 2: i32 */
  graft_dtype x_dtype, y_dtype, other_dtype;
  int64_t images, groups, in, out; /* channels of a group */
  int64_t x[3], y[3], kernel[3], stride[3], padding[3], dilation[3], extra[3];
  float x_scale, y_scale, other_scale, weight_scale[CHANNELS];
  int32_t x_zero, y_zero, other_zero, weight_zero[CHANNELS];
  int8_t weight[MOST];
  uint8_t data[MOST], other_data[MOST]; /* bytes of either sign */
  float bias_float[CHANNELS];
  int32_t bias_int[CHANNELS];
} layer;

static int64_t low_of(graft_dtype d) { return d == GRAFT_U8 ? 0 : -128; }
static int64_t high_of(graft_dtype d) { return d == GRAFT_U8 ? 255 : 127; }
static int64_t element(graft_dtype d, const uint8_t *data, int64_t i) {
  return d == GRAFT_U8 ? data[i] : (int8_t)data[i];
}
static int64_t product(const int64_t *n) { return n[0] * n[1] * n[2]; }
static int64_t channels_out(const layer *l) { return l->groups * l->out; }
static int64_t weight_count(const layer *l) { return l->groups * l->in * l->out * product(l->kernel); }
static float weight_scale(const layer *l, int64_t channel) { return l->weight_scale[l->per_channel ? channel : 0]; }

static graft_dtype byte_type(void) { return choose(0, 1) ? GRAFT_U8 : GRAFT_I8; }

static void fill(uint8_t *data, int64_t count) {
  const bool extreme = choose(0, 7) == 0;
  for (int64_t i = 0; i < count; i++) data[i] = (uint8_t)(extreme ? (choose(0, 1) ? 255 : 128) : choose(0, 255));
}

static void random_shape(layer *l, bool large) {
  l->axes = (int)choose(0, 3);
  l->transposed = l->axes > 0 && choose(0, 2) == 0;
  l->images = choose(1, 2);
  l->groups = l->axes ? choose(1, 3) : 1;
  l->in = choose(1, large ? 40 : 4);
  l->out = choose(1, large ? 40 : 4);
  if (large && l->axes && choose(0, 3) == 0) { /* depthwise */
    l->groups = choose(1, 70);
    l->in = 1;
    l->out = choose(1, 4) == 4 && l->groups <= 60 ? 2 : 1;
  }
  for (int i = 0; i < 3; i++) {
    l->x[i] = l->y[i] = l->kernel[i] = l->stride[i] = l->dilation[i] = 1;
    l->padding[i] = l->extra[i] = 0;
    if (i < 3 - l->axes) continue;
    l->kernel[i] = choose(1, 3);
    l->stride[i] = choose(1, 3);
    l->dilation[i] = choose(1, 2);
    const int64_t reach = (l->kernel[i] - 1) * l->dilation[i] + 1;
    if (l->transposed) {
      l->x[i] = choose(1, large ? 12 : 4);
      const int64_t most = (l->stride[i] > l->dilation[i] ? l->stride[i] : l->dilation[i]) - 1;
      l->extra[i] = choose(0, most);
      const int64_t whole = (l->x[i] - 1) * l->stride[i] + reach + l->extra[i];
      l->padding[i] = choose(0, (whole - 1) / 2 < 2 ? (whole - 1) / 2 : 2);
      l->y[i] = whole - 2 * l->padding[i];
    } else {
      l->padding[i] = choose(0, 2);
      l->x[i] = choose(1, large ? 30 : 6);
      if (l->x[i] + 2 * l->padding[i] < reach) l->x[i] = reach;
      l->y[i] = (l->x[i] + 2 * l->padding[i] - reach) / l->stride[i] + 1;
    }
  }
}

static int64_t elements(const layer *l) { return l->images * channels_out(l) * product(l->y); }

/* Enough work for a faster kernel, not too much for the plain one. */
static bool fits(const layer *l, bool large) {
  const int64_t most = large ? MOST : SMALL;
  const double work = (double)(l->images * product(l->transposed ? l->x : l->y)) * (double)weight_count(l);
  return weight_count(l) <= most && l->images * l->groups * l->in * product(l->x) <= most && elements(l) <= most &&
         (!large || (work >= 1 << 14 && work <= 1 << 22));
}

static layer random_layer(int seed, bool large) {
  layer l = {0};
  state = (uint64_t)seed * 1000003u;
  do random_shape(&l, large);
  while (!fits(&l, large));
  l.per_channel = choose(0, 1);
  l.relu = choose(0, 2) == 0;
  l.other = !l.transposed && choose(0, 3) == 0;
  l.bias = (int)choose(0, 2);
  l.x_dtype = byte_type();
  l.y_dtype = byte_type();
  l.other_dtype = byte_type();
  l.x_scale = scale(-8, 0);
  l.other_scale = scale(-8, 0);
  l.x_zero = zero_point(low_of(l.x_dtype), high_of(l.x_dtype));
  l.y_zero = zero_point(low_of(l.y_dtype), high_of(l.y_dtype));
  l.other_zero = zero_point(low_of(l.other_dtype), high_of(l.other_dtype));
  const bool symmetric = large && choose(0, 4); /* else the plain kernel runs, mostly */
  for (int64_t c = 0; c < channels_out(&l); c++) {
    l.weight_scale[c] = scale(-10, -4);
    l.weight_zero[c] = symmetric || choose(0, 2) ? 0 : zero_point(-128, 127);
    l.bias_float[c] = (float)choose(-1000, 1000) / 100.0f;
    l.bias_int[c] = (int32_t)choose(-100000, 100000);
  }
  /* What the sums spread over, or, to saturate, much less. */
  const double spread =
      (double)l.x_scale * (double)l.weight_scale[0] * 5000.0 * sqrt((double)(l.in * product(l.kernel)));
  l.y_scale = (float)(spread * (choose(0, 9) ? 1.0 / 100.0 : 1.0 / 30000.0));
  if (choose(0, 2) == 0) l.y_scale = ldexpf(1.0f, (int)floor(log2((double)l.y_scale)));
  fill(l.data, l.images * l.groups * l.in * product(l.x));
  fill((uint8_t *)l.weight, weight_count(&l));
  fill(l.other_data, l.images * channels_out(&l) * product(l.y));
  return l;
}

/* ---- the graph, in double ---- */

static void add_products(const layer *l, double *y) {
  const int64_t from = product(l->x), to = product(l->y), taps = product(l->kernel);
  const int64_t *near = l->transposed ? l->x : l->y, *far = l->transposed ? l->y : l->x;
  for (int64_t image = 0; image < l->images; image++)
    for (int64_t o = 0; o < channels_out(l); o++)
      for (int64_t i = 0; i < l->in; i++)
        for (int64_t p = 0; p < product(near); p++)
          for (int64_t t = 0; t < taps; t++) {
            const int64_t at[3] = {p / near[2] / near[1], p / near[2] % near[1], p % near[2]};
            const int64_t tap[3] = {t / l->kernel[2] / l->kernel[1], t / l->kernel[2] % l->kernel[1], t % l->kernel[2]};
            int64_t other = 0;
            bool inside = true;
            for (int d = 0; d < 3; d++) {
              const int64_t c = at[d] * l->stride[d] + tap[d] * l->dilation[d] - l->padding[d];
              inside = inside && c >= 0 && c < far[d];
              other = other * far[d] + c;
            }
            if (!inside) continue;
            const int64_t group = o / l->out, channel = group * l->in + i;
            const int64_t w = l->transposed ? (channel * l->out + o % l->out) * taps + t : (o * l->in + i) * taps + t;
            const int64_t source = (image * l->groups * l->in + channel) * from + (l->transposed ? p : other);
            const double x = (double)(element(l->x_dtype, l->data, source) - l->x_zero) * (double)l->x_scale;
            const double v =
                (double)(l->weight[w] - l->weight_zero[l->per_channel ? o : 0]) * (double)weight_scale(l, o);
            y[(image * channels_out(l) + o) * to + (l->transposed ? other : p)] += x * v;
          }
}

static double bias_of(const layer *l, int64_t o) {
  if (l->bias == 2) return (double)l->bias_int[o] * (double)(l->x_scale * weight_scale(l, o));
  return l->bias == 1 ? (double)l->bias_float[o] : 0.0;
}

static void by_definition(const layer *l, int64_t *q, int64_t count) {
  double *y = calloc((size_t)count, sizeof *y);
  add_products(l, y);
  for (int64_t i = 0; i < count; i++) {
    double v = y[i] + bias_of(l, i / product(l->y) % channels_out(l));
    if (l->other) v += (double)(element(l->other_dtype, l->other_data, i) - l->other_zero) * (double)l->other_scale;
    if (l->relu && v < 0) v = 0;
    v = rint(v / (double)l->y_scale) + l->y_zero;
    q[i] = (int64_t)fmin(fmax(v, (double)low_of(l->y_dtype)), (double)high_of(l->y_dtype));
  }
  free(y);
}

/* ---- the graph, lowered ---- */

static graft_attr ints(const char *name, const layer *l, const int64_t *n) {
  return (graft_attr){.name = name, .kind = GRAFT_ATTR_INTS, .count = (uint32_t)l->axes, .as.ints = n + 3 - l->axes};
}

static graft_attr number(const char *name, int64_t i) {
  return (graft_attr){.name = name, .kind = GRAFT_ATTR_INT, .as.i = i};
}

static graft_value constant(graft_graph *g, const char *name, graft_dtype dtype, int32_t rank, const int64_t *dims,
                            const void *data) {
  const graft_type type = graft_type_make(dtype, rank, dims);
  return graft_tensor_value(g, graft_tensor_create(module, name, GRAFT_CONSTANT, &type, data));
}

/* quantize or dequantize of bytes. */
static graft_value qdq(graft_graph *g, const char *op, graft_value x, float scale_of, int32_t zero, graft_dtype dtype) {
  const graft_value operands[] = {x, graft_scalar(g, GRAFT_F32, (double)scale_of), graft_scalar(g, GRAFT_I32, zero)};
  const graft_attr attrs[] = {number("quant_min", low_of(dtype)),
                              number("quant_max", high_of(dtype)),
                              {.name = "dtype", .kind = GRAFT_ATTR_DTYPE, .as.dtype = dtype}};
  return graft_build(g, op, operands, 3, attrs, 3);
}

static graft_value weight_value(const layer *l, graft_graph *g) {
  int64_t dims[5] = {l->groups * (l->transposed ? l->in : l->out), l->transposed ? l->out : l->in};
  const int64_t channels = channels_out(l);
  for (int i = 0; i < l->axes; i++) dims[2 + i] = l->kernel[3 - l->axes + i];
  const graft_value w = constant(g, "weight", GRAFT_I8, l->axes + 2, dims, l->weight);
  if (!l->per_channel) return qdq(g, "dequantize_per_tensor", w, l->weight_scale[0], l->weight_zero[0], GRAFT_I8);
  const graft_value operands[] = {w, constant(g, "weight_scale", GRAFT_F32, 1, &channels, l->weight_scale),
                                  constant(g, "weight_zero", GRAFT_I32, 1, &channels, l->weight_zero)};
  const graft_attr attrs[] = {number("axis", l->transposed ? 1 : 0), number("groups", l->transposed ? l->groups : 1)};
  return graft_build(g, "dequantize_per_channel", operands, 3, attrs, 2);
}

static graft_value bias_value(const layer *l, graft_graph *g) {
  const int64_t channels = channels_out(l);
  if (l->bias == 0) return GRAFT_NONE;
  if (l->bias == 1) return constant(g, "bias", GRAFT_F32, 1, &channels, l->bias_float);
  const graft_value b = constant(g, "bias", GRAFT_I32, 1, &channels, l->bias_int);
  float scales[CHANNELS];
  int32_t zeros[CHANNELS] = {0};
  for (int64_t c = 0; c < channels; c++) scales[c] = l->x_scale * weight_scale(l, c);
  const graft_value operands[] = {b, constant(g, "bias_scale", GRAFT_F32, 1, &channels, scales),
                                  constant(g, "bias_zero", GRAFT_I32, 1, &channels, zeros)};
  const graft_attr attrs[] = {number("axis", 0),
                              number("quant_min", INT32_MIN),
                              number("quant_max", INT32_MAX),
                              {.name = "dtype", .kind = GRAFT_ATTR_DTYPE, .as.dtype = GRAFT_I32}};
  return graft_build(g, "dequantize_per_channel", operands, 3, attrs, 4);
}

static graft_type shape(const layer *l, graft_dtype dtype, int64_t channels, const int64_t *space) {
  int64_t dims[5] = {l->images, channels};
  for (int i = 0; i < l->axes; i++) dims[2 + i] = space[3 - l->axes + i];
  return graft_type_make(dtype, l->axes + 2, dims);
}

static graft_module *make(const layer *l, graft_context *c) {
  static const char *const ops[2][4] = {{"linear", "conv1d", "conv2d", "conv3d"},
                                        {NULL, "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}};
  graft_module *m = module = graft_module_create(c);
  graft_graph *g = graft_graph_create(m, "main");
  const graft_type x = shape(l, l->x_dtype, l->groups * l->in, l->x),
                   other = shape(l, l->other_dtype, channels_out(l), l->y);
  graft_value in = graft_input_add(g, "x", &x), more = l->other ? graft_input_add(g, "other", &other) : GRAFT_NONE;
  const graft_value operands[] = {qdq(g, "dequantize_per_tensor", in, l->x_scale, l->x_zero, l->x_dtype),
                                  weight_value(l, g), bias_value(l, g)};
  const graft_attr attrs[] = {ints("stride", l, l->stride), ints("padding", l, l->padding),
                              ints("dilation", l, l->dilation), number("groups", l->groups),
                              ints("output_padding", l, l->extra)};
  graft_value y = graft_build(g, ops[l->transposed][l->axes], operands, l->bias ? 3 : 2, attrs,
                              l->axes == 0    ? 0
                              : l->transposed ? 5
                                              : 4);
  if (l->other) {
    const graft_value pair[] = {y,
                                qdq(g, "dequantize_per_tensor", more, l->other_scale, l->other_zero, l->other_dtype)};
    y = graft_build(g, "add", pair, 2, NULL, 0);
  }
  if (l->relu) y = graft_build(g, "relu", &y, 1, NULL, 0);
  y = qdq(g, "quantize_per_tensor", y, l->y_scale, l->y_zero, l->y_dtype);
  ck_assert_int_eq(graft_output_add(g, "y", y), GRAFT_OK);
  return m;
}

/* One node is left, and it computes in integers. */
static void check_lowered(const layer *l, graft_module *m) {
  graft_graph *g = graft_module_get_graph(m, 0);
  const graft_node only = graft_node_first(g);
  ck_assert(only != GRAFT_NONE && graft_node_next(g, only) == GRAFT_NONE);
  const char *op = graft_node_get_op(g, only);
  ck_assert_msg(strncmp(op, "quantized.", 10) == 0, "%s is left", op);
  ck_assert_msg((strstr(op, "relu") != NULL) == l->relu && (strstr(op, "_add") != NULL) == l->other, "%s", op);
}

static uint32_t by_onednn; /* layers */

static graft_status count_kernels(void *user, const graft_node_done *done) {
  (void)user;
  by_onednn += strcmp(done->kernel, "onednn") == 0;
  return GRAFT_OK;
}

static void run(const layer *l, graft_module *m, const graft_session_options *options, int64_t *q, int64_t count) {
  graft_session *s = graft_session_create(graft_module_get_graph(m, 0), options);
  const graft_type x = shape(l, l->x_dtype, l->groups * l->in, l->x),
                   other = shape(l, l->other_dtype, channels_out(l), l->y);
  graft_type y;
  ck_assert_int_eq(graft_session_set_input(s, 0, &x, l->data), GRAFT_OK);
  if (l->other) ck_assert_int_eq(graft_session_set_input(s, 1, &other, l->other_data), GRAFT_OK);
  for (int i = 0; i < 2; i++) { /* what is prepared in the first run holds in the second */
    const graft_status status = graft_session_run(s);
    ck_assert_msg(status == GRAFT_OK, "%s", status ? graft_diagnostic_get(graft_module_get_context(m), 0).message : "");
  }
  const uint8_t *data = graft_session_get_output(s, 0, &y);
  ck_assert_int_eq(graft_type_elements(&y), count);
  ck_assert_int_eq(y.dtype, l->y_dtype);
  for (int64_t i = 0; i < count; i++) q[i] = element(l->y_dtype, data, i);
  graft_session_destroy(s);
}

static graft_module *make_lowered(const layer *l, graft_context *c, int seed) {
  graft_module *m = make(l, c);
  const graft_status status = graft_run_passes(m, "lower", NULL);
  ck_assert_msg(status == GRAFT_OK, "seed %d: %s", seed, status ? graft_diagnostic_get(c, 0).message : "");
  check_lowered(l, m);
  return m;
}

START_TEST(random_layers) {
  static int64_t want[SMALL], got[SMALL];
  const graft_session_options options = {.size = sizeof options};
  int64_t all = 0, beside = 0;
  graft_context *c = graft_context_create(NULL);
  for (int seed = first_seed; seed < first_seed + seeds; seed++) {
    const layer l = random_layer(seed, false);
    const int64_t count = elements(&l);
    graft_module *m = make_lowered(&l, c, seed);
    run(&l, m, &options, got, count);
    by_definition(&l, want, count);
    for (int64_t i = 0; i < count; i++) {
      ck_assert_msg(llabs(got[i] - want[i]) <= 1, "seed %d, element %lld: %lld, not %lld", seed, (long long)i,
                    (long long)got[i], (long long)want[i]);
      beside += got[i] != want[i];
    }
    all += count;
    graft_module_destroy(m);
  }
  printf("%lld of %lld elements are one step beside\n", (long long)beside, (long long)all);
  ck_assert_msg(beside * 1000 <= all, "%lld of %lld", (long long)beside, (long long)all);
  graft_context_destroy(c);
}
END_TEST

/* Also in two threads, which cut the work. Where DNNL_MAX_CPU_ISA takes the instructions away that oneDNN needs to be
 * exact, nothing runs there. */
START_TEST(large_layers) {
  static int64_t want[MOST], got[MOST];
  const char *isa = getenv("DNNL_MAX_CPU_ISA");
  graft_context *c = graft_context_create(NULL);
  by_onednn = 0;
  for (int seed = first_seed; seed < first_seed + seeds * LARGE_SEEDS / 2000; seed++) {
    const layer l = random_layer(seed, true);
    const int64_t count = elements(&l);
    graft_module *m = make_lowered(&l, c, seed);
    run(&l, m, &(graft_session_options){.size = sizeof(graft_session_options), .reference = true}, want, count);
    run(&l, m,
        &(graft_session_options){
            .size = sizeof(graft_session_options), .threads = 1 + (uint32_t)seed % 2, .after_node = count_kernels},
        got, count);
    for (int64_t i = 0; i < count; i++)
      ck_assert_msg(got[i] == want[i], "seed %d, element %lld: %lld, not %lld", seed, (long long)i, (long long)got[i],
                    (long long)want[i]);
    graft_module_destroy(m);
  }
  printf("%u layers by oneDNN\n", by_onednn / 2);
  if (isa && strcmp(isa, "AVX2") == 0) ck_assert_uint_eq(by_onednn, 0);
  graft_context_destroy(c);
}
END_TEST

/* ---- products of matrices ---- */

typedef struct matrices {
  graft_dtype dtype;
  int64_t count, rows, columns; /* count 0: no axis for it */
  float scale;
  int32_t zero;
  uint8_t *data;
} matrices;

static matrices random_matrices(int64_t count, int64_t rows, int64_t columns) {
  const int64_t elements_of = (count ? count : 1) * rows * columns;
  matrices m = {byte_type(), count, rows, columns, scale(-8, -4), 0, calloc((size_t)elements_of, 1)};
  m.zero = zero_point(low_of(m.dtype), high_of(m.dtype));
  fill(m.data, elements_of);
  return m;
}

static graft_type type_of_matrices(const matrices *m) {
  const int64_t dims[] = {m->count, m->rows, m->columns};
  return graft_type_make(m->dtype, m->count ? 3 : 2, m->count ? dims : dims + 1);
}

static double entry(const matrices *m, int64_t matrix, int64_t row, int64_t column) {
  const int64_t at = ((m->count ? matrix % m->count : 0) * m->rows + row) * m->columns + column;
  return (double)m->scale * (double)(element(m->dtype, m->data, at) - m->zero);
}

START_TEST(random_products) {
  int64_t all = 0, beside = 0;
  graft_context *c = graft_context_create(NULL);
  for (int seed = first_seed; seed < first_seed + seeds / 10; seed++) {
    state = (uint64_t)seed * 1000037u;
    const int64_t count = choose(1, 3), inner = choose(1, 70);
    const matrices x = random_matrices(choose(0, 1) ? count : 0, choose(1, 70), inner),
                   other = random_matrices(choose(0, 2) ? count : 0, inner, choose(1, 30));
    const graft_type x_type = type_of_matrices(&x), other_type = type_of_matrices(&other);
    const graft_dtype dtype = byte_type();
    const int32_t zero = zero_point(low_of(dtype), high_of(dtype));
    const float step = (float)((double)(x.scale * other.scale) * 70.0 * sqrt((double)inner));
    graft_module *m = graft_module_create(c);
    graft_graph *g = graft_graph_create(m, "main");
    const graft_value pair[] = {
        qdq(g, "dequantize_per_tensor", graft_input_add(g, "x", &x_type), x.scale, x.zero, x.dtype),
        qdq(g, "dequantize_per_tensor", graft_input_add(g, "other", &other_type), other.scale, other.zero,
            other.dtype)};
    const graft_value product = graft_build(g, "matmul", pair, 2, NULL, 0);
    graft_output_add(g, "y", qdq(g, "quantize_per_tensor", product, step, zero, dtype));
    ck_assert_int_eq(graft_run_passes(m, "lower", NULL), GRAFT_OK);
    ck_assert_str_eq(graft_node_get_op(g, graft_node_first(g)), "quantized.matmul");
    graft_session *s = graft_session_create(g, NULL);
    ck_assert_int_eq(graft_session_set_input(s, 0, &x_type, x.data), GRAFT_OK);
    ck_assert_int_eq(graft_session_set_input(s, 1, &other_type, other.data), GRAFT_OK);
    ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
    graft_type y;
    const uint8_t *got = graft_session_get_output(s, 0, &y);
    for (int64_t i = 0; i < graft_type_elements(&y); i++) {
      const int64_t column = i % other.columns, row = i / other.columns % x.rows, matrix = i / other.columns / x.rows;
      double v = 0;
      for (int64_t p = 0; p < inner; p++) v += entry(&x, matrix, row, p) * entry(&other, matrix, p, column);
      v = fmin(fmax(rint(v / (double)step) + zero, (double)low_of(dtype)), (double)high_of(dtype));
      const int64_t d = element(dtype, got, i) - (int64_t)v;
      ck_assert_msg(llabs(d) <= 1, "seed %d, element %lld: %lld beside", seed, (long long)i, (long long)d);
      beside += d != 0;
      all++;
    }
    graft_session_destroy(s);
    graft_module_destroy(m);
    free(x.data);
    free(other.data);
  }
  ck_assert_msg(beside * 1000 <= all, "%lld of %lld", (long long)beside, (long long)all);
  graft_context_destroy(c);
}
END_TEST

/* ---- what stands between layers ---- */

static float *random_floats(int64_t count, double most) {
  float *f = calloc((size_t)count, sizeof *f);
  for (int64_t i = 0; i < count; i++) f[i] = (float)(most * (double)choose(-1000, 1000) / 1000.0);
  return f;
}

/* Quantized with random parameters, and dequantized: as a value between two ops is. */
static graft_value requantized(graft_graph *g, graft_value x) {
  const graft_dtype d = byte_type();
  const float s = scale(-6, -3);
  const int32_t z = zero_point(low_of(d), high_of(d));
  return qdq(g, "dequantize_per_tensor", qdq(g, "quantize_per_tensor", x, s, z, d), s, z, d);
}

static graft_value convolved(graft_graph *g, graft_value x, int64_t in, int64_t out, int64_t groups, int64_t kernel) {
  const int64_t dims[] = {out, in / groups, kernel, kernel}, stride[] = {1, 1}, padding[] = {kernel / 2, kernel / 2};
  const int64_t count = out * in / groups * kernel * kernel;
  int8_t *data = calloc((size_t)count, 1);
  float *bias = random_floats(out, 2.0);
  for (int64_t i = 0; i < count; i++) data[i] = (int8_t)choose(-127, 127);
  const graft_value w = constant(g, "weight", GRAFT_I8, 4, dims, data),
                    b = constant(g, "bias", GRAFT_F32, 1, &out, bias);
  const graft_value operands[] = {x, qdq(g, "dequantize_per_tensor", w, scale(-12, -9), 0, GRAFT_I8), b};
  const graft_attr attrs[] = {
      {.name = "stride", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = stride},
      {.name = "padding", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = padding},
      number("groups", groups),
  };
  free(data);
  free(bias);
  return requantized(g, graft_build(g, "conv2d", operands, 3, attrs, 3));
}

static graft_value pooled(graft_graph *g, const char *op, graft_value x) {
  const int64_t kernel[] = {choose(2, 3), choose(2, 3)}, stride[] = {choose(1, 2), 2}, padding[] = {choose(0, 1), 1};
  const graft_attr attrs[] = {
      {.name = "kernel_size", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = kernel},
      {.name = "stride", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = stride},
      {.name = "padding", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = padding},
  };
  return graft_build(g, op, &x, 1, attrs, 3);
}

/* Two convolutions of x, their sum, a maximum of it, averages of that, a depthwise convolution, a mean of each channel.
 * The sum leaves the graph too, in C order. */
static graft_module *make_chain(graft_context *c, const graft_type *x, int64_t channels) {
  graft_module *m = module = graft_module_create(c);
  graft_graph *g = graft_graph_create(m, "main");
  const int64_t one[] = {1, 1};
  const graft_attr size = {.name = "output_size", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = one};
  const graft_attr over = {.name = "dim", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = (const int64_t[]){-1, 2}};
  const graft_value in = requantized(g, graft_input_add(g, "x", x));
  const graft_value pair[] = {convolved(g, in, x->dims[1], channels, 1, 3),
                              convolved(g, in, x->dims[1], channels, 1, 1)};
  const graft_value sum = requantized(g, graft_build(g, choose(0, 3) ? "add" : "mul", pair, 2, NULL, 0));
  const graft_value maxima = pooled(g, "max_pool2d", sum);
  const graft_value means = requantized(g, pooled(g, "avg_pool2d", maxima));
  const graft_value deep = convolved(g, means, channels, channels, channels, 3);
  const bool reduced = choose(0, 1);
  const graft_value mean =
      requantized(g, graft_build(g, reduced ? "mean" : "adaptive_avg_pool2d", &deep, 1, reduced ? &over : &size, 1));
  ck_assert_int_eq(graft_output_add(g, "sum", sum), GRAFT_OK);
  ck_assert_int_eq(graft_output_add(g, "deep", deep), GRAFT_OK);
  ck_assert_int_eq(graft_output_add(g, "mean", mean), GRAFT_OK);
  return m;
}

static graft_session *run_chain(graft_module *m, const graft_session_options *options, const graft_type *x,
                                const float *data) {
  graft_session *s = graft_session_create(graft_module_get_graph(m, 0), options);
  ck_assert_int_eq(graft_session_set_input(s, 0, x, data), GRAFT_OK);
  for (int i = 0; i < 2; i++) ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
  return s;
}

START_TEST(random_chains) {
  graft_context *c = graft_context_create(NULL);
  for (int seed = first_seed; seed < first_seed + seeds * CHAIN_SEEDS / 2000; seed++) {
    state = (uint64_t)seed * 1000033u;
    const int64_t dims[] = {choose(1, 2), choose(3, 40), choose(8, 20), choose(8, 20)}, channels = 16 * choose(1, 4);
    const graft_type x = graft_type_make(GRAFT_F32, 4, dims);
    float *data = random_floats(graft_type_elements(&x), 4.0);
    graft_module *m = make_chain(c, &x, channels);
    ck_assert_int_eq(graft_run_passes(m, "lower", NULL), GRAFT_OK);
    graft_session *plain =
        run_chain(m, &(graft_session_options){.size = sizeof(graft_session_options), .reference = true}, &x, data);
    graft_session *fast =
        run_chain(m, &(graft_session_options){.size = sizeof(graft_session_options), .threads = 1 + (uint32_t)seed % 2},
                  &x, data);
    for (uint32_t i = 0; i < 3; i++) {
      graft_type y;
      const void *want = graft_session_get_output(plain, i, &y), *got = graft_session_get_output(fast, i, &y);
      ck_assert_msg(memcmp(want, got, (size_t)graft_type_elements(&y) * sizeof(float)) == 0,
                    "seed %d, output %u differs", seed, i);
    }
    graft_session_destroy(plain);
    graft_session_destroy(fast);
    graft_module_destroy(m);
    free(data);
  }
  graft_context_destroy(c);
}
END_TEST

int main(int argc, char **argv) {
  if (argc == 3) first_seed = atoi(argv[1]), seeds = atoi(argv[2]);
  Suite *s = suite_create("integer");
  TCase *t = tcase_create("layers");
  tcase_set_timeout(t, 280);
  tcase_add_test(t, random_layers);
  tcase_add_test(t, large_layers);
  tcase_add_test(t, random_products);
  tcase_add_test(t, random_chains);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_set_fork_status(r, CK_NOFORK);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
