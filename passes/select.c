/* Nodes by source name: what the options scope=, name= and skip-name= mean. A name selects the node that is called so
 * and what stands below it. The names lie in a hash table; of a node's name each beginning that ends at a point is
 * looked up, so that the cost is that of reading the nodes' names, however many are listed. */
#include <string.h>

#include "passes/quant_impl.h"

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static uint64_t hash_on(uint64_t hash, char c) { return (hash ^ (unsigned char)c) * FNV_PRIME; }

static uint64_t hash_of(const char *text, size_t length) {
  uint64_t hash = FNV_BASIS;
  for (size_t i = 0; i < length; i++) hash = hash_on(hash, text[i]);
  return hash;
}

/* A name as selectors see it, into s->path: of /layer1/layer1.0/conv1/Conv layer1.0.conv1.Conv, since a component that
 * begins with the one before it and a point replaces it; any other name is as it is. */
static bool make_path(gr_selector *s, const char *name, size_t length) {
  s->path.len = 0;
  if (!gr_vec_reserve(s->arena.context, &s->path, length + 1)) return false;
  char *out = s->path.data;
  const char *end = name + length;
  size_t used = 0, last = 0;
  if (length == 0 || name[0] != '/') {
    memcpy(out, name, length);
    s->path.len = (uint32_t)length;
    return true;
  }
  for (const char *p = name + 1; p < end; p++) {
    const char *slash = memchr(p, '/', (size_t)(end - p));
    size_t part = (size_t)((slash ? slash : end) - p), before = used - last;
    if (used > 0 && part > before && p[before] == '.' && memcmp(p, out + last, before) == 0)
      used = last;
    else if (used > 0)
      out[used++] = '.';
    last = used;
    memcpy(out + used, p, part);
    used += part;
    p += part;
  }
  s->path.len = (uint32_t)used;
  return true;
}

/* Parents have smaller numbers than their children: one sweep finds the source that each record goes back to. */
static bool find_sources(gr_selector *s, const graft_module *m) {
  s->record_count = m->records.len;
  s->sources = gr_calloc(m->context, s->record_count, sizeof *s->sources);
  for (uint32_t r = 1; s->sources && r < s->record_count; r++) {
    const gr_record *record = gr_record_get(m, r);
    s->sources[r] = record->source;
    if (!record->source && record->parent_count) s->sources[r] = s->sources[gr_record_parents(m, r)[0]];
  }
  return s->sources;
}

/* The number of the name that is the text, GRAFT_NONE: none. */
static uint32_t look_up(const gr_selector *s, uint64_t hash, const char *text, size_t length) {
  for (uint64_t key = gr_mix(hash);; key++) {
    uint32_t at = gr_map_get(&s->numbers, key);
    if (at == GRAFT_NONE) return GRAFT_NONE;
    const gr_selector_name *name = &s->names.data[at];
    if (name->length == length && memcmp(name->text, text, length) == 0) return at;
  }
}

static bool add_name(gr_selector *s, const char *item, size_t length) {
  graft_context *c = s->arena.context;
  if (!make_path(s, item, length)) return false;
  gr_selector_name name = {gr_arena_copy(&s->arena, s->path.data, s->path.len), s->path.len, false};
  uint64_t hash = hash_of(s->path.data, s->path.len), key = gr_mix(hash);
  if (look_up(s, hash, s->path.data, s->path.len) != GRAFT_NONE) return true;
  while (gr_map_get(&s->numbers, key) != GRAFT_NONE) key++;
  return name.text && gr_vec_push(c, &s->names, name) && gr_map_put(c, &s->numbers, key, s->names.len - 1);
}

bool gr_selector_init(gr_selector *s, const graft_module *m, const char *list) {
  const char *at = list, *item;
  size_t length;
  memset(s, 0, sizeof *s);
  gr_arena_init(&s->arena, m->context);
  bool ok = true;
  while (ok && gr_list_next(&at, &item, &length)) ok = add_name(s, item, length);
  if (ok && s->names.len) ok = find_sources(s, m);
  if (!ok) gr_selector_free(s);
  return ok;
}

void gr_selector_free(gr_selector *s) {
  graft_context *c = s->arena.context;
  if (!c) return;
  gr_vec_free(c, &s->names);
  gr_vec_free(c, &s->path);
  gr_map_free(c, &s->numbers);
  if (s->sources) gr_free(c, s->sources, s->record_count * sizeof *s->sources);
  gr_arena_free(&s->arena);
  memset(s, 0, sizeof *s);
}

/* The number of the longest name that s->path is called or stands below, from 1; 0: none. */
static uint32_t find_path(gr_selector *s) {
  const char *path = s->path.data;
  uint64_t hash = FNV_BASIS;
  uint32_t best = 0;
  for (uint32_t i = 0; i <= s->path.len; i++) {
    uint32_t at = i == s->path.len || path[i] == '.' ? look_up(s, hash, path, i) : GRAFT_NONE;
    if (at != GRAFT_NONE) {
      s->names.data[at].found = true;
      best = at + 1;
    }
    if (i < s->path.len) hash = hash_on(hash, path[i]);
  }
  return best;
}

uint32_t gr_selector_find(gr_selector *s, graft_graph *g, graft_node n) {
  const graft_module *m = g->module;
  uint32_t source = s->names.len ? s->sources[gr_node_at(g, n)->provenance] : 0;
  if (s->names.len == 0) return 0;
  const char *name = source ? gr_string_text(m, source) : gr_node_label(g, n);
  if (!make_path(s, name, source ? gr_string_length(m, source) : strlen(name))) return GRAFT_NONE;
  return find_path(s);
}

graft_status gr_selector_has_tensor(gr_selector *s, gr_pass *p, graft_tensor t, bool *yes) {
  *yes = false;
  if (s->names.len == 0) return GRAFT_OK;
  const char *name = gr_name_text(p, p->module->tensors.data[t].name, "");
  if (!name || !make_path(s, name, strlen(name))) return GRAFT_NO_MEMORY;
  *yes = find_path(s) != 0;
  return GRAFT_OK;
}

uint32_t gr_selector_number(gr_selector *s, const char *name, size_t length) {
  if (!make_path(s, name, length)) return GRAFT_NONE;
  return look_up(s, hash_of(s->path.data, s->path.len), s->path.data, s->path.len) + 1;
}

uint32_t *gr_scope_of_nodes(graft_graph *g, const char *list) {
  graft_context *c = g->module->context;
  gr_selector s = {0};
  uint32_t *scope = gr_calloc(c, g->nodes.len, sizeof *scope);
  bool ok = scope && gr_selector_init(&s, g->module, list);
  for (graft_node n = g->first; ok && n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    scope[n] = s.names.len ? gr_selector_find(&s, g, n) : 1;
    ok = scope[n] != GRAFT_NONE;
  }
  gr_selector_free(&s);
  if (scope && !ok) gr_free(c, scope, g->nodes.len * sizeof *scope);
  return ok ? scope : NULL;
}

graft_status gr_selector_has(gr_selector *s, graft_graph *g, graft_node n, bool *yes) {
  const uint32_t found = s->names.len ? gr_selector_find(s, g, n) : 1;
  *yes = found != 0 && found != GRAFT_NONE;
  return found == GRAFT_NONE ? GRAFT_NO_MEMORY : GRAFT_OK;
}

void gr_selector_warn(gr_pass *p, const gr_selector *s, const char *option, const char *what) {
  for (uint32_t i = 0; i < s->names.len; i++)
    if (!s->names.data[i].found)
      gr_warning(p->context, GRAFT_NAME, gr_option_loc(p, option), "no %s is called '%s' or stands below it", what,
                 s->names.data[i].text);
}

graft_status gr_selector_check(gr_pass *p, const char *option) {
  gr_selector s;
  if (!gr_option_given(p, option)) return GRAFT_OK;
  if (!gr_selector_init(&s, p->module, gr_option_string(p, option))) return GRAFT_NO_MEMORY;
  graft_status status = GRAFT_OK;
  for (uint32_t k = 0; k < p->module->graphs.len && !status; k++) {
    graft_graph *g = p->module->graphs.data[k];
    for (graft_node n = g->first; n != GRAFT_NONE && !status; n = gr_node_at(g, n)->next)
      if (gr_selector_find(&s, g, n) == GRAFT_NONE) status = GRAFT_NO_MEMORY;
  }
  if (!status) gr_selector_warn(p, &s, option, "node");
  gr_selector_free(&s);
  return status;
}
