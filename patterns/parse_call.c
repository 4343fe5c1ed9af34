/* Calls of match and rewrite sections: op or family, operands, attributes. */
#include "patterns/patterns_impl.h"

#include <string.h>

bool gr_pt_fail(pt_parse *s, gr_loc where, const char *message) {
  gr_error(s->parser->context, GRAFT_RULE, where, "%s", message);
  return false;
}

/* A value's or rest's name, the token being GR_T_VALUE; names in rules have no points. */
int gr_pt_value_name(pt_parse *s, pt_name_kind kind, gr_loc *where) {
  gr_lexer *l = &s->parser->lex;
  gr_token t = l->token;
  *where = gr_lex_loc(l);
  if (!gr_lex_expect(l, GR_T_VALUE, NULL)) return -1;
  if (memchr(t.text, '.', t.length)) {
    gr_pt_fail(s, *where, "a value's name in a rule has no point; %name.operand is an edge");
    return -1;
  }
  return gr_pt_name_id(s, kind, t.text, t.length, *where);
}

static bool parse_arg(pt_parse *s, pt_arg *a) {
  gr_lexer *l = &s->parser->lex;
  *a = (pt_arg){.name = -1, .where = gr_lex_loc(l)};
  switch (l->token.kind) {
  case GR_T_VALUE:
    a->kind = PT_ARG_VALUE;
    a->name = gr_pt_value_name(s, PT_VALUE, &a->where);
    a->optional = gr_lex_accept(l, '?');
    return a->name >= 0;
  case GR_T_DOTS:
    gr_lex_next(l);
    a->kind = PT_ARG_RANGE;
    a->name = gr_pt_value_name(s, PT_RANGE, &a->where);
    return a->name >= 0;
  case '_':
    gr_lex_next(l);
    a->kind = PT_ARG_ABSENT;
    return true;
  case GR_T_INT:
  case GR_T_FLOAT:
    a->kind = PT_ARG_LITERAL;
    a->number = l->token.kind == GR_T_INT ? (graft_attr){.kind = GRAFT_ATTR_INT, .as.i = l->token.as.i}
                                          : (graft_attr){.kind = GRAFT_ATTR_FLOAT, .as.f = l->token.as.f};
    gr_lex_next(l);
    return !gr_lex_accept(l, ':') || gr_lex_dtype(l, &a->dtype);
  case GR_T_CAPTURE:
  case '(':
    if (!s->rewrite)
      return gr_pt_fail(s, a->where, "a match has a number here, or a name: what is computed stands in `where`");
    a->kind = PT_ARG_NUMBER;
    return (a->expr = gr_pt_parse_expr(s)) != NULL;
  case GR_T_IDENT:
  case GR_T_FAMILY:
  case GR_T_STRING:
    if (gr_pt_name_without_percent(s)) return false;
    a->kind = PT_ARG_CALL;
    a->call = gr_pt_parse_call(s);
    return a->call != NULL;
  default: gr_lex_unexpected(l, "an operand: %name, ..%rest, a number, $attribute, _ or op(…)"); return false;
  }
}

static bool parse_attr(pt_parse *s, pt_attr *a) {
  gr_lexer *l = &s->parser->lex;
  *a = (pt_attr){.name = -1, .where = gr_lex_loc(l)};
  if (gr_lex_accept(l, GR_T_DOTS)) {
    gr_token t = l->token;
    a->kind = PT_ATTR_REST_OF;
    a->where = gr_lex_loc(l);
    if (!gr_lex_expect(l, GR_T_CAPTURE, NULL)) return false;
    a->name = gr_pt_name_id(s, PT_REST, t.text, t.length, a->where);
    return a->name >= 0;
  }
  gr_token t = l->token;
  if (!gr_lex_expect(l, GR_T_IDENT, "an attribute, ..$rest or drop")) return false;
  if (t.length == 4 && memcmp(t.text, "drop", 4) == 0 && l->token.kind != ':') {
    a->kind = PT_ATTR_DROP_REST;
    if (s->rewrite) return gr_pt_fail(s, a->where, "attributes are dropped in the match");
    if (gr_lex_accept(l, GR_T_DOTS)) return true;
    a->kind = PT_ATTR_DROP;
    a->where = gr_lex_loc(l);
    t = l->token;
    a->text = t.text;
    a->length = t.length;
    return gr_lex_expect(l, GR_T_IDENT, "an attribute or ..");
  }
  a->kind = PT_ATTR_NAMED;
  a->text = gr_arena_copy(s->parser->arena, t.text, t.length);
  if (!a->text) return false;
  a->length = t.length;
  if (!gr_lex_expect(l, ':', NULL)) return false;
  bool binds = !s->rewrite && l->token.kind == GR_T_CAPTURE; /* {eps: $eps} binds $eps in a match */
  if (binds) {
    gr_lexer ahead = *l;
    gr_lex_next(&ahead);
    binds = ahead.token.kind == ',' || ahead.token.kind == '}';
  }
  if (!binds) return (a->value = gr_pt_parse_expr(s)) != NULL;
  a->value = gr_pt_new_expr(s, PT_E_ATTR, gr_lex_loc(l));
  if (!a->value) return false;
  int name = gr_pt_name_id(s, PT_ATTR, l->token.text, l->token.length, a->value->where);
  a->value->name = (uint16_t)name;
  gr_lex_next(l);
  return name >= 0;
}

const gr_opset *gr_pt_parse_op(gr_parser *p) {
  gr_lexer *l = &p->lex;
  gr_loc where = gr_lex_loc(l);
  switch (l->token.kind) {
  case GR_T_IDENT: return gr_pt_opset_of_op(p, l->token.text, l->token.length, where);
  case GR_T_STRING: return gr_pt_opset_of_opaque(p, l->token.text, l->token.length);
  case GR_T_FAMILY: return gr_pt_opset_of_family(p, l->token.text, l->token.length, where);
  default: gr_lex_unexpected(l, "an op, \"op\" or @family"); return NULL;
  }
}

/* Families bind which member matched under a tag: the name after `:`, else the family's (of a pair, @q's). In a rewrite
 * @c alone may also be a tag, bound under that name in the match. */
static bool parse_opset(pt_parse *s, pt_call *c) {
  gr_lexer *l = &s->parser->lex;
  gr_token t = l->token;
  if (s->rewrite && t.kind == GR_T_FAMILY) {
    int tag = gr_pt_name_find(s->names, PT_TAG, t.text, t.length);
    if (tag >= 0) {
      gr_lexer ahead = *l;
      gr_lex_next(&ahead);
      if (ahead.token.kind == '(' && s->names->kind[PT_TAG].data[tag].ops) {
        const gr_opset *bound = s->names->kind[PT_TAG].data[tag].ops;
        bool family = strcmp(bound->name, s->names->kind[PT_TAG].data[tag].text) == 0;
        if (!family || !bound->pair) {
          c->tag = tag;
          c->ops = bound;
          s->names->kind[PT_TAG].data[tag].other_uses++;
          gr_lex_next(l);
          return true;
        }
      }
    }
  }
  const gr_opset *ops = gr_pt_parse_op(s->parser);
  if (!ops) return false;
  if (ops->count == 0) return l->token.kind = GR_T_ERROR, false; /* a family that is wrong, which has been said */
  gr_lex_next(l);
  while (l->token.kind == '|') {
    gr_lex_next(l);
    gr_loc where = gr_lex_loc(l);
    const gr_opset *more = gr_pt_parse_op(s->parser);
    ops = more ? gr_pt_opset_join(s->parser, ops, more, where) : NULL;
    if (!ops) return false;
    gr_lex_next(l);
  }
  c->ops = ops;
  if (!ops->family) return true;
  const char *text = ops->pair ? ops->pair->name : ops->name;
  size_t length = strlen(text);
  gr_loc where = c->where;
  if (gr_lex_accept(l, ':')) {
    where = gr_lex_loc(l);
    text = l->token.text;
    length = l->token.length;
    if (!gr_lex_expect(l, GR_T_IDENT, "a name for the member that matches")) return false;
  }
  c->tag = gr_pt_name_id(s, PT_TAG, text, length, where);
  if (c->tag < 0) return false;
  pt_name *n = &s->names->kind[PT_TAG].data[c->tag];
  if (!n->ops && !s->rewrite) n->ops = ops;
  if (n->ops && n->ops != ops && n->ops->count != ops->count) {
    gr_error(s->parser->context, GRAFT_RULE, where, "@%s and @%s have the name '%.*s' but are no pair", n->ops->name,
             ops->name, (int)length, text);
    return false;
  }
  return true;
}

pt_call *gr_pt_parse_call(pt_parse *s) {
  gr_lexer *l = &s->parser->lex;
  pt_call *c = gr_arena_alloc(s->parser->arena, sizeof *c);
  if (!c) return NULL;
  *c = (pt_call){.tag = -1, .where = gr_lex_loc(l)};
  if (++s->depth > PT_MAX_DEPTH) {
    gr_pt_fail(s, c->where, "calls nested too deeply");
    return NULL;
  }
  if (!parse_opset(s, c) || !gr_lex_expect(l, '(', NULL)) return NULL;
  while (l->token.kind != ')') {
    pt_arg a;
    if (c->args.len && !gr_pt_comma(s, ')')) return NULL;
    if (!parse_arg(s, &a) || !pt_push(s->parser->arena, &c->args, a)) return NULL;
    if (c->args.len > 64) {
      gr_pt_fail(s, a.where, "more than 64 operands");
      return NULL;
    }
  }
  gr_lex_next(l);
  if (gr_lex_accept(l, '{')) {
    while (l->token.kind != '}') {
      pt_attr a;
      if (c->attrs.len && !gr_pt_comma(s, '}')) return NULL;
      if (!parse_attr(s, &a) || !pt_push(s->parser->arena, &c->attrs, a)) return NULL;
      if (c->attrs.len > 64) {
        gr_pt_fail(s, a.where, "more than 64 attributes");
        return NULL;
      }
    }
    gr_lex_next(l);
  }
  s->depth--;
  return c;
}
