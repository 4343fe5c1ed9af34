/* ir-diff: where and how far two graphs, or two forms of one, differ on the same inputs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/formats/foreign_int.h"
#include "ir/ir_int.h"
#include "passes/passes.h"
#include "tools/compare.h"
#include "tools/progress.h"

enum { EXIT_EQUAL = 0, EXIT_DIFFERENT = 1, EXIT_TROUBLE = 2 }; /* as diff has them */

enum { INPUT = 256, BATCH, RANDOM, EXTENT, STEPS, THREADS, PASSES_A, PASSES_B, ALL, JSON, MAX_MEMORY, MAX_WORK };

static const cli_option option_table[] = {
    {PASSES_A, "passes-a", "PIPELINE", "passes that A goes through first"},
    {PASSES_B, "passes-b", "PIPELINE", "passes that B goes through first"},
    {INPUT, "input", "NAME=A.npy,...", "the files of one graph input, one step each; once for each input"},
    {BATCH, "batch", "N", "cut each file along its first axis into steps of N; a rest is dropped"},
    {RANDOM, "random", "SEED", "inputs without a file get random numbers: floats from -1 to 1, indices 0 and 1"},
    {EXTENT, "extent", "[INPUT=]N,...", "unknown extents of random inputs, in order (default 1)"},
    {STEPS, "steps", "N", "so many steps of random inputs (default 1)"},
    {THREADS, "threads", "N", "use N threads (default 1)"},
    {ALL, "all", NULL, "rows of layers that are equal, too"},
    {JSON, "json", "OUT.json", "all numbers of the comparison for scripts"},
    CLI_LIMITS(MAX_MEMORY, MAX_WORK),
    {0, NULL, NULL, NULL},
};

static const char examples[] =
    "examples:\n"
    "  ir-diff int8.gfb lowered.gfb --input x=a.npy             what lowering changed\n"
    "  ir-diff int8.gfb --passes-a lower --passes-b 'lower{requantize=double_rounding}' --random 1\n"
    "\n"
    "Without B it is A again. Layers that differ are listed: how many of their elements, and by how much at most (in "
    "steps\n"
    "of the layer's scale where it is quantized); under \"own\" the same where the layer's inputs are A's.\n"
    "Exit status: 0 equal, 1 different, 2 the modules could not be compared, or wrong usage.\n";

typedef struct arguments {
  const cli_command *command;
  const char *module, *passes;
  feeds feeds;
  compare_options compare;
  bool all;
  cli_limits limits;
} arguments;

/* ---- the command line ---- */

static bool parse_number(const arguments *a, const char *option, const char *text, int64_t least, int64_t most,
                         int64_t *value) {
  char *end;
  *value = strtoll(text, &end, 10);
  if (end != text && !*end && *value >= least && *value <= most) return true;
  cli_usage_error(a->command, "%s takes a number from %lld to %lld, not '%s'", option, (long long)least,
                  (long long)most, text);
  return false;
}

static bool set_option(void *user, int id, const char *argument) {
  arguments *a = user;
  int64_t number;
  switch (id) {
  case PASSES_A: a->passes = argument; return true;
  case PASSES_B: a->compare.passes = argument; return true;
  case INPUT: return feeds_add(&a->feeds, a->command, argument);
  case BATCH: return parse_number(a, "--batch", argument, 1, INT32_MAX, &a->feeds.batch);
  case STEPS: return parse_number(a, "--steps", argument, 1, INT32_MAX, &a->feeds.steps);
  case EXTENT: return cli_list_add(&a->feeds.extents, argument);
  case MAX_MEMORY: return cli_limit(a->command, "max-memory", argument, 1024, &a->limits.max_bytes);
  case MAX_WORK: return cli_limit(a->command, "max-work", argument, 1000, &a->limits.max_work);
  case ALL: return a->all = true;
  case JSON: a->compare.json = argument; return true;
  case RANDOM:
    if (!parse_number(a, "--random", argument, 0, INT64_MAX, &number)) return false;
    a->feeds.random = true;
    a->feeds.seed = (uint64_t)number;
    return true;
  case THREADS:
    if (!parse_number(a, "--threads", argument, 1, 1024, &number)) return false;
    a->compare.session.threads = (uint32_t)number;
    return true;
  default: return false;
  }
}

/* ---- the rows ---- */

typedef struct widths {
  int name, op;
} widths;

static const char *amount(const graft_error *e, int64_t differing, char *text, size_t size) {
  if (!differing)
    snprintf(text, size, "-");
  else if (!isfinite(e->largest))
    snprintf(text, size, "?");
  else if (isnan(e->steps))
    snprintf(text, size, "%.3g", e->largest);
  else
    snprintf(text, size, "%.2f step%s", e->steps, e->steps > 1.005 ? "s" : "");
  return text;
}

static void print_row(const graft_layer *l, widths w, FILE *out) {
  char name[160], far[32], own[32], others[48] = "";
  compare_name(l, name, sizeof name);
  if (l->not_numbers) snprintf(others, sizeof others, "  %lld NaN or infinite", (long long)l->not_numbers);
  fprintf(out, "%-*s  %-*s  %10lld  %10lld  %11s  %10lld  %11s%s\n", w.name, name, w.op, compare_op(l),
          (long long)l->elements, (long long)l->differing, amount(&l->error, l->differing, far, sizeof far),
          (long long)l->own_differing, amount(&l->own, l->own_differing, own, sizeof own), others);
}

static widths measure(const graft_compare *c, bool all) {
  widths w = {5, 2};
  char name[160];
  for (uint32_t i = 0; i < graft_compare_layer_count(c); i++) {
    const graft_layer l = graft_compare_layer(c, i);
    if (!all && !l.differing && !l.own_differing) continue;
    compare_name(&l, name, sizeof name);
    const int length = (int)strlen(name), op = (int)strlen(compare_op(&l));
    if (length > w.name && length <= 60) w.name = length;
    if (op > w.op) w.op = op;
  }
  return w;
}

/* The layers that differ, and the first of them; gives their number. */
static uint32_t print_layers(const comparison *k, bool all, FILE *out) {
  const graft_compare *c = k->compare;
  const uint32_t count = graft_compare_layer_count(c);
  const widths w = measure(c, all);
  uint32_t different = 0, rows = 0, first = GRAFT_NONE;
  for (uint32_t i = 0; i < count; i++) {
    const graft_layer l = graft_compare_layer(c, i);
    const bool differs = l.differing || l.own_differing;
    different += differs;
    if (differs && first == GRAFT_NONE) first = i;
    if (!differs && !all) continue;
    if (!rows++)
      fprintf(out, "%-*s  %-*s  %10s  %10s  %11s  %10s  %11s\n", w.name, "layer", w.op, "op", "elements", "differ",
              "at most", "own", "at most");
    print_row(&l, w, out);
  }
  fprintf(out, "%u of %u layers differ in %u step%s", different, count, k->steps, k->steps == 1 ? "" : "s");
  if (first != GRAFT_NONE) {
    const graft_layer l = graft_compare_layer(c, first);
    char name[160];
    compare_name(&l, name, sizeof name);
    fprintf(out, ", first %s", name);
  }
  fprintf(out, "\n");
  return different;
}

static bool is_layer(const graft_compare *c, const graft_graph *b, graft_value v) {
  for (uint32_t i = 0; i < graft_compare_layer_count(c); i++) {
    const graft_layer l = graft_compare_layer(c, i);
    if (l.graph_b == b && l.b == v && !isnan(l.own.largest)) return true;
  }
  return false;
}

/* A result that was not held against anything cannot be called equal; a layer, only its inside, can. */
static bool all_compared(const comparison *k, FILE *out) {
  const graft_compare *c = k->compare;
  const graft_graph *b = graft_module_get_graph(k->module, 0);
  compare_print_missed(c, out);
  for (uint32_t i = 0; i < graft_output_count(b); i++) {
    const graft_value v = graft_output_get(b, i);
    const graft_node n = graft_value_node(b, v);
    const gr_op_info *info = n == GRAFT_NONE ? NULL : gr_info(b, n);
    const bool dequantized = info && (info->families & GR_F_DQ);
    if (n != GRAFT_NONE && !is_layer(c, b, v) && !(dequantized && is_layer(c, b, graft_node_operand(b, n, 0))))
      return cli_fail(k->options->other, "result %s: not compared, for want of such a value in %s",
                      graft_output_name(b, i), k->options->against) == EXIT_DONE;
  }
  return true;
}

/* ---- running ---- */

static bool run_steps(comparison *k, feeds *f) {
  progress p;
  bool ok, more = false;
  progress_begin(&p, "steps");
  while ((ok = feeds_next(f, &more)) && more && (ok = comparison_step(k, f)))
    progress_show(&p, k->steps, feeds_total(f));
  progress_end(&p);
  return ok;
}

static int run(graft_context *context, arguments *a) {
  comparison k = {0};
  graft_module *module = cli_load(context, a->module);
  graft_graph *g = NULL;
  bool ok = module && gr_warn_foreign(module) && (!a->passes || graft_run_passes(module, a->passes, NULL) == GRAFT_OK);
  if (ok) {
    g = graft_module_get_graph(module, 0);
    ok =
        g ? feeds_begin(&a->feeds, context, g, a->module) : cli_fail(a->module, "the module has no graph") == EXIT_DONE;
  }
  ok = ok && comparison_begin(&k, context, g, &a->feeds, &a->compare) && run_steps(&k, &a->feeds);
  cli_print_diagnostics(context, strcmp(a->module, "-") == 0 ? "<stdin>" : a->module);
  uint32_t different = 0;
  if (ok) {
    different = print_layers(&k, a->all, stdout);
    ok = all_compared(&k, stdout) && comparison_write(&k);
  }
  comparison_end(&k);
  feeds_free(&a->feeds); /* borrows the module's names */
  graft_module_destroy(module);
  return !ok ? EXIT_TROUBLE : different ? EXIT_DIFFERENT : EXIT_EQUAL;
}

int main(int argc, char **argv) {
  arguments a = {.compare = {.bad = 20, .session = {.threads = 1}}};
  cli_command command = {.name = "ir-diff",
                         .usage = "A [B] [--input NAME=A.npy[,B.npy...]]... [options]",
                         .summary = "Runs two modules on the same inputs and says where and how far they differ.",
                         .examples = examples,
                         .options = option_table,
                         .set = set_option,
                         .user = &a};
  a.command = &command;
  int first, status = cli_parse(&command, argc, argv, &first);
  if (status < 0 && first == argc) status = cli_usage_error(&command, "A is missing");
  if (status < 0 && argc - first > 2) status = cli_usage_error(&command, "two modules, not also '%s'", argv[first + 2]);
  if (status < 0 && strcmp(argv[first], "-") == 0 && (argc - first == 1 || strcmp(argv[first + 1], "-") == 0))
    status = cli_usage_error(&command, "standard input is read once: name B");
  if (status < 0) status = feeds_check(&a.feeds, &command);
  if (status < 0) {
    a.module = a.compare.against = argv[first];
    a.compare.other = argc - first > 1 ? argv[first + 1] : a.module;
    graft_context *context = cli_context(&a.limits);
    status = context ? run(context, &a) : (cli_fail("ir-diff", "out of memory"), EXIT_TROUBLE);
    graft_context_destroy(context);
  }
  feeds_free(&a.feeds);
  const int written = cli_end(&command, EXIT_DONE);
  return written == EXIT_DONE ? status : EXIT_TROUBLE;
}
