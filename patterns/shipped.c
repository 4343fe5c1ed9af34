/* The rules that ship, read when they are asked for and may match.
 *
 * Most rules of a folder cannot match in a module, since ops that they want are not there. Which ops a rule wants the
 * build has noted, so that its text need not be read to know. What rules make may let others match: those are read
 * too. */
#include "ir/graph/keep_int.h"
#include "patterns/rules_impl.h"

#include <string.h>

bool gr_shipped_begin(graft_rules *set) {
  for (const gr_builtin *f = gr_builtin_rules; f->name; f++) {
    const uint16_t *needs = f->needs;
    for (const char *name = f->declares; *name; name += strlen(name) + 1) {
      if (!gr_vec_push(set->context, &set->shipped, ((gr_shipped){f, name, needs, .pending = true})) ||
          !gr_named_add(set->context, &set->shipped_names, name, strlen(name)))
        return false;
      while (*needs++ != GR_OP_COUNT) {
      }
    }
  }
  return true;
}

const char *gr_shipped_file_with(const graft_rules *set, const char *name) {
  const uint32_t i = gr_named_find(&set->shipped_names, name, strlen(name));
  return i < set->shipped.len && set->shipped.data[i].pending ? set->shipped.data[i].file->name : NULL;
}

static bool fits(const gr_shipped *s, const char *name) {
  return strcmp(s->name, name) == 0 || gr_pt_file_fits(s->file->name, name);
}

bool gr_shipped_fits(const graft_rules *set, const char *name) {
  if (set->base) return gr_shipped_fits(set->base, name);
  for (uint32_t i = 0; i < set->shipped.len; i++)
    if (fits(&set->shipped.data[i], name)) return true;
  return false;
}

void gr_shipped_offer(const graft_rules *set, gr_closest *near) {
  if (set->base) gr_shipped_offer(set->base, near);
  for (uint32_t i = 0; i < set->shipped.len; i++) {
    const gr_shipped *s = &set->shipped.data[i];
    if (!s->pending) continue;
    gr_closest_offer(near, s->name, strlen(s->name));
    gr_closest_offer(near, s->file->name, strcspn(s->file->name, "."));
  }
}

/* ---- which may match ---- */

typedef struct ops {
  bool there[GR_OP_COUNT];
} ops;

static void find_ops(const graft_graph *g, ops *o) {
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    uint32_t op = gr_node_at(g, n)->op;
    if (op < GR_OP_COUNT) o->there[op] = true;
  }
}

/* Ops of the nodes that a rule makes. */
static void add_made(const pt_rule *rule, ops *o) {
  for (uint32_t v = 0; v < rule->pattern->variant_count; v++) {
    const pt_variant *variant = &rule->pattern->variants[v];
    for (uint32_t i = 0; variant->program && i < variant->program->step_count; i++) {
      const pt_step *s = &variant->program->steps[i];
      if (s->kind != PT_S_NODE && s->kind != PT_S_ROOT) continue;
      for (uint32_t k = 0; k < s->call->ops->count; k++)
        if (s->call->ops->members[k].op < GR_OP_COUNT) o->there[s->call->ops->members[k].op] = true;
    }
  }
}

static bool may_match(const gr_shipped *s, const ops *o) {
  for (const uint16_t *op = s->needs; *op != GR_OP_COUNT; op++)
    if (!o->there[*op]) return false;
  return true;
}

static bool is_wanted(const gr_shipped *s, const char *const *names, uint32_t count, const ops *o) {
  if (!s->pending || (o && !may_match(s, o))) return false;
  for (uint32_t n = 0; n < count; n++)
    if (fits(s, names[n])) return true;
  return !names;
}

/* The rules of one file, of which some may be wanted. */
static graft_status read_file(graft_rules *set, gr_shipped *rules, uint32_t count, const char *const *names,
                              uint32_t name_count, const ops *o) {
  bool any = false;
  for (uint32_t i = 0; i < count; i++) {
    any |= rules[i].wanted = is_wanted(&rules[i], names, name_count, o);
    rules[i].pending &= !rules[i].wanted; /* first: their names are free now */
  }
  graft_status status = any ? gr_rules_add_shipped(set, rules) : GRAFT_OK;
  for (uint32_t i = 0; status != GRAFT_OK && i < count; i++) rules[i].pending |= rules[i].wanted;
  return status;
}

/* `o`: ops that are there, to which those are added that rules make; NULL: all may be. */
static graft_status need(graft_rules *set, const char *const *names, uint32_t count, ops *o) {
  graft_rules *ships = set->base ? set->base : set; /* what is read there stands behind all others here */
  for (uint32_t looked = 0, more = 1; more;) {
    for (; looked < graft_rules_count(set); looked++)
      for (uint32_t n = 0; n < count; n++)
        if (o && gr_pt_name_fits(gr_pt_rules_at(set, looked), names[n])) add_made(gr_pt_rules_at(set, looked), o);
    for (uint32_t i = 0, k; i < ships->shipped.len; i = k) {
      for (k = i; k < ships->shipped.len && ships->shipped.data[k].file == ships->shipped.data[i].file;) k++;
      graft_status status = read_file(ships, ships->shipped.data + i, k - i, names, count, o);
      if (status != GRAFT_OK) return status;
    }
    more = graft_rules_count(set) > looked;
  }
  return GRAFT_OK;
}

graft_status gr_rules_need(graft_rules *set, const char *const *names, uint32_t count, const graft_module *module) {
  ops o = {0};
  for (uint32_t i = 0; module && i < module->graphs.len; i++) find_ops(module->graphs.data[i], &o);
  return need(set, names, count, module ? &o : NULL);
}

graft_status gr_rules_need_in(graft_rules *set, const char *const *names, uint32_t count, const graft_graph *graph) {
  ops o = {0};
  find_ops(graph, &o);
  return need(set, names, count, &o);
}

static void drop(void *set) { graft_rules_destroy(set); }

graft_rules *gr_rules_shipped(graft_context *context) {
  graft_rules *set = gr_context_kept(context);
  if (!set && (set = gr_rules_create_pending(context))) gr_context_keep(context, set, drop);
  return set;
}
