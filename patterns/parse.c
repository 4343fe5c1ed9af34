/* The lines of match and rewrite sections; their calls are read in parse_call.c. */
#include "patterns/patterns_impl.h"

#include <string.h>

/* ---- lines ---- */

static bool is_op(const gr_lexer *l) {
  return l->token.kind == GR_T_FAMILY || l->token.kind == GR_T_STRING ||
         (l->token.kind == GR_T_IDENT && gr_op_find(l->token.text, l->token.length) < GR_OP_COUNT);
}

/* What stands after `=` or `else`. */
static bool parse_right(pt_parse *s, pt_line *line) {
  gr_lexer *l = &s->parser->lex;
  if (l->token.kind == GR_T_VALUE) {
    gr_loc where;
    line->kind = PT_LINE_ALIAS;
    line->alias = gr_pt_value_name(s, PT_VALUE, &where);
    line->alias_optional = gr_lex_accept(l, '?');
    return line->alias >= 0;
  }
  if (gr_lex_is(l, "none")) {
    gr_lex_next(l);
    line->kind = PT_LINE_ABSENT;
    return true;
  }
  if (!is_op(l) && line->is_const) {
    line->kind = PT_LINE_EXPR;
    line->expr = gr_pt_parse_expr(s);
    if (!line->expr) return false;
    return !gr_lex_accept(l, ':') || gr_lex_dtype(&s->parser->lex, &line->dtype);
  }
  line->kind = PT_LINE_CALL;
  line->call = gr_pt_parse_call(s);
  return line->call != NULL;
}

/* An `if` of what stands before it in the line; one that begins a line is a block. */
static bool accept_if(pt_parse *s) {
  gr_lexer *l = &s->parser->lex;
  return !l->token.line_start && gr_lex_accept_word(l, "if");
}

static pt_naming *parse_naming(pt_parse *s) {
  gr_lexer *l = &s->parser->lex;
  pt_naming *n = gr_arena_alloc(s->parser->arena, sizeof *n);
  if (!n) return NULL;
  *n = (pt_naming){0};
  if (++s->depth > PT_MAX_DEPTH) {
    gr_pt_fail(s, gr_lex_loc(l), "nested too deeply");
    return NULL;
  }
  n->name = gr_pt_value_name(s, PT_VALUE, &n->where);
  if (n->name < 0) return NULL;
  if (gr_lex_accept(l, ':')) {
    n->suffix = l->token.text;
    n->length = l->token.length;
    if (!gr_lex_expect(l, GR_T_IDENT, "the last part of the name")) return NULL;
  }
  if (accept_if(s)) {
    n->condition = gr_pt_parse_expr(s);
    if (!n->condition) return NULL;
    if (!gr_lex_accept_word(l, "else")) {
      gr_lex_unexpected(l, "`else`");
      return NULL;
    }
    if (!(n->otherwise = parse_naming(s))) return NULL;
  }
  s->depth--;
  return n;
}

static bool parse_kind(pt_parse *s, pt_line *line) {
  gr_lexer *l = &s->parser->lex;
  for (int k = 0; k < GR_TENSOR_KIND_COUNT; k++)
    if (gr_lex_accept_word(l, gr_tensor_kinds[k])) {
      line->tensor_kind = k;
      return true;
    }
  gr_lex_unexpected(l, "parameter, buffer or constant");
  return false;
}

/* Of two words of a kind behind a line one would be lost. */
static bool comes_once(pt_parse *s, pt_line *line) {
  static const char *const words[] = {"if", "edges", "source", "named", "kind", "mark"};
  const gr_lexer *l = &s->parser->lex;
  for (uint32_t i = 0; i < sizeof words / sizeof *words; i++) {
    const uint32_t bit = 1u << i;
    if (!gr_lex_is(l, words[i]) || (i == 0 && l->token.line_start)) continue;
    if (line->suffixes & bit) {
      gr_error(s->parser->context, GRAFT_RULE, gr_lex_loc(l), "a second `%s` behind one line", words[i]);
      return false;
    }
    line->suffixes |= bit;
  }
  return true;
}

static bool parse_suffix(pt_parse *s, pt_line *line, bool *any) {
  gr_lexer *l = &s->parser->lex;
  *any = true;
  if (!s->rewrite) {
    if (gr_lex_accept_word(l, "one_use")) return line->one_use = true;
    *any = false;
    return true;
  }
  if (!comes_once(s, line)) return false;
  if (accept_if(s)) {
    line->condition = gr_pt_parse_expr(s);
    if (!line->condition) return false;
    if (!gr_lex_accept_word(l, "else")) return true;
    pt_line *other = gr_arena_alloc(s->parser->arena, sizeof *other);
    if (!other) return false;
    *other = (pt_line){
        .where = gr_lex_loc(l), .edges_from = -1, .source = -1, .tensor_kind = -1, .is_const = line->is_const};
    other->results.data = line->results.data;
    other->results.len = line->results.len;
    line->otherwise = other;
    return parse_right(s, other);
  }
  if (gr_lex_accept_word(l, "edges")) {
    if (!gr_lex_accept_word(l, "from")) {
      gr_lex_unexpected(l, "`from`");
      return false;
    }
    return (line->edges_from = gr_pt_value_name(s, PT_VALUE, &line->edges_where)) >= 0;
  }
  if (gr_lex_accept_word(l, "source")) return (line->source = gr_pt_value_name(s, PT_VALUE, &line->source_where)) >= 0;
  if (gr_lex_accept_word(l, "named")) return (line->naming = parse_naming(s)) != NULL;
  if (gr_lex_accept_word(l, "kind")) return parse_kind(s, line);
  if (gr_lex_is(l, "mark")) return gr_lex_marks(l, &line->marks);
  *any = false;
  return true;
}

/* What stands behind a line is of what it makes, whichever way: of the `else` too, as far as it makes such a thing. */
static bool settle_suffixes(pt_parse *s, pt_line *line) {
  pt_line *other = line->otherwise;
  const bool calls = line->kind == PT_LINE_CALL || (other && other->kind == PT_LINE_CALL);
  if (line->marks && (line->is_const || !calls))
    return gr_pt_fail(s, line->where, "only a line that makes a node has marks");
  if ((line->edges_from >= 0 || line->source >= 0) && !line->is_const && !calls)
    return gr_pt_fail(s, line->where, "only a line that makes a node has edges or a source");
  if ((line->naming || line->tensor_kind >= 0) && !line->is_const)
    return gr_pt_fail(s, line->where, "only a const line makes a tensor, which has a name and a kind");
  if (!other) return true;
  other->naming = line->naming;
  other->tensor_kind = line->tensor_kind;
  if (other->kind != PT_LINE_CALL) return true;
  other->edges_from = line->edges_from;
  other->edges_where = line->edges_where;
  other->source = line->source;
  other->source_where = line->source_where;
  other->marks = line->marks;
  return true;
}

static pt_line *parse_line(pt_parse *s, bool is_const) {
  gr_lexer *l = &s->parser->lex;
  pt_line *line = gr_arena_alloc(s->parser->arena, sizeof *line);
  if (!line) return NULL;
  *line = (pt_line){.where = gr_lex_loc(l), .edges_from = -1, .source = -1, .tensor_kind = -1, .is_const = is_const};
  do {
    pt_result r = {.name = -1};
    r.range = gr_lex_accept(l, GR_T_DOTS);
    r.name = gr_pt_value_name(s, r.range ? PT_RANGE : PT_VALUE, &r.where);
    if (r.name < 0) return NULL;
    r.optional = gr_lex_accept(l, '?');
    if (!pt_push(s->parser->arena, &line->results, r)) return NULL;
    if (line->results.len > 64) {
      gr_pt_fail(s, r.where, "more than 64 results");
      return NULL;
    }
  } while (gr_lex_accept(l, ','));
  if (!gr_lex_expect(l, '=', NULL) || !parse_right(s, line)) return NULL;
  for (bool any = true; any;)
    if (!parse_suffix(s, line, &any)) return NULL;
  if (!settle_suffixes(s, line)) return NULL;
  if (line->results.len > 1 && line->kind != PT_LINE_CALL) {
    gr_pt_fail(s, line->where, "only an op has several results");
    return NULL;
  }
  return line;
}

/* ---- sections ---- */

static bool parse_block(pt_parse *s, pt_items *items) {
  gr_lexer *l = &s->parser->lex;
  gr_loc open = gr_lex_loc(l);
  if (!gr_lex_expect(l, '{', NULL)) return false;
  s->blocks++;
  bool ok = gr_pt_parse_items(s, items);
  s->blocks--;
  if (!ok || gr_lex_accept(l, '}')) return ok;
  if (l->token.kind == GR_T_ERROR) return false;
  gr_pt_fail(s, open, "this { is not closed: a } is missing");
  l->token.kind = GR_T_ERROR;
  return false;
}

static bool parse_group(pt_parse *s, pt_item *item) {
  gr_lexer *l = &s->parser->lex;
  pt_group *g = gr_arena_alloc(s->parser->arena, sizeof *g);
  if (!g) return false;
  *g = (pt_group){.name = -1, .where = gr_lex_loc(l)};
  *item = (pt_item){.kind = PT_ITEM_GROUP, .group = g, .where = g->where};
  if (s->rewrite) {
    gr_lex_next(l); /* if */
    uint32_t depth = s->depth;
    g->condition = gr_pt_parse_expr(s);
    s->depth = depth;
    if (!g->condition && (!gr_pt_skip_to_block(s->parser) || !(g->condition = gr_pt_wrong(s, g->where)))) return false;
  } else {
    g->name = gr_pt_name_id(s, PT_GROUP, l->token.text, l->token.length, g->where);
    if (g->name < 0) return false;
    gr_lex_next(l);
    gr_lex_next(l); /* ? */
  }
  if (++s->depth > PT_MAX_DEPTH) return gr_pt_fail(s, g->where, "groups nested too deeply");
  if (!parse_block(s, &g->present) || (gr_lex_accept_word(l, "else") && !parse_block(s, &g->absent))) return false;
  s->depth--;
  return true;
}

static bool parse_move(pt_parse *s, pt_item *item, pt_item_kind kind) {
  gr_lexer *l = &s->parser->lex;
  *item = (pt_item){.kind = kind, .where = gr_lex_loc(l)};
  gr_lex_next(l);
  if (kind == PT_ITEM_DROP && gr_lex_accept(l, GR_T_DOTS)) { /* drop ..%rest: operands */
    gr_loc where;
    item->expr = gr_pt_new_expr(s, PT_E_RANGE, gr_lex_loc(l));
    int name = item->expr ? gr_pt_value_name(s, PT_RANGE, &where) : -1;
    if (name >= 0) item->expr->name = (uint16_t)name;
    return name >= 0;
  }
  if (!gr_pt_parse_reference(s, &item->expr)) return false;
  if (kind == PT_ITEM_DROP) return true;
  if (!gr_lex_expect(l, GR_T_ARROW, NULL) || !gr_pt_parse_reference(s, &item->to)) return false;
  pt_expr_kind want = kind == PT_ITEM_EDGE ? PT_E_EDGE : PT_E_VALUE;
  if (item->expr->kind != want || item->to->kind != want)
    return gr_pt_fail(s, item->where, kind == PT_ITEM_EDGE ? "edge %a.operand -> %b.operand" : "value %a -> %b");
  return true;
}

static bool parse_warning(pt_parse *s, pt_item *item) {
  gr_lexer *l = &s->parser->lex;
  *item = (pt_item){.kind = PT_ITEM_WARN, .where = gr_lex_loc(l)};
  gr_lex_next(l);
  gr_token t = l->token;
  if (!gr_lex_expect(l, GR_T_STRING, "the warning's text")) return false;
  item->text = gr_arena_copy(s->parser->arena, t.text, t.length);
  if (!item->text) return false;
  return !accept_if(s) || (item->expr = gr_pt_parse_expr(s));
}

/* What only a condition can be, where no comma stands before it. */
static bool continues(pt_parse *s) {
  gr_lexer *l = &s->parser->lex;
  gr_lexer ahead = *l;
  gr_lex_next(&ahead);
  bool call = l->token.kind == GR_T_IDENT && ahead.token.kind == '(';
  bool value = l->token.kind == GR_T_VALUE && !gr_pt_begins_line(l);
  if (!call && !value && l->token.kind != GR_T_CAPTURE && l->token.kind != GR_T_FAMILY && l->token.kind != '(' &&
      !gr_lex_is(l, "not"))
    return false;
  gr_pt_mend(s, gr_lex_loc(l), "a comma is missing between this condition and the one before it");
  return true;
}

static bool is_group(const gr_lexer *l) {
  gr_lexer ahead = *l;
  gr_lex_next(&ahead);
  return l->token.kind == GR_T_IDENT && ahead.token.kind == '?';
}

/* After `where`; on with the next one after an error. */
static void parse_conditions(pt_parse *s, pt_items *items) {
  gr_lexer *l = &s->parser->lex;
  for (;;) {
    gr_lexer from = *l;
    uint32_t depth = s->depth;
    pt_item item = {.kind = PT_ITEM_WHERE, .where = gr_lex_loc(l)};
    const uint32_t errors = gr_error_count(s->parser->context);
    s->nodes = 0;
    if (gr_lex_accept_word(l, "if")) gr_pt_mend(s, item.where, "a condition after `where` is said without `if`");
    if (!(item.expr = gr_pt_parse_expr(s)) || gr_pt_foreign_operator(s)) {
      s->depth = depth;
      if (!gr_pt_skip_condition(s, &from)) return;
      continue;
    }
    if (gr_error_count(s->parser->context) > errors)
      gr_pt_lose(s, &from);
    else if (!pt_push(s->parser->arena, items, item))
      return;
    if (!gr_lex_accept(l, ',') && !continues(s)) return;
  }
}

/* Names that are met first in here stand for nothing outside. */
static bool parse_unless(pt_parse *s, pt_item *item) {
  gr_lexer *l = &s->parser->lex;
  pt_group *g = gr_arena_alloc(s->parser->arena, sizeof *g);
  uint32_t before[PT_NAME_KINDS];
  const uint32_t errors = gr_error_count(s->parser->context);
  if (!g) return false;
  *g = (pt_group){.name = -1, .where = gr_lex_loc(l)};
  *item = (pt_item){.kind = PT_ITEM_UNLESS, .group = g, .where = g->where};
  gr_lex_next(l);
  for (int k = 0; k < PT_NAME_KINDS; k++) before[k] = s->names->kind[k].len;
  s->unless = true;
  bool ok = parse_block(s, &g->present);
  s->unless = false;
  for (int k = 0; k < PT_NAME_KINDS; k++)
    for (uint32_t i = before[k]; i < s->names->kind[k].len; i++) s->names->kind[k].data[i].hidden = true;
  if (ok && g->present.len == 0 && gr_error_count(s->parser->context) == errors)
    return gr_pt_fail(s, g->where, "this `unless` is empty");
  return ok;
}

/* An `unless` may stand before the lines that bind its names: it is read after them. */
static bool put_off(pt_parse *s, pt_items *items) {
  gr_lexer *l = &s->parser->lex;
  pt_later later = {.at = *l, .items = items};
  gr_lex_next(l);
  if (gr_pt_skip_block(s->parser)) return pt_push(s->parser->arena, &s->later, later);
  *l = later.at;
  return false;
}

static void read_later(pt_parse *s) {
  gr_lexer after = s->parser->lex;
  for (uint32_t i = 0; i < s->later.len; i++) {
    pt_item item;
    s->parser->lex = s->later.data[i].at;
    if (!parse_unless(s, &item))
      s->parser->failed = true;
    else if (!pt_push(s->parser->arena, s->later.data[i].items, item))
      break;
  }
  s->parser->lex = after;
}

/* also context %r = … */
static bool parse_words(pt_parse *s, bool *also, bool *context) {
  gr_lexer *l = &s->parser->lex;
  gr_loc where = gr_lex_loc(l);
  *also = gr_lex_accept_word(l, "also");
  *context = gr_lex_accept_word(l, "context");
  if (*context && s->unless)
    return gr_pt_fail(s, where, "nothing in `unless` is claimed or replaced: `context` says nothing");
  return l->token.kind == GR_T_VALUE || l->token.kind == GR_T_DOTS || (gr_lex_unexpected(l, "%name = op(…)"), false);
}

static bool ends_section(const pt_parse *s) {
  static const char *const ends[] = {"where", "rewrite", "annotate", "skip", NULL};
  const gr_lexer *l = &s->parser->lex;
  if (l->token.kind == GR_T_END || gr_pt_begins_declaration(l)) return true;
  if (l->token.kind == '}') return s->blocks > 0;
  return gr_pt_is_word(l, ends) && !(s->rewrite && gr_lex_is(l, "where"));
}

/* What its op says of the line. An error is that of the line alone: what it names is known all the same. */
static bool check_line(pt_parse *s, const pt_line *line, const gr_lexer *from, uint32_t errors) {
  if (gr_error_count(s->parser->context) == errors &&
      gr_pt_check_line(s->parser, line, !s->rewrite && !s->bare && !s->unless))
    return true;
  s->parser->failed = true;
  gr_pt_lose(s, from);
  return false;
}

static bool parse_item(pt_parse *s, pt_items *items) {
  gr_lexer *l = &s->parser->lex, from = *l;
  const uint32_t errors = gr_error_count(s->parser->context);
  pt_item item = {.kind = PT_ITEM_LINE, .where = gr_lex_loc(l)};
  bool ok;
  s->nodes = 0;
  bool also = false, context = false;
  if (!s->rewrite && (gr_lex_is(l, "also") || gr_lex_is(l, "context")) && !parse_words(s, &also, &context))
    return false;
  if (l->token.kind == GR_T_VALUE || l->token.kind == GR_T_DOTS) {
    ok = (item.line = parse_line(s, false)) != NULL;
    if (ok) item.line->also = also, item.line->context = context;
    if (ok && (also || context) && item.line->kind != PT_LINE_CALL)
      return gr_pt_fail(s, item.where, "`also` and `context` are for lines with an op");
    if (ok && s->unless && item.line->one_use)
      return gr_pt_fail(s, item.where, "`one_use` counts what the rule takes: nothing in `unless` is");
  } else if (!s->rewrite && gr_lex_is(l, "unless")) {
    if (!s->unless && s->later.len >= PT_MAX_UNLESS)
      return gr_pt_fail(s, item.where, "more than 64 blocks of `unless`");
    if (!s->unless && put_off(s, items)) return true;
    ok = s->unless ? gr_pt_fail(s, item.where, "an `unless` in an `unless`") : parse_unless(s, &item);
  } else if (!s->rewrite && gr_lex_is(l, "where"))
    return gr_lex_next(l), parse_conditions(s, items), true;
  else if (!s->rewrite && is_group(l))
    ok = parse_group(s, &item) &&
         (!s->unless || gr_pt_fail(s, item.where, "`unless` has no groups: write one for each"));
  else if (s->rewrite && gr_lex_accept_word(l, "const"))
    ok = (item.line = parse_line(s, true)) != NULL;
  else if (s->rewrite && gr_lex_is(l, "if"))
    ok = parse_group(s, &item);
  else if (s->rewrite && gr_lex_is(l, "edge"))
    ok = parse_move(s, &item, PT_ITEM_EDGE);
  else if (s->rewrite && gr_lex_is(l, "value"))
    ok = parse_move(s, &item, PT_ITEM_VALUE);
  else if (s->rewrite && gr_lex_is(l, "drop"))
    ok = parse_move(s, &item, PT_ITEM_DROP);
  else if (s->rewrite && gr_lex_is(l, "warn"))
    ok = parse_warning(s, &item);
  else
    return gr_pt_stray(s);
  if (ok && item.line && !check_line(s, item.line, &from, errors)) return true;
  return ok && pt_push(s->parser->arena, items, item);
}

/* Goes on after an error, so that all errors of a file are said; s->parser->failed says that there was one. */
bool gr_pt_parse_items(pt_parse *s, pt_items *items) {
  gr_lexer *l = &s->parser->lex;
  bool braced = gr_pt_begins_with_brace(s);
  while ((s->blocks > 0 && gr_lex_is(l, "where") && !s->rewrite) || !ends_section(s)) {
    gr_lexer from = *l;
    uint32_t depth = s->depth, blocks = s->blocks;
    if (braced && gr_lex_accept(l, '}')) {
      braced = false;
      continue;
    }
    if (parse_item(s, items)) continue;
    s->depth = depth;
    s->blocks = blocks;
    if (blocks == 0 || !gr_pt_skip_in_line(s, &from)) gr_pt_skip_item(s, gr_pt_here(&from));
    gr_pt_lose(s, &from);
  }
  return true;
}

/* ---- for other readers ---- */

void gr_parser_init(gr_parser *p, graft_context *c, gr_arena *arena, const char *file, const char *text, size_t size) {
  *p = (gr_parser){.context = c, .arena = arena};
  gr_lex_begin(&p->lex, c, arena, file, text, size);
}

void gr_parser_free(gr_parser *p) {
  gr_vec_free(p->context, &p->families);
  gr_vec_free(p->context, &p->options);
  gr_vec_free(p->context, &p->conditions);
  gr_named_free(p->context, &p->family_names);
  gr_named_free(p->context, &p->condition_names);
}

bool gr_parser_option(gr_parser *p, const char *name, graft_attr_kind kind) {
  return gr_vec_push(p->context, &p->options, ((gr_option_name){name, kind}));
}

gr_pattern *gr_pt_parse_match(gr_parser *p, bool bare) {
  gr_pattern *pattern = gr_arena_alloc(p->arena, sizeof *pattern);
  if (!pattern) return NULL;
  *pattern = (gr_pattern){.parser = p, .where = gr_lex_loc(&p->lex), .bare = bare};
  pt_parse s = {.parser = p, .names = &pattern->names, .bare = bare};
  if (!gr_pt_parse_items(&s, &pattern->items)) return NULL;
  read_later(&s);
  if (gr_lex_accept_word(&p->lex, "where")) {
    parse_conditions(&s, &pattern->items);
    for (bool said = false; !ends_section(&s) || gr_lex_is(&p->lex, "where"); said = true) {
      const char *from = gr_pt_here(&p->lex);
      if (p->lex.token.kind != GR_T_ERROR && !said)
        gr_pt_fail(&s, gr_lex_loc(&p->lex), "`where` comes last in a match, once, its conditions separated by commas");
      gr_pt_skip_item(&s, from);
    }
  }
  return pattern;
}

gr_pattern *gr_pattern_parse(gr_parser *p) {
  bool before = p->failed;
  p->failed = false;
  gr_pattern *pattern = gr_pt_parse_match(p, true);
  if (pattern && !gr_pt_compile_match(p, pattern)) p->failed = true;
  if (pattern) pattern->wrong = p->failed;
  p->failed |= before;
  return pattern;
}

bool gr_pattern_is_wrong(const gr_pattern *p) { return p->wrong; }
