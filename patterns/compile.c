/* From one choice of a match section's groups to a flat program of checks.
 *
 * A program starts at the root and walks from users to producers. The first pass emits the structure alone (ops of the
 * nodes, reached through the operands that lines make), so that most candidates fail on an op; the second the rest:
 * operands, results, attributes; then comparisons that need names of other lines; then conditions. What emits them is
 * in compile_code.c. */
#include "patterns/compile_impl.h"

#include <stdio.h>
#include <string.h>

typedef pt_compile_builder builder;

bool gr_compile_error(const gr_parser *p, gr_loc where, const char *message) {
  gr_error(p->context, GRAFT_RULE, where, "%s", message);
  return false;
}

static const pt_name *value_info(const gr_pattern *p, int name) { return &p->names.kind[PT_VALUE].data[name]; }

/* Lines and conditions of one choice of groups, aliases still among them. */
static bool flatten(gr_parser *p, const pt_items *items, const bool *groups, pt_group *in, pt_items *out) {
  for (uint32_t i = 0; i < items->len; i++) {
    pt_item item = items->data[i];
    if (item.kind == PT_ITEM_GROUP) {
      pt_group *g = item.group;
      g->parent = in;
      if (!flatten(p, groups[g->name] ? &g->present : &g->absent, groups, g, out)) return false;
      continue;
    }
    item.in = in;
    if (!pt_push(p->arena, out, item)) return false;
  }
  return true;
}

/* ---- slots ---- */

static uint32_t find(builder *b, uint32_t name) {
  while (b->parent[name] != name) {
    b->parent[name] = b->parent[b->parent[name]];
    name = b->parent[name];
  }
  return name;
}

static bool join_aliases(builder *b) {
  for (uint32_t i = 0; i < b->items.len; i++) {
    const pt_item *item = &b->items.data[i];
    if (item->kind != PT_ITEM_LINE || item->line->kind == PT_LINE_CALL) continue;
    const pt_line *line = item->line;
    if (line->kind == PT_LINE_EXPR) return gr_compile_error(b->parser, line->where, "a match has no computed values");
    if (line->results.data[0].range)
      return gr_compile_error(b->parser, line->where, "a rest cannot be joined with another name");
    uint32_t to = find(b, (uint32_t)line->results.data[0].name);
    if (line->kind == PT_LINE_ABSENT) {
      b->absent[to] = true;
    } else {
      uint32_t from = find(b, (uint32_t)line->alias);
      if (b->absent[to]) b->absent[from] = true;
      b->parent[to] = from;
    }
  }
  return true;
}

static uint16_t slot_of(builder *b, int name) {
  uint32_t root = find(b, (uint32_t)name);
  if (b->absent[root]) return 0;
  if (b->variant->slots[root] == PT_UNBOUND) b->variant->slots[root] = b->variant->slot_count++;
  return b->variant->slots[root];
}

/* ---- nodes ---- */

static int add_node(builder *b, const pt_call *call, const pt_line *line, uint16_t result_slot);

static bool fill_args(builder *b, uint32_t node, const pt_call *call) {
  uint16_t *slots = gr_arena_alloc(b->parser->arena, (call->args.len + 1) * sizeof *slots);
  if (!slots) return false;
  for (uint32_t i = 0; i < call->args.len; i++) {
    const pt_arg *a = &call->args.data[i];
    slots[i] = PT_UNBOUND;
    if (a->kind == PT_ARG_VALUE) {
      slots[i] = slot_of(b, a->name);
    } else if (a->kind == PT_ARG_ABSENT) {
      slots[i] = 0;
    } else if (a->kind == PT_ARG_RANGE) {
      uint16_t *rest = &b->nodes.data[node].rest, *rest2 = &b->nodes.data[node].rest2;
      if (i + 1 == call->args.len && *rest == PT_UNBOUND) continue; /* what is left */
      if (*rest2 != PT_UNBOUND) return gr_compile_error(b->parser, a->where, "more than two ..%rests in one line");
      *(*rest == PT_UNBOUND ? rest : rest2) = (uint16_t)i;
    } else if (a->kind == PT_ARG_CALL) {
      slots[i] = b->variant->slot_count++;
      if (add_node(b, a->call, NULL, slots[i]) < 0) return false;
    }
  }
  b->nodes.data[node].operand_slots = slots;
  return true;
}

static int add_node(builder *b, const pt_call *call, const pt_line *line, uint16_t result_slot) {
  pt_vnode n = {.call = call, .line = line, .result_count = line ? line->results.len : 1};
  n.rest = n.rest2 = PT_UNBOUND;
  bool range = line && line->results.data[line->results.len - 1].range;
  bool complete = !b->pattern->bare && !b->in_block && !(line && line->context);
  if (!gr_pt_check_call(b->parser, call, n.result_count, range, complete)) return -1;
  n.result_slots = gr_arena_alloc(b->parser->arena, (n.result_count + 1) * sizeof *n.result_slots);
  if (!n.result_slots) return -1;
  if (!line) n.result_slots[0] = result_slot;
  for (uint32_t i = 0; line && i < line->results.len; i++) {
    const pt_result *r = &line->results.data[i];
    if (r->range && i + 1 != line->results.len) {
      gr_compile_error(b->parser, r->where, "..%rest must be the last result");
      return -1;
    }
    n.result_slots[i] = r->range ? PT_UNBOUND : slot_of(b, r->name);
    if (!r->range && n.result_slots[i] == 0) {
      gr_compile_error(b->parser, r->where, "a name that stands for nothing here cannot be made by a line");
      return -1;
    }
  }
  if (b->nodes.len >= PT_MAX_NODES_MATCHED) {
    gr_compile_error(b->parser, call->where, "too many nodes in one pattern");
    return -1;
  }
  uint32_t at = b->nodes.len;
  if (!pt_push(b->parser->arena, &b->nodes, n) || !pt_push(b->parser->arena, &b->block, b->in_block) ||
      !fill_args(b, at, call))
    return -1;
  return (int)at;
}

/* The last line outside of groups. */
static const pt_line *root_line(const gr_pattern *p) {
  const pt_line *root = NULL;
  for (uint32_t i = 0; i < p->items.len; i++)
    if (p->items.data[i].kind == PT_ITEM_LINE && p->items.data[i].line->kind == PT_LINE_CALL &&
        !p->items.data[i].line->also)
      root = p->items.data[i].line;
  return root;
}

static bool define_slots(builder *b) {
  pt_variant *v = b->variant;
  for (uint32_t n = 0; n < b->nodes.len; n++)
    for (uint32_t i = 0; i < b->nodes.data[n].result_count; i++) {
      const pt_vnode *node = &b->nodes.data[n];
      uint16_t slot = node->result_slots[i];
      if (slot == PT_UNBOUND || (b->block.data[n] && b->outer[slot])) continue;
      if (v->slot_node[slot] != PT_UNBOUND) {
        const pt_result *r = &node->line->results.data[i];
        const pt_name *name = value_info(b->pattern, r->name);
        if (name->lost) return false;
        gr_error(b->parser->context, GRAFT_RULE, r->where, "%%%.*s is made by two lines", (int)name->length,
                 name->text);
        return false;
      }
      v->slot_node[slot] = (uint16_t)n;
      v->slot_result[slot] = (uint16_t)i;
    }
  return true;
}

/* What an `unless` says of a name of the match is no part of what the match says. */
static bool counts(const builder *b, uint32_t n, uint16_t slot) {
  return slot != PT_UNBOUND && !(b->block.data[n] && b->outer[slot]);
}

static void find_outer(builder *b) {
  for (uint32_t n = 0; n < b->nodes.len; n++) {
    const pt_vnode *node = &b->nodes.data[n];
    for (uint32_t i = 0; i < node->call->args.len && !b->block.data[n]; i++)
      if (node->operand_slots[i] != PT_UNBOUND) b->outer[node->operand_slots[i]] = true;
    for (uint32_t i = 0; i < node->result_count && !b->block.data[n]; i++)
      if (node->result_slots[i] != PT_UNBOUND) b->outer[node->result_slots[i]] = true;
  }
}

/* A slot may be absent when every place that names it says so. */
static void find_optional(builder *b) {
  pt_variant *v = b->variant;
  memset(v->slot_optional, 1, v->slot_count);
  for (uint32_t n = 0; n < b->nodes.len; n++) {
    const pt_vnode *node = &b->nodes.data[n];
    for (uint32_t i = 0; i < node->call->args.len; i++)
      if (counts(b, n, node->operand_slots[i]) && !node->call->args.data[i].optional)
        v->slot_optional[node->operand_slots[i]] = false;
    for (uint32_t i = 0; i < node->result_count; i++)
      if (counts(b, n, node->result_slots[i]) && !(node->line && node->line->results.data[i].optional))
        v->slot_optional[node->result_slots[i]] = false;
  }
  v->slot_optional[0] = true;
}

/* ---- a variant ---- */

static bool begin(builder *b) {
  gr_arena *a = b->parser->arena;
  pt_variant *v = b->variant;
  const pt_names *n = &b->pattern->names;
  uint32_t values = n->kind[PT_VALUE].len;
  v->slots = gr_arena_alloc(a, (values + 1) * sizeof *v->slots);
  b->parent = gr_arena_alloc(a, (values + 1) * sizeof *b->parent);
  b->absent = pt_zeroed(a, values, sizeof *b->absent);
  v->range_bound = pt_zeroed(a, n->kind[PT_RANGE].len, sizeof *v->range_bound);
  v->tag_bound = pt_zeroed(a, n->kind[PT_TAG].len, sizeof *v->tag_bound);
  v->attr_kinds = pt_zeroed(a, n->kind[PT_ATTR].len, sizeof *v->attr_kinds);
  v->rests = pt_zeroed(a, n->kind[PT_REST].len, sizeof *v->rests);
  v->attr_node = pt_zeroed(a, n->kind[PT_ATTR].len, sizeof *v->attr_node);
  v->rest_node = pt_zeroed(a, n->kind[PT_REST].len, sizeof *v->rest_node);
  v->tag_node = pt_zeroed(a, n->kind[PT_TAG].len, sizeof *v->tag_node);
  if (!v->slots || !b->parent || !b->absent || !v->range_bound || !v->tag_bound || !v->attr_kinds || !v->rests ||
      !v->attr_node || !v->rest_node || !v->tag_node)
    return false;
  for (uint32_t i = 0; i < values; i++) {
    v->slots[i] = PT_UNBOUND;
    b->parent[i] = i;
  }
  v->slot_count = 1;
  return flatten(b->parser, &b->pattern->items, v->groups, NULL, &b->items) && join_aliases(b);
}

/* The lines of an `unless`: nodes that are not matched. */
static bool add_block(builder *b, const pt_group *g) {
  b->in_block = ++b->blocks;
  for (uint32_t i = 0; i < g->present.len; i++) {
    const pt_item *item = &g->present.data[i];
    if (item->kind != PT_ITEM_LINE) continue;
    if (item->line->kind != PT_LINE_CALL)
      return gr_compile_error(b->parser, item->where, "a line of `unless` has an op");
    if (add_node(b, item->line->call, item->line, 0) < 0) return false;
  }
  b->in_block = 0;
  return true;
}

static bool make_nodes(builder *b, uint32_t *root) {
  const pt_line *last = root_line(b->pattern);
  if (!last && b->parser->failed) return false;
  if (!last)
    return gr_compile_error(b->parser, b->pattern->where,
                            "a match needs a line outside of groups: the last one is the root");
  for (uint32_t i = 0; i < b->items.len; i++) {
    const pt_item *item = &b->items.data[i];
    if (item->kind == PT_ITEM_WHERE &&
        (!pt_push(b->parser->arena, &b->wheres, item->expr) || !pt_push(b->parser->arena, &b->where_in, item->in)))
      return false;
    if (item->kind == PT_ITEM_UNLESS && !add_block(b, item->group)) return false;
    if (item->kind != PT_ITEM_LINE || item->line->kind != PT_LINE_CALL) continue;
    int n = add_node(b, item->line->call, item->line, 0);
    if (n < 0) return false;
    if (item->line == last) *root = (uint32_t)n;
    if (item->line == last && last->context)
      return gr_compile_error(b->parser, last->where, "the root is what the rule is about: it is no context");
  }
  return true;
}

static bool make_slots(builder *b) {
  pt_variant *v = b->variant;
  gr_arena *a = b->parser->arena;
  v->slot_node = gr_arena_alloc(a, v->slot_count * sizeof *v->slot_node);
  v->slot_result = pt_zeroed(a, v->slot_count, sizeof *v->slot_result);
  v->slot_optional = pt_zeroed(a, v->slot_count, sizeof *v->slot_optional);
  b->slot_bound = pt_zeroed(a, v->slot_count, sizeof *b->slot_bound);
  b->outer = pt_zeroed(a, v->slot_count, sizeof *b->outer);
  b->place = gr_arena_alloc(a, b->nodes.len * sizeof *b->place);
  b->order = gr_arena_alloc(a, b->nodes.len * sizeof *b->order);
  if (!v->slot_node || !v->slot_result || !v->slot_optional || !b->slot_bound || !b->outer || !b->place || !b->order)
    return false;
  memset(v->slot_node, 0xff, v->slot_count * sizeof *v->slot_node);
  memset(b->place, 0xff, b->nodes.len * sizeof *b->place);
  find_outer(b);
  find_optional(b);
  return define_slots(b);
}

/* Aliases get their names' slots; a name that nothing in this variant mentions stays unbound. */
static void name_slots(builder *b) {
  pt_variant *v = b->variant;
  uint32_t count = b->pattern->names.kind[PT_VALUE].len;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t root = find(b, i);
    if (root != i) v->slots[i] = b->absent[root] ? 0 : v->slots[root];
  }
  for (uint32_t i = 0; i < count; i++)
    if (find(b, i) == i && b->absent[i]) v->slots[i] = 0;
}

/* Is the line reached through one that was not understood? Then so may be those below it. */
static bool reached_perhaps(builder *b, const pt_vnode *node) {
  bool lost = false;
  for (uint32_t i = 0; node->line && i < node->result_count; i++) {
    const pt_result *r = &node->line->results.data[i];
    lost |= b->pattern->names.kind[r->range ? PT_RANGE : PT_VALUE].data[r->name].lost;
  }
  for (uint32_t i = 0; lost && i < node->call->args.len; i++) {
    const pt_arg *a = &node->call->args.data[i];
    if (a->kind == PT_ARG_VALUE || a->kind == PT_ARG_RANGE)
      b->pattern->names.kind[a->kind == PT_ARG_RANGE ? PT_RANGE : PT_VALUE].data[a->name].lost = true;
  }
  return lost;
}

/* The root does not need the line; perhaps one of its names is written another way where it is used. */
static bool unreached(builder *b, const pt_vnode *node, bool inside) {
  char text[200] = "";
  for (uint32_t i = 0; node->line && i < node->result_count; i++) {
    const pt_result *r = &node->line->results.data[i];
    if (!r->range) b->pattern->names.kind[PT_VALUE].data[r->name].lost = true; /* one error, not one for each use */
    if (r->range || text[0]) continue;
    const pt_name *made = value_info(b->pattern, r->name);
    gr_closest near = gr_closest_begin(made->text, made->length);
    for (uint32_t k = 0; k < b->pattern->names.kind[PT_VALUE].len; k++) {
      const pt_name *n = value_info(b->pattern, (int)k);
      uint16_t slot = b->variant->slots[k];
      if (n != made && slot != PT_UNBOUND && b->variant->slot_node[slot] == PT_UNBOUND && slot != 0)
        gr_closest_offer(&near, n->text, n->length);
    }
    if (near.word)
      snprintf(text, sizeof text, "; no line makes %%%.*s: did you mean '%%%.*s' there?", (int)near.word_length,
               near.word, (int)(made->length < 60 ? made->length : 60), made->text);
  }
  gr_error(b->parser->context, GRAFT_RULE, node->call->where,
           node->line && node->line->also
               ? "no operand of this line is a value that the others bind: `also` finds a user of one%s"
           : inside ? "nothing leads to this line: in `unless` it makes a value of the match, or reads one (`also`)%s"
                    : "the root does not need this line: a match is walked from the last line to what it uses%s",
           text);
  return false;
}

/* An operand of the line that is bound by now, or can be; -1: none. Its slot is bound afterwards. */
static int shared_operand(builder *b, uint32_t n) {
  const pt_vnode *node = &b->nodes.data[n];
  for (uint32_t i = 0; i < node->call->args.len && node->call->args.data[i].kind != PT_ARG_RANGE; i++) {
    uint16_t slot = node->operand_slots[i];
    if (slot == PT_UNBOUND || slot == 0) continue;
    if (b->slot_bound[slot]) return (int)i;
    uint16_t made = b->variant->slot_node[slot];
    if (made != PT_UNBOUND && b->place[made] != GRAFT_NONE) { /* a result of a line that has its place */
      b->slot_bound[slot] = true;
      return gr_compile_emit(b, PT_RESULT, b->place[made], slot, b->variant->slot_result[slot], node->call->where)
                 ? (int)i
                 : -1;
    }
    for (uint32_t place = 0; place < b->visited; place++) { /* an operand of one */
      const pt_vnode *other = &b->nodes.data[b->order[place]];
      for (uint32_t k = 0; k < other->call->args.len; k++)
        if (other->operand_slots[k] == slot && made == PT_UNBOUND)
          return gr_compile_operand(b, place, k, slot, &other->call->args.data[k]) ? (int)i : -1;
    }
  }
  return -1;
}

/* One line that is not below the root: it makes a value that is bound, or, with `also`, reads one. *placed: was there
 * one? */
static bool place_one(builder *b, uint32_t block, bool *placed) {
  *placed = false;
  for (uint32_t n = 0; n < b->nodes.len && !*placed; n++) {
    const pt_vnode *node = &b->nodes.data[n];
    if (b->block.data[n] != block || b->place[n] != GRAFT_NONE || !node->line) continue;
    gr_loc where = node->call->where;
    for (uint32_t i = 0; i < node->result_count && block && !node->line->also && !*placed; i++) {
      uint16_t slot = node->result_slots[i];
      if (slot == PT_UNBOUND || !b->slot_bound[slot]) continue;
      *placed = true;
      if (!gr_compile_emit(b, PT_NODE, b->visited, slot, i, where) || !gr_compile_visit(b, n)) return false;
    }
    if (*placed || !node->line->also) continue;
    int operand = shared_operand(b, n);
    if (operand < 0) continue;
    if (++b->also > PT_MAX_ALSO) {
      gr_error(b->parser->context, GRAFT_RULE, node->line->where, "more than %d lines with `also`", PT_MAX_ALSO);
      return false;
    }
    *placed = true;
    if (!gr_compile_emit(b, PT_USER, b->visited, node->operand_slots[operand], (uint32_t)operand, where) ||
        !gr_compile_visit(b, n))
      return false;
  }
  return true;
}

static bool place_others(builder *b, uint32_t block) {
  for (bool placed = true; placed;)
    if (!place_one(b, block, &placed)) return false;
  return true;
}

static bool emit_where(builder *b, const gr_expr *e, uint32_t i, bool matched) {
  int known = gr_pt_static(b->variant, e);
  if (matched) b->variant->never |= known == 0;
  return known == 1 || (matched && known == 0) || gr_compile_emit(b, PT_WHERE, 0, i, 0, e->where);
}

static bool names_group(const gr_expr *e) {
  if (e->kind == PT_E_GROUP) return true;
  for (uint32_t i = 0; i < e->arg_count; i++)
    if (names_group(e->args[i])) return true;
  return false;
}

/* Is the group named where its absence may make the condition true? */
static bool negates(const gr_expr *e, uint32_t group, bool negative) {
  if (e->kind == PT_E_GROUP) return negative && e->name == group;
  for (uint32_t i = 0; i < e->arg_count; i++) {
    bool both = e->kind == PT_E_IF && i == 1; /* chooses between two */
    bool inner = e->kind == PT_E_NOT ? !negative : negative;
    if (negates(e->args[i], group, inner) || (both && negates(e->args[i], group, !inner))) return true;
    bool compared = e->kind != PT_E_NOT && e->kind != PT_E_AND && e->kind != PT_E_OR && e->kind != PT_E_IF;
    if (compared && negates(e->args[i], group, !inner)) return true;
  }
  return false;
}

/* `not g` says that g's lines do not match, not only that another form was chosen. */
static bool emit_absences(builder *b) {
  pt_variant *v = b->variant;
  for (uint32_t i = 0; i < v->where_count; i++)
    for (uint32_t g = 0; g < b->pattern->names.kind[PT_GROUP].len && names_group(b->wheres.data[i]); g++) {
      const gr_expr *e = b->wheres.data[i];
      if (v->groups[g] || !negates(e, g, false) || gr_pt_static_with(v, e, (int)g) == 1) continue;
      if (!gr_compile_emit(b, PT_NO_GROUP, g, i, 0, e->where)) return false;
      v->unless = true;
    }
  return true;
}

/* unless { … } : its lines, walked from what the match has bound, then its conditions. */
static bool emit_block(builder *b, const pt_group *g, uint32_t block) {
  uint32_t at = b->code.len, from = b->visited;
  b->also = 0;
  if (!gr_compile_emit(b, PT_UNLESS, 0, 0, 0, g->where) || !place_others(b, block) || !gr_compile_rest(b, from))
    return false;
  for (uint32_t i = 0; i < g->present.len; i++) {
    gr_expr *e = g->present.data[i].expr;
    if (g->present.data[i].kind != PT_ITEM_WHERE) continue;
    if (!pt_push(b->parser->arena, &b->wheres, e) || !emit_where(b, e, b->wheres.len - 1, false)) return false;
  }
  b->code.data[at].b = (uint16_t)b->code.len;
  b->variant->unless = true;
  return true;
}

/* All instructions, in their order: structure, the rest, conditions, what must not match. */
static bool emit_all(builder *b, uint32_t root) {
  pt_variant *v = b->variant;
  if (!gr_compile_visit(b, root) || !place_others(b, 0)) return false;
  /* tags are bound in visit order, but expressions may name them all */
  for (uint32_t n = 0; n < b->nodes.len; n++)
    if (b->nodes.data[n].call->tag >= 0) v->tag_bound[b->nodes.data[n].call->tag] = true;
  if (!gr_compile_rest(b, 0)) return false;
  v->node_count = b->visited;
  v->where_count = b->wheres.len;
  for (uint32_t i = 0; i < v->where_count; i++)
    if (!emit_where(b, b->wheres.data[i], i, true)) return false;
  if (!emit_absences(b)) return false;
  for (uint32_t i = 0, block = 0; i < b->items.len; i++)
    if (b->items.data[i].kind == PT_ITEM_UNLESS && !emit_block(b, b->items.data[i].group, ++block)) return false;
  v->place_count = b->visited;
  if (b->code.len >= PT_UNBOUND) return gr_compile_error(b->parser, b->pattern->where, "too long a pattern");
  return true;
}

static bool finish(builder *b) {
  pt_variant *v = b->variant;
  gr_arena *a = b->parser->arena;
  bool ok = true;
  for (uint32_t n = b->nodes.len; n-- > 0;) /* lines below come later in the text's order upwards */
    if (b->place[n] == GRAFT_NONE) ok = !reached_perhaps(b, &b->nodes.data[n]) && ok;
  for (uint32_t n = 0; n < b->nodes.len; n++)
    if (b->place[n] == GRAFT_NONE && !reached_perhaps(b, &b->nodes.data[n]))
      ok = unreached(b, &b->nodes.data[n], b->block.data[n] != 0);
  v->nodes = gr_arena_alloc(a, b->nodes.len * sizeof *v->nodes);
  if (!v->nodes) return false;
  for (uint32_t place = 0; place < b->visited; place++) {
    pt_vnode *node = &v->nodes[place];
    *node = b->nodes.data[b->order[place]];
    v->also |= place < v->node_count && pt_is_root(v, place) && place > 0;
    if (node->call->tag >= 0) {
      node->tag_bound = v->tag_bound[node->call->tag];
      if (!node->tag_bound) v->tag_node[node->call->tag] = (uint16_t)place;
      v->tag_bound[node->call->tag] = true;
    }
  }
  for (uint16_t s = 0; s < v->slot_count; s++)
    if (v->slot_node[s] != PT_UNBOUND) v->slot_node[s] = (uint16_t)b->place[v->slot_node[s]];
  v->root_ops = v->nodes[0].call->ops;
  for (uint32_t n = 0; n < v->place_count; n++)
    for (uint32_t i = 0; i < v->nodes[n].attr_count; i++)
      if (v->nodes[n].attrs[i].how == PT_ATTR_COMPARE_LATE)
        ok &= gr_pt_check_expr(b->parser, b->pattern, v, v->nodes[n].attrs[i].attr->value, false);
  for (uint32_t i = 0; i < b->wheres.len; i++)
    ok &= gr_pt_check_expr(b->parser, b->pattern, v, b->wheres.data[i], true);
  v->code = b->code.data;
  v->code_where = b->code_where.data;
  v->code_count = b->code.len;
  v->wheres = b->wheres.data;
  v->where_in = b->where_in.data;
  v->known = true;
  return ok;
}

bool gr_pt_compile_variant(gr_parser *p, gr_pattern *pattern, pt_variant *v) {
  builder b = {.parser = p, .pattern = pattern, .variant = v};
  uint32_t root = 0;
  if (!begin(&b) || !make_nodes(&b, &root) || !make_slots(&b)) return false;
  name_slots(&b);
  if (!emit_all(&b, root)) return false;
  memset(v->tag_bound, 0, pattern->names.kind[PT_TAG].len * sizeof *v->tag_bound);
  return finish(&b);
}
