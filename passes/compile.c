/* From a parsed pipeline to the list of passes that run: each option goes to the members that declare it, values are
 * checked against the declared kinds. Nothing runs before all of this has succeeded. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/formats/number_int.h"
#include "passes/passes_impl.h"

static int option_slot(const gr_pass_info *info, const char *name) {
  for (int i = 0; info->options[i].kind != GR_OPTION_END; i++)
    if (strcmp(info->options[i].name, name) == 0) return i;
  return -1;
}

static graft_status bad_value(graft_context *c, const gr_option_text *o, const char *wanted) {
  return gr_error(c, GRAFT_SYNTAX, o->value_where, "option '%s' takes %s, not '%s'", o->name, wanted, o->value);
}

static bool is_choice(const char *choices, const char *value) {
  size_t n = strlen(value);
  for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
    if (strncmp(at, value, n) == 0 && (at[n] == '|' || at[n] == '\0')) return n > 0;
  return false;
}

gr_option_value gr_option_default(const gr_option_decl *d) {
  return (gr_option_value){.b = d->b, .i = d->i, .f = d->f, .s = d->s};
}

bool gr_same_option(const char *a, const char *b) {
  for (; *a && *b; a++, b++)
    if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_'))) return false;
  return *a == *b;
}

static graft_status check_bounds(graft_context *c, const gr_option_decl *d, const gr_option_text *o, double value) {
  char wanted[100], least[40] = "", most[40] = "";
  if (value >= d->least && value <= d->most) return GRAFT_OK;
  if (isfinite(d->least)) (void)snprintf(least, sizeof least, " from %.15g", d->least);
  if (isfinite(d->most)) (void)snprintf(most, sizeof most, " up to %.15g", d->most);
  const char *what = d->kind == GR_OPTION_INT ? "a whole number" : "a number";
  (void)snprintf(wanted, sizeof wanted, "%s%s%s", what, d->least == 0 && !most[0] ? "" : least, most);
  return bad_value(c, o, wanted);
}

graft_status gr_option_set(graft_context *c, const gr_option_decl *decl, const gr_option_text *o, gr_option_value *v) {
  v->given = true;
  v->where = o->value_where;
  v->s = o->value;
  char *end = NULL;
  switch (decl->kind) {
  case GR_OPTION_BOOL:
    v->b = strcmp(o->value, "true") == 0;
    return v->b || strcmp(o->value, "false") == 0 ? GRAFT_OK : bad_value(c, o, "true or false");
  case GR_OPTION_INT:
    errno = 0;
    v->i = strtoll(o->value, &end, 10);
    if (end == o->value || *end != '\0' || errno == ERANGE) return bad_value(c, o, "a whole number");
    return check_bounds(c, decl, o, (double)v->i);
  case GR_OPTION_FLOAT:
    if (!gr_number_parse(o->value, strlen(o->value), &v->f) || !isfinite(v->f)) return bad_value(c, o, "a number");
    return check_bounds(c, decl, o, v->f);
  case GR_OPTION_CHOICE: return is_choice(decl->choices, o->value) ? GRAFT_OK : bad_value(c, o, decl->choices);
  case GR_OPTION_STRING: return strchr(o->value, ',') ? bad_value(c, o, "one word") : GRAFT_OK;
  case GR_OPTION_LIST:
  case GR_OPTION_END: break;
  }
  return GRAFT_OK;
}

/* A pass with its options; those that it does not declare are, of an open one, its rest. */
static graft_status add_pass(gr_pipeline *pipeline, const gr_pipe_item *item, gr_pipe_step step) {
  graft_context *c = pipeline->arena.context;
  const gr_pass_info *info = item->info;
  uint32_t declared = 0, rest = 0;
  while (info->options[declared].kind != GR_OPTION_END) declared++;
  for (const gr_pipe_option *o = item->options; o; o = o->next) rest += option_slot(info, o->text.name) < 0;
  step.values = gr_arena_alloc(&pipeline->arena, (declared + 1) * sizeof *step.values);
  step.rest = gr_arena_alloc(&pipeline->arena, (rest + 1) * sizeof *step.rest);
  if (!step.values || !step.rest) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < declared; i++) step.values[i] = gr_option_default(&info->options[i]);
  for (const gr_pipe_option *o = item->options; o; o = o->next) {
    int slot = option_slot(info, o->text.name);
    if (slot < 0) {
      step.rest[step.rest_count++] = o->text;
      continue;
    }
    graft_status s = gr_option_set(c, &info->options[slot], &o->text, &step.values[slot]);
    if (s) return s;
  }
  return gr_vec_push(c, &pipeline->steps, step) ? GRAFT_OK : GRAFT_NO_MEMORY;
}

/* Which options a pass or one of a pipeline's members takes. */
typedef struct wants {
  bool declared, open;
} wants;

static bool is_set(const gr_pipe_item *item, const char *name) {
  for (const gr_pipe_option *o = item->options; o; o = o->next)
    if (strcmp(o->text.name, name) == 0) return true;
  return false;
}

static wants find_wants(const gr_pipe_item *item, const char *name) {
  if (item->info->run) return (wants){option_slot(item->info, name) >= 0, item->info->open};
  wants all = {false, false};
  for (const gr_pipe_item *m = item->members; m; m = m->next) {
    if (is_set(m, name)) continue;
    wants w = find_wants(m, name);
    all.declared |= w.declared;
    all.open |= w.open;
  }
  return all;
}

static void offer_options(gr_closest *near, const gr_pipe_item *item) {
  for (const gr_option_decl *d = item->info->options; item->info->run && d->kind != GR_OPTION_END; d++)
    gr_closest_offer(near, d->name, strlen(d->name));
  for (const gr_pipe_item *m = item->members; m; m = m->next) offer_options(near, m);
}

static void note_options(graft_context *c, const gr_pipe_item *item) {
  for (const gr_option_decl *d = item->info->options; item->info->run && d->kind != GR_OPTION_END; d++)
    gr_note(c, (gr_loc){0}, "'%s' has the option '%s'", item->info->name, d->name);
  for (const gr_pipe_item *m = item->members; m; m = m->next) note_options(c, m);
}

/* Each option to the members that declare it, else to the open ones. What a row's own text sets stays. */
static graft_status distribute(gr_arena *arena, gr_pipe_item *item) {
  for (const gr_pipe_option *o = item->options; o; o = o->next) {
    wants all = find_wants(item, o->text.name);
    if (!all.declared && !all.open) {
      gr_closest near = gr_closest_begin(o->text.name, strlen(o->text.name));
      offer_options(&near, item);
      gr_error(arena->context, GRAFT_NAME, o->text.name_where, "'%s' has no option '%s'%s", item->info->name,
               o->text.name, gr_closest_hint(&near, ""));
      if (!near.word) note_options(arena->context, item);
      return GRAFT_NAME;
    }
    for (gr_pipe_item *m = item->members; m; m = m->next) {
      wants w = find_wants(m, o->text.name);
      if (is_set(m, o->text.name) || (all.declared ? !w.declared : !w.open)) continue;
      gr_pipe_option *copy = gr_arena_alloc(arena, sizeof *copy);
      if (!copy) return GRAFT_NO_MEMORY;
      *copy = (gr_pipe_option){o->text, m->options};
      m->options = copy;
    }
  }
  return GRAFT_OK;
}

static graft_status add_items(gr_pipeline *pipeline, gr_pipe_item *items, const gr_pass_info *in, uint32_t depth);

static graft_status add_item(gr_pipeline *pipeline, gr_pipe_item *item, gr_pipe_step step) {
  graft_context *c = pipeline->arena.context;
  graft_status s = distribute(&pipeline->arena, item);
  if (s) return s;
  step.info = item->info;
  if (item->info->run) return add_pass(pipeline, item, step);
  step.kind = GR_STEP_BEGIN;
  if (!gr_vec_push(c, &pipeline->steps, step)) return GRAFT_NO_MEMORY;
  s = add_items(pipeline, item->members, item->info, step.depth + 1);
  if (s) return s;
  step.kind = GR_STEP_END;
  return gr_vec_push(c, &pipeline->steps, step) ? GRAFT_OK : GRAFT_NO_MEMORY;
}

static graft_status add_items(gr_pipeline *pipeline, gr_pipe_item *items, const gr_pass_info *in, uint32_t depth) {
  gr_pipe_step step = {.kind = GR_STEP_PASS, .depth = depth, .in = in};
  graft_status s = GRAFT_OK;
  for (const gr_pipe_item *i = items; i; i = i->next) step.of++;
  for (gr_pipe_item *i = items; i && !s; i = i->next) {
    step.number++;
    s = add_item(pipeline, i, step);
  }
  return s;
}

graft_status gr_pipeline_compile(gr_pipeline *pipeline, graft_context *c, const gr_own *own, const char *text) {
  *pipeline = (gr_pipeline){0};
  gr_arena_init(&pipeline->arena, c);
  gr_pipe_item *items;
  graft_status s = gr_pipeline_parse(&pipeline->arena, own, text, &items);
  if (!s) s = add_items(pipeline, items, NULL, 0);
  return s;
}

void gr_pipeline_free(gr_pipeline *pipeline) {
  if (!pipeline->arena.context) return;
  gr_vec_free(pipeline->arena.context, &pipeline->steps);
  gr_arena_free(&pipeline->arena);
}

/* ---- reading options
 * ------------------------------------------------------------------------------------------------------ */

static const gr_option_value *find(const gr_pass *p, const char *name) {
  static const gr_option_value none = {.s = ""};
  int slot = option_slot(p->info, name);
  assert(slot >= 0); /* the pass's row declares it */
  return slot < 0 ? &none : &p->values[slot];
}

bool gr_option_bool(const gr_pass *p, const char *name) { return find(p, name)->b; }
double gr_option_float(const gr_pass *p, const char *name) { return find(p, name)->f; }
int64_t gr_option_int(const gr_pass *p, const char *name) { return find(p, name)->i; }
const char *gr_option_string(const gr_pass *p, const char *name) { return find(p, name)->s; }
bool gr_option_given(const gr_pass *p, const char *name) { return find(p, name)->given; }
gr_loc gr_option_loc(const gr_pass *p, const char *name) { return find(p, name)->where; }
