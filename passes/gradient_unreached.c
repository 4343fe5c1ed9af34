/* Parameters that the loss does not change with, as those of a head that it does not read: an error that says which,
 * and by which names `freeze` would leave them, or with unreached=freeze a warning. */
#include "passes/gradient_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct parameter {
  const char *name;
  size_t shared; /* with the name of one that is reached: so much of both, at most, is the same */
  bool reached;
} parameter;

static int by_name(const void *a, const void *b) {
  return strcmp(((const parameter *)a)->name, ((const parameter *)b)->name);
}

/* So much of `name` may not stand for it. */
static size_t shared_with(const char *name, const char *reached) {
  size_t n = 0;
  while (name[n] && name[n] == reached[n]) n++;
  return reached[n] || !name[n] ? n : n + 1; /* `reached` is itself the module's name */
}

/* The most that any reached one shares is what the one before it or the one behind it does, in the order of names. */
static void find_shared(parameter *all, uint32_t count) {
  const char *reached = NULL;
  for (uint32_t i = 0; i < count; i++)
    if (all[i].reached)
      reached = all[i].name;
    else if (reached)
      all[i].shared = shared_with(all[i].name, reached);
  reached = NULL;
  for (uint32_t i = count; i-- > 0;)
    if (all[i].reached)
      reached = all[i].name;
    else if (reached && shared_with(all[i].name, reached) > all[i].shared)
      all[i].shared = shared_with(all[i].name, reached);
}

/* The names of the largest modules with nothing that is reached, as `freeze` takes them. */
static void list_modules(const parameter *all, uint32_t count, char *text, size_t size) {
  const char *last = "";
  size_t used = 0, length = 0;
  text[0] = '\0';
  for (uint32_t i = 0; i < count; i++) {
    if (all[i].reached || (length && gr_is_or_below(all[i].name, last, length))) continue;
    last = all[i].name;
    const char *end = strchr(last + all[i].shared, '.');
    length = end ? (size_t)(end - last) : strlen(last);
    if (used + length + 8 > size) {
      (void)snprintf(text + used, size - used, ",…");
      return;
    }
    used += (size_t)snprintf(text + used, size - used, "%s%.*s", used ? "," : "", (int)length, last);
  }
}

graft_status gr_check_reached(gr_pass *p, graft_graph *g, const graft_value *wrt, uint32_t count,
                              const graft_value *flowing) {
  graft_context *c = p->context;
  const char *of = gr_option_string(p, "of");
  parameter *all = gr_arena_alloc(&p->text, (count + 1) * sizeof *all);
  if (!all) return gr_no_memory(c);
  uint32_t unreached = 0;
  graft_value first = GRAFT_NONE;
  for (uint32_t i = 0; i < count; i++) {
    all[i] = (parameter){.name = gr_name_text(p, gr_value_get_name(g, wrt[i]), ""),
                         .reached = flowing[wrt[i]] != GRAFT_NONE};
    if (!all[i].name) return GRAFT_NO_MEMORY;
    if (all[i].reached) continue;
    if (!unreached++) first = wrt[i];
  }
  if (!unreached) return GRAFT_OK;
  qsort(all, count, sizeof *all, by_name);
  find_shared(all, count);
  char names[1400];
  const char *name = gr_value_label(g, first);
  list_modules(all, count, names, sizeof names);
  const gr_loc where = gr_value_loc(g, first);
  if (gr_option_string(p, "wrt")[0] || unreached == count)
    return gr_error(c, GRAFT_PASS, where, "'%s' has no gradient: '%s' does not change with it", name, of);
  if (strcmp(gr_option_string(p, "unreached"), "freeze") == 0) {
    gr_warning(c, GRAFT_PASS, where, "%u of %u parameters stay as they are: '%s' does not change with them (%s)",
               unreached, count, of, names);
    gr_count(p, "unreached", unreached);
    return GRAFT_OK;
  }
  if (unreached == 1)
    return gr_error(c, GRAFT_PASS, where,
                    "'%s' has no gradient: '%s' does not change with it (freeze=\"%s\" leaves it as it is)", name, of,
                    names);
  return gr_error(
      c, GRAFT_PASS, where,
      "'%s' and %u other parameter%s have no gradient: '%s' does not change with them (freeze=\"%s\" leaves them as "
      "they are, unreached=freeze whatever there is)",
      name, unreached - 1, unreached == 2 ? "" : "s", of, names);
}
