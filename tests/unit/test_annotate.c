/* Annotating in C: the same as a quantizer file, and what it refuses. */
#include "passes/passes.h"
#include "patterns/patterns.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char network[] = "graft 1\n"
                              "tensor %w: f32[3, 2, 1, 1] parameter = fill(\"w\", -1, 1)\n"
                              "tensor %m: f32[3] buffer = [0, 0, 0]\n"
                              "graph main(%x: f32[1, 2, 4, 4]) {\n"
                              "  %c = conv2d(%x, %w): f32[1, 3, 4, 4]\n"
                              "  %n = batch_norm(%c, _, _, %m, %m): f32[1, 3, 4, 4]\n"
                              "  %p = adaptive_avg_pool2d(%c) {output_size: [1, 1]}: f32[1, 3, 1, 1]\n"
                              "  return %n as \"y\", %p as \"p\"\n"
                              "}\n";

static graft_context *context;
static graft_module *module;
static graft_graph *graph;
static graft_node conv, bn, pool;

static graft_module *load(void) {
  return graft_module_load_memory(context, network, sizeof network - 1, "n.gir", NULL);
}

static void setup(void) {
  context = graft_context_create(NULL);
  module = load();
  graph = graft_module_get_graph(module, 0);
  conv = graft_node_first(graph);
  bn = graft_node_next(graph, conv);
  pool = graft_node_next(graph, bn);
}

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static graft_place edge(graft_node node, uint32_t slot) { return (graft_place){GRAFT_NONE, node, slot}; }
static graft_place value(graft_node node) { return (graft_place){graft_node_result(graph, node, 0), 0, 0}; }

static const graft_attr activation[] = {{.name = "observer", .kind = GRAFT_ATTR_STRING, .as.s = "histogram"},
                                        {.name = "eps", .kind = GRAFT_ATTR_FLOAT, .as.f = 0.000244140625}};
static const graft_attr weight[] = {{.name = "quant_min", .kind = GRAFT_ATTR_INT, .as.i = -127},
                                    {.name = "scheme", .kind = GRAFT_ATTR_STRING, .as.s = "per_channel_symmetric"},
                                    {.name = "axis", .kind = GRAFT_ATTR_INT, .as.i = 0},
                                    {.name = "observer", .kind = GRAFT_ATTR_STRING, .as.s = "min_max"},
                                    {.name = "eps", .kind = GRAFT_ATTR_FLOAT, .as.f = 0.000244140625}};

/* What xnnpack's rules conv and adaptive_avg_pool2d do. */
static graft_status by_hand(void *user, graft_graph *g) {
  graft_node c = graft_node_first(g), p = graft_node_next(g, graft_node_next(g, c));
  graft_value result = graft_node_result(g, c, 0);
  graft_place x = {GRAFT_NONE, c, 0}, w = {GRAFT_NONE, c, 1}, y = {result, 0, 0}, px = {GRAFT_NONE, p, 0},
              py = {graft_node_result(g, p, 0), 0, 0};
  const graft_spec act = {.size = sizeof act, .kind = "spec", .attrs = activation, .attr_count = 2};
  const graft_spec wt = {.size = sizeof wt, .kind = "spec", .attrs = weight, .attr_count = 5};
  const graft_spec pool_in = {.size = sizeof pool_in, .kind = "shared", .places = &y, .place_count = 1};
  const graft_spec pool_out = {.size = sizeof pool_out, .kind = "shared", .places = &px, .place_count = 1};
  ++*(int *)user;
  graft_status s = graft_annotate(g, x, &act);
  if (!s) s = graft_annotate(g, w, &wt);
  if (!s) s = graft_annotate(g, y, &act);
  if (!s) s = graft_annotate(g, px, &pool_in);
  return s ? s : graft_annotate(g, py, &pool_out);
}

static char *printed(graft_module *m) {
  char *text;
  size_t size;
  ck_assert_int_eq(graft_module_print(m, GRAFT_FORMAT_TEXT, &text, &size), GRAFT_OK);
  char *copy = strndup(text, size);
  graft_free(context, text, size);
  return copy;
}

START_TEST(the_callback_does_what_the_file_does) {
  int calls = 0;
  graft_module *other = load();
  graft_pass_options o = {.size = sizeof o, .verify_each = true, .user = &calls, .annotate = by_hand};
  ck_assert_int_eq(graft_run_passes(module, "annotate{quantizer=callback},insert-observers", &o), GRAFT_OK);
  ck_assert_int_eq(calls, 1);
  /* the same groups from the file */
  ck_assert_int_eq(graft_run_passes(other, "annotate{quantizer=xnnpack,per-channel=true},insert-observers", NULL),
                   GRAFT_OK);
  char *a = printed(module), *b = printed(other);
  const char *at = strstr(a, "  %observe"), *bt = strstr(b, "  %observe");
  ck_assert_ptr_nonnull(at);
  ck_assert_ptr_nonnull(bt);
  ck_assert_uint_eq(strlen(at), strlen(bt));
  free(a);
  free(b);
  graft_module_destroy(other);
}
END_TEST

static void refuses(graft_place place, const graft_spec *spec, const char *message) {
  ck_assert_int_ne(graft_annotate(graph, place, spec), GRAFT_OK);
  ck_assert_uint_ge(graft_diagnostic_count(context), 1);
  const char *said = graft_diagnostic_get(context, graft_diagnostic_count(context) - 1).message;
  ck_assert_msg(strstr(said, message) != NULL, "'%s' is not in '%s'", message, said);
  graft_diagnostics_clear(context);
}

START_TEST(what_is_refused) {
  const graft_attr range = {.name = "quant_min", .kind = GRAFT_ATTR_INT, .as.i = -129};
  const graft_attr unknown = {.name = "qmin", .kind = GRAFT_ATTR_INT, .as.i = 0};
  const graft_spec plain = {.size = sizeof plain, .kind = "spec"};
  const graft_spec too_wide = {.size = sizeof plain, .kind = "spec", .attrs = &range, .attr_count = 1};
  const graft_spec wrong = {.size = sizeof plain, .kind = "spec", .attrs = &unknown, .attr_count = 1};
  const graft_spec kind = {.size = sizeof plain, .kind = "relu"};
  const graft_spec nothing = {.size = sizeof plain, .kind = "derived"};
  const graft_spec fixed = {.size = sizeof plain, .kind = "fixed"};
  const graft_place far = {GRAFT_NONE, 1000, 0};
  const graft_spec beyond = {.size = sizeof plain, .kind = "shared", .places = &far, .place_count = 1};
  refuses(edge(conv, 0), &too_wide, "impossible range");
  refuses(edge(conv, 0), &wrong, "qmin");
  refuses(edge(conv, 0), &kind, "no kind of spec 'relu'");
  refuses(edge(conv, 0), &nothing, "derived one or more");
  refuses(edge(conv, 0), &fixed, "needs scale");
  refuses(edge(conv, 0), &beyond, "no such node");
  refuses(edge(conv, 2), &plain, "no such operand");
  refuses(edge(1000, 0), &plain, "no such node");
  refuses((graft_place){1000, 0, 0}, &plain, "no such value");
  refuses(edge(bn, 3), &plain, "only data and weights"); /* pitfall 19 */
  ck_assert(!graft_is_annotated(graph, conv));
  ck_assert_int_eq(graft_annotate(graph, edge(conv, 0), &plain), GRAFT_OK);
  ck_assert_int_eq(graft_annotate(graph, value(pool), NULL), GRAFT_OK);
  ck_assert(graft_is_annotated(graph, conv));
  ck_assert(graft_is_annotated(graph, pool));
  ck_assert(!graft_is_annotated(graph, bn));
  refuses(edge(conv, 0), &plain, "annotated already");
  refuses(value(pool), &plain, "annotated already");
}
END_TEST

START_TEST(no_callback) {
  ck_assert_int_eq(graft_run_passes(module, "annotate{quantizer=callback}", NULL), GRAFT_NAME);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("annotate");
  TCase *t = tcase_create("annotate");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, the_callback_does_what_the_file_does);
  tcase_add_test(t, what_is_refused);
  tcase_add_test(t, no_callback);
  suite_add_tcase(suite, t);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
