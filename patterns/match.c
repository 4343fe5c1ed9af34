/* Runs a variant's program at a root. Bindings live in the frame; a name is always bound at the same instruction, so
 * that trying the other order of a commutative line only means running on from there again. */
#include "ir/graph/budget_int.h"
#include "patterns/patterns_impl.h"

#include <stdio.h>
#include <string.h>

void gr_matcher_init(gr_matcher *m, graft_graph *g, const graft_attr *options, gr_cones *cones) {
  *m = (gr_matcher){.graph = g, .options = options, .cones = cones};
  gr_arena_init(&m->scratch, g->module->context);
}

#define FRAME_ARRAYS(X) \
  X(values, value_cap) \
  X(nodes, node_cap) \
  X(captures, capture_cap) \
  X(rests, rest_cap) \
  X(ranges, range_cap) X(splits, split_cap) X(tags, tag_cap) X(swapped, swap_cap) X(consts, const_cap)

static void free_frame(graft_context *c, pt_frame *f) {
  if (!f) return;
#define X(array, cap) gr_free(c, f->array, f->cap * sizeof *f->array);
  FRAME_ARRAYS(X)
#undef X
  gr_free(c, f, sizeof *f);
}

void gr_matcher_free(gr_matcher *m) {
  pt_frame *f = m->frame;
  graft_context *c = m->graph->module->context;
  gr_arena_free(&m->scratch);
  gr_vec_free(c, &m->order);
  gr_vec_free(c, &m->dead);
  gr_vec_free(c, &m->late);
  gr_vec_free(c, &m->sole);
  gr_vec_free(c, &m->waiting);
  free_frame(c, m->inner);
  free_frame(c, f);
  m->frame = m->inner = NULL;
}

static bool grow(graft_context *c, void **array, uint32_t *cap, size_t item, uint32_t need) {
  if (need <= *cap) return true;
  uint32_t to = need < 32 ? 32 : need * 2;
  void *data = gr_realloc(c, *array, *cap * item, to * item);
  if (!data) return false;
  *array = data;
  *cap = to;
  return true;
}

/* Room for everything the pattern and its rewrite may bind. */
bool gr_pt_frame_reserve(gr_matcher *m, const gr_pattern *p, const pt_variant *v) {
  graft_context *c = m->graph->module->context;
  if (!m->frame && !(m->frame = gr_calloc(c, 1, sizeof(pt_frame)))) return false;
  pt_frame *f = m->frame;
  const pt_names *n = &p->names;
#define GROW(array, cap, need) grow(c, (void **)&f->array, &f->cap, sizeof *f->array, need)
  return GROW(values, value_cap, v->slot_count) && GROW(nodes, node_cap, v->place_count) &&
         GROW(captures, capture_cap, n->kind[PT_ATTR].len) && GROW(rests, rest_cap, n->kind[PT_REST].len) &&
         GROW(ranges, range_cap, n->kind[PT_RANGE].len) && GROW(tags, tag_cap, n->kind[PT_TAG].len) &&
         GROW(splits, split_cap, v->place_count) && GROW(swapped, swap_cap, v->place_count) &&
         GROW(consts, const_cap, v->slot_count);
#undef GROW
}

typedef struct run {
  gr_matcher *m;
  const graft_graph *g;
  const gr_pattern *pattern;
  const pt_variant *v;
  pt_frame *f;
  const gr_match *match;
  uint32_t end; /* of the instructions that are run */
  graft_node root;
  bool quiet;   /* inside of `unless`: a failed check is no reason, and nothing waits */
  uint32_t own; /* only the conditions of this group count; GRAFT_NONE: all */
} run;

static bool why(const run *r, graft_value v, const char *what) {
  if (!r->m->reason) return false;
  char name[128] = "";
  if (v != GRAFT_NONE) gr_pt_value_text(r->m, v, name, sizeof name);
  return gr_pt_reason(r->m, "%s%s%s%s", v != GRAFT_NONE ? "%" : "", name, v != GRAFT_NONE ? " " : "", what);
}

/* ---- nodes ---- */

static bool bind_node(const run *r, uint32_t place, graft_node n) {
  const pt_vnode *node = &r->v->nodes[place];
  int member = gr_pt_opset_find(node->call->ops, r->g->module, gr_node_at(r->g, n)->op);
  if (member < 0) {
    if (r->m->reason)
      gr_pt_reason(r->m, "%s is no %s%s", gr_op_text(r->g->module, gr_node_at(r->g, n)->op),
                   node->call->ops->family ? "@" : "", node->call->ops->name);
    return false;
  }
  if (place > 0 && !r->quiet && gr_pt_late_is_grown(r->m, n)) {
    r->m->met_late = true;
    return why(r, GRAFT_NONE, "what has grown long waits for its turn");
  }
  if (node->call->tag >= 0) {
    uint32_t *bound = &r->f->tags[node->call->tag];
    if (node->tag_bound && *bound != (uint32_t)member) return why(r, GRAFT_NONE, "two ops of a family differ");
    *bound = (uint32_t)member;
  }
  r->f->nodes[place] = n;
  return true;
}

static bool match_node(const run *r, const pt_instr *i) {
  graft_value v = r->f->values[i->b];
  graft_node n = gr_value_node(r->g, v);
  if (n == GRAFT_NONE) return why(r, v, "is made by no node");
  if (gr_node_at(r->g, n)->first_result + i->c != v) return why(r, v, "is another result");
  return bind_node(r, i->a, n);
}

/* The operand that an argument stands for: those behind a rest are further on. */
static uint32_t operand_at(const run *r, uint32_t place, uint32_t argument) {
  const pt_vnode *node = &r->v->nodes[place];
  if (argument <= node->rest) return argument;
  if (argument <= node->rest2) return argument - 1 + r->f->splits[place];
  return argument + gr_node_at(r->g, r->f->nodes[place])->operand_count - node->call->args.len;
}

static graft_value operand_of(const run *r, const pt_instr *i) {
  uint32_t slot = operand_at(r, i->a, i->c);
  if (r->f->swapped[i->a] && slot < 2) slot ^= 1;
  return gr_operand(r->g, r->f->nodes[i->a], slot);
}

static bool match_number(const run *r, const pt_instr *i) {
  graft_value v = operand_of(r, i);
  if (v == GRAFT_NONE || !r->m->cones || !gr_cones_is_constant(r->m->cones, v) ||
      !gr_pt_cones_can_compute(r->m->cones, v))
    return why(r, v, "is no constant");
  const pt_arg *want = &r->v->nodes[i->a].call->args.data[i->b];
  gr_array have = {0};
  if (want->dtype != GRAFT_UNKNOWN && gr_type_of(r->g, v)->dtype != want->dtype) return why(r, v, "has another dtype");
  if (!gr_pt_known(r->m, v, &have)) return why(r, v, "has no data");
  return gr_pt_all(&have, &want->number) || why(r, v, "is another number");
}

static graft_value range_value(const run *r, const pt_range *x, uint32_t i) {
  return x->results ? gr_result(r->g, x->node, x->first + i) : gr_operand(r->g, x->node, x->first + i);
}

static bool match_range(const run *r, const pt_instr *i) {
  graft_node n = r->f->nodes[i->a];
  const gr_node *node = gr_node_at(r->g, n);
  bool results = i->code == PT_RESULT_RANGE;
  uint32_t count = results ? node->result_count : node->operand_count, first = i->c;
  if (!results) {
    const pt_vnode *line = &r->v->nodes[i->a];
    first = operand_at(r, i->a, i->c);
    if (i->c == line->rest) count = first + r->f->splits[i->a];
    if (i->c == line->rest2) count = count + i->c + 1 - line->call->args.len;
  }
  if (count < first) return why(r, GRAFT_NONE, "too few operands");
  pt_range range = {.node = n, .first = first, .count = count - first, .results = results};
  pt_range *bound = &r->f->ranges[i->b];
  if (i->code != PT_RANGE_SAME) {
    *bound = range;
    return true;
  }
  bool same = bound->count == range.count;
  for (uint32_t k = 0; same && k < range.count; k++) same = range_value(r, bound, k) == range_value(r, &range, k);
  return same || why(r, GRAFT_NONE, "the rest of the operands differs");
}

/* The values of a rest are all results of one node from the c-th on, in their order. */
static bool match_range_node(const run *r, const pt_instr *i) {
  const pt_range *x = &r->f->ranges[i->b];
  if (x->count == 0) return why(r, GRAFT_NONE, "the rest is empty");
  graft_value first = range_value(r, x, 0);
  graft_node n = first == GRAFT_NONE ? GRAFT_NONE : gr_value_node(r->g, first);
  if (n == GRAFT_NONE) return why(r, first, "is made by no node");
  for (uint32_t k = 0; k < x->count; k++)
    if (range_value(r, x, k) != gr_node_at(r->g, n)->first_result + i->c + k)
      return why(r, range_value(r, x, k), "is another result");
  if (i->c + x->count != gr_node_at(r->g, n)->result_count)
    return why(r, GRAFT_NONE, "not all results of the node are there");
  return bind_node(r, i->a, n);
}

static bool match_unused(const run *r, const pt_instr *i) {
  const gr_node *node = gr_node_at(r->g, r->f->nodes[i->a]);
  for (uint32_t k = i->c; k < node->result_count; k++) {
    graft_value v = node->first_result + k;
    if (gr_value_at(r->g, v)->type != GRAFT_NONE && gr_pt_is_needed(r->m, v))
      return why(r, v, "is used, and the rule does not name it");
  }
  return true;
}

/* ---- attributes ---- */

bool gr_pt_stays_behind(const gr_op_info *from, uint32_t slot, const graft_attr *x, const gr_op_info *to) {
  return from && to && from->attrs[slot].own && x->as.b == (from->attrs[slot].i != 0) &&
         gr_op_attr_slot(to, x->name, strlen(x->name)) < 0;
}

/* Each attribute of a's rest is one of b's, with an equal value. */
static bool rest_within(const graft_module *m, const pt_capture *a, const pt_capture *b) {
  const gr_op_info *from = gr_op_get(a->op), *to = gr_op_get(b->op);
  uint32_t na, nb;
  gr_attrs_get(m, a->set, &na);
  gr_attrs_get(m, b->set, &nb);
  for (uint32_t i = 0; i < na; i++) {
    graft_attr x = gr_attr_public(m, from, a->set, i);
    bool found = gr_pt_names_attr(a->call, x.name) || gr_pt_stays_behind(from, i, &x, to);
    for (uint32_t k = 0; k < nb && !found; k++) {
      graft_attr y = gr_attr_public(m, to, b->set, k);
      found = !gr_pt_names_attr(b->call, y.name) && strcmp(x.name, y.name) == 0 && gr_attr_equal(&x, &y);
    }
    if (!found) return false;
  }
  return true;
}

/* Equal captured rests: the same names with the same values, those that either line names apart. */
static bool same_rest(const run *r, const pt_capture *a, const pt_capture *b) {
  if (a->set == b->set && a->op == b->op && a->call == b->call) return true;
  return rest_within(r->g->module, a, b) && rest_within(r->g->module, b, a);
}

/* The slot of a named attribute of an opaque op. */
static int opaque_slot(const run *r, const gr_node *node, const pt_attr *a) {
  uint32_t count;
  gr_attrs_get(r->g->module, node->attrs, &count);
  for (uint32_t i = 0; i < count; i++) {
    graft_attr x = gr_attr_public(r->g->module, NULL, node->attrs, i);
    if (strlen(x.name) == a->length && memcmp(x.name, a->text, a->length) == 0) return (int)i;
  }
  return -1;
}

/* "eps is 0.5, not 1e-05"; always false. */
static bool differs(const run *r, const pt_attr *a, const graft_attr *have, const graft_attr *want) {
  char left[100], right[100];
  if (!r->m->reason) return false;
  gr_pt_attr_text(have, left, sizeof left);
  gr_pt_attr_text(want, right, sizeof right);
  return gr_pt_reason(r->m, "%.*s is %s, not %s", (int)a->length, a->text, left, right);
}

static bool compare_attr(const run *r, const pt_attr *a, const graft_attr *have) {
  pt_eval e = {.match = r->match, .context = r->g->module->context, .options = r->m->options, .quiet = true};
  graft_attr want;
  if (!gr_pt_eval_expr(&e, a->value, &want)) return false;
  if (want.kind == GRAFT_ATTR_INT && have->kind == GRAFT_ATTR_FLOAT)
    want = (graft_attr){.kind = GRAFT_ATTR_FLOAT, .as.f = (double)want.as.i};
  return gr_attr_equal(&want, have) || differs(r, a, have, &want);
}

static bool match_attr(const run *r, uint32_t place, const pt_attr_step *s, bool late) {
  if ((s->how == PT_ATTR_COMPARE_LATE) != late) return true;
  const gr_node *node = gr_node_at(r->g, r->f->nodes[place]);
  const pt_call *call = r->v->nodes[place].call;
  if (s->how == PT_ATTR_REST_BIND || s->how == PT_ATTR_REST_SAME) {
    pt_capture c = {.op = node->op, .set = node->attrs, .call = call};
    if (s->how == PT_ATTR_REST_BIND)
      r->f->rests[s->capture] = c;
    else if (!same_rest(r, &r->f->rests[s->capture], &c))
      return why(r, GRAFT_NONE, "the rest of the attributes differs");
    return true;
  }
  int member = call->ops->count == 1 ? 0 : gr_pt_opset_find(call->ops, r->g->module, node->op);
  int slot = s->slots[member] >= 0 ? s->slots[member] : opaque_slot(r, node, s->attr);
  if (slot < 0) return gr_pt_reason(r->m, "there is no attribute %.*s", (int)s->attr->length, s->attr->text);
  if (s->how == PT_ATTR_BIND) {
    r->f->captures[s->capture] = (pt_capture){.op = node->op, .set = node->attrs, .slot = (uint32_t)slot};
    return true;
  }
  const graft_module *m = r->g->module;
  graft_attr have = gr_attr_public(m, gr_op_get(node->op), node->attrs, (uint32_t)slot);
  if (s->how != PT_ATTR_SAME) return compare_attr(r, s->attr, &have);
  const pt_capture *c = &r->f->captures[s->capture];
  graft_attr bound = gr_attr_public(m, gr_op_get(c->op), c->set, c->slot);
  return gr_attr_equal(&bound, &have) || differs(r, s->attr, &have, &bound);
}

static bool match_attrs(const run *r, const pt_instr *i) {
  const pt_vnode *node = &r->v->nodes[i->a];
  for (uint32_t k = 0; k < node->attr_count; k++)
    if (!match_attr(r, i->a, &node->attrs[k], i->code == PT_ATTRS_LATE)) return false;
  return true;
}

static bool match_where(const run *r, const pt_instr *i) {
  pt_eval e = {.match = r->match, .context = r->g->module->context, .options = r->m->options, .quiet = true};
  return gr_pt_holds(&e, r->v->wheres[i->b]);
}

/* ---- the program ---- */

static bool match_absence(const run *r, const pt_instr *i);

/* A long root may read a value at many places. Where the root and what makes the value are all that is matched, the
 * answer is the same at each of them. */
static bool is_used_here_only(const run *r, const pt_instr *i, graft_value v) {
  gr_matcher *m = r->m;
  if (r->f != m->frame || r->v->node_count != 2 || i->a != 1 ||
      gr_node_at(r->g, r->f->nodes[0])->operand_count <= PT_LONG)
    return gr_pt_used_here_only(r->match, v);
  uint32_t old = m->sole.len, need = r->g->values.len;
  if (v >= old) {
    if (!gr_vec_reserve(r->g->module->context, &m->sole, need - old)) return !(m->failed = true);
    memset(m->sole.data + old, 0, (need - old) * sizeof *m->sole.data);
    m->sole.len = need;
  }
  gr_sole *known = &m->sole.data[v];
  if (known->attempt != m->attempt) *known = (gr_sole){m->attempt, gr_pt_used_here_only(r->match, v)};
  return known->yes;
}

static bool step(const run *r, const pt_instr *i) {
  graft_value *slot = &r->f->values[i->b];
  graft_value v;
  switch ((pt_code)i->code) {
  case PT_NODE: return match_node(r, i);
  case PT_BIND:
    v = operand_of(r, i);
    *slot = v;
    return v != GRAFT_NONE || why(r, v, "an operand is absent");
  case PT_BIND_OPT: *slot = operand_of(r, i); return true;
  case PT_SAME:
    v = operand_of(r, i);
    return v == *slot || why(r, v, "is another value than the one the name stands for");
  case PT_ABSENT: v = operand_of(r, i); return v == GRAFT_NONE || why(r, v, "is an operand where none should be");
  case PT_NUMBER: return match_number(r, i);
  case PT_AT_MOST:
    return gr_node_at(r->g, r->f->nodes[i->a])->operand_count <= i->c || why(r, GRAFT_NONE, "too many operands");
  case PT_RANGE_NODE: return match_range_node(r, i);
  case PT_RANGE_BIND:
  case PT_RANGE_SAME:
  case PT_RESULT_RANGE: return match_range(r, i);
  case PT_RESULT:
    *slot = gr_result(r->g, r->f->nodes[i->a], i->c);
    return *slot != GRAFT_NONE || why(r, GRAFT_NONE, "a result is absent");
  case PT_RESULT_OPT: *slot = gr_result(r->g, r->f->nodes[i->a], i->c); return true;
  case PT_RESULT_SAME:
    v = gr_result(r->g, r->f->nodes[i->a], i->c);
    return v == *slot || why(r, v, "is another value than the one the name stands for");
  case PT_UNUSED: return match_unused(r, i);
  case PT_ONE_USE: return is_used_here_only(r, i, *slot) || why(r, *slot, "is used outside of what the rule matches");
  case PT_ATTRS:
  case PT_ATTRS_LATE: return match_attrs(r, i);
  case PT_NO_GROUP: return match_absence(r, i);
  case PT_WHERE: return match_where(r, i);
  case PT_ORDERED:
    return gr_pt_is_ordered(r->m, r->v) || why(r, GRAFT_NONE, "what the rewrite reads is made after what it replaces");
  case PT_SPLIT:
  case PT_USER:
  case PT_UNLESS:
  case PT_COMMUTE: break;
  }
  return true;
}

enum { ATTEMPT_WORK = 64, RETRY_WORK = 16 }; /* about as long as so many multiply-adds */

/* Trees of lines that commute and users of users multiply. False: no more; the match is refused. */
static bool spend(const run *r, uint64_t work) {
  if (gr_spend(r->g->module->context, gr_node_loc(r->g, r->root), work) == GRAFT_OK) return true;
  r->m->failed = true;
  return false;
}

static void note_failure(const run *r, uint32_t pc) {
  pt_failure *f = r->m->failure;
  if (!f || (f->text[0] && pc < f->pc)) return;
  *f = (pt_failure){.variant = r->match->variant, .pc = pc, .where = r->v->code_where[pc]};
  snprintf(f->text, sizeof f->text, "%s", r->m->reason && r->m->reason[0] ? r->m->reason : "the condition is false");
}

static bool go(const run *r, uint32_t pc);

static bool node_commutes(const graft_graph *g, graft_node n) {
  const gr_op_info *info = gr_info(g, n);
  return info && (info->families & GR_F_COMMUTES);
}

/* Users of a bound value, each once; as many as the value has are looked at. */
static bool try_users(const run *r, const pt_instr *i, uint32_t pc) {
  const graft_graph *g = r->g;
  const pt_call *call = r->v->nodes[i->a].call;
  const bool may_commute = r->v->code[pc + 1].code == PT_COMMUTE;
  graft_value v = r->f->values[i->b];
  for (uint32_t u = v == GRAFT_NONE ? GRAFT_NONE : gr_value_at(g, v)->first_use; u != GRAFT_NONE;
       u = gr_use_at(g, u)->next) {
    uint32_t user = gr_use_at(g, u)->user;
    if (!gr_user_is_node(user) || gr_pt_is_dead(r->m, user)) continue;
    uint32_t operand = u - gr_node_at(g, user)->first_use;
    const bool commutes = may_commute && node_commutes(g, user);
    if (commutes ? operand >= 2 || (operand == 1 && gr_operand(g, user, 0) == v) : operand != i->c) continue;
    bool taken = false;
    for (uint32_t k = 0; k < i->a && !taken; k++) taken = r->f->nodes[k] == user;
    if (taken || !bind_node(r, i->a, user)) continue;
    if (!spend(r, RETRY_WORK)) return false;
    if (go(r, pc + 1)) return true;
    if (r->m->failed) return false;
  }
  if (r->m->reason && !r->quiet) {
    r->m->reason[0] = '\0';
    if (v != GRAFT_NONE)
      gr_pt_reason(r->m, "no other user of the value is the %s%s that the rule looks for", call->ops->family ? "@" : "",
                   call->ops->name);
    note_failure(r, pc);
  }
  return false;
}

/* One rest is what the other operands leave; the first of two is tried from the shortest on. */
static bool try_splits(const run *r, const pt_instr *i, uint32_t pc) {
  const pt_vnode *node = &r->v->nodes[i->a];
  bool two = node->rest2 != PT_UNBOUND;
  uint32_t fixed = node->call->args.len - (two ? 2 : 1), count = gr_node_at(r->g, r->f->nodes[i->a])->operand_count;
  if (count < fixed) {
    why(r, GRAFT_NONE, "too few operands");
    if (r->m->reason && !r->quiet) note_failure(r, pc);
    return false;
  }
  for (uint32_t n = !two ? count - fixed : i->a == 0 ? r->m->first_split : 0; n <= count - fixed; n++) {
    r->f->splits[i->a] = n;
    if (go(r, pc + 1)) return true;
    if (r->m->failed) return false;
  }
  return false;
}

/* Does what stands in `unless` match? */
static bool excluded_here(const run *r, const pt_instr *i, uint32_t pc) {
  run inner = *r;
  inner.end = i->b;
  inner.quiet = true;
  for (uint32_t k = r->v->node_count; k < r->v->place_count; k++) r->f->nodes[k] = GRAFT_NONE; /* of another root's */
  if (!go(&inner, pc + 1)) return r->m->failed;
  if (r->m->reason && !r->quiet) {
    gr_pt_reason(r->m, "what `unless` excludes is there");
    note_failure(r, pc);
  }
  return true;
}

/* Does the condition stand in what is there of the group? */
static bool stands_in(const pt_variant *v, uint32_t where, uint32_t group) {
  if (where >= v->where_count) return false;
  for (const pt_group *g = v->where_in[where]; g; g = g->parent)
    if (g->name == (int)group) return true;
  return false;
}

/* Another choice of the same form: the group is there, and those that it stands in; what both have chosen otherwise is
 * the same. */
static bool has_group(const gr_pattern *p, const pt_variant *v, const pt_variant *other, uint32_t group) {
  uint32_t count = p->names.kind[PT_GROUP].len;
  for (uint32_t g = 0; g < count; g++) {
    if (p->nested[group * count + g]) continue;
    if (g == group ? !other->decided[g] || !other->groups[g]
                   : v->decided[g] && other->decided[g] && v->groups[g] != other->groups[g])
      return false;
  }
  return true;
}

/* Do the group's lines, and the conditions among them, match at the root with the rest of this form? */
static bool group_matches(const run *r, uint32_t group) {
  gr_matcher *m = r->m;
  pt_frame *outer = m->frame;
  char *reason = m->reason;
  bool yes = false;
  graft_node root = outer->nodes[0];
  m->reason = NULL;
  m->frame = m->inner;
  for (uint32_t i = 0; i < r->pattern->variant_count && !yes && !m->failed; i++) {
    const pt_variant *v = &r->pattern->variants[i];
    if (!has_group(r->pattern, r->v, v, group)) continue;
    gr_match match = {.pattern = r->pattern, .variant = i, .matcher = m};
    if (!gr_pt_frame_reserve(m, r->pattern, v)) {
      m->failed = true;
      break;
    }
    run other = {.m = m,
                 .g = r->g,
                 .pattern = r->pattern,
                 .v = v,
                 .f = m->frame,
                 .match = &match,
                 .quiet = true,
                 .own = group,
                 .end = v->code_count};
    other.f->values[0] = GRAFT_NONE;
    memset(other.f->swapped, 0, v->place_count);
    yes = bind_node(&other, 0, root) && go(&other, 0);
  }
  m->inner = m->frame;
  m->frame = outer;
  m->reason = reason;
  return yes;
}

static bool match_absence(const run *r, const pt_instr *i) {
  if (!group_matches(r, i->a)) return !r->m->failed;
  pt_eval e = {.match = r->match,
               .context = r->g->module->context,
               .options = r->m->options,
               .quiet = true,
               .assumed = i->a + 1};
  const pt_name *n = &r->pattern->names.kind[PT_GROUP].data[i->a];
  return gr_pt_holds(&e, r->v->wheres[i->b]) || gr_pt_reason(r->m, "the lines of %.*s match", (int)n->length, n->text);
}

/* `conflict`: the lines whose other order might have helped, those that were tried apart. */
static bool fails(const run *r, uint32_t conflict) {
  r->m->conflict = conflict;
  return false;
}

/* Is the other order the same, or none? */
static bool symmetric(const run *r, const pt_instr *i) {
  graft_node n = r->f->nodes[i->a];
  return !node_commutes(r->g, n) || gr_operand(r->g, n, 0) == gr_operand(r->g, n, 1);
}

/* From instruction `pc` to the end. Depth: one level a commutative line, at most PT_MAX_COMMUTES. The other order of a
 * line is only tried where what failed depends on it. */
static bool go(const run *r, uint32_t pc) {
  uint32_t tried = 0, others = 0; /* lines in their second order, and what their first one failed for */
  for (; pc < r->end; pc++) {
    const pt_instr *i = &r->v->code[pc];
    if (i->code == PT_USER) return try_users(r, i, pc) || fails(r, UINT32_MAX);
    if (i->code == PT_SPLIT) return try_splits(r, i, pc) || fails(r, UINT32_MAX);
    if (i->code == PT_UNLESS && r->own != GRAFT_NONE) { /* none of the group's lines */
      pc = i->b - 1u;
      continue;
    }
    if (i->code == PT_UNLESS) {
      if (excluded_here(r, i, pc)) return fails(r, UINT32_MAX);
      pc = i->b - 1u;
      continue;
    }
    bool of_group = i->code == PT_WHERE && r->own != GRAFT_NONE && stands_in(r->v, i->b, r->own);
    bool condition = i->code == PT_WHERE || i->code == PT_NO_GROUP || i->code == PT_ORDERED;
    if (r->own != GRAFT_NONE && condition && !of_group) continue;
    if (i->code == PT_COMMUTE) {
      uint32_t bit = 1u << i->b;
      if (!spend(r, RETRY_WORK)) return fails(r, 0);
      r->f->swapped[i->a] = 0;
      if (go(r, pc + 1)) return true;
      if (!(r->m->conflict & bit) || symmetric(r, i) || r->m->failed)
        return fails(r, (r->m->conflict | others) & ~(tried | bit));
      others |= r->m->conflict & ~bit;
      tried |= bit;
      r->f->swapped[i->a] = 1;
      continue;
    }
    if (r->m->reason) r->m->reason[0] = '\0';
    if (step(r, i)) continue;
    if (r->m->reason && !r->quiet) note_failure(r, pc);
    return fails(r, (r->v->masks[pc] | others) & ~tried);
  }
  return true;
}

bool gr_pt_match_variant(gr_matcher *m, const gr_pattern *p, uint32_t variant, graft_node root, gr_match *out) {
  const pt_variant *v = &p->variants[variant];
  int member = gr_pt_opset_find(v->root_ops, m->graph->module, gr_node_at(m->graph, root)->op);
  if (member < 0 || v->never) return false;
  if (!gr_pt_frame_reserve(m, p, v)) {
    m->failed = true;
    return false;
  }
  gr_arena_clear(&m->scratch);
  if (!m->first_split) m->bare_root = GRAFT_NONE;
  if (!m->first_split) m->attempt++;
  *out = (gr_match){.pattern = p, .variant = variant, .matcher = m};
  run r = {.m = m,
           .g = m->graph,
           .pattern = p,
           .v = v,
           .f = m->frame,
           .match = out,
           .end = v->code_count,
           .own = GRAFT_NONE,
           .root = root};
  r.f->values[0] = GRAFT_NONE;
  memset(r.f->swapped, 0, v->place_count);
  return spend(&r, ATTEMPT_WORK) && bind_node(&r, 0, root) && go(&r, 0);
}

bool gr_pattern_match(gr_matcher *m, const gr_pattern *p, graft_node root, gr_match *out) {
  for (uint32_t i = 0; i < p->variant_count; i++)
    if (gr_pt_match_variant(m, p, i, root, out)) return true;
  return false;
}

graft_value gr_match_value(const gr_match *m, int value) { return value < 0 ? GRAFT_NONE : pt_frame_value(m, value); }

uint32_t gr_match_results(const gr_match *m, int results, graft_value *first) {
  const pt_variant *v = &m->pattern->variants[m->variant];
  const pt_range *r = &pt_frame_of(m->matcher)->ranges[results];
  if (!v->range_bound[results] || !r->results) return 0;
  *first = gr_node_at(m->matcher->graph, r->node)->first_result + r->first;
  return r->count;
}

graft_value gr_match_element(const gr_match *m, int rest, uint32_t i) {
  const graft_graph *g = m->matcher->graph;
  const pt_range *r = &pt_frame_of(m->matcher)->ranges[rest];
  if (!m->pattern->variants[m->variant].range_bound[rest] || i >= r->count) return GRAFT_NONE;
  return r->results ? gr_result(g, r->node, r->first + i) : gr_operand(g, r->node, r->first + i);
}

graft_node gr_match_node(const gr_match *m, int value) {
  const pt_variant *v = &m->pattern->variants[m->variant];
  uint16_t slot = value < 0 ? PT_UNBOUND : v->slots[value];
  if (slot == PT_UNBOUND || v->slot_node[slot] == PT_UNBOUND) return GRAFT_NONE;
  return pt_frame_of(m->matcher)->nodes[v->slot_node[slot]];
}

bool gr_match_is_context(const gr_match *m, uint32_t i) { return pt_is_context(&m->pattern->variants[m->variant], i); }
uint32_t gr_match_node_count(const gr_match *m) { return m->pattern->variants[m->variant].node_count; }
graft_node gr_match_node_at(const gr_match *m, uint32_t i) { return pt_frame_of(m->matcher)->nodes[i]; }
