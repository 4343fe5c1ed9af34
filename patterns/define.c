/* Conditions that have a name: those a file defines (`condition is_depthwise(%c, $g) = …`) and predicates that the
 * embedder gives in C. A definition is read once to be checked, and again at each use, its parameters standing for what
 * the use says; it can use those before it alone, so that reading ends. */
#include "patterns/patterns_impl.h"

#include <string.h>

struct gr_definition {
  const char *name;
  size_t length;
  gr_lexer body; /* on its first token */
  uint32_t count;
  bool wrong; /* said where it is defined: its uses are not */
  gr_token params[PT_MAX_PARAMS];
};

static bool fail(gr_parser *p, gr_loc where, const char *format, const gr_token *t) {
  gr_error(p->context, GRAFT_RULE, where, format, (int)t->length, t->text);
  return false;
}

static const gr_definition *find(const gr_parser *p, const char *name, size_t length) {
  uint32_t i = gr_named_find(&p->condition_names, name, length);
  return i < p->conditions.len ? p->conditions.data[i] : NULL;
}

static const gr_custom *find_custom(const gr_parser *p, const char *name, size_t length) {
  for (uint32_t i = 0; i < p->custom_count; i++)
    if (strlen(p->customs[i]->name) == length && memcmp(p->customs[i]->name, name, length) == 0) return p->customs[i];
  return NULL;
}

bool gr_pt_is_condition(const gr_parser *p, const gr_token *t) {
  return find(p, t->text, t->length) || find_custom(p, t->text, t->length);
}

void gr_pt_offer_conditions(const gr_parser *p, gr_closest *near) {
  for (uint32_t i = 0; i < p->conditions.len; i++)
    gr_closest_offer(near, p->conditions.data[i]->name, p->conditions.data[i]->length);
  for (uint32_t i = 0; i < p->custom_count; i++)
    gr_closest_offer(near, p->customs[i]->name, strlen(p->customs[i]->name));
}

/* ---- parameters ---- */

/* What a name inside of a body stands for; NULL: it is no parameter. */
static gr_expr *argument_of(const pt_parse *s, int kind, const char *text, size_t length, uint32_t *size) {
  const pt_binding *b = s->binding;
  for (uint32_t i = 0; i < b->definition->count; i++) {
    const gr_token *p = &b->definition->params[i];
    if (p->kind != kind || p->length != length || memcmp(p->text, text, length) != 0) continue;
    *size = b->sizes[i];
    return b->args[i];
  }
  return NULL;
}

/* %x, or %x.operand, in a body. */
gr_expr *gr_pt_param_value(pt_parse *s, const char *text, size_t length, gr_loc where) {
  uint32_t size;
  gr_expr *e = argument_of(s, GR_T_VALUE, text, length, &size);
  if (!e)
    gr_error(s->parser->context, GRAFT_RULE, where, "%%%.*s is no parameter of the condition %.*s", (int)length, text,
             (int)s->binding->definition->length, s->binding->definition->name);
  return e;
}

/* $a in a body. */
gr_expr *gr_pt_param_attr(pt_parse *s, const gr_token *t, gr_loc where) {
  uint32_t size = 0;
  gr_expr *e = argument_of(s, GR_T_CAPTURE, t->text, t->length, &size);
  if (!e) {
    gr_error(s->parser->context, GRAFT_RULE, where, "$%.*s is no parameter of the condition %.*s", (int)t->length,
             t->text, (int)s->binding->definition->length, s->binding->definition->name);
    return NULL;
  }
  s->nodes += size; /* it stands here once more */
  if (s->nodes <= PT_MAX_NODES) return e;
  gr_error(s->parser->context, GRAFT_RULE, where, "an expression of more than %d parts", PT_MAX_NODES);
  return NULL;
}

/* ---- uses ---- */

static gr_expr *expand(pt_parse *s, const gr_definition *d, pt_binding *b, gr_loc where) {
  gr_lexer *l = &s->parser->lex, after = *l;
  const pt_binding *outer = s->binding;
  uint32_t locals = s->local_count;
  *l = d->body;
  s->binding = b;
  s->local_count = 0;
  gr_expr *e = gr_pt_parse_expr(s);
  s->binding = outer;
  s->local_count = locals;
  *l = after;
  if (!e) {
    gr_note(s->parser->context, where, "the condition %.*s is used here", (int)d->length, d->name);
    l->token.kind = GR_T_ERROR;
  }
  return e;
}

static gr_expr *use(pt_parse *s, const gr_definition *d, gr_loc where) {
  gr_lexer *l = &s->parser->lex;
  pt_binding b = {.definition = d};
  gr_lex_next(l);
  for (uint32_t i = 0; i < d->count; i++) {
    if (i && l->token.kind == ')') break;
    if (i && !gr_pt_comma(s, ')')) return NULL;
    if (l->token.kind == ')') break;
    uint32_t before = s->nodes;
    if (d->params[i].kind == GR_T_VALUE) {
      if (!gr_pt_parse_reference(s, &b.args[i])) return NULL;
    } else if (!(b.args[i] = gr_pt_parse_expr(s))) {
      return NULL;
    }
    b.sizes[i] = s->nodes - before;
    if (d->params[i].kind == GR_T_VALUE && b.args[i]->kind != PT_E_VALUE && b.args[i]->kind != PT_E_ELEMENT)
      return fail(s->parser, b.args[i]->where, "the condition %.*s wants a value here, not an edge",
                  &(gr_token){.text = d->name, .length = (uint32_t)d->length}),
             NULL;
    b.count++;
  }
  if (b.count < d->count || l->token.kind != ')') {
    gr_error(s->parser->context, GRAFT_RULE, gr_lex_loc(l), "the condition %.*s wants %u argument%s", (int)d->length,
             d->name, d->count, d->count == 1 ? "" : "s");
    l->token.kind = GR_T_ERROR;
    return NULL;
  }
  gr_lex_next(l);
  return d->wrong ? gr_pt_wrong(s, where) : expand(s, d, &b, where);
}

static gr_expr *use_custom(pt_parse *s, const gr_custom *c, gr_loc where) {
  gr_lexer *l = &s->parser->lex;
  gr_expr *e = gr_pt_new_expr(s, PT_E_CUSTOM, where);
  if (!e || !(e->args = gr_arena_alloc(s->parser->arena, (c->arity + 1u) * sizeof *e->args))) return NULL;
  e->custom = c;
  gr_lex_next(l);
  while (e->arg_count < c->arity && l->token.kind != ')') {
    if (e->arg_count && !gr_pt_comma(s, ')')) return NULL;
    gr_expr *a;
    if (!gr_pt_parse_reference(s, &a)) return NULL;
    if (a->kind == PT_E_EDGE) {
      gr_error(s->parser->context, GRAFT_RULE, a->where, "a value is needed here, not an edge");
      return NULL;
    }
    e->args[e->arg_count++] = a;
  }
  if (e->arg_count == c->arity && l->token.kind == ')') {
    gr_lex_next(l);
    return e;
  }
  gr_error(s->parser->context, GRAFT_RULE, gr_lex_loc(l), "%s takes %u value%s", c->name, c->arity,
           c->arity == 1 ? "" : "s");
  l->token.kind = GR_T_ERROR;
  return NULL;
}

gr_expr *gr_pt_parse_condition_use(pt_parse *s, const gr_token *name, gr_loc where) {
  const gr_definition *d = find(s->parser, name->text, name->length);
  return d ? use(s, d, where) : use_custom(s, find_custom(s->parser, name->text, name->length), where);
}

/* ---- definitions ---- */

/* The body with parameters that stand for nothing yet: is it an expression over them? */
static bool check_body(gr_parser *p, const gr_definition *d) {
  pt_names names = {0};
  pt_parse s = {.parser = p, .names = &names, .rewrite = true};
  pt_binding b = {.definition = d, .count = d->count};
  for (uint32_t i = 0; i < d->count; i++) {
    bool value = d->params[i].kind == GR_T_VALUE;
    if (!(b.args[i] = gr_pt_new_expr(&s, value ? PT_E_VALUE : PT_E_LITERAL, gr_token_loc(&p->lex, &d->params[i]))))
      return false;
  }
  s.nodes = 0;
  s.binding = &b;
  return gr_pt_parse_expr(&s) != NULL;
}

bool gr_parse_condition(gr_parser *p) {
  gr_lexer *l = &p->lex;
  gr_definition *d = gr_arena_alloc(p->arena, sizeof *d);
  if (!d) return false;
  gr_lex_next(l);
  gr_loc where = gr_lex_loc(l);
  gr_token name = l->token;
  *d = (gr_definition){.name = name.text, .length = name.length};
  if (!gr_lex_expect(l, GR_T_IDENT, "the condition's name")) return false;
  if (gr_pt_is_condition(p, &name) || gr_pt_function_find(name.text, name.length) < PT_F_COUNT ||
      gr_pt_is_special(&name))
    return fail(p, where, "there is a predicate '%.*s' already", &name);
  if (!gr_lex_expect(l, '(', NULL)) return false;
  while (l->token.kind != ')') {
    if (d->count && !gr_lex_expect(l, ',', ", or )")) return false;
    where = gr_lex_loc(l);
    gr_token t = l->token;
    if (t.kind != GR_T_VALUE && t.kind != GR_T_CAPTURE)
      return gr_lex_unexpected(l, "a parameter: %value or $attribute"), false;
    if (d->count == PT_MAX_PARAMS || memchr(t.text, '.', t.length))
      return fail(p, where, d->count == PT_MAX_PARAMS ? "too many parameters at '%.*s'" : "'%.*s' has a point", &t);
    for (uint32_t i = 0; i < d->count; i++)
      if (d->params[i].kind == t.kind && gr_token_same(&d->params[i], &t))
        return fail(p, where, "the parameter '%.*s' is there already", &t);
    d->params[d->count++] = t;
    gr_lex_next(l);
  }
  gr_lex_next(l);
  if (!gr_lex_expect(l, '=', NULL)) return false;
  d->body = *l;
  bool before = p->failed;
  p->failed = false;
  d->wrong = !check_body(p, d) || p->failed;
  p->failed |= before;
  return gr_vec_push(p->context, &p->conditions, d) &&
         gr_named_add(p->context, &p->condition_names, d->name, d->length) && !d->wrong;
}

/* ---- predicates of the embedder ---- */

void gr_customs_free(graft_context *c, gr_customs *all) {
  for (uint32_t i = 0; i < all->len; i++) gr_free(c, all->data[i], sizeof(gr_custom) + strlen(all->data[i]->name) + 1);
  gr_vec_free(c, all);
}

graft_status gr_customs_add(graft_context *c, gr_customs *all, const graft_predicate *given) {
  graft_predicate x = {0};
  graft_status status = gr_take_options(c, &x, sizeof x, given);
  if (status) return status;
  size_t length = x.name ? strlen(x.name) : 0;
  const gr_token name = {.text = x.name, .length = (uint32_t)length};
  bool word = length > 0 && length < 64;
  for (size_t i = 0; i < length && word; i++)
    word = (x.name[i] >= 'a' && x.name[i] <= 'z') || x.name[i] == '_' || (i && x.name[i] >= '0' && x.name[i] <= '9');
  if (!word || !x.holds || x.arity == 0 || x.arity > PT_MAX_PARAMS)
    return gr_error(c, GRAFT_NAME, (gr_loc){0},
                    !word      ? "a predicate cannot be called '%s': lower-case letters, digits and _, at most 63"
                    : !x.holds ? "the predicate '%s' has no function"
                               : "the predicate '%s' takes 1 to 8 values",
                    x.name ? x.name : "");
  bool taken = gr_pt_function_find(x.name, length) < PT_F_COUNT || gr_pt_is_special(&name);
  for (uint32_t i = 0; i < all->len; i++) taken |= strcmp(all->data[i]->name, x.name) == 0;
  if (taken) return gr_error(c, GRAFT_NAME, (gr_loc){0}, "there is a predicate '%s' already", x.name);
  gr_custom *p = gr_alloc(c, sizeof *p + length + 1);
  if (!p) return GRAFT_NO_MEMORY;
  char *copy = (char *)(p + 1);
  memcpy(copy, x.name, length + 1);
  *p = (gr_custom){.name = copy, .arity = x.arity, .holds = x.holds, .user = x.user};
  if (gr_vec_push(c, all, p)) return GRAFT_OK;
  gr_free(c, p, sizeof *p + length + 1);
  return GRAFT_NO_MEMORY;
}

bool gr_pt_eval_custom(pt_eval *e, const gr_expr *x, graft_attr *out) {
  graft_value values[PT_MAX_PARAMS];
  *out = (graft_attr){.kind = GRAFT_ATTR_BOOL};
  for (uint32_t i = 0; i < x->arg_count; i++)
    if ((values[i] = gr_pt_eval_value(e, x->args[i])) == GRAFT_NONE) return true;
  const graft_graph *g = e->match->matcher->graph;
  const gr_looking before = gr_look_only(g->module->context, "a predicate is asked, which only looks");
  out->as.b = x->custom->holds(x->custom->user, g, values, x->arg_count);
  gr_look_again(g->module->context, before);
  if (!out->as.b) gr_pt_reason(e->match->matcher, "%s is false", x->custom->name);
  return true;
}
