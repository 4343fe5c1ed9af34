/* Applies rules to a graph: rule by rule in listing order, nodes in graph order, each candidate looked at once. With a
 * fixed point, nodes near a rewrite are looked at again until nothing matches. */
#include "ir/graph/budget_int.h"
#include "patterns/rewrite_impl.h"
#include "patterns/rules_impl.h"

#include <string.h>

typedef struct bucket { /* nodes of one op in graph order, new ones after them */
  GR_VEC(graft_node) nodes;
} bucket;

typedef struct driver {
  pt_rewriter r;
  const pt_rule **rules;
  gr_rule_stats *counts; /* by rule */
  uint32_t rule_count, rule_room;
  GR_VEC(pt_attr_cache) caches;    /* of all rules, one after the other */
  uint32_t *first_cache;           /* by rule */
  bucket buckets[GR_OP_COUNT + 1]; /* the last: opaque ops */
  bool wanted[GR_OP_COUNT + 1];
  GR_VEC(uint32_t) seq; /* by node: its place in graph order, while rules with several root ops need it */
  GR_VEC(graft_node) candidates, next, work, late;
  pt_watch watch; /* of a fixed point, */
  uint64_t limit; /* and its rewrites */
  uint32_t fadings;
} driver;

/* ---- which rules ---- */

bool gr_pt_file_fits(const char *file, const char *name) {
  size_t n = strlen(name);
  return strncmp(file, name, n) == 0 && (strcmp(file + n, ".pat") == 0 || file[n] == '/' || file[n] == '\0');
}

static void note_gradient(void *user, uint32_t op, const char *opaque) {
  (void)opaque;
  ((uint32_t *)user)[op == GR_OP_gradient]++;
}

/* Does it say what flows back through an op? Then it is of the folder that the pass `gradient` applies, wherever its
 * file lies. */
static bool is_gradient(const pt_rule *rule) {
  uint32_t ops[2] = {0};
  gr_pattern_root_ops(rule->pattern, note_gradient, ops);
  return ops[1] && !ops[0];
}

bool gr_pt_name_fits(const pt_rule *rule, const char *name) {
  if (strcmp(rule->name, name) == 0 || gr_pt_file_fits(rule->file, name)) return true;
  return !rule->place && strcmp(name, "gradient") == 0 && is_gradient(rule);
}

static graft_status no_rule(graft_context *c, const graft_rules *set, const char *name, gr_loc where) {
  gr_closest near = gr_closest_begin(name, strlen(name));
  for (uint32_t i = 0; i < graft_rules_count(set); i++) {
    const char *file = gr_pt_rules_at(set, i)->file, *end = strstr(file, ".pat");
    gr_closest_offer(&near, gr_pt_rules_at(set, i)->name, strlen(gr_pt_rules_at(set, i)->name));
    gr_closest_offer(&near, file, end ? (size_t)(end - file) : strlen(file));
  }
  gr_shipped_offer(set, &near);
  return gr_error(c, GRAFT_NAME, where, "there is no rule and no file of rules called '%s'%s", name,
                  gr_closest_hint(&near, ""));
}

graft_status gr_rules_check_name(const graft_rules *set, const char *name, gr_loc where) {
  for (uint32_t i = 0; i < graft_rules_count(set); i++)
    if (gr_pt_name_fits(gr_pt_rules_at(set, i), name)) return GRAFT_OK;
  return gr_shipped_fits(set, name) ? GRAFT_OK : no_rule(set->context, set, name, where);
}

/* Those that ship in their order, whenever each was read. They stand together. */
static void order(const pt_rule **rules, uint32_t count) {
  for (uint32_t i = 1; i < count; i++) {
    const pt_rule *rule = rules[i];
    uint32_t k = i;
    for (; rule->place && k > 0 && rules[k - 1]->place > rule->place; k--) rules[k] = rules[k - 1];
    rules[k] = rule;
  }
}

static bool add_caches(driver *d, const pt_rule *rule) {
  for (uint32_t i = 0; i < rule->step_count; i++)
    if (!gr_vec_push(d->r.c, &d->caches, ((pt_attr_cache){.set = GRAFT_NONE}))) return false;
  return true;
}

static graft_status choose_rules(driver *d, const graft_rules *set, const char *const *names, uint32_t count,
                                 gr_loc where) {
  graft_context *c = d->r.c;
  uint32_t total = graft_rules_count(set);
  d->rule_room = total * (count ? count : 1) + 1;
  d->rules = gr_alloc(c, d->rule_room * sizeof *d->rules);
  if (!d->rules) return GRAFT_NO_MEMORY;
  for (uint32_t n = 0; n < count; n++) {
    uint32_t before = d->rule_count;
    for (uint32_t i = 0; i < total; i++)
      if (gr_pt_name_fits(gr_pt_rules_at(set, i), names[n])) d->rules[d->rule_count++] = gr_pt_rules_at(set, i);
    if (d->rule_count == before && !gr_shipped_fits(set, names[n])) return no_rule(c, set, names[n], where);
    order(d->rules + before, d->rule_count - before);
  }
  d->counts = gr_calloc(c, d->rule_count + 1, sizeof *d->counts);
  d->first_cache = gr_alloc(c, (d->rule_count + 1) * sizeof *d->first_cache);
  if (!d->counts || !d->first_cache) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < d->rule_count; i++) {
    d->counts[i].name = d->rules[i]->name;
    d->first_cache[i] = d->caches.len;
    if (!add_caches(d, d->rules[i])) return GRAFT_NO_MEMORY;
  }
  return GRAFT_OK;
}

static void want(void *user, uint32_t op, const char *opaque) {
  driver *d = user;
  (void)opaque;
  d->wanted[op] = true;
}

static uint32_t bucket_of(const driver *d, graft_node n) {
  uint32_t op = gr_node_at(d->r.g, n)->op;
  return op < GR_OP_COUNT ? op : GR_OP_COUNT;
}

static bool fill_buckets(driver *d) {
  graft_graph *g = d->r.g;
  bool several = false;
  for (uint32_t i = 0; i < d->rule_count; i++) {
    gr_pattern_root_ops(d->rules[i]->pattern, want, d);
    several |= d->rules[i]->pattern->variants[0].root_ops->count > 1;
  }
  if (several) {
    if (!gr_vec_reserve(d->r.c, &d->seq, g->nodes.len)) return false;
    d->seq.len = g->nodes.len;
  }
  uint32_t at = 0;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    uint32_t b = bucket_of(d, n);
    if (several) d->seq.data[n] = at++;
    const gr_within *within = d->r.options->within;
    if (!d->wanted[b] || (within && !gr_within_of(within, n))) continue;
    if (!gr_vec_push(d->r.c, &d->buckets[b].nodes, n)) return false;
  }
  return true;
}

/* ---- candidates of one rule ---- */

/* Place in graph order; new nodes are last, in order of making. Below the number of nodes. */
static uint32_t place_of(const driver *d, graft_node n) { return n < d->seq.len ? d->seq.data[n] : n; }

/* Sorts by place: a radix sort of as few digits as the number of nodes needs. */
static bool sort(driver *d, graft_node *nodes, uint32_t count) {
  enum { DIGIT = 11, VALUES = 1 << DIGIT };
  graft_context *c = d->r.c;
  uint32_t counts[VALUES];
  graft_node *other = gr_alloc(c, (size_t)count * sizeof *other), *from = nodes, *to = other;
  if (!other) return false;
  for (uint32_t shift = 0; shift < 32 && d->r.g->nodes.len >> shift; shift += DIGIT) {
    memset(counts, 0, sizeof counts);
    for (uint32_t i = 0; i < count; i++) counts[place_of(d, from[i]) >> shift & (VALUES - 1)]++;
    for (uint32_t i = 0, sum = 0; i < VALUES; i++) {
      const uint32_t n = counts[i];
      counts[i] = sum;
      sum += n;
    }
    for (uint32_t i = 0; i < count; i++) to[counts[place_of(d, from[i]) >> shift & (VALUES - 1)]++] = from[i];
    graft_node *t = from;
    from = to;
    to = t;
  }
  if (from != nodes) memcpy(nodes, from, (size_t)count * sizeof *nodes);
  gr_free(c, other, (size_t)count * sizeof *other);
  return true;
}

static bool gather(driver *d, const pt_rule *rule) {
  const gr_opset *ops = rule->pattern->variants[0].root_ops;
  graft_context *c = d->r.c;
  d->candidates.len = 0;
  bool opaque = false;
  for (uint32_t i = 0; i < ops->count; i++) {
    uint32_t op = ops->members[i].op;
    if (op >= GR_OP_COUNT && opaque) continue;
    opaque |= op >= GR_OP_COUNT;
    const bucket *b = &d->buckets[op < GR_OP_COUNT ? op : GR_OP_COUNT];
    if (!gr_vec_reserve(c, &d->candidates, b->nodes.len)) return false;
    if (b->nodes.len)
      memcpy(d->candidates.data + d->candidates.len, b->nodes.data, b->nodes.len * sizeof *b->nodes.data);
    d->candidates.len += b->nodes.len;
  }
  return ops->count == 1 || d->candidates.len < 2 || sort(d, d->candidates.data, d->candidates.len);
}

/* ---- one rule ---- */

bool gr_within_begin(gr_within *w, const graft_graph *g, uint32_t groups) {
  graft_context *c = g->module->context;
  *w = (gr_within){0};
  if (!gr_vec_reserve(c, &w->group, g->nodes.len) || !gr_vec_reserve(c, &w->rewrites, groups + 1)) return false;
  w->group.len = g->nodes.len;
  w->rewrites.len = groups + 1;
  if (w->group.len) memset(w->group.data, 0, w->group.len * sizeof *w->group.data);
  memset(w->rewrites.data, 0, w->rewrites.len * sizeof *w->rewrites.data);
  return true;
}

void gr_within_free(gr_within *w, graft_context *c) {
  gr_vec_free(c, &w->group);
  gr_vec_free(c, &w->rewrites);
}

static bool is_within(const gr_within *w, const gr_match *match) {
  const uint32_t group = gr_within_of(w, gr_match_node_at(match, 0));
  bool ok = group != 0;
  for (uint32_t i = 1; ok && i < gr_match_node_count(match); i++)
    ok = gr_match_is_context(match, i) || gr_within_of(w, gr_match_node_at(match, i)) == group;
  return ok;
}

/* `root`: the group of the root before. */
static bool join(driver *d, uint32_t root) {
  gr_within *w = d->r.options->within;
  for (uint32_t i = 0; i < d->r.made.len; i++)
    for (const graft_node n = d->r.made.data[i]; w->group.len <= n;)
      if (!gr_vec_push(d->r.c, &w->group, 0)) return false;
  for (uint32_t i = 0; i < d->r.made.len; i++) w->group.data[d->r.made.data[i]] = root;
  w->rewrites.data[root]++;
  return true;
}

/* New nodes are candidates of later rules; with a fixed point, so are all who may see what has changed. Without one,
 * those are tried once more that may see that something lives no more: it might as well have been dead before. */
static bool record_made(driver *d, uint32_t round) {
  pt_rewriter *r = &d->r;
  for (uint32_t i = 0; round == 0 && i < r->made.len; i++) {
    uint32_t b = bucket_of(d, r->made.data[i]);
    if (d->wanted[b] && !gr_vec_push(r->c, &d->buckets[b].nodes, r->made.data[i])) return false;
  }
  if (r->options->fixed_point) return gr_pt_watch_rewrite(&d->watch, r, round + 1);
  if (r->faded.len == 0) return true;
  if (!gr_pt_watch_faded(&d->watch, r, ++d->fadings)) return false;
  for (uint32_t i = 0; i < d->watch.next.len; i++)
    if (!gr_pt_late_wait(&r->matcher, d->watch.next.data[i])) return false;
  d->watch.next.len = 0;
  return true;
}

/* Rewrites a match, or with a fixed point all places of a long root where the rule matches, if that comes to the same.
 */
static graft_status apply(driver *d, uint32_t index, gr_match *match, graft_node n, bool *applied) {
  pt_rewriter *r = &d->r;
  const pt_rule *rule = d->rules[index];
  uint32_t places = 1, variant = match->variant;
  r->caches = d->caches.data + d->first_cache[index];
  r->spliced.len = 0;
  if (r->options->fixed_point && !r->options->within && gr_node_at(r->g, n)->operand_count > PT_LONG &&
      rule->pattern->variants[variant].program->splices && !gr_pt_splice(r, rule->pattern, variant, n, match, &places))
    return GRAFT_NO_MEMORY;
  graft_status status = gr_pt_apply(r, rule, match, applied);
  if (status == GRAFT_OK && !*applied && places > 1) {
    r->spliced.len = 0;
    places = 1;
    if (!gr_pt_match_variant(&r->matcher, rule->pattern, variant, n, match)) return GRAFT_NO_MEMORY;
    status = gr_pt_apply(r, rule, match, applied);
  }
  if (status != GRAFT_OK) return status;
  *(*applied ? &d->counts[index].matches : &d->counts[index].refused) += places;
  r->stats->matches += *applied ? places - 1 : 0;
  return GRAFT_OK;
}

/* What the rewrite made long waits, and so does its root where one of the nodes waited that it took. */
static bool record_late(driver *d, const gr_match *match, graft_node root, uint32_t before) {
  pt_rewriter *r = &d->r;
  gr_matcher *m = &r->matcher;
  if (!gr_node_live(r->g, root)) return true;
  bool waits = m->met_late;
  for (uint32_t i = 1; m->waiting.len && i < gr_match_node_count(match) && !waits; i++)
    waits = gr_pt_late_waits(m, gr_match_node_at(match, i));
  for (uint32_t i = 0; m->waiting.len && r->spliced.len && i < r->spliced_nodes.len && !waits; i++)
    waits = gr_pt_late_waits(m, r->spliced_nodes.data[i]);
  for (uint32_t i = 0; i < r->made.len; i++) {
    graft_node n = r->made.data[i];
    uint32_t operands = gr_node_at(r->g, n)->operand_count;
    if (operands > PT_LONG && (n != root || operands > before) && gr_node_live(r->g, n) && !gr_pt_late_grown(m, n))
      return false;
  }
  return !waits || gr_pt_late_wait(m, root);
}

static graft_status try_rule(driver *d, uint32_t index, graft_node n, uint32_t round) {
  gr_matcher *m = &d->r.matcher;
  const gr_pattern *p = d->rules[index]->pattern;
  m->met_late = false;
  for (uint32_t v = 0; v < p->variant_count && gr_node_live(d->r.g, n); v++) {
    gr_match match;
    bool applied = false;
    const uint32_t operands = gr_node_at(d->r.g, n)->operand_count;
    if (!gr_pt_match_variant(m, p, v, n, &match)) {
      if (m->failed || gr_cones_failed(d->r.cones)) return GRAFT_NO_MEMORY;
      if (m->met_late) return gr_pt_late_wait(m, n) ? GRAFT_OK : GRAFT_NO_MEMORY;
      continue;
    }
    const gr_within *within = d->r.options->within;
    if (within && !is_within(within, &match)) continue;
    /* What is allocated meanwhile is for the match's root, which may be gone afterwards. */
    const gr_loc before = gr_budget_at(d->r.g->module->context, gr_node_loc(d->r.g, n));
    const graft_status status = apply(d, index, &match, n, &applied);
    gr_budget_at(d->r.g->module->context, before);
    if (status != GRAFT_OK) return status;
    if (!applied) continue;
    if (within && !join(d, gr_within_of(within, n))) return GRAFT_NO_MEMORY;
    return record_made(d, round) && record_late(d, &match, n, operands) ? GRAFT_OK : GRAFT_NO_MEMORY;
  }
  return GRAFT_OK;
}

/* Rules that end may need many more rewrites than there are nodes; those that do not end must be stopped. */
static graft_status stop_without_end(const driver *d, uint32_t index, uint32_t before) {
  const pt_rewriter *r = &d->r;
  if (!r->options->fixed_point || r->stats->matches == before || r->stats->matches <= d->limit) return GRAFT_OK;
  return gr_error(r->c, GRAFT_RULE, d->rules[index]->where,
                  "the rules come to no end: after %u rewrites %s still matches (max-rewrites=%llu)", before,
                  d->rules[index]->name, (unsigned long long)d->limit);
}

/* Those that had to wait have their turns after all others. */
static graft_status try_late(driver *d, uint32_t index, uint32_t round) {
  pt_rewriter *r = &d->r;
  gr_matcher *m = &r->matcher;
  graft_status status = GRAFT_OK;
  while (m->waiting.len && status == GRAFT_OK) {
    m->turn++;
    d->late.len = 0;
    if (!gr_vec_reserve(r->c, &d->late, m->waiting.len)) return GRAFT_NO_MEMORY;
    for (uint32_t i = 0; i < m->waiting.len; i++) d->late.data[d->late.len++] = m->waiting.data[i];
    m->waiting.len = 0;
    for (uint32_t i = 0; i < d->late.len && status == GRAFT_OK; i++) {
      uint32_t before = r->stats->matches;
      if (gr_node_live(r->g, d->late.data[i])) status = try_rule(d, index, d->late.data[i], round);
      if (status == GRAFT_OK) status = stop_without_end(d, index, before);
    }
  }
  m->turn++;
  return status;
}

/* What a match would take: the root, and nodes that go with it. Shared side nodes are not taken. */
static bool takes(const pt_variant *v, uint32_t n) { return n == 0 || v->program->dies[n]; }

/* Matches on the graph as it is, before any rewrite: who wants a node that an earlier match wants? */
static graft_status report_overlaps(driver *d) {
  pt_rewriter *r = &d->r;
  typedef struct owner {
    const pt_rule *rule;
    graft_node root;
  } owner;
  uint32_t count = r->g->nodes.len;
  owner *owners = gr_calloc(r->c, count + 1u, sizeof *owners);
  graft_status status = owners ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < d->rule_count && status == GRAFT_OK; i++) {
    if (!gather(d, d->rules[i])) status = GRAFT_NO_MEMORY;
    for (uint32_t k = 0; k < d->candidates.len && status == GRAFT_OK; k++) {
      gr_match match;
      if (!gr_pattern_match(&r->matcher, d->rules[i]->pattern, d->candidates.data[k], &match)) continue;
      const pt_variant *v = &match.pattern->variants[match.variant];
      const owner *other = NULL;
      graft_node wanted = GRAFT_NONE;
      for (uint32_t n = 0; n < v->node_count; n++) {
        graft_node node = gr_match_node_at(&match, n);
        if (!takes(v, n)) continue;
        if (owners[node].rule && !other) {
          other = &owners[node];
          wanted = node;
        } else if (!owners[node].rule) {
          owners[node] = (owner){d->rules[i], d->candidates.data[k]};
        }
      }
      if (!other || (v->also && other->rule == d->rules[i])) continue; /* the same pair, the other way round */
      r->stats->overlaps++;
      d->counts[i].overlaps++;
      char root[128];
      graft_node_name(r->g, other->root, root, sizeof root);
      gr_warning(r->c, GRAFT_PASS, gr_node_loc(r->g, d->candidates.data[k]),
                 "%s matches here and %s at %%%s: both want %%%s; the first listed wins", d->rules[i]->name,
                 other->rule->name, root, gr_node_label(r->g, wanted));
    }
  }
  if (owners) gr_free(r->c, owners, (size_t)(count + 1u) * sizeof *owners);
  return status;
}

#define SAMPLE 1024 /* candidates after which the rest is foreseen */

/* Room for what the rest of the candidates will add if they go on like the first ones: growing arrays of millions step
 * by step costs more than filling them. */
static bool foresee(driver *d, uint32_t nodes, uint32_t uses, uint32_t values, uint32_t undo) {
  graft_graph *g = d->r.g;
  graft_context *c = d->r.c;
  uint64_t rest = d->candidates.len - SAMPLE;
#define REST(array, before) ((uint64_t)(g->array.len - (before)) * rest / SAMPLE)
  uint64_t words = (uint64_t)(d->r.m->undo.words.len - undo) * rest / SAMPLE;
  return gr_vec_reserve(c, &d->r.m->undo.words, words) && gr_vec_reserve(c, &g->nodes, REST(nodes, nodes)) &&
         gr_vec_reserve(c, &g->uses, REST(uses, uses)) && gr_vec_reserve(c, &g->values, REST(values, values));
#undef REST
}

static graft_status sweep(driver *d) {
  for (uint32_t i = 0; i < d->rule_count; i++) {
    if (!gather(d, d->rules[i])) return GRAFT_NO_MEMORY;
    uint32_t nodes = d->r.g->nodes.len, uses = d->r.g->uses.len, values = d->r.g->values.len,
             undo = d->r.m->undo.words.len;
    for (uint32_t k = 0; k < d->candidates.len; k++) {
      if (k == SAMPLE && !foresee(d, nodes, uses, values, undo)) return GRAFT_NO_MEMORY;
      const uint32_t before = d->r.stats->matches;
      graft_status status = try_rule(d, i, d->candidates.data[k], 0);
      if (status == GRAFT_OK) status = stop_without_end(d, i, before);
      if (status != GRAFT_OK) return status;
    }
    graft_status status = try_late(d, i, 0);
    if (status != GRAFT_OK) return status;
  }
  return GRAFT_OK;
}

static bool is_root_of(const driver *d, const pt_rule *rule, graft_node n) {
  uint32_t op = gr_node_at(d->r.g, n)->op;
  return op >= GR_OP_COUNT || rule->pattern->variants[0].root_ops->index[op];
}

static graft_status settle(driver *d) {
  pt_rewriter *r = &d->r;
  for (uint32_t round = 1; d->watch.next.len; round++) {
    d->work.len = 0;
    if (!gr_vec_reserve(r->c, &d->work, d->watch.next.len)) return GRAFT_NO_MEMORY;
    for (uint32_t k = 0; k < d->watch.next.len; k++) d->work.data[d->work.len++] = d->watch.next.data[k];
    d->watch.next.len = 0;
    for (uint32_t i = 0; i < d->rule_count; i++) {
      for (uint32_t k = 0; k < d->work.len; k++) {
        uint32_t before = r->stats->matches;
        if (!is_root_of(d, d->rules[i], d->work.data[k])) continue;
        graft_status status = try_rule(d, i, d->work.data[k], round);
        if (status == GRAFT_OK) status = stop_without_end(d, i, before);
        if (status != GRAFT_OK) return status;
      }
      graft_status status = try_late(d, i, round);
      if (status != GRAFT_OK) return status;
    }
  }
  r->stats->uses = d->watch.uses + r->matcher.uses;
  return GRAFT_OK;
}

/* ---- after the last rule ---- */

/* What is said of the old tensor's handle is said of the new one's. */
static graft_status move_spec(pt_rewriter *r, const pt_takeover *t) {
  graft_graph *g = r->g;
  graft_value from = gr_handle_of(g, t->old), to = gr_handle(g, t->tensor);
  if (from == GRAFT_NONE || !r->specs) return GRAFT_OK;
  uint32_t spec = gr_spec_of_value(g, from);
  if (to == GRAFT_NONE || (r->refs && !gr_vec_push(r->c, &r->moved_values, ((pt_moved){from, to}))))
    return GRAFT_NO_MEMORY;
  if (!spec) return GRAFT_OK;
  graft_status status = gr_spec_set_value(g, to, spec);
  return status == GRAFT_OK ? gr_spec_set_value(g, from, 0) : status;
}

/* A folded weight is called as the weight was, where nothing else needs that one. */
static graft_status take_over(pt_rewriter *r) {
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; !s && i < r->takeovers.len; i++) {
    const pt_takeover *t = &r->takeovers.data[i];
    graft_graph *updating;
    if (r->m->tensors.data[t->old].erased || gr_tensor_is_read(r->m, t->old)) continue;
    s = gr_tensor_updated_in(r->m, t->old, &updating);
    if (s || updating) continue;
    s = move_spec(r, t);
    gr_name name = r->m->tensors.data[t->old].name;
    gr_tensor_erase(r->m, t->old);
    if (!s) s = gr_tensor_rename(r->m, t->tensor, name);
  }
  return s;
}

static bool begin(driver *d, graft_graph *g, const gr_rewrite_options *options, gr_rewrite_stats *stats) {
  pt_rewriter *r = &d->r;
  graft_context *c = g->module->context;
  r->g = g;
  r->m = g->module;
  r->c = c;
  r->options = options;
  r->stats = stats;
  r->specs = gr_has_specs(g);
  r->refs = g->module->spec_refs.len > 0;
  r->cones = gr_cones_create(g, options->evaluate, options->evaluate_user);
  if (r->cones && options->updated) gr_pt_cones_live(r->cones, options->updated);
  gr_matcher_init(&r->matcher, g, NULL, r->cones);
  r->matcher.turn = 1;
  d->limit = options->max_rewrites ? options->max_rewrites : 1000000 + 64 * (uint64_t)g->live;
  const char *pass = options->pass ? options->pass : "";
  r->pass = gr_intern(r->m, pass, strlen(pass));
  return r->cones && r->pass != GRAFT_NONE;
}

static void end(driver *d) {
  pt_rewriter *r = &d->r;
  graft_context *c = r->c;
  gr_matcher_free(&r->matcher);
  gr_cones_destroy(r->cones);
  gr_vec_free(c, &d->caches);
  gr_vec_free(c, &r->operands);
  gr_vec_free(c, &r->entries);
  gr_vec_free(c, &r->records);
  gr_vec_free(c, &r->dead);
  gr_vec_free(c, &r->pending);
  gr_vec_free(c, &r->moved_uses);
  gr_vec_free(c, &r->moved_values);
  gr_vec_free(c, &r->takeovers);
  gr_vec_free(c, &r->made);
  gr_vec_free(c, &r->touched);
  gr_vec_free(c, &r->lost);
  gr_vec_free(c, &r->gained);
  gr_vec_free(c, &r->faded);
  gr_vec_free(c, &r->doomed);
  gr_vec_free(c, &r->spliced);
  gr_vec_free(c, &r->spliced_nodes);
  gr_vec_free(c, &r->fresh);
  gr_vec_free(c, &r->warnings);
  gr_vec_free(c, &r->step_nodes);
  for (uint32_t i = 0; i <= GR_OP_COUNT; i++) gr_vec_free(c, &d->buckets[i].nodes);
  gr_vec_free(c, &d->seq);
  gr_vec_free(c, &d->candidates);
  gr_vec_free(c, &d->work);
  gr_vec_free(c, &d->late);
  gr_pt_watch_end(&d->watch, c);
}

struct pt_trial {
  driver driver;
  gr_rewrite_options options;
  gr_rewrite_stats stats;
};

pt_trial *gr_pt_trial_begin(graft_graph *g, gr_evaluator evaluate) {
  graft_context *c = g->module->context;
  pt_trial *t = gr_calloc(c, 1, sizeof *t);
  if (!t) return NULL;
  t->options.evaluate = evaluate;
  t->driver.r.trial = true;
  if (begin(&t->driver, g, &t->options, &t->stats)) return t;
  gr_pt_trial_end(t);
  return NULL;
}

bool gr_pt_try(pt_trial *t, const pt_rule *rule, uint32_t variant, graft_node root, char *why, size_t size) {
  pt_rewriter *r = &t->driver.r;
  gr_match match;
  bool fits = false;
  t->driver.caches.len = 0;
  if (!add_caches(&t->driver, rule)) return false;
  r->caches = t->driver.caches.data;
  gr_overhear(r->c, why, size);
  if (!gr_pt_match_variant(&r->matcher, rule->pattern, variant, root, &match) ||
      gr_pt_apply(r, rule, &match, &fits) != GRAFT_OK)
    fits = false;
  gr_overhear(r->c, NULL, 0);
  return fits;
}

void gr_pt_trial_end(pt_trial *t) {
  if (!t) return;
  graft_context *c = t->driver.r.c;
  end(&t->driver);
  gr_free(c, t, sizeof *t);
}

graft_status gr_rewrite(graft_graph *g, const graft_rules *rules, const char *const *names, uint32_t name_count,
                        const gr_rewrite_options *options, gr_rewrite_stats *stats) {
  graft_context *c = g->module->context;
  gr_rewrite_stats unused;
  if (!stats) stats = &unused;
  *stats = (gr_rewrite_stats){0};
  driver *d = gr_calloc(c, 1, sizeof *d);
  if (!d) return GRAFT_NO_MEMORY;
  graft_status status = begin(d, g, options, stats) ? GRAFT_OK : GRAFT_NO_MEMORY;
  if (status == GRAFT_OK) status = choose_rules(d, rules, names, name_count, options->where);
  if (status == GRAFT_OK && !fill_buckets(d)) status = GRAFT_NO_MEMORY;
  if (status == GRAFT_OK && !gr_pt_watch_begin(&d->watch, c, d->rules, d->rule_count, d->wanted))
    status = GRAFT_NO_MEMORY;
  if (status == GRAFT_OK && options->report_overlaps) status = report_overlaps(d);
  if (status == GRAFT_OK) status = sweep(d);
  if (status == GRAFT_OK && options->fixed_point) status = settle(d);
  if (status == GRAFT_OK) status = take_over(&d->r);
  if (status == GRAFT_OK) status = gr_pt_carry_finish(&d->r);
  for (uint32_t i = 0; status == GRAFT_OK && options->count_rule && i < d->rule_count; i++) {
    const gr_rule_stats *counts = &d->counts[i];
    bool any = counts->matches || counts->refused || counts->overlaps;
    if (any && !options->count_rule(options->count_user, counts)) status = GRAFT_NO_MEMORY;
  }
  if (d->counts) gr_free(c, d->counts, (d->rule_count + 1) * sizeof *d->counts);
  if (d->first_cache) gr_free(c, d->first_cache, (d->rule_count + 1) * sizeof *d->first_cache);
  if (d->rules) gr_free(c, d->rules, d->rule_room * sizeof *d->rules);
  end(d);
  gr_free(c, d, sizeof *d);
  return status;
}
