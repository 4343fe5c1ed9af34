/* Annotating a graph: the rules of a quantizer in their order (some together), nodes in graph order. The first rule
 * that matches a node claims it; a rule sees the specs that earlier nodes got. Cost: rules times nodes for the look at
 * each op, and the matches. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/formats/number_int.h"
#include "patterns/quantizer_impl.h"

/* One annotation of a match, before any is made. */
typedef struct action {
  bool is_value;
  uint32_t id, spec;
} action;

/* The spec made last from a spec of the file, for the same axis. */
typedef struct cached {
  int64_t axis, groups;
  uint32_t spec;
} cached;

typedef struct annotator {
  graft_graph *g;
  graft_module *m;
  graft_context *c;
  const gr_quantizer *q;
  const uint32_t *scope, *unit, *unit_size;
  graft_attr options[QZ_MAX_OPTIONS];
  gr_matcher matcher;
  bool *claimed; /* by node */
  cached *cache; /* by spec of the file */
  graft_node *order;
  uint32_t node_count, count;
  GR_VEC(action) actions;
  uint32_t origin; /* string: quantizer, options and rule */
  const qz_rule *rule;
  gr_rule_stats counts[QZ_MAX_RULES];
  gr_rule_stats *counted; /* of the rule */
  bool refused;           /* the match cannot be annotated as the rule says */
  bool requantize;
  uint8_t *outcome; /* by node; NULL */
  gr_annotate_stats *stats;
} annotator;

/* ---- options ---- */

static bool same_name(const char *a, const char *b) {
  for (; *a && *b; a++, b++)
    if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_'))) return false;
  return *a == *b;
}

static bool read_option(graft_attr *o, const char *text) {
  char *end;
  errno = 0;
  switch (o->kind) {
  case GRAFT_ATTR_BOOL: o->as.b = strcmp(text, "true") == 0; return o->as.b || strcmp(text, "false") == 0;
  case GRAFT_ATTR_INT: {
    long long v = strtoll(text, &end, 10);
    o->as.i = v;
    return *text && !*end && errno == 0;
  }
  case GRAFT_ATTR_STRING: o->as.s = text; return true; /* the pipeline's, which outlives this */
  default: return gr_number_parse(text, strlen(text), &o->as.f);
  }
}

static graft_status read_options(graft_context *c, const gr_quantizer *q, const gr_annotate_options *given,
                                 graft_attr options[QZ_MAX_OPTIONS]) {
  static const char *const kinds[] = {"true or false", "an integer", "a number", "a text"};
  qz_defaults(q, options);
  for (uint32_t i = 0; i < given->option_count; i++) {
    const gr_option_text *o = &given->options[i];
    uint32_t k = 0;
    while (k < q->options.len && !same_name(options[k].name, o->name)) k++;
    if (k == q->options.len && strcmp(o->name, "qat") == 0) continue; /* the pipeline's word: one that serves both */
    if (k == q->options.len) {
      gr_closest near = gr_closest_begin(o->name, strlen(o->name));
      for (k = 0; k < q->options.len; k++) gr_closest_offer(&near, options[k].name, strlen(options[k].name));
      for (const char *const *other = given->others; other && *other; other++)
        gr_closest_offer(&near, *other, strlen(*other));
      char hint[sizeof near.hint]; /* as the lists write it */
      snprintf(hint, sizeof hint, "%s", gr_closest_hint(&near, ""));
      for (char *s = hint; (s = strchr(s, '_'));) *s = '-';
      return gr_error(c, GRAFT_NAME, o->name_where, "quantizer %s has no option '%s'%s", q->name, o->name, hint);
    }
    if (!read_option(&options[k], o->value))
      return gr_error(c, GRAFT_NAME, o->value_where, "option %s is %s", o->name,
                      kinds[options[k].kind - GRAFT_ATTR_BOOL]);
  }
  return GRAFT_OK;
}

graft_status gr_annotate_check(graft_context *c, const gr_quantizer *q, const gr_annotate_options *given) {
  graft_attr options[QZ_MAX_OPTIONS];
  return read_options(c, q, given, options);
}

/* ---- specs ---- */

/* The axis of the output channels in the weight of the op that reads the edge; a transposed one's has groups. */
static graft_status weight_axis(annotator *a, graft_node n, int64_t *axis, int64_t *groups) {
  const gr_op_info *op = n == GRAFT_NONE ? NULL : gr_info(a->g, n);
  *axis = op ? op->weight_axis : -1;
  *groups = 1;
  if (op && (op->families & GR_F_CONV_TRANSPOSE))
    *groups = gr_attr_int(a->m, gr_attrs_of(a->g, n), GR_ATTR_ND(conv_transpose, groups));
  return GRAFT_OK;
}

/* The interned spec; GRAFT_NONE with a diagnostic. */
static uint32_t make_spec(annotator *a, uint32_t index, graft_node user, const gr_spec_ref *refs, uint32_t ref_count) {
  const qz_spec *s = &a->q->specs.data[index];
  const gr_op_info *op = gr_spec_info(s->kind);
  cached *have = &a->cache[index];
  graft_attr attrs[GR_MAX_ATTRS];
  int64_t axis, groups;
  bool from_op;
  weight_axis(a, user, &axis, &groups);
  if (ref_count == 0 && have->spec && (have->axis == INT64_MIN || (have->axis == axis && have->groups == groups)))
    return have->spec;
  if (!qz_spec_eval(a->q, s, a->options, axis, groups, attrs, &from_op)) return GRAFT_NONE;
  if (from_op && axis < 0) {
    gr_error(a->c, GRAFT_RULE, s->where, "the op %s has no weight axis", op->name);
    return GRAFT_NONE;
  }
  gr_attr_builder b;
  gr_attrs_begin(&b, op);
  for (uint32_t i = 0; i < op->attr_count; i++)
    if (gr_attrs_set(a->m, &b, op, &attrs[i], s->where)) return GRAFT_NONE;
  uint32_t set = gr_attrs_intern(a->m, &b, op, s->where);
  uint32_t spec = set == GRAFT_NONE ? GRAFT_NONE : gr_spec_intern(a->m, s->kind, set, refs, ref_count);
  if (spec != GRAFT_NONE && ref_count == 0) *have = (cached){from_op ? axis : INT64_MIN, groups, spec};
  return spec;
}

/* The axis that the file says must be one of the value: the verifier would know neither quantizer nor rule. */
static bool check_axis(const annotator *a, uint32_t spec, const qz_setting *s, graft_value v) {
  const gr_spec *made = gr_spec_get(a->m, spec);
  const graft_type *type = gr_type_of(a->g, v);
  const qz_spec *of = &a->q->specs.data[s->spec];
  const int slot = of->axis;
  if (slot < 0 || type->rank < 0 || gr_attr_is_none(a->m, made->attrs, (uint32_t)slot)) return true;
  const int64_t axis = gr_attr_int(a->m, made->attrs, (uint32_t)slot);
  if (axis >= -type->rank && axis < type->rank) return true;
  gr_error(a->c, GRAFT_RULE, of->values[slot] ? of->values[slot]->where : of->where,
           "the axis of the spec %s is %" PRId64
           ", and %%%s, to which the rule %s of the quantizer %s gives it, has %d",
           of->name, axis, gr_value_label(a->g, v), a->rule->name, a->q->name, type->rank);
  gr_note(a->c, s->where, "the rule gives it here");
  return false;
}

/* ---- places ---- */

/* Edges are named as the rule writes them: of a sum that matched the other way round `other` is its first operand. */
static bool is_swapped(const gr_match *m, const qz_place *p) {
  const pt_variant *v = &m->pattern->variants[m->variant];
  uint16_t slot = v->slots[p->value];
  return slot != PT_UNBOUND && v->slot_node[slot] != PT_UNBOUND && pt_frame_of(m->matcher)->swapped[v->slot_node[slot]];
}

/* Uses first..last of an edge; false: the operand is absent. */
static bool uses_of(const annotator *a, const gr_match *m, const qz_place *p, uint32_t *first, uint32_t *last) {
  graft_node n = gr_match_node(m, p->value);
  if (n == GRAFT_NONE) return false;
  const gr_op_info *op = gr_info(a->g, n);
  const gr_node *node = gr_node_at(a->g, n);
  int slot = op ? gr_op_operand_slot(op, p->operand, p->operand_length) : -1;
  if (slot < 0) return false;
  bool list = op->operands[slot].variadic;
  if (slot < 2 && is_swapped(m, p)) slot ^= 1;
  uint32_t from = (uint32_t)slot + p->first, to = list ? node->operand_count : (uint32_t)slot + 1;
  if (list && p->last != GRAFT_NONE && to > (uint32_t)slot + p->last + 1) to = (uint32_t)slot + p->last + 1;
  if (to > node->operand_count) to = node->operand_count;
  *first = node->first_use + from;
  *last = node->first_use + to;
  return from < to;
}

/* The one place a reference stands for; false: it is absent. */
static bool ref_of(const annotator *a, const gr_match *m, const qz_place *p, gr_spec_ref *ref) {
  uint32_t first, last;
  if (!p->edge) {
    graft_value v = p->of_rest ? gr_match_element(m, p->value, p->first) : gr_match_value(m, p->value);
    *ref = (gr_spec_ref){true, v};
    return v != GRAFT_NONE;
  }
  if (!uses_of(a, m, p, &first, &last) || gr_use_at(a->g, first)->value == GRAFT_NONE) return false;
  *ref = (gr_spec_ref){false, first};
  return true;
}

/* Nothing is shared across scopes. */
static bool in_scope(const annotator *a, gr_spec_ref ref, uint32_t scope) {
  graft_node n = ref.is_value ? gr_value_node(a->g, ref.id) : gr_use_at(a->g, ref.id)->user;
  return n == GRAFT_NONE || a->scope[n] == scope;
}

/* The setting that applies; false with a diagnostic. `*found` false: none does. */
static bool choose(annotator *a, const gr_match *m, const qz_setting *s, uint32_t scope, const qz_setting **out,
                   gr_spec_ref refs[QZ_MAX_REFS]) {
  bool blocked = false;
  *out = NULL;
  for (; s; s = s->otherwise) {
    bool holds;
    if (!qz_condition(a->q, s->condition, m, a->options, &holds)) return false;
    for (uint32_t i = 0; i < s->ref_count && holds; i++) {
      holds = ref_of(a, m, &s->refs[i], &refs[i]);
      if (holds && !in_scope(a, refs[i], scope)) holds = false, blocked = true;
    }
    if (!holds) continue;
    *out = s;
    return true;
  }
  a->refused = a->refused || blocked;
  return true;
}

static graft_node given_by(const annotator *a, bool is_value, uint32_t id) {
  return a->requantize ? GRAFT_NONE : gr_given_by(a->g, (gr_spec_ref){is_value, id});
}

/* What has the parameters of a place that came with the file: a result takes them; an operand must have them already,
 * since others might clip it. */
static bool share_given(annotator *a, action act, graft_node of) {
  const uint32_t spec = gr_given_spec(a->g, of);
  graft_node own = given_by(a, act.is_value, act.id);
  if (spec == GRAFT_NONE) return false;
  if (own != GRAFT_NONE || !act.is_value) {
    const uint32_t have = own == GRAFT_NONE || !spec ? 0 : gr_given_spec(a->g, own);
    if (have != spec || !spec) a->refused = true;
    a->stats->given++;
    return have != GRAFT_NONE;
  }
  act.spec = spec;
  return !spec || gr_vec_push(a->c, &a->actions, act);
}

/* A mask of -inf and the like: no scale holds it. A weight is left to calibration, which says where NaN is. */
static bool is_infinite_constant(const annotator *a, uint32_t use) {
  const graft_tensor t = gr_value_tensor(a->g, gr_use_at(a->g, use)->value);
  const gr_tensor *tensor = t == GRAFT_NONE ? NULL : &a->m->tensors.data[t];
  const gr_op_info *op = gr_info(a->g, gr_use_at(a->g, use)->user);
  uint32_t slot = gr_use_slot(a->g, use);
  if (op && slot >= op->operand_count) slot = op->operand_count - 1u;
  if (!tensor || tensor->kind != GRAFT_CONSTANT || tensor->source != GR_TENSOR_DATA || !op ||
      op->operands[slot].role != GR_DATA)
    return false;
  const graft_type *type = gr_tensor_type(a->m, t);
  const float *data = type->dtype == GRAFT_F32 ? graft_tensor_get_data(a->m, t) : NULL;
  const int64_t count = graft_type_elements(type);
  for (int64_t i = 0; data && i < count; i++)
    if (isinf(data[i])) return true;
  return false;
}

static bool add_action(annotator *a, bool is_value, uint32_t id, const qz_setting *s, const gr_spec_ref *refs) {
  graft_node user = is_value ? GRAFT_NONE : gr_use_at(a->g, id)->user;
  action act = {.is_value = is_value, .id = id};
  const graft_dtype dtype = gr_type_of(a->g, is_value ? id : gr_use_at(a->g, id)->value)->dtype;
  if ((dtype != GRAFT_F32 && dtype != GRAFT_UNKNOWN) /* shapes and indices */
      || (!is_value && s->kind == QZ_SPEC && is_infinite_constant(a, id))) {
    a->refused = true;
    return true;
  }
  for (uint32_t i = 0; i < s->ref_count; i++) {
    if (refs[i].is_value == is_value && refs[i].id == id) return true; /* add(%x, %x) and the like: itself */
    graft_node given = given_by(a, refs[i].is_value, refs[i].id);
    if (given == GRAFT_NONE) continue;
    if (s->kind == QZ_SHARED) return share_given(a, act, given);
    a->stats->given++; /* derived from parameters that are no place's */
    return true;
  }
  if (given_by(a, is_value, id) != GRAFT_NONE) {
    a->stats->given++;
    return true;
  }
  act.spec = s->kind == QZ_SHARED ? gr_spec_intern(a->m, GR_SPEC_shared, 0, refs, 1)
                                  : make_spec(a, s->spec, user, refs, s->ref_count);
  if (act.spec == GRAFT_NONE) return false;
  graft_value v = is_value ? id : gr_use_at(a->g, id)->value;
  return (s->kind == QZ_SHARED || check_axis(a, act.spec, s, v)) && gr_vec_push(a->c, &a->actions, act);
}

static bool collect_line(annotator *a, const gr_match *m, const qz_line *line, uint32_t scope) {
  gr_spec_ref refs[QZ_MAX_REFS];
  const qz_setting *s;
  if (line->target.rest) {
    graft_value v = GRAFT_NONE;
    uint32_t count = gr_match_results(m, line->target.value, &v);
    if (!choose(a, m, line->setting, scope, &s, refs)) return false;
    for (uint32_t i = 0; i < count && s && s->kind != QZ_NONE; i++)
      if (gr_value_at(a->g, v + i)->type != GRAFT_NONE && !add_action(a, true, v + i, s, refs)) return false;
    return true;
  }
  if (!line->target.edge) {
    graft_value v = gr_match_value(m, line->target.value);
    if (v == GRAFT_NONE) return true;
    if (!choose(a, m, line->setting, scope, &s, refs)) return false;
    return !s || s->kind == QZ_NONE || add_action(a, true, v, s, refs);
  }
  uint32_t first, last;
  if (!uses_of(a, m, &line->target, &first, &last)) return true;
  if (!choose(a, m, line->setting, scope, &s, refs)) return false;
  for (uint32_t use = first; use < last && s && s->kind != QZ_NONE; use++)
    if (gr_use_at(a->g, use)->value != GRAFT_NONE && !add_action(a, false, use, s, refs)) return false;
  return true;
}

/* ---- rules ---- */

static void note(const annotator *a, graft_node n, uint8_t outcome) {
  if (a->outcome && a->outcome[n] < outcome) a->outcome[n] = outcome;
}

/* The nodes whose op the rule names, in any of its lines. */
static void note_named(const annotator *a, const gr_pattern *p) {
  bool named[GR_OP_COUNT] = {false};
  if (!a->outcome) return;
  for (uint32_t v = 0; v < p->variant_count; v++)
    for (uint32_t i = 0; i < p->variants[v].node_count; i++) {
      const gr_opset *ops = p->variants[v].nodes[i].call->ops;
      for (uint32_t k = 0; k < ops->count; k++)
        if (ops->members[k].op < GR_OP_COUNT) named[ops->members[k].op] = true;
    }
  for (uint32_t i = 0; i < a->count; i++) {
    uint32_t op = gr_node_at(a->g, a->order[i])->op;
    if (op < GR_OP_COUNT && named[op]) note(a, a->order[i], GR_NO_MATCH);
  }
}

/* Before any place is told by its number: an operand that the line derives parameters for and that folding will make.
 */
static graft_status complete(const annotator *a, const gr_match *m, const qz_line *line) {
  graft_node n = line->target.edge && line->setting->kind == QZ_SPEC && line->setting->ref_count
                     ? gr_match_node(m, line->target.value)
                     : GRAFT_NONE;
  const gr_op_info *op = n == GRAFT_NONE ? NULL : gr_info(a->g, n);
  int slot = op ? gr_op_operand_slot(op, line->target.operand, line->target.operand_length) : -1;
  return slot < 0 ? GRAFT_OK : gr_make_absent(a->g, m, n, (uint32_t)slot);
}

/* What is to stay together is taken as a whole, by itself. */
static bool splits_unit(const annotator *a, const gr_match *m) {
  const uint32_t unit = a->unit ? a->unit[gr_match_node_at(m, 0)] : 0;
  uint32_t taken = 0;
  for (uint32_t i = 0; a->unit && i < gr_match_node_count(m); i++) {
    if (gr_match_is_context(m, i)) continue;
    if (a->unit[gr_match_node_at(m, i)] != unit) return true;
    taken++;
  }
  return unit && taken != a->unit_size[unit];
}

static graft_status apply(annotator *a, const qz_rule *r, const gr_match *m) {
  uint32_t nodes = gr_match_node_count(m), scope = a->scope[gr_match_node_at(m, 0)];
  for (uint32_t i = 0; i < nodes; i++) {
    graft_node n = gr_match_node_at(m, i);
    if (a->scope[n] != scope) return GRAFT_OK;
    if (a->claimed[n] && !gr_match_is_context(m, i)) return a->stats->overlaps++, a->counted->overlaps++, GRAFT_OK;
  }
  if (splits_unit(a, m)) return GRAFT_OK;
  for (uint32_t i = 0; i < r->lines.len; i++) {
    graft_status status = complete(a, m, &r->lines.data[i]);
    if (status) return status;
  }
  a->actions.len = 0;
  a->refused = false;
  for (uint32_t i = 0; i < r->lines.len; i++)
    if (!collect_line(a, m, &r->lines.data[i], scope)) return GRAFT_RULE;
  if (a->refused) return note(a, gr_match_node_at(m, 0), GR_NO_PLACE), a->counted->refused++, GRAFT_OK;
  for (uint32_t i = 0; i < nodes; i++) {
    if (gr_match_is_context(m, i)) continue;
    a->claimed[gr_match_node_at(m, i)] = true;
    note(a, gr_match_node_at(m, i), r->lines.len ? GR_ANNOTATED : GR_SKIPPED);
  }
  a->stats->matches++;
  a->counted->matches++;
  for (uint32_t i = 0; i < a->actions.len; i++) {
    const action *act = &a->actions.data[i];
    graft_status status =
        act->is_value ? gr_spec_set_value(a->g, act->id, act->spec) : gr_spec_set_use(a->g, act->id, act->spec);
    if (!status) status = gr_spec_set_origin(a->g, (gr_spec_ref){act->is_value, act->id}, a->origin);
    if (status) return status;
  }
  a->stats->places += a->actions.len;
  return GRAFT_OK;
}

typedef struct roots {
  bool op[GR_OP_COUNT];
  uint32_t opaque[16];
  uint32_t opaque_count;
  bool any_opaque; /* more of them than fit */
  graft_module *m;
} roots;

static void add_root(void *user, uint32_t op, const char *opaque) {
  roots *r = user;
  if (op < GR_OP_COUNT) {
    r->op[op] = true;
    return;
  }
  uint32_t string = opaque ? gr_intern_find(r->m, opaque, strlen(opaque)) : GRAFT_NONE;
  if (opaque && string == GRAFT_NONE) return;
  if (!opaque || r->opaque_count == 16)
    r->any_opaque = true;
  else
    r->opaque[r->opaque_count++] = GR_OP_COUNT + string;
}

static bool is_root(const roots *r, uint32_t op) {
  if (op < GR_OP_COUNT) return r->op[op];
  for (uint32_t i = 0; i < r->opaque_count; i++)
    if (r->opaque[i] == op) return true;
  return r->any_opaque;
}

/* A rule of a group that is tried together: the ops of its root, and what its places say they are from. */
typedef struct active_rule {
  const qz_rule *rule;
  roots wanted;
  uint32_t origin;
} active_rule;

static graft_status activate(annotator *a, const qz_rule *r, active_rule *out, uint32_t *count) {
  bool active;
  char origin[400];
  if (!qz_condition(a->q, r->condition, NULL, a->options, &active)) return GRAFT_RULE;
  if (!active) return GRAFT_OK;
  *out = (active_rule){.rule = r, .wanted.m = a->m};
  size_t used = qz_describe(a->q, a->options, origin, sizeof origin);
  if (used < sizeof origin) (void)snprintf(origin + used, sizeof origin - used, ": %s", r->name);
  if ((out->origin = gr_intern(a->m, origin, strlen(origin))) == GRAFT_NONE) return GRAFT_NO_MEMORY;
  gr_pattern_root_ops(r->pattern, add_root, &out->wanted);
  note_named(a, r->pattern);
  ++*count;
  return GRAFT_OK;
}

static graft_status try_rule(annotator *a, const active_rule *r, graft_node n) {
  gr_match match;
  if (a->claimed[n] || !is_root(&r->wanted, gr_node_at(a->g, n)->op)) return GRAFT_OK;
  if (!gr_pattern_match(&a->matcher, r->rule->pattern, n, &match))
    return a->matcher.failed || gr_cones_failed(a->matcher.cones) ? gr_no_memory(a->c) : GRAFT_OK;
  a->origin = r->origin;
  a->rule = r->rule;
  a->counted = &a->counts[r->rule - a->q->rules.data];
  return apply(a, r->rule, &match);
}

/* What constants alone give (the scales of a resize, shapes in float) is no activation, unless a layer computes it. */
static bool is_known(annotator *a, graft_node n) {
  const gr_op_info *op = gr_info(a->g, n);
  if (op && (op->families & GR_F_LAYER)) return false;
  for (uint32_t i = 0; i < gr_node_at(a->g, n)->result_count; i++) {
    graft_value v = gr_result(a->g, n, i);
    if (v != GRAFT_NONE) return gr_cones_is_constant(a->matcher.cones, v);
  }
  return false;
}

/* Rule `first` and those after it that stand with it: node by node, so that each sees what the others gave the nodes
 * before. */
static graft_status run_rules(annotator *a, uint32_t first, uint32_t last) {
  active_rule rules[QZ_MAX_TOGETHER];
  uint32_t count = 0;
  graft_status status = GRAFT_OK;
  for (uint32_t i = first; i < last && !status; i++) status = activate(a, &a->q->rules.data[i], &rules[count], &count);
  for (uint32_t i = 0; i < a->count && !status && count > 0; i++)
    for (uint32_t r = 0; r < count && !status; r++) status = try_rule(a, &rules[r], a->order[i]);
  return status;
}

graft_status gr_annotate(graft_graph *g, const gr_quantizer *q, const gr_annotate_options *options,
                         gr_annotate_stats *stats) {
  annotator a = {.g = g,
                 .m = g->module,
                 .c = g->module->context,
                 .q = q,
                 .scope = options->scope,
                 .unit = options->unit,
                 .unit_size = options->unit_size,
                 .stats = stats,
                 .requantize = options->requantize,
                 .outcome = options->outcome};
  graft_status status = read_options(a.c, q, options, a.options);
  if (status) return status;
  a.node_count = g->nodes.len;
  size_t claimed = (size_t)a.node_count + 1, specs = (size_t)q->specs.len + 1,
         order = ((size_t)a.node_count + 1) * sizeof *a.order;
  a.claimed = gr_calloc(a.c, claimed, 1);
  a.cache = gr_calloc(a.c, specs, sizeof *a.cache);
  a.order = gr_alloc(a.c, order);
  gr_cones *cones = gr_cones_create(g, options->evaluate, options->evaluate_user);
  gr_matcher_init(&a.matcher, g, a.options, cones);
  status = cones && a.claimed && a.cache && a.order ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (graft_node n = g->first; n != GRAFT_NONE && !status; n = gr_node_at(g, n)->next) {
    a.claimed[n] = graft_is_annotated(g, n);
    if (a.scope[n] && !is_known(&a, n)) a.order[a.count++] = n;
  }
  if (!status) status = gr_claim_integer_arithmetic(g, a.claimed);
  for (uint32_t i = 0, next; i < q->rules.len && !status; i = next) {
    for (next = i + 1; next < q->rules.len && q->rules.data[next].together;) next++;
    status = run_rules(&a, i, next);
  }
  for (uint32_t i = 0; i < q->rules.len && options->count_rule && !status; i++) {
    gr_rule_stats *counted = &a.counts[i];
    counted->name = q->rules.data[i].name;
    bool any = counted->matches || counted->refused || counted->overlaps;
    if (any && !options->count_rule(options->count_user, counted)) status = GRAFT_NO_MEMORY;
  }
  gr_matcher_free(&a.matcher);
  gr_cones_destroy(cones);
  gr_vec_free(a.c, &a.actions);
  if (a.claimed) gr_free(a.c, a.claimed, claimed);
  if (a.cache) gr_free(a.c, a.cache, specs * sizeof *a.cache);
  if (a.order) gr_free(a.c, a.order, order);
  return status;
}
