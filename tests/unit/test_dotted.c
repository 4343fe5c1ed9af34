/* An op's id is apart from its name: a row called quantized.probe, in a table of its own with its own generated
 * builders. */
#include "dotted_ops.h"
#include "ir/ir_int.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(found_by_its_name) {
  const uint32_t op = gr_op_find("quantized.probe", strlen("quantized.probe"));
  ck_assert_uint_eq(op, GR_OP_quantized_probe);
  ck_assert_uint_eq(gr_op_find("quantized_probe", strlen("quantized_probe")), GR_OP_COUNT);
  ck_assert_str_eq(gr_op_get(op)->name, "quantized.probe");
  ck_assert_str_eq(gr_op_get(op)->id, "quantized_probe");
  ck_assert_uint_eq(gr_op_get(op)->operand_count, GR_MAX_OPERANDS);
  ck_assert_int_eq(gr_op_operand_slot(gr_op_get(op), "b13", 3), GR_OPERAND(quantized_probe, b13));
  char text[200];
  graft_op_signature(op, text, sizeof text);
  ck_assert_str_eq(text, "quantized.probe(x, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13?) {axis_: int = 3} -> y");
}
END_TEST

START_TEST(has_a_builder) {
  const graft_quantized_probe_options o = GRAFT_QUANTIZED_PROBE_DEFAULTS;
  ck_assert_uint_eq(o.size, sizeof o);
  ck_assert_int_eq(o.axis_, 3);
}
END_TEST

int main(void) {
  Suite *s = suite_create("dotted");
  TCase *t = tcase_create("dotted");
  tcase_add_test(t, found_by_its_name);
  tcase_add_test(t, has_a_builder);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_set_fork_status(r, CK_NOFORK);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
