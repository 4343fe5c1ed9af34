/* What a value is called stands in its node's provenance: "equals NAME", where a rule made the node, is the oldest
 * value that it equals; a node that no rule touched is called as it was. What a rule made without "equals" is something
 * in between, and the same as nothing but what the same rule called so. A quantize, dequantize or fake_quantize stands
 * for what it quantizes, which is told apart from the value itself: of a graph that has both, each finds its own kind
 * first.
 *
 * Outputs that are found in neither way are the same by the interface's name.
 *
 * Layers, the rows of a comparison, are the values of the second graph that the first one has, in order; but a value
 * that only quantizers read is left to what they make of it, a quantize that only dequantizes read to these, and what
 * follows from tensors alone is none. Graphs that an if or a loop runs are held against those that the same node of the
 * first graph runs, and their layers come before the node's. */
#include "runtime/match_impl.h"

#include <stdio.h>
#include <string.h>

#define QUANTIZERS (GR_F_Q | GR_F_DQ | GR_F_FAKE_QUANTIZE)

enum {
  MOVES_MAX = 64, /* nodes in a row that only move integers */
  DEPTH_MAX = 64  /* of graphs in graphs; none runs that is deeper */
};

enum kind { PLAIN, QUANTIZED, MADE }; /* of a key */

typedef struct matcher {
  graft_context *c;
  gr_map map; /* key -> value of the first graph */
} matcher;

static uint32_t find_operand(const gr_op_info *info, const char *name) {
  for (uint32_t i = 0; i < info->operand_count; i++)
    if (strcmp(info->operands[i].name, name) == 0) return i;
  return GRAFT_NONE;
}

bool gr_result_scale(const graft_graph *g, graft_node n, uint32_t *scale, uint32_t *zero_point) {
  const gr_op_info *info = gr_info(g, n);
  if (!info) return false;
  const bool quantizer = info->families & QUANTIZERS;
  *scale = find_operand(info, quantizer ? "scale" : "y_scale");
  *zero_point = find_operand(info, quantizer ? "zero_point" : "y_zero_point");
  return *scale != GRAFT_NONE && *zero_point != GRAFT_NONE;
}

graft_node gr_scale_node(const graft_graph *g, graft_node n) {
  uint32_t scale, zero_point;
  for (int steps = 0; n != GRAFT_NONE && !gr_result_scale(g, n, &scale, &zero_point); steps++) {
    const graft_value y = gr_node_at(g, n)->first_result, x = gr_operand(g, n, 0);
    const uint32_t passes = GR_F_MOVES | GR_F_VIEW | GR_F_POOL | GR_F_ELEMENTWISE;
    if (!gr_is_integer(gr_type_of(g, y)->dtype) || !(gr_node_families(g, n) & passes) || x == GRAFT_NONE ||
        steps == MOVES_MAX)
      return GRAFT_NONE;
    n = gr_value_node(g, x);
  }
  return n;
}

/* ---- keys ---- */

static uint64_t text_key(enum kind kind, const char *text) {
  return gr_mix(gr_hash_bytes(text, strlen(text)) + (uint64_t)kind);
}

typedef struct identity {
  char name[1024]; /* a longer name is cut */
  enum kind kind;
} identity;

/* Through quantizers to what they quantize. What was dequantized and is quantized once more, to another scale, is the
 * same as nothing else: GRAFT_NONE. */
static graft_value quantized_value(const graft_graph *g, graft_value v, bool *quantized) {
  uint32_t last = 0;
  *quantized = false;
  for (graft_node n = gr_value_node(g, v); gr_node_families(g, n) & QUANTIZERS; n = gr_value_node(g, v)) {
    const graft_value x = gr_operand(g, n, 0);
    if (x == GRAFT_NONE) break;
    if ((last & GR_F_Q) && (gr_node_families(g, n) & GR_F_DQ)) return GRAFT_NONE;
    last = gr_node_families(g, n);
    *quantized = true;
    v = x;
  }
  return v;
}

/* Integers as a quantize makes them, also where others spell it out. */
static bool is_code(const graft_graph *g, graft_value v) {
  const graft_dtype d = gr_type_of(g, v)->dtype;
  return d == GRAFT_I8 || d == GRAFT_U8 || d == GRAFT_I16 || d == GRAFT_U16;
}

/* What the quantizers between `from` and what they quantize say that they equal, where a rule made all of them; 0:
 * nothing. */
static uint32_t quantizers_equal(const graft_graph *g, graft_value from, graft_value to) {
  for (graft_value v = from; v != to; v = gr_operand(g, gr_value_node(g, v), 0)) {
    const uint32_t record = gr_node_at(g, gr_value_node(g, v))->provenance;
    const uint32_t equals = record ? gr_record_get(g->module, record)->equals : 0;
    if (equals) return equals;
  }
  return 0;
}

static bool identify(const graft_graph *g, graft_value v, identity *id) {
  const graft_module *m = g->module;
  bool quantized;
  const graft_value from = v;
  v = quantized_value(g, v, &quantized);
  if (v == GRAFT_NONE) return false;
  const graft_node n = gr_value_node(g, v);
  if (n == GRAFT_NONE && gr_value_at(g, v)->def_kind != GR_DEF_INPUT) return false; /* weights are no layers */
  const uint32_t record = n == GRAFT_NONE ? 0 : gr_node_at(g, n)->provenance;
  const gr_record *r = record ? gr_record_get(m, record) : NULL;
  if (n != GRAFT_NONE && v == gr_node_at(g, n)->first_result && (gr_scale_node(g, n) != GRAFT_NONE || is_code(g, v)))
    quantized = true;
  id->kind = quantized ? QUANTIZED : PLAIN;
  graft_value_name(g, v, id->name, sizeof id->name);
  if (r && r->equals && v == gr_node_at(g, n)->first_result) {
    snprintf(id->name, sizeof id->name, "%s", gr_string_text(m, r->equals));
  } else if (r && r->pass && !(quantized && r->parent_count == 0)) { /* of a text without records names are all */
    const uint32_t equals = quantizers_equal(g, from, v);
    if (equals) return snprintf(id->name, sizeof id->name, "%s", gr_string_text(m, equals)), true;
    const size_t used = strlen(id->name);
    snprintf(id->name + used, sizeof id->name - used, "\n%s", gr_string_text(m, r->rule));
    id->kind = MADE;
  }
  return true;
}

/* ---- the first graph's values by key ---- */

static bool put(matcher *m, enum kind kind, const char *name, graft_value v, bool replace) {
  const uint64_t key = text_key(kind, name);
  return (!replace && gr_map_get(&m->map, key) != GRAFT_NONE) || gr_map_put(m->c, &m->map, key, v);
}

static bool know_value(matcher *m, const graft_graph *g, graft_value v) {
  identity id;
  char name[1024];
  if (v == GRAFT_NONE || !identify(g, v, &id)) return true;
  const graft_node n = gr_value_node(g, v);
  const bool floats = gr_is_float(gr_type_of(g, v)->dtype); /* rather the dequantize than the quantize */
  if (!put(m, id.kind, id.name, v, id.kind == QUANTIZED && floats)) return false;
  if (n == GRAFT_NONE || v != gr_node_at(g, n)->first_result) return true;
  graft_value_name(g, v, name, sizeof name);
  return id.kind != QUANTIZED || put(m, QUANTIZED, name, v, false);
}

static bool know_all(matcher *m, const graft_graph *g) {
  for (uint32_t i = 0; i < g->inputs.len; i++)
    if (!know_value(m, g, g->inputs.data[i])) return false;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next)
    for (uint32_t i = 0; i < gr_node_at(g, n)->result_count; i++)
      if (!know_value(m, g, gr_result(g, n, i))) return false;
  return true;
}

/* ---- the second graph's ---- */

static graft_value get(const matcher *m, enum kind kind, const char *name) {
  const graft_value v = gr_map_get(&m->map, text_key(kind, name));
  return v != GRAFT_NONE || kind != QUANTIZED ? v : gr_map_get(&m->map, text_key(PLAIN, name));
}

static bool same_kind(const graft_type *a, const graft_type *b) {
  if (a->rank >= 0 && b->rank >= 0 && a->rank != b->rank) return false;
  for (int32_t d = 0; d < a->rank && d < b->rank; d++)
    if (a->dims[d] >= 0 && b->dims[d] >= 0 && a->dims[d] != b->dims[d]) return false;
  return true;
}

/* Does v hold what a dequantize gave, moved alone? */
static bool is_moved(const graft_graph *g, graft_value v) {
  graft_node n = v == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, v);
  for (int steps = 0; gr_node_families(g, n) & (GR_F_MOVES | GR_F_VIEW | GR_F_POOL) && steps < MOVES_MAX; steps++)
    n = gr_operand(g, n, 0) == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, gr_operand(g, n, 0));
  return gr_node_families(g, n) & GR_F_DQ;
}

/* Integers that an op without a scale of its own made, dequantized or not, are what this op makes of floats that were
 * dequantized, before these get another scale: of the first graph, `plain`. */
static bool keeps_scale(const graft_graph *b, graft_value v, const graft_graph *a, graft_value plain) {
  bool quantized;
  uint32_t scale, zero_point;
  v = quantized_value(b, v, &quantized);
  const graft_node n = v == GRAFT_NONE ? GRAFT_NONE : gr_value_node(b, v),
                   k = plain == GRAFT_NONE ? GRAFT_NONE : gr_value_node(a, plain);
  return n != GRAFT_NONE && k != GRAFT_NONE && is_code(b, v) && !gr_result_scale(b, n, &scale, &zero_point) &&
         gr_node_at(a, k)->op == gr_node_at(b, n)->op && is_moved(a, gr_operand(a, k, 0));
}

static graft_value find(const matcher *m, const graft_graph *a, const graft_graph *b, graft_value v, gr_match *x) {
  identity id;
  if (!identify(b, v, &id)) return GRAFT_NONE;
  x->quantized = id.kind == QUANTIZED;
  graft_value found = get(m, id.kind, id.name);
  if (id.kind == QUANTIZED && keeps_scale(b, v, a, get(m, PLAIN, id.name))) found = get(m, PLAIN, id.name);
  x->reshaped = found != GRAFT_NONE && !same_kind(gr_type_of(a, found), gr_type_of(b, v));
  return x->reshaped ? GRAFT_NONE : found;
}

/* Outputs that have no other name in common are the same by the interface's. */
static void find_outputs(gr_pair *m, const graft_graph *a, const graft_graph *b) {
  for (uint32_t i = 0; i < graft_output_count(b); i++) {
    const graft_value v = graft_output_get(b, i);
    if (gr_value_node(b, v) == GRAFT_NONE || m->of[v].a != GRAFT_NONE) continue;
    for (uint32_t j = 0; j < graft_output_count(a); j++) {
      const graft_value w = graft_output_get(a, j);
      if (strcmp(graft_output_name(a, j), graft_output_name(b, i)) != 0 || gr_value_node(a, w) == GRAFT_NONE) continue;
      if (same_kind(gr_type_of(a, w), gr_type_of(b, v))) m->of[v].a = w;
    }
  }
}

/* Do only nodes of these families read it, and at least one of `some`? */
static bool only_read_by(const graft_graph *g, graft_value v, uint32_t all, uint32_t some) {
  bool seen = false;
  for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
    const uint32_t user = gr_use_at(g, u)->user;
    const uint32_t f = gr_user_is_node(user) ? gr_node_families(g, user) : 0;
    if (!(f & all)) return false;
    seen |= (f & some) != 0;
  }
  return seen;
}

static void number(gr_pair *m, uint32_t *layer_count, graft_value v) {
  const graft_graph *b = m->b;
  gr_match *x = &m->of[v];
  const graft_node n = gr_value_node(b, v);
  if ((gr_node_families(b, n) & (GR_F_OBSERVE | GR_F_QPARAMS)) || gr_value_at(b, v)->first_use == GRAFT_NONE) return;
  if (gr_node_families(b, n) & GR_F_Q) {
    if (only_read_by(b, v, GR_F_DQ, GR_F_DQ)) return; /* its row comes with the first of them */
  } else if (gr_node_families(b, n) & GR_F_DQ) {
    gr_match *q = &m->of[gr_operand(b, n, 0)];
    const uint32_t row = q->layer != GRAFT_NONE ? q->layer : q->dequantized;
    if (q->a == x->a && row != GRAFT_NONE) {
      x->layer = row;
      return;
    }
    if (q->a == x->a) q->dequantized = *layer_count; /* for the others */
  } else if (only_read_by(b, v, GR_F_Q | GR_F_FAKE_QUANTIZE | GR_F_OBSERVE, GR_F_Q | GR_F_FAKE_QUANTIZE)) {
    return;
  }
  x->layer = (*layer_count)++;
  x->shown = true;
}

/* ---- what has no row ---- */

static bool from_tensors(const graft_graph *g, graft_node n, const bool *constant) {
  for (uint32_t i = 0; i < gr_node_at(g, n)->operand_count; i++) {
    const graft_value x = gr_operand(g, n, i);
    if (x != GRAFT_NONE && gr_value_at(g, x)->def_kind != GR_DEF_TENSOR && !constant[x]) return false;
  }
  return true;
}

/* Of all that one rewrite made at one place: who did it, of what, in whatever order. */
static uint64_t rewrite_key(const graft_module *m, uint32_t record) {
  const gr_record *r = gr_record_get(m, record);
  uint64_t of = 0;
  for (uint32_t i = 0; i < r->parent_count; i++) of += gr_mix(gr_record_parents(m, record)[i]);
  return gr_mix(of + gr_mix((uint64_t)r->pass << 32 | r->rule));
}

static void miss(gr_missed *m, graft_graph *g, graft_node n) {
  if (m->count++) return;
  m->graph = g;
  m->node = n;
}

/* Is what becomes of v alone held against something, before another layer takes it? Then v's error is in that row. */
static bool is_seen_later(const gr_pair *m, const graft_graph *b, graft_value v, const bool *constant) {
  for (int i = 0; i < MOVES_MAX && gr_one_use(b, v); i++) {
    const uint32_t user = gr_use_at(b, gr_value_at(b, v)->first_use)->user;
    if (!gr_user_is_node(user) || (gr_node_families(b, user) & GR_F_LAYER)) return false;
    for (uint32_t k = 0; k < gr_node_at(b, user)->operand_count; k++) {
      const graft_value x = gr_operand(b, user, k);
      if (x != v && x != GRAFT_NONE && gr_value_at(b, x)->def_kind != GR_DEF_TENSOR && !constant[x]) return false;
    }
    v = gr_node_at(b, user)->first_result;
    if (m->of[v].a != GRAFT_NONE) return true;
  }
  return false;
}

/* A step within what a rewrite spelled out is none, where the result of it all is held against something. */
static bool find_missed(gr_matches *all, const gr_pair *m, graft_context *c, const bool *constant) {
  graft_graph *b = m->b;
  gr_map rewrites = {0};
  bool ok = true;
  for (graft_node n = b->first; ok && n != GRAFT_NONE; n = gr_node_at(b, n)->next) {
    const graft_value y = gr_result(b, n, 0);
    const uint32_t record = gr_node_at(b, n)->provenance;
    if (record && y != GRAFT_NONE && m->of[y].a != GRAFT_NONE)
      ok = gr_map_put(c, &rewrites, rewrite_key(b->module, record), 1);
  }
  for (graft_node n = b->first; ok && n != GRAFT_NONE; n = gr_node_at(b, n)->next) {
    const uint32_t record = gr_node_at(b, n)->provenance;
    bool found = false, reshaped = false;
    for (uint32_t i = 0; i < gr_node_at(b, n)->result_count; i++) {
      const graft_value v = gr_result(b, n, i);
      if (v == GRAFT_NONE) continue;
      found |= m->of[v].a != GRAFT_NONE || constant[v] || (i == 0 && is_seen_later(m, b, v, constant));
      reshaped |= m->of[v].reshaped;
    }
    if (found || !(gr_node_families(b, n) & GR_F_LAYER) || gr_is_marked(b, n, GR_MARK_TRAINING_FORM)) continue;
    if (record && gr_record_get(b->module, record)->parent_count &&
        gr_map_get(&rewrites, rewrite_key(b->module, record)) != GRAFT_NONE)
      continue;
    miss(&all->missed[reshaped ? GR_MISSED_SHAPE : GR_MISSED_NAME], b, n);
  }
  gr_map_free(c, &rewrites);
  return ok;
}

/* Of graphs that a node runs, and that are held against no other. */
static bool find_nested(gr_matches *m, graft_context *c, graft_module *module) {
  bool *nested = gr_nested_graphs(module);
  for (uint32_t i = 0; nested && i < module->graphs.len; i++) {
    graft_graph *g = module->graphs.data[i];
    if (m->pair_of_b[i] != GRAFT_NONE) continue;
    for (graft_node n = g->first; nested[i] && n != GRAFT_NONE; n = gr_node_at(g, n)->next)
      if (gr_node_families(g, n) & GR_F_LAYER) miss(&m->missed[GR_MISSED_NESTED], g, n);
  }
  const bool ok = nested != NULL;
  gr_free(c, nested, ((size_t)module->graphs.len + 1) * sizeof *nested);
  return ok;
}

/* ---- two graphs, and those inside ---- */

static void find_all(gr_pair *m, const matcher *k, bool *constant) {
  const graft_graph *a = m->a, *b = m->b;
  for (uint32_t v = 0; v < m->count; v++)
    m->of[v] = (gr_match){.a = GRAFT_NONE, .layer = GRAFT_NONE, .dequantized = GRAFT_NONE};
  for (graft_node n = b->first; n != GRAFT_NONE; n = gr_node_at(b, n)->next) {
    const bool known = from_tensors(b, n, constant);
    for (uint32_t i = 0; i < gr_node_at(b, n)->result_count; i++) {
      const graft_value v = gr_result(b, n, i);
      if (v == GRAFT_NONE) continue;
      constant[v] = known;
      if (!known) m->of[v].a = find(k, a, b, v, &m->of[v]);
    }
  }
  find_outputs(m, a, b);
}

/* The graph that the attribute of a node names; NULL: none. */
static graft_graph *graph_of(const graft_graph *g, graft_node n, const char *attr) {
  graft_attr x;
  const bool there = graft_node_attr(g, n, attr, &x) && x.kind == GRAFT_ATTR_GRAPH;
  return there && x.as.graph < g->module->graphs.len ? g->module->graphs.data[x.as.graph] : NULL;
}

static bool match_graphs(gr_matches *all, graft_graph *a, graft_graph *b, uint32_t depth);

/* What node n of the second graph runs. */
static bool match_inside(gr_matches *all, const gr_pair *m, graft_node n, uint32_t depth) {
  static const char *const attrs[] = {"then_branch", "else_branch", "body"};
  graft_value v = GRAFT_NONE;
  const uint32_t op = gr_node_at(m->b, n)->op;
  if ((op != GR_OP_if && op != GR_OP_loop) || depth == DEPTH_MAX) return true;
  for (uint32_t i = 0; i < gr_node_at(m->b, n)->result_count && v == GRAFT_NONE; i++)
    if (gr_result(m->b, n, i) != GRAFT_NONE) v = m->of[gr_result(m->b, n, i)].a;
  const graft_node k = v == GRAFT_NONE ? GRAFT_NONE : gr_value_node(m->a, v);
  if (k == GRAFT_NONE || gr_node_at(m->a, k)->op != op) return true;
  for (size_t i = 0; i < sizeof attrs / sizeof *attrs; i++) {
    graft_graph *x = graph_of(m->a, k, attrs[i]), *y = graph_of(m->b, n, attrs[i]);
    if (!x || !y || all->pair_of_a[x->index] != GRAFT_NONE || all->pair_of_b[y->index] != GRAFT_NONE) continue;
    if (!match_graphs(all, x, y, depth + 1)) return false;
  }
  return true;
}

static bool match_graphs(gr_matches *all, graft_graph *a, graft_graph *b, uint32_t depth) {
  matcher k = {.c = a->module->context};
  gr_pair m = {.a = a, .b = b, .count = b->values.len};
  const size_t size = (size_t)m.count + 1;
  m.of = gr_alloc(k.c, size * sizeof *m.of);
  if (!m.of) return false;
  if (!gr_vec_push(k.c, &all->pairs, m)) return gr_free(k.c, m.of, size * sizeof *m.of), false;
  all->pair_of_a[a->index] = all->pair_of_b[b->index] = all->pairs.len - 1;
  bool *constant = gr_calloc(k.c, size, sizeof *constant);
  bool ok = constant && know_all(&k, a);
  if (ok) find_all(&m, &k, constant);
  for (graft_node n = b->first; ok && n != GRAFT_NONE; n = gr_node_at(b, n)->next) {
    ok = match_inside(all, &m, n, depth);
    for (uint32_t i = 0; ok && i < gr_node_at(b, n)->result_count; i++) {
      const graft_value v = gr_result(b, n, i);
      if (v != GRAFT_NONE && m.of[v].a != GRAFT_NONE) number(&m, &all->layer_count, v);
    }
  }
  ok = ok && find_missed(all, &m, k.c, constant);
  gr_free(k.c, constant, size * sizeof *constant);
  gr_map_free(k.c, &k.map);
  return ok;
}

static uint32_t *no_pairs(graft_context *c, uint32_t count) {
  uint32_t *pairs = gr_alloc(c, ((size_t)count + 1) * sizeof *pairs);
  for (uint32_t i = 0; pairs && i < count; i++) pairs[i] = GRAFT_NONE;
  return pairs;
}

graft_status gr_match_begin(gr_matches *m, graft_graph *a, graft_graph *b) {
  graft_context *c = a->module->context;
  *m = (gr_matches){.graphs_of_a = a->module->graphs.len, .graphs_of_b = b->module->graphs.len};
  m->pair_of_a = no_pairs(c, m->graphs_of_a);
  m->pair_of_b = no_pairs(c, m->graphs_of_b);
  if (!m->pair_of_a || !m->pair_of_b) return GRAFT_NO_MEMORY;
  return match_graphs(m, a, b, 0) && find_nested(m, c, b->module) ? GRAFT_OK : GRAFT_NO_MEMORY;
}

void gr_match_end(gr_matches *m, graft_context *c) {
  for (uint32_t i = 0; i < m->pairs.len; i++)
    gr_free(c, m->pairs.data[i].of, ((size_t)m->pairs.data[i].count + 1) * sizeof(gr_match));
  gr_vec_free(c, &m->pairs);
  gr_free(c, m->pair_of_a, ((size_t)m->graphs_of_a + 1) * sizeof *m->pair_of_a);
  gr_free(c, m->pair_of_b, ((size_t)m->graphs_of_b + 1) * sizeof *m->pair_of_b);
  *m = (gr_matches){0};
}
