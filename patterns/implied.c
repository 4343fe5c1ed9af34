/* What const lines, and numbers that a rewrite reads, need of the match: `const %k = add(%a, 1)` implies const(%a), and
 * number(%a) in a rewrite implies constant(%a). They are checked with the match, so that --explain shows them. */
#include <string.h>

#include "patterns/program_impl.h"

typedef pt_program_builder builder;

static gr_expr *node(builder *b, pt_expr_kind kind, gr_loc where, gr_expr *left, gr_expr *right) {
  gr_expr *e = gr_arena_alloc(b->parser->arena, sizeof *e);
  gr_expr **args = gr_arena_alloc(b->parser->arena, 2 * sizeof *args);
  if (!e || !args) return NULL;
  memset(e, 0, sizeof *e);
  e->kind = (uint8_t)kind;
  e->where = where;
  e->args = args;
  e->args[0] = left;
  e->args[1] = right;
  e->arg_count = (uint8_t)((left != NULL) + (right != NULL));
  return e;
}

static bool is_about(const builder *b, const gr_expr *e, pt_expr_kind kind, int name) {
  if (e->kind != kind) return false;
  return kind == PT_E_VALUE ? b->v->slots[e->name] == b->v->slots[name] : e->name == name;
}

/* Some condition says as much. */
static bool said(const builder *b, pt_expr_kind kind, int name, pt_function function) {
  for (uint32_t i = 0; i < b->v->where_count; i++) {
    const gr_expr *e = b->v->wheres[i];
    if (e->kind != PT_E_CALL || !is_about(b, e->args[0], kind, name)) continue;
    if (e->index == PT_F_constant || e->index == function) return true;
    if (function == PT_F_const && (e->index == PT_F_tensor || e->index == PT_F_parameter || e->index == PT_F_buffer))
      return true;
  }
  for (uint32_t i = 0; i < b->implied.len; i++) {
    const gr_expr *e = b->implied.data[i];
    if (e->kind == PT_E_CALL && e->index == function && is_about(b, e->args[0], kind, name)) return true;
  }
  return false;
}

/* `kind`: a value or a rest of the match. */
static bool imply(builder *b, const pt_step *s, pt_expr_kind kind, int name, pt_function function, gr_loc where) {
  if (kind == PT_E_VALUE) {
    uint16_t slot = b->v->slots[name];
    if (slot == PT_UNBOUND || slot == 0 || b->made[slot]) return true;
  }
  if (said(b, kind, name, function)) return true;
  gr_expr *value = node(b, kind, where, NULL, NULL), *e = node(b, PT_E_CALL, where, value, NULL);
  if (!value || !e) return false;
  value->name = (uint16_t)name;
  e->index = (uint16_t)function;
  if (kind == PT_E_VALUE && b->v->slot_optional[b->v->slots[name]]) {
    gr_expr *absent = node(b, PT_E_NOT, where, value, NULL);
    if (!absent || !(e = node(b, PT_E_OR, where, absent, e))) return false;
  }
  if (s->condition) {
    gr_expr *condition = (gr_expr *)s->condition; /* read only: a part of the new one */
    if (!s->negate && !(condition = node(b, PT_E_NOT, where, condition, NULL))) return false;
    if (!(e = node(b, PT_E_OR, where, condition, e))) return false;
  }
  return pt_push(b->parser->arena, &b->implied, e);
}

static bool of_expr(builder *b, const pt_step *s, const gr_expr *e) {
  bool data = e->kind == PT_E_CALL && (e->index == PT_F_number || e->index == PT_F_int || e->index == PT_F_ints ||
                                       e->index == PT_F_all || e->index == PT_F_within);
  if (data && e->args[0]->kind == PT_E_VALUE && !imply(b, s, PT_E_VALUE, e->args[0]->name, PT_F_constant, e->where))
    return false;
  if (e->kind == PT_E_IF) return of_expr(b, s, e->args[1]); /* one of the others is not asked */
  for (uint32_t i = 0; i < e->arg_count; i++)
    if (!of_expr(b, s, e->args[i])) return false;
  return true;
}

static bool of_step(builder *b, const pt_step *s) {
  for (uint32_t i = 0; s->call && i < s->call->attrs.len; i++)
    if (s->call->attrs.data[i].value && !of_expr(b, s, s->call->attrs.data[i].value)) return false;
  for (uint32_t i = 0; s->call && i < s->call->args.len; i++)
    if (s->call->args.data[i].expr && !of_expr(b, s, s->call->args.data[i].expr)) return false;
  if (s->kind != PT_S_CONST) return true;
  if (s->line && s->line->expr && !of_expr(b, s, s->line->expr)) return false;
  if (!s->call && s->line && s->line->kind == PT_LINE_ALIAS)
    return imply(b, s, PT_E_VALUE, s->line->alias, PT_F_const, s->line->where);
  for (uint32_t i = 0; s->call && i < s->call->args.len; i++) {
    const pt_arg *a = &s->call->args.data[i];
    if (a->kind == PT_ARG_VALUE && !imply(b, s, PT_E_VALUE, a->name, PT_F_const, a->where)) return false;
    if (a->kind == PT_ARG_RANGE && !imply(b, s, PT_E_RANGE, a->name, PT_F_const, a->where)) return false;
  }
  return true;
}

bool gr_program_implied(builder *b) {
  gr_arena *a = b->parser->arena;
  pt_variant *v = b->v;
  for (uint32_t i = 0; i < b->steps.len; i++)
    if (!of_step(b, &b->steps.data[i])) return false;
  uint32_t total = v->where_count, more = b->implied.len;
  if (more == 0) return true;
  for (uint32_t i = 0; i < v->code_count; i++)
    if (v->code[i].code == PT_WHERE && v->code[i].b >= total) total = v->code[i].b + 1u;
  pt_instr *code = gr_arena_alloc(a, (v->code_count + more) * sizeof *code);
  gr_loc *where = gr_arena_alloc(a, (v->code_count + more) * sizeof *where);
  gr_expr **wheres = gr_arena_alloc(a, (total + more) * sizeof *wheres);
  if (!code || !where || !wheres) return false;
  if (v->code_count) memcpy(code, v->code, v->code_count * sizeof *code);
  if (v->code_count) memcpy(where, v->code_where, v->code_count * sizeof *where);
  if (total) memcpy(wheres, v->wheres, total * sizeof *wheres);
  for (uint32_t i = 0; i < more; i++) {
    wheres[total + i] = b->implied.data[i];
    where[v->code_count] = b->implied.data[i]->where;
    code[v->code_count++] = (pt_instr){.code = PT_WHERE, .b = (uint16_t)(total + i)};
  }
  v->code = code;
  v->code_where = where;
  v->wheres = wheres;
  return true;
}
