/* See compare_json.h. JSON has neither infinities nor NaN: "inf", "-inf" and null stand for them. */
#include "tools/compare_json.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/formats/sink_int.h"
#include "ir/ir_int.h"

/* Jansson gives NULL for want of memory; what could not be joined is remembered here. */
typedef struct writer {
  bool failed;
} writer;

static void set(writer *w, json_t *object, const char *key, json_t *value) {
  if (json_object_set_new_nocheck(object, key, value) != 0) w->failed = true;
}

static void append(writer *w, json_t *list, json_t *value) {
  if (json_array_append_new(list, value) != 0) w->failed = true;
}

static json_t *number(double x) {
  if (isnan(x)) return json_null();
  return isinf(x) ? json_string(x > 0 ? "inf" : "-inf") : json_real(x);
}

/* Bytes that are no UTF-8 become question marks. */
static void clean(char *text) {
  for (size_t left = strlen(text); left > 0;) {
    size_t n = gr_utf8_length(text, left);
    if (n == 0) *text = '?', n = 1;
    text += n;
    left -= n;
  }
}

static json_t *text(const char *given) {
  char copy[4096];
  snprintf(copy, sizeof copy, "%s", given);
  clean(copy);
  return json_string(copy);
}

static json_t *value_name(graft_graph *g, graft_value v) {
  char name[4096];
  graft_value_name(g, v, name, sizeof name);
  return text(name);
}

static json_t *error(writer *w, const graft_error *e) {
  json_t *o = json_object();
  set(w, o, "snr", number(e->snr));
  set(w, o, "cosine", number(e->cosine));
  set(w, o, "largest", number(e->largest));
  if (!isnan(e->steps)) set(w, o, "steps", number(e->steps));
  return o;
}

static json_t *statistics(writer *w, const graft_statistics *s) {
  const bool any = s->count > s->nan + s->infinite;
  json_t *o = json_object();
  set(w, o, "count", json_integer(s->count));
  set(w, o, "min", any ? json_real(s->min) : json_null());
  set(w, o, "max", any ? json_real(s->max) : json_null());
  set(w, o, "mean", number(graft_statistics_mean(s)));
  set(w, o, "nan", json_integer(s->nan));
  set(w, o, "infinite", json_integer(s->infinite));
  set(w, o, "zeros", json_integer(s->zeros));
  return o;
}

static json_t *counts(writer *w, const int64_t *histogram) {
  json_t *list = json_array();
  for (int i = 0; i < GRAFT_HISTOGRAM; i++) append(w, list, json_integer(histogram[i]));
  return list;
}

static json_t *quantized(writer *w, const graft_layer *l) {
  json_t *o = json_object();
  set(w, o, "channels", json_integer(l->channels));
  set(w, o, "fitted", json_boolean(l->fitted));
  set(w, o, "scale_min", number((double)l->scale_min));
  set(w, o, "scale_max", number((double)l->scale_max));
  set(w, o, "zero_point", json_integer(l->zero_point));
  set(w, o, "quant_min", json_integer(l->quant_min));
  set(w, o, "quant_max", json_integer(l->quant_max));
  set(w, o, "clipped", number(l->clipped));
  set(w, o, "unused", number(l->unused));
  return o;
}

static json_t *layer(writer *w, const graft_layer *l) {
  char name[4096], type[GR_TYPE_SIZE];
  compare_name(l, name, sizeof name);
  gr_type_format(&l->type, type, sizeof type);
  json_t *o = json_object();
  set(w, o, "name", text(name));
  set(w, o, "op", text(compare_op(l)));
  set(w, o, "a", value_name(l->graph_a, l->a));
  set(w, o, "b", value_name(l->graph_b, l->b));
  set(w, o, "type", text(type));
  set(w, o, "bad", json_boolean(l->bad));
  set(w, o, "error", error(w, &l->error));
  set(w, o, "own", error(w, &l->own));
  set(w, o, "inherited_snr", number(l->inherited));
  set(w, o, "not_numbers", json_integer(l->not_numbers));
  set(w, o, "elements", json_integer(l->elements));
  set(w, o, "differing", json_integer(l->differing));
  set(w, o, "own_differing", json_integer(l->own_differing));
  set(w, o, "range_a", statistics(w, &l->of_a));
  set(w, o, "range_b", statistics(w, &l->of_b));
  if (l->quantized) set(w, o, "quantized", quantized(w, l));
  json_t *h = json_object();
  set(w, h, "low", number(l->low));
  set(w, h, "high", number(l->high));
  set(w, h, "a", counts(w, l->histogram_a));
  set(w, h, "b", counts(w, l->histogram_b));
  set(w, o, "histogram", h);
  return o;
}

/* Writes and drops it. */
static bool write_file(const comparison *c, const writer *w, json_t *root, const char *path) {
  char *bytes = w->failed || !root ? NULL : json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
  json_decref(root);
  const bool ok = bytes && compare_write_file(c, path, bytes, strlen(bytes));
  if (!bytes) cli_fail(path, "out of memory");
  free(bytes);
  return ok;
}

static json_t *missed(writer *w, const graft_compare *c) {
  json_t *list = json_array();
  for (uint32_t i = 0; i < graft_compare_missed_count(c); i++) {
    const graft_missed m = graft_compare_missed(c, i);
    char name[4096];
    compare_missed_name(&m, name, sizeof name);
    json_t *o = json_object();
    set(w, o, "what", text(m.weights ? "weights" : "layers"));
    set(w, o, "why", text(m.why));
    set(w, o, "count", json_integer(m.count));
    set(w, o, "first", text(name));
    append(w, list, o);
  }
  return list;
}

static json_t *weight(writer *w, const comparison *c, const graft_weight *x) {
  char name[4096], type[GR_TYPE_SIZE];
  const graft_type t = graft_tensor_get_type(c->module, x->b);
  json_t *o = json_object();
  graft_tensor_name(c->module, x->b, name, sizeof name);
  gr_type_format(&t, type, sizeof type);
  set(w, o, "name", text(name));
  set(w, o, "type", text(type));
  graft_node_name(x->graph, x->reader, name, sizeof name);
  set(w, o, "reader", text(name));
  set(w, o, "error", error(w, &x->error));
  set(w, o, "channels", json_integer(x->channels));
  set(w, o, "worst_channel", x->channels > 1 ? json_integer(x->worst) : json_null());
  set(w, o, "worst_snr", number(x->worst_snr));
  set(w, o, "scale_min", number((double)x->scale_min));
  set(w, o, "scale_max", number((double)x->scale_max));
  set(w, o, "quant_min", json_integer(x->quant_min));
  set(w, o, "quant_max", json_integer(x->quant_max));
  set(w, o, "clipped", number(x->clipped));
  set(w, o, "unused", number(x->unused));
  return o;
}

bool compare_json(const comparison *c, const char *path) {
  writer w = {0};
  const uint32_t bad = graft_compare_first_bad(c->compare), worst = graft_compare_worst(c->compare);
  json_t *root = json_object(), *layers = json_array(), *weights = json_array();
  set(&w, root, "a", text(c->options->against));
  set(&w, root, "b", text(c->options->other));
  set(&w, root, "steps", json_integer(c->steps));
  set(&w, root, "bad_below", number(c->options->bad));
  set(&w, root, "first_bad", bad == GRAFT_NONE ? json_null() : json_integer(bad));
  set(&w, root, "worst", worst == GRAFT_NONE ? json_null() : json_integer(worst));
  set(&w, root, "missed", missed(&w, c->compare));
  for (uint32_t i = 0; i < graft_compare_layer_count(c->compare); i++) {
    const graft_layer l = graft_compare_layer(c->compare, i);
    append(&w, layers, layer(&w, &l));
  }
  set(&w, root, "layers", layers);
  for (uint32_t i = 0; i < graft_compare_weight_count(c->compare); i++) {
    const graft_weight x = graft_compare_weight(c->compare, i);
    append(&w, weights, weight(&w, c, &x));
  }
  set(&w, root, "weights", weights);
  return write_file(c, &w, root, path);
}

static json_t *threshold(writer *w, double value, const char *color) {
  json_t *o = json_object();
  set(w, o, "value", json_real(value));
  set(w, o, "bgColor", json_string(color));
  return o;
}

bool compare_node_data(const comparison *c, const char *path) {
  enum { EQUAL = 200 }; /* dB, for what has no error: a number is wanted */
  writer w = {0};
  json_t *root = json_object(), *results = json_object(), *thresholds = json_array();
  for (uint32_t i = 0; i < graft_compare_layer_count(c->compare); i++) {
    const graft_layer l = graft_compare_layer(c->compare, i);
    char name[4096];
    if (isnan(l.error.snr)) continue;
    json_t *o = json_object();
    set(&w, o, "value", json_real(l.error.snr > EQUAL ? EQUAL : l.error.snr < -EQUAL ? -EQUAL : l.error.snr));
    for (graft_value v = l.b; v != GRAFT_NONE; v = compare_quantized(l.graph_b, v)) { /* each is an output of a node */
      graft_value_name(l.graph_b, v, name, sizeof name);
      clean(name);
      if (!json_object_get(results, name) && json_object_set(results, name, o) != 0) w.failed = true;
    }
    json_decref(o);
  }
  append(&w, thresholds, threshold(&w, c->options->bad, "#f4a9a3"));
  append(&w, thresholds, threshold(&w, c->options->bad + 10, "#fbe3a6"));
  append(&w, thresholds, threshold(&w, EQUAL, "#bde5c8"));
  set(&w, root, "results", results);
  set(&w, root, "thresholds", thresholds);
  return write_file(c, &w, root, path);
}
