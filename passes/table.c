/* The pass table as data, and what the public interface tells about it. */
#include <stdio.h>
#include <string.h>

#include "passes/passes_impl.h"

#define BOOL(n, value) \
  { .kind = GR_OPTION_BOOL, .name = (n), .b = (value), .s = "" }
#define INT(n, value) \
  { .kind = GR_OPTION_INT, .name = (n), .i = (value), .s = "" }
#define STRING(n, value) \
  { .kind = GR_OPTION_STRING, .name = (n), .s = (value) }
#define LIST(n, value) \
  { .kind = GR_OPTION_LIST, .name = (n), .s = (value) }
#define CHOICE(n, value, all) \
  { .kind = GR_OPTION_CHOICE, .name = (n), .s = (value), .choices = (all) }
#define END_OPTION \
  { .kind = GR_OPTION_END }
#define OPTIONS(...) \
  { __VA_ARGS__ }

#define PASS(n, id, opts, text) {.name = (n), .run = gr_pass_##id, .options = opts, .doc = (text)},
#define OPEN_PASS(n, id, opts, text) {.name = (n), .run = gr_pass_##id, .open = true, .options = opts, .doc = (text)},
#define ALIAS(n, rules, text) {.name = (n), .run = gr_pass_rewrite, .members = (rules), .doc = (text)},
#define PIPELINE(n, text, help) {.name = (n), .members = (text), .doc = (help)},

static const gr_pass_info table[] = {
#include "passes/passes.def"
};

#define COUNT ((uint32_t)(sizeof table / sizeof table[0]))

uint32_t gr_pass_table_count(void) { return COUNT; }

const gr_pass_info *gr_pass_table_at(uint32_t index) { return index < COUNT ? &table[index] : NULL; }

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

size_t graft_pass_signature(uint32_t index, char *buffer, size_t size) {
  if (index >= COUNT) return append(buffer, size, 0, "", "", "");
  const gr_pass_info *info = &table[index];
  size_t at = append(buffer, size, 0, info->name, "", "");
  const char *between = "{";
  for (const gr_option_decl *o = info->options; o->kind != GR_OPTION_END; o++, between = ", ") {
    at = append(buffer, size, at, between, o->name, "=");
    char number[32];
    switch (o->kind) {
    case GR_OPTION_BOOL: at = append(buffer, size, at, o->b ? "true" : "false", "", ""); break;
    case GR_OPTION_INT:
      snprintf(number, sizeof number, "%lld", (long long)o->i);
      at = append(buffer, size, at, number, "", "");
      break;
    case GR_OPTION_CHOICE: at = append(buffer, size, at, o->choices, "", ""); break;
    case GR_OPTION_LIST: at = append(buffer, size, at, o->s[0] ? o->s : "A,B", "", ""); break;
    case GR_OPTION_STRING: at = append(buffer, size, at, o->s[0] ? o->s : "NAME", "", ""); break;
    case GR_OPTION_END: break;
    }
  }
  if (info->open) at = append(buffer, size, at, between, "…", ""), between = ", ";
  return between[0] == ',' ? append(buffer, size, at, "}", "", "") : at;
}
