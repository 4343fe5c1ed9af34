/* Sets of ops: one op, or the members of a family. */
#include "patterns/patterns_impl.h"

#include <string.h>

static gr_opset *new_set(gr_parser *p, const char *name, size_t length, uint32_t cap) {
  gr_opset *s = gr_arena_alloc(p->arena, sizeof *s);
  if (!s) return NULL;
  memset(s, 0, sizeof *s);
  s->name = gr_arena_copy(p->arena, name, length);
  s->members = gr_arena_alloc(p->arena, (cap ? cap : 1) * sizeof *s->members);
  return s->name && s->members ? s : NULL;
}

/* The most that a family declared in a file, or alternatives, may have. */
#define MAX_MEMBERS 500u

static void add_member(gr_opset *s, pt_member m) {
  if (m.op < GR_OP_COUNT) {
    if (s->index[m.op]) return;
    s->index[m.op] = s->count + 1;
  } else {
    for (uint32_t i = 0; i < s->count; i++)
      if (s->members[i].opaque && m.opaque && strcmp(s->members[i].opaque, m.opaque) == 0) return;
  }
  s->members[s->count++] = m;
}

const gr_opset *gr_pt_opset_of_op(gr_parser *p, const char *name, size_t length, gr_loc where) {
  uint32_t op = gr_op_find(name, length);
  if (op == GR_OP_COUNT) {
    gr_closest near = gr_closest_begin(name, length);
    for (uint32_t i = 0; i < GR_OP_COUNT; i++) gr_closest_offer(&near, gr_op_get(i)->name, strlen(gr_op_get(i)->name));
    gr_error(p->context, GRAFT_RULE, where, "unknown op '%.*s'%s%s", (int)length, name, gr_closest_hint(&near, ""),
             near.word ? "" : " (an op that the table does not know is written in quotes)");
    return NULL;
  }
  gr_opset *s = new_set(p, name, length, 1);
  if (s) add_member(s, (pt_member){.op = op});
  return s;
}

const gr_opset *gr_pt_opset_of_opaque(gr_parser *p, const char *name, size_t length) {
  gr_opset *s = new_set(p, name, length, 1);
  if (!s) return NULL;
  uint32_t op = gr_op_find(name, length);
  add_member(s, op < GR_OP_COUNT ? (pt_member){.op = op} : (pt_member){.op = GR_OP_COUNT, .opaque = s->name});
  return s;
}

static gr_opset *from_table(gr_parser *p, const char *name, size_t length, uint32_t mask) {
  gr_opset *s = new_set(p, name, length, GR_OP_COUNT);
  if (!s) return NULL;
  s->family = true;
  s->any = mask == 0;
  for (uint32_t op = 0; op < GR_OP_COUNT; op++) {
    uint32_t families = gr_op_get(op)->families;
    if (mask == 0 || (families & mask)) add_member(s, (pt_member){.op = op});
  }
  return s;
}

const gr_opset *gr_pt_opset_of_family(gr_parser *p, const char *name, size_t length, gr_loc where) {
  uint32_t declared = gr_named_find(&p->family_names, name, length);
  if (declared < p->families.len) {
    const gr_opset *f = p->families.data[declared];
    p->failed |= f->count == 0; /* its declaration is wrong, and has been said to be: what uses it is not compiled */
    return f;
  }
  bool any = length == 3 && memcmp(name, "any", 3) == 0;
  uint32_t mask = any ? 0 : gr_family_find(name, length);
  if (!any && mask == 0) {
    gr_closest near = gr_closest_begin(name, length);
    for (uint32_t i = 0; i < p->families.len; i++)
      gr_closest_offer(&near, p->families.data[i]->name, strlen(p->families.data[i]->name));
    for (uint32_t i = 0; i < GR_FAMILY_COUNT; i++)
      gr_closest_offer(&near, gr_families[i].name, strlen(gr_families[i].name));
    gr_error(p->context, GRAFT_RULE, where, "unknown family '@%.*s'%s", (int)length, name, gr_closest_hint(&near, "@"));
    return NULL;
  }
  gr_opset *s = from_table(p, name, length, mask);
  if (!s) return NULL;
  if (mask == GR_F_Q || mask == GR_F_DQ) {
    gr_opset *q = from_table(p, "q", 1, GR_F_Q); /* the one that both go with */
    if (!q) return NULL;
    s->pair = q;
  }
  return s;
}

const gr_opset *gr_pt_opset_join(gr_parser *p, const gr_opset *a, const gr_opset *b, gr_loc where) {
  size_t la = strlen(a->name), lb = strlen(b->name);
  if (a->count + b->count > MAX_MEMBERS) {
    gr_error(p->context, GRAFT_RULE, where, "more than %u ops", MAX_MEMBERS);
    return NULL;
  }
  gr_opset *s = new_set(p, a->name, la, a->count + b->count);
  char *name = gr_arena_alloc(p->arena, la + lb + 2);
  if (!s || !name) return NULL;
  memcpy(name, a->name, la);
  name[la] = '|';
  memcpy(name + la + 1, b->name, lb + 1);
  s->name = name;
  s->family = true;
  s->any = a->any || b->any;
  for (uint32_t i = 0; i < a->count; i++) add_member(s, a->members[i]);
  for (uint32_t i = 0; i < b->count; i++) add_member(s, b->members[i]);
  return s;
}

static bool declare(gr_parser *p, gr_opset *s) {
  return gr_vec_push(p->context, &p->families, s) &&
         gr_named_add(p->context, &p->family_names, s->name, strlen(s->name));
}

bool gr_parse_family(gr_parser *p) {
  gr_lexer *l = &p->lex;
  gr_lex_next(l);
  gr_loc where = gr_lex_loc(l);
  gr_token name = l->token;
  if (!gr_lex_expect(l, GR_T_FAMILY, "@name")) return false;
  bool any = name.length == 3 && memcmp(name.text, "any", 3) == 0;
  if (any || gr_named_find(&p->family_names, name.text, name.length) != GRAFT_NONE ||
      gr_family_find(name.text, name.length) != 0) {
    gr_error(p->context, GRAFT_RULE, where, "the family '@%.*s' is there already", (int)name.length, name.text);
    return false;
  }
  if (!gr_lex_expect(l, '=', NULL)) return false;
  gr_opset *s = new_set(p, name.text, name.length, MAX_MEMBERS);
  if (!s) return false;
  s->family = true;
  bool bad = false;
  while (!l->token.line_start &&
         (l->token.kind == GR_T_IDENT || l->token.kind == GR_T_FAMILY || l->token.kind == GR_T_STRING)) {
    const gr_opset *m =
        l->token.kind == GR_T_IDENT    ? gr_pt_opset_of_op(p, l->token.text, l->token.length, gr_lex_loc(l))
        : l->token.kind == GR_T_STRING ? gr_pt_opset_of_opaque(p, l->token.text, l->token.length)
                                       : gr_pt_opset_of_family(p, l->token.text, l->token.length, gr_lex_loc(l));
    if (!m) {
      p->failed = bad = true;
      if (l->token.kind != GR_T_ERROR) gr_lex_next(l);
      continue;
    }
    if (s->count + m->count > MAX_MEMBERS) {
      gr_error(p->context, GRAFT_RULE, gr_lex_loc(l), "a family of more than %u ops", MAX_MEMBERS);
      return false;
    }
    s->any |= m->any;
    for (uint32_t i = 0; i < m->count; i++) add_member(s, m->members[i]);
    gr_lex_next(l);
  }
  if (bad && s->count == 0) return declare(p, s); /* known: one error, not one a use */
  if (s->count == 0) {
    gr_lex_unexpected(l, "an op, \"op\" or @family");
    return false;
  }
  return declare(p, s);
}

int gr_pt_opset_find(const gr_opset *s, const graft_module *m, uint32_t op) {
  if (op < GR_OP_COUNT) return (int)s->index[op] - 1;
  if (op == GRAFT_NONE) return -1;
  for (uint32_t i = 0; i < s->count; i++)
    if (s->members[i].opaque && strcmp(gr_op_text(m, op), s->members[i].opaque) == 0) return (int)i;
  return -1;
}

const gr_op_info *gr_pt_member_info(const gr_opset *s, uint32_t member) {
  return s->members[member].op < GR_OP_COUNT ? gr_op_get(s->members[member].op) : NULL;
}

int gr_pt_opset_attr(const gr_opset *s, const char *name, size_t length, graft_attr_kind *kind) {
  int slot = -1;
  for (uint32_t i = 0; i < s->count; i++) {
    const gr_op_info *info = gr_pt_member_info(s, i);
    if (!info) return -3;
    int at = gr_op_attr_slot(info, name, length);
    if (at < 0) return -1;
    if (kind) *kind = info->attrs[at].kind;
    slot = i == 0 || slot == at ? at : -2;
  }
  return slot;
}

int gr_pt_opset_operand(const gr_opset *s, const char *name, size_t length) {
  if (length == 1 && name[0] >= '0' && name[0] <= '9') return name[0] - '0'; /* %y.0: of an opaque op, or a rest's */
  int slot = -1;
  for (uint32_t i = 0; i < s->count; i++) {
    const gr_op_info *info = gr_pt_member_info(s, i);
    if (!info) return -3;
    int at = gr_op_operand_slot(info, name, length);
    if (at < 0) return -1;
    if (i > 0 && at != slot) return -2;
    slot = at;
  }
  return slot;
}

bool gr_pt_names_attr(const pt_call *c, const char *name) {
  size_t length = strlen(name);
  for (uint32_t i = 0; i < c->attrs.len; i++)
    if (c->attrs.data[i].text && c->attrs.data[i].length == length && memcmp(c->attrs.data[i].text, name, length) == 0)
      return true;
  return false;
}

bool gr_pt_opset_covers(const gr_opset *a, const gr_opset *b) {
  for (uint32_t m = 0; m < b->count; m++) {
    bool found = b->members[m].op < GR_OP_COUNT && a->index[b->members[m].op];
    for (uint32_t k = 0; k < a->count && b->members[m].opaque && !found; k++)
      found = a->members[k].opaque && strcmp(a->members[k].opaque, b->members[m].opaque) == 0;
    if (!found) return false;
  }
  return true;
}
