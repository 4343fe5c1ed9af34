/* fuse-modules from C (graft/modules.h), and what it must hold: a failure changes nothing, cost is linear, a file of
 * the user's says what else may be fused. */
#include "ir/ir_int.h"
#include "passes/modules.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static graft_context *context;

static void set_up(void) { context = graft_context_create(NULL); }
static void tear_down(void) { graft_context_destroy(context); }

#define LAYER(n, in) \
  "  %conv" #n " = conv2d(" in ", %conv" #n ".weight) {padding: [1, 1]}\n" \
  "  %bn" #n ", %m" #n ", %v" #n " = batch_norm(%conv" #n ", %bn" #n ".weight, %bn" #n ".bias, %bn" #n \
  ".running_mean, %bn" #n ".running_var) {training: true}\n" \
  "  %relu" #n " = relu(%bn" #n ")\n"
#define TENSORS(n) \
  "tensor %conv" #n ".weight: f32[3, 3, 3, 3] parameter = fill(\"w" #n "\", -0.5, 0.5)\n" \
  "tensor %bn" #n ".weight: f32[3] parameter = fill(\"g" #n "\", 0.5, 1.5)\n" \
  "tensor %bn" #n ".bias: f32[3] parameter = fill(\"b" #n "\", -0.2, 0.2)\n" \
  "tensor %bn" #n ".running_mean: f32[3] buffer = fill(\"m" #n "\", -0.2, 0.2)\n" \
  "tensor %bn" #n ".running_var: f32[3] buffer = fill(\"v" #n "\", 0.5, 1.5)\n"
#define UPDATES(n) "  update %bn" #n ".running_mean = %m" #n "\n  update %bn" #n ".running_var = %v" #n "\n"

static const char two[] = "graft 1\n" TENSORS(1) TENSORS(2) "graph main(%x: f32[2, 3, 6, 6]) {\n" LAYER(1, "%x")
    LAYER(2, "%relu1") "  return %relu2\n" UPDATES(1) UPDATES(2) "}\n";

static graft_module *parse(const char *text) {
  graft_module *m = graft_module_load_memory(context, text, strlen(text), "test.gir", NULL);
  ck_assert_ptr_nonnull(m);
  return m;
}

static char *print(graft_module *m) {
  char *text = NULL;
  size_t size = 0;
  ck_assert_int_eq(graft_module_print(m, GRAFT_FORMAT_TEXT, &text, &size), GRAFT_OK);
  char *copy = strndup(text, size);
  graft_free(context, text, size);
  return copy;
}

static const char *first_error(void) {
  for (uint32_t i = 0; i < graft_diagnostic_count(context); i++) {
    const graft_diagnostic d = graft_diagnostic_get(context, i);
    if (d.severity == GRAFT_ERROR) return d.message;
  }
  return "";
}

static uint32_t count_ops(graft_module *m, const char *op) {
  graft_graph *g = graft_module_get_graph(m, 0);
  uint32_t count = 0;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next)
    count += strcmp(graft_node_get_op(g, n), op) == 0;
  return count;
}

START_TEST(fuses_in_evaluation_and_to_train) {
  graft_module *m = parse(two);
  ck_assert_int_eq(graft_run_passes(m, "to-eval", NULL), GRAFT_OK);
  ck_assert_int_eq(graft_fuse_modules(m, "conv1,bn1,relu1;conv2,bn2", NULL), GRAFT_OK);
  ck_assert_uint_eq(count_ops(m, "batch_norm"), 0);
  ck_assert_uint_ne(graft_tensor_find(m, "conv1.bias"), GRAFT_NONE);
  ck_assert_uint_eq(graft_tensor_find(m, "bn1.weight"), GRAFT_NONE);
  graft_module_destroy(m);
  m = parse(two);
  const graft_fuse_options fx = {.size = sizeof fx, .qat = true, .quantizer_options = "per-channel=true"};
  ck_assert_int_eq(graft_fuse_modules(m, "conv2,bn2;conv1,bn1,relu1", &fx), GRAFT_OK);
  ck_assert_uint_eq(count_ops(m, "fake_quantize"), 4);
  ck_assert_uint_eq(count_ops(m, "bn_scale"), 2);
  ck_assert_uint_ne(graft_tensor_find(m, "conv2.bn.running_var"), GRAFT_NONE);
  graft_module_destroy(m);
  m = parse(two); /* all that there are */
  ck_assert_int_eq(graft_fuse_modules(m, NULL, &fx), GRAFT_OK);
  ck_assert_uint_eq(count_ops(m, "bn_scale"), 2);
  graft_module_destroy(m);
}
END_TEST

/* What a quantizer without rules for them makes of marked modules: as if they had been fused with it. */
/* conv1's weight is called by a name of 300 letters, and so are then the tensors of what it is fused with. */
START_TEST(long_names_are_whole) {
  char name[302] = {0}, text[2 * sizeof two + 20 * sizeof name], *end = text, tensor[400];
  memset(name, 'c', 300);
  for (const char *s = two; *s;) {
    const bool here = strncmp(s, "conv1.", 6) == 0;
    end = stpcpy(end, here ? name : (const char[]){*s, '\0'});
    s += here ? 5 : 1;
  }
  graft_module *m = parse(text);
  const graft_fuse_options fx = {.size = sizeof fx, .qat = true};
  ck_assert_msg(graft_fuse_modules(m, "conv1,bn1,relu1", &fx) == GRAFT_OK, "%s", first_error());
  (void)snprintf(tensor, sizeof tensor, "%s.bn.running_mean", name);
  ck_assert_uint_ne(graft_tensor_find(m, tensor), GRAFT_NONE);
  ck_assert_uint_eq(graft_tensor_find(m, "bn1.running_mean"), GRAFT_NONE);
  graft_module_destroy(m);
}
END_TEST

START_TEST(marked_modules_are_prepared_as_one) {
  const graft_fuse_options none = {.size = sizeof none, .qat = true, .quantizer = "none"};
  graft_module *m = parse(two);
  ck_assert_int_eq(graft_fuse_modules(m, "conv1,bn1;conv2,bn2,relu2", &none), GRAFT_OK);
  ck_assert_int_eq(graft_run_passes(m, "prepare-qat{quantizer=fx}", NULL), GRAFT_OK);
  graft_module *other = parse(two);
  const graft_fuse_options fx = {.size = sizeof fx, .qat = true, .quantizer = "fx"};
  ck_assert_int_eq(graft_fuse_modules(other, "conv1,bn1;conv2,bn2,relu2", &fx), GRAFT_OK);
  ck_assert_uint_eq(graft_module_hash(m), graft_module_hash(other));
  graft_module_destroy(other);
  other = parse(two); /* without the marks relu1 belongs to the first */
  ck_assert_int_eq(graft_run_passes(other, "prepare-qat{quantizer=fx}", NULL), GRAFT_OK);
  ck_assert_uint_ne(graft_module_hash(m), graft_module_hash(other));
  graft_module_destroy(other);
  graft_module_destroy(m);
}
END_TEST

START_TEST(a_failure_changes_nothing) {
  static const struct {
    const char *modules, *quantizer, *error;
    bool qat;
  } cases[] = {
      {"conv1,bn1", NULL, "'bn1' is in training", false},
      {"conv1,bn1;bn2,conv2", NULL, "cannot fuse modules: (batch_norm, conv2d)", true},
      {"conv1,bn1;conv2,bn1", NULL, "'bn1' is named twice", true},
      {"conv1,bn1;conv3,bn3", NULL, "there is no module 'conv3'", true},
      {"conv1,bn1;conv2,relu1", NULL, "cannot fuse 'conv2' and 'relu1'", true},
      {"conv1,bn1;bn2,relu2", "xnnpack", "the quantizer xnnpack takes 0 of its 2 parts", true},
      {"conv1,bn1", "nowhere", "there is no quantizer 'nowhere'", true},
      {"conv1", NULL, "one module is nothing to fuse: 'conv1'", true},
      {"", NULL, "'fuse-modules' needs the option 'modules'", true},
      {";,;", NULL, "'fuse-modules' needs the option 'modules'", true},
      {"a\"b\\,c", NULL, "there is no module 'a\"b\\'", true},
  };
  graft_module *m = parse(two);
  char *before = print(m);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const graft_fuse_options o = {.size = sizeof o, .qat = cases[i].qat, .quantizer = cases[i].quantizer};
    ck_assert_int_ne(graft_fuse_modules(m, cases[i].modules, &o), GRAFT_OK);
    ck_assert_msg(strstr(first_error(), cases[i].error), "case %zu: %s", i, first_error());
    graft_diagnostics_clear(context);
    char *after = print(m);
    ck_assert_str_eq(before, after);
    free(after);
  }
  ck_assert_int_eq(graft_fuse_modules(NULL, "a,b", NULL), GRAFT_INVALID_ARGUMENT);
  const graft_fuse_options odd = {.size = sizeof odd, .quantizer = "fx"};
  ck_assert_int_eq(graft_fuse_modules(m, "conv1,bn1", &odd), GRAFT_INVALID_ARGUMENT);
  graft_diagnostics_clear(context);
  free(before);
  graft_module_destroy(m);
}
END_TEST

/* A relu that follows a batch norm that follows a relu, of which PyTorch knows nothing. */
static const char mapping[] = "# A batch norm between two relus, as it is.\n"
                              "sequence relu batch_norm:norm relu\n"
                              "\n"
                              "# relu(bn(y)), the batch norm spelt out. It is the same by definition.\n"
                              "rule spell_out\n"
                              "match\n"
                              "  %n = batch_norm(%y, %gamma, %beta, %mean, %var) {training: false, drop ..}   one_use\n"
                              "  %r = relu(%n)\n"
                              "where no_spec(..)\n"
                              "rewrite\n"
                              "  drop %mean\n"
                              "  %s = bn_scale(%gamma, %var)\n"
                              "  %a = mul(%y, channel(%s, %y) {axis: 1})\n"
                              "  %b = add(%a, channel(%beta, %a) {axis: 1})\n"
                              "  %r = relu(%b)\n"
                              "\n"
                              "# In place of the one that ships.\n"
                              "sequence batch_norm relu\n"
                              "  evaluation spell_out\n";

static const char one[] =
    "graft 1\n" TENSORS(1) "graph main(%x: f32[2, 3, 6, 6]) {\n"
                           "  %conv1 = conv2d(%x, %conv1.weight)\n"
                           "  %bn1 = batch_norm(%conv1, %bn1.weight, %bn1.bias, %bn1.running_mean, %bn1.running_var)\n"
                           "  %relu1 = relu(%bn1)\n  return %relu1\n}\n";

START_TEST(mapping_of_a_file) {
  char path[] = "/tmp/graft-mapping-XXXXXX";
  const int f = mkstemp(path);
  ck_assert_int_ge(f, 0);
  ck_assert_int_eq(write(f, mapping, sizeof mapping - 1), (int)sizeof mapping - 1);
  close(f);
  graft_fuse_options o = {.size = sizeof o, .mapping = path};
  graft_module *m = parse(one);
  ck_assert_int_ne(graft_fuse_modules(m, "bn1,relu1,conv1", &o), GRAFT_OK);
  ck_assert_ptr_nonnull(strstr(first_error(), "cannot fuse modules: (batch_norm, relu, conv2d)"));
  graft_diagnostics_clear(context);
  ck_assert_int_eq(graft_fuse_modules(m, "conv1,bn1", NULL), GRAFT_OK); /* without the file, as ever */
  ck_assert_uint_eq(count_ops(m, "batch_norm"), 0);
  graft_module_destroy(m);
  m = parse(one);
  ck_assert_int_eq(graft_fuse_modules(m, "bn1,relu1", &o), GRAFT_OK);
  ck_assert_uint_eq(count_ops(m, "batch_norm"), 0);
  ck_assert_uint_eq(count_ops(m, "bn_scale"), 1);
  o.mapping = "/nowhere/at-all.pat";
  ck_assert_int_ne(graft_fuse_modules(m, "conv1,bn1", &o), GRAFT_OK);
  graft_diagnostics_clear(context);
  graft_module_destroy(m);
  unlink(path);
}
END_TEST

/* ---- cost ---- */

static char *append(char *at, const char *format, int n, int before) {
  return at + sprintf(at, format, n, before); // NOLINT(clang-diagnostic-format-nonliteral)
}

/* A chain of conv + relu or, `norm`, conv + batch norm, all with the same tensors, and the names of all. */
static graft_module *chain(int layers, bool norm, char **names) {
  char *text = malloc((size_t)layers * 200 + 200), *at = text, *list = *names = malloc((size_t)layers * 40 + 1);
  ck_assert(text && list);
  at += sprintf(at, "graft 1\ntensor %%w: f32[1, 1, 1] parameter = fill(\"w\", -1.0, 1.0)\n"
                    "tensor %%m: f32[1] buffer = [0]\ntensor %%v: f32[1] buffer = [1]\n"
                    "graph main(%%x: f32[1, 1, 4]) {\n  %%r0 = relu(%%x)\n");
  for (int i = 1; i <= layers; i++) {
    at = append(at, "  %%c%d = conv1d(%%r%d, %%w)\n", i, i - 1);
    at = append(at, norm ? "  %%r%d = batch_norm(%%c%d, _, _, %%m, %%v)\n" : "  %%r%d = relu(%%c%d)\n", i, i);
    list = append(list, "c%d,r%d;", i, i);
  }
  sprintf(at, "  return %%r%d\n}\n", layers);
  graft_module *m = parse(text);
  free(text);
  return m;
}

static double cost(int layers, bool norm, const graft_fuse_options *o) {
  double best = 1e9;
  for (int i = 0; i < 3; i++) {
    char *names;
    graft_module *m = chain(layers, norm, &names);
    const clock_t start = clock();
    ck_assert_int_eq(graft_fuse_modules(m, names, o), GRAFT_OK);
    const double taken = (double)(clock() - start) / CLOCKS_PER_SEC;
    if (taken < best) best = taken;
    free(names);
    graft_module_destroy(m);
  }
  return best;
}

START_TEST(thousands_cost_as_much_each) {
  const graft_fuse_options plain = {.size = sizeof plain}, fx = {.size = sizeof fx, .qat = true};
  const graft_fuse_options even = {.size = sizeof even, .qat = true, .form = "auto"};
  ck_assert_double_lt(cost(16000, false, &plain), 8 * 3 * cost(2000, false, &plain));
  ck_assert_double_lt(cost(8000, false, &fx), 8 * 3 * cost(1000, false, &fx));
  ck_assert_double_lt(cost(8000, true, &even), 8 * 3 * cost(1000, true, &even));
}
END_TEST

int main(void) {
  Suite *s = suite_create("fuse");
  TCase *t = tcase_create("fuse");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, fuses_in_evaluation_and_to_train);
  tcase_add_test(t, long_names_are_whole);
  tcase_add_test(t, marked_modules_are_prepared_as_one);
  tcase_add_test(t, a_failure_changes_nothing);
  tcase_add_test(t, mapping_of_a_file);
  tcase_add_test(t, thousands_cost_as_much_each);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
