/* Why rules leave a node alone: each rule is tried at the roots near it, by the rewriter's own code, and the check that
 * came furthest tells. A rewrite that is made and does not fit counts as a check behind all others. */
#include "ir/formats/sink_int.h"
#include "ir/ir_int.h"
#include "patterns/quantizer_impl.h"
#include "patterns/rewrite_impl.h"
#include "patterns/rules_impl.h"

#include <stdio.h>
#include <string.h>

#define MAX_NEAR 200 /* roots that are looked at */

typedef struct explainer {
  graft_graph *g;
  graft_node node;
  gr_matcher matcher;
  pt_failure failure;
  char reason[256];
  graft_node near[MAX_NEAR];
  uint32_t near_count;
  gr_sink out;
  gr_cones *cones;
  pt_trial *trial; /* NULL: quantizers, which rewrite nothing */
  uint32_t said;
  uint32_t errors; /* of the context before it began */
} explainer;

static bool is_near(const explainer *x, graft_node n) {
  for (uint32_t i = 0; i < x->near_count; i++)
    if (x->near[i] == n) return true;
  return false;
}

/* The node, its users, theirs …: a rule's root uses what it matches, directly or not. */
static void find_near(explainer *x) {
  const graft_graph *g = x->g;
  x->near[x->near_count++] = x->node;
  for (uint32_t at = 0; at < x->near_count; at++) {
    const gr_node *n = gr_node_at(g, x->near[at]);
    for (uint32_t i = 0; i < n->result_count; i++)
      for (uint32_t u = gr_value_at(g, n->first_result + i)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
        uint32_t user = gr_use_at(g, u)->user;
        if (gr_user_is_node(user) && !is_near(x, user) && x->near_count < MAX_NEAR) x->near[x->near_count++] = user;
      }
  }
}

/* Was the node among those that the attempt had bound? */
static bool concerns(const explainer *x, const gr_pattern *pattern, uint32_t variant) {
  const pt_frame *f = pt_frame_of(&x->matcher);
  for (uint32_t i = 0; i < pattern->variants[variant].node_count; i++)
    if (f->nodes[i] == x->node) return true;
  return false;
}

static bool forget_nodes(explainer *x, const gr_pattern *pattern, uint32_t variant) {
  const pt_variant *v = &pattern->variants[variant];
  if (!gr_pt_frame_reserve(&x->matcher, pattern, v)) return false;
  memset(pt_frame_of(&x->matcher)->nodes, 0xff, v->place_count * sizeof(graft_node));
  return true;
}

/* `rule`: whose rewrite is tried; NULL in quantizers. */
static void explain_at(explainer *x, const char *label, const pt_rule *rule, const gr_pattern *pattern,
                       graft_node root) {
  pt_failure best = {0};
  bool about = false;
  for (uint32_t v = 0; v < pattern->variant_count; v++) {
    gr_match match;
    x->failure = (pt_failure){0};
    if (!forget_nodes(x, pattern, v)) {
      x->out.failed = true;
      return;
    }
    bool matches = gr_pt_match_variant(&x->matcher, pattern, v, root, &match);
    if (!concerns(x, pattern, v)) continue;
    char why[160] = "";
    if (matches && (!rule || gr_pt_try(x->trial, rule, v, root, why, sizeof why))) {
      gr_sink_format(&x->out, "%s matches at %%%s\n", label, gr_node_label(x->g, root));
      x->said++;
      return;
    }
    if (matches) {
      x->failure = (pt_failure){.variant = v, .pc = UINT32_MAX, .where = rule->where};
      snprintf(x->failure.text, sizeof x->failure.text, "it matches, but the rewrite does not fit: %s",
               why[0] ? why : "it is taken back");
    }
    if (!x->failure.text[0] || (about && x->failure.pc <= best.pc)) continue;
    best = x->failure;
    about = true;
  }
  if (!about) return;
  gr_sink_format(&x->out, "%s at %%%s: %s\n", label, gr_node_label(x->g, root), best.text);
  gr_sink_format(&x->out, "    %s:%u:%u: ", best.where.file, best.where.line, best.where.column);
  gr_sink_write(&x->out, best.where.source, strcspn(best.where.source, "\n"));
  gr_sink_text(&x->out, "\n");
  x->said++;
}

/* By its first result's name, else by its name in the source network: the first node that continues it. */
static graft_node find_node(graft_graph *g, const char *name) {
  graft_value value = graft_value_find(g, name);
  if (value != GRAFT_NONE) return gr_value_node(g, value);
  const graft_module *m = g->module;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next)
    if (strcmp(gr_string_text(m, gr_record_source(m, gr_node_at(g, n)->provenance)), name) == 0) return n;
  return GRAFT_NONE;
}

static graft_status no_node(graft_graph *g, const char *name) {
  const graft_module *m = g->module;
  gr_closest near = gr_closest_begin(name, strlen(name));
  char labels[2][256]; /* the nearest so far is in one of them, or in neither */
  int free_one = 0;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const char *source = gr_string_text(m, gr_record_source(m, gr_node_at(g, n)->provenance));
    char *label = labels[free_one];
    if (graft_node_name(g, n, label, sizeof labels[0]) < sizeof labels[0])
      gr_closest_offer(&near, label, strlen(label));
    if (near.word == label) free_one = !free_one;
    gr_closest_offer(&near, source, strlen(source));
  }
  return gr_error(m->context, GRAFT_NAME, (gr_loc){.node = name}, "no node's first result or source is called so%s",
                  gr_closest_hint(&near, ""));
}

/* NULL with a diagnostic. `options`: a quantizer's, NULL: none. */
static explainer *begin(graft_graph *g, const char *name, const graft_attr *options, gr_evaluator evaluate) {
  graft_context *c = g->module->context;
  const uint32_t errors = gr_error_count(c);
  graft_node node = name ? find_node(g, name) : GRAFT_NONE;
  if (gr_error_count(c) != errors) return NULL;
  if (node == GRAFT_NONE) {
    no_node(g, name ? name : "");
    return NULL;
  }
  explainer *x = gr_calloc(c, 1, sizeof *x);
  if (!x) return NULL;
  x->g = g;
  x->node = node;
  x->errors = errors;
  x->cones = gr_cones_create(g, evaluate, NULL);
  gr_matcher_init(&x->matcher, g, options, x->cones);
  x->matcher.reason = x->reason;
  x->matcher.reason_size = sizeof x->reason;
  x->matcher.failure = &x->failure;
  gr_sink_init(&x->out, c);
  find_near(x);
  return x;
}

/* The text to the caller. */
static graft_status finish(explainer *x, char **text, size_t *size) {
  graft_context *c = x->g->module->context;
  graft_status status =
      gr_outcome(c, x->errors, x->out.failed || !x->cones || x->matcher.failed ? GRAFT_NO_MEMORY : GRAFT_OK);
  *text = status ? NULL : gr_alloc(c, x->out.bytes.len + 1);
  if (*text) {
    if (x->out.bytes.len) memcpy(*text, x->out.bytes.data, x->out.bytes.len);
    (*text)[x->out.bytes.len] = '\0';
    *size = x->out.bytes.len + 1;
  } else {
    status = GRAFT_NO_MEMORY;
  }
  gr_sink_free(&x->out);
  gr_matcher_free(&x->matcher);
  gr_cones_destroy(x->cones);
  gr_pt_trial_end(x->trial);
  gr_free(c, x, sizeof *x);
  return status;
}

/* ---- what is there already ---- */

static void say_spec(explainer *x, const char *place, gr_spec_ref at, uint32_t spec) {
  const graft_module *m = x->g->module;
  const gr_spec *s = gr_spec_get(m, spec);
  const gr_op_info *info = gr_spec_info(s->kind);
  uint32_t origin = gr_spec_origin(x->g, at);
  gr_sink_format(&x->out, "    %s: %s", place, info->name);
  int dtype = gr_op_attr_slot(info, "dtype", 5);
  if (dtype >= 0)
    gr_sink_format(&x->out, " of %s", graft_dtype_name(gr_attr_public(m, info, s->attrs, (uint32_t)dtype).as.dtype));
  gr_sink_format(&x->out, ", by %s\n", origin ? gr_string_text(m, origin) : "a file or a callback");
}

static void say_annotations(explainer *x) {
  graft_graph *g = x->g;
  const gr_node *n = gr_node_at(g, x->node);
  const gr_op_info *info = gr_op_get(n->op);
  char place[200];
  if (!graft_is_annotated(g, x->node)) return;
  gr_sink_format(&x->out, "%%%s is annotated: quantizers leave it alone\n", gr_node_label(g, x->node));
  for (uint32_t i = 0; i < n->operand_count; i++) {
    uint32_t spec = gr_spec_of_use(g, n->first_use + i),
             last = info && info->operand_count ? info->operand_count - 1u : 0;
    if (!spec) continue;
    if (info && i >= last && info->operands[last].variadic)
      (void)snprintf(place, sizeof place, "operand %s[%u]", info->operands[last].name, i - last);
    else if (info && i < info->operand_count)
      (void)snprintf(place, sizeof place, "operand %s", info->operands[i].name);
    else
      (void)snprintf(place, sizeof place, "operand %u", i);
    say_spec(x, place, (gr_spec_ref){false, n->first_use + i}, spec);
  }
  for (uint32_t i = 0; i < n->result_count; i++) {
    uint32_t spec = gr_spec_of_value(g, n->first_result + i);
    (void)snprintf(place, sizeof place, "result %u", i);
    if (spec) say_spec(x, place, (gr_spec_ref){true, n->first_result + i}, spec);
  }
}

bool gr_explain_known(const graft_rules *rules, const graft_quantizers *quantizers, const uint32_t *which,
                      uint32_t count, graft_context *c, const char *name) {
  gr_closest near = gr_closest_begin(name, strlen(name));
  for (uint32_t i = 0; rules && i < graft_rules_count(rules); i++) {
    if (gr_pt_name_fits(gr_pt_rules_at(rules, i), name)) return true;
    gr_closest_offer(&near, graft_rules_name(rules, i), strlen(graft_rules_name(rules, i)));
  }
  for (uint32_t k = 0; k < count; k++) {
    const gr_quantizer *q = gr_quantizers_find(quantizers, graft_quantizers_name(quantizers, which[k]));
    for (uint32_t i = 0; q && i < q->rules.len; i++) {
      if (strcmp(q->rules.data[i].name, name) == 0) return true;
      gr_closest_offer(&near, q->rules.data[i].name, strlen(q->rules.data[i].name));
    }
  }
  gr_error(c, GRAFT_NAME, (gr_loc){0}, "no rule, file of rules or rule of a quantizer is called '%s'%s", name,
           gr_closest_hint(&near, ""));
  return false;
}

graft_status gr_rules_explain(const graft_rules *rules, graft_graph *g, const char *name, const char *only,
                              gr_evaluator evaluate, char **text, size_t *size) {
  *text = NULL;
  *size = 0;
  const uint32_t errors = gr_error_count(g->module->context);
  explainer *x = begin(g, name, NULL, evaluate);
  if (!x) return gr_outcome(g->module->context, errors, GRAFT_NAME);
  gr_sink_format(&x->out, "%%%s is a %s\n", gr_node_label(g, x->node),
                 gr_op_text(g->module, gr_node_at(g, x->node)->op));
  say_annotations(x);
  uint32_t tried = 0;
  x->trial = gr_pt_trial_begin(g, evaluate);
  if (!x->trial) x->out.failed = true;
  for (uint32_t i = 0; x->cones && x->trial && i < graft_rules_count(rules); i++) {
    const pt_rule *rule = gr_pt_rules_at(rules, i);
    if (only && !gr_pt_name_fits(rule, only)) continue;
    tried++;
    for (uint32_t k = 0; k < x->near_count; k++) explain_at(x, rule->name, rule, rule->pattern, x->near[k]);
  }
  if (tried && !x->said) gr_sink_text(&x->out, only ? "the rule does not look at it\n" : "no rule looks at it\n");
  return finish(x, text, size);
}

graft_status gr_quantizers_explain(const graft_quantizers *quantizers, uint32_t index, graft_graph *g, const char *name,
                                   const char *only, gr_evaluator evaluate, char **text, size_t *size) {
  *text = NULL;
  *size = 0;
  const char *quantizer = graft_quantizers_name(quantizers, index);
  const gr_quantizer *q = quantizer ? gr_quantizers_find(quantizers, quantizer) : NULL;
  if (!q) return gr_error(g->module->context, GRAFT_NAME, (gr_loc){0}, "there is no quantizer %u", index);
  graft_attr options[QZ_MAX_OPTIONS];
  qz_defaults(q, options);
  const uint32_t errors = gr_error_count(g->module->context);
  explainer *x = begin(g, name, options, evaluate);
  if (!x) return gr_outcome(g->module->context, errors, GRAFT_NAME);
  if (q->rules.len == 0) gr_sink_format(&x->out, "%s has no rules\n", q->name);
  uint32_t tried = 0;
  for (uint32_t i = 0; x->cones && i < q->rules.len && !graft_is_annotated(g, x->node); i++) {
    const qz_rule *rule = &q->rules.data[i];
    if (only && strcmp(only, rule->name) != 0) continue;
    tried++;
    bool active;
    if (!qz_condition(q, rule->condition, NULL, options, &active)) x->out.failed = true;
    char label[300];
    snprintf(label, sizeof label, "%s: %s%s", q->name, rule->name, active ? "" : " (not with the default options)");
    for (uint32_t k = 0; k < x->near_count; k++) explain_at(x, label, NULL, rule->pattern, x->near[k]);
  }
  if (only && tried && !x->said) gr_sink_format(&x->out, "%s: %s does not look at it\n", q->name, only);
  return finish(x, text, size);
}
