/* What every part of the parser stands on: errors, strings, names. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ir/formats/text/parse_impl.h"

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

/* ---- names ---- */

const char *gr_parse_string(parser *p, const gr_token *t) {
  if (memchr(t->text, '\0', t->length)) {
    gr_parse_fail(p, GRAFT_SYNTAX, t, "a NUL character in a string");
    return NULL;
  }
  return gr_arena_copy(&p->scratch, t->text, t->length);
}

bool gr_parse_name(parser *p, const gr_token *t, gr_name *name) {
  if (t->length == 0 || memchr(t->text, '\0', t->length))
    return gr_parse_fail(p, GRAFT_SYNTAX, t, "a name is empty or holds a NUL character");
  *name = gr_name_split(p->module, t->text, t->length);
  if (name->base == GRAFT_NONE) return false;
  gr_name_taken(p->module, *name);
  return true;
}

/* Nodes read tensors mostly in the order of their lines: is this the one after the last? */
static bool next_tensor(parser *p, const gr_token *t) {
  const graft_module *m = p->module;
  if (p->next_tensor >= m->tensors.len) return false;
  gr_name name = m->tensors.data[p->next_tensor].name;
  return name.number == 0 && gr_string_length(m, name.base) == t->length &&
         memcmp(gr_string_text(m, name.base), t->text, t->length) == 0;
}

graft_value gr_parse_lookup(parser *p, const gr_token *t) {
  if (next_tensor(p, t)) return gr_handle(p->graph, p->next_tensor++);
  gr_name name = gr_name_split(p->module, t->text, t->length);
  if (name.base == GRAFT_NONE) return GRAFT_NONE;
  uint32_t what = gr_scope_get(&p->scope, name);
  if (what == GRAFT_NONE) {
    gr_parse_fail(p, GRAFT_NAME, t, "%%%.*s is not defined before this", (int)t->length, t->text);
    return GRAFT_NONE;
  }
  if (!(what & SCOPE_TENSOR)) return what;
  p->next_tensor = (what & ~SCOPE_TENSOR) + 1;
  return gr_handle(p->graph, p->next_tensor - 1);
}
