/* Which nodes fuse-modules makes one module of. A module is what selectors select by its name; its op is that of the
 * one node whose result is read outside of it (a convolution may have a pad of its own in front). */
#include <stdio.h>
#include <string.h>

#include "passes/fuse_impl.h"

static gr_loc where_of(const gr_fusions *f) { return gr_option_loc(f->pass, "modules"); }

/* ---- names ---- */

static bool add_part(gr_fusions *f, const char *name) {
  return gr_vec_push(f->pass->context, &f->parts, ((gr_fused_part){.name = name, .node = GRAFT_NONE}));
}

/* "conv1,bn1,relu1;sub.conv,sub.relu": sequences of names. */
graft_status gr_fusions_read(gr_fusions *f, const char *modules) {
  graft_context *c = f->pass->context;
  for (const char *at = modules; *at;) {
    const char *semicolon = strchr(at, ';'), *item;
    const size_t size = semicolon ? (size_t)(semicolon - at) : strlen(at);
    const char *names = gr_arena_copy(&f->text, at, size);
    size_t length;
    gr_fusion one = {.first = f->parts.len};
    while (names && gr_list_next(&names, &item, &length)) {
      const char *name = gr_arena_copy(&f->text, item, length);
      if (!name || !add_part(f, name)) return gr_no_memory(c);
    }
    one.count = f->parts.len - one.first;
    if (one.count == 1)
      return gr_error(c, GRAFT_INVALID_ARGUMENT, where_of(f), "one module is nothing to fuse: '%s'",
                      f->parts.data[one.first].name);
    if (one.count && !gr_vec_push(c, &f->list, one)) return gr_no_memory(c);
    at += size + (semicolon != NULL);
  }
  if (f->list.len) return GRAFT_OK;
  return gr_error(c, GRAFT_INVALID_ARGUMENT, where_of(f),
                  "'%s' needs the option 'modules', names of modules that follow each other, or auto=true",
                  f->pass->info->name);
}

/* ---- the nodes of a name ---- */

/* Does a node outside of the part, or the graph's end, read what the node gives? State is updated, not read. */
static bool is_exit(const graft_graph *g, graft_node n, const uint32_t *of) {
  for (uint32_t i = 0; i < gr_node_at(g, n)->result_count; i++) {
    const graft_value v = gr_result(g, n, i);
    if (v == GRAFT_NONE) continue;
    for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
      const uint32_t user = gr_use_at(g, u)->user;
      if (gr_user_is_node(user) ? of[user] != of[n] : (user & GR_USER_UPDATE) != GR_USER_UPDATE) return true;
    }
  }
  return false;
}

static graft_status find_nodes(gr_fusions *f, graft_graph *g, gr_selector *s, const uint32_t *part_of) {
  graft_context *c = f->pass->context;
  const size_t size = ((size_t)g->nodes.len + 1) * sizeof(uint32_t);
  uint32_t *of = gr_calloc(c, 1, size);
  graft_status status = of ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (graft_node n = g->first; n != GRAFT_NONE && !status; n = gr_node_at(g, n)->next) {
    if (gr_is_marked(g, n, GR_MARK_INSERTED)) continue; /* it observes the module */
    of[n] = gr_selector_find(s, g, n);
    if (of[n] == GRAFT_NONE) status = GRAFT_NO_MEMORY;
  }
  for (graft_node n = g->first; n != GRAFT_NONE && !status; n = gr_node_at(g, n)->next) {
    if (!of[n]) continue;
    gr_fused_part *part = &f->parts.data[part_of[of[n] - 1]];
    const bool exit = is_exit(g, n, of);
    if (part->nodes++ == 0 || exit) part->node = n, part->graph = g;
    part->exits += exit;
  }
  if (of) gr_free(c, of, size);
  return status;
}

static graft_status find_all_nodes(gr_fusions *f, gr_selector *s) {
  graft_context *c = f->pass->context;
  const size_t size = ((size_t)s->names.len + 1) * sizeof(uint32_t);
  uint32_t *part_of = gr_alloc(c, size);
  graft_status status = part_of ? GRAFT_OK : GRAFT_NO_MEMORY;
  if (part_of) memset(part_of, 0xFF, size); /* GRAFT_NONE */
  for (uint32_t i = 0; i < f->parts.len && !status; i++) {
    const char *name = f->parts.data[i].name;
    const uint32_t number = gr_selector_number(s, name, strlen(name));
    if (number == GRAFT_NONE) status = GRAFT_NO_MEMORY;
    if (!status && part_of[number - 1] != GRAFT_NONE)
      status = gr_error(c, GRAFT_INVALID_ARGUMENT, where_of(f), "'%s' is named twice", name);
    if (!status) part_of[number - 1] = i;
  }
  for (uint32_t i = 0; i < f->pass->module->graphs.len && !status; i++)
    status = find_nodes(f, f->pass->module->graphs.data[i], s, part_of);
  if (part_of) gr_free(c, part_of, size);
  return status;
}

static graft_status check_part(const gr_fusions *f, const gr_fused_part *part) {
  graft_context *c = f->pass->context;
  if (part->nodes == 0) return gr_error(c, GRAFT_NAME, where_of(f), "there is no module '%s'", part->name);
  if (part->exits > 1 || (part->exits == 0 && part->nodes > 1))
    return gr_error(c, GRAFT_PASS, where_of(f),
                    "'%s' is no module that can be fused: of its %u nodes %u are read elsewhere, and it must be one",
                    part->name, part->nodes, part->exits);
  if (gr_is_marked(part->graph, part->node, GR_MARK_FUSED | GR_MARK_TRAINING_FORM))
    return gr_error(c, GRAFT_PASS, where_of(f), "'%s' is fused already", part->name);
  return GRAFT_OK;
}

/* ---- which sequence ---- */

static void choose(const gr_fusions *f, gr_fusion *one) {
  uint32_t ops[GR_MAX_PARTS];
  for (uint32_t i = 0; i < one->count && i < GR_MAX_PARTS; i++) {
    const gr_fused_part *part = gr_fusion_part(f, one, i);
    ops[i] = gr_node_at(part->graph, part->node)->op;
  }
  one->kind = one->count <= GR_MAX_PARTS ? gr_sequence_find(f->rules, f->pass->module, ops, one->count) : NULL;
}

/* cannot fuse modules: (relu, conv2d) */
static graft_status unknown(const gr_fusions *f, const gr_fusion *one) {
  char ops[400] = "", names[400] = "";
  size_t a = 0, b = 0;
  for (uint32_t i = 0; i < one->count && a < sizeof ops - 100 && b < sizeof names - 100; i++) {
    const gr_fused_part *part = gr_fusion_part(f, one, i);
    a +=
        (size_t)snprintf(ops + a, sizeof ops - a, "%s%.80s", i ? ", " : "", graft_node_get_op(part->graph, part->node));
    b += (size_t)snprintf(names + b, sizeof names - b, "%s'%.80s'", i ? ", " : "", part->name);
  }
  graft_status status = gr_error(f->pass->context, GRAFT_RULE, where_of(f), "cannot fuse modules: (%s)", ops);
  gr_note(f->pass->context, where_of(f), "these are %s, and no sequence has their ops", names);
  return status;
}

#define GRAPH_END (GRAFT_NONE - 1) /* who reads a value: the graph, which returns it */

/* Does one node read what the other gives? *other: who does so beside it; GRAFT_NONE: nobody. */
static bool is_linked(const graft_graph *g, graft_node from, graft_node to, uint32_t *other) {
  bool linked = false;
  *other = GRAFT_NONE;
  for (uint32_t i = 0; i < gr_node_at(g, from)->result_count; i++) {
    const graft_value v = gr_result(g, from, i);
    if (v == GRAFT_NONE) continue;
    for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
      const uint32_t user = gr_use_at(g, u)->user;
      if (user == to)
        linked = true;
      else if (gr_user_is_node(user) || (user & GR_USER_UPDATE) != GR_USER_UPDATE)
        *other = gr_user_is_node(user) ? user : GRAPH_END;
    }
  }
  return linked;
}

static graft_status check_links(const gr_fusions *f, const gr_fusion *one) {
  graft_context *c = f->pass->context;
  for (uint32_t i = 1; i < one->count; i++) {
    const gr_fused_part *a = gr_fusion_part(f, one, i - 1), *b = gr_fusion_part(f, one, i);
    uint32_t other;
    if (a->graph != b->graph || !is_linked(a->graph, a->node, b->node, &other))
      return gr_error(c, GRAFT_PASS, gr_node_loc(b->graph, b->node),
                      "cannot fuse '%s' and '%s': the second does not read what the first gives", a->name, b->name);
    if (other != GRAFT_NONE)
      return gr_error(c, GRAFT_PASS, gr_node_loc(a->graph, a->node),
                      "cannot fuse '%s' and '%s': what the first gives is %s%s too", a->name, b->name,
                      other == GRAPH_END ? "an output of the graph" : "read by %",
                      other == GRAPH_END ? "" : gr_node_label(a->graph, other));
  }
  return GRAFT_OK;
}

/* In evaluation rules use the statistics that there are, and would go on using them in training. */
static graft_status check_mode(const gr_fusions *f, const gr_fusion *one) {
  for (uint32_t i = 0; i < one->count && !f->qat; i++) {
    const gr_fused_part *part = gr_fusion_part(f, one, i);
    if (gr_is_training(part->graph, part->node))
      return gr_error(f->pass->context, GRAFT_PASS, gr_node_loc(part->graph, part->node),
                      "'%s' is in training: modules are fused in evaluation (to-eval), or to train (qat=true)",
                      part->name);
  }
  return GRAFT_OK;
}

graft_status gr_fusions_named(gr_fusions *f, const char *modules) {
  gr_selector s = {0};
  graft_status status = gr_fusions_read(f, modules);
  char *list = status ? NULL : gr_arena_copy(&f->text, modules, strlen(modules));
  if (status) return status;
  for (char *at = list; at && (at = strchr(at, ';'));) *at = ',';
  if (!list || !gr_selector_init(&s, f->pass->module, list)) return gr_no_memory(f->pass->context);
  status = find_all_nodes(f, &s);
  gr_selector_free(&s);
  for (uint32_t i = 0; i < f->parts.len && !status; i++) status = check_part(f, &f->parts.data[i]);
  for (uint32_t i = 0; i < f->list.len && !status; i++) {
    gr_fusion *one = &f->list.data[i];
    choose(f, one);
    one->graph = gr_fusion_part(f, one, 0)->graph;
    status = one->kind ? check_links(f, one) : unknown(f, one);
    if (!status) status = check_mode(f, one);
  }
  return status;
}

/* ---- all ---- */

/* The one node that reads what the node gives; GRAFT_NONE: none, or others too. */
static graft_node only_user(const graft_graph *g, graft_node n) {
  graft_node only = GRAFT_NONE;
  for (uint32_t i = 0; i < gr_node_at(g, n)->result_count; i++) {
    const graft_value v = gr_result(g, n, i);
    if (v == GRAFT_NONE) continue;
    for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
      const uint32_t user = gr_use_at(g, u)->user;
      if (!gr_user_is_node(user) && (user & GR_USER_UPDATE) == GR_USER_UPDATE) continue;
      if (!gr_user_is_node(user) || (only != GRAFT_NONE && only != user)) return GRAFT_NONE;
      only = user;
    }
  }
  return only;
}

static bool is_free(const graft_graph *g, graft_node n, const uint8_t *taken) {
  return !taken[n] && !gr_is_marked(g, n, GR_MARK_INSERTED | GR_MARK_TRAINING_FORM | GR_MARK_FUSED) &&
         !gr_is_annotated(g, n);
}

/* The longest sequence that begins at the node. */
static graft_status take(gr_fusions *f, graft_graph *g, graft_node n, uint8_t *taken) {
  graft_context *c = f->pass->context;
  graft_node nodes[GR_MAX_PARTS];
  uint32_t ops[GR_MAX_PARTS], count = 0;
  gr_fusion one = {.first = f->parts.len, .graph = g};
  for (; count < GR_MAX_PARTS && n != GRAFT_NONE && is_free(g, n, taken); n = only_user(g, n)) {
    nodes[count] = n;
    ops[count++] = gr_node_at(g, n)->op;
    const gr_sequence *kind = count > 1 ? gr_sequence_find(f->rules, f->pass->module, ops, count) : NULL;
    if (kind) one.kind = kind, one.count = count;
  }
  for (uint32_t i = 0; i < one.count; i++) {
    const char *label = gr_node_label(g, nodes[i]);
    const char *name = gr_arena_copy(&f->text, label, strlen(label));
    if (!name || !add_part(f, name)) return gr_no_memory(c);
    f->parts.data[one.first + i].node = nodes[i];
    f->parts.data[one.first + i].graph = g;
    taken[nodes[i]] = 1;
  }
  if (one.count == 0) return GRAFT_OK;
  return gr_vec_push(c, &f->list, one) ? check_mode(f, &one) : gr_no_memory(c);
}

graft_status gr_fusions_all(gr_fusions *f) {
  graft_context *c = f->pass->context;
  graft_status status = GRAFT_OK;
  f->all = true;
  for (uint32_t i = 0; i < f->pass->module->graphs.len && !status; i++) {
    graft_graph *g = f->pass->module->graphs.data[i];
    const size_t size = (size_t)g->nodes.len + 1;
    uint8_t *taken = gr_calloc(c, size, 1);
    if (!taken) return gr_no_memory(c);
    for (graft_node n = g->first; n != GRAFT_NONE && !status; n = gr_node_at(g, n)->next)
      if (is_free(g, n, taken)) status = take(f, g, n, taken);
    gr_free(c, taken, size);
  }
  return status;
}

void gr_fusions_free(gr_fusions *f) {
  gr_vec_free(f->pass->context, &f->parts);
  gr_vec_free(f->pass->context, &f->list);
  gr_arena_free(&f->text);
}
