/* The pass table as data, and what the public interface tells about it. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "passes/passes_impl.h"

#define BOOL(n, value) \
  { .kind = GR_OPTION_BOOL, .name = (n), .b = (value), .s = "" }
#define INT(n, value) \
  { .kind = GR_OPTION_INT, .name = (n), .i = (value), .s = "", .most = INFINITY }
#define FLOAT_IN(n, value, low, high) \
  { .kind = GR_OPTION_FLOAT, .name = (n), .f = (value), .s = "", .least = (low), .most = (high) }
#define STRING(n, value) \
  { .kind = GR_OPTION_STRING, .name = (n), .s = (value) }
#define LIST(n, value) \
  { .kind = GR_OPTION_LIST, .name = (n), .s = (value) }
#define CHOICE(n, value, all) \
  { .kind = GR_OPTION_CHOICE, .name = (n), .s = (value), .choices = (all) }
#define END_OPTION \
  { .kind = GR_OPTION_END }
#define OPTIONS(...) \
  (const gr_option_decl[]) { __VA_ARGS__, END_OPTION }

#define PASS(n, id, opts, text) {.name = (n), .run = gr_pass_##id, .options = opts, .doc = (text)},
#define MARKING_PASS(n, id, mark, opts, text) \
  {.name = (n), .run = gr_pass_##id, .marks = GR_MARK_##mark, .options = opts, .doc = (text)},
#define CHECKED_PASS(n, id, opts, text) \
  {.name = (n), .run = gr_pass_##id, .check = gr_check_##id, .options = opts, .doc = (text)},
#define CHECKED_MARKING_PASS(n, id, mark, opts, text) \
  {.name = (n), .run = gr_pass_##id, .check = gr_check_##id, .marks = GR_MARK_##mark, .options = opts, .doc = (text)},
#define OPEN_PASS(n, id, opts, text) \
  {.name = (n), .run = gr_pass_##id, .check = gr_check_##id, .open = true, .options = opts, .doc = (text)},
#define ALIAS(n, rules, text) \
  {.name = (n), .run = gr_pass_rewrite, .members = (rules), .options = NO_OPTIONS, .doc = (text)},
#define PIPELINE(n, text, help) {.name = (n), .members = (text), .options = NO_OPTIONS, .doc = (help)},

static const gr_pass_info table[] = {
#include "passes/passes.def"
};

#define COUNT ((uint32_t)(sizeof table / sizeof table[0]))

const gr_pass_info *gr_pass_find(const char *name, size_t length) {
  for (uint32_t i = 0; i < COUNT; i++)
    if (strlen(table[i].name) == length && memcmp(table[i].name, name, length) == 0) return &table[i];
  return NULL;
}

uint32_t graft_pass_count(void) { return COUNT; }

const char *graft_pass_name(uint32_t index) { return index < COUNT ? table[index].name : NULL; }

const char *graft_pass_doc(uint32_t index) { return index < COUNT ? table[index].doc : NULL; }

const char *graft_pass_members(uint32_t index) {
  return index < COUNT && !table[index].run ? table[index].members : "";
}

/* snprintf at the end of what is there already; returns the length so far. */
static size_t append(char *buffer, size_t size, size_t at, const char *a, const char *b, const char *c) {
  int n = snprintf(at < size ? buffer + at : NULL, at < size ? size - at : 0, "%s%s%s", a, b, c);
  return n < 0 ? at : at + (size_t)n;
}

typedef struct signature {
  char *buffer;
  size_t size, at;
  const char *between;
  const char *seen[32]; /* members may share an option */
  uint32_t seen_count;
} signature;

static void add_option(signature *s, const gr_option_decl *o) {
  char number[32];
  for (uint32_t i = 0; i < s->seen_count; i++)
    if (strcmp(s->seen[i], o->name) == 0) return;
  if (s->seen_count < sizeof s->seen / sizeof s->seen[0]) s->seen[s->seen_count++] = o->name;
  snprintf(number, sizeof number, "%lld", (long long)o->i);
  const char *value = "";
  switch (o->kind) {
  case GR_OPTION_BOOL: value = o->b ? "true" : "false"; break;
  case GR_OPTION_INT: value = number; break;
  case GR_OPTION_FLOAT:
    snprintf(number, sizeof number, "%.15g", o->f);
    value = number;
    break;
  case GR_OPTION_CHOICE: value = o->choices; break;
  case GR_OPTION_LIST: value = o->s[0] ? o->s : "A,B"; break;
  case GR_OPTION_STRING: value = o->s[0] ? o->s : "NAME"; break;
  case GR_OPTION_END: break;
  }
  s->at = append(s->buffer, s->size, s->at, s->between, o->name, "=");
  s->at = append(s->buffer, s->size, s->at, value, "", "");
  s->between = ", ";
}

/* Is `name` among the options that come here for the pass just read? */
static bool is_preset(gr_pipe_reader options, const char *name) {
  for (gr_pipe_piece p; (p = gr_pipe_next(&options)).kind == GR_PIPE_OPTION;)
    if (strlen(name) == p.length && memcmp(name, p.text, p.length) == 0) return true;
  return false;
}

/* A pipeline's options are its members', except those that its text sets. */
static bool add_members(signature *s, const char *members) {
  bool is_open = false;
  gr_pipe_reader r;
  gr_pipe_begin(&r, members);
  for (gr_pipe_piece p; (p = gr_pipe_next(&r)).kind == GR_PIPE_PASS || p.kind == GR_PIPE_OPTION;) {
    const gr_pass_info *info = p.kind == GR_PIPE_PASS ? gr_pass_find(p.text, p.length) : NULL;
    for (const gr_option_decl *o = info && info->run ? info->options : NULL; o && o->kind != GR_OPTION_END; o++)
      if (!is_preset(r, o->name)) add_option(s, o);
    if (info) is_open |= info->run ? info->open : add_members(s, info->members);
  }
  return is_open;
}

size_t graft_pass_signature(uint32_t index, char *buffer, size_t size) {
  if (index >= COUNT) return append(buffer, size, 0, "", "", "");
  const gr_pass_info *info = &table[index];
  signature s = {.buffer = buffer, .size = size, .between = "{"};
  s.at = append(buffer, size, 0, info->name, "", "");
  bool is_open = info->open;
  if (info->run)
    for (const gr_option_decl *o = info->options; o->kind != GR_OPTION_END; o++) add_option(&s, o);
  else
    is_open = add_members(&s, info->members);
  if (is_open) s.at = append(buffer, size, s.at, s.between, "…", ""), s.between = ", ";
  return s.between[0] == ',' ? append(buffer, size, s.at, "}", "", "") : s.at;
}

size_t graft_pass_describe(const graft_pass *pass, char *buffer, size_t size) {
  graft_pass p = {0};
  if (!gr_copy_options(&p, sizeof p, pass) || !p.name) return append(buffer, size, 0, "", "", "");
  signature s = {.buffer = buffer, .size = size, .between = "{"};
  s.at = append(buffer, size, 0, p.name, "", "");
  const size_t stride = p.options ? p.options->size : 0;
  for (uint32_t i = 0; i < p.option_count && p.options; i++) {
    graft_option o = {0};
    if (!gr_copy_options(&o, sizeof o, (const char *)p.options + i * stride)) break;
    if (!o.name) continue;
    static const char *const none[] = {"false", "0", "0", "NAME", "A,B", ""};
    const char *value = o.value ? o.value : (size_t)o.kind < sizeof none / sizeof *none ? none[o.kind] : "";
    if (o.kind == GRAFT_OPTION_CHOICE && o.choices) value = o.choices;
    s.at = append(buffer, size, s.at, s.between, o.name, "=");
    s.at = append(buffer, size, s.at, value, "", "");
    s.between = ", ";
  }
  return s.between[0] == ',' ? append(buffer, size, s.at, "}", "", "") : s.at;
}
