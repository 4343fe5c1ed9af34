/* Pipeline text: NAME{option=value, option=a,b, option="a,b"}, NAME … Each error has a caret into the text. */
#include <string.h>

#include "passes/passes_impl.h"

typedef struct parser {
  gr_arena *arena;
  const char *at;
  const char *line_start;
  uint32_t line;
  char *values; /* room for all values to come: together they are never longer than the text left */
} parser;

enum { MAX_OPTIONS_GIVEN = 64 };

static gr_loc here(const parser *p) {
  return (gr_loc){
      .file = "pipeline", .line = p->line, .column = (uint32_t)(p->at - p->line_start) + 1, .source = p->line_start};
}

static void skip_blanks(parser *p) {
  for (;; p->at++) {
    if (*p->at == '\n') {
      p->line++;
      p->line_start = p->at + 1;
    } else if (*p->at != ' ' && *p->at != '\t' && *p->at != '\r') {
      return;
    }
  }
}

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && strchr("_-.:/+$", c));
}

static size_t word_length(const char *s) {
  size_t n = 0;
  while (is_word(s[n])) n++;
  return n;
}

static graft_status syntax(parser *p, const char *expected) {
  graft_context *c = p->arena->context;
  if (*p->at == '\0') return gr_error(c, GRAFT_SYNTAX, here(p), "expected %s, not the end of the pipeline", expected);
  return gr_error(c, GRAFT_SYNTAX, here(p), "expected %s", expected);
}

static bool accept(parser *p, char c) {
  skip_blanks(p);
  if (*p->at != c) return false;
  p->at++;
  return true;
}

/* "quoted", with \" and \\. Appends to out; *used is its length. */
static graft_status quoted(parser *p, char *out, size_t *used) {
  gr_loc start = here(p);
  for (p->at++; *p->at != '"'; p->at++) {
    if (*p->at == '\0' || *p->at == '\n')
      return gr_error(p->arena->context, GRAFT_SYNTAX, start, "the quoted text does not end");
    if (*p->at == '\\' && (p->at[1] == '"' || p->at[1] == '\\')) p->at++;
    out[(*used)++] = *p->at;
  }
  p->at++;
  return GRAFT_OK;
}

/* Does another item of a list follow the comma here, and not the next option or the next pass? */
static bool list_goes_on(const parser *p) {
  parser ahead = *p;
  if (!accept(&ahead, ',')) return false;
  skip_blanks(&ahead);
  if (*ahead.at == '"') return true;
  size_t n = word_length(ahead.at);
  if (n == 0) return false;
  ahead.at += n;
  return !accept(&ahead, '=');
}

/* A word or quoted text, or several of them with commas between. */
static graft_status value(parser *p, gr_pipe_option *o) {
  skip_blanks(p);
  o->value_where = here(p);
  char *out = p->values;
  size_t used = 0;
  for (;;) {
    skip_blanks(p);
    if (*p->at == '"') {
      graft_status s = quoted(p, out, &used);
      if (s) return s;
    } else {
      size_t n = word_length(p->at);
      if (n == 0) return syntax(p, "a value (a word, or \"text\")");
      memcpy(out + used, p->at, n);
      used += n;
      p->at += n;
    }
    if (!list_goes_on(p)) break;
    accept(p, ',');
    out[used++] = ',';
  }
  out[used++] = '\0';
  p->values += used;
  o->value = out;
  return GRAFT_OK;
}

static graft_status option(parser *p, gr_pipe_item *item, gr_pipe_option **made) {
  graft_context *c = p->arena->context;
  skip_blanks(p);
  gr_loc where = here(p);
  size_t n = word_length(p->at);
  if (n == 0) return syntax(p, "an option's name");
  gr_pipe_option *o = gr_arena_alloc(p->arena, sizeof *o);
  if (!o) return gr_no_memory(c);
  *o = (gr_pipe_option){.name = gr_arena_copy(p->arena, p->at, n), .name_where = where};
  if (!o->name) return gr_no_memory(c);
  uint32_t count = 0;
  for (const gr_pipe_option *other = item->options; other; other = other->next, count++)
    if (strcmp(other->name, o->name) == 0)
      return gr_error(c, GRAFT_SYNTAX, where, "option '%s' is given twice", o->name);
  if (count == MAX_OPTIONS_GIVEN) return gr_error(c, GRAFT_SYNTAX, where, "more than %d options", MAX_OPTIONS_GIVEN);
  p->at += n;
  if (!accept(p, '=')) return syntax(p, "'=' after the option's name");
  *made = o;
  return value(p, o);
}

static graft_status options(parser *p, gr_pipe_item *item) {
  if (!accept(p, '{') || accept(p, '}')) return GRAFT_OK;
  gr_pipe_option *last = NULL;
  do {
    gr_pipe_option *o = NULL;
    graft_status s = option(p, item, &o);
    if (s) return s;
    if (last)
      last->next = o;
    else
      item->options = o;
    last = o;
  } while (accept(p, ','));
  return accept(p, '}') ? GRAFT_OK : syntax(p, "',' or '}'");
}

graft_status gr_pipeline_parse(gr_arena *arena, const char *text, gr_pipe_item **items) {
  graft_context *c = arena->context;
  parser p = {.arena = arena, .at = text, .line_start = text, .line = 1};
  gr_pipe_item **end = items;
  *items = NULL;
  p.values = gr_arena_alloc(arena, strlen(text) + 1);
  if (!p.values) return gr_no_memory(c);
  skip_blanks(&p);
  if (*p.at == '\0') return GRAFT_OK;
  do {
    skip_blanks(&p);
    size_t n = word_length(p.at);
    if (n == 0) return syntax(&p, "a pass");
    const gr_pass_info *info = gr_pass_find(p.at, n);
    if (!info)
      return gr_error(c, GRAFT_NAME, here(&p), "no pass is called '%.*s' (--list-passes lists them)",
                      (int)(n < 80 ? n : 80), p.at);
    gr_pipe_item *item = gr_arena_alloc(arena, sizeof *item);
    if (!item) return gr_no_memory(c);
    *item = (gr_pipe_item){.info = info, .where = here(&p)};
    p.at += n;
    *end = item;
    end = &item->next;
    graft_status s = options(&p, item);
    if (s) return s;
  } while (accept(&p, ','));
  skip_blanks(&p);
  return *p.at == '\0' ? GRAFT_OK : syntax(&p, "',' or the end of the pipeline");
}

bool gr_list_next(const char **at, const char **item, size_t *length) {
  for (const char *s = *at; s;) {
    const char *comma = strchr(s, ',');
    const char *stop = comma ? comma : s + strlen(s);
    *at = comma ? comma + 1 : NULL;
    while (s < stop && *s == ' ') s++;
    while (stop > s && stop[-1] == ' ') stop--;
    if (stop > s) {
      *item = s;
      *length = (size_t)(stop - s);
      return true;
    }
    s = *at;
  }
  return false;
}
