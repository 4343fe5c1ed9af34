/* Names and expressions of rules. */
#include "patterns/patterns_impl.h"

#include <string.h>

bool gr_pt_grow(gr_arena *a, void *vec, size_t item_size) {
  struct {
    void *data;
    uint32_t len, cap;
  } *v = vec;
  uint32_t cap = v->cap ? v->cap * 2 : 4;
  void *data = gr_arena_alloc(a, (size_t)cap * item_size);
  if (!data) return false;
  if (v->len) memcpy(data, v->data, (size_t)v->len * item_size);
  v->data = data;
  v->cap = cap;
  return true;
}

/* ---- names ---- */

static const char *const kind_text[PT_NAME_KINDS] = {"value %", "rest %",   "attribute $",
                                                     "rest $",  "family @", "group "};

int gr_pt_name_find(const pt_names *n, pt_name_kind kind, const char *text, size_t length) {
  for (uint32_t i = 0; i < n->kind[kind].len; i++) {
    const pt_name *name = &n->kind[kind].data[i];
    if (name->length == length && !name->hidden && memcmp(name->text, text, length) == 0) return (int)i;
  }
  return -1;
}

/* $a and ..$a, %a and ..%a may not be two things in one rule. */
static bool other_kind(pt_parse *s, pt_name_kind kind, const char *text, size_t length, gr_loc where) {
  static const pt_name_kind other[PT_NAME_KINDS] = {PT_RANGE, PT_VALUE, PT_REST, PT_ATTR, PT_NAME_KINDS, PT_NAME_KINDS};
  int same = other[kind] == PT_NAME_KINDS ? -1 : gr_pt_name_find(s->names, other[kind], text, length);
  if (same < 0 || s->names->kind[other[kind]].data[same].lost) return false;
  gr_error(s->parser->context, GRAFT_RULE, where, "%c%.*s is used both with and without `..`",
           kind == PT_VALUE || kind == PT_RANGE ? '%' : '$', (int)length, text);
  return true;
}

int gr_pt_name_id(pt_parse *s, pt_name_kind kind, const char *text, size_t length, gr_loc where) {
  graft_context *c = s->parser->context;
  if (!s->names) {
    gr_error(c, GRAFT_RULE, where, "only options may be named here");
    return -1;
  }
  int found = gr_pt_name_find(s->names, kind, text, length);
  if (found < 0) {
    if (other_kind(s, kind, text, length, where)) return -1;
    if (s->names->kind[kind].len >= PT_MAX_NAMES) {
      gr_error(c, GRAFT_RULE, where, "more than %d names of a kind in one rule", PT_MAX_NAMES);
      return -1;
    }
    found = (int)s->names->kind[kind].len;
    pt_name name = {.text = text, .length = (uint32_t)length, .first = where};
    if (!pt_push(s->parser->arena, &s->names->kind[kind], name)) return -1;
  }
  pt_name *n = &s->names->kind[kind].data[found];
  if (s->rewrite)
    n->other_uses++;
  else
    n->match_uses++;
  return found;
}

/* In expressions a name must be known already, or come later in the match: the checker says so where it never does. */
static int reference(pt_parse *s, pt_name_kind kind, const char *text, size_t length, gr_loc where) {
  bool rewrite = s->rewrite;
  s->rewrite = true;
  int n = gr_pt_name_id(s, kind, text, length, where);
  s->rewrite = rewrite;
  return n;
}

gr_expr *gr_pt_new_expr(pt_parse *s, pt_expr_kind kind, gr_loc where) {
  if (++s->nodes > PT_MAX_NODES) { /* bounds the depth of the tree too: evaluation recurses */
    gr_error(s->parser->context, GRAFT_RULE, where, "an expression of more than %d parts", PT_MAX_NODES);
    return NULL;
  }
  gr_expr *e = gr_arena_alloc(s->parser->arena, sizeof *e);
  if (!e) return NULL;
  memset(e, 0, sizeof *e);
  e->kind = (uint8_t)kind;
  e->where = where;
  return e;
}

static gr_expr *with_args(pt_parse *s, pt_expr_kind kind, gr_loc where, gr_expr *a, gr_expr *b, gr_expr *c) {
  gr_expr *e = gr_pt_new_expr(s, kind, where);
  if (!e) return NULL;
  e->args = gr_arena_alloc(s->parser->arena, 3 * sizeof *e->args);
  if (!e->args) return NULL;
  e->args[0] = a;
  e->args[1] = b;
  e->args[2] = c;
  e->arg_count = (uint8_t)((a != NULL) + (b != NULL) + (c != NULL));
  return e;
}

static gr_expr *literal(pt_parse *s, graft_attr value) {
  gr_expr *e = gr_pt_new_expr(s, PT_E_LITERAL, gr_lex_loc(&s->parser->lex));
  if (e) e->value = value;
  gr_lex_next(&s->parser->lex);
  return e;
}

/* %xs[0], one of ..%xs, the token being a value's. */
static bool is_element(const pt_parse *s, const char *text, size_t length) {
  gr_lexer ahead = s->parser->lex;
  gr_lex_next(&ahead);
  return ahead.token.kind == '[' && !ahead.token.line_start && s->names &&
         gr_pt_name_find(s->names, PT_RANGE, text, length) >= 0;
}

static bool parse_element(pt_parse *s, gr_expr *e, gr_expr **out) {
  gr_lexer *l = &s->parser->lex;
  int name = reference(s, PT_RANGE, l->token.text, l->token.length, e->where);
  int64_t index;
  gr_lex_next(l);
  gr_lex_next(l); /* [ */
  if (name < 0 || !gr_lex_int(l, 0, UINT16_MAX, "the number of a value in the rest", &index)) return false;
  e->kind = PT_E_ELEMENT;
  e->name = (uint16_t)name;
  e->index = (uint16_t)index;
  *out = e;
  return gr_lex_expect(l, ']', NULL);
}

/* %y or %y.weight, the token being a value's. */
bool gr_pt_parse_reference(pt_parse *s, gr_expr **out) {
  gr_lexer *l = &s->parser->lex;
  if (l->token.kind != GR_T_VALUE) {
    gr_lex_unexpected(l, "%name or %name.operand");
    return false;
  }
  const char *text = l->token.text, *dot = memchr(text, '.', l->token.length);
  size_t length = dot ? (size_t)(dot - text) : l->token.length;
  gr_expr *e = gr_pt_new_expr(s, dot ? PT_E_EDGE : PT_E_VALUE, gr_lex_loc(l));
  if (!e) return false;
  if (s->binding) {
    const gr_expr *bound = gr_pt_param_value(s, text, length, e->where);
    if (!bound) return false;
    if (dot && bound->kind != PT_E_VALUE) {
      gr_error(s->parser->context, GRAFT_RULE, e->where, "one of a rest has no edges of its own here");
      return false;
    }
    e->kind = dot ? PT_E_EDGE : bound->kind;
    e->name = bound->name;
    e->index = bound->index;
  } else if (!dot && is_element(s, text, length)) {
    return parse_element(s, e, out);
  } else {
    int name = reference(s, PT_VALUE, text, length, e->where);
    if (name < 0) return false;
    e->name = (uint16_t)name;
  }
  if (dot) {
    e->text = dot + 1;
    e->length = l->token.length - (uint32_t)length - 1;
  }
  gr_lex_next(l);
  gr_lex_accept(l, '?');
  *out = e;
  return true;
}

static const char *const property_names[PT_P_COUNT] = {"weight_axis", "weight_groups", "input_axis", "input_groups"};

/* @conv.weight_axis, @c in @conv */
static gr_expr *family(pt_parse *s) {
  gr_lexer *l = &s->parser->lex;
  gr_token t = l->token;
  gr_loc where = gr_lex_loc(l);
  const char *dot = memchr(t.text, '.', t.length);
  size_t length = dot ? (size_t)(dot - t.text) : t.length;
  gr_expr *e = gr_pt_new_expr(s, dot ? PT_E_PROPERTY : PT_E_IN, where);
  if (!e) return NULL;
  int name = reference(s, PT_TAG, t.text, length, where);
  if (name < 0) return NULL;
  e->name = (uint16_t)name;
  gr_lex_next(l);
  if (dot) {
    size_t rest = t.length - length - 1;
    for (uint32_t i = 0; i < PT_P_COUNT; i++)
      if (strlen(property_names[i]) == rest && memcmp(property_names[i], dot + 1, rest) == 0) {
        e->index = (uint16_t)i;
        return e;
      }
    gr_error(s->parser->context, GRAFT_RULE, where,
             "a family has no property '%.*s': weight_axis, weight_groups, input_axis, input_groups", (int)rest,
             dot + 1);
    return NULL;
  }
  if (l->token.kind == '(' && !l->token.line_start) {
    gr_error(s->parser->context, GRAFT_RULE, where,
             "@%.*s is a family of ops, no predicate: a line `%%a = @%.*s(…)` matches one of them, and @name in @%.*s "
             "asks which one did",
             (int)t.length, t.text, (int)t.length, t.text, (int)t.length, t.text);
    return gr_pt_skip_arguments(s->parser) ? gr_pt_wrong(s, where) : NULL;
  }
  if (!gr_lex_is(l, "in")) {
    gr_lex_unexpected(l, "`in`, or a property as in @conv.weight_axis");
    return NULL;
  }
  gr_lex_next(l);
  const gr_opset *ops = NULL;
  do {
    where = gr_lex_loc(l);
    const gr_opset *next =
        l->token.kind == GR_T_FAMILY  ? gr_pt_opset_of_family(s->parser, l->token.text, l->token.length, where)
        : l->token.kind == GR_T_IDENT ? gr_pt_opset_of_op(s->parser, l->token.text, l->token.length, where)
                                      : NULL;
    if (!next) {
      if (l->token.kind != GR_T_FAMILY && l->token.kind != GR_T_IDENT) gr_lex_unexpected(l, "an op or @family");
      return NULL;
    }
    ops = ops ? gr_pt_opset_join(s->parser, ops, next, where) : next;
    if (!ops) return NULL;
    gr_lex_next(l);
  } while (gr_lex_accept(l, '|'));
  e->ops = ops;
  return e;
}

static gr_expr *capture(pt_parse *s) {
  gr_lexer *l = &s->parser->lex;
  gr_token t = l->token;
  gr_loc where = gr_lex_loc(l);
  gr_lex_next(l);
  for (uint32_t i = s->local_count; i-- > 0;)
    if (gr_token_same(&s->locals[i], &t)) {
      gr_expr *local = gr_pt_new_expr(s, PT_E_LOCAL, where);
      if (local) local->name = (uint16_t)i;
      return local;
    }
  if (s->binding) return gr_pt_param_attr(s, &t, where);
  bool rest = l->token.kind == '.' && !l->token.line_start;
  gr_expr *e = gr_pt_new_expr(s, rest ? PT_E_REST_ATTR : PT_E_ATTR, where);
  if (!e) return NULL;
  int name = reference(s, rest ? PT_REST : PT_ATTR, t.text, t.length, where);
  if (name < 0) return NULL;
  e->name = (uint16_t)name;
  if (!rest) return e;
  gr_lex_next(l);
  e->text = l->token.text;
  e->length = l->token.length;
  return gr_lex_expect(l, GR_T_IDENT, "the attribute's name") ? e : NULL;
}

static gr_expr *list(pt_parse *s) {
  gr_lexer *l = &s->parser->lex;
  gr_expr *e = gr_pt_new_expr(s, PT_E_LIST, gr_lex_loc(l));
  if (!e) return NULL;
  gr_lex_next(l);
  GR_VEC(gr_expr *) args = {0};
  while (l->token.kind != ']') {
    if (args.len && !gr_pt_comma(s, ']')) return NULL;
    gr_expr *a = gr_pt_parse_expr(s);
    if (!a) return NULL;
    if (args.len == GRAFT_MAX_RANK * 2) {
      gr_error(s->parser->context, GRAFT_RULE, a->where, "a list of more than %d entries", GRAFT_MAX_RANK * 2);
      return NULL;
    }
    if (!pt_push(s->parser->arena, &args, a)) return NULL;
  }
  gr_lex_next(l);
  e->args = args.data;
  e->arg_count = (uint8_t)args.len;
  return e;
}

/* An argument of a function, by its letter. */
static gr_expr *argument(pt_parse *s, char letter) {
  gr_lexer *l = &s->parser->lex;
  gr_expr *e = NULL;
  if (letter == 'n') return gr_pt_parse_expr(s);
  if (l->token.kind == GR_T_DOTS && (letter == 'r' || letter == 'e')) {
    e = gr_pt_new_expr(s, letter == 'r' ? PT_E_RANGE : PT_E_ALL, gr_lex_loc(l));
    gr_lex_next(l);
    if (!e || letter == 'e') return e;
    int name = l->token.kind == GR_T_VALUE ? reference(s, PT_RANGE, l->token.text, l->token.length, gr_lex_loc(l)) : -1;
    if (!gr_lex_expect(l, GR_T_VALUE, NULL) || name < 0) return NULL;
    e->name = (uint16_t)name;
    return e;
  }
  if (!gr_pt_parse_reference(s, &e)) return NULL;
  if (e->kind == PT_E_EDGE && letter != 'e') {
    gr_error(s->parser->context, GRAFT_RULE, e->where, "a value is needed here, not an edge");
    return NULL;
  }
  return e;
}

static const char *const each_words[PT_EACH_COUNT] = {"map", "every", "some"};

static int each_of(const gr_token *t) {
  for (int i = 0; i < PT_EACH_COUNT; i++)
    if (strlen(each_words[i]) == t->length && memcmp(each_words[i], t->text, t->length) == 0) return i;
  return -1;
}

bool gr_pt_is_special(const gr_token *t) { return each_of(t) >= 0; }

/* map($i in LIST, EXPR): the token is the ( */
static gr_expr *each(pt_parse *s, int which, gr_loc where) {
  gr_lexer *l = &s->parser->lex;
  gr_lex_next(l);
  gr_token local = l->token;
  gr_loc at = gr_lex_loc(l);
  if (!gr_lex_expect(l, GR_T_CAPTURE, "$name in LIST")) return NULL;
  if (!gr_lex_accept_word(l, "in")) return gr_lex_unexpected(l, "`in` and a list"), NULL;
  gr_expr *of = gr_pt_parse_expr(s);
  if (!of || !gr_pt_comma(s, ')')) return NULL;
  if (s->local_count == PT_MAX_LOCALS) {
    gr_error(s->parser->context, GRAFT_RULE, at, "more than %d of these in each other", PT_MAX_LOCALS);
    return NULL;
  }
  uint32_t number = s->local_count++;
  s->locals[number] = local;
  gr_expr *body = gr_pt_parse_expr(s);
  s->local_count = number;
  if (!body || !gr_lex_expect(l, ')', NULL)) return NULL;
  gr_expr *e = with_args(s, PT_E_EACH, where, of, body, NULL);
  if (!e) return NULL;
  e->index = (uint16_t)which;
  e->name = (uint16_t)number;
  return e;
}

static gr_expr *call(pt_parse *s, const gr_token *t, gr_loc where) {
  gr_lexer *l = &s->parser->lex;
  if (gr_pt_is_special(t)) return each(s, each_of(t), where);
  if (gr_pt_is_condition(s->parser, t)) return gr_pt_parse_condition_use(s, t, where);
  uint32_t f = gr_pt_function_find(t->text, t->length);
  if (f == PT_F_COUNT) {
    gr_closest near = gr_closest_begin(t->text, t->length);
    gr_pt_offer_conditions(s->parser, &near);
    for (int i = 0; i < PT_EACH_COUNT; i++) gr_closest_offer(&near, each_words[i], strlen(each_words[i]));
    for (uint32_t i = 0; i < PT_F_COUNT; i++)
      gr_closest_offer(&near, gr_pt_function_get(i)->name, strlen(gr_pt_function_get(i)->name));
    gr_error(s->parser->context, GRAFT_RULE, where, "unknown predicate '%.*s'%s", (int)t->length, t->text,
             gr_closest_hint(&near, ""));
    gr_lexer from = *l;
    if (!gr_pt_skip_arguments(s->parser)) return NULL;
    gr_pt_lose(s, &from);
    return gr_pt_wrong(s, where);
  }
  gr_lex_next(l);
  const pt_function_info *info = gr_pt_function_get(f);
  const char *p = info->params;
  gr_expr *e = gr_pt_new_expr(s, PT_E_CALL, where);
  if (!e) return NULL;
  e->index = (uint16_t)f;
  GR_VEC(gr_expr *) args = {0};
  while (l->token.kind != ')') {
    if (args.len && !gr_pt_comma(s, ')')) return NULL;
    if (*p == '*') p--;
    if (*p == '?') p++;
    if (!*p || args.len == 64) {
      gr_error(s->parser->context, GRAFT_RULE, gr_lex_loc(l), "too many arguments for %s", info->name);
      return NULL;
    }
    gr_expr *a = argument(s, *p++);
    if (!a || !pt_push(s->parser->arena, &args, a)) return NULL;
  }
  if (*p && *p != '*' && p[1] != '?' && *p != '?') {
    gr_error(s->parser->context, GRAFT_RULE, gr_lex_loc(l), "too few arguments for %s", info->name);
    return NULL;
  }
  gr_lex_next(l);
  e->args = args.data;
  e->arg_count = (uint8_t)args.len;
  return e;
}

static const struct {
  const char *word;
  graft_attr value;
} words[] = {{"true", {.kind = GRAFT_ATTR_BOOL, .as.b = true}},
             {"false", {.kind = GRAFT_ATTR_BOOL, .as.b = false}},
             {"none", {.kind = GRAFT_ATTR_NONE}}};

static gr_expr *unknown_word(pt_parse *s, const gr_token *t, gr_loc where) {
  gr_parser *p = s->parser;
  gr_closest near = gr_closest_begin(t->text, t->length);
  for (uint32_t i = 0; s->names && i < s->names->kind[PT_GROUP].len; i++)
    gr_closest_offer(&near, s->names->kind[PT_GROUP].data[i].text, s->names->kind[PT_GROUP].data[i].length);
  for (uint32_t i = 0; i < p->options.len; i++)
    gr_closest_offer(&near, p->options.data[i].name, strlen(p->options.data[i].name));
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    gr_closest_offer(&near, words[i].word, strlen(words[i].word));
  for (int d = GRAFT_F32; d < GRAFT_DTYPE_COUNT; d++)
    gr_closest_offer(&near, graft_dtype_name((graft_dtype)d), strlen(graft_dtype_name((graft_dtype)d)));
  (void)gr_closest_hint(&near, "");
  gr_error(p->context, GRAFT_RULE, where, "'%.*s' is no %s%s%s", (int)t->length, t->text,
           s->names ? "group of this rule and no option" : "option",
           near.word ? "" : "; a text stands in quotes: \"…\"", near.hint);
  return gr_pt_wrong(s, where);
}

/* true, a dtype, a function, an option, a group. */
static gr_expr *word(pt_parse *s) {
  gr_parser *p = s->parser;
  gr_lexer *l = &p->lex;
  gr_token t = l->token;
  gr_loc where = gr_lex_loc(l);
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (gr_lex_is(l, words[i].word)) return literal(s, words[i].value);
  graft_dtype dtype = t.kind == GR_T_IDENT ? gr_dtype_find(t.text, t.length) : GRAFT_UNKNOWN;
  if (dtype != GRAFT_UNKNOWN) return literal(s, (graft_attr){.kind = GRAFT_ATTR_DTYPE, .as.dtype = dtype});
  for (uint32_t i = 0; i < p->options.len; i++)
    if (gr_lex_is(l, p->options.data[i].name)) {
      gr_expr *e = gr_pt_new_expr(s, PT_E_OPTION, where);
      if (e) {
        e->index = (uint16_t)i;
        e->value.kind = p->options.data[i].kind;
      }
      gr_lex_next(l);
      return e;
    }
  gr_lex_next(l);
  if (l->token.kind == '(' && !l->token.line_start) return call(s, &t, where);
  int g = s->names && !s->binding ? gr_pt_name_find(s->names, PT_GROUP, t.text, t.length) : -1;
  if (g < 0) {
    return unknown_word(s, &t, where);
  }
  s->names->kind[PT_GROUP].data[g].other_uses++;
  gr_expr *e = gr_pt_new_expr(s, PT_E_GROUP, where);
  if (e) e->name = (uint16_t)g;
  return e;
}

static gr_expr *primary(pt_parse *s) {
  gr_lexer *l = &s->parser->lex;
  gr_expr *e = NULL;
  switch (l->token.kind) {
  case GR_T_INT: return literal(s, (graft_attr){.kind = GRAFT_ATTR_INT, .as.i = l->token.as.i});
  case GR_T_FLOAT: return literal(s, (graft_attr){.kind = GRAFT_ATTR_FLOAT, .as.f = l->token.as.f});
  case GR_T_STRING: {
    char *text = gr_arena_copy(s->parser->arena, l->token.text, l->token.length);
    return text ? literal(s, (graft_attr){.kind = GRAFT_ATTR_STRING, .as.s = text}) : NULL;
  }
  case GR_T_CAPTURE: return capture(s);
  case GR_T_FAMILY: return family(s);
  case GR_T_VALUE:
    if (!gr_pt_parse_reference(s, &e)) return NULL;
    if (e->kind == PT_E_EDGE) {
      gr_error(s->parser->context, GRAFT_RULE, e->where, "an edge is not a condition: has_spec(…) or no_spec(…)");
      return NULL;
    }
    return e;
  case GR_T_IDENT:
    if (l->token.line_start && gr_pt_ends_expression(l)) break;
    return word(s);
  case '[': return list(s);
  case '(':
    gr_lex_next(l);
    e = gr_pt_parse_expr(s);
    return e && gr_lex_expect(l, ')', NULL) ? e : NULL;
  default: break;
  }
  gr_lex_unexpected(l, "an expression");
  return NULL;
}

static gr_expr *postfix(pt_parse *s) {
  gr_lexer *l = &s->parser->lex;
  gr_expr *e = primary(s);
  while (e && l->token.kind == '[' && !l->token.line_start) {
    gr_loc where = gr_lex_loc(l);
    gr_lex_next(l);
    gr_expr *index = gr_pt_parse_expr(s);
    if (!index || !gr_lex_expect(l, ']', NULL)) return NULL;
    e = with_args(s, PT_E_INDEX, where, e, index, NULL);
  }
  return e;
}

static gr_expr *unary(pt_parse *s) {
  gr_lexer *l = &s->parser->lex;
  if (l->token.kind != '-') return postfix(s);
  gr_loc where = gr_lex_loc(l);
  gr_lex_next(l);
  gr_expr *e = postfix(s);
  return e ? with_args(s, PT_E_NEGATE, where, e, NULL, NULL) : NULL;
}

typedef struct operator{
  int token;
  pt_expr_kind kind;
}
operator;

/* `a -1` is lexed as two numbers: a sum as well. */
static bool negative_number(const gr_lexer *l) {
  return (l->token.kind == GR_T_INT || l->token.kind == GR_T_FLOAT) && !l->token.line_start && l->token.text[0] == '-';
}

static gr_expr *binary(pt_parse *s, const operator* ops, gr_expr *(*operand)(pt_parse *), bool chain) {
  gr_lexer *l = &s->parser->lex;
  gr_expr *e = operand(s);
  while (e) {
    const operator* o = ops;
    while (o->token && o->token != l->token.kind) o++;
    gr_loc where = gr_lex_loc(l);
    bool sum = !o->token && ops[0].kind == PT_E_ADD && negative_number(l);
    bool equals = ops[0].kind == PT_E_EQ && l->token.kind == '='; /* meant so: the error is said, reading goes on */
    if (l->token.line_start || (!o->token && !sum && !equals)) return e;
    if (equals) gr_pt_mend(s, where, "`=` defines a value: write `==` to compare");
    if (!sum) gr_lex_next(l);
    gr_expr *right = operand(s);
    if (!right) return NULL;
    e = with_args(s, sum ? PT_E_ADD : equals ? PT_E_EQ : o->kind, where, e, right, NULL);
    if (!chain) return e;
  }
  return e;
}

static const operator products[] = {{'*', PT_E_MUL}, {'/', PT_E_DIV}, {0, PT_E_LITERAL}};
static const operator sums[] = {{'+', PT_E_ADD}, {'-', PT_E_SUB}, {0, PT_E_LITERAL}};
static const operator comparisons[] = {{GR_T_EQ, PT_E_EQ}, {GR_T_NE, PT_E_NE}, {'<', PT_E_LT},   {GR_T_LE, PT_E_LE},
                                       {'>', PT_E_GT},     {GR_T_GE, PT_E_GE}, {0, PT_E_LITERAL}};

static gr_expr *product(pt_parse *s) { return binary(s, products, unary, true); }
static gr_expr *sum(pt_parse *s) { return binary(s, sums, product, true); }
static gr_expr *comparison(pt_parse *s) { return binary(s, comparisons, sum, false); }

static gr_expr *negation(pt_parse *s) {
  gr_loc where = gr_lex_loc(&s->parser->lex);
  uint32_t count = 0;
  for (;; count++) {
    if (gr_lex_accept_word(&s->parser->lex, "not")) continue;
    gr_loc at = gr_lex_loc(&s->parser->lex);
    if (!gr_lex_accept(&s->parser->lex, '!')) break;
    gr_pt_mend(s, at, "`!` is no operator: write `not`");
  }
  gr_expr *e = comparison(s);
  return e && count % 2 ? with_args(s, PT_E_NOT, where, e, NULL, NULL) : e;
}

/* && and || are meant so: the error is said, reading goes on. */
static bool accept_foreign(pt_parse *s, pt_expr_kind kind) {
  gr_lexer *l = &s->parser->lex;
  int token = kind == PT_E_AND ? '&' : '|';
  gr_loc where = gr_lex_loc(l);
  if (l->token.line_start || !gr_lex_accept(l, token)) return false;
  gr_lex_accept(l, token);
  gr_pt_mend(s, where, kind == PT_E_AND ? "`&` is no operator: write `and`" : "`|` only joins ops: write `or`");
  return true;
}

static gr_expr *logical(pt_parse *s, const char *keyword, pt_expr_kind kind, gr_expr *(*operand)(pt_parse *)) {
  gr_lexer *l = &s->parser->lex;
  gr_expr *e = operand(s);
  while (e) {
    gr_loc where = gr_lex_loc(l);
    if (!gr_lex_accept_word(l, keyword) && !accept_foreign(s, kind)) break;
    gr_expr *right = operand(s);
    e = right ? with_args(s, kind, where, e, right, NULL) : NULL;
  }
  return e;
}

static gr_expr *conjunction(pt_parse *s) { return logical(s, "and", PT_E_AND, negation); }
static gr_expr *disjunction(pt_parse *s) { return logical(s, "or", PT_E_OR, conjunction); }

gr_expr *gr_pt_parse_expr(pt_parse *s) {
  gr_lexer *l = &s->parser->lex;
  if (s->depth == 0) s->nodes = 0;
  if (++s->depth > PT_MAX_DEPTH) {
    gr_error(s->parser->context, GRAFT_RULE, gr_lex_loc(l), "nested deeper than %d", PT_MAX_DEPTH);
    return NULL;
  }
  gr_expr *e = disjunction(s);
  if (e && gr_pt_foreign_operator(s)) return NULL;
  if (e && gr_lex_is(l, "if") && !l->token.line_start) {
    gr_loc where = gr_lex_loc(l);
    gr_lex_next(l);
    gr_expr *condition = disjunction(s);
    if (!condition) return NULL;
    if (!gr_lex_accept_word(l, "else")) {
      gr_lex_unexpected(l, "`else`");
      return NULL;
    }
    gr_expr *other = gr_pt_parse_expr(s);
    e = other ? with_args(s, PT_E_IF, where, e, condition, other) : NULL;
  }
  s->depth--;
  return e;
}

/* ---- for other readers ---- */

gr_loc gr_expr_loc(const gr_expr *e) { return e->where; }

gr_expr *gr_expr_parse(gr_parser *p, gr_pattern *pattern) {
  pt_parse s = {.parser = p, .names = pattern ? &pattern->names : NULL, .rewrite = true};
  uint32_t before[PT_NAME_KINDS] = {0};
  for (int k = 0; pattern && k < PT_NAME_KINDS; k++) before[k] = pattern->names.kind[k].len;
  gr_expr *e = gr_pt_parse_expr(&s);
  if (!e || !pattern) return e;
  for (int k = 0; k < PT_NAME_KINDS; k++)
    for (uint32_t i = before[k]; i < pattern->names.kind[k].len; i++) {
      const pt_name *n = &pattern->names.kind[k].data[i];
      if (n->lost) continue;
      gr_error(p->context, GRAFT_RULE, n->first, "%s%.*s is bound nowhere", kind_text[k], (int)n->length, n->text);
      return NULL;
    }
  return e;
}
