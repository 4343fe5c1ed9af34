/* ir-run: runs a module for some steps and writes its outputs and its state. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ir/formats/foreign_int.h"
#include "ir/formats/npy_int.h"
#include "ir/graph/printable_int.h"
#include "ir/inspect.h"
#include "ir/ir_int.h"
#include "runtime/runtime.h"
#include "tools/cli.h"
#include "tools/compare.h"
#include "tools/feeds.h"
#include "tools/guard.h"
#include "tools/labels.h"
#include "tools/nodes.h"
#include "tools/progress.h"
#include "tools/training.h"

enum {
  INPUT = 256,
  OUTPUT_DIR,
  THREADS,
  REFERENCE,
  SEED,
  TIMING,
  BATCH,
  LABELS,
  RANDOM,
  EXTENT,
  STEPS,
  VALUES,
  DUMP_VALUES,
  COMPARE,
  BAD,
  REPORT,
  JSON,
  NODE_DATA,
  CORRECT_BIASES,
  GRAPH,
  EPOCHS,
  SHUFFLE,
  ACCUMULATE,
  SCHEDULE,
  WARMUP,
  FREEZE_BN_AFTER,
  STOP_OBSERVERS_AFTER,
  VALIDATE,
  VALIDATE_LABELS,
  CHECKPOINT,
  RESUME,
  LOG,
  MAX_MEMORY,
  MAX_WORK
};

static const cli_option option_table[] = {
    {INPUT, "input", "NAME=A.npy,...", "the files of one graph input, one step each; once for each input"},
    {OUTPUT_DIR, "output-dir", "DIR", "write each result of each step as DIR/RESULT.STEP.npy"},
    {'o', "output", "STATE_OUT", "write the module with its state after the last step (- : text on standard output)"},
    {BATCH, "batch", "N", "cut each file along its first axis into steps of N; a rest is dropped"},
    {RANDOM, "random", "SEED", "inputs without a file get random numbers: floats from -1 to 1, indices 0 and 1"},
    {EXTENT, "extent", "[INPUT=]N,...", "unknown extents of random inputs, in order (default 1)"},
    {STEPS, "steps", "N", "so many steps of random inputs (default 1)"},
    {LABELS, "labels", "F.npy", "print how often the first result's largest entry is the label"},
    {THREADS, "threads", "N", "use N threads (default 1)"},
    {REFERENCE, "reference", NULL, "the plain kernels alone: the same bytes for every number of threads"},
    {SEED, "seed", "SEED", "of random ops, dropout in training (default 0): the same SEED draws the same"},
    {TIMING, "timing", NULL, "tables of the time it took, and each node with its kernel (standard error)"},
    {VALUES, "values", NULL, "a table of each value: min, max, mean, NaN, zeros"},
    {DUMP_VALUES, "dump-values", "DIR",
     "write each value of each step as DIR/VALUE.STEP.npy (what follows from tensors alone once)"},
    {COMPARE, "compare", "B", "run B on the same inputs too; a table of its error in each layer, all and its own"},
    {REPORT, "report", "OUT.html", "the comparison as one page: error along the graph, ranges, histograms"},
    {JSON, "json", "OUT.json", "the comparison for scripts"},
    {NODE_DATA, "node-data", "OUT.json", "signal to noise of each value of B, as Model Explorer's node data"},
    {CORRECT_BIASES, "correct-biases", "OUT",
     "write B to OUT, its biases without the mean of the error that each layer makes by itself"},
    {BAD, "bad", "DB", "a layer is bad below this signal to noise (default 20)"},
    {GRAPH, "graph", "NAME", "run this graph of the module (default the first)"},
    {EPOCHS, "epochs", "N",
     "train: run the graph `train` over the inputs, and over --labels, N times; rows that do not fill a step are left "
     "out, and counted"},
    {SHUFFLE, "shuffle", "SEED", "in an order that follows from SEED and the epoch (default: as the rows are)"},
    {ACCUMULATE, "accumulate", "N", "a step takes N batches (of a graph made by train-step{accumulate=true})"},
    {SCHEDULE, "schedule", "S",
     "the rate: constant; step,EPOCHS[,FACTOR]: after so many epochs each times FACTOR (0.1); cosine[,LEAST]"},
    {WARMUP, "warmup", "N", "in the first N steps the rate rises to where the schedule has it"},
    {FREEZE_BN_AFTER, "freeze-bn-after", "N", "after N steps batch norms keep their statistics"},
    {STOP_OBSERVERS_AFTER, "stop-observers-after", "N", "after N steps observers keep their state"},
    {VALIDATE, "validate", "NAME=A.npy...", "after each epoch run the first graph on these inputs"},
    {VALIDATE_LABELS, "validate-labels", "F.npy", "its labels, for the accuracy"},
    {CHECKPOINT, "checkpoint", "OUT", "write the module after each epoch, and when interrupted (behind a step)"},
    {RESUME, "resume", NULL, "MODULE is a checkpoint: go on behind its last step, to the same bytes in the end"},
    {LOG, "log", "F.csv",
     "a row a step: step, epoch, loss, accuracy, rate, loss and accuracy of validation, rows of the epoch so far"},
    CLI_LIMITS(MAX_MEMORY, MAX_WORK),
    {0, NULL, NULL, NULL},
};

static const char examples[] =
    "examples:\n"
    "  ir-run net.gfb --input x=a.npy --output-dir out          one step; out/y.0.npy\n"
    "  ir-run qat.gfb --input x=a.npy,b.npy -o trained.gfb      two steps; batch norms and observers learn\n"
    "  ir-run int8.gfb --input x=test.x.npy --batch 60 --labels test.y.npy\n"
    "  ir-run net.onnx --compare int8.gfb --input x=a.npy --report e.html  which layer breaks the network\n"
    "  ir-run net.onnx --random 1 --extent 8 --steps 20 --timing  where the time goes, at batch 8\n"
    "  ir-run step.gfb --epochs 3 --batch 32 --shuffle 1 --input x=train.x.npy --labels train.y.npy \\\n"
    "         --validate x=test.x.npy --validate-labels test.y.npy -o trained.gfb   step.gfb: by ir-opt's train-step\n"
    "\n"
    "All --input lists have the same length; without one there is one step. With neither --output-dir, --labels nor "
    "-o\n"
    "nor --values the results are summarized on standard output.\n"
    "MODULE is .gir, .gfb or .onnx, told by its content; - is standard input.\n"
    "Exit status: 0 done, 1 the module or a file is wrong, 2 wrong usage.\n";

typedef struct arguments {
  const cli_command *command;
  const char *module, *output_dir, *state_out, *labels, *graph;
  training_options training;
  feeds feeds;
  nodes_options nodes;
  compare_options compare;
  graft_session_options session; /* threads, reference, seed */
  bool timing;
  cli_limits limits;
} arguments;

/* ---- the command line ---- */

static bool parse_count(const arguments *a, const char *option, const char *text, int64_t most, int64_t *value) {
  char *end;
  *value = strtoll(text, &end, 10);
  if (end != text && !*end && *value >= 1 && *value <= most) return true;
  cli_usage_error(a->command, "%s takes a number from 1 to %lld, not '%s'", option, (long long)most, text);
  return false;
}

static bool parse_decibels(arguments *a, const char *text) {
  char *end;
  a->compare.bad = strtod(text, &end);
  if (end != text && !*end && a->compare.bad > 0 && a->compare.bad < 1000) return true;
  cli_usage_error(a->command, "--bad takes decibels above 0, not '%s'", text);
  return false;
}

static bool parse_seed(const arguments *a, const char *option, const char *text, uint64_t *seed) {
  char *end;
  errno = 0;
  *seed = strtoull(text, &end, 10);
  if (*text >= '0' && *text <= '9' && !*end && !errno) return true;
  cli_usage_error(a->command, "--%s takes a number below 2^64, not '%s'", option, text);
  return false;
}

/* Options of training; -1: it is none of them. */
static int set_training(arguments *a, int id, const char *argument) {
  training_options *o = &a->training;
  graft_train_options *t = &o->train;
  switch (id) {
  case EPOCHS: return parse_count(a, "--epochs", argument, INT32_MAX, &t->epochs);
  case SHUFFLE: o->any = t->shuffle = true; return parse_seed(a, "shuffle", argument, &t->seed);
  case ACCUMULATE: o->any = true; return parse_count(a, "--accumulate", argument, INT32_MAX, &t->accumulate);
  case SCHEDULE: o->any = true; return training_schedule(o, a->command, argument);
  case WARMUP: o->any = true; return parse_count(a, "--warmup", argument, INT64_MAX, &t->warmup);
  case FREEZE_BN_AFTER:
    o->any = true;
    return parse_count(a, "--freeze-bn-after", argument, INT64_MAX, &t->freeze_bn_after);
  case STOP_OBSERVERS_AFTER:
    o->any = true;
    return parse_count(a, "--stop-observers-after", argument, INT64_MAX, &t->stop_observers_after);
  case VALIDATE: o->any = true; return cli_list_add(&o->validation, argument);
  case VALIDATE_LABELS:
    o->any = true;
    o->validation_labels = argument;
    return true;
  case CHECKPOINT:
    o->any = true;
    o->checkpoint = argument;
    return true;
  case RESUME: return o->any = t->resume = true;
  case LOG:
    o->any = true;
    o->log = argument;
    return true;
  default: return -1;
  }
}

static bool set_option(void *user, int id, const char *argument) {
  arguments *a = user;
  int64_t count;
  switch (id) {
  case INPUT: return feeds_add(&a->feeds, a->command, argument);
  case OUTPUT_DIR: a->output_dir = argument; return true;
  case 'o': a->state_out = argument; return true;
  case MAX_MEMORY: return cli_limit(a->command, "max-memory", argument, 1024, &a->limits.max_bytes);
  case MAX_WORK: return cli_limit(a->command, "max-work", argument, 1000, &a->limits.max_work);
  case BATCH: return parse_count(a, "--batch", argument, INT32_MAX, &a->feeds.batch);
  case STEPS: return parse_count(a, "--steps", argument, INT32_MAX, &a->feeds.steps);
  case RANDOM: return a->feeds.random = true, parse_seed(a, "random", argument, &a->feeds.seed);
  case GRAPH: a->graph = argument; return true;
  case EXTENT: return cli_list_add(&a->feeds.extents, argument);
  case LABELS: a->labels = argument; return true;
  case THREADS:
    if (!parse_count(a, "--threads", argument, 1024, &count)) return false;
    a->session.threads = (uint32_t)count;
    return true;
  case REFERENCE: return a->session.reference = true;
  case SEED: return parse_seed(a, "seed", argument, &a->session.seed);
  case TIMING: return a->timing = a->nodes.timing = true;
  case VALUES: return a->nodes.values = true;
  case COMPARE: a->compare.other = argument; return true;
  case REPORT: a->compare.report = argument; return true;
  case JSON: a->compare.json = argument; return true;
  case NODE_DATA: a->compare.node_data = argument; return true;
  case CORRECT_BIASES: a->compare.corrected = argument; return true;
  case BAD: return parse_decibels(a, argument);
  case DUMP_VALUES: a->nodes.dump = argument; return true;
  default: return set_training(a, id, argument) > 0;
  }
}

static int check_training(const arguments *a) {
  const char *with = a->output_dir ? "output-dir" : a->compare.other ? "compare" : a->graph ? "graph" : NULL;
  if (a->nodes.values || a->nodes.dump || a->timing) with = a->timing ? "timing" : "values";
  if (a->training.train.epochs && with) return cli_usage_error(a->command, "--epochs goes without --%s", with);
  return training_check(&a->training, a->command, &a->feeds);
}

static int check_compare(const arguments *a) {
  const char *with = a->output_dir ? "output-dir" : a->state_out ? "output" : a->labels ? "labels" : NULL;
  if (a->nodes.values || a->nodes.dump || a->timing) with = a->timing ? "timing" : "values";
  if (a->compare.other && with)
    return cli_usage_error(a->command, "--compare writes no results or state: without --%s", with);
  const char *of_compare = a->compare.report ? "report" : a->compare.json ? "json" : NULL;
  if (a->compare.node_data) of_compare = "node-data";
  if (a->compare.corrected) of_compare = "correct-biases";
  if (!a->compare.other && of_compare) return cli_usage_error(a->command, "--%s is of --compare", of_compare);
  if (!a->compare.other && a->compare.bad != 20) return cli_usage_error(a->command, "--bad is of --compare");
  return -1;
}

/* ---- running ---- */

typedef struct runner {
  const arguments *arguments;
  feeds *feeds;
  nodes *nodes; /* NULL: nothing is asked of them */
  graft_context *context;
  graft_module *module;
  graft_graph *graph;
  graft_session *session;
  labels labels;
  comparison comparison;
  uint32_t steps;
  double read_seconds, plan_seconds, run_seconds, best_seconds, write_seconds;
} runner;

static char *output_path(const runner *r, uint32_t output, uint32_t step) {
  char suffix[32];
  snprintf(suffix, sizeof suffix, "%u.npy", step);
  return cli_path(r->arguments->output_dir, graft_output_name(r->graph, output), suffix);
}

/* Before the first step: two results must not share a file. */
static bool check_output_names(const runner *r) {
  uint32_t count = graft_output_count(r->graph), made = 0;
  char **paths = calloc(count + 1u, sizeof *paths);
  for (; paths && made < count; made++) {
    paths[made] = output_path(r, made, 0);
    if (!paths[made]) break;
  }
  const char *twice = paths && made == count ? cli_collision(paths, count) : NULL;
  if (twice) cli_fail(twice, "two results of the graph would both be written to this file");
  bool ok = paths && made == count && !twice;
  for (uint32_t i = 0; paths && i < made; i++) free(paths[i]);
  free(paths);
  return ok;
}

static bool write_outputs(runner *r) {
  double start = cli_now();
  bool ok = true;
  for (uint32_t i = 0; ok && i < graft_output_count(r->graph); i++) {
    graft_type type;
    const void *data = graft_session_get_output(r->session, i, &type);
    char *path = data ? output_path(r, i, r->steps) : NULL;
    ok = path && gr_npy_write(r->context, path, &type, data) == GRAFT_OK;
    free(path);
  }
  r->write_seconds += cli_now() - start;
  return ok;
}

static void summarize(const runner *r) {
  for (uint32_t i = 0; i < graft_output_count(r->graph); i++) {
    graft_type type;
    const void *data = graft_session_get_output(r->session, i, &type);
    char text[GR_TYPE_SIZE], name[256];
    gr_type_format(&type, text, sizeof text);
    gr_printable_text(graft_output_name(r->graph, i), name, sizeof name);
    printf("step %u  %s  %s", r->steps, name, text);
    int64_t count = graft_type_elements(&type);
    if (data && type.dtype == GRAFT_F32 && count > 0) {
      const float *x = data;
      double low = x[0], high = x[0], sum = 0;
      for (int64_t k = 0; k < count; k++) {
        low = x[k] < low ? x[k] : low;
        high = x[k] > high ? x[k] : high;
        sum += x[k];
      }
      printf("  min %g  max %g  mean %g", low, high, sum / (double)count);
    }
    printf("\n");
  }
}

static bool score(runner *r) {
  graft_type type;
  const void *data = graft_output_count(r->graph) ? graft_session_get_output(r->session, 0, &type) : NULL;
  const char *why = data ? labels_score(&r->labels, &type, data) : "the graph has no result";
  if (why) cli_fail(r->arguments->labels, "%s", why);
  return !why;
}

static bool run_step(runner *r) {
  const arguments *a = r->arguments;
  if (a->compare.other) return r->steps++, comparison_step(&r->comparison, r->feeds);
  if (!feeds_set(r->feeds, r->session) || (r->nodes && !nodes_begin_step(r->nodes, r->feeds))) return false;
  double start = cli_now();
  if (graft_session_run(r->session) != GRAFT_OK) return false;
  double seconds = cli_now() - start;
  r->run_seconds += seconds;
  if (r->steps == 0 || seconds < r->best_seconds) r->best_seconds = seconds;
  if (a->output_dir && !write_outputs(r)) return false;
  if (a->labels && !score(r)) return false;
  if (!a->output_dir && !a->labels && !a->state_out && !a->nodes.values) summarize(r);
  r->steps++;
  return true;
}

static bool run_all(runner *r) {
  progress p;
  bool ok, more = false;
  progress_begin(&p, "steps");
  while ((ok = feeds_next(r->feeds, &more)) && more && (ok = run_step(r)))
    progress_show(&p, r->steps, feeds_total(r->feeds));
  progress_end(&p);
  return ok;
}

static bool prepare(runner *r) {
  const arguments *a = r->arguments;
  double start = cli_now();
  r->module = cli_load(r->context, a->module);
  if (!r->module || !gr_warn_foreign(r->module)) return false;
  r->graph = a->graph ? graft_module_find_graph(r->module, a->graph) : graft_module_get_graph(r->module, 0);
  if (!r->graph && a->graph) return cli_fail(a->module, "the module has no graph '%s'", a->graph) == EXIT_DONE;
  if (!r->graph) return cli_fail(a->module, "the module has no graph") == EXIT_DONE;
  if (!feeds_begin(r->feeds, r->context, r->graph, a->module)) return false;
  if (a->labels && !labels_read(&r->labels, r->context, a->labels)) return false;
  if (a->output_dir && (!check_output_names(r) || !cli_make_directory(a->output_dir))) return false;
  r->read_seconds = cli_now() - start;
  if (a->compare.other) return comparison_begin(&r->comparison, r->context, r->graph, r->feeds, &a->compare);
  start = cli_now();
  graft_session_options options = a->session;
  if (a->nodes.timing || a->nodes.values || a->nodes.dump) {
    r->nodes = nodes_create(r->graph, &a->nodes);
    if (!r->nodes) return false;
    options.after_node = nodes_hook;
    options.after_node_times = !a->nodes.values && !a->nodes.dump;
    options.after_node_user = r->nodes;
  }
  r->session = graft_session_create(r->graph, &options);
  r->plan_seconds = cli_now() - start;
  return r->session != NULL;
}

static bool finish(runner *r) {
  const arguments *a = r->arguments;
  double start = cli_now();
  if (a->labels && !a->feeds.batch && r->labels.seen < r->labels.count)
    return cli_fail(a->labels, "%lld labels for %lld rows of the first result", (long long)r->labels.count,
                    (long long)r->labels.seen) == EXIT_DONE;
  const graft_save_options options = {.size = sizeof options};
  bool ok = !a->state_out || cli_save(r->module, a->state_out, &options);
  r->write_seconds += cli_now() - start;
  if (ok && a->labels) labels_print(&r->labels, stdout);
  return ok;
}

static bool add_time(cli_table *table, const char *name, double seconds, const char *text) {
  char number[32];
  snprintf(number, sizeof number, "%.3f ms", 1e3 * seconds);
  return cli_table_add(table, 0, name, number, text);
}

static void print_timing(const runner *r) {
  cli_table table = {0};
  char text[64] = "";
  if (r->steps)
    snprintf(text, sizeof text, "%u step%s: mean %.3f ms, best %.3f ms", r->steps, r->steps == 1 ? "" : "s",
             1e3 * r->run_seconds / r->steps, 1e3 * r->best_seconds);
  if (add_time(&table, "read", r->read_seconds + r->feeds->seconds, "") &&
      add_time(&table, "plan", r->plan_seconds, "") && add_time(&table, "run", r->run_seconds, text) &&
      add_time(&table, "write", r->write_seconds, ""))
    cli_table_print(&table, stderr, "time");
  cli_table_free(&table);
  if (r->nodes) nodes_print_timing(r->nodes, stderr);
}

static int run(graft_context *context, arguments *a) {
  runner r = {.arguments = a, .feeds = &a->feeds, .context = context};
  bool ok = prepare(&r) && run_all(&r) && finish(&r);
  cli_print_diagnostics(context, strcmp(a->module, "-") == 0 ? "<stdin>" : a->module);
  if (a->timing) print_timing(&r);
  if (ok && a->compare.other) {
    comparison_print(&r.comparison, stdout);
    ok = comparison_write(&r.comparison);
  }
  comparison_end(&r.comparison);
  if (ok && a->nodes.values) nodes_print_values(r.nodes, stdout);
  graft_session_destroy(r.session); /* it borrows the inputs */
  nodes_destroy(r.nodes);
  feeds_free(&a->feeds);
  labels_free(&r.labels, context);
  graft_module_destroy(r.module);
  return ok ? EXIT_DONE : EXIT_FAILED;
}

static int train(graft_context *context, arguments *a) {
  if (!cli_may_write(a->training.checkpoint) || !cli_may_write(a->state_out)) return EXIT_FAILED; /* not after hours */
  graft_module *m = cli_load(context, a->module);
  a->training.module = strcmp(a->module, "-") == 0 ? "<stdin>" : a->module;
  const graft_save_options save = {.size = sizeof save};
  const bool ok = m && gr_warn_foreign(m) && training_run(&a->training, m, &a->feeds, a->labels, &a->session) &&
                  (!a->state_out || cli_save(m, a->state_out, &save));
  cli_print_diagnostics(context, a->training.module);
  graft_module_destroy(m);
  return ok ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv) {
  arguments a = {.session = {.size = sizeof a.session, .threads = 1}, .compare = {.bad = 20, .weights = true}};
  cli_command command = {.name = "ir-run",
                         .usage = "MODULE [--input NAME=A.npy[,B.npy...]]... [options]",
                         .summary = "Runs a module and writes its results, and its state when it trains or observes.",
                         .examples = examples,
                         .options = option_table,
                         .set = set_option,
                         .user = &a};
  a.command = &command;
  int first, status = cli_parse(&command, argc, argv, &first);
  if (status < 0 && first == argc) status = cli_usage_error(&command, "MODULE is missing");
  if (status < 0 && argc - first > 1) status = cli_usage_error(&command, "one MODULE, not also '%s'", argv[first + 1]);
  if (status < 0) status = feeds_check(&a.feeds, &command);
  if (status < 0) status = check_compare(&a);
  if (status < 0) status = check_training(&a);
  if (status < 0) {
    a.module = a.compare.against = argv[first];
    a.compare.session = a.session;
    graft_context *context = cli_context(&a.limits);
    status = !context                  ? cli_fail("ir-run", "out of memory")
             : a.training.train.epochs ? train(context, &a)
                                       : run(context, &a);
    graft_context_destroy(context);
    guard_end();
  }
  feeds_free(&a.feeds);
  training_free(&a.training);
  return cli_end(&command, status);
}
