/* ir-run: runs a module for some steps and writes its outputs and its state. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ir/formats/foreign_int.h"
#include "ir/formats/npy_int.h"
#include "ir/ir_int.h"
#include "runtime/runtime.h"
#include "tools/cli.h"
#include "tools/labels.h"

enum { INPUT = 256, OUTPUT_DIR, THREADS, TIMING, BATCH, LABELS };

static const cli_option option_table[] = {
    {INPUT, "input", "NAME=A.npy,...", "the files of one graph input, one step each; once for each input"},
    {OUTPUT_DIR, "output-dir", "DIR", "write each result of each step as DIR/RESULT.STEP.npy"},
    {'o', "output", "STATE_OUT", "write the module with its state after the last step (- : text on standard output)"},
    {BATCH, "batch", "N", "cut each file along its first axis into steps of N; a rest is dropped"},
    {LABELS, "labels", "F.npy", "print how often the first result's largest entry is the label"},
    {THREADS, "threads", "N", "use N threads (default 1)"},
    {TIMING, "timing", NULL, "a table of the time it took (standard error)"},
    {0, NULL, NULL, NULL},
};

static const char examples[] =
    "examples:\n"
    "  ir-run net.gfb --input x=a.npy --output-dir out          one step; out/y.0.npy\n"
    "  ir-run qat.gfb --input x=a.npy,b.npy -o trained.gfb      two steps; batch norms and observers learn\n"
    "  ir-run int8.gfb --input x=test.x.npy --batch 60 --labels test.y.npy\n"
    "\n"
    "All --input lists have the same length; without one there is one step. With neither --output-dir, --labels nor "
    "-o\n"
    "the results are summarized on standard output.\n"
    "MODULE is .gir, .gfb or .onnx, told by its content; - is standard input.\n"
    "Exit status: 0 done, 1 the module or a file is wrong, 2 wrong usage.\n";

/* One --input: a graph input and its files. */
typedef struct feed {
  char *text; /* owned; `name` and `files` point into it */
  const char *name;
  cli_list files;
  uint32_t input; /* its number among the graph's inputs */
  graft_type type;
  gr_buffer *data; /* of the current file */
} feed;

typedef struct arguments {
  const cli_command *command;
  const char *module, *output_dir, *state_out, *labels;
  feed *feeds;
  uint32_t feed_count;
  int64_t batch; /* 0: whole files */
  uint32_t threads;
  bool timing;
} arguments;

/* ---- the command line ---- */

static bool split_feed(feed *f) {
  char *equals = strchr(f->text, '=');
  *equals = '\0';
  f->name = f->text;
  for (char *s = equals + 1; s;) {
    char *comma = strchr(s, ',');
    if (comma) *comma = '\0';
    if (!*s || !cli_list_add(&f->files, s)) return false;
    s = comma ? comma + 1 : NULL;
  }
  return true;
}

static bool add_feed(arguments *a, const char *argument) {
  const char *equals = strchr(argument, '=');
  if (!equals || equals == argument || !equals[1]) {
    cli_usage_error(a->command, "--input takes NAME=A.npy[,B.npy...], not '%s'", argument);
    return false;
  }
  feed *feeds = realloc(a->feeds, (a->feed_count + 1) * sizeof *feeds);
  if (!feeds) return false;
  a->feeds = feeds;
  feed *f = &feeds[a->feed_count++];
  *f = (feed){.text = strdup(argument)};
  if (f->text && split_feed(f)) return true;
  cli_usage_error(a->command, "--input %s: an empty file name", argument);
  return false;
}

static bool parse_count(const arguments *a, const char *option, const char *text, int64_t most, int64_t *value) {
  char *end;
  *value = strtoll(text, &end, 10);
  if (end != text && !*end && *value >= 1 && *value <= most) return true;
  cli_usage_error(a->command, "%s takes a number from 1 to %lld, not '%s'", option, (long long)most, text);
  return false;
}

static bool set_option(void *user, int id, const char *argument) {
  arguments *a = user;
  int64_t count;
  switch (id) {
  case INPUT: return add_feed(a, argument);
  case OUTPUT_DIR: a->output_dir = argument; return true;
  case 'o': a->state_out = argument; return true;
  case BATCH: return parse_count(a, "--batch", argument, INT32_MAX, &a->batch);
  case LABELS: a->labels = argument; return true;
  case THREADS:
    if (!parse_count(a, "--threads", argument, 1024, &count)) return false;
    a->threads = (uint32_t)count;
    return true;
  case TIMING: return a->timing = true;
  default: return false;
  }
}

static int check_arguments(const arguments *a) {
  for (uint32_t i = 0; i < a->feed_count; i++) {
    if (a->feeds[i].files.count != a->feeds[0].files.count)
      return cli_usage_error(a->command, "--input %s has %u files and --input %s has %u", a->feeds[0].name,
                             a->feeds[0].files.count, a->feeds[i].name, a->feeds[i].files.count);
    for (uint32_t j = 0; j < i; j++)
      if (strcmp(a->feeds[i].name, a->feeds[j].name) == 0)
        return cli_usage_error(a->command, "two --input %s", a->feeds[i].name);
  }
  return -1;
}

/* ---- running ---- */

typedef struct runner {
  const arguments *arguments;
  graft_context *context;
  graft_module *module;
  graft_graph *graph;
  graft_session *session;
  labels labels;
  uint32_t steps;
  double read_seconds, plan_seconds, run_seconds, best_seconds, write_seconds;
} runner;

/* Which graph input is it? */
static bool find_input(runner *r, feed *f) {
  char name[512];
  graft_value wanted = graft_value_find(r->graph, f->name);
  for (uint32_t i = 0; i < graft_input_count(r->graph); i++) {
    if (graft_input_get(r->graph, i) != wanted) continue;
    f->input = i;
    return true;
  }
  cli_fail(r->arguments->module, "the graph has no input called '%s'", f->name);
  for (uint32_t i = 0; i < graft_input_count(r->graph); i++) {
    graft_value_name(r->graph, graft_input_get(r->graph, i), name, sizeof name);
    fprintf(stderr, "note: it has the input '%s'\n", name);
  }
  return false;
}

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
    char text[GR_TYPE_SIZE];
    gr_type_format(&type, text, sizeof text);
    printf("step %u  %s  %s", r->steps, graft_output_name(r->graph, i), text);
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
  double start = cli_now();
  if (graft_session_run(r->session) != GRAFT_OK) return false;
  double seconds = cli_now() - start;
  r->run_seconds += seconds;
  if (r->steps == 0 || seconds < r->best_seconds) r->best_seconds = seconds;
  if (a->output_dir && !write_outputs(r)) return false;
  if (a->labels && !score(r)) return false;
  if (!a->output_dir && !a->labels && !a->state_out) summarize(r);
  r->steps++;
  return true;
}

/* numpy has no bf16: an array for such an input is f32, and every element one that bf16 has. */
static bool as_declared(runner *r, feed *f, const char *path) {
  graft_type declared = graft_value_get_type(r->graph, graft_input_get(r->graph, f->input));
  if (declared.dtype != GRAFT_BF16 || f->type.dtype != GRAFT_F32) return true;
  int64_t count = graft_type_elements(&f->type);
  const float *x = f->data->data;
  uint16_t *y = f->data->data;
  for (int64_t i = 0; i < count; i++) {
    float exact = x[i];
    uint16_t h = gr_bf16_from_float(exact);
    if (exact == exact && gr_bf16_to_float(h) != exact)
      return cli_fail(path, "the input is bf16, which has no %.9g", (double)exact) == EXIT_DONE;
    memcpy(&y[i], &h, sizeof h);
  }
  f->type.dtype = GRAFT_BF16;
  return true;
}

static bool read_files(runner *r, uint32_t file) {
  double start = cli_now();
  const arguments *a = r->arguments;
  for (uint32_t i = 0; i < a->feed_count; i++) {
    feed *f = &a->feeds[i];
    if (f->data) gr_buffer_release(r->context, f->data);
    f->data = NULL;
    if (gr_npy_read(r->context, f->files.items[file], &f->type, &f->data) != GRAFT_OK) return false;
    if (!as_declared(r, f, f->files.items[file])) return false;
    if (a->batch && f->type.rank < 1) return cli_fail(f->files.items[file], "--batch needs a first axis") == EXIT_DONE;
  }
  r->read_seconds += cli_now() - start;
  return true;
}

/* Steps that one file of each input gives. */
static bool count_steps(const arguments *a, uint32_t file, int64_t *steps) {
  *steps = 1;
  if (!a->batch) return true;
  for (uint32_t i = 0; i < a->feed_count; i++) {
    int64_t n = a->feeds[i].type.dims[0] / a->batch;
    if (i && n != *steps)
      return cli_fail(a->feeds[i].files.items[file], "%lld steps of --batch %lld, but %s gives %lld", (long long)n,
                      (long long)a->batch, a->feeds[0].files.items[file], (long long)*steps) == EXIT_DONE;
    *steps = n;
  }
  return true;
}

static bool set_inputs(runner *r, int64_t step) {
  const arguments *a = r->arguments;
  for (uint32_t i = 0; i < a->feed_count; i++) {
    feed *f = &a->feeds[i];
    graft_type type = f->type;
    const char *data = f->data->data;
    if (a->batch) {
      type.dims[0] = a->batch;
      data += (size_t)step * (size_t)graft_type_elements(&type) * graft_dtype_size(type.dtype);
    }
    if (graft_session_set_input(r->session, f->input, &type, data) != GRAFT_OK) return false;
  }
  return true;
}

static bool run_all(runner *r) {
  const arguments *a = r->arguments;
  uint32_t files = a->feed_count ? a->feeds[0].files.count : 1;
  for (uint32_t file = 0; file < files; file++) {
    int64_t steps = 1;
    if (!read_files(r, file) || (a->feed_count && !count_steps(a, file, &steps))) return false;
    if (steps == 0)
      return cli_fail(a->feeds[0].files.items[file], "fewer than --batch %lld rows: there is no step",
                      (long long)a->batch) == EXIT_DONE;
    for (int64_t step = 0; step < steps; step++)
      if (!set_inputs(r, step) || !run_step(r)) return false;
  }
  return true;
}

static bool prepare(runner *r) {
  const arguments *a = r->arguments;
  double start = cli_now();
  r->module = cli_load(r->context, a->module);
  if (!r->module || !gr_warn_foreign(r->module)) return false;
  r->graph = graft_module_get_graph(r->module, 0);
  if (!r->graph) return cli_fail(a->module, "the module has no graph") == EXIT_DONE;
  for (uint32_t i = 0; i < a->feed_count; i++)
    if (!find_input(r, &a->feeds[i])) return false;
  if (a->labels && !labels_read(&r->labels, r->context, a->labels)) return false;
  if (a->output_dir && (!check_output_names(r) || !cli_make_directory(a->output_dir))) return false;
  r->read_seconds = cli_now() - start;
  start = cli_now();
  graft_session_options options = {.size = sizeof options, .threads = a->threads};
  r->session = graft_session_create(r->graph, &options);
  r->plan_seconds = cli_now() - start;
  return r->session != NULL;
}

static bool finish(runner *r) {
  const arguments *a = r->arguments;
  double start = cli_now();
  if (a->labels && !a->batch && r->labels.seen < r->labels.count)
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
  if (add_time(&table, "read", r->read_seconds, "") && add_time(&table, "plan", r->plan_seconds, "") &&
      add_time(&table, "run", r->run_seconds, text) && add_time(&table, "write", r->write_seconds, ""))
    cli_table_print(&table, stderr, "time");
  cli_table_free(&table);
}

static int run(graft_context *context, const arguments *a) {
  runner r = {.arguments = a, .context = context};
  bool ok = prepare(&r) && run_all(&r) && finish(&r);
  cli_print_diagnostics(context, strcmp(a->module, "-") == 0 ? "<stdin>" : a->module);
  if (a->timing) print_timing(&r);
  graft_session_destroy(r.session); /* it borrows the inputs */
  for (uint32_t i = 0; i < a->feed_count; i++)
    if (a->feeds[i].data) gr_buffer_release(context, a->feeds[i].data);
  labels_free(&r.labels, context);
  graft_module_destroy(r.module);
  return ok ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv) {
  arguments a = {.threads = 1};
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
  if (status < 0) status = check_arguments(&a);
  if (status < 0) {
    a.module = argv[first];
    graft_context *context = cli_context();
    status = context ? run(context, &a) : cli_fail("ir-run", "out of memory");
    graft_context_destroy(context);
  }
  for (uint32_t i = 0; i < a.feed_count; i++) {
    cli_list_free(&a.feeds[i].files);
    free(a.feeds[i].text);
  }
  free(a.feeds);
  return cli_end(&command, status);
}
