/* Checks at load: arity, attributes, and that every name an expression needs is bound. */
#include "patterns/patterns_impl.h"

#include <stdio.h>
#include <string.h>

/* ---- calls ---- */

static bool check_args(gr_parser *p, const pt_call *c, const gr_op_info *op) {
  uint32_t given = 0; /* before the first rest */
  while (given < c->args.len && c->args.data[given].kind != PT_ARG_RANGE) given++;
  bool rest = given < c->args.len;
  bool variadic = op->operand_count && op->operands[op->operand_count - 1].variadic;
  uint32_t fixed = op->operand_count - (variadic ? 1u : 0u);
  if (rest && given + 1 < c->args.len && (!variadic || given < fixed)) {
    gr_error(p->context, GRAFT_RULE, c->args.data[given].where,
             "a ..%%rest that is not the last operand stands for a list: %s has none here", op->name);
    return false;
  }
  if (given > fixed && !variadic) {
    gr_error(p->context, GRAFT_RULE, c->args.data[fixed].where, "%s has %u operands, not %u", op->name, fixed, given);
    return false;
  }
  for (uint32_t i = 0; i < fixed && i < given; i++) {
    const pt_arg *a = &c->args.data[i];
    if (op->operands[i].optional) continue;
    if (a->kind == PT_ARG_ABSENT || a->optional) {
      gr_error(p->context, GRAFT_RULE, a->where, "operand %s of %s is never absent%s", op->operands[i].name, op->name,
               a->kind == PT_ARG_ABSENT ? ": _ stands for none; a name that comes once stands for any" : "");
      return false;
    }
  }
  for (uint32_t i = given; i < fixed && !rest; i++)
    if (!op->operands[i].optional) {
      gr_error(p->context, GRAFT_RULE, c->where, "%s needs an operand %s", op->name, op->operands[i].name);
      return false;
    }
  return true;
}

static bool check_attr(gr_parser *p, const pt_attr *a, const gr_op_info *op) {
  if (a->kind != PT_ATTR_NAMED && a->kind != PT_ATTR_DROP) return true;
  int slot = gr_op_attr_slot(op, a->text, a->length);
  if (slot < 0) {
    gr_closest near = gr_closest_begin(a->text, a->length);
    for (uint32_t i = 0; i < op->attr_count; i++) gr_closest_offer(&near, op->attrs[i].name, strlen(op->attrs[i].name));
    gr_error(p->context, GRAFT_RULE, a->where, "%s has no attribute '%.*s'%s", op->name, (int)a->length, a->text,
             gr_closest_hint(&near, ""));
    return false;
  }
  const gr_attr_decl *d = &op->attrs[slot];
  return !a->value || gr_pt_check_attr_value(p, op, d, a->value);
}

/* Every attribute must be named, captured by a rest, or dropped; `op` NULL: nobody knows which there are. */
static bool check_complete(gr_parser *p, const pt_call *c, const gr_op_info *op) {
  for (uint32_t i = 0; i < c->attrs.len; i++)
    if (c->attrs.data[i].kind == PT_ATTR_REST_OF || c->attrs.data[i].kind == PT_ATTR_DROP_REST) return true;
  if (!op) {
    gr_error(p->context, GRAFT_RULE, c->where,
             "%s%s may have attributes that no table lists: capture them with ..$name, or drop ..",
             c->ops->family ? "@" : "", c->ops->name);
    return false;
  }
  for (uint32_t slot = 0; slot < op->attr_count; slot++) {
    if (gr_pt_names_attr(c, op->attrs[slot].name)) continue;
    gr_error(p->context, GRAFT_RULE, c->where,
             "attribute %s of %s is neither matched nor kept: name it, capture the rest with ..$name, or drop it",
             op->attrs[slot].name, op->name);
    return false;
  }
  return true;
}

static bool check_duplicates(gr_parser *p, const pt_call *c) {
  uint32_t rests = 0;
  for (uint32_t i = 0; i < c->attrs.len; i++) {
    const pt_attr *a = &c->attrs.data[i];
    rests += a->kind == PT_ATTR_REST_OF || a->kind == PT_ATTR_DROP_REST;
    if (rests > 1) {
      gr_error(p->context, GRAFT_RULE, a->where, "the rest of the attributes is named twice");
      return false;
    }
    for (uint32_t j = 0; a->text && j < i; j++)
      if (c->attrs.data[j].text && c->attrs.data[j].length == a->length &&
          memcmp(c->attrs.data[j].text, a->text, a->length) == 0) {
        gr_error(p->context, GRAFT_RULE, a->where, "attribute '%.*s' is given twice", (int)a->length, a->text);
        return false;
      }
  }
  return true;
}

bool gr_pt_check_number(gr_parser *p, const graft_attr *n, graft_dtype d, gr_loc where) {
  unsigned char bytes[8];
  if (d == GRAFT_UNKNOWN || gr_pt_number_as(n, d, bytes)) return true;
  char text[64];
  gr_pt_attr_text(n, text, sizeof text);
  gr_error(p->context, GRAFT_RULE, where, "%s is no %s", text, graft_dtype_name(d));
  return false;
}

bool gr_pt_check_shape(gr_parser *p, const pt_call *c, uint32_t result_count, bool range_results) {
  if (!check_duplicates(p, c)) return false;
  for (uint32_t i = 0; i < c->args.len; i++) {
    const pt_arg *a = &c->args.data[i];
    if (a->kind == PT_ARG_LITERAL && !gr_pt_check_number(p, &a->number, a->dtype, a->where)) return false;
  }
  for (uint32_t m = 0; m < c->ops->count; m++) {
    const gr_op_info *op = gr_pt_member_info(c->ops, m);
    if (!op) continue;
    bool ok = check_args(p, c, op);
    bool variadic = op->result_count && op->results[op->result_count - 1].variadic;
    if (result_count - (range_results ? 1 : 0) > op->result_count && !variadic) {
      gr_error(p->context, GRAFT_RULE, c->where, "%s has %u results, not %u", op->name, op->result_count, result_count);
      ok = false;
    }
    for (uint32_t i = 0; i < c->attrs.len; i++) ok &= check_attr(p, &c->attrs.data[i], op);
    if (!ok) return false;
  }
  return true;
}

bool gr_pt_check_call(gr_parser *p, const pt_call *c, uint32_t result_count, bool range_results, bool complete) {
  if (!gr_pt_check_shape(p, c, result_count, range_results)) return false;
  for (uint32_t m = 0; complete && m < c->ops->count; m++) {
    if (!check_complete(p, c, gr_pt_member_info(c->ops, m))) return false;
  }
  return true;
}

/* Calls in calls too. Of a rewrite, which member a family stands for may be known later. */
static bool check_deep(gr_parser *p, const pt_call *c, uint32_t results, bool range, bool complete) {
  bool ok = (!complete && c->tag >= 0) || gr_pt_check_call(p, c, results, range, complete);
  for (uint32_t i = 0; i < c->args.len; i++)
    if (c->args.data[i].kind == PT_ARG_CALL) ok &= check_deep(p, c->args.data[i].call, 1, false, complete);
  return ok;
}

bool gr_pt_check_line(gr_parser *p, const pt_line *line, bool complete) {
  bool ok = true;
  for (; line; line = line->otherwise)
    if (line->kind == PT_LINE_CALL)
      ok &= check_deep(p, line->call, line->results.len, line->results.data[line->results.len - 1].range,
                       complete && !line->context);
  return ok;
}

/* ---- expressions ---- */

/* `not g` is only true where g's lines do not match, which the variant without g has not asked: PT_NO_GROUP does. Here
 * a group is what was chosen. */
int gr_pt_static_with(const pt_variant *v, const gr_expr *e, int assumed) {
  switch (e->kind) {
  case PT_E_LITERAL: return e->value.kind == GRAFT_ATTR_BOOL ? e->value.as.b : -1;
  case PT_E_GROUP: return v->groups[e->name] || (int)e->name == assumed;
  case PT_E_VALUE: {
    uint16_t slot = v->slots[e->name];
    if (slot == PT_UNBOUND) return -1;
    return slot == 0 ? 0 : v->slot_optional[slot] ? -1 : 1;
  }
  case PT_E_NOT: {
    int x = gr_pt_static_with(v, e->args[0], assumed);
    return x < 0 ? -1 : !x;
  }
  case PT_E_AND: {
    int x = gr_pt_static_with(v, e->args[0], assumed), y = gr_pt_static_with(v, e->args[1], assumed);
    return x == 0 || y == 0 ? 0 : x == 1 && y == 1 ? 1 : -1;
  }
  case PT_E_OR: {
    int x = gr_pt_static_with(v, e->args[0], assumed), y = gr_pt_static_with(v, e->args[1], assumed);
    return x == 1 || y == 1 ? 1 : x == 0 && y == 0 ? 0 : -1;
  }
  case PT_E_IF: {
    int c = gr_pt_static_with(v, e->args[1], assumed);
    return c < 0 ? -1 : gr_pt_static_with(v, c ? e->args[0] : e->args[2], assumed);
  }
  default: return -1;
  }
}

int gr_pt_static(const pt_variant *v, const gr_expr *e) { return gr_pt_static_with(v, e, -1); }

static bool is_bound(const pt_variant *v, pt_name_kind kind, uint32_t name) {
  switch (kind) {
  case PT_VALUE: return v->slots[name] != PT_UNBOUND;
  case PT_RANGE: return v->range_bound[name];
  case PT_ATTR: return v->attr_kinds[name] != 0;
  case PT_REST: return v->rests[name] != NULL;
  case PT_TAG: return v->tag_bound[name];
  default: return false;
  }
}

gr_closest gr_pt_closest_name(const gr_pattern *pattern, const pt_variant *v, pt_name_kind kind, const pt_name *n) {
  static const char *const sigils[PT_NAME_KINDS] = {"%", "..%", "$", "$", "@", ""};
  gr_closest near = gr_closest_begin(n->text, n->length);
  for (uint32_t i = 0; i < pattern->names.kind[kind].len; i++) {
    const pt_name *other = &pattern->names.kind[kind].data[i];
    if (other != n && is_bound(v, kind, i)) gr_closest_offer(&near, other->text, other->length);
  }
  (void)gr_closest_hint(&near, sigils[kind]);
  return near;
}

static bool unbound(gr_parser *p, const gr_pattern *pattern, const pt_variant *v, const gr_expr *e, pt_name_kind kind,
                    const char *sigil) {
  const pt_name *n = &pattern->names.kind[kind].data[e->name];
  if (n->lost) return false;
  gr_closest near = gr_pt_closest_name(pattern, v, kind, n);
  gr_error(p->context, GRAFT_RULE, e->where, "%s%.*s is not bound here%s%s", sigil, (int)n->length, n->text,
           !near.word && kind == PT_VALUE && pattern->names.kind[PT_GROUP].len
               ? ", or not in every choice of the groups"
               : "",
           near.hint);
  return false;
}

bool gr_pt_no_operand(gr_parser *p, const gr_opset *ops, uint32_t member, const char *text, uint32_t length,
                      gr_loc where) {
  const gr_op_info *op = gr_pt_member_info(ops, member);
  gr_closest near = gr_closest_begin(text, length);
  char list[200] = "";
  for (uint32_t i = 0, at = 0; op && i < op->operand_count; i++) {
    gr_closest_offer(&near, op->operands[i].name, strlen(op->operands[i].name));
    if (at < sizeof list)
      at += (uint32_t)snprintf(list + at, sizeof list - at, at ? ", %s" : ": it has %s", op->operands[i].name);
  }
  (void)gr_closest_hint(&near, "");
  gr_error(p->context, GRAFT_RULE, where, "%s has no operand '%.*s'%s", op ? op->name : ops->name, (int)length, text,
           near.word ? near.hint : list);
  return false;
}

static bool check_edge(gr_parser *p, const gr_pattern *pattern, const pt_variant *v, const gr_expr *e) {
  const pt_name *n = &pattern->names.kind[PT_VALUE].data[e->name];
  uint16_t slot = v->slots[e->name];
  if (slot == PT_UNBOUND) return unbound(p, pattern, v, e, PT_VALUE, "%");
  if (v->slot_node[slot] == PT_UNBOUND && n->lost) return false;
  if (v->slot_node[slot] == PT_UNBOUND) {
    gr_error(p->context, GRAFT_RULE, e->where, "%%%.*s is no matched node's result: it has no edges here",
             (int)n->length, n->text);
    return false;
  }
  const gr_opset *ops = v->nodes[v->slot_node[slot]].call->ops;
  return gr_pt_opset_operand(ops, e->text, e->length) >= 0 || gr_pt_no_operand(p, ops, 0, e->text, e->length, e->where);
}

static bool check_rest_attr(gr_parser *p, const gr_pattern *pattern, const pt_variant *v, const gr_expr *e) {
  const pt_call *c = v->rests[e->name];
  if (!c) return unbound(p, pattern, v, e, PT_REST, "$");
  bool named = false;
  for (uint32_t i = 0; i < c->attrs.len; i++)
    named |= c->attrs.data[i].text && c->attrs.data[i].length == e->length &&
             memcmp(c->attrs.data[i].text, e->text, e->length) == 0;
  if (!named && gr_pt_opset_attr(c->ops, e->text, e->length, NULL) != -1) return true;
  gr_error(p->context, GRAFT_RULE, e->where, "the rest $%.*s has no attribute '%.*s'",
           (int)pattern->names.kind[PT_REST].data[e->name].length, pattern->names.kind[PT_REST].data[e->name].text,
           (int)e->length, e->text);
  return false;
}

static bool gives_condition(const pt_variant *v, const gr_expr *e) {
  switch (e->kind) {
  case PT_E_LITERAL: return e->value.kind == GRAFT_ATTR_BOOL;
  case PT_E_LIST:
  case PT_E_INDEX:
  case PT_E_PROPERTY:
  case PT_E_ADD:
  case PT_E_SUB:
  case PT_E_MUL:
  case PT_E_DIV:
  case PT_E_LOCAL:
  case PT_E_NEGATE: return false;
  case PT_E_EACH: return e->index != PT_EACH_MAP;
  case PT_E_CALL: return gr_pt_function_get(e->index)->result == GRAFT_ATTR_BOOL;
  case PT_E_ATTR: { /* 0: not bound, which is said instead */
    uint8_t kind = v->attr_kinds[e->name];
    return kind == 0 || kind == GRAFT_ATTR_BOOL + 1 || kind == UINT8_MAX;
  }
  default: return true;
  }
}

static bool check_parts(gr_parser *p, const gr_pattern *pattern, const pt_variant *v, const gr_expr *e,
                        bool condition) {
  if (condition && !gives_condition(v, e)) {
    gr_error(p->context, GRAFT_RULE, e->where, "this is no condition");
    return false;
  }
  switch (e->kind) {
  case PT_E_VALUE: return v->slots[e->name] != PT_UNBOUND || unbound(p, pattern, v, e, PT_VALUE, "%");
  case PT_E_EDGE: return check_edge(p, pattern, v, e);
  case PT_E_ELEMENT:
  case PT_E_RANGE: return v->range_bound[e->name] || unbound(p, pattern, v, e, PT_RANGE, "..%");
  case PT_E_ATTR: return v->attr_kinds[e->name] || unbound(p, pattern, v, e, PT_ATTR, "$");
  case PT_E_REST_ATTR: return check_rest_attr(p, pattern, v, e);
  case PT_E_PROPERTY:
  case PT_E_IN: return v->tag_bound[e->name] || unbound(p, pattern, v, e, PT_TAG, "@");
  case PT_E_EACH:
    return gr_pt_check_expr(p, pattern, v, e->args[0], false) &&
           gr_pt_check_expr(p, pattern, v, e->args[1], e->index != PT_EACH_MAP);
  case PT_E_NOT: return gr_pt_check_expr(p, pattern, v, e->args[0], true);
  case PT_E_AND:
  case PT_E_OR: {
    int decides = e->kind == PT_E_OR; /* what makes the other side irrelevant */
    if (gr_pt_static(v, e->args[0]) == decides) return true;
    if (gr_pt_static(v, e->args[1]) == decides) return true;
    return gr_pt_check_expr(p, pattern, v, e->args[0], true) && gr_pt_check_expr(p, pattern, v, e->args[1], true);
  }
  case PT_E_IF: {
    int c = gr_pt_static(v, e->args[1]);
    if (c < 0 && !gr_pt_check_expr(p, pattern, v, e->args[1], true)) return false;
    return (c == 0 || gr_pt_check_expr(p, pattern, v, e->args[0], condition)) &&
           (c == 1 || gr_pt_check_expr(p, pattern, v, e->args[2], condition));
  }
  default:
    for (uint32_t i = 0; i < e->arg_count; i++)
      if (!gr_pt_check_expr(p, pattern, v, e->args[i], false)) return false;
    return true;
  }
}

bool gr_pt_check_expr(gr_parser *p, const gr_pattern *pattern, const pt_variant *v, const gr_expr *e, bool condition) {
  return check_parts(p, pattern, v, e, condition) && gr_pt_check_kinds(p, v, e);
}
