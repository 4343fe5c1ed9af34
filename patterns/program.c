/* From a rewrite section to steps, for each variant; and the checks that need both sides: nothing lost, nothing unused.
 * What a line becomes is in program_line.c. */
#include "patterns/program_impl.h"

#include <string.h>

typedef pt_program_builder builder;

static bool flatten(builder *b, const pt_items *items) {
  for (uint32_t i = 0; i < items->len; i++) {
    const pt_item *item = &items->data[i];
    if (item->kind != PT_ITEM_GROUP) {
      if (!pt_push(b->parser->arena, &b->items, *item)) return false;
      continue;
    }
    int known = gr_pt_static(b->v, item->group->condition);
    if (known < 0 && b->parser->failed) known = 1;
    if (known < 0)
      return gr_program_error_at(b, item->group->condition->where,
                                 "a block may only depend on the match's groups; a line takes any condition");
    if (!flatten(b, known ? &item->group->present : &item->group->absent)) return false;
  }
  return true;
}

static bool add_warning(builder *b, const pt_item *item) {
  if (item->expr && gr_pt_static(b->v, item->expr) == 0) return true;
  if (item->expr && !gr_pt_check_expr(b->parser, b->pattern, b->v, item->expr, true)) return false;
  pt_line *line = gr_arena_alloc(b->parser->arena, sizeof *line);
  if (!line) return false;
  *line = (pt_line){.where = item->where, .text = item->text};
  pt_step s = gr_program_step(b, line, item->expr, false);
  s.kind = PT_S_WARN;
  return pt_push(b->parser->arena, &b->steps, s);
}

static bool read_by_rewrite(const builder *b, uint16_t slot) {
  const pt_program *p = b->program;
  for (uint32_t i = 0; i < p->step_count; i++) {
    const pt_step *s = &p->steps[i];
    if (s->kind == PT_S_ALIAS && s->alias == slot) return true;
    for (uint32_t k = 0; k < s->operand_count; k++)
      if (s->operands[k].kind == PT_O_SLOT && s->operands[k].slot == slot) return true;
  }
  return false;
}

/* A matched node that only dying nodes of the match use leaves with the root. */
static void find_dying(builder *b) {
  const pt_variant *v = b->v;
  pt_program *p = b->program;
  for (uint32_t n = 1; n < v->node_count; n++) {
    const pt_vnode *node = &v->nodes[n];
    if (pt_is_root(v, n)) p->dies[n] = true;
    if (!node->line || !node->line->one_use || node->line->context || node->result_count != 1 ||
        read_by_rewrite(b, node->result_slots[0]))
      continue;
    for (uint32_t k = 0; k < n; k++)
      for (uint32_t i = 0; i < v->nodes[k].call->args.len; i++)
        if (v->nodes[k].operand_slots[i] == node->result_slots[0] && (pt_is_root(v, k) || p->dies[k]))
          p->dies[n] = true;
  }
}

static bool root_is_made(builder *b) {
  for (uint32_t n = 0; n < b->v->node_count; n++) {
    const pt_line *root = pt_is_root(b->v, n) ? b->v->nodes[n].line : NULL;
    for (uint32_t i = 0; root && i < root->results.len; i++) {
      const pt_result *r = &root->results.data[i];
      if (r->range && n > 0)
        return gr_program_error_at(b, r->where, "an `also` line that is replaced names its results one by one");
      if (r->range ? b->range_done : b->done[b->v->slots[r->name]]) continue;
      return r->range ? gr_program_error_at(b, r->where, "the rewrite does not make these results of the root")
             : n > 0
                 ? gr_program_error_name(b, r->where, r->name,
                                         "is a result of an `also` line: the rewrite must make it, or it is `context`")
                 : gr_program_error_name(b, r->where, r->name, "is a result of the root: the rewrite must make it");
    }
  }
  return true;
}

/* Const first, the root last; what is made after the root's line must not read it. */
static bool order(builder *b) {
  pt_program *p = b->program;
  p->steps = gr_arena_alloc(b->parser->arena, (b->steps.len + 1) * sizeof *p->steps);
  uint32_t *place = gr_arena_alloc(b->parser->arena, (b->steps.len + 1) * sizeof *place);
  if (!p->steps || !place) return false;
  for (int kind = PT_S_CONST; kind <= PT_S_ROOT; kind++)
    for (uint32_t i = 0; i < b->steps.len; i++) {
      uint8_t k = b->steps.data[i].kind;
      bool middle = k == PT_S_NODE || (k == PT_S_ALIAS && b->made[b->steps.data[i].results[0]]);
      uint8_t group = k == PT_S_ALIAS && middle ? PT_S_NODE : k;
      if (group != kind) continue;
      place[i] = p->step_count;
      p->steps[p->step_count++] = b->steps.data[i];
    }
  for (uint32_t i = 0; i < b->carries.len; i++)
    if (b->carries.data[i].step != GRAFT_NONE) b->carries.data[i].step = place[b->carries.data[i].step];
  for (uint32_t i = 0; i < p->step_count; i++) {
    const pt_step *s = &p->steps[i];
    for (uint32_t k = 0; k < s->operand_count; k++)
      if (s->operands[k].kind == PT_O_SLOT && s->operands[k].slot && !b->made[s->operands[k].slot] &&
          b->v->slot_node[s->operands[k].slot] != PT_UNBOUND && pt_is_root(b->v, b->v->slot_node[s->operands[k].slot]))
        return gr_program_error_at(b, s->call->where,
                                   "this line reads a result of the root, which the rewrite makes last");
  }
  p->carries = b->carries.data;
  p->carry_count = b->carries.len;
  return true;
}

/* A line that is wrong makes its names all the same: one error, not one for each use. */
static bool make_all_the_same(builder *b, const pt_line *line) {
  for (uint32_t i = 0; i < line->results.len; i++) {
    const pt_result *r = &line->results.data[i];
    if (r->range || b->v->slots[r->name] != PT_UNBOUND) continue;
    int slot = gr_program_slot(b);
    if (slot < 0) return false;
    b->v->slots[r->name] = (uint16_t)slot;
    b->made[slot] = true;
    b->maybe_absent[slot] = false;
  }
  return true;
}

/* With several nodes replaced, the last check of a match is that what the rewrite reads is made before all of them. */
static bool read_in_order(builder *b) {
  gr_arena *a = b->parser->arena;
  pt_variant *v = b->v;
  pt_program *p = b->program;
  p->reads = gr_arena_alloc(a, (p->first_slot + 1u) * sizeof *p->reads);
  bool *seen = gr_arena_alloc(a, p->first_slot + 1u);
  pt_instr *code = gr_arena_alloc(a, (v->code_count + 1u) * sizeof *code);
  gr_loc *where = gr_arena_alloc(a, (v->code_count + 1u) * sizeof *where);
  if (!p->reads || !seen || !code || !where) return false;
  memset(seen, 0, p->first_slot + 1u);
  for (uint32_t i = 0; i < p->step_count; i++) {
    const pt_step *s = &p->steps[i];
    for (uint32_t k = 0; s->kind == PT_S_NODE && k < s->operand_count; k++) {
      if (s->operands[k].kind == PT_O_RANGE)
        return gr_program_error_at(b, s->call->where, "beside an `also` line that is replaced no ..%rest can be read");
      if (s->operands[k].kind == PT_O_SLOT && s->operands[k].slot < p->first_slot) seen[s->operands[k].slot] = true;
    }
    if (s->kind == PT_S_ALIAS && s->alias < p->first_slot) seen[s->alias] = true;
  }
  for (uint16_t slot = 1; slot < p->first_slot; slot++)
    if (seen[slot]) p->reads[p->read_count++] = slot;
  memcpy(code, v->code, v->code_count * sizeof *code);
  memcpy(where, v->code_where, v->code_count * sizeof *where);
  code[v->code_count] = (pt_instr){.code = PT_ORDERED};
  where[v->code_count] = b->pattern->where;
  v->code = code;
  v->code_where = where;
  v->code_count++;
  return true;
}

static bool compile_variant(builder *b) {
  gr_arena *a = b->parser->arena;
  pt_variant *v = b->v;
  b->program = v->program = gr_arena_alloc(a, sizeof *v->program);
  if (!v->program) return false;
  *v->program = (pt_program){0};
  b->program->dies = gr_arena_alloc(a, v->node_count);
  b->done = gr_arena_alloc(a, v->slot_count + 1u);
  if (!b->program->dies || !b->done) return false;
  memset(b->program->dies, 0, v->node_count);
  memset(b->done, 0, v->slot_count + 1u);
  b->slot_cap = 0;
  uint16_t before = v->slot_count;
  if (gr_program_slot(b) < 0) return false; /* makes room in every array */
  v->slot_count = before;
  b->program->first_slot = before;
  if (!flatten(b, &b->rule->rewrite)) return false;
  bool ok = true;
  for (uint32_t i = 0; i < b->items.len; i++) {
    const pt_item *item = &b->items.data[i];
    if (item->kind == PT_ITEM_LINE && !gr_program_line(b, item->line, NULL, false)) {
      ok = false;
      if (!make_all_the_same(b, item->line)) return false;
    }
    if (item->kind == PT_ITEM_WARN && !add_warning(b, item)) ok = false;
  }
  if (!ok || b->parser->failed) return false; /* what is said of the whole needs all lines */
  ok = root_is_made(b);
  if (!gr_program_annotations(b) || !ok || !gr_program_implied(b) || !order(b) || !gr_program_kept(b)) return false;
  find_dying(b);
  b->program->splices = gr_pt_splices(v);
  return (!v->also || read_in_order(b)) && gr_pt_schedule(b->parser, b->pattern, v);
}

/* ---- over all variants ---- */

static bool check_used(gr_parser *p, const pt_rule *rule) {
  bool ok = true;
  static const char *const sigils[PT_NAME_KINDS] = {"%", "..%", "$", "..$", "@", ""};
  for (int k = 0; k < PT_NAME_KINDS; k++) {
    if (k != PT_RANGE && k != PT_ATTR && k != PT_REST) continue;
    for (uint32_t i = 0; i < rule->pattern->names.kind[k].len; i++) {
      const pt_name *n = &rule->pattern->names.kind[k].data[i];
      if (n->match_uses + n->other_uses > 1 || n->lost) continue;
      if (k == PT_RANGE && n->hidden) continue; /* of an `unless`: whatever its operands are */
      gr_error(p->context, GRAFT_RULE, n->first, "%s%.*s is captured and never used%s", sigils[k], (int)n->length,
               n->text, k == PT_RANGE ? "" : ": use it, or write drop");
      ok = false;
    }
  }
  return ok;
}

bool gr_pt_compile_rewrite(gr_parser *p, pt_rule *rule) {
  for (uint32_t i = 0; i < rule->pattern->compiled; i++) {
    builder b = {.parser = p,
                 .rule = rule,
                 .pattern = rule->pattern,
                 .v = &rule->pattern->variants[i],
                 .step_number = &rule->step_count};
    if (!compile_variant(&b)) return false;
  }
  return !p->failed && check_used(p, rule);
}
