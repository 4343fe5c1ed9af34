/* Which annotated places share one set of parameters.
 *
 * Explicitly: `shared` names an edge or a value; chains of them end at a spec of its own, or it is an error that names
 * the circle. Implicitly: an edge joins the other annotated edges from the same value, and that value, where dtype,
 * range, scheme, axis and dynamic agree (the observer may differ: the first place of a group in node order decides).
 * All of it before anything is inserted, so that the order of the graph cannot matter. Union-find over uses and values.
 */
#include <stdio.h>
#include <string.h>

#include "passes/quant_impl.h"

typedef struct resolver {
  graft_graph *g;
  graft_module *m;
  graft_context *c;
  const uint32_t *scope;
  uint32_t uses, values; /* place i is use i, or value i - uses */
  uint32_t *parent;
  uint32_t *end;   /* by place: where its chain of `shared` ends; NONE: not known yet */
  uint32_t *group; /* by root of a union: its group; NONE: not numbered yet */
  gr_map class_of; /* spec -> class: equal where implicit sharing may join */
  gr_map first;    /* kind and attributes -> class */
} resolver;

const char *gr_place_label(graft_graph *g, gr_spec_ref place, char *buffer, size_t size) {
  graft_module *m = g->module;
  char name[256];
  if (place.is_value) {
    gr_name_format(m, gr_value_get_name(g, place.id), name, sizeof name);
    snprintf(buffer, size, "%%%s", name);
    return buffer;
  }
  uint32_t user = gr_use_at(g, place.id)->user;
  if (!gr_user_is_node(user)) return snprintf(buffer, size, "an output"), buffer;
  const gr_op_info *op = gr_info(g, user);
  uint32_t slot = gr_use_slot(g, place.id), last = op && op->operand_count ? op->operand_count - 1u : 0;
  graft_value result = gr_result(g, user, 0);
  name[0] = 0;
  if (result != GRAFT_NONE) gr_name_format(m, gr_value_get_name(g, result), name, sizeof name);
  if (!op || slot > last || op->operands[slot].variadic)
    snprintf(buffer, size, "%%%s[%u]", name, slot);
  else
    snprintf(buffer, size, "%%%s.%s", name, op->operands[slot].name);
  return buffer;
}

static gr_spec_ref ref_of(const resolver *r, uint32_t place) {
  return place < r->uses ? (gr_spec_ref){false, place} : (gr_spec_ref){true, place - r->uses};
}

static uint32_t spec_of(const resolver *r, uint32_t place) {
  return place < r->uses ? gr_spec_of_use(r->g, place) : gr_spec_of_value(r->g, place - r->uses);
}

static gr_loc place_loc(const resolver *r, uint32_t place) {
  graft_node n = place < r->uses ? gr_use_at(r->g, place)->user : gr_value_node(r->g, place - r->uses);
  if (n == GRAFT_NONE || !gr_user_is_node(n)) return gr_module_loc(r->m);
  return gr_node_loc(r->g, n);
}

/* The scope of a use is its user's, that of a value its producer's; inputs and tensors are in any. */
static uint32_t scope_of(const resolver *r, uint32_t place) {
  graft_node n = place < r->uses ? gr_use_at(r->g, place)->user : gr_value_node(r->g, place - r->uses);
  return n == GRAFT_NONE || !gr_user_is_node(n) ? GRAFT_NONE : r->scope[n];
}

static bool one_scope(const resolver *r, uint32_t a, uint32_t b) {
  uint32_t x = scope_of(r, a), y = scope_of(r, b);
  return x == y || x == GRAFT_NONE || y == GRAFT_NONE;
}

static uint32_t find(resolver *r, uint32_t place) {
  while (r->parent[place] != place) {
    r->parent[place] = r->parent[r->parent[place]];
    place = r->parent[place];
  }
  return place;
}

static void join(resolver *r, uint32_t a, uint32_t b) {
  a = find(r, a);
  b = find(r, b);
  if (a != b) r->parent[a > b ? a : b] = a < b ? a : b;
}

static graft_status circle(resolver *r, uint32_t from) {
  char text[400], label[300];
  size_t at = 0;
  uint32_t place = from;
  do {
    int n =
        snprintf(text + at, sizeof text - at, "%s -> ", gr_place_label(r->g, ref_of(r, place), label, sizeof label));
    at += (size_t)n < sizeof text - at ? (size_t)n : sizeof text - at - 1;
    gr_spec_ref to = gr_spec_refs(r->m, spec_of(r, place))[0];
    place = to.is_value ? r->uses + to.id : to.id;
  } while (place != from && at < sizeof text - 8);
  return gr_error(r->c, GRAFT_PASS, place_loc(r, from), "parameters are shared in a circle: %s%s", text,
                  gr_place_label(r->g, ref_of(r, from), label, sizeof label));
}

/* The place that `shared` at `place` refers to. */
static graft_status target_of(resolver *r, uint32_t place, uint32_t *target) {
  const gr_spec *s = gr_spec_get(r->m, spec_of(r, place));
  gr_spec_ref ref = s->ref_count == 1 ? gr_spec_refs(r->m, spec_of(r, place))[0] : (gr_spec_ref){true, GRAFT_NONE};
  char a[300], b[300];
  *target = ref.is_value ? r->uses + ref.id : ref.id;
  if (ref.id >= (ref.is_value ? r->values : r->uses))
    return gr_error(r->c, GRAFT_PASS, place_loc(r, place), "%s shares the parameters of no place",
                    gr_place_label(r->g, ref_of(r, place), a, sizeof a));
  if (!spec_of(r, *target))
    return gr_error(r->c, GRAFT_PASS, place_loc(r, place), "%s shares the parameters of %s, which is not annotated",
                    gr_place_label(r->g, ref_of(r, place), a, sizeof a), gr_place_label(r->g, ref, b, sizeof b));
  if (!one_scope(r, place, *target))
    return gr_error(r->c, GRAFT_PASS, place_loc(r, place), "%s shares the parameters of %s, which is in another scope",
                    gr_place_label(r->g, ref_of(r, place), a, sizeof a), gr_place_label(r->g, ref, b, sizeof b));
  return GRAFT_OK;
}

#define VISITING (GRAFT_NONE - 1)

/* Follows a chain of `shared` to its end and writes the end back along the chain. */
static graft_status follow(resolver *r, uint32_t place) {
  uint32_t at = place, next = GRAFT_NONE;
  while (r->end[at] == GRAFT_NONE) {
    if (gr_spec_get(r->m, spec_of(r, at))->kind != GR_SPEC_shared) {
      r->end[at] = at;
      break;
    }
    graft_status status = target_of(r, at, &next);
    if (status) return status;
    r->end[at] = VISITING;
    at = next;
  }
  if (r->end[at] == VISITING) return circle(r, at);
  uint32_t end = r->end[at];
  for (at = place; r->end[at] == VISITING; at = next) {
    gr_spec_ref ref = gr_spec_refs(r->m, spec_of(r, at))[0];
    next = ref.is_value ? r->uses + ref.id : ref.id;
    r->end[at] = end;
    join(r, end, at);
  }
  return GRAFT_OK;
}

/* ---- implicit sharing ---- */

static uint32_t *numbers(graft_context *c, size_t count) {
  uint32_t *n = gr_alloc(c, (count + 1) * sizeof *n);
  if (n) memset(n, 0xFF, (count + 1) * sizeof *n);
  return n;
}

static void free_numbers(graft_context *c, uint32_t *n, size_t count) {
  if (n) gr_free(c, n, (count + 1) * sizeof *n);
}

/* The spec's attributes that must agree, the others at their defaults: equal where these are. */
static uint32_t class_attrs(resolver *r, const gr_spec *s) {
  static const char *const names[] = {"dtype",  "quant_min", "quant_max", "scheme",    "axis",
                                      "groups", "dynamic",   "scale",     "zero_point"};
  const gr_op_info *op = gr_spec_info(s->kind);
  gr_attr_builder b;
  gr_attrs_begin(&b, op);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    int slot = gr_op_attr_slot(op, names[i], strlen(names[i]));
    if (slot < 0) continue;
    graft_attr a = gr_attr_public(r->m, op, s->attrs, (uint32_t)slot);
    if (gr_attrs_set(r->m, &b, op, &a, (gr_loc){0})) return GRAFT_NONE;
  }
  return gr_attrs_intern(r->m, &b, op, (gr_loc){0});
}

/* A class is numbered by the first of its specs that is asked for; GRAFT_NONE: implicit sharing never joins it. */
static graft_status class_of(resolver *r, uint32_t spec, uint32_t *class) {
  const gr_spec *s = gr_spec_get(r->m, spec);
  *class = GRAFT_NONE;
  if (spec == 0 || (s->kind != GR_SPEC_spec && s->kind != GR_SPEC_fixed)) return GRAFT_OK;
  *class = gr_map_get(&r->class_of, spec);
  if (*class != GRAFT_NONE) return GRAFT_OK;
  const uint32_t attrs = class_attrs(r, s);
  if (attrs == GRAFT_NONE) return GRAFT_NO_MEMORY;
  const uint64_t key = (uint64_t)gr_spec_get(r->m, spec)->kind << 32 | attrs;
  *class = gr_map_get(&r->first, key);
  if (*class == GRAFT_NONE && !gr_map_put(r->c, &r->first, key, *class = spec)) return GRAFT_NO_MEMORY;
  return gr_map_put(r->c, &r->class_of, spec, *class) ? GRAFT_OK : GRAFT_NO_MEMORY;
}

/* Edges from one value with specs of one class, in one scope, and the value itself. */
typedef struct key_first {
  uint32_t value, class, scope, place;
} key_first;

/* Most values have edges of one kind only: that is found by the value, any other through the map. */
typedef struct firsts {
  uint32_t *of_value; /* in `list` */
  gr_map map;         /* hash -> in `list` */
  GR_VEC(key_first) list;
} firsts;

static bool same_kind(const key_first *a, const key_first *b) {
  return a->value == b->value && a->class == b->class && a->scope == b->scope;
}

/* The first edge of the same kind; GRAFT_NONE: this is it. */
static graft_status first_edge(resolver *r, firsts *seen, key_first k, uint32_t *first) {
  uint32_t *of_value = &seen->of_value[k.value];
  *first = GRAFT_NONE;
  if (*of_value == GRAFT_NONE) {
    *of_value = seen->list.len;
    return gr_vec_push(r->c, &seen->list, k) ? GRAFT_OK : GRAFT_NO_MEMORY;
  }
  if (same_kind(&seen->list.data[*of_value], &k)) return *first = seen->list.data[*of_value].place, GRAFT_OK;
  uint64_t key = gr_mix(((uint64_t)k.value << 32 | k.class) + gr_mix(k.scope));
  for (uint32_t at; (at = gr_map_get(&seen->map, key)) < seen->list.len; key++)
    if (same_kind(&seen->list.data[at], &k)) return *first = seen->list.data[at].place, GRAFT_OK;
  return gr_map_put(r->c, &seen->map, key, seen->list.len) && gr_vec_push(r->c, &seen->list, k) ? GRAFT_OK
                                                                                                : GRAFT_NO_MEMORY;
}

static graft_status join_edge(resolver *r, firsts *seen, graft_node n, uint32_t use) {
  uint32_t value = gr_use_at(r->g, use)->value, of = r->uses + value, first;
  if (value == GRAFT_NONE || !gr_spec_of_use(r->g, use)) return GRAFT_OK;
  key_first k = {value, GRAFT_NONE, r->scope[n], use};
  graft_status status = class_of(r, spec_of(r, r->end[use]), &k.class);
  if (status || k.class == GRAFT_NONE) return status;
  status = first_edge(r, seen, k, &first);
  if (status) return status;
  uint32_t class = GRAFT_NONE;
  if (first != GRAFT_NONE)
    join(r, first, use);
  else if (gr_spec_of_value(r->g, value))
    status = class_of(r, spec_of(r, r->end[of]), &class);
  if (class == k.class && one_scope(r, of, use)) join(r, of, use);
  return status;
}

static graft_status join_implicitly(resolver *r) {
  graft_graph *g = r->g;
  firsts seen = {.of_value = numbers(r->c, r->values)};
  graft_status status = seen.of_value ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (graft_node n = g->first; n != GRAFT_NONE && !status; n = gr_node_at(g, n)->next) {
    uint32_t first = gr_node_at(g, n)->first_use, count = gr_node_at(g, n)->operand_count;
    for (uint32_t i = 0; i < count && !status; i++) status = join_edge(r, &seen, n, first + i);
  }
  free_numbers(r->c, seen.of_value, r->values);
  gr_vec_free(r->c, &seen.list);
  gr_map_free(r->c, &seen.map);
  return status;
}

/* ---- groups ---- */

static graft_status number(resolver *r, gr_groups *out, uint32_t place) {
  uint32_t root = find(r, place), *slot = place < r->uses ? &out->of_use[place] : &out->of_value[place - r->uses];
  if (r->group[root] == GRAFT_NONE) {
    gr_group group = {.spec = spec_of(r, r->end[place]), .at = ref_of(r, place)};
    r->group[root] = out->list.len;
    if (!gr_vec_push(r->c, &out->list, group)) return GRAFT_NO_MEMORY;
  }
  *slot = r->group[root];
  return GRAFT_OK;
}

/* Groups are numbered in node order, edges before results; the first place's spec is the group's. */
static graft_status number_all(resolver *r, gr_groups *out) {
  graft_graph *g = r->g;
  graft_status status = GRAFT_OK;
  for (uint32_t v = 0; v < r->values && !status; v++) {
    gr_def kind = gr_value_at(g, v)->def_kind;
    if (gr_spec_of_value(g, v) && (kind == GR_DEF_INPUT || kind == GR_DEF_TENSOR)) status = number(r, out, r->uses + v);
  }
  for (graft_node n = g->first; n != GRAFT_NONE && !status; n = gr_node_at(g, n)->next) {
    const gr_node *node = gr_node_at(g, n);
    for (uint32_t i = 0; i < node->operand_count && !status; i++)
      if (gr_use_at(g, node->first_use + i)->value != GRAFT_NONE && gr_spec_of_use(g, node->first_use + i))
        status = number(r, out, node->first_use + i);
    for (uint32_t i = 0; i < node->result_count && !status; i++)
      if (gr_result(g, n, i) != GRAFT_NONE && gr_spec_of_value(g, node->first_result + i))
        status = number(r, out, r->uses + node->first_result + i);
  }
  return status;
}

static graft_status resolve(resolver *r, gr_groups *out) {
  graft_status status = GRAFT_OK;
  for (uint32_t p = 0; p < r->uses + r->values && !status; p++)
    if (spec_of(r, p)) status = follow(r, p);
  if (!status) status = join_implicitly(r);
  return status ? status : number_all(r, out);
}

graft_status gr_groups_resolve(graft_graph *g, const uint32_t *scope, gr_groups *out) {
  graft_module *m = g->module;
  graft_context *c = m->context;
  resolver r = {.g = g, .m = m, .c = c, .scope = scope, .uses = g->uses.len, .values = g->values.len};
  size_t places = (size_t)r.uses + r.values;
  graft_status status = GRAFT_NO_MEMORY;
  *out = (gr_groups){.context = c, .use_count = r.uses, .value_count = r.values};
  out->of_use = numbers(c, r.uses);
  out->of_value = numbers(c, r.values);
  r.parent = numbers(c, places);
  r.end = numbers(c, places);
  r.group = numbers(c, places);
  if (out->of_use && out->of_value && r.parent && r.end && r.group) {
    for (uint32_t p = 0; p < places; p++) r.parent[p] = p;
    status = resolve(&r, out);
  }
  free_numbers(c, r.parent, places);
  free_numbers(c, r.end, places);
  free_numbers(c, r.group, places);
  gr_map_free(c, &r.class_of);
  gr_map_free(c, &r.first);
  if (status) gr_groups_free(out);
  return status;
}

void gr_groups_free(gr_groups *groups) {
  graft_context *c = groups->context;
  free_numbers(c, groups->of_use, groups->use_count);
  free_numbers(c, groups->of_value, groups->value_count);
  gr_vec_free(c, &groups->list);
  groups->of_use = groups->of_value = NULL;
}
