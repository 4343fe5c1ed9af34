/* See compare.h. */
#include "tools/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ir/formats/file_int.h"
#include "ir/formats/foreign_int.h"
#include "ir/graph/printable_int.h"
#include "ir/ir_int.h"
#include "passes/passes.h"
#include "tools/compare_json.h"
#include "tools/page.h"

/* Batch norms that train go by the batch: a difference that no quantization made. */
static void warn_training(const char *path, const graft_graph *g) {
  for (graft_node n = graft_node_first(g); n != GRAFT_NONE; n = graft_node_next(g, n)) {
    char name[160];
    if (!gr_is_training(g, n)) continue;
    graft_node_name(g, n, name, sizeof name);
    cli_say("%s: warning: %s: the graph trains: what is compared is its training form (--passes to-eval)", path, name);
    return;
  }
}

/* A read once more, with what convert does to weights before it quantizes them. Standard input is not read twice. */
static bool read_folded(comparison *c, graft_context *context) {
  if (!c->options->weights || strcmp(c->options->against, "-") == 0) return true;
  c->folded = cli_load(context, c->options->against);
  return c->folded && graft_run_passes(c->folded, "to-eval,canonicalize,fold-conv-bn", NULL) == GRAFT_OK;
}

static bool check_inputs(graft_graph *a, const feeds *inputs, const char *path) {
  for (uint32_t i = 0; i < graft_input_count(a); i++) {
    bool given = false;
    for (uint32_t j = 0; j < inputs->count; j++) given |= inputs->items[j].index == i;
    if (given) continue;
    char name[512];
    graft_value_name(a, graft_input_get(a, i), name, sizeof name);
    return cli_fail(path, "%s: the input has neither --input nor --random", name) == EXIT_DONE;
  }
  return true;
}

static bool same_file(const char *a, const char *b) {
  struct stat x, y;
  if (strcmp(a, b) == 0) return true;
  return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Nothing is written over what is read, or what was written just before. */
static bool check_outputs(const compare_options *o) {
  const char *const files[] = {o->against, o->other, o->report, o->json, o->node_data, o->corrected};
  for (int i = 2; i < 6; i++)
    for (int j = 0; files[i] && j < i; j++)
      if (files[j] && same_file(files[i], files[j]))
        return cli_fail(files[i], "this file is %s", j < 2 ? "what is compared" : "to be written twice") == EXIT_DONE;
  return true;
}

bool comparison_begin(comparison *c, graft_context *context, graft_graph *a, const feeds *inputs,
                      const compare_options *options) {
  *c = (comparison){.options = options, .inputs = graft_input_count(a)};
  if (!check_outputs(options)) return false;
  c->module = cli_load(context, options->other);
  if (!c->module || !gr_warn_foreign(c->module)) return false;
  if (options->passes && graft_run_passes(c->module, options->passes, NULL) != GRAFT_OK) return false;
  graft_graph *b = graft_module_get_graph(c->module, 0);
  if (!b) return cli_fail(options->other, "the module has no graph") == EXIT_DONE;
  c->types = calloc(c->inputs + 1u, sizeof *c->types);
  c->data = calloc(c->inputs + 1u, sizeof *c->data);
  if (!c->types || !c->data) return cli_fail(options->other, "out of memory") == EXIT_DONE;
  if (!check_inputs(a, inputs, options->against)) return false;
  warn_training(options->against, a);
  warn_training(options->other, b);
  if (!read_folded(c, context)) return false;
  const graft_compare_options all = {.size = sizeof all,
                                     .threads = options->session.threads,
                                     .reference = options->session.reference,
                                     .seed = options->session.seed,
                                     .bad = options->bad,
                                     .biases = options->corrected != NULL,
                                     .folded = c->folded ? graft_module_get_graph(c->folded, 0) : NULL};
  c->compare = graft_compare_create(a, b, &all);
  if (!c->compare || graft_compare_layer_count(c->compare)) return c->compare != NULL;
  compare_print_missed(c->compare, stderr);
  return cli_fail(options->other, "no value has the name of one in %s, or was made of one", options->against) ==
         EXIT_DONE;
}

bool comparison_step(comparison *c, const feeds *inputs) {
  for (uint32_t i = 0; i < inputs->count; i++) {
    c->types[inputs->items[i].index] = feeds_type(inputs, &inputs->items[i]);
    c->data[inputs->items[i].index] = feeds_data(inputs, &inputs->items[i]);
  }
  c->steps++;
  return graft_compare_step(c->compare, c->types, c->data) == GRAFT_OK;
}

void comparison_end(comparison *c) {
  graft_compare_destroy(c->compare);
  graft_module_destroy(c->module);
  graft_module_destroy(c->folded);
  free(c->types);
  free(c->data);
  *c = (comparison){0};
}

/* ---- the table ---- */

const char *compare_decibels(double db, char *text, size_t size) {
  if (isnan(db))
    snprintf(text, size, "-");
  else if (isinf(db))
    snprintf(text, size, db > 0 ? "equal" : "-inf");
  else
    snprintf(text, size, "%.1f", db);
  return text;
}

const char *compare_share(double share, char *text, size_t size) {
  if (isnan(share))
    snprintf(text, size, "-");
  else
    snprintf(text, size, share > 0 && share < 0.001 ? "%.3f%%" : "%.1f%%", 100 * share);
  return text;
}

static void make_printable(char *text, size_t size) {
  char name[256];
  snprintf(name, sizeof name, "%s", text);
  gr_printable_text(name, text, size);
}

void compare_weight_name(const comparison *c, const graft_weight *w, char *text, size_t size) {
  graft_tensor_name(c->module, w->b, text, size);
  make_printable(text, size);
}

graft_value compare_quantized(const graft_graph *g, graft_value v) {
  const graft_node n = graft_value_node(g, v);
  const gr_op_info *info = n == GRAFT_NONE ? NULL : gr_info(g, n);
  const bool quantizes = info && (info->families & (GR_F_Q | GR_F_DQ | GR_F_FAKE_QUANTIZE));
  return quantizes ? graft_node_operand(g, n, 0) : GRAFT_NONE;
}

static graft_value before_quantizers(const graft_graph *g, graft_value v) {
  for (graft_value x; (x = compare_quantized(g, v)) != GRAFT_NONE;) v = x;
  return v;
}

void compare_name(const graft_layer *l, char *text, size_t size) {
  graft_value_name(l->graph_a, before_quantizers(l->graph_a, l->a), text, size);
  make_printable(text, size);
}

const char *compare_op(const graft_layer *l) {
  const graft_node n = graft_value_node(l->graph_b, before_quantizers(l->graph_b, l->b));
  return n == GRAFT_NONE ? "input" : graft_node_get_op(l->graph_b, n);
}

void compare_missed_name(const graft_missed *m, char *text, size_t size) {
  graft_node_name(m->graph, m->first, text, size);
  for (uint32_t i = 0; m->weights && i < gr_node_at(m->graph, m->first)->operand_count; i++) {
    const graft_value v = gr_operand(m->graph, m->first, i);
    const graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(m->graph, v);
    if (t == GRAFT_NONE || !gr_is_integer(gr_type_of(m->graph, v)->dtype)) continue;
    graft_tensor_name(m->graph->module, t, text, size);
    break;
  }
  make_printable(text, size);
}

void compare_print_missed(const graft_compare *c, FILE *out) {
  for (uint32_t i = 0; i < graft_compare_missed_count(c); i++) {
    const graft_missed m = graft_compare_missed(c, i);
    char name[160];
    compare_missed_name(&m, name, sizeof name);
    fprintf(out, "not compared: %u %s%s, for %s; first %s\n", m.count, m.weights ? "weight" : "layer",
            m.count == 1 ? "" : "s", m.why, name);
  }
}

bool compare_write_file(const comparison *c, const char *path, const void *bytes, size_t size) {
  graft_context *context = graft_module_get_context(c->module);
  graft_diagnostics_clear(context); /* all were printed */
  const bool ok = gr_file_write(context, path, bytes, size) == GRAFT_OK;
  if (!ok) cli_print_diagnostics(context, path);
  return ok;
}

/* Last: what was compared is another module then. */
static bool write_corrected(const comparison *c, const char *path) {
  graft_context *context = graft_module_get_context(c->module);
  graft_bias_correction done = {.size = sizeof done};
  graft_diagnostics_clear(context); /* all were printed */
  const graft_save_options options = {.size = sizeof options};
  const bool ok = graft_compare_correct_biases(c->compare, &done) == GRAFT_OK && cli_save(c->module, path, &options);
  if (ok)
    printf("%u biases corrected; left alone: %u layers without a bias, %u whose bias is quantized, computed or shared, "
           "%u that have no value in %s\n",
           done.corrected, done.without_bias, done.not_stored, done.not_seen, c->options->against);
  else
    cli_print_diagnostics(context, path);
  return ok;
}

bool comparison_write(const comparison *c) {
  const compare_options *o = c->options;
  return (!o->report || page_write(c, o->report)) && (!o->json || compare_json(c, o->json)) &&
         (!o->node_data || compare_node_data(c, o->node_data)) && (!o->corrected || write_corrected(c, o->corrected));
}

static void print_summary(const comparison *c, FILE *out) {
  const graft_compare *k = c->compare;
  const uint32_t bad = graft_compare_first_bad(k), worst = graft_compare_worst(k);
  char name[160], db[16];
  if (bad != GRAFT_NONE) {
    const graft_layer l = graft_compare_layer(k, bad);
    compare_name(&l, name, sizeof name);
    fprintf(out, "first layer below %g dB: %s, %s dB\n", c->options->bad, name,
            compare_decibels(l.error.snr, db, sizeof db));
  } else {
    fprintf(out, "no layer is below %g dB\n", c->options->bad);
  }
  if (worst == GRAFT_NONE) return;
  const graft_layer l = graft_compare_layer(k, worst);
  compare_name(&l, name, sizeof name);
  fprintf(out, "most error of its own: %s, %s dB\n", name, compare_decibels(l.own.snr, db, sizeof db));
}

static void print_weights(const comparison *c, FILE *out) {
  const uint32_t count = graft_compare_weight_count(c->compare);
  char name[160];
  int width = 6;
  for (uint32_t i = 0; i < count; i++) {
    const graft_weight w = graft_compare_weight(c->compare, i);
    compare_weight_name(c, &w, name, sizeof name);
    const int length = (int)strlen(name);
    if (length > width && length <= 60) width = length;
  }
  if (!count) return;
  fprintf(out, "weights: integers against floats\n  %-*s  %6s  %-16s  %9s  %7s\n", width, "weight", "all",
          "worst channel", "largest", "clipped");
  for (uint32_t i = 0; i < count; i++) {
    const graft_weight w = graft_compare_weight(c->compare, i);
    char all[16], worst[16], channel[32] = "-", clipped[16];
    compare_weight_name(c, &w, name, sizeof name);
    if (w.channels > 1)
      snprintf(channel, sizeof channel, "%s at %u", compare_decibels(w.worst_snr, worst, sizeof worst), w.worst);
    fprintf(out, "%c %-*s  %6s  %-16s  %3.1f steps  %7s\n", w.error.snr < c->options->bad ? '!' : ' ', width, name,
            compare_decibels(w.error.snr, all, sizeof all), channel, w.error.steps,
            compare_share(w.clipped, clipped, sizeof clipped));
  }
}

/* Rows whose scale is only what fits. */
static uint32_t count_fitted(const graft_compare *c) {
  uint32_t fitted = 0;
  for (uint32_t i = 0; i < graft_compare_layer_count(c); i++) fitted += graft_compare_layer(c, i).fitted;
  return fitted;
}

void comparison_print(const comparison *c, FILE *out) {
  const graft_compare *k = c->compare;
  const uint32_t count = graft_compare_layer_count(k);
  char name[160];
  int width = 5, ops = 2;
  for (uint32_t i = 0; i < count; i++) {
    const graft_layer l = graft_compare_layer(k, i);
    compare_name(&l, name, sizeof name);
    const int length = (int)strlen(name), op = (int)strlen(compare_op(&l));
    if (length > width && length <= 60) width = length;
    if (op > ops) ops = op;
  }
  char of[256], against[256];
  gr_printable_text(c->options->other, of, sizeof of);
  gr_printable_text(c->options->against, against, sizeof against);
  fprintf(out, "%s against %s: %u layer%s, %u step%s; decibels of signal to noise\n", of, against, count,
          count == 1 ? "" : "s", c->steps, c->steps == 1 ? "" : "s");
  fprintf(out, "  %-*s  %-*s  %6s  %6s  %9s  %9s  %9s\n", width, "layer", ops, "op", "all", "own", "inherited",
          "cosine", "largest");
  for (uint32_t i = 0; i < count; i++) {
    const graft_layer l = graft_compare_layer(k, i);
    char all[16], own[16], inherited[16], cosine[16] = "-", largest[32], others[48] = "";
    compare_name(&l, name, sizeof name);
    if (isnan(l.error.snr))
      snprintf(largest, sizeof largest, "-");
    else if (isnan(l.error.steps))
      snprintf(largest, sizeof largest, "%.3g", l.error.largest);
    else
      snprintf(largest, sizeof largest, "%.1f steps", l.error.steps);
    if (!isnan(l.error.cosine)) snprintf(cosine, sizeof cosine, "%.6f", l.error.cosine);
    if (l.not_numbers) snprintf(others, sizeof others, "  %lld NaN or infinite", (long long)l.not_numbers);
    fprintf(out, "%c %-*s  %-*s  %6s  %6s  %9s  %9s  %9s%s\n", l.bad ? '!' : ' ', width, name, ops, compare_op(&l),
            compare_decibels(l.error.snr, all, sizeof all), compare_decibels(l.own.snr, own, sizeof own),
            isinf(l.inherited) && l.inherited > 0 ? "none" : compare_decibels(l.inherited, inherited, sizeof inherited),
            cosine, largest, others);
  }
  print_weights(c, out);
  print_summary(c, out);
  const uint32_t fitted = count_fitted(k);
  if (fitted)
    fprintf(out, "%u layer%s of integers say%s no scale: held against what fits them best\n", fitted,
            fitted == 1 ? "" : "s", fitted == 1 ? "s" : "");
  compare_print_missed(k, out);
}
