/* Runs a variant's rewrite steps: const values first, then new nodes before the root, then the root in place. What the
 * match no longer needs is erased by walking back from it.
 *
 * A rewrite that turns out not to fit (types, numbers, attributes that have no value) is taken back whole, and the
 * match is none: errors are muted until the root has become what the rule says. Only then do constness and liveness
 * hear of it. What fails for another reason, a const value that cannot be computed or memory, ends the pass. */
#include "patterns/apply_impl.h"

#include <stdio.h>
#include <string.h>

static graft_status failed(const pt_apply *a) {
  graft_graph *g = a->r->g;
  const bool reads = gr_node_at(g, a->root)->operand_count && gr_operand(g, a->root, 0) != GRAFT_NONE;
  char label[200];
  snprintf(label, sizeof label, "%s", gr_node_label(g, a->root));
  gr_note(a->r->c, a->rule->where, "while the rule %s was applied at %%%s%s%s", a->rule->name, label,
          reads ? ", which reads %" : "", reads ? gr_value_label(g, gr_operand(g, a->root, 0)) : "");
  return GRAFT_PASS;
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
static bool gather_records(pt_apply *a, uint32_t first) {
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
static uint32_t record_of(pt_apply *a, int source) {
  pt_rewriter *r = a->r;
  uint32_t first = source < 0 ? 0 : (uint32_t)source, unused = GRAFT_NONE;
  uint32_t *known = first < PT_FEW ? &a->record_of[first] : &unused;
  if (*known != GRAFT_NONE) return *known;
  if (!gather_records(a, first)) return GRAFT_NONE;
  if (r->records.len == 0 && r->rootless != GRAFT_NONE) return *known = r->rootless;
  gr_record x = {.pass = r->pass, .rule = r->rule_string, .parent_count = r->records.len};
  *known = gr_record_intern(r->m, &x, r->records.data);
  if (r->records.len == 0) r->rootless = *known;
  return *known;
}

/* The root's result equals what it was before: the record says what that was, where there are records at all. */
static uint32_t record_of_root(pt_apply *a, int source) {
  pt_rewriter *r = a->r;
  if (!gather_records(a, source < 0 ? 0 : (uint32_t)source)) return GRAFT_NONE;
  if (r->records.len == 0) return record_of(a, source);
  gr_record x = {.pass = r->pass, .rule = r->rule_string, .parent_count = r->records.len};
  const graft_value y = gr_result(r->g, a->root, 0);
  x.equals = y == GRAFT_NONE ? 0 : gr_known_as(r->g, y);
  return x.equals == GRAFT_NONE ? GRAFT_NONE : gr_record_intern(r->m, &x, r->records.data);
}

/* Does anything use a result of the node but the first, so that it stays? */
static bool has_other_results(const graft_graph *g, const gr_node *n) {
  for (uint32_t i = 1; i < n->result_count; i++)
    if (gr_value_at(g, n->first_result + i)->first_use != GRAFT_NONE) return true;
  return false;
}

/* A node that continues one which is gone now is called as that one. */
static bool take_names(pt_apply *a) {
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

/* ---- node steps ---- */

static bool gather_operands(pt_apply *a, const pt_step *s) {
  pt_rewriter *r = a->r;
  unsigned char bytes[8];
  graft_type type;
  graft_attr number;
  r->operands.len = 0;
  for (uint32_t i = 0; i < s->operand_count; i++) {
    const pt_operand *o = &s->operands[i];
    if (o->kind == PT_O_RANGE) {
      const pt_range *x = &a->f->ranges[o->slot];
      for (uint32_t k = 0; k < x->count; k++)
        if (!gr_vec_push(r->c, &r->operands, pt_range_value(a, x, k))) return false;
      continue;
    }
    graft_value v = GRAFT_NONE;
    if (o->kind == PT_O_SLOT) {
      v = a->f->values[o->slot];
    } else {
      graft_tensor t =
          gr_pt_apply_literal(a, s, o, &type, bytes, &number) ? gr_constant(r->m, "scalar", &type, bytes) : GRAFT_NONE;
      if (t == GRAFT_NONE || (v = gr_handle(r->g, t)) == GRAFT_NONE) return false;
    }
    if (!gr_vec_push(r->c, &r->operands, v)) return false;
  }
  while (r->operands.len && r->operands.data[r->operands.len - 1] == GRAFT_NONE) r->operands.len--;
  return true;
}

/* What is a node's state and not its purpose: what is made of it, of its op, has it too. That is the node that
 * continues it; where none does, all are made of it. */
#define KEPT_MARKS GR_MARK_FROZEN

static bool continues(const pt_apply *a, const pt_step *s, uint32_t matched) {
  return s->source >= 0 ? (uint32_t)s->source == matched : s->kind == PT_S_ROOT && pt_is_root(a->v, matched);
}

/* Does another line than this one continue the matched node? */
static bool goes_elsewhere(pt_apply *a, const pt_step *own, uint32_t matched, uint32_t op) {
  const pt_program *p = a->v->program;
  bool elsewhere = false;
  for (uint32_t i = 0; i < p->step_count && !continues(a, own, matched) && !elsewhere; i++) {
    const pt_step *s = &p->steps[i];
    elsewhere = (s->kind == PT_S_NODE || s->kind == PT_S_ROOT) && continues(a, s, matched) &&
                gr_pt_apply_op(a, s->call) == op && gr_pt_apply_holds(a, s);
  }
  return elsewhere;
}

/* Of a node that a line of the rewrite makes; NULL as line: a call within one. */
static uint32_t marks_of(pt_apply *a, const pt_step *s, uint32_t op) {
  uint32_t marks = a->rule->marks | a->r->options->marks | (s->line ? s->line->marks : 0);
  for (uint32_t i = 0; i < a->v->node_count; i++) {
    const gr_node *n = gr_node_at(a->r->g, a->f->nodes[i]);
    if (n->op == op && n->marks & KEPT_MARKS && !pt_is_context(a->v, i) && !goes_elsewhere(a, s, i, op))
      marks |= n->marks & KEPT_MARKS;
  }
  return marks;
}

#define MAX_NAMES 8

static bool run_node(pt_apply *a, const pt_step *s, graft_node *out) {
  pt_rewriter *r = a->r;
  uint32_t op = gr_pt_apply_op(a, s->call);
  if (op == GRAFT_NONE || !gather_operands(a, s)) return false;
  gr_node_desc d = {.op = op,
                    .attrs = gr_pt_apply_attrs(a, s, op),
                    .operands = r->operands.data,
                    .operand_count = r->operands.len,
                    .result_count = s->result_count,
                    .marks = marks_of(a, s, op),
                    .before = a->before};
  if (d.attrs == GRAFT_NONE) return false;
  d.provenance = record_of(a, s->source);
  if (d.provenance == GRAFT_NONE) return false;
  gr_name names[MAX_NAMES];
  if (s->source >= 0) {
    const gr_node *from = gr_node_at(r->g, a->f->nodes[s->source]);
    gr_name name = gr_value_get_name(r->g, from->first_result);
    if (a->v->program->dies[s->source] && !has_other_results(r->g, from) && s->result_count <= MAX_NAMES &&
        a->taken[s->source].base == 0) {
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

/* The root's results keep what was known of their types: their users are not looked at again. NULL: they would change.
 */
static const uint32_t *root_types(pt_apply *a, const gr_node_desc *d) {
  graft_graph *g = a->r->g;
  uint32_t *types = a->types;
  if (d->result_count > PT_FEW) types = gr_arena_alloc(&a->r->matcher.scratch, d->result_count * sizeof *types);
  if (!types || gr_result_types(g, d, d->operand_count, types) != GRAFT_OK) return NULL;
  for (uint32_t i = 0; i < d->result_count; i++) {
    graft_value old = pt_apply_root_result(a, i);
    graft_type merged;
    if (old == GRAFT_NONE || types[i] == GRAFT_NONE || types[i] == gr_value_at(g, old)->type) continue;
    const graft_type *now = &a->r->m->types.data[types[i]];
    if (!gr_pt_apply_merge(gr_type_of(g, old), now, &merged)) {
      (void)PT_UNFIT(a, PT_OTHER_TYPE);
      return NULL;
    }
    if (!gr_type_equal(now, &merged) && (types[i] = gr_type_intern(a->r->m, &merged)) == GRAFT_NONE) return NULL;
  }
  return types;
}

static bool run_root(pt_apply *a, const pt_step *s) {
  pt_rewriter *r = a->r;
  uint32_t op = gr_pt_apply_op(a, s->call);
  if (op == GRAFT_NONE || !gather_operands(a, s)) return false;
  const gr_node *root = gr_node_at(r->g, a->root);
  uint32_t count = s->result_range >= 0 ? root->result_count : s->result_count, absent = 0;
#define ABSENT(i) \
  ((i) >= s->result_count || a->v->slot_node[s->results[i]] == 0 ? pt_apply_root_result(a, i) == GRAFT_NONE : false)
  while (count > 1 && ABSENT(count - 1)) count--;
  for (uint32_t i = 0; i < count && i < 32; i++)
    if (ABSENT(i)) absent |= 1u << i;
#undef ABSENT
  gr_node_desc d = {.op = op,
                    .attrs = gr_pt_apply_attrs(a, s, op),
                    .operands = r->operands.data,
                    .operand_count = r->operands.len,
                    .result_count = count,
                    .absent_results = absent,
                    .marks = marks_of(a, s, op),
                    .before = GRAFT_NONE,
                    .where = {0}};
  d.where = gr_module_loc(r->m); /* `failed` names the node */
  if (r->spliced.len) {
    if (d.attrs != root->attrs) return PT_UNFIT(a, "one place changes what another one sees");
    d.operands = r->spliced.data;
    d.operand_count = r->spliced.len;
  }
  r->stats->operands += d.operand_count;
  if (d.attrs == GRAFT_NONE || !gr_pt_apply_leave(r, a->root)) return false;
  d.provenance = record_of_root(a, s->source);
  d.types = root_types(a, &d);
  return d.provenance != GRAFT_NONE && d.types && gr_pt_apply_erase_users(a, a->root, count) &&
         gr_node_become(r->g, a->root, &d) == GRAFT_OK;
}

/* %m1 = %mean : users of the root's result read something else. */
static bool run_alias(pt_apply *a, const pt_step *s) {
  uint16_t slot = s->results[0];
  graft_value to = s->line->kind == PT_LINE_ABSENT ? GRAFT_NONE : a->f->values[s->alias];
  if (a->v->slot_node[slot] == PT_UNBOUND || !pt_is_root(a->v, a->v->slot_node[slot])) {
    a->f->values[slot] = to;
    return true;
  }
  graft_value from = a->f->values[slot];
  if (from == GRAFT_NONE || gr_unused(a->r->g, from)) return true;
  return to != GRAFT_NONE ? gr_pt_apply_replace(a, from, to) : !gr_pt_is_needed(&a->r->matcher, from);
}

/* ---- the whole ---- */

/* Results of the root that would be left without a value. */
static bool possible(pt_apply *a) {
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

static bool run_step(pt_apply *a, uint32_t i) {
  const pt_step *s = &a->v->program->steps[i];
  if (!gr_pt_apply_holds(a, s)) {
    for (uint32_t k = 0; k < s->result_count && !s->negate; k++) {
      a->f->values[s->results[k]] = GRAFT_NONE;
      a->f->consts[s->results[k]] = GRAFT_NONE;
    }
    return true;
  }
  switch ((pt_step_kind)s->kind) {
  case PT_S_CONST: return gr_pt_apply_const(a, s);
  case PT_S_NODE: return run_node(a, s, &a->r->step_nodes.data[i]);
  case PT_S_ALIAS: return run_alias(a, s);
  case PT_S_ROOT: a->r->step_nodes.data[i] = a->root; return run_root(a, s);
  case PT_S_WARN: return gr_vec_push(a->r->c, &a->r->warnings, s->line->text);
  }
  return true;
}

/* All that may turn out not to fit. */
static bool build(pt_apply *a) {
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

static bool finish(pt_apply *a, graft_value old_result) {
  pt_rewriter *r = a->r;
  for (uint32_t i = 0; i < r->warnings.len; i++)
    gr_warning(r->c, GRAFT_PASS, pt_apply_root_loc(a), "%s", r->warnings.data[i]);
  r->stats->matches++;
  r->stats->nodes_added += r->made.len;
  r->stats->tensors_added += r->fresh.len;
  if (!gr_pt_apply_settle(a) || !gr_pt_carry_end(r, a->match, old_result) || !gr_pt_apply_clean(a) || !take_names(a))
    return false;
  if (!gr_pt_apply_settle_root(a)) return false;
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
  pt_apply a = {.r = r,
                .rule = rule,
                .match = match,
                .v = &match->pattern->variants[match->variant],
                .f = pt_frame_of(match->matcher)};
  *applied = false;
  a.root = a.f->nodes[0];
  a.before = gr_pt_first_replaced(&r->matcher, a.v);
  memset(a.record_of, 0xff, sizeof a.record_of);
  gr_name few[PT_FEW] = {{0, 0}};
  a.taken = a.v->node_count <= PT_FEW ? few : gr_arena_alloc(&r->matcher.scratch, a.v->node_count * sizeof *a.taken);
  if (!a.taken) return GRAFT_NO_MEMORY;
  if (a.taken != few) memset(a.taken, 0, a.v->node_count * sizeof *a.taken);
  if (!possible(&a)) { /* nothing has been done yet */
    bool muted = gr_mute(r->c, true);
    (void)PT_UNFIT(&a, "a result of the root that is needed, or an effect, would be lost");
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
