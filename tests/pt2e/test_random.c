/* Random networks of convolutions with and without batch norm, where anything may be read twice and weights, biases and
 * batch norms' parameters may be shared: each rewrite keeps what the network computes. `test_random FIRST COUNT` runs
 * other seeds than the test's. */
#include "network.h"

#include "ir/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 4, SIZE = 6, VALUES = 24, LAYERS = 9 };

static int first_seed = 0, seeds = 25;

/* ---- making one ---- */

typedef struct maker_state {
  network n;
  uint64_t random;
  graft_value values[VALUES]; /* all of one shape */
  int count;
  graft_value weights[3][LAYERS], biases[LAYERS]; /* by kind of convolution */
  int weight_count[3], bias_count;
  int tensors;
} maker_state;

static int below(maker_state *s, int n) {
  s->random += 0x9E3779B97F4A7C15u;
  uint64_t z = s->random;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return (int)((z ^ (z >> 31)) % (uint64_t)n);
}

static graft_value tensor(maker_state *s, const char *part, graft_tensor_kind kind, int32_t rank, const int64_t *dims,
                          double lo, double hi) {
  char name[64];
  snprintf(name, sizeof name, "t%d.%s", s->tensors++, part);
  graft_type type = graft_type_make(GRAFT_F32, rank, dims);
  return graft_tensor_value(s->n.graph, graft_tensor_fill(s->n.module, name, kind, &type, lo, hi));
}

static graft_value vector(maker_state *s, const char *part, graft_tensor_kind kind, double lo, double hi) {
  return tensor(s, part, kind, 1, (int64_t[]){CHANNELS}, lo, hi);
}

/* The newest value half of the time, else any. */
static graft_value pick(maker_state *s) { return s->values[below(s, 2) ? s->count - 1 : below(s, s->count)]; }

/* Each node belongs to one part of the network or the other. */
static const char *scope(maker_state *s) { return below(s, 2) ? "a" : "b"; }

/* Plain, grouped or transposed; the result has the shape of its input. A weight or bias is an earlier one's at times.
 */
static graft_value conv(maker_state *s) {
  int kind = below(s, 3);
  bool old_weight = s->weight_count[kind] && below(s, 4) == 0, old_bias = s->bias_count && below(s, 4) == 0;
  graft_value w = old_weight ? s->weights[kind][below(s, s->weight_count[kind])]
                             : tensor(s, "weight", GRAFT_PARAMETER, 4,
                                      (int64_t[]){CHANNELS, kind == 1 ? CHANNELS / 2 : CHANNELS, 3, 3}, -0.4, 0.4);
  graft_value b = GRAFT_NONE;
  if (!old_weight) s->weights[kind][s->weight_count[kind]++] = w;
  if (below(s, 3)) {
    b = old_bias ? s->biases[below(s, s->bias_count)] : vector(s, "bias", GRAFT_PARAMETER, -0.2, 0.2);
    if (!old_bias) s->biases[s->bias_count++] = b;
  }
  if (kind == 2) {
    graft_conv_transpose2d_options o = GRAFT_CONV_TRANSPOSE2D_DEFAULTS;
    o.padding[0] = o.padding[1] = 1;
    o.source = scope(s);
    return graft_build_conv_transpose2d(s->n.graph, pick(s), w, b, &o);
  }
  graft_conv2d_options o = GRAFT_CONV2D_DEFAULTS;
  o.padding[0] = o.padding[1] = 1;
  o.groups = kind == 1 ? 2 : 1;
  o.source = scope(s);
  return graft_build_conv2d(s->n.graph, pick(s), w, b, &o);
}

/* In training or frozen, affine or not. */
static graft_value batch_norm(maker_state *s, graft_value x) {
  bool affine = below(s, 4) > 0;
  graft_value gamma = affine ? vector(s, "gamma", GRAFT_PARAMETER, 0.5, 1.5) : GRAFT_NONE,
              beta = affine ? vector(s, "beta", GRAFT_PARAMETER, -0.2, 0.2) : GRAFT_NONE,
              mean = vector(s, "running_mean", GRAFT_BUFFER, -0.2, 0.2),
              var = vector(s, "running_var", GRAFT_BUFFER, 0.5, 1.5);
  graft_batch_norm_options o = GRAFT_BATCH_NORM_DEFAULTS;
  o.training = below(s, 5) > 0;
  o.eps = below(s, 2) ? 1e-5 : 0.01;
  o.results = 3;
  o.source = scope(s);
  graft_batch_norm_results r = graft_build_batch_norm(s->n.graph, x, gamma, beta, mean, var, GRAFT_NONE, &o);
  ck_assert_int_eq(graft_update_add(s->n.graph, graft_value_tensor(s->n.graph, mean), r.mean), GRAFT_OK);
  ck_assert_int_eq(graft_update_add(s->n.graph, graft_value_tensor(s->n.graph, var), r.var), GRAFT_OK);
  return r.y;
}

static graft_value max_pool(maker_state *s) {
  graft_max_pool2d_options o = GRAFT_MAX_POOL2D_DEFAULTS;
  o.padding[0] = o.padding[1] = 1;
  return graft_build_max_pool2d(s->n.graph, pick(s), (const int64_t[]){3, 3}, &o).y;
}

static graft_value cat_and_conv(maker_state *s) {
  graft_cat_options o = GRAFT_CAT_DEFAULTS;
  o.dim = 1;
  graft_value y = graft_build_cat(s->n.graph, (graft_value[]){pick(s), pick(s)}, 2, &o);
  graft_value w = tensor(s, "weight", GRAFT_PARAMETER, 4, (int64_t[]){CHANNELS, 2 * CHANNELS, 1, 1}, -0.6, 0.6);
  return graft_build_conv2d(s->n.graph, y, w, GRAFT_NONE, NULL);
}

static graft_value any_op(maker_state *s) {
  switch (below(s, 12)) {
  case 3: return graft_build_mul(s->n.graph, pick(s), pick(s), NULL);
  case 4: return max_pool(s);
  case 5: return cat_and_conv(s);
  case 0: {
    graft_add_options o = GRAFT_ADD_DEFAULTS;
    o.source = scope(s);
    return graft_build_add(s->n.graph, pick(s), pick(s), &o);
  }
  case 1: return graft_build_hardtanh(s->n.graph, pick(s), NULL);
  case 2: return batch_norm(s, pick(s));
  default: break;
  }
  graft_value y = conv(s);
  if (below(s, 8) == 0) s->values[s->count++] = y; /* may be read elsewhere */
  if (below(s, 4)) y = batch_norm(s, y);
  return below(s, 2) ? graft_build_relu(s->n.graph, y, NULL) : y;
}

static network random_network(int seed) {
  maker_state s = {.n = network_begin(2), .random = (uint64_t)seed * 1000003u};
  s.values[s.count++] = add_input(&s.n, 2, CHANNELS, SIZE);
  for (int layers = 2 + below(&s, LAYERS - 2); layers > 0; layers--) s.values[s.count++] = any_op(&s);
  network_end(&s.n, s.values[s.count - 1]);
  return s.n;
}

/* ---- what holds for each ---- */

static array input(int step) {
  char name[32];
  snprintf(name, sizeof name, "input.%d", step);
  return array_fill(name, 2, CHANNELS, SIZE, SIZE, -2.0, 2.5);
}

static double signal_to_noise(array got, array want) {
  double signal = 0, noise = 1e-12;
  for (int64_t i = 0; i < array_count(want); i++) {
    signal += pow((double)want.data[i], 2);
    noise += pow((double)got.data[i] - (double)want.data[i], 2);
  }
  return 10 * log10(signal / noise);
}

/* Folding batch norms, and grafting the QAT form in, change nothing but roundings. */
static void verify_float(const network *n) {
  network plain = network_clone(n), fused = network_clone(n);
  run_passes(&fused, "annotate{quantizer=xnnpack,qat=true},fuse-conv-bn-qat");
  for (int step = 0; step < 2; step++) expect_close(run(&fused, input(step)), run(&plain, input(step)), 2e-3);
  network folded = network_clone(&plain);
  run_passes(&plain, "to-eval");
  run_passes(&fused, "to-eval,clear-annotations,fold-conv-bn,dce");
  run_passes(&folded, "fold-conv-bn,to-eval");
  array want = run(&plain, input(2));
  ck_assert_int_eq(count(&fused, "bn_scale") + count(&fused, "div"), 0);
  expect_close(run(&fused, input(2)), want, 2e-3);
  expect_close(run(&folded, input(2)), want, 1e-4);
  network_destroy(&plain);
  network_destroy(&fused);
  network_destroy(&folded);
}

/* Converted, the network computes what it does in evaluation with its fake-quants on: single roundings apart. */
static void verify_quantized(const network *n, const char *prepare, int seed) {
  network prepared = network_clone(n);
  run_passes(&prepared, prepare);
  for (int step = 0; step < 2; step++) run(&prepared, input(step));
  network converted = network_clone(&prepared), late = network_clone(&prepared);
  run_passes(&prepared, "to-eval,freeze-observers");
  for (graft_node i = graft_node_first(prepared.graph); i != GRAFT_NONE; i = graft_node_next(prepared.graph, i)) {
    graft_attr enabled = graft_attr_bool("enabled", true);
    if (strcmp(op_of(&prepared, i), "fake_quantize") == 0)
      ck_assert_int_eq(graft_node_set_attr(prepared.graph, i, &enabled), GRAFT_OK);
  }
  run_passes(&converted, "to-eval,convert");
  run_passes(&late, "convert,to-eval");
  ck_assert_uint_eq(graft_module_hash(converted.module), graft_module_hash(late.module));
  ck_assert_int_eq(count(&converted, "fake_quantize") + count(&converted, "bn_scale"), 0);
  double db = signal_to_noise(run(&converted, input(2)), run(&prepared, input(2)));
  ck_assert_msg(db > 25, "seed %d, %s: %.1f dB", seed, prepare, db);
  network_destroy(&prepared);
  network_destroy(&converted);
  network_destroy(&late);
}

/* One part in training, the other after it, in two rounds on one graph. */
START_TEST(random_networks_in_two_rounds) {
  network n = random_network(_i);
  run_passes(&n, _i % 2 ? "prepare-qat{scope=a}" : "prepare-qat{name=a,per-channel=true}");
  for (int step = 0; step < 2; step++) run(&n, input(step));
  run_passes(&n, "to-eval,convert");
  verify_quantized(&n, "prepare{scope=b}", _i);
  verify_quantized(&n, "prepare{skip-name=a,per-channel=true}", _i);
  network_destroy(&n);
}
END_TEST

START_TEST(random_networks_keep_their_meaning) {
  static const char *const prepare[] = {"prepare-qat",
                                        "prepare-qat{per-channel=true}",
                                        "prepare-qat{quantizer=onednn}",
                                        "prepare-qat{quantizer=derived_bias}",
                                        "prepare-qat{quantizer=int32_weight}",
                                        "to-eval,prepare",
                                        "to-eval,prepare{per-channel=true}",
                                        "to-eval,prepare{quantizer=onednn}"};
  network n = random_network(_i);
  verify_float(&n);
  for (size_t k = 0; k < sizeof prepare / sizeof *prepare; k++) verify_quantized(&n, prepare[k], _i);
  network_destroy(&n);
}
END_TEST

/* What a pass leaves, it finds as it left it. */
START_TEST(random_networks_prepared_twice) {
  static const char *const prepare[] = {"to-eval,prepare{skip-name=a}", "prepare{skip-name=a}", "prepare{name=a}",
                                        "prepare-qat{skip-name=a}", "prepare-qat"};
  network n = random_network(_i);
  for (size_t k = 0; k < sizeof prepare / sizeof *prepare; k++) {
    network once = network_clone(&n);
    run_passes(&once, prepare[k]);
    uint64_t hash = graft_module_hash(once.module);
    run_passes(&once, prepare[k]);
    ck_assert_msg(graft_module_hash(once.module) == hash, "seed %d, %s: twice is not once", _i, prepare[k]);
    network_destroy(&once);
  }
  network_destroy(&n);
}
END_TEST

static void setup(void) { arrays_reset(); }

int main(int argc, char **argv) {
  if (argc > 2) first_seed = (int)strtol(argv[1], NULL, 10), seeds = (int)strtol(argv[2], NULL, 10);
  Suite *suite = suite_create("random");
  TCase *c = tcase_create("random");
  tcase_add_checked_fixture(c, setup, NULL);
  tcase_add_loop_test(c, random_networks_keep_their_meaning, first_seed, first_seed + seeds);
  tcase_add_loop_test(c, random_networks_in_two_rounds, first_seed, first_seed + seeds);
  tcase_add_loop_test(c, random_networks_prepared_twice, first_seed, first_seed + seeds);
  tcase_set_timeout(c, 60);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
