/* Each layer that a batch norm may follow, in 1-D to 3-D and as linear, goes the whole way: prepare-qat, training and
 * evaluation, convert, lower. PyTorch's PT2E flow has the plain ones in 1-D and 2-D alone. At each step the network
 * computes what it did before. */
#include "network.h"

#include <stdio.h>
#include <string.h>

enum { BATCH = 4, CHANNELS = 4, BETWEEN = 6, EXTENT = 4, KERNEL = 2, TEXT = 4000 };

/* A layer with a batch norm and at times a relu, and one of the same kind without. */
typedef struct shape {
  int axes; /* 0: linear */
  bool transposed, bias, relu;
  int groups, dilation, stride;
} shape;

static const struct {
  const char *prepare;
  bool trains;
  int in_integers; /* layers after lower: in PyTorch's modules nothing quantizes what the first one reads */
} flows[] = {
    {"prepare-qat{quantizer=xnnpack,extended=true}", true, 2},
    {"prepare-qat{quantizer=xnnpack,extended=true,per-channel=true}", true, 2},
    {"prepare-qat{quantizer=fx}", true, 1},
    {"prepare-qat{quantizer=fx,per-channel=true}", true, 1},
    {"to-eval,prepare{quantizer=xnnpack,extended=true,per-channel=true}", false, 2},
};

/* ---- its text ---- */

typedef struct text {
  char data[TEXT];
  size_t at;
} text;

#define ADD(t, ...) ((t)->at += (size_t)snprintf((t)->data + (t)->at, TEXT - (t)->at, __VA_ARGS__))

static void add_times(text *t, int times, int value) {
  for (int i = 0; i < times; i++) ADD(t, "%s%d", i ? ", " : "", value);
}

static void declare(text *t, const shape *s, const char *name, int in, int out) {
  const int rows = s->transposed ? in : out, columns = (s->transposed ? out : in) / s->groups;
  ADD(t, "tensor %%%s.weight: f32[%d, %d%s", name, rows, columns, s->axes ? ", " : "");
  add_times(t, s->axes, KERNEL);
  ADD(t, "] parameter = fill(\"%s.weight\", -0.5, 0.5)\n", name);
  if (s->bias) ADD(t, "tensor %%%s.bias: f32[%d] parameter = fill(\"%s.bias\", -0.5, 0.5)\n", name, out, name);
}

static void call(text *t, const shape *s, const char *result, const char *x, const char *name) {
  if (s->axes)
    ADD(t, "  %%%s = conv%s%dd(%%%s, %%%s.weight", result, s->transposed ? "_transpose" : "", s->axes, x, name);
  else
    ADD(t, "  %%%s = linear(%%%s, %%%s.weight", result, x, name);
  if (s->bias) ADD(t, ", %%%s.bias", name);
  ADD(t, ")");
  if (s->axes) {
    ADD(t, " {stride: [");
    add_times(t, s->axes, s->stride);
    ADD(t, "], padding: [");
    add_times(t, s->axes, 1);
    ADD(t, "], dilation: [");
    add_times(t, s->axes, s->dilation);
    ADD(t, "], groups: %d}", s->groups);
  }
  ADD(t, "\n");
}

static network network_of_shape(const shape *s) {
  text t = {.at = 0};
  ADD(&t, "graft 1\n");
  declare(&t, s, "c", CHANNELS, BETWEEN);
  declare(&t, s, "d", BETWEEN, CHANNELS);
  ADD(&t,
      "tensor %%n.weight: f32[6] parameter = fill(\"n.weight\", 0.5, 1.5)\n"
      "tensor %%n.bias: f32[6] parameter = fill(\"n.bias\", -0.2, 0.2)\n"
      "tensor %%n.running_mean: f32[6] buffer = fill(\"n.running_mean\", -0.2, 0.2)\n"
      "tensor %%n.running_var: f32[6] buffer = fill(\"n.running_var\", 0.5, 1.5)\n"
      "tensor %%n.num_batches_tracked: i64[] buffer = 0\n"
      "graph main(%%x: f32[%d, %d%s",
      BATCH, CHANNELS, s->axes ? ", " : "");
  add_times(&t, s->axes, EXTENT);
  ADD(&t, "]) {\n");
  call(&t, s, "c", "x", "c");
  ADD(&t, "  %%n, %%mean, %%var, %%count = batch_norm(%%c, %%n.weight, %%n.bias, %%n.running_mean, %%n.running_var, "
          "%%n.num_batches_tracked) {training: true, momentum: 0.2, eps: 0.001}\n");
  if (s->relu) ADD(&t, "  %%r = relu(%%n)\n");
  call(&t, s, "y", s->relu ? "r" : "n", "d");
  ADD(&t, "  return %%y\n"
          "  update %%n.running_mean = %%mean\n"
          "  update %%n.running_var = %%var\n"
          "  update %%n.num_batches_tracked = %%count\n}\n");
  ck_assert_uint_lt(t.at, TEXT);
  return network_from_text(t.data);
}

static array input(const shape *s, int step) {
  char name[16];
  (void)snprintf(name, sizeof name, "step%d", step);
  return array_fill(name, BATCH, CHANNELS,
                    s->axes == 3   ? EXTENT * EXTENT
                    : s->axes == 2 ? EXTENT
                                   : 1,
                    s->axes ? EXTENT : 1, -1, 1);
}

static void expect_tensor_of(network *n, network *other, const char *name) {
  expect_vector(n, name, tensor_floats(other, name), BETWEEN, 1e-5);
}

static int layers_in_integers(const network *n) {
  int found = 0;
  for (graft_node i = graft_node_first(n->graph); i != GRAFT_NONE; i = graft_node_next(n->graph, i))
    found += strncmp(op_of(n, i), "quantized.", 10) == 0;
  return found;
}

/* ---- what must hold ---- */

/* With fake quantization off, the training form is the network: a step, its statistics, and evaluation after it. */
static void float_form(const shape *s, const char *prepare) {
  network plain = network_of_shape(s), form = network_of_shape(s);
  run_passes(&form, prepare);
  ck_assert_int_eq(count(&form, "bn_scale"), 1);
  run_passes(&form, "disable-fake-quant");
  expect_close(run(&form, input(s, 0)), run(&plain, input(s, 0)), 1e-5);
  expect_tensor_of(&form, &plain, "n.running_mean");
  expect_tensor_of(&form, &plain, "n.running_var");
  run_passes(&plain, "to-eval");
  run_passes(&form, "to-eval");
  expect_close(run(&form, input(s, 1)), run(&plain, input(s, 1)), 1e-5);
  network_destroy(&plain);
  network_destroy(&form);
}

/* Convert gives what evaluation gives after training (after observing there is nothing to compare with), lower what
 * convert gives. */
static void to_integers(const shape *s, const char *prepare, bool trains, int in_integers) {
  network n = network_of_shape(s);
  run_passes(&n, prepare);
  for (int step = 0; step < 2; step++) run(&n, input(s, step));
  run_passes(&n, "to-eval,disable-observers");
  array trained = run(&n, input(s, 2));
  run_passes(&n, "convert");
  ck_assert_int_eq(count(&n, "batch_norm") + count(&n, "fake_quantize"), 0);
  const double step = output_step(&n);
  array converted = run(&n, input(s, 2));
  if (trains) expect_quantized(converted, trained, step);
  run_passes(&n, "lower");
  ck_assert_int_eq(layers_in_integers(&n), in_integers);
  expect_quantized(run(&n, input(s, 2)), converted, step);
  network_destroy(&n);
}

static void whole_way(shape s) {
  for (size_t i = 0; i < sizeof flows / sizeof *flows; i++) {
    arrays_reset();
    if (flows[i].trains) float_form(&s, flows[i].prepare);
    to_integers(&s, flows[i].prepare, flows[i].trains, flows[i].in_integers);
  }
}

START_TEST(convolutions) {
  for (int choice = 0; choice < 16; choice++)
    whole_way((shape){.axes = _i % 3 + 1,
                      .transposed = _i >= 3,
                      .groups = choice & 1 ? 2 : 1,
                      .dilation = choice & 2 ? 2 : 1,
                      .stride = !(choice & 2) == !(choice & 8) ? 2 : 1,
                      .bias = choice & 4,
                      .relu = choice & 8});
}
END_TEST

START_TEST(linears) { whole_way((shape){.groups = 1, .bias = _i & 1, .relu = _i & 2}); }
END_TEST

int main(void) {
  Suite *suite = suite_create("layers");
  TCase *t = tcase_create("whole way");
  tcase_set_timeout(t, 0);
  tcase_add_loop_test(t, convolutions, 0, 6);
  tcase_add_loop_test(t, linears, 0, 4);
  suite_add_tcase(suite, t);
  SRunner *r = srunner_create(suite);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? 1 : 0;
}
