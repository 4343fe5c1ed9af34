/* What an embedder adds: sets of rules and of quantizers, predicates, passes, quantizers in C, diagnostics. */
#include "passes/extend.h"
#include "ir/annotations.h"
#include "ir/edit.h"
#include "ir/inspect.h"
#include "passes/passes.h"
#include "patterns/patterns.h"
#include "roads.h"
#include "runtime/runtime.h"

static const char rules[] = "# relu ==> silu\n#\n# For this test.\n"
                            "rule to_silu\n"
                            "match\n"
                            "  %y = relu(%x)\n"
                            "where\n"
                            "  mine(%x), no_spec(..)\n"
                            "rewrite\n"
                            "  %y = silu(%x)\n";

static const char quantizer[] = "quantizer mine \"of a test\"\n"
                                "option bits: int = 8\n"
                                "spec activation { dtype: u8, quant_min: 0, quant_max: 255 }\n"
                                "spec weight { dtype: i8, quant_min: -127, quant_max: 127 }\n"
                                "rule conv\n"
                                "match\n"
                                "  %c = conv2d(%x, %w, %b?)\n"
                                "where\n"
                                "  mine(%x)\n"
                                "annotate\n"
                                "  %c.x = activation\n"
                                "  %c.weight = weight\n"
                                "  %c = activation\n";

static bool mine(void *user, const graft_graph *graph, const graft_value *values, uint32_t count) {
  (void)user;
  return count == 1 && graft_value_get_type(graph, values[0]).dtype == GRAFT_F32;
}

/* After each relu another one, once a name; a warning, a statistic. */
static graft_status twice(void *user, graft_module *module, graft_pass_call *call) {
  graft_graph *g = graft_module_get_graph(module, 0);
  uint32_t count = 0;
  const char *const *names = graft_pass_call_list(call, "names", &count);
  (void)user;
  graft_status s = names ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < count && !s; i++) {
    const graft_value v = graft_value_find(g, names[i]);
    const graft_node of = graft_value_node(g, v);
    const graft_node n = graft_node_create(g, &(graft_node_options){.size = sizeof(graft_node_options),
                                                                    .op = "relu",
                                                                    .operands = &v,
                                                                    .operand_count = 1,
                                                                    .name = graft_pass_call_string(call, "name"),
                                                                    .from = &of,
                                                                    .from_count = 1,
                                                                    .before = graft_node_next(g, of),
                                                                    .insert = true});
    if (n == GRAFT_NONE) return GRAFT_NO_MEMORY;
    s = graft_value_replace_uses_except(g, v, graft_node_result(g, n, 0), n);
    if (!s) s = graft_pass_call_add(call, "relus doubled", 1);
    if (!s) s = graft_node_diagnostic(g, n, GRAFT_WARNING, GRAFT_OK, "this relu does nothing");
  }
  return s;
}

static graft_status by_hand(void *user, graft_graph *graph, graft_pass_call *call) {
  const graft_attr most = {.name = "quant_max", .kind = GRAFT_ATTR_INT, .as.i = graft_pass_call_int(call, "most")};
  const graft_spec spec = {.size = sizeof spec, .kind = "spec", .attrs = &most, .attr_count = 1};
  (void)user;
  for (graft_node n = graft_node_first(graph); n != GRAFT_NONE; n = graft_node_next(graph, n)) {
    if (strcmp(graft_node_get_op(graph, n), "conv2d") != 0) continue;
    graft_status s = graft_annotate(graph, graft_place_edge(n, 0), &spec);
    if (!s) s = graft_annotate(graph, graft_place_value(graft_node_result(graph, n, 0)), &spec);
    if (s) return s;
  }
  return GRAFT_OK;
}

static graft_status before(void *user, graft_module *m, const graft_pass_report *report) {
  (void)m;
  if (!report->pipeline) road_step(user);
  return GRAFT_OK;
}

static graft_status after(void *user, graft_module *m, const graft_pass_report *report) {
  trial *t = user;
  (void)m;
  append_text(&t->out, report->name);
  for (uint32_t i = 0; i < report->statistic_count; i++)
    append(&t->out, &report->statistics[i].value, sizeof report->statistics[i].value);
  return GRAFT_OK;
}

static const graft_option twice_options[] = {
    {.size = sizeof *twice_options, .kind = GRAFT_OPTION_LIST, .name = "names", .value = "relu"},
    {.size = sizeof *twice_options, .kind = GRAFT_OPTION_STRING, .name = "name", .value = "again"}};
static const graft_option hand_options[] = {
    {.size = sizeof *hand_options, .kind = GRAFT_OPTION_INT, .name = "most", .value = "100", .least = 1, .most = 127}};
static const graft_pass passes[] = {
    {.size = sizeof *passes, .name = "twice", .options = twice_options, .option_count = 2, .run = twice},
    {.size = sizeof *passes, .name = "mine", .members = "twice{name=more},canonicalize,rewrite{rules=to_silu},dce"}};
static const graft_quantizer_callback hand = {
    .size = sizeof hand, .name = "hand", .options = hand_options, .option_count = 1, .annotate = by_hand};
static const graft_predicate predicate = {.size = sizeof predicate, .name = "mine", .arity = 1, .holds = mine};

/* Sets are made, all is run or checked, and they go. */
static graft_status extended(trial *t, bool run) {
  road_load_for_sure(t);
  road_step(t);
  graft_rules *r = graft_rules_create(t->c, t->road->ready != NULL);
  graft_quantizers *q = r ? graft_quantizers_create(t->c, false) : NULL;
  graft_status s = q ? GRAFT_OK : GRAFT_NO_MEMORY;
  if (!s) s = graft_rules_add_predicate(r, &predicate);
  if (!s) s = graft_rules_add(r, rules, sizeof rules - 1, "mine.pat");
  if (!s) s = graft_quantizers_add_predicate(q, &predicate);
  if (!s) s = graft_quantizers_add(q, quantizer, sizeof quantizer - 1, "mine.qz");
  const graft_rules *set = r;
  const graft_quantizers *quantizers = q;
  const graft_pass_options o = {.size = sizeof o,
                                .before = before,
                                .after = after,
                                .user = t,
                                .rules = &set,
                                .rules_count = 1,
                                .quantizers = &quantizers,
                                .quantizers_count = 1,
                                .passes = passes,
                                .pass_count = 2,
                                .callbacks = &hand,
                                .callback_count = 1};
  if (!s) s = run ? graft_run_passes(t->m, t->road->pipeline, &o) : graft_check_pipeline(t->c, t->road->pipeline, &o);
  graft_rules_destroy(r);
  graft_quantizers_destroy(q);
  if (!s) append_module(&t->out, t->m);
  return s;
}

static const char folded[] = "graft 1\n"
                             "tensor %k: f32[3] constant = [1.0, 2.0, -3.0]\n"
                             "graph main(%x: f32[3]) {\n"
                             "  %a = \"vendor.scale\"(%k) {by: 3}: f32[3]\n"
                             "  %b = mul(%x, %a)\n"
                             "  return %b\n"
                             "}\n";

static graft_status same_types(void *user, const graft_kernel_call *call, graft_type *types) {
  (void)user;
  types[0] = call->operand_types[0];
  return GRAFT_OK;
}

static graft_status scale(void *user, const graft_kernel_call *call) {
  graft_attr by;
  (void)user;
  if (!graft_node_attr(call->graph, call->node, "by", &by)) return GRAFT_RUN;
  for (int i = 0; i < 3; i++) ((float *)call->results[0])[i] = (float)by.as.i * ((const float *)call->operands[0])[i];
  return GRAFT_OK;
}

/* Passes compute with a kernel. */
static graft_status pure(trial *t) {
  road_load_for_sure(t);
  const graft_kernel kernel = {
      .size = sizeof kernel, .op = "vendor.scale", .infer = same_types, .run = scale, .pure = true};
  road_step(t);
  const graft_status s = graft_run_passes(
      t->m, t->road->pipeline,
      &(graft_pass_options){.size = sizeof(graft_pass_options), .kernels = &kernel, .kernel_count = 1});
  if (!s) append_module(&t->out, t->m);
  return s;
}

static graft_status run(trial *t) { return extended(t, true); }
static graft_status check(trial *t) { return extended(t, false); }

static const road roads[] = {
    {"own pass", run, road_network, NULL, "twice{names=\"relu,bn\"},dce", 0},
    {"own pipeline", run, road_network, NULL, "mine{names=relu},verify", 0},
    {"own quantizer", run, road_network, NULL, "to-eval,prepare{quantizer=hand,most=90},convert", 0},
    {"quantizer set", run, road_network, NULL, "prepare-qat{quantizer=mine,bits=8},to-eval,convert", 0},
    {"rule set with what ships", run, road_network, "to-eval", "mine,annotate{quantizer=mine}", 0},
    {"own kernel in passes", pure, folded, NULL, "fold-constants", 0},
    {"check", check, road_network, NULL, "mine{names=\"a,b\"},prepare{quantizer=hand,most=90},convert", 0},
};

int main(int argc, char **argv) { return roads_main(argc, argv, roads, sizeof roads / sizeof *roads); }
