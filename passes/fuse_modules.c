/* fuse-modules: modules that follow each other become one, which stands in the first one's place. Which may be fused,
 * and by which rules, is data (rules/fuse/modules.pat, or a file of the user's); the rules are kept to the named nodes.
 *
 * In evaluation the rules fold. To train, a quantizer annotates each sequence by itself and must take it whole, the
 * rules make its training form, and its places go in; without a quantizer nothing is rewritten, and the nodes are
 * marked so that a later one takes them as one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "passes/fuse_impl.h"
#include "passes/modules_impl.h"
#include "passes/passes_impl.h"
#include "patterns/quantizer_int.h"

typedef struct owned { /* a tensor that a part reads */
  graft_tensor tensor;
  uint32_t fusion, part;
  bool shared; /* others read it too */
} owned;

typedef struct fuser {
  gr_fusions found;
  gr_pass *pass;
  graft_module *m;
  graft_context *c;
  GR_VEC(owned) tensors;
  GR_VEC(uint32_t) records; /* by part: the provenance that it had */
  GR_VEC(uint8_t) done;     /* by fusion */
  const char *const *form;  /* rules that make the form of what trains */
} fuser;

static gr_fused_part *part_of(const fuser *f, uint32_t fusion, uint32_t i) {
  return gr_fusion_part(&f->found, &f->found.list.data[fusion], i);
}

/* ---- names ---- */

/* The record of the node, which goes back to a source: where it has none, to its own name. */
static uint32_t source_of(fuser *f, graft_graph *g, graft_node n) {
  const uint32_t record = gr_node_at(g, n)->provenance;
  if (record) return record;
  const char *label = gr_node_label(g, n);
  gr_record own = {.source = gr_intern(f->m, label, strlen(label))};
  return own.source == GRAFT_NONE ? GRAFT_NONE : gr_record_intern(f->m, &own, NULL);
}

/* The other parts go back to the source of the first: that is the module that they are of. */
static graft_status take_name(fuser *f, const gr_fusion *one) {
  graft_graph *g = one->graph;
  const uint32_t pass = gr_intern(f->m, f->pass->info->name, strlen(f->pass->info->name));
  const uint32_t first = source_of(f, g, gr_fusion_part(&f->found, one, 0)->node);
  if (pass == GRAFT_NONE || first == GRAFT_NONE) return gr_no_memory(f->c);
  for (uint32_t i = 0; i < one->count; i++) {
    const graft_node n = gr_fusion_part(&f->found, one, i)->node;
    const uint32_t own = gr_node_at(g, n)->provenance, parents[] = {first, own};
    uint32_t record = first;
    if (!gr_vec_push(f->c, &f->records, own)) return GRAFT_NO_MEMORY;
    if (i > 0) {
      gr_record r = {.pass = pass, .parent_count = own ? 2 : 1, .equals = gr_known_as(g, gr_result(g, n, 0))};
      record = r.equals == GRAFT_NONE ? GRAFT_NONE : gr_record_intern(f->m, &r, parents);
    }
    if (record == GRAFT_NONE) return gr_no_memory(f->c);
    graft_status status = gr_node_set_provenance(g, n, record);
    if (status) return status;
  }
  return GRAFT_OK;
}

/* ---- tensors ---- */

static bool is_shared(const fuser *f, graft_tensor t, const graft_graph *own, graft_node n) {
  const graft_value v = gr_handle_of(own, t);
  for (uint32_t u = gr_value_at(own, v)->first_use; u != GRAFT_NONE; u = gr_use_at(own, u)->next)
    if (gr_use_at(own, u)->user != n) return true;
  return gr_tensor_is_read_beside(own, f->m, t);
}

static graft_status list_tensors(fuser *f, uint32_t fusion) {
  const gr_fusion *one = &f->found.list.data[fusion];
  for (uint32_t i = 0; i < one->count; i++) {
    const graft_node n = gr_fusion_part(&f->found, one, i)->node;
    for (uint32_t k = 0; k < gr_node_at(one->graph, n)->operand_count; k++) {
      const graft_value v = gr_operand(one->graph, n, k);
      const graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(one->graph, v);
      if (t == GRAFT_NONE) continue;
      owned o = {.tensor = t, .fusion = fusion, .part = i, .shared = is_shared(f, t, one->graph, n)};
      if (!gr_vec_push(f->c, &f->tensors, o)) return GRAFT_NO_MEMORY;
    }
  }
  return GRAFT_OK;
}

static char *whole_name(gr_arena *a, const graft_module *m, graft_tensor t) {
  const size_t size = graft_tensor_name(m, t, NULL, 0) + 1;
  char *name = gr_arena_alloc(a, size);
  if (name) (void)graft_tensor_name(m, t, name, size);
  return name;
}

/* bn1.running_mean, of a part called bn behind conv1's weight: conv1.bn.running_mean. */
static graft_status rename_tensor(fuser *f, graft_tensor t, graft_tensor first, const char *part) {
  gr_arena names;
  gr_arena_init(&names, f->c);
  graft_status status = GRAFT_OK;
  char *own = whole_name(&names, f->m, t), *head = whole_name(&names, f->m, first);
  const char *leaf = own ? strrchr(own, '.') : NULL;
  char *end = head ? strrchr(head, '.') : NULL;
  if (!own || !head) {
    status = GRAFT_NO_MEMORY;
  } else if (leaf && end) {
    *end = '\0';
    const char *text = gr_text(&names, "%s.%s%s", head, part, leaf);
    const gr_name name = text ? gr_name_split(f->m, text, strlen(text)) : (gr_name){GRAFT_NONE, 0};
    status = name.base == GRAFT_NONE ? gr_no_memory(f->c) : gr_tensor_rename(f->m, t, gr_name_unique(f->m, name));
  }
  gr_arena_free(&names);
  return status;
}

/* What nothing reads any more goes; the rest is called as in one module. */
static graft_status settle_tensors(fuser *f) {
  const size_t size = (size_t)f->m->tensors.len + 1;
  uint8_t *updated = gr_calloc(f->c, size, 1);
  if (!updated) return gr_no_memory(f->c);
  for (uint32_t i = 0; i < f->m->graphs.len; i++) {
    const graft_graph *g = f->m->graphs.data[i];
    for (uint32_t k = 0; k < g->updates.len; k++)
      if (g->updates.data[k].tensor != GRAFT_NONE) updated[g->updates.data[k].tensor] = 1;
  }
  graft_status status = GRAFT_OK;
  uint32_t fusion = GRAFT_NONE;
  graft_tensor first = GRAFT_NONE;
  for (uint32_t i = 0; i < f->tensors.len && !status; i++) {
    const owned *o = &f->tensors.data[i];
    if (o->fusion != fusion) fusion = o->fusion, first = GRAFT_NONE;
    if (!f->done.data[fusion] || o->shared || f->m->tensors.data[o->tensor].erased) continue;
    if (!updated[o->tensor] && !gr_tensor_is_read(f->m, o->tensor)) {
      gr_tensor_erase(f->m, o->tensor);
      continue;
    }
    const char *name = f->found.list.data[fusion].kind->parts[o->part].name;
    if (o->part == 0 && first == GRAFT_NONE) first = o->tensor;
    if (o->part > 0 && name[0] && first != GRAFT_NONE) status = rename_tensor(f, o->tensor, first, name);
  }
  gr_free(f->c, updated, size);
  return status;
}

/* ---- one graph ---- */

/* The fusions of one graph, and what of each is in force. */
typedef struct work {
  fuser *f;
  graft_graph *g;
  const uint32_t *here; /* those fusions, in their order; */
  uint32_t count;
  gr_within within; /* group: the place in `here` and one */
  const char *quantizer;
  bool qat;
} work;

static const char *rules_of(const work *w, const gr_fusion *one) {
  return w->qat ? one->kind->qat : one->kind->evaluation;
}

static const gr_fusion *fusion_at(const work *w, uint32_t place) { return &w->f->found.list.data[w->here[place]]; }

static graft_status unfit(const work *w, uint32_t fusion, const char *why) {
  const gr_fused_part *part = part_of(w->f, fusion, 0);
  if (w->f->found.all) return GRAFT_OK;
  return gr_error(w->f->c, GRAFT_PASS, gr_node_loc(w->g, part->node), "'%s' is not fused: %s", part->name, why);
}

/* where: of the names. */
static graft_status rewrite(fuser *f, graft_graph *g, const char *const *names, uint32_t count, gr_within *within,
                            gr_loc where) {
  gr_rewrite_options how = {.pass = f->pass->info->name,
                            .where = where,
                            .within = within,
                            .count_rule = gr_count_rule_copied,
                            .count_user = f->pass};
  how.evaluate = gr_pass_evaluator(f->pass, &how.evaluate_user);
  graft_status status = gr_rules_need_in(f->found.rules, names, count, g);
  return status ? status : gr_rewrite(g, f->found.rules, names, count, &how, NULL);
}

/* A list of rules, applied to all fusions of the graph that have it; then those of the option `form`. */
static graft_status apply(work *w, const char *rules) {
  fuser *f = w->f;
  const char *at = rules, *item;
  uint32_t most = 1, count = 0;
  size_t length;
  gr_loc where = {0};
  for (const char *s = rules; *s; s++) most += *s == ',';
  const char **names = gr_arena_alloc(&f->found.text, most * sizeof *names);
  gr_within within;
  graft_status status = gr_within_begin(&within, w->g, w->count) && names ? GRAFT_OK : GRAFT_NO_MEMORY;
  while (!status && gr_list_next(&at, &item, &length))
    if (!(names[count++] = gr_arena_copy(&f->found.text, item, length))) status = GRAFT_NO_MEMORY;
  for (graft_node n = w->g->first; n != GRAFT_NONE && !status; n = gr_node_at(w->g, n)->next) {
    const uint32_t group = gr_within_of(&w->within, n);
    if (!group || strcmp(rules_of(w, fusion_at(w, group - 1)), rules) != 0) continue;
    within.group.data[n] = group;
    const gr_sequence *kind = fusion_at(w, group - 1)->kind;
    where = w->qat ? kind->qat_where : kind->evaluation_where;
  }
  if (!status) status = rewrite(f, w->g, names, count, &within, where);
  where = gr_option_loc(f->pass, "form");
  for (const char *const *form = f->form; *form && !status; form++) status = rewrite(f, w->g, form, 1, &within, where);
  for (graft_node n = 0; n < within.group.len && !status; n++)
    if (within.group.data[n]) {
      while (w->within.group.len <= n && !status)
        if (!gr_vec_push(f->c, &w->within.group, 0)) status = GRAFT_NO_MEMORY;
      if (!status) w->within.group.data[n] = within.group.data[n];
    }
  for (uint32_t i = 1; i < within.rewrites.len && !status; i++) w->within.rewrites.data[i] += within.rewrites.data[i];
  gr_within_free(&within, f->c);
  return status;
}

static int by_rules(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* Each list of rules once; a fusion that has rules and of which none applied cannot be fused. */
static graft_status apply_all(work *w) {
  fuser *f = w->f;
  const char **lists = gr_alloc(f->c, ((size_t)w->count + 1) * sizeof *lists);
  uint32_t used = 0;
  graft_status status = lists ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < w->count && !status; i++)
    if (f->done.data[w->here[i]]) lists[used++] = rules_of(w, fusion_at(w, i));
  if (used) qsort(lists, used, sizeof *lists, by_rules);
  for (uint32_t i = 0; i < used && !status; i++)
    if (lists[i][0] && (i == 0 || strcmp(lists[i], lists[i - 1]) != 0)) status = apply(w, lists[i]);
  for (uint32_t i = 0; i < w->count && !status; i++) {
    char why[400];
    const char *rules = rules_of(w, fusion_at(w, i));
    if (!f->done.data[w->here[i]] || !rules[0] || w->within.rewrites.data[i + 1]) continue;
    f->done.data[w->here[i]] = 0;
    (void)snprintf(why, sizeof why, "no rule of its sequence matches (%s), as --explain NODE --explain-rule RULE says",
                   rules);
    status = unfit(w, w->here[i], why);
  }
  if (lists) gr_free(f->c, lists, ((size_t)w->count + 1) * sizeof *lists);
  return status;
}

/* ---- to train, with a quantizer ---- */

static bool is_annotated(const work *w, const gr_fusion *one) {
  for (uint32_t i = 0; i < one->count; i++)
    if (gr_is_annotated(w->g, gr_fusion_part(&w->f->found, one, i)->node)) return true;
  return false;
}

/* What this pass annotated of a sequence that it leaves alone. */
static graft_status forget(const work *w, const gr_fusion *one) {
  graft_status status = GRAFT_OK;
  for (uint32_t i = 0; i < one->count && !status; i++) {
    const gr_node *n = gr_node_at(w->g, gr_fusion_part(&w->f->found, one, i)->node);
    for (uint32_t k = 0; k < n->operand_count && !status; k++) status = gr_spec_set_use(w->g, n->first_use + k, 0);
    for (uint32_t k = 0; k < n->result_count && !status; k++) status = gr_spec_set_value(w->g, n->first_result + k, 0);
  }
  return status;
}

/* Each sequence by itself, unless it is annotated already; one that the quantizer does not take whole is no module of
 * it. */
static graft_status annotate(work *w, const gr_quantizer *q) {
  fuser *f = w->f;
  const gr_pass *p = f->pass;
  const uint32_t nodes = w->g->nodes.len;
  uint32_t *scope = gr_calloc(f->c, nodes + 1u, sizeof *scope);
  uint8_t *outcome = gr_calloc(f->c, nodes + 1u, 1);
  gr_option_text *options = gr_alloc(f->c, (p->rest_count + 1) * sizeof *options);
  graft_status status = scope && outcome && options ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < w->count && !status; i++) {
    const gr_fusion *one = fusion_at(w, i);
    const bool given = is_annotated(w, one);
    for (uint32_t k = 0; k < one->count; k++) {
      const graft_node n = gr_fusion_part(&f->found, one, k)->node;
      if (given)
        outcome[n] = GR_ANNOTATED;
      else
        scope[n] = i + 1;
    }
  }
  for (uint32_t i = 0; i < p->rest_count && !status; i++) options[i] = p->rest[i];
  if (!status) options[p->rest_count] = (gr_option_text){.name = "qat", .value = "true"};
  const char *own[GR_MAX_OPTIONS + 1] = {NULL};
  for (uint32_t i = 0; p->info->options[i].kind != GR_OPTION_END; i++) own[i] = p->info->options[i].name;
  gr_annotate_options o = {.options = options,
                           .option_count = p->rest_count + 1,
                           .others = own,
                           .scope = scope,
                           .outcome = outcome,
                           .count_rule = gr_count_rule_copied,
                           .count_user = f->pass};
  o.evaluate = gr_pass_evaluator(p, &o.evaluate_user);
  gr_annotate_stats stats = {0};
  if (!status) status = gr_annotate(w->g, q, &o, &stats);
  for (uint32_t i = 0; i < w->count && !status; i++) {
    const gr_fusion *one = fusion_at(w, i);
    uint32_t taken = 0;
    for (uint32_t k = 0; k < one->count; k++) taken += outcome[gr_fusion_part(&f->found, one, k)->node] == GR_ANNOTATED;
    if (taken == one->count) continue;
    char why[200];
    (void)snprintf(why, sizeof why, "the quantizer %.80s takes %u of its %u parts", w->quantizer, taken, one->count);
    f->done.data[w->here[i]] = 0;
    status = unfit(w, w->here[i], why);
    if (!status) status = forget(w, one);
  }
  if (scope) gr_free(f->c, scope, (nodes + 1u) * sizeof *scope);
  if (outcome) gr_free(f->c, outcome, nodes + 1u);
  if (options) gr_free(f->c, options, (p->rest_count + 1) * sizeof *options);
  return status;
}

/* ---- the pass ---- */

/* Marked are the nodes that are still to be taken as one. */
static graft_status finish(work *w, uint32_t fusion) {
  fuser *f = w->f;
  const gr_fusion *one = &f->found.list.data[fusion];
  graft_status status = GRAFT_OK;
  uint32_t live = 0;
  for (uint32_t i = 0; i < one->count; i++) {
    const graft_node n = gr_fusion_part(&f->found, one, i)->node;
    live += gr_node_live(w->g, n);
    if (!f->done.data[fusion]) status = gr_node_set_provenance(w->g, n, f->records.data[one->first + i]);
  }
  for (uint32_t i = 0; i < one->count && live > 1 && f->done.data[fusion] && !w->quantizer && !status; i++) {
    const graft_node n = gr_fusion_part(&f->found, one, i)->node;
    if (gr_node_live(w->g, n)) status = graft_node_set_mark(w->g, n, "fused", true);
  }
  gr_count(f->pass, f->done.data[fusion] ? "modules fused" : "sequences left alone", 1);
  return status;
}

static graft_status fuse_graph(fuser *f, graft_graph *g, const uint32_t *here, uint32_t count, const char *name,
                               const gr_quantizer *q) {
  work w = {.f = f, .g = g, .here = here, .count = count, .quantizer = name, .qat = f->found.qat};
  graft_status status = gr_within_begin(&w.within, g, count) ? GRAFT_OK : GRAFT_NO_MEMORY;
  if (q && !status) status = annotate(&w, q);
  for (uint32_t i = 0; i < count && !status; i++)
    for (uint32_t k = 0; f->done.data[here[i]] && k < fusion_at(&w, i)->count; k++)
      w.within.group.data[part_of(f, here[i], k)->node] = i + 1;
  if ((q || !w.qat) && !status) status = apply_all(&w);
  if (q && !status) status = gr_insert_fake_quant_within(f->pass, g, &w.within);
  for (uint32_t i = 0; i < count && !status; i++) status = finish(&w, here[i]);
  gr_within_free(&w.within, f->c);
  return status;
}

/* Observers in a graph that a node runs would have no steps of their own. */
static graft_status check_nested(const fuser *f) {
  bool *nested = gr_nested_graphs(f->m);
  graft_status status = nested ? GRAFT_OK : gr_no_memory(f->c);
  for (uint32_t k = 0; nested && k < f->found.list.len && !status; k++)
    if (nested[f->found.list.data[k].graph->index])
      status = gr_error(f->c, GRAFT_PASS, gr_node_loc(f->found.list.data[k].graph, part_of(f, k, 0)->node),
                        "'%s' is in a graph that a node runs: it has no state to train with", part_of(f, k, 0)->name);
  if (nested) gr_free(f->c, nested, ((size_t)f->m->graphs.len + 1) * sizeof *nested);
  return status;
}

/* Graph by graph, of each those that are in it. */
static graft_status fuse_graphs(fuser *f, const char *name, const gr_quantizer *q) {
  const uint32_t graphs = f->m->graphs.len, count = f->found.list.len;
  const size_t size = ((size_t)graphs + 1 + count) * sizeof(uint32_t);
  uint32_t *end = gr_calloc(f->c, 1, size), *list = end + graphs + 1; /* by graph: where its own end in `list` */
  if (!end) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < count; i++) end[f->found.list.data[i].graph->index + 1]++;
  for (uint32_t i = 0; i < graphs; i++) end[i + 1] += end[i];
  for (uint32_t i = 0; i < count; i++) list[end[f->found.list.data[i].graph->index]++] = i;
  graft_status status = GRAFT_OK;
  for (uint32_t i = 0; i < graphs && !status; i++) {
    const uint32_t first = i ? end[i - 1] : 0;
    if (end[i] > first) status = fuse_graph(f, f->m->graphs.data[i], list + first, end[i] - first, name, q);
  }
  gr_free(f->c, end, size);
  return status;
}

static bool quantizes_in(const gr_pass *p) {
  return gr_option_bool(p, "qat") && strcmp(gr_option_string(p, "quantizer"), "none") != 0;
}

static graft_status fuse(fuser *f) {
  const char *name = gr_option_string(f->pass, "quantizer");
  const gr_quantizer *q = NULL;
  graft_status status = gr_form_rules(f->pass, &f->form);
  if (quantizes_in(f->pass) && !status) status = gr_pass_quantizer(f->pass, &q);
  if (q && !status) status = check_nested(f);
  for (uint32_t i = 0; i < f->found.list.len && !status; i++) {
    if (!gr_vec_push(f->c, &f->done, 1)) status = GRAFT_NO_MEMORY;
    if (!status) status = list_tensors(f, i);
    if (!status) status = take_name(f, &f->found.list.data[i]);
  }
  if (!status) status = fuse_graphs(f, q ? name : NULL, q);
  return status ? status : settle_tensors(f);
}

/* A quantizer, and options that no pass knows and so are a quantizer's, are for modules that one annotates. */
static graft_status check_options(const gr_pass *p) {
  const char *name = gr_option_string(p, "quantizer");
  const bool qat = gr_option_bool(p, "qat");
  if (!qat && gr_option_given(p, "quantizer"))
    return gr_error(p->context, GRAFT_INVALID_ARGUMENT, gr_option_loc(p, "quantizer"),
                    "a quantizer is for modules that train: qat is not set");
  if (p->rest_count && (!qat || strcmp(name, "none") == 0))
    return gr_error(p->context, GRAFT_NAME, p->rest[0].name_where,
                    "'fuse-modules' has no option '%s', and without %s no quantizer that may have it", p->rest[0].name,
                    qat ? "a name in quantizer=" : "qat=true");
  if (gr_option_bool(p, "auto") && gr_option_given(p, "modules"))
    return gr_error(p->context, GRAFT_INVALID_ARGUMENT, gr_option_loc(p, "modules"),
                    "either modules are named, or auto=true finds them");
  return GRAFT_OK;
}

static graft_status check_form(gr_pass *p) {
  const char *const *form;
  const graft_status status = gr_form_rules(p, &form);
  if (status || !form[0] || quantizes_in(p)) return status;
  return gr_error(p->context, GRAFT_INVALID_ARGUMENT, gr_option_loc(p, "form"),
                  "form and exact are of what trains with a quantizer (qat=true)");
}

static graft_status check_names(gr_pass *p) {
  gr_fusions f = {.pass = p};
  if (gr_option_bool(p, "auto")) return GRAFT_OK;
  gr_arena_init(&f.text, p->context);
  const graft_status status = gr_fusions_read(&f, gr_option_string(p, "modules"));
  gr_fusions_free(&f);
  return status;
}

graft_status gr_check_fuse_modules(gr_pass *p) {
  graft_status status = check_options(p);
  if (!status) status = check_names(p);
  if (!status) status = check_form(p);
  if (!status && quantizes_in(p)) status = gr_check_quantizer(p);
  graft_rules *rules;
  return status ? status : gr_pass_env_rules_with(p->env, gr_option_string(p, "mapping"), &rules);
}

graft_status gr_pass_fuse_modules(gr_pass *p) {
  fuser f = {.pass = p, .m = p->module, .c = p->context};
  const bool all = gr_option_bool(p, "auto");
  graft_rules *rules;
  const graft_status found = gr_pass_env_rules_with(p->env, gr_option_string(p, "mapping"), &rules);
  if (found) return found;
  f.found = (gr_fusions){.pass = p, .rules = rules, .qat = gr_option_bool(p, "qat")};
  gr_arena_init(&f.found.text, p->context);
  graft_status status = gr_refuse_gradients(p);
  if (!status) status = all ? gr_fusions_all(&f.found) : gr_fusions_named(&f.found, gr_option_string(p, "modules"));
  if (!status) status = fuse(&f);
  gr_vec_free(p->context, &f.tensors);
  gr_vec_free(p->context, &f.records);
  gr_vec_free(p->context, &f.done);
  gr_fusions_free(&f.found);
  return status;
}
