/* From a parsed pipeline to the list of passes that run: named pipelines are opened up, each option goes to the members
 * that declare it, values are checked against the declared kinds. Nothing runs before all of this has succeeded. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "passes/passes_impl.h"

enum { MAX_DEPTH = 8 }; /* of named pipelines inside named pipelines */

static int option_slot(const gr_pass_info *info, const char *name) {
  for (int i = 0; info->options[i].kind != GR_OPTION_END; i++)
    if (strcmp(info->options[i].name, name) == 0) return i;
  return -1;
}

static graft_status bad_value(graft_context *c, const gr_pipe_option *o, const char *wanted) {
  return gr_error(c, GRAFT_SYNTAX, o->value_where, "option '%s' takes %s, not '%s'", o->name, wanted, o->value);
}

static bool is_choice(const char *choices, const char *value) {
  size_t n = strlen(value);
  for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
    if (strncmp(at, value, n) == 0 && (at[n] == '|' || at[n] == '\0')) return n > 0;
  return false;
}

static graft_status set_value(graft_context *c, const gr_option_decl *decl, const gr_pipe_option *o,
                              gr_option_value *v) {
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
    return end != o->value && *end == '\0' && v->i >= 0 && errno != ERANGE ? GRAFT_OK
                                                                           : bad_value(c, o, "a whole number");
  case GR_OPTION_CHOICE: return is_choice(decl->choices, o->value) ? GRAFT_OK : bad_value(c, o, decl->choices);
  case GR_OPTION_STRING: return strchr(o->value, ',') ? bad_value(c, o, "one word") : GRAFT_OK;
  case GR_OPTION_LIST:
  case GR_OPTION_END: break;
  }
  return GRAFT_OK;
}

/* A pass with its options; those of `given` that it does not declare are its own trouble or, of an open one, its rest.
 */
static graft_status add_pass(gr_program *program, const gr_pass_info *info, const gr_pipe_option *given,
                             uint32_t depth) {
  graft_context *c = program->arena.context;
  uint32_t declared = 0, rest = 0;
  while (info->options[declared].kind != GR_OPTION_END) declared++;
  for (const gr_pipe_option *o = given; o; o = o->next) rest += option_slot(info, o->name) < 0;
  gr_step step = {.kind = GR_STEP_PASS, .info = info, .depth = depth};
  step.values = gr_arena_alloc(&program->arena, (declared + 1) * sizeof *step.values);
  step.rest = gr_arena_alloc(&program->arena, (rest + 1) * sizeof *step.rest);
  if (!step.values || !step.rest) return gr_no_memory(c);
  for (uint32_t i = 0; i < declared; i++)
    step.values[i] = (gr_option_value){.b = info->options[i].b, .i = info->options[i].i, .s = info->options[i].s};
  for (const gr_pipe_option *o = given; o; o = o->next) {
    int slot = option_slot(info, o->name);
    if (slot < 0) {
      step.rest[step.rest_count++] = (gr_option_text){o->name, o->value, o->name_where, o->value_where};
      continue;
    }
    graft_status s = set_value(c, &info->options[slot], o, &step.values[slot]);
    if (s) return s;
  }
  return gr_vec_push(c, &program->steps, step) ? GRAFT_OK : GRAFT_NO_MEMORY;
}

/* Which options a pass or one of a pipeline's members takes. */
typedef struct wants {
  bool declared, open;
} wants;

static bool is_preset(const gr_pipe_item *item, const char *name) {
  for (const gr_pipe_option *o = item->options; o; o = o->next)
    if (strcmp(o->name, name) == 0) return true;
  return false;
}

static graft_status find_wants(gr_arena *arena, const gr_pass_info *info, const char *name, uint32_t depth, wants *w) {
  if (info->run) {
    w->declared |= option_slot(info, name) >= 0;
    w->open |= info->open;
    return GRAFT_OK;
  }
  if (depth == MAX_DEPTH) return GRAFT_OK;
  gr_pipe_item *items;
  graft_status s = gr_pipeline_parse(arena, info->members, &items);
  for (const gr_pipe_item *i = items; !s && i; i = i->next)
    if (!is_preset(i, name)) s = find_wants(arena, i->info, name, depth + 1, w);
  return s;
}

static void known_options(gr_program *program, const gr_pass_info *info) {
  graft_context *c = program->arena.context;
  gr_pipe_item *items = NULL;
  if (info->run) {
    for (const gr_option_decl *d = info->options; d->kind != GR_OPTION_END; d++)
      gr_note(c, (gr_loc){0}, "'%s' has the option '%s'", info->name, d->name);
  } else if (!gr_pipeline_parse(&program->arena, info->members, &items)) {
    for (; items; items = items->next) known_options(program, items->info);
  }
}

static graft_status add_item(gr_program *program, const gr_pass_info *info, gr_pipe_option *given, uint32_t depth);

/* Copies the options that `info` takes to the front of the member's presets. */
static graft_status distribute(gr_program *program, const gr_pass_info *info, const gr_pipe_option *given,
                               gr_pipe_item *member) {
  for (const gr_pipe_option *o = given; o; o = o->next) {
    wants whole = {false, false}, mine = {false, false};
    graft_status s = find_wants(&program->arena, info, o->name, 0, &whole);
    if (!s) s = find_wants(&program->arena, member->info, o->name, 0, &mine);
    if (s) return s;
    if (is_preset(member, o->name) || (whole.declared ? !mine.declared : !mine.open)) continue;
    gr_pipe_option *copy = gr_arena_alloc(&program->arena, sizeof *copy);
    if (!copy) return gr_no_memory(program->arena.context);
    *copy = *o;
    copy->next = member->options;
    member->options = copy;
  }
  return GRAFT_OK;
}

static graft_status add_pipeline(gr_program *program, const gr_pass_info *info, const gr_pipe_option *given,
                                 uint32_t depth) {
  graft_context *c = program->arena.context;
  if (depth == MAX_DEPTH) return gr_error(c, GRAFT_PASS, (gr_loc){0}, "the pipeline '%s' contains itself", info->name);
  gr_pipe_item *members;
  graft_status s = gr_pipeline_parse(&program->arena, info->members, &members);
  if (s) return s;
  gr_step step = {.kind = GR_STEP_BEGIN, .info = info, .depth = depth};
  if (!gr_vec_push(c, &program->steps, step)) return GRAFT_NO_MEMORY;
  for (gr_pipe_item *i = members; i; i = i->next) {
    s = distribute(program, info, given, i);
    if (!s) s = add_item(program, i->info, i->options, depth + 1);
    if (s) return s;
  }
  step.kind = GR_STEP_END;
  return gr_vec_push(c, &program->steps, step) ? GRAFT_OK : GRAFT_NO_MEMORY;
}

static graft_status add_item(gr_program *program, const gr_pass_info *info, gr_pipe_option *given, uint32_t depth) {
  for (const gr_pipe_option *o = given; o; o = o->next) {
    wants w = {false, false};
    graft_status s = find_wants(&program->arena, info, o->name, 0, &w);
    if (s) return s;
    if (w.declared || w.open) continue;
    s = gr_error(program->arena.context, GRAFT_NAME, o->name_where, "'%s' has no option '%s'", info->name, o->name);
    known_options(program, info);
    return s;
  }
  return info->run ? add_pass(program, info, given, depth) : add_pipeline(program, info, given, depth);
}

graft_status gr_program_compile(gr_program *program, graft_context *c, const char *text) {
  *program = (gr_program){0};
  gr_arena_init(&program->arena, c);
  gr_pipe_item *items;
  graft_status s = gr_pipeline_parse(&program->arena, text, &items);
  for (const gr_pipe_item *i = items; !s && i; i = i->next) s = add_item(program, i->info, i->options, 0);
  if (s) gr_program_free(program);
  return s;
}

void gr_program_free(gr_program *program) {
  gr_vec_free(program->arena.context, &program->steps);
  gr_arena_free(&program->arena);
}

/* ---- reading options
 * ------------------------------------------------------------------------------------------------------ */

static const gr_option_value *find(const gr_pass *p, const char *name) {
  static const gr_option_value none = {.s = ""};
  int slot = option_slot(p->info, name);
  return slot < 0 ? &none : &p->values[slot];
}

bool gr_option_bool(const gr_pass *p, const char *name) { return find(p, name)->b; }
int64_t gr_option_int(const gr_pass *p, const char *name) { return find(p, name)->i; }
const char *gr_option_string(const gr_pass *p, const char *name) { return find(p, name)->s; }
bool gr_option_given(const gr_pass *p, const char *name) { return find(p, name)->given; }
gr_loc gr_option_loc(const gr_pass *p, const char *name) { return find(p, name)->where; }
