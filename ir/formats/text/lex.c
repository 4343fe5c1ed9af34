/* Tokens by hand, one table of character classes. */
#include "ir/formats/number_int.h"
#include "ir/formats/text/lex_int.h"
#include "ir/graph/graph_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* WORD, NAME: may stand in identifiers, in names. LONE: a token by itself, whatever follows; PUNCT: may be longer. */
enum { WORD = 1, NAME = 2, DIGIT = 4, SPACE = 8, PUNCT = 16, LONE = 32, LINE = 64 };

#define A_ (WORD | NAME)         /* letters and _ */
#define D_ (WORD | NAME | DIGIT) /* digits */
#define N_ (NAME | PUNCT)        /* punctuation that names may hold: . - */
#define L_ LONE
#define P_ PUNCT
#define S_ SPACE
static const unsigned char class_of[256] = {
    0,  0,  0,  0,    0,    0,  0,  0,  0,  S_, LINE, 0,  0,  S_, 0,  0,           /* \t \n \r */
    0,  0,  0,  0,    0,    0,  0,  0,  0,  0,  0,    0,  0,  0,  0,  0,           /* */
    S_, P_, 0,  LINE, NAME, 0,  L_, 0,  L_, L_, L_,   L_, L_, N_, N_, NAME | LONE, /*  !"#$%&'()*+,-./ */
    D_, D_, D_, D_,   D_,   D_, D_, D_, D_, D_, L_,   L_, P_, P_, P_, L_,          /* 0-9 :;<=>? */
    0,  A_, A_, A_,   A_,   A_, A_, A_, A_, A_, A_,   A_, A_, A_, A_, A_,          /* @A-O */
    A_, A_, A_, A_,   A_,   A_, A_, A_, A_, A_, A_,   L_, 0,  L_, L_, A_,          /* P-Z [\]^_ */
    0,  A_, A_, A_,   A_,   A_, A_, A_, A_, A_, A_,   A_, A_, A_, A_, A_,          /* `a-o */
    A_, A_, A_, A_,   A_,   A_, A_, A_, A_, A_, A_,   L_, L_, L_, L_, 0,           /* p-z {|}~ */
};

static inline bool is(const char *p, int class) { return (class_of[(unsigned char)*p] & class) != 0; }

gr_loc gr_token_loc(const gr_lexer *l, const gr_token *t) {
  return (gr_loc){.file = l->file, .line = t->line, .column = t->column, .source = t->source};
}

/* An error at `p`, in the current line. */
static void fail(gr_lexer *l, const char *p, const char *message) {
  gr_loc where = {.file = l->file, .line = l->line, .source = l->line_start};
  where.column = (uint32_t)(p - l->line_start) + 1;
  if (!l->quiet) gr_error(l->context, GRAFT_SYNTAX, where, "%s", message);
  l->token.kind = GR_T_ERROR;
}

/* End of a run of name characters; `..` and `->` are never inside a name. */
static const char *name_end(const char *p) {
  for (;; p++) {
    if (is(p, WORD)) continue;
    if (!is(p, NAME) || (p[0] == '.' && p[1] == '.') || (p[0] == '-' && p[1] == '>')) return p;
  }
}

bool gr_lex_plain_name(const char *text, size_t length) {
  if (length == 0) return false;
  for (size_t i = 0; i < length; i++) {
    if (!is(text + i, NAME)) return false;
    if (i + 1 < length && text[i] == '.' && text[i + 1] == '.') return false;
  }
  return text[length - 1] != '.' && text[length - 1] != '-'; /* `..` or `->` might follow */
}

/* ---- strings ---- */

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static char simple_escape(char c) {
  switch (c) {
  case 'n': return '\n';
  case 't': return '\t';
  case 'r': return '\r';
  case '0': return '\0';
  case '\\': return '\\';
  case '"': return '"';
  default: return 1;
  }
}

/* Decodes between two quotes, known to be there; the result is never longer. */
static bool decode(gr_lexer *l, const char *from, const char *to) {
  char *out = gr_arena_alloc(l->decoded, (size_t)(to - from));
  if (!out) {
    l->token.kind = GR_T_ERROR;
    return false;
  }
  uint32_t n = 0;
  for (const char *p = from; p < to; p++) {
    if (*p != '\\') {
      out[n++] = *p;
    } else if (p[1] == 'x' && to - p >= 4 && hex_digit(p[2]) >= 0 && hex_digit(p[3]) >= 0) {
      out[n++] = (char)(hex_digit(p[2]) * 16 + hex_digit(p[3]));
      p += 3;
    } else if (simple_escape(p[1]) != 1) {
      out[n++] = simple_escape(*++p);
    } else {
      fail(l, p, "unknown escape: \\n \\t \\r \\0 \\\\ \\\" and \\xHH are known");
      return false;
    }
  }
  l->token.text = out;
  l->token.length = n;
  return true;
}

/* `p` stands on the opening quote. */
static void lex_string(gr_lexer *l, const char *p, int kind) {
  const char *from = p + 1, *q = from;
  bool escapes = false;
  while (*q != '"') {
    if (*q == '\n' || q >= l->end) {
      fail(l, p, "string without an end");
      return;
    }
    if (*q == '\\') {
      escapes = true;
      if (++q >= l->end || *q == '\n') continue;
    }
    q++;
  }
  l->token.kind = kind;
  l->token.text = from;
  l->token.length = (uint32_t)(q - from);
  l->p = q + 1;
  if (escapes) decode(l, from, q);
}

/* ---- numbers ---- */

static void lex_hex(gr_lexer *l, const char *start) {
  const char *p = start + 2;
  uint64_t v = 0;
  while (hex_digit(*p) >= 0) v = v << 4 | (uint64_t)hex_digit(*p++);
  if (p == start + 2 || p - start > 18) {
    fail(l, start, p == start + 2 ? "hexadecimal digits expected" : "number does not fit in 64 bits");
    return;
  }
  l->token.kind = GR_T_INT;
  l->token.as.i = (int64_t)v;
  l->p = p;
}

/* The digits from `*p` on, added to `v`; false when they pass 64 bits. */
static bool add_digits(const char **p, uint64_t *v) {
  bool fits = true;
  const char *q = *p;
  for (; is(q, DIGIT); q++) {
    uint64_t d = (uint64_t)(*q - '0');
    fits &= *v <= (UINT64_MAX - 9) / 10;
    *v = *v * 10 + d;
  }
  *p = q;
  return fits;
}

/* A number without exponent whose digits make an integer below 2^53: one division does it. */
static bool simple_fraction(uint64_t v, size_t places, double *value) {
  static const double power[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};
  if (v > 1ull << 53 || places >= sizeof power / sizeof *power) return false;
  *value = (double)v / power[places];
  return true;
}

static void end_real(gr_lexer *l, const char *start) {
  l->token.kind = GR_T_FLOAT;
  if (!gr_number_parse(start, l->token.length, &l->token.as.f)) fail(l, start, "number does not fit a double");
}

/* `start` stands on a digit, or on a sign or point before one. */
static void lex_number(gr_lexer *l, const char *start) {
  const char *p = start;
  bool negative = *p == '-', real = false, exponent = false;
  if (negative) p++;
  uint64_t v = 0;
  size_t places = 0;
  bool fits = add_digits(&p, &v);
  if (*p == '.' && p[1] != '.') {
    real = true;
    const char *point = p++;
    fits &= add_digits(&p, &v);
    places = (size_t)(p - point) - 1;
  }
  if (*p == 'e' || *p == 'E') {
    const char *e = p + 1;
    if (*e == '-' || *e == '+') e++;
    if (is(e, DIGIT)) {
      exponent = true;
      for (p = e; is(p, DIGIT); p++) {
      }
    }
  }
  l->p = p;
  l->token.length = (uint32_t)(p - start);
  if (is(p, WORD)) {
    fail(l, p, "letter in a number");
  } else if (exponent) {
    end_real(l, start);
  } else if (real) {
    l->token.kind = GR_T_FLOAT;
    if (!fits || !simple_fraction(v, places, &l->token.as.f))
      end_real(l, start);
    else if (negative)
      l->token.as.f = -l->token.as.f;
  } else if (!fits || v > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
    fail(l, start, "integer does not fit in 64 bits");
  } else {
    l->token.kind = GR_T_INT;
    l->token.as.i = negative ? (int64_t)(0 - v) : (int64_t)v;
  }
}

static bool float_word(gr_lexer *l, const char *p, size_t length) {
  double v = 0;
  if (!(length == 3 && (memcmp(p, "inf", 3) == 0 || memcmp(p, "nan", 3) == 0)) &&
      !(length == 4 && memcmp(p, "-inf", 4) == 0))
    return false;
  if (!gr_number_parse(p, length, &v)) return false;
  l->token.kind = GR_T_FLOAT;
  l->token.as.f = v;
  return true;
}

/* ---- names and punctuation ---- */

static void lex_sigil(gr_lexer *l, const char *p) {
  int kind = *p == '%' ? GR_T_VALUE : *p == '@' ? GR_T_FAMILY : GR_T_CAPTURE;
  const char *from = p + 1, *q = from;
  if (*from == '"' && kind != GR_T_CAPTURE) {
    lex_string(l, from, kind);
    return;
  }
  if (kind == GR_T_CAPTURE)
    while (is(q, WORD)) q++;
  else
    q = name_end(from);
  if (q == from) {
    fail(l, p, kind == GR_T_VALUE ? "a name expected after %" : "a name expected after @ or $");
    return;
  }
  l->token.kind = kind;
  l->token.text = from;
  l->token.length = (uint32_t)(q - from);
  l->p = q;
}

static int two_characters(const char *p) {
  switch (p[0]) {
  case '-': return p[1] == '>' ? GR_T_ARROW : 0;
  case '.': return p[1] == '.' ? GR_T_DOTS : 0;
  case '=': return p[1] == '=' ? GR_T_EQ : 0;
  case '!': return p[1] == '=' ? GR_T_NE : 0;
  case '>': return p[1] == '=' ? GR_T_GE : 0;
  case '<': return p[1] == '=' ? GR_T_LE : 0;
  default: return 0;
  }
}

static void lex_punctuation(gr_lexer *l, const char *p) {
  bool sign = *p == '-';
  if ((sign || *p == '.') && (is(p + 1, DIGIT) || (sign && p[1] == '.' && is(p + 2, DIGIT)))) {
    lex_number(l, p);
    return;
  }
  if (sign && p[1] == 'i') {
    const char *q = name_end(p + 1);
    if (float_word(l, p, (size_t)(q - p))) {
      l->token.length = (uint32_t)(q - p);
      l->p = q;
      return;
    }
  }
  int two = two_characters(p);
  l->token.kind = two ? two : (unsigned char)*p;
  l->token.length = two ? 2 : 1;
  l->p = p + l->token.length;
}

static inline void lex_word(gr_lexer *l, const char *p) {
  const char *q = name_end(p);
  l->token.length = (uint32_t)(q - p);
  l->token.kind = GR_T_IDENT;
  l->p = q;
  if (l->token.length == 1 && *p == '_') l->token.kind = '_';
  if (l->token.length == 3 && (*p == 'i' || *p == 'n')) (void)float_word(l, p, 3);
}

/* Comments and line ends; `p` stands on neither space nor a token. */
static const char *skip_lines(gr_lexer *l, const char *p) {
  for (;;) {
    while (is(p, SPACE)) p++;
    if (*p == '#') {
      const char *newline = memchr(p, '\n', (size_t)(l->end - p));
      p = newline ? newline : l->end;
    }
    if (*p != '\n') return p;
    l->line_start = ++p;
    l->line++;
    l->token.line_start = true;
  }
}

static void lex_digits(gr_lexer *l, const char *p) {
  if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
    lex_hex(l, p);
  else
    lex_number(l, p);
  l->token.length = l->token.kind == GR_T_ERROR ? 1 : (uint32_t)(l->p - p);
}

/* The less frequent tokens, apart so that the frequent ones need no stack. */
__attribute__((noinline)) static void lex_other(gr_lexer *l, const char *p) {
  if (is(p, DIGIT)) {
    lex_digits(l, p);
  } else if (is(p, PUNCT)) {
    lex_punctuation(l, p);
  } else if (*p == '%' || *p == '@' || *p == '$') {
    lex_sigil(l, p);
  } else if (*p == '"') {
    lex_string(l, p, GR_T_STRING);
  } else if (p >= l->end) {
    l->token.kind = GR_T_END;
    l->token.length = 0;
    l->p = p;
  } else {
    fail(l, p, "unexpected character");
  }
}

static inline void lex_at(gr_lexer *l, const char *p) {
  gr_token *t = &l->token;
  t->line = l->line;
  t->column = (uint32_t)(p - l->line_start) + 1;
  t->source = l->line_start;
  t->text = p;
  t->length = 1;
  int class = class_of[(unsigned char)*p];
  if (class & LONE) {
    t->kind = (unsigned char)*p;
    l->p = p + 1;
  } else if (*p == '%' && is(p + 1, NAME)) {
    const char *q = name_end(p + 1);
    t->kind = GR_T_VALUE;
    t->text = p + 1;
    t->length = (uint32_t)(q - p) - 1;
    l->p = q;
    if (q == p + 1) lex_other(l, p);
  } else if ((class & (WORD | DIGIT)) == WORD) {
    lex_word(l, p);
  } else {
    lex_other(l, p);
  }
}

__attribute__((noinline)) static void lex_after_line(gr_lexer *l, const char *p) { lex_at(l, skip_lines(l, p)); }

void gr_lex_next(gr_lexer *l) {
  if (l->token.kind == GR_T_ERROR) return;
  l->token.line_start = false;
  const char *p = l->p;
  if (*p == ' ') p++;
  if (is(p, SPACE | LINE))
    lex_after_line(l, p);
  else
    lex_at(l, p);
}

void gr_lex_begin(gr_lexer *l, graft_context *c, gr_arena *decoded, const char *file, const char *text, size_t size) {
  *l = (gr_lexer){.context = c, .file = file, .decoded = decoded, .p = text, .end = text + size, .line_start = text};
  l->line = 1;
  if (size >= UINT32_MAX) {
    gr_error(c, GRAFT_UNSUPPORTED, (gr_loc){.file = file}, "a text of 4 GiB or more");
    l->token.kind = GR_T_ERROR;
    return;
  }
  gr_lex_next(l);
  l->token.line_start = true;
}

void gr_lex_seek(gr_lexer *l, const char *line_start, uint32_t line) {
  l->token.kind = GR_T_END;
  l->p = l->line_start = line_start;
  l->line = line;
  gr_lex_next(l);
  l->token.line_start = true;
}

/* ---- helpers of parsers ---- */

static const char *kind_name(int kind) {
  switch (kind) {
  case GR_T_END: return "end of file";
  case GR_T_IDENT: return "identifier";
  case GR_T_VALUE: return "%name";
  case GR_T_FAMILY: return "@name";
  case GR_T_CAPTURE: return "$name";
  case GR_T_INT: return "integer";
  case GR_T_FLOAT: return "number";
  case GR_T_STRING: return "string";
  case GR_T_ARROW: return "->";
  case GR_T_DOTS: return "..";
  case GR_T_EQ: return "==";
  case GR_T_NE: return "!=";
  case GR_T_GE: return ">=";
  case GR_T_LE: return "<=";
  default: return NULL;
  }
}

const char *gr_token_describe(const gr_token *t, char *buffer, size_t size) {
  int shown = t->length > 60 ? 60 : (int)t->length;
  const char *name = kind_name(t->kind);
  switch (t->kind) {
  case GR_T_IDENT:
  case GR_T_INT:
  case GR_T_FLOAT: (void)snprintf(buffer, size, "%.*s", shown, t->text); break;
  case GR_T_VALUE: (void)snprintf(buffer, size, "%%%.*s", shown, t->text); break;
  case GR_T_FAMILY: (void)snprintf(buffer, size, "@%.*s", shown, t->text); break;
  case GR_T_CAPTURE: (void)snprintf(buffer, size, "$%.*s", shown, t->text); break;
  case GR_T_STRING: (void)snprintf(buffer, size, "\"%.*s\"", shown, t->text); break;
  default:
    if (name)
      (void)snprintf(buffer, size, "%s", name);
    else
      (void)snprintf(buffer, size, "%c", t->kind);
  }
  return buffer;
}

graft_status gr_lex_unexpected(gr_lexer *l, const char *what) {
  if (l->token.kind == GR_T_ERROR) return GRAFT_SYNTAX;
  char found[80];
  gr_token_describe(&l->token, found, sizeof found);
  gr_error(l->context, GRAFT_SYNTAX, gr_lex_loc(l), "expected %s, found %s", what, found);
  l->token.kind = GR_T_ERROR;
  return GRAFT_SYNTAX;
}

bool gr_lex_expected(gr_lexer *l, int kind, const char *what) {
  char character[2] = {(char)kind, 0};
  if (!what) what = kind_name(kind);
  gr_lex_unexpected(l, what ? what : character);
  return false;
}

bool gr_lex_no_word(gr_lexer *l, const char *what, const char *const *words, size_t count) {
  if (l->token.kind == GR_T_ERROR) return false;
  char list[200] = "", found[80];
  size_t at = 0;
  for (size_t i = 0; i < count && at < sizeof list; i++)
    if (words[i]) at += (size_t)snprintf(list + at, sizeof list - at, at ? ", %s" : "%s", words[i]);
  gr_token_describe(&l->token, found, sizeof found);
  gr_closest near = gr_closest_begin(l->token.text, l->token.kind == GR_T_IDENT ? l->token.length : 0);
  gr_error(l->context, GRAFT_SYNTAX, gr_lex_loc(l), "expected %s (%s), found %s%s", what, list, found,
           gr_closest_of(&near, "", words, count));
  l->token.kind = GR_T_ERROR;
  return false;
}

bool gr_lex_number(gr_lexer *l, double *value) {
  if (l->token.kind == GR_T_INT)
    *value = (double)l->token.as.i;
  else if (l->token.kind == GR_T_FLOAT)
    *value = l->token.as.f;
  else
    return gr_lex_expect(l, GR_T_FLOAT, "a number");
  gr_lex_next(l);
  return true;
}

bool gr_lex_int(gr_lexer *l, int64_t lo, int64_t hi, const char *what, int64_t *value) {
  if (l->token.kind != GR_T_INT) return gr_lex_expect(l, GR_T_INT, what);
  if (l->token.as.i < lo || l->token.as.i > hi) {
    gr_error(l->context, GRAFT_SYNTAX, gr_lex_loc(l), "%s must lie in %" PRId64 "..%" PRId64, what, lo, hi);
    l->token.kind = GR_T_ERROR;
    return false;
  }
  *value = l->token.as.i;
  gr_lex_next(l);
  return true;
}

bool gr_lex_marks(gr_lexer *l, uint32_t *marks) {
  *marks = 0;
  if (!gr_lex_accept_word(l, "mark")) return true;
  do {
    uint32_t mark = l->token.kind == GR_T_IDENT ? gr_mark_find(l->token.text, l->token.length) : 0;
    const char *words[GR_MARK_COUNT];
    for (uint32_t i = 0; i < GR_MARK_COUNT; i++) words[i] = graft_mark_name(i);
    if (!mark) return gr_lex_no_word(l, "a mark", words, GR_MARK_COUNT);
    *marks |= mark;
    gr_lex_next(l);
  } while (gr_lex_accept(l, ','));
  return true;
}

bool gr_lex_accept_dtype(gr_lexer *l, graft_dtype *dtype) {
  graft_dtype d = l->token.kind == GR_T_IDENT ? gr_dtype_find(l->token.text, l->token.length) : GRAFT_UNKNOWN;
  if (d == GRAFT_UNKNOWN) return false;
  *dtype = d;
  gr_lex_next(l);
  return true;
}

bool gr_lex_dtype(gr_lexer *l, graft_dtype *dtype) {
  if (gr_lex_accept_dtype(l, dtype)) return true;
  const char *words[GRAFT_DTYPE_COUNT - GRAFT_F32];
  for (int d = GRAFT_F32; d < GRAFT_DTYPE_COUNT; d++) words[d - GRAFT_F32] = graft_dtype_name((graft_dtype)d);
  return gr_lex_no_word(l, "a dtype", words, sizeof words / sizeof *words);
}
