/* The order of a variant's checks, and what each depends on.
 *
 * A condition is checked where the last of its names is bound. Where there is nothing to search, that is after the
 * structure and uses, since most candidates fail there; with several commutative lines it is at once. For each check
 * the commutative lines are noted that decide what it sees: when it fails, trying the other order of any other line
 * cannot help. */
#include "patterns/patterns_impl.h"

#include <string.h>

#define ALL UINT32_MAX

/* What was bound, by which orders, and after which instruction (1 + its place; 0: before all). */
typedef struct bound {
  uint32_t mask, at;
} bound;

typedef struct schedule {
  const gr_pattern *pattern;
  pt_variant *v;
  bound *slots, *nodes, *attrs, *rests, *ranges, *tags;
  uint32_t *swaps; /* by node: the bit of its own order */
  bound all_nodes; /* whatever is matched */
  uint32_t at;
} schedule;

static void join(bound *a, bound b) {
  a->mask |= b.mask;
  if (b.at > a->at) a->at = b.at;
}

static void of_expr(const schedule *s, const gr_expr *e, bound *out) {
  const pt_variant *v = s->v;
  switch ((pt_expr_kind)e->kind) {
  case PT_E_VALUE:
    if (v->slots[e->name] != PT_UNBOUND) join(out, s->slots[v->slots[e->name]]);
    return;
  case PT_E_EDGE: {
    uint16_t slot = v->slots[e->name], place = slot == PT_UNBOUND ? PT_UNBOUND : v->slot_node[slot];
    if (place == PT_UNBOUND || place >= v->node_count) return;
    join(out, s->nodes[place]);
    out->mask |= s->swaps[place];
    return;
  }
  case PT_E_RANGE:
  case PT_E_ELEMENT: join(out, s->ranges[e->name]); return;
  case PT_E_ATTR: join(out, s->attrs[e->name]); return;
  case PT_E_REST_ATTR: join(out, s->rests[e->name]); return;
  case PT_E_PROPERTY:
  case PT_E_IN: join(out, s->tags[e->name]); return;
  case PT_E_ALL: /* no_spec(..): edges that are claimed by name are named as the rule writes them */
    join(out, s->all_nodes);
    for (uint32_t n = 0; n < v->node_count; n++) out->mask |= s->swaps[n];
    return;
  case PT_E_CALL:
    if (e->index == PT_F_one_use) join(out, s->all_nodes);
    break;
  default: break;
  }
  for (uint32_t i = 0; i < e->arg_count; i++) of_expr(s, e->args[i], out);
}

static bound operand(const schedule *s, const pt_instr *i) {
  bound b = s->nodes[i->a];
  if (i->c < 2) b.mask |= s->swaps[i->a];
  return b;
}

static void set(const schedule *s, bound *what, bound of) { *what = (bound){of.mask, s->at}; }

static bound of_attrs(schedule *s, const pt_instr *i) {
  const pt_vnode *node = &s->v->nodes[i->a];
  bound b = s->nodes[i->a];
  for (uint32_t k = 0; k < node->attr_count; k++) {
    const pt_attr_step *a = &node->attrs[k];
    if ((a->how == PT_ATTR_COMPARE_LATE) != (i->code == PT_ATTRS_LATE)) continue;
    if (a->how == PT_ATTR_BIND) set(s, &s->attrs[a->capture], s->nodes[i->a]);
    if (a->how == PT_ATTR_REST_BIND) set(s, &s->rests[a->capture], s->nodes[i->a]);
    if (a->how == PT_ATTR_SAME) join(&b, s->attrs[a->capture]);
    if (a->how == PT_ATTR_REST_SAME) join(&b, s->rests[a->capture]);
    if (a->how == PT_ATTR_COMPARE_LATE) of_expr(s, a->attr->value, &b);
  }
  return b;
}

/* What the check sees; notes what it binds. */
static uint32_t mask_of(schedule *s, const pt_instr *i) {
  bound b = {0};
  switch ((pt_code)i->code) {
  case PT_COMMUTE: return 0;
  case PT_NODE: {
    const pt_vnode *node = &s->v->nodes[i->a];
    b = s->slots[i->b];
    set(s, &s->nodes[i->a], b);
    join(&s->all_nodes, s->nodes[i->a]);
    if (node->call->tag >= 0 && node->tag_bound) join(&b, s->tags[node->call->tag]);
    if (node->call->tag >= 0 && !node->tag_bound) s->tags[node->call->tag] = s->nodes[i->a];
    return b.mask;
  }
  case PT_BIND:
  case PT_BIND_OPT: set(s, &s->slots[i->b], operand(s, i)); return operand(s, i).mask;
  case PT_SAME: return operand(s, i).mask | s->slots[i->b].mask;
  case PT_ABSENT:
  case PT_NUMBER: return operand(s, i).mask;
  case PT_RANGE_BIND:
  case PT_RESULT_RANGE: set(s, &s->ranges[i->b], s->nodes[i->a]); return s->nodes[i->a].mask;
  case PT_RANGE_SAME: return s->nodes[i->a].mask | s->ranges[i->b].mask;
  case PT_RESULT:
  case PT_RESULT_OPT: set(s, &s->slots[i->b], s->nodes[i->a]); return s->nodes[i->a].mask;
  case PT_RESULT_SAME: return s->nodes[i->a].mask | s->slots[i->b].mask;
  case PT_AT_MOST:
  case PT_UNUSED: return s->nodes[i->a].mask;
  case PT_ONE_USE: return s->all_nodes.mask;
  case PT_ATTRS:
  case PT_ATTRS_LATE: return of_attrs(s, i).mask;
  case PT_WHERE: of_expr(s, s->v->wheres[i->b], &b); return b.mask;
  default: return ALL;
  }
}

typedef struct out {
  pt_instr *code;
  gr_loc *where;
  uint32_t *masks;
  uint32_t count;
} out;

static void put(out *o, const pt_variant *v, uint32_t i, uint32_t mask) {
  o->code[o->count] = v->code[i];
  o->where[o->count] = v->code_where[i];
  o->masks[o->count++] = mask;
}

static bool begin(schedule *s, gr_arena *a) {
  const pt_names *n = &s->pattern->names;
  s->slots = pt_zeroed(a, s->v->slot_count, sizeof *s->slots);
  s->nodes = pt_zeroed(a, s->v->place_count, sizeof *s->nodes);
  s->attrs = pt_zeroed(a, n->kind[PT_ATTR].len, sizeof *s->attrs);
  s->rests = pt_zeroed(a, n->kind[PT_REST].len, sizeof *s->rests);
  s->ranges = pt_zeroed(a, n->kind[PT_RANGE].len, sizeof *s->ranges);
  s->tags = pt_zeroed(a, n->kind[PT_TAG].len, sizeof *s->tags);
  s->swaps = pt_zeroed(a, s->v->place_count, sizeof *s->swaps);
  return s->slots && s->nodes && s->attrs && s->rests && s->ranges && s->tags && s->swaps;
}

/* Instructions before the first block that must not match, then the block with what follows it. Conditions that a
 * rewrite implied stand at the very end: they are the match's own. */
static uint32_t main_end(const pt_variant *v) {
  uint32_t i = 0;
  while (i < v->code_count && v->code[i].code != PT_UNLESS) i++;
  return i;
}

static uint32_t blocks_end(const pt_variant *v, uint32_t from) {
  uint32_t i = from;
  while (i < v->code_count && v->code[i].code == PT_UNLESS) i = v->code[i].b;
  return i;
}

bool gr_pt_schedule(gr_parser *p, const gr_pattern *pattern, pt_variant *v) {
  gr_arena *a = p->arena;
  schedule s = {.pattern = pattern, .v = v};
  uint32_t n = v->code_count, end = main_end(v), blocks = blocks_end(v, end), structure = 0, orders = 0;
  out o = {.code = pt_zeroed(a, n, sizeof *o.code),
           .where = pt_zeroed(a, n, sizeof *o.where),
           .masks = pt_zeroed(a, n, sizeof *o.masks)};
  bound *needs = pt_zeroed(a, n, sizeof *needs);
  uint32_t *masks = pt_zeroed(a, n, sizeof *masks);
  if (!begin(&s, a) || !o.code || !o.where || !o.masks || !needs || !masks) return false;
  bool search = false; /* users, or lengths of rests, are tried one after the other */
  for (uint32_t i = 0; i < end; i++) {
    if (v->code[i].code == PT_COMMUTE) s.swaps[v->code[i].a] = 1u << (v->code[i].b = (uint16_t)orders++);
    if (v->code[i].code == PT_COMMUTE || v->code[i].code == PT_NODE || v->code[i].code == PT_ONE_USE) structure = i + 1;
    search |= v->code[i].code == PT_USER || v->code[i].code == PT_SPLIT || v->code[i].code == PT_RANGE_NODE;
  }
  for (uint32_t i = 0; i < end; i++) {
    s.at = i + 1;
    masks[i] = search ? ALL : mask_of(&s, &v->code[i]);
  }
#define FLOATS(i) (v->code[i].code == PT_WHERE && !search && ((i) < end || (i) >= blocks))
  for (uint32_t i = 0; i < n; i++) {
    if (!FLOATS(i)) continue;
    of_expr(&s, v->wheres[v->code[i].b], &needs[i]);
    masks[i] = needs[i].mask;
    if (orders < 2 && needs[i].at < structure) needs[i].at = structure;
  }
  uint32_t *floats = pt_zeroed(a, end + 1u, sizeof *floats), *next = pt_zeroed(a, n, sizeof *next);
  if (!floats || !next) return false;
  for (uint32_t i = n; i-- > 0;) { /* by where they are checked, each list in order; 0: ended */
    if (!FLOATS(i)) continue;
    next[i] = floats[needs[i].at];
    floats[needs[i].at] = i + 1;
  }
  for (uint32_t at = 0; at <= end; at++) { /* after the first `at` instructions */
    if (at > 0 && !FLOATS(at - 1)) put(&o, v, at - 1, masks[at - 1]);
    for (uint32_t i = floats[at]; i > 0; i = next[i - 1]) put(&o, v, i - 1, masks[i - 1]);
  }
  uint32_t shift = o.count - end;
  for (uint32_t i = end; i < n; i++) {
    if (FLOATS(i)) continue;
    put(&o, v, i, ALL);
    if (v->code[i].code == PT_UNLESS) o.code[o.count - 1].b = (uint16_t)(v->code[i].b + shift);
  }
#undef FLOATS
  v->code = o.code;
  v->code_where = o.where;
  v->masks = o.masks;
  return true;
}
