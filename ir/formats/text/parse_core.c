/* What every part of the parser stands on: errors, strings, names. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ir/formats/text/parse_impl.h"
#include "ir/graph/context_impl.h"

bool gr_parse_fail(parser *p, graft_status code, const gr_token *t, const char *format, ...) {
  if (p->lex.token.kind == GR_T_ERROR) return false;
  char message[256];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(message, sizeof message, format, args);
  va_end(args);
  gr_error(p->context, code, gr_token_loc(&p->lex, t), "%s", message);
  p->lex.token.kind = GR_T_ERROR;
  return false;
}

/* ---- texts seen before, of which one slot each is kept ---- */

/* Eight characters tell most of them apart, those from the fourth on: `f32[2, 2`, `: f32[2] b`, `, -0.5, 0`. */
static uint32_t recent_slot(const char *text) {
  uint64_t key;
  memcpy(&key, text + 3, sizeof key);
  return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 59) % RECENT;
}

uint32_t gr_parse_again(parser *p, const memo *recent, const char *text) {
  size_t left = (size_t)(p->lex.end - text);
  if (p->lex.token.kind >= GR_T_ERROR && p->lex.token.kind != GR_T_IDENT) return RECENT; /* nothing in quotes */
  if (left < 3 + sizeof(uint64_t)) return RECENT;
  uint32_t slot = recent_slot(text);
  const memo *m = &recent[slot];
  if (!m->length || left < m->length || memcmp(text, m->text, m->length) != 0) return RECENT;
  p->lex.p = text + m->length;
  return slot;
}

uint32_t gr_parse_remember(parser *p, memo *recent, const char *text, const char *to, uint32_t id) {
  if (p->lex.end - text < (ptrdiff_t)(3 + sizeof(uint64_t))) return RECENT;
  uint32_t slot = recent_slot(text);
  recent[slot] = (memo){text, (uint32_t)(to - text), 0, id};
  return slot;
}

/* ---- names ---- */

const char *gr_parse_string(parser *p, const gr_token *t) {
  if (memchr(t->text, '\0', t->length)) {
    gr_parse_fail(p, GRAFT_SYNTAX, t, "a NUL character in a string");
    return NULL;
  }
  return gr_arena_copy(&p->scratch, t->text, t->length);
}

/* Most names share their base with one of the last few hundred. */
gr_name gr_parse_split(parser *p, const char *text, uint32_t length) {
  gr_name name = {0, 0};
  uint32_t base = (uint32_t)gr_name_base(text, length, &name.number);
  if (base == 0) return name;
  uint32_t hash = base * 31u + (unsigned char)text[0] * 7u + (unsigned char)text[base / 2] * 5u;
  uint32_t *known = &p->bases[(hash + (unsigned char)text[base - 1] * 3u) % MEMO_SIZE];
  name.base = *known;
  if (gr_string_length(p->module, *known) == base && memcmp(gr_string_text(p->module, *known), text, base) == 0)
    return name;
  name.base = gr_intern(p->module, text, base);
  if (name.base != GRAFT_NONE) *known = name.base;
  return name;
}

bool gr_parse_name(parser *p, const gr_token *t, gr_name *name) {
  bool quoted = t->length == 0 || t->text[-1] != '%';
  if (quoted && (t->length == 0 || memchr(t->text, '\0', t->length)))
    return gr_parse_fail(p, GRAFT_SYNTAX, t, "a name is empty or holds a NUL character");
  *name = gr_parse_split(p, t->text, t->length);
  if (name->base == GRAFT_NONE) return false;
  gr_name_taken(p->module, *name);
  return true;
}

/* Nodes read tensors mostly in the order of their lines: is this the one after the last? */
static bool next_tensor(parser *p, const gr_token *t) {
  const graft_module *m = p->module;
  if (p->next_tensor >= m->tensors.len) return false;
  gr_name name = m->tensors.data[p->next_tensor].name;
  uint32_t length = gr_string_length(m, name.base);
  if (t->length < length || memcmp(gr_string_text(m, name.base), t->text, length) != 0) return false;
  if (name.number == 0) return t->length == length;
  uint32_t number = 0, at = length + 1; /* NAME_12: as many digits as the number has, the first no 0 */
  if (t->length <= at || t->length > at + 9 || t->text[length] != '_' || t->text[at] == '0') return false;
  for (; at < t->length && t->text[at] >= '0' && t->text[at] <= '9'; at++)
    number = number * 10 + (uint32_t)(t->text[at] - '0');
  return at == t->length && number == name.number;
}

/* The names of the scope are gone through for each such error: no text has more than MAX_ERRORS of them. */
static void undefined(parser *p, const gr_token *t) {
  char best[64];
  gr_closest near = gr_closest_begin(t->text, t->length);
  gr_scope_closest(&p->scope, p->module, &near, best, sizeof best);
  gr_parse_fail(p, GRAFT_NAME, t, "%%%.*s is not defined before this%s", (int)t->length, t->text,
                gr_closest_hint(&near, "%"));
}

graft_value gr_parse_lookup(parser *p, const gr_token *t) {
  if (next_tensor(p, t)) return gr_handle(p->graph, p->next_tensor++);
  gr_name name = gr_parse_split(p, t->text, t->length);
  if (name.base == GRAFT_NONE) return GRAFT_NONE;
  uint32_t what = gr_scope_get(&p->scope, name);
  if (what == SCOPE_LOST ||
      (what == GRAFT_NONE && p->names_lost)) { /* the error is known: this statement is lost with it */
    p->operand_lost = true;
    return GRAFT_NONE;
  }
  if (what == GRAFT_NONE) {
    undefined(p, t);
    return GRAFT_NONE;
  }
  if (!(what & SCOPE_TENSOR)) return what;
  p->next_tensor = (what & ~SCOPE_TENSOR) + 1;
  return gr_handle(p->graph, p->next_tensor - 1);
}

/* ---- lists ---- */

static bool begins_item(int kind) {
  return kind == GR_T_VALUE || kind == GR_T_IDENT || kind == GR_T_INT || kind == GR_T_FLOAT || kind == GR_T_STRING ||
         kind == GR_T_FAMILY || kind == '_' || kind == '?';
}

bool gr_parse_close(parser *p, int close) {
  const gr_token *t = &p->lex.token;
  if (gr_lex_accept(&p->lex, close)) return true;
  char found[80];
  gr_token_describe(t, found, sizeof found);
  if (begins_item(t->kind) && !t->line_start)
    return gr_parse_fail(p, GRAFT_SYNTAX, t, "a ',' or '%c' is missing before %s", close, found);
  return gr_parse_fail(p, GRAFT_SYNTAX, t, "a '%c' is missing before %s", close, found);
}

/* ---- going on after an error ---- */

#define MAX_ERRORS 20

/* Does the line begin a part of the module, or, in a graph, `%a, _, %b =`, `op(`, `"op"(`, a statement's word, or `}`?
 * Other lines go on with what the one before them began. */
static bool begins_statement(const gr_lexer *at, bool in_graph) {
  static const char *const words[] = {"tensor", "record", "graph", "return", "update", "spec", "value"};
  gr_lexer l = *at;
  if (l.token.kind == GR_T_END) return true;
  for (size_t i = 0; i < (in_graph ? sizeof words / sizeof *words : 3); i++)
    if (gr_lex_is(&l, words[i])) return true;
  if (!in_graph || l.token.kind == '}') return in_graph;
  if (gr_lex_accept(&l, GR_T_IDENT) || gr_lex_accept(&l, GR_T_STRING)) /* `retrun %x` and `a = …` are mistakes */
    return l.token.kind == '(' || l.token.kind == '=' || l.token.kind == GR_T_VALUE;
  while (gr_lex_accept(&l, GR_T_VALUE) || gr_lex_accept(&l, '_'))
    if (!gr_lex_accept(&l, ',')) return l.token.kind == '=';
  return false;
}

/* The line's first token; a lexical error in it is reported when it is read for good. */
static void begin_line(gr_lexer *l, const char *at, uint32_t line) {
  l->token.kind = 0;
  l->p = l->line_start = at;
  l->line = line;
  gr_lex_next(l);
  l->token.line_start = true;
}

bool gr_parse_recover(parser *p, bool in_graph) {
  gr_lexer *l = &p->lex;
  const gr_token t = l->token;
  if (++p->errors >= MAX_ERRORS || p->context->out_of_memory) return false;
  /* What was missed at a line's end is found at the next line's beginning. */
  bool at_next = t.line_start && t.line > p->statement.line;
  const char *at = at_next ? t.source : l->p;
  uint32_t line = at_next ? t.line : l->line;
  for (;;) {
    if (!at_next) {
      const char *newline = memchr(at, '\n', (size_t)(l->end - at));
      at = newline ? newline + 1 : l->end;
      line += newline != NULL;
    }
    at_next = false;
    gr_lexer ahead = *l;
    ahead.quiet = true;
    begin_line(&ahead, at, line);
    if (begins_statement(&ahead, in_graph)) {
      begin_line(l, at, line);
      return l->token.kind != GR_T_ERROR || gr_parse_recover(p, in_graph);
    }
    at = ahead.p;
    line = ahead.line;
  }
}

bool gr_parse_lose(parser *p, gr_name name) {
  return gr_scope_get(&p->scope, name) != GRAFT_NONE || gr_scope_put(p->context, &p->scope, name, SCOPE_LOST);
}
