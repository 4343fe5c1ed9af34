/* Rules that put other operands in the place of one of the root's, the root staying what it is:
 *
 *     %c = cat(..%parts) {dim: $d}   one_use
 *     %y = cat(..%a, %c, ..%b) {dim: $d}
 *   rewrite
 *     %y = cat(..%a, ..%parts, ..%b) {dim: $d}
 *
 * Where one match does not see what another one changes, all places of a root are rewritten at once where it is long:
 * its operands are copied once, not once a place. */
#include "patterns/rewrite_impl.h"

#include <string.h>

/* ---- which rules: once, at load ---- */

static bool names_rest(const gr_expr *e, const pt_arg *rest, const pt_arg *rest2) {
  if ((e->kind == PT_E_RANGE || e->kind == PT_E_ELEMENT) && (e->name == rest->name || e->name == rest2->name))
    return true;
  for (uint32_t i = 0; i < e->arg_count; i++)
    if (names_rest(e->args[i], rest, rest2)) return true;
  return false;
}

/* No line but the root's sees what stands before and behind the operand. */
static bool rests_are_private(const pt_variant *v, const pt_arg *rest, const pt_arg *rest2) {
  for (uint32_t i = 0; i < v->where_count; i++)
    if (names_rest(v->wheres[i], rest, rest2)) return false;
  for (uint32_t n = 0; n < v->node_count; n++) {
    const pt_call *call = v->nodes[n].call;
    for (uint32_t i = 0; i < call->args.len && n > 0; i++)
      if (call->args.data[i].kind == PT_ARG_RANGE &&
          (call->args.data[i].name == rest->name || call->args.data[i].name == rest2->name))
        return false;
    for (uint32_t i = 0; i < call->attrs.len; i++)
      if (call->attrs.data[i].value && names_rest(call->attrs.data[i].value, rest, rest2)) return false;
  }
  return true;
}

static bool same_operand(const pt_vnode *root, uint32_t arg, const pt_operand *o) {
  const pt_arg *a = &root->call->args.data[arg];
  if (a->kind == PT_ARG_RANGE) return o->kind == PT_O_RANGE && o->slot == a->name;
  return a->kind == PT_ARG_VALUE && o->kind == PT_O_SLOT && o->slot == root->operand_slots[arg];
}

/* An attribute of the new root is the root's own of this name. */
static bool same_attr(const pt_variant *v, const pt_attr *a) {
  const pt_vnode *root = &v->nodes[0];
  for (uint32_t i = 0; i < root->attr_count; i++) {
    const pt_attr_step *s = &root->attrs[i];
    bool rest = s->how == PT_ATTR_REST_BIND || s->how == PT_ATTR_REST_SAME;
    if (a->kind == PT_ATTR_REST_OF && rest && s->capture == a->name) return true;
    if (a->kind == PT_ATTR_NAMED && a->value->kind == PT_E_ATTR && !rest &&
        (s->how == PT_ATTR_BIND || s->how == PT_ATTR_SAME) && s->capture == (int)a->value->name &&
        s->attr->length == a->length && memcmp(s->attr->text, a->text, a->length) == 0)
      return true;
  }
  return false;
}

bool gr_pt_splices(const pt_variant *v) {
  const pt_vnode *root = &v->nodes[0];
  const pt_program *p = v->program;
  const pt_step *s = p->steps;
  const uint32_t at = root->rest + 1u, args = root->call->args.len, behind = args - at - 1;
  if (root->rest == PT_UNBOUND || root->rest2 != at + 1 || v->also || v->unless || v->place_count != v->node_count)
    return false;
  if (p->step_count != 1 || s->kind != PT_S_ROOT || s->condition || p->carry_count || s->operand_count < args - 1)
    return false;
  bool same_op = s->call->tag >= 0 ? s->call->tag == root->call->tag
                                   : root->call->ops->count == 1 && gr_pt_opset_covers(root->call->ops, s->call->ops);
  if (!same_op || root->operand_slots[at] == PT_UNBOUND || root->operand_slots[at] == 0) return false;
  for (uint32_t i = 0; i < args; i++) {
    if (i == at) continue;
    if (!same_operand(root, i, &s->operands[i < at ? i : s->operand_count - (args - i)])) return false;
    if (root->operand_slots[i] == root->operand_slots[at]) return false;
  }
  for (uint32_t i = at; i < s->operand_count - behind; i++)
    if (s->operands[i].kind == PT_O_LITERAL || same_operand(root, root->rest, &s->operands[i]) ||
        same_operand(root, at + 1, &s->operands[i]))
      return false;
  for (uint32_t i = 0; i < s->call->attrs.len; i++)
    if (!same_attr(v, &s->call->attrs.data[i])) return false;
  return rests_are_private(v, &root->call->args.data[root->rest], &root->call->args.data[at + 1]);
}

/* ---- at a root ---- */

static bool push_operands(pt_rewriter *r, graft_node root, uint32_t from, uint32_t to) {
  if (!gr_vec_reserve(r->c, &r->spliced, to - from)) return false;
  for (uint32_t i = from; i < to; i++) r->spliced.data[r->spliced.len++] = gr_operand(r->g, root, i);
  return true;
}

/* What comes in the place of the operand that was matched. */
static bool push_place(pt_rewriter *r, const pt_variant *v) {
  const pt_vnode *root = &v->nodes[0];
  const pt_step *s = v->program->steps;
  const pt_frame *f = pt_frame_of(&r->matcher);
  const uint32_t at = root->rest + 1u, end = s->operand_count - (root->call->args.len - at - 1);
  for (uint32_t i = at; i < end; i++) {
    const pt_operand *o = &s->operands[i];
    if (o->kind == PT_O_SLOT) {
      if (!gr_vec_push(r->c, &r->spliced, f->values[o->slot])) return false;
      continue;
    }
    const pt_range *x = &f->ranges[o->slot];
    for (uint32_t k = 0; k < x->count; k++)
      if (!gr_vec_push(r->c, &r->spliced,
                       x->results ? gr_result(r->g, x->node, x->first + k) : gr_operand(r->g, x->node, x->first + k)))
        return false;
  }
  for (uint32_t n = 1; n < v->node_count; n++)
    if (!gr_vec_push(r->c, &r->spliced_nodes, f->nodes[n])) return false;
  return true;
}

/* What has an effect goes only with the match that names it. */
static bool without_effect(const pt_rewriter *r, const pt_variant *v) {
  for (uint32_t n = 1; n < v->node_count; n++)
    if (!(gr_node_may(r->g, pt_frame_of(&r->matcher)->nodes[n]) & GR_MAY_ERASE)) return false;
  return true;
}

bool gr_pt_splice(pt_rewriter *r, const gr_pattern *p, uint32_t variant, graft_node root, gr_match *match,
                  uint32_t *places) {
  gr_matcher *m = &r->matcher;
  const pt_variant *v = &p->variants[variant];
  const uint32_t before = v->nodes[0].rest, count = gr_node_at(r->g, root)->operand_count;
  uint32_t copied = 0, split;
  *places = 0;
  r->spliced.len = r->spliced_nodes.len = 0;
  do {
    split = pt_frame_of(m)->splits[0];
    if (!push_operands(r, root, copied, before + split) || !push_place(r, v)) return false;
    copied = before + split + 1;
    ++*places;
    m->first_split = split + 1;
  } while (without_effect(r, v) && gr_pt_match_variant(m, p, variant, root, match));
  m->first_split = split; /* the last match again: the attempt after it has overwritten what it bound */
  bool again = !m->failed && gr_pt_match_variant(m, p, variant, root, match);
  m->first_split = 0;
  bool ok = again && push_operands(r, root, copied, count);
  while (r->spliced.len && r->spliced.data[r->spliced.len - 1] == GRAFT_NONE) r->spliced.len--;
  if (*places == 1) r->spliced.len = 0;
  return ok;
}
