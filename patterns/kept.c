/* What a node that goes reads, and nobody names again, would be lost without a word: the rewrite names each operand of
 * the match once more, drops it, or is refused. */
#include "patterns/program_impl.h"

#include <string.h>

typedef pt_program_builder builder;
typedef bool (*gr_expr_visit)(void *user, const gr_expr *e);

static bool expr_names(const gr_expr *e, gr_expr_visit visit, void *user) {
  if (visit(user, e)) return true;
  for (uint32_t i = 0; i < e->arg_count; i++)
    if (expr_names(e->args[i], visit, user)) return true;
  return false;
}

typedef struct named_value {
  const pt_variant *v;
  uint16_t slot; /* PT_UNBOUND: the range */
  int range;
} named_value;

static bool names_it(void *user, const gr_expr *e) {
  const named_value *n = user;
  return (e->kind == PT_E_VALUE && n->v->slots[e->name] == n->slot) ||
         ((e->kind == PT_E_RANGE || e->kind == PT_E_ELEMENT) && (int)e->name == n->range);
}

static bool step_names(const pt_step *s, named_value *n) {
  if (s->call == NULL && s->kind != PT_S_WARN && s->line->kind == PT_LINE_ALIAS && s->alias == n->slot) return true;
  for (uint32_t k = 0; k < s->operand_count; k++) {
    const pt_operand *o = &s->operands[k];
    if (o->kind == PT_O_SLOT ? o->slot == n->slot : o->kind == PT_O_RANGE && (int)o->slot == n->range) return true;
    if (o->kind == PT_O_LITERAL && o->expr && expr_names(o->expr, names_it, n)) return true;
  }
  for (uint32_t k = 0; s->call && k < s->call->attrs.len; k++)
    if (s->call->attrs.data[k].value && expr_names(s->call->attrs.data[k].value, names_it, n)) return true;
  return s->line && s->line->expr && expr_names(s->line->expr, names_it, n);
}

/* A condition says what the value is: number(%k) == 2, all(%k, 2). */
static bool pins(const gr_expr *e, named_value *n) {
  if (e->kind == PT_E_AND) return pins(e->args[0], n) || pins(e->args[1], n);
  if (e->kind == PT_E_EQ) return pins(e->args[0], n) || pins(e->args[1], n);
  bool known = e->kind == PT_E_CALL &&
               (e->index == PT_F_number || e->index == PT_F_int || e->index == PT_F_ints || e->index == PT_F_all);
  return known && names_it(n, e->args[0]);
}

static bool rewrite_names(const builder *b, named_value *n) {
  for (uint32_t i = 0; i < b->v->where_count; i++) {
    const gr_expr *e = b->v->wheres[i];
    if ((e->kind == PT_E_EQ || e->kind == PT_E_AND || (e->kind == PT_E_CALL && e->index == PT_F_all)) && pins(e, n))
      return true;
  }
  for (uint32_t i = 0; i < b->program->step_count; i++)
    if (step_names(&b->program->steps[i], n)) return true;
  for (uint32_t i = 0; i < b->items.len; i++) {
    const pt_item *item = &b->items.data[i];
    if (item->kind == PT_ITEM_DROP && item->expr->kind == PT_E_VALUE && b->v->slots[item->expr->name] == n->slot)
      return true;
    if (item->kind == PT_ITEM_DROP && item->expr->kind == PT_E_RANGE && (int)item->expr->name == n->range) return true;
  }
  return false;
}

/* Is the node there afterwards? The rewrite names a result of it, or of one that reads it. */
static bool stays(const builder *b, uint32_t node, bool *known) {
  const pt_variant *v = b->v;
  for (uint32_t i = 0; i < v->nodes[node].result_count; i++) {
    named_value n = {v, v->nodes[node].result_slots[i], -1};
    if (n.slot != PT_UNBOUND && !pt_is_root(v, node) && rewrite_names(b, &n)) return true;
  }
  for (uint32_t user = 0; user < v->node_count; user++)
    for (uint32_t i = 0; i < v->nodes[user].call->args.len; i++) {
      uint16_t slot = v->nodes[user].operand_slots[i];
      if (slot != PT_UNBOUND && slot && v->slot_node[slot] == node && known[user]) return true;
    }
  return false;
}

static bool reads(const pt_vnode *node, const named_value *n) {
  for (uint32_t i = 0; i < node->call->args.len; i++) {
    const pt_arg *a = &node->call->args.data[i];
    if (a->kind == PT_ARG_RANGE ? (int)a->name == n->range : n->slot != PT_UNBOUND && node->operand_slots[i] == n->slot)
      return true;
  }
  return false;
}

/* Does `node` use, directly or not, another node that reads the value? */
static bool reads_below(const builder *b, uint32_t node, const named_value *n, uint32_t depth) {
  const pt_vnode *x = &b->v->nodes[node];
  for (uint32_t i = 0; i < x->call->args.len && depth < PT_MAX_DEPTH; i++) {
    uint16_t slot = x->operand_slots[i];
    uint16_t made = slot == PT_UNBOUND || slot == 0 ? PT_UNBOUND : b->v->slot_node[slot];
    if (made != PT_UNBOUND && (reads(&b->v->nodes[made], n) || reads_below(b, made, n, depth + 1))) return true;
  }
  return false;
}

/* Is it all right that this operand of a node that goes is no more? It is when the rewrite names it, or a node that
 * stays reads it, or one line takes back what another did with it: dq(q(x, s, z), s, z). */
static bool operand_kept(const builder *b, named_value *n, const bool *kept) {
  if (rewrite_names(b, n)) return true;
  for (uint32_t k = 0; k < b->v->node_count; k++)
    if (reads(&b->v->nodes[k], n) && (kept[k] || reads_below(b, k, n, 0))) return true;
  return false;
}

/* ..%parts, the results of some line: its node. */
uint16_t gr_pt_rest_maker(const pt_variant *v, int rest) {
  for (uint32_t n = 0; n < v->place_count; n++) {
    const pt_line *line = v->nodes[n].line;
    const pt_result *last = line && line->results.len ? &line->results.data[line->results.len - 1] : NULL;
    if (last && last->range && last->name == rest) return (uint16_t)n;
  }
  return PT_UNBOUND;
}

bool gr_program_kept(builder *b) {
  const pt_variant *v = b->v;
  bool *kept = gr_arena_alloc(b->parser->arena, v->node_count);
  if (!kept) return false;
  memset(kept, 0, v->node_count);
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t n = 0; n < v->node_count; n++)
      if (!kept[n] && (pt_is_context(v, n) || stays(b, n, kept))) kept[n] = changed = true;
  }
  for (uint32_t node = 0; node < v->node_count; node++)
    for (uint32_t i = 0; !kept[node] && i < v->nodes[node].call->args.len; i++) {
      const pt_arg *a = &v->nodes[node].call->args.data[i];
      uint16_t slot = v->nodes[node].operand_slots[i];
      bool range = a->kind == PT_ARG_RANGE;
      if ((!range && a->kind != PT_ARG_VALUE) || slot == 0) continue;
      if (range ? gr_pt_rest_maker(v, a->name) != PT_UNBOUND : v->slot_node[slot] != PT_UNBOUND)
        continue; /* a line: it is named */
      named_value n = {v, range ? PT_UNBOUND : slot, range ? a->name : -1};
      const pt_name *name = &b->pattern->names.kind[range ? PT_RANGE : PT_VALUE].data[a->name];
      if (operand_kept(b, &n, kept) || (range && name->match_uses + name->other_uses < 2))
        continue; /* check_used says it */
      gr_error(b->parser->context, GRAFT_RULE, a->where,
               "the rewrite names the operand %s%%%.*s no more: use it, or say drop %s%%%.*s", range ? ".." : "",
               (int)name->length, name->text, range ? ".." : "", (int)name->length, name->text);
      return false;
    }
  return true;
}
