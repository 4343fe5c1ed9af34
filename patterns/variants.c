/* From a match section to variants: one for each choice of the optional groups, which compile.c makes a program of. */
#include "patterns/patterns_impl.h"

#include <string.h>

static bool error_at(const gr_parser *p, gr_loc where, const char *message) {
  gr_error(p->context, GRAFT_RULE, where, "%s", message);
  return false;
}

typedef struct choices {
  uint8_t *taken; /* by group: 0, 1, 2: not met yet */
  uint8_t sequence[PT_MAX_DEPTH * 8];
  uint32_t length, prefix;
} choices;

static bool choose(gr_parser *p, const pt_items *items, choices *c) {
  for (uint32_t i = 0; i < items->len; i++) {
    if (items->data[i].kind != PT_ITEM_GROUP) continue;
    const pt_group *g = items->data[i].group;
    if (c->taken[g->name] == 2) {
      if (c->length == sizeof c->sequence) return error_at(p, g->where, "too many groups in one match");
      if (c->length >= c->prefix) c->sequence[c->length] = 1;
      c->taken[g->name] = c->sequence[c->length++];
    }
    if (!choose(p, c->taken[g->name] ? &g->present : &g->absent, c)) return false;
  }
  return true;
}

/* The present form first; the outermost groups change last. */
static bool make_variants(gr_parser *p, gr_pattern *pattern) {
  uint32_t groups = pattern->names.kind[PT_GROUP].len;
  choices c = {.taken = gr_arena_alloc(p->arena, groups + 1)};
  GR_VEC(pt_variant) variants = {0};
  if (!c.taken) return false;
  for (;;) {
    memset(c.taken, 2, groups);
    c.length = 0;
    if (!choose(p, &pattern->items, &c)) return false;
    if (pattern->variant_count == PT_MAX_VARIANTS) {
      gr_error(p->context, GRAFT_RULE, pattern->where, "the groups give more than %d variants", PT_MAX_VARIANTS);
      return false;
    }
    if (!pt_push(p->arena, &variants, (pt_variant){0})) return false;
    pt_variant *v = &variants.data[pattern->variant_count++];
    pattern->variants = variants.data;
    v->groups = pt_zeroed(p->arena, groups, sizeof *v->groups);
    v->decided = pt_zeroed(p->arena, groups, sizeof *v->decided);
    if (!v->groups || !v->decided) return false;
    for (uint32_t g = 0; g < groups; g++) {
      v->groups[g] = c.taken[g] == 1;
      v->decided[g] = c.taken[g] != 2;
    }
    uint32_t last = c.length;
    while (last > 0 && c.sequence[last - 1] == 0) last--;
    if (last == 0) return true;
    c.sequence[last - 1] = 0;
    c.prefix = last;
  }
}

static void find_nested(gr_pattern *pattern, const pt_items *items, const pt_group *in) {
  uint32_t groups = pattern->names.kind[PT_GROUP].len;
  for (uint32_t i = 0; i < items->len; i++) {
    pt_group *g = items->data[i].kind == PT_ITEM_GROUP ? items->data[i].group : NULL;
    if (!g) continue;
    for (uint32_t k = 0; in && k < groups; k++)
      if (pattern->nested[(uint32_t)in->name * groups + k]) pattern->nested[(uint32_t)g->name * groups + k] = true;
    if (in && in->name != g->name) pattern->nested[(uint32_t)g->name * groups + (uint32_t)in->name] = true;
    find_nested(pattern, &g->present, g);
    find_nested(pattern, &g->absent, in);
  }
}

bool gr_pt_compile_match(gr_parser *p, gr_pattern *pattern) {
  uint32_t groups = pattern->names.kind[PT_GROUP].len;
  if (groups > PT_MAX_VARIANTS) return error_at(p, pattern->where, "too many groups in one match");
  if (!(pattern->nested = pt_zeroed(p->arena, (size_t)groups * groups, sizeof *pattern->nested))) return false;
  find_nested(pattern, &pattern->items, NULL);
  if (!make_variants(p, pattern)) return false;
  bool ever = false;
  for (uint32_t i = 0; i < pattern->variant_count; i++) {
    bool ok = gr_pt_compile_variant(p, pattern, &pattern->variants[i]);
    pattern->compiled += ok || pattern->variants[i].known;
    if (!ok || (pattern->bare && !p->failed && !gr_pt_schedule(p, pattern, &pattern->variants[i]))) return false;
    ever |= !pattern->variants[i].never;
  }
  return ever || p->failed || error_at(p, pattern->where, "the conditions exclude every choice of the groups");
}

/* ---- for other readers ---- */

int gr_pattern_results(const gr_pattern *p, const char *name, size_t length) {
  int id = gr_pt_name_find(&p->names, PT_RANGE, name, length);
  for (uint32_t v = 0; v < p->variant_count && id >= 0; v++)
    for (uint32_t i = 0; i < p->variants[v].code_count; i++)
      if (p->variants[v].code[i].code == PT_RESULT_RANGE && p->variants[v].code[i].b == (uint16_t)id) return id;
  return -1;
}

int gr_pattern_value(const gr_pattern *p, const char *name, size_t length) {
  return gr_pt_name_find(&p->names, PT_VALUE, name, length);
}

void gr_pattern_root_ops(const gr_pattern *p, void (*report)(void *user, uint32_t op, const char *opaque), void *user) {
  const gr_opset *ops = p->variants[0].root_ops; /* the root is in no group: the same in all variants */
  for (uint32_t i = 0; i < ops->count; i++) report(user, ops->members[i].op, ops->members[i].opaque);
}
