/* The equation of einsum, and its shape rule. */
#include <stdio.h>

#include "ir/infer/einsum_int.h"
#include "ir/infer/infer_impl.h"

/* Upper case first, as ASCII has it. */
static int letter(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  return c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}
static char letter_name(int label) { return (char)(label < 26 ? 'A' + label : 'a' + label - 26); }

#define BAD(...) (snprintf(message, size, __VA_ARGS__), false)

/* One term, up to a comma, "->" or the end. */
static bool term(const char **at, gr_einsum_term *t, char *message, size_t size) {
  *t = (gr_einsum_term){.before = -1};
  for (const char *p = *at;; *at = ++p) {
    if (*p == ' ') continue;
    if (*p == '\0' || *p == ',' || *p == '-') return true;
    if (p[0] == '.' && p[1] == '.' && p[2] == '.') {
      if (t->before >= 0) return BAD("'...' stands twice in a term");
      t->before = t->count;
      p += 2;
      continue;
    }
    const int label = letter(*p);
    if (label < 0) return BAD("the equation has 0x%02x where a letter is wanted", (unsigned)(unsigned char)*p);
    if (t->count == GRAFT_MAX_RANK) return BAD("a term has more than %d letters", GRAFT_MAX_RANK);
    t->letters[t->count++] = (uint8_t)label;
  }
}

static bool implied_result(gr_einsum *e, const uint32_t *seen, char *message, size_t size) {
  e->result.before = -1;
  for (uint32_t i = 0; i < e->count; i++)
    if (e->operands[i].before >= 0) e->result.before = 0;
  for (int l = 0; l < GR_EINSUM_LETTERS; l++) {
    if (seen[l] != 1) continue;
    if (e->result.count == GRAFT_MAX_RANK) return BAD("the result has more than %d axes", GRAFT_MAX_RANK);
    e->result.letters[e->result.count++] = (uint8_t)l;
  }
  return true;
}

bool gr_einsum_parse(const char *equation, gr_einsum *e, char *message, size_t size) {
  uint32_t seen[GR_EINSUM_LETTERS] = {0};
  bool dots = false;
  const char *at = equation;
  e->count = 0;
  e->result = (gr_einsum_term){.before = -1};
  for (;; at++) {
    if (e->count == GR_EINSUM_OPERANDS) return BAD("the equation has more than %d terms", GR_EINSUM_OPERANDS);
    gr_einsum_term *t = &e->operands[e->count++];
    if (!term(&at, t, message, size)) return false;
    for (int32_t i = 0; i < t->count; i++) seen[t->letters[i]]++;
    dots |= t->before >= 0;
    if (*at != ',') break;
  }
  if (*at == '\0') return implied_result(e, seen, message, size);
  if (at[1] != '>') return BAD("the equation has '-' without '>'");
  at += 2;
  if (!term(&at, &e->result, message, size)) return false;
  if (*at != '\0') return BAD("the equation goes on after its result");
  if (e->result.before >= 0 && !dots) return BAD("'...' stands in the result alone");
  for (int32_t i = 0; i < e->result.count; i++) {
    const int l = e->result.letters[i];
    if (!seen[l]) return BAD("no operand has the result's '%c'", letter_name(l));
    for (int32_t k = 0; k < i; k++)
      if (e->result.letters[k] == l) return BAD("'%c' stands twice in the result", letter_name(l));
  }
  return true;
}

bool gr_einsum_axes(const gr_einsum_term *t, int32_t rank, uint8_t *labels) {
  const int32_t dots = rank - t->count;
  if (dots < 0 || (dots > 0 && t->before < 0)) return false;
  for (int32_t i = 0; i < rank; i++) {
    const int32_t past = t->before < 0 ? -1 : i - t->before; /* of the axes of "..." */
    labels[i] = past < 0      ? t->letters[i]
                : past < dots ? (uint8_t)(GR_EINSUM_LETTERS + dots - 1 - past)
                              : t->letters[i - dots];
  }
  return true;
}

/* Takes an axis of `n` entries to what is known of its label. */
static bool stretch(int64_t *known, int64_t n) {
  if (*known == -2 || *known == 1)
    *known = n;
  else if (*known == -1)
    *known = n == 1 ? -1 : n;
  else if (n != *known && n != 1 && n != -1)
    return false;
  return true;
}

bool gr_einsum_extents(const gr_einsum *e, const graft_type *const *operands, int64_t *extents, int32_t *ellipsis,
                       char *message, size_t size) {
  *ellipsis = 0;
  for (int l = 0; l < GR_EINSUM_LABELS; l++) extents[l] = -2;
  for (uint32_t i = 0; i < e->count; i++) {
    const gr_einsum_term *t = &e->operands[i];
    const graft_type *x = operands[i];
    uint8_t labels[GRAFT_MAX_RANK];
    if (!x || x->rank < 0) {
      if (t->before >= 0) *ellipsis = -1;
      continue;
    }
    if (!gr_einsum_axes(t, x->rank, labels))
      return BAD("operand %u has rank %d, its term %d letters%s", i, x->rank, t->count,
                 t->before < 0 ? "" : " and ...");
    if (*ellipsis >= 0 && x->rank - t->count > *ellipsis) *ellipsis = x->rank - t->count;
    for (int32_t k = 0; k < x->rank; k++)
      if (!stretch(&extents[labels[k]], x->dims[k]))
        return BAD("operand %u has %jd entries along axis %d, another one %jd", i, (intmax_t)x->dims[k], k,
                   (intmax_t)extents[labels[k]]);
  }
  return true;
}

bool gr_rule_einsum(const gr_rule *r) {
  graft_type *y = gr_rule_result(r);
  gr_einsum e;
  char message[GR_INFER_ERROR_SIZE];
  const uint32_t text = (uint32_t)gr_rule_int(r, GR_ATTR(einsum, equation));
  /* C1: the equation has letters, "..." and commas, then perhaps "->" and a result of letters that operands have. */
  if (!gr_einsum_parse(gr_string_text(r->in->module, text), &e, message, sizeof message))
    return gr_infer_fail(r, 1, "%s", message);
  /* C2: it has a term for each operand. */
  if (e.count != r->in->operand_count)
    return gr_infer_fail(r, 2, "the equation has %u terms for %u operands", e.count, r->in->operand_count);
  /* C3: all operands have the same element type. */
  const graft_type *operands[GR_EINSUM_OPERANDS];
  uint32_t typed = 0;
  for (uint32_t i = 0; i < e.count; i++) {
    operands[i] = gr_rule_operand(r, i);
    if (operands[i] && operands[i]->dtype != GRAFT_UNKNOWN) typed = i;
  }
  for (uint32_t i = 0; i < e.count; i++)
    if (!gr_check_same_dtype(r, 3, i, typed)) return false;
  /* C4: an operand has an axis for each letter of its term; axes of one letter have one extent, or 1. */
  int64_t extents[GR_EINSUM_LABELS];
  int32_t ellipsis;
  if (!gr_einsum_extents(&e, operands, extents, &ellipsis, message, sizeof message))
    return gr_infer_fail(r, 4, "%s", message);
  /* C5: the result has at most 8 axes. */
  const int32_t rank = gr_einsum_result_rank(&e, ellipsis);
  if (rank > GRAFT_MAX_RANK) return gr_infer_fail(r, 5, "the result has %d axes", rank);
  const graft_dtype dtype = operands[typed] ? operands[typed]->dtype : GRAFT_UNKNOWN;
  gr_type_set(y, dtype, rank);
  uint8_t labels[GRAFT_MAX_RANK];
  if (rank < 0 || !gr_einsum_axes(&e.result, rank, labels)) return true;
  for (int32_t i = 0; i < rank; i++) y->dims[i] = extents[labels[i]] < 0 ? -1 : extents[labels[i]];
  return true;
}
