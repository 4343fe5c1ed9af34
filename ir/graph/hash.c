/* The structural hash: xxHash of a canonical stream of words. Values are numbered in graph order, so neither names nor
 * indices show; parameters and buffers are numbered too and their bytes come with their first use; a constant is just
 * its bytes, merged or not. Interface names are structure, names of values and provenance are not. */
#include "ir/ir_int.h"

#include <string.h>
#include <xxhash.h>

#define CHUNK 512

typedef struct hasher {
  graft_module *m;
  graft_graph *g;
  uint64_t hash;
  uint64_t words[CHUNK];
  uint32_t count;
  uint64_t *attr_hashes;   /* by set; 0: not yet */
  uint32_t *value_numbers; /* by value; GRAFT_NONE: not yet */
  uint32_t next_number;
} hasher;

static void flush(hasher *h) {
  h->hash = XXH3_64bits_withSeed(h->words, h->count * sizeof *h->words, h->hash);
  h->count = 0;
}

static void put(hasher *h, uint64_t word) {
  if (h->count == CHUNK) flush(h);
  h->words[h->count++] = word;
}

static void put_text(hasher *h, const char *text) { put(h, gr_hash_bytes(text, strlen(text))); }

static void put_type(hasher *h, const graft_type *t) {
  put(h, (uint64_t)t->dtype << 32 | (uint32_t)t->rank);
  for (int32_t i = 0; i < t->rank; ++i) put(h, (uint64_t)t->dims[i]);
}

static uint64_t attr_hash(hasher *h, const gr_op_info *op, uint32_t set) {
  if (h->attr_hashes[set] != 0) return h->attr_hashes[set];
  uint32_t count;
  gr_attrs_get(h->m, set, &count);
  uint64_t hash = count;
  for (uint32_t i = 0; i < count; ++i) {
    const graft_attr a = gr_attr_public(h->m, op, set, i);
    uint64_t bits = 0;
    switch (a.kind) {
    case GRAFT_ATTR_NONE: break;
    case GRAFT_ATTR_BOOL: bits = a.as.b; break;
    case GRAFT_ATTR_INT: bits = (uint64_t)a.as.i; break;
    case GRAFT_ATTR_FLOAT: memcpy(&bits, &a.as.f, sizeof bits); break;
    case GRAFT_ATTR_STRING: bits = gr_hash_bytes(a.as.s, strlen(a.as.s)); break;
    case GRAFT_ATTR_DTYPE: bits = (uint64_t)a.as.dtype; break;
    case GRAFT_ATTR_GRAPH: bits = a.as.graph; break;
    case GRAFT_ATTR_INTS: bits = gr_hash_bytes(a.as.ints, a.count * sizeof *a.as.ints); break;
    case GRAFT_ATTR_FLOATS: bits = gr_hash_bytes(a.as.floats, a.count * sizeof *a.as.floats); break;
    }
    const uint64_t name = op == NULL ? gr_hash_bytes(a.name, strlen(a.name)) : 0; /* the op implies its names */
    const uint64_t words[] = {hash, name, (uint64_t)a.kind << 32 | a.count, bits};
    hash = XXH3_64bits(words, sizeof words);
  }
  return h->attr_hashes[set] = hash | 1;
}

enum { ABSENT = 1, CONSTANT, FIRST, AGAIN }; /* what an operand's word begins with */

static uint64_t tagged(uint64_t tag, uint64_t number) { return tag << 56 | number; }

static void number_value(hasher *h, graft_value v) { h->value_numbers[v] = h->next_number++; }

static void put_tensor(hasher *h, graft_tensor t) {
  put_type(h, gr_tensor_type(h->m, t));
  put(h, h->m->tensors.data[t].kind);
  put(h, gr_tensor_hash(h->m, t));
}

static void put_operand(hasher *h, graft_value v) {
  if (v == GRAFT_NONE) {
    put(h, tagged(ABSENT, 0));
    return;
  }
  const graft_tensor t = gr_value_tensor(h->g, v);
  const bool constant = t != GRAFT_NONE && h->m->tensors.data[t].kind == GRAFT_CONSTANT;
  if (!constant && h->value_numbers[v] != GRAFT_NONE) {
    put(h, tagged(AGAIN, h->value_numbers[v]));
    return;
  }
  if (!constant) number_value(h, v);
  put(h, constant ? tagged(CONSTANT, 0) : tagged(FIRST, h->value_numbers[v]));
  if (t != GRAFT_NONE) put_tensor(h, t);
}

static void put_node(hasher *h, graft_node n) {
  const graft_graph *g = h->g;
  const gr_node *node = gr_node_at(g, n);
  put_text(h, gr_op_text(h->m, node->op));
  put(h, attr_hash(h, gr_op_get(node->op), node->attrs));
  put(h, (uint64_t)node->operand_count << 32 | node->result_count);
  for (uint32_t i = 0; i < node->operand_count; ++i) put_operand(h, gr_operand(g, n, i));
  for (uint32_t i = 0; i < node->result_count; ++i) {
    const graft_value v = gr_result(g, n, i);
    if (v == GRAFT_NONE) {
      put(h, tagged(ABSENT, 0));
      continue;
    }
    number_value(h, v);
    put_type(h, gr_type_of(g, v));
  }
}

/* ---- annotations: by the number of the value, and for a use the user's place in the order ---- */

static void put_use(hasher *h, const uint32_t *order, uint32_t use) {
  const gr_use *u = gr_use_at(h->g, use);
  const bool node = u->value != GRAFT_NONE && gr_user_is_node(u->user);
  put(h, node ? (uint64_t)order[u->user] << 32 | gr_use_slot(h->g, use) : tagged(ABSENT, u->user));
}

static void put_spec(hasher *h, const uint32_t *order, uint32_t spec) {
  const gr_spec *s = gr_spec_get(h->m, spec);
  put_text(h, gr_spec_info(s->kind)->name);
  put(h, attr_hash(h, gr_spec_info(s->kind), s->attrs));
  put(h, s->ref_count);
  for (uint32_t i = 0; i < s->ref_count; ++i) {
    const gr_spec_ref *r = &gr_spec_refs(h->m, spec)[i];
    put(h, r->is_value);
    if (r->is_value)
      put(h, h->value_numbers[r->id]);
    else
      put_use(h, order, r->id);
  }
}

static bool put_specs(hasher *h) {
  const graft_graph *g = h->g;
  if (!gr_has_specs(g)) return true;
  uint32_t *order = gr_alloc(h->m->context, ((size_t)g->nodes.len + 1) * sizeof *order), place = 0;
  if (order == NULL) return false;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) order[n] = place++;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_node *node = gr_node_at(g, n);
    for (uint32_t i = 0; i < node->operand_count; ++i) {
      const uint32_t use = node->first_use + i;
      const graft_value operand = gr_use_at(g, use)->value;
      const bool tensor = operand != GRAFT_NONE && gr_value_tensor(g, operand) != GRAFT_NONE;
      const uint32_t specs[] = {gr_spec_of_use(g, use), tensor ? gr_spec_of_value(g, operand) : 0};
      for (uint32_t k = 0; k < 2; ++k) {
        if (specs[k] == 0) continue;
        put_use(h, order, use);
        put(h, k);
        put_spec(h, order, specs[k]);
      }
    }
    for (uint32_t i = 0; i < node->result_count; ++i) {
      const uint32_t spec = gr_spec_of_value(g, node->first_result + i);
      if (spec == 0) continue;
      put(h, h->value_numbers[node->first_result + i]);
      put_spec(h, order, spec);
    }
  }
  for (uint32_t i = 0; i < g->inputs.len; ++i) {
    const uint32_t spec = gr_spec_of_value(g, g->inputs.data[i]);
    if (spec == 0) continue;
    put(h, i);
    put_spec(h, order, spec);
  }
  gr_free(h->m->context, order, ((size_t)g->nodes.len + 1) * sizeof *order);
  return true;
}

static bool put_graph(hasher *h, graft_graph *g) {
  const size_t bytes = ((size_t)g->values.len + 1) * sizeof *h->value_numbers;
  h->g = g;
  h->value_numbers = gr_alloc(h->m->context, bytes);
  if (h->value_numbers == NULL) return false;
  memset(h->value_numbers, 0xff, bytes);
  h->next_number = 0;
  put(h, (uint64_t)g->inputs.len << 32 | g->outputs.len);
  for (uint32_t i = 0; i < g->inputs.len; ++i) {
    number_value(h, g->inputs.data[i]);
    put_text(h, gr_value_label(g, g->inputs.data[i]));
    put_type(h, gr_type_of(g, g->inputs.data[i]));
  }
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) put_node(h, n);
  for (uint32_t i = 0; i < g->outputs.len; ++i) {
    put_text(h, gr_string_text(h->m, g->outputs.data[i].name));
    put_operand(h, gr_use_at(g, g->outputs.data[i].use)->value);
  }
  for (uint32_t i = 0; i < g->updates.len; ++i) {
    const gr_update *u = &g->updates.data[i];
    if (u->tensor == GRAFT_NONE) continue;
    const graft_value handle = gr_handle_of(g, u->tensor);
    if (handle != GRAFT_NONE)
      put_operand(h, handle);
    else
      put_tensor(h, u->tensor);
    put_operand(h, gr_use_at(g, u->use)->value);
  }
  const bool good = put_specs(h);
  gr_free(h->m->context, h->value_numbers, bytes);
  return good;
}

uint64_t graft_module_hash(graft_module *m) {
  if (!GR_LIVE(m, MODULE)) return 0;
  const size_t sets = (size_t)m->attrs.sets.len + 1;
  hasher *h = gr_calloc(m->context, 1, sizeof *h);
  if (h == NULL) return 0;
  h->m = m;
  h->attr_hashes = gr_calloc(m->context, sets, sizeof *h->attr_hashes);
  bool good = h->attr_hashes != NULL;
  for (uint32_t i = 0; good && i < m->graphs.len; ++i) good = put_graph(h, m->graphs.data[i]);
  flush(h);
  const uint64_t hash = good ? h->hash | (h->hash == 0) : 0;
  gr_free(m->context, h->attr_hashes, sets * sizeof *h->attr_hashes);
  gr_free(m->context, h, sizeof *h);
  return hash;
}
