/* Passes and quantizers of the embedder's own, read and checked before the text that names them. */
#include <math.h>
#include <string.h>

#include "ir/graph/options_int.h"
#include "passes/own_impl.h"
#include "passes/passes_impl.h"

/* ---- options ---- */

static bool is_word(const char *name, const char *also) {
  if (!name || !name[0]) return false;
  for (const char *s = name; *s; s++) {
    const bool letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9');
    if (!letter && !strchr(also, *s)) return false;
  }
  return strlen(name) < 80;
}

static const char *keep(gr_own *own, const char *text) {
  return text ? gr_arena_copy(&own->arena, text, strlen(text)) : "";
}

/* "a|b" up to the bar. */
static const char *first_choice(gr_own *own, const char *choices) {
  return gr_arena_copy(&own->arena, choices, strcspn(choices, "|"));
}

static graft_status take_default(gr_own *own, gr_option_decl *d, const char *value) {
  gr_option_value v = {0};
  d->s = d->kind == GR_OPTION_CHOICE ? first_choice(own, d->choices) : "";
  if (!d->s) return GRAFT_NO_MEMORY;
  if (!value) return GRAFT_OK;
  if (!(d->s = keep(own, value))) return GRAFT_NO_MEMORY;
  const gr_option_text text = {.name = d->name, .value = d->s};
  const graft_status status = gr_option_set(own->arena.context, d, &text, &v);
  d->b = v.b;
  d->i = v.i;
  d->f = v.f;
  return status;
}

static graft_status take_option(gr_own *own, const graft_option *o, gr_option_decl *d) {
  static const gr_option_kind kinds[] = {GR_OPTION_BOOL,   GR_OPTION_INT,  GR_OPTION_FLOAT,
                                         GR_OPTION_STRING, GR_OPTION_LIST, GR_OPTION_CHOICE};
  const char *wrong = NULL;
  if (!is_word(o->name, "-_"))
    wrong = "its name is not made of letters, digits, - and _";
  else if ((int)o->kind < 0 || (size_t)o->kind >= sizeof kinds / sizeof *kinds)
    wrong = "its kind is none";
  else if (o->kind == GRAFT_OPTION_CHOICE && (!o->choices || !o->choices[0]))
    wrong = "it has no choices";
  else if (!(o->least <= o->most))
    wrong = "its least number is above its most";
  if (wrong)
    return gr_error(own->arena.context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "the option '%s': %s",
                    o->name ? o->name : "", wrong);
  const bool bounded = o->least != 0 || o->most != 0;
  *d = (gr_option_decl){.kind = kinds[o->kind],
                        .name = keep(own, o->name),
                        .choices = keep(own, o->choices),
                        .least = bounded ? o->least : -INFINITY,
                        .most = bounded ? o->most : INFINITY};
  return d->name && d->choices ? take_default(own, d, o->value) : GRAFT_NO_MEMORY;
}

/* As the passes of the table have them: a list with an end. */
static graft_status take_options(gr_own *own, const graft_option *given, uint32_t count, const gr_option_decl **out) {
  graft_context *c = own->arena.context;
  gr_named names = {0};
  gr_option_decl *all = gr_arena_alloc(&own->arena, ((size_t)count + 1) * sizeof *all);
  graft_status status = all ? GRAFT_OK : GRAFT_NO_MEMORY;
  if (count && !given && !status)
    status = gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "options are counted that are not there");
  for (uint32_t i = 0; i < count && !status; i++) {
    graft_option o = {0};
    status = gr_take_item(c, &o, sizeof o, given, i, "option");
    if (!status) status = take_option(own, &o, &all[i]);
    if (status) break;
    const char *name = all[i].name;
    if (gr_named_find(&names, name, strlen(name)) != GRAFT_NONE)
      status = gr_error(c, GRAFT_NAME, (gr_loc){0}, "the option '%s' is declared twice", name);
    else if (!gr_named_add(c, &names, name, strlen(name)))
      status = GRAFT_NO_MEMORY;
  }
  gr_named_free(c, &names);
  if (status) return status;
  all[count] = (gr_option_decl){.kind = GR_OPTION_END};
  *out = all;
  return GRAFT_OK;
}

/* After an error about an option: whose it was. */
static graft_status of(graft_context *c, graft_status status, const char *what, const char *name) {
  if (status && status != GRAFT_NO_MEMORY) gr_note(c, (gr_loc){0}, "in the %s '%s' of the run's options", what, name);
  return status;
}

/* ---- passes ---- */

static graft_status check_pass(const gr_own *own, const graft_pass *p) {
  graft_context *c = own->arena.context;
  const char *wrong = NULL;
  if (!is_word(p->name, "_-.:/+$"))
    return gr_error(c, GRAFT_NAME, (gr_loc){0}, "a pass cannot be called '%s': letters, digits and _-.:/+$, at most 79",
                    p->name ? p->name : "");
  if (gr_own_pass_find(own, p->name, strlen(p->name)))
    return gr_error(c, GRAFT_NAME, (gr_loc){0}, "there is a pass '%s' already", p->name);
  if (!p->run && !p->members)
    wrong = "has no function";
  else if (p->members && (p->run || p->option_count))
    wrong = "is a pipeline, whose members run and have the options";
  return wrong ? gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "the pass '%s' %s", p->name, wrong) : GRAFT_OK;
}

static graft_status add_pass(gr_own *own, const graft_pass *list, uint32_t index) {
  graft_context *c = own->arena.context;
  graft_pass p = {0};
  graft_status status = gr_take_item(c, &p, sizeof p, list, index, "pass");
  if (!status) status = check_pass(own, &p);
  if (status) return status;
  gr_pass_info *info = gr_arena_alloc(&own->arena, sizeof *info);
  gr_own_pass *pass = gr_arena_alloc(&own->arena, sizeof *pass);
  const gr_option_decl *options = NULL;
  const char *name = keep(own, p.name), *doc = keep(own, p.doc), *members = p.members ? keep(own, p.members) : NULL;
  if (!info || !pass || !name || !doc || (p.members && !members)) return GRAFT_NO_MEMORY;
  status = of(c, take_options(own, p.options, p.option_count, &options), "pass", name);
  if (status) return status;
  *pass = (gr_own_pass){p.run, p.user};
  *info = (gr_pass_info){.name = name,
                         .run = p.run ? gr_pass_run_own : NULL,
                         .members = members,
                         .options = options,
                         .own = pass,
                         .doc = doc};
  return gr_vec_push(c, &own->passes, info) && gr_named_add(c, &own->pass_names, name, strlen(name)) ? GRAFT_OK
                                                                                                     : GRAFT_NO_MEMORY;
}

const gr_pass_info *gr_own_pass_find(const gr_own *own, const char *name, size_t length) {
  const gr_pass_info *info = gr_pass_find(name, length);
  const uint32_t i = info ? GRAFT_NONE : gr_named_find(&own->pass_names, name, length);
  return i < own->passes.len ? own->passes.data[i] : info;
}

/* ---- quantizers ---- */

static graft_status push_quantizer(gr_own *own, gr_own_quantizer one) {
  graft_context *c = own->arena.context;
  const size_t length = strlen(one.name);
  gr_own_quantizer *q = gr_arena_alloc(&own->arena, sizeof *q);
  if (!q) return GRAFT_NO_MEMORY;
  *q = one;
  if (gr_own_quantizer_find(own, one.name))
    return gr_error(c, GRAFT_NAME, (gr_loc){0}, "there is a quantizer '%s' already", one.name);
  return gr_vec_push(c, &own->quantizers, q) && gr_named_add(c, &own->quantizer_names, one.name, length)
             ? GRAFT_OK
             : GRAFT_NO_MEMORY;
}

static graft_status add_quantizer(gr_own *own, const graft_quantizer_callback *list, uint32_t index) {
  graft_context *c = own->arena.context;
  graft_quantizer_callback q = {0};
  gr_own_quantizer one = {0};
  graft_status status = gr_take_item(c, &q, sizeof q, list, index, "callback");
  if (status) return status;
  if (!is_word(q.name, "_-.:/+$") || !q.annotate)
    return gr_error(c, GRAFT_NAME, (gr_loc){0}, "the quantizer '%s' has no %s", q.name ? q.name : "",
                    q.annotate ? "name of letters, digits and _-.:/+$" : "function");
  one = (gr_own_quantizer){.name = keep(own, q.name), .annotate = q.annotate, .user = q.user};
  if (!one.name) return GRAFT_NO_MEMORY;
  status = of(c, take_options(own, q.options, q.option_count, &one.options), "quantizer", one.name);
  return status ? status : push_quantizer(own, one);
}

const gr_own_quantizer *gr_own_quantizer_find(const gr_own *own, const char *name) {
  const uint32_t i = gr_named_find(&own->quantizer_names, name, strlen(name));
  return i < own->quantizers.len ? own->quantizers.data[i] : NULL;
}

/* ---- all ---- */

graft_status gr_own_begin(gr_own *own, graft_context *c, const graft_pass_options *o) {
  static const gr_option_decl none[] = {{.kind = GR_OPTION_END}};
  *own = (gr_own){0};
  gr_arena_init(&own->arena, c);
  graft_status status = GRAFT_OK;
  for (uint32_t i = 0; i < o->pass_count && !status; i++) status = add_pass(own, o->passes, i);
  for (uint32_t i = 0; i < o->callback_count && !status; i++) status = add_quantizer(own, o->callbacks, i);
  if (o->annotate && !status)
    status = push_quantizer(
        own, (gr_own_quantizer){.name = "callback", .options = none, .plain = o->annotate, .user = o->user});
  return status;
}

void gr_own_end(gr_own *own) {
  graft_context *c = own->arena.context;
  gr_vec_free(c, &own->passes);
  gr_vec_free(c, &own->quantizers);
  gr_named_free(c, &own->pass_names);
  gr_named_free(c, &own->quantizer_names);
  gr_arena_free(&own->arena);
}
