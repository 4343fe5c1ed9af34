/* ir-opt: reads a module, runs passes over it, verifies it, writes it. Without passes it converts and checks. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ir/formats/npy_int.h"
#include "passes/passes.h"
#include "patterns/patterns.h"
#include "tools/cli.h"
#include "tools/report.h"

enum {
  EMIT = 256,
  PASSES,
  VERIFY_EACH,
  PRINT_BEFORE,
  PRINT_AFTER,
  PRINT_AFTER_ALL,
  TIMING,
  STATS,
  NO_PROVENANCE,
  INLINE_DATA,
  EXPORT_STATE,
  QUANTIZER_FILE,
  PATTERN_FILE,
  EXPLAIN,
  EXPLAIN_RULE,
  LIST_PASSES,
  LIST_OPS,
  LIST_PATTERNS,
  LIST_QUANTIZERS
};

static const cli_option option_table[] = {
    {'o', "output", "OUT", "write the module to OUT (- : standard output)"},
    {PASSES, "passes", "PIPELINE", "run these passes: NAME{option=value,...},NAME,..."},
    {EMIT, "emit", "FORMAT", "text, binary, json or dot; else by OUT's extension (.gir .gfb .json .dot), else text"},
    {NO_PROVENANCE, "no-provenance", NULL, "write text and .gfb without records and sources, for tests that compare"},
    {INLINE_DATA, "inline-data", NULL, "write the elements of large tensors into the text too"},
    {VERIFY_EACH, "verify-each", NULL, "check the graph after every pass"},
    {PRINT_BEFORE, "print-before", "PASS", "print the module before each run of PASS (standard error)"},
    {PRINT_AFTER, "print-after", "PASS", "print the module after each run of PASS"},
    {PRINT_AFTER_ALL, "print-after-all", NULL, "print the module after every pass"},
    {TIMING, "timing", NULL, "a table of the time each step took (standard error)"},
    {STATS, "stats", NULL, "a table of what each pass did (standard error)"},
    {EXPORT_STATE, "export-state", "DIR", "write every tensor of the module as DIR/NAME.npy"},
    {QUANTIZER_FILE, "quantizer-file", "FILE", "a quantizer beside the built-in ones; may be repeated"},
    {PATTERN_FILE, "pattern-file", "FILE", "rules beside the built-in ones; may be repeated"},
    {EXPLAIN, "explain", "NODE",
     "say what annotated NODE, and why rules and quantizers leave it alone (after the passes)"},
    {EXPLAIN_RULE, "explain-rule", "RULE", "with --explain: this rule alone, or the rules of this file"},
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
    "Exit status: 0 done, 1 the input or a pass failed (nothing is written to OUT), 2 wrong usage.\n";

typedef struct arguments {
  const cli_command *command;
  const char *input, *output, *passes, *export_state, *explain, *explain_rule;
  graft_save_options save; /* GRAFT_FORMAT_AUTO: no format was given */
  bool verify_each, print_after_all, timing, stats;
  cli_list before, after, pattern_files, quantizer_files;
  int list; /* of the --list options, 0: none */
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
  cli_usage_error(a->command, "--emit takes text, binary, onnx, json or dot, not '%s'", name);
  return false;
}

static bool known_pass(const arguments *a, const char *name) {
  for (uint32_t i = 0; i < graft_pass_count(); i++)
    if (strcmp(graft_pass_name(i), name) == 0) return true;
  cli_usage_error(a->command, "no pass is called '%s' (--list-passes lists them)", name);
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
  case VERIFY_EACH: return a->verify_each = true;
  case PRINT_BEFORE: return known_pass(a, argument) && cli_list_add(&a->before, argument);
  case PRINT_AFTER: return known_pass(a, argument) && cli_list_add(&a->after, argument);
  case PRINT_AFTER_ALL: return a->print_after_all = true;
  case TIMING: return a->timing = true;
  case STATS: return a->stats = true;
  case EXPORT_STATE: a->export_state = argument; return true;
  case QUANTIZER_FILE: return cli_list_add(&a->quantizer_files, argument);
  case PATTERN_FILE: return cli_list_add(&a->pattern_files, argument);
  case EXPLAIN: a->explain = argument; return true;
  case EXPLAIN_RULE: a->explain_rule = argument; return true;
  case LIST_PASSES:
  case LIST_OPS:
  case LIST_PATTERNS:
  case LIST_QUANTIZERS: a->list = id; return true;
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

static void list_ops(void) {
  for (uint32_t i = 0; i < graft_op_count(); i++) {
    char signature[1024];
    graft_op_signature(i, signature, sizeof signature);
    printf("%s\n    %s\n", signature, graft_op_doc(i));
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

/* Of the entry graph: all rules, and those of the default quantizer and of files. */
static bool explain(const arguments *a, graft_module *module) {
  graft_context *context = graft_module_get_context(module);
  graft_graph *graph = graft_module_get_graph(module, 0);
  graft_rules *rules = read_rules(context, a);
  graft_quantizers *quantizers = rules ? read_quantizers(context, a) : NULL;
  char *text;
  size_t size;
  bool ok = quantizers && graft_rules_explain(rules, graph, a->explain, a->explain_rule, &text, &size) == GRAFT_OK;
  if (ok) print_explanation(context, text, size);
  uint32_t count = ok ? graft_quantizers_count(quantizers) : 0;
  for (uint32_t i = 0; ok && i < count; i++) {
    bool of_file = i + a->quantizer_files.count >= count;
    if (!of_file && strcmp(graft_quantizers_name(quantizers, i), "xnnpack") != 0) continue;
    ok = graft_quantizers_explain(quantizers, i, graph, a->explain, a->explain_rule, &text, &size) == GRAFT_OK;
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
  switch (a->list) {
  case LIST_PASSES: list_passes(); break;
  case LIST_OPS: list_ops(); break;
  case LIST_PATTERNS: ok = list_patterns(context, a); break;
  default: ok = list_quantizers(context, a); break;
  }
  cli_print_diagnostics(context, "ir-opt");
  return ok ? EXIT_DONE : EXIT_FAILED;
}

/* ---- running ---- */

typedef struct session {
  const arguments *arguments;
  report report;
} session;

static bool wants_print(const cli_list *list, const char *pass) {
  for (uint32_t i = 0; i < list->count; i++)
    if (strcmp(list->items[i], pass) == 0) return true;
  return false;
}

static graft_status print_module(const arguments *a, graft_module *module, const char *when, const char *pass) {
  char *text;
  size_t size;
  graft_save_options options = a->save;
  options.format = GRAFT_FORMAT_TEXT;
  graft_status s = graft_module_print_with(module, &options, &text, &size);
  if (s) return s;
  fprintf(stderr, "# %s %s\n%.*s", when, pass, (int)(size < INT32_MAX ? size : INT32_MAX), text);
  graft_free(graft_module_get_context(module), text, size);
  return GRAFT_OK;
}

static graft_status before_pass(void *user, graft_module *module, const graft_pass_report *r) {
  session *s = user;
  if (!report_begin(&s->report, r)) return GRAFT_NO_MEMORY;
  return wants_print(&s->arguments->before, r->name) ? print_module(s->arguments, module, "before", r->name) : GRAFT_OK;
}

static graft_status after_pass(void *user, graft_module *module, const graft_pass_report *r) {
  session *s = user;
  const arguments *a = s->arguments;
  if (!report_end(&s->report, r)) return GRAFT_NO_MEMORY;
  bool print = wants_print(&a->after, r->name) || (a->print_after_all && !r->pipeline);
  return print ? print_module(a, module, "after", r->name) : GRAFT_OK;
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
  return a->passes ? graft_run_passes(module, a->passes, &options) : GRAFT_OK;
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

/* Names are checked first: a collision leaves nothing behind. */
static int export_state(graft_module *module, const char *directory) {
  uint32_t room = graft_tensor_count(module), count = 0;
  char **paths = calloc(room + 1u, sizeof *paths);
  graft_tensor *tensors = calloc(room + 1u, sizeof *tensors);
  bool ok = paths && tensors;
  for (graft_tensor t = 0; ok && t < room; t++) {
    if (module->tensors.data[t].erased) continue;
    tensors[count] = t;
    paths[count] = tensor_path(module, t, directory);
    ok = paths[count++] != NULL;
  }
  const char *twice = ok ? cli_collision(paths, count) : NULL;
  if (twice) cli_fail(twice, "two tensors of the module would both be written to this file");
  ok = ok && !twice && cli_make_directory(directory);
  for (uint32_t i = 0; ok && i < count; i++) ok = write_tensor(module, tensors[i], directory);
  for (uint32_t i = 0; paths && i < count; i++) free(paths[i]);
  free(paths);
  free(tensors);
  return ok ? EXIT_DONE : EXIT_FAILED;
}

static bool print_to_stdout(graft_module *module, const graft_save_options *options) {
  char *bytes;
  size_t size;
  if (graft_module_print_with(module, options, &bytes, &size)) return false;
  bool ok = cli_write_stdout(bytes, size);
  if (!ok) cli_fail("<stdout>", "cannot write");
  graft_free(graft_module_get_context(module), bytes, size);
  return ok;
}

/* Whoever asks for the state alone does not want the text too. */
static bool write_module(const arguments *a, graft_module *module) {
  if (a->output && strcmp(a->output, "-") != 0) return graft_module_save_with(module, a->output, &a->save) == GRAFT_OK;
  if (!a->output && a->explain) return true;
  if (!a->output && a->export_state && a->save.format == GRAFT_FORMAT_AUTO) return true;
  return print_to_stdout(module, &a->save);
}

static bool process(session *s, graft_context *context) {
  const arguments *a = s->arguments;
  double start = cli_now();
  graft_module *module = check_files(context, a) ? cli_load(context, a->input) : NULL;
  report_step(&s->report, "read and verify", cli_now() - start);
  bool ok = module && run_passes(s, module) == GRAFT_OK;
  start = cli_now();
  ok = ok && (!a->passes || graft_module_verify(module) == GRAFT_OK);
  if (a->passes) report_step(&s->report, "verify", cli_now() - start);
  start = cli_now();
  ok = ok && (!a->explain || explain(a, module));
  ok = ok && (!a->export_state || export_state(module, a->export_state) == EXIT_DONE) && write_module(a, module);
  report_step(&s->report, "write", cli_now() - start);
  graft_module_destroy(module);
  return ok;
}

static int run(graft_context *context, const arguments *a) {
  if (a->list) return list(context, a);
  if (a->passes && graft_check_pipeline(context, a->passes) != GRAFT_OK) {
    cli_print_diagnostics(context, "ir-opt");
    return EXIT_USAGE;
  }
  session s = {.arguments = a};
  report_init(&s.report);
  bool ok = process(&s, context);
  cli_print_diagnostics(context, strcmp(a->input, "-") == 0 ? "<stdin>" : a->input);
  if (a->timing) report_print_timing(&s.report, stderr);
  if (a->stats) report_print_statistics(&s.report, stderr);
  report_free(&s.report);
  return ok ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv) {
  arguments a = {.save.size = sizeof a.save};
  cli_command command = {.name = "ir-opt",
                         .usage = "INPUT [-o OUT] [--passes PIPELINE] [options]",
                         .summary = "Reads a network, rewrites it with passes, checks it and writes it.",
                         .examples = examples,
                         .options = option_table,
                         .set = set_option,
                         .user = &a};
  a.command = &command;
  int first, status = cli_parse(&command, argc, argv, &first);
  if (status < 0 && !a.list && first == argc) status = cli_usage_error(&command, "INPUT is missing");
  if (status < 0 && !a.list && argc - first > 1)
    status = cli_usage_error(&command, "one INPUT, not also '%s'", argv[first + 1]);
  if (status < 0) {
    a.input = argv[first];
    graft_context *context = cli_context();
    status = context ? run(context, &a) : cli_fail("ir-opt", "out of memory");
    graft_context_destroy(context);
  }
  cli_list_free(&a.before);
  cli_list_free(&a.after);
  cli_list_free(&a.pattern_files);
  cli_list_free(&a.quantizer_files);
  return status;
}
