/* Runs a variant's rewrite steps: const values first, then new nodes before the root, then the root in place. What the
 * match no longer needs is erased by walking back from it. */
#include "patterns/rewrite_impl.h"

#include <stdio.h>
#include <string.h>

#define FEW 32

typedef struct apply {
  pt_rewriter *r;
  const pt_rule *rule;
  const gr_match *match;
  const pt_variant *v;
  pt_frame *f;
  graft_node root, before; /* new nodes stand before this one: the first that is replaced */
  uint32_t record_of[FEW]; /* records made, by the source's place */
  gr_name *taken;
} apply;

static gr_loc root_loc(const apply *a) { return gr_node_loc(a->r->g, a->root); }

static graft_status failed(const apply *a) {
  gr_note(a->r->c, a->rule->where, "while the rule %s was applied at %%%s", a->rule->name,
          gr_node_label(a->r->g, a->root));
  return GRAFT_PASS;
}

/* ---- conditions and attributes ---- */

static bool holds(apply *a, const pt_step *s, bool *yes) {
  *yes = true;
  if (!s->condition) return true;
  pt_eval e = {.match = a->match, .context = a->r->c, .options = a->r->matcher.options};
  bool c;
  if (!gr_pt_eval_condition(&e, s->condition, &c)) return false;
  *yes = c != s->negate;
  return true;
}

static uint32_t op_of(const apply *a, const pt_call *call) {
  uint32_t member = call->ops->count == 1 ? 0 : a->f->tags[call->tag];
  const pt_member *m = &call->ops->members[member];
  if (m->op < GR_OP_COUNT) return m->op;
  uint32_t string = gr_intern(a->r->m, m->opaque, strlen(m->opaque));
  return string == GRAFT_NONE ? GRAFT_NONE : GR_OP_COUNT + string;
}

static bool named_in(const pt_call *c, const char *name) {
  size_t length = strlen(name);
  for (uint32_t i = 0; i < c->attrs.len; i++)
    if (c->attrs.data[i].text && c->attrs.data[i].length == length && memcmp(c->attrs.data[i].text, name, length) == 0)
      return true;
  return false;
}

static bool spread(apply *a, gr_attr_builder *b, const gr_op_info *op, const pt_attr *attr) {
  const pt_capture *c = &a->f->rests[attr->name];
  const gr_op_info *from = gr_op_get(c->op);
  uint32_t count;
  gr_attrs_get(a->r->m, c->set, &count);
  for (uint32_t i = 0; i < count; i++) {
    graft_attr x = gr_attr_public(a->r->m, from, c->set, i);
    if (named_in(c->call, x.name)) continue;
    if (gr_attrs_set(a->r->m, b, op, &x, attr->where) != GRAFT_OK) return false;
  }
  return true;
}

static uint32_t build_attrs(apply *a, const pt_step *s, uint32_t op) {
  const gr_op_info *info = gr_op_get(op);
  gr_attr_builder b;
  gr_attrs_begin(&b, info);
  pt_eval e = {.match = a->match, .context = a->r->c, .options = a->r->matcher.options};
  for (uint32_t pass = 0; pass < 2; pass++) /* what is named outranks the rest */
    for (uint32_t i = 0; i < s->call->attrs.len; i++) {
      const pt_attr *attr = &s->call->attrs.data[i];
      if ((attr->kind == PT_ATTR_REST_OF) != (pass == 0)) continue;
      if (pass == 0) {
        if (!spread(a, &b, info, attr)) return GRAFT_NONE;
        continue;
      }
      graft_attr value;
      if (!gr_pt_eval_expr(&e, attr->value, &value)) return GRAFT_NONE;
      char name[64];
      snprintf(name, sizeof name, "%.*s", (int)attr->length, attr->text);
      value.name = name;
      if (gr_attrs_set(a->r->m, &b, info, &value, attr->where) != GRAFT_OK) return GRAFT_NONE;
    }
  return gr_attrs_intern(a->r->m, &b, info, s->call->where);
}

/* The attribute set of a step: copied where it is the same, cached where only sets of matched nodes go into it. */
static uint32_t attrs_of(apply *a, const pt_step *s, uint32_t op) {
  const graft_graph *g = a->r->g;
  if (s->copy >= 0) return gr_node_at(g, a->f->nodes[s->copy])->attrs;
  if (!s->cached) return build_attrs(a, s, op);
  pt_attr_cache *cache = &a->r->caches[s->number];
  bool same = cache->set != GRAFT_NONE;
  for (uint32_t i = 0; i < s->input_count; i++) {
    const gr_node *n = gr_node_at(g, a->f->nodes[s->inputs[i]]);
    same &= cache->ops[i] == n->op && cache->sets[i] == n->attrs;
    cache->ops[i] = n->op;
    cache->sets[i] = n->attrs;
  }
  if (!same) cache->set = build_attrs(a, s, op);
  return cache->set;
}

/* ---- names of tensors ---- */

static const pt_naming *naming_of(apply *a, const pt_naming *n) {
  pt_eval e = {.match = a->match, .context = a->r->c, .options = a->r->matcher.options};
  while (n && n->condition) {
    bool yes;
    if (!gr_pt_eval_condition(&e, n->condition, &yes)) return NULL;
    if (yes) break;
    n = n->otherwise;
  }
  return n;
}

static gr_name made_name(apply *a, const char *base, const char *suffix, size_t suffix_length, char glue) {
  char text[512];
  int n = snprintf(text, sizeof text, "%s%c%.*s", base, glue, (int)suffix_length, suffix);
  size_t length = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
  gr_name name = gr_name_split(a->r->m, text, length);
  return name.base == GRAFT_NONE ? name : gr_name_unique(a->r->m, name);
}

/* The name of a new tensor; *old is the one whose name it takes over if that one dies. */
static gr_name tensor_name(apply *a, const pt_step *s, uint32_t result, graft_tensor *old) {
  graft_graph *g = a->r->g;
  graft_module *m = a->r->m;
  *old = GRAFT_NONE;
  const pt_naming *n = naming_of(a, s->line ? s->line->naming : NULL);
  graft_value v = n ? pt_frame_value(a->match, n->name) : GRAFT_NONE;
  if (v == GRAFT_NONE) { /* called as the rule calls it, after the root */
    const pt_name *name = s->line && result < s->line->results.len && !s->line->results.data[result].range
                              ? &a->match->pattern->names.kind[PT_VALUE].data[s->line->results.data[result].name]
                              : NULL;
    return made_name(a, gr_node_label(g, a->root), name ? name->text : "value", name ? name->length : 5, '_');
  }
  if (n->suffix) {
    char base[400];
    snprintf(base, sizeof base, "%s", gr_value_label(g, v));
    char *dot = strrchr(base, '.');
    if (dot) *dot = '\0';
    return made_name(a, base, n->suffix, n->length, dot ? '.' : '_');
  }
  graft_tensor t = gr_value_tensor(g, v);
  if (t == GRAFT_NONE) return gr_name_derived(m, gr_value_get_name(g, v));
  *old = t;
  return gr_name_derived(m, m->tensors.data[t].name);
}

/* ---- const steps ---- */

static uint32_t operand_entry(apply *a, const pt_operand *o) {
  if (o->kind == PT_O_LITERAL) return gr_pt_cones_number(a->r->cones, o->dtype, o->number);
  if (a->f->consts[o->slot] != GRAFT_NONE) return a->f->consts[o->slot];
  return gr_pt_cones_entry(a->r->cones, a->f->values[o->slot]);
}

static bool gather_entries(apply *a, const pt_step *s) {
  pt_rewriter *r = a->r;
  r->entries.len = 0;
  for (uint32_t i = 0; i < s->operand_count; i++) {
    const pt_operand *o = &s->operands[i];
    if (o->kind == PT_O_RANGE) {
      const pt_range *x = &a->f->ranges[o->slot];
      for (uint32_t k = 0; k < x->count; k++) {
        graft_value v = x->results ? gr_result(r->g, x->node, x->first + k) : gr_operand(r->g, x->node, x->first + k);
        uint32_t e = v == GRAFT_NONE ? GRAFT_NONE : gr_pt_cones_entry(r->cones, v);
        if ((v != GRAFT_NONE && e == GRAFT_NONE) || !gr_vec_push(r->c, &r->entries, e)) return false;
      }
      continue;
    }
    bool absent = o->kind == PT_O_SLOT && a->f->consts[o->slot] == GRAFT_NONE && a->f->values[o->slot] == GRAFT_NONE;
    uint32_t e = absent ? GRAFT_NONE : operand_entry(a, o);
    if ((!absent && e == GRAFT_NONE) || !gr_vec_push(r->c, &r->entries, e)) return false;
  }
  while (r->entries.len && r->entries.data[r->entries.len - 1] == GRAFT_NONE) r->entries.len--;
  return true;
}

static uint32_t expr_entry(apply *a, const pt_step *s) {
  pt_eval e = {.match = a->match, .context = a->r->c, .options = a->r->matcher.options};
  graft_attr x;
  if (!gr_pt_eval_expr(&e, s->line->expr, &x)) return GRAFT_NONE;
  graft_dtype d = s->line->dtype;
  if (x.kind == GRAFT_ATTR_INT)
    return gr_pt_cones_number(a->r->cones, d == GRAFT_UNKNOWN ? GRAFT_I64 : d, (double)x.as.i);
  if (x.kind == GRAFT_ATTR_FLOAT) return gr_pt_cones_number(a->r->cones, d == GRAFT_UNKNOWN ? GRAFT_F32 : d, x.as.f);
  if (x.kind == GRAFT_ATTR_INTS && (d == GRAFT_UNKNOWN || d == GRAFT_I64)) {
    int64_t count = x.count;
    graft_type type = graft_type_make(GRAFT_I64, 1, &count);
    return gr_pt_cones_bytes(a->r->cones, &type, x.as.ints);
  }
  gr_error(a->r->c, GRAFT_RULE, s->line->expr->where, "a constant is made of a number or a list of i64");
  return GRAFT_NONE;
}

static bool materialize(apply *a, const pt_step *s, uint32_t result, uint32_t entry, graft_value *out) {
  pt_rewriter *r = a->r;
  int kind = s->line && s->line->tensor_kind >= 0 ? s->line->tensor_kind : GRAFT_CONSTANT;
  graft_tensor old = GRAFT_NONE;
  gr_name name = {0, 0};
  bool made = false;
  if (gr_pt_cones_is_new(r->cones, entry, (graft_tensor_kind)kind)) name = tensor_name(a, s, result, &old);
  graft_tensor t = gr_pt_cones_tensor(r->cones, entry, (graft_tensor_kind)kind, name, &made);
  if (t == GRAFT_NONE) return false;
  if (made) {
    r->stats->tensors_added++;
    if (old != GRAFT_NONE && !gr_vec_push(r->c, &r->takeovers, ((pt_takeover){t, old}))) return false;
  }
  *out = gr_handle(r->g, t);
  return *out != GRAFT_NONE;
}

static graft_value root_result(const apply *a, uint32_t i) { return gr_result(a->r->g, a->root, i); }

/* What stands for a result of the root must be of its type: its users are not looked at again. */
static bool same_type(apply *a, const graft_type *old, graft_value now) {
  const graft_type *t = gr_type_of(a->r->g, now);
  if (gr_type_compatible(old, t)) return true;
  char from[128], to[128];
  gr_type_format(old, from, sizeof from);
  gr_type_format(t, to, sizeof to);
  gr_error(a->r->c, GRAFT_TYPE, root_loc(a), "the rule %s would change the result from %s to %s", a->rule->name, from,
           to);
  return false;
}

static bool replace(apply *a, graft_value from, graft_value to) {
  pt_rewriter *r = a->r;
  if (!same_type(a, gr_type_of(r->g, from), to)) return false;
  for (uint32_t u = gr_value_at(r->g, from)->first_use; u != GRAFT_NONE; u = gr_use_at(r->g, u)->next)
    if (gr_user_is_node(gr_use_at(r->g, u)->user) && !gr_vec_push(r->c, &r->touched, gr_use_at(r->g, u)->user))
      return false;
  gr_replace_uses(r->g, from, to);
  return true;
}

static bool run_const(apply *a, const pt_step *s) {
  pt_rewriter *r = a->r;
  uint32_t first = GRAFT_NONE, count = s->result_count;
  if (s->call) {
    uint32_t op = op_of(a, s->call);
    if (s->result_range >= 0) count = a->f->ranges[s->result_range].count + s->result_count;
    if (op == GRAFT_NONE || !gather_entries(a, s)) return false;
    uint32_t attrs = attrs_of(a, s, op);
    if (attrs == GRAFT_NONE) return false;
    first = gr_pt_cones_call(r->cones, op, attrs, r->entries.data, r->entries.len, count, root_loc(a));
  } else if (s->line->kind == PT_LINE_EXPR) {
    first = expr_entry(a, s);
  } else if (s->line->kind == PT_LINE_ALIAS &&
             (a->f->values[s->alias] != GRAFT_NONE || a->f->consts[s->alias] != GRAFT_NONE)) {
    first = operand_entry(a, &(pt_operand){.kind = PT_O_SLOT, .slot = s->alias});
  } else {
    return true; /* absent */
  }
  if (first == GRAFT_NONE) return false;
  for (uint32_t i = 0; i < count; i++) {
    uint16_t slot = i < s->result_count ? s->results[i] : 0;
    bool own = i < s->result_count && a->v->slot_node[slot] == PT_UNBOUND;
    if (own) a->f->consts[slot] = first + i;
    if (!s->materialize) continue;
    graft_value v, old = own ? GRAFT_NONE : root_result(a, i);
    if (!own && (old == GRAFT_NONE || gr_unused(r->g, old))) continue;
    if (!materialize(a, s, i, first + i, &v)) return false;
    if (own)
      a->f->values[slot] = v;
    else if (!replace(a, old, v))
      return false;
  }
  return true;
}

/* ---- provenance and names of nodes ---- */

/* Into r->records: those of all matched nodes, that of `first` first. */
static bool gather_records(apply *a, uint32_t first) {
  pt_rewriter *r = a->r;
  r->records.len = 0;
  for (uint32_t i = 0; i <= a->v->node_count; i++) {
    uint32_t n = i == 0 ? first : i - 1;
    if ((i > 0 && n == first) || pt_is_context(a->v, n)) continue;
    uint32_t record = gr_node_at(r->g, a->f->nodes[n])->provenance;
    bool listed = record == 0;
    for (uint32_t k = 0; k < r->records.len && !listed; k++) listed = r->records.data[k] == record;
    if (!listed && !gr_vec_push(r->c, &r->records, record)) return false;
  }
  if (r->rule == a->rule) return true;
  r->rule = a->rule; /* what the last rewrite has looked up already */
  r->rule_string = gr_intern(r->m, a->rule->name, strlen(a->rule->name));
  r->rootless = GRAFT_NONE;
  return r->rule_string != GRAFT_NONE;
}

/* Made by (pass, rule) from all matched nodes; the record of `source` comes first: what the node goes back to. */
static uint32_t record_of(apply *a, int source) {
  pt_rewriter *r = a->r;
  uint32_t first = source < 0 ? 0 : (uint32_t)source, unused = GRAFT_NONE;
  uint32_t *known = first < FEW ? &a->record_of[first] : &unused;
  if (*known != GRAFT_NONE) return *known;
  if (!gather_records(a, first)) return GRAFT_NONE;
  if (r->records.len == 0 && r->rootless != GRAFT_NONE) return *known = r->rootless;
  gr_record x = {.pass = r->pass, .rule = r->rule_string, .parent_count = r->records.len};
  *known = gr_record_intern(r->m, &x, r->records.data);
  if (r->records.len == 0) r->rootless = *known;
  return *known;
}

/* The root's result equals what it was before: the record says under which name, where there are records at all. */
static uint32_t record_of_root(apply *a, int source) {
  pt_rewriter *r = a->r;
  if (!gather_records(a, source < 0 ? 0 : (uint32_t)source)) return GRAFT_NONE;
  if (r->records.len == 0) return record_of(a, source);
  const char *name = gr_node_label(r->g, a->root);
  gr_record x = {.pass = r->pass, .rule = r->rule_string, .parent_count = r->records.len};
  x.equals = gr_intern(r->m, name, strlen(name));
  return x.equals == GRAFT_NONE ? GRAFT_NONE : gr_record_intern(r->m, &x, r->records.data);
}

/* ---- node steps ---- */

static bool gather_operands(apply *a, const pt_step *s) {
  pt_rewriter *r = a->r;
  r->operands.len = 0;
  for (uint32_t i = 0; i < s->operand_count; i++) {
    const pt_operand *o = &s->operands[i];
    if (o->kind == PT_O_RANGE) {
      const pt_range *x = &a->f->ranges[o->slot];
      for (uint32_t k = 0; k < x->count; k++) {
        graft_value v = x->results ? gr_result(r->g, x->node, x->first + k) : gr_operand(r->g, x->node, x->first + k);
        if (!gr_vec_push(r->c, &r->operands, v)) return false;
      }
      continue;
    }
    graft_value v = o->kind == PT_O_LITERAL ? graft_scalar(r->g, o->dtype, o->number) : a->f->values[o->slot];
    if ((o->kind == PT_O_LITERAL && v == GRAFT_NONE) || !gr_vec_push(r->c, &r->operands, v)) return false;
  }
  return true;
}

#define MAX_NAMES 8

static bool run_node(apply *a, const pt_step *s, graft_node *out) {
  pt_rewriter *r = a->r;
  uint32_t op = op_of(a, s->call);
  if (op == GRAFT_NONE || !gather_operands(a, s)) return false;
  gr_node_desc d = {.op = op,
                    .attrs = attrs_of(a, s, op),
                    .operands = r->operands.data,
                    .operand_count = r->operands.len,
                    .result_count = s->result_count,
                    .marks = a->rule->marks | r->options->marks,
                    .before = a->before};
  if (d.attrs == GRAFT_NONE) return false;
  d.provenance = record_of(a, s->source);
  if (d.provenance == GRAFT_NONE) return false;
  gr_name names[MAX_NAMES];
  if (s->source >= 0) {
    const gr_node *from = gr_node_at(r->g, a->f->nodes[s->source]);
    gr_name name = gr_value_get_name(r->g, from->first_result);
    if (a->v->program->dies[s->source] && s->result_count <= MAX_NAMES && a->taken[s->source].base == 0) {
      for (uint32_t i = 0; i < s->result_count; i++) names[i] = i == 0 ? name : (gr_name){0, 0};
      d.names = names;
      a->taken[s->source] = name;
    } else {
      d.name_base = name.base;
    }
  }
  d.where = (gr_loc){.file = gr_string_text(r->m, r->m->file)};
  graft_node n = gr_node_add(r->g, &d);
  if (n == GRAFT_NONE) return false;
  *out = n;
  r->stats->nodes_added++;
  for (uint32_t i = 0; i < s->result_count; i++) a->f->values[s->results[i]] = gr_result(r->g, n, i);
  return gr_vec_push(r->c, &r->made, n) && gr_pt_cones_changed(r->cones, n);
}

/* Producers of the root's operands may be dead afterwards. */
static bool leave_operands(pt_rewriter *r, graft_node n) {
  for (uint32_t i = 0; i < gr_node_at(r->g, n)->operand_count; i++) {
    graft_value v = gr_operand(r->g, n, i);
    graft_node producer = v == GRAFT_NONE ? GRAFT_NONE : gr_value_node(r->g, v);
    if (producer != GRAFT_NONE && !gr_vec_push(r->c, &r->dead, producer)) return false;
  }
  return true;
}

static bool run_root(apply *a, const pt_step *s) {
  pt_rewriter *r = a->r;
  uint32_t op = op_of(a, s->call);
  if (op == GRAFT_NONE || !gather_operands(a, s)) return false;
  const gr_node *root = gr_node_at(r->g, a->root);
  uint32_t count = s->result_range >= 0 ? root->result_count : s->result_count, absent = 0;
#define ABSENT(i) \
  ((i) >= s->result_count || a->v->slot_node[s->results[i]] == 0 ? root_result(a, i) == GRAFT_NONE : false)
  while (count > 1 && ABSENT(count - 1)) count--;
  for (uint32_t i = 0; i < count && i < 32; i++)
    if (ABSENT(i)) absent |= 1u << i;
#undef ABSENT
  gr_node_desc d = {.op = op,
                    .attrs = attrs_of(a, s, op),
                    .operands = r->operands.data,
                    .operand_count = r->operands.len,
                    .result_count = count,
                    .absent_results = absent,
                    .marks = a->rule->marks | r->options->marks,
                    .before = GRAFT_NONE,
                    .where = {0}};
  d.where = (gr_loc){.file = gr_string_text(r->m, r->m->file)}; /* `failed` names the node */
  if (d.attrs == GRAFT_NONE || !leave_operands(r, a->root)) return false;
  d.provenance = record_of_root(a, s->source);
  const graft_type old = *gr_type_of(r->g, gr_node_at(r->g, a->root)->first_result);
  if (d.provenance == GRAFT_NONE || gr_node_become(r->g, a->root, &d) != GRAFT_OK) return false;
  return same_type(a, &old, gr_node_at(r->g, a->root)->first_result) && gr_pt_cones_changed(r->cones, a->root);
}

/* %m1 = %mean : users of the root's result read something else. */
static bool run_alias(apply *a, const pt_step *s) {
  uint16_t slot = s->results[0];
  graft_value to = s->line->kind == PT_LINE_ABSENT ? GRAFT_NONE : a->f->values[s->alias];
  if (a->v->slot_node[slot] == PT_UNBOUND || !pt_is_root(a->v, a->v->slot_node[slot])) {
    a->f->values[slot] = to;
    return true;
  }
  graft_value from = a->f->values[slot];
  if (from == GRAFT_NONE || gr_unused(a->r->g, from)) return true;
  if (to != GRAFT_NONE) return replace(a, from, to);
  gr_error(a->r->c, GRAFT_PASS, root_loc(a), "a result is used that the rule makes absent");
  return false;
}

/* ---- what is left over ---- */

static bool matched(const apply *a, graft_node n) {
  for (uint32_t i = 0; i < a->v->node_count; i++)
    if (a->f->nodes[i] == n) return true;
  return false;
}

/* Without users; what may have an effect goes only where the rule itself names it. */
static bool erasable(const apply *a, graft_node n) {
  const pt_rewriter *r = a->r;
  if (!(gr_node_may(r->g, n) & GR_MAY_ERASE) && !matched(a, n)) return false;
  const gr_node *node = gr_node_at(r->g, n);
  for (uint32_t i = 0; i < node->result_count; i++)
    if (gr_result(r->g, n, i) != GRAFT_NONE && !gr_unused(r->g, node->first_result + i)) return false;
  return true;
}

static bool clean(apply *a) {
  pt_rewriter *r = a->r;
  for (uint32_t i = a->v->node_count;
       i-- > 0;) /* users are erased before their producers: the stack is popped from the end */
    if ((i > 0 || !a->v->program->keeps_root) && !pt_is_context(a->v, i) &&
        !gr_vec_push(r->c, &r->dead, a->f->nodes[i]))
      return false;
  while (r->dead.len) {
    graft_node n = r->dead.data[--r->dead.len];
    if (!gr_node_live(r->g, n) || !erasable(a, n)) continue;
    if (n == a->root && a->v->program->keeps_root) continue;
    if (!leave_operands(r, n)) return false;
    gr_node_erase(r->g, n);
    r->stats->nodes_erased++;
  }
  return true;
}

/* A node that continues one which is gone now is called as that one. */
static bool take_names(apply *a) {
  const pt_program *p = a->v->program;
  for (uint32_t i = 0; i < p->step_count; i++) {
    const pt_step *s = &p->steps[i];
    if (s->source < 0 || (s->kind != PT_S_NODE && s->kind != PT_S_ROOT)) continue;
    graft_node from = a->f->nodes[s->source], to = s->kind == PT_S_ROOT ? a->root : a->r->step_nodes.data[i];
    if (to == GRAFT_NONE || gr_node_live(a->r->g, from) || a->taken[s->source].base) continue;
    gr_name name = a->r->g->values.data[gr_node_at(a->r->g, from)->first_result].name;
    a->taken[s->source] = name;
    if (name.base && gr_value_rename(a->r->g, gr_node_at(a->r->g, to)->first_result, name) != GRAFT_OK) return false;
  }
  return true;
}

/* ---- the whole ---- */

/* Results of the root that would be left without a value. */
static bool possible(apply *a) {
  const pt_program *p = a->v->program;
  for (uint32_t i = 0; i < p->step_count; i++) {
    const pt_step *s = &p->steps[i];
    if (s->kind != PT_S_ALIAS || s->replaces || a->v->slot_node[s->results[0]] == PT_UNBOUND ||
        !pt_is_root(a->v, a->v->slot_node[s->results[0]]))
      continue;
    graft_value from = a->f->values[s->results[0]];
    bool needed = from != GRAFT_NONE && !gr_unused(a->r->g, from);
    bool absent =
        s->line->kind == PT_LINE_ABSENT ||
        (a->v->slot_node[s->alias] != PT_UNBOUND || a->v->slot_optional[s->alias] ? a->f->values[s->alias] == GRAFT_NONE
                                                                                  : false);
    if (needed && absent) return false;
  }
  return true;
}

static bool run_step(apply *a, uint32_t i) {
  const pt_step *s = &a->v->program->steps[i];
  bool yes;
  if (!holds(a, s, &yes)) return false;
  if (!yes) {
    if (!s->negate)
      for (uint32_t k = 0; k < s->result_count; k++) {
        a->f->values[s->results[k]] = GRAFT_NONE;
        a->f->consts[s->results[k]] = GRAFT_NONE;
      }
    return true;
  }
  switch ((pt_step_kind)s->kind) {
  case PT_S_CONST: return run_const(a, s);
  case PT_S_NODE: return run_node(a, s, &a->r->step_nodes.data[i]);
  case PT_S_ALIAS: return run_alias(a, s);
  case PT_S_ROOT: a->r->step_nodes.data[i] = a->root; return run_root(a, s);
  case PT_S_WARN: gr_warning(a->r->c, GRAFT_PASS, root_loc(a), "%s", s->line->text); return true;
  }
  return true;
}

graft_status gr_pt_apply(pt_rewriter *r, const pt_rule *rule, const gr_match *match, bool *applied) {
  apply a = {.r = r,
             .rule = rule,
             .match = match,
             .v = &match->pattern->variants[match->variant],
             .f = pt_frame_of(match->matcher)};
  const pt_program *p = a.v->program;
  *applied = false;
  a.root = a.f->nodes[0];
  a.before = gr_pt_first_replaced(&r->matcher, a.v);
  memset(a.record_of, 0xff, sizeof a.record_of);
  gr_name few[FEW] = {{0, 0}};
  a.taken = a.v->node_count <= FEW ? few : gr_arena_alloc(&r->matcher.scratch, a.v->node_count * sizeof *a.taken);
  if (!a.taken) return GRAFT_NO_MEMORY;
  if (a.taken != few) memset(a.taken, 0, a.v->node_count * sizeof *a.taken);
  if (!possible(&a)) return GRAFT_OK;
  r->made.len = r->touched.len = r->dead.len = r->step_nodes.len = 0;
  if (!gr_vec_reserve(r->c, &r->step_nodes, p->step_count)) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < p->step_count; i++) r->step_nodes.data[r->step_nodes.len++] = GRAFT_NONE;
  for (uint32_t i = 0; i < a.v->slot_count; i++) a.f->consts[i] = GRAFT_NONE;
  for (uint32_t i = p->first_slot; i < a.v->slot_count; i++) a.f->values[i] = GRAFT_NONE;
  if (!gr_pt_carry_begin(r, match)) return GRAFT_NO_MEMORY;
  uint32_t old_result = gr_node_at(r->g, a.root)->first_result;
  for (uint32_t i = 0; i < p->step_count; i++)
    if (!run_step(&a, i)) return failed(&a);
  for (uint32_t i = 0; i < r->touched.len; i++)
    if (!gr_pt_cones_changed(r->cones, r->touched.data[i])) return GRAFT_NO_MEMORY;
  if (!gr_pt_carry_end(r, match, old_result) || !clean(&a) || !take_names(&a)) return GRAFT_NO_MEMORY;
  if (p->keeps_root && !gr_vec_push(r->c, &r->made, a.root)) return GRAFT_NO_MEMORY;
  if (r->cones) gr_pt_cones_trim(r->cones);
  *applied = true;
  r->stats->matches++;
  return GRAFT_OK;
}
