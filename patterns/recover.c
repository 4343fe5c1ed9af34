/* Where reading goes on after an error, so that all errors of a file are reported: at the next line that begins a line
 * of the rule, a section or a declaration. Lines are looked at by their first tokens alone: whatever stood open before.
 */
#include "patterns/patterns_impl.h"

#include <stdio.h>
#include <string.h>

/* Where a token, the current one, begins. */
const char *gr_pt_at(const gr_token *t) { return t->source ? t->source + t->column - 1 : NULL; }
const char *gr_pt_here(const gr_lexer *l) { return gr_pt_at(&l->token); }

/* %a, ..%rest, %b.operand[1..] = … */
bool gr_pt_begins_line(const gr_lexer *l) {
  gr_lexer ahead = *l;
  for (;;) {
    gr_lex_accept(&ahead, GR_T_DOTS);
    if (!gr_lex_accept(&ahead, GR_T_VALUE)) return false;
    if (ahead.token.kind == '[')
      for (int i = 0; i < 4 && !gr_lex_accept(&ahead, ']'); i++) gr_lex_next(&ahead);
    gr_lex_accept(&ahead, '?');
    if (ahead.token.kind == '=') return true;
    if (!gr_lex_accept(&ahead, ',')) return false;
  }
}

static int next_kind(const gr_lexer *l) {
  gr_lexer ahead = *l;
  gr_lex_next(&ahead);
  return ahead.token.kind;
}

/* Words of both kinds of file that begin something at the start of a line, whatever stands before. */
static const char *const sections[] = {"where", "rewrite", "annotate", "skip", NULL};
const char *const gr_pt_declarations[] = {"rule", "family",  "condition", "sequence", "option",
                                          "spec", "derived", "fixed",     NULL};
static const char *const before_value[] = {"const", "edge", "value", "drop", "context", "also", NULL};

bool gr_pt_is_word(const gr_lexer *l, const char *const *words) {
  for (; *words; words++)
    if (gr_lex_is(l, *words)) return true;
  return false;
}

bool gr_pt_begins_declaration(const gr_lexer *l) {
  int next = gr_pt_is_word(l, gr_pt_declarations) ? next_kind(l) : 0;
  return next == GR_T_IDENT || next == GR_T_FAMILY;
}

bool gr_pt_ends_expression(const gr_lexer *l) { return gr_pt_is_word(l, sections) || gr_pt_begins_declaration(l); }

static bool begins_item(const gr_lexer *l, const char *const *unused) {
  (void)unused;
  int next = l->token.kind == GR_T_IDENT ? next_kind(l) : 0;
  int after_value = l->token.kind == GR_T_VALUE ? next_kind(l) : 0; /* `%y relu(%x)`: the = was forgotten */
  if (after_value == GR_T_IDENT || after_value == GR_T_FAMILY || after_value == GR_T_EQ) return true;
  if (l->token.kind == '}' || gr_pt_begins_line(l) || next == '?' || gr_pt_is_word(l, sections)) return true;
  if (gr_pt_begins_declaration(l) || gr_lex_is(l, "if")) return true;
  if (gr_pt_is_word(l, before_value)) return next == GR_T_VALUE || next == GR_T_DOTS;
  return (gr_lex_is(l, "unless") && next == '{') || (gr_lex_is(l, "warn") && next == GR_T_STRING);
}

static void skip(gr_lexer *l, const char *from, bool (*stop)(const gr_lexer *, const char *const *),
                 const char *const *words) {
  const char *line = l->token.source;
  uint32_t number = l->token.line;
  bool here = l->token.line_start && line && line + l->token.column - 1 > from;
  for (; line; here = false) {
    if (!here) {
      const char *newline = line < l->end ? memchr(line, '\n', (size_t)(l->end - line)) : NULL;
      line = newline ? newline + 1 : l->end;
      number++;
    }
    gr_lex_seek(l, line, number);
    if (l->token.kind == GR_T_END || stop(l, words)) return;
    line = l->token.source;
    number = l->token.line;
  }
}

void gr_pt_skip_item(pt_parse *s, const char *from) {
  s->parser->failed = true;
  skip(&s->parser->lex, from, begins_item, NULL);
}

/* Names of a text that was not understood may be what it makes or binds. */
void gr_pt_lose(pt_parse *s, const gr_lexer *from) {
  gr_lexer l = *from;
  const char *end = gr_pt_here(&s->parser->lex);
  bool rest = false, colon = false; /* `@bin:b` and `add|sub:b` bind @b */
  l.quiet = true;
  while (s->names && l.token.kind != GR_T_END && gr_pt_here(&l) < end) {
    gr_token t = l.token;
    if (t.kind == GR_T_ERROR) { /* the rest of the line cannot be read */
      const char *newline = memchr(l.p, '\n', (size_t)(l.end - l.p));
      gr_lex_seek(&l, newline ? newline + 1 : l.end, t.line + 1);
      continue;
    }
    gr_lex_next(&l);
    const char *dot = t.kind == GR_T_VALUE || t.kind == GR_T_FAMILY ? memchr(t.text, '.', t.length) : NULL;
    uint32_t length = dot ? (uint32_t)(dot - t.text) : t.length;
    bool group = t.kind == GR_T_IDENT && l.token.kind == '?';
    int kind = t.kind == GR_T_VALUE            ? (rest ? PT_RANGE : PT_VALUE)
               : t.kind == GR_T_CAPTURE        ? (rest ? PT_REST : PT_ATTR)
               : t.kind == GR_T_FAMILY         ? PT_TAG
               : colon && t.kind == GR_T_IDENT ? PT_TAG
               : group                         ? PT_GROUP
                                               : -1;
    rest = t.kind == GR_T_DOTS;
    colon = t.kind == ':';
    if (kind < 0 || length == 0) continue;
    int known = gr_pt_name_find(s->names, (pt_name_kind)kind, t.text, length);
    if (known >= 0) s->names->kind[kind].data[known].lost = true;
    if (known >= 0 || kind == PT_GROUP || s->names->kind[kind].len >= PT_MAX_NAMES) continue;
    pt_name name = {.text = t.text, .length = length, .first = gr_token_loc(&l, &t), .lost = true};
    if (!pt_push(s->parser->arena, &s->names->kind[kind], name)) return;
  }
}

static int opens(int kind) {
  return (kind == '(' || kind == '[' || kind == '{') - (kind == ')' || kind == ']' || kind == '}');
}

/* `unless { %a = … }` in one line: what was wrong ends before the }. */
bool gr_pt_skip_in_line(pt_parse *s, const gr_lexer *from) {
  gr_lexer at = *from;
  int depth = 0;
  at.quiet = true;
  for (; at.token.kind != GR_T_END && at.token.kind != GR_T_ERROR && at.token.line == from->token.line;
       gr_lex_next(&at)) {
    if (depth == 0 && at.token.kind == '}') {
      at.quiet = false;
      s->parser->lex = at;
      return s->parser->failed = true;
    }
    depth += opens(at.token.kind);
  }
  return false;
}

/* To what follows the comma that ends the condition; else to the next item. */
bool gr_pt_skip_condition(pt_parse *s, const gr_lexer *from) {
  gr_lexer *l = &s->parser->lex, at = *from;
  int depth = 0;
  s->parser->failed = true;
  for (at.quiet = true; at.token.kind != GR_T_END && at.token.kind != GR_T_ERROR; gr_lex_next(&at)) {
    if (at.token.line_start && gr_pt_here(&at) != gr_pt_here(from) && begins_item(&at, NULL)) break;
    if (depth == 0 && (at.token.kind == ',' || at.token.kind == '}')) break;
    depth += opens(at.token.kind);
  }
  if (at.token.kind == GR_T_ERROR) {
    gr_pt_skip_item(s, gr_pt_here(from));
    gr_pt_lose(s, from);
    return false;
  }
  bool more = at.token.kind == ',';
  if (more) gr_lex_next(&at);
  at.quiet = false;
  *l = at;
  gr_pt_lose(s, from);
  return more && l->token.kind != GR_T_END && !(l->token.line_start && begins_item(l, NULL));
}

bool gr_pt_skip_arguments(gr_parser *p) {
  gr_lexer at = p->lex;
  int depth = 0;
  for (at.quiet = true; at.token.kind != GR_T_END && at.token.kind != GR_T_ERROR; gr_lex_next(&at)) {
    depth += opens(at.token.kind);
    if (depth > 0 && !(at.token.line_start && begins_item(&at, NULL))) continue;
    gr_lex_next(&at);
    at.quiet = false;
    if (depth == 0) p->lex = at;
    return depth == 0;
  }
  return false;
}

bool gr_pt_skip_block(gr_parser *p) {
  gr_lexer at = p->lex;
  int depth = 0;
  for (at.quiet = true; at.token.kind != GR_T_END && at.token.kind != GR_T_ERROR; gr_lex_next(&at)) {
    if (gr_pt_begins_declaration(&at) || (depth == 0 && at.token.kind != '{')) return false;
    depth += (at.token.kind == '{') - (at.token.kind == '}');
    if (depth > 0) continue;
    gr_lex_next(&at);
    at.quiet = false;
    p->lex = at;
    return true;
  }
  return false;
}

bool gr_pt_skip_to_block(gr_parser *p) {
  gr_lexer at = p->lex;
  const char *from = at.token.source;
  if (!from) return false;
  gr_lex_seek(&at, from, at.token.line);
  at.quiet = true;
  for (; at.token.kind != GR_T_ERROR && at.token.kind != GR_T_END && at.token.source == from; gr_lex_next(&at))
    if (at.token.kind == '{') {
      at.quiet = false;
      p->lex = at;
      return true;
    }
  return false;
}

static bool begins_word(const gr_lexer *l, const char *const *words) {
  return gr_pt_is_word(l, words) && (next_kind(l) == GR_T_IDENT || next_kind(l) == GR_T_FAMILY);
}

bool gr_is_text(graft_context *c, const char *file, const char *text, size_t size, const char *what) {
  if (!memchr(text, '\0', size)) return true;
  gr_error(c, GRAFT_RULE, (gr_loc){.file = file}, "this is no text: a file of %s was expected", what);
  return false;
}

void gr_parser_skip(gr_parser *p, const char *from, const char *const *words) {
  p->failed = true;
  skip(&p->lex, from, begins_word, words ? words : gr_pt_declarations);
}

static bool begins_field(const gr_lexer *l, const char *const *unused) {
  (void)unused;
  return l->token.kind == '}' || gr_pt_begins_declaration(l) || (l->token.kind == GR_T_IDENT && next_kind(l) == ':');
}

static bool begins_any(const gr_lexer *l, const char *const *words) {
  return gr_pt_is_word(l, words) || gr_pt_begins_declaration(l);
}

void gr_pt_skip_to_word(gr_parser *p, const char *const *words) {
  p->failed = true;
  skip(&p->lex, gr_pt_here(&p->lex), begins_any, words);
}

/* To what follows the comma that ends the field, or to its }, or to the next field in another line. */
void gr_pt_skip_field(gr_parser *p, const gr_lexer *from) {
  gr_lexer at = *from;
  int depth = 0;
  p->failed = true;
  for (at.quiet = true; at.token.kind != GR_T_END && at.token.kind != GR_T_ERROR; gr_lex_next(&at)) {
    if (depth == 0 && (at.token.kind == ',' || at.token.kind == '}')) break;
    if (at.token.line_start && gr_pt_here(&at) != gr_pt_here(from) && begins_field(&at, NULL)) break;
    depth += opens(at.token.kind);
  }
  if (at.token.kind == GR_T_ERROR) {
    skip(&p->lex, gr_pt_here(from), begins_field, NULL);
    return;
  }
  gr_lex_accept(&at, ',');
  at.quiet = false;
  p->lex = at;
}

/* ---- words of other languages ---- */

static bool say(pt_parse *s, gr_loc where, const char *message) {
  gr_error(s->parser->context, GRAFT_RULE, where, "%s", message);
  s->parser->lex.token.kind = GR_T_ERROR;
  return false;
}

void gr_pt_mend(pt_parse *s, gr_loc where, const char *message) {
  gr_error(s->parser->context, GRAFT_RULE, where, "%s", message);
  s->parser->failed = true;
}

gr_expr *gr_pt_wrong(pt_parse *s, gr_loc where) {
  s->parser->failed = true;
  return gr_pt_new_expr(s, PT_E_WRONG, where);
}

/* After an operand of an expression: is what follows what people write elsewhere? */
bool gr_pt_foreign_operator(pt_parse *s) {
  const gr_lexer *l = &s->parser->lex;
  gr_loc where = gr_lex_loc(l);
  if (l->token.line_start) return false;
  switch (l->token.kind) {
  case '&': say(s, where, "`&` is no operator: write `and`"); return true;
  case '|': say(s, where, "`|` only joins ops: write `or`"); return true;
  case '=': say(s, where, "`=` defines a value: write `==` to compare"); return true;
  case '!': say(s, where, "`!` is no operator: write `not`"); return true;
  default: return false;
  }
}

/* x for %x: no op, since no ( follows. */
bool gr_pt_name_without_percent(pt_parse *s) {
  gr_lexer *l = &s->parser->lex;
  int next = l->token.kind == GR_T_IDENT ? next_kind(l) : '(';
  if (next != ',' && next != ')' && next != '=' && next != '?') return false;
  gr_error(s->parser->context, GRAFT_SYNTAX, gr_lex_loc(l), "a value's name begins with %%: %%%.*s",
           (int)l->token.length, l->token.text);
  l->token.kind = GR_T_ERROR;
  return true;
}

/* `match { … }`: as in other languages. */
bool gr_pt_begins_with_brace(pt_parse *s) {
  gr_lexer *l = &s->parser->lex;
  gr_loc where = gr_lex_loc(l);
  if (s->blocks > 0 || l->token.line_start || !gr_lex_accept(l, '{')) return false;
  gr_pt_mend(s, where, "a section has no braces: it ends where the next one begins");
  return true;
}

/* Instead of a line of the rule. */
bool gr_pt_stray(pt_parse *s) {
  gr_lexer *l = &s->parser->lex;
  gr_loc where = gr_lex_loc(l);
  if (l->token.kind == GR_T_ERROR) return false;
  if (l->token.kind == '}') return say(s, where, "this } closes nothing");
  if (l->token.kind == '/') return say(s, where, "a comment begins with #");
  if (l->token.kind == ';') return say(s, where, "a line ends without a sign: take the ; away");
  if (next_kind(l) == '=' && gr_pt_name_without_percent(s)) return false;
  if (!s->rewrite && gr_lex_is(l, "if"))
    return say(s, where,
               "a match has no `if`: conditions stand after `where`, alternatives in `name? { … } else { … }`");
  if (!s->rewrite && gr_lex_is(l, "const"))
    return say(s, where, "`const` lines belong to the rewrite; in a match, where const(%x) says that %x is known");
  if (gr_lex_is(l, "else")) return say(s, where, "this `else` belongs to no group: it stands after the group's }");
  if (s->rewrite && gr_lex_is(l, "where")) return say(s, where, "conditions stand in the match: a rewrite has none");
  if (!s->rewrite && (l->token.kind == GR_T_CAPTURE || (l->token.kind == GR_T_IDENT && next_kind(l) == '(')))
    return say(s, where, "this is no line: conditions stand after `where`");
  if (!l->token.line_start && l->token.kind == GR_T_IDENT) { /* behind a line */
    static const char *const behind[] = {"one_use", "if", "edges", "source", "named", "kind", "mark"};
    const char *text = l->token.text;
    const int length = l->token.length > 60 ? 60 : (int)l->token.length;
    gr_closest word = gr_closest_begin(text, l->token.length);
    const char *hint = s->rewrite ? gr_closest_of(&word, "", behind + 1, 6) : gr_closest_of(&word, "", behind, 1);
    gr_error(s->parser->context, GRAFT_SYNTAX, where, "a line of the %s does not go on with '%.*s'%s",
             s->rewrite ? "rewrite" : "match", length, text, hint);
    l->token.kind = GR_T_ERROR;
    return false;
  }
  gr_closest near = gr_closest_begin(l->token.text, l->token.kind == GR_T_IDENT ? l->token.length : 0);
  for (const char *const *w = gr_pt_declarations; *w; w++) gr_closest_offer(&near, *w, strlen(*w));
  for (const char *const *w = sections; *w; w++) gr_closest_offer(&near, *w, strlen(*w));
  char message[200];
  if (near.word) {
    (void)snprintf(message, sizeof message, "this begins no line%s", gr_closest_hint(&near, ""));
    gr_pt_mend(s, where, message);
    bool section = false;
    for (const char *const *w = sections; *w && !s->rewrite; w++) section |= *w == near.word;
    int next = next_kind(l);
    for (const char *const *w = gr_pt_declarations; *w && (next == GR_T_IDENT || next == GR_T_FAMILY); w++)
      section |= *w == near.word;
    if (!section) return l->token.kind = GR_T_ERROR, false;
    l->token.text = near.word; /* read on in the section that was meant */
    l->token.length = (uint32_t)near.word_length;
    return true;
  }
  gr_lex_unexpected(l, s->rewrite  ? "a line of the rewrite"
                       : s->blocks ? "a line of the match or }"
                                   : "a line of the match, `where` or `rewrite`");
  return false;
}

/* Between the parts of a list. */
bool gr_pt_comma(pt_parse *s, char end) {
  gr_lexer *l = &s->parser->lex;
  if (gr_lex_accept(l, ',')) return true;
  if (l->token.kind == GR_T_ERROR || gr_pt_foreign_operator(s)) return false;
  if (gr_pt_begins_line(l) || gr_pt_begins_declaration(l) || l->token.kind == GR_T_END || gr_pt_is_word(l, sections)) {
    gr_error(s->parser->context, GRAFT_SYNTAX, gr_lex_loc(l), "a `%c` is missing before this", end);
    l->token.kind = GR_T_ERROR;
    return false;
  }
  char found[80];
  gr_token_describe(&l->token, found, sizeof found);
  gr_error(s->parser->context, GRAFT_SYNTAX, gr_lex_loc(l), "expected , or %c, found %s: a comma is missing", end,
           found);
  static const int begins[] = {GR_T_VALUE, GR_T_DOTS,   GR_T_INT,    GR_T_FLOAT,
                               GR_T_IDENT, GR_T_STRING, GR_T_FAMILY, GR_T_CAPTURE};
  for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
    if (l->token.kind == begins[i]) return s->parser->failed = true; /* on as if it stood there */
  l->token.kind = GR_T_ERROR;
  return false;
}
