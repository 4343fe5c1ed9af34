/* What a pass or quantizer of the embedder's own is given: the values of its options, statistics, scopes. */
#include <stdio.h>
#include <string.h>

#include "passes/own_impl.h"
#include "passes/passes_impl.h"
#include "passes/quant_impl.h"

/* ---- options ---- */

static const gr_option_value *find(const graft_pass_call *call, const char *option, uint32_t kinds) {
  if (!call) return NULL;
  graft_context *c = call->pass->context;
  const gr_option_decl *d = call->options;
  while (d->kind != GR_OPTION_END && (!option || strcmp(d->name, option) != 0)) d++;
  if (d->kind != GR_OPTION_END && (kinds >> d->kind & 1u)) return &call->values[d - call->options];
  gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "'%s' asked for the option '%s', which it does not declare%s",
           call->name, option ? option : "", d->kind == GR_OPTION_END ? "" : " with this kind");
  return NULL;
}

bool graft_pass_call_bool(const graft_pass_call *call, const char *option) {
  const gr_option_value *v = find(call, option, 1u << GR_OPTION_BOOL);
  return v && v->b;
}

int64_t graft_pass_call_int(const graft_pass_call *call, const char *option) {
  const gr_option_value *v = find(call, option, 1u << GR_OPTION_INT);
  return v ? v->i : 0;
}

double graft_pass_call_float(const graft_pass_call *call, const char *option) {
  const gr_option_value *v = find(call, option, 1u << GR_OPTION_FLOAT);
  return v ? v->f : 0;
}

const char *graft_pass_call_string(const graft_pass_call *call, const char *option) {
  const gr_option_value *v = find(call, option, 1u << GR_OPTION_STRING | 1u << GR_OPTION_LIST | 1u << GR_OPTION_CHOICE);
  return v ? v->s : "";
}

const char *const *graft_pass_call_list(graft_pass_call *call, const char *option, uint32_t *count) {
  if (count) *count = 0;
  const gr_option_value *v = find(call, option, 1u << GR_OPTION_LIST);
  uint32_t items = 0;
  const char *const *list = v ? gr_list_split(&call->pass->text, v->s, &items) : NULL;
  if (count && list) *count = items;
  return items ? list : NULL;
}

bool graft_pass_call_given(const graft_pass_call *call, const char *option) {
  const gr_option_value *v = find(call, option, UINT32_MAX);
  return v && v->given;
}

/* ---- statistics ---- */

graft_status graft_pass_call_add(graft_pass_call *call, const char *statistic, uint64_t by) {
  if (!call) return GRAFT_INVALID_ARGUMENT;
  gr_pass *p = call->pass;
  bool known = false;
  if (!statistic || !statistic[0])
    return gr_error(p->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "'%s' counts what has no name", call->name);
  for (uint32_t i = 0; i < p->statistic_count; i++) known |= strcmp(p->statistics[i].name, statistic) == 0;
  if (!known && p->statistic_count == GR_MAX_STATISTICS)
    return gr_error(p->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "'%s' counts more than %d things: not '%.80s'",
                    call->name, GR_MAX_STATISTICS, statistic);
  const char *name = known ? statistic : gr_arena_copy(&p->text, statistic, strlen(statistic));
  if (!name) return GRAFT_NO_MEMORY;
  gr_count(p, name, by);
  return GRAFT_OK;
}

uint32_t graft_pass_call_scope(const graft_pass_call *call, graft_node n) {
  return call && n < call->scope_count ? call->scope[n] : 0;
}

/* ---- passes ---- */

graft_status gr_pass_run_own(gr_pass *p) {
  const gr_own_pass *own = p->info->own;
  graft_pass_call call = {.pass = p, .name = p->info->name, .options = p->info->options, .values = p->values};
  return own->run(own->user, p->module, &call);
}

/* ---- quantizers ---- */

graft_status gr_own_quantizer_options(gr_pass *p, const gr_own_quantizer *q, const gr_option_value **out) {
  uint32_t count = 0;
  while (q->options[count].kind != GR_OPTION_END) count++;
  gr_option_value *values = gr_arena_alloc(&p->text, (count + 1) * sizeof *values);
  if (!values) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < count; i++) values[i] = gr_option_default(&q->options[i]);
  for (uint32_t i = 0; i < p->rest_count; i++) {
    const gr_option_text *given = &p->rest[i];
    uint32_t k = 0;
    while (k < count && !gr_same_option(q->options[k].name, given->name)) k++;
    if (k == count && strcmp(given->name, "qat") == 0) continue; /* the pipeline's word */
    if (k == count) {
      gr_closest near = gr_closest_begin(given->name, strlen(given->name));
      for (k = 0; k < count; k++) gr_closest_offer(&near, q->options[k].name, strlen(q->options[k].name));
      for (const gr_option_decl *d = p->info->options; d->kind != GR_OPTION_END; d++)
        gr_closest_offer(&near, d->name, strlen(d->name));
      return gr_error(p->context, GRAFT_NAME, given->name_where, "quantizer %s has no option '%s'%s", q->name,
                      given->name, gr_closest_hint(&near, ""));
    }
    const graft_status status = gr_option_set(p->context, &q->options[k], given, &values[k]);
    if (status) return status;
  }
  *out = values;
  return GRAFT_OK;
}

/* Places, by number: uses, then values. */
typedef struct places {
  gr_pass *p;
  graft_graph *g;
  const uint32_t *scope;
  uint32_t scope_count;
  uint32_t *before; /* specs that were there */
  uint32_t uses_before, values_before;
  uint32_t uses, count;          /* now */
  uint32_t *first, *next, *todo; /* by place: who refers to it, the next who refers to the same; places to take away */
  uint8_t *gone;
  uint32_t todo_count;
  gr_notice notice;
} places;

static gr_spec_ref place_at(const places *k, uint32_t i) {
  return i < k->uses ? (gr_spec_ref){false, i} : (gr_spec_ref){true, i - k->uses};
}

static uint32_t spec_at(const places *k, gr_spec_ref at) {
  return at.is_value ? gr_spec_of_value(k->g, at.id) : gr_spec_of_use(k->g, at.id);
}

static uint32_t spec_before(const places *k, gr_spec_ref at) {
  if (at.is_value) return at.id < k->values_before ? k->before[k->uses_before + at.id] : 0;
  return at.id < k->uses_before ? k->before[at.id] : 0;
}

static graft_node node_of(const places *k, gr_spec_ref at) {
  return at.is_value ? gr_value_node(k->g, at.id) : gr_use_at(k->g, at.id)->user;
}

/* 0: left out; GRAFT_NONE: a value that no node makes, which is in each. */
static uint32_t scope_of(const places *k, gr_spec_ref at) {
  const graft_node n = node_of(k, at);
  if (n == GRAFT_NONE || !gr_user_is_node(n)) return GRAFT_NONE;
  return n < k->scope_count ? k->scope[n] : 0;
}

static void take(places *k, uint32_t i) {
  if (k->gone[i]) return;
  k->gone[i] = 1;
  k->todo[k->todo_count++] = i;
}

/* What the callback has annotated anew and may not have; and who refers to whom, of what is new. */
static void look(places *k) {
  const graft_module *m = k->g->module;
  for (uint32_t i = 0; i < k->count; i++) k->first[i] = GRAFT_NONE;
  uint32_t edges = 0;
  for (uint32_t i = 0; i < k->count; i++) {
    const gr_spec_ref at = place_at(k, i);
    const uint32_t spec = spec_at(k, at);
    if (!spec || spec == spec_before(k, at)) continue;
    const uint32_t scope = scope_of(k, at);
    const gr_spec_ref *refs = gr_spec_refs(m, spec);
    if (scope == 0) take(k, i);
    for (uint32_t r = 0; r < gr_spec_get(m, spec)->ref_count; r++) {
      const uint32_t other = scope_of(k, refs[r]), to = refs[r].is_value ? k->uses + refs[r].id : refs[r].id;
      if (other != scope && other != GRAFT_NONE && scope != GRAFT_NONE) take(k, i);
      k->next[2 * edges] = i;
      k->next[2 * edges + 1] = k->first[to];
      k->first[to] = edges++;
    }
  }
}

static graft_status take_away(places *k) {
  graft_status status = GRAFT_OK;
  for (uint32_t done = 0; done < k->todo_count && !status; done++) {
    const uint32_t i = k->todo[done];
    const gr_spec_ref at = place_at(k, i);
    const graft_node n = node_of(k, at);
    char name[200] = "";
    if (n != GRAFT_NONE && gr_user_is_node(n)) graft_node_name(k->g, n, name, sizeof name);
    gr_notice_add(&k->notice, name, "", 0);
    for (uint32_t e = k->first[i]; e != GRAFT_NONE; e = k->next[2 * e + 1]) take(k, k->next[2 * e]);
    const uint32_t old = spec_before(k, at);
    status = at.is_value ? gr_spec_set_value(k->g, at.id, old) : gr_spec_set_use(k->g, at.id, old);
  }
  return status;
}

/* Whose the rest is, for messages. */
static graft_status sign(const places *k, const char *name, uint32_t *made) {
  const uint32_t origin = gr_intern(k->g->module, name, strlen(name));
  graft_status status = origin == GRAFT_NONE ? GRAFT_NO_MEMORY : GRAFT_OK;
  for (uint32_t i = 0; i < k->count && !status; i++) {
    const gr_spec_ref at = place_at(k, i);
    const uint32_t spec = spec_at(k, at);
    if (!spec || spec == spec_before(k, at)) continue;
    ++*made;
    status = gr_spec_set_origin(k->g, at, origin);
  }
  return status;
}

static graft_status settle(places *k, const char *name) {
  graft_context *c = k->p->context;
  const graft_module *m = k->g->module;
  uint32_t made = 0;
  size_t edges = 0;
  k->uses = k->g->uses.len;
  k->count = k->uses + k->g->values.len;
  for (uint32_t i = 0; i < k->count; i++) {
    const gr_spec_ref at = place_at(k, i);
    const uint32_t spec = spec_at(k, at);
    if (spec && spec != spec_before(k, at)) edges += gr_spec_get(m, spec)->ref_count;
  }
  const size_t words = (size_t)k->count + 1;
  k->first = gr_alloc(c, words * sizeof *k->first);
  k->todo = gr_alloc(c, words * sizeof *k->todo);
  k->next = gr_alloc(c, 2 * (edges + 1) * sizeof *k->next);
  k->gone = gr_calloc(c, words, 1);
  graft_status status = k->first && k->todo && k->next && k->gone ? GRAFT_OK : GRAFT_NO_MEMORY;
  if (!status) look(k);
  if (!status) status = take_away(k);
  if (!status) status = sign(k, name, &made);
  if (k->first) gr_free(c, k->first, words * sizeof *k->first);
  if (k->todo) gr_free(c, k->todo, words * sizeof *k->todo);
  if (k->next) gr_free(c, k->next, 2 * (edges + 1) * sizeof *k->next);
  if (k->gone) gr_free(c, k->gone, words);
  if (status) return status;
  char what[300];
  gr_count(k->p, "places annotated", made);
  if (k->notice.count) gr_count(k->p, "places outside, taken away", k->notice.count);
  (void)snprintf(what, sizeof what,
                 "the quantizer '%.80s' annotated %llu places that the options leave out or across scopes, which were "
                 "taken away",
                 name, (unsigned long long)k->notice.count);
  gr_notice_warn(k->p, &k->notice, what);
  return GRAFT_OK;
}

graft_status gr_own_quantizer_annotate(gr_pass *p, graft_graph *g, const gr_own_quantizer *q,
                                       const gr_option_value *values, const uint32_t *scope) {
  graft_context *c = p->context;
  graft_pass_call call = {
      .pass = p, .name = q->name, .options = q->options, .values = values, .scope = scope, .scope_count = g->nodes.len};
  places k = {.p = p,
              .g = g,
              .scope = scope,
              .scope_count = g->nodes.len,
              .uses_before = g->uses.len,
              .values_before = g->values.len};
  const size_t size = ((size_t)k.uses_before + k.values_before + 1) * sizeof *k.before;
  const uint32_t errors = gr_error_count(c);
  const uint64_t edits = g->module->edits;
  k.before = gr_alloc(c, size);
  if (!k.before) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < k.uses_before; i++) k.before[i] = gr_spec_of_use(g, i);
  for (uint32_t i = 0; i < k.values_before; i++) k.before[k.uses_before + i] = gr_spec_of_value(g, i);
  graft_status status = q->plain ? q->plain(q->user, g) : q->annotate(q->user, g, &call);
  if (!status && g->module->edits != edits)
    status = gr_error(c, GRAFT_INVALID_ARGUMENT, gr_module_loc(g->module),
                      "the quantizer '%s' changed the module: it may annotate, and nothing else", q->name);
  if (!status && !gr_error_stands(c, errors)) status = settle(&k, q->name);
  gr_free(c, k.before, size);
  return status;
}
