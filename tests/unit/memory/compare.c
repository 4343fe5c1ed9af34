/* Two networks held against each other, and biases corrected by it. */
#include "runtime/compare.h"
#include "passes/passes.h"
#include "roads.h"

static void append_layers(bytes *b, const graft_compare *c) {
  for (uint32_t i = 0; i < graft_compare_layer_count(c); i++) {
    const graft_layer l = graft_compare_layer(c, i);
    append(b, &l.error.snr, sizeof l.error.snr);
    append(b, &l.own.snr, sizeof l.own.snr);
    append(b, l.histogram_b, sizeof l.histogram_b);
  }
  for (uint32_t i = 0; i < graft_compare_weight_count(c); i++) {
    const graft_weight w = graft_compare_weight(c, i);
    append(b, &w.worst_snr, sizeof w.worst_snr);
  }
  for (uint32_t i = 0; i < graft_compare_missed_count(c); i++) {
    const graft_missed m = graft_compare_missed(c, i);
    append(b, &m.count, sizeof m.count);
  }
}

static const char biased[] = "graft 1\n"
                             "tensor %v: f32[2, 2] parameter = [0.5, -0.3, 0.2, 1.0]\n"
                             "tensor %a: f32[2] parameter = [1, 2]\n"
                             "tensor %w: f32[2, 2] parameter = [0.1, 0.7, -0.2, 0.9]\n"
                             "tensor %b: f32[2] parameter = [3, 4]\n"
                             "graph main(%x: f32[1, 2]) {\n"
                             "  %y = linear(%x, %v, %a)\n"
                             "  %z = linear(%y, %w, %b)\n"
                             "  return %z\n"
                             "}\n";

/* The biases of the network are corrected to another's, which its weights are a little off. */
static graft_status correct(trial *t) {
  road_load_for_sure(t);
  road_heap.off = true;
  graft_module *other = road_load(t);
  ck_assert_ptr_nonnull(other);
  const float off[] = {0.5f, -0.25f, 0.25f, 1.0f};
  for (const char *weight = "v"; weight; weight = *weight == 'v' ? "w" : NULL)
    ck_assert_int_eq(graft_tensor_set_data(t->m, graft_tensor_find(t->m, weight), off), GRAFT_OK);
  graft_graph *a = graft_module_get_graph(other, 0), *b = graft_module_get_graph(t->m, 0);
  const graft_type type = graft_value_get_type(a, graft_input_get(a, 0));
  graft_compare *c =
      graft_compare_create(a, b, &(graft_compare_options){.size = sizeof(graft_compare_options), .biases = true});
  ck_assert_ptr_nonnull(c);
  ck_assert_int_eq(graft_compare_step(c, &type, (const void *const[]){(const float[]){1, 2}}), GRAFT_OK);
  road_heap.off = false;
  road_step(t);
  graft_bias_correction done = {.size = sizeof done};
  const graft_status s = graft_compare_correct_biases(c, &done);
  ck_assert_uint_eq(done.corrected, s ? 0 : 2);
  if (s == GRAFT_OK) append_module(&t->out, t->m);
  graft_compare_destroy(c);
  graft_module_destroy(other);
  return s;
}

/* The network against what the road's pipeline makes of it. */
static graft_status compare(trial *t) {
  road_load_for_sure(t);
  road_heap.off = true;
  graft_module *other = road_load(t);
  ck_assert_ptr_nonnull(other);
  ck_assert_int_eq(graft_run_passes(other, t->road->pipeline, NULL), GRAFT_OK);
  road_heap.off = false;
  road_step(t);
  graft_compare *c = graft_compare_create(graft_module_get_graph(t->m, 0), graft_module_get_graph(other, 0), NULL);
  graft_status s = c ? GRAFT_OK : GRAFT_NO_MEMORY;
  const graft_type type =
      graft_value_get_type(graft_module_get_graph(t->m, 0), graft_input_get(graft_module_get_graph(t->m, 0), 0));
  float x[64];
  for (int i = 0; i < 64; i++) x[i] = (float)(i % 7) * 0.25f - 0.5f;
  for (int i = 0; i < 2 && s == GRAFT_OK; i++) s = graft_compare_step(c, &type, (const void *const[]){x});
  if (s == GRAFT_OK) append_layers(&t->out, c);
  graft_compare_destroy(c);
  graft_module_destroy(other);
  return s;
}

static const road roads[] = {
    {"correct biases", correct, biased, NULL, NULL, 0},
    {"compare", compare, road_layers, NULL, CONVERTED, 0},
    {"compare with integers", compare, road_layers, NULL, CONVERTED ",lower", 0},
    {"compare control flow", compare, road_branches, NULL, "canonicalize", 0},
};

int main(int argc, char **argv) { return roads_main(argc, argv, roads, sizeof roads / sizeof *roads); }
