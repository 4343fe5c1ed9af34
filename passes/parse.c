/* Pipeline text, NAME{option=value, option=a,b, option="a,b"}, NAME …: read piece by piece without memory (the table's
 * own rows are read so too), and as items in an arena, each with its members. Each error has a caret into the text. */
#include <assert.h>
#include <string.h>

#include "passes/modules_impl.h"
#include "passes/passes_impl.h"

enum { MAX_DEPTH = 8, MAX_OPTIONS_GIVEN = 64 }; /* of named pipelines inside named pipelines */

/* ---- pieces ---- */

static gr_loc here(const gr_pipe_reader *r) {
  return (gr_loc){
      .file = "pipeline", .line = r->line, .column = (uint32_t)(r->at - r->line_start) + 1, .source = r->line_start};
}

static void skip_blanks(gr_pipe_reader *r) {
  for (;; r->at++) {
    if (*r->at == '\n') {
      r->line++;
      r->line_start = r->at + 1;
    } else if (*r->at != ' ' && *r->at != '\t' && *r->at != '\r') {
      return;
    }
  }
}

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && strchr("_-.:/+$", c));
}

static uint32_t word_length(const char *s) {
  uint32_t n = 0;
  while (is_word(s[n])) n++;
  return n;
}

static gr_pipe_piece wrong(gr_loc where, const char *message) {
  return (gr_pipe_piece){.kind = GR_PIPE_ERROR, .text = message, .where = where};
}

static bool accept(gr_pipe_reader *r, char c) {
  skip_blanks(r);
  if (*r->at != c) return false;
  r->at++;
  return true;
}

/* Takes "quoted text", with \" and \\; false: it does not end. */
static bool take_quoted(gr_pipe_reader *r) {
  for (r->at++; *r->at != '"'; r->at++) {
    if (*r->at == '\\' && (r->at[1] == '"' || r->at[1] == '\\')) r->at++;
    if (*r->at == '\0' || *r->at == '\n') return false;
  }
  r->at++;
  return true;
}

/* Does another item of a list follow the comma here, and not the next option? */
static bool list_goes_on(const gr_pipe_reader *r) {
  gr_pipe_reader ahead = *r;
  if (!accept(&ahead, ',')) return false;
  skip_blanks(&ahead);
  if (*ahead.at == '"') return true;
  uint32_t n = word_length(ahead.at);
  ahead.at += n;
  return n > 0 && !accept(&ahead, '=');
}

/* name = value, the value as written: words or quoted texts with commas between. */
static gr_pipe_piece read_option(gr_pipe_reader *r) {
  skip_blanks(r);
  gr_pipe_piece o = {.kind = GR_PIPE_OPTION, .text = r->at, .length = word_length(r->at), .where = here(r)};
  if (o.length == 0) return wrong(o.where, "expected an option's name");
  r->at += o.length;
  if (!accept(r, '=')) return wrong(here(r), "expected '=' after the option's name");
  skip_blanks(r);
  o.value = r->at;
  o.value_where = here(r);
  for (;;) {
    skip_blanks(r);
    gr_loc where = here(r);
    uint32_t n = word_length(r->at);
    if (*r->at != '"' && n == 0) return wrong(where, "expected a value (a word, or \"text\")");
    if (*r->at == '"' && !take_quoted(r)) return wrong(where, "the quoted text does not end");
    r->at += n;
    o.value_length = (uint32_t)(r->at - o.value);
    if (!list_goes_on(r)) return o;
    accept(r, ',');
  }
}

void gr_pipe_begin(gr_pipe_reader *r, const char *text) {
  *r = (gr_pipe_reader){.at = text, .line_start = text, .line = 1, .first = true};
}

gr_pipe_piece gr_pipe_next(gr_pipe_reader *r) {
  if (r->options && accept(r, ',')) return read_option(r);
  if (r->options && !accept(r, '}')) return wrong(here(r), "expected ',' or '}'");
  if (!r->options && !r->first && accept(r, '{') && !accept(r, '}')) {
    r->options = true;
    return read_option(r);
  }
  r->options = false;
  bool more = r->first || accept(r, ',');
  skip_blanks(r);
  if (*r->at == '\0' && (r->first || !more)) return (gr_pipe_piece){.kind = GR_PIPE_END};
  if (!more) return wrong(here(r), "expected ',' or the end of the pipeline");
  r->first = false;
  gr_pipe_piece pass = {.kind = GR_PIPE_PASS, .text = r->at, .length = word_length(r->at), .where = here(r)};
  if (pass.length == 0) return wrong(pass.where, "expected a pass");
  r->at += pass.length;
  return pass;
}

graft_status gr_options_check(graft_context *c, gr_arena *arena, gr_loc where, const char *options) {
  gr_pipe_reader r;
  if (!options[0]) return GRAFT_OK;
  const char *text = gr_text(arena, "options{%s}", options);
  if (!text) return GRAFT_NO_MEMORY;
  gr_pipe_begin(&r, text);
  gr_pipe_piece p = gr_pipe_next(&r);
  for (; p.kind == GR_PIPE_PASS || p.kind == GR_PIPE_OPTION; p = gr_pipe_next(&r))
    if (p.kind == GR_PIPE_PASS && p.text != text) break;
  if (p.kind == GR_PIPE_END) return GRAFT_OK;
  return gr_error(c, GRAFT_SYNTAX, where, "these are no options of a quantizer, as \"per-channel=true\": %s%s%s",
                  options, p.kind == GR_PIPE_ERROR ? ": " : "", p.kind == GR_PIPE_ERROR ? p.text : "");
}

/* ---- items ---- */

static graft_status refuse(graft_context *c, const gr_pipe_piece *p) {
  bool end = p->where.source && p->where.source[p->where.column - 1] == '\0';
  return gr_error(c, GRAFT_SYNTAX, p->where, "%s%s", p->text, end ? ", not the end of the pipeline" : "");
}

/* The items of a list joined by commas, without blanks and quotes; NULL for no memory. */
static const char *decode(gr_arena *arena, const gr_pipe_piece *p) {
  char *text = gr_arena_alloc(arena, (size_t)p->value_length + 1), *out = text;
  bool quoted = false;
  for (uint32_t i = 0; text && i < p->value_length; i++) {
    char c = p->value[i];
    if (c == '"') {
      quoted = !quoted;
      continue;
    }
    if (quoted && c == '\\' && (p->value[i + 1] == '"' || p->value[i + 1] == '\\')) c = p->value[++i];
    if (quoted || !strchr(" \t\r\n", c)) *out++ = c;
  }
  if (text) *out = '\0';
  return text;
}

static graft_status add_option(gr_arena *arena, const gr_pipe_piece *p, gr_pipe_item *item) {
  graft_context *c = arena->context;
  gr_pipe_option **end = &item->options, *o = gr_arena_alloc(arena, sizeof *o);
  if (!o) return GRAFT_NO_MEMORY;
  *o = (gr_pipe_option){.text = {.name = gr_arena_copy(arena, p->text, p->length),
                                 .value = decode(arena, p),
                                 .name_where = p->where,
                                 .value_where = p->value_where}};
  if (!o->text.name || !o->text.value) return GRAFT_NO_MEMORY;
  uint32_t count = 0;
  for (; *end; end = &(*end)->next, count++)
    if (strcmp((*end)->text.name, o->text.name) == 0)
      return gr_error(c, GRAFT_SYNTAX, p->where, "option '%s' is given twice", o->text.name);
  if (count == MAX_OPTIONS_GIVEN) return gr_error(c, GRAFT_SYNTAX, p->where, "more than %d options", MAX_OPTIONS_GIVEN);
  *end = o;
  return GRAFT_OK;
}

static graft_status parse(gr_arena *arena, const gr_own *own, const char *text, uint32_t depth, gr_pipe_item **items);

static graft_status add_pass(gr_arena *arena, const gr_own *own, const gr_pipe_piece *p, uint32_t depth,
                             gr_pipe_item **made) {
  graft_context *c = arena->context;
  const gr_pass_info *info = gr_own_pass_find(own, p->text, p->length);
  if (!info) {
    gr_closest near = gr_closest_begin(p->text, p->length);
    for (uint32_t i = 0; i < graft_pass_count(); i++)
      gr_closest_offer(&near, graft_pass_name(i), strlen(graft_pass_name(i)));
    for (uint32_t i = 0; i < own->passes.len; i++)
      gr_closest_offer(&near, own->passes.data[i]->name, strlen(own->passes.data[i]->name));
    const char *hint = gr_closest_hint(&near, "");
    return gr_error(c, GRAFT_NAME, p->where, "no pass is called '%.*s'%s", (int)(p->length < 80 ? p->length : 80),
                    p->text, near.word ? hint : " (--list-passes lists them)");
  }
  gr_pipe_item *item = gr_arena_alloc(arena, sizeof *item);
  if (!item) return GRAFT_NO_MEMORY;
  *item = (gr_pipe_item){.info = info};
  *made = item;
  if (info->run) return GRAFT_OK;
  if (depth == MAX_DEPTH)
    return gr_error(c, GRAFT_PASS, p->where, "the pipeline '%s' contains itself, or stands in more than %d others",
                    info->name, MAX_DEPTH);
  return parse(arena, own, info->members, depth + 1, &item->members);
}

static graft_status parse(gr_arena *arena, const gr_own *own, const char *text, uint32_t depth, gr_pipe_item **items) {
  gr_pipe_reader r;
  gr_pipe_item **end = items, *item = NULL;
  *items = NULL;
  gr_pipe_begin(&r, text);
  for (;;) {
    gr_pipe_piece p = gr_pipe_next(&r);
    graft_status s = GRAFT_OK;
    switch (p.kind) {
    case GR_PIPE_END: return GRAFT_OK;
    case GR_PIPE_ERROR: return refuse(arena->context, &p);
    case GR_PIPE_OPTION:
      assert(item); /* a pass was read before */
      s = add_option(arena, &p, item);
      break;
    case GR_PIPE_PASS:
      s = add_pass(arena, own, &p, depth, &item);
      *end = item;
      if (item) end = &item->next;
      break;
    }
    if (s) return s;
  }
}

graft_status gr_pipeline_parse(gr_arena *arena, const gr_own *own, const char *text, gr_pipe_item **items) {
  return parse(arena, own, text, 0, items);
}

/* ---- lists ---- */

bool gr_is_or_below(const char *name, const char *item, size_t length) {
  return strncmp(name, item, length) == 0 && (name[length] == '\0' || name[length] == '.');
}

char *gr_name_text(gr_pass *p, gr_name name, const char *suffix) {
  const size_t length = gr_name_format(p->module, name, NULL, 0), size = length + strlen(suffix) + 1;
  char *text = gr_arena_alloc(&p->text, size);
  if (!text) return NULL;
  gr_name_format(p->module, name, text, size);
  memcpy(text + length, suffix, size - length);
  return text;
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

const char **gr_list_split(gr_arena *arena, const char *names, uint32_t *count) {
  uint32_t most = 1;
  for (const char *s = names; *s; s++) most += *s == ',';
  const char **list = gr_arena_alloc(arena, most * sizeof *list);
  const char *item;
  size_t length;
  *count = 0;
  for (const char *at = names; list && gr_list_next(&at, &item, &length);) {
    list[*count] = gr_arena_copy(arena, item, length);
    if (!list[(*count)++]) return NULL;
  }
  return list;
}
