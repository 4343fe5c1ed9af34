/* Runs a variant's rewrite steps: const values first, then new nodes before the root, then the root in place. What the
 * match no longer needs is erased by walking back from it.
 *
 * A rewrite that turns out not to fit (types, numbers, attributes that have no value) is taken back whole, and the
 * match is none: errors are muted until the root has become what the rule says. Only then do constness and liveness
 * hear of it. What fails for another reason, a const value that cannot be computed or memory, ends the pass. */
#include "ir/formats/number_int.h"
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
  uint32_t types[FEW]; /* of the root's results */
  bool broken;         /* an error that is none of the match's: it is reported */
} apply;

static gr_loc root_loc(const apply *a) { return gr_node_loc(a->r->g, a->root); }

/* No match after all, because of the match or the graph: false. Muted, for who asks why. */
#define UNFIT(a, ...) (gr_error((a)->r->c, GRAFT_RULE, root_loc(a), __VA_ARGS__) == GRAFT_OK)
#define OTHER_TYPE "a result would be of another type than the root's"

/* What went wrong is no reason to go on without this match. */
static bool broken(apply *a) {
  a->broken = true;
  return false;
}

static graft_status failed(const apply *a) {
  gr_note(a->r->c, a->rule->where, "while the rule %s was applied at %%%s", a->rule->name,
          gr_node_label(a->r->g, a->root));
  return GRAFT_PASS;
}

/* ---- conditions and attributes ---- */

static pt_eval evaluation(const apply *a) {
  return (pt_eval){.match = a->match, .context = a->r->c, .options = a->r->matcher.options, .quiet = true};
}

static bool holds(apply *a, const pt_step *s) {
  pt_eval e = evaluation(a);
  return !s->condition || gr_pt_holds(&e, s->condition) != s->negate;
}

static uint32_t op_of(const apply *a, const pt_call *call) {
  uint32_t member = call->ops->count == 1 ? 0 : a->f->tags[call->tag];
  const pt_member *m = &call->ops->members[member];
  if (m->op < GR_OP_COUNT) return m->op;
  uint32_t string = gr_intern(a->r->m, m->opaque, strlen(m->opaque));
  return string == GRAFT_NONE ? GRAFT_NONE : GR_OP_COUNT + string;
}

static bool spread(apply *a, gr_attr_builder *b, const gr_op_info *op, const pt_attr *attr) {
  const pt_capture *c = &a->f->rests[attr->name];
  const gr_op_info *from = gr_op_get(c->op);
  uint32_t count;
  gr_attrs_get(a->r->m, c->set, &count);
  for (uint32_t i = 0; i < count; i++) {
    graft_attr x = gr_attr_public(a->r->m, from, c->set, i);
    if (gr_pt_names_attr(c->call, x.name) || gr_pt_stays_behind(from, i, &x, op)) continue;
    if (from && op && from->attrs[i].own && gr_op_attr_slot(op, x.name, strlen(x.name)) < 0)
      return UNFIT(a, "the attribute %s, which %s has not, is not the default", x.name, op->name);
    if (gr_attrs_set(a->r->m, b, op, &x, attr->where) != GRAFT_OK) return false;
  }
  return true;
}

/* An f32 that becomes an attribute, as import reads those: 0.1 for 0.1f. */
static double decimal_of(double single) {
  char text[GR_NUMBER_SIZE];
  double decimal;
  size_t n = gr_number_format(text, single, true);
  return gr_number_parse(text, n, &decimal) ? decimal : single;
}

static uint32_t build_attrs(apply *a, const pt_step *s, uint32_t op) {
  const gr_op_info *info = gr_op_get(op);
  gr_attr_builder b;
  gr_attrs_begin(&b, info);
  pt_eval e = evaluation(a);
  for (uint32_t pass = 0; pass < 2; pass++) /* what is named outranks the rest */
    for (uint32_t i = 0; i < s->call->attrs.len; i++) {
      const pt_attr *attr = &s->call->attrs.data[i];
      if ((attr->kind == PT_ATTR_REST_OF) != (pass == 0)) continue;
      if (pass == 0) {
        if (!spread(a, &b, info, attr)) return GRAFT_NONE;
        continue;
      }
      graft_attr value;
      if (!gr_pt_eval_expr(&e, attr->value, &value)) {
        (void)UNFIT(a, "the attribute %.*s of the new %s has no value", (int)attr->length, attr->text,
                    gr_op_text(a->r->m, op));
        return GRAFT_NONE;
      }
      if (e.reading == PT_SINGLE && value.kind == GRAFT_ATTR_FLOAT) value.as.f = decimal_of(value.as.f);
      value.name = attr->text;
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
    same = same && cache->ops[i] == n->op && cache->sets[i] == n->attrs;
    cache->ops[i] = n->op;
    cache->sets[i] = n->attrs;
  }
  if (!same) cache->set = build_attrs(a, s, op);
  return cache->set;
}

/* ---- names of tensors ---- */

static const pt_naming *naming_of(apply *a, const pt_naming *n) {
  pt_eval e = evaluation(a);
  while (n && n->condition && !gr_pt_holds(&e, n->condition)) n = n->otherwise;
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

/* A const value that cannot be computed is an error. */
static uint32_t value_entry(apply *a, graft_value v) {
  bool muted = gr_mute(a->r->c, a->r->trial);
  uint32_t entry = gr_pt_cones_entry(a->r->cones, v);
  gr_mute(a->r->c, muted);
  if (entry == GRAFT_NONE) broken(a);
  return entry;
}

static uint32_t slot_entry(apply *a, uint16_t slot) {
  return a->f->consts[slot] != GRAFT_NONE ? a->f->consts[slot] : value_entry(a, a->f->values[slot]);
}

static bool slot_is_absent(const apply *a, uint16_t slot) {
  return a->f->consts[slot] == GRAFT_NONE && a->f->values[slot] == GRAFT_NONE;
}

static graft_value range_value(const apply *a, const pt_range *x, uint32_t i) {
  return x->results ? gr_result(a->r->g, x->node, x->first + i) : gr_operand(a->r->g, x->node, x->first + i);
}

/* A number takes the type of the first operand that is none; f32 where there is no other. GRAFT_UNKNOWN: not known. */
static graft_dtype literal_dtype(const apply *a, const pt_step *s, const pt_operand *literal) {
  if (literal->dtype != GRAFT_UNKNOWN) return literal->dtype;
  for (uint32_t i = 0; i < s->operand_count; i++) {
    const pt_operand *o = &s->operands[i];
    graft_value v = GRAFT_NONE;
    if (o->kind == PT_O_LITERAL) continue;
    if (o->kind == PT_O_SLOT && a->f->consts[o->slot] != GRAFT_NONE)
      return gr_pt_cones_dtype(a->r->cones, a->f->consts[o->slot]);
    if (o->kind == PT_O_SLOT) v = a->f->values[o->slot];
    for (uint32_t k = 0; o->kind == PT_O_RANGE && k < a->f->ranges[o->slot].count && v == GRAFT_NONE; k++)
      v = range_value(a, &a->f->ranges[o->slot], k);
    if (v != GRAFT_NONE) return gr_type_of(a->r->g, v)->dtype;
  }
  return GRAFT_F32;
}

/* False where the number is none of its type. */
static bool literal_bytes(const apply *a, const pt_step *s, const pt_operand *o, graft_type *type,
                          unsigned char bytes[8]) {
  *type = (graft_type){.dtype = literal_dtype(a, s, o)};
  if (gr_pt_number_as(o->number, type->dtype, bytes)) return true;
  char text[64];
  gr_pt_attr_text(o->number, text, sizeof text);
  return UNFIT(a, "%s is no %s", text, graft_dtype_name(type->dtype));
}

static bool gather_entries(apply *a, const pt_step *s) {
  pt_rewriter *r = a->r;
  unsigned char bytes[8];
  graft_type type;
  r->entries.len = 0;
  for (uint32_t i = 0; i < s->operand_count; i++) {
    const pt_operand *o = &s->operands[i];
    if (o->kind == PT_O_RANGE) {
      const pt_range *x = &a->f->ranges[o->slot];
      for (uint32_t k = 0; k < x->count; k++) {
        graft_value v = range_value(a, x, k);
        uint32_t e = v == GRAFT_NONE ? GRAFT_NONE : value_entry(a, v);
        if (a->broken || !gr_vec_push(r->c, &r->entries, e)) return false;
      }
      continue;
    }
    uint32_t e = GRAFT_NONE;
    bool absent = o->kind == PT_O_SLOT && slot_is_absent(a, o->slot);
    if (o->kind == PT_O_LITERAL)
      e = literal_bytes(a, s, o, &type, bytes) ? gr_pt_cones_number(r->cones, type.dtype, o->number) : GRAFT_NONE;
    else if (!absent)
      e = slot_entry(a, o->slot);
    if ((!absent && e == GRAFT_NONE) || !gr_vec_push(r->c, &r->entries, e)) return false;
  }
  while (r->entries.len && r->entries.data[r->entries.len - 1] == GRAFT_NONE) r->entries.len--;
  return true;
}

/* A number, or a list of them, of the line's type: i64 and f32 where it says none. */
static uint32_t expr_entry(apply *a, const pt_step *s) {
  pt_eval e = evaluation(a);
  graft_attr x;
  if (!gr_pt_eval_expr(&e, s->line->expr, &x)) {
    (void)UNFIT(a, "a const line has no value");
    return GRAFT_NONE;
  }
  for (uint32_t i = 0; e.reading == PT_EXTENTS && i < x.count; i++)
    if (x.as.ints[i] < 0) return GRAFT_NONE; /* an extent that is not known */
  if (e.reading == PT_EXTENTS && x.kind == GRAFT_ATTR_INT && x.as.i < 0) return GRAFT_NONE;
  bool list = x.kind == GRAFT_ATTR_INTS || x.kind == GRAFT_ATTR_FLOATS;
  bool whole = x.kind == GRAFT_ATTR_INT || x.kind == GRAFT_ATTR_INTS;
  graft_dtype d = s->line->dtype != GRAFT_UNKNOWN ? s->line->dtype : whole ? GRAFT_I64 : GRAFT_F32;
  unsigned char bytes[8];
  if (!list) return gr_pt_number_as(&x, d, bytes) ? gr_pt_cones_number(a->r->cones, d, &x) : GRAFT_NONE;
  int64_t count = x.count;
  graft_type type = graft_type_make(d, 1, &count);
  size_t size = graft_dtype_size(d);
  unsigned char *data = gr_arena_alloc(&a->r->matcher.scratch, (x.count + 1) * size);
  if (!data) return GRAFT_NONE;
  for (uint32_t i = 0; i < x.count; i++) {
    graft_attr n = whole ? (graft_attr){.kind = GRAFT_ATTR_INT, .as.i = x.as.ints[i]}
                         : (graft_attr){.kind = GRAFT_ATTR_FLOAT, .as.f = x.as.floats[i]};
    if (!gr_pt_number_as(&n, d, bytes)) return GRAFT_NONE;
    memcpy(data + i * size, bytes, size);
  }
  return gr_pt_cones_bytes(a->r->cones, &type, data);
}

static bool materialize(apply *a, const pt_step *s, uint32_t result, uint32_t entry, graft_value *out) {
  pt_rewriter *r = a->r;
  int kind = s->line && s->line->tensor_kind >= 0 ? s->line->tensor_kind : GRAFT_CONSTANT;
  graft_tensor old = GRAFT_NONE;
  gr_name name = {0, 0};
  bool made = false;
  if (gr_pt_cones_is_new(r->cones, entry, (graft_tensor_kind)kind)) name = tensor_name(a, s, result, &old);
  bool muted = gr_mute(r->c, r->trial);
  graft_tensor t = gr_pt_cones_tensor(r->cones, entry, (graft_tensor_kind)kind, name, &made);
  gr_mute(r->c, muted);
  if (t == GRAFT_NONE) return broken(a);
  if (made) {
    if (!gr_vec_push(r->c, &r->fresh, entry)) return broken(a);
    if (old != GRAFT_NONE && !gr_vec_push(r->c, &r->takeovers, ((pt_takeover){t, old}))) return false;
  }
  *out = gr_handle(r->g, t);
  return *out != GRAFT_NONE;
}

static graft_value root_result(const apply *a, uint32_t i) { return gr_result(a->r->g, a->root, i); }

/* Both types' knowledge; false where they contradict each other. */
static bool merge_types(const graft_type *a, const graft_type *b, graft_type *out) {
  if (!gr_type_compatible(a, b)) return false;
  *out = *b;
  if (out->dtype == GRAFT_UNKNOWN) out->dtype = a->dtype;
  if (out->rank < 0) {
    out->rank = a->rank;
    memcpy(out->dims, a->dims, sizeof out->dims);
  }
  for (int32_t i = 0; i < out->rank && a->rank >= 0; i++)
    if (out->dims[i] < 0) out->dims[i] = a->dims[i];
  return true;
}

/* What is known of one value is known of the other. */
static bool refine(apply *a, graft_value from, graft_value to) {
  graft_graph *g = a->r->g;
  graft_type merged;
  if (gr_value_at(g, from)->type == gr_value_at(g, to)->type) return true;
  if (!merge_types(gr_type_of(g, from), gr_type_of(g, to), &merged)) return UNFIT(a, OTHER_TYPE);
  if (gr_type_equal(&merged, gr_type_of(g, to))) return true;
  if (gr_value_node(g, to) == GRAFT_NONE) return UNFIT(a, "less is known of an input's type than of the root's");
  uint32_t type = gr_type_intern(a->r->m, &merged);
  return type != GRAFT_NONE && gr_value_set_type(g, to, type) == GRAFT_OK &&
         gr_vec_push(a->r->c, &a->r->touched, gr_value_node(g, to));
}

/* Users of `from` read `to`; an update of a tensor by itself is none. */
static bool replace(apply *a, graft_value from, graft_value to) {
  pt_rewriter *r = a->r;
  graft_graph *g = r->g;
  if (!refine(a, from, to)) return false;
  for (uint32_t u = gr_value_at(g, from)->first_use, next; u != GRAFT_NONE; u = next) {
    uint32_t user = gr_use_at(g, u)->user;
    next = gr_use_at(g, u)->next;
    if (gr_user_is_node(user)) {
      if (!gr_vec_push(r->c, &r->touched, user)) return false;
    } else if ((user & GR_USER_UPDATE) == GR_USER_UPDATE && gr_update_is_idle(g, user & GR_USER_INDEX, to)) {
      gr_update_erase(g, user & GR_USER_INDEX);
    }
  }
  gr_replace_uses(g, from, to);
  return gr_vec_push(r->c, &r->gained, to);
}

/* What gives another result each time is no constant. */
static bool is_random(const apply *a, uint32_t op, uint32_t attrs) {
  const gr_op_info *info = gr_op_get(op);
  int slot = info && (info->families & GR_F_RANDOM) ? gr_op_attr_slot(info, "training", 8) : -1;
  return slot >= 0 && gr_attr_bool(a->r->m, attrs, (uint32_t)slot);
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
    bool fits =
        !is_random(a, op, attrs) && gr_pt_cones_fits(r->cones, op, attrs, r->entries.data, r->entries.len, count);
    if (!fits) return UNFIT(a, "a const line's %s does not fit its operands", gr_op_text(r->m, op));
    bool muted = gr_mute(r->c, r->trial);
    first = gr_pt_cones_call(r->cones, op, attrs, r->entries.data, r->entries.len, count, root_loc(a));
    gr_mute(r->c, muted);
    if (first == GRAFT_NONE) return broken(a);
  } else if (s->line->kind == PT_LINE_EXPR) {
    first = expr_entry(a, s);
  } else if (s->line->kind == PT_LINE_ALIAS && !slot_is_absent(a, s->alias)) {
    first = slot_entry(a, s->alias);
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

/* Those of the nodes that were matched at all places of a root, each once. */
static bool gather_spliced_records(pt_rewriter *r) {
  gr_map listed = {0};
  bool ok = true;
  for (uint32_t i = 0; ok && i < r->records.len; i++) ok = gr_map_put(r->c, &listed, r->records.data[i], i);
  for (uint32_t i = 0; ok && i < r->spliced_nodes.len; i++) {
    uint32_t record = gr_node_at(r->g, r->spliced_nodes.data[i])->provenance;
    if (record == 0 || gr_map_get(&listed, record) != GRAFT_NONE) continue;
    ok = gr_map_put(r->c, &listed, record, i) && gr_vec_push(r->c, &r->records, record);
  }
  gr_map_free(r->c, &listed);
  return ok;
}

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
  if (r->spliced.len && !gather_spliced_records(r)) return false;
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
  unsigned char bytes[8];
  graft_type type;
  r->operands.len = 0;
  for (uint32_t i = 0; i < s->operand_count; i++) {
    const pt_operand *o = &s->operands[i];
    if (o->kind == PT_O_RANGE) {
      const pt_range *x = &a->f->ranges[o->slot];
      for (uint32_t k = 0; k < x->count; k++)
        if (!gr_vec_push(r->c, &r->operands, range_value(a, x, k))) return false;
      continue;
    }
    graft_value v = GRAFT_NONE;
    if (o->kind == PT_O_SLOT) {
      v = a->f->values[o->slot];
    } else {
      graft_tensor t = literal_bytes(a, s, o, &type, bytes) ? gr_constant(r->m, "scalar", &type, bytes) : GRAFT_NONE;
      if (t == GRAFT_NONE || (v = gr_handle(r->g, t)) == GRAFT_NONE) return false;
    }
    if (!gr_vec_push(r->c, &r->operands, v)) return false;
  }
  while (r->operands.len && r->operands.data[r->operands.len - 1] == GRAFT_NONE) r->operands.len--;
  return true;
}

/* Of what a line of the rewrite makes; NULL as line: a call within one. */
static uint32_t marks_of(const apply *a, const pt_step *s) {
  return a->rule->marks | a->r->options->marks | (s->line ? s->line->marks : 0);
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
                    .marks = marks_of(a, s),
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
  d.where = gr_module_loc(r->m);
  graft_node n = gr_node_add(r->g, &d);
  if (n == GRAFT_NONE) return false;
  *out = n;
  for (uint32_t i = 0; i < s->result_count; i++) a->f->values[s->results[i]] = gr_result(r->g, n, i);
  return gr_vec_push(r->c, &r->made, n);
}

/* The values that the node reads lose a use: their producers may be dead afterwards. */
static bool leave_operands(pt_rewriter *r, graft_node n) {
  for (uint32_t i = 0; i < gr_node_at(r->g, n)->operand_count; i++) {
    graft_value v = gr_operand(r->g, n, i);
    if (v == GRAFT_NONE) continue;
    graft_node producer = gr_value_node(r->g, v);
    if (!gr_vec_push(r->c, &r->lost, v) || (producer != GRAFT_NONE && !gr_vec_push(r->c, &r->dead, producer)))
      return false;
  }
  return true;
}

static bool erase_users(apply *a, graft_node n, uint32_t from);

/* The root's results keep what was known of their types: their users are not looked at again. NULL: they would change.
 */
static const uint32_t *root_types(apply *a, const gr_node_desc *d) {
  graft_graph *g = a->r->g;
  uint32_t *types = a->types;
  if (d->result_count > FEW) types = gr_arena_alloc(&a->r->matcher.scratch, d->result_count * sizeof *types);
  if (!types || gr_result_types(g, d, d->operand_count, types) != GRAFT_OK) return NULL;
  for (uint32_t i = 0; i < d->result_count; i++) {
    graft_value old = root_result(a, i);
    graft_type merged;
    if (old == GRAFT_NONE || types[i] == GRAFT_NONE || types[i] == gr_value_at(g, old)->type) continue;
    const graft_type *now = &a->r->m->types.data[types[i]];
    if (!merge_types(gr_type_of(g, old), now, &merged)) {
      (void)UNFIT(a, OTHER_TYPE);
      return NULL;
    }
    if (!gr_type_equal(now, &merged) && (types[i] = gr_type_intern(a->r->m, &merged)) == GRAFT_NONE) return NULL;
  }
  return types;
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
                    .marks = marks_of(a, s),
                    .before = GRAFT_NONE,
                    .where = {0}};
  d.where = gr_module_loc(r->m); /* `failed` names the node */
  if (r->spliced.len) {
    if (d.attrs != root->attrs) return UNFIT(a, "one place changes what another one sees");
    d.operands = r->spliced.data;
    d.operand_count = r->spliced.len;
  }
  r->stats->operands += d.operand_count;
  if (d.attrs == GRAFT_NONE || !leave_operands(r, a->root)) return false;
  d.provenance = record_of_root(a, s->source);
  d.types = root_types(a, &d);
  return d.provenance != GRAFT_NONE && d.types && erase_users(a, a->root, count) &&
         gr_node_become(r->g, a->root, &d) == GRAFT_OK;
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
  return to != GRAFT_NONE ? replace(a, from, to) : !gr_pt_is_needed(&a->r->matcher, from);
}

/* ---- what is left over ---- */

/* Does a line of the match name the op? @any does not. */
static bool named(const apply *a, graft_node n) {
  for (uint32_t i = 0; i < a->v->node_count; i++)
    if (a->f->nodes[i] == n) return !a->v->nodes[i].call->ops->any;
  return false;
}

/* Dead users do not count, except around a root that is dead itself. */
static bool counts(const apply *a, uint32_t user) {
  gr_matcher *m = &a->r->matcher;
  return !gr_user_is_node(user) || !gr_pt_is_dead(m, user) || gr_pt_is_dead(m, a->root);
}

/* Nothing needs it; what may have an effect goes only where the rule itself names it. */
static bool erasable(const apply *a, graft_node n) {
  const graft_graph *g = a->r->g;
  if (!(gr_node_may(g, n) & GR_MAY_ERASE) && !named(a, n)) return false;
  const gr_node *node = gr_node_at(g, n);
  for (uint32_t i = 0; i < node->result_count; i++)
    for (uint32_t u = gr_value_at(g, node->first_result + i)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next)
      if (counts(a, gr_use_at(g, u)->user)) return false;
  return true;
}

static graft_node first_user(const graft_graph *g, graft_node n, uint32_t from) {
  const gr_node *node = gr_node_at(g, n);
  for (uint32_t i = from; i < node->result_count; i++) {
    uint32_t u = gr_value_at(g, node->first_result + i)->first_use;
    if (u != GRAFT_NONE) return gr_use_at(g, u)->user;
  }
  return GRAFT_NONE;
}

/* The users of results from..: dead nodes, and theirs before them. */
static bool erase_users(apply *a, graft_node n, uint32_t from) {
  pt_rewriter *r = a->r;
  graft_node user;
  r->doomed.len = 0;
  while ((user = first_user(r->g, n, from)) != GRAFT_NONE) {
    if (!counts(a, user) && !gr_vec_push(r->c, &r->doomed, user)) return false;
    if (r->doomed.len == 0) return false; /* it is needed after all */
    while (r->doomed.len) {
      graft_node last = r->doomed.data[r->doomed.len - 1], next = first_user(r->g, last, 0);
      if (next != GRAFT_NONE) {
        if (!gr_vec_push(r->c, &r->doomed, next)) return false;
        continue;
      }
      if (!leave_operands(r, last)) return false;
      gr_node_erase(r->g, last);
      r->erased++;
      r->doomed.len--;
    }
  }
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
    if (!gr_node_live(r->g, n) || (n == a->root && a->v->program->keeps_root) || !erasable(a, n)) continue;
    if (!erase_users(a, n, 0) || !leave_operands(r, n)) return false;
    gr_node_erase(r->g, n);
    r->erased++;
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
    bool needed = from != GRAFT_NONE && gr_pt_is_needed(&a->r->matcher, from);
    bool absent =
        s->line->kind == PT_LINE_ABSENT ||
        (a->v->slot_node[s->alias] != PT_UNBOUND || a->v->slot_optional[s->alias] ? a->f->values[s->alias] == GRAFT_NONE
                                                                                  : false);
    if (needed && absent) return false;
  }
  /* an effect that the rule does not name must not go with its root */
  const pt_call *root = a->v->nodes[0].call;
  bool same_op = false;
  for (uint32_t i = 0; i < p->step_count; i++)
    same_op |= p->steps[i].kind == PT_S_ROOT && root->tag >= 0 && p->steps[i].call->tag == root->tag;
  return same_op || !root->ops->any || (gr_node_may(a->r->g, a->root) & GR_MAY_ERASE);
}

static bool run_step(apply *a, uint32_t i) {
  const pt_step *s = &a->v->program->steps[i];
  if (!holds(a, s)) {
    for (uint32_t k = 0; k < s->result_count && !s->negate; k++) {
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
  case PT_S_WARN: return gr_vec_push(a->r->c, &a->r->warnings, s->line->text);
  }
  return true;
}

/* All that may turn out not to fit. */
static bool build(apply *a) {
  pt_rewriter *r = a->r;
  const pt_program *p = a->v->program;
  r->made.len = r->touched.len = r->dead.len = r->step_nodes.len = 0;
  r->lost.len = r->gained.len = r->fresh.len = r->warnings.len = 0;
  r->erased = 0;
  if (!gr_vec_reserve(r->c, &r->step_nodes, p->step_count)) return false;
  for (uint32_t i = 0; i < p->step_count; i++) r->step_nodes.data[r->step_nodes.len++] = GRAFT_NONE;
  for (uint32_t i = 0; i < a->v->slot_count; i++) a->f->consts[i] = GRAFT_NONE;
  for (uint32_t i = p->first_slot; i < a->v->slot_count; i++) a->f->values[i] = GRAFT_NONE;
  if (!gr_pt_carry_begin(r, a->match)) return false;
  for (uint32_t i = 0; i < p->step_count; i++)
    if (!run_step(a, i)) return false;
  return true;
}

/* A live root's new nodes live, and so does what they read. */
static bool settle_liveness(apply *a) {
  pt_rewriter *r = a->r;
  if (!r->matcher.dead_known) return true;
  bool dead = gr_pt_is_dead(&r->matcher, a->root);
  for (uint32_t i = 0; i < r->made.len; i++)
    if (!gr_pt_set_dead(&r->matcher, r->made.data[i], dead)) return false;
  return true;
}

/* A root that stays may have lost the updates that it lived by. It is dead then, and so is what only it needs. */
static bool settle_root(apply *a) {
  pt_rewriter *r = a->r;
  gr_matcher *m = &r->matcher;
  r->dead.len = r->faded.len = 0;
  if (!m->dead_known || !a->v->program->keeps_root || gr_pt_is_dead(m, a->root)) return true;
  if (!gr_vec_push(r->c, &r->dead, a->root)) return false;
  while (r->dead.len) {
    graft_node n = r->dead.data[--r->dead.len];
    bool needed = gr_pt_is_dead(m, n) || !(gr_node_may(r->g, n) & GR_MAY_ERASE);
    for (uint32_t i = 0; i < gr_node_at(r->g, n)->result_count && !needed; i++)
      needed = gr_pt_is_needed(m, gr_node_at(r->g, n)->first_result + i);
    if (needed) continue;
    if (!gr_pt_set_dead(m, n, true)) return false;
    for (uint32_t i = 0; i < gr_node_at(r->g, n)->operand_count; i++) {
      graft_value v = gr_operand(r->g, n, i);
      graft_node producer = v == GRAFT_NONE ? GRAFT_NONE : gr_value_node(r->g, v);
      if (producer == GRAFT_NONE) continue;
      if (!gr_vec_push(r->c, &r->faded, v) || !gr_vec_push(r->c, &r->dead, producer)) return false;
    }
  }
  return true;
}

static bool finish(apply *a, graft_value old_result) {
  pt_rewriter *r = a->r;
  for (uint32_t i = 0; i < r->warnings.len; i++) gr_warning(r->c, GRAFT_PASS, root_loc(a), "%s", r->warnings.data[i]);
  r->stats->matches++;
  r->stats->nodes_added += r->made.len;
  r->stats->tensors_added += r->fresh.len;
  if (!settle_liveness(a) || !gr_pt_carry_end(r, a->match, old_result) || !clean(a) || !take_names(a)) return false;
  if (!settle_root(a)) return false;
  if (a->v->program->keeps_root && !gr_vec_push(r->c, &r->made, a->root)) return false;
  r->stats->nodes_erased += r->erased;
  for (uint32_t i = 0; i < r->made.len; i++)
    if (!gr_pt_cones_changed(r->cones, r->made.data[i])) return false;
  for (uint32_t i = 0; i < r->touched.len; i++)
    if (gr_node_live(r->g, r->touched.data[i]) && !gr_pt_cones_changed(r->cones, r->touched.data[i])) return false;
  gr_pt_cones_trim(r->cones);
  return true;
}

graft_status gr_pt_apply(pt_rewriter *r, const pt_rule *rule, const gr_match *match, bool *applied) {
  apply a = {.r = r,
             .rule = rule,
             .match = match,
             .v = &match->pattern->variants[match->variant],
             .f = pt_frame_of(match->matcher)};
  *applied = false;
  a.root = a.f->nodes[0];
  a.before = gr_pt_first_replaced(&r->matcher, a.v);
  memset(a.record_of, 0xff, sizeof a.record_of);
  gr_name few[FEW] = {{0, 0}};
  a.taken = a.v->node_count <= FEW ? few : gr_arena_alloc(&r->matcher.scratch, a.v->node_count * sizeof *a.taken);
  if (!a.taken) return GRAFT_NO_MEMORY;
  if (a.taken != few) memset(a.taken, 0, a.v->node_count * sizeof *a.taken);
  if (!possible(&a)) { /* nothing has been done yet */
    bool muted = gr_mute(r->c, true);
    (void)UNFIT(&a, "a result of the root that is needed, or an effect, would be lost");
    gr_mute(r->c, muted);
    return GRAFT_OK;
  }
  const uint32_t errors = gr_error_count(r->c), takeovers = r->takeovers.len;
  const graft_value old_result = gr_node_at(r->g, a.root)->first_result;
  gr_edit edit = gr_edit_begin(r->m);
  bool muted = gr_mute(r->c, true), ok = build(&a);
  gr_mute(r->c, muted);
  *applied = ok;
  if (ok && !r->trial) return gr_edit_end(r->m, edit, finish(&a, old_result) ? GRAFT_OK : GRAFT_NO_MEMORY);
  gr_edit_end(r->m, edit, GRAFT_PASS);
  gr_pt_cones_unmake(r->cones, r->fresh.data, r->fresh.len);
  r->takeovers.len = takeovers;
  if (r->matcher.failed || gr_cones_failed(r->cones)) return gr_no_memory(r->c);
  if (r->trial) return GRAFT_OK;
  if (gr_error_count(r->c) != errors || a.broken) return failed(&a);
  if (!r->spliced.len) r->stats->unfit++; /* else each place is tried alone */
  return GRAFT_OK;
}
