/* Types, attributes, elements, scalars. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ir/formats/text/parse_impl.h"

/* ---- memo of text ---- */

static uint32_t memo_slot(const char *text, uint32_t length, uint32_t op) {
  uint64_t h = length ? gr_hash_bytes(text, length) : 0;
  return (uint32_t)(h + op) % MEMO_SIZE;
}

/* The text from `from` to the closing character, in one line; 0: not plain enough to be remembered. */
static uint32_t span(const char *from, char close) {
  for (uint32_t n = 0; n < 200; n++) {
    char c = from[n];
    if (c == close) return n + 1;
    if (c == '\0' || c == '\n' || c == '#' || c == '"' || c == '@') return 0;
  }
  return 0;
}

/* On a hit the span is skipped. */
static bool memo_hit(parser *p, const memo *m, const char *text, uint32_t length, uint32_t op) {
  if (m->length != length || m->op != op || memcmp(m->text, text, length) != 0) return false;
  p->lex.p = text + length;
  gr_lex_next(&p->lex);
  return true;
}

/* ---- types ---- */

static bool parse_dtype(parser *p, graft_dtype *dtype) {
  *dtype = GRAFT_UNKNOWN;
  return gr_lex_accept(&p->lex, '?') || gr_lex_dtype(&p->lex, dtype);
}

/* `[2, ?, 3]`, `[]`, or `[*]` for an unknown rank. */
static bool parse_shape(parser *p, graft_type *t) {
  gr_lexer *l = &p->lex;
  if (!gr_lex_expect(l, '[', "the shape in [ ]")) return false;
  if (gr_lex_accept(l, '*')) {
    t->rank = -1;
    return gr_lex_expect(l, ']', NULL);
  }
  while (l->token.kind != ']') {
    if (t->rank == GRAFT_MAX_RANK)
      return gr_parse_fail(p, GRAFT_UNSUPPORTED, &l->token, "a rank above %d", GRAFT_MAX_RANK);
    int64_t extent = -1;
    if (!gr_lex_accept(l, '?') && !gr_lex_int(l, 0, INT64_MAX, "an extent or ?", &extent)) return false;
    t->dims[t->rank++] = extent;
    if (!gr_lex_accept(l, ',')) break;
  }
  return gr_parse_close(p, ']');
}

bool gr_parse_type(parser *p, uint32_t *type) {
  const char *text = p->lex.token.text;
  uint32_t again = gr_parse_again(p, p->recent_types, text);
  if (again < RECENT) {
    *type = p->recent_types[again].id;
    gr_lex_next(&p->lex);
    return true;
  }
  bool plain = p->lex.token.kind == GR_T_IDENT || p->lex.token.kind == '?'; /* and not in quotes */
  uint32_t length = plain ? span(text, ']') : 0;
  memo *m = length ? &p->types[memo_slot(text, length, 0)] : NULL;
  if (m && memo_hit(p, m, text, length, 0)) {
    *type = m->id;
    gr_parse_remember(p, p->recent_types, text, text + length, m->id);
    return true;
  }
  graft_type t = {.rank = 0};
  gr_loc where = gr_lex_loc(&p->lex);
  if (!parse_dtype(p, &t.dtype) || !parse_shape(p, &t)) return false;
  *type = gr_type_intern_at(p->module, &t, where);
  if (*type == GRAFT_NONE) return false;
  if (m) *m = (memo){text, length, 0, *type};
  return true;
}

/* ---- attributes ---- */

/* A list of integers, or of floats where one has a point or the op wants floats. Lists of a set lie one after the
 * other; the builder's pointers are set when all have been read, for the arrays move while they grow. */
static bool parse_list(parser *p, bool floats, graft_attr *a) {
  gr_lexer *l = &p->lex;
  uint32_t first_int = p->ints.len, first_float = p->floats.len;
  bool all_ints = true;
  while (l->token.kind != ']') {
    double f = 0;
    bool is_int = l->token.kind == GR_T_INT;
    int64_t i = is_int ? l->token.as.i : 0;
    if (!gr_lex_number(l, &f)) return false;
    all_ints &= is_int;
    if (!gr_vec_push(p->context, &p->ints, i) || !gr_vec_push(p->context, &p->floats, f)) return false;
    if (!gr_lex_accept(l, ',')) break;
  }
  floats |= !all_ints;
  a->kind = floats ? GRAFT_ATTR_FLOATS : GRAFT_ATTR_INTS;
  a->count = floats ? p->floats.len - first_float : p->ints.len - first_int;
  a->as.i = floats ? first_float : first_int;
  return gr_parse_close(p, ']');
}

static void point_lists(parser *p, gr_attr_builder *b, uint32_t given) {
  for (uint32_t i = 0; i < b->count; i++) {
    graft_attr *a = &b->items[i];
    if (!(given >> i & 1)) continue;
    if (a->kind == GRAFT_ATTR_INTS) a->as.ints = a->count ? p->ints.data + a->as.i : NULL;
    if (a->kind == GRAFT_ATTR_FLOATS) a->as.floats = a->count ? p->floats.data + a->as.i : NULL;
  }
}

static bool parse_graph_ref(parser *p, graft_attr *a) {
  const gr_token *t = &p->lex.token;
  a->kind = GRAFT_ATTR_GRAPH;
  uint32_t name = gr_intern_find(p->module, t->text, t->length);
  a->as.graph = name == GRAFT_NONE ? GRAFT_NONE : gr_map_get(&p->graph_names, name);
  if (a->as.graph == GRAFT_NONE)
    return gr_parse_fail(p, GRAFT_NAME, t, "no graph is called '%.*s'", (int)t->length, t->text);
  graph_use use = {p->graph->index, a->as.graph};
  p->backward |= use.used <= use.user;
  if (!gr_vec_push(p->context, &p->graph_uses, use)) return false;
  gr_lex_next(&p->lex);
  return true;
}

static bool parse_attr_word(parser *p, graft_attr *a) {
  gr_lexer *l = &p->lex;
  a->kind = GRAFT_ATTR_BOOL;
  a->as.b = gr_lex_is(l, "true");
  if (gr_lex_accept_word(l, "true") || gr_lex_accept_word(l, "false")) return true;
  a->kind = GRAFT_ATTR_NONE;
  if (gr_lex_accept_word(l, "none")) return true;
  if (gr_lex_accept_word(l, "floats")) return gr_lex_expect(l, '[', NULL) && parse_list(p, true, a);
  a->kind = GRAFT_ATTR_DTYPE;
  if (gr_lex_accept_dtype(l, &a->as.dtype)) return true;
  static const char *const words[] = {"true", "false", "none", "f32", "f64", "i8", "u8", "i16", "i32", "i64", "bool"};
  const gr_token *t = &l->token;
  char found[80];
  gr_closest near = gr_closest_begin(t->text, t->kind == GR_T_IDENT ? t->length : 0);
  return gr_parse_fail(p, GRAFT_SYNTAX, t, "expected an attribute's value (a word stands in quotes), found %s%s",
                       gr_token_describe(t, found, sizeof found),
                       gr_closest_of(&near, "", words, sizeof words / sizeof *words));
}

static bool parse_attr_value(parser *p, const gr_attr_decl *decl, graft_attr *a) {
  gr_lexer *l = &p->lex;
  const gr_token *t = &l->token;
  switch (t->kind) {
  case GR_T_INT:
    a->kind = GRAFT_ATTR_INT;
    a->as.i = t->as.i;
    break;
  case GR_T_FLOAT:
    a->kind = GRAFT_ATTR_FLOAT;
    a->as.f = t->as.f;
    break;
  case GR_T_STRING:
    a->kind = GRAFT_ATTR_STRING;
    a->as.s = gr_parse_string(p, t);
    if (!a->as.s) return false;
    break;
  case '?':
    a->kind = GRAFT_ATTR_DTYPE;
    a->as.dtype = GRAFT_UNKNOWN;
    break;
  case '[': gr_lex_next(l); return parse_list(p, decl && decl->kind == GRAFT_ATTR_FLOATS, a);
  case GR_T_FAMILY: return parse_graph_ref(p, a);
  default: return parse_attr_word(p, a);
  }
  gr_lex_next(l);
  return true;
}

static bool no_attr(parser *p, const gr_op_info *op, const gr_token *name) {
  gr_closest near = gr_closest_begin(name->text, name->length);
  for (uint32_t i = 0; i < op->attr_count; i++) gr_closest_offer(&near, op->attrs[i].name, strlen(op->attrs[i].name));
  return gr_parse_fail(p, GRAFT_NAME, name, "%s has no attribute '%.*s'%s", op->name, (int)name->length, name->text,
                       gr_closest_hint(&near, ""));
}

static bool parse_attr(parser *p, const gr_op_info *op, gr_attr_builder *b, uint32_t *given) {
  gr_lexer *l = &p->lex;
  gr_token name = l->token;
  if (name.kind != GR_T_STRING && name.kind != GR_T_IDENT) return gr_lex_unexpected(l, "an attribute's name"), false;
  const char *text = gr_parse_string(p, &name);
  if (!text) return false;
  gr_lex_next(l);
  int slot = op ? gr_op_attr_slot(op, name.text, name.length) : -1;
  if (op && slot < 0) return no_attr(p, op, &name);
  for (uint32_t i = 0; !op && i < b->count; i++)
    if (strcmp(b->items[i].name, text) == 0) slot = (int)i;
  if (slot >= 0 && *given >> slot & 1)
    return gr_parse_fail(p, GRAFT_NAME, &name, "the attribute '%s' is given twice", text);
  if (!gr_lex_expect(l, ':', "':' after the attribute's name")) return false;
  graft_attr a = {.name = text};
  gr_loc where = gr_lex_loc(l);
  if (!parse_attr_value(p, op ? &op->attrs[slot] : NULL, &a)) return false;
  if (gr_attrs_set(p->module, b, op, &a, where) != GRAFT_OK) return false;
  *given |= UINT32_C(1) << (op ? (uint32_t)slot : b->count - 1);
  return true;
}

static bool parse_attr_list(parser *p, const gr_op_info *info, const gr_token *where, uint32_t *set) {
  gr_lexer *l = &p->lex;
  gr_attr_builder b;
  gr_attrs_begin(&b, info);
  uint32_t given = 0;
  p->ints.len = p->floats.len = 0;
  if (gr_lex_accept(l, '{')) {
    while (l->token.kind != '}') {
      if (!parse_attr(p, info, &b, &given)) return false;
      if (!gr_lex_accept(l, ',')) break;
    }
    if (!gr_parse_close(p, '}')) return false;
  }
  point_lists(p, &b, given);
  *set = gr_attrs_intern(p->module, &b, info, gr_token_loc(l, where));
  return *set != GRAFT_NONE;
}

bool gr_parse_attrs(parser *p, const gr_op_info *info, uint32_t key, const gr_token *where, uint32_t *set) {
  const gr_token *t = &p->lex.token;
  bool written = t->kind == '{';
  const char *text = written ? t->text : "";
  uint32_t length = written ? span(text, '}') : 0;
  bool remember = length || !written;
  memo *m = &p->attrs[memo_slot(text, length, key)];
  if (remember && m->text && m->length == length && m->op == key && memcmp(m->text, text, length) == 0) {
    *set = m->id;
    if (!written) return true;
    p->lex.p = text + length;
    gr_lex_next(&p->lex);
    return true;
  }
  if (!parse_attr_list(p, info, where, set)) return false;
  if (remember) *m = (memo){text, length, key, *set};
  return true;
}

/* ---- elements and scalars ---- */

static bool parse_float(parser *p, graft_dtype dtype, void *out) {
  gr_token t = p->lex.token;
  double v = 0;
  if (!gr_lex_number(&p->lex, &v)) return false;
  gr_element_set_float(dtype, out, v);
  return !isinf(gr_element_float(dtype, out)) || isinf(v) ||
         gr_parse_fail(p, GRAFT_SYNTAX, &t, "number does not fit %s", graft_dtype_name(dtype));
}

static bool parse_bool(parser *p, void *out) {
  uint8_t b = gr_lex_is(&p->lex, "true");
  if (!b && !gr_lex_is(&p->lex, "false")) return gr_lex_unexpected(&p->lex, "true or false"), false;
  gr_lex_next(&p->lex);
  memcpy(out, &b, 1);
  return true;
}

bool gr_parse_element(parser *p, graft_dtype dtype, void *out) {
  int64_t i = 0, low, high;
  char what[16];
  if (gr_is_float(dtype)) return parse_float(p, dtype, out);
  if (dtype == GRAFT_BOOL) return parse_bool(p, out);
  if (!gr_integer_range(dtype, &low, &high)) return gr_lex_unexpected(&p->lex, "an element of a known dtype"), false;
  snprintf(what, sizeof what, "an %s", graft_dtype_name(dtype));
  if (!gr_lex_int(&p->lex, low, high, what, &i)) return false;
  gr_element_set_int(dtype, out, i);
  return true;
}

bool gr_parse_literal(parser *p, graft_value *value) {
  gr_lexer *l = &p->lex;
  gr_token number = l->token;
  graft_dtype dtype = gr_lex_is(l, "true") || gr_lex_is(l, "false") ? GRAFT_BOOL : GRAFT_F32;
  gr_lexer ahead = *l;
  gr_lex_next(&ahead);
  if (gr_lex_accept(&ahead, ':')) { /* the dtype comes last, the element is read by it */
    gr_lexer at_number = *l;
    *l = ahead;
    if (!parse_dtype(p, &dtype)) return false;
    if (dtype == GRAFT_UNKNOWN) return gr_parse_fail(p, GRAFT_TYPE, &number, "a scalar needs a dtype");
    ahead = *l;
    *l = at_number;
  } else if (ahead.token.kind == GR_T_ERROR) {
    *l = ahead;
    return false;
  }
  uint64_t element = 0;
  if (!gr_parse_element(p, dtype, &element)) return false;
  *l = ahead;
  graft_type type = {.dtype = dtype};
  uint32_t before = p->module->tensors.len;
  graft_tensor t = gr_constant(p->module, "scalar", &type, &element);
  if (t == GRAFT_NONE) return false;
  if (p->module->tensors.len > before) { /* no name of the text can mean it */
    p->module->tensors.data[t].name = (gr_name){0, 0};
    if (!gr_vec_push(p->context, &p->literals, t)) return false;
  }
  *value = gr_handle(p->graph, t);
  return *value != GRAFT_NONE;
}
