/* A backend's whole work, from the public headers alone: a network in, prepared, calibrated, converted, and emitted as
 * the program of a processor that was made up for it (NPU: integers, fixed-point multipliers, no floats), which is then
 * simulated. Its answers must be those of graft's own integer form, in the same arithmetic.
 *
 *   npu NETWORK.onnx TRAIN.x.npy TEST.x.npy TEST.y.npy */
#include <graft/inspect.h>
#include <graft/layers.h>
#include <graft/passes.h>
#include <graft/runtime.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- .npy, version 1, as far as it is needed here ---- */

typedef struct array {
  char *bytes; /* of the file */
  const void *data;
  int64_t rows, row_bytes;
} array;

static bool read_array(const char *path, array *a) {
  FILE *f = fopen(path, "rb");
  if (!f) return false;
  const long size = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
  a->bytes = size >= 10 && fseek(f, 0, SEEK_SET) == 0 ? malloc((size_t)size + 1) : NULL;
  const bool read = a->bytes && fread(a->bytes, 1, (size_t)size, f) == (size_t)size;
  fclose(f);
  if (!read) return false;
  a->bytes[size] = 0;
  const long begin = 10 + (unsigned char)a->bytes[8] + 256 * (unsigned char)a->bytes[9];
  const char *shape = strstr(a->bytes + 10, "'shape': (");
  a->rows = shape ? strtoll(shape + 10, NULL, 10) : 0;
  a->data = a->bytes + begin;
  a->row_bytes = a->rows > 0 ? (size - begin) / a->rows : 0;
  return a->rows > 0;
}

/* ---- the processor ---- */

typedef enum op { CONV, LINEAR, MEAN } op;

typedef struct instruction {
  op op;
  uint32_t from, to;     /* buffers */
  int64_t in[3], out[3]; /* channels, height, width */
  int64_t kernel[2], stride[2], padding[2];
  float scale, out_scale;
  int32_t zero_point, out_zero_point, least, most;
  int8_t *weights;
  int32_t *bias, *multiplier, *shift;
} instruction;

typedef struct program {
  instruction *list;
  uint32_t count;
  uint32_t *buffer_of; /* by value of the graph */
  uint32_t buffers;
  uint32_t input, output;
  float in_scale, out_scale;
  int32_t in_zero_point, out_zero_point;
} program;

static int32_t saturate(int64_t v) { return (int32_t)(v < INT32_MIN ? INT32_MIN : v > INT32_MAX ? INT32_MAX : v); }

static int32_t rescale(int32_t a, int32_t multiplier, int32_t shift) {
  const int32_t left = shift > 0 ? saturate((int64_t)a * ((int64_t)1 << shift)) : a;
  const int64_t product = (int64_t)left * multiplier;
  const int32_t high = (int32_t)((product + (product >= 0 ? 1 << 30 : 1 - (1 << 30))) / ((int64_t)1 << 31));
  if (shift >= 0) return high;
  if (shift < -31) return 0;
  const int64_t mask = ((int64_t)1 << -shift) - 1, rest = high & mask, half = (mask >> 1) + (high < 0);
  return (int32_t)(((int64_t)high >> -shift) + (rest > half));
}

static int32_t clamp(int64_t v, int32_t least, int32_t most) {
  return (int32_t)(v < least ? least : v > most ? most : v);
}

/* Half to even, as quantize_per_tensor has it. */
static int8_t quantize(float v, float scale, int32_t zero_point) {
  return (int8_t)clamp((int64_t)rintf(v * (1.0f / scale)) + zero_point, -128, 127);
}

static int64_t elements(const int64_t *shape) { return shape[0] * shape[1] * shape[2]; }

static void run_conv(const instruction *i, const int8_t *x, int8_t *y) {
  for (int64_t o = 0; o < i->out[0]; o++)
    for (int64_t r = 0; r < i->out[1]; r++)
      for (int64_t c = 0; c < i->out[2]; c++) {
        int32_t sum = i->bias[o];
        for (int64_t k = 0; k < i->in[0]; k++)
          for (int64_t dr = 0; dr < i->kernel[0]; dr++)
            for (int64_t dc = 0; dc < i->kernel[1]; dc++) {
              const int64_t ir = r * i->stride[0] - i->padding[0] + dr, ic = c * i->stride[1] - i->padding[1] + dc;
              if (ir < 0 || ir >= i->in[1] || ic < 0 || ic >= i->in[2]) continue;
              sum += (x[(k * i->in[1] + ir) * i->in[2] + ic] - i->zero_point) *
                     i->weights[((o * i->in[0] + k) * i->kernel[0] + dr) * i->kernel[1] + dc];
            }
        y[(o * i->out[1] + r) * i->out[2] + c] =
            (int8_t)clamp((int64_t)rescale(sum, i->multiplier[o], i->shift[o]) + i->out_zero_point, i->least, i->most);
      }
}

/* The one thing that it does in floats, as graft does. */
static void run_mean(const instruction *i, const int8_t *x, int8_t *y) {
  const int64_t n = i->in[1] * i->in[2];
  for (int64_t c = 0; c < i->in[0]; c++) {
    double sum = 0;
    for (int64_t k = 0; k < n; k++) sum += (float)(x[c * n + k] - i->zero_point) * i->scale;
    y[c] = quantize((float)(sum / (double)n), i->out_scale, i->out_zero_point);
  }
}

static void simulate(const program *p, int8_t **buffers) {
  for (uint32_t k = 0; k < p->count; k++) {
    const instruction *i = &p->list[k];
    if (i->op == MEAN)
      run_mean(i, buffers[i->from], buffers[i->to]);
    else
      run_conv(i, buffers[i->from], buffers[i->to]);
  }
}

/* ---- the emitter ---- */

static bool refuse(graft_graph *g, const graft_quantized_layer *l, const char *why) {
  char name[256];
  graft_node_name(g, l->node, name, sizeof name);
  fprintf(stderr, "npu: %s: %s: %s\n", name, l->op, why);
  return false;
}

/* What is behind the batch, as channels, height, width. */
static void shape_of(const graft_type *t, int64_t *shape) {
  for (int i = 0; i < 3; i++) shape[i] = i + 1 < t->rank ? t->dims[i + 1] : 1;
}

static void pair(const graft_graph *g, graft_node n, const char *name, int64_t otherwise, int64_t *out) {
  graft_attr a;
  const bool there = graft_node_attr(g, n, name, &a) && a.kind == GRAFT_ATTR_INTS && a.count == 2;
  for (int i = 0; i < 2; i++) out[i] = there ? a.as.ints[i] : otherwise;
}

static bool is_simple(const graft_layer_value *v) { return v->quantized && v->count == 1 && v->type.dtype == GRAFT_I8; }

/* After `lower` integers that only move have no scales of their own. */
static bool is_flat(const graft_quantized_layer *l) {
  return strcmp(l->op, "flatten") == 0 && l->input->quantized == l->output.quantized &&
         (!l->output.quantized ||
          (is_simple(l->input) && is_simple(&l->output) && l->input->scales[0] == l->output.scales[0] &&
           l->input->zero_points[0] == l->output.zero_points[0]));
}

static bool emit_weights(graft_graph *g, const graft_quantized_layer *l, instruction *i) {
  if (!l->weight->data || l->weight->type.dtype != GRAFT_I8 || !l->multipliers || !l->bias_i32)
    return refuse(g, l, "its weight, bias or scales are not known");
  if (l->bias_clipped) return refuse(g, l, "its bias does not fit");
  for (uint32_t c = 0; c < l->weight->count; c++)
    if (l->weight->zero_points[c]) return refuse(g, l, "its weight has zero points");
  const size_t n = (size_t)graft_type_elements(&l->weight->type);
  i->weights = malloc(n);
  i->bias = malloc(l->channels * sizeof *i->bias);
  i->multiplier = malloc(l->channels * sizeof *i->multiplier);
  i->shift = malloc(l->channels * sizeof *i->shift);
  if (!i->weights || !i->bias || !i->multiplier || !i->shift) return refuse(g, l, "no memory");
  memcpy(i->weights, l->weight->data, n);
  memcpy(i->bias, l->bias_i32, l->channels * sizeof *i->bias);
  for (uint32_t c = 0; c < l->channels; c++)
    if (!graft_fixed_point(l->multipliers[c], &i->multiplier[c], &i->shift[c]))
      return refuse(g, l, "a scale is out of range");
  return true;
}

static bool emit(graft_graph *g, const graft_quantized_layer *l, program *p) {
  if (strcmp(l->op, "quantize_per_tensor") == 0 && graft_value_node(g, l->input->value) == GRAFT_NONE) {
    p->input = p->buffer_of[l->output.value] = p->buffers++;
    p->in_scale = l->output.scales[0], p->in_zero_point = l->output.zero_points[0];
    return true;
  }
  if (strcmp(l->op, "dequantize_per_tensor") == 0) {
    p->output = p->buffer_of[l->input->value];
    p->out_scale = l->input->scales[0], p->out_zero_point = l->input->zero_points[0];
    return true;
  }
  if (!l->integers) return refuse(g, l, l->in_float);
  if (!l->input) return refuse(g, l, "has no input");
  if (is_flat(l)) { /* the same bytes in the same order */
    p->buffer_of[l->output.value] = p->buffer_of[l->input->value];
    return true;
  }
  if (!is_simple(l->input) || !is_simple(&l->output)) return refuse(g, l, "is not i8 with one scale");
  instruction *i = &p->list[p->count++];
  *i = (instruction){.from = p->buffer_of[l->input->value], .to = p->buffers++};
  p->buffer_of[l->output.value] = i->to;
  i->scale = l->input->scales[0], i->out_scale = l->output.scales[0];
  i->zero_point = l->input->zero_points[0], i->out_zero_point = l->output.zero_points[0];
  i->least = (int32_t)l->output.quant_min, i->most = (int32_t)l->output.quant_max;
  if (l->activation && strcmp(l->activation, "relu") != 0) return refuse(g, l, l->activation);
  if (l->activation && i->least < i->out_zero_point) i->least = i->out_zero_point;
  shape_of(&l->input->type, i->in);
  shape_of(&l->output.type, i->out);
  if (strcmp(l->op, "conv2d") == 0) {
    int64_t dilation[2];
    graft_attr groups;
    i->op = CONV;
    pair(g, l->node, "stride", 1, i->stride);
    pair(g, l->node, "padding", 0, i->padding);
    pair(g, l->node, "dilation", 1, dilation);
    if (dilation[0] != 1 || dilation[1] != 1) return refuse(g, l, "is dilated");
    if (!graft_node_attr(g, l->node, "groups", &groups) || groups.as.i != 1) return refuse(g, l, "has groups");
    for (int k = 0; k < 2; k++) i->kernel[k] = l->weight->type.dims[2 + k];
    return emit_weights(g, l, i);
  }
  if (strcmp(l->op, "linear") == 0) { /* a convolution over one place */
    i->op = LINEAR;
    for (int k = 0; k < 2; k++) i->kernel[k] = i->stride[k] = 1;
    return emit_weights(g, l, i);
  }
  if (strcmp(l->op, "adaptive_avg_pool2d") == 0 && elements(i->out) == i->out[0]) {
    return i->op = MEAN, true;
  }
  return refuse(g, l, "is not among what this processor does");
}

static void free_program(program *p) {
  for (uint32_t k = 0; k < p->count; k++) {
    free(p->list[k].weights);
    free(p->list[k].bias);
    free(p->list[k].multiplier);
    free(p->list[k].shift);
  }
  free(p->list);
  free(p->buffer_of);
}

static bool emit_all(graft_graph *g, program *p) {
  graft_layers *layers = graft_layers_create(g);
  const uint32_t count = graft_layers_count(layers);
  *p = (program){.list = calloc(count + 1, sizeof *p->list),
                 .buffer_of = calloc((size_t)graft_value_limit(g) + 1, sizeof *p->buffer_of)};
  bool ok = layers && p->list && p->buffer_of;
  for (uint32_t i = 0; i < count && ok; i++) {
    graft_quantized_layer l = {.size = sizeof l};
    ok = graft_layers_get(layers, i, &l) == GRAFT_OK && emit(g, &l, p);
  }
  graft_layers_destroy(layers);
  return ok;
}

static bool same(const void *a, const void *b, size_t size) { return !a == !b && (!a || memcmp(a, b, size) == 0); }

static bool same_programs(const program *a, const program *b) {
  bool equal = a->count == b->count && a->buffers == b->buffers && a->input == b->input && a->output == b->output;
  for (uint32_t k = 0; k < a->count && equal; k++) {
    const instruction *x = &a->list[k], *y = &b->list[k];
    const size_t channels = (size_t)x->out[0] * sizeof(int32_t);
    equal = x->op == y->op && x->from == y->from && x->to == y->to && same(x->in, y->in, sizeof x->in) &&
            same(x->out, y->out, sizeof x->out) && same(x->stride, y->stride, sizeof x->stride) &&
            same(x->padding, y->padding, sizeof x->padding) && x->zero_point == y->zero_point &&
            x->out_zero_point == y->out_zero_point && x->least == y->least && x->most == y->most &&
            same(x->bias, y->bias, channels) && same(x->multiplier, y->multiplier, channels) &&
            same(x->shift, y->shift, channels) &&
            same(x->weights, y->weights, (size_t)(x->out[0] * x->in[0] * x->kernel[0] * x->kernel[1]));
  }
  return equal;
}

/* ---- the road ---- */

static bool calibrate(graft_graph *g, const array *x, int64_t batch) {
  graft_session *s = graft_session_create(g, NULL);
  graft_type type = graft_value_get_type(g, graft_input_get(g, 0));
  type.dims[0] = batch;
  bool ok = s != NULL;
  for (int64_t at = 0; at + batch <= x->rows && ok; at += batch)
    ok = graft_session_set_input(s, 0, &type, (const char *)x->data + at * x->row_bytes) == GRAFT_OK &&
         graft_session_run(s) == GRAFT_OK;
  graft_session_destroy(s);
  return ok;
}

/* How many answers of the program are right, and how far its numbers are from the session's, in steps. */
static bool compare(graft_graph *g, const program *p, const array *x, const array *y, int64_t *right, int *furthest) {
  graft_session *s = graft_session_create(g, NULL);
  graft_type type = graft_value_get_type(g, graft_input_get(g, 0)), out;
  type.dims[0] = 1;
  const int64_t n = graft_type_elements(&type);
  int8_t **buffers = calloc(p->buffers, sizeof *buffers);
  bool ok = s && buffers && n > 0;
  for (uint32_t b = 0; b < p->buffers && ok; b++) ok = (buffers[b] = calloc(1, 1 << 16)) != NULL;
  *right = 0, *furthest = 0;
  for (int64_t at = 0; at < x->rows && ok; at++) {
    const float *image = (const float *)(const void *)((const char *)x->data + at * x->row_bytes);
    for (int64_t k = 0; k < n; k++) buffers[p->input][k] = quantize(image[k], p->in_scale, p->in_zero_point);
    simulate(p, buffers);
    ok = graft_session_set_input(s, 0, &type, image) == GRAFT_OK && graft_session_run(s) == GRAFT_OK;
    const float *want = ok ? graft_session_get_output(s, 0, &out) : NULL;
    ok = want && graft_type_elements(&out) == 10;
    int best = 0;
    for (int k = 0; k < 10 && ok; k++) {
      const int8_t q = buffers[p->output][k], w = quantize(want[k], p->out_scale, p->out_zero_point);
      if (abs(q - w) > *furthest) *furthest = abs(q - w);
      if (q > buffers[p->output][best]) best = k;
    }
    *right += best == ((const int64_t *)y->data)[at];
  }
  for (uint32_t b = 0; b < p->buffers && buffers; b++) free(buffers[b]);
  free(buffers);
  graft_session_destroy(s);
  return ok;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  array train = {0}, test = {0}, labels = {0};
  program p = {0}, again = {0};
  int64_t right = 0;
  int furthest = 0;
  if (!read_array(argv[2], &train) || !read_array(argv[3], &test) || !read_array(argv[4], &labels)) return 2;
  graft_context *context = graft_context_create(NULL);
  graft_module *module = graft_module_load(context, argv[1], NULL);
  graft_graph *g = module ? graft_module_get_graph(module, 0) : NULL;
  bool ok = module && graft_run_passes(module, "prepare-qat{quantizer=xnnpack,per-channel=true}", NULL) == GRAFT_OK &&
            calibrate(g, &train, 32) && graft_run_passes(module, "to-eval,convert", NULL) == GRAFT_OK &&
            emit_all(g, &p) && graft_run_passes(module, "lower{requantize=double_rounding}", NULL) == GRAFT_OK &&
            compare(g, &p, &test, &labels, &right, &furthest);
  /* The lowered form, emitted by the same code, is the same program. */
  ok = ok && emit_all(g, &again) && same_programs(&p, &again);
  for (uint32_t i = 0; i < graft_diagnostic_count(context); i++) {
    graft_diagnostic d = graft_diagnostic_get(context, i);
    char text[1024];
    graft_diagnostic_format(&d, text, sizeof text);
    fprintf(stderr, "%s\n", text);
  }
  printf("%" PRIu32 " instructions, %" PRId64 " of %" PRId64 " right, %d steps from graft's\n", p.count, right,
         test.rows, furthest);
  free_program(&p);
  free_program(&again);
  graft_module_destroy(module);
  graft_context_destroy(context);
  free(train.bytes);
  free(test.bytes);
  free(labels.bytes);
  return ok && right * 100 >= 95 * test.rows && furthest == 0 ? 0 : 1;
}
