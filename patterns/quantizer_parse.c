/* Reads a quantizer file. The syntax is in quantizers/README.md; matches and expressions are those of rules. */
#include <stdio.h>
#include <string.h>

#include "patterns/quantizer_impl.h"

static bool fail(const gr_quantizer *q, gr_loc where, const char *message) {
  gr_error(q->context, GRAFT_RULE, where, "%s", message);
  return false;
}

static const char *copy_word(gr_quantizer *q, const gr_token *t) {
  return gr_arena_copy(&q->arena, t->text, t->length);
}

static bool take_name(gr_quantizer *q, const char *what, const char **name, gr_loc *where) {
  gr_lexer *l = &q->parser.lex;
  gr_token t = l->token;
  *where = gr_lex_loc(l);
  return gr_lex_expect(l, GR_T_IDENT, what) && (*name = copy_word(q, &t)) != NULL;
}

/* ---- options: `option weight_qmin: int = -127` ---- */

static bool parse_option(gr_quantizer *q) {
  gr_lexer *l = &q->parser.lex;
  qz_option o = {0};
  gr_lex_next(l);
  if (!take_name(q, "the option's name", &o.name, &o.where)) return false;
  for (uint32_t i = 0; i < q->options.len; i++)
    if (strcmp(q->options.data[i].name, o.name) == 0)
      return fail(q, o.where, "an option of this name is there already");
  if (q->options.len == QZ_MAX_OPTIONS) return fail(q, o.where, "too many options");
  if (!gr_lex_expect(l, ':', NULL)) return false;
  bool is_bool = gr_lex_is(l, "bool"), is_int = gr_lex_is(l, "int"), is_float = gr_lex_is(l, "float"),
       is_string = gr_lex_is(l, "string");
  if (!is_bool && !is_int && !is_float && !is_string) return gr_lex_unexpected(l, "bool, int, float or string"), false;
  gr_lex_next(l);
  if (!gr_lex_expect(l, '=', "= and the default")) return false;
  o.value.name = o.name;
  if (is_bool) {
    o.value.kind = GRAFT_ATTR_BOOL;
    o.value.as.b = gr_lex_is(l, "true");
    if (!gr_lex_accept_word(l, "true") && !gr_lex_accept_word(l, "false"))
      return gr_lex_unexpected(l, "true or false"), false;
  } else if (is_string) {
    gr_token t = l->token;
    o.value.kind = GRAFT_ATTR_STRING;
    if (!gr_lex_expect(l, GR_T_STRING, "a text in quotes") || !(o.value.as.s = copy_word(q, &t))) return false;
  } else if (is_int) {
    o.value.kind = GRAFT_ATTR_INT;
    if (!gr_lex_int(l, INT64_MIN, INT64_MAX, "an integer", &o.value.as.i)) return false;
  } else {
    o.value.kind = GRAFT_ATTR_FLOAT;
    if (!gr_lex_number(l, &o.value.as.f)) return false;
  }
  return pt_push(&q->arena, &q->options, o) && gr_parser_option(&q->parser, o.name, o.value.kind);
}

/* ---- specs: `spec weight { dtype: i8, scheme: per_channel_symmetric if per_channel else per_tensor_symmetric … }`
 * ---- */

/* A word that no expression would understand is a string without quotes. */
static bool is_bare_word(const gr_quantizer *q) {
  const gr_lexer *l = &q->parser.lex;
  if (l->token.kind != GR_T_IDENT) return false;
  gr_lexer ahead = *l;
  gr_lex_next(&ahead);
  if (ahead.token.kind == '(') return false;
  if (gr_lex_is(l, "true") || gr_lex_is(l, "false") || gr_lex_is(l, "none") || gr_lex_is(l, "not")) return false;
  if (gr_dtype_find(l->token.text, l->token.length) != GRAFT_UNKNOWN) return false;
  for (uint32_t i = 0; i < q->options.len; i++)
    if (gr_lex_is(l, q->options.data[i].name)) return false;
  return true;
}

static qz_value *parse_value(gr_quantizer *q, uint32_t depth) {
  gr_lexer *l = &q->parser.lex;
  qz_value *v = gr_arena_alloc(&q->arena, sizeof *v);
  if (!v) return NULL;
  *v = (qz_value){.where = gr_lex_loc(l)};
  if (depth > PT_MAX_DEPTH) return fail(q, v->where, "nested too deeply"), NULL;
  if (l->token.kind == GR_T_FAMILY) {
    static const char property[] = "op.weight_axis";
    if (l->token.length != sizeof property - 1 || memcmp(l->token.text, property, sizeof property - 1) != 0)
      return gr_lex_unexpected(l, "@op.weight_axis"), NULL;
    v->kind = QZ_WEIGHT_AXIS;
    gr_lex_next(l);
  } else if (is_bare_word(q)) {
    v->kind = QZ_WORD;
    if (!(v->word = copy_word(q, &l->token))) return NULL;
    gr_lex_next(l);
  } else {
    v->kind = QZ_EXPR;
    return (v->expr = gr_expr_parse(&q->parser, NULL)) ? v : NULL;
  }
  if (!gr_lex_is(l, "if") || l->token.line_start) return v;
  gr_lex_next(l);
  if (!(v->condition = gr_expr_parse(&q->parser, NULL))) return NULL;
  if (!gr_lex_accept_word(l, "else")) return gr_lex_unexpected(l, "else"), NULL;
  return (v->otherwise = parse_value(q, depth + 1)) ? v : NULL;
}

/* A field that is wrong is read to its end all the same: its value may be wrong as well. */
static bool parse_field(gr_quantizer *q, qz_spec *s, const gr_op_info *info, const gr_token *t, gr_loc where) {
  gr_lexer *l = &q->parser.lex;
  qz_value *unknown = NULL;
  if (!gr_lex_expect(l, GR_T_IDENT, "an attribute or }")) return false;
  int slot = gr_op_attr_slot(info, t->text, t->length);
  if (slot < 0) {
    gr_closest near = gr_closest_begin(t->text, t->length);
    for (uint32_t i = 0; i < info->attr_count; i++)
      gr_closest_offer(&near, info->attrs[i].name, strlen(info->attrs[i].name));
    gr_error(q->context, GRAFT_RULE, where, "a %s has no attribute '%.*s'%s", info->name, (int)t->length, t->text,
             gr_closest_hint(&near, ""));
    q->parser.failed = true;
  }
  if (slot >= 0 && s->values[slot]) q->parser.failed = !fail(q, where, "this attribute is given twice");
  qz_value **value = slot < 0 || s->values[slot] ? &unknown : &s->values[slot];
  if (!gr_lex_expect(l, ':', NULL) || !(*value = parse_value(q, 0))) return false;
  if (l->token.kind != '}' && !gr_lex_accept(l, ',') && !l->token.line_start) {
    gr_lex_unexpected(l, "a comma or } after the attribute");
    return false;
  }
  return true;
}

static bool parse_fields(gr_quantizer *q, qz_spec *s) {
  gr_lexer *l = &q->parser.lex;
  const gr_op_info *info = gr_spec_info(s->kind);
  gr_loc open = gr_lex_loc(l);
  bool ok = true;
  if (!gr_lex_expect(l, '{', NULL)) return false;
  while (l->token.kind != '}') {
    gr_token t = l->token;
    gr_lexer from = *l;
    gr_loc where = gr_lex_loc(l);
    if (l->token.kind == GR_T_END || gr_pt_begins_declaration(l)) {
      fail(q, open, "this { is not closed: a } is missing");
      l->token.kind = GR_T_ERROR;
      return false;
    }
    if (parse_field(q, s, info, &t, where)) continue;
    ok = false;
    gr_pt_skip_field(&q->parser, &from);
  }
  gr_lex_next(l);
  return ok;
}

static bool parse_spec(gr_quantizer *q, uint32_t kind) {
  gr_lexer *l = &q->parser.lex;
  qz_spec s = {.kind = kind, .axis = gr_op_attr_slot(gr_spec_info(kind), "axis", 4)};
  gr_lex_next(l);
  if (!take_name(q, "the spec's name", &s.name, &s.where)) return false;
  if (strcmp(s.name, "none") == 0 || strcmp(s.name, "shared") == 0)
    return fail(q, s.where, "a spec cannot have this name");
  for (uint32_t i = 0; i < q->specs.len; i++)
    if (strcmp(q->specs.data[i].name, s.name) == 0) return fail(q, s.where, "a spec of this name is there already");
  if (q->specs.len == QZ_MAX_SPECS) return fail(q, s.where, "too many specs");
  bool before = q->parser.failed, ok;
  q->parser.failed = false;
  ok = parse_fields(q, &s) && !q->parser.failed;
  s.wrong = !ok;
  q->parser.failed |= before;
  return pt_push(&q->arena, &q->specs, s) && ok; /* known all the same: one error, not one for each use */
}

/* ---- rules ---- */

/* %in[0], a value of ..%in: the token is the [ */
static bool parse_element(gr_quantizer *q, qz_place *p, int rest) {
  gr_lexer *l = &q->parser.lex;
  int64_t index;
  p->of_rest = true;
  p->value = rest;
  gr_lex_next(l);
  if (!gr_lex_int(l, 0, 1 << 20, "an index", &index)) return false;
  p->first = p->last = (uint32_t)index;
  return gr_lex_expect(l, ']', NULL);
}

/* %c.weight, %c.tensors[1..], %c.tensors[0], %r, ..%parts */
static bool parse_place(gr_quantizer *q, qz_rule *r, qz_place *p) {
  gr_lexer *l = &q->parser.lex;
  gr_token t = l->token;
  *p = (qz_place){.last = GRAFT_NONE, .where = gr_lex_loc(l), .rest = gr_lex_accept(l, GR_T_DOTS)};
  if (p->rest) t = l->token;
  if (!gr_lex_expect(l, GR_T_VALUE, "%node.operand or %value")) return false;
  const char *dot = memchr(t.text, '.', t.length);
  size_t length = dot ? (size_t)(dot - t.text) : t.length;
  if (p->rest && dot) return fail(q, p->where, "..%rest stands for results: it has no operands");
  p->value = p->rest ? gr_pattern_results(r->pattern, t.text, length) : gr_pattern_value(r->pattern, t.text, length);
  if (p->rest && p->value < 0 && gr_pattern_is_wrong(r->pattern))
    p->value = gr_pt_name_find(&r->pattern->names, PT_RANGE, t.text, length);
  if (p->value < 0 && p->rest) {
    gr_error(q->context, GRAFT_RULE, p->where, "the match has no results ..%%%.*s", (int)length, t.text);
    return false;
  }
  int rest = dot ? -1 : gr_pt_name_find(&r->pattern->names, PT_RANGE, t.text, length);
  if (p->value < 0 && rest >= 0 && l->token.kind == '[') return parse_element(q, p, rest);
  if (p->value < 0) {
    gr_closest near = gr_closest_begin(t.text, length);
    const pt_names *names = &r->pattern->names;
    for (uint32_t i = 0; i < names->kind[PT_VALUE].len; i++)
      gr_closest_offer(&near, names->kind[PT_VALUE].data[i].text, names->kind[PT_VALUE].data[i].length);
    gr_error(q->context, GRAFT_RULE, p->where, "the match has no value %%%.*s%s", (int)length, t.text,
             gr_closest_hint(&near, "%"));
    return false;
  }
  if (!dot) return true;
  p->edge = true;
  p->operand_length = (uint32_t)(t.length - length - 1);
  if (!(p->operand = gr_arena_copy(&q->arena, dot + 1, p->operand_length))) return false;
  if (l->token.kind != '[' || l->token.line_start) return true;
  int64_t index;
  gr_lex_next(l);
  if (!gr_lex_int(l, 0, 1 << 20, "an index", &index)) return false;
  p->first = p->last = (uint32_t)index;
  if (gr_lex_accept(l, GR_T_DOTS)) p->last = GRAFT_NONE;
  return gr_lex_expect(l, ']', NULL);
}

static bool parse_refs(gr_quantizer *q, qz_rule *r, qz_setting *s) {
  gr_lexer *l = &q->parser.lex;
  gr_lex_next(l); /* ( */
  while (l->token.kind != ')') {
    if (s->ref_count && !gr_lex_expect(l, ',', ", or )")) return false;
    if (s->ref_count == QZ_MAX_REFS) return fail(q, gr_lex_loc(l), "too many places");
    if (!parse_place(q, r, &s->refs[s->ref_count++])) return false;
  }
  gr_lex_next(l);
  return true;
}

static qz_setting *parse_setting(gr_quantizer *q, qz_rule *r, uint32_t depth) {
  gr_lexer *l = &q->parser.lex;
  qz_setting *s = gr_arena_alloc(&q->arena, sizeof *s);
  if (!s) return NULL;
  *s = (qz_setting){.where = gr_lex_loc(l)};
  if (depth > PT_MAX_DEPTH) return fail(q, s->where, "nested too deeply"), NULL;
  gr_token t = l->token;
  if (!gr_lex_expect(l, GR_T_IDENT, "a spec, shared(…) or none")) return NULL;
  bool refs = l->token.kind == '(' && !l->token.line_start;
  if (t.length == 4 && memcmp(t.text, "none", 4) == 0) {
    s->kind = QZ_NONE;
  } else if (t.length == 6 && memcmp(t.text, "shared", 6) == 0) {
    s->kind = QZ_SHARED;
    if (!refs) return gr_lex_unexpected(l, "(%place)"), NULL;
    if (!parse_refs(q, r, s)) return NULL;
    if (s->ref_count != 1) return fail(q, s->where, "shared takes one place"), NULL;
  } else {
    s->kind = QZ_SPEC;
    for (s->spec = 0; s->spec < q->specs.len; s->spec++)
      if (strlen(q->specs.data[s->spec].name) == t.length && memcmp(q->specs.data[s->spec].name, t.text, t.length) == 0)
        break;
    if (s->spec == q->specs.len) {
      gr_closest near = gr_closest_begin(t.text, t.length);
      for (uint32_t i = 0; i < q->specs.len; i++)
        gr_closest_offer(&near, q->specs.data[i].name, strlen(q->specs.data[i].name));
      gr_closest_offer(&near, "shared", 6);
      gr_error(q->context, GRAFT_RULE, s->where, "there is no spec '%.*s'%s", (int)t.length, t.text,
               gr_closest_hint(&near, ""));
      return NULL;
    }
    qz_spec *spec = &q->specs.data[s->spec];
    spec->used = true;
    if (refs && !parse_refs(q, r, s)) return NULL;
    if (spec->kind == GR_SPEC_derived && s->ref_count == 0)
      return fail(q, s->where, "parameters derived from nothing: name the places in parentheses"), NULL;
    if (spec->kind != GR_SPEC_derived && refs) return fail(q, s->where, "only a derived spec takes places"), NULL;
  }
  if (!gr_lex_is(l, "if") || l->token.line_start) return s;
  gr_lex_next(l);
  if (!(s->condition = gr_expr_parse(&q->parser, r->pattern))) return NULL;
  if (!gr_lex_accept_word(l, "else")) return s;
  return (s->otherwise = parse_setting(q, r, depth + 1)) ? s : NULL;
}

static bool parse_line(gr_quantizer *q, qz_rule *r) {
  gr_lexer *l = &q->parser.lex;
  qz_line line = {0};
  if (gr_lex_is(l, "if"))
    return fail(q, gr_lex_loc(l), "`if` stands after a spec, on its line: %place = spec if … else …");
  if (!parse_place(q, r, &line.target) || !gr_lex_expect(l, '=', NULL)) return false;
  if (!(line.setting = parse_setting(q, r, 0))) return false;
  if (r->lines.len == QZ_MAX_LINES) return fail(q, line.target.where, "too many lines");
  return pt_push(&q->arena, &r->lines, line);
}

/* `with NAME`, the rule before: a chain of what they match is followed in graph order. */
static bool parse_together(gr_quantizer *q, qz_rule *r) {
  const char *name;
  gr_loc where;
  uint32_t first = q->rules.len;
  r->together = gr_lex_accept_word(&q->parser.lex, "with");
  if (!r->together) return true;
  if (!take_name(q, "the name of the rule before this one", &name, &where)) return false;
  if (first == 0 || strcmp(q->rules.data[first - 1].name, name) != 0)
    return fail(q, where, "`with` names the rule right before this one");
  while (--first > 0 && q->rules.data[first].together) continue;
  return q->rules.len - first < QZ_MAX_TOGETHER || fail(q, where, "too many rules stand together");
}

static bool parse_rule(gr_quantizer *q) {
  gr_lexer *l = &q->parser.lex;
  qz_rule r = {0};
  gr_lex_next(l);
  if (!take_name(q, "the rule's name", &r.name, &r.where)) return false;
  for (uint32_t i = 0; i < q->rules.len; i++)
    if (strcmp(q->rules.data[i].name, r.name) == 0) return fail(q, r.where, "a rule of this name is there already");
  if (q->rules.len == QZ_MAX_RULES) return fail(q, r.where, "too many rules");
  if (!parse_together(q, &r)) return false;
  bool ok = true, before = q->parser.failed;
  q->parser.failed = false;
  if (gr_lex_accept_word(l, "if") &&
      (!(r.condition = gr_expr_parse(&q->parser, NULL)) || !gr_pt_check_all_kinds(&q->parser, NULL, r.condition))) {
    ok = false;
    static const char *const match[] = {"match", NULL};
    if (!gr_lex_is(l, "match")) gr_pt_skip_to_word(&q->parser, match);
  }
  if (!gr_lex_accept_word(l, "match")) return gr_lex_unexpected(l, "match"), false;
  if (!(r.pattern = gr_pattern_parse(&q->parser))) return false;
  ok &= !gr_pattern_is_wrong(r.pattern);
  r.skip = gr_lex_accept_word(l, "skip");
  if (!r.skip && !gr_lex_accept_word(l, "annotate")) return gr_lex_unexpected(l, "annotate or skip"), false;
  pt_parse at = {.parser = &q->parser, .names = &r.pattern->names, .rewrite = true};
  bool braced = gr_pt_begins_with_brace(&at);
  while (l->token.kind != GR_T_END && !gr_pt_begins_declaration(l)) {
    const char *from = gr_pt_here(l);
    if ((braced && gr_lex_accept(l, '}')) || parse_line(q, &r)) continue;
    ok = false;
    gr_pt_skip_item(&at, from);
  }
  ok &= !q->parser.failed;
  q->parser.failed |= before;
  r.wrong = !ok;
  return pt_push(&q->arena, &q->rules, r) && ok;
}

/* ---- the file ---- */

static bool parse_head(gr_quantizer *q) {
  gr_lexer *l = &q->parser.lex;
  gr_loc where;
  if (!gr_lex_accept_word(l, "quantizer")) return gr_lex_unexpected(l, "quantizer NAME"), false;
  if (!take_name(q, "the quantizer's name", &q->name, &where)) return false;
  q->doc = "";
  if (l->token.kind != GR_T_STRING) return true;
  if (!(q->doc = copy_word(q, &l->token))) return false;
  gr_lex_next(l);
  return true;
}

static bool parse_declaration(gr_quantizer *q) {
  gr_lexer *l = &q->parser.lex;
  if (gr_lex_is(l, "option")) return parse_option(q);
  if (gr_lex_is(l, "family")) return gr_parse_family(&q->parser);
  if (gr_lex_is(l, "condition")) return gr_parse_condition(&q->parser);
  if (gr_lex_is(l, "spec")) return parse_spec(q, GR_SPEC_spec);
  if (gr_lex_is(l, "derived")) return parse_spec(q, GR_SPEC_derived);
  if (gr_lex_is(l, "fixed")) return parse_spec(q, GR_SPEC_fixed);
  if (gr_lex_is(l, "rule")) return parse_rule(q);
  gr_closest near = gr_closest_begin(l->token.text, l->token.kind == GR_T_IDENT ? l->token.length : 0);
  for (const char *const *w = gr_pt_declarations; *w; w++) gr_closest_offer(&near, *w, strlen(*w));
  char what[200];
  (void)snprintf(what, sizeof what, "option, family, condition, spec, derived, fixed or rule%s%s%s",
                 near.word ? " (did you mean " : "", near.word ? near.word : "", near.word ? "?)" : "");
  gr_lex_unexpected(l, what);
  return false;
}

/* All errors are said: after one, reading goes on at the next declaration. */
static bool parse_file(gr_quantizer *q) {
  gr_lexer *l = &q->parser.lex;
  bool ok = parse_head(q);
  if (!ok) gr_parser_skip(&q->parser, NULL, NULL);
  while (l->token.kind != GR_T_END) {
    const char *from = gr_pt_here(l);
    if (parse_declaration(q)) continue;
    ok = false;
    if (!gr_pt_begins_declaration(l) || gr_pt_here(l) == from) gr_parser_skip(&q->parser, from, NULL);
  }
  return ok && !q->parser.failed;
}

gr_quantizer *qz_parse(graft_context *c, const gr_customs *customs, const char *text, size_t size, const char *file,
                       bool ships) {
  gr_quantizer *q = gr_calloc(c, 1, sizeof *q);
  if (!q) return NULL;
  const uint32_t said = graft_diagnostic_count(c);
  q->context = c;
  gr_arena_init(&q->arena, c);
  char *copy = gr_arena_copy(&q->arena, text, size);
  q->file = gr_arena_copy(&q->arena, file, strlen(file));
  if (copy && q->file && gr_is_text(c, q->file, copy, size, "a quantizer (`quantizer NAME …`)")) {
    gr_parser_init(&q->parser, c, &q->arena, q->file, copy, size);
    q->parser.customs = customs->data;
    q->parser.custom_count = customs->len;
    bool ok = parse_file(q);
    ok &= qz_check(q, ships);
    if (ok) return q;
  }
  gr_diagnostics_sort(c, said);
  qz_destroy(q);
  return NULL;
}

void qz_destroy(gr_quantizer *q) {
  if (!q) return;
  if (q->parser.context) gr_parser_free(&q->parser);
  gr_arena_free(&q->arena);
  gr_free(q->context, q, sizeof *q);
}
