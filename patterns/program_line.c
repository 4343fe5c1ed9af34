/* One line of a rewrite section to its steps: slots, operands, attributes, results. */
#include "patterns/program_impl.h"

#include <stdio.h>
#include <string.h>

typedef pt_program_builder builder;

bool gr_program_error_at(const builder *b, gr_loc where, const char *message) {
  gr_error(b->parser->context, GRAFT_RULE, where, "%s", message);
  return false;
}

static const pt_name *value_info(const builder *b, int name) { return &b->pattern->names.kind[PT_VALUE].data[name]; }

bool gr_program_error_name(const builder *b, gr_loc where, int name, const char *message) {
  const pt_name *n = value_info(b, name);
  if (n->lost) return false;
  gr_error(b->parser->context, GRAFT_RULE, where, "%%%.*s %s", (int)n->length, n->text, message);
  return false;
}

static bool unbound(const builder *b, gr_loc where, int name) {
  gr_closest near = gr_pt_closest_name(b->pattern, b->v, PT_VALUE, value_info(b, name));
  char message[200];
  snprintf(message, sizeof message, "is not bound here%s%s",
           near.word || b->pattern->names.kind[PT_GROUP].len == 0 ? "" : ", or not in every choice of the groups",
           near.hint);
  return gr_program_error_name(b, where, name, message);
}

/* ---- slots of the rewrite ---- */

static void *bigger(gr_arena *a, const void *old, size_t count, size_t cap, size_t size) {
  char *p = gr_arena_alloc(a, cap * size);
  if (!p) return NULL;
  if (count) memcpy(p, old, count * size);
  memset(p + count * size, 0, (cap - count) * size);
  return p;
}

int gr_program_slot(builder *b) {
  pt_variant *v = b->v;
  gr_arena *a = b->parser->arena;
  if (v->slot_count >= b->slot_cap) {
    uint32_t n = v->slot_count, cap = n * 2 + 32;
    if (cap > PT_UNBOUND - 1) return -1;
    v->slot_node = bigger(a, v->slot_node, n, cap, sizeof *v->slot_node);
    v->slot_result = bigger(a, v->slot_result, n, cap, sizeof *v->slot_result);
    v->slot_optional = bigger(a, v->slot_optional, n, cap, sizeof *v->slot_optional);
    b->made = bigger(a, b->made, b->made ? n : 0, cap, sizeof *b->made);
    b->maybe_absent = bigger(a, b->maybe_absent, b->maybe_absent ? n : 0, cap, sizeof *b->maybe_absent);
    b->program->slot_const = bigger(a, b->program->slot_const, b->program->slot_const ? n : 0, cap, sizeof(bool));
    b->stands_for = bigger(a, b->stands_for, b->stands_for ? n : 0, cap, sizeof *b->stands_for);
    if (!v->slot_node || !v->slot_result || !v->slot_optional || !b->made || !b->maybe_absent ||
        !b->program->slot_const || !b->stands_for)
      return -1;
    b->slot_cap = cap;
  }
  uint16_t slot = v->slot_count++;
  v->slot_node[slot] = PT_UNBOUND;
  return slot;
}

/* ---- operands ---- */

static int add_call(builder *b, const pt_call *call, const pt_line *line, const gr_expr *condition, bool negate,
                    bool is_const);

/* Does the condition (or its negation) say that the slot is there? */
static bool implies(const builder *b, const gr_expr *e, bool negate, uint16_t slot) {
  if (!e) return false;
  if (e->kind == PT_E_NOT) return implies(b, e->args[0], !negate, slot);
  if (e->kind == PT_E_VALUE) return !negate && b->v->slots[e->name] == slot;
  if (e->kind == (negate ? PT_E_OR : PT_E_AND))
    return implies(b, e->args[0], negate, slot) || implies(b, e->args[1], negate, slot);
  return false;
}

static bool readable(builder *b, const pt_arg *a, uint16_t slot, bool is_const) {
  if (slot == PT_UNBOUND) return unbound(b, a->where, a->name);
  bool optional = slot == 0 || (b->made[slot] ? b->maybe_absent[slot] : b->v->slot_optional[slot]);
  if (optional && !a->optional && !implies(b, b->condition, b->negate, slot))
    return gr_program_error_name(b, a->where, a->name, "may be absent: write ? after it, or make it with an else");
  if (is_const && b->made[slot] && !b->program->slot_const[slot])
    return gr_program_error_name(b, a->where, a->name, "is made by the rewrite: const lines need values known before");
  return true;
}

static bool add_operands(builder *b, pt_step *step, const pt_call *call, const gr_expr *condition, bool negate,
                         bool is_const) {
  pt_operand *operands = gr_arena_alloc(b->parser->arena, (call->args.len + 1) * sizeof *operands);
  if (!operands) return false;
  for (uint32_t i = 0; i < call->args.len; i++) {
    const pt_arg *a = &call->args.data[i];
    pt_operand *o = &operands[i];
    *o = (pt_operand){.kind = PT_O_SLOT};
    switch (a->kind) {
    case PT_ARG_VALUE:
      o->slot = b->v->slots[a->name];
      if (!readable(b, a, o->slot, is_const)) return false;
      break;
    case PT_ARG_RANGE:
      o->kind = PT_O_RANGE;
      o->slot = (uint16_t)a->name;
      if (!b->v->range_bound[a->name])
        return !b->pattern->names.kind[PT_RANGE].data[a->name].lost &&
               gr_program_error_at(b, a->where, "this rest is not bound here");
      break;
    case PT_ARG_ABSENT: break;
    case PT_ARG_LITERAL:
      o->kind = PT_O_LITERAL;
      o->dtype = a->dtype;
      o->number = &a->number;
      break;
    case PT_ARG_NUMBER:
      if (!gr_pt_check_expr(b->parser, b->pattern, b->v, a->expr, false)) return false;
      o->kind = PT_O_LITERAL;
      o->expr = a->expr;
      break;
    case PT_ARG_CALL: {
      int slot = add_call(b, a->call, NULL, condition, negate, is_const);
      if (slot < 0) return false;
      o->slot = (uint16_t)slot;
    }
    }
  }
  step->operands = operands;
  step->operand_count = call->args.len;
  return true;
}

/* A const result that a graph line reads becomes a tensor. */
static void mark_materialized(builder *b, uint16_t slot) {
  for (uint32_t i = 0; i < b->steps.len; i++) {
    pt_step *s = &b->steps.data[i];
    if (s->kind != PT_S_CONST) continue;
    for (uint32_t r = 0; r < s->result_count; r++)
      if (s->results[r] == slot) s->materialize = true;
  }
}

/* ---- attributes ---- */

static bool rest_fits(builder *b, const pt_attr *a, const pt_call *to) {
  const pt_call *from = b->v->rests[a->name];
  if (!from)
    return !b->pattern->names.kind[PT_REST].data[a->name].lost &&
           gr_program_error_at(b, a->where, "this rest of attributes is not bound here");
  bool paired = from->tag >= 0 && from->tag == to->tag && from->ops->count == to->ops->count;
  for (uint32_t m = 0; m < from->ops->count; m++) {
    const gr_op_info *source = gr_pt_member_info(from->ops, m);
    for (uint32_t t = paired ? m : 0; t < (paired ? m + 1 : to->ops->count); t++) {
      const gr_op_info *target = gr_pt_member_info(to->ops, t);
      if (!source || !target) continue;
      for (uint32_t i = 0; i < source->attr_count; i++) {
        const char *name = source->attrs[i].name;
        if (source->attrs[i].own || gr_pt_names_attr(from, name) || gr_op_attr_slot(target, name, strlen(name)) >= 0)
          continue;
        gr_error(b->parser->context, GRAFT_RULE, a->where,
                 "the rest has an attribute %s that %s has not: it would be lost", name, target->name);
        return false;
      }
    }
  }
  return true;
}

static bool is_input(pt_step *s, uint16_t node) {
  for (uint32_t i = 0; i < s->input_count; i++)
    if (s->inputs[i] == node) return true;
  if (s->input_count == PT_MAX_INPUTS) return false;
  s->inputs[s->input_count++] = node;
  return true;
}

/* The matched nodes whose attributes an expression reads; false when it reads something else. */
static bool inputs_of(builder *b, pt_step *s, const gr_expr *e) {
  switch (e->kind) {
  case PT_E_LITERAL:
  case PT_E_GROUP: return true;
  case PT_E_ATTR: return is_input(s, b->v->attr_node[e->name]);
  case PT_E_REST_ATTR: return is_input(s, b->v->rest_node[e->name]);
  case PT_E_PROPERTY:
  case PT_E_IN: return is_input(s, b->v->tag_node[e->name]);
  case PT_E_CALL:
  case PT_E_VALUE:
  case PT_E_OPTION: return false;
  default:
    for (uint32_t i = 0; i < e->arg_count; i++)
      if (!inputs_of(b, s, e->args[i])) return false;
    return true;
  }
}

static bool same_text(const pt_attr *a, const pt_attr *b) {
  return a->text && b->text && a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

/* Is the attribute set exactly that of the matched node `place`? All that its line names is given again, and the rest.
 */
static bool copies(builder *b, const pt_call *call, uint32_t place) {
  const pt_call *from = b->v->nodes[place].call;
  if (from->ops != call->ops && (from->tag < 0 || from->tag != call->tag) &&
      (from->ops->count != 1 || call->ops->count != 1 || from->ops->members[0].op != call->ops->members[0].op))
    return false;
  if (from->tag >= 0 && from->tag == call->tag && from->ops != call->ops &&
      strcmp(from->ops->name, call->ops->name) != 0)
    return false;
  bool rest = false;
  uint32_t given = 0;
  for (uint32_t i = 0; i < call->attrs.len; i++) {
    const pt_attr *a = &call->attrs.data[i];
    if (a->kind == PT_ATTR_REST_OF) {
      rest = b->v->rests[a->name] == from;
      continue;
    }
    for (uint32_t k = 0; k < from->attrs.len; k++)
      given += same_text(a, &from->attrs.data[k]) && from->attrs.data[k].kind == PT_ATTR_NAMED &&
               a->value->kind == PT_E_ATTR && from->attrs.data[k].value->kind == PT_E_ATTR &&
               a->value->name == from->attrs.data[k].value->name;
  }
  return rest && given == call->attrs.len - 1 && call->attrs.len == from->attrs.len;
}

static bool plan_attrs(builder *b, pt_step *s, const pt_call *call) {
  s->copy = -1;
  s->cached = call->ops->count == 1 || call->tag >= 0;
  if (call->ops->count > 1 && !is_input(s, b->v->tag_node[call->tag])) s->cached = false;
  for (uint32_t i = 0; i < call->attrs.len; i++) {
    const pt_attr *a = &call->attrs.data[i];
    if (a->kind == PT_ATTR_REST_OF) {
      if (!rest_fits(b, a, call)) return false;
      if (!is_input(s, b->v->rest_node[a->name])) s->cached = false;
      continue;
    }
    if (!gr_pt_check_expr(b->parser, b->pattern, b->v, a->value, false)) return false;
    if (s->cached && !inputs_of(b, s, a->value)) s->cached = false;
  }
  for (uint32_t n = 0; n < b->v->node_count && s->copy < 0; n++)
    if (copies(b, call, n)) s->copy = (int)n;
  for (uint32_t m = 0; m < call->ops->count; m++) { /* required attributes */
    const gr_op_info *op = gr_pt_member_info(call->ops, m);
    for (uint32_t k = 0; op && k < op->attr_count; k++) {
      bool given = !op->attrs[k].required;
      given = given || gr_pt_names_attr(call, op->attrs[k].name);
      for (uint32_t i = 0; i < call->attrs.len && !given; i++) given = call->attrs.data[i].kind == PT_ATTR_REST_OF;
      if (given) continue;
      gr_error(b->parser->context, GRAFT_RULE, call->where, "%s needs an attribute %s", op->name, op->attrs[k].name);
      return false;
    }
  }
  return true;
}

/* ---- results ---- */

/* The slot a rewrite line makes. Names of the match may be made again where they are the root's results. */
static int result_slot(builder *b, const pt_result *r, bool conditional, bool otherwise) {
  pt_variant *v = b->v;
  uint16_t slot = v->slots[r->name];
  if (slot == PT_UNBOUND) {
    int made = gr_program_slot(b);
    if (made < 0) return -1;
    v->slots[r->name] = slot = (uint16_t)made;
    b->made[slot] = true;
    b->maybe_absent[slot] = conditional;
    return slot;
  }
  if (slot == 0)
    return gr_program_error_name(b, r->where, r->name, "stands for nothing in this choice of the groups"), -1;
  if (b->made[slot]) {
    if (!otherwise) return gr_program_error_name(b, r->where, r->name, "is made by two lines"), -1;
    b->maybe_absent[slot] = conditional;
    return slot;
  }
  if (v->slot_node[slot] == PT_UNBOUND || !pt_is_root(v, v->slot_node[slot]))
    return gr_program_error_name(b, r->where, r->name,
                                 "belongs to the match: only the results of the root, and of `also` lines, can be made "
                                 "again"),
           -1;
  if (conditional)
    return gr_program_error_name(b, r->where, r->name, "is the root's result: its line takes no condition"), -1;
  if (b->done[slot] && !otherwise) return gr_program_error_name(b, r->where, r->name, "is made by two lines"), -1;
  b->done[slot] = true;
  return slot;
}

int gr_program_place(builder *b, int name, gr_loc where, const char *what) {
  uint16_t slot = b->v->slots[name];
  if (slot == PT_UNBOUND || b->made[slot] || b->v->slot_node[slot] == PT_UNBOUND) {
    const pt_name *n = value_info(b, name);
    if (n->lost) return -2;
    gr_error(b->parser->context, GRAFT_RULE, where, "%s %%%.*s: no matched node has this result", what, (int)n->length,
             n->text);
    return -2;
  }
  return b->v->slot_node[slot];
}

static bool add_results(builder *b, pt_step *s, const pt_line *line, bool conditional, bool otherwise) {
  s->results = gr_arena_alloc(b->parser->arena, (line->results.len + 1) * sizeof *s->results);
  if (!s->results) return false;
  for (uint32_t i = 0; i < line->results.len; i++) {
    const pt_result *r = &line->results.data[i];
    if (r->range) {
      const pt_vnode *root = &b->v->nodes[0];
      const pt_result *last =
          root->line && root->line->results.len ? &root->line->results.data[root->line->results.len - 1] : NULL;
      if (!last || !last->range || last->name != r->name || i + 1 != line->results.len ||
          root->line->results.len != line->results.len)
        return gr_program_error_at(b, r->where, "..%rest may only stand for the same results of the root");
      s->result_range = r->name;
      b->range_done = true;
      continue;
    }
    int slot = result_slot(b, r, conditional, otherwise);
    if (slot < 0) return false;
    s->results[s->result_count++] = (uint16_t)slot;
  }
  return true;
}

/* Does the line make results of the root, each in its place? */
static bool is_root(builder *b, const pt_step *s, bool *ok) {
  bool root = s->result_range >= 0;
  *ok = true;
  for (uint32_t i = 0; i < s->result_count; i++) {
    uint16_t slot = s->results[i];
    bool of_root = !b->made[slot] && b->v->slot_node[slot] == 0;
    if (!of_root) {
      if (root) *ok = false;
      continue;
    }
    if ((i > 0 && !root) || b->v->slot_result[slot] != i) *ok = false;
    root = true;
  }
  return root;
}

/* ---- steps ---- */

pt_step gr_program_step(builder *b, const pt_line *line, const gr_expr *condition, bool negate) {
  pt_step s = {.line = line,
               .condition = condition,
               .negate = negate,
               .result_range = -1,
               .source = -1,
               .edges = -1,
               .copy = -1};
  s.number = (*b->step_number)++;
  return s;
}

/* A const line may make the root's results, whose constants then stand for them; not those of other nodes. */
static bool const_of_another(builder *b, const pt_step *s, const pt_line *line) {
  for (uint32_t i = 0; i < s->result_count; i++)
    if (!b->made[s->results[i]] && b->v->slot_node[s->results[i]] > 0)
      return !gr_program_error_at(b, line->where,
                                  "a const line cannot make a result of an `also` line: give it a name of its own, "
                                  "then %b = %name");
  return false;
}

/* Results of an `also` line that a node makes, or of the root but its first ones: made under a slot of their own, which
 * then replaces them. */
static bool other_roots(builder *b, pt_step *s) {
  bool in_place = false; /* the root becomes this node */
  for (uint32_t i = 0; i < s->result_count; i++) {
    uint16_t old = s->results[i], place = b->v->slot_node[old];
    if (b->made[old] || place == PT_UNBOUND || !pt_is_root(b->v, place)) continue;
    in_place |= place == 0 && b->v->slot_result[old] == 0;
    if (place == 0 && in_place) continue;
    int slot = gr_program_slot(b);
    if (slot < 0) return false;
    b->made[slot] = true;
    b->maybe_absent[slot] = false;
    b->stands_for[slot] = old;
    s->results[i] = (uint16_t)slot;
    if (s->source < 0) s->source = place;
  }
  return true;
}

static bool replace_other(builder *b, const pt_step *made, uint16_t slot) {
  uint16_t old = b->stands_for[slot];
  if (!old) return true;
  pt_step s = {.kind = PT_S_ALIAS, .line = made->line, .condition = made->condition, .negate = made->negate};
  s.result_range = s.source = s.edges = s.copy = -1;
  s.number = (*b->step_number)++;
  s.alias = slot;
  s.replaces = true;
  s.results = gr_arena_alloc(b->parser->arena, sizeof *s.results);
  if (!s.results) return false;
  s.results[0] = old;
  s.result_count = 1;
  pt_carry c = {.step = GRAFT_NONE, .value = true, .from = old, .to = slot};
  return pt_push(b->parser->arena, &b->steps, s) && pt_push(b->parser->arena, &b->carries, c);
}

static int add_call(builder *b, const pt_call *call, const pt_line *line, const gr_expr *condition, bool negate,
                    bool is_const) {
  bool range = line && line->results.len && line->results.data[line->results.len - 1].range;
  if (call->tag >= 0 && !b->v->tag_bound[call->tag]) {
    if (!b->pattern->names.kind[PT_TAG].data[call->tag].lost)
      gr_program_error_at(b, call->where, "no matched line says which member of the family this is");
    return -1;
  }
  if (!gr_pt_check_shape(b->parser, call, line ? line->results.len : 1, range)) return -1;
  pt_step s = gr_program_step(b, line, condition, negate);
  s.kind = is_const ? PT_S_CONST : PT_S_NODE;
  s.call = call;
  if (!add_operands(b, &s, call, condition, negate, is_const) || !plan_attrs(b, &s, call)) return -1;
  for (uint32_t i = 0; !is_const && i < s.operand_count; i++)
    if (s.operands[i].kind == PT_O_SLOT && b->program->slot_const[s.operands[i].slot])
      mark_materialized(b, s.operands[i].slot);
  if (line) {
    if (!add_results(b, &s, line, condition != NULL && !line->otherwise && !negate, negate)) return -1;
  } else {
    int slot = gr_program_slot(b);
    s.results = gr_arena_alloc(b->parser->arena, sizeof *s.results);
    if (slot < 0 || !s.results) return -1;
    b->made[slot] = true;
    b->maybe_absent[slot] = false;
    s.results[0] = (uint16_t)slot;
    s.result_count = 1;
  }
  bool ok;
  if (line && !is_const && !other_roots(b, &s)) return -1;
  bool root = is_root(b, &s, &ok);
  if (!ok) {
    gr_program_error_at(b, call->where,
                        "a line that makes the root again must give its results in their order, and no others");
    return -1;
  }
  if (is_const) {
    if (line && const_of_another(b, &s, line)) return -1;
    for (uint32_t i = 0; i < s.result_count; i++) b->program->slot_const[s.results[i]] = b->made[s.results[i]];
    s.materialize = root;
  } else if (root) {
    if (b->program->keeps_root) {
      gr_program_error_at(b, call->where, "the root is made again by two lines");
      return -1;
    }
    s.kind = PT_S_ROOT;
    b->program->keeps_root = true;
  }
  if (line && line->edges_from >= 0 &&
      (s.edges = gr_program_place(b, line->edges_from, line->edges_where, "edges from")) < -1)
    return -1;
  if (line && line->source >= 0 && (s.source = gr_program_place(b, line->source, line->source_where, "source")) < -1)
    return -1;
  if (is_const && (s.edges >= 0 || s.source >= 0)) {
    gr_program_error_at(b, line->where, "a const line makes no node: neither edges nor source");
    return -1;
  }
  if (!pt_push(b->parser->arena, &b->steps, s)) return -1;
  if (s.kind == PT_S_ROOT) b->root_step = b->steps.len - 1;
  for (uint32_t i = 0; i < s.result_count && line && !is_const; i++)
    if (!replace_other(b, &s, s.results[i])) return -1;
  return s.result_count ? s.results[0] : 0;
}

static bool add_alias(builder *b, const pt_line *line, const gr_expr *condition, bool negate, bool is_const) {
  pt_step s = gr_program_step(b, line, condition, negate);
  s.kind = is_const ? PT_S_CONST : PT_S_ALIAS;
  if (line->results.data[0].range) return gr_program_error_at(b, line->where, "..%rest = … needs an op");
  if (line->kind == PT_LINE_ALIAS) {
    s.alias = b->v->slots[line->alias];
    pt_arg a = {
        .name = line->alias, .optional = line->alias_optional || line->results.data[0].optional, .where = line->where};
    if (!readable(b, &a, s.alias, is_const)) return false;
    if (!is_const && b->program->slot_const[s.alias]) mark_materialized(b, s.alias);
  } else if (line->kind == PT_LINE_EXPR) {
    if (!gr_pt_check_expr(b->parser, b->pattern, b->v, line->expr, false)) return false;
    const gr_expr *e = line->expr;
    for (uint32_t i = 0; i < (e->kind == PT_E_LIST ? e->arg_count : 1u); i++) {
      const gr_expr *n = e->kind == PT_E_LIST ? e->args[i] : e;
      if (n->kind == PT_E_LITERAL && !gr_pt_check_number(b->parser, &n->value, line->dtype, n->where)) return false;
    }
  }
  if (!add_results(b, &s, line, condition != NULL && !negate && !line->otherwise, negate)) return false;
  uint16_t slot = s.results[0];
  bool root = !b->made[slot];
  if (line->kind == PT_LINE_ABSENT || (line->kind == PT_LINE_ALIAS && (s.alias == 0 || line->alias_optional)))
    b->maybe_absent[slot] = b->made[slot];
  if (is_const) {
    if (const_of_another(b, &s, line)) return false;
    b->program->slot_const[slot] = !root;
    s.materialize = root;
  }
  return pt_push(b->parser->arena, &b->steps, s);
}

bool gr_program_line(builder *b, const pt_line *line, const gr_expr *condition, bool negate) {
  if (line->condition) {
    int known = gr_pt_static(b->v, line->condition);
    if (known < 0 && !gr_pt_check_expr(b->parser, b->pattern, b->v, line->condition, true)) return false;
    if (known == 0) return line->otherwise ? gr_program_line(b, line->otherwise, NULL, false) : true;
    if (known < 0) condition = line->condition;
  }
  if (line->naming)
    for (const pt_naming *n = line->naming; n; n = n->otherwise) {
      int known = n->condition ? gr_pt_static(b->v, n->condition) : 1;
      if (known < 0 && !gr_pt_check_expr(b->parser, b->pattern, b->v, n->condition, true)) return false;
      if (known != 0 && b->v->slots[n->name] == PT_UNBOUND) return unbound(b, n->where, n->name);
    }
  b->condition = condition;
  b->negate = negate;
  bool ok = line->kind == PT_LINE_CALL ? add_call(b, line->call, line, condition, negate, line->is_const) >= 0
                                       : add_alias(b, line, condition, negate, line->is_const);
  return ok && (condition != line->condition || !condition || !line->otherwise ||
                gr_program_line(b, line->otherwise, condition, true));
}
