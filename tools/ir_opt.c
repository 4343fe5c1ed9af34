/* ir-opt: reads a module, runs passes over it, verifies it, writes it. Without passes it converts and checks. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ir/formats/npy_int.h"
#include "ir/inspect.h"
#include "ir/op_table.h"
#include "ir/state.h"
#include "passes/passes_int.h"
#include "patterns/patterns.h"
#include "patterns/quantizer_int.h"
#include "runtime/runtime_int.h"
#include "tools/cli.h"
#include "tools/report.h"
#include "tools/trace.h"

enum {
  EMIT = 256,
  PASSES,
  VERIFY_EACH,
  PRINT_BEFORE,
  PRINT_AFTER,
  PRINT_AFTER_ALL,
  PRINT_CHANGED,
  PRINT_TREE,
  TIMING,
  STATS,
  NO_PROVENANCE,
  INLINE_DATA,
  OPSET,
  EXTERNAL_DATA,
  EXPORT_STATE,
  LOAD_STATE,
  SAVE_STATE,
  STATE_DICT,
  STATE_MODULE,
  STATE_PREFIX,
  PARTIAL_STATE,
  QUANTIZER_FILE,
  PATTERN_FILE,
  EXPLAIN,
  EXPLAIN_RULE,
  MAX_MEMORY,
  MAX_WORK,
  LIST_PASSES,
  LIST_OPS,
  LIST_PATTERNS,
  LIST_QUANTIZERS
};

static const cli_option option_table[] = {
    {'o', "output", "OUT", "write the module to OUT (- : standard output)"},
    {PASSES, "passes", "PIPELINE", "run these passes: NAME{option=value,...},NAME,..."},
    {EMIT, "emit", "FORMAT",
     "text, binary, onnx, json or dot; else by OUT's extension (.gir .gfb .onnx .json .dot), else text"},
    {NO_PROVENANCE, "no-provenance", NULL,
     "write text, .gfb and JSON without records and sources, for tests that compare"},
    {INLINE_DATA, "inline-data", NULL, "write the elements of large tensors into the text too"},
    {OPSET, "opset", "N", "write .onnx of this opset, 13 to 21; else of 17"},
    {EXTERNAL_DATA, "external-data", NULL, "write the large tensors of .onnx into OUT.data"},
    {VERIFY_EACH, "verify-each", NULL, "check the graph after every pass"},
    {PRINT_BEFORE, "print-before", "PASS...", "print the module before each run of PASS (standard error)"},
    {PRINT_AFTER, "print-after", "PASS...", "print the module after each run of PASS (standard error)"},
    {PRINT_AFTER_ALL, "print-after-all", NULL, "print the module after every pass (standard error)"},
    {PRINT_CHANGED, "print-changed", NULL,
     "print what each pass changed, as a diff without provenance (standard error)"},
    {PRINT_TREE, "print-tree", "DIR", "write the module after each pass as a text in DIR, a folder for each pipeline"},
    {TIMING, "timing", NULL, "a table of the time each step took (standard error)"},
    {STATS, "stats", NULL, "a table of what each pass did (standard error)"},
    {EXPORT_STATE, "export-state", "DIR", "write every tensor of the module as DIR/NAME.npy"},
    {LOAD_STATE, "load-state", "FILE",
     "before the passes, take the tensors of a .safetensors, .pt or .pth file by their names"},
    {SAVE_STATE, "save-state", "FILE", "after the passes, write parameters, buffers and the like as .safetensors"},
    {STATE_DICT, "state-dict", "KEY", "of --load-state's checkpoint, which of several dicts of tensors"},
    {STATE_MODULE, "state-module", "NAME", "state files are of this part of the network: NAME.weight is their weight"},
    {STATE_PREFIX, "state-prefix", "PREFIX", "every key of the state files begins with PREFIX: 'module.'"},
    {PARTIAL_STATE, "partial-state", NULL,
     "keys that are missing in --load-state's file, or unexpected, are a warning"},
    {QUANTIZER_FILE, "quantizer-file", "FILE...", "a quantizer beside the built-in ones"},
    {PATTERN_FILE, "pattern-file", "FILE...", "rules beside the built-in ones"},
    {EXPLAIN, "explain", "NODE",
     "say what annotated NODE, and why rules and quantizers leave it alone (after the passes)"},
    {EXPLAIN_RULE, "explain-rule", "RULE", "with --explain: this rule alone, or the rules of this file"},
    CLI_LIMITS(MAX_MEMORY, MAX_WORK),
    {LIST_PASSES, "list-passes", NULL, "list the passes and pipelines"},
    {LIST_OPS, "list-ops", NULL, "list the ops"},
    {LIST_PATTERNS, "list-patterns", NULL, "list the rules"},
    {LIST_QUANTIZERS, "list-quantizers", NULL, "list the quantizers"},
    {0, NULL, NULL, NULL},
};

static const char examples[] =
    "examples:\n"
    "  ir-opt net.onnx                                       print a network as text\n"
    "  ir-opt net.onnx -o net.gfb                            convert it to graft's binary form\n"
    "  ir-opt net.onnx --passes prepare-qat -o qat.gfb       make it ready for quantization-aware training\n"
    "  ir-opt trained.gfb --passes to-eval,convert -o int8.gfb\n"
    "  ir-opt net.onnx --passes 'prepare-qat{quantizer=xnnpack,per-channel=true}' --stats --timing -o qat.gfb\n"
    "\n"
    "INPUT is .gir, .gfb or .onnx, told by its content; - is standard input. Text in a file keeps large tensors in a\n"
    ".safetensors file beside it; on standard output it leaves them out, with their hash (--inline-data: in the "
    "text).\n"
    "Options with ... may be repeated.\n"
    "Exit status: 0 done, 1 the input or a pass failed (nothing is written to OUT), 2 wrong usage.\n";

typedef struct arguments {
  const cli_command *command;
  const char *input, *output, *passes, *export_state, *explain, *explain_rule;
  const char *load_state, *save_state;
  graft_state_options state;
  graft_save_options save; /* GRAFT_FORMAT_AUTO: no format was given */
  bool verify_each, timing, stats;
  cli_list pattern_files, quantizer_files;
  trace trace;
  const char *tracing; /* an option that wants passes, NULL: none */
  cli_limits limits;
  uint32_t lists; /* bits of the --list options */
} arguments;

static bool parse_format(arguments *a, const char *name) {
  static const struct {
    const char *name;
    graft_format format;
  } formats[] = {{"text", GRAFT_FORMAT_TEXT},
                 {"binary", GRAFT_FORMAT_BINARY},
                 {"onnx", GRAFT_FORMAT_ONNX},
                 {"json", GRAFT_FORMAT_JSON},
                 {"dot", GRAFT_FORMAT_DOT}};
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
    if (strcmp(formats[i].name, name) != 0) continue;
    a->save.format = formats[i].format;
    return true;
  }
  gr_closest near = gr_closest_begin(name, strlen(name));
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
    gr_closest_offer(&near, formats[i].name, strlen(formats[i].name));
  cli_usage_error(a->command, "--emit takes text, binary, onnx, json or dot, not '%s'%s", name,
                  gr_closest_hint(&near, ""));
  return false;
}

static bool known_pass(const arguments *a, const char *name) {
  gr_closest near = gr_closest_begin(name, strlen(name));
  for (uint32_t i = 0; i < graft_pass_count(); i++) {
    if (strcmp(graft_pass_name(i), name) == 0) return true;
    gr_closest_offer(&near, graft_pass_name(i), strlen(graft_pass_name(i)));
  }
  cli_usage_error(a->command, "no pass is called '%s'%s", name,
                  near.word ? gr_closest_hint(&near, "") : " (--list-passes lists them)");
  return false;
}

static bool parse_opset(arguments *a, const char *text) {
  char *end;
  const unsigned long opset = strtoul(text, &end, 10);
  if (*text >= '0' && *text <= '9' && !*end && opset >= 13 && opset <= 21)
    return (a->save.opset = (uint32_t)opset) != 0;
  cli_usage_error(a->command, "--opset takes a number from 13 to 21, not '%s'", text);
  return false;
}

static bool set_option(void *user, int id, const char *argument) {
  arguments *a = user;
  switch (id) {
  case 'o': a->output = argument; return true;
  case PASSES: a->passes = argument; return true;
  case EMIT: return parse_format(a, argument);
  case NO_PROVENANCE: return a->save.no_provenance = true;
  case INLINE_DATA: return a->save.inline_data = true;
  case OPSET: return parse_opset(a, argument);
  case EXTERNAL_DATA: return a->save.external_data = true;
  case VERIFY_EACH: return a->verify_each = true;
  case PRINT_BEFORE:
    a->tracing = "--print-before";
    return known_pass(a, argument) && cli_list_add(&a->trace.before, argument);
  case PRINT_AFTER:
    a->tracing = "--print-after";
    return known_pass(a, argument) && cli_list_add(&a->trace.after, argument);
  case PRINT_AFTER_ALL: a->tracing = "--print-after-all"; return a->trace.after_all = true;
  case PRINT_CHANGED: a->tracing = "--print-changed"; return a->trace.changed = true;
  case PRINT_TREE:
    a->tracing = "--print-tree";
    a->trace.tree = argument;
    return true;
  case TIMING: return a->timing = true;
  case STATS: return a->stats = true;
  case EXPORT_STATE: a->export_state = argument; return true;
  case LOAD_STATE: a->load_state = argument; return true;
  case SAVE_STATE: a->save_state = argument; return true;
  case STATE_DICT: a->state.dict = argument; return true;
  case STATE_MODULE: a->state.module = argument; return true;
  case STATE_PREFIX: a->state.prefix = argument; return true;
  case PARTIAL_STATE: return a->state.partial = true;
  case QUANTIZER_FILE: return cli_list_add(&a->quantizer_files, argument);
  case PATTERN_FILE: return cli_list_add(&a->pattern_files, argument);
  case EXPLAIN: a->explain = argument; return true;
  case EXPLAIN_RULE: a->explain_rule = argument; return true;
  case MAX_MEMORY: return cli_limit(a->command, "max-memory", argument, 1024, &a->limits.max_bytes);
  case MAX_WORK: return cli_limit(a->command, "max-work", argument, 1000, &a->limits.max_work);
  case LIST_PASSES:
  case LIST_OPS:
  case LIST_PATTERNS:
  case LIST_QUANTIZERS: a->lists |= 1u << (id - LIST_PASSES); return true;
  default: return false;
  }
}

/* ---- lists ---- */

static void list_passes(void) {
  for (uint32_t i = 0; i < graft_pass_count(); i++) {
    char signature[512];
    graft_pass_signature(i, signature, sizeof signature);
    printf("%s\n    %s\n", signature, graft_pass_doc(i));
    if (graft_pass_members(i)[0]) printf("    = %s\n", graft_pass_members(i));
  }
}

/* A text of several lines, each indented. */
static void print_indented(const char *text) {
  while (*text) {
    size_t n = strcspn(text, "\n");
    printf("    %.*s\n", (int)n, text);
    text += n + (text[n] == '\n');
  }
}

/* Those that ship and those of the files; NULL with diagnostics. */
static graft_rules *read_rules(graft_context *context, const arguments *a) {
  graft_rules *rules = graft_rules_create(context, true);
  for (uint32_t i = 0; rules && i < a->pattern_files.count; i++) {
    if (graft_rules_load(rules, a->pattern_files.items[i]) == GRAFT_OK) continue;
    graft_rules_destroy(rules);
    return NULL;
  }
  return rules;
}

/* Why an op has no gradient rule, where it is not declared not differentiable. */
static const char *without_gradient(const char *op) {
#define WITHOUT(name, why) \
  if (strcmp(op, name) == 0) return why;
#include "patterns/rules/gradient/without.def"
#undef WITHOUT
  return "no rule";
}

/* With a line that says what flows back: "gradient: rule", "none (WHY)" or "not differentiable". */
static bool list_ops(graft_context *context, const arguments *a) {
  graft_rules *rules = read_rules(context, a);
  for (uint32_t i = 0; rules && i < graft_op_count(); i++) {
    char signature[1024];
    graft_op_signature(i, signature, sizeof signature);
    printf("%s\n    %s\n    gradient: ", signature, graft_op_doc(i));
    if (graft_op_is_in(i, "not_differentiable"))
      printf("not differentiable\n");
    else if (graft_rules_have_gradient(rules, i))
      printf("rule\n");
    else
      printf("none (%s)\n", without_gradient(graft_op_name(i)));
  }
  graft_rules_destroy(rules);
  return rules != NULL;
}

static bool list_patterns(graft_context *context, const arguments *a) {
  graft_rules *rules = read_rules(context, a);
  bool ok = rules != NULL;
  for (uint32_t i = 0; ok && i < graft_rules_count(rules); i++) {
    printf("%s  (%s)\n", graft_rules_name(rules, i), graft_rules_file(rules, i));
    print_indented(graft_rules_doc(rules, i));
  }
  graft_rules_destroy(rules);
  return ok;
}

static graft_quantizers *read_quantizers(graft_context *context, const arguments *a) {
  graft_quantizers *set = graft_quantizers_create(context, true);
  for (uint32_t i = 0; set && i < a->quantizer_files.count; i++) {
    if (graft_quantizers_load(set, a->quantizer_files.items[i]) == GRAFT_OK) continue;
    graft_quantizers_destroy(set);
    return NULL;
  }
  return set;
}

/* Frees the text. */
static void print_explanation(graft_context *context, char *text, size_t size) {
  fputs(text, stdout);
  graft_free(context, text, size);
}

#define MAX_ASKED 64u

/* Of the entry graph: all rules, and those of the default quantizer and of files. */
static bool explain(const arguments *a, graft_module *module) {
  graft_context *context = graft_module_get_context(module);
  graft_graph *graph = graft_module_get_graph(module, 0);
  graft_rules *rules = read_rules(context, a);
  graft_quantizers *quantizers = rules ? read_quantizers(context, a) : NULL;
  char *text;
  size_t size;
  uint32_t count = quantizers ? graft_quantizers_count(quantizers) : 0, asked[MAX_ASKED], asked_count = 0;
  for (uint32_t i = 0; i < count && asked_count < MAX_ASKED; i++) {
    bool of_file = i + a->quantizer_files.count >= count;
    if (of_file || strcmp(graft_quantizers_name(quantizers, i), "xnnpack") == 0) asked[asked_count++] = i;
  }
  bool ok = quantizers &&
            (!a->explain_rule || gr_explain_known(rules, quantizers, asked, asked_count, context, a->explain_rule));
  /* Not graft_rules_explain: the rule that is asked about may be a quantizer's. */
  ok = ok && gr_rules_explain(rules, graph, a->explain, a->explain_rule, gr_runtime_evaluate, &text, &size) == GRAFT_OK;
  if (ok) print_explanation(context, text, size);
  for (uint32_t i = 0; ok && i < asked_count; i++) {
    ok = gr_quantizers_explain(quantizers, asked[i], graph, a->explain, a->explain_rule, gr_runtime_evaluate, &text,
                               &size) == GRAFT_OK;
    if (ok) print_explanation(context, text, size);
  }
  graft_rules_destroy(rules);
  graft_quantizers_destroy(quantizers);
  return ok;
}

/* A wrong file is said even where no pass reads it. */
static bool check_files(graft_context *context, const arguments *a) {
  graft_rules *rules = a->pattern_files.count ? read_rules(context, a) : NULL;
  bool ok = rules || !a->pattern_files.count;
  graft_quantizers *quantizers = ok && a->quantizer_files.count ? read_quantizers(context, a) : NULL;
  ok = ok && (quantizers || !a->quantizer_files.count);
  graft_rules_destroy(rules);
  graft_quantizers_destroy(quantizers);
  return ok;
}

static bool list_quantizers(graft_context *context, const arguments *a) {
  graft_quantizers *set = read_quantizers(context, a);
  bool ok = set != NULL;
  for (uint32_t i = 0; ok && i < graft_quantizers_count(set); i++) {
    char signature[1024];
    graft_quantizers_signature(set, i, signature, sizeof signature);
    printf("%s  (%s)\n", signature, graft_quantizers_file(set, i));
    print_indented(graft_quantizers_doc(set, i));
  }
  graft_quantizers_destroy(set);
  return ok;
}

static int list(graft_context *context, const arguments *a) {
  bool ok = true;
#define ASKED(id) (a->lists & 1u << ((id)-LIST_PASSES))
  if (ASKED(LIST_PASSES)) list_passes();
  if (ASKED(LIST_OPS)) ok = list_ops(context, a);
  if (ASKED(LIST_PATTERNS)) ok = list_patterns(context, a) && ok;
  if (ASKED(LIST_QUANTIZERS)) ok = list_quantizers(context, a) && ok;
#undef ASKED
  cli_print_diagnostics(context, "ir-opt");
  return ok ? EXIT_DONE : EXIT_FAILED;
}

/* ---- running ---- */

typedef struct session {
  const arguments *arguments;
  report report;
  trace trace;
  bool lowered_for_onnx; /* by the pipeline: it said what becomes of biases */
} session;

static graft_status before_pass(void *user, graft_module *module, const graft_pass_report *r) {
  session *s = user;
  if (!report_begin(&s->report, r)) return GRAFT_NO_MEMORY;
  return trace_before(&s->trace, module, r);
}

static graft_status after_pass(void *user, graft_module *module, const graft_pass_report *r) {
  session *s = user;
  s->lowered_for_onnx |= strcmp(r->name, "to-onnx") == 0;
  if (!report_end(&s->report, r)) return GRAFT_NO_MEMORY;
  return trace_after(&s->trace, module, r);
}

static graft_status run_passes(session *s, graft_module *module) {
  const arguments *a = s->arguments;
  graft_pass_options options = {.size = sizeof options,
                                .verify_each = a->verify_each,
                                .before = before_pass,
                                .after = after_pass,
                                .user = s,
                                .pattern_files = a->pattern_files.items,
                                .pattern_file_count = a->pattern_files.count,
                                .quantizer_files = a->quantizer_files.items,
                                .quantizer_file_count = a->quantizer_files.count};
  if (!a->passes) return GRAFT_OK;
  if (!trace_begin(&s->trace, module)) return GRAFT_IO;
  return graft_run_passes(module, a->passes, &options);
}

/* ---- writing ---- */

static char *tensor_path(const graft_module *module, graft_tensor t, const char *directory) {
  size_t length = graft_tensor_name(module, t, NULL, 0);
  char *name = malloc(length + 1);
  if (!name) return NULL;
  graft_tensor_name(module, t, name, length + 1);
  char *path = cli_path(directory, name, "npy");
  free(name);
  return path;
}

static bool write_tensor(graft_module *module, graft_tensor t, const char *directory) {
  graft_type type = graft_tensor_get_type(module, t);
  const void *data = graft_tensor_get_data(module, t);
  char *path = data ? tensor_path(module, t, directory) : NULL;
  bool ok = path && gr_npy_write(graft_module_get_context(module), path, &type, data) == GRAFT_OK;
  free(path);
  return ok;
}

/* Names are checked first: a collision leaves nothing behind. Nor does a first tensor that cannot be had leave a new
 * folder. */
static int export_state(graft_module *module, const char *directory) {
  const uint32_t room = graft_tensor_count(module);
  uint32_t count = 0;
  char **paths = calloc(room + 1u, sizeof *paths);
  graft_tensor *tensors = calloc(room + 1u, sizeof *tensors);
  bool ok = paths && tensors;
  for (graft_tensor t = graft_tensor_first(module); ok && t != GRAFT_NONE; t = graft_tensor_next(module, t)) {
    tensors[count] = t;
    paths[count] = tensor_path(module, t, directory);
    ok = paths[count++] != NULL;
  }
  const char *twice = ok ? cli_collision(paths, count) : NULL;
  if (twice) cli_fail(twice, "two tensors of the module would both be written to this file");
  struct stat info;
  const bool is_new = stat(directory, &info) != 0;
  ok = ok && !twice && cli_make_directory(directory);
  for (uint32_t i = 0; ok && i < count; i++) ok = write_tensor(module, tensors[i], directory);
  if (!ok && is_new) rmdir(directory); /* what was written keeps it */
  for (uint32_t i = 0; paths && i < count; i++) free(paths[i]);
  free(paths);
  free(tensors);
  return ok ? EXIT_DONE : EXIT_FAILED;
}

/* Whoever asks for the state alone does not want the text too. */
static bool write_module(const arguments *a, graft_module *module) {
  if (!a->output && a->explain) return true;
  if (!a->output && (a->export_state || a->save_state) && a->save.format == GRAFT_FORMAT_AUTO) return true;
  return cli_save(module, a->output ? a->output : "-", &a->save);
}

static bool writes_onnx(const arguments *a) {
  const char *dot = a->output ? strrchr(a->output, '.') : NULL;
  if (a->save.format != GRAFT_FORMAT_AUTO) return a->save.format == GRAFT_FORMAT_ONNX;
  return dot && strcmp(dot, ".onnx") == 0;
}

/* What ONNX has no op for is lowered first. */
static bool lower_for_onnx(const session *s, graft_module *module) {
  const arguments *a = s->arguments;
  char pipeline[64];
  graft_pass_options options = {.size = sizeof options};
  if (!writes_onnx(a)) return true;
  snprintf(pipeline, sizeof pipeline, "to-onnx{opset=%u%s}", a->save.opset ? a->save.opset : 17,
           s->lowered_for_onnx ? ",int32-bias=false" : "");
  return graft_run_passes(module, pipeline, &options) == GRAFT_OK;
}

static bool load_state(const arguments *a, graft_module *module) {
  return !a->load_state || graft_state_load(module, a->load_state, &a->state) == GRAFT_OK;
}

static bool save_state(const arguments *a, graft_module *module) {
  return !a->save_state || graft_state_save(module, a->save_state, &a->state) == GRAFT_OK;
}

static bool process(session *s, graft_context *context) {
  const arguments *a = s->arguments;
  double start = cli_now();
  graft_module *module = check_files(context, a) ? cli_load(context, a->input) : NULL;
  report_step(&s->report, "read and verify", cli_now() - start);
  bool ok = module && load_state(a, module) && run_passes(s, module) == GRAFT_OK;
  start = cli_now();
  ok = ok && (!a->passes || graft_module_verify(module) == GRAFT_OK);
  if (a->passes) report_step(&s->report, "verify", cli_now() - start);
  start = cli_now();
  ok = ok && save_state(a, module) && lower_for_onnx(s, module);
  ok = ok && (!a->explain || explain(a, module));
  ok = ok && (!a->export_state || export_state(module, a->export_state) == EXIT_DONE) && write_module(a, module);
  report_step(&s->report, "write", cli_now() - start);
  graft_module_destroy(module);
  return ok;
}

/* Options of ONNX are of no other form, and a file beside OUT needs an OUT. */
static bool check_onnx_options(const arguments *a) {
  if (!writes_onnx(a) && (a->save.opset || a->save.external_data))
    return cli_usage_error(a->command, "--%s is of .onnx, and none is written",
                           a->save.opset ? "opset" : "external-data"),
           false;
  if (a->save.external_data && (!a->output || strcmp(a->output, "-") == 0))
    return cli_usage_error(a->command, "--external-data needs -o OUT: the tensors go to OUT.data"), false;
  return true;
}

static int run(graft_context *context, const arguments *a) {
  if (a->lists) return list(context, a);
  if (a->passes && gr_pipeline_check_text(context, a->passes) != GRAFT_OK) {
    cli_print_diagnostics(context, "ir-opt");
    return EXIT_USAGE;
  }
  session s = {.arguments = a, .trace = a->trace};
  s.trace.print = a->save;
  report_init(&s.report);
  bool ok = process(&s, context);
  cli_print_diagnostics(context, strcmp(a->input, "-") == 0 ? "<stdin>" : a->input);
  if (a->timing) report_print_timing(&s.report, stderr);
  if (a->stats) report_print_statistics(&s.report, stderr);
  if (ok) trace_end(&s.trace);
  report_free(&s.report);
  trace_free(&s.trace);
  return ok ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv) {
  arguments a = {.save.size = sizeof a.save, .state.size = sizeof a.state};
  cli_command command = {.name = "ir-opt",
                         .usage = "INPUT [-o OUT] [--passes PIPELINE] [options]",
                         .summary = "Reads a network, rewrites it with passes, checks it and writes it.",
                         .examples = examples,
                         .options = option_table,
                         .set = set_option,
                         .user = &a};
  a.command = &command;
  int first, status = cli_parse(&command, argc, argv, &first);
  if (status < 0 && !a.lists && first == argc) status = cli_usage_error(&command, "INPUT is missing");
  if (status < 0 && !a.lists && argc - first > 1)
    status = cli_usage_error(&command, "one INPUT, not also '%s'", argv[first + 1]);
  if (status < 0 && a.lists && first < argc)
    status = cli_usage_error(&command, "the --list options take no INPUT: '%s'", argv[first]);
  if (status < 0 && a.explain_rule && !a.explain) status = cli_usage_error(&command, "--explain-rule needs --explain");
  if (status < 0 && (a.state.module || a.state.prefix) && !a.load_state && !a.save_state)
    status = cli_usage_error(&command, "--state-module and --state-prefix need --load-state or --save-state");
  if (status < 0 && (a.state.partial || a.state.dict) && !a.load_state)
    status = cli_usage_error(&command, "--%s needs --load-state", a.state.partial ? "partial-state" : "state-dict");
  if (status < 0 && !a.lists && !check_onnx_options(&a)) status = EXIT_USAGE;
  if (status < 0 && a.tracing && !a.passes) status = cli_usage_error(&command, "%s needs --passes", a.tracing);
  if (status < 0) {
    a.input = argv[first];
    graft_context *context = cli_context(&a.limits);
    status = context ? run(context, &a) : cli_fail("ir-opt", "out of memory");
    graft_context_destroy(context);
  }
  cli_list_free(&a.pattern_files);
  cli_list_free(&a.quantizer_files);
  cli_list_free(&a.trace.before);
  cli_list_free(&a.trace.after);
  return cli_end(&command, status);
}
