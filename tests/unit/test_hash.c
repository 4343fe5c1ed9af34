/* The structural hash: what changes it and what does not. */
#include "ir/ir_int.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct variant {
  const char *input, *output, *prefix; /* interface names; what the other names begin with */
  double lo, scalar;
  int64_t stride;
  uint32_t unused; /* dead values made first, so that indices differ */
  graft_tensor_kind kind;
  bool two_weights, spec, no_update, source, mark;
} variant;

static const variant base = {.input = "x", .output = "y", .prefix = "a", .lo = 0.5, .scalar = 2, .stride = 1};

static uint64_t hash_of(variant w) {
  graft_context *c = graft_context_create(NULL);
  graft_module *m = graft_module_create(c);
  graft_graph *g = graft_graph_create(m, "main");
  const graft_type type = graft_type_make(GRAFT_F32, 4, (int64_t[]){1, 3, 8, 8});
  const graft_type weight_type = graft_type_make(GRAFT_F32, 4, (int64_t[]){3, 3, 1, 1});
  const graft_type state_type = graft_type_make(GRAFT_F32, 1, (int64_t[]){2});
  const graft_value x = graft_input_add(g, w.input, &type);
  for (uint32_t i = 0; i < w.unused; ++i) gr_node_erase(g, graft_value_node(g, graft_build(g, "relu", &x, 1, NULL, 0)));
  char name[32];
  snprintf(name, sizeof name, "%s.weight", w.prefix);
  graft_value weight[2];
  const float data[9] = {(float)w.lo, 1, 2, 3, 4, 5, 6, 7, 8};
  for (int i = 0; i < 2; ++i)
    weight[i] = graft_tensor_value(g, graft_tensor_create(m, name, w.kind, &weight_type, data));
  const graft_attr stride = {
      .name = "stride", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = (int64_t[]){w.stride, w.stride}};
  graft_value y = x;
  for (int i = 0; i < 2; ++i) {
    const graft_value operands[] = {y, weight[w.two_weights ? i : 0]};
    snprintf(name, sizeof name, "%s_conv", w.prefix);
    const graft_node_options o = {.size = sizeof o,
                                  .op = "conv2d",
                                  .operands = operands,
                                  .operand_count = 2,
                                  .attrs = &stride,
                                  .attr_count = 1,
                                  .name = name,
                                  .source = w.source ? "net.conv" : NULL};
    y = graft_node_result(g, graft_node_create(g, &o), 0);
  }
  if (w.spec) {
    gr_attr_builder b;
    gr_attrs_begin(&b, gr_spec_info(GR_SPEC_spec));
    gr_spec_set_value(
        g, y,
        gr_spec_intern(m, GR_SPEC_spec, gr_attrs_intern(m, &b, gr_spec_info(GR_SPEC_spec), (gr_loc){0}), NULL, 0));
  }
  if (w.mark) ck_assert(graft_node_set_mark(g, graft_value_node(g, y), "inserted", true) == GRAFT_OK);
  y = graft_build(g, "mul", (graft_value[]){y, graft_scalar(g, GRAFT_F32, w.scalar)}, 2, NULL, 0);
  graft_output_add(g, w.output, y);
  const graft_tensor state = graft_tensor_create(m, "state", GRAFT_BUFFER, &state_type, data);
  const graft_value next = graft_build(g, "observe", (graft_value[]){y, graft_tensor_value(g, state)}, 2, NULL, 0);
  if (!w.no_update) graft_update_add(g, state, next);
  ck_assert(graft_module_verify(m) == GRAFT_OK);
  const uint64_t hash = graft_module_hash(m);
  ck_assert(hash != 0 && hash == graft_module_hash(m));
  ck_assert(graft_module_compact(m) == GRAFT_OK);
  ck_assert(hash == graft_module_hash(m));
  graft_module_destroy(m);
  graft_context_destroy(c);
  return hash;
}

#define EQUAL(...) \
  do { \
    variant w = base; \
    __VA_ARGS__; \
    ck_assert(hash_of(w) == hash_of(base)); \
  } while (0)
#define UNEQUAL(...) \
  do { \
    variant w = base; \
    __VA_ARGS__; \
    ck_assert(hash_of(w) != hash_of(base)); \
  } while (0)

START_TEST(names_do_not_count) { EQUAL(w.prefix = "other"); }
END_TEST
START_TEST(indices_do_not_count) { EQUAL(w.unused = 7); }
END_TEST
START_TEST(provenance_does_not_count) { EQUAL(w.source = true); }
END_TEST
START_TEST(marks_do_not_count) { EQUAL(w.mark = true); }
END_TEST
START_TEST(interface_names_count) {
  UNEQUAL(w.input = "z");
  UNEQUAL(w.output = "z");
}
END_TEST
START_TEST(attributes_count) { UNEQUAL(w.stride = 2); }
END_TEST
START_TEST(bytes_count) {
  UNEQUAL(w.lo = 0.25);
  UNEQUAL(w.scalar = 3);
}
END_TEST
START_TEST(kinds_count) { UNEQUAL(w.kind = GRAFT_CONSTANT); }
END_TEST
START_TEST(sharing_counts) { UNEQUAL(w.two_weights = true); }
END_TEST
START_TEST(sharing_of_constants_does_not_count) {
  variant one = base, two = base;
  one.kind = two.kind = GRAFT_CONSTANT;
  two.two_weights = true;
  ck_assert(hash_of(one) == hash_of(two));
}
END_TEST
START_TEST(annotations_count) { UNEQUAL(w.spec = true); }
END_TEST
START_TEST(updates_count) { UNEQUAL(w.no_update = true); }
END_TEST

int main(void) {
  Suite *s = suite_create("hash");
  TCase *t = tcase_create("hash");
  tcase_add_test(t, names_do_not_count);
  tcase_add_test(t, indices_do_not_count);
  tcase_add_test(t, provenance_does_not_count);
  tcase_add_test(t, marks_do_not_count);
  tcase_add_test(t, interface_names_count);
  tcase_add_test(t, attributes_count);
  tcase_add_test(t, bytes_count);
  tcase_add_test(t, kinds_count);
  tcase_add_test(t, sharing_counts);
  tcase_add_test(t, sharing_of_constants_does_not_count);
  tcase_add_test(t, annotations_count);
  tcase_add_test(t, updates_count);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_set_fork_status(r, CK_NOFORK);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
