/* Nodes by source name: what the options scope=, name= and skip-name= mean. */
#include <stdio.h>
#include <string.h>

#include "passes/quant_impl.h"

bool gr_selector_init(gr_selector *s, graft_context *c, const char *list) {
  const char *at = list, *item;
  size_t length;
  memset(s, 0, sizeof *s);
  gr_arena_init(&s->arena, c);
  while (gr_list_next(&at, &item, &length)) {
    const char *copy = gr_arena_copy(&s->arena, item, length);
    if (!copy || !gr_vec_push(c, &s->names, copy)) return gr_selector_free(s), false;
  }
  return true;
}

void gr_selector_free(gr_selector *s) {
  gr_vec_free(s->arena.context, &s->names);
  gr_arena_free(&s->arena);
}

size_t gr_source_path(graft_graph *g, graft_node n, char *buffer, size_t size) {
  graft_module *m = g->module;
  uint32_t source = gr_record_source(m, gr_node_at(g, n)->provenance);
  const char *name = source ? gr_string_text(m, source) : gr_node_label(g, n);
  if (name[0] != '/') return (size_t)snprintf(buffer, size, "%s", name);
  /* Of /a/a.b/c/Conv component a.b replaces a, then c and Conv follow: a.b.c.Conv */
  size_t length = 0, last = 0;
  for (const char *p = name + 1; *p;) {
    size_t part = strcspn(p, "/"), before = length - last;
    bool replaces =
        length > 0 && part > before && length < size && p[before] == '.' && memcmp(p, buffer + last, before) == 0;
    if (replaces)
      length = last;
    else if (length > 0)
      length += (size_t)snprintf(length < size ? buffer + length : NULL, length < size ? size - length : 0, ".");
    last = length;
    length += (size_t)snprintf(length < size ? buffer + length : NULL, length < size ? size - length : 0, "%.*s",
                               (int)part, p);
    p += part;
    if (*p == '/') p++;
  }
  return length;
}

/* Is the path the name, or below it? */
static bool is_below(const char *path, const char *name, size_t length) {
  return strncmp(path, name, length) == 0 && (!path[length] || path[length] == '.');
}

uint32_t gr_selector_find(const gr_selector *s, const char *path) {
  uint32_t best = 0;
  size_t longest = 0;
  for (uint32_t i = 0; i < s->names.len; i++) {
    const char *name = s->names.data[i];
    size_t length = strlen(name);
    if (length < longest || !is_below(path, name, length)) continue;
    best = i + 1;
    longest = length;
  }
  return best;
}

uint32_t *gr_scope_of_nodes(graft_graph *g, const char *list) {
  graft_context *c = g->module->context;
  gr_selector s;
  uint32_t *scope = gr_calloc(c, g->nodes.len, sizeof *scope);
  if (!scope) return NULL;
  if (!gr_selector_init(&s, c, list)) return gr_free(c, scope, g->nodes.len * sizeof *scope), NULL;
  for (graft_node n = 0; s.names.len == 0 && n < g->nodes.len; n++) scope[n] = 1;
  char path[1024];
  for (graft_node n = g->first; s.names.len && n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    gr_source_path(g, n, path, sizeof path);
    scope[n] = gr_selector_find(&s, path);
  }
  gr_selector_free(&s);
  return scope;
}

graft_status gr_selector_check(gr_pass *p, const char *option) {
  gr_selector s;
  char path[1024];
  if (!gr_option_given(p, option)) return GRAFT_OK;
  if (!gr_selector_init(&s, p->context, gr_option_string(p, option))) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < s.names.len; i++) {
    size_t length = strlen(s.names.data[i]);
    bool found = false;
    for (uint32_t k = 0; k < p->module->graphs.len && !found; k++) {
      graft_graph *g = p->module->graphs.data[k];
      for (graft_node n = g->first; n != GRAFT_NONE && !found; n = gr_node_at(g, n)->next) {
        gr_source_path(g, n, path, sizeof path);
        found = is_below(path, s.names.data[i], length);
      }
    }
    if (!found)
      gr_warning(p->context, GRAFT_NAME, gr_option_loc(p, option), "no node is called '%s' or stands below it",
                 s.names.data[i]);
  }
  gr_selector_free(&s);
  return GRAFT_OK;
}
