/* annotate: a quantizer's rules say which edges and values are quantized, and how. Which nodes they may look at comes
 * from the options; a node that is annotated already is left as it is. */
#include <stdio.h>
#include <string.h>

#include "passes/passes_impl.h"
#include "passes/quant_impl.h"
#include "patterns/quantizer_int.h"

graft_status gr_pass_quantizer(gr_pass *p, const gr_quantizer **q) {
  const char *name = gr_option_string(p, "quantizer");
  graft_quantizers *set;
  graft_status status = gr_pass_env_quantizers(p->env, &set);
  if (!status) status = gr_quantizers_need(set, name, q);
  if (status || *q) return status;
  const gr_loc where = gr_option_loc(p, "quantizer");
  const gr_own *own = &p->env->own;
  if (gr_own_quantizer_find(own, name))
    return gr_error(p->context, GRAFT_UNSUPPORTED, where, "the quantizer '%s' is a callback: annotate alone can use it",
                    name);
  if (strcmp(name, "callback") == 0)
    return gr_error(p->context, GRAFT_NAME, where, "there is no callback to annotate with");
  gr_closest near = gr_closest_begin(name, strlen(name));
  gr_quantizers_offer(set, &near);
  for (uint32_t i = 0; i < own->quantizers.len; i++)
    gr_closest_offer(&near, own->quantizers.data[i]->name, strlen(own->quantizers.data[i]->name));
  return gr_error(p->context, GRAFT_NAME, where, "there is no quantizer '%s'%s", name, gr_closest_hint(&near, ""));
}

static void take_options(const gr_pass *p, gr_annotate_options *o, const char **own) {
  uint32_t count = 0;
  for (const gr_option_decl *d = p->info->options; d->kind != GR_OPTION_END && count < GR_MAX_OPTIONS; d++)
    own[count++] = d->name;
  own[count] = NULL;
  o->others = own;
  o->options = p->rest;
  o->option_count = p->rest_count;
}

graft_status gr_check_quantizer(gr_pass *p) {
  const gr_quantizer *q;
  const char *own[GR_MAX_OPTIONS + 1];
  gr_annotate_options o = {0};
  const graft_status status = gr_pass_quantizer(p, &q);
  take_options(p, &o, own);
  return status ? status : gr_annotate_check(p->context, q, &o);
}

graft_status gr_check_annotate(gr_pass *p) {
  const gr_own_quantizer *own = gr_own_quantizer_find(&p->env->own, gr_option_string(p, "quantizer"));
  const gr_option_value *values;
  if (!own) return gr_check_quantizer(p);
  graft_quantizers *set; /* one of them may have its name */
  const graft_status status = gr_pass_env_quantizers(p->env, &set);
  return status ? status : gr_own_quantizer_options(p, own, &values);
}

/* ---- selection ---- */

/* A list of ops and families: `linear,@conv`. */
typedef struct op_list {
  uint32_t families;
  bool op[GR_OP_COUNT];
  bool any;
  gr_map opaque; /* op numbers of ops that the table does not know */
} op_list;

static graft_status no_op(const gr_pass *p, const char *option, const char *item, size_t length) {
  gr_closest near = gr_closest_begin(item, length);
  for (uint32_t i = 0; i < GR_OP_COUNT; i++) gr_closest_offer(&near, gr_op_get(i)->name, strlen(gr_op_get(i)->name));
  return gr_error(p->context, GRAFT_NAME, gr_option_loc(p, option), "there is no op '%.*s'%s", (int)length, item,
                  gr_closest_hint(&near, ""));
}

static graft_status read_ops(gr_pass *p, const char *option, op_list *list) {
  const char *at = gr_option_string(p, option), *item;
  size_t length;
  while (gr_list_next(&at, &item, &length)) {
    uint32_t op = gr_op_find(item, length), families = item[0] == '@' ? gr_family_find(item + 1, length - 1) : 0;
    uint32_t string = gr_intern_find(p->module, item, length);
    list->any = true;
    if (families) {
      list->families |= families;
    } else if (op < GR_OP_COUNT) {
      list->op[op] = true;
    } else if (string == GRAFT_NONE) {
      return no_op(p, option, item, length);
    } else if (!gr_map_put(p->context, &list->opaque, GR_OP_COUNT + string, 1)) {
      return GRAFT_NO_MEMORY;
    }
  }
  return GRAFT_OK;
}

static bool has_op(const op_list *list, uint32_t op) {
  if (op < GR_OP_COUNT) return list->op[op] || (gr_op_get(op)->families & list->families);
  return gr_map_get(&list->opaque, op) != GRAFT_NONE;
}

typedef struct selection {
  gr_selector names, skip_names;
  op_list types, skip_types;
} selection;

static graft_status select_begin(gr_pass *p, selection *s) {
  memset(s, 0, sizeof *s);
  if (!gr_selector_init(&s->names, p->module, gr_option_string(p, "name"))) return GRAFT_NO_MEMORY;
  if (!gr_selector_init(&s->skip_names, p->module, gr_option_string(p, "skip-name"))) return GRAFT_NO_MEMORY;
  graft_status status = read_ops(p, "type", &s->types);
  return status ? status : read_ops(p, "skip-type", &s->skip_types);
}

static void select_end(gr_pass *p, selection *s) {
  gr_selector_free(&s->names);
  gr_selector_free(&s->skip_names);
  gr_map_free(p->context, &s->types.opaque);
  gr_map_free(p->context, &s->skip_types.opaque);
}

/* False with status: no memory. */
static bool is_selected(selection *s, graft_graph *g, graft_node n, graft_status *status) {
  uint32_t op = gr_node_at(g, n)->op;
  if (has_op(&s->skip_types, op) || (s->types.any && !has_op(&s->types, op))) return false;
  uint32_t skipped = gr_selector_find(&s->skip_names, g, n);
  uint32_t named = s->names.names.len ? gr_selector_find(&s->names, g, n) : 1;
  if (skipped == GRAFT_NONE || named == GRAFT_NONE) *status = GRAFT_NO_MEMORY;
  return !*status && !skipped && named;
}

/* ---- the pass ---- */

static const char not_selected[] = "left out by the options";

typedef struct outcomes {
  const uint8_t *of; /* by node */
  const uint32_t *scope;
  const char *quantizer;
  char text[160];
} outcomes;

static const char *why_float(void *user, graft_graph *g, graft_node n) {
  outcomes *o = user;
  const graft_value x = gr_operand(g, n, 0);
  const graft_dtype dtype = x == GRAFT_NONE ? GRAFT_F32 : gr_type_of(g, x)->dtype;
  const char *why;
  if (!o->scope[n]) return not_selected;
  if (dtype == GRAFT_UNKNOWN && o->of[n] < GR_SKIPPED) return "the type of what it reads is unknown";
  if (dtype != GRAFT_F32 && dtype != GRAFT_UNKNOWN) {
    (void)snprintf(o->text, sizeof o->text, "its elements are %s", graft_dtype_name(dtype));
    return o->text;
  }
  switch (o->of[n]) {
  case GR_NO_RULE: why = "no rule of %.40s is about it"; break;
  case GR_NO_MATCH: why = "no rule of %.40s matches"; break;
  case GR_NO_PLACE: why = "the q/dq that it has do not fit %.40s, or it is in two scopes"; break;
  case GR_SKIPPED: why = "a rule of %.40s skips it"; break;
  default: return NULL; /* a rule claims it and annotates no place for what is in float */
  }
  (void)snprintf(o->text, sizeof o->text, why, o->quantizer); // NOLINT(clang-diagnostic-format-nonliteral)
  return o->text;
}

typedef struct how {
  const gr_quantizer *quantizer; /* NULL: one of the embedder's */
  const gr_own_quantizer *own;
  const gr_option_value *values; /* of its options */
  selection *selection;
} how;

/* By node, for the caller to free; 0: left out, as what an earlier round made is in this one. NULL: no memory. */
static uint32_t *find_scope(gr_pass *p, graft_graph *g, selection *s) {
  const uint32_t nodes = g->nodes.len;
  uint32_t *scope = gr_scope_of_nodes(g, gr_option_string(p, "scope"));
  uint8_t *sizes = gr_calloc(p->context, nodes + 1u, 1);
  graft_status status = scope && sizes ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (graft_node n = g->first; n != GRAFT_NONE && !status; n = gr_node_at(g, n)->next) {
    sizes[n] = gr_is_of_sizes(g, n, sizes);
    if (scope[n] &&
        (sizes[n] || !is_selected(s, g, n, &status) || gr_is_marked(g, n, GR_MARK_INSERTED | GR_MARK_TRAINING_FORM)))
      scope[n] = 0;
  }
  if (sizes) gr_free(p->context, sizes, nodes + 1u);
  if (scope && status) gr_free(p->context, scope, nodes * sizeof *scope);
  return status ? NULL : scope;
}

static const char *why_callback(void *user, graft_graph *g, graft_node n) {
  (void)g;
  return ((const uint32_t *)user)[n] ? NULL : not_selected;
}

/* What the callback adds to the graph, it may not: but the verifier says so, not a crash. */
static graft_status call_back(gr_pass *p, graft_graph *g, const how *h) {
  const uint32_t nodes = g->nodes.len;
  uint32_t *scope = find_scope(p, g, h->selection);
  graft_status status = scope ? gr_own_quantizer_annotate(p, g, h->own, h->values, scope) : GRAFT_NO_MEMORY;
  if (!status && g->nodes.len == nodes) status = gr_count_layers(p, g, GR_LAYERS_ANNOTATED, why_callback, scope);
  if (scope) gr_free(p->context, scope, nodes * sizeof *scope);
  return status;
}

/* What nodes run inside others is left in float: its observers would have no steps of their own. */
static graft_status annotate(gr_pass *p, graft_graph *g, bool nested, void *user) {
  if (nested) return gr_count_layers(p, g, GR_LAYERS_NESTED, NULL, NULL);
  const how *h = user;
  if (!h->quantizer) return call_back(p, g, h);
  const uint32_t nodes = g->nodes.len;
  uint32_t *scope = find_scope(p, g, h->selection);
  graft_status status = scope ? GRAFT_OK : GRAFT_NO_MEMORY;
  gr_annotate_stats stats = {0};
  const char *own[GR_MAX_OPTIONS + 1];
  gr_annotate_options o = {.requantize = gr_option_bool(p, "requantize"), .scope = scope};
  take_options(p, &o, own);
  gr_units units;
  if (!gr_units_find(&units, g)) status = GRAFT_NO_MEMORY;
  o.unit = units.of;
  o.unit_size = units.size.data;
  o.evaluate = gr_pass_evaluator(p, &o.evaluate_user);
  o.count_rule = gr_count_rule_copied;
  o.count_user = p;
  uint8_t *outcome = o.outcome = gr_calloc(p->context, nodes + 1u, 1);
  if (!outcome) status = GRAFT_NO_MEMORY;
  if (!status) status = gr_annotate(g, h->quantizer, &o, &stats);
  gr_units_free(&units);
  outcomes known = {.of = outcome, .scope = scope, .quantizer = gr_option_string(p, "quantizer")};
  if (!status) status = gr_count_layers(p, g, GR_LAYERS_ANNOTATED, why_float, &known);
  if (outcome) gr_free(p->context, outcome, nodes + 1u);
  if (scope) gr_free(p->context, scope, nodes * sizeof *scope);
  gr_count(p, "matches", stats.matches);
  gr_count(p, "places annotated", stats.places);
  gr_count(p, "overlaps", stats.overlaps);
  if (stats.given) gr_count(p, "places that came with the file", stats.given);
  return status;
}

graft_status gr_pass_annotate(gr_pass *p) {
  selection s;
  how h = {.own = gr_own_quantizer_find(&p->env->own, gr_option_string(p, "quantizer")), .selection = &s};
  graft_status status = h.own ? gr_own_quantizer_options(p, h.own, &h.values) : gr_pass_quantizer(p, &h.quantizer);
  if (!status) status = gr_refuse_gradients(p);
  if (status) return status;
  static const char *const lists[] = {"scope", "name", "skip-name"};
  status = select_begin(p, &s);
  for (size_t i = 0; i < sizeof lists / sizeof *lists && !status; i++) status = gr_selector_check(p, lists[i]);
  if (!status) status = gr_each_graph(p, annotate, &h);
  if (!status) status = gr_warn_of_float_layers(p, not_selected);
  if (!status && !h.own) gr_warn_of_unknown_dtypes(p);
  select_end(p, &s);
  return status;
}
