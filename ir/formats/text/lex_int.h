/* The lexer of the text form and of the pattern language (rules, quantizers, pipelines).
 *
 * The text must be followed by a NUL (text[size] == 0) and outlive the tokens. A parser looks at `l->token`, and asks
 * for the next one with gr_lex_next. Statements that end at a line's end look at `token.line_start`. After a lexical
 * error, which has been reported, every further token is GR_T_ERROR: parsers then only have to leave, and the helpers
 * below stay silent. A gr_lexer may be copied to look ahead. */
#ifndef GRAFT_LEX_INT_H
#define GRAFT_LEX_INT_H

#include "ir/ir_int.h"

/* A one-character token has that character as its kind: { } [ ] ( ) < > , : ; = ? | & ! + * - / . ^ ~ and a lone _ */
typedef enum gr_token_kind {
  GR_T_END = 0,
  GR_T_ERROR = 256, /* reported already */
  GR_T_IDENT,       /* conv2d  per-channel  a.b/c_1 */
  GR_T_VALUE,       /* %name  %layer1.0/conv  %"any text": text is the name without the sigil */
  GR_T_FAMILY,      /* @conv  @conv.weight_axis  @"any text" */
  GR_T_CAPTURE,     /* $stride */
  GR_T_INT,         /* 64 bits with sign; hexadecimal ones (0x…) may use all 64 bits */
  GR_T_FLOAT,       /* 1.5  -2e-05  inf  -inf  nan */
  GR_T_STRING,      /* "text": decoded, may hold NUL bytes */
  GR_T_ARROW,       /* -> */
  GR_T_DOTS,        /* .. */
  GR_T_EQ,          /* == */
  GR_T_NE,          /* != */
  GR_T_GE,          /* >= */
  GR_T_LE           /* <= */
} gr_token_kind;

typedef struct gr_token {
  int kind;
  bool line_start; /* the first token of its line */
  uint32_t line, column;
  uint32_t length;
  const char *text;   /* of names and strings without sigil and quotes, decoded, NOT NUL-terminated; else as written */
  const char *source; /* start of the line */
  union {
    int64_t i;
    double f; /* also of an integer read through gr_lex_number */
  } as;
} gr_token;

typedef struct gr_lexer {
  gr_token token; /* the current one */
  const char *p, *end;
  const char *line_start;
  uint32_t line;
  graft_context *context;
  const char *file;
  gr_arena *decoded; /* strings with escapes */
  bool quiet;        /* looking ahead: errors are not reported */
} gr_lexer;

/* Reads the first token. `decoded` outlives the tokens too; `size` is below 4 GiB. */
void gr_lex_begin(gr_lexer *l, graft_context *c, gr_arena *decoded, const char *file, const char *text, size_t size);
void gr_lex_next(gr_lexer *l);
/* Takes the current token if it is of this kind. */
static inline bool gr_lex_accept(gr_lexer *l, int kind) {
  if (l->token.kind != kind) return false;
  gr_lex_next(l);
  return true;
}
/* Takes the current token, and the character `c` too where it follows at once: is it so? */
static inline bool gr_lex_next_past(gr_lexer *l, char c) {
  bool follows = *l->p == c;
  l->p += follows;
  gr_lex_next(l);
  return follows;
}
/* The same as gr_lex_accept, or an error "expected WHAT, found …"; `what` NULL: the kind's own name. */
bool gr_lex_expected(gr_lexer *l, int kind, const char *what); /* the error; false */
static inline bool gr_lex_expect(gr_lexer *l, int kind, const char *what) {
  return gr_lex_accept(l, kind) || gr_lex_expected(l, kind, what);
}
/* Is the current token this identifier? */
static inline bool gr_lex_is(const gr_lexer *l, const char *word) {
  size_t length = __builtin_strlen(word);
  return l->token.kind == GR_T_IDENT && l->token.length == length && __builtin_memcmp(l->token.text, word, length) == 0;
}
static inline bool gr_lex_accept_word(gr_lexer *l, const char *word) {
  if (!gr_lex_is(l, word)) return false;
  gr_lex_next(l);
  return true;
}
/* Takes an integer or a float as a double. */
bool gr_lex_number(gr_lexer *l, double *value);
/* Takes an integer of lo..hi. */
bool gr_lex_int(gr_lexer *l, int64_t lo, int64_t hi, const char *what, int64_t *value);
/* Takes a dtype's name (f32 … bool). */
bool gr_lex_accept_dtype(gr_lexer *l, graft_dtype *dtype);
/* The same, or an error that says which there are. */
bool gr_lex_dtype(gr_lexer *l, graft_dtype *dtype);
/* Reports "expected WHAT (its words), found …", and the word that is near to what was found; false. NULLs are passed
 * over. */
bool gr_lex_no_word(gr_lexer *l, const char *what, const char *const *words, size_t count);
/* Reports "expected WHAT, found …" at the current token and turns it into GR_T_ERROR. */
graft_status gr_lex_unexpected(gr_lexer *l, const char *what);
/* Goes to the start of a line and reads the first token from there on: after an error, for parsers that report all of a
 * file. */
void gr_lex_seek(gr_lexer *l, const char *line_start, uint32_t line);
gr_loc gr_token_loc(const gr_lexer *l, const gr_token *t);
static inline gr_loc gr_lex_loc(const gr_lexer *l) { return gr_token_loc(l, &l->token); }
/* "identifier conv2d", "end of file": for messages, into `buffer`. */
const char *gr_token_describe(const gr_token *t, char *buffer, size_t size);
static inline bool gr_token_same(const gr_token *a, const gr_token *b) {
  return a->length == b->length && __builtin_memcmp(a->text, b->text, a->length) == 0;
}

/* `mark inserted, training_form`, where it stands: the marks, as bits. */
bool gr_lex_marks(gr_lexer *l, uint32_t *marks);
/* Would this name need no quotes after % and @? */
bool gr_lex_plain_name(const char *text, size_t length);

#endif
