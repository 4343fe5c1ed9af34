/* Annotations of matched nodes: who claims each, and where those that are carried go. */
#include "patterns/program_impl.h"

#include <stdio.h>
#include <string.h>

typedef pt_program_builder builder;

static const pt_name *value_info(const builder *b, int name) { return &b->pattern->names.kind[PT_VALUE].data[name]; }

static bool edge_operand(builder *b, const gr_expr *e, const gr_opset *ops, int *operand) {
  *operand = gr_pt_opset_operand(ops, e->text, e->length);
  return *operand >= 0 || gr_pt_no_operand(b->parser, ops, 0, e->text, e->length, e->where);
}

static void claim(builder *b, uint32_t place, int operand) {
  b->v->claims[place].operands |= operand < 0 ? UINT64_MAX : UINT64_C(1) << (operand < 63 ? operand : 63);
}

static void claim_value(builder *b, uint16_t slot) {
  if (slot != PT_UNBOUND && slot != 0 && b->v->slot_node[slot] != PT_UNBOUND)
    b->v->claims[b->v->slot_node[slot]].results |= UINT64_C(1)
                                                   << (b->v->slot_result[slot] < 63 ? b->v->slot_result[slot] : 63);
}

/* The step that makes a name in the rewrite; GRAFT_NONE with an error where it is none. */
static uint32_t step_of(builder *b, const gr_expr *e) {
  uint16_t slot = b->v->slots[e->name];
  for (uint32_t i = 0; i < b->steps.len && slot != PT_UNBOUND; i++) {
    const pt_step *s = &b->steps.data[i];
    if (s->kind != PT_S_NODE && s->kind != PT_S_ROOT) continue;
    for (uint32_t r = 0; r < s->result_count; r++)
      if (s->results[r] == slot) return i;
  }
  gr_program_error_name(b, e->where, e->name, "is no node that the rewrite makes");
  return GRAFT_NONE;
}

static bool add_move(builder *b, const pt_item *item) {
  pt_carry c = {.step = GRAFT_NONE, .value = item->kind == PT_ITEM_VALUE};
  const gr_expr *from = item->expr;
  if (from->kind == PT_E_RANGE) return true;
  if (from->kind == PT_E_VALUE) {
    if (b->v->slots[from->name] == PT_UNBOUND)
      return gr_program_error_name(b, from->where, from->name, "is not bound here");
    c.from = b->v->slots[from->name];
    claim_value(b, c.from);
    if (item->kind == PT_ITEM_DROP) return true;
    c.to = b->v->slots[item->to->name];
    if (c.to == PT_UNBOUND) return gr_program_error_name(b, item->to->where, item->to->name, "is not bound here");
    return pt_push(b->parser->arena, &b->carries, c);
  }
  int place = gr_program_place(b, from->name, from->where, "edge");
  if (place < 0) return false;
  c.node = (uint16_t)place;
  if (!edge_operand(b, from, b->v->nodes[place].call->ops, &c.operand)) return false;
  claim(b, (uint32_t)place, c.operand);
  if (item->kind == PT_ITEM_DROP) return true;
  c.step = step_of(b, item->to);
  if (c.step == GRAFT_NONE || !edge_operand(b, item->to, b->steps.data[c.step].call->ops, &c.to_operand)) return false;
  return pt_push(b->parser->arena, &b->carries, c);
}

/* no_spec(…) among the conditions that must all hold. */
static void claim_excluded(builder *b, const gr_expr *e) {
  if (e->kind == PT_E_AND) {
    claim_excluded(b, e->args[0]);
    claim_excluded(b, e->args[1]);
    return;
  }
  if (e->kind != PT_E_CALL || e->index != PT_F_no_spec) return;
  for (uint32_t i = 0; i < e->arg_count; i++) {
    const gr_expr *a = e->args[i];
    uint16_t slot = a->kind == PT_E_ALL ? PT_UNBOUND : b->v->slots[a->name];
    if (a->kind == PT_E_VALUE) claim_value(b, slot);
    if (a->kind == PT_E_EDGE && slot != PT_UNBOUND && b->v->slot_node[slot] != PT_UNBOUND) {
      int operand = gr_pt_opset_operand(b->v->nodes[b->v->slot_node[slot]].call->ops, a->text, a->length);
      if (operand >= 0) claim(b, b->v->slot_node[slot], operand);
    }
  }
}

static bool excludes_all(const gr_expr *e) {
  if (e->kind == PT_E_AND) return excludes_all(e->args[0]) || excludes_all(e->args[1]);
  if (e->kind != PT_E_CALL || e->index != PT_F_no_spec) return false;
  for (uint32_t i = 0; i < e->arg_count; i++)
    if (e->args[i]->kind == PT_E_ALL) return true;
  return false;
}

/* No annotation is ever on a node that lives within one pass. */
static bool is_passing(const gr_opset *ops) {
  for (uint32_t i = 0; i < ops->count; i++) {
    const gr_op_info *op = gr_pt_member_info(ops, i);
    if (!op || !(op->families & GR_F_PASSING)) return false;
  }
  return ops->count > 0;
}

static bool check_node_claims(builder *b, uint32_t place) {
  const pt_vnode *n = &b->v->nodes[place];
  const pt_claims *c = &b->v->claims[place];
  char name[80] = "";
  if (is_passing(n->call->ops)) return true;
  if (n->line) {
    const pt_name *of = n->line->results.data[0].range
                            ? &b->pattern->names.kind[PT_RANGE].data[n->line->results.data[0].name]
                            : value_info(b, n->line->results.data[0].name);
    snprintf(name, sizeof name, "%%%.*s", (int)(of->length < 64 ? of->length : 64), of->text);
  }
  for (uint32_t i = 0; i < n->call->args.len; i++) {
    const pt_arg *a = &n->call->args.data[i];
    if (a->kind == PT_ARG_ABSENT || n->operand_slots[i] == 0 || c->operands >> (i < 63 ? i : 63) & 1) continue;
    const gr_op_info *op = gr_pt_member_info(n->call->ops, 0);
    const char *operand = op && i < op->operand_count ? op->operands[i].name : "…";
    gr_error(b->parser->context, GRAFT_RULE, a->where,
             "an annotation on the edge %s.%s would be lost: carry it (edges from, edge … -> …), drop it, or exclude "
             "it with no_spec",
             name[0] ? name : n->call->ops->name, operand);
    return false;
  }
  for (uint32_t i = 0; n->line && i < n->result_count; i++) {
    if (c->results >> (i < 63 ? i : 63) & 1) continue;
    gr_error(
        b->parser->context, GRAFT_RULE, n->line->results.data[i].where,
        "an annotation on this value would be lost: carry it (value %%a -> %%b), drop it, or exclude it with no_spec");
    return false;
  }
  return true;
}

bool gr_program_annotations(builder *b) {
  pt_variant *v = b->v;
  gr_arena *a = b->parser->arena;
  v->claims = gr_arena_alloc(a, v->node_count * sizeof *v->claims);
  if (!v->claims) return false;
  memset(v->claims, 0, v->node_count * sizeof *v->claims);
  bool all = false;
  for (uint32_t i = 0; i < v->where_count; i++) {
    claim_excluded(b, v->wheres[i]);
    all |= excludes_all(v->wheres[i]);
  }
  if (b->program->keeps_root) v->claims[0].results = UINT64_MAX;
  for (uint32_t i = 0; i < b->carries.len; i++) /* of `also` lines that a node replaces */
    claim_value(b, b->carries.data[i].from);
  for (uint32_t i = 0; i < b->steps.len; i++) {
    const pt_step *s = &b->steps.data[i];
    if (s->edges < 0) continue;
    claim(b, (uint32_t)s->edges, -1);
    pt_carry c = {.node = (uint16_t)s->edges, .operand = -1, .step = i};
    if (!pt_push(a, &b->carries, c)) return false;
  }
  for (uint32_t i = 0; i < b->items.len; i++) {
    pt_item_kind k = b->items.data[i].kind;
    if ((k == PT_ITEM_EDGE || k == PT_ITEM_VALUE || k == PT_ITEM_DROP) && !add_move(b, &b->items.data[i])) return false;
  }
  for (uint32_t n = 0; n < v->node_count && !all; n++)
    if (!pt_is_context(v, n) && !check_node_claims(b, n)) return false;
  return true;
}
