/* The instructions of a match: structure, operands, results, attributes. */
#include "patterns/compile_impl.h"

typedef pt_compile_builder builder;

bool gr_compile_emit(builder *b, pt_code code, uint32_t a, uint32_t slot, uint32_t c, gr_loc where) {
  pt_instr i = {.code = (uint8_t)code, .a = (uint16_t)a, .b = (uint16_t)slot, .c = (uint16_t)c};
  return pt_push(b->parser->arena, &b->code, i) && pt_push(b->parser->arena, &b->code_where, where);
}

/* Of a family with other members too the matcher asks the node. */
static bool commutes(const pt_call *c) {
  if (c->args.len != 2 || c->args.data[0].kind == PT_ARG_RANGE || c->args.data[1].kind == PT_ARG_RANGE) return false;
  for (uint32_t i = 0; i < c->ops->count; i++) {
    const gr_op_info *info = gr_pt_member_info(c->ops, i);
    if (info && (info->families & GR_F_COMMUTES)) return true;
  }
  return false;
}

bool gr_compile_operand(builder *b, uint32_t place, uint32_t i, uint16_t slot, const pt_arg *a) {
  const pt_variant *v = b->variant;
  if (slot == 0) return gr_compile_emit(b, PT_ABSENT, place, 0, i, a->where);
  bool bound = b->slot_bound[slot];
  b->slot_bound[slot] = true;
  return gr_compile_emit(b, bound ? PT_SAME : v->slot_optional[slot] ? PT_BIND_OPT : PT_BIND, place, slot, i, a->where);
}

/* ..%parts that some line makes: the operands are results of one node, which goes on from there. */
static bool visit_rest(builder *b, uint32_t place, uint32_t i, const pt_arg *a) {
  for (uint32_t m = 0; m < b->nodes.len; m++) {
    const pt_vnode *node = &b->nodes.data[m];
    const pt_result *last = node->line && node->result_count ? &node->line->results.data[node->result_count - 1] : NULL;
    if (!last || !last->range || last->name != a->name || m == b->order[place]) continue;
    if (b->place[m] != GRAFT_NONE) return true;
    bool bound = b->variant->range_bound[a->name];
    b->variant->range_bound[a->name] = true;
    if (!gr_compile_emit(b, bound ? PT_RANGE_SAME : PT_RANGE_BIND, place, (uint32_t)a->name, i, a->where)) return false;
    return gr_compile_emit(b, PT_RANGE_NODE, b->visited, (uint32_t)a->name, node->result_count - 1,
                           node->call->where) &&
           gr_compile_visit(b, m);
  }
  return true;
}

/* The structure, from users to producers. Recursion is bounded by the number of nodes of a rule. */
bool gr_compile_visit(builder *b, uint32_t n) {
  const pt_vnode *node = &b->nodes.data[n];
  const pt_call *call = node->call;
  uint32_t place = b->visited++;
  b->place[n] = place;
  b->order[place] = n;
  if (commutes(call)) {
    if (++b->commutes > PT_MAX_COMMUTES)
      return gr_compile_error(b->parser, call->where, "too many commutative lines in one pattern");
    if (!gr_compile_emit(b, PT_COMMUTE, place, 0, 0, call->where)) return false;
  }
  if (node->rest != PT_UNBOUND && !gr_compile_emit(b, PT_SPLIT, place, 0, 0, call->where)) return false;
  for (uint32_t i = 0; i < call->args.len; i++) {
    if (call->args.data[i].kind == PT_ARG_RANGE && !visit_rest(b, place, i, &call->args.data[i])) return false;
    node = &b->nodes.data[n];
    uint16_t slot = node->operand_slots[i];
    if (slot == PT_UNBOUND || slot == 0) continue;
    uint16_t made = b->variant->slot_node[slot];
    if (made == PT_UNBOUND) continue;
    if (!gr_compile_operand(b, place, i, slot, &call->args.data[i])) return false;
    if (b->place[made] != GRAFT_NONE) continue;
    if (!gr_compile_emit(b, PT_NODE, b->visited, slot, b->variant->slot_result[slot],
                         b->nodes.data[made].call->where) ||
        !gr_compile_visit(b, made))
      return false;
  }
  return true;
}

static bool emit_operands(builder *b, uint32_t place, const pt_vnode *node) {
  const pt_call *call = node->call;
  bool range = false;
  for (uint32_t i = 0; i < call->args.len; i++) {
    const pt_arg *a = &call->args.data[i];
    uint16_t slot = node->operand_slots[i];
    if (a->kind == PT_ARG_RANGE) {
      bool bound = b->variant->range_bound[a->name];
      b->variant->range_bound[a->name] = range = true;
      if (!gr_compile_emit(b, bound ? PT_RANGE_SAME : PT_RANGE_BIND, place, (uint32_t)a->name, i, a->where))
        return false;
    } else if (a->kind == PT_ARG_LITERAL) {
      if (!gr_compile_emit(b, PT_NUMBER, place, i, i, a->where)) return false;
    } else if (slot == 0 || b->variant->slot_node[slot] == PT_UNBOUND) {
      if (!gr_compile_operand(b, place, i, slot, a)) return false;
    }
  }
  return range || gr_compile_emit(b, PT_AT_MOST, place, 0, call->args.len, call->where);
}

/* Does a line read the rest as operands? */
static bool is_read(const builder *b, int name) {
  for (uint32_t n = 0; n < b->nodes.len; n++)
    for (uint32_t i = 0; i < b->nodes.data[n].call->args.len; i++) {
      const pt_arg *a = &b->nodes.data[n].call->args.data[i];
      if (a->kind == PT_ARG_RANGE && a->name == name) return true;
    }
  return false;
}

static bool emit_results(builder *b, uint32_t place, const pt_vnode *node, bool root) {
  bool range = false;
  for (uint32_t i = 0; node->line && i < node->result_count; i++) {
    const pt_result *r = &node->line->results.data[i];
    uint16_t slot = node->result_slots[i];
    if (r->range) {
      range = true;
      if (b->variant->range_bound[r->name] && is_read(b, r->name)) continue; /* compared where it is read */
      if (b->variant->range_bound[r->name]) return gr_compile_error(b->parser, r->where, "this rest is bound twice");
      b->variant->range_bound[r->name] = true;
      if (!gr_compile_emit(b, PT_RESULT_RANGE, place, (uint32_t)r->name, i, r->where)) return false;
    } else {
      bool bound = b->slot_bound[slot];
      b->slot_bound[slot] = true;
      pt_code code = bound ? PT_RESULT_SAME : b->variant->slot_optional[slot] ? PT_RESULT_OPT : PT_RESULT;
      if (!gr_compile_emit(b, code, place, slot, i, r->where)) return false;
    }
  }
  return !root || range || gr_compile_emit(b, PT_UNUSED, place, 0, node->result_count, node->call->where);
}

static bool names_only(const gr_expr *e) { /* no value of the graph is needed */
  return e->kind == PT_E_LITERAL || e->kind == PT_E_OPTION ||
         (e->kind == PT_E_LIST && (e->arg_count == 0 || e->args[0]->kind == PT_E_LITERAL));
}

static bool plan_attrs(builder *b, uint32_t place, pt_vnode *node) {
  const pt_call *call = node->call;
  node->attrs = pt_zeroed(b->parser->arena, call->attrs.len, sizeof *node->attrs);
  if (!node->attrs) return false;
  for (uint32_t i = 0; i < call->attrs.len; i++) {
    const pt_attr *a = &call->attrs.data[i];
    if (a->kind == PT_ATTR_DROP || a->kind == PT_ATTR_DROP_REST) continue;
    pt_attr_step *step = &node->attrs[node->attr_count++];
    step->attr = a;
    if (a->kind == PT_ATTR_REST_OF) {
      step->capture = a->name;
      step->how = b->variant->rests[a->name] ? PT_ATTR_REST_SAME : PT_ATTR_REST_BIND;
      if (!b->variant->rests[a->name]) {
        b->variant->rests[a->name] = call;
        b->variant->rest_node[a->name] = (uint16_t)place;
      }
      continue;
    }
    step->slots = gr_arena_alloc(b->parser->arena, call->ops->count);
    if (!step->slots) return false;
    graft_attr_kind kind = GRAFT_ATTR_NONE;
    for (uint32_t m = 0; m < call->ops->count; m++) {
      const gr_op_info *info = gr_pt_member_info(call->ops, m);
      step->slots[m] = (int8_t)(info ? gr_op_attr_slot(info, a->text, a->length) : -1);
      if (info) kind = info->attrs[step->slots[m]].kind;
    }
    if (a->value->kind == PT_E_ATTR) {
      step->capture = a->value->name;
      step->how = b->variant->attr_kinds[step->capture] ? PT_ATTR_SAME : PT_ATTR_BIND;
      if (step->how == PT_ATTR_BIND) {
        b->variant->attr_kinds[step->capture] = (uint8_t)(kind == GRAFT_ATTR_NONE ? UINT8_MAX : kind + 1);
        b->variant->attr_node[step->capture] = (uint16_t)place;
      }
    } else {
      step->how = names_only(a->value) ? PT_ATTR_COMPARE : PT_ATTR_COMPARE_LATE;
    }
  }
  return true;
}

bool gr_compile_rest(builder *b, uint32_t from) {
  for (uint32_t place = from; place < b->visited; place++) {
    const pt_vnode *node = &b->nodes.data[b->order[place]];
    bool root = place == 0 || (from == 0 && node->line && node->line->also && !node->line->context);
    if (!emit_operands(b, place, node) || !emit_results(b, place, node, root)) return false;
  }
  for (uint32_t place = from; place < b->visited; place++) { /* all users are bound by now */
    const pt_vnode *node = &b->nodes.data[b->order[place]];
    if (!node->line || !node->line->one_use) continue;
    if (place == 0 || node->line->also)
      return gr_compile_error(
          b->parser, node->line->where,
          "the root's results are there to be used by others: one_use is for what it uses (the root: the last "
          "line outside of groups)");
    if (!gr_compile_emit(b, PT_ONE_USE, place, node->result_slots[0], 0, node->line->where)) return false;
  }
  for (uint32_t place = from; place < b->visited; place++) {
    pt_vnode *node = &b->nodes.data[b->order[place]];
    if (!plan_attrs(b, place, node)) return false;
    if (node->attr_count && !gr_compile_emit(b, PT_ATTRS, place, 0, 0, node->call->where)) return false;
  }
  for (uint32_t place = from; place < b->visited; place++) {
    const pt_vnode *node = &b->nodes.data[b->order[place]];
    bool late = false;
    for (uint32_t i = 0; i < node->attr_count; i++) late |= node->attrs[i].how == PT_ATTR_COMPARE_LATE;
    if (late && !gr_compile_emit(b, PT_ATTRS_LATE, place, 0, 0, node->call->where)) return false;
  }
  return true;
}
