/* einsum_backward($equation, i): what flows to an operand of an einsum is an einsum too, of what flows to the result
 * and of the other operands. */
#include "ir/infer/einsum_int.h"
#include "patterns/patterns_impl.h"

#include <string.h>

static bool no_value(pt_eval *e, const gr_expr *x, const char *message) {
  if (!e->quiet) gr_error(e->context, GRAFT_RULE, x->where, "%s", message);
  return e->match ? gr_pt_reason(e->match->matcher, "%s", message) : false;
}

static bool has(const gr_einsum_term *t, uint8_t letter) {
  return memchr(t->letters, letter, (size_t)t->count) != NULL;
}

/* Does what flows back give each axis of operand `which`? Not one that was summed by itself, and no diagonal. */
static bool is_given(const gr_einsum *q, uint32_t which) {
  const gr_einsum_term *t = &q->operands[which];
  if (t->before >= 0 && q->result.before < 0) return false;
  for (int32_t i = 0; i < t->count; i++) {
    bool given = has(&q->result, t->letters[i]);
    for (uint32_t k = 0; k < q->count && !given; k++) given = k != which && has(&q->operands[k], t->letters[i]);
    if (!given || memchr(t->letters, t->letters[i], (size_t)i)) return false;
  }
  return true;
}

static char *put(char *to, const gr_einsum_term *t, const char *behind) {
  for (int32_t i = 0; i <= t->count; i++) {
    if (i == t->before) to = stpcpy(to, "...");
    if (i < t->count) *to++ = (char)(t->letters[i] < 26 ? 'A' + t->letters[i] : 'a' + t->letters[i] - 26);
  }
  return stpcpy(to, behind);
}

bool gr_pt_eval_einsum(pt_eval *e, const gr_expr *x, graft_attr *out) {
  graft_attr equation = {0}, which = {0};
  gr_einsum q;
  char message[160];
  if (!gr_pt_eval_expr(e, x->args[0], &equation) || !gr_pt_eval_expr(e, x->args[1], &which)) return false;
  e->reading = PT_PLAIN;
  if (!e->match || equation.kind != GRAFT_ATTR_STRING || which.kind != GRAFT_ATTR_INT)
    return no_value(e, x, "an equation and an operand's number are needed here");
  if (!gr_einsum_parse(equation.as.s, &q, message, sizeof message)) return no_value(e, x, message);
  if (which.as.i < 0 || which.as.i >= q.count) return no_value(e, x, "the equation has no such operand");
  if (!is_given(&q, (uint32_t)which.as.i))
    return no_value(e, x, "a letter of the operand stands twice in it, or nowhere else");
  char *text = gr_arena_alloc(&e->match->matcher->scratch, (GRAFT_MAX_RANK + 6) * (size_t)(q.count + 1));
  if (!text) {
    e->match->matcher->failed = true;
    return false;
  }
  char *at = put(text, &q.result, q.count > 1 ? "," : "");
  for (uint32_t k = 0, left = q.count - 1; k < q.count; k++)
    if (k != (uint32_t)which.as.i) at = put(at, &q.operands[k], --left ? "," : "");
  at = stpcpy(at, "->");
  (void)put(at, &q.operands[which.as.i], "");
  *out = (graft_attr){.kind = GRAFT_ATTR_STRING, .as.s = text};
  return true;
}
