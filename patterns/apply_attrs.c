/* Which op and attributes a step of a rewrite gives its node, and whether it runs at all. */
#include "ir/formats/number_int.h"
#include "patterns/apply_impl.h"

#include <string.h>

bool gr_pt_apply_holds(pt_apply *a, const pt_step *s) {
  pt_eval e = pt_apply_evaluation(a);
  return !s->condition || gr_pt_holds(&e, s->condition) != s->negate;
}

uint32_t gr_pt_apply_op(const pt_apply *a, const pt_call *call) {
  uint32_t member = call->ops->count == 1 ? 0 : a->f->tags[call->tag];
  const pt_member *m = &call->ops->members[member];
  if (m->op < GR_OP_COUNT) return m->op;
  uint32_t string = gr_intern(a->r->m, m->opaque, strlen(m->opaque));
  return string == GRAFT_NONE ? GRAFT_NONE : GR_OP_COUNT + string;
}

static bool spread(pt_apply *a, gr_attr_builder *b, const gr_op_info *op, const pt_attr *attr) {
  const pt_capture *c = &a->f->rests[attr->name];
  const gr_op_info *from = gr_op_get(c->op);
  uint32_t count;
  gr_attrs_get(a->r->m, c->set, &count);
  for (uint32_t i = 0; i < count; i++) {
    graft_attr x = gr_attr_public(a->r->m, from, c->set, i);
    if (gr_pt_names_attr(c->call, x.name) || gr_pt_stays_behind(from, i, &x, op)) continue;
    if (from && op && from->attrs[i].own && gr_op_attr_slot(op, x.name, strlen(x.name)) < 0)
      return PT_UNFIT(a, "the attribute %s, which %s has not, is not the default", x.name, op->name);
    if (gr_attrs_set(a->r->m, b, op, &x, attr->where) != GRAFT_OK) return false;
  }
  return true;
}

/* An f32 that becomes an attribute, as import reads those: 0.1 for 0.1f. */
static double decimal_of(double single) {
  char text[GR_NUMBER_SIZE];
  double decimal;
  size_t n = gr_number_format(text, single, true);
  return gr_number_parse(text, n, &decimal) ? decimal : single;
}

static uint32_t build_attrs(pt_apply *a, const pt_step *s, uint32_t op) {
  const gr_op_info *info = gr_op_get(op);
  gr_attr_builder b;
  gr_attrs_begin(&b, info);
  pt_eval e = pt_apply_evaluation(a);
  for (uint32_t pass = 0; pass < 2; pass++) /* what is named outranks the rest */
    for (uint32_t i = 0; i < s->call->attrs.len; i++) {
      const pt_attr *attr = &s->call->attrs.data[i];
      if ((attr->kind == PT_ATTR_REST_OF) != (pass == 0)) continue;
      if (pass == 0) {
        if (!spread(a, &b, info, attr)) return GRAFT_NONE;
        continue;
      }
      graft_attr value;
      if (!gr_pt_eval_expr(&e, attr->value, &value)) {
        (void)PT_UNFIT(a, "the attribute %.*s of the new %s has no value", (int)attr->length, attr->text,
                       gr_op_text(a->r->m, op));
        return GRAFT_NONE;
      }
      if (e.reading == PT_SINGLE && value.kind == GRAFT_ATTR_FLOAT) value.as.f = decimal_of(value.as.f);
      value.name = attr->text;
      if (gr_attrs_set(a->r->m, &b, info, &value, attr->where) != GRAFT_OK) return GRAFT_NONE;
    }
  return gr_attrs_intern(a->r->m, &b, info, s->call->where);
}

/* The attribute set of a step: copied where it is the same, cached where only sets of matched nodes go into it. */
uint32_t gr_pt_apply_attrs(pt_apply *a, const pt_step *s, uint32_t op) {
  const graft_graph *g = a->r->g;
  if (s->copy >= 0) return gr_node_at(g, a->f->nodes[s->copy])->attrs;
  if (!s->cached) return build_attrs(a, s, op);
  pt_attr_cache *cache = &a->r->caches[s->number];
  bool same = cache->set != GRAFT_NONE;
  for (uint32_t i = 0; i < s->input_count; i++) {
    const gr_node *n = gr_node_at(g, a->f->nodes[s->inputs[i]]);
    same = same && cache->ops[i] == n->op && cache->sets[i] == n->attrs;
    cache->ops[i] = n->op;
    cache->sets[i] = n->attrs;
  }
  if (!same) cache->set = build_attrs(a, s, op);
  return cache->set;
}
