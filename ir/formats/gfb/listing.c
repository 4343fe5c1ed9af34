/* The order of a file's tensors: those that have names as the module has them, then the literals as they are first
 * used, equal ones once, with the first names that nothing else has. That is what a text makes of them. */
#include "ir/formats/gfb/listing_impl.h"
#include "ir/formats/literal_int.h"

#include <string.h>

typedef struct lister {
  gr_gfb_listing *out;
  graft_module *m;
  uint8_t *literal; /* by tensor */
  gr_map equals;    /* hash of type and bytes -> the file's number */
  gr_map taken;     /* numbers of names that are not literals' */
} lister;

static bool add_tensor(lister *l, graft_tensor t) {
  l->out->ids[t] = l->out->tensors.len;
  return gr_vec_push(l->m->context, &l->out->tensors, t);
}

static bool add_literal(lister *l, graft_tensor t) {
  graft_module *m = l->m;
  const uint32_t type = m->tensors.data[t].type;
  const void *data = graft_tensor_get_data(m, t);
  const size_t size = gr_tensor_bytes(m, t);
  uint64_t key = gr_mix(gr_hash_bytes(data, size) + type);
  for (;; key++) {
    const uint32_t id = gr_map_get(&l->equals, key);
    if (id == GRAFT_NONE) break;
    const graft_tensor other = l->out->tensors.data[id];
    if (m->tensors.data[other].type != type || memcmp(graft_tensor_get_data(m, other), data, size) != 0) continue;
    l->out->ids[t] = id;
    return true;
  }
  return gr_map_put(m->context, &l->equals, key, l->out->tensors.len) && add_tensor(l, t);
}

static bool add_use(lister *l, const graft_graph *g, graft_value v) {
  const graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(g, v);
  return t == GRAFT_NONE || !l->literal[t] || l->out->ids[t] != GRAFT_NONE || add_literal(l, t);
}

static bool add_literals(lister *l, const graft_graph *g) {
  bool good = true;
  for (graft_node n = g->first; good && n != GRAFT_NONE; n = gr_node_at(g, n)->next)
    for (uint32_t i = 0; good && i < gr_node_at(g, n)->operand_count; i++) good = add_use(l, g, gr_operand(g, n, i));
  for (uint32_t i = 0; good && i < g->outputs.len; i++)
    good = add_use(l, g, gr_use_at(g, g->outputs.data[i].use)->value);
  for (uint32_t i = 0; good && i < g->updates.len; i++) {
    const gr_update *u = &g->updates.data[i];
    good = u->tensor == GRAFT_NONE || add_use(l, g, gr_use_at(g, u->use)->value);
  }
  return good;
}

static bool take_name(lister *l, uint32_t base, gr_name name) {
  return name.base != base || gr_map_put(l->m->context, &l->taken, name.number, 1);
}

static bool take_names(lister *l, uint32_t base) {
  const graft_module *m = l->m;
  bool good = true;
  for (uint32_t i = 0; good && i < l->out->literals; i++)
    good = take_name(l, base, m->tensors.data[l->out->tensors.data[i]].name);
  for (uint32_t k = 0; good && k < m->graphs.len; k++) {
    const graft_graph *g = m->graphs.data[k];
    for (uint32_t i = 0; good && i < g->inputs.len; i++)
      good = take_name(l, base, gr_value_at(g, g->inputs.data[i])->name);
    for (graft_node n = g->first; good && n != GRAFT_NONE; n = gr_node_at(g, n)->next)
      for (uint32_t i = 0; good && i < gr_node_at(g, n)->result_count; i++)
        good = take_name(l, base, gr_value_at(g, gr_node_at(g, n)->first_result + i)->name);
  }
  return good;
}

static bool name_literals(lister *l) {
  const uint32_t base = gr_intern_find(l->m, "scalar", 6), count = l->out->tensors.len - l->out->literals;
  if (count == 0) return true;
  if (!gr_vec_reserve(l->m->context, &l->out->numbers, count)) return false;
  if (base != GRAFT_NONE && !take_names(l, base)) return false;
  for (uint32_t number = 0; l->out->numbers.len < count; number++)
    if (gr_map_get(&l->taken, number) == GRAFT_NONE) l->out->numbers.data[l->out->numbers.len++] = number;
  return true;
}

bool gr_gfb_list(gr_gfb_listing *out, graft_module *m) {
  graft_context *c = m->context;
  const size_t count = (size_t)m->tensors.len + 1;
  *out = (gr_gfb_listing){.ids = gr_alloc(c, count * sizeof *out->ids)};
  lister l = {.out = out, .m = m, .literal = gr_calloc(c, count, 1)};
  bool good = out->ids && l.literal;
  if (good) {
    memset(out->ids, 0xff, count * sizeof *out->ids);
    gr_literals_find(m, l.literal);
  }
  for (graft_tensor t = 0; good && t < m->tensors.len; t++)
    if (!m->tensors.data[t].erased && !l.literal[t]) good = add_tensor(&l, t);
  out->literals = out->tensors.len;
  for (uint32_t i = 0; good && i < m->graphs.len; i++) good = add_literals(&l, m->graphs.data[i]);
  good = good && name_literals(&l);
  gr_free(c, l.literal, count);
  gr_map_free(c, &l.equals);
  gr_map_free(c, &l.taken);
  return good;
}

void gr_gfb_listing_free(gr_gfb_listing *l, graft_module *m) {
  graft_context *c = m->context;
  gr_free(c, l->ids, ((size_t)m->tensors.len + 1) * sizeof *l->ids);
  gr_vec_free(c, &l->tensors);
  gr_vec_free(c, &l->numbers);
}
