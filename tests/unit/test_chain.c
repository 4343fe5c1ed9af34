/* Chains of ops in blocks give what the ops give one by one, bit for bit. */
#include "runtime/chain_impl.h"
#include "runtime/runtime_int.h"

#include "array_text.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static graft_context *context;
static graft_module *module;
static uint64_t state = 1;

static void setup(void) {
  context = graft_context_create(NULL);
  module = graft_module_create(context);
}

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static int64_t choose(int64_t low, int64_t high) {
  state = gr_mix(state + 1);
  return low + (int64_t)(state % (uint64_t)(high - low + 1));
}

static float some_float(void) {
  static const float special[] = {0.0f,    -0.0f, NAN,   INFINITY, -INFINITY, 1e-40f,
                                  -1e-40f, 0.5f,  -1.5f, 2.5f,     3e38f,     -3e38f};
  if (choose(0, 40) == 0) return special[choose(0, 11)];
  return (float)choose(-40000, 40000) * 0.01f;
}

static gr_array array(graft_dtype dtype, int32_t rank, const int64_t *dims) {
  gr_array a = {.type = graft_type_make(dtype, rank, dims)};
  size_t n = (size_t)graft_type_elements(&a.type);
  a.buffer = gr_buffer_alloc(context, n * graft_dtype_size(dtype));
  ck_assert_ptr_nonnull(a.buffer);
  a.data = a.buffer->data;
  for (size_t i = 0; i < n; i++) {
    if (dtype == GRAFT_F32)
      ((float *)a.buffer->data)[i] = some_float();
    else
      ((int32_t *)a.buffer->data)[i] = (int32_t)choose(-9, 9);
  }
  return a;
}

static gr_array positive(int32_t rank, const int64_t *dims) {
  gr_array a = array(GRAFT_F32, rank, dims);
  for (int64_t i = 0; i < graft_type_elements(&a.type); i++)
    ((float *)a.buffer->data)[i] = 0.01f * (float)choose(1, 500);
  return a;
}

typedef struct step {
  gr_unmade call;
  gr_array operands[3];
} step;

static uint32_t op_named(const char *name) { return gr_op_find(name, strlen(name)); }

static void set_op(step *s, const char *name, const char *attrs) {
  s->call = (gr_unmade){.op = op_named(name), .operands = s->operands, .operand_count = 1};
  s->call.attrs = text_attrs(module, s->call.op, attrs);
  ck_assert_msg(s->call.attrs != GRAFT_NONE, "%s {%s}", name, attrs);
}

/* An operand that broadcasts to x in some way. */
static gr_array other(const graft_type *x) {
  int32_t rank = (int32_t)choose(0, x->rank);
  int64_t dims[GRAFT_MAX_RANK];
  for (int32_t i = 0; i < rank; i++) dims[i] = choose(0, 2) ? x->dims[x->rank - rank + i] : 1;
  return array(GRAFT_F32, rank, dims);
}

static void binary(step *s, const graft_type *x) {
  static const char *const names[] = {"mul", "add"};
  set_op(s, names[choose(0, 1)], "");
  s->operands[s->call.operand_count++] = other(x);
}

static void unary(step *s, const graft_type *x) {
  static const char *const names[] = {"relu", "hardtanh", "hardswish", "sqrt", "sigmoid"};
  (void)x;
  set_op(s, names[choose(0, 4)], "");
}

static void quantizing(step *s, const graft_type *x, bool fake) {
  int64_t axis = choose(-1, x->rank - 1), n = axis < 0 ? 1 : x->dims[axis];
  char attrs[120];
  const char *range = "quant_min=-128 quant_max=127 dtype=i8";
  if (axis >= 0)
    snprintf(attrs, sizeof attrs, "%s axis=%d", range, (int)axis);
  else
    snprintf(attrs, sizeof attrs, "%s", range);
  set_op(s, fake ? "fake_quantize" : axis < 0 ? "quantize_per_tensor" : "quantize_per_channel", attrs);
  s->operands[1] = positive(axis < 0 ? 0 : 1, &n);
  s->operands[2] = array(GRAFT_I32, axis < 0 ? 0 : 1, &n);
  s->call.operand_count = 3;
}

static void observing(step *s, const graft_type *x) {
  int64_t axis = choose(-1, x->rank - 1), dims[2] = {2, axis < 0 ? 0 : x->dims[axis]};
  char attrs[120];
  snprintf(attrs, sizeof attrs, "observer=%s%s", choose(0, 1) ? "min_max" : "moving_average_min_max",
           axis < 0 ? "" : " axis=");
  if (axis >= 0) snprintf(attrs + strlen(attrs), 8, "%d", (int)axis);
  set_op(s, "observe", attrs);
  s->operands[s->call.operand_count++] = array(GRAFT_F32, axis < 0 ? 1 : 2, dims);
}

static void release(step *s) {
  for (uint32_t i = 0; i < s->call.operand_count; i++) gr_buffer_release(context, s->operands[i].buffer);
}

static bool same(const gr_array *a, const gr_array *b) {
  return gr_type_equal(&a->type, &b->type) &&
         memcmp(a->data, b->data, (size_t)graft_type_elements(&a->type) * graft_dtype_size(a->type.dtype)) == 0;
}

static gr_array run(const gr_unmade *call, gr_array x) {
  gr_array operands[3], y;
  memcpy(operands, call->operands, call->operand_count * sizeof *operands);
  operands[0] = x;
  graft_status status = gr_runtime_evaluate(NULL, module, call->op, call->attrs, operands, call->operand_count, &y, 1,
                                            (gr_loc){.node = "n"});
  ck_assert_msg(status == GRAFT_OK, "%s", status ? graft_diagnostic_get(context, 0).message : "");
  return y;
}

/* Of the last op: *in_blocks says whether the chain could be run so. */
static gr_array run_in_blocks(const gr_unmade *last, bool *in_blocks) {
  gr_array y = {0};
  gr_scratch *scratch = gr_scratch_create(context);
  ck_assert_int_eq(gr_chain_run(module, scratch, last, false, &y, (gr_loc){.node = "n"}, in_blocks), GRAFT_OK);
  gr_scratch_destroy(scratch);
  return y;
}

#define STEPS 4

START_TEST(chains_are_equal_op_by_op) {
  state = (uint64_t)_i; /* each test is a process of its own */
  step steps[STEPS];
  int64_t dims[GRAFT_MAX_RANK];
  int32_t rank = (int32_t)choose(1, 4);
  for (int32_t i = 0; i < rank; i++) dims[i] = choose(1, i == 0 ? 70 : 24);
  gr_array x = array(GRAFT_F32, rank, dims), one_by_one = x;
  uint32_t count = (uint32_t)choose(2, STEPS);
  for (uint32_t i = 0; i < count; i++) {
    step *s = &steps[i];
    *s = (step){0};
    bool last = i + 1 == count;
    switch (choose(0, last ? 5 : 2)) {
    case 0:
    case 1: binary(s, &x.type); break;
    case 2: choose(0, 1) ? unary(s, &x.type) : quantizing(s, &x.type, true); break;
    case 3: quantizing(s, &x.type, false); break;
    default: observing(s, &x.type);
    }
    if (i > 0) s->operands[0] = (gr_array){.from = &steps[i - 1].call};
    gr_array y = run(&s->call, one_by_one);
    if (i > 0) gr_buffer_release(context, one_by_one.buffer);
    one_by_one = y;
  }
  steps[0].operands[0] = x;
  bool in_blocks;
  gr_array y = run_in_blocks(&steps[count - 1].call, &in_blocks);
  ck_assert(in_blocks);
  ck_assert(same(&y, &one_by_one));
  gr_buffer_release(context, y.buffer);
  gr_buffer_release(context, one_by_one.buffer);
  for (uint32_t i = 0; i < count; i++) release(&steps[i]);
}
END_TEST

/* Rows times factors are quantized or observed as they are read. */
START_TEST(rows_are_multiplied_on_the_way) {
  state = (uint64_t)_i;
  step product = {0}, last = {0};
  int64_t dims[3] = {choose(2, 70), choose(1, 40), choose(1, 9)}, factors[3] = {dims[0], 1, 1};
  const graft_type type = graft_type_make(GRAFT_F32, 3, dims);
  set_op(&product, "mul", "");
  product.operands[0] = positive(3, dims);
  product.operands[1] = positive(3, factors);
  product.call.operand_count = 2;
  if (choose(0, 4) == 0) ((float *)product.operands[0].buffer->data)[choose(0, dims[0] - 1)] = NAN;
  gr_array y = run(&product.call, product.operands[0]);
  choose(0, 1) ? quantizing(&last, &type, false) : observing(&last, &type);
  last.operands[0] = (gr_array){.from = &product.call};
  gr_array want = run(&last.call, y);
  bool in_blocks;
  gr_array got = run_in_blocks(&last.call, &in_blocks);
  ck_assert(in_blocks);
  ck_assert(same(&got, &want));
  gr_buffer_release(context, got.buffer);
  gr_buffer_release(context, want.buffer);
  gr_buffer_release(context, y.buffer);
  release(&last);
  release(&product);
}
END_TEST

/* What does not go in blocks is made whole first. */
START_TEST(others_are_made_first) {
  const int64_t dims[] = {6, 5}, one[] = {1, 5};
  step flip = {0}, add = {0}, sum = {0};
  set_op(&flip, "transpose", "dim0=0 dim1=1");
  flip.operands[0] = array(GRAFT_F32, 2, dims);
  set_op(&add, "relu", "");
  add.operands[0] = (gr_array){.from = &flip.call};
  gr_array flipped = run(&flip.call, flip.operands[0]), want = run(&add.call, flipped);
  bool in_blocks;
  run_in_blocks(&add.call, &in_blocks);
  ck_assert(!in_blocks);
  gr_array got = run(&add.call, add.operands[0]);
  ck_assert(same(&got, &want));
  gr_buffer_release(context, got.buffer);
  gr_buffer_release(context, want.buffer);
  gr_buffer_release(context, flipped.buffer);
  /* the first operand is the one that is broadcast */
  set_op(&sum, "add", "");
  sum.operands[1] = array(GRAFT_F32, 2, dims);
  sum.call.operand_count = 2;
  release(&flip);
  flip.operands[0] = array(GRAFT_F32, 2, one);
  set_op(&flip, "relu", "");
  gr_array row = run(&flip.call, flip.operands[0]);
  want = run(&sum.call, row);
  sum.operands[0] = (gr_array){.from = &flip.call};
  run_in_blocks(&sum.call, &in_blocks);
  ck_assert(!in_blocks);
  got = run(&sum.call, sum.operands[0]);
  ck_assert(same(&got, &want));
  gr_buffer_release(context, got.buffer);
  gr_buffer_release(context, want.buffer);
  gr_buffer_release(context, row.buffer);
  release(&sum);
  release(&flip);
}
END_TEST

int main(void) {
  Suite *s = suite_create("chain");
  TCase *t = tcase_create("chain");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 60);
  tcase_add_loop_test(t, chains_are_equal_op_by_op, 0, 400);
  tcase_add_loop_test(t, rows_are_multiplied_on_the_way, 0, 200);
  tcase_add_test(t, others_are_made_first);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
