/* Rows of import.def read from right to left: operands and results one to one, attributes by the row. What the row
 * cannot say of the node is an error. */
#include "ir/formats/onnx/writer_impl.h"

#include <string.h>

/* ---- attributes ---- */

static bool has_default(const gr_attr_decl *d, const graft_attr *a) {
  if (a->kind == GRAFT_ATTR_NONE) return d->default_none;
  if (d->required || d->default_none) return false;
  switch (d->kind) {
  case GRAFT_ATTR_BOOL: return a->as.b == (d->i != 0);
  case GRAFT_ATTR_INT: return a->as.i == d->i;
  case GRAFT_ATTR_FLOAT: return a->as.f == d->f;
  case GRAFT_ATTR_DTYPE: return (int64_t)a->as.dtype == d->i;
  case GRAFT_ATTR_STRING: return d->choice != GR_NO_CHOICE && strcmp(a->as.s, gr_choice_words(d->choice)[d->i]) == 0;
  default: return false;
  }
}

static const gr_onnx_attr_row *row_of(const gr_onnx_op *row, const char *own) {
  for (const gr_onnx_attr_row *a = row->attrs; a->name; a++)
    if (a->is && strcmp(a->is, own) == 0) return a;
  return NULL;
}

/* ONNX's word: where it has two, the newer one, which is spelt as graft's, from opset 20 on. */
static const char *their_word(gr_out *w, const gr_onnx_attr_row *row, const char *own) {
  const char *rest = row->words;
  gr_onnx_word word, found = {0};
  while (gr_onnx_next_word(&rest, &word))
    if (word.own_length == strlen(own) && memcmp(word.own, own, word.own_length) == 0 &&
        (!found.theirs || w->opset >= 20))
      found = word;
  return found.theirs ? gr_arena_copy(&w->arena, found.theirs, found.length) : NULL;
}

static bool put_word(gr_out *w, Onnx__NodeProto *node, const gr_onnx_attr_row *row, const char *own) {
  const char *word = their_word(w, row, own);
  if (!word) return gr_out_refuse(w, "%s has no %s '%s': write .gfb instead", node->op_type, row->name, own);
  if (!row->word || strcmp(word, row->word) != 0) gr_out_set_string(w, node, row->name, word);
  return true;
}

static bool put_attr(gr_out *w, Onnx__NodeProto *node, const gr_onnx_attr_row *row, const graft_attr *a) {
  const bool always = row->no_default;
  switch (a->kind) {
  case GRAFT_ATTR_NONE: return true; /* not given */
  case GRAFT_ATTR_BOOL:
    if (always || a->as.b != (row->i != 0)) gr_out_set_int(w, node, row->name, a->as.b);
    return true;
  case GRAFT_ATTR_INT:
    if (always || a->as.i != row->i) gr_out_set_int(w, node, row->name, a->as.i);
    return true;
  case GRAFT_ATTR_FLOAT:
    if (always || a->as.f != row->f) gr_out_set_float(w, node, row->name, a->as.f);
    return true;
  case GRAFT_ATTR_STRING: return put_word(w, node, row, a->as.s);
  case GRAFT_ATTR_DTYPE: gr_out_set_int(w, node, row->name, gr_out_dtype(a->as.dtype)); return true;
  case GRAFT_ATTR_INTS: gr_out_set_ints(w, node, row->name, a->as.ints, a->count); return true;
  default: return gr_out_refuse(w, "ONNX cannot say the attribute '%s': write .gfb instead", a->name);
  }
}

bool gr_out_mapped(gr_out *w, Onnx__NodeProto *node, const gr_onnx_op *row) {
  const gr_op_info *op = gr_info(w->g, w->n);
  for (uint32_t i = 0; node && i < op->attr_count; i++) {
    const graft_attr a = gr_attr_public(w->module, op, gr_out_attrs(w), i);
    const gr_onnx_attr_row *r = row_of(row, a.name);
    if (r && !put_attr(w, node, r, &a)) return false;
    if (!r && !has_default(&op->attrs[i], &a))
      return gr_out_refuse(w, "%s has nothing like the attribute '%s' of '%s': lower it first, or write .gfb",
                           row->name, a.name, op->name);
  }
  return node != NULL;
}

/* ---- operands ---- */

/* Some of ONNX's ops take floats alone, or truths alone, where graft's convert. */
static const char *operand(gr_out *w, uint32_t i) {
  const char *name = gr_out_operand(w, i);
  if (w->failed || !name[0]) return name;
  const uint32_t op = gr_node_at(w->g, w->n)->op;
  const graft_dtype from = gr_out_type(w, i)->dtype, to = gr_out_result_type(w)->dtype;
  const bool logical = op == GR_OP_logical_and || op == GR_OP_logical_or || op == GR_OP_logical_xor ||
                       op == GR_OP_logical_not || (op == GR_OP_where && i == 0);
  if (from == GRAFT_UNKNOWN) return name;
  if (logical && from != GRAFT_BOOL) return gr_out_cast(w, "truth", name, GRAFT_BOOL);
  const gr_op_info *info = gr_op_get(op);
  if ((info->families & GR_F_ELEMENTWISE) && info->operand_count == 1 && op != GR_OP_to && gr_is_float(to) &&
      !gr_is_float(from))
    return gr_out_cast(w, "float", name, to);
  return name;
}

bool gr_out_direct(gr_out *w, const gr_onnx_op *row) {
  const gr_node *own = gr_node_at(w->g, w->n);
  const uint32_t count = own->operand_count, results = own->result_count;
  if (count > row->max_inputs || results > row->max_outputs)
    return gr_out_refuse(w, "%s has no more than %u inputs and %u outputs: write .gfb instead", row->name,
                         row->max_inputs, row->max_outputs);
  Onnx__NodeProto *node = gr_out_begin(w, row->name);
  const char **inputs = gr_out_alloc(w, count * sizeof *inputs), **outputs = gr_out_alloc(w, results * sizeof *outputs);
  if (w->failed || !gr_out_mapped(w, node, row)) return gr_out_failed(w);
  for (uint32_t i = 0; i < count; i++) inputs[i] = operand(w, i);
  for (uint32_t i = 0; i < results; i++) outputs[i] = gr_out_result(w, i);
  return gr_out_end(w, node, inputs, count, outputs, results);
}
