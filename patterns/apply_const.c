/* Const steps of a rewrite: values computed beforehand, and the tensors that they become. */
#include "patterns/apply_impl.h"

#include <stdio.h>
#include <string.h>

/* ---- names of tensors ---- */

static const pt_naming *naming_of(pt_apply *a, const pt_naming *n) {
  pt_eval e = pt_apply_evaluation(a);
  while (n && n->condition && !gr_pt_holds(&e, n->condition)) n = n->otherwise;
  return n;
}

static gr_name made_name(pt_apply *a, const char *base, const char *suffix, size_t suffix_length, char glue) {
  char text[512];
  int n = snprintf(text, sizeof text, "%s%c%.*s", base, glue, (int)suffix_length, suffix);
  size_t length = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
  gr_name name = gr_name_split(a->r->m, text, length);
  return name.base == GRAFT_NONE ? name : gr_name_unique(a->r->m, name);
}

/* The name of a new tensor; *old is the one whose name it takes over if that one dies. */
static gr_name tensor_name(pt_apply *a, const pt_step *s, uint32_t result, graft_tensor *old) {
  graft_graph *g = a->r->g;
  graft_module *m = a->r->m;
  *old = GRAFT_NONE;
  const pt_naming *n = naming_of(a, s->line ? s->line->naming : NULL);
  graft_value v = n ? pt_frame_value(a->match, n->name) : GRAFT_NONE;
  if (v == GRAFT_NONE) { /* called as the rule calls it, after the root */
    const pt_name *name = s->line && result < s->line->results.len && !s->line->results.data[result].range
                              ? &a->match->pattern->names.kind[PT_VALUE].data[s->line->results.data[result].name]
                              : NULL;
    return made_name(a, gr_node_label(g, a->root), name ? name->text : "value", name ? name->length : 5, '_');
  }
  if (n->suffix) {
    char base[400];
    snprintf(base, sizeof base, "%s", gr_value_label(g, v));
    char *dot = strrchr(base, '.');
    if (dot) *dot = '\0';
    return made_name(a, base, n->suffix, n->length, dot ? '.' : '_');
  }
  graft_tensor t = gr_value_tensor(g, v);
  if (t == GRAFT_NONE) return gr_name_derived(m, gr_value_get_name(g, v));
  *old = t;
  return gr_name_derived(m, m->tensors.data[t].name);
}

/* ---- const steps ---- */

/* A const value that cannot be computed is an error. */
static uint32_t value_entry(pt_apply *a, graft_value v) {
  bool muted = gr_mute(a->r->c, a->r->trial);
  uint32_t entry = gr_pt_cones_entry(a->r->cones, v);
  gr_mute(a->r->c, muted);
  if (entry == GRAFT_NONE) pt_apply_broken(a);
  return entry;
}

static uint32_t slot_entry(pt_apply *a, uint16_t slot) {
  return a->f->consts[slot] != GRAFT_NONE ? a->f->consts[slot] : value_entry(a, a->f->values[slot]);
}

static bool slot_is_absent(const pt_apply *a, uint16_t slot) {
  return a->f->consts[slot] == GRAFT_NONE && a->f->values[slot] == GRAFT_NONE;
}

/* GRAFT_UNKNOWN: not known; GRAFT_DTYPE_COUNT: there is no such operand, or it is a number. */
static graft_dtype operand_dtype(const pt_apply *a, const pt_operand *o) {
  graft_value v = GRAFT_NONE;
  if (o->kind == PT_O_SLOT && a->f->consts[o->slot] != GRAFT_NONE)
    return gr_pt_cones_dtype(a->r->cones, a->f->consts[o->slot]);
  if (o->kind == PT_O_SLOT) v = a->f->values[o->slot];
  for (uint32_t k = 0; o->kind == PT_O_RANGE && k < a->f->ranges[o->slot].count && v == GRAFT_NONE; k++)
    v = pt_range_value(a, &a->f->ranges[o->slot], k);
  return v == GRAFT_NONE ? GRAFT_DTYPE_COUNT : gr_type_of(a->r->g, v)->dtype;
}

/* A number takes the type of the first operand that is none, a bool only where all others are (the condition of
 * `where` says nothing of what it chooses from); f32 where there is no other. */
static graft_dtype literal_dtype(const pt_apply *a, const pt_step *s, const pt_operand *literal) {
  if (literal->dtype != GRAFT_UNKNOWN) return literal->dtype;
  bool truths = false;
  for (uint32_t i = 0; i < s->operand_count; i++) {
    const graft_dtype d = operand_dtype(a, &s->operands[i]);
    truths |= d == GRAFT_BOOL;
    if (d != GRAFT_DTYPE_COUNT && d != GRAFT_BOOL) return d;
  }
  return truths ? GRAFT_BOOL : GRAFT_F32;
}

/* False where the number is none of its type, or what it is computed of is not known. */
bool gr_pt_apply_literal(const pt_apply *a, const pt_step *s, const pt_operand *o, graft_type *type,
                         unsigned char bytes[8], graft_attr *number) {
  *type = (graft_type){.dtype = literal_dtype(a, s, o)};
  pt_eval e = pt_apply_evaluation(a);
  if (!o->expr)
    *number = *o->number;
  else if (!gr_pt_eval_expr(&e, o->expr, number) ||
           (number->kind != GRAFT_ATTR_INT && number->kind != GRAFT_ATTR_FLOAT) ||
           (e.reading == PT_EXTENTS && number->kind == GRAFT_ATTR_INT && number->as.i < 0))
    return PT_UNFIT(a, "an operand that is computed has no value, or is no number");
  if (gr_pt_number_as(number, type->dtype, bytes)) return true;
  char text[64];
  gr_pt_attr_text(number, text, sizeof text);
  return PT_UNFIT(a, "%s is no %s", text, graft_dtype_name(type->dtype));
}

static bool gather_entries(pt_apply *a, const pt_step *s) {
  pt_rewriter *r = a->r;
  unsigned char bytes[8];
  graft_type type;
  graft_attr number;
  r->entries.len = 0;
  for (uint32_t i = 0; i < s->operand_count; i++) {
    const pt_operand *o = &s->operands[i];
    if (o->kind == PT_O_RANGE) {
      const pt_range *x = &a->f->ranges[o->slot];
      for (uint32_t k = 0; k < x->count; k++) {
        graft_value v = pt_range_value(a, x, k);
        uint32_t e = v == GRAFT_NONE ? GRAFT_NONE : value_entry(a, v);
        if (a->broken || !gr_vec_push(r->c, &r->entries, e)) return false;
      }
      continue;
    }
    uint32_t e = GRAFT_NONE;
    bool absent = o->kind == PT_O_SLOT && slot_is_absent(a, o->slot);
    if (o->kind == PT_O_LITERAL)
      e = gr_pt_apply_literal(a, s, o, &type, bytes, &number) ? gr_pt_cones_number(r->cones, type.dtype, &number)
                                                              : GRAFT_NONE;
    else if (!absent)
      e = slot_entry(a, o->slot);
    if ((!absent && e == GRAFT_NONE) || !gr_vec_push(r->c, &r->entries, e)) return false;
  }
  while (r->entries.len && r->entries.data[r->entries.len - 1] == GRAFT_NONE) r->entries.len--;
  return true;
}

/* A number, or a list of them, of the line's type: i64 and f32 where it says none. */
static uint32_t expr_entry(pt_apply *a, const pt_step *s) {
  pt_eval e = pt_apply_evaluation(a);
  graft_attr x;
  if (!gr_pt_eval_expr(&e, s->line->expr, &x)) {
    (void)PT_UNFIT(a, "a const line has no value");
    return GRAFT_NONE;
  }
  for (uint32_t i = 0; e.reading == PT_EXTENTS && i < x.count; i++)
    if (x.as.ints[i] < 0) return GRAFT_NONE; /* an extent that is not known */
  if (e.reading == PT_EXTENTS && x.kind == GRAFT_ATTR_INT && x.as.i < 0) return GRAFT_NONE;
  bool list = x.kind == GRAFT_ATTR_INTS || x.kind == GRAFT_ATTR_FLOATS;
  bool whole = x.kind == GRAFT_ATTR_INT || x.kind == GRAFT_ATTR_INTS;
  graft_dtype d = s->line->dtype != GRAFT_UNKNOWN ? s->line->dtype : whole ? GRAFT_I64 : GRAFT_F32;
  unsigned char bytes[8];
  if (!list) return gr_pt_number_as(&x, d, bytes) ? gr_pt_cones_number(a->r->cones, d, &x) : GRAFT_NONE;
  int64_t count = x.count;
  graft_type type = graft_type_make(d, 1, &count);
  size_t size = graft_dtype_size(d);
  unsigned char *data = gr_arena_alloc(&a->r->matcher.scratch, (x.count + 1) * size);
  if (!data) return GRAFT_NONE;
  for (uint32_t i = 0; i < x.count; i++) {
    graft_attr n = whole ? (graft_attr){.kind = GRAFT_ATTR_INT, .as.i = x.as.ints[i]}
                         : (graft_attr){.kind = GRAFT_ATTR_FLOAT, .as.f = x.as.floats[i]};
    if (!gr_pt_number_as(&n, d, bytes)) return GRAFT_NONE;
    memcpy(data + i * size, bytes, size);
  }
  return gr_pt_cones_bytes(a->r->cones, &type, data);
}

static bool materialize(pt_apply *a, const pt_step *s, uint32_t result, uint32_t entry, graft_value *out) {
  pt_rewriter *r = a->r;
  int kind = s->line && s->line->tensor_kind >= 0 ? s->line->tensor_kind : GRAFT_CONSTANT;
  graft_tensor old = GRAFT_NONE;
  gr_name name = {0, 0};
  bool made = false;
  if (gr_pt_cones_is_new(r->cones, entry, (graft_tensor_kind)kind)) name = tensor_name(a, s, result, &old);
  bool muted = gr_mute(r->c, r->trial);
  graft_tensor t = gr_pt_cones_tensor(r->cones, entry, (graft_tensor_kind)kind, name, &made);
  gr_mute(r->c, muted);
  if (t == GRAFT_NONE) return pt_apply_broken(a);
  if (made) {
    if (!gr_vec_push(r->c, &r->fresh, entry)) return pt_apply_broken(a);
    if (old != GRAFT_NONE && !gr_vec_push(r->c, &r->takeovers, ((pt_takeover){t, old}))) return false;
  }
  *out = gr_handle(r->g, t);
  return *out != GRAFT_NONE;
}

/* What gives another result each time is no constant. */
static bool is_random(const pt_apply *a, uint32_t op, uint32_t attrs) {
  const gr_op_info *info = gr_op_get(op);
  int slot = info && (info->families & GR_F_RANDOM) ? gr_op_attr_slot(info, "training", 8) : -1;
  return slot >= 0 && gr_attr_bool(a->r->m, attrs, (uint32_t)slot);
}

bool gr_pt_apply_const(pt_apply *a, const pt_step *s) {
  pt_rewriter *r = a->r;
  uint32_t first = GRAFT_NONE, count = s->result_count;
  if (s->call) {
    uint32_t op = gr_pt_apply_op(a, s->call);
    if (s->result_range >= 0) count = a->f->ranges[s->result_range].count + s->result_count;
    if (op == GRAFT_NONE || !gather_entries(a, s)) return false;
    uint32_t attrs = gr_pt_apply_attrs(a, s, op);
    if (attrs == GRAFT_NONE) return false;
    bool fits =
        !is_random(a, op, attrs) && gr_pt_cones_fits(r->cones, op, attrs, r->entries.data, r->entries.len, count);
    if (!fits) return PT_UNFIT(a, "a const line's %s does not fit its operands", gr_op_text(r->m, op));
    bool muted = gr_mute(r->c, r->trial);
    first = gr_pt_cones_call(r->cones, op, attrs, r->entries.data, r->entries.len, count, pt_apply_root_loc(a));
    gr_mute(r->c, muted);
    if (first == GRAFT_NONE) return pt_apply_broken(a);
  } else if (s->line->kind == PT_LINE_EXPR) {
    first = expr_entry(a, s);
  } else if (s->line->kind == PT_LINE_ALIAS && !slot_is_absent(a, s->alias)) {
    first = slot_entry(a, s->alias);
  } else {
    return true; /* absent */
  }
  if (first == GRAFT_NONE) return false;
  for (uint32_t i = 0; i < count; i++) {
    uint16_t slot = i < s->result_count ? s->results[i] : 0;
    bool own = i < s->result_count && a->v->slot_node[slot] == PT_UNBOUND;
    if (own) a->f->consts[slot] = first + i;
    if (!s->materialize) continue;
    graft_value v, old = own ? GRAFT_NONE : pt_apply_root_result(a, i);
    if (!own && (old == GRAFT_NONE || gr_unused(r->g, old))) continue;
    if (!materialize(a, s, i, first + i, &v)) return false;
    if (own)
      a->f->values[slot] = v;
    else if (!gr_pt_apply_replace(a, old, v))
      return false;
  }
  return true;
}
